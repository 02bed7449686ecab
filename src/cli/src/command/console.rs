//! `console`: expressions at a prompt, or from a pipe.

use super::show::UNLOCKED;
use crate::arguments::{Console, VariableArgument};
use crate::failure::{Failure, Success};
use crate::render::{type_text, value_text};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use crate::workspaces;
use formwork_diagnostic::{Diagnostic, Sources};
use formwork_engine::console::{self, Console as Expressions};
use formwork_lang::{is_incomplete, parse_console};
use formwork_state::{State, format_v4};
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
    let input = Input::new();
    let had_errors = console::open(
        &session.environment,
        &configuration,
        &state,
        &workspaces::current(),
        |expressions, found| {
            let _ = session.settle(&found, &configuration.sources);
            Prompt { session: &session, expressions, sources: configuration.sources.clone() }.serve(input)
        },
    );
    // At a prompt, whoever typed has seen the errors; a script has only the exit code.
    if input == Input::Piped && had_errors { Err(Failure::default()) } else { Ok(Success::Done) }
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
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Piped,
    Typed,
}

impl Input {
    fn new() -> Self {
        if std::io::stdin().is_terminal() { Self::Typed } else { Self::Piped }
    }

    /// One line without its end; nothing at the end of the input.
    fn line(self, is_continued: bool) -> Option<String> {
        if self == Self::Typed {
            print(if is_continued { ": " } else { "> " });
        }
        let mut line = String::new();
        let length = std::io::stdin().lock().read_line(&mut line).ok()?;
        (length > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned())
    }

    /// Everything up to where it is whole.
    fn text(self) -> Option<String> {
        let mut text = self.line(false)?;
        while is_incomplete(&text) {
            let Some(line) = self.line(true) else { break };
            if text.ends_with('\\') {
                text.pop();
            }
            text.push('\n');
            text.push_str(&line);
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
    fn serve(&mut self, input: Input) -> bool {
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
