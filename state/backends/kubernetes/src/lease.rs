//! The Lease: OpenTofu's lock and ours, in one object.
//!
//! Invariant: what others wrote into the object stays in it.

use crate::names::Names;
use formwork_state::backend::{BackendError, Holder};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// What OpenTofu says of its lock.
const LOCK_INFO: &str = "app.terraform.io/lock-info";
/// What we say of ours.
const HOLDER: &str = "formwork.dev/holder";
/// Leases that stand, or ended without their holder.
const UNCLOSED: &str = "formwork.dev/unclosed";

/// The server tells its clock in whole seconds, when a heartbeat is written and when it is looked at.
const CLOCK_STEP: Duration = Duration::from_secs(1);

/// The Lease as it was read, or as it is to be written first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lease(Json);

/// Who has the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody.
    Free,
    /// One of ours.
    Ours(Holder),
    /// Another engine, whose locks have no end.
    Others(Holder),
}

impl Standing {
    pub(crate) fn holder(self) -> Option<Holder> {
        match self {
            Self::Free => None,
            Self::Ours(holder) | Self::Others(holder) => Some(holder),
        }
    }
}

impl From<Json> for Lease {
    fn from(object: Json) -> Self {
        Self(object)
    }
}

impl Lease {
    /// One that nobody had yet; the next number comes after `fence`.
    pub(crate) fn first(names: &Names, fence: u64) -> Self {
        Self(json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": { "name": names.lease, "labels": names.labels_of_state(), "annotations": {} },
            "spec": { "leaseTransitions": fence },
        }))
    }

    pub(crate) fn object(&self) -> &Json {
        &self.0
    }

    /// The number of the last lease.
    pub(crate) fn fence(&self) -> u64 {
        self.0["spec"]["leaseTransitions"].as_u64().unwrap_or_default()
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.0["metadata"]["annotations"][name].as_str()
    }

    fn annotate(&mut self, name: &str, text: Option<String>) {
        let annotations = &mut self.0["metadata"]["annotations"];
        match (text, annotations.as_object_mut()) {
            (Some(text), Some(all)) => drop(all.insert(name.to_owned(), json!(text))),
            (Some(text), None) => *annotations = json!({ name: text }),
            (None, Some(all)) => drop(all.remove(name)),
            (None, None) => {}
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        let identity = self.0["spec"]["holderIdentity"].as_str().unwrap_or_default();
        if identity.is_empty() {
            return Standing::Free;
        }
        let ours = self.annotation(HOLDER).and_then(|text| serde_json::from_str::<Holder>(text).ok());
        // Another engine that ended ours by force leaves its annotation behind.
        match ours.filter(|holder| identity_of(holder) == identity) {
            Some(holder) => Standing::Ours(holder),
            None => Standing::Others(self.others(identity)),
        }
    }

    fn others(&self, identity: &str) -> Holder {
        let info: Json =
            self.annotation(LOCK_INFO).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let word = |name: &str| info[name].as_str().unwrap_or_default().to_owned();
        Holder {
            id: identity.to_owned(),
            user: word("Who"),
            operation: word("Operation"),
            since: word("Created"),
            ..Holder::default()
        }
    }

    /// Whether a lease of ours is overdue at a moment of the server's clock, by its holder's own duration.
    pub(crate) fn is_overdue(&self, now: Timestamp) -> bool {
        let Standing::Ours(_) = self.standing() else { return false };
        let spec = &self.0["spec"];
        let renewed = spec["renewTime"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        let duration = Duration::from_secs(spec["leaseDurationSeconds"].as_u64().unwrap_or_default());
        let age = renewed.map(|renewed| now.duration_since(renewed));
        age.is_none_or(|age| {
            age > SignedDuration::try_from(duration + CLOCK_STEP).unwrap_or(SignedDuration::MAX)
        })
    }

    /// Leases that somebody might still write under.
    pub(crate) fn unclosed(&self) -> Vec<u64> {
        self.annotation(UNCLOSED).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub(crate) fn set_unclosed(&mut self, fences: &[u64]) {
        let text = (!fences.is_empty()).then(|| json!(fences).to_string());
        self.annotate(UNCLOSED, text);
    }

    /// The same in another's hands, with the next number.
    pub(crate) fn taken(
        &self,
        holder: &Holder,
        path: &str,
        duration: Duration,
        now: Timestamp,
    ) -> Result<Self, BackendError> {
        let mut next = self.clone();
        let fence = self.fence() + 1;
        let mut unclosed = self.unclosed();
        unclosed.push(fence);
        next.set_unclosed(&unclosed);
        let text = serde_json::to_string(holder).map_err(|error| BackendError::Failed(error.to_string()))?;
        next.annotate(HOLDER, Some(text));
        let info = json!({
            "ID": identity_of(holder), "Operation": holder.operation, "Info": "formwork", "Version": "",
            "Who": format!("{}@{}", holder.user, holder.host), "Created": holder.since, "Path": path,
        });
        next.annotate(LOCK_INFO, Some(info.to_string()));
        let spec = &mut next.0["spec"];
        spec["leaseTransitions"] = json!(fence);
        spec["holderIdentity"] = json!(identity_of(holder));
        spec["leaseDurationSeconds"] = json!(duration.as_secs().max(1));
        spec["acquireTime"] = json!(micro_time(now));
        spec["renewTime"] = json!(micro_time(now));
        Ok(next)
    }

    /// The same after a heartbeat.
    pub(crate) fn renewed(&self, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.0["spec"]["renewTime"] = json!(micro_time(now));
        next
    }

    /// The same in nobody's hands.
    pub(crate) fn freed(&self) -> Self {
        let mut next = self.clone();
        next.annotate(HOLDER, None);
        next.annotate(LOCK_INFO, None);
        if let Some(spec) = next.0["spec"].as_object_mut() {
            spec.remove("holderIdentity");
        }
        next
    }

    /// Whether the lease is this holder's, under this number.
    pub(crate) fn is_of(&self, fence: u64, holder: &Holder) -> bool {
        self.fence() == fence && self.standing() == Standing::Ours(holder.clone())
    }
}

/// A holder's name in the Lease, which may not be empty.
fn identity_of(holder: &Holder) -> String {
    if holder.id.is_empty() { holder.who() } else { holder.id.clone() }
}

/// As the API writes a `MicroTime`.
fn micro_time(moment: Timestamp) -> String {
    format!("{moment:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn holder(id: &str) -> Holder {
        Holder { id: id.to_owned(), operation: "apply".to_owned(), ..Holder::default() }
    }

    fn taken() -> Option<Lease> {
        let names = Names::new("default", "a", BTreeMap::new()).ok()?;
        let moment = Timestamp::from_second(1_000).ok()?;
        Lease::first(&names, 4).taken(&holder("one"), "p", Duration::from_secs(5), moment).ok()
    }

    #[test]
    fn a_lease_is_taken_and_given_back() {
        let lease = taken().into_iter().next().unwrap_or_else(|| Lease(json!({})));
        assert_eq!((lease.fence(), lease.unclosed()), (5, vec![5]));
        assert!(lease.is_of(5, &holder("one")) && !lease.is_of(5, &holder("two")));
        assert_eq!(lease.object()["spec"]["renewTime"], "1970-01-01T00:16:40.000000Z");
        let free = lease.freed();
        assert_eq!((free.fence(), free.standing()), (5, Standing::Free));
        assert_eq!(free.unclosed(), [5], "whoever ends another's lease has it shut out");
    }

    #[test]
    fn a_lease_is_overdue_by_its_own_duration() {
        let lease = taken().into_iter().next().unwrap_or_else(|| Lease(json!({})));
        for (second, is_overdue) in [(1_000, false), (1_006, false), (1_007, true), (990, false)] {
            let moment = Timestamp::from_second(second).unwrap_or_default();
            assert_eq!(lease.is_overdue(moment), is_overdue, "{second}");
            assert!(!lease.renewed(moment).is_overdue(moment));
        }
    }

    #[test]
    fn anothers_lock_is_told_from_ours() {
        let mut lease = taken().into_iter().next().unwrap_or_else(|| Lease(json!({})));
        lease.0["spec"]["holderIdentity"] = json!("other");
        lease.annotate(
            LOCK_INFO,
            Some("{\"Who\":\"ada@host\",\"Operation\":\"OperationTypePlan\"}".to_owned()),
        );
        let Standing::Others(other) = lease.standing() else {
            return assert_eq!(lease.0, json!("another's"));
        };
        assert_eq!((other.id.as_str(), other.user.as_str()), ("other", "ada@host"));
        assert!(!lease.is_overdue(Timestamp::MAX), "it has no end");
    }
}
