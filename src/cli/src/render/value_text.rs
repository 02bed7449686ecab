//! Values as the language writes them: for outputs, after apply and on request.

use super::diff::quoted;
use formwork_value::{Entries, Kind, MarkKind, Type, Value};
use std::fmt::Write as _;

/// The value at an indentation of so many spaces; sensitive parts are not shown.
pub(crate) fn write(out: &mut String, value: &Value, indent: usize) {
    match value.kind() {
        Kind::Marked(_, marks) if marks.has(MarkKind::Sensitive) => out.push_str("(sensitive value)"),
        Kind::Marked(_, marks) if marks.has(MarkKind::Ephemeral) => out.push_str("(ephemeral value)"),
        Kind::Marked(inner, _) => write(out, inner, indent),
        Kind::Unknown(..) => out.push_str("(known after apply)"),
        Kind::Null(value_type) => null(out, value_type),
        Kind::Bool(bool) => {
            let _ = write!(out, "{bool}");
        }
        Kind::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Kind::String(text) => string(out, text, indent),
        Kind::List(items) => sequence(out, items, ("tolist([", "])"), indent),
        Kind::Set(items) => sequence(out, items, ("toset([", "])"), indent),
        Kind::Tuple(items) => sequence(out, items, ("[", "]"), indent),
        Kind::Map(entries) => mapping(out, entries, ("tomap({", "})"), indent),
        Kind::Object(entries) => mapping(out, entries, ("{", "}"), indent),
    }
}

fn null(out: &mut String, value_type: &Type) {
    let _ = match value_type {
        Type::Dynamic => write!(out, "null"),
        Type::String => write!(out, "tostring(null)"),
        Type::Number => write!(out, "tonumber(null)"),
        Type::Bool => write!(out, "tobool(null)"),
        Type::List(element) => write!(out, "tolist(null) /* of {element} */"),
        Type::Set(element) => write!(out, "toset(null) /* of {element} */"),
        Type::Map(element) => write!(out, "tomap(null) /* of {element} */"),
        Type::Object(_) | Type::Tuple(_) => write!(out, "null /* {} */", value_type.friendly_name()),
    };
}

/// Text of several lines as a heredoc, whose mark does not stand on a line of its own in it.
fn string(out: &mut String, text: &str, indent: usize) {
    if !text.contains('\n') {
        out.push_str(&quoted(text));
        return;
    }
    let mut mark = "EOT".to_owned();
    while text.lines().any(|line| line.trim() == mark) {
        mark.push('_');
    }
    let margin = " ".repeat(indent);
    let operator = if indent > 0 { "<<-" } else { "<<" };
    let _ = write!(out, "{operator}{mark}\n{margin}");
    out.push_str(&text.replace('\n', &format!("\n{margin}")));
    let _ = write!(out, "\n{margin}{mark}");
}

fn sequence(out: &mut String, items: &[Value], (open, close): (&str, &str), indent: usize) {
    out.push_str(open);
    for item in items {
        let _ = write!(out, "\n{}", " ".repeat(indent + 2));
        write(out, item, indent + 2);
        out.push(',');
    }
    if !items.is_empty() {
        let _ = write!(out, "\n{}", " ".repeat(indent));
    }
    out.push_str(close);
}

fn mapping(out: &mut String, entries: &Entries, (open, close): (&str, &str), indent: usize) {
    out.push_str(open);
    for (name, value) in entries {
        let _ = write!(out, "\n{}{} = ", " ".repeat(indent + 2), quoted(name));
        write(out, value, indent + 2);
    }
    if !entries.is_empty() {
        let _ = write!(out, "\n{}", " ".repeat(indent));
    }
    out.push_str(close);
}

#[cfg(test)]
mod tests {
    use super::write;
    use formwork_value::{Marks, Name, Type, Value};

    #[test]
    fn values_are_written_as_the_language_has_them() {
        let entries = || {
            vec![
                (Name::from("a"), Value::from(1)),
                (Name::from("b"), Value::from("x").with_marks(&Marks::sensitive())),
            ]
        };
        for (value, expected) in [
            (Value::from("a\"b"), "\"a\\\"b\""),
            (Value::from("one\ntwo\n"), "<<EOT\none\ntwo\n\nEOT"),
            (Value::null(Type::String), "tostring(null)"),
            (Value::list(Type::Bool, vec![true.into()]), "tolist([\n  true,\n])"),
            (Value::tuple(vec![]), "[]"),
            (Value::tuple(vec![Value::from("x\ny")]), "[\n  <<-EOT\n  x\n  y\n  EOT,\n]"),
            (Value::object(entries()), "{\n  \"a\" = 1\n  \"b\" = (sensitive value)\n}"),
        ] {
            let mut out = String::new();
            write(&mut out, &value, 0);
            assert_eq!(out, expected);
        }
    }
}
