//! `console`: expressions at a prompt, or from a pipe.

use super::show::UNLOCKED;
use crate::arguments::{Console, VariableArgument};
use crate::failure::{Failure, Success};
use crate::render::{type_text, value_text};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::{Diagnostic, Sources};
use formwork_engine::console::{self, Console as Expressions};
use formwork_lang::{is_incomplete, parse_console};
use formwork_state::{State, format_v4};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};
use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

const HELP: &str = "\
Type an expression and press Enter to see its value: 1 + 2, var.size, terraform_data.a.output.
What the state holds can be named as in a configuration; output.NAME is an output of the state.
type(EXPRESSION) shows the type of a value. An open bracket or heredoc, or a backslash at the
end of a line, goes on in the next line. Nothing that is asked here changes anything.

To leave, type \"exit\", or press Control-C or Control-D.
";

pub(super) fn run(
    arguments: &Console,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    let configuration = session.configuration_with_gaps(variables)?;
    let state = match &arguments.state {
        Some(path) => read_state(path).map_err(|diagnostic| session.refused(diagnostic))?,
        None => session.store("console", &UNLOCKED)?.folded().state.clone(),
    };
    let input = Input::new().map_err(|diagnostic| session.refused(diagnostic))?;
    let is_piped = matches!(input, Input::Piped);
    let had_errors = console::open(
        &session.environment,
        &configuration,
        &state,
        &session.workspace,
        |expressions, found| {
            let _ = session.settle(&found, &configuration.sources);
            Prompt { session: &session, expressions, sources: configuration.sources.clone() }.serve(input)
        },
    );
    // At a prompt, whoever typed has seen the errors; a script has only the exit code.
    if is_piped && had_errors { Err(Failure::default()) } else { Ok(Success::Done) }
}

fn read_state(path: &Path) -> Result<State, Diagnostic> {
    let name = path.to_string_lossy();
    let bytes = std::fs::read(path).map_err(|error| {
        let detail = format!("{name} could not be read: {error}.");
        Diagnostic::error("file-unreadable", "Failed to read the given file", detail)
            .hint("Name a state file that exists, or leave -state out.")
    })?;
    format_v4::read(&name, &bytes).map(|snapshot| snapshot.state)
}

/// Where lines come from.
enum Input {
    Piped,
    Typed(Box<Editor<(), MemHistory>>),
}

/// One line without its end.
enum Line {
    Text(String),
    /// What was begun is not to be finished.
    Dropped,
    End,
}

impl Input {
    fn new() -> Result<Self, Diagnostic> {
        if !std::io::stdin().is_terminal() {
            return Ok(Self::Piped);
        }
        let editor = Editor::with_history(Config::default(), MemHistory::new()).map_err(|error| {
            let detail = format!("The terminal does not take part in line editing: {error}.");
            Diagnostic::error("no-line-editor", "Console could not be started", detail)
                .hint("Give the expressions through a pipe.")
        })?;
        Ok(Self::Typed(Box::new(editor)))
    }

    fn line(&mut self, is_continued: bool) -> Line {
        match self {
            Self::Piped => {
                let mut line = String::new();
                match std::io::stdin().lock().read_line(&mut line) {
                    Ok(1..) => Line::Text(line.trim_end_matches(['\n', '\r']).to_owned()),
                    Ok(0) | Err(_) => Line::End,
                }
            }
            Self::Typed(editor) => match editor.readline(if is_continued { ": " } else { "> " }) {
                Ok(line) => Line::Text(line),
                Err(ReadlineError::Interrupted) if is_continued => Line::Dropped,
                Err(_) => Line::End,
            },
        }
    }

    /// Lines up to where they are whole; nothing at the end of the input.
    fn text(&mut self) -> Option<String> {
        let Line::Text(mut text) = self.line(false) else { return None };
        while is_incomplete(&text) {
            match self.line(true) {
                Line::Text(line) => {
                    if text.ends_with('\\') {
                        text.pop();
                    }
                    text.push('\n');
                    text.push_str(&line);
                }
                Line::Dropped => return Some(String::new()),
                Line::End => break,
            }
        }
        if let Self::Typed(editor) = self {
            // A history that is full or refuses doubles is none of the user's business.
            let _ = editor.add_history_entry(text.as_str());
        }
        Some(text)
    }
}

struct Prompt<'a> {
    session: &'a Session,
    expressions: &'a Expressions<'a>,
    sources: Sources,
}

impl Prompt<'_> {
    /// Answers until there is nothing more; says whether anything went wrong.
    fn serve(&mut self, mut input: Input) -> bool {
        let mut had_errors = false;
        while let Some(text) = input.text() {
            match text.trim() {
                "" => {}
                "exit" => break,
                "help" => print(HELP),
                text => had_errors |= self.answer(text).is_err(),
            }
        }
        had_errors
    }

    fn answer(&mut self, text: &str) -> Result<(), Failure> {
        let (input, found) = parse_console(text, &mut self.sources);
        self.session.settle(&found, &self.sources)?;
        let Some(input) = input else { return Ok(()) };
        let (value, found) = self.expressions.evaluate(&input.expression);
        self.session.settle(&found, &self.sources)?;
        let mut answer = String::new();
        if input.asks_type {
            type_text::write(&mut answer, &value.value_type(), 0);
        } else {
            value_text::write(&mut answer, &value, 0);
        }
        answer.push('\n');
        print(&answer);
        Ok(())
    }
}
