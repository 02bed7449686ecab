//! `docs`: the kinds of this program, and what each takes, from the tables that check configurations.

use crate::arguments::Docs;
use crate::failure::{Failure, Success};
use crate::registry::Registry;
use crate::render::{backends, documentation, encryption};
use crate::terminal::print;
use formwork_diagnostic::Diagnostic;
use formwork_engine::ProviderSource;
use formwork_lang::nearest;
use formwork_sdk::{KindSchema, ProviderSchema};
use formwork_state::{Mode, ProviderAddress};
use std::fmt::Write as _;
use std::sync::Arc;

/// The subject that stands for the places of states.
const BACKENDS: &str = "backends";
/// The subject that stands for how states are sealed.
const ENCRYPTION: &str = "encryption";

/// All kinds of a provider.
pub(crate) fn kinds(schema: &ProviderSchema) -> impl Iterator<Item = (Mode, &str, &KindSchema)> {
    let managed = schema.resources.iter().map(|(name, kind)| (Mode::Managed, name.as_str(), kind));
    let data = schema.data_sources.iter().map(|(name, kind)| (Mode::Data, name.as_str(), kind));
    let ephemeral = schema.ephemeral_resources.iter();
    managed.chain(data).chain(ephemeral.map(|(name, kind)| (Mode::Ephemeral, name.as_str(), kind)))
}

/// The file of a kind's page in `docs/resources`.
#[cfg(test)]
pub(crate) fn file_name(mode: Mode, name: &str) -> String {
    match mode {
        Mode::Managed => format!("{name}.md"),
        Mode::Data => format!("data-{name}.md"),
        Mode::Ephemeral => format!("ephemeral-{name}.md"),
    }
}

fn schemas() -> Vec<(ProviderAddress, Arc<ProviderSchema>)> {
    let schema = |address: ProviderAddress| Some((address.clone(), Registry.provider(&address)?.schema()));
    Registry.addresses().into_iter().filter_map(schema).collect()
}

pub(super) fn run(arguments: &Docs) -> Result<Success, Failure> {
    let Some(subject) = &arguments.subject else {
        print(&overview());
        return Ok(Success::Done);
    };
    if subject == BACKENDS {
        print(&backends::page());
        return Ok(Success::Done);
    }
    if subject == ENCRYPTION {
        print(&encryption::page());
        return Ok(Success::Done);
    }
    let prefixed = |prefix: &str, mode: Mode| Some((subject.strip_prefix(prefix)?, Some(mode)));
    let of_mode = prefixed("data.", Mode::Data).or_else(|| prefixed("ephemeral.", Mode::Ephemeral));
    let ((name, only), mut out) = (of_mode.unwrap_or((subject.as_str(), None)), String::new());
    let mut path = name.split('.');
    let type_name = path.next().unwrap_or_default();
    let path: Vec<&str> = path.collect();
    let schemas = schemas();
    for (address, schema) in &schemas {
        for (mode, name, kind) in kinds(schema) {
            if name != type_name || only.is_some_and(|only| mode != only) {
                continue;
            }
            let text = if path.is_empty() {
                Some(documentation::page(address, mode, name, kind))
            } else {
                documentation::attribute(kind, &path)
            };
            match text {
                Some(text) => out.push_str(&text),
                None => return Err(unknown_attribute(name, &path, kind).into()),
            }
        }
    }
    if out.is_empty() {
        return Err(unknown_kind(type_name, &schemas).into());
    }
    print(&out);
    Ok(Success::Done)
}

/// Everything that can be asked for.
pub(super) fn names() -> std::collections::BTreeSet<String> {
    schemas().iter().flat_map(|(_, schema)| kinds(schema)).map(|(_, name, _)| name.to_owned()).collect()
}

fn overview() -> String {
    let mut out = String::new();
    for (address, schema) in schemas() {
        let _ = writeln!(out, "{}", address.for_display());
        let width = kinds(&schema).map(|(_, name, _)| name.len() + 10).max().unwrap_or(0);
        for (mode, name, kind) in kinds(&schema) {
            let prefix = match mode {
                Mode::Managed => "",
                Mode::Data => "data.",
                Mode::Ephemeral => "ephemeral.",
            };
            let name = format!("{prefix}{name}");
            let _ = writeln!(out, "  {name:width$}  {}", kind.doc);
        }
        out.push('\n');
    }
    out.push_str("More of one: formwork docs TYPE, or formwork docs TYPE.ATTRIBUTE.\n");
    out
}

fn unknown_kind(name: &str, schemas: &[(ProviderAddress, Arc<ProviderSchema>)]) -> Diagnostic {
    let known: Vec<&str> =
        schemas.iter().flat_map(|(_, schema)| kinds(schema)).map(|(_, name, _)| name).collect();
    let detail = format!("There is no resource type and no data source {name:?} here.");
    let diagnostic = Diagnostic::error("unknown-resource-type", "Unknown type", detail);
    match nearest(name, known) {
        Some(near) => diagnostic.hint(format!("Did you mean {near:?}?")),
        None => diagnostic.hint("`formwork docs` lists all there are."),
    }
}

fn unknown_attribute(name: &str, path: &[&str], kind: &KindSchema) -> Diagnostic {
    let known = kind.block.attributes.keys().chain(kind.block.blocks.keys()).map(arcstr::ArcStr::as_str);
    let detail = format!("{name} has no argument or attribute {:?}.", path.join("."));
    let diagnostic = Diagnostic::error("unknown-attribute", "Unknown attribute", detail);
    match nearest(path.first().unwrap_or(&""), known) {
        Some(near) => diagnostic.hint(format!("Did you mean {near:?}?")),
        None => diagnostic.hint(format!("`formwork docs {name}` lists all there are.")),
    }
}
