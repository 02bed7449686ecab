//! The recorded runs of another implementation as plans of ours, for tests. They stand in a folder outside the
//! project; where it is absent there are no cases.

use super::diff::value_of;
use super::schemas::Schemas;
use super::state_json::{ShownObject, ShownOutput, ShownState};
use formwork_engine::model::{PlannedVariable, RelevantAttribute};
use formwork_engine::{Action, ActionReason, Change, OutputChange, Plan, ProviderSource, RunMode};
use formwork_sdk::{
    Attribute, Block, Connection, KindSchema, NestedBlock, Nesting, Provider, ProviderSchema,
};
use formwork_state::{Address, ProviderAddress, ProviderConfigAddress};
use formwork_value::{Marks, Name, Path, PathStep, Type, Value};
use indexmap::IndexMap;
use serde_json::Value as Json;
use std::path::{Path as File, PathBuf};
use std::sync::Arc;

/// One recorded plan.
pub(crate) struct Case {
    pub(crate) name: String,
    /// Plan JSON.
    pub(crate) plan: Json,
    /// The plan's text, the engine's name replaced, without what comes before and after it.
    pub(crate) text: String,
    /// The text of `show` afterwards, where it was recorded.
    pub(crate) state_text: Option<String>,
    state: Option<Json>,
    /// The event stream of apply.
    pub(crate) events: Option<Vec<Json>>,
    dynamic: Json,
}

fn folder() -> Option<PathBuf> {
    let own = std::env::var_os("FORMWORK_CORPORA").map(PathBuf::from);
    let beside =
        File::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("../shared/corpora"));
    own.into_iter().chain(beside).find(|folder| folder.is_dir())
}

/// All recorded plans.
pub(crate) fn cases() -> Vec<Case> {
    let Some(folder) = folder() else { return Vec::new() };
    let entries = |folder: &File| -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        found.sort();
        found
    };
    let runs = entries(&folder.join("equivalence")).into_iter().map(|run| (run, "plan"));
    let steps = entries(&folder.join("scenarios"))
        .into_iter()
        .flat_map(|run| entries(&run))
        .map(|run| (run, "plan.txt"));
    runs.chain(steps).filter_map(|(run, text)| case(&run, text)).collect()
}

fn case(run: &File, text: &str) -> Option<Case> {
    let json = |name: &str| -> Option<Json> {
        serde_json::from_str(&std::fs::read_to_string(run.join(name)).ok()?).ok()
    };
    let text = std::fs::read_to_string(run.join("expected").join(text)).ok()?;
    Some(Case {
        name: run.iter().rev().take(2).map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(" of "),
        plan: json("expected/plan.json")?,
        text: cut(&text),
        state_text: std::fs::read_to_string(run.join("expected/state")).ok(),
        state: json("expected/state.json"),
        events: json("expected/apply.json").and_then(|events| events.as_array().cloned()).or_else(|| {
            let lines = std::fs::read_to_string(run.join("expected/apply.jsonl")).ok()?;
            Some(lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
        }),
        dynamic: json("input/dynamic_resources.json").unwrap_or_default(),
    })
}

fn cut(text: &str) -> String {
    let kept: Vec<&str> = text
        .lines()
        .skip_while(|line| {
            line.contains(": Refreshing state...")
                || line.contains(": Reading...")
                || line.contains(": Read complete")
        })
        .collect();
    let text = kept.join("\n").replace("OpenTofu", "Formwork").replace("tofu apply", "formwork apply");
    let end = text.rfind("\n────").filter(|at| text[*at..].contains("Saved the plan")).unwrap_or(text.len());
    let noticed = ["\n╷", "\nWarning: ", "\nError: "].into_iter().filter_map(|start| text.find(start));
    let end = noticed.min().unwrap_or(end).min(end);
    text[..end].to_owned()
}

/// Fails when anything differs; says how many were equal, for whoever counts.
pub(crate) fn conclude(total: usize, differing: &[String]) {
    println!("recorded: {} of {total} equal", total - differing.len());
    assert!(differing.is_empty(), "{} of {total} differ:\n{}", differing.len(), differing.join("\n"));
}

impl Case {
    /// The schemas of the kinds in it.
    pub(crate) fn schemas(&self) -> Schemas {
        let mut schema = ProviderSchema::default();
        let complex = complex_block(3);
        for (name, block) in
            [("tfcoremock_simple_resource", simple_block()), ("tfcoremock_complex_resource", complex)]
        {
            schema.resources.insert(name.into(), KindSchema::new(block.clone(), ""));
            schema.data_sources.insert(name.into(), KindSchema::new(block, ""));
        }
        for (name, json) in self.dynamic.as_object().into_iter().flatten() {
            schema.resources.insert(name.as_str().into(), KindSchema::new(dynamic_block(json), ""));
        }
        let data = || Attribute::optional(Type::Dynamic, "");
        let built_in = Block::new([
            ("id", Attribute::computed(Type::String, "")),
            ("input", data()),
            ("output", data()),
            ("triggers_replace", data()),
        ]);
        schema.resources.insert("terraform_data".into(), KindSchema::new(built_in, ""));
        Schemas::new(Arc::new(Recorded(Arc::new(schema))))
    }

    /// The recorded state after apply as one of ours.
    pub(crate) fn state(&self) -> Option<ShownState> {
        let (schemas, mut state) = (self.schemas(), ShownState::default());
        collect_objects(&self.state.as_ref()?["values"]["root_module"], &schemas, &mut state.objects);
        for (name, json) in self.state.as_ref()?["values"]["outputs"].as_object().into_iter().flatten() {
            let value = value(json.get("value"), None, None, &Type::Dynamic);
            state.outputs.push(ShownOutput {
                name: name.clone(),
                value,
                sensitive: json["sensitive"] == Json::Bool(true),
            });
        }
        Some(state)
    }

    /// The recorded plan as one of ours.
    pub(crate) fn plan(&self) -> Plan {
        let list = |name: &str| self.plan[name].as_array().cloned().unwrap_or_default();
        let schemas = self.schemas();
        let changes = list("resource_changes").iter().map(|json| change(json, &schemas)).collect();
        let outputs = self.plan["output_changes"].as_object().into_iter().flatten();
        let is_refresh_only = self.text.contains("refresh-only plan");
        Plan {
            mode: if is_refresh_only { RunMode::RefreshOnly } else { RunMode::Normal },
            timestamp: "2026-01-02T03:04:05Z".to_owned(),
            lineage: String::new(),
            base_serial: 0,
            files: std::collections::BTreeMap::new(),
            variables: IndexMap::<_, PlannedVariable>::new(),
            given: IndexMap::new(),
            checks: Vec::new(),
            changes,
            relevant: list("relevant_attributes").iter().map(relevant).collect(),
            drift: list("resource_drift").iter().map(|json| change(json, &schemas)).collect(),
            outputs: outputs.map(|(name, json)| output(name, json)).collect(),
            steps: Vec::new(),
            stages: Vec::new(),
            targets: IndexMap::new(),
            recover: Vec::new(),
            warnings: formwork_diagnostic::Diagnostics::new(),
            errored: self.plan["errored"] == Json::Bool(true),
            readings: Vec::new(),
            data: Vec::new(),
            focus: formwork_engine::focus::Focus::default(),
            moves: Vec::new(),
            rewrites: Vec::new(),
            prior_configurations: Vec::new(),
            ephemeral_variables: Vec::new(),
        }
    }
}

struct Recorded(Arc<ProviderSchema>);

impl ProviderSource for Recorded {
    fn provider(&self, _address: &ProviderAddress) -> Option<Arc<dyn Provider>> {
        Some(Arc::new(Self(self.0.clone())))
    }

    fn addresses(&self) -> Vec<ProviderAddress> {
        Vec::new()
    }
}

impl Provider for Recorded {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.0.clone()
    }

    fn configure(
        &self,
        _configuration: Value,
    ) -> futures::future::BoxFuture<'_, Result<Arc<dyn Connection>, formwork_diagnostic::Diagnostics>> {
        Box::pin(std::future::ready(Err(formwork_diagnostic::Diagnostics::new())))
    }
}

fn simple_attributes() -> Vec<(&'static str, Type)> {
    vec![
        ("id", Type::String),
        ("bool", Type::Bool),
        ("number", Type::Number),
        ("string", Type::String),
        ("float", Type::Number),
        ("integer", Type::Number),
    ]
}

fn simple_block() -> Block {
    Block::new(
        simple_attributes().into_iter().map(|(name, value_type)| (name, Attribute::optional(value_type, ""))),
    )
}

fn complex_attributes(depth: usize) -> Vec<(&'static str, Type)> {
    let mut attributes = simple_attributes();
    if depth > 0 {
        let inner =
            || Type::object(complex_attributes(depth - 1).into_iter().filter(|(name, _)| *name != "id"));
        attributes.extend([
            ("list", Type::list(inner())),
            ("set", Type::set(inner())),
            ("map", Type::map(inner())),
            ("object", inner()),
        ]);
    }
    attributes
}

fn complex_block(depth: usize) -> Block {
    let attributes = complex_attributes(depth)
        .into_iter()
        .map(|(name, value_type)| (name, Attribute::optional(value_type, "")));
    let mut block = Block::new(attributes);
    if depth > 0 {
        let mut inner = complex_block(depth - 1);
        inner.attributes.shift_remove("id");
        for (name, nesting) in [("list_block", Nesting::List), ("set_block", Nesting::Set)] {
            block = block
                .with_block(name, NestedBlock { nesting, block: inner.clone(), min_items: 0, max_items: 0 });
        }
    }
    block
}

fn dynamic_block(json: &Json) -> Block {
    let attributes = json["attributes"].as_object().into_iter().flatten();
    let mut block = Block::new(
        attributes.map(|(name, json)| (name.as_str(), Attribute::optional(dynamic_type(json), ""))),
    );
    block.attributes.entry("id".into()).or_insert_with(|| Attribute::computed(Type::String, ""));
    for (name, json) in json["blocks"].as_object().into_iter().flatten() {
        let nesting = if json["mode"] == "set" { Nesting::Set } else { Nesting::List };
        let mut inner = dynamic_block(json);
        if json["attributes"].get("id").is_none() {
            inner.attributes.shift_remove("id");
        }
        block = block
            .with_block(name.as_str(), NestedBlock { nesting, block: inner, min_items: 0, max_items: 0 });
    }
    block
}

fn dynamic_type(json: &Json) -> Type {
    match json["type"].as_str().unwrap_or_default() {
        "string" => Type::String,
        "boolean" | "bool" => Type::Bool,
        "list" => Type::list(dynamic_type(&json["list"])),
        "set" => Type::set(dynamic_type(&json["set"])),
        "map" => Type::map(dynamic_type(&json["map"])),
        "object" => {
            let attributes = json["object"].as_object().into_iter().flatten();
            Type::object(attributes.map(|(name, json)| (name.as_str(), dynamic_type(json))))
        }
        _ => Type::Number,
    }
}

fn collect_objects(module: &Json, schemas: &Schemas, objects: &mut Vec<ShownObject>) {
    for json in module["resources"].as_array().into_iter().flatten() {
        let address: Address = json["address"].as_str().unwrap().parse().unwrap();
        let provider = ProviderAddress::parse(json["provider_name"].as_str().unwrap()).unwrap();
        let declared = schemas
            .with(&provider, &address, |kind| kind.map_or(Type::Dynamic, |kind| kind.block.implied_type()));
        objects.push(ShownObject {
            deposed: None,
            is_tainted: json["tainted"] == Json::Bool(true),
            schema_version: json["schema_version"].as_u64().unwrap_or(0),
            value: value(json.get("values"), None, json.get("sensitive_values"), &declared),
            depends_on: Vec::new(),
            identity: None,
            address,
            provider,
        });
    }
    for child in module["child_modules"].as_array().into_iter().flatten() {
        collect_objects(child, schemas, objects);
    }
}

fn change(json: &Json, schemas: &Schemas) -> Change {
    let address: Address = json["address"].as_str().unwrap().parse().unwrap();
    let provider = ProviderAddress::parse(json["provider_name"].as_str().unwrap()).unwrap();
    let body = &json["change"];
    let declared = schemas
        .with(&provider, &address, |kind| kind.map_or(Type::Dynamic, |kind| kind.block.implied_type()));
    let side = |name: &str, unknown: &str, sensitive: &str| {
        value(body.get(name), body.get(unknown), body.get(sensitive), &declared)
    };
    let actions: Vec<&str> = body["actions"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    Change {
        address,
        deposed: None,
        previous_address: json["previous_address"].as_str().map(|text| text.parse().unwrap()),
        provider: ProviderConfigAddress { module_path: Vec::new(), provider, alias: None },
        action: action(&actions),
        reason: json
            .get("action_reason")
            .and_then(|reason| serde_json::from_value::<ActionReason>(reason.clone()).ok()),
        before: side("before", "", "before_sensitive"),
        after: side("after", "after_unknown", "after_sensitive"),
        replace_paths: body["replace_paths"].as_array().into_iter().flatten().map(path).collect(),
        causes: Vec::new(),
        stage: 0,
        private: Vec::new(),
        importing: None,
        generated: None,
    }
}

fn action(actions: &[&str]) -> Action {
    match actions {
        ["create"] => Action::Create,
        ["read"] => Action::Read,
        ["update"] => Action::Update,
        ["delete"] => Action::Delete,
        ["delete", "create"] => Action::DeleteThenCreate,
        ["create", "delete"] => Action::CreateThenDelete,
        ["forget"] => Action::Forget,
        ["forget", "create"] => Action::ForgetThenCreate,
        _ => Action::NoOp,
    }
}

fn path(json: &Json) -> Path {
    let step = |step: &Json| match step.as_u64() {
        Some(index) => PathStep::Index(index),
        None => PathStep::Attribute(Name::from(step.as_str().unwrap_or_default())),
    };
    Path(json.as_array().into_iter().flatten().map(step).collect())
}

fn output(name: &str, json: &Json) -> OutputChange {
    let actions: Vec<&str> = json["actions"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    OutputChange {
        name: name.into(),
        action: action(&actions),
        before: value(json.get("before"), None, json.get("before_sensitive"), &Type::Dynamic),
        after: value(
            json.get("after"),
            json.get("after_unknown"),
            json.get("after_sensitive"),
            &Type::Dynamic,
        ),
        sensitive: json["after_sensitive"] == Json::Bool(true)
            || json["before_sensitive"] == Json::Bool(true),
    }
}

fn relevant(json: &Json) -> RelevantAttribute {
    RelevantAttribute {
        resource: json["resource"].as_str().unwrap().parse().unwrap(),
        attribute: serde_json::from_value(json["attribute"].clone()).unwrap(),
    }
}

/// A value of a declared type from plan JSON's three trees.
fn value(json: Option<&Json>, unknown: Option<&Json>, sensitive: Option<&Json>, declared: &Type) -> Value {
    let inner = bare(json, unknown, sensitive, declared);
    if sensitive == Some(&Json::Bool(true)) { inner.with_marks(&Marks::sensitive()) } else { inner }
}

fn bare(json: Option<&Json>, unknown: Option<&Json>, sensitive: Option<&Json>, declared: &Type) -> Value {
    if unknown == Some(&Json::Bool(true)) {
        return Value::unknown(match (declared, sensitive) {
            (Type::Dynamic, Some(Json::Object(_))) => Type::object(Vec::<(Name, Type)>::new()),
            (Type::Dynamic, Some(Json::Array(_))) => Type::tuple(Vec::new()),
            _ => declared.clone(),
        });
    }
    let json = json.unwrap_or(&Json::Null);
    let part =
        |tree: Option<&'_ Json>, at: &str| -> Option<Json> { tree.and_then(|tree| tree.get(at)).cloned() };
    let named = |name: &str, declared: &Type| {
        value(json.get(name), part(unknown, name).as_ref(), part(sensitive, name).as_ref(), declared)
    };
    let placed = |at: usize, declared: &Type| {
        let part = |tree: Option<&Json>| tree.and_then(|tree| tree.get(at)).cloned();
        value(json.get(at), part(unknown).as_ref(), part(sensitive).as_ref(), declared)
    };
    match (json, declared) {
        (Json::Object(_), Type::Object(object)) => Value::object(
            object
                .attributes()
                .iter()
                .map(|(name, declared)| (name.clone(), named(name, declared)))
                .collect(),
        ),
        (Json::Object(entries), Type::Map(element)) => {
            let keys = entries.keys().map(|key| (Name::from(key.as_str()), named(key, element)));
            Value::map((**element).clone(), keys.collect())
        }
        (Json::Object(entries), _) => {
            let mut keys: Vec<&String> = entries.keys().collect();
            keys.extend(unknown.and_then(Json::as_object).into_iter().flat_map(|unknown| unknown.keys()));
            Value::object(
                keys.into_iter().map(|key| (Name::from(key.as_str()), named(key, &Type::Dynamic))).collect(),
            )
        }
        (Json::Array(items), Type::List(element)) => {
            Value::list((**element).clone(), (0..items.len()).map(|at| placed(at, element)).collect())
        }
        (Json::Array(items), Type::Set(element)) => {
            Value::set((**element).clone(), (0..items.len()).map(|at| placed(at, element)).collect())
        }
        (Json::Array(items), _) => {
            Value::tuple((0..items.len()).map(|at| placed(at, &Type::Dynamic)).collect())
        }
        (Json::Null, declared) => Value::null(declared.clone()),
        (json, _) => value_of(json.clone()),
    }
}
