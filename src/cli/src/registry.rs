//! Every provider by its address: the one place that names them.

use formwork_engine::ProviderSource;
use formwork_provider_builtin::BuiltinProvider;
use formwork_sdk::Provider;
use formwork_state::ProviderAddress;
use std::sync::Arc;

type Make = fn() -> Arc<dyn Provider>;

/// The providers of this build, made when first asked for.
pub(crate) struct Registry;

const PROVIDERS: &[(&str, Make)] = &[
    ("terraform.io/builtin/terraform", || Arc::new(BuiltinProvider::new())),
    #[cfg(feature = "provider-sim")]
    ("formwork/sim", || Arc::new(crate::fault::misfortune(formwork_provider_sim::SimProvider::new(".")))),
    #[cfg(feature = "provider-kubernetes")]
    ("formwork/kubernetes", || Arc::new(formwork_provider_kubernetes::Kubernetes::new())),
];

fn all() -> impl Iterator<Item = (ProviderAddress, Make)> {
    PROVIDERS.iter().filter_map(|(text, make)| Some((ProviderAddress::parse(text).ok()?, *make)))
}

impl ProviderSource for Registry {
    fn provider(&self, address: &ProviderAddress) -> Option<Arc<dyn Provider>> {
        all().find(|(one, _)| one == address).map(|(_, make)| make())
    }

    fn addresses(&self) -> Vec<ProviderAddress> {
        all().map(|(address, _)| address).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{PROVIDERS, Registry};
    use formwork_engine::ProviderSource;

    #[test]
    fn every_provider_is_found_by_its_address() {
        let addresses = Registry.addresses();
        assert_eq!(addresses.len(), PROVIDERS.len());
        for address in addresses {
            let schema = Registry.provider(&address).expect("a listed provider").schema();
            assert!(!schema.resources.is_empty(), "{address} offers nothing");
        }
    }
}
