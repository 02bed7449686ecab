//! The state of one workspace.

use crate::Place;
use crate::schema::failed;
use crate::statements::Statements;
use formwork_state::backend::{Backend, BackendError, Fence, Holder, Holding, Loaded};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, IsolationLevel, Row};

/// How often a taken lease is asked for again.
const RETRY: Duration = Duration::from_millis(250);

/// A connection with what is prepared on it.
struct Link {
    client: Client,
    statements: Statements,
}

pub(crate) struct PgBackend {
    place: Arc<Place>,
    workspace: String,
    lease_duration: Duration,
    /// None before the first call, and after the connection broke.
    link: Mutex<Option<Link>>,
}

fn number(text: u64) -> i64 {
    i64::try_from(text).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn holder_of(row: &Row) -> Option<Holder> {
    serde_json::from_str(row.get::<_, &str>(0)).ok()
}

/// A call that may be made again: when the connection broke, on a new one. The second name says whether it is.
macro_rules! on_link {
    ($self:ident, |$link:ident| $work:expr) => {
        on_link!($self, |$link, _is_again| $work)
    };
    ($self:ident, |$link:ident, $is_again:ident| $work:expr) => {
        $self.place.network.wait(async {
            let mut is_second = false;
            loop {
                let mut guard = $self.link().await?;
                let Some($link) = guard.as_mut() else {
                    return Err(BackendError::Failed("there is no connection".to_owned()));
                };
                let $is_again = is_second;
                let outcome: Result<_, Error> = async { $work }.await;
                match outcome {
                    Err(_) if $link.client.is_closed() && !is_second => {
                        *guard = None;
                        is_second = true;
                    }
                    outcome => return outcome.map_err(|error| failed(&error)),
                }
            }
        })
    };
}

impl PgBackend {
    pub(crate) fn new(place: Arc<Place>, workspace: String, lease_duration: Duration) -> Self {
        Self { place, workspace, lease_duration, link: Mutex::new(None) }
    }

    /// The connection, made where there is none.
    async fn link(&self) -> Result<MutexGuard<'_, Option<Link>>, BackendError> {
        let mut guard = self.link.lock().await;
        if guard.as_ref().is_none_or(|link| link.client.is_closed()) {
            let client = self.place.connecting.connect().await?;
            let schema = &self.place.schema;
            schema.make(&client).await.map_err(|error| failed(&error))?;
            let statements = Statements::prepare(&client, schema).await.map_err(|error| failed(&error))?;
            *guard = Some(Link { client, statements });
        }
        Ok(guard)
    }

    fn duration_ms(&self) -> i64 {
        i64::try_from(self.lease_duration.as_millis()).unwrap_or(i64::MAX)
    }

    /// The workspaces that have a row.
    pub(crate) fn workspaces(&self) -> Result<Vec<String>, BackendError> {
        let text =
            format!("SELECT name FROM {} WHERE name IS NOT NULL ORDER BY name", self.place.schema.states);
        let rows = on_link!(self, |link| link.client.query(&text, &[]).await)?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Removes the state, its journal and its history. The lease's row stays, so that its number never falls.
    pub(crate) fn delete(&self) -> Result<(), BackendError> {
        let schema = &self.place.schema;
        let text = format!(
            "WITH journal AS (DELETE FROM {} WHERE name = $1), history AS (DELETE FROM {} WHERE name = $1)
             DELETE FROM {} WHERE name = $1",
            schema.journals, schema.histories, schema.states
        );
        on_link!(self, |link| link.client.execute(&text, &[&self.workspace]).await).map(drop)
    }

    fn holder(&self) -> Result<Option<Holding>, BackendError> {
        let row = on_link!(self, |link| {
            link.client.query_opt(&link.statements.holder, &[&self.workspace]).await
        })?;
        Ok(row.and_then(|row| Some(Holding { holder: holder_of(&row)?, is_overdue: row.get(1) })))
    }

    /// Tries once.
    fn try_lease(&self, holder: &str) -> Result<Option<Fence>, BackendError> {
        let duration = self.duration_ms();
        let row = on_link!(self, |link, is_again| {
            let values: [&(dyn ToSql + Sync); 3] = [&self.workspace, &holder, &duration];
            let row = link.client.query_opt(&link.statements.lease, &values).await?;
            // The first answer was lost: the lease may be this process's own already.
            match row {
                None if is_again => link.client.query_opt(&link.statements.own, &values[..2]).await,
                row => Ok(row),
            }
        })?;
        Ok(row.map(|row| Fence(unsigned(row.get(0)))))
    }

    /// Takes OpenTofu's lock so that ours do not exclude each other: the row's, or that of making it.
    fn lock_out_others(&self) -> Result<bool, BackendError> {
        let text = format!(
            "SELECT pg_try_advisory_lock_shared(coalesce((SELECT id FROM {} WHERE name = $1), $2))",
            self.place.schema.states
        );
        let creation = self.place.schema.creation_lock;
        let row = on_link!(self, |link| link.client.query_one(&text, &[&self.workspace, &creation]).await)?;
        Ok(row.get(0))
    }

    fn let_others_in(&self) -> Result<(), BackendError> {
        let text = "SELECT pg_advisory_unlock_all()";
        on_link!(self, |link| link.client.execute(text, &[]).await).map(drop)
    }

    /// Why an entry was not added, or nothing where it was sent again and stands: the first answer was lost.
    fn append_refused(
        &self,
        fence: Fence,
        sequence: u64,
        bytes: &[u8],
        is_again: bool,
    ) -> Result<(), BackendError> {
        let (fence, given) = (number(fence.0), number(sequence));
        let row = on_link!(self, |link| {
            let refusal = &link.statements.refusal;
            link.client.query_one(refusal, &[&self.workspace, &fence, &given, &bytes]).await
        })?;
        let (is_held, next, is_there): (bool, i64, bool) = (row.get(0), row.get(1), row.get(2));
        match (is_held, is_there) {
            (false, _) => Err(BackendError::Fenced),
            (true, true) if is_again && next == given + 1 => Ok(()),
            (true, _) => Err(BackendError::OutOfSequence { expected: unsigned(next), given: sequence }),
        }
    }
}

impl Backend for PgBackend {
    fn name(&self) -> String {
        format!("{}/{} ({})", self.place.connecting.name, self.place.schema.name, self.workspace)
    }

    fn lease_duration(&self) -> Option<Duration> {
        Some(self.lease_duration)
    }

    fn lease(&self, holder: &Holder, timeout_ms: u64) -> Result<Fence, BackendError> {
        let text = serde_json::to_string(holder).map_err(|error| BackendError::Failed(error.to_string()))?;
        let deadline = Instant::now() + Duration::from_millis(timeout_ms);
        loop {
            if let Some(fence) = self.try_lease(&text)? {
                if self.lock_out_others()? {
                    return Ok(fence);
                }
                self.release(fence);
            }
            if !self.place.network.pause_until(deadline, RETRY)? {
                let holding = self.holder()?.filter(|holding| !holding.is_overdue);
                return Err(BackendError::Held(holding.map(|holding| Box::new(holding.holder))));
            }
        }
    }

    fn renew(&self, fence: Fence) -> Result<(), BackendError> {
        let (fence, duration) = (number(fence.0), self.duration_ms());
        let count = on_link!(self, |link| {
            link.client.execute(&link.statements.renew, &[&self.workspace, &fence, &duration]).await
        })?;
        if count == 1 { Ok(()) } else { Err(BackendError::Fenced) }
    }

    fn release(&self, fence: Fence) {
        let fence = number(fence.0);
        // A lease that could not be given back is taken over when it is overdue.
        let _ = on_link!(self, |link| {
            link.client.execute(&link.statements.release, &[&self.workspace, &fence]).await
        });
        let _ = self.let_others_in();
    }

    fn holding(&self) -> Result<Option<Holding>, BackendError> {
        self.holder()
    }

    fn break_lease(&self, id: &str) -> Result<(), BackendError> {
        let count = on_link!(self, |link| {
            link.client.execute(&link.statements.break_lease, &[&self.workspace, &id]).await
        })?;
        if count == 1 {
            return Ok(());
        }
        Err(BackendError::NotHeld(self.holder()?.map(|holding| Box::new(holding.holder))))
    }

    fn load(&self) -> Result<Loaded, BackendError> {
        let schema = &self.place.schema;
        let snapshot = format!("SELECT data FROM {} WHERE name = $1", schema.states);
        let journal =
            format!("SELECT sequence, data FROM {} WHERE name = $1 ORDER BY sequence", schema.journals);
        let (snapshot, journal) = on_link!(self, |link| {
            // Both as they were at one moment: a run that ends meanwhile moves one into the other.
            let transaction = link.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
            let transaction = transaction.read_only(true).start().await?;
            let snapshot = transaction.query_opt(&snapshot, &[&self.workspace]).await?;
            let journal = transaction.query(&journal, &[&self.workspace]).await?;
            transaction.commit().await?;
            Ok((snapshot, journal))
        })?;
        let snapshot = snapshot.and_then(|row| row.get::<_, Option<String>>(0)).map(String::into_bytes);
        Ok(Loaded {
            snapshot: snapshot.filter(|bytes| !bytes.is_empty()),
            next_sequence: journal.last().map_or(0, |row| unsigned(row.get(0)) + 1),
            journal: journal.iter().flat_map(|row| row.get::<_, &[u8]>(1)).copied().collect(),
        })
    }

    fn append(&self, fence: Fence, sequence: u64, bytes: &[u8]) -> Result<(), BackendError> {
        let (number_of_fence, number_of_entry) = (number(fence.0), number(sequence));
        let (count, is_again) = on_link!(self, |link, is_again| {
            let append = &link.statements.append;
            let values: [&(dyn ToSql + Sync); 4] =
                [&self.workspace, &number_of_fence, &number_of_entry, &bytes];
            Ok((link.client.execute(append, &values).await?, is_again))
        })?;
        if count == 1 { Ok(()) } else { self.append_refused(fence, sequence, bytes, is_again) }
    }

    fn seal(&self, fence: Fence) -> Result<(), BackendError> {
        let fence = number(fence.0);
        let row = on_link!(self, |link| {
            link.client.query_one(&link.statements.seal, &[&self.workspace, &fence]).await
        })?;
        if row.get(0) { Ok(()) } else { Err(BackendError::Fenced) }
    }

    fn snapshot(&self, fence: Fence, expected: &str, bytes: &[u8]) -> Result<(), BackendError> {
        let text = std::str::from_utf8(bytes).map_err(|error| BackendError::Failed(error.to_string()))?;
        let fence = number(fence.0);
        let (row, is_again) = on_link!(self, |link, is_again| {
            let snapshot = &link.statements.snapshot;
            let values: [&(dyn ToSql + Sync); 4] = [&self.workspace, &fence, &expected, &text];
            Ok((link.client.query_one(snapshot, &values).await?, is_again))
        })?;
        let (is_put, is_held, stands): (bool, bool, Option<bool>) = (row.get(0), row.get(1), row.get(2));
        match (is_held, is_put) {
            (false, _) => Err(BackendError::Fenced),
            (true, true) => Ok(()),
            // The first answer was lost, and what was to be put stands.
            (true, false) if is_again && stands == Some(true) => Ok(()),
            (true, false) => Err(BackendError::Moved),
        }
    }

    fn history(&self) -> Result<Option<Vec<u64>>, BackendError> {
        let text =
            format!("SELECT number FROM {} WHERE name = $1 ORDER BY number", self.place.schema.histories);
        let rows = on_link!(self, |link| link.client.query(&text, &[&self.workspace]).await)?;
        Ok(Some(rows.iter().map(|row| unsigned(row.get(0))).collect()))
    }

    fn history_entry(&self, number_of_entry: u64) -> Result<Option<Vec<u8>>, BackendError> {
        let text =
            format!("SELECT data FROM {} WHERE name = $1 AND number = $2", self.place.schema.histories);
        let given = number(number_of_entry);
        let row = on_link!(self, |link| link.client.query_opt(&text, &[&self.workspace, &given]).await)?;
        Ok(row.map(|row| row.get::<_, Vec<u8>>(0)))
    }

    fn append_history(&self, fence: Fence, number_of_entry: u64, bytes: &[u8]) -> Result<(), BackendError> {
        let (fence, given) = (number(fence.0), number(number_of_entry));
        let (row, is_again) = on_link!(self, |link, is_again| {
            let append = &link.statements.history.append;
            let values: [&(dyn ToSql + Sync); 4] = [&self.workspace, &fence, &given, &bytes];
            Ok((link.client.query_one(append, &values).await?, is_again))
        })?;
        let (is_put, is_held, stands): (bool, bool, bool) = (row.get(0), row.get(1), row.get(2));
        match (is_held, is_put) {
            (false, _) => Err(BackendError::Fenced),
            (true, true) => Ok(()),
            // The first answer was lost, and what was to be put stands.
            (true, false) if is_again && stands => Ok(()),
            (true, false) => {
                Err(BackendError::OutOfSequence { expected: unsigned(row.get(3)), given: number_of_entry })
            }
        }
    }

    fn prune_history(&self, fence: Fence, below: u64) -> Result<(), BackendError> {
        let (fence, below) = (number(fence.0), number(below));
        let row = on_link!(self, |link| {
            let prune = &link.statements.history.prune;
            link.client.query_one(prune, &[&self.workspace, &fence, &below]).await
        })?;
        if row.get(0) { Ok(()) } else { Err(BackendError::Fenced) }
    }
}
