//! `output`: values of the root module's outputs, from the state.

use super::show::UNLOCKED;
use crate::arguments::Output;
use crate::failure::{Failure, Success};
use crate::render::state_json::{self, ShownOutput};
use crate::render::{state_text, value_text};
use crate::session::{Session, shown_outputs};
use crate::terminal::{Terminal, print};
use formwork_diagnostic::Diagnostic;
use formwork_value::{Kind, Value};

pub(super) fn run(arguments: &Output, terminal: Terminal) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    let store = session.store("output", &UNLOCKED)?;
    let mut outputs = shown_outputs(&store.folded().state);
    if arguments.show_sensitive && !arguments.json {
        outputs.iter_mut().for_each(ShownOutput::clear);
    }
    let text = match &arguments.name {
        None if arguments.json => format!("{:#}\n", state_json::outputs(&outputs)),
        None if outputs.is_empty() => {
            session.screen.show(&none_found().into());
            return Ok(Success::Done);
        }
        None => state_text::outputs(&outputs),
        Some(name) => one(arguments, name, &outputs).map_err(|diagnostic| session.refused(diagnostic))?,
    };
    print(&text);
    Ok(Success::Done)
}

/// One output by name: asked for so plainly, it is shown even when it is sensitive.
fn one(arguments: &Output, name: &str, outputs: &[ShownOutput]) -> Result<String, Diagnostic> {
    let output = outputs.iter().find(|output| output.name == name).ok_or_else(|| unknown(name, outputs))?;
    let value = output.value.reveal();
    if arguments.json {
        return Ok(format!("{}\n", state_json::plain(value)));
    }
    if arguments.raw {
        return raw(value).ok_or_else(|| not_raw(name, value));
    }
    let mut text = String::new();
    value_text::write(&mut text, value, 0);
    text.push('\n');
    Ok(text)
}

fn raw(value: &Value) -> Option<String> {
    match value.kind() {
        Kind::String(text) => Some(text.to_string()),
        Kind::Number(number) => Some(number.to_string()),
        Kind::Bool(bool) => Some(bool.to_string()),
        _ => None,
    }
}

fn unknown(name: &str, outputs: &[ShownOutput]) -> Diagnostic {
    let close = formwork_lang::nearest(name, outputs.iter().map(|output| output.name.as_str()));
    Diagnostic::error(
        "unknown-output",
        format!("Output {name:?} not found"),
        "The output variable requested could not be found in the state.",
    )
    .hint(match close {
        Some(close) => format!("Did you mean {close:?}?"),
        None => "If you recently added it to the configuration, run apply first.".to_owned(),
    })
}

fn not_raw(name: &str, value: &Value) -> Diagnostic {
    let kind = value.value_type().friendly_name();
    let detail = format!(
        "The -raw option only supports strings, numbers, and boolean values, but output value {name:?} is {kind}."
    );
    Diagnostic::error("unsupported-raw-output", "Unsupported value for raw output", detail)
        .hint("Use -json for values of other types.")
}

fn none_found() -> Diagnostic {
    Diagnostic::warning("no-outputs", "No outputs found", "The state file either has no outputs defined, or all the defined outputs are empty.")
        .hint("Define an output in your configuration with the output block and run apply for it to become available.")
}
