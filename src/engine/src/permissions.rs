//! Which rights a configuration needs, before anybody has them: planned against nothing, with doubles of its providers.

use crate::connections::Connections;
use crate::environment::{Environment, ProviderSource};
use crate::run::{Configuration, PlanOptions, plan_with};
use crate::testing::Imagined;
use formwork_diagnostic::Diagnostics;
use formwork_sdk::Use;
use formwork_state::{Folded, Mode, ProviderConfigAddress};
use formwork_value::Value;
use indexmap::IndexMap;
use std::sync::Arc;

/// What one provider configuration needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// The provider configuration.
    pub provider: ProviderConfigAddress,
    /// The rights in the target's own form.
    pub text: String,
}

/// The rights for everything that a configuration asks for: to plan it, or to apply it as well.
pub async fn permissions(
    environment: &Environment,
    configuration: &Configuration,
    options: &PlanOptions,
    read_only: bool,
) -> (Vec<Needed>, Diagnostics) {
    let real = environment.providers.clone();
    let imagined: Arc<dyn ProviderSource> = Arc::new(Imagined::new(real.clone()));
    let environment = Environment { providers: imagined, ..environment.clone() };
    let connections = Connections::new(environment.clone());
    let nothing = Folded::default();
    let planning = plan_with(&environment, configuration, &nothing, options, &connections).await;
    let plan = planning.plan;
    let mut uses: IndexMap<ProviderConfigAddress, Vec<Use>> = IndexMap::new();
    let changes = plan.changes.iter().map(|one| (&one.address, &one.provider, &one.after));
    for (address, provider, value) in
        changes.chain(plan.data.iter().map(|one| (&one.address, &one.provider, &one.value)))
    {
        let kind = address.type_name().to_string();
        let object: Value = value.unmark_deep().0;
        let is_data = address.mode() == Mode::Data;
        uses.entry(provider.clone()).or_default().push(Use { is_data, kind, object });
    }
    uses.sort_unstable_keys();
    let needed = uses.into_iter().filter_map(|(provider, uses)| {
        let text = real.provider(&provider.provider)?.permissions(&uses, read_only);
        (!text.is_empty()).then_some(Needed { provider, text })
    });
    (needed.collect(), planning.diagnostics)
}
