//! Objects that come about in several acts, on one host or on some: each is recorded when it is over.
//!
//! An operation is cut into phases, and every phase ends in a wait whose cursor names the next one. So the journal says
//! how far it came, and whoever goes on begins with the phase that was not over. A phase that was sent twice is done
//! once: what runs for long does so under the act's token, and what is short may be done again.

use crate::answer::Answer;
use crate::connection::{HostConnection, Worked, about, answered, done, vanished, whole};
use crate::failure;
use crate::fleet::Reply;
use crate::kind::mark_folder;
use crate::kinds::{RUN, job};
use crate::place::{HOST, Place};
use crate::shell::quote;
use formwork_sdk::values::text;
use formwork_sdk::{ApplyRequest, Operation, Outcome, Progress, ProviderError, Remainder};
use formwork_value::{Name, Value};

/// One of the acts that bring an object about.
pub struct Phase {
    /// A word, and no other phase of the operation has it.
    pub name: &'static str,
    /// What is done.
    pub work: Work,
    /// Whether it looks at the host and leaves it as it is: where it fails, nothing was done.
    pub is_check: bool,
}

/// Lines that are made of what a host answered.
pub type LinesOf = Box<dyn Fn(&Answer) -> Result<String, ProviderError> + Send + Sync>;

/// What a phase does.
pub enum Work {
    /// Lines for sh that run on the object's host apart from the connection, once for the act.
    Run(String),
    /// The same for lines that take what another host says: it is asked where they have not begun.
    RunKnowing {
        /// The other host.
        host: Value,
        /// What it is asked.
        question: String,
        /// The lines, from its answer.
        lines: LinesOf,
    },
    /// A script of a moment that may be sent again, on the object's own host or on another. What it emits as `waits` is
    /// what it waits for: it is sent again a little later. As `behind` it emits whom it stands in line behind.
    Ask(Option<Value>, String),
}

/// How soon what waits is asked again.
const AGAIN_MS: u64 = 500;

const PHASE: &str = "phase";
/// What comes after the last one.
const END: &str = "end";

impl Phase {
    /// Lines that run on the object's host.
    pub fn run(name: &'static str, lines: impl Into<String>) -> Self {
        Self { name, work: Work::Run(lines.into()), is_check: false }
    }

    /// A script of a moment on another host.
    pub fn ask(name: &'static str, host: &Value, script: impl Into<String>) -> Self {
        Self { name, work: Work::Ask(Some(host.clone()), script.into()), is_check: false }
    }

    /// A script of a moment on the object's host.
    pub fn look(name: &'static str, script: impl Into<String>) -> Self {
        Self { name, work: Work::Ask(None, script.into()), is_check: false }
    }

    /// The same as a phase that changes nothing.
    #[must_use]
    pub fn check(self) -> Self {
        Self { is_check: true, ..self }
    }
}

/// What came of a phase that did not fail.
enum Came {
    /// It is over.
    Over,
    /// It goes on.
    GoesOn(String),
    /// It has not begun, since others are before it.
    StandsInLine(String),
    /// It has not begun, and its lines are to be known first.
    NotBegun,
    /// Its host did not answer.
    Silent(Progress),
}

impl HostConnection {
    /// Goes on with an operation in phases: the one that a cursor names, or the first.
    pub(crate) async fn go_on(
        &self,
        request: &ApplyRequest,
        phases: &[Phase],
        cursor: &serde_json::Value,
    ) -> Result<Progress, ProviderError> {
        let named = cursor.get(PHASE).and_then(serde_json::Value::as_str);
        if named == Some(END) {
            return self.end(request).await;
        }
        let at = named.and_then(|named| phases.iter().position(|phase| phase.name == named)).unwrap_or(0);
        let Some(phase) = phases.get(at) else { return self.end(request).await };
        let is_untouched = phases[..=at].iter().all(|phase| phase.is_check);
        let came = match self.perform(request, phase, is_untouched).await {
            Ok(came) => came,
            Err(error) if error.is_retryable() => return Err(error),
            Err(mut error) => {
                error.message = format!("{}: {}", phase.name, error.message);
                return Err(if is_untouched { error } else { self.left_over(request, error).await });
            }
        };
        let next = phases.get(at + 1).map_or(END, |phase| phase.name);
        let mut is_in_line = false;
        let (cursor, ask_again_after_ms, words) = match came {
            Came::Over => (next, 0, format!("{next} ({} of {})", at + 1, phases.len())),
            Came::GoesOn(words) => {
                (phase.name, AGAIN_MS, format!("{} ({} of {}): {words}", phase.name, at, phases.len()))
            }
            Came::StandsInLine(words) => {
                is_in_line = true;
                (phase.name, AGAIN_MS, words)
            }
            Came::NotBegun => (phase.name, 0, phase.name.to_owned()),
            Came::Silent(progress) => return Ok(silent(progress, phase.name)),
        };
        let object = self.worked(request)?.object;
        Ok(Progress::Waiting {
            id: text(&object, self.kind(&request.kind)?.0.key()).unwrap_or_default().to_owned(),
            cursor: serde_json::json!({ PHASE: cursor }),
            ask_again_after_ms,
            words,
            is_in_line,
        })
    }

    async fn perform(
        &self,
        request: &ApplyRequest,
        phase: &Phase,
        is_untouched: bool,
    ) -> Result<Came, ProviderError> {
        let worked = self.worked(request)?;
        let own = |script: &str| self.opened(request, &worked, script, is_untouched);
        let script = match &phase.work {
            Work::Ask(None, script) => own(&format!("{script}\n"))?,
            Work::Ask(Some(host), script) => {
                let place = self.place_of(host)?;
                return self.tell(&place, request, format!("set -e\n{script}\n")).await;
            }
            Work::Run(lines) => own(&run(request, phase.name, Some(lines)))?,
            Work::RunKnowing { host, question, lines } => {
                let begun = own(&run(request, phase.name, None))?;
                let came = self.tell(&worked.place, request, begun).await?;
                if !matches!(came, Came::NotBegun) {
                    return Ok(came);
                }
                let place = self.place_of(host)?;
                let answer = match self.say(&place, request, format!("set -e\n{question}\n")).await? {
                    Ok(answer) => answer,
                    Err(silent) => return Ok(Came::Silent(silent)),
                };
                own(&run(request, phase.name, Some(&lines(&answer)?)))?
            }
        };
        self.tell(&worked.place, request, script).await
    }

    /// A script on the object's host, between what is before and after it in every phase.
    fn opened(
        &self,
        request: &ApplyRequest,
        worked: &Worked,
        script: &str,
        is_untouched: bool,
    ) -> Result<String, ProviderError> {
        let kind = self.kind(&request.kind)?.0;
        let (folder, owner) = (mark_folder(kind, &worked.object), quote(&request.owner));
        if request.operation == Operation::Delete {
            return Ok(format!("set -e\ntrap '' PIPE\nd={folder}\nmine \"$d\" {owner}\n{script}"));
        }
        let key = quote(text(&worked.object, kind.key()).unwrap_or_default());
        // Where nothing was done yet, no mark is left behind.
        let unwind = if is_untouched { "" } else { "unwind() { made=; }\n" };
        Ok(format!(
            "set -e\nheld=\ntrap '' PIPE\ntrap 'finish $?' EXIT\nopen_claim {folder} {owner} {key}\n{unwind}{script}"
        ))
    }

    fn place_of(&self, host: &Value) -> Result<Place, ProviderError> {
        let holder = Value::object(vec![(Name::from(HOST), host.clone())]);
        Place::of(&holder, self.settings())
    }

    async fn tell(
        &self,
        place: &Place,
        request: &ApplyRequest,
        script: String,
    ) -> Result<Came, ProviderError> {
        let answer = match self.say(place, request, script).await? {
            Ok(answer) => answer,
            Err(silent) => return Ok(Came::Silent(silent)),
        };
        Ok(if answer.given("wants").is_some() {
            Came::NotBegun
        } else if let Some(others) = answer.given("behind") {
            Came::StandsInLine(others.to_owned())
        } else if let Some(what) = answer.given("waits") {
            Came::GoesOn(what.to_owned())
        } else if let Some(seconds) = answer.given("running") {
            Came::GoesOn(format!("it has run for {seconds} s"))
        } else {
            Came::Over
        })
    }

    /// What a script answers, or that its host does not.
    async fn say(
        &self,
        place: &Place,
        request: &ApplyRequest,
        script: String,
    ) -> Result<Result<Answer, Progress>, ProviderError> {
        let reply = match answered(place, self.host(place, request).act(vec![script]).await)? {
            Ok(reply) => reply,
            Err(wait) => return Ok(Err(wait)),
        };
        let answer = reply.answers.first().cloned().unwrap_or_default();
        if answer.is_whole() {
            return Ok(Ok(answer));
        }
        Err(about(failure::of_act(&answer, &reply.said), place))
    }

    async fn end(&self, request: &ApplyRequest) -> Result<Progress, ProviderError> {
        match self.close(request).await {
            Err(error) if !error.is_retryable() => Err(self.left_over(request, error).await),
            other => other,
        }
    }

    /// The end of an operation: its mark bears the token, or is gone.
    async fn close(&self, request: &ApplyRequest) -> Result<Progress, ProviderError> {
        let (kind, schema) = self.kind(&request.kind)?;
        let worked = self.worked(request)?;
        let host = self.host(&worked.place, request);
        let folder = mark_folder(kind, &worked.object);
        let private = self.stored(request, &host)?;
        let is_delete = request.operation == Operation::Delete;
        let parts = if is_delete {
            vec![format!("set -e\nd={folder}\nmine \"$d\" {}\ndrop_claim\n", quote(&request.owner))]
        } else {
            let key = quote(text(&worked.object, kind.key()).unwrap_or_default());
            let close = format!(
                "set -e\nopen_claim {folder} {} {key}\nrm -rf -- \"$d\"/run-*\nclose_claim {}\n",
                quote(&request.owner),
                quote(&request.token.0)
            );
            vec![close, kind.probe(&worked.object, &private)]
        };
        let reply = match answered(&worked.place, host.act(parts).await)? {
            Ok(reply) => reply,
            Err(wait) => return Ok(silent(wait, END)),
        };
        let nothing = Answer::default();
        whole(reply.answers.first().unwrap_or(&nothing), &reply)
            .map_err(|error| about(error, &worked.place))?;
        if is_delete {
            return Ok(done(Value::null(schema.block.implied_type()), Vec::new()));
        }
        let found = self.read_back(request, &worked, &reply, 1)?;
        let object = found.ok_or_else(|| vanished(&worked.place))?;
        Ok(done(object, private.bytes()))
    }

    fn read_back(
        &self,
        request: &ApplyRequest,
        worked: &Worked,
        reply: &Reply,
        at: usize,
    ) -> Result<Option<Value>, ProviderError> {
        let kind = self.kind(&request.kind)?.0;
        let nothing = Answer::default();
        let answer = whole(reply.answers.get(at).unwrap_or(&nothing), reply);
        answer
            .and_then(|answer| kind.reading(&worked.object, answer))
            .map_err(|error| about(error, &worked.place))
    }

    /// The error of a phase, with what the ones before it left: something is there, and the next apply knows it.
    async fn left_over(&self, request: &ApplyRequest, mut error: ProviderError) -> ProviderError {
        if request.operation == Operation::Delete {
            return error;
        }
        let told = self.kind(&request.kind).ok().and_then(|(kind, _)| kind.failed(request));
        if let Some((host, script)) = told
            && let Ok(place) = self.place_of(&host)
        {
            // The error is told in any case; what this would have said stands on the host's side alone.
            let _ = self.host(&place, request).act(vec![script]).await;
        }
        let Ok(worked) = self.worked(request) else { return error };
        let host = self.host(&worked.place, request);
        let private = self.stored(request, &host).map(|private| private.bytes()).unwrap_or_default();
        let object = if request.operation == Operation::Create {
            worked.object
        } else {
            self.as_it_is(request, &worked, &host).await.unwrap_or_else(|| request.prior.clone())
        };
        error.remainder = Some(Box::new(Remainder { private, identity: request.identity.clone() }));
        error.outcome(Outcome::Partial(Box::new(object)))
    }

    /// What an update that stopped half-way left.
    async fn as_it_is(
        &self,
        request: &ApplyRequest,
        worked: &Worked,
        host: &crate::fleet::Host,
    ) -> Option<Value> {
        let kind = self.kind(&request.kind).ok()?.0;
        let private = self.stored(request, host).ok()?;
        let reply = host.look(vec![kind.probe(&request.prior, &private)]).await.ok()?;
        let prior = Worked { object: request.prior.clone(), place: worked.place.clone() };
        self.read_back(request, &prior, &reply, 0).ok()?
    }
}

/// A host that does not answer is asked for this phase again.
fn silent(progress: Progress, phase: &str) -> Progress {
    match progress {
        Progress::Waiting { id, ask_again_after_ms, words, is_in_line, .. } => {
            let cursor = serde_json::json!({ PHASE: phase });
            Progress::Waiting { id, cursor, ask_again_after_ms, words, is_in_line }
        }
        other => other,
    }
}

/// Shell that begins a phase's lines where they have not begun, and waits a moment for their end; without lines it says
/// whether they are wanted.
fn run(request: &ApplyRequest, name: &str, lines: Option<&str>) -> String {
    let begin = match lines {
        Some(lines) => job(lines, "/", "/bin/sh"),
        None => "if [ ! -e \"$r/job\" ]; then\nemit wants 1\ntrap - EXIT\nexit 0\nfi\n".to_owned(),
    };
    format!(
        "{RUN}t={}\nr=\"$d/run-{name}\"\nown_run\n\
         if [ -e \"$r/begun\" ] && ! is_running \"$t\" && [ ! -e \"$r/exit\" ]; then rm -rf -- \"$r\"; fi\n\
         {begin}run_once\n\
         if [ \"$code\" != 0 ]; then\nw=$(said)\nrm -rf -- \"$r\"\nrefuse invalid \"it ended with exit code $code$w\"\nfi\n",
        quote(&format!("{}-{name}", request.token.0)),
    )
}
