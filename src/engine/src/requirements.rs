//! Which providers a module tree needs, and in which versions.

use crate::graph::{provider_address, provider_name};
use arcstr::ArcStr;
use formwork_lang::Module;
use formwork_state::{ProviderAddress, State};
use std::collections::{BTreeMap, BTreeSet};

/// What one module needs, and what the modules need that it calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Each provider with its version constraints as written; empty where there are none.
    pub providers: BTreeMap<ProviderAddress, String>,
    /// By the names of the calls.
    pub children: BTreeMap<ArcStr, Requirements>,
}

/// The requirements of a module: those it declares, and those that its blocks imply.
pub fn of_module(module: &Module) -> Requirements {
    let mut providers = BTreeMap::new();
    let resources = module.resources.iter();
    let implied = resources.map(|one| provider_name(one.provider.as_ref(), &one.type_name));
    for name in implied.chain(module.providers.iter().map(|block| block.name.clone())) {
        providers.entry(provider_address(module, &name)).or_default();
    }
    for (name, required) in &module.settings.required_providers {
        let version = required.version.clone().unwrap_or_default();
        providers.insert(provider_address(module, name), version);
    }
    let children = module.calls.values().map(|call| (call.name.clone(), of_module(&call.module)));
    Requirements { providers, children: children.collect() }
}

/// The providers of the objects in a state.
pub fn of_state(state: &State) -> BTreeSet<ProviderAddress> {
    state.objects().map(|(_, object)| object.provider.provider.clone()).collect()
}
