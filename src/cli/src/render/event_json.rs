//! The stream of `-json`: one object a line, ui 1.2.

use super::plan_json::OURS;
use super::state_json::{ShownOutput, key_json};
use super::value_json::{known, type_json};
use formwork_diagnostic::{Diagnostic, Severity, Sources, render_json};
use formwork_engine::{Action, ActionReason, Change, EphemeralAct, Event, OutputChange, Plan, Summary};
use formwork_state::{Address, Mode, ObjectKey};
use serde_json::{Map, Value as Json, json};

/// The version of the stream's format.
pub(crate) const UI_VERSION: &str = "1.2";

/// One line, without its timestamp.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    level: &'static str,
    text: String,
    kind: &'static str,
    rest: Json,
}

impl Message {
    /// A line of a level, with what it holds besides.
    pub(super) fn new(level: &'static str, kind: &'static str, text: String, rest: Json) -> Self {
        Self { level, text, kind, rest }
    }

    /// The same with more in it.
    pub(crate) fn with(mut self, more: &Json) -> Self {
        for (name, value) in more.as_object().into_iter().flatten() {
            self.rest[name] = value.clone();
        }
        self
    }

    fn info(kind: &'static str, text: impl Into<String>, rest: Json) -> Self {
        Self { level: "info", text: text.into(), kind, rest }
    }

    /// The line at a moment, RFC 3339.
    pub(crate) fn to_json(&self, timestamp: &str) -> Json {
        let mut line = json!({
            "@level": self.level,
            "@message": self.text,
            "@module": "formwork.ui",
            "@timestamp": timestamp,
            "type": self.kind,
        });
        for (name, value) in self.rest.as_object().into_iter().flatten() {
            line[name] = value.clone();
        }
        line
    }
}

/// The first line.
pub(crate) fn version(own: &str) -> Message {
    Message::info("version", format!("Formwork {own}"), json!({"formwork": own, "ui": UI_VERSION}))
}

/// A diagnostic, and itself as JSON.
pub(crate) fn diagnostic(diagnostic: &Diagnostic, json: &Json) -> Message {
    let (level, word) = match diagnostic.severity {
        Severity::Error => ("error", "Error"),
        Severity::Warning => ("warn", "Warning"),
    };
    Message {
        level,
        text: format!("{word}: {}", diagnostic.summary),
        kind: "diagnostic",
        rest: json!({"diagnostic": json}),
    }
}

fn resource(address: &Address) -> Json {
    let module = address.module().to_string();
    let whole = address.to_string();
    let local = whole.strip_prefix(&module).map_or(whole.as_str(), |rest| rest.trim_start_matches('.'));
    json!({
        "addr": whole,
        "module": module,
        "resource": local,
        "implied_provider": address.type_name().split('_').next(),
        "resource_type": address.type_name().as_str(),
        "resource_name": address.name().as_str(),
        "resource_key": key_json(address.key()),
    })
}

fn word(action: Action) -> &'static str {
    match action {
        Action::NoOp => "noop",
        Action::Create => "create",
        Action::Read => "read",
        Action::Update => "update",
        Action::Delete => "delete",
        Action::DeleteThenCreate | Action::CreateThenDelete | Action::ForgetThenCreate => "replace",
        Action::Forget => "remove",
    }
}

/// The stream has fewer reasons than plan JSON, under other names.
pub(crate) fn reason(reason: ActionReason) -> &'static str {
    match reason {
        ActionReason::ReplaceBecauseTainted => "tainted",
        ActionReason::ReplaceByRequest => "requested",
        ActionReason::ReplaceByTriggers => "replace_triggered_by",
        ActionReason::ReplaceBecauseCannotUpdate | ActionReason::ReplaceBecauseContainerReplaced => {
            "cannot_update"
        }
        ActionReason::DeleteBecauseNoResourceConfig | ActionReason::DeleteBecauseNoMoveTarget => {
            "delete_because_no_resource_config"
        }
        ActionReason::DeleteBecauseEnabledFalse => "delete_because_enabled_false",
        ActionReason::ForgotBecauseLifecycleDestroyInConfig => "forgot_because_lifecycle_destroy_in_config",
        ActionReason::ForgotBecauseLifecycleDestroyInState => "forgot_because_lifecycle_destroy_in_state",
        ActionReason::DeleteBecauseWrongRepetition => "delete_because_wrong_repetition",
        ActionReason::DeleteBecauseCountIndex => "delete_because_count_index",
        ActionReason::DeleteBecauseEachKey => "delete_because_each_key",
        ActionReason::DeleteBecauseNoModule => "delete_because_no_module",
        ActionReason::ReadBecauseConfigUnknown => "read_because_config_unknown",
        ActionReason::ReadBecauseDependencyPending => "read_because_dependency_pending",
    }
}

fn is_moved(change: &Change) -> bool {
    change.previous_address.as_ref().is_some_and(|previous| *previous != change.address)
}

/// What the plan found and will do: drift, changes, the summary, outputs.
pub(crate) fn plan(plan: &Plan) -> Vec<Message> {
    let mut messages: Vec<Message> = plan
        .drift
        .iter()
        .filter(|change| change.action != Action::NoOp)
        .map(|one| change(one, "resource_drift"))
        .collect();
    let is_shown = |change: &&Change| {
        (change.action != Action::NoOp || is_moved(change) || change.importing.is_some())
            && !is_data_gone(change)
    };
    messages.extend(plan.changes.iter().filter(is_shown).map(|one| change(one, "planned_change")));
    let outputs: Map<String, Json> = plan.outputs.iter().map(planned_output).collect();
    if !plan.errored {
        let summary = plan.summary();
        let text = super::plan_text::summary(plan, super::palette::Palette::default());
        messages.push(Message::info("change_summary", text, json!({"changes": counts(&summary, "plan")})));
    }
    if !outputs.is_empty() {
        messages.push(Message::info(
            "outputs",
            format!("Outputs: {}", outputs.len()),
            json!({"outputs": outputs}),
        ));
    }
    messages
}

/// What the apply of a plan file will do, told before it begins.
pub(crate) fn saved_plan(plan: &Plan) -> Vec<Message> {
    let is_told = |change: &&Change| change.action != Action::NoOp && !is_data_gone(change);
    plan.changes.iter().filter(is_told).map(|one| change(one, "planned_change")).collect()
}

/// That a data source is not read any more is nothing to tell.
fn is_data_gone(change: &Change) -> bool {
    change.action == Action::Delete && change.address.mode() == Mode::Data
}

fn planned_output(output: &OutputChange) -> (String, Json) {
    (output.name.to_string(), json!({"sensitive": output.sensitive, "action": word(output.action)}))
}

fn change(change: &Change, kind: &'static str) -> Message {
    let action = match change.action {
        Action::NoOp if is_moved(change) => "move",
        Action::NoOp if change.importing.is_some() => "import",
        action => word(action),
    };
    let mut body = json!({"resource": resource(&change.address), "action": action});
    if let Some(previous) = change.previous_address.as_ref().filter(|_| is_moved(change)) {
        body["previous_resource"] = resource(previous);
    }
    if let Some(why) = change.reason {
        body["reason"] = json!(reason(why));
    }
    if let Some(importing) = &change.importing {
        body["importing"] = json!(importing);
    }
    if let Some(block) = &change.generated {
        body["generated_config"] = json!(block);
    }
    let verb = if kind == "resource_drift" { "Drift detected" } else { "Plan to" };
    let text = if kind == "resource_drift" {
        format!("{}: {verb} ({action})", change.address)
    } else {
        format!("{}: {verb} {action}", change.address)
    };
    Message::info(kind, text, json!({"change": body}))
}

fn counts(summary: &Summary, operation: &str) -> Json {
    json!({
        "add": summary.add,
        "change": summary.change,
        "import": summary.import,
        "remove": summary.destroy,
        "forget": summary.forget,
        "operation": operation,
    })
}

/// What apply or destroy did.
pub(crate) fn summary(text: &str, summary: &Summary, operation: &str) -> Message {
    Message::info("change_summary", text, json!({"changes": counts(summary, operation)}))
}

/// The outputs after apply; a sensitive one has no value.
pub(crate) fn outputs(outputs: &[ShownOutput]) -> Message {
    let all: Map<String, Json> = outputs
        .iter()
        .map(|output| {
            let mut one =
                json!({"sensitive": output.sensitive, "type": type_json(&output.value.value_type())});
            if !output.sensitive {
                one["value"] = known(&output.value).unwrap_or(Json::Null);
            }
            (output.name.clone(), one)
        })
        .collect();
    Message::info("outputs", format!("Outputs: {}", all.len()), json!({"outputs": all}))
}

/// An event.
pub(crate) fn event(event: &Event, sources: &Sources) -> Message {
    match event {
        Event::RefreshStart { key, id } => {
            hook("refresh_start", key, "Refreshing state...", Hook { id, ..Hook::default() })
        }
        Event::RefreshComplete { key, id } => {
            hook("refresh_complete", key, "Refresh complete", Hook { id, ..Hook::default() })
        }
        Event::DataStart { key } => {
            hook("apply_start", key, "Refreshing...", Hook { action: Some(Action::Read), ..Hook::default() })
        }
        Event::DataComplete { key, id, elapsed_ms } => {
            let text = format!("Refresh complete after {}s", seconds(*elapsed_ms));
            hook(
                "apply_complete",
                key,
                &text,
                Hook { action: Some(Action::Read), id, elapsed_ms: Some(*elapsed_ms) },
            )
        }
        Event::ApplyStart { key, action, id } => {
            let text = format!("{}...", super::event_text::doing(*action));
            hook("apply_start", key, &text, Hook { action: Some(*action), id, elapsed_ms: None })
        }
        Event::ApplyProgress { key, action, elapsed_ms, words } => progress(key, *action, *elapsed_ms, words),
        Event::ApplyComplete { key, action, id, elapsed_ms } => {
            let text = format!("{} after {}s", super::event_text::done(*action), seconds(*elapsed_ms));
            hook(
                "apply_complete",
                key,
                &text,
                Hook { action: Some(*action), id, elapsed_ms: Some(*elapsed_ms) },
            )
        }
        Event::ApplyErrored { key, action, elapsed_ms } => {
            let text =
                format!("{} errored after {}s", super::event_text::noun(*action), seconds(*elapsed_ms));
            hook(
                "apply_errored",
                key,
                &text,
                Hook { action: Some(*action), id: &None, elapsed_ms: Some(*elapsed_ms) },
            )
        }
        Event::EphemeralStart { key, act } => ephemeral(key, *act, true),
        Event::EphemeralComplete { key, act, .. } => ephemeral(key, *act, false),
        Event::ProvisionStart { key, provisioner } => provision("provision_start", key, provisioner, ""),
        Event::ProvisionOutput { key, provisioner, line } => {
            provision("provision_progress", key, provisioner, line)
        }
        Event::ProvisionComplete { key, provisioner } => {
            provision("provision_complete", key, provisioner, "")
        }
        Event::ProvisionErrored { key, provisioner } => provision("provision_errored", key, provisioner, ""),
        Event::Recovering { key, words } => log(
            format!("{}: Recovering ({words})", key.address),
            &json!({"event": "recovering", "resource": resource(&key.address), "how": words}),
        ),
        Event::RollbackStart { acts } => rollback(*acts),
        Event::StageStart { stage, awaits } => log(
            format!("Stage {}: {awaits}", stage + 1),
            &json!({"event": "stage", "stage": stage, "awaits": awaits}),
        ),
        Event::Diagnostic(one) => diagnostic(one, &render_json(one, sources)),
        Event::Target { provider, words } => log(
            format!("{provider}: {words}"),
            &json!({"event": "target", "provider": provider, "target": words}),
        ),
    }
}

fn rollback(acts: usize) -> Message {
    log(
        format!("The run failed, and what it did is undone: {acts} acts"),
        &json!({"event": "rollback", "acts": acts}),
    )
}

/// The key `Msg` is OpenTofu's.
fn ephemeral(key: &ObjectKey, act: EphemeralAct, is_start: bool) -> Message {
    let (kind, words) = if is_start {
        ("ephemeral_action_started", format!("{}...", super::event_text::opening(act)))
    } else {
        ("ephemeral_action_complete", super::event_text::opened(act).to_owned())
    };
    let body = json!({"resource": resource(&key.address), "Msg": words});
    Message::info(kind, format!("{}: {words}", key.address), json!({"hook": body}))
}

fn provision(kind: &'static str, key: &ObjectKey, provisioner: &str, output: &str) -> Message {
    let address = &key.address;
    let mut body = json!({"resource": resource(address), "provisioner": provisioner});
    let text = match kind {
        "provision_start" => format!("{address}: Provisioning with '{provisioner}'..."),
        "provision_progress" => {
            body["output"] = json!(output);
            format!("{address}: ({provisioner}): {output}")
        }
        "provision_complete" => format!("{address}: ({provisioner}) Provisioning complete"),
        _ => format!("{address}: ({provisioner}) Provisioning errored"),
    };
    Message::info(kind, text, json!({"hook": body}))
}

/// What only we have to tell is a line of the log to whoever does not know us.
fn log(text: String, ours: &Json) -> Message {
    Message::info("log", text, json!({OURS: ours}))
}

fn progress(key: &ObjectKey, action: Action, elapsed_ms: u64, words: &str) -> Message {
    let doing = super::event_text::doing(action).to_lowercase();
    let text = format!("Still {doing}... [{}s elapsed]", seconds(elapsed_ms));
    let hook_of = Hook { action: Some(action), id: &None, elapsed_ms: Some(elapsed_ms) };
    let mut message = hook("apply_progress", key, &text, hook_of);
    if !words.is_empty() {
        message.rest["hook"][OURS] = json!({"waits_for": words});
    }
    message
}

#[derive(Clone, Copy)]
struct Hook<'a> {
    action: Option<Action>,
    id: &'a Option<(String, String)>,
    elapsed_ms: Option<u64>,
}

impl Default for Hook<'_> {
    fn default() -> Self {
        Self { action: None, id: &None, elapsed_ms: None }
    }
}

fn hook(kind: &'static str, key: &ObjectKey, text: &str, hook: Hook<'_>) -> Message {
    let mut body = json!({"resource": resource(&key.address)});
    if let Some(action) = hook.action {
        body["action"] = json!(word(action));
    }
    let mut text = format!("{}: {text}", key.address);
    if let Some((name, id)) = hook.id {
        body["id_key"] = json!(name);
        body["id_value"] = json!(id);
        text = format!("{text} [{name}={id}]");
    }
    if let Some(elapsed_ms) = hook.elapsed_ms {
        body["elapsed_seconds"] = json!(seconds(elapsed_ms));
    }
    Message::info(kind, text, json!({"hook": body}))
}

fn seconds(milliseconds: u64) -> u64 {
    (milliseconds + 500) / 1000
}

#[cfg(test)]
mod tests {
    use super::{event, plan, version};
    use crate::render::corpus;
    use formwork_diagnostic::Sources;
    use formwork_engine::{Action, Event};
    use formwork_state::ObjectKey;
    use serde_json::{Value as Json, json};

    #[test]
    fn lines_have_the_words_and_keys_that_tools_read() {
        let key =
            || ObjectKey { address: "module.m[\"a\"].sim_network.main".parse().unwrap(), deposed: None };
        let id = || Some(("id".to_owned(), "n-1".to_owned()));
        for (happened, kind, text, pointer, expected) in [
            (
                Event::ApplyStart { key: key(), action: Action::Create, id: None },
                "apply_start",
                "module.m[\"a\"].sim_network.main: Creating...",
                "/hook/resource/resource",
                json!("sim_network.main"),
            ),
            (
                Event::ApplyComplete { key: key(), action: Action::Delete, id: id(), elapsed_ms: 1499 },
                "apply_complete",
                "module.m[\"a\"].sim_network.main: Destruction complete after 1s [id=n-1]",
                "/hook/elapsed_seconds",
                json!(1),
            ),
            (
                Event::RefreshStart { key: key(), id: id() },
                "refresh_start",
                "module.m[\"a\"].sim_network.main: Refreshing state... [id=n-1]",
                "/hook/id_key",
                json!("id"),
            ),
            (
                Event::ProvisionOutput {
                    key: key(),
                    provisioner: "local-exec".to_owned(),
                    line: "hi".to_owned(),
                },
                "provision_progress",
                "module.m[\"a\"].sim_network.main: (local-exec): hi",
                "/hook/output",
                json!("hi"),
            ),
            (
                Event::ProvisionErrored { key: key(), provisioner: "local-exec".to_owned() },
                "provision_errored",
                "module.m[\"a\"].sim_network.main: (local-exec) Provisioning errored",
                "/hook/provisioner",
                json!("local-exec"),
            ),
        ] {
            let line = event(&happened, &Sources::new()).to_json("T");
            assert_eq!((&line["type"], &line["@message"]), (&json!(kind), &json!(text)));
            assert_eq!(line.pointer(pointer), Some(&expected), "{pointer}");
        }
        assert_eq!(version("0.1.0").to_json("T")["ui"], json!("1.2"));
    }

    #[test]
    fn recorded_planned_changes_come_back_alike() {
        for case in corpus::cases() {
            let Some(expected) = &case.events else { continue };
            // The apply of a plan that only moves says nothing of it.
            if expected.iter().all(|line| line["type"] != "planned_change") {
                continue;
            }
            let ours: Vec<Json> = plan(&case.plan()).iter().map(|message| message.to_json("")).collect();
            let of = |lines: &[Json], kind: &str| -> Vec<String> {
                let mut found: Vec<String> = lines
                    .iter()
                    .filter(|line| line["type"] == kind)
                    .map(|line| format!("{} {}", line["@message"], line["change"]))
                    .collect();
                found.sort();
                found
            };
            assert_eq!(of(&ours, "planned_change"), of(expected, "planned_change"), "{}", case.name);
        }
    }
}
