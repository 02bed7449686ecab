//! What the history of a state keeps of a plan, and the way back from there to a configuration.
//!
//! Invariant: no sensitive variable is kept where nothing is encrypted, and no ephemeral one anywhere.

use crate::focus::Focus;
use crate::model::{Plan, RunMode};
use crate::run::{Configuration, load_with};
use crate::variables::{Given, GivenVariable};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::{MemorySource, Module, Source};
use formwork_state::digest;
use formwork_state::history::{Entry, PlanRecord, StoredFile, pack, unpack};
use formwork_value::{MarkKind, Type, Value, json};
use indexmap::IndexMap;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files larger than this are kept by their digest alone.
const KEPT_BYTES: usize = 1024 * 1024;

/// What is kept of a plan whose bytes are these.
pub(crate) fn plan_record(plan: &Plan, bytes: &str, root: &Module, seals: bool) -> PlanRecord {
    let kept = |path: &str, text: &[u8]| is_of_the_configuration(path) && text.len() <= KEPT_BYTES;
    let file = |(path, text): (&String, &Vec<u8>)| StoredFile {
        path: path.clone(),
        digest: digest(text),
        is_kept: kept(path, text),
    };
    let texts = plan.files.iter().map(|(path, text)| (path.as_str(), text.as_slice()));
    let selectors =
        |selectors: &[formwork_state::Selector]| selectors.iter().map(ToString::to_string).collect();
    let Focus { targets, excludes } = &plan.focus;
    let mut record = PlanRecord {
        digest: digest(bytes.as_bytes()),
        mode: word(plan.mode).to_owned(),
        targets: selectors(targets),
        excludes: selectors(excludes),
        files: plan.files.iter().map(file).collect(),
        // Texts that cannot be packed are missed by whoever wants to go back, and told of then.
        texts: pack(texts.filter(|(path, text)| kept(path, text))).unwrap_or_default(),
        ..PlanRecord::default()
    };
    keep_variables(&mut record, plan, root, seals);
    record
}

fn keep_variables(record: &mut PlanRecord, plan: &Plan, root: &Module, seals: bool) {
    for (name, value) in &plan.given {
        let is_declared_sensitive = root.variables.get(name).is_some_and(|variable| variable.sensitive);
        let is_sensitive = is_declared_sensitive || value.has_mark_deep(MarkKind::Sensitive);
        let stored = stored(value).filter(|_| seals || !is_sensitive);
        match stored {
            Some(stored) => {
                record.sensitive.extend(is_sensitive.then(|| name.to_string()));
                record.variables.insert(name.to_string(), stored);
            }
            None => record.withheld.push(name.to_string()),
        }
    }
    let ephemeral = root.variables.values().filter(|variable| variable.ephemeral);
    record.withheld.extend(ephemeral.map(|variable| variable.name.to_string()));
}

fn stored(value: &Value) -> Option<Box<RawValue>> {
    let text = json::encode(&value.unmark_deep().0, &Type::Dynamic).ok()?;
    RawValue::from_string(text).ok()
}

/// Whether a file is the configuration's own: in its folder, or a module beside it. Variables files never are.
fn is_of_the_configuration(path: &str) -> bool {
    const OF_MODULES: [&str; 4] = [".tf", ".tf.json", ".tofu", ".tofu.json"];
    let is_module = OF_MODULES.iter().any(|end| path.ends_with(end));
    let is_outside = path.starts_with('/') || path.starts_with('~') || path.starts_with("..");
    let is_of_variables = path.ends_with(".tfvars") || path.ends_with(".tfvars.json");
    !is_of_variables && (is_module || !is_outside)
}

fn word(mode: RunMode) -> &'static str {
    match mode {
        RunMode::Normal => "normal",
        RunMode::Destroy => "destroy",
        RunMode::RefreshOnly => "refresh-only",
    }
}

/// A configuration of an earlier entry, and what was given for its variables.
pub struct Earlier {
    /// It; its variables are not decided yet.
    pub configuration: Configuration,
    /// What was given, as far as it was kept.
    pub given: IndexMap<ArcStr, GivenVariable>,
    /// Variables that were given and not kept: to be given again.
    pub withheld: Vec<ArcStr>,
}

/// The configuration and the variables of an entry. Files that it keeps no text of are read where they are today, and
/// must be the same.
pub fn earlier(entry: &Entry, today: &dyn Source) -> Result<(Earlier, Diagnostics), Diagnostic> {
    let number = entry.number;
    let plan = entry.plan.as_ref().ok_or_else(|| without_plan(number))?;
    let mut files = unpack(&plan.texts).map_err(|reason| damaged(number, &reason))?;
    complete(&mut files, plan, today, number)?;
    let files: Arc<dyn Source> = Arc::new(MemorySource(files));
    let (configuration, found) = load_with(&files, None);
    let mut given = IndexMap::new();
    for (name, raw) in &plan.variables {
        let Some(variable) = configuration.root.variables.get(name.as_str()) else { continue };
        let value = json::decode(raw.get(), &Type::Dynamic);
        let value = value.map_err(|error| damaged(number, &error.to_string()))?;
        let given_then = Given::Value(value, variable.span);
        let origin = format!("entry {number} of the history");
        given.insert(variable.name.clone(), GivenVariable { given: given_then, origin });
    }
    let withheld = plan.withheld.iter().map(|name| ArcStr::from(name.as_str())).collect();
    Ok((Earlier { configuration, given, withheld }, found))
}

fn complete(
    files: &mut BTreeMap<String, Vec<u8>>,
    plan: &PlanRecord,
    today: &dyn Source,
    number: u64,
) -> Result<(), Diagnostic> {
    for file in &plan.files {
        if let Some(text) = files.get(&file.path) {
            if digest(text) != file.digest {
                return Err(damaged(
                    number,
                    &format!("the text of {} is not the one whose digest it has", file.path),
                ));
            }
            continue;
        }
        let text = today.read(&file.path).ok().filter(|text| digest(text) == file.digest);
        files.insert(file.path.clone(), text.ok_or_else(|| changed_since(number, &file.path))?);
    }
    Ok(())
}

fn without_plan(number: u64) -> Diagnostic {
    let detail =
        format!("Entry {number} is an edit of the state by hand, which has no configuration to go back to.");
    Diagnostic::error("history-without-plan", "Entry has no configuration", detail)
        .hint("Name the entry of an apply: formwork history lists them.")
}

fn damaged(number: u64, reason: &str) -> Diagnostic {
    let detail = format!("Entry {number} does not hold what it says: {reason}.");
    Diagnostic::error("history-damaged", "History is damaged", detail)
        .hint("Run formwork history verify, and restore the entry from a copy.")
}

fn changed_since(number: u64, path: &str) -> Diagnostic {
    let detail = format!(
        "{path}, which the configuration of entry {number} reads, is too large or lies outside of its folder, so only its digest was kept, and it is not there any more as it was."
    );
    Diagnostic::error("history-file-changed", "File is not what it was", detail)
        .hint("Put the file back as it was then, and try again.")
}
