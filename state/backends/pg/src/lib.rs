//! States in PostgreSQL, in the table where OpenTofu and Terraform keep them.
//!
//! Invariant: every write is one statement that holds the fencing number against the lease's row and locks that row
//! while it works, so that the database itself refuses a stale holder: it is never asked first and told afterwards.

mod backend;
mod connect;
mod schema;
mod statements;

use backend::PgBackend;
use connect::Connecting;
use formwork_diagnostic::Diagnostic;
use formwork_state::backend::{Backend, BackendError};
use formwork_state::network::Network;
use formwork_state::storage::{Kind, LEASE_SECONDS, Setting, Settings, Storage};
use schema::Schema;
use std::sync::Arc;
use std::time::Duration;

/// A table of states in PostgreSQL.
pub const PG: Kind = Kind {
    name: "pg",
    doc: "A table of a PostgreSQL database, version 11 or newer.",
    lease: "A row beside the state's says who holds the lease, by the database's own clock, and its number rises with each lease. Every write is one statement that checks the number and locks that row while it works, so a stale holder is refused by the database. The lock that OpenTofu takes is respected too, and taken so that OpenTofu waits. The journal is a table beside the states': another machine recovers everything.",
    permissions: "It needs SELECT, INSERT, UPDATE and DELETE on its tables, USAGE on their schema and sequence, and CREATE where it is to make them.",
    example: "terraform {\n  backend \"pg\" {\n    conn_str = \"postgres://terraform@database.example/terraform\"\n  }\n}\n",
    settings: &[
        Setting::text("conn_str", "Where the database is: a postgres:// URL, or words like host=... dbname=.... What it leaves out comes from PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE, PGSSLROOTCERT, PGSSLCERT and PGSSLKEY. sslmode is disable, allow, prefer, require, verify-ca or verify-full, and require where nothing says; sslrootcert=system stands for the system's roots.")
            .from(&["PG_CONN_STR"])
            .sensitive(),
        Setting::text("schema_name", "The schema that the tables are in.")
            .from(&["PG_SCHEMA_NAME"])
            .or("terraform_remote_state"),
        Setting::flag("skip_schema_creation", "Never make the schema.").from(&["PG_SKIP_SCHEMA_CREATION"]),
        Setting::text("table_name", "The table of states; those of leases and journals begin with its name.")
            .from(&["PG_TABLE_NAME"])
            .or("states"),
        Setting::flag("skip_table_creation", "Never make the tables.").from(&["PG_SKIP_TABLE_CREATION"]),
        Setting::text("index_name", "The index of states by workspace.")
            .from(&["PG_INDEX_NAME"])
            .or("states_by_name"),
        Setting::flag("skip_index_creation", "Never make the index.").from(&["PG_SKIP_INDEX_CREATION"]),
        LEASE_SECONDS,
    ],
    configure,
};

struct PgStorage {
    place: Arc<Place>,
    lease_duration: Duration,
}

/// What all workspaces share.
pub(crate) struct Place {
    pub(crate) network: Network,
    pub(crate) connecting: Connecting,
    pub(crate) schema: Schema,
}

fn configure(settings: &Settings) -> Result<Arc<dyn Storage>, Diagnostic> {
    let connecting = Connecting::read(settings)?;
    let network = Network::new().map_err(|error| {
        Diagnostic::error("backend-failed", "Backend could not be started", error.to_string())
    })?;
    let place = Place { network, connecting, schema: Schema::read(settings) };
    Ok(Arc::new(PgStorage { place: Arc::new(place), lease_duration: settings.lease_duration() }))
}

impl PgStorage {
    fn of(&self, workspace: &str) -> PgBackend {
        PgBackend::new(self.place.clone(), workspace.to_owned(), self.lease_duration)
    }
}

impl Storage for PgStorage {
    fn name(&self) -> String {
        format!("{}/{}", self.place.connecting.name, self.place.schema.name)
    }

    fn backend(&self, workspace: &str) -> Result<Arc<dyn Backend>, BackendError> {
        Ok(Arc::new(self.of(workspace)))
    }

    fn workspaces(&self) -> Result<Vec<String>, BackendError> {
        self.of("default").workspaces()
    }

    fn delete(&self, workspace: &str) -> Result<(), BackendError> {
        self.of(workspace).delete()
    }
}
