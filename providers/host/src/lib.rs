//! The provider `formwork/host`: what is on hosts, over SSH or on this machine.
//!
//! A host is a value that each resource gives; the provider's block holds what is the same for all. Invariants: a
//! read of all objects of a host is one script over one connection; every object keeps on its host who owns it, the
//! token of its last change and what it replaced, which comes back when it is removed; what failed leaves the host
//! as it was.

mod answer;
mod connection;
mod failure;
mod fleet;
mod inventory;
mod kinds;
mod link;
#[cfg(feature = "ssh")]
pub mod machines;
mod place;
mod private;
mod settings;
mod shell;
#[cfg(feature = "ssh")]
mod ssh;
#[cfg(not(feature = "ssh"))]
#[path = "no_ssh.rs"]
mod ssh;

use connection::HostConnection;
use formwork_diagnostic::Diagnostics;
use formwork_sdk::values::Findings;
use formwork_sdk::{Connection, Provider, ProviderSchema};
use formwork_value::Value;
use futures::future::BoxFuture;
use kinds::HostKind;
use settings::Settings;
use std::sync::Arc;

/// The provider, not configured yet.
pub struct HostProvider {
    schema: Arc<ProviderSchema>,
    kinds: Arc<Vec<Box<dyn HostKind>>>,
}

impl HostProvider {
    /// The provider.
    pub fn new() -> Self {
        let kinds = kinds::all();
        let schema = ProviderSchema {
            configuration: settings::configuration(),
            resources: kinds.iter().map(|kind| (kind.name().into(), kind.schema())).collect(),
            data_sources: [
                (kinds::FACTS.into(), kinds::Facts::schema()),
                (inventory::INVENTORY.into(), inventory::Source::schema()),
            ]
            .into_iter()
            .collect(),
            ..ProviderSchema::default()
        };
        Self { schema: Arc::new(schema), kinds: Arc::new(kinds) }
    }
}

impl Default for HostProvider {
    fn default() -> Self {
        Self::new()
    }
}

impl Provider for HostProvider {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.schema.clone()
    }

    fn validate_configuration(&self, configuration: &Value) -> Diagnostics {
        settings::validate(configuration)
    }

    fn configure(&self, configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        let found = settings::validate(&configuration);
        let connection = if found.has_errors() {
            Err(found)
        } else {
            let settings = Settings::of(&configuration);
            Ok(Arc::new(HostConnection::new(settings, self.schema.clone(), self.kinds.clone()))
                as Arc<dyn Connection>)
        };
        Box::pin(futures::future::ready(connection))
    }

    fn validate_resource(&self, kind: &str, configuration: &Value) -> Diagnostics {
        let mut found = Findings::default();
        place::check(configuration, &mut found);
        check_texts(configuration, &mut found);
        if let Some(kind) = self.kinds.iter().find(|one| one.name() == kind) {
            kind.validate(configuration, &mut found);
        }
        found.into_diagnostics()
    }
}

/// Refuses the one character that no shell, no path and no name can hold.
fn check_texts(configuration: &Value, found: &mut Findings) {
    let entries = configuration.entries().into_iter().flat_map(|entries| entries.iter());
    for (name, value) in entries.filter(|(name, _)| !name.starts_with("content")) {
        let mut holds_zero = false;
        value.walk(&mut |_, value| {
            holds_zero |= value.as_str().is_some_and(|text| text.contains('\0'));
            true
        });
        if holds_zero {
            found.refuse(name, "It holds the character U+0000, which no host can take: leave it out.");
        }
    }
}
