//! What of a configuration a run is about: everything, what `-target` names, or all but what `-exclude` names.
//!
//! Invariant: an address without a key stands for all instances, in the module part too.

use formwork_state::Selector;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a run is about. Without targets and exclusions it is about everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Focus {
    /// Only these, and what they depend on.
    #[serde(default, with = "texts")]
    pub targets: Vec<Selector>,
    /// All but these, and what depends on them.
    #[serde(default, with = "texts")]
    pub excludes: Vec<Selector>,
}

impl Focus {
    /// Whether it is about everything.
    pub fn is_everything(&self) -> bool {
        self.targets.is_empty() && self.excludes.is_empty()
    }
}

/// Selectors as people write them.
mod texts {
    use super::{Deserialize, Deserializer, Selector, Serializer};

    pub(super) fn serialize<S: Serializer>(selectors: &[Selector], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(selectors.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Selector>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
    }
}
