//! What the objects of a workspace are called, and the labels they are found by.
//!
//! Invariant: what is not the state or its lock has none of the labels by which OpenTofu and Terraform find those.

use formwork_state::backend::BackendError;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What OpenTofu calls its labels.
const STATE: &str = "tfstate";
const STATE_SUFFIX: &str = "tfstateSecretSuffix";
const STATE_WORKSPACE: &str = "tfstateWorkspace";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// What of ours a Secret holds.
const HOLDS: &str = "formwork.dev/holds";
const SUFFIX: &str = "formwork.dev/secret-suffix";
const WORKSPACE: &str = "formwork.dev/workspace";

/// The longest name of an object that a DNS subdomain allows.
const LONGEST_NAME: usize = 253;
/// How much longer than the state's Secret the longest name beside it is.
const LONGEST_ADDITION: usize = "-journal-0000000000-0000000000-0000".len();

/// What a Secret beside the state holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// An entry of the journal.
    Entry,
    /// The word that nothing more comes under a lease.
    Closed,
    /// A part of an entry that is too large for one Secret.
    EntryPart,
    /// A part of such a state.
    StatePart,
    /// An entry of the history.
    History,
    /// A part of such an entry.
    HistoryPart,
}

impl Holds {
    fn word(self) -> &'static str {
        match self {
            Self::Entry => "journal",
            Self::Closed => "journal-closed",
            Self::EntryPart => "journal-part",
            Self::StatePart => "state-part",
            Self::History => "history",
            Self::HistoryPart => "history-part",
        }
    }
}

/// The names of one workspace's objects.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// The state's Secret.
    pub(crate) state: String,
    /// The Lease.
    pub(crate) lease: String,
    workspace: String,
    suffix: String,
    labels: BTreeMap<String, String>,
}

impl Names {
    pub(crate) fn new(
        workspace: &str,
        suffix: &str,
        labels: BTreeMap<String, String>,
    ) -> Result<Self, BackendError> {
        let state = format!("tfstate-{workspace}-{suffix}");
        if !is_name(&state) || state.len() + LONGEST_ADDITION > LONGEST_NAME {
            return Err(BackendError::Failed(format!(
                "the Secret of the workspace {workspace:?} would be named {state:?}: a name has lower case letters, digits, \"-\" and \".\", begins and ends with a letter or digit, and has {} letters at most",
                LONGEST_NAME - LONGEST_ADDITION
            )));
        }
        let lease = format!("lock-{state}");
        Ok(Self { state, lease, workspace: workspace.to_owned(), suffix: suffix.to_owned(), labels })
    }

    /// The name of an entry of the journal.
    pub(crate) fn entry(&self, fence: u64, position: u64) -> String {
        format!("{}-journal-{fence:010}-{position:010}", self.state)
    }

    /// Lease and position of an entry, or of what closes a lease.
    pub(crate) fn number_of_entry(&self, name: &str) -> Option<(u64, u64)> {
        let rest = name.strip_prefix(&self.state)?.strip_prefix("-journal-")?;
        let (fence, position) = rest.split_once('-')?;
        Some((fence.parse().ok()?, position.parse().ok()?))
    }

    /// The name of an entry of the history.
    pub(crate) fn history(&self, number: u64) -> String {
        format!("{}-history-{number:010}", self.state)
    }

    /// The number of an entry of the history.
    pub(crate) fn number_of_history(&self, name: &str) -> Option<u64> {
        name.strip_prefix(&self.state)?.strip_prefix("-history-")?.parse().ok()
    }

    /// What the names of a state's parts begin with, written under a lease.
    pub(crate) fn parts(&self, fence: u64, mark: &str) -> String {
        format!("{}-part-{fence:010}-{mark}", self.state)
    }

    /// The lease that a state's part was written under.
    pub(crate) fn fence_of_part(&self, name: &str) -> Option<u64> {
        name.strip_prefix(&self.state)?.strip_prefix("-part-")?.split_once('-')?.0.parse().ok()
    }

    /// The name that Terraform gives to a state's further Secrets.
    pub(crate) fn terraforms_part(&self, number: usize) -> String {
        format!("{}-part-{number}", self.state)
    }

    /// Labels of the state and its Lease: those of OpenTofu.
    pub(crate) fn labels_of_state(&self) -> Json {
        let mut labels = self.labels.clone();
        for (name, value) in [
            (STATE, "true"),
            (STATE_SUFFIX, self.suffix.as_str()),
            (STATE_WORKSPACE, self.workspace.as_str()),
            (MANAGED_BY, "terraform"),
        ] {
            labels.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        json!(labels)
    }

    /// Labels of a Secret beside the state.
    pub(crate) fn labels_of(&self, holds: Holds) -> Json {
        let mut labels = self.labels.clone();
        for (name, value) in [
            (HOLDS, holds.word()),
            (SUFFIX, self.suffix.as_str()),
            (WORKSPACE, self.workspace.as_str()),
            (MANAGED_BY, "formwork"),
        ] {
            labels.insert(name.to_owned(), value.to_owned());
        }
        json!(labels)
    }

    /// Finds the Secrets beside the state that hold one of these.
    pub(crate) fn selector(&self, holds: &[Holds]) -> String {
        let words: Vec<&str> = holds.iter().map(|one| one.word()).collect();
        format!("{HOLDS} in ({}),{SUFFIX}={},{WORKSPACE}={}", words.join(","), self.suffix, self.workspace)
    }
}

/// Finds the states of all workspaces.
pub(crate) fn states_selector(suffix: &str) -> String {
    format!("{STATE}=true,{STATE_SUFFIX}={suffix}")
}

/// The workspace of a state.
pub(crate) fn workspace_of(secret: &Json) -> Option<String> {
    secret["metadata"]["labels"][STATE_WORKSPACE].as_str().map(ToOwned::to_owned)
}

/// The name of an object.
pub(crate) fn name_of(object: &Json) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Whether a text is a DNS subdomain (RFC 1123).
fn is_name(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.split('.').all(|label| {
        let bytes = label.as_bytes();
        bytes.first().copied().is_some_and(is_word)
            && bytes.last().copied().is_some_and(is_word)
            && bytes.iter().all(|byte| is_word(*byte) || *byte == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_held_to_what_a_cluster_takes() {
        for (workspace, suffix, is_good) in [
            ("default", "platform", true),
            ("a.b", "c-1", true),
            ("Default", "platform", false),
            ("a_b", "platform", false),
            ("a", "", false),
            ("a", "b-", false),
            ("a", "b..c", false),
            ("a", &"b".repeat(200), true),
            ("a", &"b".repeat(240), false),
        ] {
            let found = Names::new(workspace, suffix, BTreeMap::new());
            assert_eq!(found.is_ok(), is_good, "{workspace} {suffix}");
        }
    }

    #[test]
    fn what_a_name_says_is_read_back() {
        let names = Names::new("default", "a", BTreeMap::new()).ok();
        let names = names.as_ref();
        let entry = names.map(|names| names.entry(7, 3));
        assert_eq!(entry.as_deref(), Some("tfstate-default-a-journal-0000000007-0000000003"));
        let number = names.and_then(|names| names.number_of_entry(&entry.unwrap_or_default()));
        assert_eq!(number, Some((7, 3)));
        let history = names.map(|names| names.history(42)).unwrap_or_default();
        assert_eq!(names.and_then(|names| names.number_of_history(&history)), Some(42));
        let part = names.map(|names| names.parts(12, "mark") + "-0001").unwrap_or_default();
        assert_eq!(names.and_then(|names| names.fence_of_part(&part)), Some(12));
        let other = names.map(|names| names.terraforms_part(1)).unwrap_or_default();
        assert_eq!(names.and_then(|names| names.fence_of_part(&other)), None);
    }
}
