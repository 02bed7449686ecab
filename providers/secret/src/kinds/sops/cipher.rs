//! Values as sops encrypts them: AES-256-GCM with a nonce of 32 bytes, bound to their path, and a code over all of them.

use super::metadata::{Metadata, Rule};
use super::tree::{Leaf, Node};
use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha512};
use std::fmt::Write as _;

/// What the code begins with where it covers encrypted values alone: the SHA-256 of `sops`.
const ENCRYPTED_ONLY: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b,
    0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// One file's values on their way.
pub(super) struct Decryption<'m> {
    cipher: AesGcm<Aes256, U32>,
    metadata: &'m Metadata,
    covered: Sha512,
}

/// A value as it stands in a file.
struct Sealed<'t> {
    /// Behind the data comes the tag.
    bytes: Vec<u8>,
    nonce: [u8; 32],
    kind: &'t str,
}

impl<'t> Sealed<'t> {
    /// From `ENC[AES256_GCM,data:...,iv:...,tag:...,type:...]`.
    fn parse(text: &'t str) -> Option<Self> {
        let inside = text.strip_prefix("ENC[AES256_GCM,data:")?.strip_suffix(']')?;
        let (data, rest) = inside.split_once(",iv:")?;
        let (nonce, rest) = rest.split_once(",tag:")?;
        let (tag, kind) = rest.split_once(",type:")?;
        let mut bytes = STANDARD.decode(data).ok()?;
        bytes.extend(STANDARD.decode(tag).ok()?);
        Some(Self { bytes, nonce: STANDARD.decode(nonce).ok()?.try_into().ok()?, kind })
    }
}

impl<'m> Decryption<'m> {
    pub(super) fn new(key: &[u8; 32], metadata: &'m Metadata) -> Self {
        let mut covered = Sha512::new();
        if metadata.covers_encrypted_only() {
            covered.update(ENCRYPTED_ONLY);
        }
        Self { cipher: AesGcm::new(&(*key).into()), metadata, covered }
    }

    /// The document in clear, once its code was found right.
    pub(super) fn document(mut self, document: Node) -> Result<Node, String> {
        let rule = self.metadata.rule()?;
        let clear = self.node(document, &rule, &mut Vec::new())?;
        let clear = clear.ok_or("it holds nothing but a comment")?;
        let (code, bound_to) = self.metadata.code()?;
        let expected = self
            .open(code, bound_to)
            .map(|(code, _)| code)
            .ok_or("its authentication code cannot be decrypted")?;
        let found = self.covered.finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02X}");
            hex
        });
        if expected == found.as_bytes() {
            Ok(clear)
        } else {
            Err("it was changed after sops wrote it (MAC mismatch)".to_owned())
        }
    }

    /// A value in clear; nothing for a comment.
    fn node(&mut self, node: Node, rule: &Rule, path: &mut Vec<String>) -> Result<Option<Node>, String> {
        Ok(Some(match node {
            Node::Map(entries) => {
                let mut clear = Vec::with_capacity(entries.len());
                for (name, node) in entries {
                    path.push(name.clone());
                    clear.extend(self.node(node, rule, path)?.map(|node| (name, node)));
                    path.pop();
                }
                Node::Map(clear)
            }
            // An item has the path of its list.
            Node::List(items) => {
                let mut clear = Vec::with_capacity(items.len());
                for node in items {
                    clear.extend(self.node(node, rule, path)?);
                }
                Node::List(clear)
            }
            Node::Leaf(leaf) => return self.leaf(leaf, rule, path),
        }))
    }

    fn leaf(&mut self, leaf: Leaf, rule: &Rule, path: &[String]) -> Result<Option<Node>, String> {
        let is_encrypted = rule.covers(path);
        let clear = match leaf {
            Leaf::Null => return Ok(Some(Node::Leaf(Leaf::Null))),
            leaf if !is_encrypted => leaf,
            // An empty text is left as it is.
            Leaf::Text(text) if text.is_empty() => Leaf::Text(text),
            Leaf::Text(text) => match self.value(&text, path)? {
                Some(leaf) => leaf,
                None => return Ok(None),
            },
            Leaf::Number(_) | Leaf::Truth(_) | Leaf::Bytes(_) => {
                return Err(format!("{} is not encrypted, and should be", path.join(".")));
            }
        };
        if is_encrypted || !self.metadata.covers_encrypted_only() {
            self.covered.update(clear.hashed());
        }
        Ok(Some(Node::Leaf(clear)))
    }

    fn value(&self, text: &str, path: &[String]) -> Result<Option<Leaf>, String> {
        let place = path.join(".");
        let (clear, kind) = self.open(text, &format!("{}:", path.join(":"))).ok_or_else(|| {
            format!("{place} cannot be decrypted: it was changed, or is not encrypted and should be")
        })?;
        let clear = String::from_utf8(clear);
        Ok(Some(match (kind, clear) {
            ("str" | "bytes" | "time", Ok(text)) => Leaf::Text(text),
            ("str" | "bytes" | "time", Err(error)) => Leaf::Bytes(error.into_bytes()),
            ("int" | "float", Ok(digits)) => Leaf::Number(digits),
            ("bool", Ok(word)) => Leaf::Truth(word == "True"),
            ("comment", _) => return Ok(None),
            _ => return Err(format!("{place} has a type that is not known: {kind}")),
        }))
    }

    fn open<'t>(&self, text: &'t str, bound_to: &str) -> Option<(Vec<u8>, &'t str)> {
        let sealed = Sealed::parse(text)?;
        let payload = Payload { msg: &sealed.bytes, aad: bound_to.as_bytes() };
        let clear = self.cipher.decrypt(&Nonce::<U32>::from(sealed.nonce), payload).ok()?;
        Some((clear, sealed.kind))
    }
}
