//! The contract, on a real server: needs `tests/lab/postgresql`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test whose lab does not answer cannot go on"
)]

use formwork_backend_pg::PG;
use formwork_state::backend::relay::Relay;
use formwork_state::backend::{Backend, BackendError, Fence, Holder, conformance};
use formwork_state::storage::{Storage, Surroundings};
use std::sync::Arc;
use std::time::Duration;

/// The server's address, or nothing where no lab is up and none is asked for.
fn lab() -> Option<String> {
    let found = std::env::var("FORMWORK_LAB_POSTGRESQL").ok();
    let is_needed =
        std::env::var("FORMWORK_LAB").is_ok_and(|lab| lab.split(',').any(|one| one == "postgresql"));
    assert!(found.is_some() || !is_needed, "FORMWORK_LAB=postgresql, but no lab is up");
    if found.is_none() {
        println!("not run: needs tests/lab/postgresql");
    }
    found
}

/// A schema of this test's own, gone at the end.
struct Place {
    url: String,
    schema: String,
}

impl Place {
    fn new(url: &str, mark: &str) -> Self {
        Self { url: url.to_owned(), schema: format!("it's \"{mark}\" {}", std::process::id()) }
    }

    fn storage(&self, url: &str) -> Arc<dyn Storage> {
        let settings = [("conn_str", url), ("schema_name", &self.schema), ("lease_seconds", "1")];
        let given = settings.map(|(name, value)| (name.into(), value.into()));
        PG.storage(&formwork_value::Value::object(given.into()), &Surroundings::none()).ok().unwrap()
    }

    fn backend(&self) -> Arc<dyn Backend> {
        self.storage(&self.url).backend("default").unwrap()
    }

    /// The same behind a way to the server that counts and loses.
    fn behind_relay(&self, url: &str) -> (Relay, Arc<dyn Backend>) {
        let server = url.split('@').nth(1).unwrap().split('/').next().unwrap();
        let relay = Relay::start(server.to_owned()).unwrap();
        let through = url.replace(server, &relay.address);
        let backend = self.storage(&through).backend("default").unwrap();
        (relay, backend)
    }

    fn execute(&self, text: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(self.url.split('?').next().unwrap(), tokio_postgres::NoTls)
                    .await
                    .unwrap();
            tokio::spawn(connection);
            client.batch_execute(text).await.unwrap();
        });
    }

    fn table(&self) -> String {
        format!("\"{}\"", self.schema.replace('"', "\"\""))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", self.table()));
    }
}

fn holder() -> Holder {
    Holder { id: "one".to_owned(), operation: "apply".to_owned(), ..Holder::default() }
}

#[test]
fn it_keeps_the_contract() {
    let Some(url) = lab() else { return };
    let place = Place::new(&url, "contract");
    let lapse = || std::thread::sleep(Duration::from_millis(1200));
    conformance::check(&place.backend(), &place.backend(), &lapse).unwrap();
}

#[test]
fn workspaces_are_rows() {
    let Some(url) = lab() else { return };
    let place = Place::new(&url, "workspaces");
    let storage = place.storage(&url);
    assert_eq!(storage.workspaces().unwrap(), Vec::<String>::new());
    for name in ["default", "dev"] {
        storage.backend(name).unwrap().snapshot(Fence::UNLOCKED, "", b"{}").unwrap();
    }
    assert_eq!(storage.workspaces().unwrap(), ["default", "dev"]);
    let dev = storage.backend("dev").unwrap();
    let fence = dev.lease(&holder(), 0).unwrap();
    storage.delete("dev").unwrap();
    assert_eq!(storage.workspaces().unwrap(), ["default"]);
    dev.release(fence);
    assert!(
        dev.lease(&holder(), 0).unwrap() > fence,
        "a number is used once, also of a workspace made again"
    );
}

/// What OpenTofu 1.12 wrote, by its own statements, and the locks that it takes.
#[test]
fn opentofus_rows_and_locks_are_respected() {
    let Some(url) = lab() else { return };
    let place = Place::new(&url, "tofu");
    let schema = place.table();
    place.execute(&format!(
        "CREATE SCHEMA {schema};
         CREATE SEQUENCE IF NOT EXISTS public.global_states_id_seq AS bigint;
         CREATE TABLE {schema}.states (id bigint NOT NULL DEFAULT nextval('public.global_states_id_seq') PRIMARY KEY, name text UNIQUE, data text);
         CREATE UNIQUE INDEX states_by_name ON {schema}.states (name);
         INSERT INTO {schema}.states (name, data) VALUES ('default', '{{\"version\":4}}')"
    ));
    let backend = place.backend();
    assert_eq!(backend.load().unwrap().snapshot.as_deref(), Some(&b"{\"version\":4}"[..]));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let address = url.split('?').next().unwrap().to_owned();
    let (tofu, connection) =
        runtime.block_on(tokio_postgres::connect(&address, tokio_postgres::NoTls)).unwrap();
    runtime.spawn(connection);
    let lock = format!("SELECT pg_try_advisory_lock(id) FROM {schema}.states WHERE name = 'default'");
    let locked = |expected: bool| {
        let row = runtime.block_on(tofu.query_one(&lock, &[])).unwrap();
        assert_eq!(row.get::<_, bool>(0), expected);
    };
    locked(true);
    assert!(matches!(backend.lease(&holder(), 0), Err(BackendError::Held(None))), "OpenTofu holds it");
    runtime.block_on(tofu.batch_execute("SELECT pg_advisory_unlock_all()")).unwrap();
    let fence = backend.lease(&holder(), 0).unwrap();
    locked(false);
    backend.release(fence);
    locked(true);
}

#[test]
fn a_batch_of_records_is_one_round_trip() {
    let Some(url) = lab() else { return };
    let place = Place::new(&url, "round trips");
    let (relay, backend) = place.behind_relay(&url);
    let counted = conformance::check_round_trips(&*backend, &relay, 50).unwrap();
    println!("{counted} round trips for 50 batches");
}

/// The server ends the connection in the middle: the call is made again, and what it did is done once.
#[test]
fn a_broken_connection_is_made_again() {
    let Some(url) = lab() else { return };
    let place = Place::new(&url, "broken");
    let backend = place.backend();
    let fence = backend.lease(&holder(), 0).unwrap();
    backend.append(fence, 0, b"one").unwrap();
    place.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'formwork' AND query LIKE '%broken%' AND pid <> pg_backend_pid()");
    std::thread::sleep(Duration::from_millis(200));
    backend.append(fence, 1, b"two").unwrap();
    assert_eq!(backend.load().unwrap().journal, b"onetwo");
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let Some(url) = lab() else { return };
    let place = Place::new(&url, "lost");
    let (relay, backend) = place.behind_relay(&url);
    conformance::check_lost_answers(&*backend, &relay).unwrap();
}
