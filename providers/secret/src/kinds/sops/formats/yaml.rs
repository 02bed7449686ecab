//! YAML as sops writes and reads it: one document, a map.

use super::super::tree::{Leaf, Node};
use super::{DEPTH_MAXIMUM, number};
use granit_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

struct Reader<'t>(Parser<'t, StrInput<'t>>);

pub(super) fn read(text: &str) -> Result<Node, String> {
    let options = granit_parser::options! { emit_comments: false, block_scalar_eof_without_line_feed: true, };
    let mut reader = Reader(Parser::new_from_str_with_options(text, options));
    reader.next()?;
    if reader.next()? == Event::StreamEnd {
        return Err("it is empty".to_owned());
    }
    let first = reader.next()?;
    let document = reader.node(first, DEPTH_MAXIMUM)?;
    reader.next()?;
    match reader.next()? {
        Event::StreamEnd => Ok(document),
        _ => Err("it has several documents, which is not supported".to_owned()),
    }
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Event<'t>, String> {
        match self.0.next_event() {
            Some(Ok((event, _))) => Ok(event),
            // The parser's words may quote the text.
            Some(Err(error)) => Err(format!("it is no YAML, at line {}", error.marker().line())),
            None => Ok(Event::StreamEnd),
        }
    }

    fn node(&mut self, event: Event<'t>, depth: usize) -> Result<Node, String> {
        if depth == 0 {
            return Err(format!("it is nested deeper than {DEPTH_MAXIMUM} levels"));
        }
        match event {
            Event::Scalar(text, style, _, tag) => {
                Ok(Node::Leaf(scalar(&text, style == ScalarStyle::Plain, tag.as_deref())))
            }
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => return Ok(Node::List(items)),
                        event => items.push(self.node(event, depth - 1)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut entries = Vec::new();
                loop {
                    let name = match self.next()? {
                        Event::MappingEnd => return Ok(Node::Map(entries)),
                        Event::Scalar(name, ..) => name.to_string(),
                        _ => return Err("a name in it is no text".to_owned()),
                    };
                    let event = self.next()?;
                    entries.push((name, self.node(event, depth - 1)?));
                }
            }
            _ => Err("it has aliases or ends too early: sops writes neither".to_owned()),
        }
    }
}

/// What a scalar means to the reader of sops. A text that looks like a time is one there, and in its authentication
/// code written as RFC 3339.
fn scalar(text: &str, is_plain: bool, tag: Option<&Tag>) -> Leaf {
    if !is_plain || tag.is_some() {
        return Leaf::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Leaf::Null,
        "true" | "True" | "TRUE" => Leaf::Truth(true),
        "false" | "False" | "FALSE" => Leaf::Truth(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Leaf::float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Leaf::float(f64::NEG_INFINITY),
        _ if is_date(text) => Leaf::Text(format!("{text}T00:00:00Z")),
        _ => numeric(text).unwrap_or_else(|| Leaf::Text(text.to_owned())),
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [4, 2, 2] && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn numeric(text: &str) -> Option<Leaf> {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.as_bytes().first()? {
        b'-' => ("-", &plain[1..]),
        b'+' => ("", &plain[1..]),
        _ => ("", plain.as_str()),
    };
    let first = digits.bytes().next()?;
    if !first.is_ascii_digit() && first != b'.' {
        return None;
    }
    let bases = [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)];
    if let Some((digits, base)) =
        bases.iter().find_map(|(prefix, base)| Some((digits.strip_prefix(prefix)?, *base)))
    {
        return i64::from_str_radix(&format!("{sign}{digits}"), base)
            .ok()
            .map(|whole| Leaf::Number(whole.to_string()));
    }
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| (b'0'..b'8').contains(&byte))
    {
        return i64::from_str_radix(&format!("{sign}{digits}"), 8)
            .ok()
            .map(|whole| Leaf::Number(whole.to_string()));
    }
    let is_number =
        digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) && digits != ".";
    let leaf = number(&format!("{sign}{digits}"));
    (is_number && matches!(leaf, Leaf::Number(_))).then_some(leaf)
}
