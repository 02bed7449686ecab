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
    const ALGORITHM: [u8; 15] = [SEQUENCE, 13, 0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1, 0x05, 0];
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
    let (modulus, public, secret, coefficient) = (number()?, number()?, number()?, number()?);
    let (first, second) = (number()?, number()?);
    let version = BigUint::default();
    if first <= BigUint::from(1_u8) || second <= BigUint::from(1_u8) {
        return None;
    }
    let (of_first, of_second) = (&secret % (&first - 1_u8), &secret % (&second - 1_u8));
    let integers = [version, modulus, public, secret, first, second, of_first, of_second, coefficient];
    let content: Vec<u8> =
        integers.iter().flat_map(|integer| element(INTEGER, &der_integer(integer))).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemorySource;
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::{KeySize, Pkcs1PublicEncryptingKey};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn call(function: &Function, arguments: &[Value]) -> Result<Value, FunctionError> {
        let files = MemorySource::default();
        let context = FunctionContext { files: &files, module_directory: ".", plan_timestamp: "" };
        (function.call)(&context, arguments)
    }

    fn pem(label: &str, document: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(document))
    }

    /// The content of one DER element, and what follows it.
    fn opened(der: &[u8]) -> (&[u8], &[u8]) {
        let (length, start) = match der[1] {
            0x81 => (usize::from(der[2]), 3),
            0x82 => (usize::from(u16::from_be_bytes([der[2], der[3]])), 4),
            length => (usize::from(length), 2),
        };
        der[start..].split_at(length)
    }

    /// The same key as OpenSSH writes it.
    fn as_open_ssh(pkcs1: &[u8]) -> Vec<u8> {
        let text = |bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).unwrap();
            [length.to_be_bytes().as_slice(), bytes].concat()
        };
        let mut rest = opened(pkcs1).0;
        let mut integers = Vec::new();
        while !rest.is_empty() {
            let (integer, after) = opened(rest);
            integers.push(text(integer));
            rest = after;
        }
        let [_, modulus, public, secret, first, second, _, _, coefficient] = integers.try_into().unwrap();
        let private =
            [vec![7; 8], text(b"ssh-rsa"), modulus, public, secret, coefficient, first, second, vec![1, 2]]
                .concat();
        let none = [text(b"none"), text(b"none"), text(b"")].concat();
        [b"openssh-key-v1\0".to_vec(), none, vec![0, 0, 0, 1], text(b"public"), text(&private)].concat()
    }

    #[test]
    fn what_was_encrypted_for_a_key_is_read_in_each_of_its_forms() {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let public = Pkcs1PublicEncryptingKey::new(key.public_key()).unwrap();
        let mut room = vec![0; public.ciphertext_size()];
        let ciphertext =
            Value::from(STANDARD.encode(&*public.encrypt("passwörd".as_bytes(), &mut room).unwrap()));
        let document = key.as_der().unwrap();
        let (_, after_version) = opened(opened(document.as_ref()).0);
        let (_, octets) = opened(after_version);
        let pkcs1 = opened(octets).0;
        for key in [
            pem("PRIVATE KEY", document.as_ref()),
            pem("RSA PRIVATE KEY", pkcs1),
            pem("OPENSSH PRIVATE KEY", &as_open_ssh(pkcs1)),
        ] {
            let plain = call(&FUNCTIONS[1], &[ciphertext.clone(), Value::from(key.as_str())]).unwrap();
            assert_eq!(plain, Value::from("passwörd"), "{}", &key[..30]);
        }
        for (ciphertext, key, expected) in [
            ("%", pem("PRIVATE KEY", document.as_ref()), "must be base64-encoded"),
            ("AAAA", pem("PRIVATE KEY", document.as_ref()), "failed to decrypt"),
            ("AAAA", pem("PRIVATE KEY", b"x"), "invalid private key"),
            ("AAAA", pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0\0\0\0\x04"), "invalid private key"),
            ("AAAA", "no key".to_owned(), "invalid private key"),
        ] {
            let error = call(&FUNCTIONS[1], &[Value::from(ciphertext), Value::from(key)]).unwrap_err();
            assert!(error.message.contains(expected), "{}", error.message);
        }
    }

    #[test]
    fn a_hash_says_its_cost_and_belongs_to_its_text() {
        for (arguments, cost) in
            [(vec![Value::from("a"), Value::from(4)], "04"), (vec![Value::from("a"), Value::from(5)], "05")]
        {
            let hash = call(&FUNCTIONS[0], &arguments).unwrap();
            let hash = hash.as_str().unwrap();
            assert!(
                hash.starts_with(&format!("$2a${cost}$")) && bcrypt::verify("a", hash).unwrap(),
                "{hash}"
            );
        }
        for (arguments, expected) in [
            (vec![Value::from("a"), Value::from(32)], "outside the allowed range"),
            (vec![Value::from("a".repeat(73)), Value::from(4)], "longer than 72 bytes"),
            (vec![Value::from("a"), Value::from(4), Value::from(4)], "no more than two"),
        ] {
            assert!(call(&FUNCTIONS[0], &arguments).unwrap_err().message.contains(expected), "{expected}");
        }
    }
}
