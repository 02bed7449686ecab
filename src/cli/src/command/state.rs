//! `state`: what stands in it. The verbs that change it are in [`state_edit`].

use super::show::UNLOCKED;
use super::{state_edit, state_mend};
use crate::arguments::{State, StateIdentities, StateList, StateShow, StateVerb, View};
use crate::failure::{Failure, Success};
use crate::render::state_json::ShownState;
use crate::render::state_text;
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::Diagnostic;
use formwork_state::{Address, AddressError, LANGUAGE_VERSION, Object, ObjectKey, Selector};
use std::fmt::Write as _;

/// How the command wants things shown.
pub(super) fn view(arguments: &State) -> Option<&View> {
    match &arguments.verb {
        StateVerb::Show(show) => Some(&show.view),
        _ => None,
    }
}

/// Whether the command may ask something.
pub(super) fn may_ask(arguments: &State) -> bool {
    match &arguments.verb {
        StateVerb::ReplaceProvider(replace) => replace.input.input,
        StateVerb::Repair(repair) => repair.input.input,
        _ => false,
    }
}

pub(super) fn run(arguments: &State, terminal: Terminal) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    match &arguments.verb {
        StateVerb::List(list) => run_list(&session, list),
        StateVerb::Show(show) => run_show(&session, show),
        StateVerb::Mv(arguments) => state_edit::run_move(&session, arguments),
        StateVerb::Rm(arguments) => state_edit::run_remove(&session, arguments),
        StateVerb::Identities(identities) => run_identities(&session, identities),
        StateVerb::Pull => state_edit::run_pull(&session),
        StateVerb::Push(arguments) => state_edit::run_push(&session, arguments),
        StateVerb::ReplaceProvider(arguments) => state_edit::run_replace_provider(&session, arguments),
        StateVerb::Verify => state_mend::verify(&session),
        StateVerb::Repair(arguments) => state_mend::repair(&session, arguments),
    }
}

/// Which instances are meant.
struct Wanted<'a> {
    selectors: Vec<Selector>,
    id: Option<&'a str>,
}

impl Wanted<'_> {
    fn has(&self, key: &ObjectKey, object: &Object) -> bool {
        let selectors = &self.selectors;
        (selectors.is_empty() || selectors.iter().any(|one| one.contains(&key.address)))
            && self.id.is_none_or(|id| has_id(object, id))
    }
}

/// What of an object tells its id.
#[derive(serde::Deserialize)]
struct Identified {
    id: Option<serde_json::Value>,
}

fn has_id(object: &Object, id: &str) -> bool {
    let found = serde_json::from_str::<Identified>(object.attributes.get()).ok().and_then(|one| one.id);
    found.is_some_and(|found| found == id || (found.is_number() && found.to_string().as_str() == id))
}

fn run_list(session: &Session, arguments: &StateList) -> Result<Success, Failure> {
    let selectors = state_edit::selectors(session, &arguments.addresses)?;
    let wanted = Wanted { selectors, id: arguments.id.as_deref() };
    let store = session.store("state list", &UNLOCKED)?;
    let folded = store.folded();
    let mut addresses: Vec<(usize, &Address)> = folded
        .state
        .objects()
        .filter(|(key, object)| wanted.has(key, object))
        .map(|(key, _)| (key.address.module().steps().len(), &key.address))
        .collect();
    addresses.sort();
    addresses.dedup();
    let mut text = String::new();
    for (_, address) in addresses {
        let _ = writeln!(text, "{address}");
    }
    print(&text);
    Ok(Success::Done)
}

/// Identities by address; objects without one are not in it.
fn run_identities(session: &Session, arguments: &StateIdentities) -> Result<Success, Failure> {
    let selectors = state_edit::selectors(session, &arguments.addresses)?;
    let wanted = Wanted { selectors, id: arguments.id.as_deref() };
    let store = session.store("state identities", &UNLOCKED)?;
    let folded = store.folded();
    let mut document = serde_json::Map::new();
    for (key, object) in folded.state.objects().filter(|(key, object)| wanted.has(key, object)) {
        if let Some(identity) = &object.identity {
            let version = object.identity_schema_version.unwrap_or_default();
            let shown = serde_json::json!({ "identity_schema_version": version, "identity": identity });
            document.insert(key.address.to_string(), shown);
        }
    }
    print(&format!("{:#}\n", serde_json::Value::Object(document)));
    Ok(Success::Done)
}

fn run_show(session: &Session, arguments: &StateShow) -> Result<Success, Failure> {
    let listed = "Run state list to see the addresses there are. Quote those with keys for your shell.";
    let address: Address = arguments.address.parse().map_err(|error: AddressError| {
        let detail = format!("{:?} is no address of an instance: {error}.", arguments.address);
        session.refused(Diagnostic::error("invalid-address", "Invalid resource address", detail).hint(listed))
    })?;
    let store = session.store("state show", &UNLOCKED)?;
    let mut shown = session.shown_state(&store.folded().state);
    if arguments.show_sensitive {
        shown = shown.in_clear();
    }
    let found = shown.objects.iter().position(|object| object.address == address && object.deposed.is_none());
    let place = found.ok_or_else(|| {
        let detail = "This command requires that the address references one specific instance.";
        session.refused(
            Diagnostic::error("no-instance", "No instance found for the given address", detail).hint(listed),
        )
    })?;
    let object = shown.objects.swap_remove(place);
    print(&if arguments.json {
        let alone = ShownState { objects: vec![object], outputs: Vec::new(), checks: Vec::new() };
        format!("{}\n", alone.to_json(LANGUAGE_VERSION))
    } else {
        state_text::object(&object, &session.schemas, session.terminal.layout.palette)
    });
    Ok(Success::Done)
}
