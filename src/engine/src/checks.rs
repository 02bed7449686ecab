//! What conditions came to: of variables, outputs, resources and checks, as the state keeps it and tools read it.
//!
//! Invariant: what was not evaluated is unknown, never passed. What fails in a `check` block is a warning and stops
//! nothing.

use crate::evaluate::{Checked, Evaluator, RowRepetition, RowScope};
use crate::graph::{Graph, NodeId, NodeKind};
use crate::ordinal::ordinal;
use formwork_diagnostic::{Diagnostic, Diagnostics, Severity};
use formwork_lang::Condition;
use formwork_value::{Kind, MarkKind, Type, Value, convert};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What has conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// A resource or data block, by its preconditions and postconditions.
    Resource,
    /// An output, by its preconditions.
    Output,
    /// A `check` block.
    Check,
    /// A variable, by its validations.
    Var,
}

/// What came of conditions. The later one outweighs the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// All hold.
    #[default]
    Pass,
    /// One could not be evaluated yet.
    Unknown,
    /// One does not hold.
    Fail,
    /// One could not be evaluated at all.
    Error,
}

/// One instance that conditions were checked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedObject {
    /// Its address: `module.a["k"].terraform_data.x[0]`, `var.size`.
    pub object_addr: String,
    /// What came of it.
    pub status: CheckStatus,
    /// What the conditions that do not hold say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failure_messages: Vec<String>,
}

/// Everything of one block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// What it is.
    pub object_kind: CheckKind,
    /// The block's address in the configuration, without keys.
    pub config_addr: String,
    /// The weightiest of its instances.
    pub status: CheckStatus,
    /// Its instances; none while nobody knows which there are.
    #[serde(default)]
    pub objects: Option<Vec<CheckedObject>>,
}

/// Results by block and instance, gathered while conditions are evaluated.
#[derive(Debug, Default)]
pub(crate) struct Checks(BTreeMap<(NodeId, String), (CheckStatus, Vec<String>)>);

impl Checks {
    /// Notes what came of one condition of an instance.
    pub(crate) fn note(&mut self, node: NodeId, object: &str, status: CheckStatus, message: Option<String>) {
        let (known, messages) = self.0.entry((node, object.to_owned())).or_default();
        *known = (*known).max(status);
        messages.extend(message);
    }

    /// The results of every block that has conditions.
    pub(crate) fn results(&self, evaluator: &Evaluator<'_>) -> Vec<CheckResult> {
        let graph = evaluator.graph;
        let nodes = (0..).map(NodeId).zip(&graph.nodes);
        let mut all: Vec<CheckResult> =
            nodes.filter_map(|(id, _)| Some(self.result(id, kind_of(graph, id)?, evaluator))).collect();
        all.sort_by(|left, right| left.config_addr.cmp(&right.config_addr));
        all
    }

    fn result(&self, id: NodeId, kind: CheckKind, evaluator: &Evaluator<'_>) -> CheckResult {
        let graph = evaluator.graph;
        let mut objects: BTreeMap<String, CheckedObject> = BTreeMap::new();
        // One that does not repeat is there whether or not its conditions were reached.
        if kind != CheckKind::Resource || !repeats(graph, id) {
            for module in evaluator.known_modules(graph.node(id).module) {
                let name = if module.is_empty() {
                    local_name(graph, id)
                } else {
                    format!("{module}.{}", local_name(graph, id))
                };
                objects.insert(name.clone(), unknown(name));
            }
        }
        let own = self.0.range((id, String::new())..).take_while(|((node, _), _)| *node == id);
        for ((_, address), (status, messages)) in own {
            let failure_messages = messages.clone();
            let checked = CheckedObject { object_addr: address.clone(), status: *status, failure_messages };
            objects.insert(address.clone(), checked);
        }
        let status = objects.values().map(|object| object.status).max().unwrap_or(CheckStatus::Unknown);
        let objects = (!objects.is_empty()).then(|| objects.into_values().collect());
        CheckResult { object_kind: kind, config_addr: graph.name(id), status, objects }
    }

    fn failed_resources(&self, graph: &Graph) -> FxHashSet<NodeId> {
        let is_failed = |status: CheckStatus| matches!(status, CheckStatus::Fail | CheckStatus::Error);
        let failed = self.0.iter().filter(|(_, (status, _))| is_failed(*status)).map(|((node, _), _)| *node);
        failed.filter(|node| matches!(graph.node(*node).kind, NodeKind::Resource(_))).collect()
    }
}

fn unknown(object_addr: String) -> CheckedObject {
    CheckedObject { object_addr, status: CheckStatus::Unknown, failure_messages: Vec::new() }
}

fn repeats(graph: &Graph, id: NodeId) -> bool {
    let resource = graph.resource(id);
    resource.count.is_some() || resource.for_each.is_some()
}

fn local_name(graph: &Graph, id: NodeId) -> String {
    match &graph.node(id).kind {
        NodeKind::Variable(name) => format!("var.{name}"),
        NodeKind::Output(name) => format!("output.{name}"),
        NodeKind::Resource(_) => graph.resource(id).subject().to_string(),
        NodeKind::Check(name) => format!("check.{name}"),
        NodeKind::Local(_) | NodeKind::Call(_) | NodeKind::Provider(..) => graph.name(id),
    }
}

fn kind_of(graph: &Graph, id: NodeId) -> Option<CheckKind> {
    let has = |kind, is_there: bool| is_there.then_some(kind);
    match &graph.node(id).kind {
        NodeKind::Variable(_) => has(CheckKind::Var, !graph.variable(id)?.validations.is_empty()),
        NodeKind::Output(_) => has(CheckKind::Output, !graph.output(id)?.preconditions.is_empty()),
        NodeKind::Resource(_) => {
            let lifecycle = &graph.resource(id).lifecycle;
            has(
                CheckKind::Resource,
                !lifecycle.preconditions.is_empty() || !lifecycle.postconditions.is_empty(),
            )
        }
        NodeKind::Check(_) => Some(CheckKind::Check),
        NodeKind::Local(_) | NodeKind::Call(_) | NodeKind::Provider(..) => None,
    }
}

impl Evaluator<'_> {
    /// Looks at conditions; whether none fails. Those whose value is unknown are left for later.
    pub fn check_all(
        &self,
        conditions: &[Condition],
        scope: &RowScope<'_, '_>,
        checked: Checked<'_>,
        summary: &str,
    ) -> bool {
        let is_block = matches!(self.graph.node(checked.node).kind, NodeKind::Check(_));
        let mut all_hold = true;
        for condition in conditions {
            let (status, message, mut found) = self.check(condition, scope, is_block, summary);
            if is_block {
                found.iter_mut().for_each(|diagnostic| diagnostic.severity = Severity::Warning);
            }
            self.report(found);
            self.checks.borrow_mut().note(checked.node, checked.address, status, message);
            all_hold &= matches!(status, CheckStatus::Pass | CheckStatus::Unknown);
        }
        all_hold
    }

    /// Whether a block reads a resource whose own conditions did not hold.
    fn hangs_on_failed(&self, node: NodeId, failed: &FxHashSet<NodeId>) -> bool {
        let mut seen = FxHashSet::default();
        let mut waiting = vec![node];
        while let Some(at) = waiting.pop() {
            if failed.contains(&at) {
                return true;
            }
            if seen.insert(at) {
                waiting.extend(&self.graph.node(at).reads);
            }
        }
        false
    }

    /// Looks at the assertions of every `check` block, but for those about a resource whose own conditions did not
    /// hold: of them nothing is known.
    pub fn check_blocks(&self) {
        let failed = self.checks.borrow().failed_resources(self.graph);
        for (node, kind) in (0..).map(NodeId).zip(self.graph.nodes.iter().map(|node| &node.kind)) {
            let NodeKind::Check(name) = kind else { continue };
            if !failed.is_empty() && self.hangs_on_failed(node, &failed) {
                continue;
            }
            let module = self.graph.node(node).module;
            let Some(check) = self.graph.module(module).checks.get(name) else { continue };
            for row in 0..ordinal(self.row_count(module)) {
                let address = self.address_in(module, row, &format!("check.{name}"));
                let scope = self.scope(module, row, RowRepetition::default());
                let checked = Checked { node, address: &address };
                self.check_all(&check.asserts, &scope, checked, "Check block assertion failed");
            }
        }
    }

    fn check(
        &self,
        condition: &Condition,
        scope: &RowScope<'_, '_>,
        is_block: bool,
        summary: &str,
    ) -> (CheckStatus, Option<String>, Diagnostics) {
        let (value, mut found) = condition.condition.evaluate(scope);
        if found.has_errors() {
            return (CheckStatus::Error, None, found);
        }
        let at = |diagnostic: Diagnostic| {
            let values = condition.condition.values(scope);
            let diagnostic = diagnostic.at(condition.condition.span());
            values.into_iter().fold(diagnostic, |diagnostic, (name, says)| diagnostic.value(name, says))
        };
        let (value, _) = value.unmark();
        let held = match convert(&value, &Type::Bool) {
            Ok(held) if held.is_null() => Err("it is null, which is neither true nor false".to_owned()),
            Ok(held) => Ok(held.as_bool()),
            Err(error) => Err(error.message.clone()),
        };
        match held {
            Ok(Some(true)) => (CheckStatus::Pass, None, found),
            Ok(None) => {
                if is_block && !self.is_applying.get() {
                    let detail = "The condition could not be evaluated at this time, a result will be known when this plan is applied.";
                    let summary = "Check block assertion known after apply";
                    found.push(at(Diagnostic::warning("check-unknown", summary, detail)));
                }
                (CheckStatus::Unknown, None, found)
            }
            Ok(Some(false)) => {
                let (text, more) = condition_message(condition, scope);
                found.append(more);
                let diagnostic = at(Diagnostic::error("condition-failed", summary, text.clone()));
                found.push(diagnostic.hint("Change the value, or the condition that refuses it."));
                (CheckStatus::Fail, Some(text), found)
            }
            Err(reason) => {
                let detail = format!("The condition must come out as true or false: {reason}.");
                found.push(at(Diagnostic::error("invalid-condition", "Invalid condition result", detail)));
                (CheckStatus::Error, None, found)
            }
        }
    }
}

/// What is said where a condition does not hold; never anything that must not be shown.
pub(crate) fn condition_message(
    condition: &Condition,
    scope: &dyn formwork_lang::Scope,
) -> (String, Diagnostics) {
    let (message, found) = condition.error_message.evaluate(scope);
    let text = |value: &Value| convert(value, &Type::String).ok().and_then(|text| text.as_str().cloned());
    let text = match message.kind() {
        Kind::Marked(_, marks) if marks.has(MarkKind::Sensitive) => {
            "The error message included a sensitive value, so it will not be displayed.".to_owned()
        }
        Kind::Marked(_, marks) if marks.has(MarkKind::Ephemeral) => {
            "The error message included an ephemeral value, so it will not be displayed.".to_owned()
        }
        _ => match text(&message.unmark().0) {
            Some(text) => text.trim().to_owned(),
            None => "The condition is not met, and the error message is not known yet.".to_owned(),
        },
    };
    (text, found)
}

/// Planned results with what apply found out since: what apply did not evaluate stays as it was planned.
pub(crate) fn merged(planned: &[CheckResult], applied: Vec<CheckResult>) -> Vec<CheckResult> {
    let mut all = applied;
    for result in &mut all {
        let Some(before) = planned.iter().find(|one| one.config_addr == result.config_addr) else { continue };
        let mut objects = result.objects.take().unwrap_or_default();
        for old in before.objects.iter().flatten() {
            match objects.iter_mut().find(|object| object.object_addr == old.object_addr) {
                Some(object) if object.status == CheckStatus::Unknown => *object = old.clone(),
                Some(_) => {}
                None => objects.push(old.clone()),
            }
        }
        result.status = objects.iter().map(|object| object.status).max().unwrap_or(before.status);
        result.objects = (!objects.is_empty()).then_some(objects);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(objects: &[(&str, CheckStatus)]) -> CheckResult {
        let checked = |(name, status): &(&str, CheckStatus)| CheckedObject {
            object_addr: (*name).to_owned(),
            status: *status,
            failure_messages: Vec::new(),
        };
        CheckResult {
            object_kind: CheckKind::Resource,
            config_addr: "a.b".to_owned(),
            status: objects.iter().map(|(_, status)| *status).max().unwrap_or_default(),
            objects: Some(objects.iter().map(checked).collect()),
        }
    }

    #[test]
    fn apply_outweighs_the_plan_where_it_knows_more() {
        use CheckStatus::{Fail, Pass, Unknown};
        for (planned, applied, expected) in
            [(Pass, Unknown, Pass), (Unknown, Fail, Fail), (Fail, Pass, Pass), (Unknown, Unknown, Unknown)]
        {
            let all = merged(&[result(&[("a.b", planned)])], vec![result(&[("a.b", applied)])]);
            assert_eq!(all, [result(&[("a.b", expected)])]);
        }
    }
}
