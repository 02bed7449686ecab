//! Every provider by its address, every backend by its name: the one place that names them.

use formwork_diagnostic::Diagnostic;
use formwork_engine::ProviderSource;
use formwork_provider_builtin::{BuiltinProvider, StateReader};
use formwork_sdk::Provider;
use formwork_state::ProviderAddress;
use formwork_state::storage::{Kind, LOCAL};
use std::sync::Arc;

/// What reaches machines for provisioners.
#[cfg(feature = "provider-host-ssh")]
pub(crate) use formwork_provider_host::machines;

type Make = fn() -> Arc<dyn Provider>;

/// The providers of this build, made when first asked for.
pub(crate) struct Registry;

const PROVIDERS: &[(&str, Make)] = &[
    ("terraform.io/builtin/terraform", || {
        let provider = BuiltinProvider::new().with_tfvars_reader(formwork_lang::decode_tfvars);
        let reader = StateReader { check: crate::remote_state::check, read: crate::remote_state::outputs };
        Arc::new(provider.with_state_reader(reader))
    }),
    #[cfg(feature = "provider-sim")]
    ("formwork/sim", || Arc::new(misfortune(formwork_provider_sim::SimProvider::new(".")))),
    #[cfg(feature = "provider-kubernetes")]
    ("formwork/kubernetes", || Arc::new(formwork_provider_kubernetes::Kubernetes::new())),
    #[cfg(feature = "provider-random")]
    ("formwork/random", || Arc::new(formwork_provider_random::random())),
    #[cfg(feature = "provider-tls")]
    ("formwork/tls", || Arc::new(formwork_provider_tls::tls(crate::clock::seconds))),
    #[cfg(feature = "provider-secret")]
    ("formwork/secret", || Arc::new(formwork_provider_secret::secret(crate::ambient::variable))),
    #[cfg(feature = "provider-host")]
    ("formwork/host", || Arc::new(formwork_provider_host::HostProvider::new())),
    #[cfg(feature = "provider-kubeadm")]
    ("formwork/kubeadm", || Arc::new(formwork_provider_kubeadm::kubeadm())),
];

/// Doubles of other providers: found by their addresses, and offered to nobody.
const DOUBLES: &[(&str, Make)] = &[
    #[cfg(feature = "test-providers")]
    ("hashicorp/tfcoremock", || Arc::new(formwork_test_providers::tfcoremock("."))),
    #[cfg(feature = "test-providers")]
    ("hashicorp/local", || Arc::new(formwork_test_providers::local("."))),
    #[cfg(feature = "test-providers")]
    ("hashicorp/random", || Arc::new(formwork_test_providers::random())),
    #[cfg(feature = "test-providers")]
    ("hashicorp/null", || Arc::new(formwork_test_providers::null())),
];

/// The kinds of places where states are kept.
const BACKENDS: &[&Kind] = &[
    &LOCAL,
    #[cfg(feature = "backend-http")]
    &formwork_backend_http::HTTP,
    #[cfg(feature = "backend-kubernetes")]
    &formwork_backend_kubernetes::KUBERNETES,
    #[cfg(feature = "backend-pg")]
    &formwork_backend_pg::PG,
    #[cfg(feature = "backend-s3")]
    &formwork_backend_s3::S3,
];

/// All kinds of places.
pub(crate) fn backends() -> impl Iterator<Item = &'static Kind> {
    BACKENDS.iter().copied()
}

/// The kind of place of a name.
pub(crate) fn backend(name: &str) -> Option<&'static Kind> {
    backends().find(|kind| kind.name == name)
}

fn all(table: &[(&str, Make)]) -> impl Iterator<Item = (ProviderAddress, Make)> {
    table.iter().filter_map(|(text, make)| Some((ProviderAddress::parse(text).ok()?, *make)))
}

/// Whether a provider is part of this program.
pub(crate) fn is_native(address: &ProviderAddress) -> bool {
    all(PROVIDERS).chain(all(DOUBLES)).any(|(one, _)| one == *address)
}

/// Ours of the same name as another's, for messages.
pub(crate) fn namesake(other: &ProviderAddress) -> Option<ProviderAddress> {
    all(PROVIDERS).map(|(one, _)| one).find(|one| one.type_name == other.type_name)
}

/// The simulated datacentre with the crash that the environment asks for: `FORMWORK_SIM_CRASH=CALL:POINT` ends the
/// process in the CALL-th call of this process, `before-effect` or `after-effect`.
#[cfg(all(feature = "provider-sim", feature = "fault-injection"))]
fn misfortune(provider: formwork_provider_sim::SimProvider) -> formwork_provider_sim::SimProvider {
    use formwork_provider_sim::{Crash, CrashPoint, Faults};
    let text = std::env::var("FORMWORK_SIM_CRASH").unwrap_or_default();
    let crash = text.split_once(':').and_then(|(call, point)| {
        let point = match point {
            "before-effect" => CrashPoint::BeforeEffect,
            "after-effect" => CrashPoint::AfterEffect,
            _ => return None,
        };
        Some(Crash { call: call.parse().ok()?, point })
    });
    provider.with_faults(Faults { crash, ..Faults::default() })
}

/// The simulated datacentre as its configuration says.
#[cfg(all(feature = "provider-sim", not(feature = "fault-injection")))]
fn misfortune(provider: formwork_provider_sim::SimProvider) -> formwork_provider_sim::SimProvider {
    provider
}

/// A provider in a process of its own, or why it cannot be used.
#[cfg(feature = "provider-plugin")]
fn hosted(address: &ProviderAddress) -> Option<Result<Arc<dyn Provider>, Diagnostic>> {
    crate::hosted::provider(address)
}

#[cfg(not(feature = "provider-plugin"))]
fn hosted(_: &ProviderAddress) -> Option<Result<Arc<dyn Provider>, Diagnostic>> {
    None
}

impl ProviderSource for Registry {
    fn provider(&self, address: &ProviderAddress) -> Option<Arc<dyn Provider>> {
        let ours = all(PROVIDERS).chain(all(DOUBLES)).find(|(one, _)| one == address);
        ours.map(|(_, make)| make()).or_else(|| hosted(address)?.ok())
    }

    fn fault(&self, address: &ProviderAddress) -> Option<Diagnostic> {
        hosted(address)?.err()
    }

    fn addresses(&self) -> Vec<ProviderAddress> {
        all(PROVIDERS).map(|(address, _)| address).collect()
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
            let is_useful = !schema.resources.is_empty() || !schema.ephemeral_resources.is_empty();
            assert!(is_useful, "{address} offers nothing");
        }
    }
}
