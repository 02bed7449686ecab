//! Functions on passwords and keys: `bcrypt` and `rsadecrypt`.
//!
//! Invariant: no message holds a part of a key, a password or a text that was decrypted.

use super::argument::{integer, text};
use super::encoding::base64_bytes;
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use formwork_value::Value;
use num_bigint::BigUint;

const STRING: ResultType = ResultType::Fixed(Shape::String);

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("bcrypt", &[Parameter::new("str", Shape::String)], STRING, bcrypt_hash)
        .variadic(Parameter::new("cost", Shape::Number))
        .impure(),
    Function::new(
        "rsadecrypt",
        &[Parameter::new("ciphertext", Shape::String), Parameter::new("privatekey", Shape::String)],
        STRING,
        decrypt,
    ),
];

/// What is done where no cost is given, or one that is too low.
const COST_DEFAULT: u32 = 10;
const COST_MINIMUM: u32 = 4;
const COST_MAXIMUM: u32 = 31;

/// More bytes would not count.
const PASSWORD_MAXIMUM: usize = 72;

/// The bcrypt hash of a text, with a salt of its own at each call.
fn bcrypt_hash(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    if arguments.len() > 2 {
        let message = format!("bcrypt() takes no more than two arguments, got {}", arguments.len());
        return Err(FunctionError::new(message));
    }
    let cost = match arguments.get(1) {
        Some(_) => integer(arguments, 1).map_err(|error| error.at(1))?,
        None => i64::from(COST_DEFAULT),
    };
    let cost = match u32::try_from(cost) {
        Ok(cost) if cost > COST_MAXIMUM => {
            let message = format!("cost {cost} is outside the allowed range, at most {COST_MAXIMUM}");
            return Err(FunctionError::argument(1, message));
        }
        Ok(cost) if cost >= COST_MINIMUM => cost,
        _ => COST_DEFAULT,
    };
    let password = text(&arguments[0]);
    if password.len() > PASSWORD_MAXIMUM {
        let message = format!("the text is longer than {PASSWORD_MAXIMUM} bytes");
        return Err(FunctionError::argument(0, message));
    }
    let parts = bcrypt::hash_with_result(password, cost)
        .map_err(|_| FunctionError::new("no bcrypt hash can be made of this text"))?;
    Ok(Value::from(parts.format_for_version(bcrypt::Version::TwoA)))
}

fn unusable_key() -> FunctionError {
    FunctionError::argument(
        1,
        "invalid private key: an RSA key of 2048 bits or more without a passphrase is required, in the PEM form of PKCS #1, PKCS #8 or OpenSSH",
    )
}

/// The text that was encrypted for a key by RSA with the padding of PKCS #1 version 1.5, in Base64.
fn decrypt(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let ciphertext = base64_bytes(text(&arguments[0])).ok_or_else(|| {
        FunctionError::argument(0, "failed to decode input: cipher text must be base64-encoded")
    })?;
    let document = pkcs8(text(&arguments[1])).ok_or_else(unusable_key)?;
    let key = PrivateDecryptingKey::from_pkcs8(&document).map_err(|_| unusable_key())?;
    let key = Pkcs1PrivateDecryptingKey::new(key).map_err(|_| unusable_key())?;
    let mut room = vec![0; key.min_output_size()];
    let plain = key
        .decrypt(&ciphertext, &mut room)
        .map_err(|_| FunctionError::new("failed to decrypt: error in decryption"))?;
    Ok(Value::from(String::from_utf8_lossy(plain).into_owned()))
}

/// The key of a PEM text as a PKCS #8 document.
fn pkcs8(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: String = body.split_whitespace().collect();
    let bytes = base64_bytes(&body)?;
    match label {
        "PRIVATE KEY" => Some(bytes),
        "RSA PRIVATE KEY" => Some(wrap(&bytes)),
        "OPENSSH PRIVATE KEY" => open_ssh(&bytes).map(|document| wrap(&document)),
        _ => None,
    }
}

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// One element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count().min(length.len() - 1)..];
    if content.len() < 0x80 {
        out.extend(significant);
    } else {
        out.push(0x80 | u8::try_from(significant.len()).unwrap_or(0));
        out.extend(significant);
    }
    out.extend(content);
    out
}

/// A PKCS #8 document around a PKCS #1 one (RFC 5208).
fn wrap(pkcs1: &[u8]) -> Vec<u8> {
    const VERSION: [u8; 3] = [INTEGER, 1, 0];
    // rsaEncryption, 1.2.840.113549.1.1.1, without parameters.
    const ALGORITHM: [u8; 15] =
        [SEQUENCE, 13, 0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1, 0x05, 0];
    element(SEQUENCE, &[VERSION.as_slice(), &ALGORITHM, &element(OCTETS, pkcs1)].concat())
}

/// One text of the SSH wire form (RFC 4251), and what follows it.
fn ssh_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The PKCS #1 document of a key in OpenSSH's own form, where it has no passphrase.
fn open_ssh(bytes: &[u8]) -> Option<Vec<u8>> {
    let rest = bytes.strip_prefix(b"openssh-key-v1\0".as_slice())?;
    let (cipher, rest) = ssh_text(rest)?;
    let (_, rest) = ssh_text(rest)?;
    let (_, rest) = ssh_text(rest)?;
    let (_, rest) = ssh_text(rest.get(4..)?)?;
    let (private, _) = ssh_text(rest)?;
    let (kind, mut rest) = ssh_text(private.get(8..)?)?;
    if cipher != b"none" || kind != b"ssh-rsa" {
        return None;
    }
    let mut number = || {
        let (number, after) = ssh_text(rest)?;
        rest = after;
        Some(BigUint::from_bytes_be(number))
    };
    let (n, e, d, coefficient) = (number()?, number()?, number()?, number()?);
    let (p, q) = (number()?, number()?);
    let zero = BigUint::default();
    if p <= BigUint::from(1_u8) || q <= BigUint::from(1_u8) {
        return None;
    }
    let (d_p, d_q) = (&d % (&p - 1_u8), &d % (&q - 1_u8));
    let integers = [zero, n, e, d, p, q, d_p, d_q, coefficient];
    let content: Vec<u8> = integers.iter().flat_map(|integer| element(INTEGER, &der_integer(integer))).collect();
    Some(element(SEQUENCE, &content))
}

/// A number that is not negative, as DER writes it: a first bit that is set would be a sign.
fn der_integer(integer: &BigUint) -> Vec<u8> {
    let mut bytes = integer.to_bytes_be();
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    bytes
}
