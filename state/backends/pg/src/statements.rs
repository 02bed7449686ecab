//! The statements, each of which is one round trip once it is prepared.
//!
//! `held` is the lease's row, locked against whoever would take over meanwhile: a takeover waits until the write is
//! done, and a write that comes after it finds another number.

use crate::schema::Schema;
use tokio_postgres::{Client, Error, Statement};

/// What must hold for a write.
const MAY: &str = "($2::bigint = 0 OR EXISTS (SELECT 1 FROM held))";

fn held(leases: &str) -> String {
    format!(
        "held AS (SELECT 1 FROM {leases} WHERE name = $1 AND fence = $2 AND holder IS NOT NULL FOR SHARE)"
    )
}

/// Those of the history.
pub(crate) struct HistoryStatements {
    pub(crate) append: Statement,
    pub(crate) prune: Statement,
}

impl HistoryStatements {
    async fn prepare(client: &Client, schema: &Schema) -> Result<Self, Error> {
        let Schema { leases, histories, .. } = schema;
        let (held, may) = (held(leases), MAY);
        let append = format!(
            "WITH {held}, put AS (
               INSERT INTO {histories} (name, number, data) SELECT $1, $3::bigint, $4::bytea WHERE {may}
               ON CONFLICT DO NOTHING RETURNING 1)
             SELECT EXISTS (SELECT 1 FROM put), {may},
                    EXISTS (SELECT 1 FROM {histories} WHERE name = $1 AND number = $3 AND data = $4),
                    (SELECT coalesce(max(number) + 1, 1) FROM {histories} WHERE name = $1)"
        );
        let prune = format!(
            "WITH {held}, gone AS (DELETE FROM {histories} WHERE name = $1 AND number < $3::bigint AND {may} RETURNING 1)
             SELECT {may}"
        );
        Ok(Self { append: client.prepare(&append).await?, prune: client.prepare(&prune).await? })
    }
}

/// Prepared on one connection.
pub(crate) struct Statements {
    pub(crate) lease: Statement,
    pub(crate) own: Statement,
    pub(crate) holder: Statement,
    pub(crate) renew: Statement,
    pub(crate) release: Statement,
    pub(crate) break_lease: Statement,
    pub(crate) append: Statement,
    pub(crate) refusal: Statement,
    pub(crate) seal: Statement,
    pub(crate) snapshot: Statement,
    pub(crate) history: HistoryStatements,
}

impl Statements {
    /// All in one go: the requests follow each other without waiting.
    pub(crate) async fn prepare(client: &Client, schema: &Schema) -> Result<Self, Error> {
        let Schema { states, leases, journals, .. } = schema;
        let (held, may) = (held(leases), MAY);
        // A row that OpenTofu left without data is no state.
        let digest = |data: &str| {
            format!(
                "CASE WHEN coalesce({data}, '') = '' THEN '' ELSE encode(sha256(convert_to({data}, 'UTF8')), 'hex') END"
            )
        };
        let lease = format!(
            "INSERT INTO {leases} AS l (name, fence, holder, expires)
             VALUES ($1, 1, $2, clock_timestamp() + $3::bigint * interval '1 millisecond')
             ON CONFLICT (name) DO UPDATE
             SET fence = l.fence + 1, holder = excluded.holder, expires = excluded.expires
             WHERE l.holder IS NULL OR l.expires < clock_timestamp()
             RETURNING fence"
        );
        let own = format!("SELECT fence FROM {leases} WHERE name = $1 AND holder = $2");
        let holder = format!(
            "SELECT holder, expires < clock_timestamp() FROM {leases} WHERE name = $1 AND holder IS NOT NULL"
        );
        let renew = format!(
            "UPDATE {leases} SET expires = clock_timestamp() + $3::bigint * interval '1 millisecond'
             WHERE name = $1 AND fence = $2 AND holder IS NOT NULL"
        );
        let release = format!("UPDATE {leases} SET holder = NULL WHERE name = $1 AND fence = $2");
        let break_lease =
            format!("UPDATE {leases} SET holder = NULL WHERE name = $1 AND holder::json ->> 'id' = $2");
        let append = format!(
            "WITH {held}
             INSERT INTO {journals} (name, sequence, data)
             SELECT $1, $3::bigint, $4::bytea
             WHERE {may} AND $3 = (SELECT coalesce(max(sequence) + 1, 0) FROM {journals} WHERE name = $1)"
        );
        let refusal = format!(
            "SELECT EXISTS (SELECT 1 FROM {leases} WHERE name = $1 AND fence = $2 AND holder IS NOT NULL)
                    OR $2::bigint = 0,
                    (SELECT coalesce(max(sequence) + 1, 0) FROM {journals} WHERE name = $1),
                    EXISTS (SELECT 1 FROM {journals} WHERE name = $1 AND sequence = $3 AND data = $4)"
        );
        let seal = format!(
            "WITH {held}, gone AS (DELETE FROM {journals} WHERE name = $1 AND {may} RETURNING 1) SELECT {may}"
        );
        let snapshot = format!(
            "WITH {held}, put AS (
               INSERT INTO {states} AS s (name, data)
               SELECT $1, $4::text
               WHERE {may} AND ($3 = '' OR EXISTS (SELECT 1 FROM {states} WHERE name = $1))
               ON CONFLICT (name) DO UPDATE SET data = excluded.data WHERE {} = $3
               RETURNING 1)
             SELECT EXISTS (SELECT 1 FROM put), {may},
                    (SELECT {} = encode(sha256(convert_to($4::text, 'UTF8')), 'hex') FROM {states} WHERE name = $1)",
            digest("s.data"),
            digest("data"),
        );
        Ok(Self {
            lease: client.prepare(&lease).await?,
            own: client.prepare(&own).await?,
            holder: client.prepare(&holder).await?,
            renew: client.prepare(&renew).await?,
            release: client.prepare(&release).await?,
            break_lease: client.prepare(&break_lease).await?,
            append: client.prepare(&append).await?,
            refusal: client.prepare(&refusal).await?,
            seal: client.prepare(&seal).await?,
            snapshot: client.prepare(&snapshot).await?,
            history: HistoryStatements::prepare(client, schema).await?,
        })
    }
}
