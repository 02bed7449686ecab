//! The configuration part of plan JSON: what is written, as constants and references.

use super::schemas::Schemas;
use super::value_json::{known, type_json};
use arcstr::ArcStr;
use formwork_engine::graph::{provider_address, provider_name, required_name};
use formwork_lang::{
    Body, Expression, Mode, Module, ModuleCall, Output, ProviderReference, Provisioner, Reference, Resource,
    Variable,
};
use formwork_sdk::{Block, Nesting};
use formwork_state::{Address, Key, ModuleInstance, ProviderAddress};
use formwork_value::Type;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Provider configurations and the module tree.
pub(crate) fn configuration(root: &Module, schemas: &Schemas) -> Json {
    let mut writer = Writer { schemas, providers: Map::new(), path: Vec::new() };
    let module = writer.module(&[Level::new(root, None)]);
    let mut out = json!({"root_module": module});
    if !writer.providers.is_empty() {
        out["provider_config"] = Json::Object(writer.providers);
    }
    out
}

/// A module and how it is called.
#[derive(Clone)]
struct Level<'a> {
    module: &'a Module,
    /// None of the root.
    call: Option<&'a ModuleCall>,
    /// The names of the providers that it requires or uses.
    local_names: Rc<BTreeSet<ArcStr>>,
}

impl<'a> Level<'a> {
    fn new(module: &'a Module, call: Option<&'a ModuleCall>) -> Self {
        let required = module.settings.required_providers.keys().cloned();
        let local_names = required.chain(module.resources.iter().map(|resource| provider_of(resource).0));
        Self { module, call, local_names: Rc::new(local_names.collect()) }
    }

    /// Whether the module has a provider configuration of that name and no other, be it one that nobody wrote.
    fn knows(&self, local: &str) -> bool {
        self.module.provider(local, None).is_some() || self.local_names.contains(local)
    }
}

/// What a resource calls its provider, and which of several configurations it means.
fn provider_of(resource: &Resource) -> (ArcStr, Option<&str>) {
    let written = resource.provider.as_ref();
    let alias = written.and_then(|reference| reference.alias.as_deref());
    (provider_name(written, &resource.type_name), alias)
}

struct Writer<'a> {
    schemas: &'a Schemas,
    providers: Map<String, Json>,
    path: Vec<String>,
}

impl Writer<'_> {
    /// The last module of a lineage.
    fn module(&mut self, lineage: &[Level<'_>]) -> Json {
        let Some(Level { module, local_names, .. }) = lineage.last() else { return Json::Null };
        let mut out = Map::new();
        self.provider_blocks(module);
        for local in local_names.iter() {
            self.provider_key(local, None, lineage);
        }
        let outputs: Map<String, Json> =
            module.outputs.iter().map(|(name, output)| (name.to_string(), output_json(output))).collect();
        let mut sorted: Vec<&Resource> = module.resources.iter().collect();
        sorted.sort_by_cached_key(|resource| (resource.mode == Mode::Data, resource.subject().to_string()));
        let resources: Vec<Json> =
            sorted.into_iter().map(|resource| self.resource(resource, lineage)).collect();
        let variables: Map<String, Json> = module
            .variables
            .iter()
            .map(|(name, variable)| (name.to_string(), variable_json(variable)))
            .collect();
        let mut calls = Map::new();
        for (name, call) in &module.calls {
            self.path.push(name.to_string());
            calls.insert(name.to_string(), self.call(call, lineage));
            self.path.pop();
        }
        for (name, value) in [
            ("outputs", Json::Object(outputs)),
            ("variables", Json::Object(variables)),
            ("module_calls", Json::Object(calls)),
        ] {
            if value.as_object().is_some_and(|entries| !entries.is_empty()) {
                out.insert(name.to_owned(), value);
            }
        }
        if !resources.is_empty() {
            out.insert("resources".to_owned(), Json::Array(resources));
        }
        Json::Object(out)
    }

    fn call(&mut self, call: &ModuleCall, above: &[Level<'_>]) -> Json {
        let mut lineage = above.to_vec();
        lineage.push(Level::new(&call.module, Some(call)));
        let mut out = json!({"source": call.source, "module": self.module(&lineage)});
        let inputs: Map<String, Json> =
            call.inputs.iter().map(|(name, input)| (name.to_string(), expression(input))).collect();
        if !inputs.is_empty() {
            out["expressions"] = Json::Object(inputs);
        }
        repetition(&mut out, call.count.as_ref(), call.for_each.as_ref());
        depends_on(&mut out, &call.depends_on);
        out
    }

    fn resource(&mut self, resource: &Resource, lineage: &[Level<'_>]) -> Json {
        let (mode, mode_word) = match resource.mode {
            Mode::Managed => (formwork_state::Mode::Managed, "managed"),
            Mode::Data => (formwork_state::Mode::Data, "data"),
            Mode::Ephemeral => (formwork_state::Mode::Ephemeral, "ephemeral"),
        };
        let address = Address::new(
            ModuleInstance::root(),
            mode,
            resource.type_name.clone(),
            resource.name.clone(),
            Key::None,
        );
        let (local, alias) = provider_of(resource);
        let (key, provider) = self.provider_key(&local, alias, lineage);
        let version = self.schemas.with(&provider, &address, |kind| kind.map_or(0, |kind| kind.version));
        let mut out = json!({
            "address": resource.subject().to_string(),
            "mode": mode_word,
            "type": resource.type_name.as_str(),
            "name": resource.name.as_str(),
            "provider_config_key": key,
            "schema_version": version,
        });
        let expressions =
            self.schemas.with(&provider, &address, |kind| body(&resource.body, kind.map(|kind| &kind.block)));
        if !expressions.is_empty() {
            out["expressions"] = Json::Object(expressions);
        }
        if !resource.provisioners.is_empty() {
            out["provisioners"] = resource.provisioners.iter().map(provisioner).collect();
        }
        repetition(&mut out, resource.count.as_ref(), resource.for_each.as_ref());
        depends_on(&mut out, &resource.depends_on);
        out
    }

    /// The key of the configuration that a module's name for a provider stands for, noted among the configurations.
    fn provider_key(
        &mut self,
        local: &str,
        alias: Option<&str>,
        lineage: &[Level<'_>],
    ) -> (String, ProviderAddress) {
        let Some((level, above)) = lineage.split_last() else {
            return (String::new(), ProviderAddress::builtin());
        };
        let address = provider_address(level.module, local);
        if level.module.provider(local, alias).is_none()
            && let Some((outer, outer_alias)) = outer_name(local, alias, &address, level, above.last())
        {
            return (self.provider_key(&outer, outer_alias, above).0, address);
        }
        let depth = above.len();
        let name = alias.map_or_else(|| local.to_owned(), |alias| format!("{local}.{alias}"));
        let key = key(&self.path[..depth], &name);
        if !self.providers.contains_key(&key) {
            let entry = self.provider_entry(level.module, depth, local, alias, &address);
            self.providers.insert(key.clone(), entry);
        }
        (key, address)
    }

    fn provider_entry(
        &self,
        module: &Module,
        depth: usize,
        local: &str,
        alias: Option<&str>,
        address: &ProviderAddress,
    ) -> Json {
        let mut entry = json!({"name": local, "full_name": address.to_string()});
        if let Some(alias) = alias {
            entry["alias"] = json!(alias);
        }
        if depth > 0 {
            entry["module_address"] = json!(module_text(&self.path[..depth]));
        }
        if let Some(version) =
            module.settings.required_providers.get(local).and_then(|required| required.version.as_ref())
        {
            entry["version_constraint"] = json!(version);
        }
        entry
    }

    fn provider_blocks(&mut self, module: &Module) {
        for block in &module.providers {
            let address = provider_address(module, &block.name);
            let mut entry =
                self.provider_entry(module, self.path.len(), &block.name, block.alias.as_deref(), &address);
            let expressions = self.schemas.with_configuration(&address, |schema| body(&block.body, schema));
            if !expressions.is_empty() {
                entry["expressions"] = Json::Object(expressions);
            }
            let name = block
                .alias
                .as_ref()
                .map_or_else(|| block.name.to_string(), |alias| format!("{}.{alias}", block.name));
            self.providers.insert(key(&self.path, &name), entry);
        }
    }
}

fn key(path: &[String], name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{}:{name}", module_text(path)) }
}

fn module_text(path: &[String]) -> String {
    path.iter().map(|name| format!("module.{name}")).collect::<Vec<_>>().join(".")
}

/// What the calling module calls a provider that a module has no block for: what the call hands over, else the
/// configuration of its own that goes along unasked. None where it has none.
fn outer_name<'a>(
    local: &str,
    alias: Option<&str>,
    address: &ProviderAddress,
    level: &Level<'a>,
    caller: Option<&Level<'a>>,
) -> Option<(ArcStr, Option<&'a str>)> {
    let (call, caller) = (level.call?, caller?);
    let is_meant = |inner: &ProviderReference| inner.name == local && inner.alias.as_deref() == alias;
    if let Some((_, outer)) = call.providers.iter().find(|(inner, _)| is_meant(inner)) {
        return Some((outer.name.clone(), outer.alias.as_deref()));
    }
    let outer = required_name(caller.module, address).cloned().unwrap_or_else(|| local.into());
    (alias.is_none() && caller.knows(&outer)).then_some((outer, None))
}

fn output_json(output: &Output) -> Json {
    let mut out = json!({"expression": expression(&output.value)});
    if output.sensitive {
        out["sensitive"] = json!(true);
    }
    if output.ephemeral {
        out["ephemeral"] = json!(true);
    }
    if let Some(description) = &output.description {
        out["description"] = json!(description);
    }
    depends_on(&mut out, &output.depends_on);
    out
}

fn variable_json(variable: &Variable) -> Json {
    let mut out = Map::new();
    if variable.constraint.value_type != Type::Dynamic {
        out.insert("type".to_owned(), type_json(&variable.constraint.value_type));
    }
    match variable.default.as_ref().and_then(known) {
        Some(default) => out.insert("default".to_owned(), default),
        None => out.insert("required".to_owned(), json!(true)),
    };
    if let Some(description) = &variable.description {
        out.insert("description".to_owned(), json!(description));
    }
    if variable.sensitive {
        out.insert("sensitive".to_owned(), json!(true));
    }
    Json::Object(out)
}

/// Arguments by name, and nested blocks in the collections that the schema makes of them.
fn body(body: &Body, schema: Option<&Block>) -> Map<String, Json> {
    let attributes = body.just_attributes().iter();
    let mut out: Map<String, Json> =
        attributes.map(|attribute| (attribute.name.to_string(), expression(&attribute.expression))).collect();
    for (kind, label, inner) in body.just_blocks() {
        let nested = schema.and_then(|schema| schema.blocks.get(kind.as_str()));
        let content = Json::Object(self::body(inner, nested.map(|nested| &nested.block)));
        let nesting = nested.map_or(Nesting::List, |nested| nested.nesting);
        match (nesting, label) {
            (Nesting::Single | Nesting::Group, _) => drop(out.insert(kind.to_string(), content)),
            (Nesting::Map, Some(label)) => {
                let all = out.entry(kind.to_string()).or_insert_with(|| json!({}));
                all[label.as_str()] = content;
            }
            _ => {
                let all = out.entry(kind.to_string()).or_insert_with(|| json!([]));
                all.as_array_mut().into_iter().for_each(|all| all.push(content.clone()));
            }
        }
    }
    out
}

fn provisioner(provisioner: &Provisioner) -> Json {
    let mut out = json!({"type": provisioner.kind.as_str()});
    let expressions = body(&provisioner.body, None);
    if !expressions.is_empty() {
        out["expressions"] = Json::Object(expressions);
    }
    out
}

fn repetition(out: &mut Json, count: Option<&Expression>, for_each: Option<&Expression>) {
    for (name, given) in [("count_expression", count), ("for_each_expression", for_each)] {
        // One that is neither a constant nor reads anything says nothing.
        let told = given.map(expression).filter(|told| *told != json!({}));
        if let Some(told) = told {
            out[name] = told;
        }
    }
}

fn depends_on(out: &mut Json, references: &[Reference]) {
    if !references.is_empty() {
        out["depends_on"] = references.iter().map(|reference| json!(reference.to_string())).collect();
    }
}

/// A constant, or what the expression names: each reference followed by what it is inside of.
fn expression(expression: &Expression) -> Json {
    if let Some(value) = expression.constant() {
        return json!({"constant_value": known(value)});
    }
    let mut references: Vec<String> = Vec::new();
    for reference in expression.references() {
        let mut reference = reference.clone();
        loop {
            references.push(reference.to_string());
            if reference.steps.pop().is_none() {
                break;
            }
        }
    }
    if references.is_empty() { json!({}) } else { json!({"references": references}) }
}
