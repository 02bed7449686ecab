//! The contract, on a real gateway and on the stricter double of AWS: needs `tests/lab/ceph`, `tests/lab/localstack`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test whose lab does not answer cannot go on"
)]

use formwork_backend_s3::S3;
use formwork_diagnostic::Diagnostics;
use formwork_state::Name;
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

/// A store that is up.
struct Lab {
    name: &'static str,
    address: String,
    bucket: String,
    /// Access key and secret.
    keys: [String; 2],
    /// One that these may take on.
    role: String,
}

/// The labs that are up; none that was asked for is left out.
fn labs() -> Vec<Lab> {
    let variable = |name: &str| std::env::var(name).ok();
    let asked = variable("FORMWORK_LAB").unwrap_or_default();
    let lab = |name: &'static str, prefix: &str, keys: [&str; 2]| {
        let address = variable(&format!("{prefix}_S3"));
        if address.is_none() {
            assert!(asked.split(',').all(|one| one != name), "FORMWORK_LAB={name}, but no lab is up");
            println!("not run: needs tests/lab/{name}");
        }
        let bucket = variable(&format!("{prefix}_BUCKET")).unwrap_or_default();
        let role = variable(&format!("{prefix}_ROLE"));
        // Where nobody looks, any will do.
        let role = role.unwrap_or_else(|| "arn:aws:iam::000000000000:role/any".to_owned());
        Some(Lab { name, address: address?, bucket, keys: keys.map(str::to_owned), role })
    };
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| variable(name).unwrap_or_default());
    let ceph = lab("ceph", "FORMWORK_LAB_CEPH", keys.each_ref().map(String::as_str));
    // It knows everybody.
    let localstack = lab("localstack", "FORMWORK_LAB_LOCALSTACK", ["test", "test"]);
    ceph.into_iter().chain(localstack).collect()
}

impl Lab {
    /// The states at a key.
    fn storage(&self, key: &str, more: &[(&str, &str)]) -> Arc<dyn Storage> {
        let more = more.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.try_storage(key, more).map_err(|found| format!("{found:?}")).unwrap()
    }

    fn try_storage(&self, key: &str, more: Vec<(Name, Value)>) -> Result<Arc<dyn Storage>, Diagnostics> {
        let key = format!("{key}-{}.tfstate", std::process::id());
        let settings = [
            ("bucket", self.bucket.as_str()),
            ("key", &key),
            ("access_key", &self.keys[0]),
            ("secret_key", &self.keys[1]),
            ("use_path_style", "true"),
            ("lease_seconds", "2"),
        ];
        let given = settings.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let there = |name: &str| (name.into(), self.address.as_str().into());
        let endpoints = Value::map(Type::String, vec![there("s3"), there("sts")]);
        let given = given.chain(more).chain([("endpoints".into(), endpoints)]).collect();
        let environment = |_: &str| None;
        let surroundings = Surroundings { environment: Arc::new(environment), now, ..Surroundings::none() };
        S3.storage(&Value::object(given), &surroundings)
    }

    /// A place of its own behind a way to the store that counts and loses.
    fn behind_relay(&self, mark: &str) -> (Relay, Arc<dyn Backend>) {
        let (scheme, server) = self.address.split_once("://").unwrap();
        let relay = Relay::start(server.trim_end_matches('/').to_owned()).unwrap();
        let through = Self {
            address: format!("{scheme}://{}", relay.address),
            bucket: self.bucket.clone(),
            keys: self.keys.clone(),
            role: self.role.clone(),
            name: self.name,
        };
        (relay, through.storage(mark, &[]).backend("default").unwrap())
    }
}

fn holder(id: &str) -> Holder {
    Holder { id: id.to_owned(), operation: "apply".to_owned(), ..Holder::default() }
}

fn lapse() {
    std::thread::sleep(Duration::from_millis(4200));
}

#[test]
fn it_keeps_the_contract() {
    for lab in labs() {
        for more in [&[][..], &[("use_lockfile", "true")]] {
            let storage = lab.storage(&format!("contract{}", more.len()), more);
            let handle = || storage.backend("default").unwrap();
            conformance::check(&handle(), &handle(), &lapse).unwrap();
        }
    }
}

#[test]
fn workspaces_are_keys() {
    for lab in labs() {
        let storage = lab.storage("workspaces", &[]);
        assert_eq!(storage.workspaces().unwrap(), Vec::<String>::new(), "{}", lab.name);
        for name in ["default", "dev"] {
            storage.backend(name).unwrap().snapshot(Fence::UNLOCKED, "", b"{}").unwrap();
        }
        let mut names = storage.workspaces().unwrap();
        names.sort();
        assert_eq!(names, ["default", "dev"], "{}", lab.name);
        let dev = storage.backend("dev").unwrap();
        let fence = dev.lease(&holder("one"), 0).unwrap();
        dev.append(fence, 0, b"entry").unwrap();
        storage.delete("dev").unwrap();
        dev.release(fence);
        assert_eq!(storage.workspaces().unwrap(), ["default"], "{}", lab.name);
        assert!(storage.backend("dev").unwrap().lease(&holder("two"), 0).unwrap() > fence, "{}", lab.name);
    }
}

/// OpenTofu with `use_lockfile` holds the state by an object beside it.
#[test]
fn opentofus_lock_is_respected() {
    for lab in labs() {
        let lock = lab.storage("tofu", &[]).backend("default").unwrap();
        // The lock's object is written as a state of another key would be.
        let ours = lab.storage("tofu", &[("use_lockfile", "true")]).backend("default").unwrap();
        let fence = ours.lease(&holder("one"), 0).unwrap();
        assert!(matches!(lock.lease(&holder("two"), 0), Err(BackendError::Held(Some(_)))), "{}", lab.name);
        ours.release(fence);
        let fence = lock.lease(&holder("two"), 0).unwrap();
        lock.release(fence);
    }
}

/// A stale holder that reads no more, and whose next writes only the store can refuse.
#[test]
fn the_store_itself_refuses_a_stale_holder() {
    for lab in labs() {
        let storage = lab.storage("stale", &[]);
        let (first, second) = (storage.backend("default").unwrap(), storage.backend("default").unwrap());
        let late: [&[u8]; 1] = [b"{\"version\":4,\"serial\":9}"];
        conformance::check_stale_holder(&*first, &*second, &lapse, &late).unwrap();
    }
}

#[test]
fn a_batch_of_records_is_one_round_trip() {
    for lab in labs() {
        let (relay, place) = lab.behind_relay("trips");
        let counted = conformance::check_round_trips(&*place, &relay, 50).unwrap();
        println!("{}: {counted} round trips for 50 batches", lab.name);
    }
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    for lab in labs() {
        let (relay, place) = lab.behind_relay("lost");
        conformance::check_lost_answers(&*place, &relay).unwrap();
    }
}

/// Keys of a session, which the store looks at, too.
#[test]
fn a_role_is_taken_on() {
    for lab in labs() {
        let role = |arn: &str| {
            let attributes = [("role_arn", arn), ("session_name", "formwork-test"), ("duration", "15m")];
            let attributes = attributes.map(|(name, value)| (name.into(), value.into())).to_vec();
            vec![("assume_role".into(), Value::object(attributes))]
        };
        let place = lab.try_storage("role", role(&lab.role)).ok().unwrap().backend("default").unwrap();
        let fence = place.lease(&holder("one"), 0).unwrap();
        place.append(fence, 0, b"entry").unwrap();
        place.release(fence);
        // What the role's session wrote, its user reads.
        let loaded = lab.storage("role", &[]).backend("default").unwrap().load().unwrap();
        assert!(!loaded.journal.is_empty(), "{}", lab.name);
        if lab.name == "ceph" {
            let found = lab.try_storage("role", role("arn:aws:iam:::role/nobody")).err().unwrap();
            let one = found.iter().next().unwrap();
            assert_eq!(one.summary, "Failed to get AWS credentials");
            assert!(one.detail.contains("role/nobody cannot be taken on"), "{}", one.detail);
        }
    }
}
