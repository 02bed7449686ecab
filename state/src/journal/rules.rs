//! The one table of legal transitions.
//!
//! A row says, for one kind of record, whether a run must be open, and for each object that the record speaks of,
//! what its step and its place in state must be. All that is not a row is refused, and so is what a row's extra
//! condition excludes.

use super::fold::Folded;
use super::record::{Operation, Record, Token};
use crate::address::{Mode, ObjectKey};
use std::fmt;

/// Why a record is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// Only an open run takes such a record.
    NoRunIsOpen,
    /// A run is open already.
    RunIsOpen,
    /// The run is of another deployment.
    OtherLineage,
    /// The object has an open step, and gets no other.
    StepIsOpen,
    /// The object has no open step.
    NoStepIsOpen,
    /// The open step has another token.
    OtherToken,
    /// The target has not accepted the request yet.
    NotAccepted,
    /// The target accepted the request under another id.
    OtherId,
    /// There is no such object in state.
    NoSuchObject,
    /// There is such an object in state already.
    ObjectExists,
    /// The step finished before.
    StepIsFinished,
    /// The attempt does not rise after a failure.
    AttemptDoesNotRise,
    /// The outcome does not fit the operation.
    OtherOutcome,
    /// The number or the object differs from that of the open step.
    OtherStep,
    /// The stage is not the one after the last finished.
    OtherStage,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoRunIsOpen => "no run is open",
            Self::RunIsOpen => "a run is open already",
            Self::OtherLineage => "the run is of another lineage",
            Self::StepIsOpen => "the object has an open step",
            Self::NoStepIsOpen => "the object has no open step",
            Self::OtherToken => "the open step has another token",
            Self::NotAccepted => "the request is not accepted yet",
            Self::OtherId => "the request was accepted under another id",
            Self::NoSuchObject => "there is no such object in state",
            Self::ObjectExists => "there is such an object in state already",
            Self::StepIsFinished => "the step is finished",
            Self::AttemptDoesNotRise => "the attempt number must rise after a failure",
            Self::OtherOutcome => "the outcome does not fit the operation",
            Self::OtherStep => "the open step is another",
            Self::OtherStage => "the stage is not the one that is running",
        })
    }
}

/// A record that the table does not admit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegalTransition {
    /// The record's name.
    pub record: &'static str,
    /// The object it speaks of.
    pub subject: Option<Box<ObjectKey>>,
    /// Why it is refused.
    pub violation: Violation,
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the record {}", self.record)?;
        if let Some(subject) = &self.subject {
            write!(out, " of {subject}")?;
        }
        write!(out, " is out of order: {}", self.violation)
    }
}

impl std::error::Error for IllegalTransition {}

/// Whether a run must be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunIs {
    Closed,
    Open,
}

/// What the step of an object must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepIs {
    /// None is open.
    Idle,
    /// One is open and has the record's token.
    Open,
    /// One is open, has the record's token, and the target has accepted it.
    Accepted,
}

/// What the place of an object in state must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaceIs {
    Any,
    Vacant,
    Occupied,
}

/// The kinds of record that the table tells apart: an intent's row depends on its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Begin,
    IntentCreate,
    IntentUpdate,
    IntentDelete,
    IntentRead,
    IntentProvision,
    Accepted,
    Progress,
    Done,
    Failed,
    Moved,
    Imported,
    Forgotten,
    Tainted,
    Untainted,
    RefreshedManaged,
    RefreshedData,
    Deposed,
    Restored,
    /// Outputs, node edges, targets, checks.
    Values,
    StageFinished,
    Finished,
}

/// One legal transition.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) run: RunIs,
    pub(super) subjects: &'static [(StepIs, PlaceIs)],
}

const fn row(kind: Kind, run: RunIs, subjects: &'static [(StepIs, PlaceIs)]) -> Row {
    Row { kind, run, subjects }
}

/// Every legal transition. Where a record speaks of two objects, the subjects are in the record's order.
pub(super) const TABLE: &[Row] = &[
    row(Kind::Begin, RunIs::Closed, &[]),
    row(Kind::IntentCreate, RunIs::Open, &[(StepIs::Idle, PlaceIs::Vacant)]),
    row(Kind::IntentUpdate, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied)]),
    row(Kind::IntentDelete, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied)]),
    row(Kind::IntentRead, RunIs::Open, &[(StepIs::Idle, PlaceIs::Any)]),
    row(Kind::IntentProvision, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied)]),
    row(Kind::Accepted, RunIs::Open, &[(StepIs::Open, PlaceIs::Any)]),
    row(Kind::Progress, RunIs::Open, &[(StepIs::Accepted, PlaceIs::Any)]),
    row(Kind::Done, RunIs::Open, &[(StepIs::Open, PlaceIs::Any)]),
    row(Kind::Failed, RunIs::Open, &[(StepIs::Open, PlaceIs::Any)]),
    row(Kind::Moved, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied), (StepIs::Idle, PlaceIs::Vacant)]),
    row(Kind::Imported, RunIs::Open, &[(StepIs::Idle, PlaceIs::Vacant)]),
    row(Kind::Forgotten, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied)]),
    row(Kind::Tainted, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied)]),
    row(Kind::Untainted, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied)]),
    row(Kind::RefreshedManaged, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied)]),
    row(Kind::RefreshedData, RunIs::Open, &[(StepIs::Idle, PlaceIs::Any)]),
    row(Kind::Deposed, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied), (StepIs::Idle, PlaceIs::Vacant)]),
    row(Kind::Restored, RunIs::Open, &[(StepIs::Idle, PlaceIs::Vacant), (StepIs::Idle, PlaceIs::Occupied)]),
    row(Kind::Values, RunIs::Open, &[]),
    row(Kind::StageFinished, RunIs::Open, &[]),
    row(Kind::Finished, RunIs::Open, &[]),
];

/// Whether the table admits a record over what is folded so far.
pub(super) fn check(folded: &Folded, record: &Record) -> Result<(), IllegalTransition> {
    let refuse = |violation, subject: Option<&ObjectKey>| IllegalTransition {
        record: record.name(),
        subject: subject.cloned().map(Box::new),
        violation,
    };
    if let Record::Refreshed { objects } = record {
        for (key, _) in objects {
            let kind = match key.address.mode() {
                Mode::Managed => Kind::RefreshedManaged,
                Mode::Data => Kind::RefreshedData,
            };
            admit(folded, kind, &[key], None).map_err(|violation| refuse(violation, Some(key)))?;
        }
        return admit(folded, Kind::Values, &[], None).map_err(|violation| refuse(violation, None));
    }
    let subjects = subjects(record);
    let borrowed: Vec<&ObjectKey> = subjects.iter().collect();
    admit(folded, kind(record), &borrowed, token(record))
        .and_then(|()| condition(folded, record))
        .map_err(|violation| refuse(violation, borrowed.first().copied()))
}

fn admit(
    folded: &Folded,
    kind: Kind,
    subjects: &[&ObjectKey],
    token: Option<&Token>,
) -> Result<(), Violation> {
    let Some(row) = TABLE.iter().find(|row| row.kind == kind) else { return Err(Violation::OtherStep) };
    match (row.run, &folded.run) {
        (RunIs::Closed, Some(_)) => return Err(Violation::RunIsOpen),
        (RunIs::Open, None) => return Err(Violation::NoRunIsOpen),
        _ => {}
    }
    for (key, (step, place)) in subjects.iter().zip(row.subjects) {
        let open = folded.run.as_ref().and_then(|run| run.open.get(*key));
        match (step, open) {
            (StepIs::Idle, Some(_)) => return Err(Violation::StepIsOpen),
            (StepIs::Open | StepIs::Accepted, None) => return Err(Violation::NoStepIsOpen),
            (StepIs::Open | StepIs::Accepted, Some(open)) if Some(&open.intent.token) != token => {
                return Err(Violation::OtherToken);
            }
            (StepIs::Accepted, Some(open)) if open.accepted.is_none() => return Err(Violation::NotAccepted),
            _ => {}
        }
        match (place, folded.state.contains(key)) {
            (PlaceIs::Vacant, true) => return Err(Violation::ObjectExists),
            (PlaceIs::Occupied, false) => return Err(Violation::NoSuchObject),
            _ => {}
        }
    }
    Ok(())
}

/// The conditions that compare a record's content with the open run.
fn condition(folded: &Folded, record: &Record) -> Result<(), Violation> {
    let holds = |condition: bool, violation| if condition { Ok(()) } else { Err(violation) };
    let Some(run) = &folded.run else {
        let Record::Begin(begin) = record else { return Ok(()) };
        let lineage = &folded.state.lineage;
        return holds(lineage.is_empty() || *lineage == begin.lineage, Violation::OtherLineage);
    };
    if let Some(intent) = record.intent() {
        if let Record::Deposed { address, .. } = record {
            let successor =
                intent.operation == Operation::Create && intent.key == ObjectKey::current(address.clone());
            holds(successor, Violation::OtherStep)?;
        }
        holds(!run.is_finished(intent.stage, intent.step), Violation::StepIsFinished)?;
        let failed = run.failed_steps.get(&(intent.stage, intent.step));
        return holds(failed.is_none_or(|attempt| intent.attempt > *attempt), Violation::AttemptDoesNotRise);
    }
    match record {
        Record::Accepted { key, id, .. } => {
            let accepted = run.open.get(key).and_then(|open| open.accepted.as_ref());
            holds(accepted.is_none_or(|accepted| accepted == id), Violation::OtherId)
        }
        Record::Done { key, step, object, .. } => {
            let Some(open) = run.open.get(key) else { return Err(Violation::NoStepIsOpen) };
            holds(open.intent.step == *step, Violation::OtherStep)?;
            let fits = match open.intent.operation {
                Operation::Create | Operation::Read => object.is_some(),
                Operation::Delete => object.is_none(),
                Operation::Update | Operation::Provision(_) => true,
            };
            holds(fits, Violation::OtherOutcome)
        }
        Record::StageFinished { stage } => {
            holds(run.finished_stages.is_none_or(|last| *stage > last), Violation::OtherStage)
        }
        _ => Ok(()),
    }
}

fn kind(record: &Record) -> Kind {
    match record {
        Record::Begin(_) => Kind::Begin,
        Record::Intent(intent) => match intent.operation {
            Operation::Create => Kind::IntentCreate,
            Operation::Update => Kind::IntentUpdate,
            Operation::Delete => Kind::IntentDelete,
            Operation::Read => Kind::IntentRead,
            Operation::Provision(_) => Kind::IntentProvision,
        },
        Record::Accepted { .. } => Kind::Accepted,
        Record::Progress { .. } => Kind::Progress,
        Record::Done { .. } => Kind::Done,
        Record::Failed { .. } => Kind::Failed,
        Record::Moved { .. } => Kind::Moved,
        Record::Imported { .. } => Kind::Imported,
        Record::Forgotten { .. } => Kind::Forgotten,
        Record::Tainted { .. } => Kind::Tainted,
        Record::Untainted { .. } => Kind::Untainted,
        Record::Refreshed { .. } => Kind::RefreshedManaged,
        Record::Deposed { .. } => Kind::Deposed,
        Record::Restored { .. } => Kind::Restored,
        Record::Outputs { .. }
        | Record::NodeEdges { .. }
        | Record::Targets { .. }
        | Record::Checks { .. } => Kind::Values,
        Record::StageFinished { .. } => Kind::StageFinished,
        Record::Finished { .. } => Kind::Finished,
    }
}

fn subjects(record: &Record) -> Vec<ObjectKey> {
    match record {
        Record::Intent(intent) => vec![intent.key.clone()],
        Record::Accepted { key, .. }
        | Record::Progress { key, .. }
        | Record::Done { key, .. }
        | Record::Failed { key, .. }
        | Record::Imported { key, .. }
        | Record::Forgotten { key }
        | Record::Tainted { key }
        | Record::Untainted { key } => vec![key.clone()],
        Record::Moved { from, to } => vec![from.clone().into(), to.clone().into()],
        Record::Deposed { address, deposed, .. } | Record::Restored { address, deposed } => {
            vec![address.clone().into(), ObjectKey::deposed(address.clone(), deposed.clone())]
        }
        _ => Vec::new(),
    }
}

const fn token(record: &Record) -> Option<&Token> {
    match record {
        Record::Accepted { token, .. }
        | Record::Progress { token, .. }
        | Record::Done { token, .. }
        | Record::Failed { token, .. } => Some(token),
        _ => None,
    }
}
