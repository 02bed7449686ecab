//! The contract, on a real API server: needs `tests/lab/kubernetes`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test whose lab does not answer cannot go on"
)]

use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use formwork_backend_kubernetes::KUBERNETES;
use formwork_state::backend::relay::Relay;
use formwork_state::backend::{Backend, BackendError, Fence, Holder, conformance};
use formwork_state::digest;
use formwork_state::storage::{Storage, Surroundings};
use formwork_value::Value;
use serde_json::{Value as Json, json};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// The admin's kubeconfig, or nothing where no lab is up and none is asked for.
fn lab() -> Option<String> {
    let found = std::env::var("FORMWORK_LAB_KUBECONFIG").ok();
    let is_needed =
        std::env::var("FORMWORK_LAB").is_ok_and(|lab| lab.split(',').any(|one| one == "kubernetes"));
    assert!(found.is_some() || !is_needed, "FORMWORK_LAB=kubernetes, but no lab is up");
    if found.is_none() {
        println!("not run: needs tests/lab/kubernetes");
    }
    found
}

fn suffix(mark: &str) -> String {
    format!("{mark}-{}", std::process::id())
}

fn storage(kubeconfig: &str, mark: &str, more: &[(&str, &str)]) -> Arc<dyn Storage> {
    let suffix = suffix(mark);
    let settings = [
        ("secret_suffix", suffix.as_str()),
        ("config_path", kubeconfig),
        ("config_context", "lab"),
        ("lease_seconds", "1"),
    ];
    let is_said = |name: &str| more.iter().any(|(other, _)| *other == name);
    let given = settings
        .iter()
        .filter(|(name, _)| !is_said(name))
        .chain(more)
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    KUBERNETES.storage(&Value::object(given), &Surroundings::none()).ok().unwrap()
}

fn holder(id: &str) -> Holder {
    Holder { id: id.to_owned(), operation: "apply".to_owned(), ..Holder::default() }
}

fn lapse() {
    std::thread::sleep(Duration::from_millis(3300));
}

fn kubectl(kubeconfig: &str, arguments: &[&str], input: &Json) -> String {
    let program = std::env::var("FORMWORK_LAB_KUBECTL").unwrap_or_else(|_| "kubectl".to_owned());
    let mut command = Command::new(program);
    command.args(["--kubeconfig", kubeconfig, "--namespace", "default"]).args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "kubectl {arguments:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A Secret as OpenTofu and Terraform make them.
fn secret(name: &str, mark: &str, bytes: &[u8]) -> Json {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "labels": {
                "tfstate": "true", "tfstateSecretSuffix": suffix(mark), "tfstateWorkspace": "default",
                "app.kubernetes.io/managed-by": "terraform",
            },
            "annotations": { "encoding": "gzip" },
        },
        "data": { "tfstate": base64::engine::general_purpose::STANDARD.encode(bytes) },
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Bytes that no compression makes fewer.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// The names of the Secrets of a mark's default workspace.
fn secrets(kubeconfig: &str, mark: &str) -> Vec<String> {
    let all = kubectl(kubeconfig, &["get", "secrets", "-o", "name"], &json!(null));
    let prefix = format!("secret/tfstate-default-{}", suffix(mark));
    all.lines().filter_map(|line| line.strip_prefix(&prefix)).map(ToOwned::to_owned).collect()
}

#[test]
fn it_keeps_the_contract() {
    let Some(kubeconfig) = lab() else { return };
    let storage = storage(&kubeconfig, "contract", &[]);
    let handle = || storage.backend("default").unwrap();
    conformance::check(&handle(), &handle(), &lapse).unwrap();
}

#[test]
fn workspaces_are_secrets() {
    let Some(kubeconfig) = lab() else { return };
    let storage = storage(&kubeconfig, "workspaces", &[]);
    assert_eq!(storage.workspaces().unwrap(), Vec::<String>::new());
    for name in ["default", "dev"] {
        storage.backend(name).unwrap().snapshot(Fence::UNLOCKED, "", b"{}").unwrap();
    }
    assert_eq!(storage.workspaces().unwrap(), ["default", "dev"]);
    let dev = storage.backend("dev").unwrap();
    let fence = dev.lease(&holder("one"), 0).unwrap();
    dev.append(fence, 0, b"entry").unwrap();
    storage.delete("dev").unwrap();
    dev.release(fence);
    assert_eq!(storage.workspaces().unwrap(), ["default"]);
    assert!(storage.backend("dev").unwrap().lease(&holder("two"), 0).unwrap() > fence);
    assert!(matches!(storage.backend("No_Name"), Err(BackendError::Failed(_))));
}

/// What OpenTofu 1.12 leaves, and the lock that it takes.
#[test]
fn opentofus_state_and_lock_are_respected() {
    let Some(kubeconfig) = lab() else { return };
    let (mark, state) = ("tofu", b"{\"version\":4}");
    let name = format!("tfstate-default-{}", suffix(mark));
    kubectl(&kubeconfig, &["create", "-f", "-"], &secret(&name, mark, &gzip(state)));
    let storage = storage(&kubeconfig, mark, &[]);
    let backend = storage.backend("default").unwrap();
    assert_eq!(backend.load().unwrap().snapshot.as_deref(), Some(&state[..]));
    let info =
        json!({ "ID": "theirs", "Operation": "OperationTypeApply", "Who": "ada@host", "Created": "2026" });
    let mut lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": format!("lock-{name}"),
            "labels": { "tfstate": "true" },
            "annotations": { "app.terraform.io/lock-info": info.to_string() },
        },
        "spec": { "holderIdentity": "theirs" },
    });
    kubectl(&kubeconfig, &["create", "-f", "-"], &lease);
    let Err(BackendError::Held(Some(other))) = backend.lease(&holder("ours"), 0) else {
        panic!("OpenTofu holds it")
    };
    assert_eq!((other.id.as_str(), other.user.as_str()), ("theirs", "ada@host"));
    assert!(!backend.holding().unwrap().unwrap().is_overdue);
    assert!(matches!(backend.break_lease("ours"), Err(BackendError::NotHeld(Some(_)))));
    backend.break_lease("theirs").unwrap();
    let fence = backend.lease(&holder("ours"), 0).unwrap();
    // As OpenTofu sees it: somebody has the lock.
    let shown = kubectl(&kubeconfig, &["get", "lease", &format!("lock-{name}"), "-o", "json"], &json!(null));
    let shown: Json = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["spec"]["holderIdentity"], "ours");
    let told = shown["metadata"]["annotations"]["app.terraform.io/lock-info"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Json>(told).unwrap()["ID"], "ours");
    backend.snapshot(fence, &digest(state), b"{\"version\":4,\"serial\":2}").unwrap();
    // Its force-unlock, and its lock after that.
    lease["spec"]["holderIdentity"] = json!("theirs again");
    kubectl(&kubeconfig, &["apply", "--force-conflicts", "--server-side", "-f", "-"], &lease);
    assert!(matches!(backend.renew(fence), Err(BackendError::Fenced)));
    assert!(matches!(backend.lease(&holder("ours"), 0), Err(BackendError::Held(Some(_)))));
    backend.break_lease("theirs again").unwrap();
    let next = storage.backend("default").unwrap();
    let taken = next.lease(&holder("next"), 0).unwrap();
    assert!(taken > fence, "the number does not fall");
    assert!(matches!(backend.append(fence, 0, b"late"), Err(BackendError::Fenced)));
    next.release(taken);
}

/// Terraform keeps a large state in several Secrets, of which the first has the beginning.
#[test]
fn terraforms_further_secrets_are_read_and_removed() {
    let Some(kubeconfig) = lab() else { return };
    let (mark, state) = ("terraform", noise(5000));
    let name = format!("tfstate-default-{}", suffix(mark));
    for (number, part) in gzip(&state).chunks(2000).enumerate() {
        let name = if number == 0 { name.clone() } else { format!("{name}-part-{number}") };
        kubectl(&kubeconfig, &["create", "-f", "-"], &secret(&name, mark, part));
    }
    assert_eq!(secrets(&kubeconfig, mark), ["", "-part-1", "-part-2"]);
    let backend = storage(&kubeconfig, mark, &[]).backend("default").unwrap();
    assert_eq!(backend.load().unwrap().snapshot, Some(state.clone()));
    backend.snapshot(Fence::UNLOCKED, &digest(&state), b"{}").unwrap();
    assert_eq!(secrets(&kubeconfig, mark), [""]);
    assert_eq!(backend.load().unwrap().snapshot.as_deref(), Some(&b"{}"[..]));
}

#[test]
fn what_is_too_large_for_one_secret_is_kept_in_several() {
    let Some(kubeconfig) = lab() else { return };
    let mark = "large";
    let storage = storage(&kubeconfig, mark, &[]);
    let (first, second) = (storage.backend("default").unwrap(), storage.backend("default").unwrap());
    let fence = first.lease(&holder("one"), 0).unwrap();
    let (large, larger, entry) = (noise(2_500_000), noise(3_500_000), noise(1_500_000));
    first.snapshot(fence, "", &large).unwrap();
    assert_eq!(second.load().unwrap().snapshot.as_ref(), Some(&large));
    assert_eq!(secrets(&kubeconfig, mark).len(), 4);
    first.append(fence, 0, &entry).unwrap();
    first.append(fence, 1, b"small").unwrap();
    let loaded = second.load().unwrap();
    assert_eq!(loaded.journal, [entry.as_slice(), b"small"].concat());
    assert_eq!(loaded.next_sequence, 2);
    first.snapshot(fence, &digest(&large), &larger).unwrap();
    first.seal(fence).unwrap();
    assert_eq!(second.load().unwrap().snapshot.as_ref(), Some(&larger));
    assert_eq!(secrets(&kubeconfig, mark).len(), 5, "nothing stays of what was replaced");
    first.snapshot(fence, &digest(&larger), b"{}").unwrap();
    assert_eq!(secrets(&kubeconfig, mark), [""]);
    first.release(fence);
}

/// A stale holder that reads no more, and whose next writes only the API server can refuse.
#[test]
fn the_api_server_itself_refuses_a_stale_holder() {
    let Some(kubeconfig) = lab() else { return };
    let storage = storage(&kubeconfig, "stale", &[]);
    let (first, second) = (storage.backend("default").unwrap(), storage.backend("default").unwrap());
    let late: [&[u8]; 2] = [b"{\"version\":4,\"serial\":9}", &noise(2_000_000)];
    conformance::check_stale_holder(&*first, &*second, &lapse, &late).unwrap();
}

/// A place of its own behind a way to the API server that counts and loses.
fn behind_relay(kubeconfig: &str, mark: &str) -> (Relay, Arc<dyn Backend>) {
    let url = std::env::var("FORMWORK_LAB_KUBERNETES_URL").unwrap();
    let relay = Relay::start(url.trim_start_matches("https://").trim_end_matches('/').to_owned()).unwrap();
    let host = format!("https://{}", relay.address);
    let storage = storage(kubeconfig, mark, &[("host", &host), ("lease_seconds", "60")]);
    (relay, storage.backend("default").unwrap())
}

#[test]
fn a_batch_of_records_is_one_round_trip() {
    let Some(kubeconfig) = lab() else { return };
    let (relay, place) = behind_relay(&kubeconfig, "trips");
    let counted = conformance::check_round_trips(&*place, &relay, 50).unwrap();
    println!("{counted} round trips for 50 batches");
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let Some(kubeconfig) = lab() else { return };
    let (relay, place) = behind_relay(&kubeconfig, "lost");
    conformance::check_lost_answers(&*place, &relay).unwrap();
}

/// Credentials that a program gives: the kubeconfig's own may only read.
#[test]
fn a_program_gives_the_credentials() {
    let (Some(admin), Ok(reader)) = (lab(), std::env::var("FORMWORK_LAB_KUBECONFIG_READER")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig: Json = serde_json::from_str(&std::fs::read_to_string(admin).unwrap()).unwrap();
    let user = &kubeconfig["users"][0]["user"];
    let pem = |name: &str| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(user[name].as_str().unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let file = folder.path().join("credential.json");
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {
            "clientCertificateData": pem("client-certificate-data"),
            "clientKeyData": pem("client-key-data"),
        },
    });
    std::fs::write(&file, credential.to_string()).unwrap();
    let exec = |command: &str, arguments: &[&str], variable: &str| {
        let arguments = arguments.iter().map(|one| Value::from(*one)).collect();
        Value::tuple(vec![Value::object(vec![
            ("api_version".into(), "client.authentication.k8s.io/v1".into()),
            ("command".into(), command.into()),
            ("args".into(), Value::tuple(arguments)),
            ("env".into(), Value::object(vec![("CREDENTIAL".into(), variable.into())])),
        ])])
    };
    let path = file.display().to_string();
    for (name, block, expected) in [
        ("none", None, Some("forbidden")),
        ("by its argument", Some(exec("cat", &[&path], "")), None),
        ("by its environment", Some(exec("sh", &["-c", "cat \"$CREDENTIAL\""], &path)), None),
        ("a program that fails", Some(exec("false", &[], "hunter2")), Some("false")),
        ("no program", Some(exec("no-such-program", &[], "hunter2")), Some("no-such-program")),
    ] {
        let mut given: Vec<_> =
            [("secret_suffix", suffix("exec").as_str()), ("config_path", &reader), ("config_context", "lab")]
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect();
        given.extend(block.map(|block| ("exec".into(), block)));
        let place = KUBERNETES.storage(&Value::object(given), &Surroundings::none()).ok().unwrap();
        let outcome = place.backend("default").and_then(|backend| {
            let fence = backend.lease(&holder(name), 0)?;
            backend.release(fence);
            Ok(())
        });
        match (outcome, expected) {
            (Ok(()), None) => {}
            (Err(error), Some(part)) => {
                let said = error.to_string();
                assert!(said.contains(part) && !said.contains("hunter2"), "{name}: {said}");
            }
            (outcome, _) => panic!("{name}: {outcome:?}"),
        }
    }
}
