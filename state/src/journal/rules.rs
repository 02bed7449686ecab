//! The one table of legal transitions.
//!
//! A row says, for one kind of record, whether a run must be open, and for each object that the record speaks of,
//! what its step and its place in state must be. All that is not a row is refused, and so is what a row's extra
//! condition excludes.

use super::fold::{Folded, OpenRun};
use super::record::{Operation, Record, Token};
use crate::address::ObjectKey;
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
    /// There is no such object in state.
    NoSuchObject,
    /// There is such an object in state already.
    ObjectExists,
    /// The step finished before.
    StepIsFinished,
    /// The outcome does not fit the operation.
    OtherOutcome,
    /// A successor's intent is no creation.
    NoCreation,
    /// The stage is not the one that runs.
    OtherStage,
    /// Some step is open.
    StepsAreOpen,
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
            Self::NoSuchObject => "there is no such object in state",
            Self::ObjectExists => "there is such an object in state already",
            Self::StepIsFinished => "the step is finished",
            Self::OtherOutcome => "the outcome does not fit the operation",
            Self::NoCreation => "what follows an object set aside must be a creation",
            Self::OtherStage => "the stage is not the one that runs",
            Self::StepsAreOpen => "steps are open",
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
    /// Open, and no step of it.
    Quiet,
}

/// What the step of an object must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepIs {
    /// None is open.
    Idle,
    /// One is open and has the record's token.
    Open,
}

/// What the place of an object in state must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaceIs {
    Any,
    Vacant,
    Occupied,
}

/// The kinds of record that the table tells apart: an intent's row depends on its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Begin,
    IntentCreate,
    IntentUpdate,
    IntentDelete,
    IntentRead,
    Accepted,
    Progress,
    Done,
    Failed,
    Moved,
    Imported,
    Forgotten,
    Tainted,
    Untainted,
    Refreshed,
    Deposed,
    Restored,
    /// Outputs, node edges, providers, checks.
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
    row(Kind::Accepted, RunIs::Open, &[(StepIs::Open, PlaceIs::Any)]),
    row(Kind::Progress, RunIs::Open, &[(StepIs::Open, PlaceIs::Any)]),
    row(Kind::Done, RunIs::Open, &[(StepIs::Open, PlaceIs::Any)]),
    row(Kind::Failed, RunIs::Open, &[(StepIs::Open, PlaceIs::Any)]),
    row(Kind::Deposed, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied), (StepIs::Idle, PlaceIs::Vacant)]),
    row(Kind::Restored, RunIs::Open, &[(StepIs::Idle, PlaceIs::Vacant), (StepIs::Idle, PlaceIs::Occupied)]),
    row(Kind::Moved, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied), (StepIs::Idle, PlaceIs::Vacant)]),
    row(Kind::Imported, RunIs::Open, &[(StepIs::Idle, PlaceIs::Vacant)]),
    row(Kind::Forgotten, RunIs::Open, &[(StepIs::Idle, PlaceIs::Any)]),
    row(Kind::Tainted, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied)]),
    row(Kind::Untainted, RunIs::Open, &[(StepIs::Idle, PlaceIs::Occupied)]),
    row(Kind::Refreshed, RunIs::Open, &[(StepIs::Idle, PlaceIs::Any)]),
    row(Kind::Values, RunIs::Open, &[]),
    row(Kind::StageFinished, RunIs::Quiet, &[]),
    row(Kind::Finished, RunIs::Quiet, &[]),
];

/// Whether the table admits a record over what is folded so far.
pub(super) fn check(folded: &Folded, record: &Record) -> Result<(), IllegalTransition> {
    let refuse = |violation, subject: Option<&ObjectKey>| IllegalTransition {
        record: record.name(),
        subject: subject.cloned().map(Box::new),
        violation,
    };
    let Some(row) = TABLE.iter().find(|row| row.kind == kind(record)) else {
        return Err(refuse(Violation::NoRunIsOpen, None));
    };
    admit_run(row.run, folded.run.as_ref()).map_err(|violation| refuse(violation, None))?;
    if let Record::Refreshed { objects } = record {
        for (key, _) in objects {
            admit(folded, row.subjects, key, None).map_err(|violation| refuse(violation, Some(key)))?;
        }
        return Ok(());
    }
    let subjects = record.subjects();
    for (key, rule) in subjects.iter().zip(row.subjects) {
        let rule = std::slice::from_ref(rule);
        admit(folded, rule, key, record.token()).map_err(|violation| refuse(violation, Some(key)))?;
    }
    condition(folded, record).map_err(|violation| refuse(violation, subjects.first()))
}

fn admit_run(rule: RunIs, run: Option<&OpenRun>) -> Result<(), Violation> {
    match (rule, run) {
        (RunIs::Closed, Some(_)) => Err(Violation::RunIsOpen),
        (RunIs::Open | RunIs::Quiet, None) => Err(Violation::NoRunIsOpen),
        (RunIs::Quiet, Some(run)) if !run.open.is_empty() => Err(Violation::StepsAreOpen),
        _ => Ok(()),
    }
}

fn admit(
    folded: &Folded,
    rules: &[(StepIs, PlaceIs)],
    key: &ObjectKey,
    token: Option<&Token>,
) -> Result<(), Violation> {
    let open = folded.run.as_ref().and_then(|run| run.open.get(key));
    for (step, place) in rules {
        match (step, open) {
            (StepIs::Idle, Some(_)) => return Err(Violation::StepIsOpen),
            (StepIs::Open, None) => return Err(Violation::NoStepIsOpen),
            (StepIs::Open, Some(open)) if Some(&open.intent.token) != token => {
                return Err(Violation::OtherToken);
            }
            _ => {}
        }
        match (place, folded.state.object(key)) {
            (PlaceIs::Vacant, Some(_)) => return Err(Violation::ObjectExists),
            (PlaceIs::Occupied, None) => return Err(Violation::NoSuchObject),
            _ => {}
        }
    }
    Ok(())
}

/// The conditions that compare a record's content with the open run.
fn condition(folded: &Folded, record: &Record) -> Result<(), Violation> {
    let holds = |condition: bool, violation| if condition { Ok(()) } else { Err(violation) };
    if let Record::Begin { lineage, .. } = record {
        let known = &folded.state.lineage;
        return holds(known.is_empty() || known == lineage, Violation::OtherLineage);
    }
    let Some(run) = &folded.run else { return Ok(()) };
    if let Some(intent) = record.intent() {
        let is_successor = matches!(record, Record::Deposed { .. });
        holds(!is_successor || intent.operation == Operation::Create, Violation::NoCreation)?;
        holds(intent.stage == run.stage, Violation::OtherStage)?;
        // A later stage is planned again after a crash, and its steps are numbered again.
        let is_repeated = run.stage == 0 && run.finished_steps.contains(&intent.step);
        return holds(!is_repeated, Violation::StepIsFinished);
    }
    match record {
        Record::Done { key, object, .. } => {
            let fits = match run.open.get(key).map(|open| open.intent.operation) {
                Some(Operation::Create | Operation::Read) => object.is_some(),
                Some(Operation::Delete) => object.is_none(),
                Some(Operation::Update) | None => true,
            };
            holds(fits, Violation::OtherOutcome)
        }
        Record::StageFinished { stage } => holds(*stage == run.stage, Violation::OtherStage),
        _ => Ok(()),
    }
}

const fn kind(record: &Record) -> Kind {
    match record {
        Record::Begin { .. } => Kind::Begin,
        Record::Intent(intent) => match intent.operation {
            Operation::Create => Kind::IntentCreate,
            Operation::Update => Kind::IntentUpdate,
            Operation::Delete => Kind::IntentDelete,
            Operation::Read => Kind::IntentRead,
        },
        Record::Accepted { .. } => Kind::Accepted,
        Record::Progress { .. } => Kind::Progress,
        Record::Done { .. } => Kind::Done,
        Record::Failed { .. } => Kind::Failed,
        Record::Deposed { .. } => Kind::Deposed,
        Record::Restored { .. } => Kind::Restored,
        Record::Moved { .. } => Kind::Moved,
        Record::Imported { .. } => Kind::Imported,
        Record::Forgotten { .. } => Kind::Forgotten,
        Record::Tainted { .. } => Kind::Tainted,
        Record::Untainted { .. } => Kind::Untainted,
        Record::Refreshed { .. } => Kind::Refreshed,
        Record::Outputs { .. }
        | Record::NodeEdges { .. }
        | Record::Providers { .. }
        | Record::Checks { .. } => Kind::Values,
        Record::StageFinished { .. } => Kind::StageFinished,
        Record::Finished { .. } => Kind::Finished,
    }
}
