//! The contract, on a real gateway: needs `tests/lab/ceph`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test whose lab does not answer cannot go on"
)]

use formwork_backend_s3::S3;
use formwork_state::backend::relay::Relay;
use formwork_state::backend::{Backend, BackendError, Fence, Holder, conformance};
use formwork_state::storage::{Storage, Surroundings};
use formwork_value::{Type, Value};
use std::sync::Arc;
use std::time::Duration;

fn now() -> String {
    let now = jiff::Timestamp::now();
    format!("{now:.0}").replace(['-', ':'], "")
}

/// The states at a key, or nothing where no lab is up and none is asked for.
fn storage(key: &str, more: &[(&str, &str)]) -> Option<Arc<dyn Storage>> {
    Some(storage_at(&lab()?, key, more))
}

/// The gateway's address, or nothing where no lab is up and none is asked for.
fn lab() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok();
    let address = variable("FORMWORK_LAB_CEPH_S3");
    if address.is_none() {
        let is_needed = variable("FORMWORK_LAB").is_some_and(|lab| lab.split(',').any(|one| one == "ceph"));
        assert!(!is_needed, "FORMWORK_LAB=ceph, but no lab is up");
        println!("not run: needs tests/lab/ceph");
    }
    address
}

fn storage_at(address: &str, key: &str, more: &[(&str, &str)]) -> Arc<dyn Storage> {
    let variable = |name: &str| std::env::var(name).ok();
    let key = format!("{key}-{}.tfstate", std::process::id());
    let bucket = variable("FORMWORK_LAB_CEPH_BUCKET").unwrap();
    let settings =
        [("bucket", bucket.as_str()), ("key", &key), ("use_path_style", "true"), ("lease_seconds", "2")];
    let given = settings.iter().chain(more).map(|(name, value)| ((*name).into(), (*value).into()));
    let endpoints = Value::map(Type::String, vec![("s3".into(), address.into())]);
    let given = given.chain([("endpoints".into(), endpoints)]).collect();
    let environment = |name: &str| std::env::var(name).ok();
    let surroundings = Surroundings { environment: Arc::new(environment), now, ..Surroundings::none() };
    S3.storage(&Value::object(given), &surroundings).ok().unwrap()
}

fn holder(id: &str) -> Holder {
    Holder { id: id.to_owned(), operation: "apply".to_owned(), ..Holder::default() }
}

fn lapse() {
    std::thread::sleep(Duration::from_millis(4200));
}

#[test]
fn it_keeps_the_contract() {
    for more in [&[][..], &[("use_lockfile", "true")]] {
        let Some(storage) = storage(&format!("contract{}", more.len()), more) else { return };
        let handle = || storage.backend("default").unwrap();
        conformance::check(&handle(), &handle(), &lapse).unwrap();
    }
}

#[test]
fn workspaces_are_keys() {
    let Some(storage) = storage("workspaces", &[]) else { return };
    assert_eq!(storage.workspaces().unwrap(), Vec::<String>::new());
    for name in ["default", "dev"] {
        storage.backend(name).unwrap().snapshot(Fence::UNLOCKED, "", b"{}").unwrap();
    }
    let mut names = storage.workspaces().unwrap();
    names.sort();
    assert_eq!(names, ["default", "dev"]);
    let dev = storage.backend("dev").unwrap();
    let fence = dev.lease(&holder("one"), 0).unwrap();
    dev.append(fence, 0, b"entry").unwrap();
    storage.delete("dev").unwrap();
    dev.release(fence);
    assert_eq!(storage.workspaces().unwrap(), ["default"]);
    assert!(storage.backend("dev").unwrap().lease(&holder("two"), 0).unwrap() > fence);
}

/// OpenTofu with `use_lockfile` holds the state by an object beside it.
#[test]
fn opentofus_lock_is_respected() {
    let Some(storage) = storage("tofu", &[]) else { return };
    let lock = storage.backend("default").unwrap();
    // The lock's object is written as a state of another key would be.
    let Some(other) = self::storage("tofu", &[("use_lockfile", "true")]) else { return };
    let ours = other.backend("default").unwrap();
    let fence = ours.lease(&holder("one"), 0).unwrap();
    assert!(matches!(lock.lease(&holder("two"), 0), Err(BackendError::Held(Some(_)))));
    ours.release(fence);
    let fence = lock.lease(&holder("two"), 0).unwrap();
    lock.release(fence);
}

/// A stale holder that reads no more, and whose next writes only the store can refuse.
#[test]
fn the_store_itself_refuses_a_stale_holder() {
    let Some(storage) = storage("stale", &[]) else { return };
    let (first, second) = (storage.backend("default").unwrap(), storage.backend("default").unwrap());
    let late: [&[u8]; 1] = [b"{\"version\":4,\"serial\":9}"];
    conformance::check_stale_holder(&*first, &*second, &lapse, &late).unwrap();
}

/// A place of its own behind a way to the store that counts and loses.
fn behind_relay(mark: &str) -> Option<(Relay, Arc<dyn Backend>)> {
    let address = lab()?;
    let (scheme, server) = address.split_once("://").unwrap();
    let relay = Relay::start(server.trim_end_matches('/').to_owned()).unwrap();
    let through = format!("{scheme}://{}", relay.address);
    Some((relay, storage_at(&through, mark, &[]).backend("default").unwrap()))
}

#[test]
fn a_batch_of_records_is_one_round_trip() {
    let Some((relay, place)) = behind_relay("trips") else { return };
    let counted = conformance::check_round_trips(&*place, &relay, 50).unwrap();
    println!("{counted} round trips for 50 batches");
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let Some((relay, place)) = behind_relay("lost") else { return };
    conformance::check_lost_answers(&*place, &relay).unwrap();
}
