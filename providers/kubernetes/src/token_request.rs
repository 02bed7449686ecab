//! Ephemeral resource `kubernetes_token_request_v1`: a token of a service account, for as long as a run lasts.
//!
//! The API server keeps nothing of a token that it issued, so there is nothing to close: it expires.
//! <https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/>

use crate::failure::{Intent, provider_error};
use crate::json::with_attribute;
use crate::session::Session;
use crate::settings::{block, text, texts};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{Attribute, Block, KindSchema, NestedBlock, Nesting, Permission, ProviderError};
use formwork_value::{Type, Value};
use serde_json::{Value as Json, json};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    kubernetes = { source = "formwork/kubernetes" }
  }
}

variable "context" {
  default = "kind-dev"
}

provider "kubernetes" {
  config_path    = "~/.kube/config"
  config_context = var.context
}

ephemeral "kubernetes_token_request_v1" "robot" {
  metadata {
    name      = "robot"
    namespace = "default"
  }
  spec {
    expiration_seconds = 600
  }
}

provider "kubernetes" {
  alias = "robot"
  host  = "https://127.0.0.1:6443"
  token = ephemeral.kubernetes_token_request_v1.robot.token
}
"#;

/// What a server takes at least (the API's own limit).
const EXPIRATION_SECONDS_MIN: i64 = 600;

fn nested(block: Block, min_items: u32) -> NestedBlock {
    NestedBlock { nesting: Nesting::List, block, min_items, max_items: 1 }
}

pub(crate) fn schema() -> KindSchema {
    let metadata = Block::new([
        ("name", Attribute::required(Type::String, "Name of the service account.")),
        ("namespace", Attribute::optional(Type::String, "Its namespace; `default` when it is left out.")),
    ]);
    let bound_object_ref = Block::new([
        ("api_version", Attribute::optional(Type::String, "Version of the object's API.")),
        ("kind", Attribute::optional(Type::String, "`Pod`, `Secret` or `Node`.")),
        ("name", Attribute::optional(Type::String, "Name of the object.")),
        ("uid", Attribute::optional(Type::String, "UID of the object.")),
    ]);
    let spec = Block::new([
        (
            "audiences",
            Attribute::optional(Type::list(Type::String), "Who may accept it; the API server when left out."),
        ),
        (
            "expiration_seconds",
            Attribute::optional(Type::Number, "How long it is valid; an hour when left out."),
        ),
    ])
    .with_block("bound_object_ref", nested(bound_object_ref, 0));
    let block = Block::new([
        ("token", Attribute::computed(Type::String, "The token.").sensitive()),
        ("expiration_timestamp", Attribute::computed(Type::String, "When it expires, RFC 3339.")),
    ])
    .with_block("metadata", nested(metadata, 1))
    .with_block("spec", nested(spec, 0));
    let mut kind = KindSchema::new(block, "A token of a service account, for as long as a run lasts.");
    kind.example = EXAMPLE;
    kind.read_permissions = vec![Permission("create on serviceaccounts/token".to_owned())];
    kind
}

fn seconds(configuration: &Value) -> Option<i64> {
    block(configuration, "spec")?.get("expiration_seconds")?.as_i64()
}

pub(crate) fn validate(configuration: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    if let Some(seconds) = seconds(configuration).filter(|seconds| *seconds < EXPIRATION_SECONDS_MIN) {
        let detail = format!(
            "expiration_seconds is {seconds}, and the API server issues no token for less than {EXPIRATION_SECONDS_MIN}."
        );
        let diagnostic = Diagnostic::error("kubernetes-token", "Invalid token request", detail);
        found.push(diagnostic.attribute(".spec[0].expiration_seconds"));
    }
    found
}

fn body(configuration: &Value) -> Json {
    let mut spec = json!({});
    if let Some(given) = block(configuration, "spec") {
        let audiences = texts(given, "audiences");
        if !audiences.is_empty() {
            spec["audiences"] = json!(audiences);
        }
        if let Some(seconds) = seconds(configuration) {
            spec["expirationSeconds"] = json!(seconds);
        }
        if let Some(bound) = block(given, "bound_object_ref") {
            let fields = [("apiVersion", "api_version"), ("kind", "kind"), ("name", "name"), ("uid", "uid")];
            for (field, attribute) in fields {
                if let Some(value) = text(bound, attribute) {
                    spec["boundObjectRef"][field] = json!(value);
                }
            }
        }
    }
    json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec })
}

/// Asks for a token: the object, nothing private, and never a renewal, since a token cannot be made to last longer.
pub(crate) async fn open(
    session: &Session,
    configuration: &Value,
) -> Result<(Value, Vec<u8>, Option<u64>), ProviderError> {
    let metadata =
        block(configuration, "metadata").ok_or_else(|| ProviderError::invalid("metadata is missing"))?;
    let name = text(metadata, "name").ok_or_else(|| ProviderError::invalid("metadata.name is missing"))?;
    let namespace = text(metadata, "namespace").unwrap_or_else(|| "default".to_owned());
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let answer = session.api.post(&path, &body(configuration)).await.map_err(|refusal| {
        provider_error(&refusal, Intent::Look, &format!("token of ServiceAccount {namespace}/{name}"))
    })?;
    let status = |field: &str| answer["status"][field].as_str().map(ToOwned::to_owned);
    let token = status("token").filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| ProviderError::bug("the API server answered without a token"))?;
    let object = with_attribute(configuration, "token", token.into());
    let expires = status("expirationTimestamp").map_or_else(|| Value::null(Type::String), Value::from);
    Ok((with_attribute(&object, "expiration_timestamp", expires), Vec::new(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(audiences: &[&str], seconds: Option<i64>) -> Value {
        let audiences = audiences.iter().map(|one| Value::from(*one)).collect();
        let spec = Value::object(vec![
            ("audiences".into(), Value::list(Type::String, audiences)),
            ("expiration_seconds".into(), seconds.map_or(Value::null(Type::Number), Value::from)),
        ]);
        Value::object(vec![("spec".into(), Value::tuple(vec![spec]))])
    }

    #[test]
    fn a_request_holds_what_is_given() {
        for (given, expected) in [
            (configuration(&[], None), json!({})),
            (
                configuration(&["vault"], Some(900)),
                json!({ "audiences": ["vault"], "expirationSeconds": 900 }),
            ),
        ] {
            assert_eq!(body(&given)["spec"], expected);
        }
    }

    #[test]
    fn less_than_the_server_issues_is_refused() {
        for (seconds, is_refused) in [(599, true), (600, false)] {
            assert_eq!(validate(&configuration(&[], Some(seconds))).has_errors(), is_refused, "{seconds}");
        }
    }
}
