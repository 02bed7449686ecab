//! The provider's functions: `encode_expr`, `encode_tfvars` and `decode_tfvars`.
//!
//! Invariant: what is written reads back as the same value. Reading the language is not this provider's: whoever
//! makes it passes the reader in.

use arcstr::ArcStr;
use formwork_sdk::{FunctionSchema, Parameter, ProviderError};
use formwork_value::{Kind, Type, Value};
use indexmap::IndexMap;
use std::fmt::Write as _;

/// Reads the arguments of a `.tfvars` text as one object, or says in words why there are none.
pub type TfvarsReader = fn(&str) -> Result<Value, String>;

/// The reader of a provider that was given none.
pub(crate) fn read_nothing(_: &str) -> Result<Value, String> {
    Err("this provider was made without a reader of the language".to_owned())
}

/// What is offered.
pub(crate) fn schemas() -> IndexMap<ArcStr, FunctionSchema> {
    let schema = |name: &'static str, parameter: (&'static str, Type), returns: Type, doc: &'static str| {
        let (argument, value_type) = parameter;
        let parameter = Parameter { name: argument.into(), value_type, takes_null: true, doc: "" };
        let parameters = vec![parameter];
        (ArcStr::from(name), FunctionSchema { parameters, variadic: None, returns, doc, description: doc })
    };
    [
        schema(
            "decode_tfvars",
            ("src", Type::String),
            Type::Dynamic,
            "The arguments of a text in the form of a .tfvars file, as an object",
        ),
        schema(
            "encode_expr",
            ("value", Type::Dynamic),
            Type::String,
            "The value as an expression of the language",
        ),
        schema(
            "encode_tfvars",
            ("value", Type::Dynamic),
            Type::String,
            "The attributes of an object as the text of a .tfvars file",
        ),
    ]
    .into_iter()
    .collect()
}

/// Calls one of them; arguments are of the schema's types.
pub(crate) fn call(name: &str, arguments: &[Value], read: TfvarsReader) -> Result<Value, ProviderError> {
    let [argument] = arguments else { return Err(ProviderError::invalid("one argument is required")) };
    if argument.is_null() {
        return Err(ProviderError::invalid("argument must not be null"));
    }
    match name {
        "decode_tfvars" => {
            let text = argument.as_str().map_or("", |text| text.as_str());
            read(text).map_err(ProviderError::invalid)
        }
        "encode_expr" => Ok(Value::from(expression(argument, 0, Layout::Plain))),
        "encode_tfvars" => encode_tfvars(argument),
        other => Err(ProviderError::invalid(format!("this provider has no function named {other:?}"))),
    }
}

/// Whether neighbouring equals signs stand below each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Plain,
    Aligned,
}

fn encode_tfvars(value: &Value) -> Result<Value, ProviderError> {
    let Some(entries) = value.entries() else {
        return Err(ProviderError::invalid(
            "invalid value to encode: must be an object whose attribute names will become the encoded variable names",
        ));
    };
    if let Some((name, _)) = entries.iter().find(|(name, _)| !is_identifier(name)) {
        return Err(ProviderError::invalid(format!(
            "invalid variable name {name:?}: must be a valid identifier"
        )));
    }
    let row = |(name, value): &(ArcStr, Value)| (name.to_string(), expression(value, 0, Layout::Aligned));
    let rows: Vec<_> = entries.iter().map(row).collect();
    Ok(Value::from(body(&rows, 0, Layout::Aligned)))
}

/// Entries, a line each at least; equals signs of neighbours of one line are below each other where that is asked.
fn body(rows: &[(String, String)], indent: usize, layout: Layout) -> String {
    let is_multi_line = |row: &(String, String)| row.1.contains('\n');
    let mut out = String::new();
    for run in rows.chunk_by(|left, right| !is_multi_line(left) && !is_multi_line(right)) {
        let width = match layout {
            Layout::Aligned => run.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0),
            Layout::Plain => 0,
        };
        for (name, value) in run {
            let _ = writeln!(out, "{:indent$}{name:width$} = {value}", "");
        }
    }
    out
}

fn expression(value: &Value, indent: usize, layout: Layout) -> String {
    match value.kind() {
        Kind::Marked(inner, _) => expression(inner, indent, layout),
        Kind::Null(_) | Kind::Unknown(..) => "null".to_owned(),
        Kind::Bool(bool) => bool.to_string(),
        Kind::Number(number) => number.to_string(),
        Kind::String(text) => quoted(text),
        Kind::List(items) | Kind::Set(items) | Kind::Tuple(items) => {
            let items: Vec<String> = items.iter().map(|item| expression(item, indent, layout)).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Map(entries) | Kind::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Kind::Map(entries) | Kind::Object(entries) => {
            let inner = indent + 2;
            let row = |(name, value): &(ArcStr, Value)| {
                let key = if is_identifier(name) { name.to_string() } else { quoted(name) };
                (key, expression(value, inner, layout))
            };
            let rows: Vec<_> = entries.iter().map(row).collect();
            format!("{{\n{}{:indent$}}}", body(&rows, inner, layout), "")
        }
    }
}

fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    let is_start = |first: char| first == '_' || unicode_ident::is_xid_start(first);
    characters.next().is_some_and(is_start)
        && characters.all(|next| next == '-' || unicode_ident::is_xid_continue(next))
}

/// A text in quotes; what would begin a sequence is doubled, what nobody sees is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '$' | '%' => {
                out.push(character);
                if characters.peek() == Some(&'{') {
                    out.push(character);
                }
            }
            other if is_printable(other) => out.push(other),
            other => {
                let code = u32::from(other);
                let _ =
                    if code > 0xffff { write!(out, "\\U{code:08x}") } else { write!(out, "\\u{code:04x}") };
            }
        }
    }
    out.push('"');
    out
}

/// The standard library escapes the same characters in text, but a mark that opens it: so a letter goes first.
fn is_printable(character: char) -> bool {
    let text: String = ['a', character].iter().collect();
    matches!(character, '\'') || text.escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(entries: Vec<(&'static str, Value)>) -> Value {
        Value::object(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    #[test]
    fn values_are_written_as_expressions() {
        let nested = object(vec![
            ("a", Value::from(1)),
            ("b c", Value::tuple(vec![Value::from("x"), object(vec![("z", Value::null(Type::Dynamic))])])),
            ("long_name", Value::bool(true)),
        ]);
        for (name, value, expected) in [
            ("encode_expr", Value::from("a\n${b} %{c} $ \u{1}é'"), r#""a\n$${b} %%{c} $ \u0001é'""#),
            ("encode_expr", Value::tuple(Vec::new()), "[]"),
            ("encode_expr", Value::object(Vec::new()), "{}"),
            (
                "encode_expr",
                nested.clone(),
                "{\n  a = 1\n  \"b c\" = [\"x\", {\n    z = null\n  }]\n  long_name = true\n}",
            ),
            (
                "encode_tfvars",
                object(vec![
                    ("a", Value::from(1)),
                    ("long_name", Value::from("x")),
                    ("o", object(vec![("y", Value::from(2)), ("zz", Value::from(3))])),
                ]),
                "a         = 1\nlong_name = \"x\"\no = {\n  y  = 2\n  zz = 3\n}\n",
            ),
        ] {
            let written = call(name, &[value], read_nothing).unwrap();
            assert_eq!(written.as_str().map(ArcStr::as_str), Some(expected));
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for (name, value, expected) in [
            ("encode_expr", Value::null(Type::String), "must not be null"),
            ("encode_tfvars", Value::from("x"), "must be an object"),
            ("encode_tfvars", object(vec![("a b", Value::from(1))]), "invalid variable name \"a b\""),
            ("decode_tfvars", Value::from("a = 1"), "without a reader"),
            ("encode", Value::from("x"), "no function named \"encode\""),
        ] {
            let error = call(name, &[value], read_nothing).unwrap_err();
            assert!(error.message.contains(expected), "{}", error.message);
        }
    }
}
