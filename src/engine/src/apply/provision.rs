//! Provisioners of a step: after its object was made, or before it is removed.
//!
//! Invariant: each has an intent and an outcome of its own in the journal, so that after a crash none that is finished
//! runs again, and the one in flight runs again from its start. What it runs is in no record: it is evaluated again.

use super::{Applier, StepEnd};
use crate::Lines;
use crate::evaluate::RowScope;
use crate::event::Event;
use crate::model::Action;
use crate::objects::{PriorObject, decode_object, shown_id};
use crate::provisioner::{
    LOCAL_EXEC, LocalExec, Remote, at_creation, at_removal, instance_scope, local_exec, remote,
};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::{Provisioner, ProvisionerCrash, ProvisionerFailure};
use formwork_sdk::Operation;
use formwork_state::{Intent, Object, ObjectKey, OpenStep, PartialStep, Record, Status, Token};
use formwork_value::Value;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of what a process said that are shown again when it failed.
const SHOWN_OUTPUT_BYTES: usize = 8 * 1024;

/// What the intent of a provisioner keeps: which it is, and nothing of its settings.
#[derive(serde::Serialize, serde::Deserialize)]
struct ProvisionRecipe {
    provisioner: String,
    index: u32,
    at_removal: bool,
}

/// One provisioner's turn in a step.
struct Turn<'p> {
    key: &'p ObjectKey,
    step: u32,
    provisioner: &'p Provisioner,
    index: u32,
    at_removal: bool,
    followed_by: u32,
    /// Whether an earlier run recorded its intent, and with which token.
    begun: Option<Token>,
}

impl Applier<'_> {
    /// The step of an object of which an earlier run finished only a part.
    pub(super) fn partial(&self, key: &ObjectKey) -> Option<PartialStep> {
        self.input.store.folded().run.as_ref().and_then(|run| run.partial.get(key).cloned())
    }

    /// How many provisioners follow the making of an object.
    pub(super) fn provisioners_after(&self, key: &ObjectKey) -> u32 {
        let node = crate::plan::block_of(self.graph, &key.address);
        node.map_or(0, |node| crate::ordinal::ordinal(at_creation(self.graph.resource(node)).len()))
    }

    /// Runs the provisioners of an object that was made, from one on.
    pub(super) async fn provision_made(&self, step: u32, key: &ObjectKey, from: u32) -> StepEnd {
        let Some(node) = crate::plan::block_of(self.graph, &key.address) else { return StepEnd::Done };
        let provisioners = at_creation(self.graph.resource(node));
        let all = crate::ordinal::ordinal(provisioners.len());
        for (index, provisioner) in (0..all).zip(provisioners).skip(from as usize) {
            if !self.may_start() {
                return StepEnd::Stopped;
            }
            let followed_by = all - 1 - index;
            let turn = Turn { key, step, provisioner, index, at_removal: false, followed_by, begun: None };
            if let Err(end) = self.take_turn(turn).await {
                return end;
            }
        }
        StepEnd::Done
    }

    /// Runs the provisioners that come before the removal of an object; those finished by an earlier run are left out.
    pub(super) async fn provision_before_removal(
        &self,
        step: u32,
        key: &ObjectKey,
        object: &Object,
    ) -> StepEnd {
        if !is_provisioned(key, object) {
            return StepEnd::Done;
        }
        let (_, provisioners) = at_removal(self.graph, &key.address);
        let all = crate::ordinal::ordinal(provisioners.len());
        let from = self.partial(key).map_or(0, |partial| partial.provisioned);
        for (index, provisioner) in (0..all).zip(provisioners).skip(from as usize) {
            if !self.may_start() {
                return StepEnd::Stopped;
            }
            let followed_by = all - index;
            let turn = Turn { key, step, provisioner, index, at_removal: true, followed_by, begun: None };
            if let Err(end) = self.take_turn(turn).await {
                return end;
            }
        }
        StepEnd::Done
    }

    /// Whether anything runs before an object is removed.
    pub(super) fn has_removal_provisioners(&self, key: &ObjectKey, object: &Object) -> bool {
        is_provisioned(key, object) && !at_removal(self.graph, &key.address).1.is_empty()
    }

    /// Goes on with an object that was made and whose provisioners are not all finished.
    pub(super) async fn resume_made(&self, step: u32, key: &ObjectKey, from: u32) -> StepEnd {
        self.tell_recovery(key, "goes on with its provisioners".to_owned());
        self.end_made(step, key, from).await
    }

    async fn end_made(&self, step: u32, key: &ObjectKey, from: u32) -> StepEnd {
        let started_ms = self.environment.clock.monotonic_ms();
        let value = self.put_stored(key);
        let end = self.provision_made(step, key, from).await;
        let elapsed_ms = self.environment.clock.monotonic_ms().saturating_sub(started_ms);
        let (key, action) = (key.clone(), Action::Create);
        match end {
            StepEnd::Done => {
                let id = value.as_ref().and_then(shown_id);
                let address = key.address.clone();
                self.environment.observer.observe(Event::ApplyComplete { key, action, id, elapsed_ms });
                if self.postconditions_hold(&address) { StepEnd::Done } else { StepEnd::Failed }
            }
            StepEnd::Failed => {
                self.environment.observer.observe(Event::ApplyErrored { key, action, elapsed_ms });
                StepEnd::Failed
            }
            StepEnd::Stopped => StepEnd::Stopped,
        }
    }

    /// Goes on with every object that was made and is not provisioned yet, in the order of their steps.
    pub(super) async fn resume_all_made(&self) {
        let mut partial: Vec<(ObjectKey, PartialStep)> = {
            let folded = self.input.store.folded();
            let run = folded.run.iter();
            run.flat_map(|run| &run.partial).map(|(key, step)| (key.clone(), step.clone())).collect()
        };
        partial.retain(|(key, step)| {
            let is_open =
                self.input.store.folded().run.as_ref().is_some_and(|run| run.open.contains_key(key));
            step.is_made && !is_open
        });
        partial.sort_by_key(|(_, step)| step.step);
        for (key, step) in partial {
            self.resume_made(step.step, &key, step.provisioned).await;
        }
    }

    /// Takes up a provisioner that was running when an earlier run ended.
    pub(super) async fn take_up_provisioner(&self, open: &OpenStep) -> StepEnd {
        let intent = &open.intent;
        let (key, address) = (&intent.key, &intent.key.address);
        let found = serde_json::from_str::<ProvisionRecipe>(intent.recipe.get()).ok().and_then(|recipe| {
            let provisioners = if recipe.at_removal {
                at_removal(self.graph, address).1
            } else {
                at_creation(self.graph.resource(crate::plan::block_of(self.graph, address)?))
            };
            let provisioner = *provisioners.get(recipe.index as usize)?;
            (provisioner.kind == recipe.provisioner).then_some((recipe, provisioner))
        });
        let Some((recipe, provisioner)) = found else {
            self.report(lost_provisioner(key));
            return StepEnd::Failed;
        };
        if provisioner.on_crash == ProvisionerCrash::Ask {
            self.report(ask(key, provisioner));
            return StepEnd::Failed;
        }
        self.tell_recovery(key, format!("runs provisioner {} again from its start", recipe.provisioner));
        self.put_stored(key);
        let turn = Turn {
            key,
            step: intent.step,
            provisioner,
            index: recipe.index,
            at_removal: recipe.at_removal,
            followed_by: intent.followed_by,
            begun: Some(intent.token.clone()),
        };
        match self.take_turn(turn).await {
            Err(end) => end,
            Ok(()) if recipe.at_removal => StepEnd::Done,
            Ok(()) => self.end_made(intent.step, key, recipe.index + 1).await,
        }
    }

    fn tell_recovery(&self, key: &ObjectKey, words: String) {
        self.environment.observer.observe(Event::Recovering { key: key.clone(), words });
    }

    fn stored(&self, key: &ObjectKey) -> Option<PriorObject> {
        let object = self.input.store.folded().state.object(key)?.clone();
        let address = &key.address;
        let kind = self.connections.kind(&object.provider.provider, address.mode(), address.type_name())?;
        decode_object(&object, &kind).ok()
    }

    /// Puts what is stored of an object where expressions find it.
    fn put_stored(&self, key: &ObjectKey) -> Option<Value> {
        let prior = self.stored(key)?;
        let value = prior.kind.mark_sensitive(&prior.marked());
        self.set_value(&key.address, value.clone());
        Some(value)
    }

    async fn take_turn(&self, turn: Turn<'_>) -> Result<(), StepEnd> {
        if let Some(node) = crate::plan::block_of(self.graph, &turn.key.address).filter(|_| !turn.at_removal)
        {
            self.open_for(node).await;
        }
        let (settings, mut found) = self.settings_of(&turn);
        found.append(self.evaluator.take_diagnostics());
        found.iter_mut().for_each(|one| one.address = Some(turn.key.to_string()));
        let is_broken = found.has_errors();
        self.diagnostics.borrow_mut().append(found);
        let Some(settings) = settings.filter(|_| !is_broken) else {
            self.fail_turn(&turn, turn.begun.clone()).await;
            return Err(StepEnd::Failed);
        };
        let token = match turn.begun.clone() {
            Some(token) => token,
            None => self.begin_turn(&turn).await.map_err(|()| StepEnd::Failed)?,
        };
        let outcome = match settings {
            Settings::Local(settings) => self.run_local(&turn, settings).await,
            Settings::Remote(settings) => self.run_remote(&turn, *settings).await,
        };
        let key = turn.key.clone();
        let provisioner = turn.provisioner.kind.to_string();
        let is_ignored = turn.provisioner.on_failure == ProvisionerFailure::Continue;
        match outcome {
            Err(diagnostic) if !is_ignored => {
                self.environment.observer.observe(Event::ProvisionErrored { key, provisioner });
                self.report(diagnostic);
                self.fail_turn(&turn, Some(token)).await;
                Err(StepEnd::Failed)
            }
            outcome => {
                let object = self.input.store.folded().state.object(turn.key).cloned();
                let recorded = self.record(&Record::Done { key: key.clone(), token, object }).await;
                self.environment.observer.observe(if outcome.is_ok() {
                    Event::ProvisionComplete { key, provisioner }
                } else {
                    Event::ProvisionErrored { key, provisioner }
                });
                recorded.map_err(|()| StepEnd::Failed)
            }
        }
    }

    /// What a provisioner may name: at removal only the object and the keys of its instance.
    fn scope_of(&self, turn: &Turn<'_>) -> RowScope<'_, '_> {
        if turn.at_removal {
            let (module, _) = at_removal(self.graph, &turn.key.address);
            let mut scope =
                self.evaluator.scope(module, 0, crate::plan::repetition_of(turn.key.address.key()));
            scope.self_value = self.stored(turn.key).map(|prior| prior.kind.mark_sensitive(&prior.marked()));
            return scope;
        }
        let Some((node, row, place)) = self.position(&turn.key.address) else {
            return self.evaluator.scope(
                crate::graph::ModuleId(0),
                0,
                crate::evaluate::RowRepetition::default(),
            );
        };
        let mut scope = instance_scope(self.graph, &self.evaluator, (node, row, place));
        scope.self_value = self.evaluator.resource(node, row).values.borrow().get(place as usize).cloned();
        scope
    }

    async fn begin_turn(&self, turn: &Turn<'_>) -> Result<Token, ()> {
        let operation = if turn.at_removal { Operation::Delete } else { Operation::Create };
        let token = Token(format!("{}-{}", self.token(turn.key, operation), turn.index).into());
        let recipe = ProvisionRecipe {
            provisioner: turn.provisioner.kind.to_string(),
            index: turn.index,
            at_removal: turn.at_removal,
        };
        let recipe = serde_json::value::to_raw_value(&recipe).map_err(|_| ())?;
        let intent = Intent {
            key: turn.key.clone(),
            token: token.clone(),
            operation: formwork_state::Operation::Provision,
            step: turn.step,
            attempt: 0,
            stage: self.input.stage,
            time: self.environment.clock.now(),
            followed_by: turn.followed_by,
            recipe: Arc::from(recipe),
        };
        self.record(&Record::Intent(Box::new(intent))).await?;
        Ok(token)
    }

    /// A provisioner that failed leaves what was made tainted, and what was to be removed as it is.
    async fn fail_turn(&self, turn: &Turn<'_>, begun: Option<Token>) {
        let key = turn.key.clone();
        let stored = self.input.store.folded().state.object(&key).cloned();
        let tainted =
            stored.map(|object| Arc::new(Object { status: Status::Tainted, ..Object::clone(&object) }));
        let record = match begun {
            Some(token) => Record::Failed { key, token, object: tainted.filter(|_| !turn.at_removal) },
            None if turn.at_removal => return,
            None => Record::Tainted { key },
        };
        // Should this not be durable, the next run takes the provisioner up as it would after a crash.
        let _ = self.record(&record).await;
    }

    fn settings_of(&self, turn: &Turn<'_>) -> (Option<Settings>, Diagnostics) {
        let scope = self.scope_of(turn);
        if turn.provisioner.kind == LOCAL_EXEC {
            let (settings, found) = local_exec(turn.provisioner, &scope);
            return (settings.map(Settings::Local), found);
        }
        let block = crate::plan::block_of(self.graph, &turn.key.address);
        let connection = block.and_then(|node| self.graph.resource(node).connection.as_ref());
        let (settings, found) = remote(turn.provisioner, connection, &scope);
        (settings.map(|settings| Settings::Remote(Box::new(settings))), found)
    }

    /// Tells each line that a provisioner says, or that it is not shown.
    fn saying(&self, turn: &Turn<'_>, suppressed: Option<&'static str>) -> impl Fn(String) + Send + use<> {
        let (key, provisioner) = (turn.key.clone(), turn.provisioner.kind.to_string());
        let observer = self.environment.observer.clone();
        observer.observe(Event::ProvisionStart { key: key.clone(), provisioner: provisioner.clone() });
        move |said: String| {
            let said = suppressed.map_or(said, ToOwned::to_owned);
            for line in said.split('\r').map(str::trim_end).filter(|line| !line.is_empty()) {
                let (key, provisioner) = (key.clone(), provisioner.clone());
                observer.observe(Event::ProvisionOutput { key, provisioner, line: line.to_owned() });
            }
        }
    }

    async fn run_local(&self, turn: &Turn<'_>, settings: LocalExec) -> Result<(), Diagnostic> {
        let suppressed = settings.suppressed;
        let say = self.saying(turn, suppressed);
        say(if settings.is_quiet {
            "local-exec: Executing: Suppressed by quiet=true".to_owned()
        } else {
            format!("Executing: {}", quoted(&settings.command.arguments))
        });
        let (last, lines) = Tail::keeping(say);
        let ended = self.while_renewing(self.environment.processes.run(settings.command, lines)).await;
        ended.map_err(|fault| {
            let detail = match suppressed {
                Some(_) => format!("Error running command: {fault}. The command and its output are not shown: something in its settings is secret."),
                None => format!("Error running command '{}': {fault}. Output: {}", settings.text, Tail::of(&last)),
            };
            failed(turn, "local-exec provisioner error", detail)
        })
    }

    async fn run_remote(&self, turn: &Turn<'_>, settings: Remote) -> Result<(), Diagnostic> {
        let Remote { machine, work, suppressed } = settings;
        let say = self.saying(turn, suppressed);
        let place = format!("{}@{}", machine.user, machine.host);
        if suppressed.is_none() {
            say(format!("Connecting to {place} over SSH..."));
        }
        let (last, lines) = Tail::keeping(say);
        let ended = self.while_renewing(self.environment.processes.work_on(machine, work, lines)).await;
        ended.map_err(|fault| {
            let said = Tail::of(&last);
            let detail = match suppressed {
                Some(_) => format!(
                    "{place}: {fault}. What was said there is not shown: something in its settings is secret."
                ),
                None if said.is_empty() => format!("{place}: {fault}."),
                None => format!("{place}: {fault}. Output: {said}"),
            };
            failed(turn, &format!("{} provisioner error", turn.provisioner.kind), detail)
        })
    }
}

/// What a provisioner is to do.
enum Settings {
    Local(LocalExec),
    Remote(Box<Remote>),
}

fn failed(turn: &Turn<'_>, summary: &str, detail: String) -> Diagnostic {
    let diagnostic = Diagnostic::error("provisioner-failed", summary, detail);
    diagnostic.at(turn.provisioner.span).about(turn.key.to_string())
}

/// A tainted object is made anew, and a deposed one is not what the block stands for any more.
fn is_provisioned(key: &ObjectKey, object: &Object) -> bool {
    key.deposed.is_none() && object.status == Status::Ready
}

/// The last of what a process said.
#[derive(Default)]
struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Tail {
    /// Passes lines on and keeps the last of them.
    fn keeping(say: impl Fn(String) + Send + 'static) -> (Arc<Mutex<Self>>, Lines) {
        let last: Arc<Mutex<Self>> = Arc::default();
        let kept = last.clone();
        let lines = Box::new(move |line: String| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).add(&line);
            say(line);
        });
        (last, lines)
    }

    fn of(kept: &Mutex<Self>) -> String {
        kept.lock().unwrap_or_else(PoisonError::into_inner).text()
    }

    fn add(&mut self, line: &str) {
        self.bytes += line.len() + 1;
        self.lines.push_back(line.to_owned());
        while self.bytes > SHOWN_OUTPUT_BYTES
            && let Some(first) = self.lines.pop_front()
        {
            self.bytes -= first.len() + 1;
        }
    }

    fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

/// Arguments as Go quotes a list of strings, which is what users know.
fn quoted(arguments: &[String]) -> String {
    let one = |text: &String| {
        let mut out = String::with_capacity(text.len() + 2);
        out.push('"');
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                other if other.is_control() => {
                    let _ = write!(out, "\\x{:02x}", u32::from(other));
                }
                other => out.push(other),
            }
        }
        out.push('"');
        out
    };
    format!("[{}]", arguments.iter().map(one).collect::<Vec<_>>().join(" "))
}

fn lost_provisioner(key: &ObjectKey) -> Diagnostic {
    let detail = format!(
        "A provisioner of {key} was running when the run before this one ended, and it is not in the configuration that the run recorded."
    );
    Diagnostic::error("intent-unreadable", "Recorded act cannot be read", detail)
        .about(key.to_string())
        .hint("Finish the run with the version of Formwork that began it.")
}

fn ask(key: &ObjectKey, provisioner: &Provisioner) -> Diagnostic {
    let kind = &provisioner.kind;
    let detail = format!(
        "The run before this one ended while provisioner {kind} of {key} was running, and its on_crash says to ask. Everything that depends on the object waits."
    );
    Diagnostic::error("recovery-ask", "Nobody can say whether this was done", detail)
        .at(provisioner.span)
        .about(key.to_string())
        .hint(format!("Find out what came of it. If it did its work, run: formwork untaint '{key}'. If the object is to be made anew, run: formwork taint '{key}'. Then apply again."))
}

#[cfg(test)]
mod tests {
    use super::{SHOWN_OUTPUT_BYTES, Tail, quoted};

    #[test]
    fn arguments_are_quoted_as_users_know_it() {
        let arguments = ["/bin/sh", "-c", "echo \"a\\b\"\n\techo $X"].map(ToOwned::to_owned);
        assert_eq!(quoted(&arguments), r#"["/bin/sh" "-c" "echo \"a\\b\"\n\techo $X"]"#);
        assert_eq!(quoted(&["\u{1b}é".to_owned()]), r#"["\x1bé"]"#);
    }

    #[test]
    fn only_the_last_of_a_long_output_is_kept() {
        let mut tail = Tail::default();
        for number in 0..10_000 {
            tail.add(&number.to_string());
        }
        let text = tail.text();
        assert!(
            text.len() <= SHOWN_OUTPUT_BYTES && text.ends_with("9998\n9999\n") && !text.contains("\n17\n")
        );
    }
}
