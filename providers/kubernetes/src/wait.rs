//! What an apply waits for, decided from one look at the object.
//!
//! Invariant: a decision is pure; the same object always gives the same answer, so a wait can go on in another
//! process.

use crate::json::{DocumentPath, to_json};
use crate::settings::{block, text};
use formwork_value::Value;
use regex::Regex;
use serde_json::Value as Json;

/// What must hold before an apply is done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wait {
    pub(crate) rollout: bool,
    pub(crate) completed: bool,
    /// Type and status.
    pub(crate) conditions: Vec<(String, String)>,
    pub(crate) fields: Vec<(String, DocumentPath, Regex)>,
}

/// How far the object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// All holds.
    Ready,
    /// Not yet, and what is missing.
    Pending(String),
    /// It never will.
    Failed(String),
}

impl Wait {
    /// From the `wait` block of a resource; the message says what is wrong with it.
    pub(crate) fn of(resource: &Value) -> Result<Self, String> {
        let Some(block) = block(resource, "wait") else { return Ok(Self::default()) };
        let flag = |name: &str| block.get(name).and_then(Value::as_bool).unwrap_or(false);
        let conditions = block.get("condition").and_then(Value::items).unwrap_or_default();
        let conditions = conditions.iter().filter_map(|condition| {
            Some((text(condition, "type")?, text(condition, "status").unwrap_or_else(|| "True".to_owned())))
        });
        let mut fields = Vec::new();
        let given = block.get("fields").and_then(Value::entries);
        for (path, pattern) in given.map(|entries| entries.as_slice()).unwrap_or_default() {
            let Some(pattern) = pattern.as_str() else { continue };
            let parsed = DocumentPath::parse(path).ok_or_else(|| format!("{path:?} is no path of a field"))?;
            let pattern = if pattern == "*" { ".*" } else { pattern.as_str() };
            let regex = Regex::new(pattern).map_err(|error| format!("{pattern:?} is no regular expression: {error}"))?;
            fields.push((path.to_string(), parsed, regex));
        }
        Ok(Self { rollout: flag("rollout"), completed: flag("completed"), conditions: conditions.collect(), fields })
    }

    /// The same, and for a definition of custom resources until the server serves it.
    pub(crate) fn with_definition(mut self, manifest: &Json) -> Self {
        if is_definition(manifest) {
            self.conditions.push(("Established".to_owned(), "True".to_owned()));
        }
        self
    }

    /// Whether all holds for the object.
    pub(crate) fn standing(&self, live: &Json) -> Standing {
        let mut checks = Vec::new();
        if self.rollout {
            checks.push(rollout(live));
        }
        if self.completed {
            checks.push(completion(live));
        }
        checks.extend(self.conditions.iter().map(|(name, status)| condition(live, name, status)));
        checks.extend(self.fields.iter().map(|(words, path, regex)| field(live, words, path, regex)));
        let is_failed = |standing: &&Standing| matches!(standing, Standing::Failed(_));
        let is_open = |standing: &&Standing| **standing != Standing::Ready;
        checks.iter().find(is_failed).or_else(|| checks.iter().find(is_open)).cloned().unwrap_or(Standing::Ready)
    }
}

/// Whether a document defines custom resources.
pub(crate) fn is_definition(manifest: &Json) -> bool {
    let is_group = manifest["apiVersion"].as_str().is_some_and(|version| version.starts_with("apiextensions.k8s.io/"));
    is_group && manifest["kind"] == "CustomResourceDefinition"
}

/// Whether the path of a computed value is known: `wait.fields` and `computed_fields` name such paths.
pub(crate) fn paths_of(resource: &Value, name: &str) -> Result<Vec<DocumentPath>, String> {
    let items = resource.get(name).and_then(to_json);
    let items = items.as_ref().and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let parse = |item: &Json| {
        let text = item.as_str().unwrap_or_default();
        DocumentPath::parse(text).ok_or_else(|| format!("{text:?} is no path of a field"))
    };
    items.iter().map(parse).collect()
}

fn conditions_of(live: &Json) -> &[Json] {
    live["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn condition(live: &Json, name: &str, status: &str) -> Standing {
    let found = conditions_of(live).iter().find(|condition| condition["type"] == name);
    match found.and_then(|condition| condition["status"].as_str()) {
        Some(is) if is == status => Standing::Ready,
        Some(is) => Standing::Pending(format!("condition {name} to be {status}, it is {is}")),
        None => Standing::Pending(format!("condition {name} to be {status}")),
    }
}

fn field(live: &Json, words: &str, path: &DocumentPath, regex: &Regex) -> Standing {
    let text = path.get(live).map(|found| found.as_str().map_or_else(|| found.to_string(), str::to_owned));
    match text {
        Some(text) if regex.is_match(&text) => Standing::Ready,
        _ => Standing::Pending(format!("{words} to match {:?}", regex.as_str())),
    }
}

fn completion(live: &Json) -> Standing {
    let is_true = |name: &str| {
        conditions_of(live).iter().find(|condition| condition["type"] == name && condition["status"] == "True")
    };
    if let Some(failed) = is_true("Failed") {
        return Standing::Failed(format!("the job failed: {}", failed["message"].as_str().unwrap_or("no reason given")));
    }
    if is_true("Complete").is_some() {
        return Standing::Ready;
    }
    let (done, wanted) = (count(&live["status"]["succeeded"]), live["spec"]["completions"].as_u64().unwrap_or(1));
    Standing::Pending(format!("the job to complete, {done} of {wanted} done"))
}

fn count(json: &Json) -> u64 {
    json.as_u64().unwrap_or(0)
}

/// As `kubectl rollout status` decides.
fn rollout(live: &Json) -> Standing {
    let status = &live["status"];
    if count(&status["observedGeneration"]) < count(&live["metadata"]["generation"]) {
        return Standing::Pending("the rollout to be noticed by its controller".to_owned());
    }
    match live["kind"].as_str().unwrap_or_default() {
        "Deployment" => deployment_rollout(live),
        "StatefulSet" => {
            let wanted = live["spec"]["replicas"].as_u64().unwrap_or(1);
            let is_current = status["updateRevision"] == status["currentRevision"]
                || live["spec"]["updateStrategy"]["type"] == "OnDelete";
            let ready = count(&status["readyReplicas"]);
            if is_current && ready >= wanted { Standing::Ready } else { replicas("ready", ready, wanted) }
        }
        "DaemonSet" => {
            let wanted = count(&status["desiredNumberScheduled"]);
            let updated = count(&status["updatedNumberScheduled"]);
            let available = count(&status["numberAvailable"]);
            match (updated < wanted, available < wanted) {
                (true, _) => replicas("updated", updated, wanted),
                (false, true) => replicas("available", available, wanted),
                (false, false) => Standing::Ready,
            }
        }
        kind => Standing::Failed(format!("a {kind} has no rollout to wait for")),
    }
}

fn deployment_rollout(live: &Json) -> Standing {
    let status = &live["status"];
    let progressing = conditions_of(live).iter().find(|condition| condition["type"] == "Progressing");
    if let Some(condition) = progressing.filter(|condition| condition["reason"] == "ProgressDeadlineExceeded") {
        let reason = condition["message"].as_str().unwrap_or("its progress deadline passed");
        return Standing::Failed(format!("the rollout failed: {reason}"));
    }
    let wanted = live["spec"]["replicas"].as_u64().unwrap_or(1);
    let (updated, all) = (count(&status["updatedReplicas"]), count(&status["replicas"]));
    let available = count(&status["availableReplicas"]);
    if updated < wanted {
        replicas("updated", updated, wanted)
    } else if all > updated {
        Standing::Pending(format!("{} old replicas to end", all - updated))
    } else if available < updated {
        replicas("available", available, updated)
    } else {
        Standing::Ready
    }
}

fn replicas(what: &str, have: u64, wanted: u64) -> Standing {
    Standing::Pending(format!("{what} replicas, {have} of {wanted}"))
}

/// What keeps an object that is being deleted.
pub(crate) fn going_words(live: &Json) -> String {
    let finalizers = live["metadata"]["finalizers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<&str> = finalizers.iter().filter_map(Json::as_str).collect();
    names.extend(live["spec"]["finalizers"].as_array().into_iter().flatten().filter_map(Json::as_str));
    if names.is_empty() { "it to be gone".to_owned() } else { format!("the finalizers {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pending(words: &str) -> Standing {
        Standing::Pending(words.to_owned())
    }

    #[test]
    fn rollouts() {
        let deployment = |status: Json| json!({ "kind": "Deployment", "metadata": { "generation": 2 }, "spec": { "replicas": 2 }, "status": status });
        let table = [
            (deployment(json!({ "observedGeneration": 1 })), pending("the rollout to be noticed by its controller")),
            (deployment(json!({ "observedGeneration": 2, "updatedReplicas": 1, "replicas": 2 })), pending("updated replicas, 1 of 2")),
            (deployment(json!({ "observedGeneration": 2, "updatedReplicas": 2, "replicas": 3 })), pending("1 old replicas to end")),
            (
                deployment(json!({ "observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 1 })),
                pending("available replicas, 1 of 2"),
            ),
            (
                deployment(json!({ "observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2 })),
                Standing::Ready,
            ),
            (
                deployment(json!({ "observedGeneration": 2, "conditions": [
                    { "type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out" } ] })),
                Standing::Failed("the rollout failed: timed out".to_owned()),
            ),
            (
                json!({ "kind": "StatefulSet", "spec": { "replicas": 1 }, "status": { "readyReplicas": 1, "updateRevision": "a", "currentRevision": "a" } }),
                Standing::Ready,
            ),
            (
                json!({ "kind": "DaemonSet", "status": { "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2 } }),
                pending("available replicas, 2 of 3"),
            ),
            (json!({ "kind": "ConfigMap" }), Standing::Failed("a ConfigMap has no rollout to wait for".to_owned())),
        ];
        for (live, expected) in table {
            assert_eq!(rollout(&live), expected, "{live}");
        }
    }

    #[test]
    fn jobs() {
        let job = |status: Json| json!({ "kind": "Job", "spec": { "completions": 3 }, "status": status });
        let table = [
            (job(json!({ "succeeded": 1 })), pending("the job to complete, 1 of 3 done")),
            (job(json!({ "conditions": [{ "type": "Complete", "status": "True" }] })), Standing::Ready),
            (
                job(json!({ "conditions": [{ "type": "Failed", "status": "True", "message": "backoff" }] })),
                Standing::Failed("the job failed: backoff".to_owned()),
            ),
        ];
        for (live, expected) in table {
            assert_eq!(completion(&live), expected);
        }
    }

    #[test]
    fn conditions_and_fields() {
        let live = json!({ "status": { "phase": "Active", "n": 3, "conditions": [{ "type": "Ready", "status": "False" }] } });
        assert_eq!(condition(&live, "Ready", "False"), Standing::Ready);
        assert_eq!(condition(&live, "Ready", "True"), pending("condition Ready to be True, it is False"));
        assert_eq!(condition(&live, "Gone", "True"), pending("condition Gone to be True"));
        let table = [
            ("status.phase", "^Active$", Standing::Ready),
            ("status.n", "3", Standing::Ready),
            ("status.phase", "Gone", pending("status.phase to match \"Gone\"")),
            ("status.absent", ".*", pending("status.absent to match \".*\"")),
        ];
        for (path, pattern, expected) in table {
            let parsed = DocumentPath::parse(path).unwrap();
            assert_eq!(field(&live, path, &parsed, &Regex::new(pattern).unwrap()), expected, "{path}");
        }
    }

    #[test]
    fn a_definition_waits_to_be_served() {
        let definition = json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition" });
        let wait = Wait::default().with_definition(&definition);
        assert_eq!(wait.standing(&definition), pending("condition Established to be True"));
        assert_eq!(Wait::default().with_definition(&json!({ "kind": "Pod" })).standing(&json!({})), Standing::Ready);
    }
}
