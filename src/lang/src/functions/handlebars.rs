//! Templates in Handlebars: `handlebars` and `handlebarsfile`.
//!
//! Invariants: a name that the values do not have is an error at its place in the template, and so is one that is
//! null; nothing is escaped, since no HTML is made; a template reads nothing but its values: no partials, no scripts,
//! no files.

use super::argument::text;
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use ::handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, PathAndJson, RenderContext, RenderError,
    RenderErrorReason, no_escape,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_value::{Kind, Value};
use serde_json::Value as Json;
use std::io::{Error, ErrorKind, Write};

const STRING: ResultType = ResultType::Fixed(Shape::String);
const VALUES: Parameter = Parameter::new("values", Shape::Any);

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("handlebars", &[Parameter::new("template", Shape::String), VALUES], STRING, from_text),
    Function::new("handlebarsfile", &[Parameter::new("path", Shape::String), VALUES], STRING, from_file),
];

/// A template is not larger, nor what comes of it.
const TEMPLATE_MAXIMUM: usize = 1 << 20;
const RENDERED_MAXIMUM: usize = 1 << 26;

/// Blocks and subexpressions within each other; the parser and the renderer go as deep.
const DEPTH_MAXIMUM: usize = 64;

/// The template with the values put in.
fn from_text(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    render("template", text(&arguments[0]), &arguments[1])
}

/// The template of a file with the values put in.
fn from_file(context: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let path = text(&arguments[0]);
    let bytes = context
        .files
        .read(path)
        .map_err(|error| FunctionError::argument(0, format!("failed to read {path:?}: {error}")))?;
    let template = String::from_utf8(bytes)
        .map_err(|_| FunctionError::argument(0, format!("contents of {path:?} are not valid UTF-8")))?;
    render(path, &template, &arguments[1])
}

fn render(name: &str, template: &str, values: &Value) -> Result<Value, FunctionError> {
    if values.entries().is_none() {
        return Err(FunctionError::argument(1, "invalid values: must be a map or an object"));
    }
    if !values.is_wholly_known() {
        return Ok(Value::unknown(formwork_value::Type::String));
    }
    check(name, template)?;
    let data = Context::from(to_json(values));
    let mut registry = registry();
    // The library's parser and renderer call themselves for every level.
    stacker::grow(8 * 1024 * 1024, || {
        registry.register_template_string(name, template).map_err(|error| {
            FunctionError::argument(0, at_place(name, error.pos(), &error.reason().to_string()))
        })?;
        let mut out = Bounded(Vec::new());
        registry
            .render_with_context_to_write(name, &data, &mut out)
            .map_err(|error| FunctionError::argument(0, refusal(name, &error)))?;
        Ok(Value::from(String::from_utf8_lossy(&out.0).into_owned()))
    })
}

/// `name:line,column: words`
fn at_place(name: &str, place: Option<(usize, usize)>, words: &str) -> String {
    let words = words.trim_end_matches('.');
    place.map_or_else(
        || format!("{name}: {words}"),
        |(line, column)| format!("{name}:{line},{column}: {words}"),
    )
}

fn refusal(name: &str, error: &RenderError) -> String {
    let place = error.line_no.zip(error.column_no);
    let words = match error.reason() {
        RenderErrorReason::MissingVariable(Some(missing)) => {
            format!("there is no value {missing:?}, or it is null")
        }
        RenderErrorReason::MissingVariable(None) => "there is no such value, or it is null".to_owned(),
        RenderErrorReason::IOError(_) => format!("more than {RENDERED_MAXIMUM} bytes come of the template"),
        other => other.to_string(),
    };
    at_place(name, place, &words)
}

/// Refuses what the library would follow without an end, and partials.
fn check(name: &str, template: &str) -> Result<(), FunctionError> {
    let refuse = |at: usize, words: &str| {
        let line = template[..at].matches('\n').count() + 1;
        let column = template[..at].rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Err(FunctionError::argument(0, at_place(name, Some((line, column)), words)))
    };
    if template.len() > TEMPLATE_MAXIMUM {
        return refuse(0, &format!("the template is longer than {TEMPLATE_MAXIMUM} bytes"));
    }
    let mut depth = 0_usize;
    let mut rest = 0;
    while let Some(found) = template[rest..].find("{{") {
        let at = rest + found;
        let inner = template[at..].trim_start_matches('{').trim_start_matches(['~', ' ', '\t', '\r', '\n']);
        rest = template.len() - inner.len();
        if inner.starts_with("!--") {
            rest += inner.find("--").map_or(inner.len(), |start| {
                inner[start + 2..].find("--").map_or(inner.len(), |end| start + 2 + end)
            });
            continue;
        }
        if inner.starts_with('/') {
            depth = depth.saturating_sub(1);
            continue;
        }
        let is_block = inner.starts_with(['#', '^']);
        depth += usize::from(is_block);
        let kind = inner.trim_start_matches(['#', '^', '~', ' ', '\t', '\r', '\n']);
        if kind.starts_with(['>', '*']) {
            return refuse(at, "partials and decorators are not available: a template stands alone");
        }
        let tag = &inner[..inner.find("}}").unwrap_or(inner.len())];
        if depth > DEPTH_MAXIMUM || nesting(tag) > DEPTH_MAXIMUM {
            return refuse(at, &format!("the template is nested deeper than {DEPTH_MAXIMUM} levels"));
        }
    }
    Ok(())
}

/// How deep brackets stand within each other.
fn nesting(tag: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for character in tag.chars() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The values as JSON. Of an object, entries that are null are left out: they are as good as missing.
fn to_json(value: &Value) -> Json {
    match value.kind() {
        Kind::Null(_) | Kind::Unknown(..) => Json::Null,
        Kind::Bool(bool) => Json::Bool(bool),
        Kind::Number(number) => number
            .to_string()
            .parse::<serde_json::Number>()
            .map_or_else(|_| Json::String(number.to_string()), Json::Number),
        Kind::String(text) => Json::String(text.to_string()),
        Kind::List(items) | Kind::Set(items) | Kind::Tuple(items) => {
            Json::Array(items.iter().map(to_json).collect())
        }
        Kind::Map(entries) | Kind::Object(entries) => entries
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_string(), to_json(value)))
            .collect(),
        Kind::Marked(inner, _) => to_json(inner),
    }
}

/// Bytes up to a limit.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > RENDERED_MAXIMUM {
            return Err(Error::from(ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn registry() -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(no_escape);
    // What is put in may be secret: nothing of it goes to a log.
    registry.unregister_helper("log");
    registry.register_helper("indent", Box::new(indent));
    registry.register_helper("quote", Box::new(quote));
    registry.register_helper("json", Box::new(json));
    registry.register_helper("yaml", Box::new(yaml));
    registry.register_helper("base64", Box::new(base64));
    registry
}

fn fault(words: impl Into<String>) -> RenderError {
    RenderErrorReason::Other(words.into()).into()
}

/// A helper's argument, which has to be there.
fn parameter<'a>(helper: &'a Helper<'_>, at: usize) -> Result<&'a Json, RenderError> {
    let parameter = helper.param(at).filter(|parameter| !parameter.is_value_missing());
    parameter.map(PathAndJson::value).ok_or_else(|| {
        fault(format!("the helper {:?} misses its argument {}, or it is null", helper.name(), at + 1))
    })
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `{{indent 4 text}}`: every line but the first moved in.
fn indent(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    const WIDTH_MAXIMUM: u64 = 1024;
    let width = parameter(helper, 0)?.as_u64().filter(|width| *width <= WIDTH_MAXIMUM);
    let width = width
        .ok_or_else(|| fault(format!("indent: a whole number up to {WIDTH_MAXIMUM} is required first")))?;
    let blanks = " ".repeat(usize::try_from(width).unwrap_or(0));
    out.write(&plain(parameter(helper, 1)?).replace('\n', &format!("\n{blanks}")))?;
    Ok(())
}

/// `{{quote text}}`: in double quotes, as JSON and YAML read it.
fn quote(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    out.write(&Json::String(plain(parameter(helper, 0)?)).to_string())?;
    Ok(())
}

/// `{{json value}}`: the value as JSON on one line.
fn json(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    out.write(&parameter(helper, 0)?.to_string())?;
    Ok(())
}

/// `{{yaml value}}`: the value as a YAML block without a newline at its end, for `indent` to move in.
fn yaml(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let text = parameter(helper, 0)?.to_string();
    let value = formwork_value::decode_implied(&text).map_err(|error| fault(format!("yaml: {error}")))?;
    let written = super::yaml_text::yaml_text(&value);
    out.write(written.trim_end_matches('\n'))?;
    Ok(())
}

/// `{{base64 text}}`
fn base64(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    out.write(&STANDARD.encode(plain(parameter(helper, 0)?)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Value {
        let object = |entries: Vec<(&'static str, Value)>| {
            Value::object(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
        };
        object(vec![
            ("name", Value::from("a<b>&\"c\"")),
            ("gpus", Value::from(8)),
            ("nothing", Value::null(formwork_value::Type::String)),
            ("nodes", Value::tuple(vec![Value::from("n1"), Value::from("n2")])),
            ("labels", object(vec![("app", Value::from("x")), ("tier", Value::from("on"))])),
            ("text", Value::from("one\ntwo")),
        ])
    }

    #[test]
    fn templates_are_filled_and_nothing_is_escaped() {
        for (template, expected) in [
            ("{{name}} {{{name}}} {{gpus}}", "a<b>&\"c\" a<b>&\"c\" 8"),
            ("{{#each nodes}}{{@index}}={{this}};{{/each}}", "0=n1;1=n2;"),
            ("{{#if gpus}}yes{{else}}no{{/if}}", "yes"),
            ("{{labels.app}} {{lookup labels \"tier\"}}", "x on"),
            ("a: {{quote name}}", r#"a: "a<b>&\"c\"""#),
            ("{{json labels}}", r#"{"app":"x","tier":"on"}"#),
            ("x:\n  {{indent 2 (yaml labels)}}", "x:\n  \"app\": \"x\"\n  \"tier\": \"on\""),
            ("{{indent 4 text}}", "one\n    two"),
            ("{{base64 text}}", "b25lCnR3bw=="),
            ("{{!-- {{missing}} --}}{{! x }}\\{{raw}}", "{{raw}}"),
        ] {
            let found = render("template", template, &values());
            assert_eq!(
                found.as_ref().ok().and_then(|value| value.as_str()).map(arcstr::ArcStr::as_str),
                Some(expected),
                "{template}: {found:?}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_an_error_at_its_place() {
        let deep = format!("{}x{}", "{{#if gpus}}".repeat(100), "{{/if}}".repeat(100));
        let brackets = format!("{{{{json {}gpus{}}}}}", "(".repeat(10_000), ")".repeat(10_000));
        for (template, expected) in [
            ("a\n  {{missing}}", "template:2,3: there is no value \"missing\""),
            ("{{nothing}}", "there is no value \"nothing\", or it is null"),
            ("{{labels.missing}}", "there is no value"),
            ("{{json missing}}", "template:1,1: "),
            ("{{#each missing}}{{/each}}", "template:1,1: "),
            ("{{helper 1}}", "elper"),
            ("{{#if gpus}}", "template:1,"),
            ("x\n{{> part}}", "template:2,1: partials and decorators are not available"),
            ("{{#*inline \"a\"}}{{/inline}}", "partials and decorators"),
            ("{{~> part}}", "partials and decorators"),
            ("{{indent 99999 text}}", "a whole number up to 1024"),
            (deep.as_str(), "nested deeper than 64 levels"),
            (brackets.as_str(), "nested deeper than 64 levels"),
        ] {
            let error = render("template", template, &values()).expect_err(template);
            assert!(
                error.message.contains(expected),
                "{}: {}",
                &template[..template.len().min(40)],
                error.message
            );
        }
        assert!(render("template", "x", &Value::from(1)).is_err());
    }
}
