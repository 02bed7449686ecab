//! What is stored with an object beside its attributes.

use serde::{Deserialize, Serialize};

/// The private bytes, as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Private {
    /// The key that the host showed, where it was believed at first use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// Whether the host holds our mark for it, and what it replaced.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_claimed: bool,
    /// What the kind keeps: the digest of a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

impl Private {
    /// What stored bytes say; nothing where they are none of ours.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    /// To be stored.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        if *self == Self::default() { Vec::new() } else { serde_json::to_vec(self).unwrap_or_default() }
    }
}
