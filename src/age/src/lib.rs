//! The age file format, version 1, with X25519 recipients (age-encryption.org/v1, C2SP).
//!
//! Invariant: nothing of a file is given out before all of it was found whole; secrets stand in no error.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use std::fmt;

mod bech32;

const INTRODUCTION: &str = "age-encryption.org/v1\n";
const X25519_INFO: &[u8] = b"age-encryption.org/v1/X25519";
const RECIPIENT_PREFIX: &str = "age";
const IDENTITY_PREFIX: &str = "age-secret-key-";
const CHUNK_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = 16;
/// Characters of a line of base64.
const COLUMNS: usize = 64;
const ARMOR_BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const ARMOR_END: &str = "-----END AGE ENCRYPTED FILE-----";

/// Why a file, a recipient or an identity was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgeError {
    /// Not `age1...`.
    Recipient,
    /// Not `AGE-SECRET-KEY-1...`.
    Identity,
    /// Not of the format, or cut short.
    Malformed,
    /// None of the identities is one of the recipients.
    NoMatch,
    /// The authentication fails: it was changed.
    Changed,
    /// The system gave no randomness, or refused a key.
    Failed,
}

impl fmt::Display for AgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recipient => "a recipient is no X25519 public key as age-keygen writes it (age1...)",
            Self::Identity => {
                "an identity is no X25519 secret key as age-keygen writes it (AGE-SECRET-KEY-1...)"
            }
            Self::Malformed => "it is no age file, or it was cut short",
            Self::NoMatch => "none of the identities is one of its recipients",
            Self::Changed => "it was changed after it was written",
            Self::Failed => "the cryptographic library refused",
        })
    }
}

impl std::error::Error for AgeError {}

/// Whom a file is for: an X25519 public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient([u8; 32]);

impl Recipient {
    /// From `age1...`.
    pub fn parse(text: &str) -> Result<Self, AgeError> {
        key(text.trim(), RECIPIENT_PREFIX).map(Self).ok_or(AgeError::Recipient)
    }
}

/// What reads a file: an X25519 secret key.
#[derive(Clone)]
pub struct Identity([u8; 32]);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    /// From `AGE-SECRET-KEY-1...`.
    pub fn parse(text: &str) -> Result<Self, AgeError> {
        key(text.trim(), IDENTITY_PREFIX).map(Self).ok_or(AgeError::Identity)
    }

    /// All of a key file: one a line, with `#` before comments.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, AgeError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(Self::parse).collect()
    }

    /// Whom it reads for.
    pub fn recipient(&self) -> Result<Recipient, AgeError> {
        public_of(&self.private()?).map(Recipient)
    }

    fn private(&self) -> Result<PrivateKey, AgeError> {
        PrivateKey::from_private_key(&X25519, &self.0).map_err(|_| AgeError::Failed)
    }

    /// The file key, where this is the one that a stanza is for.
    fn unwrap(&self, stanza: &Stanza) -> Result<Option<[u8; 16]>, AgeError> {
        let [kind, share] = stanza.arguments.as_slice() else { return Ok(None) };
        if *kind != "X25519" {
            return Ok(None);
        }
        let share: [u8; 32] = unpadded(share).ok_or(AgeError::Malformed)?;
        if stanza.body.len() != 16 + TAG_BYTES {
            return Err(AgeError::Malformed);
        }
        let private = self.private()?;
        let wrapping = wrapping_key(&private, &share, &share, &public_of(&private)?)?;
        let mut body = stanza.body.clone();
        let opened = open(&wrapping, [0; 12], &mut body);
        Ok(opened.and_then(|key| key.try_into().ok()))
    }
}

fn key(text: &str, prefix: &str) -> Option<[u8; 32]> {
    let (found, bytes) = bech32::decode(text)?;
    if found != prefix {
        return None;
    }
    bytes.try_into().ok()
}

fn unpadded<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn public_of(private: &PrivateKey) -> Result<[u8; 32], AgeError> {
    let public = private.compute_public_key().map_err(|_| AgeError::Failed)?;
    public.as_ref().try_into().map_err(|_| AgeError::Failed)
}

/// The key that wraps a file key between two parties.
fn wrapping_key(
    private: &PrivateKey,
    peer: &[u8; 32],
    share: &[u8; 32],
    recipient: &[u8; 32],
) -> Result<[u8; 32], AgeError> {
    let salt = [share.as_slice(), recipient].concat();
    let peer = UnparsedPublicKey::new(&X25519, peer.as_slice());
    agree(private, peer, AgeError::Malformed, |shared| derived(&salt, shared, X25519_INFO))
}

fn derived(salt: &[u8], secret: &[u8], info: &[u8]) -> Result<[u8; 32], AgeError> {
    let mut out = [0; 32];
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let info = [info];
    let okm = key.expand(&info, hkdf::HKDF_SHA256).map_err(|_| AgeError::Failed)?;
    okm.fill(&mut out).map_err(|_| AgeError::Failed)?;
    Ok(out)
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).ok().map(LessSafeKey::new)
}

fn open<'b>(key: &[u8; 32], nonce: [u8; 12], bytes: &'b mut [u8]) -> Option<&'b [u8]> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    cipher(key)?.open_in_place(nonce, Aad::empty(), bytes).ok().map(|opened| &*opened)
}

fn seal(key: &[u8; 32], nonce: [u8; 12], mut bytes: Vec<u8>) -> Result<Vec<u8>, AgeError> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let cipher = cipher(key).ok_or(AgeError::Failed)?;
    cipher.seal_in_place_append_tag(nonce, Aad::empty(), &mut bytes).map_err(|_| AgeError::Failed)?;
    Ok(bytes)
}

struct Stanza {
    arguments: Vec<String>,
    body: Vec<u8>,
}

fn stanza(recipient: &Recipient, file_key: &[u8; 16]) -> Result<String, AgeError> {
    let ephemeral = PrivateKey::generate(&X25519).map_err(|_| AgeError::Failed)?;
    let share = public_of(&ephemeral)?;
    let wrapping = wrapping_key(&ephemeral, &recipient.0, &share, &recipient.0)?;
    // A key that is used once: its nonce is fixed.
    let body = STANDARD_NO_PAD.encode(seal(&wrapping, [0; 12], file_key.to_vec())?);
    Ok(format!("-> X25519 {}\n{body}\n", STANDARD_NO_PAD.encode(share)))
}

fn random<const N: usize>() -> Result<[u8; N], AgeError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| AgeError::Failed)?;
    Ok(bytes)
}

fn header_tag(file_key: &[u8; 16], header: &[u8]) -> Result<hmac::Tag, AgeError> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &derived(&[], file_key, b"header")?);
    Ok(hmac::sign(&key, header))
}

/// The nonce of a chunk: its number, and whether it is the last.
fn chunk_nonce(number: u64, is_last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(is_last);
    nonce
}

/// A file for the recipients.
pub fn encrypt(recipients: &[Recipient], plain: &[u8]) -> Result<Vec<u8>, AgeError> {
    let file_key: [u8; 16] = random()?;
    let mut header = INTRODUCTION.to_owned();
    for recipient in recipients {
        header.push_str(&stanza(recipient, &file_key)?);
    }
    header.push_str("---");
    let tag = header_tag(&file_key, header.as_bytes())?;
    let mut out = format!("{header} {}\n", STANDARD_NO_PAD.encode(tag.as_ref())).into_bytes();
    let nonce: [u8; 16] = random()?;
    out.extend_from_slice(&nonce);
    let key = derived(&nonce, &file_key, b"payload")?;
    let mut chunks = plain.chunks(CHUNK_BYTES).peekable();
    if chunks.peek().is_none() {
        out.extend(seal(&key, chunk_nonce(0, true), Vec::new())?);
    }
    let mut number = 0;
    while let Some(chunk) = chunks.next() {
        out.extend(seal(&key, chunk_nonce(number, chunks.peek().is_none()), chunk.to_vec())?);
        number += 1;
    }
    Ok(out)
}

/// What a file holds, armored or not.
pub fn decrypt(identities: &[Identity], file: &[u8]) -> Result<Vec<u8>, AgeError> {
    if let Some(text) =
        std::str::from_utf8(file).ok().filter(|text| text.trim_start().starts_with(ARMOR_BEGIN))
    {
        return decrypt_binary(identities, &unarmored(text).ok_or(AgeError::Malformed)?);
    }
    decrypt_binary(identities, file)
}

fn unarmored(text: &str) -> Option<Vec<u8>> {
    let body = text.trim().strip_prefix(ARMOR_BEGIN)?.strip_suffix(ARMOR_END)?;
    let joined: String = body.lines().map(str::trim_end).collect();
    STANDARD.decode(joined).ok()
}

fn decrypt_binary(identities: &[Identity], file: &[u8]) -> Result<Vec<u8>, AgeError> {
    let header = Header::read(file).ok_or(AgeError::Malformed)?;
    let file_key = header.file_key(identities)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &derived(&[], &file_key, b"header")?);
    hmac::verify(&key, header.authenticated, &header.tag).map_err(|_| AgeError::Changed)?;
    payload(&file_key, header.payload)
}

/// A file taken apart.
struct Header<'f> {
    stanzas: Vec<Stanza>,
    authenticated: &'f [u8],
    tag: [u8; 32],
    payload: &'f [u8],
}

impl<'f> Header<'f> {
    fn read(file: &'f [u8]) -> Option<Self> {
        let mut rest = file.strip_prefix(INTRODUCTION.as_bytes())?;
        let mut stanzas = Vec::new();
        loop {
            let (line, after) = line(rest)?;
            if let Some(tag) = line.strip_prefix("--- ") {
                // Up to the three dashes.
                let length = file.len() - rest.len() + "---".len();
                let tag = unpadded(tag)?;
                return Some(Self { stanzas, authenticated: &file[..length], tag, payload: after });
            }
            let arguments = line.strip_prefix("-> ")?.split(' ').map(str::to_owned).collect();
            let (body, after) = body(after)?;
            stanzas.push(Stanza { arguments, body });
            rest = after;
        }
    }

    fn file_key(&self, identities: &[Identity]) -> Result<[u8; 16], AgeError> {
        for identity in identities {
            for stanza in &self.stanzas {
                if let Some(key) = identity.unwrap(stanza)? {
                    return Ok(key);
                }
            }
        }
        Err(AgeError::NoMatch)
    }
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

/// The body of a stanza: full lines, and one that is not full.
fn body(mut bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = String::new();
    loop {
        let (line, after) = line(bytes)?;
        text.push_str(line);
        bytes = after;
        if line.len() > COLUMNS {
            return None;
        }
        if line.len() < COLUMNS {
            return Some((STANDARD_NO_PAD.decode(text).ok()?, bytes));
        }
    }
}

fn payload(file_key: &[u8; 16], payload: &[u8]) -> Result<Vec<u8>, AgeError> {
    let (nonce, sealed) = payload.split_at_checked(16).ok_or(AgeError::Malformed)?;
    let key = derived(nonce, file_key, b"payload")?;
    let mut out = Vec::with_capacity(sealed.len());
    let mut chunks = sealed.chunks(CHUNK_BYTES + TAG_BYTES).peekable();
    if chunks.peek().is_none() {
        return Err(AgeError::Malformed);
    }
    let mut number = 0;
    while let Some(chunk) = chunks.next() {
        let is_last = chunks.peek().is_none();
        let mut chunk = chunk.to_vec();
        let plain = open(&key, chunk_nonce(number, is_last), &mut chunk).ok_or(AgeError::Changed)?;
        // An empty chunk at the end of others could have been cut off and nobody would know.
        if plain.is_empty() && number > 0 {
            return Err(AgeError::Malformed);
        }
        out.extend_from_slice(plain);
        number += 1;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity(random().unwrap())
    }

    #[test]
    fn what_was_sealed_is_read_by_each_recipient_and_nobody_else() {
        let (one, two, other) = (identity(), identity(), identity());
        let recipients = [one.recipient().unwrap(), two.recipient().unwrap()];
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let plain: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let file = encrypt(&recipients, &plain).unwrap();
            for reader in [&one, &two] {
                let found = decrypt(&[other.clone(), reader.clone()], &file).unwrap();
                assert!(found == plain, "{length} bytes");
            }
            assert_eq!(decrypt(std::slice::from_ref(&other), &file), Err(AgeError::NoMatch));
        }
    }

    #[test]
    fn a_changed_or_cut_file_is_refused() {
        let one = identity();
        let file = encrypt(&[one.recipient().unwrap()], &vec![7; CHUNK_BYTES + 9]).unwrap();
        let header = file.windows(4).position(|window| window == b"--- ").unwrap();
        for at in [25, header - 3, header + 6, header + 60, file.len() - 1, file.len() - 40] {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(decrypt(std::slice::from_ref(&one), &changed).is_err(), "byte {at}");
        }
        for length in [0, 10, header, header + 40, file.len() - 1, file.len() - 9 - TAG_BYTES] {
            assert!(decrypt(std::slice::from_ref(&one), &file[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn keys_are_read_as_age_keygen_writes_them() {
        // Made by age-keygen 1.1.1, as were the two files.
        let text = "# created: 2026-11-27T01:28:44Z\nAGE-SECRET-KEY-1PMVXESYNRE6S9EAUGEG026GRXXFUN7FV74AFQMC3N6UCVUTDL4JSQ6U55R\n";
        let identities = Identity::parse_all(text).unwrap();
        let public = "age1ud9cp5eu2ywyds93rn6vq3qm22a8q3a9ef34tklalevs2zvdvqrqqef8zl";
        assert_eq!(identities[0].recipient(), Recipient::parse(public));
        for file in
            [include_bytes!("../fixtures/binary.age").as_slice(), include_bytes!("../fixtures/armored.age")]
        {
            assert_eq!(decrypt(&identities, file).unwrap(), b"a state\n");
        }
        assert_eq!(Recipient::parse("age1zvkyg2").err(), Some(AgeError::Recipient));
        assert_eq!(Identity::parse("AGE-SECRET-KEY-1").err(), Some(AgeError::Identity));
        assert_eq!(Identity::parse_all("# created\n\n").unwrap().len(), 0);
    }
}
