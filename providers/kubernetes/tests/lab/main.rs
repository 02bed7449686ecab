//! The provider against a real API server: everything through the provider contract, `kubectl` as the outsider.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a test ends where it must")]

mod driver;

use driver::{Bench, OWNER, Stored, document, kubectl, kubectl_with_input, lab, value};
use formwork_provider_kubernetes::Kubernetes;
use formwork_sdk::conformance::{Sample, Subject, run};
use formwork_sdk::{DeferredReason, ErrorKind, Outcome, Progress, Provider as _, Request};
use formwork_value::{Path, Type, Value};
use serde_json::{Value as Json, json};
use std::sync::Arc;

const MANIFEST: &str = "kubernetes_manifest";
const MANIFESTS: &str = "kubernetes_manifests";
const ADMIN: &str = "FORMWORK_LAB_KUBECONFIG";

fn config_map(namespace: &str, name: &str, data: &Json) -> Json {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": namespace }, "data": data })
}

fn deployment(namespace: &str, replicas: u32) -> Json {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": namespace },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": {
                    "containers": [{
                        "name": "web", "image": "web:1", "ports": [{ "containerPort": 80 }],
                        "resources": { "requests": { "cpu": "1000m", "memory": "64Mi" } },
                    }],
                    "tolerations": [{ "operator": "Exists" }],
                },
            },
        },
    })
}

#[tokio::test]
async fn the_target_names_the_cluster() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::open(&kubeconfig).await;
    let target = bench.connection.target();
    let uid = kubectl(&["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"]);
    assert_eq!(target.id, uid);
    assert!(
        target.words.starts_with("context lab, user ") && target.words.contains(", Kubernetes v1."),
        "{}",
        target.words
    );
}

#[tokio::test]
async fn an_object_lives() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let configuration = |data: &Json| {
        bench.configuration(MANIFEST, &json!({ "manifest": config_map(&bench.namespace, "a", data) }))
    };
    let first = configuration(&json!({ "k": "1", "gone": "x" }));
    let stored = bench.change(MANIFEST, None, &first, "t1").await;
    assert_eq!(stored.get("object")["data"], json!({ "k": "1", "gone": "x" }));
    bench.assert_unchanged(MANIFEST, &stored, &first).await;

    // Once more with the same token: the same object.
    let planned = bench.plan(MANIFEST, None, &first).await;
    assert!(!planned.diagnostics.has_errors(), "{:?}", planned.diagnostics);
    let request = bench.apply_request(MANIFEST, None, Some((&planned, &first)), "t1");
    let (again, _) = bench.apply(request.clone()).await.unwrap();
    assert_eq!(document(&again.object), document(&stored.object));
    let Ok(Progress::Done(found)) = bench.progress(Request::Find(Box::new(request.clone()))).await else {
        panic!()
    };
    assert_eq!(document(&found.object), document(&stored.object));

    // Another token: the name is taken, though by our own mark.
    let other = bench.apply_request(MANIFEST, None, Some((&planned, &first)), "t2");
    let error = bench.apply(other.clone()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(matches!(bench.progress(Request::Find(Box::new(other))).await, Ok(Progress::NotFound)));

    let second = configuration(&json!({ "k": "2" }));
    let stored = bench.change(MANIFEST, Some(&stored), &second, "t3").await;
    let live: Json =
        serde_json::from_str(&kubectl(&["get", "cm", "a", "-n", &bench.namespace, "-o", "json"])).unwrap();
    assert_eq!(live["data"], json!({ "k": "2" }));
    assert_eq!(live["metadata"]["annotations"]["formwork.dev/owner"], OWNER);
    assert_eq!(live["metadata"]["labels"]["formwork.dev/token"], "t3");
    bench.assert_unchanged(MANIFEST, &stored, &second).await;

    bench.delete(MANIFEST, &stored).await;
    assert!(bench.read(MANIFEST, &stored).await.is_none());
    bench.delete(MANIFEST, &stored).await;
    bench.close();
}

#[tokio::test]
async fn what_the_server_adds_is_no_drift() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let given = json!({
        "manifest": deployment(&bench.namespace, 2),
        "computed_fields": ["spec.strategy"],
        "wait": [{ "rollout": true, "condition": [{ "type": "Available" }], "fields": { "status.readyReplicas": "^2$" } }],
    });
    let configuration = bench.configuration(MANIFEST, &given);
    let stored = bench.change(MANIFEST, None, &configuration, "t1").await;
    let object = stored.get("object");
    assert_eq!(object["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"], "1");
    assert_eq!(object["spec"]["strategy"]["type"], "RollingUpdate");
    assert_eq!(object["spec"].get("revisionHistoryLimit"), None);
    assert_eq!(
        kubectl(&[
            "get",
            "deploy",
            "web",
            "-n",
            &bench.namespace,
            "-o",
            "jsonpath={.status.availableReplicas}"
        ]),
        "2"
    );
    bench.assert_unchanged(MANIFEST, &stored, &configuration).await;

    // The label and annotation of another manager are not ours to see.
    kubectl(&["annotate", "deploy", "web", "-n", &bench.namespace, "their=note"]);
    bench.assert_unchanged(MANIFEST, &stored, &configuration).await;
    bench.close();
}

#[tokio::test]
async fn drift_shows_with_who_made_it_and_is_repaired_on_request() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let calm = bench.configuration(MANIFEST, &json!({ "manifest": deployment(&bench.namespace, 2) }));
    let stored = bench.change(MANIFEST, None, &calm, "t1").await;
    let patch = "{\"spec\":{\"replicas\":3}}";
    kubectl(&["patch", "deploy", "web", "-n", &bench.namespace, "--field-manager=kubectl-edit", "-p", patch]);
    let read = bench.read(MANIFEST, &stored).await.unwrap();
    assert_eq!(read.get("object")["spec"]["replicas"], 3);
    assert_eq!(read.get("taken_over"), json!({ ".spec.replicas": "kubectl-edit" }));

    let planned = bench.plan(MANIFEST, Some(&read), &calm).await;
    let found = planned.diagnostics.iter().next().unwrap();
    assert_eq!(
        (found.code.as_str(), found.attribute.as_deref()),
        ("kubernetes-field-conflict", Some(".manifest.spec.replicas"))
    );
    assert!(found.detail.contains("\"kubectl-edit\""), "{}", found.detail);
    let request = bench.apply_request(MANIFEST, Some(&read), Some((&planned, &calm)), "t2");
    let error = bench.apply(request).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(matches!(error.outcome, Outcome::NotDone));

    let given = json!({ "manifest": deployment(&bench.namespace, 2), "field_manager": [{ "force_conflicts": true }] });
    let forced = bench.configuration(MANIFEST, &given);
    let planned = bench.plan(MANIFEST, Some(&read), &forced).await;
    assert_eq!(document(&planned.planned)["object"]["spec"]["replicas"], 2);
    assert_eq!(document(&planned.planned)["taken_over"], json!({}));
    let stored = bench.change(MANIFEST, Some(&read), &forced, "t3").await;
    bench.assert_unchanged(MANIFEST, &stored, &forced).await;

    // The same value, owned by another alone, is drift too: the next apply there could move it.
    // (`1000m` would be another value than the `1` that the server made of it.)
    let others = deployment(&bench.namespace, 2).to_string().replace("1000m", "1");
    kubectl_with_input(
        &["apply", "--server-side", "--field-manager=team-b", "--force-conflicts", "-f", "-"],
        &others,
    );
    bench.assert_unchanged(MANIFEST, &stored, &forced).await;
    kubectl(&["delete", "deploy", "web", "-n", &bench.namespace]);
    kubectl_with_input(&["apply", "--server-side", "--field-manager=team-b", "-f", "-"], &others);
    let read = bench.read(MANIFEST, &stored).await.unwrap();
    assert_eq!(read.get("taken_over")[".spec.replicas"], "team-b");
    bench.close();
}

#[tokio::test]
async fn a_name_that_is_taken_is_a_conflict_with_the_way_to_import() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    kubectl(&["create", "configmap", "theirs", "-n", &bench.namespace, "--from-literal=k=v"]);
    let manifest = config_map(&bench.namespace, "theirs", &json!({ "k": "v" }));
    let configuration = bench.configuration(MANIFEST, &json!({ "manifest": manifest }));
    let id = format!("apiVersion=v1,kind=ConfigMap,namespace={},name=theirs", bench.namespace);
    let planned = bench.plan(MANIFEST, None, &configuration).await;
    let found = planned.diagnostics.iter().next().unwrap();
    assert!(found.is_error() && found.hint.as_ref().unwrap().contains(&id), "{found:?}");
    let request = bench.apply_request(MANIFEST, None, Some((&planned, &configuration)), "t1");
    let error = bench.apply(request).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.hint.unwrap().contains(&id));

    // Imported, it is taken into our name by an update that changes no value.
    let imported = bench.import(MANIFEST, &id).await.unwrap();
    let imported = Stored { object: imported.object, private: imported.private };
    assert_eq!(imported.get("manifest"), manifest);
    let read = bench.read(MANIFEST, &imported).await.unwrap();
    assert_eq!(read.get("object"), imported.get("object"));
    assert_eq!(read.get("taken_over"), json!({ ".data.k": "kubectl-create" }));
    let stored = bench.change(MANIFEST, Some(&read), &configuration, "t2").await;
    assert_eq!(stored.get("taken_over"), json!({}));
    bench.assert_unchanged(MANIFEST, &stored, &configuration).await;

    // Ours, imported once more, has nothing to do.
    let imported = bench.import(MANIFEST, &id).await.unwrap();
    let imported = Stored { object: imported.object, private: imported.private };
    bench.assert_unchanged(MANIFEST, &imported, &configuration).await;
    assert_eq!(bench.import(MANIFEST, "name=x").await.unwrap_err().kind, ErrorKind::Invalid);
    bench.close();
}

#[tokio::test]
async fn another_identity_or_an_immutable_field_replaces() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let with = |manifest: &Json| bench.configuration(MANIFEST, &json!({ "manifest": manifest }));
    let manifest = deployment(&bench.namespace, 1);
    let stored = bench.change(MANIFEST, None, &with(&manifest), "t1").await;
    let mut renamed = manifest.clone();
    renamed["metadata"]["name"] = json!("web-b");
    let mut reselected = manifest.clone();
    reselected["spec"]["selector"]["matchLabels"] = json!({ "app": "b" });
    reselected["spec"]["template"]["metadata"]["labels"] = json!({ "app": "b" });
    for (changed, expected) in [(renamed, ".manifest.metadata.name"), (reselected, ".manifest.spec.selector")]
    {
        let planned = bench.plan(MANIFEST, Some(&stored), &with(&changed)).await;
        let paths: Vec<String> = planned.requires_replace.iter().map(ToString::to_string).collect();
        assert_eq!(paths, [expected]);
        assert!(!planned.planned.get("object").unwrap().is_known());
        // The create that follows is planned while the old object still stands.
        let planned = bench.plan(MANIFEST, None, &with(&changed)).await;
        assert!(!planned.diagnostics.has_errors(), "{:?}", planned.diagnostics);
    }
    bench.close();
}

#[tokio::test]
async fn bad_manifests_are_refused_at_their_field() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let mut negative = deployment(&bench.namespace, 1);
    negative["spec"]["replicas"] = json!(-1);
    let mut misspelt = deployment(&bench.namespace, 1);
    misspelt["spec"]["replcias"] = json!(1);
    let stored = {
        let good = bench.configuration(MANIFEST, &json!({ "manifest": deployment(&bench.namespace, 1) }));
        bench.change(MANIFEST, None, &good, "t1").await
    };
    for (manifest, attribute) in [(negative, ".manifest.spec.replicas"), (misspelt, ".manifest")] {
        let mut fresh = manifest.clone();
        fresh["metadata"]["name"] = json!("other");
        let cases = [(None, &fresh), (Some(&stored), &manifest)];
        for (prior, manifest) in cases {
            let configuration = bench.configuration(MANIFEST, &json!({ "manifest": manifest }));
            let planned = bench.plan(MANIFEST, prior, &configuration).await;
            let found = planned.diagnostics.iter().next().expect("a diagnostic");
            assert!(found.is_error(), "{found:?}");
            assert_eq!(found.attribute.as_deref(), Some(attribute), "{found:?}");
        }
    }
    bench.close();
}

#[tokio::test]
async fn a_delete_waits_through_finalizers() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let mut manifest = config_map(&bench.namespace, "held", &json!({}));
    manifest["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let configuration = bench.configuration(MANIFEST, &json!({ "manifest": manifest }));
    let stored = bench.change(MANIFEST, None, &configuration, "t1").await;
    let request = bench.apply_request(MANIFEST, Some(&stored), None, "t2");
    let Ok(Progress::Waiting { words, .. }) = bench.progress(Request::Apply(Box::new(request.clone()))).await
    else {
        panic!("the finalizer holds it")
    };
    assert!(words.contains("example.com/hold"), "{words}");
    assert!(matches!(bench.progress(Request::Find(Box::new(request))).await, Ok(Progress::Waiting { .. })));
    let patch = "{\"metadata\":{\"finalizers\":null}}";
    kubectl(&["patch", "cm", "held", "-n", &bench.namespace, "--type=merge", "-p", patch]);
    assert!(bench.delete(MANIFEST, &stored).await.is_empty());

    // A namespace takes its time too.
    let name = format!("{}-b", bench.namespace);
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    let configuration = bench.configuration(MANIFEST, &json!({ "manifest": namespace }));
    let stored = bench.change(MANIFEST, None, &configuration, "t3").await;
    let words = bench.delete(MANIFEST, &stored).await;
    assert!(!words.is_empty(), "a namespace waits for its finalizer");
    assert!(bench.read(MANIFEST, &stored).await.is_none());
    bench.close();
}

fn definition(group: &str) -> Json {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("widgets.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": { "plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": {
                "type": "object",
                "properties": { "spec": { "type": "object", "properties": { "size": { "type": "integer", "minimum": 1 } } } },
            } } }],
        },
    })
}

#[tokio::test]
async fn a_custom_resource_waits_for_its_definition() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let group = format!("{}.example.com", bench.namespace);
    let widget = json!({
        "apiVersion": format!("{group}/v1"), "kind": "Widget",
        "metadata": { "name": "w", "namespace": bench.namespace }, "spec": { "size": 2 },
    });
    let of_widget = bench.configuration(MANIFEST, &json!({ "manifest": widget }));
    let planned = bench.plan(MANIFEST, None, &of_widget).await;
    let deferred = planned.deferred.expect("its kind is not known");
    assert_eq!(deferred.reason, DeferredReason::AbsentPrerequisite);
    assert_eq!(deferred.awaits, format!("the kind Widget of {group}/v1"));

    let of_definition = bench.configuration(MANIFEST, &json!({ "manifest": definition(&group) }));
    let defined = bench.change(MANIFEST, None, &of_definition, "t1").await;
    let stored = bench.change(MANIFEST, None, &of_widget, "t2").await;
    bench.assert_unchanged(MANIFEST, &stored, &of_widget).await;
    bench.assert_unchanged(MANIFEST, &defined, &of_definition).await;
    bench.delete(MANIFEST, &defined).await;
    assert!(bench.read(MANIFEST, &stored).await.is_none(), "with its definition a custom resource goes");
    bench.close();
}

#[tokio::test]
async fn generated_names_are_found_by_their_token() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let with = |data: &Json| {
        let mut manifest = config_map(&bench.namespace, "", data);
        manifest["metadata"] = json!({ "generateName": "gen-", "namespace": bench.namespace });
        bench.configuration(MANIFEST, &json!({ "manifest": manifest }))
    };
    let first = with(&json!({ "a": "1", "b": "2" }));
    let planned = bench.plan(MANIFEST, None, &first).await;
    let request = bench.apply_request(MANIFEST, None, Some((&planned, &first)), "gen-token");
    assert!(matches!(bench.progress(Request::Find(Box::new(request.clone()))).await, Ok(Progress::NotFound)));
    let stored = bench.change(MANIFEST, None, &first, "gen-token").await;
    let (again, _) = bench.apply(request.clone()).await.unwrap();
    assert_eq!(document(&again.object), document(&stored.object), "one token, one object");
    let Ok(Progress::Done(found)) = bench.progress(Request::Find(Box::new(request))).await else { panic!() };
    assert_eq!(document(&found.object), document(&stored.object));
    bench.assert_unchanged(MANIFEST, &stored, &first).await;
    let stored = bench.change(MANIFEST, Some(&stored), &with(&json!({ "a": "1" })), "gen-two").await;
    assert_eq!(stored.get("object")["data"], json!({ "a": "1" }), "a field that was taken out is gone");
    let all = kubectl(&["get", "cm", "-n", &bench.namespace, "-o", "name"]);
    assert_eq!(all.lines().filter(|line| line.contains("gen-")).count(), 1, "{all}");
    bench.delete(MANIFEST, &stored).await;
    bench.close();
}

#[tokio::test]
async fn a_quota_refuses_on_apply_and_warns_in_the_plan() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "gpu", "namespace": bench.namespace },
        "spec": { "hard": { "requests.nvidia.com/gpu": "1" } },
    });
    let configuration = bench.configuration(
        MANIFEST,
        &json!({ "manifest": quota, "wait": [{ "fields": { "status.hard": "*" } }] }),
    );
    bench.change(MANIFEST, None, &configuration, "t1").await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "big", "namespace": bench.namespace },
        "spec": { "containers": [{ "name": "c", "image": "c:1", "resources": { "limits": { "nvidia.com/gpu": "2" } } }] },
    });
    let configuration = bench.configuration(MANIFEST, &json!({ "manifest": pod }));
    let planned = bench.plan(MANIFEST, None, &configuration).await;
    let found = planned.diagnostics.iter().next().expect("a warning");
    assert!(!found.is_error() && found.detail.contains("exceeded quota"), "{found:?}");
    let request = bench.apply_request(MANIFEST, None, Some((&planned, &configuration)), "t2");
    let error = bench.apply(request).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Quota);
    assert!(matches!(error.outcome, Outcome::NotDone));
    bench.close();
}

#[tokio::test]
async fn credentials_that_may_only_read_plan_without_a_dry_run() {
    let (Some(kubeconfig), Some(reader)) = (lab(ADMIN), lab("FORMWORK_LAB_KUBECONFIG_READER")) else {
        return;
    };
    let admin = Bench::with_namespace(&kubeconfig).await;
    let with = |data: &Json| {
        admin.configuration(MANIFEST, &json!({ "manifest": config_map(&admin.namespace, "a", data) }))
    };
    let configuration = with(&json!({ "k": "1" }));
    let stored = admin.change(MANIFEST, None, &configuration, "t1").await;
    let bench = Bench::open(&reader).await;
    bench.assert_unchanged(MANIFEST, &stored, &configuration).await;
    let planned = bench.plan(MANIFEST, Some(&stored), &with(&json!({ "k": "2" }))).await;
    let codes: Vec<&str> = planned.diagnostics.iter().map(|found| found.code.as_str()).collect();
    assert_eq!(codes, ["kubernetes-read-only"]);
    assert!(!planned.planned.get("object").unwrap().is_known());
    let manifest = config_map(&admin.namespace, "b", &json!({}));
    let planned =
        bench.plan(MANIFEST, None, &bench.configuration(MANIFEST, &json!({ "manifest": manifest }))).await;
    assert!(planned.diagnostics.is_empty(), "said once: {:?}", planned.diagnostics);
    let configuration = with(&json!({ "k": "2" }));
    let planned = bench.plan(MANIFEST, Some(&stored), &configuration).await;
    let request = bench.apply_request(MANIFEST, Some(&stored), Some((&planned, &configuration)), "t2");
    assert_eq!(bench.apply(request).await.unwrap_err().kind, ErrorKind::Denied);
    admin.close();
}

#[tokio::test]
async fn unknowns_are_planned_as_far_as_they_go() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let manifest = value(&config_map(&bench.namespace, "a", &json!({})));
    let mut entries = manifest.entries().unwrap().as_slice().to_vec();
    entries.push(("data".into(), Value::unknown(Type::Dynamic)));
    let mut configuration = bench.configuration(MANIFEST, &json!({})).entries().unwrap().as_slice().to_vec();
    configuration.push(("manifest".into(), Value::object(entries)));
    let planned = bench.plan(MANIFEST, None, &Value::object(configuration)).await;
    assert!(!planned.planned.get("object").unwrap().is_known());
    assert!(planned.diagnostics.is_empty() && planned.deferred.is_none());

    // A namespace of the same plan is not there yet.
    let elsewhere = config_map("kp-not-there", "a", &json!({}));
    let planned =
        bench.plan(MANIFEST, None, &bench.configuration(MANIFEST, &json!({ "manifest": elsewhere }))).await;
    assert!(!planned.planned.get("object").unwrap().is_known());
    assert!(planned.diagnostics.is_empty(), "{:?}", planned.diagnostics);
    bench.close();
}

#[tokio::test]
async fn values_of_secrets_are_shown_nowhere() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s", "namespace": bench.namespace },
        "stringData": { "password": "hunter2" },
    });
    let configuration = bench.configuration(MANIFEST, &json!({ "manifest": secret }));
    let stored = bench.change(MANIFEST, None, &configuration, "t1").await;
    let shown = stored.get("object").to_string();
    assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg=="), "{shown}");
    bench.assert_unchanged(MANIFEST, &stored, &configuration).await;
    let patch = "{\"stringData\":{\"password\":\"hunter3\"}}";
    kubectl(&["patch", "secret", "s", "-n", &bench.namespace, "-p", patch]);
    let read = bench.read(MANIFEST, &stored).await.unwrap();
    assert_ne!(read.get("object")["data"], stored.get("object")["data"], "a value that was changed is drift");

    let of = |kind: &str, name: &str| json!({ "api_version": "v1", "kind": kind, "metadata": [{ "name": name, "namespace": bench.namespace }] });
    let data = bench.read_data(&[of("Secret", "s")]).await.remove(0).unwrap();
    assert!(!document(data.get("object").unwrap()).to_string().contains("aHVudGVyMw=="));
    assert_eq!(document(data.get("sensitive_data").unwrap()), json!({ "password": "aHVudGVyMw==" }));
    let mut both = bench.read_data(&[of("Secret", "s"), of("ConfigMap", "absent")]).await;
    assert_eq!(both.remove(1).unwrap_err().kind, ErrorKind::NotFound);
    assert!(both.remove(0).is_ok());
    bench.close();
}

#[tokio::test]
async fn a_stream_brings_its_own_definitions_and_loses_what_is_left_out() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::open(&kubeconfig).await;
    let namespace = &bench.namespace;
    let group = format!("{namespace}.example.com");
    let widget = json!({ "apiVersion": format!("{group}/v1"), "kind": "Widget",
        "metadata": { "name": "w", "namespace": namespace }, "spec": { "size": 1 } });
    let own = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
    let stream = |documents: &[&Json]| {
        let content: Vec<String> = documents.iter().map(ToString::to_string).collect();
        bench.configuration(MANIFESTS, &json!({ "content": content.join("\n---\n") }))
    };
    let (a, b) = (config_map(namespace, "a", &json!({ "k": "1" })), config_map(namespace, "b", &json!({})));
    let defined = definition(&group);
    let first = stream(&[&widget, &a, &b, &defined, &own]);
    let stored = bench.change(MANIFESTS, None, &first, "t1").await;
    assert_eq!(stored.get("objects").as_object().unwrap().len(), 5);
    bench.assert_unchanged(MANIFESTS, &stored, &first).await;

    kubectl(&[
        "patch",
        "cm",
        "a",
        "-n",
        namespace,
        "--type=json",
        "-p",
        "[{\"op\":\"remove\",\"path\":\"/data\"}]",
    ]);
    kubectl(&["delete", "cm", "b", "-n", namespace]);
    let read = bench.read(MANIFESTS, &stored).await.unwrap();
    assert_eq!(read.get("objects").as_object().unwrap().len(), 4);
    let repaired = bench.change(MANIFESTS, Some(&read), &first, "t2").await;
    bench.assert_unchanged(MANIFESTS, &repaired, &first).await;

    let second = stream(&[&widget, &a, &defined, &own]);
    let stored = bench.change(MANIFESTS, Some(&repaired), &second, "t3").await;
    assert_eq!(stored.get("objects").as_object().unwrap().len(), 4);
    assert!(!kubectl(&["get", "cm", "-n", namespace, "-o", "name"]).contains("configmap/b"));
    bench.delete(MANIFESTS, &stored).await;
    assert!(bench.read(MANIFESTS, &stored).await.is_none());
}

#[tokio::test]
async fn objects_of_many_namespaces_are_read_with_one_list() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::open(&kubeconfig).await;
    let names: Vec<String> = (0..8).map(|at| format!("{}-{at}", bench.namespace)).collect();
    let mut stored = Vec::new();
    for (at, name) in names.iter().enumerate() {
        kubectl(&["create", "namespace", name]);
        let manifest = config_map(name, "a", &json!({ "at": at.to_string() }));
        let configuration = bench.configuration(MANIFEST, &json!({ "manifest": manifest }));
        stored.push(bench.change(MANIFEST, None, &configuration, "many").await);
    }
    // Without our label an object is found in the list of its namespace, and one that is gone is missed there too.
    kubectl(&["label", "cm", "a", "-n", &names[0], "formwork.dev/token-"]);
    kubectl(&["delete", "cm", "a", "-n", &names[1]]);
    let audit = std::env::var("FORMWORK_LAB_KUBERNETES_AUDIT").expect("the lab's audit log");
    let count = || {
        let text = std::fs::read_to_string(&audit).expect("the audit log");
        text.lines().filter(|line| line.contains(&format!("/{}-", bench.namespace))).count()
    };
    let before = count();
    let read = bench.read_many(MANIFEST, &stored).await;
    assert_eq!(count() - before, 2, "the namespaces whose object the one list missed");
    for (at, (read, stored)) in read.iter().zip(&stored).enumerate() {
        let expected = (at != 1).then(|| document(&stored.object));
        assert_eq!(read.as_ref().map(|read| document(&read.object)), expected, "{at}");
    }
    for name in &names {
        kubectl(&["delete", "namespace", name, "--wait=false"]);
    }
}

#[tokio::test]
async fn both_kinds_keep_the_contract() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let of_map = |json: &Json| value(&json!({ "manifest": config_map(&bench.namespace, "kit", json) }));
    let of_stream = |data: &str| {
        let (a, b) = (
            config_map(&bench.namespace, "kit-a", &json!({ "k": data })),
            config_map(&bench.namespace, "kit-b", &json!({})),
        );
        value(&json!({ "content": format!("{a}\n---\n{b}\n") }))
    };
    let namespace = bench.namespace.clone();
    let change = move |_: &Value| {
        let patch = r#"[{"op":"replace","path":"/data","value":{"other":"1"}}]"#;
        kubectl(&["patch", "cm", "kit", "-n", &namespace, "--type=json", "-p", patch]);
    };
    let remove = |names: &'static [&'static str]| {
        let namespace = bench.namespace.clone();
        move |_: &Value| {
            kubectl(&[&["delete", "cm", "-n", &namespace], names].concat());
        }
    };
    let manifest = |name: &str| Path::root().attribute("manifest").attribute(name);
    let mut nameless = config_map(&bench.namespace, "kit", &json!({}));
    nameless["metadata"] = json!({});
    let given = json!({ "manifest": deployment(&bench.namespace, 1), "wait": [{ "rollout": true }] });
    let rolled_out = bench.configuration(MANIFEST, &given);
    let samples = vec![
        Sample::new(MANIFEST, of_map(&json!({ "k": "1" })))
            .update(of_map(&json!({ "k": "2", "l": "3" })))
            .update(of_map(&json!({})))
            .bad(value(&json!({ "manifest": nameless })), manifest("metadata"))
            .bad(of_map(&json!({ "k": 1 })), Path::root().attribute("manifest"))
            .change_outside(Arc::new(change))
            .remove_outside(Arc::new(remove(&["kit"]))),
        Sample::new(MANIFEST, rolled_out),
        Sample::new(MANIFESTS, of_stream("1"))
            .update(of_stream("2"))
            .bad(value(&json!({ "content": "a: [" })), Path::root().attribute("content"))
            .remove_outside(Arc::new(remove(&["kit-a", "kit-b"]))),
    ];
    let open = || Arc::new(Kubernetes::new()) as Arc<dyn formwork_sdk::Provider>;
    let configuration = value(&json!({ "config_path": kubeconfig, "config_context": "lab" }));
    let report = run(&Subject { open: &open, configuration, samples }).await;
    println!("{report}");
    assert!(report.is_conforming(), "{report}");
    bench.close();
}

#[tokio::test]
async fn two_thousand_objects_are_read_in_pages() {
    let Some(kubeconfig) = lab(ADMIN) else { return };
    let bench = Bench::with_namespace(&kubeconfig).await;
    let documents: Vec<String> = (0..2000)
        .map(|at| config_map(&bench.namespace, &format!("c{at}"), &json!({ "k": "v" })).to_string())
        .collect();
    let mut stored = Vec::new();
    let mut configurations = Vec::new();
    for chunk in documents.chunks(100) {
        let applied = futures::future::join_all(chunk.iter().map(|manifest| async {
            let manifest: Json = serde_json::from_str(manifest).unwrap();
            let token = manifest["metadata"]["name"].as_str().unwrap().to_owned();
            let configuration = bench.configuration(MANIFEST, &json!({ "manifest": manifest }));
            (bench.change(MANIFEST, None, &configuration, &token).await, configuration)
        }));
        for (one, configuration) in applied.await {
            stored.push(one);
            configurations.push(configuration);
        }
    }
    let audit = std::env::var("FORMWORK_LAB_KUBERNETES_AUDIT").expect("the lab's audit log");
    let count = || {
        let text = std::fs::read_to_string(&audit).expect("the audit log");
        text.lines().filter(|line| line.contains(&format!("/{}/", bench.namespace))).count()
    };
    let before = count();
    let read = bench.read_many(MANIFEST, &stored).await;
    for ((read, stored), configuration) in read.iter().zip(&stored).zip(&configurations) {
        let read = read.as_ref().unwrap();
        assert_eq!(read.object, stored.object);
        let planned = bench.plan(MANIFEST, Some(read), configuration).await;
        assert_eq!(planned.planned, read.object);
    }
    let requests = count() - before;
    println!("a no-change plan over 2,000 objects made {requests} requests in the namespace");
    assert!((1..40).contains(&requests), "{requests}");
    bench.close();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let provider = Kubernetes::new();
    let schema = provider.schema();
    let entries = schema.configuration.attributes.iter().map(|(name, attribute)| {
        let given = (name == "host").then(|| Value::string("https://127.0.0.1:1"));
        (name.clone(), given.unwrap_or_else(|| Value::null(attribute.value_type.clone())))
    });
    let Err(found) = provider.configure(Value::object(entries.collect())).await else {
        panic!("nothing listens there")
    };
    let found = found.iter().next().unwrap();
    assert_eq!(found.code, "kubernetes-unreachable");
    assert!(found.detail.contains("https://127.0.0.1:1") && found.hint.is_some(), "{found:?}");
}
