//! What a kind's schema says, as a page in Markdown.

use formwork_sdk::{
    Attribute, Block, Change, Disruption, KindSchema, NestedBlock, Nesting, Permission, Presence, Recovery,
};
use formwork_state::{Mode, ProviderAddress};
use formwork_value::Value;
use std::fmt::Write as _;

/// The page of a kind.
pub(crate) fn page(provider: &ProviderAddress, mode: Mode, name: &str, kind: &KindSchema) -> String {
    let word = match mode {
        Mode::Managed => "resource",
        Mode::Data => "data source",
        Mode::Ephemeral => "ephemeral resource",
    };
    let mut out = format!("# {name} ({word})\n\n{} Provider: `{}`.\n", kind.doc, provider.for_display());
    if !kind.example.is_empty() {
        let _ = write!(out, "\n## Example\n\n```hcl\n{}```\n", kind.example);
    }
    block(&mut out, "", &kind.block);
    if mode == Mode::Managed {
        life(&mut out, kind);
    }
    permissions(&mut out, "Reading it needs", &kind.read_permissions);
    permissions(&mut out, "Changing it needs", &kind.write_permissions);
    out
}

/// What is known of one attribute, or block of attributes.
pub(crate) fn attribute(kind: &KindSchema, path: &[&str]) -> Option<String> {
    let (last, above) = path.split_last()?;
    let inner = above.iter().try_fold(&kind.block, |block, name| Some(&block.blocks.get(*name)?.block))?;
    if let Some(found) = inner.attributes.get(*last) {
        return Some(format!("{}\n", line(last, found)));
    }
    let nested = inner.blocks.get(*last)?;
    let mut out = format!("`{last}`: {}.\n", occurrence(nested));
    block(&mut out, last, &nested.block);
    Some(out)
}

fn block(out: &mut String, name: &str, block: &Block) {
    let place = if name.is_empty() { String::new() } else { format!(" of `{name}`") };
    let is_argument = |one: &Attribute| one.presence != Presence::Computed;
    let (arguments, computed): (Vec<_>, Vec<_>) =
        block.attributes.iter().partition(|(_, attribute)| is_argument(attribute));
    for (title, list) in [("Arguments", arguments), ("Attributes", computed)] {
        if list.is_empty() && (block.blocks.is_empty() || title == "Attributes") {
            continue;
        }
        let _ = write!(out, "\n## {title}{place}\n\n");
        for (name, attribute) in list {
            let _ = writeln!(out, "- {}", line(name, attribute));
        }
        if title == "Arguments" {
            for (name, nested) in &block.blocks {
                let _ = writeln!(out, "- `{name}` ({})", occurrence(nested));
            }
        }
    }
    for (inner, nested) in &block.blocks {
        let whole = if name.is_empty() { inner.to_string() } else { format!("{name}.{inner}") };
        self::block(out, &whole, &nested.block);
    }
}

fn line(name: &str, attribute: &Attribute) -> String {
    let mut words = vec![attribute.value_type.to_string()];
    match attribute.presence {
        Presence::Required => words.push("required".to_owned()),
        Presence::Optional | Presence::OptionalComputed => words.push("optional".to_owned()),
        Presence::Computed => {}
    }
    if let Some(default) = &attribute.default {
        words.push(format!("default `{}`", plain(default)));
    }
    if attribute.change == Change::Replace {
        words.push("a change replaces the object".to_owned());
    }
    if attribute.sensitive {
        words.push("sensitive".to_owned());
    }
    if attribute.write_only {
        words.push("never stored".to_owned());
    }
    let deprecated = match attribute.deprecated {
        None => String::new(),
        Some("") => " Deprecated.".to_owned(),
        Some(instead) => format!(" Deprecated: {instead}"),
    };
    format!("`{name}` ({}): {}{deprecated}", words.join(", "), attribute.doc)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("\"{text}\""))
}

fn occurrence(nested: &NestedBlock) -> String {
    match (nested.nesting, nested.min_items, nested.max_items) {
        (Nesting::Single | Nesting::Group, 1.., _) | (Nesting::List | Nesting::Set, 1, 1) => {
            "block, once".to_owned()
        }
        (Nesting::Single | Nesting::Group, _, _) | (Nesting::List | Nesting::Set, 0, 1) => {
            "block, at most once".to_owned()
        }
        (Nesting::Map, _, _) => "block, once a label".to_owned(),
        (_, 0, 0) => "block, any number of times".to_owned(),
        (_, least, 0) => format!("block, at least {least} times"),
        (_, least, most) => format!("block, {least} to {most} times"),
    }
}

fn life(out: &mut String, kind: &KindSchema) {
    out.push_str("\n## Life\n\n");
    let recovery = match kind.recovery {
        Recovery::Replay => "the same call is sent again with the same token, which makes one object",
        Recovery::Find => "the object is found by the token that it carries",
        Recovery::NaturalKey => "the object is found by its name, and must carry our mark",
        Recovery::Import => {
            "the object is read again, or imported by its identity or by the id of a `recover` block; else as with one of which nobody can know"
        }
        Recovery::Ask => {
            "nobody can know what came of the call: the run says so, and only what depends on it waits"
        }
    };
    let _ = writeln!(out, "- After a crash or a lost reply: {recovery}.");
    if kind.holds_data {
        out.push_str("- It holds data: a rollback does not delete it unless that is allowed by name.\n");
    }
    match kind.disruption {
        Disruption::None => {}
        Disruption::Restart => out.push_str("- A change restarts what runs on it.\n"),
        Disruption::Outage => out.push_str("- A change can stop what depends on it.\n"),
    }
    if kind.dies_with_container {
        out.push_str("- It dies with what its provider is configured from.\n");
    }
    let _ = writeln!(out, "- A create, update or delete may take {} minutes.", kind.time_limit_ms / 60_000);
    let import = if kind.import_id.is_empty() { "it cannot be imported." } else { kind.import_id };
    let _ = writeln!(out, "- Import id: {import}");
    if let Some(identity) = &kind.identity {
        let names: Vec<String> = identity
            .attributes
            .iter()
            .map(|(name, one)| format!("`{name}`{}", if one.is_required { "" } else { " (optional)" }))
            .collect();
        let _ =
            writeln!(out, "- Identity, which an import may name in place of an id: {}.", names.join(", "));
    }
}

fn permissions(out: &mut String, title: &str, list: &[Permission]) {
    if list.is_empty() {
        return;
    }
    let _ = write!(out, "\n## {title}\n\n");
    for Permission(words) in list {
        let _ = writeln!(out, "- {words}");
    }
}

#[cfg(test)]
mod tests {
    use crate::registry::Registry;
    use formwork_engine::ProviderSource;
    use std::collections::BTreeMap;
    use std::path::Path;

    /// Every page by its file name.
    fn pages() -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for address in Registry.addresses() {
            let schema = Registry.provider(&address).unwrap().schema();
            for (mode, name, kind) in crate::command::docs::kinds(&schema) {
                let file = crate::command::docs::file_name(mode, name);
                assert!(!kind.example.is_empty(), "{name} has no example");
                found.insert(file, super::page(&address, mode, name, kind));
            }
        }
        found
    }

    #[test]
    fn the_pages_in_docs_are_those_of_the_schemas() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/resources");
        let pages = pages();
        if std::env::var_os("FORMWORK_WRITE_DOCS").is_some() {
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
            for (name, text) in &pages {
                std::fs::write(folder.join(name), text).unwrap();
            }
        }
        let mut stored = BTreeMap::new();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            stored.insert(name, std::fs::read_to_string(&path).unwrap());
        }
        assert!(stored == pages, "docs/resources is stale: run the test with FORMWORK_WRITE_DOCS=1");
    }
}
