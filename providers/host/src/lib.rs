//! The provider `formwork/host`: what is on hosts, over SSH or on this machine.
//!
//! A host is a value that each resource gives; the provider's block holds what is the same for all. Invariants: a
//! read of all objects of a host is one script over one connection; every object keeps on its host who owns it, the
//! token of its last change and what it replaced, which comes back when it is removed; what failed leaves the host
//! as it was.

mod answer;
mod connection;
mod data;
mod failure;
mod fleet;
mod inventory;
mod kind;
mod kinds;
mod link;
#[cfg(feature = "ssh")]
pub mod machines;
mod phases;
mod place;
mod private;
mod settings;
mod shell;
#[cfg(feature = "ssh")]
mod ssh;
#[cfg(not(feature = "ssh"))]
#[path = "no_ssh.rs"]
mod ssh;

pub use answer::Answer;
pub use data::{HostData, Hosts};
pub use kind::{Act, HostKind, mark_folder, pairs, schema, with};
pub use kinds::TAKE;
pub use phases::{LinesOf, Phase, Work};
pub use place::{HOST, host_type};
pub use private::Private;
pub use shell::{quote, write_bytes};

use connection::{HostConnection, Offer};
use formwork_diagnostic::Diagnostics;
use formwork_sdk::values::Findings;
use formwork_sdk::{Connection, Provider, ProviderSchema};
use formwork_value::Value;
use futures::future::BoxFuture;
use settings::Settings;
use std::sync::Arc;

/// A provider of kinds on hosts, not configured yet.
pub struct HostProvider(Arc<Offer>);

impl HostProvider {
    /// The provider of what is on hosts.
    pub fn new() -> Self {
        Self::of(
            "formwork/host",
            kinds::all(),
            vec![Box::new(kinds::Disk), Box::new(kinds::Facts), Box::new(inventory::Source)],
        )
    }

    /// One of these kinds, which reaches its hosts as this one does.
    pub fn of(name: &'static str, kinds: Vec<Box<dyn HostKind>>, data: Vec<Box<dyn HostData>>) -> Self {
        let schema = Arc::new(ProviderSchema {
            configuration: settings::configuration(),
            resources: kinds.iter().map(|kind| (kind.name().into(), kind.schema())).collect(),
            data_sources: data.iter().map(|one| (one.name().into(), one.schema())).collect(),
            ..ProviderSchema::default()
        });
        Self(Arc::new(Offer { name, schema, kinds, data }))
    }
}

impl Default for HostProvider {
    fn default() -> Self {
        Self::new()
    }
}

impl Provider for HostProvider {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.0.schema.clone()
    }

    fn validate_configuration(&self, configuration: &Value) -> Diagnostics {
        settings::validate(configuration)
    }

    fn configure(&self, configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        let found = settings::validate(&configuration);
        let connection = if found.has_errors() {
            Err(found)
        } else {
            let connection = HostConnection::new(Settings::of(&configuration), self.0.clone());
            Ok(Arc::new(connection) as Arc<dyn Connection>)
        };
        Box::pin(futures::future::ready(connection))
    }

    fn validate_resource(&self, name: &str, configuration: &Value) -> Diagnostics {
        let mut found = Findings::default();
        check_texts(configuration, &mut found);
        if let Some(kind) = self.0.kinds.iter().find(|one| one.name() == name) {
            place::check(configuration, &mut found);
            kind.validate(configuration, &mut found);
        } else if let Some(data) = self.0.data.iter().find(|one| one.name() == name) {
            data.validate(configuration, &mut found);
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
