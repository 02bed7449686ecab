//! Every kind through the conformance kit: in a good world, in a bad one, and with a provider that is broken on
//! purpose, which the kit must not let pass.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use formwork_diagnostic::Diagnostics;
use formwork_provider_sim::{SimProvider, World};
use formwork_sdk::conformance::{OutsideHook, Report, Sample, Subject, create, run};
use formwork_sdk::{
    Connection, Operation, Provider, ProviderSchema, Recovery, Request, Response, Target, Token,
};
use formwork_value::{Path, Type, Value};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use support::{object, texts};

fn at(name: &str) -> Path {
    Path::root().attribute(name)
}

fn change(world: PathBuf, name: &'static str, value: Value) -> OutsideHook {
    Arc::new(move |object| {
        let id = object.get("id").and_then(Value::as_str).expect("an id");
        World::open(&world).and_then(|mut world| world.set_attribute(id, name, &value)).expect("a world");
    })
}

fn removal(world: PathBuf) -> OutsideHook {
    Arc::new(move |object| {
        let id = object.get("id").and_then(Value::as_str).expect("an id");
        World::open(&world).and_then(|mut world| world.remove_from_outside(id)).expect("a world");
    })
}

fn network(name: &str, cidr: &str) -> Value {
    object([("name", name.into()), ("cidr", cidr.into())])
}

fn machine(network: &Value, name: &str, flavour: &str, gpus: i64) -> Value {
    let model = if gpus == 0 { Value::null(Type::String) } else { "a100".into() };
    object([
        ("name", name.into()),
        ("flavour", flavour.into()),
        ("image", "ubuntu-24.04".into()),
        ("network", network.clone()),
        ("gpu_count", gpus.into()),
        ("gpu_model", model),
    ])
}

fn volume(size_gb: i64) -> Value {
    object([("name", "data".into()), ("size_gb", size_gb.into())])
}

fn cluster(version: &str, control_plane: &[&str], workers: &[&str]) -> Value {
    object([
        ("name", "c".into()),
        ("version", version.into()),
        ("control_plane", texts(control_plane)),
        ("workers", texts(workers)),
    ])
}

fn document(name: &str, kind: &str, document: Value) -> Value {
    object([("name", name.into()), ("kind", kind.into()), ("document", document)])
}

fn network_sample(world: PathBuf) -> Sample {
    let labelled = object([
        ("name", "lan".into()),
        ("cidr", "10.1.0.0/16".into()),
        ("labels", Value::map(Type::String, vec![("team".into(), "ml".into())])),
    ]);
    Sample::new("sim_network", network("lan", "10.1.0.0/16"))
        .update(labelled)
        .bad(network("Lan!", "10.0.0.0/16"), at("name"))
        .bad(network("lan", "10.0.0.1/16"), at("cidr"))
        .remove_outside(removal(world))
}

fn machine_sample(world: PathBuf, net: &Value) -> Sample {
    Sample::new("sim_machine", machine(net, "m", "gpu-small", 2))
        .update(machine(net, "m", "gpu-large", 2))
        .update(machine(net, "renamed", "gpu-large", 2))
        .bad(machine(net, "m", "huge", 0), at("flavour"))
        .bad(machine(net, "m", "small", -1), at("gpu_count"))
        .bad(machine(net, "m", "small", 2), at("gpu_count"))
        .bad(machine(&"net-none".into(), "m", "small", 0), at("network"))
        .bad(machine(net, "-", "small", 0), at("name"))
        .change_outside(change(world.clone(), "flavour", "gpu-large".into()))
        .remove_outside(removal(world))
}

fn storage_samples(world: &std::path::Path) -> [Sample; 3] {
    let bucket =
        |name: &str, versioning: bool| object([("name", name.into()), ("versioning", versioning.into())]);
    let secret = |version: i64| {
        object([("name", "key".into()), ("value_wo", "hunter2".into()), ("value_wo_version", version.into())])
    };
    let named = |name: &str| object([("name", name.into())]);
    [
        Sample::new("sim_secret", secret(1))
            .update(secret(2))
            .imports_as(object([("name", "key".into()), ("value_wo_version", 1.into())]))
            .bad(named("Key!"), at("name"))
            .remove_outside(removal(world.to_owned())),
        Sample::new("sim_volume", volume(10))
            .update(volume(20))
            .bad(volume(-5), at("size_gb"))
            .bad(object([("name", "v".into()), ("size_gb", 1.into()), ("class", "tape".into())]), at("class"))
            .bad(
                object([("name", "v".into()), ("size_gb", 1.into()), ("machine", "no".into())]),
                at("machine"),
            )
            .remove_outside(removal(world.to_owned())),
        Sample::new("sim_bucket", bucket("models", false))
            .update(bucket("models", true))
            .bad(bucket("ab", false), at("name"))
            .change_outside(change(world.to_owned(), "versioning", true.into()))
            .remove_outside(removal(world.to_owned())),
    ]
}

fn cluster_samples(world: &std::path::Path, machines: &[String], in_cluster: Value) -> [Sample; 2] {
    let ids: Vec<&str> = machines.iter().map(String::as_str).collect();
    let (first, rest) = ids.split_at(1);
    let inner = |text: &str| object([("data", object([("k", text.into())]))]);
    [
        Sample::new("sim_cluster", cluster("1.34", first, &rest[..1]))
            .update(cluster("1.35", first, &rest[..1]))
            .update(cluster("1.35", first, rest))
            .bad(cluster("latest", first, &[]), at("version"))
            .bad(cluster("1.34", &[], &[]), at("control_plane"))
            .bad(cluster("1.34", first, &["machine-none"]), at("workers").index(0))
            .change_outside(change(world.to_owned(), "version", "1.33".into()))
            .remove_outside(removal(world.to_owned())),
        Sample::new("sim_object", document("settings", "ConfigMap", inner("a")))
            .under(in_cluster)
            .update(document("settings", "ConfigMap", inner("b")))
            .bad(document("settings", "configMap", inner("a")), at("kind"))
            .bad(document("settings", "ConfigMap", "text".into()), at("document"))
            .bad(
                document("settings", "ConfigMap", object([("kind", "Secret".into())])),
                at("document").attribute("kind"),
            )
            .change_outside(change(world.to_owned(), "document", inner("edited")))
            .remove_outside(removal(world.to_owned())),
    ]
}

async fn check(settings: &[(&str, i64)], open: &(dyn Fn(PathBuf) -> Arc<dyn Provider> + Sync)) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().to_owned();
    let world = directory.join("sim-world.json");
    let configuration =
        Value::object(settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
    let plain: Arc<dyn Provider> = Arc::new(SimProvider::new(&directory));
    let nothing = object([]);
    let made = async |kind: &str, value: Value| {
        let object = create(&plain, &nothing, kind, &value).await.expect("an object");
        object.get("id").cloned().expect("an id")
    };
    let net = made("sim_network", network("base", "10.0.0.0/24")).await;
    let mut machines = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let id = made("sim_machine", machine(&net, name, "small", 0)).await;
        machines.push(id.as_str().expect("text").to_string());
    }
    let standing = made("sim_cluster", cluster("1.34", &[&machines[3]], &[])).await;
    let mut in_cluster: Vec<(&str, Value)> =
        settings.iter().map(|(name, value)| (*name, (*value).into())).collect();
    in_cluster.push(("cluster", standing));
    let in_cluster =
        Value::object(in_cluster.into_iter().map(|(name, value)| (name.into(), value)).collect());

    let mut samples = vec![network_sample(world.clone()), machine_sample(world.clone(), &net)];
    samples.extend(storage_samples(&world));
    samples.extend(cluster_samples(&world, &machines[..3], in_cluster));
    let open = || open(directory.clone());
    run(&Subject { open: &open, configuration, samples }).await
}

fn sim(directory: PathBuf) -> Arc<dyn Provider> {
    Arc::new(SimProvider::new(directory))
}

#[tokio::test]
async fn conforms() {
    let report = check(&[], &sim).await;
    assert!(report.is_conforming(), "{report}");
    assert_eq!(report.checks.len(), 70);
}

#[tokio::test]
async fn conforms_in_a_bad_world() {
    for seed in 0..5 {
        let bad = [
            ("seed", seed),
            ("throttle_percent", 30),
            ("lost_reply_percent", 50),
            ("eventual_reads", 3),
            ("latency_ms", 60_000),
        ];
        let report = check(&bad, &sim).await;
        assert!(report.is_conforming(), "seed {seed}:\n{report}");
    }
}

/// How a provider is broken on purpose.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    /// Every create goes on with a token of its own, as from an engine that takes a fresh one on replay.
    FreshTokens,
    /// Every create goes on twice.
    TwoObjects,
    /// None: the kinds say that nobody can know.
    Asks,
    /// The kinds say that nobody can know, and yet can be searched.
    AsksAndFinds,
}

struct Flawed(Arc<dyn Provider>, Flaw);

struct FlawedConnection(Arc<dyn Connection>, Flaw);

impl Provider for Flawed {
    fn schema(&self) -> Arc<ProviderSchema> {
        let mut schema = (*self.0.schema()).clone();
        if matches!(self.1, Flaw::Asks | Flaw::AsksAndFinds) {
            for kind in schema.resources.values_mut() {
                kind.recovery = Recovery::Ask;
            }
        }
        Arc::new(schema)
    }

    fn configure(&self, configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        async move {
            let inner = self.0.configure(configuration).await?;
            let connection: Arc<dyn Connection> = Arc::new(FlawedConnection(inner, self.1));
            Ok(connection)
        }
        .boxed()
    }

    fn validate_resource(&self, kind: &str, configuration: &Value) -> Diagnostics {
        self.0.validate_resource(kind, configuration)
    }
}

impl Connection for FlawedConnection {
    fn target(&self) -> Target {
        self.0.target()
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut request = request;
        if self.1 == Flaw::Asks && matches!(request, Request::Find(_)) {
            return futures::future::ready(Response::Unsupported).boxed();
        }
        let mut first = None;
        if let Request::Apply(apply) = &mut request
            && apply.operation == Operation::Create
            && matches!(self.1, Flaw::FreshTokens | Flaw::TwoObjects)
        {
            first = (self.1 == Flaw::TwoObjects).then(|| Request::Apply(apply.clone()));
            apply.token = Token(format!("{}-{}", apply.token, NEXT.fetch_add(1, Ordering::Relaxed)));
        }
        async move {
            if let Some(first) = first {
                drop(self.0.call(first).await);
            }
            self.0.call(request).await
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_broken_provider_does_not_conform() {
    let flawed = async |flaw| check(&[], &move |directory| Arc::new(Flawed(sim(directory), flaw))).await;
    let twice = "create twice with one token";
    let lost = "killed before the reply";
    let cases: [(Flaw, &[&str], &[&str]); 4] = [
        // Replay: the second create makes a second cluster. Find: the token does not stand on the machine.
        (Flaw::FreshTokens, &["sim_cluster", "sim_machine", "sim_volume"], &[twice, lost]),
        (Flaw::TwoObjects, &["sim_machine", "sim_volume"], &[twice]),
        (Flaw::Asks, &[], &[]),
        (Flaw::AsksAndFinds, &["sim_machine", "sim_network"], &[twice]),
    ];
    for (at, (flaw, kinds, checks)) in cases.into_iter().enumerate() {
        let report = flawed(flaw).await;
        let failed =
            |kind: &str, name: &str| report.failures().any(|one| one.kind == kind && one.name == name);
        for (kind, name) in kinds.iter().flat_map(|kind| checks.iter().map(move |name| (kind, name))) {
            assert!(failed(kind, name), "flaw {at}: {kind}: {name}\n{report}");
        }
        assert_eq!(report.is_conforming(), kinds.is_empty(), "flaw {at}\n{report}");
    }
}
