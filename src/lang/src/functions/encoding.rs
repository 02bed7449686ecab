//! Functions that write text as other text and back: Base64, URL escapes, gzip, character encodings.

use super::argument::{TEXT_MAXIMUM, shown, text, within_bounds};
use super::deflate::deflated;
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::Encoding;
use flate2::Crc;
use flate2::read::MultiGzDecoder;
use formwork_value::{Marks, Value};
use std::io::Read as _;

const STRING: ResultType = ResultType::Fixed(Shape::String);
const TEXT: Parameter = Parameter::new("str", Shape::String);
const ENCODING: Parameter = Parameter::new("encoding", Shape::String);

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("base64decode", &[TEXT.marked()], STRING, decode_base64),
    Function::new("base64encode", &[TEXT], STRING, encode_base64),
    Function::new("base64gunzip", &[TEXT.marked()], STRING, gunzip_base64),
    Function::new("base64gzip", &[TEXT], STRING, gzip_base64),
    Function::new(
        "textdecodebase64",
        &[Parameter::new("source", Shape::String), ENCODING],
        STRING,
        decode_text_base64,
    ),
    Function::new(
        "textencodebase64",
        &[Parameter::new("string", Shape::String), ENCODING],
        STRING,
        encode_text_base64,
    ),
    Function::new("urldecode", &[TEXT], STRING, decode_url),
    Function::new("urlencode", &[TEXT], STRING, encode_url),
];

/// Base64 as Go reads it: line breaks are passed over.
pub(super) fn base64_bytes(encoded: &str) -> Option<Vec<u8>> {
    let without_breaks: String =
        encoded.chars().filter(|character| !matches!(character, '\n' | '\r')).collect();
    STANDARD.decode(without_breaks).ok()
}

fn marked_base64_bytes(argument: &Value) -> Result<(Vec<u8>, Marks), FunctionError> {
    let (encoded, marks) = argument.unmark();
    let bytes = base64_bytes(text(&encoded)).ok_or_else(|| {
        let message = format!("failed to decode base64 data {}", shown(text(&encoded), &marks));
        FunctionError::new(message)
    })?;
    Ok((bytes, marks))
}

/// The text that Base64 holds.
fn decode_base64(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (bytes, marks) = marked_base64_bytes(&arguments[0])?;
    let decoded = String::from_utf8(bytes)
        .map_err(|_| FunctionError::new("the result of decoding the provided string is not valid UTF-8"))?;
    Ok(Value::from(decoded).with_marks(&marks))
}

/// The text in Base64.
fn encode_base64(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::from(STANDARD.encode(text(&arguments[0]))))
}

/// The text that gzip in Base64 holds.
fn gunzip_base64(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (bytes, marks) = marked_base64_bytes(&arguments[0])?;
    let mut decoded = Vec::new();
    MultiGzDecoder::new(bytes.as_slice())
        .take(TEXT_MAXIMUM as u64 + 1)
        .read_to_end(&mut decoded)
        .map_err(|error| FunctionError::new(format!("failed to gunzip bytestream: {error}")))?;
    within_bounds(Some(decoded.len()))?;
    Ok(Value::from(String::from_utf8_lossy(&decoded).into_owned()).with_marks(&marks))
}

/// The text in gzip in Base64, laid out as Go's writer does when it is flushed before it is closed.
fn gzip_base64(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    const HEADER: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];
    const LAST_BLOCK: [u8; 5] = [1, 0, 0, 0xFF, 0xFF];
    let plain = text(&arguments[0]).as_bytes();
    let mut bytes = HEADER.to_vec();
    bytes.extend(deflated(plain));
    bytes.extend(LAST_BLOCK);
    let mut checksum = Crc::new();
    checksum.update(plain);
    bytes.extend(checksum.sum().to_le_bytes());
    bytes.extend(checksum.amount().to_le_bytes());
    Ok(Value::from(STANDARD.encode(bytes)))
}

/// What a name of a character encoding stands for. UTF-16 is kept apart: the web's rules, which `Encoding`
/// follows, cannot write it.
enum Charset {
    Utf16 { is_big_endian: bool },
    Other(&'static Encoding),
}

fn charset(name: &str) -> Result<Charset, FunctionError> {
    match name.to_ascii_uppercase().as_str() {
        "UTF-16LE" => return Ok(Charset::Utf16 { is_big_endian: false }),
        "UTF-16" | "UTF-16BE" => return Ok(Charset::Utf16 { is_big_endian: true }),
        _ => {}
    }
    Encoding::for_label(name.as_bytes()).map(Charset::Other).ok_or_else(|| {
        FunctionError::argument(1, format!("{name:?} is not a supported IANA encoding name or alias"))
    })
}

/// The text in Base64 of another character encoding.
fn encode_text_base64(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (plain, name) = (text(&arguments[0]), text(&arguments[1]));
    let bytes: Vec<u8> = match charset(name)? {
        Charset::Utf16 { is_big_endian: true } => plain.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Charset::Utf16 { is_big_endian: false } => plain.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Charset::Other(encoding) => {
            let (bytes, _, has_unmappable) = encoding.encode(plain);
            if has_unmappable {
                let message =
                    format!("the given string contains characters that cannot be represented in {name}");
                return Err(FunctionError::argument(0, message));
            }
            bytes.into_owned()
        }
    };
    Ok(Value::from(STANDARD.encode(bytes)))
}

fn decode_utf16(bytes: &[u8], is_big_endian: bool) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let unit =
        |pair: &[u8; 2]| if is_big_endian { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
    let units: Vec<u16> = pairs.iter().map(unit).collect();
    if rest.is_empty() { String::from_utf16(&units).ok() } else { None }
}

/// The text that Base64 of another character encoding holds.
fn decode_text_base64(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let name = text(&arguments[1]);
    let charset = charset(name)?;
    let bytes = base64_bytes(text(&arguments[0]))
        .ok_or_else(|| FunctionError::argument(0, "the given value is not valid base64"))?;
    let decoded = match charset {
        Charset::Utf16 { is_big_endian } => decode_utf16(&bytes, is_big_endian),
        Charset::Other(encoding) => encoding
            .decode_without_bom_handling_and_without_replacement(&bytes)
            .map(std::borrow::Cow::into_owned),
    };
    decoded.map(Value::from).ok_or_else(|| {
        let message = format!("the given string contains symbols that are not defined for {name}");
        FunctionError::argument(0, message)
    })
}

/// The text as a part of a URL's query.
fn encode_url(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let mut out = String::new();
    for byte in text(&arguments[0]).bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.extend([format!("%{other:02X}")]),
        }
    }
    Ok(Value::from(out))
}

/// The text that a part of a URL's query stands for.
fn decode_url(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let encoded = text(&arguments[0]).as_bytes();
    let mut out = Vec::with_capacity(encoded.len());
    let mut at = 0;
    while let Some(byte) = encoded.get(at) {
        at += 1;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = encoded.get(at..at + 2).and_then(|digits| std::str::from_utf8(digits).ok());
                let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
                let Some(decoded) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
                    let found =
                        String::from_utf8_lossy(&encoded[at - 1..encoded.len().min(at + 2)]).into_owned();
                    let message = format!("failed to decode URL: invalid URL escape {found:?}");
                    return Err(FunctionError::new(message));
                };
                out.push(decoded);
                at += 2;
            }
            other => out.push(*other),
        }
    }
    Ok(Value::from(String::from_utf8_lossy(&out).into_owned()))
}
