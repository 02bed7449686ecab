//! The kinds, one file each.

mod command;
mod file;
mod sops;
mod vault;

use crate::Context;
use formwork_diagnostic::Diagnostics;
use formwork_sdk::values::object;
use formwork_sdk::{KindSchema, ProviderError};
use formwork_value::Value;
use futures::FutureExt as _;
use futures::future::BoxFuture;

/// A kind of ephemeral resource.
pub(crate) trait SecretKind: Send + Sync {
    /// The type name.
    fn name(&self) -> &'static str;

    fn schema(&self) -> KindSchema;

    /// What is wrong with a configuration that may hold unknowns.
    fn validate(&self, configuration: &Value) -> Diagnostics;

    /// Opens one; its configuration is wholly known.
    fn open<'a>(
        &'a self,
        context: &'a Context,
        configuration: &'a Value,
    ) -> BoxFuture<'a, Result<Opened, ProviderError>>;

    /// Gives back what opening it took.
    fn close<'a>(&'a self, _private: &'a [u8]) -> BoxFuture<'a, Result<(), ProviderError>> {
        futures::future::ready(Ok(())).boxed()
    }
}

/// What an opening gave.
pub(crate) struct Opened {
    pub(crate) object: Value,
    /// For the closing: in memory alone, so it may hold a secret.
    pub(crate) private: Vec<u8>,
}

impl Opened {
    /// The configuration with what was found out.
    fn of(schema: &KindSchema, configuration: &Value, found: &[(&str, Value)]) -> Self {
        let entries = configuration.entries().into_iter().flat_map(|entries| entries.iter());
        let is_found = |name: &str| found.iter().any(|(other, _)| *other == name);
        let given =
            entries.filter(|(name, _)| !is_found(name)).map(|(name, value)| (name.as_str(), value.clone()));
        let values: Vec<(&str, Value)> = given.chain(found.iter().cloned()).collect();
        Self { object: object(schema, &values), private: Vec::new() }
    }
}

pub(crate) fn all() -> Vec<Box<dyn SecretKind>> {
    vec![Box::new(command::Command), Box::new(file::File), Box::new(sops::Sops), Box::new(vault::Vault)]
}
