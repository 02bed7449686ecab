//! The tables: OpenTofu's of states, and beside it ours of leases, of journals and of histories.

use formwork_state::backend::BackendError;
use formwork_state::storage::Settings;
use std::fmt::Write as _;
use tokio_postgres::Client;

/// The number of the lock under which tables are made: two that make the same at once would fail.
const MAKING: i64 = 0x666f_726d_776f_726b;

/// Names of the tables, and which of them may be made.
pub(crate) struct Schema {
    /// The schema, for people.
    pub(crate) name: String,
    /// The table of states, quoted.
    pub(crate) states: String,
    /// The table of leases, quoted.
    pub(crate) leases: String,
    /// The table of journals, quoted.
    pub(crate) journals: String,
    /// The table of histories, quoted.
    pub(crate) histories: String,
    /// The number of the lock under which OpenTofu makes workspaces.
    pub(crate) creation_lock: i64,
    quoted: String,
    index: String,
    may_make: MayMake,
}

struct MayMake {
    schema: bool,
    tables: bool,
    index: bool,
}

/// An identifier as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Schema {
    pub(crate) fn read(settings: &Settings) -> Self {
        let text = |name: &str| settings.text(name).unwrap_or_default();
        let (name, table) = (text("schema_name"), text("table_name"));
        let of = |suffix: &str| format!("{}.{}", quoted(&name), quoted(&format!("{table}{suffix}")));
        Self {
            states: of(""),
            leases: of("_lease"),
            journals: of("_journal"),
            histories: of("_history"),
            creation_lock: creation_lock(&name, &table),
            quoted: quoted(&name),
            index: quoted(&text("index_name")),
            may_make: MayMake {
                schema: !settings.flag("skip_schema_creation"),
                tables: !settings.flag("skip_table_creation"),
                index: !settings.flag("skip_index_creation"),
            },
            name,
        }
    }

    /// Makes what is missing. Whoever may only read or write makes nothing and asks for nothing.
    pub(crate) async fn make(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        if self.is_there(client).await? {
            return Ok(());
        }
        let mut text = format!("BEGIN; SELECT pg_advisory_xact_lock({MAKING});");
        if self.may_make.schema {
            let _ = write!(text, "CREATE SCHEMA IF NOT EXISTS {};", self.quoted);
        }
        if self.may_make.tables {
            // Numbers of states are those of the whole database, since OpenTofu's locks are.
            let _ = write!(
                text,
                "CREATE SEQUENCE IF NOT EXISTS public.global_states_id_seq AS bigint;
                 CREATE TABLE IF NOT EXISTS {} (
                   id bigint NOT NULL DEFAULT nextval('public.global_states_id_seq') PRIMARY KEY,
                   name text UNIQUE,
                   data text);
                 CREATE TABLE IF NOT EXISTS {} (
                   name text PRIMARY KEY,
                   fence bigint NOT NULL,
                   holder text,
                   expires timestamptz NOT NULL);
                 CREATE TABLE IF NOT EXISTS {} (
                   name text NOT NULL,
                   sequence bigint NOT NULL,
                   data bytea NOT NULL,
                   PRIMARY KEY (name, sequence));
                 CREATE TABLE IF NOT EXISTS {} (
                   name text NOT NULL,
                   number bigint NOT NULL,
                   data bytea NOT NULL,
                   PRIMARY KEY (name, number));",
                self.states, self.leases, self.journals, self.histories
            );
        }
        if self.may_make.index {
            let _ =
                write!(text, "CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} (name);", self.index, self.states);
        }
        text.push_str("COMMIT;");
        client.batch_execute(&text).await
    }

    async fn is_there(&self, client: &Client) -> Result<bool, tokio_postgres::Error> {
        let text = format!(
            "SELECT to_regclass('{}') IS NOT NULL AND to_regclass('{}') IS NOT NULL AND to_regclass('{}') IS NOT NULL AND to_regclass('{}') IS NOT NULL",
            literal(&self.states),
            literal(&self.leases),
            literal(&self.journals),
            literal(&self.histories)
        );
        let rows = client.simple_query(&text).await?;
        Ok(rows.iter().any(|row| match row {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
            _ => false,
        }))
    }
}

fn literal(text: &str) -> String {
    text.replace('\'', "''")
}

/// OpenTofu's number for the lock under which a workspace is made: FNV-1 of schema and table, negative.
fn creation_lock(schema: &str, table: &str) -> i64 {
    const OFFSET: u32 = 2_166_136_261;
    const PRIME: u32 = 16_777_619;
    let bytes = schema.bytes().chain([0]).chain(table.bytes());
    -i64::from(bytes.fold(OFFSET, |hash, byte| hash.wrapping_mul(PRIME) ^ u32::from(byte)))
}

/// What the database said, without what was sent to it.
pub(crate) fn failed(error: &tokio_postgres::Error) -> BackendError {
    let text = if let Some(error) = error.as_db_error() {
        let detail = error.detail().map_or_else(String::new, |detail| format!(" ({detail})"));
        format!("{}{detail}", error.message())
    } else {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
        format!("{error}{}", cause.unwrap_or_default())
    };
    BackendError::Failed(text)
}

#[cfg(test)]
mod tests {
    use super::{creation_lock, quoted};

    #[test]
    fn names_and_numbers_are_opentofus() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        // FNV-1 of 32 bits of "a\0b", from its published offset and prime.
        assert_eq!(creation_lock("", ""), -i64::from(2_166_136_261_u32.wrapping_mul(16_777_619)));
        assert!(creation_lock("terraform_remote_state", "states") < 0);
    }
}
