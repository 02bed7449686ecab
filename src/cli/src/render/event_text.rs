//! Events as lines for people: `sim_network.main: Creating...`.

use super::palette::{Look, Palette};
use super::plan_text::provider_name;
use formwork_engine::{Action, EphemeralAct, Event};
use formwork_state::ObjectKey;

/// What is being done, at the start of a line.
pub(crate) fn doing(action: Action) -> &'static str {
    match action {
        Action::Create | Action::DeleteThenCreate | Action::CreateThenDelete | Action::ForgetThenCreate => {
            "Creating"
        }
        Action::Update | Action::NoOp => "Modifying",
        Action::Delete => "Destroying",
        Action::Read => "Reading",
        Action::Forget => "Forgetting",
    }
}

/// What was done.
pub(crate) fn done(action: Action) -> &'static str {
    match action {
        Action::Create | Action::DeleteThenCreate | Action::CreateThenDelete | Action::ForgetThenCreate => {
            "Creation complete"
        }
        Action::Update | Action::NoOp => "Modifications complete",
        Action::Delete => "Destruction complete",
        Action::Read => "Read complete",
        Action::Forget => "Forgotten",
    }
}

/// What it is called.
pub(crate) fn noun(action: Action) -> &'static str {
    match action {
        Action::Create | Action::DeleteThenCreate | Action::CreateThenDelete | Action::ForgetThenCreate => {
            "Creation"
        }
        Action::Update | Action::NoOp => "Modifications",
        Action::Delete => "Destruction",
        Action::Read => "Read",
        Action::Forget => "Removal from the state",
    }
}

/// What is being done with an ephemeral resource.
pub(crate) fn opening(act: EphemeralAct) -> &'static str {
    match act {
        EphemeralAct::Open => "Opening",
        EphemeralAct::Renew => "Renewing",
        EphemeralAct::Close => "Closing",
    }
}

/// What was done with an ephemeral resource.
pub(crate) fn opened(act: EphemeralAct) -> &'static str {
    match act {
        EphemeralAct::Open => "Open complete",
        EphemeralAct::Renew => "Renew complete",
        EphemeralAct::Close => "Close complete",
    }
}

/// A duration as Go writes it, in whole seconds: `1m10s`.
pub(crate) fn duration(milliseconds: u64) -> String {
    let seconds = (milliseconds + 500) / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// An object's name in a line.
pub(crate) fn name(key: &ObjectKey) -> String {
    match &key.deposed {
        Some(deposed) => format!("{} (deposed object {deposed})", key.address),
        None => key.address.to_string(),
    }
}

fn id_suffix(id: Option<&(String, String)>) -> String {
    id.map(|(name, id)| format!(" [{name}={id}]")).unwrap_or_default()
}

/// Lines of a long id that fit a progress line.
const ID_SHOWN: usize = 80;

/// The line of something that still runs.
pub(crate) fn still(
    key: &ObjectKey,
    action: Action,
    elapsed_ms: u64,
    id: Option<&(String, String)>,
    words: &str,
) -> String {
    let id = id.map(|(name, id)| {
        let shown: String = id.chars().take(ID_SHOWN).collect();
        format!("{name}={shown}, ")
    });
    let words = if words.is_empty() { String::new() } else { format!(", {words}") };
    let doing = doing(action).to_lowercase();
    format!(
        "{}: Still {doing}... [{}{} elapsed{words}]",
        name(key),
        id.unwrap_or_default(),
        duration(elapsed_ms)
    )
}

/// The line of an event; none where nothing is to be said, or where a live line says it.
pub(crate) fn line(event: &Event, palette: Palette) -> Option<String> {
    let text = match event {
        Event::RefreshStart { key, id } => {
            format!("{}: Refreshing state...{}", name(key), id_suffix(id.as_ref()))
        }
        Event::DataStart { key } => format!("{}: Reading...", name(key)),
        Event::DataComplete { key, id, elapsed_ms } => {
            format!("{}: Read complete after {}{}", name(key), duration(*elapsed_ms), id_suffix(id.as_ref()))
        }
        Event::ApplyStart { key, action, id } => {
            format!("{}: {}...{}", name(key), doing(*action), id_suffix(id.as_ref()))
        }
        Event::ApplyComplete { key, action, id, elapsed_ms } => {
            format!(
                "{}: {} after {}{}",
                name(key),
                done(*action),
                duration(*elapsed_ms),
                id_suffix(id.as_ref())
            )
        }
        Event::ApplyErrored { key, action, elapsed_ms } => {
            format!("{}: {} failed after {}", name(key), noun(*action), duration(*elapsed_ms))
        }
        Event::EphemeralStart { key, act } => format!("{}: {}...", key.address, opening(*act)),
        Event::EphemeralComplete { key, act, elapsed_ms } => {
            format!("{}: {} after {}", key.address, opened(*act), duration(*elapsed_ms))
        }
        Event::ProvisionStart { key, provisioner } => {
            format!("{}: Provisioning with '{provisioner}'...", key.address)
        }
        Event::ProvisionOutput { key, provisioner, line } => {
            let prefix = format!("{} ({provisioner}):", key.address);
            return Some(format!("{} {line}", palette.paint(Look::Bold, prefix)));
        }
        Event::Recovering { key, words } => format!("{}: Recovering... [{words}]", name(key)),
        Event::RollbackStart { acts: 0 } => {
            "\nThe run failed. It did nothing that would have to be undone.".to_owned()
        }
        Event::RollbackStart { acts } => {
            format!("\nThe run failed. What it did is undone, in reverse: {acts} acts.")
        }
        Event::StageStart { stage, awaits } => format!("\nStage {}: {awaits}", stage + 1),
        Event::Target { words, .. } if words.is_empty() => return None,
        Event::Target { provider, words } => format!("{}: {words}", provider_name(provider)),
        Event::RefreshComplete { .. }
        | Event::ApplyProgress { .. }
        | Event::ProvisionComplete { .. }
        | Event::ProvisionErrored { .. }
        | Event::Diagnostic(_) => return None,
    };
    Some(palette.paint(Look::Bold, text).to_string())
}

#[cfg(test)]
mod tests {
    use super::{duration, line, still};
    use crate::render::palette::Palette;
    use formwork_engine::{Action, Event};
    use formwork_state::ObjectKey;

    #[test]
    fn lines_are_those_users_know() {
        let key = || ObjectKey { address: "sim_network.main".parse().unwrap(), deposed: None };
        let id = || Some(("id".to_owned(), "n-1".to_owned()));
        for (event, expected) in [
            (
                Event::RefreshStart { key: key(), id: id() },
                Some("sim_network.main: Refreshing state... [id=n-1]"),
            ),
            (
                Event::ApplyStart { key: key(), action: Action::Create, id: None },
                Some("sim_network.main: Creating..."),
            ),
            (
                Event::ApplyComplete { key: key(), action: Action::Create, id: id(), elapsed_ms: 70_000 },
                Some("sim_network.main: Creation complete after 1m10s [id=n-1]"),
            ),
            (Event::RefreshComplete { key: key(), id: id() }, None),
            (
                Event::ProvisionStart { key: key(), provisioner: "local-exec".to_owned() },
                Some("sim_network.main: Provisioning with 'local-exec'..."),
            ),
            (
                Event::ProvisionOutput {
                    key: key(),
                    provisioner: "local-exec".to_owned(),
                    line: "hi".to_owned(),
                },
                Some("sim_network.main (local-exec): hi"),
            ),
        ] {
            assert_eq!(line(&event, Palette::PLAIN).as_deref(), expected);
        }
        assert_eq!(
            still(&key(), Action::Delete, 10_000, id().as_ref(), "boots"),
            "sim_network.main: Still destroying... [id=n-1, 10s elapsed, boots]"
        );
    }

    #[test]
    fn durations_are_written_as_in_go() {
        for (milliseconds, expected) in
            [(0, "0s"), (499, "0s"), (500, "1s"), (60_000, "1m0s"), (3_661_000, "1h1m1s")]
        {
            assert_eq!(duration(milliseconds), expected);
        }
    }
}
