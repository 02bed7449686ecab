//! A state as JSON for tools: format 1.0, and the same module tree inside plan JSON.

use super::check_json::checks;
use super::value_json::{known, sensitive, type_json};
use formwork_engine::checks::CheckResult;
use formwork_state::{Address, DeposedKey, Key, Mode, ModuleInstance, ProviderAddress};
use formwork_value::Value;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// The version of the format.
pub(crate) const FORMAT_VERSION: &str = "1.0";

/// One object to be shown, decoded.
#[derive(Debug, Clone)]
pub(crate) struct ShownObject {
    pub(crate) address: Address,
    pub(crate) deposed: Option<DeposedKey>,
    pub(crate) is_tainted: bool,
    pub(crate) schema_version: u64,
    pub(crate) provider: ProviderAddress,
    /// Marks on.
    pub(crate) value: Value,
    /// Blocks it depends on.
    pub(crate) depends_on: Vec<String>,
    /// What tells it apart, and the version of that.
    pub(crate) identity: Option<(Json, u64)>,
}

/// One root output to be shown.
#[derive(Debug, Clone)]
pub(crate) struct ShownOutput {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) sensitive: bool,
}

impl ShownOutput {
    /// Takes off that it is sensitive.
    pub(crate) fn clear(&mut self) {
        (self.value, self.sensitive) = (self.value.unmark_deep().0, false);
    }
}

/// A whole state to be shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShownState {
    pub(crate) objects: Vec<ShownObject>,
    pub(crate) outputs: Vec<ShownOutput>,
    /// What conditions came to.
    pub(crate) checks: Vec<CheckResult>,
}

impl ShownState {
    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.outputs.is_empty()
    }

    /// The same with nothing sensitive in it.
    #[must_use]
    pub(crate) fn in_clear(mut self) -> Self {
        for object in &mut self.objects {
            object.value = object.value.unmark_deep().0;
        }
        self.outputs.iter_mut().for_each(ShownOutput::clear);
        self
    }

    /// The document of `show -json`.
    pub(crate) fn to_json(&self, language_version: &str) -> Json {
        let mut document = json!({"format_version": FORMAT_VERSION});
        if !self.is_empty() {
            document["terraform_version"] = json!(language_version);
            document["values"] = self.values();
        }
        if !self.checks.is_empty() {
            document["checks"] = checks(&self.checks);
        }
        document
    }

    /// Outputs and the module tree.
    pub(crate) fn values(&self) -> Json {
        let mut values = json!({"root_module": self.modules()});
        if !self.outputs.is_empty() {
            values["outputs"] = outputs(&self.outputs);
        }
        values
    }

    fn modules(&self) -> Json {
        let mut tree = ModuleTree::default();
        for object in &self.objects {
            tree.at(object.address.module()).resources.push(object);
        }
        tree.to_json(None)
    }
}

/// A value alone, secrets too.
pub(crate) fn plain(value: &Value) -> Json {
    known(value).unwrap_or(Json::Null)
}

/// Outputs by name; an unknown one has neither value nor type.
pub(crate) fn outputs(outputs: &[ShownOutput]) -> Json {
    let mut all = Map::new();
    for output in outputs {
        let mut one = json!({"sensitive": output.sensitive});
        if let Some(value) = known(&output.value)
            && output.value.is_wholly_known()
        {
            one["value"] = value;
            one["type"] = type_json(&output.value.value_type());
        }
        all.insert(output.name.clone(), one);
    }
    Json::Object(all)
}

#[derive(Default)]
struct ModuleTree<'a> {
    resources: Vec<&'a ShownObject>,
    children: BTreeMap<ModuleInstance, ModuleTree<'a>>,
}

impl ModuleTree<'_> {
    fn at(&mut self, module: &ModuleInstance) -> &mut Self {
        match module.parent() {
            Some(parent) => self.at(parent).children.entry(module.clone()).or_default(),
            None => self,
        }
    }

    fn to_json(&self, address: Option<&ModuleInstance>) -> Json {
        let mut module = Map::new();
        if let Some(address) = address {
            module.insert("address".to_owned(), json!(address.to_string()));
        }
        if !self.resources.is_empty() {
            let mut resources = self.resources.clone();
            resources.sort_by(|left, right| {
                let key = |one: &ShownObject| one.address.mode() == Mode::Managed;
                key(left)
                    .cmp(&key(right))
                    .then_with(|| left.address.cmp(&right.address))
                    .then_with(|| left.deposed.cmp(&right.deposed))
            });
            module.insert("resources".to_owned(), resources.into_iter().map(object).collect());
        }
        if !self.children.is_empty() {
            let children = self.children.iter().map(|(address, child)| child.to_json(Some(address)));
            module.insert("child_modules".to_owned(), children.collect());
        }
        Json::Object(module)
    }
}

fn object(object: &ShownObject) -> Json {
    let mut out = resource(&object.address, &object.provider);
    out["schema_version"] = json!(object.schema_version);
    out["values"] = known(&object.value).unwrap_or(Json::Null);
    out["sensitive_values"] = sensitive(&object.value);
    if !object.depends_on.is_empty() {
        out["depends_on"] = json!(object.depends_on);
    }
    if let Some((identity, version)) = &object.identity {
        out["identity_schema_version"] = json!(version);
        out["identity"] = identity.clone();
    }
    if object.is_tainted {
        out["tainted"] = json!(true);
    }
    if let Some(deposed) = &object.deposed {
        out["deposed_key"] = json!(deposed.to_string());
    }
    out
}

/// What names a resource instance in plan and state JSON.
pub(crate) fn resource(address: &Address, provider: &ProviderAddress) -> Json {
    let mut out = json!({
        "address": address.to_string(),
        "mode": if address.mode() == Mode::Managed { "managed" } else { "data" },
        "type": address.type_name().as_str(),
        "name": address.name().as_str(),
        "provider_name": provider.to_string(),
    });
    if let Some(key) = key_json(address.key()) {
        out["index"] = key;
    }
    out
}

/// An instance key as JSON; none for none.
pub(crate) fn key_json(key: &Key) -> Option<Json> {
    match key {
        Key::None => None,
        Key::Int(index) => Some(json!(index)),
        Key::Text(text) => Some(json!(text.as_str())),
    }
}
