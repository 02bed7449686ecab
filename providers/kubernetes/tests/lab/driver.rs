//! Drives the provider as the engine does: configure, plan, apply with polls, read; and `kubectl` as the outsider.

use formwork_provider_kubernetes::Kubernetes;
use formwork_sdk::{
    Applied, ApplyRequest, Block, Connection, ImportedObject, KindSchema, Operation, PlanRequest, Planned,
    Progress, Provider, ProviderError, ReadRequest, Reading, Request, Response, Token, WaitRequest,
};
use formwork_value::{Name, Type, Value};
use futures::StreamExt as _;
use serde_json::{Value as Json, json};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The owner that the tests write on their objects.
pub(crate) const OWNER: &str = "lab-test";

/// The lab's kubeconfig, or nothing after a word about why the test does not run.
pub(crate) fn lab(variable: &str) -> Option<String> {
    if let Ok(path) = std::env::var(variable) {
        return Some(path);
    }
    let is_asked_for =
        std::env::var("FORMWORK_LAB").is_ok_and(|labs| labs.split(',').any(|lab| lab == "kubernetes"));
    assert!(
        !is_asked_for,
        "{variable} is not set: start the lab with `tests/lab/kubernetes up` and eval its `env`"
    );
    println!("not run: needs tests/lab/kubernetes");
    None
}

/// A document as a value.
pub(crate) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::null(Type::Dynamic),
        Json::Bool(bool) => Value::bool(*bool),
        Json::Number(number) => Value::number(number.as_i64().expect("the tests use whole numbers")),
        Json::String(text) => Value::string(text.as_str()),
        Json::Array(items) => Value::tuple(items.iter().map(value).collect()),
        Json::Object(entries) => {
            Value::object(entries.iter().map(|(name, at)| (Name::from(name.as_str()), value(at))).collect())
        }
    }
}

/// A value as a document; unknowns as the text `unknown`.
pub(crate) fn document(at: &Value) -> Json {
    if !at.is_known() {
        return json!("unknown");
    }
    if at.is_null() {
        return Json::Null;
    }
    if let Some(entries) = at.entries() {
        return entries.iter().map(|(name, at)| (name.to_string(), document(at))).collect();
    }
    if let Some(items) = at.items() {
        return items.iter().map(document).collect();
    }
    at.as_str()
        .map(|text| json!(text.as_str()))
        .or_else(|| at.as_bool().map(Json::from))
        .or_else(|| at.as_i64().map(Json::from))
        .expect("a scalar")
}

/// All attributes of a block: those given, converted to their type, and null for the others.
fn fill(block: &Block, given: &Json) -> Value {
    let attributes = block.attributes.iter().map(|(name, attribute)| {
        let at = &given[name.as_str()];
        let filled = match &attribute.value_type {
            kind if at.is_null() => Value::null(kind.clone()),
            Type::List(element) => {
                let items = at.as_array().expect("a list").iter().map(value).collect();
                Value::list((**element).clone(), items)
            }
            Type::Map(element) => {
                let entries = at.as_object().expect("a map").iter();
                Value::map(
                    (**element).clone(),
                    entries.map(|(name, at)| (name.as_str().into(), value(at))).collect(),
                )
            }
            _ => value(at),
        };
        (name.clone(), filled)
    });
    let blocks = block.blocks.iter().map(|(name, nested)| {
        let items: Vec<Value> = given[name.as_str()]
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| fill(&nested.block, item))
            .collect();
        (name.clone(), Value::list(nested.block.implied_type(), items))
    });
    Value::object(attributes.chain(blocks).collect())
}

/// One instance as the state holds it.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) object: Value,
    pub(crate) private: Vec<u8>,
}

impl Stored {
    /// An attribute as a document.
    pub(crate) fn get(&self, name: &str) -> Json {
        document(self.object.get(name).expect("the attribute"))
    }
}

/// One connection with a namespace for its test.
pub(crate) struct Bench {
    pub(crate) connection: Arc<dyn Connection>,
    pub(crate) provider: Kubernetes,
    pub(crate) namespace: String,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Bench {
    /// Connects with a kubeconfig.
    pub(crate) async fn open(kubeconfig: &str) -> Self {
        let provider = Kubernetes::new();
        let schema = provider.schema();
        let given = json!({ "config_path": kubeconfig, "config_context": "lab" });
        let connection = match provider.configure(fill(&schema.configuration, &given)).await {
            Ok(connection) => connection,
            Err(diagnostics) => panic!("{diagnostics:?}"),
        };
        let namespace = format!("kp-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self { connection, provider, namespace }
    }

    /// Connects, and makes the namespace.
    pub(crate) async fn with_namespace(kubeconfig: &str) -> Self {
        let bench = Self::open(kubeconfig).await;
        kubectl(&["create", "namespace", &bench.namespace]);
        bench
    }

    /// Removes the namespace without waiting.
    pub(crate) fn close(self) {
        kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }

    pub(crate) fn schema(&self, kind: &str) -> KindSchema {
        self.provider.schema().resources[kind].clone()
    }

    /// A configuration of a kind.
    pub(crate) fn configuration(&self, kind: &str, given: &Json) -> Value {
        fill(&self.schema(kind).block, given)
    }

    pub(crate) async fn try_plan(
        &self,
        kind: &str,
        prior: Option<&Stored>,
        configuration: &Value,
    ) -> Result<Planned, ProviderError> {
        let schema = self.schema(kind);
        let null = Value::null(schema.block.implied_type());
        let proposed = configuration.entries().expect("an object").iter().map(|(name, given)| {
            let is_computed =
                schema.block.attributes.get(name).is_some_and(formwork_sdk::Attribute::is_computed);
            let kept =
                prior.and_then(|prior| prior.object.get(name)).filter(|_| is_computed && given.is_null());
            (name.clone(), kept.unwrap_or(given).clone())
        });
        let request = PlanRequest {
            kind: kind.to_owned(),
            prior: prior.map_or(null, |prior| prior.object.clone()),
            proposed: Value::object(proposed.collect()),
            configuration: configuration.clone(),
            private: prior.map(|prior| prior.private.clone()).unwrap_or_default(),
            owner: OWNER.to_owned(),
            identity: None,
        };
        match self.connection.call(Request::Plan(Box::new(request))).await {
            Response::Planned(planned) => planned.map(|planned| *planned),
            _ => panic!("a plan is answered with a plan"),
        }
    }

    pub(crate) async fn plan(&self, kind: &str, prior: Option<&Stored>, configuration: &Value) -> Planned {
        self.try_plan(kind, prior, configuration).await.expect("a plan")
    }

    pub(crate) fn apply_request(
        &self,
        kind: &str,
        prior: Option<&Stored>,
        planned: Option<(&Planned, &Value)>,
        token: &str,
    ) -> ApplyRequest {
        let null = Value::null(self.schema(kind).block.implied_type());
        let operation = match (prior, planned) {
            (None, _) => Operation::Create,
            (Some(_), Some(_)) => Operation::Update,
            (Some(_), None) => Operation::Delete,
        };
        let private = prior.map(|prior| prior.private.clone()).unwrap_or_default();
        ApplyRequest {
            operation,
            kind: kind.to_owned(),
            prior: prior.map_or(null.clone(), |prior| prior.object.clone()),
            planned: planned.map_or(null.clone(), |(planned, _)| planned.planned.clone()),
            configuration: planned.map_or(null, |(_, configuration)| configuration.clone()),
            private: planned.map_or(private, |(planned, _)| planned.private.clone()),
            token: Token(token.to_owned()),
            owner: OWNER.to_owned(),
            identity: None,
            import_id: None,
        }
    }

    /// Sends an apply and polls until it is done; the words of each wait come along.
    pub(crate) async fn apply(&self, request: ApplyRequest) -> Result<(Applied, Vec<String>), ProviderError> {
        let mut answer = self.progress(Request::Apply(Box::new(request.clone()))).await?;
        let mut words = Vec::new();
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            match answer {
                Progress::Done(applied) => return Ok((*applied, words)),
                Progress::NotFound => panic!("an apply does not answer NotFound"),
                Progress::Waiting { id, cursor, ask_again_after_ms, words: what, .. } => {
                    assert!(Instant::now() < end, "still waiting for {what}");
                    words.push(what);
                    tokio::time::sleep(Duration::from_millis(ask_again_after_ms)).await;
                    let wait = WaitRequest { apply: request.clone(), id, cursor };
                    answer = self.progress(Request::Poll(Box::new(wait))).await?;
                }
            }
        }
    }

    pub(crate) async fn progress(&self, request: Request) -> Result<Progress, ProviderError> {
        match self.connection.call(request).await.untraced().0 {
            Response::Progress(progress) => progress,
            _ => panic!("an apply is answered with progress"),
        }
    }

    /// Plans and applies; what was planned must come true.
    pub(crate) async fn change(
        &self,
        kind: &str,
        prior: Option<&Stored>,
        configuration: &Value,
        token: &str,
    ) -> Stored {
        let planned = self.plan(kind, prior, configuration).await;
        assert!(!planned.diagnostics.has_errors(), "{:?}", planned.diagnostics);
        assert!(planned.deferred.is_none(), "{:?}", planned.deferred);
        let request = self.apply_request(kind, prior, Some((&planned, configuration)), token);
        let (applied, _) = self.apply(request).await.expect("an apply");
        assert_completes(&document(&planned.planned), &document(&applied.object), "");
        Stored { object: applied.object, private: applied.private }
    }

    pub(crate) async fn delete(&self, kind: &str, stored: &Stored) -> Vec<String> {
        let request = self.apply_request(kind, Some(stored), None, "delete");
        let (applied, words) = self.apply(request).await.expect("a delete");
        assert!(applied.object.is_null());
        words
    }

    pub(crate) async fn read_many(&self, kind: &str, stored: &[Stored]) -> Vec<Option<Stored>> {
        let objects = stored
            .iter()
            .map(|stored| ReadRequest {
                prior: stored.object.clone(),
                private: stored.private.clone(),
                identity: None,
            })
            .collect();
        let Response::Read(readings) =
            self.connection.call(Request::Read { kind: kind.to_owned(), objects }).await
        else {
            panic!("a read is answered with readings")
        };
        let mut found: Vec<(usize, Option<Stored>)> = readings
            .map(|(at, reading)| match reading {
                Reading::Found { object, private, .. } => (at, Some(Stored { object, private })),
                Reading::Gone => (at, None),
                Reading::Failed(error) => panic!("{error:?}"),
            })
            .collect()
            .await;
        found.sort_by_key(|(at, _)| *at);
        assert_eq!(found.len(), stored.len());
        found.into_iter().map(|(_, stored)| stored).collect()
    }

    pub(crate) async fn read(&self, kind: &str, stored: &Stored) -> Option<Stored> {
        self.read_many(kind, std::slice::from_ref(stored)).await.remove(0)
    }

    pub(crate) async fn import(&self, kind: &str, id: &str) -> Result<ImportedObject, ProviderError> {
        match self.connection.call(Request::Import { kind: kind.to_owned(), id: id.to_owned() }).await {
            Response::Imported(imported) => imported.map(|mut all| all.remove(0)),
            _ => panic!("an import is answered with objects"),
        }
    }

    pub(crate) async fn read_data(&self, given: &[Json]) -> Vec<Result<Value, ProviderError>> {
        let block = self.provider.schema().data_sources["kubernetes_resource"].block.clone();
        let configurations = given.iter().map(|given| fill(&block, given)).collect();
        let request = Request::ReadData { kind: "kubernetes_resource".to_owned(), configurations };
        match self.connection.call(request).await {
            Response::Data(data) => data,
            _ => panic!("a data read is answered with data"),
        }
    }

    /// Asserts that a read finds nothing to do and a plan agrees.
    pub(crate) async fn assert_unchanged(&self, kind: &str, stored: &Stored, configuration: &Value) {
        let read = self.read(kind, stored).await.expect("the object is there");
        assert_eq!(document(&read.object), document(&stored.object), "a read finds what was applied");
        let planned = self.plan(kind, Some(&read), configuration).await;
        assert_eq!(document(&planned.planned), document(&read.object), "a plan has nothing to do");
        assert!(planned.diagnostics.is_empty(), "{:?}", planned.diagnostics);
    }
}

/// What was known in the plan is so in the end.
fn assert_completes(planned: &Json, applied: &Json, at: &str) {
    match (planned, applied) {
        (Json::String(text), _) if text == "unknown" => {}
        (Json::Object(planned), Json::Object(applied)) => {
            let names: Vec<&String> = applied.keys().collect();
            assert_eq!(planned.keys().collect::<Vec<_>>(), names, "{at}");
            for (name, value) in planned {
                assert_completes(value, &applied[name], &format!("{at}.{name}"));
            }
        }
        (planned, applied) => assert_eq!(planned, applied, "{at}"),
    }
}

/// Runs `kubectl` with the lab's administrator; its output.
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    kubectl_with_input(arguments, "")
}

/// The same with standard input.
pub(crate) fn kubectl_with_input(arguments: &[&str], input: &str) -> String {
    use std::io::Write as _;
    let program = std::env::var("FORMWORK_LAB_KUBECTL").unwrap_or_else(|_| "kubectl".to_owned());
    let kubeconfig = std::env::var("FORMWORK_LAB_KUBECONFIG").expect("the lab's kubeconfig");
    let mut child = Command::new(program)
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("kubectl");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("its input");
    let output = child.wait_with_output().expect("kubectl");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
