//! What people read in a plan and kubeadm reads on a host: YAML of plain values.

use serde_json::Value as Json;
use std::fmt::Write as _;

/// One document.
pub(crate) fn document(value: &Json) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text.trim_start_matches('\n').to_owned()
}

fn write(value: &Json, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Json::Object(entries) if !entries.is_empty() => {
            text.push('\n');
            for (name, value) in entries {
                let _ = write!(text, "{indent}{}:", word(name));
                write(value, depth + 1, text);
            }
        }
        Json::Array(elements) if !elements.is_empty() => {
            text.push('\n');
            for element in elements {
                let mut part = String::new();
                write(element, depth + 1, &mut part);
                // The first line of an element stands behind its sign.
                let _ = write!(text, "{indent}- {}", part.trim_start());
            }
        }
        Json::Object(_) => text.push_str(" {}\n"),
        Json::Array(_) => text.push_str(" []\n"),
        Json::String(one) => {
            let _ = writeln!(text, " {}", word(one));
        }
        other => {
            let _ = writeln!(text, " {other}");
        }
    }
}

/// A text as it may stand: plain where nobody could take it for something else.
fn word(text: &str) -> String {
    const OTHERS: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"];
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.chars().all(|one| one.is_ascii_alphanumeric() || "-_./".contains(one))
        && !OTHERS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { Json::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::document;
    use serde_json::{Value as Json, json};

    #[test]
    fn what_is_written_reads_back() {
        let table = [
            json!({}),
            json!({"a": "b", "c": [], "d": {}, "e": null, "f": true, "g": 3}),
            json!({"list": ["x", "1.5", {"name": "n", "more": {"deep": ["y"]}}, [["z"]], {}, []]}),
            json!({"no": "no", "1": "yes", "on": "2026-01-01", "x: y": "a: b # c\n'\"", "tail": " "}),
        ];
        for value in table {
            let text = document(&value);
            let back: Json = serde_saphyr::from_str(if text.is_empty() { "{}" } else { &text }).unwrap();
            assert_eq!(back, value, "{text}");
        }
    }
}
