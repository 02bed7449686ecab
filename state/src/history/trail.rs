//! What the records of a journal come to, gathered while they pass.
//!
//! Invariant: whether records are appended or read again after a crash, they come to the same entry.

use super::Frame;
use super::entry::{About, Counts, Edit, Entry, Step};
use crate::address::{Mode, ObjectKey};
use crate::journal::{Intent, Operation, Record, Token};
use rustc_hash::FxHashMap;

/// The parts of one journal: a run each, or what was done by hand.
#[derive(Default)]
pub(crate) struct Trail {
    parts: Vec<Part>,
}

/// One part.
pub(crate) struct Part {
    about: About,
    /// Whether it is a run, which ends with a record of its own.
    is_run: bool,
    /// Whether something failed; nothing while it is not over.
    errored: Option<bool>,
    rollback: Option<bool>,
    acts: Vec<Act>,
    by_token: FxHashMap<Token, usize>,
    edits: Vec<Edit>,
}

struct Act {
    intent_key: ObjectKey,
    token: Token,
    operation: Operation,
    begun: String,
    accepted: Option<String>,
    requests: Vec<String>,
    outcome: &'static str,
    is_rollback: bool,
}

impl Trail {
    /// Takes a record.
    pub(crate) fn note(&mut self, record: &Record) {
        if let Record::About(about) = record {
            // One that nothing followed is no part.
            self.parts.retain(|part| part.is_run || !part.edits.is_empty());
            self.parts.push(Part::new((**about).clone()));
            return;
        }
        if let Some(part) = self.parts.last_mut().filter(|part| part.errored.is_none()) {
            part.note(record);
        }
    }

    /// What an edit without records of its own did.
    pub(crate) fn push(&mut self, about: About, edits: Vec<Edit>) {
        self.parts.push(Part { edits, ..Part::new(about) });
    }

    /// The parts that are over.
    pub(crate) fn take_ended(&mut self) -> Vec<Part> {
        let parts = std::mem::take(&mut self.parts);
        parts
            .into_iter()
            .filter(|part| if part.is_run { part.errored.is_some() } else { !part.edits.is_empty() })
            .collect()
    }
}

fn edit(action: &str, key: &ObjectKey) -> Edit {
    Edit { action: action.to_owned(), address: key.to_string(), to: None }
}

impl Part {
    fn new(about: About) -> Self {
        Self {
            about,
            is_run: false,
            errored: None,
            rollback: None,
            acts: Vec::new(),
            by_token: FxHashMap::default(),
            edits: Vec::new(),
        }
    }

    /// The run, or what names the edit.
    pub(super) fn run(&self) -> &str {
        &self.about.run
    }

    fn note(&mut self, record: &Record) {
        match record {
            Record::Begin { run, .. } => {
                self.is_run = true;
                self.about.run.clone_from(run);
            }
            Record::Intent(intent) | Record::Deposed { intent, .. } => self.begin(intent),
            Record::Accepted { token, id, .. } | Record::Progress { token, id, .. } => {
                if let Some(act) = self.act(token) {
                    act.accepted = Some(id.clone());
                }
            }
            Record::Answered { token, requests, .. } => {
                if let Some(act) = self.act(token) {
                    act.requests.extend_from_slice(requests);
                }
            }
            Record::Done { token, .. } => self.end(token, "done"),
            Record::Failed { token, object, .. } => {
                self.end(token, if object.is_some() { "partial" } else { "failed" });
            }
            Record::RollbackBegun => self.rollback = Some(false),
            Record::RollbackEnded { is_whole } => self.rollback = Some(*is_whole),
            Record::Finished { errored } => self.errored = Some(*errored),
            other => self.note_edit(other),
        }
    }

    fn note_edit(&mut self, record: &Record) {
        match record {
            Record::Moved { from, to } => self.edits.push(Edit {
                action: "move".to_owned(),
                address: from.to_string(),
                to: Some(to.to_string()),
            }),
            Record::Imported { key, .. } => self.edits.push(edit("import", key)),
            Record::Forgotten { key, .. } => self.edits.push(edit("forget", key)),
            Record::Tainted { key } => self.edits.push(edit("taint", key)),
            Record::Untainted { key } => self.edits.push(edit("untaint", key)),
            Record::Restored { address, .. } => {
                self.edits.push(edit("restore", &ObjectKey::current(address.clone())));
            }
            Record::Refreshed { objects } => {
                let managed = objects.iter().filter(|(key, _)| key.address.mode() == Mode::Managed);
                self.edits.extend(managed.map(|(key, _)| edit("refresh", key)));
            }
            _ => {}
        }
    }

    fn begin(&mut self, intent: &Intent) {
        self.by_token.insert(intent.token.clone(), self.acts.len());
        self.acts.push(Act {
            intent_key: intent.key.clone(),
            token: intent.token.clone(),
            operation: intent.operation,
            begun: intent.time.clone(),
            accepted: None,
            requests: Vec::new(),
            outcome: "open",
            is_rollback: self.rollback.is_some(),
        });
    }

    fn act(&mut self, token: &Token) -> Option<&mut Act> {
        let at = *self.by_token.get(token)?;
        self.acts.get_mut(at)
    }

    fn end(&mut self, token: &Token, outcome: &'static str) {
        if let Some(act) = self.act(token) {
            act.outcome = outcome;
        }
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for act in &self.acts {
            let count = match (act.outcome, act.operation) {
                ("done", Operation::Create) => &mut counts.added,
                ("done", Operation::Update) => &mut counts.changed,
                ("done", Operation::Delete) => &mut counts.destroyed,
                ("failed" | "partial", _) => &mut counts.failed,
                _ => continue,
            };
            *count += 1;
        }
        let of = |action: &str| self.edits.iter().filter(|edit| edit.action == action).count() as u64;
        (counts.imported, counts.forgotten) = (of("import"), of("forget"));
        counts
    }

    fn result(&self) -> &'static str {
        match (self.rollback, self.errored) {
            (Some(true), _) => "rolled-back",
            (Some(false), _) => "partly-rolled-back",
            (None, Some(true)) => "failed",
            (None, _) => "done",
        }
    }

    /// The entry.
    pub(super) fn into_entry(self, number: u64, previous: String, frame: &Frame<'_>) -> Entry {
        let (counts, result) = (self.counts(), self.result().to_owned());
        let ended_by = Some(&*frame.chronicle.origin)
            .filter(|other| (other.pid, &other.host) != (self.about.origin.pid, &self.about.origin.host));
        let step = |act: Act| Step {
            address: act.intent_key.to_string(),
            action: act.operation.word().to_owned(),
            token: act.token.0.to_string(),
            begun: act.begun,
            accepted: act.accepted,
            requests: act.requests,
            outcome: act.outcome.to_owned(),
            is_rollback: act.is_rollback,
        };
        Entry {
            number,
            previous,
            lineage: frame.lineage.to_owned(),
            run: self.about.run,
            begun: self.about.time,
            ended: (frame.chronicle.now)(),
            result,
            origin: self.about.origin,
            ended_by: ended_by.cloned(),
            plan: self.about.plan,
            counts,
            steps: self.acts.into_iter().map(step).collect(),
            edits: self.edits,
            state: frame.state.clone(),
        }
    }
}
