//! What stands above an object in a plan: its symbol, what will happen to it, and why.

use super::palette::{Look, Palette};
use formwork_engine::{Action, ActionReason, Change, Importing};
use formwork_state::Key;
use std::fmt::Write as _;

/// Where a change comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The plan makes it.
    Plan,
    /// It was found.
    Drift,
}

/// The symbol of an action, three columns wide.
pub(crate) fn symbol(action: Action, palette: Palette) -> String {
    let paint = |look, text| palette.paint(look, text);
    match action {
        Action::NoOp => "   ".to_owned(),
        Action::Create => format!("  {}", paint(Look::Green, "+")),
        Action::Update => format!("  {}", paint(Look::Yellow, "~")),
        Action::Delete => format!("  {}", paint(Look::Red, "-")),
        Action::DeleteThenCreate => format!("{}/{}", paint(Look::Red, "-"), paint(Look::Green, "+")),
        Action::CreateThenDelete => format!("{}/{}", paint(Look::Green, "+"), paint(Look::Red, "-")),
        Action::Read => format!(" {}", paint(Look::Cyan, "<=")),
        Action::Forget => format!("  {}", paint(Look::Red, ".")),
        Action::ForgetThenCreate => format!("  {}/{}", paint(Look::Red, "."), paint(Look::Green, "+")),
    }
}

/// The word of an action, for an envelope.
pub(crate) fn word(action: Action) -> &'static str {
    match action {
        Action::NoOp => "keep",
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "destroy",
        Action::DeleteThenCreate | Action::CreateThenDelete | Action::ForgetThenCreate => "replace",
        Action::Read => "read",
        Action::Forget => "forget",
    }
}

/// Whether the instance was elsewhere before.
pub(crate) fn is_moved(change: &Change) -> bool {
    change.previous_address.as_ref().is_some_and(|previous| *previous != change.address)
}

/// The comment lines above an object, each with its newline.
pub(crate) fn comment(change: &Change, cause: Cause, palette: Palette) -> String {
    let mut out = String::new();
    let name = match &change.deposed {
        Some(deposed) => format!("{} (deposed object {deposed})", change.address),
        None => change.address.to_string(),
    };
    let bold = palette.paint(Look::Bold, format!("  # {name}"));
    let mut is_move_said = false;
    let _ = match change.action {
        Action::Create => write!(out, "{bold} will be created"),
        Action::Read => write!(out, "{bold} will be read during apply"),
        Action::Update if cause == Cause::Drift => write!(out, "{bold} has changed"),
        Action::Update => write!(out, "{bold} will be updated in-place"),
        Action::Delete if cause == Cause::Drift => write!(out, "{bold} has been deleted"),
        Action::Delete => write!(out, "{bold} will be {}", palette.paint(Look::BoldRed, "destroyed")),
        Action::Forget => write!(
            out,
            "{bold} will be removed from the Formwork state {}",
            palette.paint(Look::BoldRed, "but will not be destroyed")
        ),
        Action::DeleteThenCreate | Action::CreateThenDelete | Action::ForgetThenCreate => {
            replacement(&mut out, change, &bold, palette)
        }
        Action::NoOp => match &change.previous_address {
            Some(previous) if *previous != change.address => {
                is_move_said = true;
                let from = palette.paint(Look::Bold, format!("  # {previous}"));
                write!(out, "{from} has moved to {}", palette.paint(Look::Bold, &name))
            }
            _ => write!(out, "{bold} will be imported"),
        },
    };
    reason(&mut out, change, palette);
    let is_older_kept = change.action == Action::ForgetThenCreate;
    if is_older_kept {
        let not = palette.paint(Look::Yellow, "older instance will not be destroyed");
        let why = palette.paint(Look::Bold, "lifecycle.destroy = false");
        let _ = write!(out, " - {not} ({why})");
    }
    if change.deposed.is_some() && matches!(change.action, Action::Delete | Action::Forget) {
        out.push_str("\n  # (left over from a partially-failed replacement of this instance)");
    }
    out.push('\n');
    if let Some(previous) = change.previous_address.as_ref().filter(|_| is_moved(change) && !is_move_said) {
        let _ = writeln!(out, "  # (moved from {previous})");
    }
    imported(&mut out, change, palette);
    out
}

fn replacement(
    out: &mut String,
    change: &Change,
    bold: &dyn std::fmt::Display,
    palette: Palette,
) -> std::fmt::Result {
    let replaced = palette.paint(Look::BoldRed, "replaced");
    match change.reason {
        Some(ActionReason::ReplaceBecauseTainted) => {
            write!(out, "{bold} is tainted, so it must be {replaced}")
        }
        Some(ActionReason::ReplaceByRequest) => write!(out, "{bold} will be {replaced}, as requested"),
        Some(ActionReason::ReplaceByTriggers) => {
            write!(out, "{bold} will be {replaced} due to changes in replace_triggered_by")
        }
        _ => write!(out, "{bold} must be {replaced}"),
    }
}

fn imported(out: &mut String, change: &Change, palette: Palette) {
    let Some(importing) = &change.importing else { return };
    if change.generated.is_some() {
        out.push_str("  # (config will be generated)\n");
    }
    let _ = match importing {
        Importing::Id(id) => writeln!(out, "  # (imported from \"{id}\")"),
        Importing::Identity(identity) => {
            let text = format!("{identity:#}").replace('\n', "\n  # ");
            writeln!(out, "  # imported using resource identity: {text}")
        }
    };
    if change.action.is_replace() && change.action.is_destroying() {
        let _ = writeln!(
            out,
            "  # {}",
            palette.paint(Look::Yellow, "Warning: this will destroy the imported resource")
        );
    }
}

fn reason(out: &mut String, change: &Change, palette: Palette) {
    if change.action == Action::Forget {
        return forgotten(out, change, palette);
    }
    let address = &change.address;
    let key = match address.key() {
        Key::None => String::new(),
        Key::Int(index) => format!("[{index}]"),
        Key::Text(text) => format!("[{}]", super::diff::quoted(text)),
    };
    let Some(reason) = change.reason else { return };
    let _ = match reason {
        ActionReason::ReadBecauseConfigUnknown => {
            write!(out, "\n  # (config refers to values not yet known)")
        }
        ActionReason::ReadBecauseDependencyPending => {
            write!(out, "\n  # (depends on a resource or a module with changes pending)")
        }
        ActionReason::ReplaceBecauseContainerReplaced => {
            write!(out, "\n  # (because what its provider is configured from is replaced)")
        }
        ActionReason::DeleteBecauseNoResourceConfig => {
            write!(out, "\n  # (because {}.{} is not in configuration)", address.type_name(), address.name())
        }
        ActionReason::DeleteBecauseNoMoveTarget => match &change.previous_address {
            Some(previous) => write!(
                out,
                "\n  # (because {previous} was moved to {address}, which is not in configuration)"
            ),
            None => write!(out, "\n  # (because {address} is not in configuration)"),
        },
        ActionReason::DeleteBecauseNoModule => {
            write!(out, "\n  # (because {} is not in configuration)", address.module())
        }
        ActionReason::DeleteBecauseWrongRepetition => write!(
            out,
            "\n  # (because resource {})",
            match address.key() {
                Key::None => "uses count or for_each",
                Key::Int(_) => "does not use count",
                Key::Text(_) => "does not use for_each",
            }
        ),
        ActionReason::DeleteBecauseCountIndex => {
            write!(out, "\n  # (because index {key} is out of range for count)")
        }
        ActionReason::DeleteBecauseEnabledFalse => write!(out, "\n  # (because enabled is false)"),
        ActionReason::DeleteBecauseEachKey => write!(out, "\n  # (because key {key} is not in for_each map)"),
        ActionReason::ReplaceBecauseTainted
        | ActionReason::ReplaceByRequest
        | ActionReason::ReplaceBecauseCannotUpdate
        | ActionReason::ReplaceByTriggers
        | ActionReason::ForgotBecauseLifecycleDestroyInConfig
        | ActionReason::ForgotBecauseLifecycleDestroyInState => Ok(()),
    };
}

/// Why an object is forgotten, where its block says so or said so. The blanks are those of OpenTofu.
fn forgotten(out: &mut String, change: &Change, palette: Palette) {
    let setting = palette.paint(Look::Bold, "lifecycle.destroy = false");
    let _ = match change.reason {
        Some(ActionReason::ForgotBecauseLifecycleDestroyInState) => write!(
            out,
            " \n (because {setting} was configured before this resource was removed from the configuration)"
        ),
        Some(ActionReason::ForgotBecauseLifecycleDestroyInConfig) => {
            write!(out, " \n (because {setting} is set in the configuration)")
        }
        _ => Ok(()),
    };
}
