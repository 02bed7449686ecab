//! Types over several lines, as the console shows them.

use formwork_value::Type;
use std::fmt::Write as _;

/// Spaces a level is worth.
const INDENT: usize = 4;

/// The type at a level; attributes and elements stand on lines of their own.
pub(crate) fn write(out: &mut String, value_type: &Type, level: usize) {
    match value_type {
        Type::Object(object) if !object.attributes().is_empty() => {
            out.push_str("object({\n");
            for (name, attribute) in object.attributes() {
                let _ = write!(out, "{}{name}: ", margin(level + 1));
                write(out, attribute, level + 1);
                out.push_str(",\n");
            }
            let _ = write!(out, "{}}})", margin(level));
        }
        Type::Object(_) => out.push_str("object({})"),
        Type::Tuple(elements) if !elements.is_empty() => {
            out.push_str("tuple([\n");
            for element in elements.iter() {
                out.push_str(&margin(level + 1));
                write(out, element, level + 1);
                out.push_str(",\n");
            }
            let _ = write!(out, "{}])", margin(level));
        }
        Type::Tuple(_) => out.push_str("tuple([])"),
        Type::List(element) => collection(out, "list", element, level),
        Type::Set(element) => collection(out, "set", element, level),
        Type::Map(element) => collection(out, "map", element, level),
        plain => out.push_str(&plain.friendly_name()),
    }
}

/// An object or tuple inside stands a level deeper, so that the collection around it is not overlooked.
fn collection(out: &mut String, word: &str, element: &Type, level: usize) {
    let _ = write!(out, "{word}(");
    if matches!(element, Type::Object(_) | Type::Tuple(_)) {
        let _ = write!(out, "\n{}", margin(level + 1));
        write(out, element, level + 1);
        let _ = write!(out, ",\n{}", margin(level));
    } else {
        write(out, element, level);
    }
    out.push(')');
}

fn margin(level: usize) -> String {
    " ".repeat(INDENT * level)
}

#[cfg(test)]
mod tests {
    use super::write;
    use formwork_value::Type;

    #[test]
    fn types_are_written_over_several_lines() {
        let object = || Type::object([("a", Type::String), ("b", Type::Number)]);
        for (value_type, expected) in [
            (Type::Dynamic, "dynamic"),
            (Type::list(Type::Bool), "list(bool)"),
            (Type::object::<&str>([]), "object({})"),
            (Type::tuple(vec![]), "tuple([])"),
            (object(), "object({\n    a: string,\n    b: number,\n})"),
            (Type::map(Type::list(Type::String)), "map(list(string))"),
            (Type::tuple(vec![Type::String]), "tuple([\n    string,\n])"),
            (Type::set(object()), "set(\n    object({\n        a: string,\n        b: number,\n    }),\n)"),
        ] {
            let mut out = String::new();
            write(&mut out, &value_type, 0);
            assert_eq!(out, expected);
        }
    }
}
