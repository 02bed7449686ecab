//! OpenSSH's forms of keys: RFC 4253 and 5656 for public ones, `PROTOCOL.key` of OpenSSH for private ones.

use crate::key::{PrivateKey, unwritable};
use crate::pem;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use formwork_sdk::ProviderError;
use md5::{Digest as _, Md5};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use rsa::BoxedUint;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs1::der::Decode as _;
use rsa::traits::PublicKeyParts as _;
use sha2::Sha256;

const MAGIC: &[u8] = b"openssh-key-v1\0";
const LABEL: &str = "OPENSSH PRIVATE KEY";
/// What a private part is filled up to, where nothing encrypts it.
const BLOCK: usize = 8;

/// The public key in its forms.
pub(crate) struct Public {
    /// A line of `authorized_keys`.
    pub(crate) line: String,
    /// Its MD5 fingerprint.
    pub(crate) md5: String,
    /// Its SHA-256 fingerprint.
    pub(crate) sha256: String,
}

/// The public key of a private one.
pub(crate) fn public(key: &PrivateKey) -> Public {
    let blob = public_blob(key);
    Public {
        line: format!("{} {}\n", kind(key), STANDARD.encode(&blob)),
        md5: pem::joined(&Md5::digest(&blob), ":"),
        sha256: format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&blob))),
    }
}

fn kind(key: &PrivateKey) -> &'static str {
    match key {
        PrivateKey::Rsa(_) => "ssh-rsa",
        PrivateKey::P256(_) => "ecdsa-sha2-nistp256",
        PrivateKey::P384(_) => "ecdsa-sha2-nistp384",
        PrivateKey::P521(_) => "ecdsa-sha2-nistp521",
        PrivateKey::Ed25519(_) => "ssh-ed25519",
    }
}

/// Point and scalar of a key on a curve.
fn curve_parts(key: &PrivateKey) -> Option<(&'static str, Vec<u8>, Vec<u8>)> {
    let (curve, point, scalar) = match key {
        PrivateKey::P256(key) => {
            ("nistp256", key.public_key().to_sec1_point(false).as_bytes().to_vec(), key.to_bytes().to_vec())
        }
        PrivateKey::P384(key) => {
            ("nistp384", key.public_key().to_sec1_point(false).as_bytes().to_vec(), key.to_bytes().to_vec())
        }
        PrivateKey::P521(key) => {
            ("nistp521", key.public_key().to_sec1_point(false).as_bytes().to_vec(), key.to_bytes().to_vec())
        }
        PrivateKey::Rsa(_) | PrivateKey::Ed25519(_) => return None,
    };
    Some((curve, point, scalar))
}

fn public_blob(key: &PrivateKey) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, kind(key).as_bytes());
    match key {
        PrivateKey::Rsa(key) => {
            put_number(&mut out, &key.e().to_be_bytes());
            put_number(&mut out, &key.n().to_be_bytes());
        }
        PrivateKey::Ed25519(key) => put(&mut out, key.verifying_key().as_bytes()),
        PrivateKey::P256(_) | PrivateKey::P384(_) | PrivateKey::P521(_) => {
            if let Some((curve, point, _)) = curve_parts(key) {
                put(&mut out, curve.as_bytes());
                put(&mut out, &point);
            }
        }
    }
    out
}

/// The private key, without a passphrase.
pub(crate) fn private(key: &PrivateKey) -> Result<String, ProviderError> {
    let public = public_blob(key);
    let mut secret = Vec::new();
    // Two equal numbers show that a passphrase was right; there is none, so any will do.
    let check = &Sha256::digest(&public)[..4];
    secret.extend_from_slice(check);
    secret.extend_from_slice(check);
    put(&mut secret, kind(key).as_bytes());
    match key {
        PrivateKey::Rsa(key) => {
            let document = key.to_pkcs1_der().map_err(|_| unwritable())?;
            let parts =
                rsa::pkcs1::RsaPrivateKeyRef::from_der(document.as_bytes()).map_err(|_| unwritable())?;
            for part in [
                parts.modulus,
                parts.public_exponent,
                parts.private_exponent,
                parts.coefficient,
                parts.prime1,
                parts.prime2,
            ] {
                put_number(&mut secret, part.as_bytes());
            }
        }
        PrivateKey::Ed25519(key) => {
            put(&mut secret, key.verifying_key().as_bytes());
            put(&mut secret, &key.to_keypair_bytes());
        }
        PrivateKey::P256(_) | PrivateKey::P384(_) | PrivateKey::P521(_) => {
            let (curve, point, scalar) = curve_parts(key).ok_or_else(unwritable)?;
            put(&mut secret, curve.as_bytes());
            put(&mut secret, &point);
            put_number(&mut secret, &scalar);
        }
    }
    // A comment, which is empty.
    put(&mut secret, b"");
    let mut fill = 0;
    while secret.len() % BLOCK != 0 {
        fill += 1;
        secret.push(fill);
    }
    let mut out = MAGIC.to_vec();
    for text in ["none", "none", ""] {
        put(&mut out, text.as_bytes());
    }
    out.extend_from_slice(&1_u32.to_be_bytes());
    put(&mut out, &public);
    put(&mut out, &secret);
    pem::encode(LABEL, &out)
}

/// Reads a private key that has no passphrase; nothing where it is none.
pub(crate) fn read_private(text: &str) -> Option<PrivateKey> {
    let (_, bytes) = x509_cert::der::pem::decode_vec(text.as_bytes()).ok().or_else(|| lenient(text))?;
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let (cipher, derivation, _options) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
    let count = rest.split_off(..4)?;
    if cipher != b"none" || derivation != b"none" || count != 1_u32.to_be_bytes() {
        return None;
    }
    take(&mut rest)?;
    let mut secret = take(&mut rest)?;
    let check = secret.split_off(..8)?;
    if check[..4] != check[4..] {
        return None;
    }
    match take(&mut secret)? {
        b"ssh-rsa" => read_rsa(&mut secret),
        b"ssh-ed25519" => {
            take(&mut secret)?;
            let pair: [u8; 64] = take(&mut secret)?.try_into().ok()?;
            let key = ed25519_dalek::SigningKey::from_keypair_bytes(&pair).ok()?;
            Some(PrivateKey::Ed25519(Box::new(key)))
        }
        _ => {
            let curve = take(&mut secret)?;
            take(&mut secret)?;
            let scalar = take(&mut secret)?;
            let scalar = scalar.strip_prefix(&[0]).unwrap_or(scalar);
            match curve {
                b"nistp256" => p256::SecretKey::from_slice(&padded(scalar, 32)).ok().map(PrivateKey::P256),
                b"nistp384" => p384::SecretKey::from_slice(&padded(scalar, 48)).ok().map(PrivateKey::P384),
                b"nistp521" => p521::SecretKey::from_slice(&padded(scalar, 66)).ok().map(PrivateKey::P521),
                _ => None,
            }
        }
    }
}

fn read_rsa(secret: &mut &[u8]) -> Option<PrivateKey> {
    let mut number = || take(secret).map(BoxedUint::from_be_slice_vartime);
    let (modulus, public, private) = (number()?, number()?, number()?);
    let _coefficient = number()?;
    let primes = vec![number()?, number()?];
    let key = rsa::PrivateKey::from_components(modulus, public, private, primes).ok()?;
    Some(PrivateKey::Rsa(Box::new(key)))
}

/// PEM with lines of another length: OpenSSH's are longer than the standard's.
fn lenient(text: &str) -> Option<(&'static str, Vec<u8>)> {
    let body = text.split("-----").nth(2)?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok().map(|bytes| (LABEL, bytes))
}

fn padded(number: &[u8], length: usize) -> Vec<u8> {
    let mut out = vec![0; length.saturating_sub(number.len())];
    out.extend_from_slice(number);
    out
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A number that is not negative: without leading zeroes, but with one where the first bit is set.
fn put_number(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let mut number = Vec::with_capacity(bytes.len() + 1);
    if bytes.get(start).is_some_and(|first| first & 0x80 != 0) {
        number.push(0);
    }
    number.extend_from_slice(&bytes[start..]);
    put(out, &number);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(rest.split_off(..4)?.try_into().ok()?);
    rest.split_off(..usize::try_from(length).ok()?)
}
