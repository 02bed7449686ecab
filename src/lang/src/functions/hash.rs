//! Digests of texts and files, and identifiers.

use super::argument::text;
use super::file::read_file;
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_value::Value;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use uuid::Uuid;

const STRING: ResultType = ResultType::Fixed(Shape::String);
const TEXT: Parameter = Parameter::new("str", Shape::String);
const PATH: Parameter = Parameter::new("path", Shape::String);

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("base64sha256", &[TEXT], STRING, text_digest::<Sha256, Base64>),
    Function::new("base64sha512", &[TEXT], STRING, text_digest::<Sha512, Base64>),
    Function::new("filebase64sha256", &[PATH], STRING, file_digest::<Sha256, Base64>),
    Function::new("filebase64sha512", &[PATH], STRING, file_digest::<Sha512, Base64>),
    Function::new("filemd5", &[PATH], STRING, file_digest::<Md5, Hexadecimal>),
    Function::new("filesha1", &[PATH], STRING, file_digest::<Sha1, Hexadecimal>),
    Function::new("filesha256", &[PATH], STRING, file_digest::<Sha256, Hexadecimal>),
    Function::new("filesha512", &[PATH], STRING, file_digest::<Sha512, Hexadecimal>),
    Function::new("md5", &[TEXT], STRING, text_digest::<Md5, Hexadecimal>),
    Function::new("sha1", &[TEXT], STRING, text_digest::<Sha1, Hexadecimal>),
    Function::new("sha256", &[TEXT], STRING, text_digest::<Sha256, Hexadecimal>),
    Function::new("sha512", &[TEXT], STRING, text_digest::<Sha512, Hexadecimal>),
    Function::new("uuid", &[], STRING, random_uuid).impure(),
    Function::new(
        "uuidv5",
        &[Parameter::new("namespace", Shape::String), Parameter::new("name", Shape::String)],
        STRING,
        named_uuid,
    ),
];

/// How the bytes of a digest are written.
trait Writing {
    fn write(bytes: &[u8]) -> String;
}

struct Hexadecimal;

impl Writing for Hexadecimal {
    fn write(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

struct Base64;

impl Writing for Base64 {
    fn write(bytes: &[u8]) -> String {
        STANDARD.encode(bytes)
    }
}

/// The digest of a text.
fn text_digest<D: Digest, W: Writing>(
    _: &FunctionContext<'_>,
    arguments: &[Value],
) -> Result<Value, FunctionError> {
    Ok(Value::from(W::write(&D::digest(text(&arguments[0])))))
}

/// The digest of a file.
fn file_digest<D: Digest, W: Writing>(
    context: &FunctionContext<'_>,
    arguments: &[Value],
) -> Result<Value, FunctionError> {
    let (bytes, _) =
        read_file(context, &arguments[0]).map_err(|error| FunctionError::new(error.message))?;
    Ok(Value::from(W::write(&D::digest(bytes))))
}

/// A random identifier, another at each call.
fn random_uuid(_: &FunctionContext<'_>, _: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::from(Uuid::new_v4().to_string()))
}

/// The identifier that a name has in a namespace (RFC 9562, version 5).
fn named_uuid(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let given = text(&arguments[0]);
    let namespace = match given {
        "dns" => Uuid::NAMESPACE_DNS,
        "url" => Uuid::NAMESPACE_URL,
        "oid" => Uuid::NAMESPACE_OID,
        "x500" => Uuid::NAMESPACE_X500,
        other => Uuid::parse_str(other).map_err(|error| {
            FunctionError::new(format!("uuidv5() doesn't support namespace {other} ({error})"))
        })?,
    };
    Ok(Value::from(Uuid::new_v5(&namespace, text(&arguments[1]).as_bytes()).to_string()))
}
