//! A [`Refusal`] of the API server as the engine's [`ProviderError`], and conflicts in words.
//!
//! Invariant: a refusal of a write that can have been carried out is `Unknown`; everything else is `NotDone`.

use crate::api::{Cause, Refusal};
use formwork_sdk::{ErrorKind, Outcome, ProviderError};
use formwork_value::Path;

/// What the request did, for the outcome of its failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    Look,
    Change,
}

/// The kind of a refusal.
pub(crate) fn kind_of(refusal: &Refusal) -> ErrorKind {
    if refusal.is_schema_error() {
        return ErrorKind::Invalid;
    }
    match refusal.status {
        None | Some(408 | 500..) => ErrorKind::Transient,
        Some(403) if refusal.message.contains("exceeded quota") => ErrorKind::Quota,
        Some(401 | 403) => ErrorKind::Denied,
        Some(404 | 410) => ErrorKind::NotFound,
        Some(409) => ErrorKind::Conflict,
        Some(429) => ErrorKind::Throttled,
        Some(_) => ErrorKind::Invalid,
    }
}

/// The engine's error for a refusal. `what` names the object: `Deployment kp-a/web`.
pub(crate) fn provider_error(refusal: &Refusal, intent: Intent, what: &str) -> ProviderError {
    let kind = kind_of(refusal);
    let owners = owners_of_conflict(refusal);
    let message = if owners.is_empty() {
        format!("{what}: {}", refusal.message)
    } else {
        format!("{what}: {}", conflict_sentence(&owners))
    };
    let mut error = ProviderError::new(kind, message);
    error.retry_after_ms = refusal.retry_after_ms;
    error.path = refusal.causes.iter().find_map(|cause| manifest_path(&cause.field));
    error.hint = hint(refusal, kind, !owners.is_empty()).map(String::into_boxed_str);
    let is_open = match refusal.status {
        None => refusal.may_have_arrived,
        Some(status) => status >= 500 || status == 408,
    };
    if intent == Intent::Change && is_open && kind != ErrorKind::Invalid {
        error.outcome = Outcome::Unknown;
    }
    error
}

fn hint(refusal: &Refusal, kind: ErrorKind, is_field_conflict: bool) -> Option<String> {
    let text = match kind {
        _ if is_field_conflict => {
            "Leave the field out of the manifest, or set field_manager { force_conflicts = true } to take it over."
        }
        ErrorKind::Denied if refusal.is_status(401) => {
            "The API server does not accept these credentials; check that they have not expired."
        }
        ErrorKind::Denied if refusal.is_access_denied() => {
            "Give the user a role with this verb on this resource."
        }
        ErrorKind::Quota => "Raise the quota of the namespace, or ask for less.",
        _ => return None,
    };
    Some(text.to_owned())
}

/// Field and manager of every conflict that a server-side apply met.
pub(crate) fn owners_of_conflict(refusal: &Refusal) -> Vec<(String, String)> {
    let is_conflict = |cause: &&Cause| cause.reason == "FieldManagerConflict";
    let manager = |cause: &Cause| cause.message.split('"').nth(1).unwrap_or("another manager").to_owned();
    refusal.causes.iter().filter(is_conflict).map(|cause| (cause.field.clone(), manager(cause))).collect()
}

/// `.spec.replicas belongs to "kubectl-edit"; …`
pub(crate) fn conflict_sentence(owners: &[(String, String)]) -> String {
    let parts: Vec<String> = owners
        .iter()
        .map(|(field, manager)| format!("{field} belongs to the field manager {manager:?}"))
        .collect();
    parts.join("; ")
}

/// The attribute path of a field as the API writes it: `spec.containers[0].image`, `.spec.replicas`.
pub(crate) fn manifest_path(field: &str) -> Option<Path> {
    let field = field.trim_start_matches('.');
    if field.is_empty() || field.starts_with('<') {
        return None;
    }
    let mut path = Path::root().attribute("manifest");
    for part in field.split('.') {
        let (name, rest) = part.split_once('[').map_or((part, None), |(name, rest)| (name, Some(rest)));
        if !name.is_empty() {
            path = path.attribute(name);
        }
        for index in rest.into_iter().flat_map(|rest| rest.split('[')) {
            let Ok(index) = index.trim_end_matches(']').parse() else { return Some(path) };
            path = path.index(index);
        }
    }
    Some(path)
}

/// Whether the server says that a field can only be given when the object is made.
pub(crate) fn is_immutable(refusal: &Refusal) -> bool {
    let says_so = |text: &str| {
        ["field is immutable", "may not change once set", "cannot be changed", "updates to statefulset spec"]
            .iter()
            .any(|part| text.contains(part))
            || text.contains("is forbidden: updates to")
            || text.contains("pod updates may not change fields")
    };
    refusal.is_status(422)
        && (says_so(&refusal.message) || refusal.causes.iter().any(|cause| says_so(&cause.message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use http::header::RETRY_AFTER;

    fn refusal(status: u16, body: &serde_json::Value) -> Refusal {
        Refusal::of_answer(status, &HeaderMap::new(), body.to_string().as_bytes())
    }

    #[test]
    fn refusals_map_to_kind_and_outcome() {
        let table = [
            (400, "bad", ErrorKind::Invalid, false),
            (401, "Unauthorized", ErrorKind::Denied, false),
            (403, "configmaps is forbidden: User \"x\" cannot list resource", ErrorKind::Denied, false),
            (403, "pods \"a\" is forbidden: exceeded quota: gpu, requested: 8", ErrorKind::Quota, false),
            (404, "not found", ErrorKind::NotFound, false),
            (409, "already exists", ErrorKind::Conflict, false),
            (410, "too old", ErrorKind::NotFound, false),
            (422, "invalid", ErrorKind::Invalid, false),
            (429, "slow down", ErrorKind::Throttled, false),
            (500, "etcd", ErrorKind::Transient, true),
            (504, "timeout", ErrorKind::Transient, true),
            (
                500,
                "failed to create typed patch object (a/b): .spec.x: field not declared in schema",
                ErrorKind::Invalid,
                false,
            ),
        ];
        for (status, message, kind, is_unknown) in table {
            let error = provider_error(
                &refusal(status, &serde_json::json!({ "message": message })),
                Intent::Change,
                "x",
            );
            assert_eq!(error.kind, kind, "{status} {message}");
            assert_eq!(matches!(error.outcome, Outcome::Unknown), is_unknown, "{status} {message}");
            assert!(error.message.contains(message), "{}", error.message);
            let looked = provider_error(&refusal(status, &serde_json::json!({})), Intent::Look, "x");
            assert!(matches!(looked.outcome, Outcome::NotDone), "{status}");
        }
    }

    #[test]
    fn a_conflict_names_field_and_owner() {
        let body = serde_json::json!({ "reason": "Conflict", "message": "Apply failed", "details": { "causes": [
            { "reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using apps/v1", "field": ".spec.replicas" },
        ] } });
        let error = provider_error(&refusal(409, &body), Intent::Change, "Deployment a/b");
        assert_eq!(
            error.message,
            "Deployment a/b: .spec.replicas belongs to the field manager \"kubectl-edit\""
        );
        assert!(error.hint.is_some_and(|hint| hint.contains("force_conflicts")));
        assert_eq!(error.path.map(|path| path.to_string()).as_deref(), Some(".manifest.spec.replicas"));
    }

    #[test]
    fn fields_become_paths() {
        let table = [
            ("spec.containers[0].image", Some(".manifest.spec.containers[0].image")),
            (".spec.containers[name=\"a\"].image", Some(".manifest.spec.containers")),
            ("<nil>", None),
            ("", None),
        ];
        for (field, expected) in table {
            assert_eq!(manifest_path(field).map(|path| path.to_string()).as_deref(), expected, "{field}");
        }
    }

    #[test]
    fn when_to_come_back() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "3".parse().unwrap());
        assert_eq!(Refusal::of_answer(429, &headers, b"{}").retry_after_ms, Some(3000));
        let body = serde_json::json!({ "details": { "retryAfterSeconds": 2 } });
        assert_eq!(refusal(429, &body).retry_after_ms, Some(2000));
    }

    #[test]
    fn immutable_fields_are_recognised() {
        let table = [
            (
                422,
                "Deployment.apps \"a\" is invalid: spec.selector: Invalid value: {}: field is immutable",
                true,
            ),
            (
                422,
                "StatefulSet \"a\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than",
                true,
            ),
            (422, "spec.replicas: Invalid value: -1: must be greater than or equal to 0", false),
            (409, "field is immutable", false),
        ];
        for (status, message, expected) in table {
            let found = is_immutable(&refusal(status, &serde_json::json!({ "message": message })));
            assert_eq!(found, expected, "{message}");
        }
    }
}
