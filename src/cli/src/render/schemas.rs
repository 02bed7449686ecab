//! Schemas of what is rendered, by provider address and type name.

use formwork_engine::ProviderSource;
use formwork_sdk::{Block, KindSchema, ProviderSchema};
use formwork_state::{Address, Mode, ProviderAddress};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// Asks each provider once.
pub(crate) struct Schemas {
    providers: Arc<dyn ProviderSource>,
    known: RefCell<HashMap<String, Option<Arc<ProviderSchema>>>>,
}

impl Schemas {
    pub(crate) fn new(providers: Arc<dyn ProviderSource>) -> Self {
        Self { providers, known: RefCell::default() }
    }

    fn provider(&self, address: &ProviderAddress) -> Option<Arc<ProviderSchema>> {
        let name = address.to_string();
        let mut known = self.known.borrow_mut();
        known
            .entry(name)
            .or_insert_with(|| self.providers.provider(address).map(|provider| provider.schema()))
            .clone()
    }

    /// Calls with what a provider's own block holds, where the provider is here.
    pub(crate) fn with_configuration<R>(
        &self,
        provider: &ProviderAddress,
        call: impl FnOnce(Option<&Block>) -> R,
    ) -> R {
        call(self.provider(provider).as_deref().map(|schema| &schema.configuration))
    }

    /// Calls with the schema of an instance's kind, where its provider is here.
    pub(crate) fn with<R>(
        &self,
        provider: &ProviderAddress,
        address: &Address,
        call: impl FnOnce(Option<&KindSchema>) -> R,
    ) -> R {
        let schema = self.provider(provider);
        call(schema.as_deref().and_then(|schema| match address.mode() {
            Mode::Managed => schema.resources.get(address.type_name()),
            Mode::Data => schema.data_sources.get(address.type_name()),
            Mode::Ephemeral => schema.ephemeral_resources.get(address.type_name()),
        }))
    }
}
