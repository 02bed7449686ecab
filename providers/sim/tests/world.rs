//! The world and its misfortunes: what outlives a process, what is refused, and what a call costs.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use formwork_diagnostic::Diagnostics;
use formwork_provider_sim::calls::{Effect, Summary, read};
use formwork_provider_sim::{Crash, CrashPoint, Faults, SimProvider, World};
use formwork_sdk::conformance::create;
use formwork_sdk::{
    ApplyRequest, Connection, ErrorKind, Operation, PlanRequest, Progress, Provider, ProviderError,
    ReadRequest, Reading, Request, Response, Token, WaitRequest,
};
use formwork_value::{Type, Value, convert};
use futures::StreamExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs};
use support::{object, texts};

const WORLD: &str = "sim-world.json";
const CALLS: &str = "sim-world.json.calls";

fn complete(value: &Value, object_type: &Type) -> Value {
    let Type::Object(attributes) = object_type else { panic!("an object type") };
    let names = attributes.attributes().iter().map(|(name, _)| name.clone());
    let open = Type::object_with_optional(attributes.attributes().to_vec(), names);
    convert(value, &open).expect("a value that fits")
}

/// The type of what a person writes: unlike the implied one, with what may be left out inside objects.
fn written_type(block: &formwork_sdk::Block) -> Type {
    Type::object(block.attributes.iter().map(|(name, one)| (name.clone(), one.value_type.clone())))
}

async fn connect(provider: &SimProvider, settings: Value) -> Result<Arc<dyn Connection>, Diagnostics> {
    provider.configure(complete(&settings, &written_type(&provider.schema().configuration))).await
}

fn create_request(provider: &SimProvider, kind: &str, value: &Value, token: &str) -> ApplyRequest {
    let object_type = provider.schema().resources[kind].block.implied_type();
    let configuration = complete(value, &object_type);
    let computed = provider.schema();
    let planned = configuration.entries().expect("an object").iter().map(|(name, value)| {
        // What is no attribute is a block.
        let Some(attribute) = computed.resources[kind].block.attributes.get(name.as_str()) else {
            return (name.clone(), value.clone());
        };
        let is_open = value.is_null() && attribute.is_computed();
        let open = attribute.default.clone().unwrap_or_else(|| Value::unknown(attribute.value_type.clone()));
        (name.clone(), if is_open { open } else { value.clone() })
    });
    ApplyRequest {
        operation: Operation::Create,
        kind: kind.to_owned(),
        prior: Value::null(object_type),
        planned: Value::object(planned.collect()),
        configuration,
        private: Vec::new(),
        token: Token(token.to_owned()),
        owner: "test".to_owned(),
        identity: None,
        import_id: None,
    }
}

async fn apply(connection: &Arc<dyn Connection>, request: &ApplyRequest) -> Result<Value, ProviderError> {
    let mut next = Request::Apply(Box::new(request.clone()));
    loop {
        match connection.call(next).await {
            Response::Progress(Ok(Progress::Done(applied))) => return Ok(applied.object),
            Response::Progress(Ok(Progress::Waiting { id, cursor, .. })) => {
                next = Request::Poll(Box::new(WaitRequest { apply: request.clone(), id, cursor }));
            }
            Response::Progress(Err(error)) => return Err(error),
            _ => panic!("progress was expected"),
        }
    }
}

fn deletion(kind: &str, prior: &Value, token: &str) -> ApplyRequest {
    let null = Value::null(prior.value_type());
    ApplyRequest {
        operation: Operation::Delete,
        kind: kind.to_owned(),
        prior: prior.clone(),
        planned: null.clone(),
        configuration: null,
        private: Vec::new(),
        token: Token(token.to_owned()),
        owner: "test".to_owned(),
        identity: None,
        import_id: None,
    }
}

fn network(name: &str) -> Value {
    object([("name", name.into()), ("cidr", "10.0.0.0/16".into())])
}

fn machine(network: &Value, name: &str, gpus: i64) -> Value {
    let model = if gpus == 0 { Value::null(Type::String) } else { "a100".into() };
    object([
        ("name", name.into()),
        ("flavour", "gpu-large".into()),
        ("image", "ubuntu-24.04-cuda".into()),
        ("network", network.clone()),
        ("gpu_count", gpus.into()),
        ("gpu_model", model),
    ])
}

fn settings_map(name: &str) -> Value {
    let document = object([("data", object([("k", "v".into())]))]);
    object([
        ("kind", "ConfigMap".into()),
        ("namespace", "ml".into()),
        ("name", name.into()),
        ("document", document),
    ])
}

fn namespace(name: &str) -> Value {
    object([("kind", "Namespace".into()), ("name", name.into()), ("document", object([]))])
}

async fn make(provider: &Arc<dyn Provider>, settings: &Value, kind: &str, value: &Value) -> Value {
    create(provider, settings, kind, value).await.expect("an object")
}

fn id(object: &Value) -> Value {
    object.get("id").cloned().expect("an id")
}

#[tokio::test]
async fn quotas_names_and_references_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let provider = SimProvider::new(folder.path());
    let quota = object([("gpus", 8.into()), ("machines", 2.into()), ("volume_gb", 100.into())]);
    let connection = connect(&provider, object([("quota", quota)])).await.expect("a connection");
    let net = apply(&connection, &create_request(&provider, "sim_network", &network("lan"), "t0"))
        .await
        .expect("made");
    let first = create_request(&provider, "sim_machine", &machine(&id(&net), "a", 8), "t1");
    apply(&connection, &first).await.expect("made");
    let volume = |size: i64| object([("name", "v".into()), ("size_gb", size.into())]);
    let cluster =
        object([("name", "c".into()), ("version", "1.34".into()), ("control_plane", texts(&["m"]))]);
    let cases = [
        ("sim_network", network("lan"), ErrorKind::Conflict, None, "already exists"),
        ("sim_machine", machine(&id(&net), "b", 1), ErrorKind::Quota, Some(".gpu_count"), "8 of 8 GPUs"),
        ("sim_machine", machine(&"net-x".into(), "b", 0), ErrorKind::NotFound, Some(".network"), "not found"),
        ("sim_machine", machine(&id(&net), "b", 9), ErrorKind::Invalid, Some(".gpu_count"), "at most 8"),
        ("sim_volume", volume(101), ErrorKind::Quota, Some(".size_gb"), "0 of 100 GB"),
        ("sim_cluster", cluster, ErrorKind::NotFound, Some(".control_plane[0]"), "machine \"m\" not found"),
        ("sim_object", namespace("ml"), ErrorKind::Invalid, None, "names no cluster"),
    ];
    for (kind, value, expected, path, words) in cases {
        let error = apply(&connection, &create_request(&provider, kind, &value, "t2")).await.expect_err(kind);
        assert_eq!(error.kind, expected, "{kind}: {}", error.message);
        assert_eq!(error.path.map(|path| path.to_string()).as_deref(), path, "{kind}: {}", error.message);
        assert!(
            error.message.contains(words) || error.message.to_lowercase().contains(words),
            "{}",
            error.message
        );
    }
    // Found by name, and yet another call's: neither adopted nor taken for missing.
    let stranger = create_request(&provider, "sim_network", &network("lan"), "t2");
    let Response::Progress(Err(error)) = connection.call(Request::Find(Box::new(stranger))).await else {
        panic!("a conflict was expected")
    };
    assert_eq!(error.kind, ErrorKind::Conflict);
    let second = create_request(&provider, "sim_machine", &machine(&id(&net), "b", 0), "t3");
    apply(&connection, &second).await.expect("made");
    let third = create_request(&provider, "sim_machine", &machine(&id(&net), "c", 0), "t4");
    let error = apply(&connection, &third).await.expect_err("a quota");
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Quota, "quota exceeded: 2 of 2 machines"));
    let error =
        apply(&connection, &deletion("sim_network", &net, "t5")).await.expect_err("machines stand in it");
    assert_eq!(error.kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn a_cluster_takes_its_objects_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let sim = Arc::new(SimProvider::new(folder.path()));
    let provider: Arc<dyn Provider> = sim.clone();
    let outside = object([]);
    let net = make(&provider, &outside, "sim_network", &network("lan")).await;
    let one = make(&provider, &outside, "sim_machine", &machine(&id(&net), "a", 0)).await;
    let control = Value::list(Type::String, vec![id(&one)]);
    let value = object([("name", "c".into()), ("version", "1.34".into()), ("control_plane", control)]);
    let cluster = make(&provider, &outside, "sim_cluster", &value).await;
    assert_eq!(cluster.get("nodes"), Some(&texts(&["a"])));
    assert_eq!(cluster.get("endpoint"), Some(&"https://10.0.0.10:6443".into()));
    let inside = object([("cluster", id(&cluster))]);
    let connection = connect(&sim, inside.clone()).await.expect("a connection");

    let early = create_request(&sim, "sim_object", &settings_map("s"), "e");
    let error = apply(&connection, &early).await.expect_err("no namespace yet");
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NotFound, "namespace \"ml\" not found"));
    make(&provider, &inside, "sim_object", &namespace("ml")).await;
    let object = make(&provider, &inside, "sim_object", &settings_map("s")).await;
    make(&provider, &inside, "sim_object", &namespace("other")).await;

    let token = cluster.get("token").and_then(Value::as_str).expect("a token");
    let file = folder.path().join(WORLD);
    let shown = format!("{:?}", World::open(&file).expect("a world"));
    assert!(shown.contains("sim_cluster") && !shown.contains(token.as_str()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    }

    let plain = connect(&sim, outside).await.expect("a connection");
    apply(&plain, &deletion("sim_cluster", &cluster, "d")).await.expect("deleted");
    let summary = Summary::new(&read(&folder.path().join(CALLS)).expect("a log"));
    assert_eq!((summary.created, summary.deleted, summary.alive.len()), (6, 4, 2));
    let request = Request::Read {
        kind: "sim_object".to_owned(),
        objects: vec![ReadRequest { prior: object.clone(), private: Vec::new(), identity: None }],
    };
    let Response::Read(readings) = connection.call(request).await else { panic!("readings were expected") };
    let readings = readings.collect::<Vec<_>>().await;
    let [(0, Reading::Failed(error))] = readings.as_slice() else { panic!("a failure was expected") };
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.starts_with("cluster \"cluster-") && error.message.ends_with("not found"));
    apply(&connection, &deletion("sim_object", &object, "d2")).await.expect("it is gone");
}

#[tokio::test]
async fn the_world_outlives_the_process_and_takes_in_what_others_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(WORLD);
    let provider = SimProvider::new(folder.path());
    let connection = connect(&provider, object([])).await.expect("a connection");
    let before = connection.target();
    let net = apply(&connection, &create_request(&provider, "sim_network", &network("lan"), "t"))
        .await
        .expect("made");
    assert_eq!(connection.target(), before);
    let other = connect(&SimProvider::new(folder.path()), object([])).await.expect("a connection");
    assert_eq!(other.target(), before);

    for round in 0..500 {
        World::open(&file)
            .expect("a world")
            .set_attribute(id(&net).as_str().expect("text"), "gateway", &format!("10.0.0.{round}").into())
            .expect("written");
    }
    // The file is compacted whenever it is opened, and the open connection follows.
    let lines = fs::read_to_string(&file).expect("a file").lines().count();
    assert!(lines < 100, "{lines}");
    let request = Request::Read {
        kind: "sim_network".to_owned(),
        objects: vec![ReadRequest { prior: net, private: Vec::new(), identity: None }],
    };
    let Response::Read(readings) = connection.call(request).await else { panic!("readings were expected") };
    let readings = readings.collect::<Vec<_>>().await;
    let [(0, Reading::Found { object, .. })] = readings.as_slice() else { panic!("it was expected") };
    assert_eq!(object.get("gateway"), Some(&"10.0.0.499".into()));
    assert_eq!(World::open(&file).expect("a world").id(), before.id);
}

#[tokio::test]
async fn torn_and_damaged_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, log) = (folder.path().join(WORLD), folder.path().join(CALLS));
    let provider = SimProvider::new(folder.path());
    let connection = connect(&provider, object([])).await.expect("a connection");
    apply(&connection, &create_request(&provider, "sim_network", &network("a"), "t1")).await.expect("made");
    let (whole, whole_log) =
        (fs::read_to_string(&file).expect("a file"), fs::read_to_string(&log).expect("a file"));

    // The process ended in the middle of a line of either file.
    fs::write(&file, format!("{whole}{{\"put\":{{\"seq\"")).expect("written");
    fs::write(&log, &whole_log[..whole_log.len() / 2]).expect("written");
    let provider = SimProvider::new(folder.path());
    let connection = connect(&provider, object([])).await.expect("a connection");
    assert_eq!(fs::read_to_string(&log).expect("a file"), whole_log, "the log is completed from the world");
    let mut second = create_request(&provider, "sim_network", &network("b"), "t2");
    apply(&connection, &second).await.expect("made");
    assert_eq!(World::open(&file).expect("a world").count("sim_network"), 2);
    let summary = Summary::new(&read(&log).expect("a log"));
    assert_eq!((summary.created, summary.doubled.len()), (2, 0));

    fs::remove_file(&file).expect("removed");
    second.token = Token("t3".to_owned());
    apply(&connection, &second).await.expect("the name is free in an empty world");
    assert_eq!(World::open(&file).expect("a world").len(), 1);

    fs::write(&file, "nonsense\n").expect("written");
    let Err(found) = connect(&SimProvider::new(folder.path()), object([])).await else { panic!("an error") };
    let finding = found.iter().next().expect("one");
    assert!(finding.detail.contains("damaged at line 1"), "{}", finding.detail);
}

#[tokio::test]
async fn bad_settings_are_refused_at_their_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = [
        (object([("latency_ms", (-1).into())]), ".latency_ms"),
        (object([("throttle_percent", 100.into())]), ".throttle_percent"),
        (object([("crash_point", "soon".into())]), ".crash_point"),
        (object([("world", "".into())]), ".world"),
        (object([("quota", object([("gpus", (-2).into())]))]), ".quota.gpus"),
    ];
    for (settings, path) in cases {
        let Err(found) = connect(&SimProvider::new(folder.path()), settings).await else { panic!("{path}") };
        assert_eq!(found.iter().next().and_then(|one| one.attribute.as_deref()), Some(path));
    }
}

#[tokio::test]
async fn plans_are_refused_where_the_datacentre_would() {
    let folder = tempfile::tempdir().expect("a folder");
    let provider = SimProvider::new(folder.path());
    let connection = connect(&provider, object([])).await.expect("a connection");
    let volume = |size: i64| {
        let value = object([
            ("name", "v".into()),
            ("size_gb", size.into()),
            ("class", "ssd".into()),
            ("id", "volume-1".into()),
        ]);
        complete(&value, &provider.schema().resources["sim_volume"].block.implied_type())
    };
    let document = create_request(&provider, "sim_object", &namespace("ml"), "t").configuration;
    let nothing = Value::null(document.value_type());
    let cases = [
        ("sim_volume", volume(20), volume(10), Some(".size_gb"), "20 GB"),
        ("sim_object", nothing, document, None, "lives in the cluster"),
    ];
    for (kind, prior, proposed, path, words) in cases {
        let request = PlanRequest {
            kind: kind.to_owned(),
            prior,
            configuration: proposed.clone(),
            proposed,
            private: Vec::new(),
            owner: String::new(),
            identity: None,
        };
        let Response::Planned(Ok(planned)) = connection.call(Request::Plan(Box::new(request))).await else {
            panic!("a plan was expected")
        };
        let finding = planned.diagnostics.iter().next().expect(kind);
        assert!(finding.is_error() && finding.detail.contains(words), "{}", finding.detail);
        assert_eq!(finding.attribute.as_deref(), path);
    }
}

const CHILD: &str = "FORMWORK_SIM_TEST_CHILD";

/// Run in a process of its own by the test below; alone it does nothing.
#[tokio::test]
async fn crash_child() {
    let Ok(order) = env::var(CHILD) else { return };
    let (folder, point) = order.split_once('|').expect("folder and point");
    let point = if point == "before" { CrashPoint::BeforeEffect } else { CrashPoint::AfterEffect };
    let faults = Faults { crash: Some(Crash { call: 3, point }), ..Faults::default() };
    let provider = SimProvider::new(folder).with_faults(faults);
    let connection = connect(&provider, object([])).await.expect("a connection");
    // One apply and one poll a network: the third call makes the second.
    for name in ["a", "b"] {
        apply(&connection, &create_request(&provider, "sim_network", &network(name), name))
            .await
            .expect("made");
    }
    panic!("the process should have ended");
}

#[tokio::test]
async fn the_process_ends_where_it_was_told_to() {
    for (point, made) in [("before", 1), ("after", 2)] {
        let folder = tempfile::tempdir().expect("a folder");
        let status = Command::new(env::current_exe().expect("this test"))
            .args(["--exact", "crash_child", "--nocapture"])
            .env(CHILD, format!("{}|{point}", folder.path().display()))
            .output()
            .expect("a process");
        assert!(!status.status.success());
        assert!(!String::from_utf8_lossy(&status.stderr).contains("should have ended"), "{point}");
        let calls = read(&folder.path().join(CALLS)).expect("a log");
        assert_eq!(calls.iter().filter(|call| call.effect == Effect::Created).count(), made, "{point}");
        assert_eq!(World::open(&folder.path().join(WORLD)).expect("a world").len(), made, "{point}");
    }
}

#[tokio::test]
async fn calls_stay_cheap_as_the_world_grows() {
    let folder = tempfile::tempdir().expect("a folder");
    let provider = SimProvider::new(folder.path());
    let connection = connect(&provider, object([])).await.expect("a connection");
    let net = apply(&connection, &create_request(&provider, "sim_network", &network("lan"), "n"))
        .await
        .expect("made");
    let mut halves_ms = Vec::new();
    for half in 0..2 {
        let start = Instant::now();
        for at in 0..1500 {
            let value = machine(&id(&net), &format!("m{half}-{at}"), 1);
            let request = create_request(&provider, "sim_machine", &value, &format!("t{half}-{at}"));
            apply(&connection, &request).await.expect("made");
        }
        halves_ms.push(start.elapsed().as_millis());
    }
    // 6,000 calls a half: linear, and far under a millisecond a call even where nothing is optimised.
    assert!(halves_ms.iter().all(|half| *half < 6000), "{halves_ms:?}");
    println!("6,000 calls a half: {halves_ms:?} ms");
    assert_eq!(World::open(&folder.path().join(WORLD)).expect("a world").len(), 3001);
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("one").file_name()).collect();
    names.sort();
    assert_eq!(names, [WORLD, CALLS]);
}
