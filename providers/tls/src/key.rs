//! Private keys: made, read, written in every form, and asked to sign.
//!
//! Invariant: a key is in no message. Signatures follow from the key and the text alone (RFC 6979 and RFC 8032).

use crate::openssh;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use formwork_sdk::ProviderError;
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _};
use sha2::{Digest as _, Sha256};
use std::fmt;
use x509_cert::builder::{self, Builder};

/// The algorithms, as `algorithm` names them.
pub(crate) const ALGORITHMS: [&str; 3] = ["RSA", "ECDSA", "ED25519"];
/// The curves, as `ecdsa_curve` names them.
pub(crate) const CURVES: [&str; 3] = ["P256", "P384", "P521"];

/// A private key.
pub(crate) enum PrivateKey {
    /// RSA.
    Rsa(Box<rsa::PrivateKey>),
    /// ECDSA on P-256.
    P256(p256::SecretKey),
    /// ECDSA on P-384.
    P384(p384::SecretKey),
    /// ECDSA on P-521.
    P521(p521::SecretKey),
    /// Ed25519.
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

/// Says which kind of key it is, and nothing else of it.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm())
    }
}

impl PrivateKey {
    /// Makes a key that follows from a seed.
    pub(crate) fn generate(
        algorithm: &str,
        rsa_bits: usize,
        curve: &str,
        seed: [u8; 32],
    ) -> Result<Self, ProviderError> {
        let mut random = ChaCha20Rng::from_seed(seed);
        match (algorithm, curve) {
            ("RSA", _) => rsa::PrivateKey::new(&mut random, rsa_bits)
                .map(|key| Self::Rsa(Box::new(key)))
                .map_err(|error| ProviderError::invalid(format!("no RSA key of {rsa_bits} bits: {error}"))),
            ("ECDSA", "P256") => Ok(Self::P256(p256::SecretKey::generate_from_rng(&mut random))),
            ("ECDSA", "P384") => Ok(Self::P384(p384::SecretKey::generate_from_rng(&mut random))),
            ("ECDSA", "P521") => Ok(Self::P521(p521::SecretKey::generate_from_rng(&mut random))),
            ("ED25519", _) => {
                let mut secret = [0; 32];
                random.fill_bytes(&mut secret);
                Ok(Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&secret))))
            }
            _ => Err(ProviderError::invalid(format!("there is no key of {algorithm} on {curve}"))),
        }
    }

    /// Reads a key in PEM: PKCS#1, SEC1, PKCS#8 or OpenSSH's own form, without a passphrase.
    pub(crate) fn read(pem: &str) -> Result<Self, ProviderError> {
        let unreadable = || {
            ProviderError::invalid("the private key cannot be read").hint(
                "Give a key in PEM without a passphrase: RSA, ECDSA on P-256, P-384 or P-521, or Ed25519.",
            )
        };
        let label = pem.split("-----").nth(1).unwrap_or_default();
        let found = match label {
            "BEGIN RSA PRIVATE KEY" => {
                rsa::PrivateKey::from_pkcs1_pem(pem).ok().map(|key| Self::Rsa(Box::new(key)))
            }
            "BEGIN EC PRIVATE KEY" => p256::SecretKey::from_sec1_pem(pem)
                .map(Self::P256)
                .or_else(|_| p384::SecretKey::from_sec1_pem(pem).map(Self::P384))
                .or_else(|_| p521::SecretKey::from_sec1_pem(pem).map(Self::P521))
                .ok(),
            "BEGIN PRIVATE KEY" => rsa::PrivateKey::from_pkcs8_pem(pem)
                .map(|key| Self::Rsa(Box::new(key)))
                .or_else(|_| p256::SecretKey::from_pkcs8_pem(pem).map(Self::P256))
                .or_else(|_| p384::SecretKey::from_pkcs8_pem(pem).map(Self::P384))
                .or_else(|_| p521::SecretKey::from_pkcs8_pem(pem).map(Self::P521))
                .or_else(|_| {
                    ed25519_dalek::SigningKey::from_pkcs8_pem(pem).map(|key| Self::Ed25519(Box::new(key)))
                })
                .ok(),
            "BEGIN OPENSSH PRIVATE KEY" => openssh::read_private(pem),
            _ => None,
        };
        found.ok_or_else(unreadable)
    }

    /// As `algorithm` names it.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RSA",
            Self::P256(_) | Self::P384(_) | Self::P521(_) => "ECDSA",
            Self::Ed25519(_) => "ED25519",
        }
    }

    /// The private key in PEM: PKCS#1 for RSA, SEC1 for ECDSA, PKCS#8 for Ed25519.
    pub(crate) fn pem(&self) -> Result<String, ProviderError> {
        let written = match self {
            Self::Rsa(key) => key.to_pkcs1_pem(LineEnding::LF).ok(),
            Self::P256(key) => key.to_sec1_pem(LineEnding::LF).ok(),
            Self::P384(key) => key.to_sec1_pem(LineEnding::LF).ok(),
            Self::P521(key) => key.to_sec1_pem(LineEnding::LF).ok(),
            Self::Ed25519(_) => return self.pkcs8_pem(),
        };
        written.map(|pem| pem.to_string()).ok_or_else(unwritable)
    }

    /// The private key in PKCS#8, in PEM.
    pub(crate) fn pkcs8_pem(&self) -> Result<String, ProviderError> {
        let written = match self {
            Self::Rsa(key) => key.to_pkcs8_pem(LineEnding::LF).ok(),
            Self::P256(key) => key.to_pkcs8_pem(LineEnding::LF).ok(),
            Self::P384(key) => key.to_pkcs8_pem(LineEnding::LF).ok(),
            Self::P521(key) => key.to_pkcs8_pem(LineEnding::LF).ok(),
            Self::Ed25519(key) => {
                // The public key beside it is a later form that many programs do not read.
                let bytes =
                    ed25519_dalek::pkcs8::KeypairBytes { secret_key: key.to_bytes(), public_key: None };
                bytes.to_pkcs8_pem(LineEnding::LF).ok()
            }
        };
        written.map(|pem| pem.to_string()).ok_or_else(unwritable)
    }

    /// The public key as a `SubjectPublicKeyInfo` in DER.
    pub(crate) fn public_der(&self) -> Result<Vec<u8>, ProviderError> {
        let written = match self {
            Self::Rsa(key) => key.to_public_key().to_public_key_der().ok(),
            Self::P256(key) => key.public_key().to_public_key_der().ok(),
            Self::P384(key) => key.public_key().to_public_key_der().ok(),
            Self::P521(key) => key.public_key().to_public_key_der().ok(),
            Self::Ed25519(key) => key.verifying_key().to_public_key_der().ok(),
        };
        written.map(|document| document.as_bytes().to_vec()).ok_or_else(unwritable)
    }

    /// Has something built that this key signs.
    pub(crate) fn sign<B: Builder>(&self, builder: B) -> Result<B::Output, ProviderError> {
        let signed: builder::Result<B::Output> = match self {
            Self::Rsa(key) => {
                let key = rsa::pkcs1v15::SigningKey::<Sha256>::new(key.as_ref().clone());
                builder.build::<_, rsa::pkcs1v15::Signature>(&key)
            }
            Self::P256(key) => {
                builder.build::<_, p256::ecdsa::DerSignature>(&p256::ecdsa::SigningKey::from(key))
            }
            Self::P384(key) => {
                builder.build::<_, p384::ecdsa::DerSignature>(&p384::ecdsa::SigningKey::from(key))
            }
            Self::P521(key) => {
                builder.build::<_, p521::ecdsa::DerSignature>(&p521::ecdsa::SigningKey::from(key))
            }
            Self::Ed25519(key) => builder.build::<_, ed25519_dalek::Signature>(key.as_ref()),
        };
        signed.map_err(|error| ProviderError::invalid(format!("it could not be signed: {error}")))
    }
}

/// The public key in PEM, and its id: the SHA-1 of its DER in hexadecimal, as upstream has it.
pub(crate) fn public_pem_and_id(der: &[u8]) -> Result<(String, String), ProviderError> {
    Ok((crate::pem::encode("PUBLIC KEY", der)?, crate::pem::hex(&sha1::Sha1::digest(der))))
}

pub(crate) fn unwritable() -> ProviderError {
    ProviderError::bug("a key could not be written")
}
