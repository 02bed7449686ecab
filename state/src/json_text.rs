//! JSON as text: kept undecoded, written compact or indented, compared without regard to spacing.
//!
//! Invariant: a text in here is valid JSON, so the rewriting below needs no error path.

use serde_json::value::RawValue;
use std::sync::Arc;

/// Whether two texts differ in spacing and in the escaping of `<`, `>`, `&` at most.
pub(crate) fn is_same(left: &Arc<RawValue>, right: &Arc<RawValue>) -> bool {
    Arc::ptr_eq(left, right)
        || left.get() == right.get()
        || canonical(left.get().as_bytes()) == canonical(right.get().as_bytes())
}

/// The same of texts that may be missing.
pub(crate) fn are_same(left: Option<&Arc<RawValue>>, right: Option<&Arc<RawValue>>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => is_same(left, right),
        (left, right) => left.is_none() && right.is_none(),
    }
}

/// Appends the text without the spacing between its tokens.
pub(crate) fn write_compact(out: &mut Vec<u8>, text: &[u8]) {
    for token in Tokens::new(text) {
        out.extend_from_slice(token);
    }
}

/// Appends the text with two spaces a level, starting at a depth, escaped the way Go escapes.
pub(crate) fn write_indented(out: &mut Vec<u8>, text: &[u8], mut depth: usize) {
    let mut tokens = Tokens::new(text).peekable();
    while let Some(token) = tokens.next() {
        match token {
            [opening @ (b'{' | b'[')] => {
                out.push(*opening);
                if let Some([closing @ (b'}' | b']')]) = tokens.peek() {
                    out.push(*closing);
                    tokens.next();
                } else {
                    depth += 1;
                    new_line(out, depth);
                }
            }
            [closing @ (b'}' | b']')] => {
                depth -= 1;
                new_line(out, depth);
                out.push(*closing);
            }
            [b','] => {
                out.push(b',');
                new_line(out, depth);
            }
            [b':'] => out.extend_from_slice(b": "),
            _ => write_escaped(out, token),
        }
    }
}

/// Starts a line at a depth.
pub(crate) fn new_line(out: &mut Vec<u8>, depth: usize) {
    const SPACES: &[u8; 64] = &[b' '; 64];
    out.push(b'\n');
    let mut left = depth * 2;
    while left > 0 {
        let some = left.min(SPACES.len());
        out.extend_from_slice(&SPACES[..some]);
        left -= some;
    }
}

/// Appends a text as a JSON string, escaped the way Go escapes.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !b"<>&".contains(&byte)) {
        let mut quoted = Vec::with_capacity(text.len() + 2);
        // Writing a string into memory cannot fail.
        if serde_json::to_writer(&mut quoted, text).is_ok() {
            write_escaped(out, &quoted);
        }
        return;
    }
    out.push(b'"');
    for part in text.split_inclusive(['"', '\\']) {
        if let Some((last @ (b'"' | b'\\'), rest)) = part.as_bytes().split_last() {
            out.extend_from_slice(rest);
            out.extend_from_slice(&[b'\\', *last]);
        } else {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.push(b'"');
}

fn write_escaped(out: &mut Vec<u8>, token: &[u8]) {
    let mut kept = 0;
    let mut at = 0;
    while at < token.len() {
        let (escape, length): (&[u8], usize) = match token[at] {
            b'<' => (b"\\u003c", 1),
            b'>' => (b"\\u003e", 1),
            b'&' => (b"\\u0026", 1),
            0xe2 if token[at..].starts_with("\u{2028}".as_bytes()) => (b"\\u2028", 3),
            0xe2 if token[at..].starts_with("\u{2029}".as_bytes()) => (b"\\u2029", 3),
            _ => {
                at += 1;
                continue;
            }
        };
        out.extend_from_slice(&token[kept..at]);
        out.extend_from_slice(escape);
        at += length;
        kept = at;
    }
    out.extend_from_slice(&token[kept..]);
}

fn canonical(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for token in Tokens::new(text) {
        write_escaped(&mut out, token);
    }
    out
}

/// The tokens of valid JSON: one byte for punctuation, else a whole string, number or word.
struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    const fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = match rest[0] {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => string_length(rest),
            _ => rest
                .iter()
                .position(|byte| byte.is_ascii_whitespace() || b"{}[],:\"".contains(byte))
                .unwrap_or(rest.len()),
        };
        self.at += length;
        Some(&rest[..length])
    }
}

fn string_length(quoted: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = quoted.get(at) {
        at += match byte {
            b'\\' => 2,
            b'"' => return at + 1,
            _ => 1,
        };
    }
    quoted.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewrites_spacing_only() {
        let cases = [
            ("{}", "{}", "{}"),
            (" { } ", "{}", "{}"),
            ("[1 , 2]", "[1,2]", "[\n  1,\n  2\n]"),
            (
                r#"{"a b": [ ], "c":{"d" :null}}"#,
                r#"{"a b":[],"c":{"d":null}}"#,
                "{\n  \"a b\": [],\n  \"c\": {\n    \"d\": null\n  }\n}",
            ),
            (r#""a \" { , } \\""#, r#""a \" { , } \\""#, r#""a \" { , } \\""#),
            (
                "123456789012345678901234567890.5",
                "123456789012345678901234567890.5",
                "123456789012345678901234567890.5",
            ),
        ];
        for (text, compact, indented) in cases {
            let (mut short, mut long) = (Vec::new(), Vec::new());
            write_compact(&mut short, text.as_bytes());
            write_indented(&mut long, text.as_bytes(), 0);
            assert_eq!(String::from_utf8(short).unwrap(), compact);
            assert_eq!(String::from_utf8(long).unwrap(), indented);
        }
    }

    #[test]
    fn comparison_ignores_spacing_and_go_escapes() {
        let cases = [
            (r#"{"a":1}"#, "{ \"a\" : 1 }", true),
            (r#""<&>""#, r#""\u003c\u0026\u003e""#, true),
            (r#""a b""#, r#""ab""#, false),
            ("1", "1.0", false),
        ];
        for (left, right, equal) in cases {
            let parse = |text: &str| Arc::from(RawValue::from_string(text.to_owned()).unwrap());
            assert_eq!(is_same(&parse(left), &parse(right)), equal, "{left} {right}");
        }
    }
}
