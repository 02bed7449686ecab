//! A plan as JSON for tools: format 1.2.

use super::attention;
use super::check_json;
use super::configuration_json;
use super::plan_text::{Place, order, place};
use super::schemas::Schemas;
use super::state_json::{self, ShownObject, ShownOutput, ShownState};
use super::value_json::{known, sensitive, unknown};
use formwork_engine::envelope;
use formwork_engine::model::RelevantAttribute;
use formwork_engine::{Action, ActionReason, Change, OutputChange, Plan, RunMode, Stage};
use formwork_lang::Module;
use formwork_state::{Address, BlockAddress, Mode, ProviderAddress, Selector};
use formwork_value::{MarkKind, Path, PathStep, Value};
use serde_json::{Map, Value as Json, json};
use std::borrow::Cow;
use std::collections::HashSet;

/// The version of the format.
pub(crate) const FORMAT_VERSION: &str = "1.2";

/// The one key under which everything stands that is ours and not of the common form.
pub(crate) const OURS: &str = "formwork";

/// What plan JSON is made of.
pub(crate) struct PlanJson<'a> {
    pub(crate) plan: &'a Plan,
    /// The state the plan was made from.
    pub(crate) prior: &'a ShownState,
    /// The configuration, where it could be read.
    pub(crate) module: Option<&'a Module>,
    pub(crate) schemas: &'a Schemas,
    /// The version of the language, which tools expect under this name.
    pub(crate) language_version: &'a str,
}

impl PlanJson<'_> {
    /// The document of `show -json FILE`.
    pub(crate) fn to_json(&self) -> Json {
        let plan = self.plan;
        let standing: Vec<&ShownObject> = self.standing().collect();
        let mut document = json!({
            "format_version": FORMAT_VERSION,
            "terraform_version": self.language_version,
            "planned_values": self.planned(&standing).values(),
            "timestamp": plan.timestamp,
            "errored": plan.errored,
        });
        if !plan.stages.is_empty() {
            document["complete"] = json!(false);
        }
        let mut put = |name: &str, value: Json| {
            let is_empty =
                value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
            if !is_empty {
                document[name] = value;
            }
        };
        put("variables", self.variables());
        put(
            "resource_drift",
            in_order(plan.drift.iter().map(|one| (order(one), self.change(one))).collect()),
        );
        put("resource_changes", self.changes(&standing));
        put("deferred_changes", plan.stages.iter().flat_map(deferred).collect());
        put("output_changes", output_changes(&plan.outputs));
        put("checks", check_json::checks(&plan.checks));
        put("relevant_attributes", relevant(plan));
        let attention = attention::of_plan(plan, self.schemas);
        if !attention.is_empty() {
            put(OURS, json!({"attention": attention}));
        }
        let before = self.before();
        if !before.is_empty() {
            put("prior_state", before.to_json(self.language_version));
        }
        if let Some(module) = self.module {
            put("configuration", configuration_json::configuration(module, self.schemas));
        }
        document
    }

    /// Every change, and between them every managed object that stays as it is.
    fn changes(&self, standing: &[&ShownObject]) -> Json {
        let plan = self.plan;
        let mut all: Vec<(Place, Json)> =
            plan.changes.iter().map(|one| (order(one), self.change(one))).collect();
        if plan.mode == RunMode::Normal && !plan.errored {
            let later: HashSet<BlockAddress> = plan
                .stages
                .iter()
                .flat_map(|stage| &stage.envelope)
                .map(|entry| entry.block.clone())
                .collect();
            let kept = standing.iter().copied().filter(|object| {
                !envelope::entries_for(&object.address.block()).any(|block| later.contains(&block))
            });
            all.extend(kept.map(|object| (place(&object.address, None), unchanged(object))));
        }
        in_order(all)
    }

    /// The managed objects that the plan is about and leaves as they are. Data that was read stands with what there
    /// was before.
    fn standing(&self) -> impl Iterator<Item = &ShownObject> {
        let current = self.plan.changes.iter().filter(|change| change.deposed.is_none());
        let changed: HashSet<&Address> =
            current.flat_map(|one| [one.prior_address(), &one.address]).collect();
        let is_meant = self.in_focus();
        self.prior.objects.iter().filter(move |object| {
            object.deposed.is_none()
                && object.address.mode() == Mode::Managed
                && !changed.contains(&object.address)
                && is_meant(object)
        })
    }

    /// Whether an object is among those that the plan was asked about: what was named and what it depends on, or all
    /// but what was named and what depends on it.
    fn in_focus(&self) -> impl Fn(&ShownObject) -> bool {
        let focus = &self.plan.focus;
        let names = |selectors: &[Selector], object: &ShownObject| {
            selectors.iter().any(|selector| selector.contains(&object.address))
        };
        let block = |object: &ShownObject| object.address.block().in_configuration().to_string();
        let needed: HashSet<&str> = self
            .prior
            .objects
            .iter()
            .filter(|object| names(&focus.targets, object))
            .flat_map(|object| object.depends_on.iter().map(String::as_str))
            .collect();
        let left_out: HashSet<String> =
            self.prior.objects.iter().filter(|object| names(&focus.excludes, object)).map(block).collect();
        move |object| {
            let is_named = focus.targets.is_empty()
                || names(&focus.targets, object)
                || needed.contains(block(object).as_str());
            let is_left_out = names(&focus.excludes, object)
                || object.depends_on.iter().any(|needed| left_out.contains(needed));
            is_named && !is_left_out
        }
    }

    /// What there is before the plan, with the objects that it adopts.
    fn before(&self) -> Cow<'_, ShownState> {
        let mut before = Cow::Borrowed(self.prior);
        let adopted = self.plan.changes.iter().filter(|change| change.importing.is_some());
        for change in adopted.filter(|change| !change.before.is_null()) {
            let object = ShownObject { value: change.before.clone(), ..self.planned_object(change) };
            before.to_mut().objects.push(object);
        }
        before
    }

    fn variables(&self) -> Json {
        let variables = self.plan.variables.iter().map(|(name, variable)| {
            let mut one = Map::new();
            let given = self.plan.given.get(name).unwrap_or(&variable.value);
            if let Some(value) = known(given) {
                one.insert("value".to_owned(), value);
            }
            (name.to_string(), Json::Object(one))
        });
        Json::Object(variables.collect())
    }

    /// The state after apply, as far as it is known.
    fn planned(&self, standing: &[&ShownObject]) -> ShownState {
        // What a plan that was stopped would have left alone, nobody knows; one that only refreshes plans no object.
        let plans_objects = !self.plan.errored && self.plan.mode != RunMode::RefreshOnly;
        let kept = standing.iter().filter(|_| plans_objects);
        let kept =
            kept.map(|object| ShownObject { depends_on: Vec::new(), identity: None, ..(*object).clone() });
        let mut objects: Vec<ShownObject> = kept.collect();
        for change in
            self.plan.changes.iter().filter(|change| change.deposed.is_none() && !change.after.is_null())
        {
            if change.action != Action::Forget {
                objects.push(self.planned_object(change));
            }
        }
        let outputs = self.plan.outputs.iter().filter(|output| output.action != Action::Delete);
        let outputs = outputs.map(|output| ShownOutput {
            name: output.name.to_string(),
            value: output.after.clone(),
            sensitive: output.sensitive || output.after.is_marked(MarkKind::Sensitive),
        });
        ShownState { objects, outputs: outputs.collect(), checks: Vec::new() }
    }

    /// A change, with the identities of its object where its kind has any.
    fn change(&self, one: &Change) -> Json {
        let mut out = change(one);
        let provider = &one.provider.provider;
        let identities = self.schemas.with(provider, &one.address, |kind| {
            let schema = kind?.identity.as_ref()?;
            Some([&one.before, &one.after].map(|side| known(&schema.of(&side.unmark_deep().0)?)))
        });
        for (name, identity) in
            ["before_identity", "after_identity"].iter().zip(identities.into_iter().flatten())
        {
            if let Some(identity) = identity {
                out["change"][*name] = identity;
            }
        }
        out
    }

    fn planned_object(&self, change: &Change) -> ShownObject {
        let provider = &change.provider.provider;
        ShownObject {
            address: change.address.clone(),
            deposed: None,
            is_tainted: false,
            schema_version: self
                .schemas
                .with(provider, &change.address, |kind| kind.map_or(0, |kind| kind.version)),
            provider: provider.clone(),
            value: change.after.clone(),
            depends_on: Vec::new(),
            identity: None,
        }
    }
}

/// The words of an action, in the order of the acts.
pub(crate) fn actions(action: Action) -> &'static [&'static str] {
    match action {
        Action::NoOp => &["no-op"],
        Action::Create => &["create"],
        Action::Read => &["read"],
        Action::Update => &["update"],
        Action::Delete => &["delete"],
        Action::DeleteThenCreate => &["delete", "create"],
        Action::CreateThenDelete => &["create", "delete"],
        Action::Forget => &["forget"],
        Action::ForgetThenCreate => &["forget", "create"],
    }
}

fn in_order(mut all: Vec<(Place, Json)>) -> Json {
    all.sort_by(|left, right| left.0.cmp(&right.0));
    all.into_iter().map(|(_, json)| json).collect()
}

fn unchanged(object: &ShownObject) -> Json {
    let mut out = instance(&object.address, &object.provider);
    out["change"] = sides(Action::NoOp, &object.value, &object.value);
    out
}

fn instance(address: &Address, provider: &ProviderAddress) -> Json {
    let mut out = state_json::resource(address, provider);
    let module = address.module().to_string();
    if !module.is_empty() {
        out["module_address"] = json!(module);
    }
    out
}

fn change(change: &Change) -> Json {
    let mut out = instance(&change.address, &change.provider.provider);
    if let Some(deposed) = &change.deposed {
        out["deposed"] = json!(deposed.to_string());
    }
    if let Some(previous) = change.previous_address.as_ref().filter(|previous| **previous != change.address) {
        out["previous_address"] = json!(previous.to_string());
    }
    // Others know no such reason; what they know of it is that the object is replaced.
    let is_ours = change.reason == Some(ActionReason::ReplaceBecauseContainerReplaced);
    if let Some(reason) = change.reason.filter(|_| !is_ours) {
        out["action_reason"] = json!(reason);
    }
    let mut inner = sides(change.action, &change.before, &change.after);
    if !change.replace_paths.is_empty() {
        inner["replace_paths"] = change.replace_paths.iter().map(path).collect();
    }
    if let Some(importing) = &change.importing {
        inner["importing"] = json!(importing);
    }
    if let Some(block) = &change.generated {
        inner["generated_config"] = json!(block);
    }
    out["change"] = inner;
    if !change.causes.is_empty() {
        out[OURS] = json!({"causes": change.causes});
    }
    if is_ours {
        out[OURS]["reason"] = json!(change.reason);
    }
    out
}

/// Before and after of an object in their trees.
fn sides(action: Action, before: &Value, after: &Value) -> Json {
    let mut out = json!({
        "actions": actions(action),
        "before": known(before).unwrap_or(Json::Null),
        "after_unknown": if after.is_wholly_known() { json!({}) } else { unknown(after) },
        "before_sensitive": sensitive(before),
        "after_sensitive": sensitive(after),
    });
    if let Some(after) = known(after) {
        out["after"] = after;
    }
    out
}

fn path(path: &Path) -> Json {
    path.steps()
        .iter()
        .map_while(|step| match step {
            PathStep::Attribute(name) | PathStep::Key(name) => Some(json!(name.as_str())),
            PathStep::Index(index) => Some(json!(index)),
            PathStep::Element(_) => None,
        })
        .collect()
}

/// Outputs are sensitive as a whole or not at all.
fn output_changes(outputs: &[OutputChange]) -> Json {
    let all = outputs.iter().map(|output| {
        let mut one = sides(output.action, &output.before, &output.after);
        if output.after.is_wholly_known() {
            one["after_unknown"] = json!(false);
        }
        one["before_sensitive"] = json!(output.sensitive);
        one["after_sensitive"] = json!(output.sensitive);
        (output.name.to_string(), one)
    });
    Json::Object(all.collect())
}

/// What the plan read, which is what makes a change outside relevant.
fn relevant(plan: &Plan) -> Json {
    let one = |relevant: &RelevantAttribute| json!({"resource": relevant.resource.to_string(), "attribute": relevant.attribute});
    plan.relevant.iter().map(one).collect()
}

/// The blocks of a later stage: what is known of them, and why they wait.
fn deferred(stage: &Stage) -> Vec<Json> {
    let of_entry = |entry: &formwork_engine::model::EnvelopeEntry| {
        let block = &entry.block;
        let mut change = json!({
            "address": block.to_string(),
            "mode": if block.mode() == formwork_state::Mode::Managed { "managed" } else { "data" },
            "type": block.type_name().as_str(),
            "name": block.name().as_str(),
            "provider_name": entry.provider.provider.to_string(),
            "change": {
                "actions": entry.actions.first().copied().map_or(&[][..], actions),
                "before": null,
                "after_unknown": true,
                "before_sensitive": false,
                "after_sensitive": false,
            },
        });
        let module = block.module().to_string();
        if !module.is_empty() {
            change["module_address"] = json!(module);
        }
        json!({
            "reason": entry.reason,
            "resource_change": change,
            OURS: {"envelope": {
                "awaits": stage.awaits,
                "actions": entry.actions.iter().copied().map(actions).collect::<Vec<_>>(),
                "at_most": entry.at_most,
                "may_touch": entry.may_touch.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "expected": entry.expected.iter().map(ToString::to_string).collect::<Vec<_>>(),
            }},
        })
    };
    stage.envelope.iter().map(of_entry).collect()
}

#[cfg(test)]
mod tests;
