//! `OpenPGP` signatures (RFC 4880), as much of them as registries use: a detached binary signature of version 4, by RSA
//! or Ed25519, of the file of checksums.
//!
//! Keys come from the registry, over TLS; so whether they have expired, or who vouches for them, is not looked at, as
//! in OpenTofu. Invariant: what is not understood verifies nothing.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// Tags of packets.
const SIGNATURE: u8 = 2;
const PUBLIC_KEY: u8 = 6;
const PUBLIC_SUBKEY: u8 = 14;
/// Algorithms of keys.
const RSA: u8 = 1;
const RSA_SIGNING: u8 = 3;
const EDDSA: u8 = 22;
/// The curve's name: 1.3.6.1.4.1.11591.15.1.
const ED25519_CURVE: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];

/// The id of the key, among these, that made the signature of a message.
pub(crate) fn verify(message: &[u8], signature: &[u8], armored_keys: &[String]) -> Result<String, String> {
    let keys: Vec<Key> = armored_keys.iter().flat_map(|text| keys(text)).collect();
    if keys.is_empty() {
        return Err("the registry gives no key that is understood (RSA and Ed25519 are)".to_owned());
    }
    let signature = dearmored(signature);
    let packets = packets(&signature);
    let made =
        packets.iter().filter(|(tag, _)| *tag == SIGNATURE).filter_map(|(_, body)| Signature::parse(body));
    for signature in made {
        if let Some(key) = keys.iter().find(|key| signature.is_by(key, message)) {
            return Ok(key.id.clone());
        }
    }
    Err("the signature was made by none of the keys that the registry gives".to_owned())
}

struct Key {
    /// As people know it: the last eight bytes of its fingerprint.
    id: String,
    material: Material,
}

enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    Ed25519(Vec<u8>),
}

fn keys(armored: &str) -> Vec<Key> {
    let bytes = dearmored(armored.as_bytes());
    let packets = packets(&bytes);
    packets
        .iter()
        .filter(|(tag, _)| matches!(*tag, PUBLIC_KEY | PUBLIC_SUBKEY))
        .filter_map(|(_, body)| Key::parse(body))
        .collect()
}

impl Key {
    fn parse(body: &[u8]) -> Option<Self> {
        let mut rest = Reader(body);
        if rest.byte()? != 4 {
            return None;
        }
        rest.take(4)?;
        let material = match rest.byte()? {
            RSA | RSA_SIGNING => {
                Material::Rsa { modulus: rest.number()?.to_vec(), exponent: rest.number()?.to_vec() }
            }
            EDDSA => {
                let length = usize::from(rest.byte()?);
                if rest.take(length)? != ED25519_CURVE {
                    return None;
                }
                // 0x40 says that the point is in the curve's own form.
                Material::Ed25519(rest.number()?.strip_prefix(&[0x40])?.to_vec())
            }
            _ => return None,
        };
        let length = u16::try_from(body.len()).ok()?;
        let hashed = [&[0x99][..], &length.to_be_bytes(), body].concat();
        let fingerprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &hashed);
        let id = fingerprint.as_ref()[12..].iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02X}");
            text
        });
        Some(Self { id, material })
    }
}

struct Signature<'a> {
    algorithm: u8,
    hash: u8,
    /// What is signed after the message.
    hashed: &'a [u8],
    numbers: Vec<&'a [u8]>,
}

impl<'a> Signature<'a> {
    fn parse(body: &'a [u8]) -> Option<Self> {
        let mut rest = Reader(body);
        // A version 4 signature of a file as it stands.
        if rest.take(2)? != [4, 0] {
            return None;
        }
        let (algorithm, hash) = (rest.byte()?, rest.byte()?);
        let length = rest.short()?;
        rest.take(length)?;
        let hashed = &body[..6 + length];
        let length = rest.short()?;
        rest.take(length)?;
        rest.take(2)?;
        let mut numbers = Vec::new();
        while !rest.0.is_empty() {
            numbers.push(rest.number()?);
        }
        Some(Self { algorithm, hash, hashed, numbers })
    }

    fn is_by(&self, key: &Key, message: &[u8]) -> bool {
        let Ok(length) = u32::try_from(self.hashed.len()) else { return false };
        let signed = [message, self.hashed, &[4, 0xff], &length.to_be_bytes()].concat();
        match (&key.material, self.algorithm, self.numbers.as_slice()) {
            (Material::Rsa { modulus, exponent }, RSA | RSA_SIGNING, [number]) => {
                let Some(parameters) = rsa_parameters(self.hash) else { return false };
                let Some(padded) = padded(number, modulus.len()) else { return false };
                RsaPublicKeyComponents { n: modulus, e: exponent }
                    .verify(parameters, &signed, &padded)
                    .is_ok()
            }
            (Material::Ed25519(point), EDDSA, [r, s]) => {
                let Some(algorithm) = algorithm(self.hash) else { return false };
                let Some(bytes) = padded(r, 32).zip(padded(s, 32)) else { return false };
                let hash = digest::digest(algorithm, &signed);
                UnparsedPublicKey::new(&ED25519, point)
                    .verify(hash.as_ref(), &[bytes.0, bytes.1].concat())
                    .is_ok()
            }
            _ => false,
        }
    }
}

fn rsa_parameters(hash: u8) -> Option<&'static RsaParameters> {
    match hash {
        8 => Some(&RSA_PKCS1_2048_8192_SHA256),
        9 => Some(&RSA_PKCS1_2048_8192_SHA384),
        10 => Some(&RSA_PKCS1_2048_8192_SHA512),
        _ => None,
    }
}

fn algorithm(hash: u8) -> Option<&'static digest::Algorithm> {
    match hash {
        8 => Some(&digest::SHA256),
        9 => Some(&digest::SHA384),
        10 => Some(&digest::SHA512),
        _ => None,
    }
}

/// A number with the zeros in front that `OpenPGP` leaves out.
fn padded(number: &[u8], length: usize) -> Option<Vec<u8>> {
    let missing = length.checked_sub(number.len())?;
    Some([vec![0; missing], number.to_vec()].concat())
}

/// The packets of a message, up to the first that is not understood: tag and body.
fn packets(bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut rest = Reader(bytes);
    let mut packets = Vec::new();
    while let Some(packet) = rest.packet() {
        packets.push(packet);
    }
    packets
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn short(&mut self) -> Option<usize> {
        Some(self.take(2)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    fn long(&mut self) -> Option<usize> {
        Some(self.take(4)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// A number: its length in bits, then its bytes.
    fn number(&mut self) -> Option<&'a [u8]> {
        let bits = self.short()?;
        self.take(bits.div_ceil(8))
    }

    fn packet(&mut self) -> Option<(u8, &'a [u8])> {
        let head = self.byte().filter(|head| head & 0x80 != 0)?;
        if head & 0x40 == 0 {
            let length = match head & 3 {
                0 => usize::from(self.byte()?),
                1 => self.short()?,
                2 => self.long()?,
                _ => self.0.len(),
            };
            return Some(((head >> 2) & 15, self.take(length)?));
        }
        let length = match self.byte()? {
            first @ 0..192 => usize::from(first),
            first @ 192..224 => (usize::from(first) - 192) * 256 + usize::from(self.byte()?) + 192,
            255 => self.long()?,
            // In parts, which neither keys nor signatures come in.
            _ => return None,
        };
        Some((head & 63, self.take(length)?))
    }
}

/// The bytes of an armored text; what is no such text is taken as it stands.
fn dearmored(bytes: &[u8]) -> Vec<u8> {
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN PGP ")) else {
        return bytes.to_vec();
    };
    let mut found = Vec::new();
    for part in text.split("-----BEGIN PGP ").skip(1) {
        let lines = part.lines().skip(1).skip_while(|line| line.contains(": "));
        let lines =
            lines.map(str::trim).take_while(|line| !line.starts_with("-----END") && !line.starts_with('='));
        found.extend(STANDARD.decode(lines.collect::<String>()).unwrap_or_default());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = include_bytes!("../fixtures/SHA256SUMS");

    fn fixture(name: &str) -> (Vec<u8>, String) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let signature = std::fs::read(folder.join(format!("{name}.sig"))).unwrap();
        (signature, std::fs::read_to_string(folder.join(format!("{name}.asc"))).unwrap())
    }

    /// Keys and signatures made by `GnuPG`; the ids are as it shows them.
    #[test]
    fn signatures_of_gnupg_are_verified() {
        let (rsa, rsa_key) = fixture("rsa");
        let (ed25519, ed25519_key) = fixture("ed25519");
        let ids: Vec<&str> = include_str!("../fixtures/ids").lines().collect();
        let all = [ed25519_key.clone(), rsa_key.clone()];
        assert_eq!(verify(MESSAGE, &rsa, &all).unwrap(), ids[0]);
        assert_eq!(verify(MESSAGE, &ed25519, &all).unwrap(), ids[1]);
        assert!(verify(MESSAGE, &rsa, &[ed25519_key]).is_err());
        assert!(verify(b"other", &rsa, &all).is_err());
        assert!(verify(MESSAGE, &rsa, &[]).is_err());
    }

    #[test]
    fn damaged_signatures_verify_nothing() {
        for name in ["rsa", "ed25519"] {
            let (signature, key) = fixture(name);
            let keys = [key];
            for length in 0..signature.len() {
                assert!(verify(MESSAGE, &signature[..length], &keys).is_err());
            }
            for at in 0..signature.len() {
                let mut changed = signature.clone();
                changed[at] ^= 0x10;
                // The part that is not signed may say what it likes.
                let is_unsigned = verify(MESSAGE, &changed, &keys).is_ok();
                assert!(!is_unsigned || at > 6, "{name} {at}");
            }
        }
    }
}
