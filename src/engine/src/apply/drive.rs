//! From an act to its recorded outcome: intent, call, waits, retries, and what to do when a reply is lost.

use super::{Applier, StepEnd};
use crate::connections::error_diagnostic;
use crate::event::Event;
use crate::model::Action;
use crate::objects::{StoredParts, encode_object, shown_id};
use crate::pace::pause_ms;
use crate::plan_file::hexadecimal;
use crate::proposed::{completion_faults, first_other};
use crate::recipe::Recipe;
use crate::schema::Kind;
use crate::time_limit;
use formwork_diagnostic::Diagnostic;
use formwork_sdk::{
    Applied, ApplyRequest, Connection, ErrorKind, Operation, Outcome, Progress, ProviderError, Recovery,
    Remainder, Request, Response, WaitRequest,
};
use formwork_state::{DeposedKey, Intent, ObjectKey, Record, Status, Token};
use formwork_value::{Path, Value};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// One act: everything that its call and its records need.
pub(crate) struct Act {
    pub(crate) key: ObjectKey,
    pub(crate) token: String,
    pub(crate) operation: Operation,
    pub(crate) action: Action,
    pub(crate) step: u32,
    pub(crate) connection: Arc<dyn Connection>,
    pub(crate) kind: Rc<Kind>,
    pub(crate) recipe: Recipe,
    pub(crate) request: ApplyRequest,
    /// How many provisioners follow it in its step.
    pub(crate) followed_by: u32,
    /// Whether its begin was told already.
    pub(crate) is_announced: bool,
    pub(crate) id: Option<(String, String)>,
    pub(crate) started_ms: u64,
    pub(crate) line: RefCell<Line>,
}

/// What an act stands in line behind.
pub(crate) struct Line {
    words: String,
    /// Since when; its time limit counts from there.
    since_ms: u64,
}

impl Line {
    /// Of an act that begins.
    pub(crate) fn begun(now_ms: u64) -> RefCell<Self> {
        RefCell::new(Self { words: String::new(), since_ms: now_ms })
    }
}

/// Where to begin.
#[derive(Clone)]
pub(crate) enum Start {
    /// Record the intent, then call.
    Begin,
    /// The intent is recorded: send the call with its token.
    Call,
    /// Look for what the call made.
    Find,
    /// Ask again after a wait.
    Poll {
        /// The remote id.
        id: String,
        /// What the target said last.
        cursor: serde_json::Value,
    },
}

impl Applier<'_> {
    /// The idempotency key of a first attempt.
    pub(super) fn token(&self, key: &ObjectKey, operation: Operation) -> String {
        let input = self.input;
        let text = format!("{}\n{}\n{key}\n{operation:?}\n{}\n0", input.plan.lineage, input.run, input.stage);
        hexadecimal(&Sha256::digest(text.as_bytes())[..20])
    }

    /// The name for an object that is set aside, when one stands.
    pub(super) fn deposed_key(&self, key: &ObjectKey, _step: &crate::model::Step) -> Option<DeposedKey> {
        self.input.store.folded().state.object(key)?;
        let token = self.token(key, Operation::Create);
        Some(DeposedKey(token[..8].into()))
    }

    pub(super) async fn drive(&self, act: &Act, start: Start) -> StepEnd {
        let mut next = start;
        let pace = self.connections.pace(&act.connection);
        let number = self.connections.next_request();
        // Held as long as the target has something to do: what it works on counts, too.
        let mut admission = Some(pace.enter(&self.environment).await);
        if matches!(next, Start::Begin) {
            if let Err(end) = self.begin(act).await {
                return end;
            }
            next = Start::Call;
        }
        let mut is_accepted = matches!(next, Start::Poll { .. });
        let mut is_outcome_unknown = !matches!(next, Start::Call) || is_accepted;
        let mut attempt = 0;
        loop {
            let was_call = matches!(next, Start::Call);
            let sent = self.send(act, &next).await;
            if let Some(admission) = &admission {
                admission.note(sent.as_ref().err(), &self.environment);
            }
            match sent {
                Ok(Progress::Done(applied)) => {
                    drop(admission);
                    if let (Start::Find, Some(error)) = (&next, other_object(act, &applied)) {
                        return self.leave_open(act, &error);
                    }
                    return self.finish_act(act, *applied).await;
                }
                Ok(Progress::NotFound) => next = Start::Call,
                Ok(Progress::Waiting { id, cursor, ask_again_after_ms, words, is_in_line }) => {
                    if self.record_wait(act, &id, &cursor, &mut is_accepted).await.is_err() {
                        return StepEnd::Failed;
                    }
                    if let Some(end) = self.wait(act, ask_again_after_ms, words, is_in_line).await {
                        return end;
                    }
                    attempt = 0;
                    next = Start::Poll { id, cursor };
                }
                Err(error) => {
                    let (error, pause_ms) = self.pause(act, error, attempt, number);
                    attempt += 1;
                    match (&error.outcome, pause_ms) {
                        (Outcome::Unknown, _) if act.recipe.recovery == Recovery::Ask => {
                            return self.leave_open(act, &error);
                        }
                        (Outcome::Unknown, Some(pause_ms)) => {
                            is_outcome_unknown = true;
                            self.environment.clock.sleep(pause_ms).await;
                            next = after_lost_reply(act, &next);
                        }
                        (Outcome::Unknown, None) => return self.leave_open(act, &error),
                        (Outcome::NotDone, Some(pause_ms)) => {
                            // Meanwhile another may go on in its place.
                            drop(admission.take());
                            self.environment.clock.sleep(pause_ms).await;
                            admission = Some(pace.enter(&self.environment).await);
                            if self.environment.is_interrupted() {
                                return self.fail_act(act, &error).await;
                            }
                        }
                        (Outcome::NotDone, None) if !was_call && is_outcome_unknown && !is_accepted => {
                            return self.leave_open(act, &error);
                        }
                        _ => return self.fail_act(act, &error).await,
                    }
                }
            }
        }
    }

    /// How long to wait before it is tried again; nothing where it is not, as when its time limit comes first.
    fn pause(
        &self,
        act: &Act,
        error: ProviderError,
        attempt: u32,
        number: u64,
    ) -> (ProviderError, Option<u64>) {
        let pause_ms = pause_ms(&error, attempt, number).filter(|_| !self.environment.is_interrupted());
        let limit_ms = time_limit_ms(act);
        if pause_ms.is_none_or(|pause_ms| self.counted_ms(act) + pause_ms <= limit_ms) {
            return (error, pause_ms);
        }
        (time_limit::no_room(error, limit_ms), None)
    }

    fn elapsed_ms(&self, act: &Act) -> u64 {
        self.environment.clock.monotonic_ms().saturating_sub(act.started_ms)
    }

    /// How much of its time limit an act has had.
    fn counted_ms(&self, act: &Act) -> u64 {
        self.environment.clock.monotonic_ms().saturating_sub(act.line.borrow().since_ms)
    }

    /// Whoever waits behind others has as long for each of them as for itself.
    fn stand_in_line(&self, act: &Act, words: &str) {
        let mut line = act.line.borrow_mut();
        if line.words != words {
            *line = Line { words: words.to_owned(), since_ms: self.environment.clock.monotonic_ms() };
        }
    }

    /// Records that an act begins, and tells of it.
    async fn begin(&self, act: &Act) -> Result<(), StepEnd> {
        if self.environment.is_interrupted() {
            return Err(StepEnd::Stopped);
        }
        self.record_intent(act).await.map_err(|()| StepEnd::Failed)?;
        if !act.is_announced {
            self.announce(&act.key, act.action, act.id.clone());
        }
        Ok(())
    }

    /// Tells that an act begins. What is not made yet has no id, though its name may be known.
    pub(super) fn announce(&self, key: &ObjectKey, action: Action, id: Option<(String, String)>) {
        let id = id.filter(|_| action != Action::Create);
        self.environment.observer.observe(Event::ApplyStart { key: key.clone(), action, id });
    }

    async fn send(&self, act: &Act, next: &Start) -> Result<Progress, ProviderError> {
        let request = match next {
            Start::Begin | Start::Call => Request::Apply(Box::new(act.request.clone())),
            Start::Find => Request::Find(Box::new(act.request.clone())),
            Start::Poll { id, cursor } => Request::Poll(Box::new(WaitRequest {
                apply: act.request.clone(),
                id: id.clone(),
                cursor: cursor.clone(),
            })),
        };
        let (response, requests) = self.while_renewing(act.connection.call(request)).await.untraced();
        if !requests.is_empty() {
            let (key, token) = (act.key.clone(), Token(act.token.as_str().into()));
            // For whoever looks into the target's logs; it becomes durable with what follows.
            drop(self.input.store.append(&Record::Answered { key, token, requests }));
        }
        match response {
            Response::Progress(result) => result,
            _ => Err(ProviderError::bug("the provider does not perform this request")),
        }
    }

    async fn record_intent(&self, act: &Act) -> Result<(), ()> {
        tracing::info!(run = %self.input.run, address = %act.key, step = act.step, operation = ?act.operation, token = %act.token, "intent");
        let Ok(recipe) = serde_json::value::to_raw_value(&act.recipe) else { return Err(()) };
        let intent = Intent {
            key: act.key.clone(),
            token: Token(act.token.as_str().into()),
            operation: stored_operation(act.operation),
            step: act.step,
            attempt: 0,
            stage: self.input.stage,
            time: self.environment.clock.now(),
            followed_by: act.followed_by,
            recipe: Arc::from(recipe),
        };
        let record = match &act.recipe.deposed {
            Some(deposed) => {
                self.deposed.borrow_mut().insert(act.key.address.clone(), deposed.clone());
                Record::Deposed { deposed: deposed.clone(), intent: Box::new(intent) }
            }
            None => Record::Intent(Box::new(intent)),
        };
        self.record(&record).await
    }

    async fn record_wait(
        &self,
        act: &Act,
        id: &str,
        cursor: &serde_json::Value,
        is_accepted: &mut bool,
    ) -> Result<(), ()> {
        let token = Token(act.token.as_str().into());
        if !std::mem::replace(is_accepted, true) {
            self.record(&Record::Accepted { key: act.key.clone(), token: token.clone(), id: id.to_owned() })
                .await?;
        }
        let Ok(cursor) = serde_json::value::to_raw_value(cursor) else { return Err(()) };
        self.record(&Record::Progress {
            key: act.key.clone(),
            token,
            id: id.to_owned(),
            cursor: Arc::from(cursor),
        })
        .await
    }

    /// Waits as long as the target said; ends the step where somebody asked to stop or the time is up.
    async fn wait(
        &self,
        act: &Act,
        ask_again_after_ms: u64,
        words: String,
        is_in_line: bool,
    ) -> Option<StepEnd> {
        if is_in_line {
            self.stand_in_line(act, &words);
        }
        let elapsed_ms = self.elapsed_ms(act);
        self.environment.observer.observe(Event::ApplyProgress {
            key: act.key.clone(),
            action: act.action,
            elapsed_ms,
            words: words.clone(),
        });
        if self.environment.is_interrupted() {
            return Some(StepEnd::Stopped);
        }
        if self.counted_ms(act) > time_limit_ms(act) {
            let detail = format!(
                "After {} seconds the target still says: {words}. The wait is recorded; apply goes on with it.",
                elapsed_ms / 1000
            );
            self.report(
                Diagnostic::error("time-limit", "Time limit reached", detail).about(act.key.to_string()),
            );
            return Some(StepEnd::Failed);
        }
        self.environment.clock.sleep(ask_again_after_ms).await;
        self.environment.is_interrupted().then_some(StepEnd::Stopped)
    }

    pub(super) async fn finish_act(&self, act: &Act, applied: Applied) -> StepEnd {
        tracing::info!(run = %self.input.run, address = %act.key, step = act.step, operation = ?act.operation, "done");
        let is_delete = act.operation == Operation::Delete;
        self.warn(act, &applied);
        let remainder = Remainder { private: applied.private.clone(), identity: applied.identity.clone() };
        let object = match (is_delete, encode_act(act, &applied.object, remainder, Status::Ready)) {
            (true, _) => None,
            (false, Ok(object)) => Some(Arc::new(object)),
            (false, Err(message)) => {
                self.report(
                    Diagnostic::error("object-unstorable", "Object cannot be stored", message)
                        .about(act.key.to_string()),
                );
                return StepEnd::Failed;
            }
        };
        let record = Record::Done { key: act.key.clone(), token: Token(act.token.as_str().into()), object };
        // Where provisioners follow it goes on, and keeps its place.
        let ending = usize::from(act.followed_by == 0);
        self.ending.set(self.ending.get() + ending);
        let recorded = self.record(&record).await;
        self.ending.set(self.ending.get() - ending);
        if recorded.is_err() {
            return StepEnd::Failed;
        }
        let mut id = act.id.clone().filter(|_| !is_delete);
        if !is_delete {
            let value = marked(act, &applied.object);
            id = shown_id(&value).or(id);
            if act.key.deposed.is_none() {
                self.set_value(&act.key.address, value);
            }
        }
        self.count(act.operation);
        let end = self.check_result(act, &applied);
        let end = self.provision_act(act, end).await;
        if end != StepEnd::Done {
            return end;
        }
        let elapsed_ms = self.elapsed_ms(act);
        self.environment.observer.observe(Event::ApplyComplete {
            key: act.key.clone(),
            action: act.action,
            id,
            elapsed_ms,
        });
        let is_made = !is_delete && act.key.deposed.is_none();
        if is_made && !self.postconditions_hold(&act.key.address) { StepEnd::Failed } else { end }
    }

    /// Tells what its provider has to say of an act that went well.
    fn warn(&self, act: &Act, applied: &Applied) {
        for warning in &applied.warnings {
            self.report(warning.clone().about(act.key.to_string()));
        }
    }

    /// Runs the provisioners of what an act made, where there are any; what came out otherwise than planned is made anew
    /// instead.
    async fn provision_act(&self, act: &Act, end: StepEnd) -> StepEnd {
        let end = if end == StepEnd::Done {
            if act.followed_by == 0 {
                return end;
            }
            self.provision_made(act.step, &act.key, 0).await
        } else {
            if act.operation == Operation::Create {
                let _ = self.record(&Record::Tainted { key: act.key.clone() }).await;
            }
            end
        };
        self.tell_errored(act, end);
        end
    }

    /// Tells of an act whose provisioners failed.
    pub(super) fn tell_errored(&self, act: &Act, end: StepEnd) {
        if end == StepEnd::Failed {
            let elapsed_ms = self.elapsed_ms(act);
            let (key, action) = (act.key.clone(), act.action);
            self.environment.observer.observe(Event::ApplyErrored { key, action, elapsed_ms });
        }
    }

    fn count(&self, operation: Operation) {
        let mut applied = self.applied.borrow_mut();
        match operation {
            Operation::Create => applied.added += 1,
            Operation::Update => applied.changed += 1,
            Operation::Delete => applied.destroyed += 1,
        }
    }

    /// What the provider made must be known, and complete what it planned; the object is stored in any case. Only the
    /// second is forgiven those that declare themselves lenient.
    fn check_result(&self, act: &Act, applied: &Applied) -> StepEnd {
        if act.operation == Operation::Delete {
            return StepEnd::Done;
        }
        let left = match act.operation {
            Operation::Create => "The object is in the state as it was made, tainted.",
            _ => "The object is in the state as it was made.",
        };
        let diagnostic = if let Some(path) = first_unknown(&applied.object) {
            Diagnostic::error(
                "unknown-result",
                "Provider returned invalid result object after apply",
                format!(
                    "The provider was to say what {}{path} is once it was applied, and did not. {left} This is a fault of the provider.",
                    act.key
                ),
            )
        } else if let Some(path) =
            completion_faults(&act.request.planned, &applied.object).first().filter(|_| !applied.lenient)
        {
            Diagnostic::error(
                "inconsistent-result",
                "Provider produced inconsistent result after apply",
                format!(
                    "When applying changes to {}, the provider made something else than it planned at {path}. {left} This is a fault of the provider.",
                    act.key
                ),
            )
        } else {
            return StepEnd::Done;
        };
        self.report(diagnostic.about(act.key.to_string()));
        StepEnd::Failed
    }

    /// A definite failure: what stands all the same is stored, tainted when it was to be made.
    async fn fail_act(&self, act: &Act, error: &ProviderError) -> StepEnd {
        let partial = match &error.outcome {
            Outcome::Partial(object) => Some(object),
            _ => None,
        };
        let status = if act.operation == Operation::Create { Status::Tainted } else { Status::Ready };
        let planned =
            || Remainder { private: act.request.private.clone(), identity: act.request.identity.clone() };
        let remainder = error.remainder.as_deref().cloned().unwrap_or_else(planned);
        let object = partial.and_then(|object| encode_act(act, object, remainder, status).ok()).map(Arc::new);
        let is_nothing_there = object.is_none();
        let record = Record::Failed { key: act.key.clone(), token: Token(act.token.as_str().into()), object };
        let recorded = self.record(&record).await;
        if let (Ok(()), true, Some(deposed)) = (recorded, is_nothing_there, &act.recipe.deposed) {
            let restored = Record::Restored { address: act.key.address.clone(), deposed: deposed.clone() };
            // Should this not be durable, the next run finds the object set aside and says so.
            let _ = self.record(&restored).await;
        }
        self.errored(act, error, "");
        StepEnd::Failed
    }

    /// Nobody can say what came of it: the intent stays open for the next apply.
    fn leave_open(&self, act: &Act, error: &ProviderError) -> StepEnd {
        let more = if act.recipe.recovery == Recovery::Ask {
            " Whether it was done cannot be found out: look at the target, then import the object or taint it."
        } else {
            " What came of it is not known yet; the next apply finds out and goes on."
        };
        self.errored(act, error, more);
        StepEnd::Failed
    }

    fn errored(&self, act: &Act, error: &ProviderError, more: &str) {
        let elapsed_ms = self.elapsed_ms(act);
        tracing::warn!(run = %self.input.run, address = %act.key, step = act.step, kind = ?error.kind, "failed");
        self.environment.observer.observe(Event::ApplyErrored {
            key: act.key.clone(),
            action: act.action,
            elapsed_ms,
        });
        let word = match act.operation {
            Operation::Create => "Creating an object failed",
            Operation::Update => "Changing an object failed",
            Operation::Delete => "Removing an object failed",
        };
        let mut diagnostic = error_diagnostic(error, word, &act.key.to_string());
        // A vendor's heading may have nothing below it.
        let more = if diagnostic.detail.is_empty() { more.trim_start() } else { more };
        diagnostic.detail.push_str(more);
        if let Some((node, _, _)) = self.position(&act.key.address) {
            let body = &self.graph.resource(node).body;
            diagnostic.subject = error
                .path
                .as_ref()
                .and_then(|path| body.span_of(path))
                .or_else(|| Some(self.graph.resource(node).span));
        }
        self.report(diagnostic);
    }
}

/// How long an act may take: what its `timeouts` say, else the kind's own limit.
fn time_limit_ms(act: &Act) -> u64 {
    let name = match act.operation {
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Delete => "delete",
    };
    let configuration =
        if act.operation == Operation::Delete { &act.request.prior } else { &act.request.configuration };
    time_limit::given_ms(configuration, name).unwrap_or(act.kind.schema.time_limit_ms)
}

fn after_lost_reply(act: &Act, now: &Start) -> Start {
    match (now, act.recipe.recovery) {
        (Start::Poll { .. }, _) => now.clone(),
        (_, Recovery::Replay) => Start::Call,
        _ => Start::Find,
    }
}

fn stored_operation(operation: Operation) -> formwork_state::Operation {
    match operation {
        Operation::Create => formwork_state::Operation::Create,
        Operation::Update => formwork_state::Operation::Update,
        Operation::Delete => formwork_state::Operation::Delete,
    }
}

fn marked(act: &Act, value: &Value) -> Value {
    act.kind.mark_sensitive(&value.mark_paths(&act.recipe.marks()))
}

fn encode_act(
    act: &Act,
    value: &Value,
    remainder: Remainder,
    status: Status,
) -> Result<formwork_state::Object, String> {
    let parts = StoredParts {
        status,
        private: remainder.private,
        identity: remainder.identity,
        provider: act.recipe.provider.clone(),
        edges: act.recipe.edges.clone(),
        provider_edges: act.recipe.provider_edges.clone(),
        create_before_destroy: act.recipe.create_before_destroy,
        skip_destroy: act.recipe.skip_destroy,
    };
    encode_object(&marked(act, &value.unknown_as_null()), &act.kind, parts)
}

/// What is found by an id that somebody said how to come by, or by an identity, may be another's: it is held against
/// what was to be made.
fn other_object(act: &Act, applied: &Applied) -> Option<ProviderError> {
    if act.operation != Operation::Create || act.kind.schema.recovery != Recovery::Import {
        return None;
    }
    let path = first_other(&act.request.planned, &applied.object)?;
    let message = format!(
        "An object stands where it was to be made, and it is another: at {path} it is not what was planned."
    );
    let error = ProviderError::new(ErrorKind::Conflict, message).outcome(Outcome::Unknown);
    Some(error.hint(
        "Look at the target. If the object is yours, remove the open step with state rm and import it.",
    ))
}

/// The cursor of a recorded wait.
pub(super) fn cursor(raw: &RawValue) -> serde_json::Value {
    serde_json::from_str(raw.get()).unwrap_or(serde_json::Value::Null)
}

/// Where the first part stands that is not known.
fn first_unknown(value: &Value) -> Option<Path> {
    let mut found = None;
    if !value.is_wholly_known() {
        value.walk(&mut |path, part| {
            if found.is_none() && !part.is_known() {
                found = Some(path.clone());
            }
            found.is_none()
        });
    }
    found
}
