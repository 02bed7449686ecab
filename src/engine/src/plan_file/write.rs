//! Writing a plan.
//!
//! Invariant: each change is written and dropped before the next one is looked at.

use super::value::{WritePath, WriteValue, WrittenTypes, withheld};
use crate::checks::CheckResult;
use crate::focus::Focus;
use crate::model::{
    Action, ActionReason, Cause, Change, DataResult, Importing, Move, OutputChange, Plan, PlannedVariable,
    RelevantAttribute, RunMode, Stage, Step, StoredReading,
};
use arcstr::ArcStr;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use formwork_diagnostic::Diagnostics;
use formwork_state::{Address, DeposedKey, Object, ObjectKey, ProviderConfigAddress};
use formwork_value::{MarkKind, Value};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

/// Writes the plan itself.
pub(super) fn write_plan(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let types = WrittenTypes::default();
    serde_json::to_writer(out, &form(plan, &types)).map_err(io::Error::from)
}

/// The fields in the order in which they are read back: types are numbered by first use.
#[derive(Serialize)]
struct PlanForm<
    'a,
    V: Serialize,
    G: Serialize,
    C: Serialize,
    D: Serialize,
    O: Serialize,
    R: Serialize,
    S: Serialize,
    P: Serialize,
> {
    mode: RunMode,
    timestamp: &'a str,
    lineage: &'a str,
    base_serial: u64,
    errored: bool,
    files: BTreeMap<&'a str, &'a str>,
    binary_files: BTreeMap<&'a str, String>,
    variables: V,
    given: G,
    changes: C,
    drift: D,
    relevant: &'a [RelevantAttribute],
    checks: &'a [CheckResult],
    outputs: O,
    readings: R,
    data: S,
    prior_configurations: P,
    #[serde(skip_serializing_if = "Focus::is_everything")]
    focus: &'a Focus,
    #[serde(skip_serializing_if = "<[Move]>::is_empty")]
    moves: &'a [Move],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    rewrites: &'a [(ObjectKey, Option<Arc<Object>>)],
    steps: &'a [Step],
    stages: &'a [Stage],
    targets: Vec<(&'a String, &'a formwork_sdk::Target)>,
    recover: &'a [ObjectKey],
    warnings: &'a Diagnostics,
}

/// A sequence that is made while it is written.
struct Sequence<'a, T, F>(&'a [T], F);

impl<'a, T, W: Serialize, F: Fn(&'a T) -> W> Serialize for Sequence<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

/// The variables, made while they are written.
struct Variables<'a>(&'a Plan, &'a WrittenTypes);

impl Serialize for Variables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.variables.iter().map(|(name, planned)| {
            let is_ephemeral = planned.value.has_mark_deep(MarkKind::Ephemeral);
            VariableForm { name, planned, is_ephemeral, types: self.1 }
        }))
    }
}

/// The variables as given, made while they are written.
struct Given<'a>(&'a Plan, &'a WrittenTypes);

impl Serialize for Given<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_seq(self.0.given.iter().map(|(name, value)| (name, WriteValue { value, types: self.1 })))
    }
}

fn form<'a>(plan: &'a Plan, types: &'a WrittenTypes) -> impl Serialize + 'a {
    let value = move |value: &'a Value| WriteValue { value, types };
    let change = move |change| change_form(change, types);
    let (files, binary_files) = files(plan);
    PlanForm {
        mode: plan.mode,
        timestamp: &plan.timestamp,
        lineage: &plan.lineage,
        base_serial: plan.base_serial,
        errored: plan.errored,
        files,
        binary_files,
        variables: Variables(plan, types),
        given: Given(plan, types),
        changes: Sequence(&plan.changes, change),
        drift: Sequence(&plan.drift, change),
        relevant: &plan.relevant,
        checks: &plan.checks,
        outputs: Sequence(&plan.outputs, move |output: &'a OutputChange| OutputForm {
            name: &output.name,
            action: output.action,
            sensitive: output.sensitive,
            before: value(&output.before),
            after: value(&output.after),
        }),
        readings: Sequence(&plan.readings, move |reading: &'a StoredReading| ReadingForm {
            key: &reading.key,
            is_gone: reading.object.is_none(),
            object: reading.object.as_ref().map(value),
            private: private(&reading.private),
            identity: reading.identity.as_ref().map(value),
        }),
        data: Sequence(&plan.data, move |data: &'a DataResult| {
            (&data.address, &data.provider, value(&data.value))
        }),
        prior_configurations: Sequence(
            &plan.prior_configurations,
            move |(address, configuration): &'a (ProviderConfigAddress, Value)| {
                (address, value(configuration))
            },
        ),
        focus: &plan.focus,
        moves: &plan.moves,
        rewrites: &plan.rewrites,
        steps: &plan.steps,
        stages: &plan.stages,
        targets: plan.targets.iter().collect(),
        recover: &plan.recover,
        warnings: &plan.warnings,
    }
}

fn files(plan: &Plan) -> (BTreeMap<&str, &str>, BTreeMap<&str, String>) {
    let mut texts = BTreeMap::new();
    let mut binaries = BTreeMap::new();
    for (name, bytes) in &plan.files {
        match std::str::from_utf8(bytes) {
            Ok(text) => texts.insert(name.as_str(), text).map(drop),
            Err(_) => binaries.insert(name.as_str(), STANDARD.encode(bytes)).map(drop),
        };
    }
    (texts, binaries)
}

fn private(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| STANDARD.encode(bytes))
}

struct VariableForm<'a> {
    name: &'a ArcStr,
    planned: &'a PlannedVariable,
    is_ephemeral: bool,
    types: &'a WrittenTypes,
}

impl Serialize for VariableForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let withheld = self.is_ephemeral.then(|| withheld(&self.planned.value));
        let value = withheld.as_ref().unwrap_or(&self.planned.value);
        let value = WriteValue { value, types: self.types };
        (self.name, self.planned.is_default, self.is_ephemeral, value).serialize(serializer)
    }
}

#[derive(Serialize)]
struct ReadingForm<'a> {
    key: &'a ObjectKey,
    /// Apart from the object, since JSON's null also stands for an object that is null.
    is_gone: bool,
    object: Option<WriteValue<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<WriteValue<'a>>,
}

#[derive(Serialize)]
struct OutputForm<'a> {
    name: &'a ArcStr,
    action: Action,
    sensitive: bool,
    before: WriteValue<'a>,
    after: WriteValue<'a>,
}

#[derive(Serialize)]
struct ChangeForm<'a> {
    address: &'a Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    deposed: Option<&'a DeposedKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_address: Option<&'a Address>,
    provider: &'a ProviderConfigAddress,
    action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ActionReason>,
    before: WriteValue<'a>,
    after: WriteValue<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replace_paths: Vec<WritePath<'a>>,
    #[serde(skip_serializing_if = "<[Cause]>::is_empty")]
    causes: &'a [Cause],
    stage: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    importing: Option<&'a Importing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generated: Option<&'a str>,
}

fn change_form<'a>(change: &'a Change, types: &'a WrittenTypes) -> ChangeForm<'a> {
    ChangeForm {
        address: &change.address,
        deposed: change.deposed.as_ref(),
        previous_address: change.previous_address.as_ref(),
        provider: &change.provider,
        action: change.action,
        reason: change.reason,
        before: WriteValue { value: &change.before, types },
        after: WriteValue { value: &change.after, types },
        replace_paths: change.replace_paths.iter().map(|path| WritePath { path, types }).collect(),
        causes: &change.causes,
        stage: change.stage,
        private: private(&change.private),
        importing: change.importing.as_ref(),
        generated: change.generated.as_deref(),
    }
}
