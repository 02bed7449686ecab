//! Reading a plan.
//!
//! Invariant: values are decoded in the order of [`super::write`]'s fields.

use super::damaged;
use super::value::{ReadPath, ReadTypes};
use crate::checks::CheckResult;
use crate::focus::Focus;
use crate::model::{
    Action, ActionReason, Cause, Change, DataResult, Importing, Move, OutputChange, Plan, PlannedVariable,
    RelevantAttribute, Rewrites, RunMode, Stage, Step, StoredReading,
};
use arcstr::ArcStr;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_state::{Address, BlockAddress, DeposedKey, Key, ObjectKey, ProviderConfigAddress};
use formwork_value::Value;
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Reads the plan itself.
pub(super) fn read_plan(raw: &RawValue) -> Result<Plan, Diagnostic> {
    plan(raw).map_err(|_| damaged("A part of it is not what this version would have written."))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanForm<'a> {
    mode: RunMode,
    timestamp: String,
    lineage: String,
    base_serial: u64,
    errored: bool,
    files: BTreeMap<String, String>,
    #[serde(borrow)]
    binary_files: BTreeMap<String, &'a str>,
    #[serde(borrow)]
    variables: Vec<(ArcStr, bool, bool, &'a RawValue)>,
    #[serde(borrow)]
    given: Vec<(ArcStr, &'a RawValue)>,
    #[serde(borrow)]
    changes: Vec<ChangeForm<'a>>,
    #[serde(borrow)]
    drift: Vec<ChangeForm<'a>>,
    relevant: Vec<RelevantAttribute>,
    checks: Vec<CheckResult>,
    #[serde(borrow)]
    outputs: Vec<OutputForm<'a>>,
    #[serde(borrow)]
    readings: Vec<ReadingForm<'a>>,
    #[serde(borrow)]
    data: Vec<(Text<'a>, Text<'a>, &'a RawValue)>,
    #[serde(borrow)]
    prior_configurations: Vec<(Text<'a>, &'a RawValue)>,
    #[serde(default)]
    focus: Focus,
    #[serde(default)]
    moves: Vec<Move>,
    #[serde(default)]
    rewrites: Rewrites,
    steps: Vec<Step>,
    stages: Vec<Stage>,
    targets: Vec<(String, formwork_sdk::Target)>,
    recover: Vec<ObjectKey>,
    warnings: Diagnostics,
}

/// Text that is borrowed unless it has escapes; serde borrows a bare `Cow` only as a field.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadingForm<'a> {
    key: ObjectKey,
    is_gone: bool,
    #[serde(borrow)]
    object: &'a RawValue,
    #[serde(default, borrow)]
    private: Option<&'a str>,
    #[serde(default, borrow)]
    identity: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputForm<'a> {
    name: ArcStr,
    action: Action,
    sensitive: bool,
    #[serde(borrow)]
    before: &'a RawValue,
    #[serde(borrow)]
    after: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeForm<'a> {
    #[serde(borrow)]
    address: Cow<'a, str>,
    #[serde(default)]
    deposed: Option<DeposedKey>,
    #[serde(default)]
    previous_address: Option<Address>,
    #[serde(borrow)]
    provider: Cow<'a, str>,
    action: Action,
    #[serde(default)]
    reason: Option<ActionReason>,
    #[serde(borrow)]
    before: &'a RawValue,
    #[serde(borrow)]
    after: &'a RawValue,
    #[serde(default, borrow)]
    replace_paths: Vec<ReadPath<'a>>,
    #[serde(default)]
    causes: Vec<Cause>,
    stage: u32,
    #[serde(default, borrow)]
    private: Option<&'a str>,
    #[serde(default)]
    importing: Option<Importing>,
    #[serde(default)]
    generated: Option<String>,
}

fn plan(raw: &RawValue) -> serde_json::Result<Plan> {
    let form: PlanForm<'_> = serde_json::from_str(raw.get())?;
    let mut reader = Reader::default();
    let (variables, ephemeral_variables) = reader.variables(form.variables)?;
    Ok(Plan {
        mode: form.mode,
        timestamp: form.timestamp,
        lineage: form.lineage,
        base_serial: form.base_serial,
        files: files(form.files, form.binary_files)?,
        variables,
        ephemeral_variables,
        given: all(form.given, |(name, value)| Ok((name, reader.types.value(value)?)))?.into_iter().collect(),
        changes: all(form.changes, |change| reader.change(change))?,
        drift: all(form.drift, |change| reader.change(change))?,
        relevant: form.relevant,
        checks: form.checks,
        outputs: all(form.outputs, |output| reader.output(output))?,
        readings: all(form.readings, |reading| reader.reading(reading))?,
        data: all(form.data, |(address, provider, value)| {
            let address = reader.address(&address.0)?;
            Ok(DataResult {
                address,
                provider: reader.provider(&provider.0)?,
                value: reader.types.value(value)?,
            })
        })?,
        prior_configurations: all(form.prior_configurations, |(address, configuration)| {
            Ok((reader.provider(&address.0)?, reader.types.value(configuration)?))
        })?,
        focus: form.focus,
        moves: form.moves,
        rewrites: form.rewrites,
        steps: form.steps,
        stages: form.stages,
        targets: form.targets.into_iter().collect(),
        recover: form.recover,
        warnings: form.warnings,
        errored: form.errored,
    })
}

fn all<T, U>(forms: Vec<T>, read: impl FnMut(T) -> serde_json::Result<U>) -> serde_json::Result<Vec<U>> {
    forms.into_iter().map(read).collect()
}

fn files(
    texts: BTreeMap<String, String>,
    binaries: BTreeMap<String, &str>,
) -> serde_json::Result<BTreeMap<String, Vec<u8>>> {
    let mut files: BTreeMap<String, Vec<u8>> =
        texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    for (name, encoded) in binaries {
        files.insert(name, bytes(Some(encoded))?);
    }
    Ok(files)
}

fn bytes(encoded: Option<&str>) -> serde_json::Result<Vec<u8>> {
    STANDARD.decode(encoded.unwrap_or("")).map_err(serde_json::Error::custom)
}

/// What parts of the plan share: types by number, blocks and provider configurations by text.
#[derive(Default)]
struct Reader {
    types: ReadTypes,
    blocks: FxHashMap<String, BlockAddress>,
    providers: FxHashMap<String, ProviderConfigAddress>,
}

type Variables = IndexMap<ArcStr, PlannedVariable>;

impl Reader {
    /// The variables, and the names of those that were not written.
    fn variables(
        &mut self,
        forms: Vec<(ArcStr, bool, bool, &RawValue)>,
    ) -> serde_json::Result<(Variables, Vec<ArcStr>)> {
        let mut variables = Variables::with_capacity(forms.len());
        let mut ephemeral = Vec::new();
        for (name, is_default, is_ephemeral, raw) in forms {
            let value: Value = self.types.value(raw)?;
            if is_ephemeral {
                ephemeral.push(name.clone());
            }
            variables.insert(name, PlannedVariable { value, is_default });
        }
        Ok((variables, ephemeral))
    }

    fn reading(&mut self, form: ReadingForm<'_>) -> serde_json::Result<StoredReading> {
        let object = if form.is_gone { None } else { Some(self.types.value(form.object)?) };
        let identity = form.identity.map(|identity| self.types.value(identity)).transpose()?;
        Ok(StoredReading { key: form.key, object, private: bytes(form.private)?, identity })
    }

    fn output(&mut self, form: OutputForm<'_>) -> serde_json::Result<OutputChange> {
        Ok(OutputChange {
            name: form.name,
            action: form.action,
            before: self.types.value(form.before)?,
            after: self.types.value(form.after)?,
            sensitive: form.sensitive,
        })
    }

    fn change(&mut self, form: ChangeForm<'_>) -> serde_json::Result<Change> {
        Ok(Change {
            address: self.address(&form.address)?,
            deposed: form.deposed,
            previous_address: form.previous_address,
            provider: self.provider(&form.provider)?,
            action: form.action,
            reason: form.reason,
            before: self.types.value(form.before)?,
            after: self.types.value(form.after)?,
            replace_paths: all(form.replace_paths, |path| self.types.path(path))?,
            causes: form.causes,
            stage: form.stage,
            private: bytes(form.private)?,
            importing: form.importing,
            generated: form.generated,
        })
    }

    /// An address; the instances of a block share its names.
    fn address(&mut self, text: &str) -> serde_json::Result<Address> {
        let numbered = text.strip_suffix(']').and_then(|text| text.rsplit_once('['));
        let (block, key) = match numbered.and_then(|(block, digits)| Some((block, digits.parse().ok()?))) {
            Some((block, index)) => (block, Key::Int(index)),
            None if text.ends_with(']') => return text.parse().map_err(serde_json::Error::custom),
            None => (text, Key::None),
        };
        if let Some(known) = self.blocks.get(block) {
            return Ok(known.instance(key));
        }
        let parsed: BlockAddress = block.parse().map_err(serde_json::Error::custom)?;
        self.blocks.insert(block.to_owned(), parsed.clone());
        Ok(parsed.instance(key))
    }

    fn provider(&mut self, text: &str) -> serde_json::Result<ProviderConfigAddress> {
        if let Some(known) = self.providers.get(text) {
            return Ok(known.clone());
        }
        let parsed: ProviderConfigAddress = text.parse().map_err(serde_json::Error::custom)?;
        self.providers.insert(text.to_owned(), parsed.clone());
        Ok(parsed)
    }
}
