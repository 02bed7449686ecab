//! The history, for people and for programs. No sensitive variable is shown in either.

use formwork_state::history::{Document, Entry, Origin, PlanRecord, Step, unpack};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// An entry by its number, or why it cannot be read.
pub(crate) type Listed = (u64, Result<Document, String>);

/// A table of entries as they are given.
pub(crate) fn table(documents: &[Listed]) -> String {
    if documents.is_empty() {
        return "The history has no entries.\n".to_owned();
    }
    let mut rows = vec![["ENTRY", "BEGUN", "WHO", "WHAT", "RESULT", "OBJECTS"].map(ToOwned::to_owned)];
    rows.extend(documents.iter().map(|(number, document)| match document {
        Ok(document) => row(&document.entry),
        Err(reason) => [
            number.to_string(),
            String::new(),
            String::new(),
            String::new(),
            "unreadable".into(),
            reason.clone(),
        ],
    }));
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().fold(String::new(), |mut text, row| {
        let line: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{}", line.join("  ").trim_end());
        text
    })
}

fn row(entry: &Entry) -> [String; 6] {
    [
        entry.number.to_string(),
        entry.begun.clone(),
        who(&entry.origin),
        what(entry),
        entry.result.clone(),
        objects(entry),
    ]
}

fn who(origin: &Origin) -> String {
    match &origin.pipeline {
        Some(pipeline) => {
            let actor = if pipeline.actor.is_empty() { &origin.user } else { &pipeline.actor };
            format!("{actor} ({} {})", pipeline.system, pipeline.run)
        }
        None => format!("{}@{}", origin.user, origin.host),
    }
}

fn what(entry: &Entry) -> String {
    let mode = entry.plan.as_ref().map_or("", |plan| plan.mode.as_str());
    match mode {
        "destroy" => "destroy".to_owned(),
        "refresh-only" => format!("{} -refresh-only", entry.origin.verb),
        _ => entry.origin.verb.clone(),
    }
}

fn objects(entry: &Entry) -> String {
    let counts = &entry.counts;
    let figures = [
        (counts.imported, "imported"),
        (counts.added, "added"),
        (counts.changed, "changed"),
        (counts.destroyed, "destroyed"),
        (counts.forgotten, "forgotten"),
        (counts.failed, "failed"),
    ];
    let some: Vec<String> = figures
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if some.is_empty() && !entry.edits.is_empty() {
        return format!("{} edited", entry.edits.len());
    }
    some.join(", ")
}

/// One entry in full.
pub(crate) fn entry_text(document: &Document, with_files: bool) -> String {
    let entry = &document.entry;
    let mut text = format!("Entry {}: {}, {}\n\n", entry.number, what(entry), entry.result);
    let state = format!(
        "serial {} to {} of lineage {}",
        entry.state.before.serial, entry.state.after.serial, entry.lineage
    );
    line(&mut text, "Run", &entry.run);
    line(&mut text, "Begun", &entry.begun);
    line(&mut text, "Ended", &entry.ended);
    origin(&mut text, &entry.origin);
    if let Some(other) = &entry.ended_by {
        line(&mut text, "Ended by", &format!("{}, process {}: {}", who(other), other.pid, other.command));
    }
    line(&mut text, "State", &state);
    line(&mut text, "Objects", &objects(entry));
    line(&mut text, "Digest", &document.digest);
    line(&mut text, "Follows", &entry.previous);
    if let Some(plan) = &entry.plan {
        of_plan(&mut text, plan);
    }
    if !entry.steps.is_empty() {
        text.push_str("\nSteps:\n");
        entry.steps.iter().for_each(|step| step_line(&mut text, step));
    }
    if !entry.edits.is_empty() {
        text.push_str("\nEdits of the state:\n");
        for edit in &entry.edits {
            let to = edit.to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
            let _ = writeln!(text, "  {} {}{to}", edit.action, edit.address);
        }
    }
    if let Some(plan) = entry.plan.as_ref().filter(|_| with_files) {
        for (path, bytes) in unpack(&plan.texts).unwrap_or_default() {
            let _ = write!(text, "\n--- {path}\n{}", String::from_utf8_lossy(&bytes));
        }
    }
    text
}

fn line(text: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let _ = writeln!(text, "  {:<10} {value}", format!("{name}:"));
    }
}

fn origin(text: &mut String, origin: &Origin) {
    line(text, "Who", &format!("{}@{}, process {}", origin.user, origin.host, origin.pid));
    if let Some(pipeline) = &origin.pipeline {
        let words = [&pipeline.system, &pipeline.run, &pipeline.url, &pipeline.actor, &pipeline.commit];
        let words: Vec<&str> =
            words.iter().map(|word| word.as_str()).filter(|word| !word.is_empty()).collect();
        line(text, "Pipeline", &words.join(" "));
    }
    line(text, "Command", &origin.command);
    line(text, "Workspace", &origin.workspace);
    line(text, "Folder", &origin.folder);
    if let Some(checkout) = &origin.checkout {
        let dirty = match checkout.is_dirty {
            Some(true) => ", with changes",
            Some(false) => ", without changes",
            None => "",
        };
        line(text, "Commit", &format!("{} {}{dirty}", checkout.commit, checkout.branch));
    }
    line(text, "Version", &origin.version);
}

fn of_plan(text: &mut String, plan: &PlanRecord) {
    line(text, "Plan", &plan.digest);
    line(text, "Targets", &plan.targets.join(" "));
    line(text, "Excluded", &plan.excludes.join(" "));
    text.push_str("\nConfiguration:\n");
    for file in &plan.files {
        let kept = if file.is_kept { "" } else { "  (digest alone)" };
        let _ = writeln!(text, "  {}  {}{kept}", file.digest, file.path);
    }
    if plan.variables.is_empty() && plan.withheld.is_empty() {
        return;
    }
    text.push_str("\nVariables given:\n");
    for (name, value) in shown_variables(plan) {
        let value = if value.is_null() { "(sensitive value)".to_owned() } else { value["value"].to_string() };
        let _ = writeln!(text, "  {name} = {value}");
    }
    for name in &plan.withheld {
        let _ = writeln!(text, "  {name}: not kept");
    }
}

/// By name; null for those that are sensitive.
fn shown_variables(plan: &PlanRecord) -> impl Iterator<Item = (&String, Value)> {
    plan.variables.iter().map(|(name, raw)| {
        let is_sensitive = plan.sensitive.contains(name);
        let value = if is_sensitive { None } else { serde_json::from_str(raw.get()).ok() };
        (name, value.unwrap_or_default())
    })
}

fn step_line(text: &mut String, step: &Step) {
    let accepted = step.accepted.as_ref().map(|id| format!(", accepted as {id}")).unwrap_or_default();
    let requests = if step.requests.is_empty() {
        String::new()
    } else {
        format!(", requests {}", step.requests.join(" "))
    };
    let undoing = if step.is_rollback { " (rollback)" } else { "" };
    let _ = writeln!(
        text,
        "  {} {:<9} {}: {}{undoing}{accepted}, token {}{requests}",
        step.begun, step.action, step.address, step.outcome, step.token
    );
}

/// One entry as a program reads it.
pub(crate) fn entry_as_json(document: &Document) -> String {
    format!("{}\n", shown(document, true))
}

fn shown(document: &Document, with_texts: bool) -> Value {
    let mut entry = serde_json::to_value(&document.entry).unwrap_or_default();
    if let (Some(plan), Some(shown)) = (&document.entry.plan, entry.get_mut("plan")) {
        shown["variables"] = shown_variables(plan).map(|(name, value)| (name.clone(), value)).collect();
        if !with_texts && let Some(shown) = shown.as_object_mut() {
            shown.remove("texts");
        }
    }
    json!({ "digest": document.digest, "is_intact": document.is_intact, "entry": entry })
}

/// All entries as a program reads them, without the texts of their configurations.
pub(crate) fn as_json(documents: &[Listed]) -> String {
    let entries: Vec<Value> = documents
        .iter()
        .map(|(number, document)| match document {
            Ok(document) => shown(document, false),
            Err(reason) => json!({ "number": number, "error": reason }),
        })
        .collect();
    format!("{}\n", json!({ "format_version": "1.0", "entries": entries }))
}
