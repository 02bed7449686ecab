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

/// What a client does with TLS, and what comes of it; nothing is wrong where no words are given.
const TLS: &[(&str, &str, &str, &str)] = &[
    // Without certificates.
    ("encrypted", "127.0.0.1", "sslmode=require", ""),
    ("encrypted", "127.0.0.1", "sslmode=prefer", ""),
    ("encrypted", "127.0.0.1", "", ""),
    ("encrypted", "127.0.0.1", "sslmode=disable", "pg_hba.conf rejects connection"),
    // The server's certificate is looked at: its root, and its name.
    ("encrypted", "127.0.0.1", "sslmode=require&sslrootcert={tls}/root.pem", ""),
    ("encrypted", "127.0.0.1", "sslmode=require&sslrootcert={tls}/other.pem", "UnknownIssuer"),
    ("encrypted", "127.0.0.1", "sslmode=verify-ca&sslrootcert={tls}/root.pem", ""),
    ("encrypted", "127.0.0.1", "sslmode=verify-ca&sslrootcert={tls}/other.pem", "UnknownIssuer"),
    ("encrypted", "127.0.0.1", "sslmode=verify-ca&sslrootcert=system", "UnknownIssuer"),
    ("encrypted", "localhost", "sslmode=verify-full&sslrootcert={tls}/root.pem", ""),
    ("encrypted", "127.0.0.1", "sslmode=verify-full&sslrootcert={tls}/root.pem", "not valid for name"),
    ("encrypted", "localhost", "sslmode=verify-full&sslrootcert={tls}/other.pem", "UnknownIssuer"),
    ("encrypted", "localhost", "sslmode=verify-full", "UnknownIssuer"),
    // The client shows its own.
    ("certified", "127.0.0.1", "sslmode=require&sslcert={tls}/client.pem&sslkey={tls}/client.key", ""),
    ("certified", "127.0.0.1", "sslmode=require", "requires a valid client certificate"),
    ("certified", "127.0.0.1", "sslmode=require&sslcert={tls}/other.pem&sslkey={tls}/other.key", "UnknownCA"),
    ("certified", "127.0.0.1", "sslmode=disable", "pg_hba.conf rejects connection"),
    // Files that are not what they should be.
    ("certified", "127.0.0.1", "sslmode=require&sslcert={tls}/client.pem", "belong together"),
    ("encrypted", "127.0.0.1", "sslmode=verify-ca&sslrootcert={tls}/none.pem", "none.pem"),
    (
        "certified",
        "127.0.0.1",
        "sslmode=require&sslcert={tls}/client.pem&sslkey={tls}/root.key",
        "TLS cannot be",
    ),
    ("encrypted", "127.0.0.1", "sslmode=strict", "no sslmode"),
];

#[test]
fn tls_is_as_strict_as_it_is_asked_to_be() {
    let Some(url) = lab() else { return };
    let tls = std::env::var("FORMWORK_LAB_POSTGRESQL_TLS").unwrap();
    let port = url.split(':').next_back().unwrap().split('/').next().unwrap();
    for (user, host, options, expected) in TLS {
        let options = options.replace("{tls}", &tls);
        let url = format!("postgres://{user}@{host}:{port}/postgres?{options}");
        let given = formwork_value::Value::object(vec![("conn_str".into(), url.as_str().into())]);
        let opened = PG.storage(&given, &Surroundings::none());
        let said = match opened.map(|storage| storage.workspaces()) {
            Ok(Ok(_)) => String::new(),
            Ok(Err(error)) => error.to_string(),
            Err(found) => found.iter().map(|one| one.detail.clone()).collect(),
        };
        let is_as_expected = if expected.is_empty() { said.is_empty() } else { said.contains(expected) };
        assert!(is_as_expected, "{user}@{host} {options}: {said:?}");
    }
}
