//! `yamldecode` and `yamlencode`.
//!
//! Invariant: plain scalars mean what they mean to OpenTofu (YAML 1.1's words for true and false, 1.2's numbers,
//! dates as RFC 3339 texts), not what the parser's own schema would make of them.

use super::argument::text;
use super::time::Moment;
use super::yaml_text::yaml_text;
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_value::{Kind, Name, Number, Type, Value, convert};
use granit_parser::{Event, Parser, ScalarStyle, Tag};
use rustc_hash::FxHashMap;

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "yamldecode",
        &[Parameter::new("src", Shape::String)],
        ResultType::Of(any_type),
        decode_yaml,
    )
    .nullable(),
    Function::new(
        "yamlencode",
        &[Parameter::new("value", Shape::Any).null().dynamic()],
        ResultType::Fixed(Shape::String),
        encode_yaml,
    )
    .nullable(),
];

fn any_type(_: &[Value]) -> Result<Type, FunctionError> {
    Ok(Type::Dynamic)
}

/// The value of a YAML document, of which there must be one.
fn decode_yaml(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let options = granit_parser::options! {
        emit_comments: false,
        block_scalar_eof_without_line_feed: true,
    };
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text(&arguments[0]), options),
        anchors: FxHashMap::default(),
        depth: 0,
        entries: 0,
    };
    reader.document().map_err(FunctionError::new)
}

/// The YAML text of a value.
fn encode_yaml(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    if arguments[0].is_wholly_known() {
        Ok(Value::from(yaml_text(&arguments[0])))
    } else {
        Ok(Value::unknown(Type::String))
    }
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: FxHashMap<usize, Value>,
    depth: u32,
    /// How many entries all mappings have, those of merged mappings too.
    entries: usize,
}

/// Deeper documents are refused.
const DEPTH_MAXIMUM: u32 = 500;

/// Documents of more entries, or of more parts with each alias written out, are refused.
const ENTRIES_MAXIMUM: usize = 1 << 22;
const SIZE_MAXIMUM: u32 = 1 << 25;

/// A tag of YAML's own by its short name; others as they are.
fn tag_name(tag: Option<&Tag>) -> Option<String> {
    tag.map(|tag| match tag.suffix_in_namespace("tag:yaml.org,2002:") {
        Some(suffix) => suffix.into_owned(),
        None => tag.original(),
    })
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, String> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(error.to_string()),
            None => Ok(Event::StreamEnd),
        }
    }

    fn document(&mut self) -> Result<Value, String> {
        self.next()?;
        if self.next()? == Event::StreamEnd {
            return Err("missing start of document".to_owned());
        }
        let first = self.next()?;
        let value = self.node(first)?;
        self.next()?;
        match self.next()? {
            Event::StreamEnd => Ok(value),
            _ => Err("only a single document is allowed".to_owned()),
        }
    }

    fn node(&mut self, event: Event<'a>) -> Result<Value, String> {
        if self.depth >= DEPTH_MAXIMUM {
            return Err(format!("the document is nested deeper than {DEPTH_MAXIMUM} levels"));
        }
        self.depth += 1;
        let value = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.node_inside(event))?;
        self.depth -= 1;
        if value.size() > SIZE_MAXIMUM {
            return Err(format!(
                "with its aliases written out the document has more than {SIZE_MAXIMUM} parts"
            ));
        }
        Ok(value)
    }

    fn node_inside(&mut self, event: Event<'a>) -> Result<Value, String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag_name(tag.as_deref()).as_deref())?;
                Ok(self.anchored(anchor, value))
            }
            Event::SequenceStart(_, anchor, tag) => {
                expect_tag(tag.as_deref(), "seq", "sequence")?;
                let value = self.sequence()?;
                Ok(self.anchored(anchor, value))
            }
            Event::MappingStart(_, anchor, tag) => {
                expect_tag(tag.as_deref(), "map", "mapping")?;
                let value = self.mapping()?;
                Ok(self.anchored(anchor, value))
            }
            Event::Alias(anchor) => self
                .anchors
                .get(&anchor)
                .cloned()
                .ok_or_else(|| "cannot refer to an anchor from inside its own definition".to_owned()),
            _ => Err("expecting value but found end of stream".to_owned()),
        }
    }

    fn anchored(&mut self, anchor: usize, value: Value) -> Value {
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        value
    }

    fn count(&mut self, entries: usize) -> Result<(), String> {
        self.entries += entries;
        if self.entries > ENTRIES_MAXIMUM {
            return Err(format!("the document has more than {ENTRIES_MAXIMUM} entries"));
        }
        Ok(())
    }

    fn sequence(&mut self) -> Result<Value, String> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Value::tuple(items)),
                event => items.push(self.node(event)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<Value, String> {
        let mut attributes: Vec<(Name, Value)> = Vec::new();
        loop {
            let (key, style, tag) = match self.next()? {
                Event::MappingEnd => return Ok(Value::object(attributes)),
                Event::Scalar(key, style, _, tag) => (key, style, tag_name(tag.as_deref())),
                _ => return Err("only strings are allowed as mapping keys".to_owned()),
            };
            let event = self.next()?;
            let is_merge = match tag.as_deref() {
                None => key == "<<",
                Some(tag) => tag == "merge",
            };
            if is_merge {
                let merged = self.node(event)?;
                let before = attributes.len();
                merge(&merged, &mut attributes)?;
                self.count(attributes.len() - before)?;
                continue;
            }
            let key = scalar(&key, style, tag.as_deref())?;
            let key = convert(&key, &Type::String).ok().and_then(|key| key.as_str().cloned());
            let key = key.ok_or_else(|| "mapping key cannot be null".to_owned())?;
            let value = self.node(event)?;
            self.count(1)?;
            attributes.push((key, value));
        }
    }
}

fn expect_tag(tag: Option<&Tag>, expected: &str, what: &str) -> Result<(), String> {
    match tag_name(tag) {
        Some(name) if name != expected => Err(format!("can't interpret {what} as {name}")),
        _ => Ok(()),
    }
}

/// The attributes of a mapping, or of a sequence of mappings, put into another.
fn merge(merged: &Value, attributes: &mut Vec<(Name, Value)>) -> Result<(), String> {
    let sources = match merged.kind() {
        Kind::Tuple(items) => items,
        _ => std::slice::from_ref(merged),
    };
    for source in sources {
        let Some(entries) = source.entries() else {
            return Err(format!("cannot merge {} into mapping", source.value_type().friendly_name()));
        };
        attributes.extend(entries.iter().cloned());
    }
    Ok(())
}

/// The words that stand for a value of their own.
fn word(text: &str) -> Option<Value> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::bool(false)
        }
        "" | "~" | "null" | "Null" | "NULL" => Value::null(Type::Dynamic),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::number(Number::infinity(false)),
        "-.inf" | "-.Inf" | "-.INF" => Value::number(Number::infinity(true)),
        _ => return None,
    })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// Whether a plain scalar looks like a number of YAML 1.2.
fn looks_like_number(text: &str) -> bool {
    if let Some(octal) = text.strip_prefix("0o") {
        return !octal.is_empty() && octal.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return !hexadecimal.is_empty() && hexadecimal.bytes().all(|digit| digit.is_ascii_hexdigit());
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) =
        unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let is_exponent = exponent.is_none_or(|text| is_digits(text.strip_prefix(['+', '-']).unwrap_or(text)));
    let is_mantissa = match mantissa.split_once('.') {
        None => is_digits(mantissa),
        Some(("", fraction)) => is_digits(fraction),
        Some((whole, fraction)) => is_digits(whole) && (fraction.is_empty() || is_digits(fraction)),
    };
    is_exponent && is_mantissa
}

/// The number that digits write, of base 10, or with Go's prefixes of others.
fn number(text: &str) -> Option<Number> {
    let plain = text.replace('_', "");
    if let Some(number) = Number::parse(plain.strip_prefix('+').unwrap_or(&plain)) {
        return Some(number);
    }
    let (sign, unsigned) = match plain.strip_prefix('-') {
        Some(unsigned) => (-1, unsigned),
        None => (1, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let (base, digits) = match unsigned.get(..2)?.to_ascii_lowercase().as_str() {
        "0x" => (16, &unsigned[2..]),
        "0o" => (8, &unsigned[2..]),
        "0b" => (2, &unsigned[2..]),
        _ => return None,
    };
    let magnitude = i128::from(u64::from_str_radix(digits, base).ok()?);
    Number::parse(&(sign * magnitude).to_string())
}

/// A date, or a date and a time, as RFC 3339 has it.
fn timestamp(text: &str) -> Option<String> {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((&text[at..=at], &text[at + 1..]))),
        None => (text, None),
    };
    let part = |text: &str, longest: usize| {
        let is_short = is_digits(text) && text.len() <= longest;
        is_short.then(|| format!("{text:0>2}"))
    };
    let [year, month, day] = *date.split('-').collect::<Vec<_>>() else { return None };
    if year.len() != 4 || !is_digits(year) {
        return None;
    }
    let date = format!("{year}-{}-{}", part(month, 2)?, part(day, 2)?);
    let Some((separator, time)) = time else {
        return Moment::parse(&format!("{date}T00:00:00Z")).ok().map(|moment| moment.to_string());
    };
    let zone_at = if separator == " " { None } else { time.find(['Z', '+', '-']) };
    let (clock, zone) = time.split_at(zone_at.unwrap_or(time.len()));
    let zone = if separator == " " { "Z" } else { zone };
    let [hour, minute, second] = *clock.split(':').collect::<Vec<_>>() else { return None };
    let (second, fraction) = second.find('.').map_or((second, ""), |at| second.split_at(at));
    let clock = format!("{}:{}:{}{fraction}", part(hour, 2)?, part(minute, 2)?, part(second, 2)?);
    Moment::parse(&format!("{date}T{clock}{zone}")).ok().map(|moment| moment.to_string())
}

/// What a scalar stands for.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&str>) -> Result<Value, String> {
    let is_quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
    let cannot = |tag: &str| format!("cannot parse {text:?} as !!{tag}");
    match tag {
        Some("str") => return Ok(Value::from(text)),
        Some("binary") => {
            STANDARD
                .decode(text)
                .map_err(|_| format!("cannot parse {text:?} as !!binary: not valid base64"))?;
            return Ok(Value::from(text));
        }
        None | Some("bool" | "int" | "float" | "null" | "timestamp") => {}
        Some(other) => return Err(format!("unsupported tag {other:?}")),
    }
    if is_quoted {
        return Ok(Value::from(text));
    }
    if let Some(value) = word(text) {
        return Ok(value);
    }
    if tag.is_none() && matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err("floating point NaN is not supported".to_owned());
    }
    if let (None | Some("timestamp"), Some(timestamp)) = (tag, timestamp(text)) {
        return Ok(Value::from(timestamp));
    }
    if looks_like_number(text) {
        return number(text).map(Value::number).ok_or_else(|| cannot("int"));
    }
    match tag {
        None => Ok(Value::from(text)),
        Some("null") => Ok(Value::null(Type::Dynamic)),
        Some(tag @ ("int" | "float")) => number(text).map(Value::number).ok_or_else(|| cannot(tag)),
        Some(tag) => Err(cannot(tag)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_they_mean_to_opentofu() {
        for (text, expected) in [
            ("yes", Value::bool(true)),
            ("off", Value::bool(false)),
            ("~", Value::null(Type::Dynamic)),
            ("12", Value::from(12)),
            ("+12", Value::from(12)),
            ("0x1F", Value::from(31)),
            ("0o17", Value::from(15)),
            ("017", Value::from(17)),
            ("1.5e3", Value::from(1500)),
            (".5", Value::number(Number::parse("0.5").unwrap())),
            ("1_000", Value::from("1_000")),
            ("0ba", Value::from("0ba")),
            ("1.2.3", Value::from("1.2.3")),
            ("-", Value::from("-")),
            ("2026-01-01", Value::from("2026-01-01T00:00:00Z")),
            ("2026-1-2 3:4:5.5", Value::from("2026-01-02T03:04:05Z")),
            ("2026-01-01T00:00:00+02:00", Value::from("2026-01-01T00:00:00+02:00")),
            ("2026-13-01", Value::from("2026-13-01")),
        ] {
            assert_eq!(scalar(text, ScalarStyle::Plain, None), Ok(expected), "{text}");
        }
        assert_eq!(scalar("12", ScalarStyle::SingleQuoted, None), Ok(Value::from("12")));
        assert_eq!(scalar("12", ScalarStyle::Plain, Some("str")), Ok(Value::from("12")));
        assert!(scalar("x", ScalarStyle::Plain, Some("int")).is_err());
        assert!(scalar("x", ScalarStyle::Plain, Some("binary")).is_err());
        assert!(scalar("x", ScalarStyle::Plain, Some("!own")).is_err());
    }
}
