//! Values as YAML text, to the byte as OpenTofu writes them: a changed byte would be a change of whatever the text
//! went into.

use formwork_value::{Entries, Kind, Value};

/// The document of a value that is wholly known and without marks.
pub(super) fn yaml_text(value: &Value) -> String {
    let mut writer = Writer { out: String::new(), is_open_ended: false };
    match value.kind() {
        Kind::List(items) | Kind::Set(items) | Kind::Tuple(items) if !items.is_empty() => {
            writer.sequence(items, 0, true);
        }
        Kind::Map(entries) | Kind::Object(entries) if !entries.is_empty() => writer.mapping(entries, 0, true),
        Kind::String(text) => writer.string(text, 2, false),
        _ => {
            writer.put(&plain(value));
            writer.is_open_ended = !writer.out.starts_with(['[', '{']);
        }
    }
    if !writer.out.ends_with('\n') {
        writer.out.push('\n');
    }
    if writer.is_open_ended {
        writer.out.push_str("...\n");
    }
    writer.out
}

/// Text behind this column goes on in the next line.
const WIDTH: usize = 80;

/// A longer key gets a line of its own behind `?`.
const KEY_LIMIT: usize = 128;

struct Writer {
    out: String,
    /// The last thing written could go on: a document marker must say that it does not.
    is_open_ended: bool,
}

/// What needs no quotes: numbers, bools, null, and collections with nothing in them.
fn plain(value: &Value) -> String {
    match value.kind() {
        Kind::Bool(bool) => bool.to_string(),
        Kind::Number(number) => number.to_string(),
        Kind::List(_) | Kind::Set(_) | Kind::Tuple(_) => "[]".to_owned(),
        Kind::Map(_) | Kind::Object(_) => "{}".to_owned(),
        _ => "null".to_owned(),
    }
}

/// Whether the text can stand in a block that keeps its line breaks.
fn can_be_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.ends_with(' ')
        && !text.contains(" \n")
        && text.chars().all(|character| is_printable(character) && !is_other_break(character))
}

fn is_other_break(character: char) -> bool {
    matches!(character, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What YAML's emitter writes as it is; beyond the first plane it writes nothing as it is.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}') && character != '\u{FEFF}'
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.is_open_ended = false;
        self.out.push_str(text);
    }

    fn column(&self) -> usize {
        let line = self.out.rsplit('\n').next().unwrap_or_default();
        line.chars().count()
    }

    /// A new line with so many spaces, unless one has just begun.
    fn line(&mut self, indent: usize) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn sequence(&mut self, items: &[Value], indent: usize, continues_line: bool) {
        for (at, item) in items.iter().enumerate() {
            if at > 0 || !continues_line {
                self.line(indent);
            }
            self.put("-");
            self.value(item, indent, true);
        }
    }

    fn mapping(&mut self, entries: &Entries, indent: usize, continues_line: bool) {
        for (at, (key, value)) in entries.iter().enumerate() {
            if at > 0 || !continues_line {
                self.line(indent);
            }
            if key.len() <= KEY_LIMIT && !key.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
                self.quoted(key, None);
            } else {
                self.put("? ");
                self.string(key, indent + 2, false);
                self.line(indent);
            }
            self.put(":");
            self.value(value, indent, false);
        }
    }

    /// A value behind `-` or `:`.
    fn value(&mut self, value: &Value, indent: usize, in_sequence: bool) {
        match value.kind() {
            Kind::List(items) | Kind::Set(items) | Kind::Tuple(items) if !items.is_empty() => {
                if in_sequence {
                    self.put(" ");
                    self.sequence(items, indent + 2, true);
                } else {
                    self.sequence(items, indent, false);
                }
            }
            Kind::Map(entries) | Kind::Object(entries) if !entries.is_empty() => {
                if in_sequence {
                    self.put(" ");
                }
                self.mapping(entries, indent + 2, in_sequence);
            }
            Kind::String(text) => {
                self.put(" ");
                self.string(text, indent + 2, true);
            }
            _ => {
                self.put(" ");
                self.put(&plain(value));
            }
        }
    }

    fn string(&mut self, text: &str, indent: usize, _is_nested: bool) {
        if can_be_literal(text) {
            self.literal(text, indent);
        } else {
            self.quoted(text, Some(indent));
        }
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.put("|");
        if text.starts_with([' ', '\n']) {
            self.put("2");
        }
        if !text.ends_with('\n') {
            self.put("-");
        } else if text == "\n" || text.ends_with("\n\n") {
            self.put("+");
            self.is_open_ended = true;
        }
        self.out.push('\n');
        for line in text.split_inclusive('\n') {
            if line != "\n" {
                self.out.extend(std::iter::repeat_n(' ', indent));
            }
            self.out.push_str(line);
        }
    }

    /// Text in double quotes; where it may, it goes on in a next line with this indent.
    fn quoted(&mut self, text: &str, indent: Option<usize>) {
        self.put("\"");
        let mut after_space = false;
        let mut column = self.column();
        let last = text.chars().count().saturating_sub(1);
        let mut characters = text.chars().enumerate().peekable();
        while let Some((at, character)) = characters.next() {
            if character == ' ' {
                match indent {
                    Some(indent) if !after_space && column > WIDTH && at > 0 && at < last => {
                        self.line(indent);
                        column = indent;
                        if matches!(characters.peek(), Some((_, ' '))) {
                            self.out.push('\\');
                            column += 1;
                        }
                    }
                    _ => {
                        self.out.push(' ');
                        column += 1;
                    }
                }
                after_space = true;
                continue;
            }
            let before = self.out.len();
            self.character(character);
            column += self.out[before..].chars().count();
            after_space = false;
        }
        self.put("\"");
    }

    fn character(&mut self, character: char) {
        let short = match character {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{B}' => 'v',
            '\u{C}' => 'f',
            '\r' => 'r',
            '\u{1B}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            printable if is_printable(printable) => {
                self.out.push(printable);
                return;
            }
            other => {
                let code = u32::from(other);
                self.out.push_str(&match code {
                    0..=0xFF => format!("\\x{code:02X}"),
                    0x100..=0xFFFF => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                });
                return;
            }
        };
        self.out.push('\\');
        self.out.push(short);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use formwork_value::{Name, Type};

    fn object(attributes: &[(&str, Value)]) -> Value {
        Value::object(attributes.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect())
    }

    #[test]
    fn layout_is_opentofu_s() {
        let nested = Value::tuple(vec![Value::from(1), Value::tuple(vec![Value::from("a")])]);
        for (value, expected) in [
            (Value::bool(true), "true\n...\n"),
            (Value::from("a"), "\"a\"\n"),
            (Value::null(Type::String), "null\n...\n"),
            (Value::tuple(Vec::new()), "[]\n"),
            (nested.clone(), "- 1\n- - \"a\"\n"),
            (object(&[("k", nested)]), "\"k\":\n- 1\n- - \"a\"\n"),
            (object(&[("k", object(&[("l", Value::from("x\ny\n"))]))]), "\"k\":\n  \"l\": |\n    x\n    y\n"),
            (
                Value::tuple(vec![object(&[("a", Value::from(1)), ("b", object(&[]))])]),
                "- \"a\": 1\n  \"b\": {}\n",
            ),
            (Value::from("x\ny"), "|-\n  x\n  y\n"),
            (Value::from("x\n\n"), "|+\n  x\n\n...\n"),
            (Value::from("a \nb"), "\"a \\nb\"\n"),
            (Value::from("é\u{1F600}\t"), "\"é\\U0001F600\\t\"\n"),
        ] {
            assert_eq!(yaml_text(&value), expected, "{value}");
        }
    }
}
