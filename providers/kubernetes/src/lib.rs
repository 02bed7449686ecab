//! Kubernetes objects by server-side apply: `kubernetes_manifest`, `kubernetes_manifests` and the data source
//! `kubernetes_resource`.
//!
//! Invariants: reads are one LIST for each kind and namespace; a plan asks the server only about objects that differ
//! from what was last applied; every object carries who owns it and the token of its last apply; fields of other
//! managers are taken over on request alone.

mod api;
mod connect;
mod connection;
mod discovery;
mod failure;
mod fields;
mod json;
mod manifest;
mod manifests;
mod object;
mod permissions;
mod plan_object;
mod read;
mod resource;
mod schema;
mod session;
mod settings;
mod stream;
mod token_request;
mod wait;

use connection::KubernetesConnection;
use formwork_diagnostic::Diagnostics;
use formwork_sdk::{Connection, Provider, ProviderSchema, Use};
use formwork_value::Value;
use futures::future::BoxFuture;
use settings::Settings;
use std::sync::{Arc, OnceLock};

/// The provider, not configured yet.
#[derive(Debug, Default)]
pub struct Kubernetes;

impl Kubernetes {
    /// The provider.
    pub fn new() -> Self {
        Self
    }
}

fn shared_schema() -> Arc<ProviderSchema> {
    static SCHEMA: OnceLock<Arc<ProviderSchema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(schema::provider_schema())).clone()
}

impl Provider for Kubernetes {
    fn schema(&self) -> Arc<ProviderSchema> {
        shared_schema()
    }

    fn validate_configuration(&self, configuration: &Value) -> Diagnostics {
        settings::validate(configuration)
    }

    fn configure(&self, configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        Box::pin(async move {
            let found = settings::validate(&configuration);
            if found.has_errors() {
                return Err(found);
            }
            let connection =
                KubernetesConnection::open(&Settings::of(&configuration), shared_schema()).await?;
            Ok(Arc::new(connection) as Arc<dyn Connection>)
        })
    }

    fn validate_resource(&self, kind: &str, configuration: &Value) -> Diagnostics {
        match kind {
            schema::MANIFEST => manifest::validate(configuration),
            schema::MANIFESTS => manifests::validate(configuration),
            schema::RESOURCE => resource::validate(configuration),
            schema::TOKEN_REQUEST => token_request::validate(configuration),
            _ => Diagnostics::new(),
        }
    }

    fn permissions(&self, uses: &[Use], read_only: bool) -> String {
        permissions::roles(uses, read_only)
    }
}
