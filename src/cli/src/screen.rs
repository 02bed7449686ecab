//! What is on the screen while the engine works: a live line per running step on a terminal, plain lines elsewhere,
//! or the JSON stream.

use crate::arguments::Telling;
use crate::clock;
use crate::render::diagnostic_json::DiagnosticJson;
use crate::render::{event_json, event_text};
use crate::terminal::{self, Terminal};
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources};
use formwork_engine::{Action, Event, Observer};
use formwork_lang::Surroundings;
use formwork_state::ObjectKey;
use indexmap::IndexMap;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value as Json;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often a line says that something still runs.
const STILL_MS: u64 = 10_000;
/// How often live lines are drawn anew.
const TICK: Duration = Duration::from_secs(1);
/// Live lines at once; more would push the rest off the screen.
const LIVE_LINES: usize = 12;

/// Takes the engine's events.
pub(crate) struct Screen {
    terminal: Terminal,
    is_json: bool,
    is_concise: bool,
    /// Where the JSON stream goes besides.
    copy: Option<Mutex<File>>,
    live: Option<MultiProgress>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: IndexMap<ObjectKey, Running>,
    sources: Sources,
    has_ticker: bool,
}

struct Running {
    action: Action,
    id: Option<(String, String)>,
    words: String,
    start: Instant,
    said: u64,
    bar: Option<ProgressBar>,
}

impl Screen {
    /// A screen for people, or for tools.
    pub(crate) fn new(terminal: Terminal, telling: &Telling) -> io::Result<Arc<Self>> {
        let Telling { json: is_json, concise: is_concise, .. } = *telling;
        let is_live = terminal.is_live && !is_json && !is_concise;
        let live = is_live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stdout()));
        let copy = telling.json_into.as_ref().map(File::create).transpose()?.map(Mutex::new);
        let screen = Self { terminal, is_json, is_concise, copy, live, state: Mutex::default() };
        screen.message(&event_json::version(env!("CARGO_PKG_VERSION")));
        Ok(Arc::new(screen))
    }

    /// A screen for people.
    pub(crate) fn plain(terminal: Terminal) -> Arc<Self> {
        let live = terminal.is_live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stdout()));
        let state = Mutex::default();
        Arc::new(Self { terminal, is_json: false, is_concise: false, copy: None, live, state })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Texts that findings point into.
    pub(crate) fn know_sources(&self, sources: &Sources) {
        self.lock().sources = sources.clone();
    }

    /// One line of the JSON stream; nothing where nobody asked for it.
    pub(crate) fn message(&self, message: &event_json::Message) {
        self.message_by(terminal::print, message);
    }

    fn message_by(&self, print: fn(&str), message: &event_json::Message) {
        if !self.is_telling_tools() {
            return;
        }
        let line = format!("{}\n", message.to_json(&clock::timestamp()));
        if self.is_json {
            print(&line);
        }
        if let Some(copy) = &self.copy {
            // A full disk must not end a run that is changing things.
            let _ = copy.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
        }
    }

    /// Whether a tool reads along.
    pub(crate) fn is_telling_tools(&self) -> bool {
        self.is_json || self.copy.is_some()
    }

    /// Text for people; nothing when the screen is for tools.
    pub(crate) fn text(&self, text: &str) {
        self.text_by(terminal::print, text);
    }

    fn text_by(&self, print: fn(&str), text: &str) {
        match &self.live {
            _ if self.is_json => {}
            Some(live) => live.suspend(|| terminal::print(text)),
            None => print(text),
        }
    }

    /// Text for people about something that went wrong, on standard error.
    pub(crate) fn complain(&self, text: &str) {
        if !self.is_json {
            terminal::print_error(text);
        }
    }

    /// Findings, for whoever reads.
    pub(crate) fn show(&self, diagnostics: &Diagnostics) {
        self.show_about(diagnostics, &Json::Null);
    }

    /// Findings, with what the JSON stream says they are about.
    pub(crate) fn show_about(&self, diagnostics: &Diagnostics, about: &Json) {
        let sources = self.lock().sources.clone();
        let diagnostics = &in_blocks(diagnostics, &sources);
        if self.is_telling_tools() {
            let mut json = DiagnosticJson::new(&sources);
            for one in diagnostics {
                self.message(&event_json::diagnostic(one, &json.render(one)).with(about));
            }
        }
        match &self.live {
            _ if self.is_json => {}
            Some(live) => live.suspend(|| self.terminal.show(diagnostics, &sources)),
            None => self.terminal.show(diagnostics, &sources),
        }
    }

    fn begin(self: &Arc<Self>, key: &ObjectKey, action: Action, id: Option<&(String, String)>) {
        let mut state = self.lock();
        let bar = self.live.as_ref().filter(|_| state.running.len() < LIVE_LINES).map(|live| {
            let bar = live.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        let running =
            Running { action, id: id.cloned(), words: String::new(), start: Instant::now(), said: 0, bar };
        state.running.insert(key.clone(), running);
        if !std::mem::replace(&mut state.has_ticker, true) {
            let screen = Arc::downgrade(self);
            std::thread::spawn(move || tick_until_gone(&screen));
        }
    }

    fn end(&self, key: &ObjectKey) {
        if let Some(Running { bar: Some(bar), .. }) = self.lock().running.shift_remove(key) {
            bar.finish_and_clear();
        }
    }

    fn tick(&self) {
        let mut lines = Vec::new();
        {
            let mut state = self.lock();
            for (key, running) in &mut state.running {
                let elapsed_ms = u64::try_from(running.start.elapsed().as_millis()).unwrap_or(u64::MAX);
                let still = || {
                    event_text::still(key, running.action, elapsed_ms, running.id.as_ref(), &running.words)
                };
                if let Some(bar) = &running.bar {
                    bar.set_message(still());
                    bar.tick();
                } else if elapsed_ms / STILL_MS > running.said {
                    running.said = elapsed_ms / STILL_MS;
                    let event = Event::ApplyProgress {
                        key: key.clone(),
                        action: running.action,
                        elapsed_ms,
                        words: running.words.clone(),
                    };
                    lines.push((still(), event));
                }
            }
        }
        for (line, event) in lines {
            self.say_by(terminal::print, Some(line), &event);
        }
    }

    fn say_by(&self, print: fn(&str), line: Option<String>, event: &Event) {
        if self.is_telling_tools() {
            let sources = self.lock().sources.clone();
            self.message_by(print, &event_json::event(event, &sources));
        }
        if let Some(line) = line.filter(|_| !self.is_concise) {
            self.text_by(print, &format!("{line}\n"));
        }
    }
}

/// Findings with the block around their place, where whoever found them did not say it.
fn in_blocks(diagnostics: &Diagnostics, sources: &Sources) -> Diagnostics {
    let mut surroundings = Surroundings::new(sources);
    let mut shown: Vec<Diagnostic> = diagnostics.iter().cloned().collect();
    // Of each element of a list the same may have been said.
    shown.dedup();
    let mut named: Diagnostics = shown.into_iter().collect();
    for one in named.iter_mut().filter(|one| one.block.is_none()) {
        one.block = one.subject.and_then(|place| surroundings.block(place));
    }
    named
}

fn tick_until_gone(screen: &Weak<Screen>) {
    loop {
        std::thread::sleep(TICK);
        match screen.upgrade() {
            Some(screen) => screen.tick(),
            None => return,
        }
    }
}

/// The engine's side of a screen.
pub(crate) struct Watcher(pub(crate) Arc<Screen>);

impl Observer for Watcher {
    fn observe(&self, event: Event) {
        let screen = &self.0;
        match &event {
            Event::ApplyProgress { key, words, .. } => {
                if let Some(running) = screen.lock().running.get_mut(key) {
                    running.words.clone_from(words);
                }
                return;
            }
            Event::Diagnostic(diagnostic) => return screen.show(&diagnostic.clone().into()),
            Event::ApplyComplete { key, .. }
            | Event::ApplyErrored { key, .. }
            | Event::DataComplete { key, .. } => screen.end(key),
            _ => {}
        }
        // Events come while the engine works; what is held is written before its thread rests.
        let line = event_text::line(&event, screen.terminal.layout.palette);
        screen.say_by(terminal::print_soon, line, &event);
        match &event {
            Event::ApplyStart { key, action, id } => screen.begin(key, *action, id.as_ref()),
            Event::DataStart { key } => screen.begin(key, Action::Read, None),
            _ => {}
        }
    }
}
