//! Data source `kubernetes_resource`: one object of any kind, looked at.

use crate::json::{from_json, with_attribute};
use crate::object::{Identity, hide_secret_values, is_secret};
use crate::session::Session;
use crate::settings::{block, text};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{ErrorKind, ProviderError};
use formwork_value::{Name, Type, Value};
use serde_json::Value as Json;

/// Checks a configuration that may hold unknowns.
pub(crate) fn validate(configuration: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    for name in ["api_version", "kind"] {
        if configuration.get(name).and_then(Value::as_str).is_some_and(|text| text.is_empty()) {
            let detail = format!("{name} is empty.");
            found.push(Diagnostic::error("kubernetes-resource", "Invalid resource", detail).attribute(format!(".{name}")));
        }
    }
    found
}

fn identity_of(configuration: &Value) -> Result<Identity, ProviderError> {
    let absent = |name: &str| ProviderError::invalid(format!("{name} is missing"));
    let metadata = block(configuration, "metadata").ok_or_else(|| absent("metadata"))?;
    Ok(Identity {
        api_version: text(configuration, "api_version").ok_or_else(|| absent("api_version"))?,
        kind: text(configuration, "kind").ok_or_else(|| absent("kind"))?,
        namespace: text(metadata, "namespace"),
        name: text(metadata, "name").ok_or_else(|| absent("metadata.name"))?,
    })
}

/// Reads all configurations: a GET where one object of a kind is asked for, else a LIST.
pub(crate) async fn read(session: &Session, configurations: &[Value]) -> Vec<Result<Value, ProviderError>> {
    let mut identities = Vec::with_capacity(configurations.len());
    for configuration in configurations {
        identities.push(placed_identity(session, configuration).await);
    }
    let wanted: Vec<Identity> = identities.iter().filter_map(|identity| identity.as_ref().ok().cloned()).collect();
    let found = if wanted.len() == 1 {
        let identity = wanted[0].clone();
        let looked = look_at(session, &identity).await;
        [(identity, looked)].into_iter().collect()
    } else {
        session.read_all(wanted).await
    };
    let answer = |(configuration, identity): (&Value, Result<Identity, ProviderError>)| {
        let identity = identity?;
        match found.get(&identity) {
            Some(Ok(Some(live))) => Ok(filled(configuration, live)),
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(None)) | None => {
                Err(ProviderError::new(ErrorKind::NotFound, format!("{identity} is not there.")))
            }
        }
    };
    configurations.iter().zip(identities).map(answer).collect()
}

async fn placed_identity(session: &Session, configuration: &Value) -> Result<Identity, ProviderError> {
    let mut identity = identity_of(configuration)?;
    let kind = session.need_kind(&identity.api_version, &identity.kind).await?;
    if !kind.is_namespaced {
        identity.namespace = None;
    } else if identity.namespace.is_none() {
        identity.namespace = Some("default".to_owned());
    }
    Ok(identity)
}

async fn look_at(session: &Session, identity: &Identity) -> Result<Option<Json>, ProviderError> {
    let kind = session.need_kind(&identity.api_version, &identity.kind).await?;
    session.look(&kind, identity).await
}

fn filled(configuration: &Value, live: &Json) -> Value {
    let mut object = live.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    let secret = if is_secret(live) { live["data"].as_object() } else { None };
    let sensitive_data = match secret {
        Some(data) => {
            let entry = |(name, value): (&String, &Json)| {
                Some((Name::from(name.as_str()), Value::string(value.as_str()?)))
            };
            Value::map(Type::String, data.iter().filter_map(entry).collect())
        }
        None => Value::null(Type::map(Type::String)),
    };
    hide_secret_values(&mut object);
    let resource = with_attribute(configuration, "object", from_json(&object));
    with_attribute(&resource, "sensitive_data", sensitive_data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::to_json;
    use serde_json::json;

    #[test]
    fn a_secret_shows_its_values_only_where_they_are_sensitive() {
        let live = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "a", "managedFields": [] }, "data": { "k": "dg==" } });
        let value = filled(&Value::object(Vec::new()), &live);
        let shown = to_json(value.get("object").unwrap()).unwrap();
        assert!(!shown.to_string().contains("dg=="));
        assert_eq!(shown["metadata"], json!({ "name": "a" }));
        assert_eq!(to_json(value.get("sensitive_data").unwrap()), Some(json!({ "k": "dg==" })));
    }
}
