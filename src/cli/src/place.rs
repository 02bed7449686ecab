//! Where the state is kept: what the configuration says, what `init` settled on, and whether the two agree.
//!
//! Invariant: a state is never looked for in a place that the configuration does not name.

pub(crate) mod moving;
mod remembered;

pub(crate) use remembered::{Remembered, forget, remember, remembered};

use crate::registry;
use crate::workspaces;
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_engine::run::Configuration;
use formwork_lang::BackendBlock;
use formwork_state::storage::{Kind, Setting, SettingType, Storage, Surroundings};
use formwork_value::{Name, Value, encode_plain};
use std::sync::Arc;

/// The kind of place where nothing else is said.
const DEFAULT_KIND: &str = "local";

/// What a `backend` block says.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// Its kind of place.
    pub(crate) kind: String,
    /// Its arguments that have a value.
    pub(crate) values: Vec<(Name, Value)>,
    /// Changes whenever one of these does.
    pub(crate) digest: u32,
}

/// The place that a command works on.
pub(crate) struct Place {
    /// Its kind.
    pub(crate) kind: &'static Kind,
    /// The place itself.
    pub(crate) storage: Arc<dyn Storage>,
}

/// Backends of other engines that there are none of here.
const OTHERS: [&str; 9] = ["azurerm", "cloud", "consul", "cos", "etcdv3", "gcs", "inmem", "oci", "oss"];
/// The same, of one vendor's service.
const VENDORS: &str = "remote";

/// What is wrong with the configuration's `backend` block, wherever it is looked at.
pub(crate) fn faults(configuration: &Configuration) -> Diagnostics {
    let Some(block) = &configuration.root.settings.backend else { return Diagnostics::new() };
    let Some(kind) = registry::backend(&block.kind) else {
        return unknown_kind(&block.kind).at(block.span).into();
    };
    let place = |name: &str| {
        let argument = block.body.attribute(name);
        let written = argument.map(|argument| (argument.name_span, argument.expression.span()));
        let inner = || block.body.just_blocks().find(|(other, ..)| *other == name);
        written.or_else(|| inner().map(|(.., body)| (body.header(), body.header())))
    };
    let mut found = settings_placed(kind.check(&Value::object(values(block))), block.span, place);
    for (name, _, _) in block.body.just_blocks().filter(|(name, ..)| !has_block(kind, name)) {
        let detail =
            format!("Blocks of type \"{name}\" are not expected here, in backend \"{}\".", kind.name);
        found.push(Diagnostic::error("unsupported-block", "Unsupported block type", detail).at(block.span));
    }
    found
}

fn has_block(kind: &Kind, name: &str) -> bool {
    let is_block = |setting: &Setting| matches!(setting.value_type, SettingType::Block(_));
    kind.settings.iter().any(|setting| setting.name == name && is_block(setting))
}

/// Findings about settings, put where the argument stands that they name: its name where there is no such setting, else
/// its value; at the block's header where it has no such argument.
pub(crate) fn settings_placed(
    mut found: Diagnostics,
    header: Span,
    place: impl Fn(&str) -> Option<(Span, Span)>,
) -> Diagnostics {
    for diagnostic in &mut found {
        let argument = diagnostic.attribute.take().and_then(|name| place(&name));
        let is_name = diagnostic.code.starts_with("unsupported-");
        diagnostic.subject =
            Some(argument.map_or(header, |(name, value)| if is_name { name } else { value }));
    }
    found
}

/// That there is no such kind of place, and what to do.
pub(crate) fn unknown_kind(name: &str) -> Diagnostic {
    if OTHERS.contains(&name) || name == VENDORS {
        let detail = format!(
            "The backend \"{name}\" is another engine's. To move its state, while the configuration still names it:\n\n    tofu init\n    tofu state pull > moved.tfstate\n\nthen name another backend here, and:\n\n    formwork init\n    formwork state push moved.tfstate"
        );
        let diagnostic = Diagnostic::error("foreign-backend", "Unsupported backend type", detail);
        return diagnostic.hint(format!("There are: {}. See docs/backends.md.", names().join(", ")));
    }
    let detail = format!("There is no backend type named {name:?}.");
    let diagnostic = Diagnostic::error("unsupported-backend", "Unsupported backend type", detail);
    match formwork_lang::nearest(name, names()) {
        Some(close) => diagnostic.hint(format!("Did you mean {close:?}?")),
        None => diagnostic.hint(format!("There are: {}.", names().join(", "))),
    }
}

fn names() -> Vec<&'static str> {
    registry::backends().map(|kind| kind.name).collect()
}

fn values(block: &BackendBlock) -> Vec<(Name, Value)> {
    let kind = registry::backend(&block.kind);
    let is_argument = |name: &str| {
        let is_written_as_block = block.body.just_blocks().any(|(other, ..)| *other == name);
        !is_written_as_block || kind.is_none_or(|kind| has_block(kind, name))
    };
    let given = block.values.iter().filter(|(name, value)| !value.is_null() && is_argument(name));
    given.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What a configuration says of the place of its state, when all of it is known; nothing without a `backend` block.
pub(crate) fn written(configuration: &Configuration) -> Result<Option<Written>, Diagnostic> {
    let Some(block) = &configuration.root.settings.backend else { return Ok(None) };
    let values = values(block);
    if let Some((name, _)) = values.iter().find(|(_, value)| !value.is_wholly_known()) {
        let detail = format!(
            "The argument \"{name}\" of the backend is made of a variable that has no value, and the state is found before anything else is done."
        );
        let span = block.body.attribute(name).map_or(block.span, |argument| argument.expression.span());
        let diagnostic = Diagnostic::error("backend-variable", "Backend argument not known", detail).at(span);
        return Err(diagnostic.hint(
            "Give the variable a value with -var, in a variables file or as TF_VAR_NAME, or the argument one with -backend-config at init.",
        ));
    }
    let digest = digest(&block.kind, &values);
    Ok(Some(Written { kind: block.kind.to_string(), values, digest }))
}

/// A number that changes with what is written; of 32 bits, as OpenTofu keeps its own there.
fn digest(kind: &str, values: &[(Name, Value)]) -> u32 {
    let text = encode_plain(&Value::object(values.to_vec())).unwrap_or_default();
    let digest = formwork_state::digest(format!("{kind}{text}").as_bytes());
    digest.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

/// What a place may ask for besides its settings.
pub(crate) fn surroundings() -> Surroundings {
    let environment = |name: &str| std::env::var(name).ok();
    Surroundings {
        environment: Arc::new(environment),
        now: crate::clock::compact,
        faults: crate::fault::hook(),
    }
}

/// The place of a kind with settings.
pub(crate) fn open(name: &str, values: &[(Name, Value)]) -> Result<Place, Diagnostics> {
    let kind = registry::backend(name).ok_or_else(|| unknown_kind(name))?;
    let storage = kind.storage(&Value::object(values.to_vec()), &surroundings())?;
    Ok(Place { kind, storage })
}

/// The place where nothing is said.
pub(crate) fn default_place() -> Result<Place, Diagnostics> {
    open(DEFAULT_KIND, &[])
}

/// The place that a command other than `init` works on.
pub(crate) fn current(written: Option<&Written>) -> Result<Place, Diagnostics> {
    let remembered = remembered()?;
    let remembered = remembered.as_ref();
    if let Some(reason) = difference(written, remembered) {
        return Err(uninitialised(&reason).into());
    }
    match (remembered, written) {
        // Whoever left the block's arguments as they were may have given more at init.
        (Some(remembered), _) => open(&remembered.kind, &remembered.values),
        (None, Some(written)) => open(&written.kind, &written.values),
        (None, None) => default_place(),
    }
}

/// How what is written differs from what `init` settled on.
pub(crate) fn difference(written: Option<&Written>, remembered: Option<&Remembered>) -> Option<String> {
    match (written, remembered) {
        (None, None) => None,
        (None, Some(remembered)) => {
            Some(format!("Unsetting the previously set backend \"{}\"", remembered.kind))
        }
        // The same place as where nothing is said.
        (Some(written), None) if written.kind == DEFAULT_KIND && written.values.is_empty() => None,
        (Some(written), None) => {
            Some(format!("Initial configuration of the requested backend \"{}\"", written.kind))
        }
        (Some(written), Some(remembered)) if written.kind != remembered.kind => {
            Some(format!("Backend type changed from \"{}\" to \"{}\"", remembered.kind, written.kind))
        }
        (Some(written), Some(remembered)) => {
            // A number that another engine left says nothing: then the arguments are compared.
            let agrees = written.digest == remembered.digest || remembered.has_all(&written.values);
            (!agrees).then(|| "Backend configuration block has changed".to_owned())
        }
    }
}

/// Its words are OpenTofu's: people look for them.
fn uninitialised(reason: &str) -> Diagnostic {
    let detail = format!(
        "Reason: {reason}\n\nThe \"backend\" is the interface that Formwork uses to store state, perform operations, etc. The configuration asks for another place than the one that this folder was made ready for. No changes to your configuration or state have been made."
    );
    Diagnostic::error(
        "backend-initialization-required",
        "Backend initialization required, please run \"formwork init\"",
        detail,
    )
    .hint("Run \"formwork init\"; with -migrate-state to take the state along, with -reconfigure to use what is in the new place.")
}

/// Where an argument of `init` stands.
pub(crate) fn at(span: Option<Span>, mut found: Diagnostics) -> Diagnostics {
    for diagnostic in found.iter_mut().filter(|one| one.subject.is_none()) {
        diagnostic.subject = span;
        diagnostic.attribute = None;
    }
    found
}

/// All workspaces of a place, the default one first.
pub(crate) fn workspaces_of(storage: &dyn Storage) -> Result<Vec<String>, Diagnostic> {
    let found = storage.workspaces().map_err(|error| unanswered(storage, &error.to_string()))?;
    let mut names: Vec<String> =
        found.into_iter().filter(|name| name != workspaces::DEFAULT && workspaces::is_valid(name)).collect();
    names.sort();
    names.insert(0, workspaces::DEFAULT.to_owned());
    Ok(names)
}

/// That a place did not do what it was asked.
pub(crate) fn unanswered(storage: &dyn Storage, error: &str) -> Diagnostic {
    let detail = format!("{}: {error}.", storage.name());
    Diagnostic::error("backend-failed", "Backend did not do what it was asked", detail)
        .hint("Check that the place can be reached and written with these settings.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(kind: &str, values: &[(&str, &str)]) -> Written {
        let values: Vec<(Name, Value)> =
            values.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Written { kind: kind.to_owned(), digest: digest(kind, &values), values }
    }

    fn settled(written: &Written, more: &[(&str, &str)]) -> Remembered {
        let more = more.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let values = written.values.iter().cloned().chain(more).collect();
        Remembered { kind: written.kind.clone(), values, digest: written.digest }
    }

    #[test]
    fn a_place_is_used_as_it_was_settled_on_or_not_at_all() {
        let path = block("local", &[("path", "a")]);
        let other = block("local", &[("path", "b")]);
        let remote = block("http", &[("address", "http://a")]);
        let foreign = Remembered { digest: 7, ..settled(&path, &[]) };
        for (name, written, remembered, expected) in [
            ("nothing is said", None, None, None),
            ("the default is named", Some(&block("local", &[])), None, None),
            ("init has not run", Some(&path), None, Some("Initial configuration")),
            ("init has run", Some(&path), Some(settled(&path, &[])), None),
            ("init was told more", Some(&path), Some(settled(&path, &[("workspace_dir", "w")])), None),
            ("another engine's init has run", Some(&path), Some(foreign.clone()), None),
            ("an argument changed", Some(&other), Some(settled(&path, &[])), Some("block has changed")),
            ("an argument changed since another engine's", Some(&other), Some(foreign), Some("block has")),
            ("another kind", Some(&remote), Some(settled(&path, &[])), Some("from \"local\" to \"http\"")),
            ("the block is gone", None, Some(settled(&remote, &[])), Some("Unsetting the previously")),
        ] {
            let found = difference(written, remembered.as_ref());
            match (expected, &found) {
                (None, None) => {}
                (Some(part), Some(found)) if found.contains(part) => {}
                _ => panic!("{name}: {found:?}"),
            }
        }
    }

    #[test]
    fn other_engines_backends_are_refused_with_the_way_out() {
        for name in ["gcs", "remote"] {
            let diagnostic = unknown_kind(name);
            assert!(diagnostic.detail.contains("formwork state push"), "{name}");
        }
        assert_eq!(unknown_kind("locl").hint.as_deref(), Some("Did you mean \"local\"?"));
    }
}
