//! Who one is to AWS and to whatever speaks as it does: keys from where AWS's own tools find them, and signatures.
//!
//! Invariant: no key and no token is in an error; keys that end are asked for anew before they do.

mod exchange;
mod keys;
mod origin;
mod profiles;
mod signature;

pub use keys::{Endpoints, Keys, Way};
pub use origin::{Files, Origin, Role, Sources, Token, TokenRole};
pub use signature::{Signed, Unsigned, encoded, sign, unsigned_target};

/// A key pair; a token with it where it is for a session.
#[derive(Clone)]
pub struct Credentials {
    /// Which key.
    pub access_key: String,
    /// The key.
    pub secret_key: String,
    /// Of a session.
    pub token: Option<String>,
    /// When the session ends, as `20260102T030405Z`.
    pub ends: Option<String>,
}

impl Credentials {
    /// A pair where both halves are there.
    pub fn pair(
        access_key: Option<String>,
        secret_key: Option<String>,
        token: Option<String>,
    ) -> Option<Self> {
        Some(Self { access_key: access_key?, secret_key: secret_key?, token, ends: None })
    }
}
