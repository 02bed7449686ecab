//! The values that expressions read during apply: what is stored for what is finished, what is planned for the rest.

use super::{Applier, ApplyInput};
use crate::connections::Connections;
use crate::edges::Naming;
use crate::evaluate::{Evaluator, EvaluatorOptions, Read, ResourceCell, RootVariables};
use crate::graph::{Graph, ModuleId, NodeKind};
use crate::model::{Action, Plan, RunMode, Work};
use crate::objects::{StoredParts, decode_object, encode_object, encode_output};
use crate::ordinal::ordinal;
use crate::plan::{evaluate_configuration, instance_repetition, mode_of};
use crate::schema::Kind;
use arcstr::ArcStr;
use formwork_state::{
    Address, BlockAddress, Edge, Mode, Object, ObjectKey, OutputValue, ProviderConfigAddress, Record,
};
use formwork_value::{MarkKind, Value};
use rustc_hash::FxHashMap;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// An evaluator whose resource blocks hold planned values where a step is still to come.
pub(super) fn evaluator<'a>(
    graph: &'a Graph,
    input: &'a ApplyInput<'_>,
    variables: &'a RootVariables,
    connections: &'a Connections,
) -> Evaluator<'a> {
    let options = EvaluatorOptions {
        files: input.files,
        timestamp: input.plan.timestamp.clone(),
        workspace: input.workspace.clone(),
        variables,
        providers: connections.provider_source(),
    };
    let planned = planned_values(input);
    let data: Rc<FxHashMap<Address, Value>> =
        Rc::new(input.plan.data.iter().map(|data| (data.address.clone(), data.value.clone())).collect());
    Evaluator::new(
        graph,
        options,
        Box::new(move |node, module, expand| {
            let expansion = expand();
            if expansion.undecided.is_some() {
                return ResourceCell::undecided();
            }
            let resource = graph.resource(node);
            let block = BlockAddress::new(
                module.clone(),
                mode_of(resource.mode),
                resource.type_name.clone(),
                resource.name.clone(),
            );
            let mut values = Vec::with_capacity(expansion.rows.len());
            for (key, _) in &expansion.rows {
                let address = block.instance(key.clone());
                let value = planned
                    .get(&address)
                    .or_else(|| data.get(&address))
                    .cloned()
                    .or_else(|| stored_value(input, connections, &address));
                values.push(value.unwrap_or_else(|| Value::unknown(formwork_value::Type::Dynamic)));
            }
            let keys = expansion.rows.iter().map(|(key, _)| key.clone()).collect();
            ResourceCell::new(expansion.repetition, keys, values)
        }),
    )
}

/// Planned values of instances whose making step is not finished.
fn planned_values(input: &ApplyInput<'_>) -> FxHashMap<Address, Value> {
    let plan: &Plan = input.plan;
    let pending = plan.steps.iter().filter(|step| !input.finished.contains(&step.id)).filter_map(|step| {
        match step.work {
            Work::Create { change } | Work::Update { change } | Work::Read { change } => {
                plan.changes.get(change as usize)
            }
            _ => None,
        }
    });
    pending.map(|change| (change.address.clone(), change.after.clone())).collect()
}

fn stored_value(input: &ApplyInput<'_>, connections: &Connections, address: &Address) -> Option<Value> {
    let object = input.store.folded().state.current(address)?.clone();
    let kind = connections.kind(&object.provider.provider, address.mode(), address.type_name())?;
    let prior = decode_object(&object, &kind).ok()?;
    Some(kind.mark_sensitive(&prior.marked()))
}

impl Applier<'_> {
    /// What reads are called in the state.
    pub(super) fn edges(&self, reads: &[Read]) -> Vec<Edge> {
        self.naming().edges(reads)
    }

    fn naming(&self) -> Naming<'_, '_> {
        let ephemerals = self.has_ephemerals.then_some(&self.ephemerals);
        Naming { graph: self.graph, evaluator: &self.evaluator, ephemerals }
    }

    /// What every value in between reads, for those that lead to an object.
    pub(super) fn node_edges_record(&self) -> Option<Record> {
        if self.input.plan.mode == RunMode::RefreshOnly {
            return None;
        }
        if self.input.plan.mode == RunMode::Destroy {
            let is_whole = self.reach.is_everything();
            return (is_whole && !self.input.store.folded().state.node_edges.is_empty())
                .then(|| Record::NodeEdges { edges: BTreeMap::new() });
        }
        let stored = self.input.store.folded().state.node_edges.clone();
        // What this run was not about is as it was, and may not even be evaluated.
        let mut edges = if self.reach.is_everything() { BTreeMap::new() } else { stored };
        for id in self.graph.order.iter().filter(|id| self.reach.has_node(**id)) {
            let node = self.graph.node(*id);
            if matches!(node.kind, NodeKind::Resource(_) | NodeKind::Provider(..) | NodeKind::Check(_)) {
                continue;
            }
            for row in 0..ordinal(self.evaluator.row_count(node.module)) {
                let reads = self.edges(&self.evaluator.reads(*id, row));
                let leads_somewhere = reads.iter().any(|edge| match edge {
                    Edge::Node(name) => edges.contains_key(name),
                    _ => true,
                });
                if leads_somewhere {
                    edges.insert(self.naming().node_name(*id, row), reads);
                }
            }
        }
        (self.input.store.folded().state.node_edges != edges).then_some(Record::NodeEdges { edges })
    }

    /// What an instance and its provider's configuration read, evaluated once more.
    fn edges_of(
        &self,
        address: &Address,
        provider: &ProviderConfigAddress,
        kind: &Kind,
    ) -> Option<(Vec<Edge>, Vec<Edge>)> {
        let (node, row, place) = self.position(address)?;
        let expansion = self.evaluator.expansion(node, row);
        let (_, repetition) = expansion.rows.get(place as usize)?;
        let scope = self.evaluator.scope(self.graph.node(node).module, row, repetition.clone());
        let _ = self.graph.resource(node).body.decode(&kind.decode, &scope);
        let mut reads = scope.into_reads();
        crate::plan::add_static_reads(self.graph, &self.evaluator, node, row, &mut reads);
        let of_provider = self.graph.node(node).provider.and_then(|configured| {
            let repetition = instance_repetition(self.graph, configured, provider, &self.evaluator)?;
            let (evaluator, connections) = (&self.evaluator, self.connections);
            Some(evaluate_configuration(self.graph, configured, repetition, evaluator, connections).1)
        });
        Some((self.edges(&reads), self.edges(&of_provider.unwrap_or_default())))
    }

    /// What imported objects read on which nothing else was done, so that they are removed in the right order one day.
    pub(super) fn imported_edges_record(&self) -> Option<Record> {
        let mut objects = Vec::new();
        let imported = self.input.plan.changes.iter().filter(|change| change.importing.is_some());
        for change in imported.filter(|change| change.action == Action::NoOp) {
            let key = ObjectKey::current(change.address.clone());
            let Some(stored) = self.input.store.folded().state.object(&key).cloned() else { continue };
            let Some(kind) = self.connections.kind(
                &change.provider.provider,
                change.address.mode(),
                change.address.type_name(),
            ) else {
                continue;
            };
            let Some((edges, provider_edges)) = self.edges_of(&change.address, &change.provider, &kind)
            else {
                continue;
            };
            let node = self.block_of(&change.address);
            let object = Object {
                edges,
                provider_edges,
                create_before_destroy: node.is_some_and(|node| self.create_before_destroy.contains(&node)),
                skip_destroy: node.is_some_and(|node| self.graph.skips_destroy(node)),
                ..Object::clone(&stored)
            };
            objects.push((key, Some(Arc::new(object))));
        }
        (!objects.is_empty()).then_some(Record::Refreshed { objects })
    }

    /// What conditions came to, where there are any or were any.
    pub(super) fn checks_record(&self) -> Option<Record> {
        let results = crate::checks::merged(&self.input.plan.checks, self.evaluator.check_results());
        let had_any = self.input.store.folded().state.check_results.is_some();
        if results.is_empty() && !had_any {
            return None;
        }
        let text = serde_json::to_string(&results).ok()?;
        Some(Record::Checks { results: crate::objects::raw(text).ok()? })
    }

    /// Root outputs whose values are known, where they differ from what is stored.
    pub(super) fn outputs_record(&self) -> Option<Record> {
        let state = self.input.store.folded();
        let mut outputs: Vec<(ArcStr, Option<OutputValue>)> = Vec::new();
        for change in &self.input.plan.outputs {
            if change.action == Action::Delete {
                outputs.push((change.name.clone(), None));
                continue;
            }
            let Some(node) = self.graph.find(ModuleId(0), NodeKind::Output(change.name.clone())) else {
                continue;
            };
            let value = self.evaluator.value(node, 0);
            if !value.is_wholly_known() || value.has_mark_deep(MarkKind::Ephemeral) {
                continue;
            }
            match encode_output(&value, change.sensitive) {
                Ok(output) => {
                    let is_same = state.state.outputs.get(&change.name).is_some_and(|stored| {
                        is_same_json(&stored.value, &output.value) && stored.sensitive == output.sensitive
                    });
                    if !is_same {
                        outputs.push((change.name.clone(), Some(output)));
                    }
                }
                Err(message) => self.report(
                    formwork_diagnostic::Diagnostic::error(
                        "output-unstorable",
                        "Output cannot be stored",
                        message,
                    )
                    .about(format!("output.{}", change.name)),
                ),
            }
        }
        (!outputs.is_empty()).then_some(Record::Outputs { outputs })
    }

    /// Data sources as they were read, where that differs from what is stored; those without a block are dropped.
    pub(super) fn data_record(&self) -> Option<Record> {
        let folded = self.input.store.folded();
        let mut objects = Vec::new();
        for data in &self.input.plan.data {
            let Some(kind) =
                self.connections.kind(&data.provider.provider, Mode::Data, data.address.type_name())
            else {
                continue;
            };
            // Whatever it was read from stays until all that reads it is gone.
            let edges = self.edges_of(&data.address, &data.provider, &kind);
            let (edges, provider_edges) = edges.unwrap_or_default();
            let parts = StoredParts { edges, provider_edges, ..StoredParts::of_data(data.provider.clone()) };
            let Ok(object) = encode_object(&data.value, &kind, parts) else { continue };
            let key = ObjectKey::current(data.address.clone());
            let is_stored = folded.state.object(&key).is_some_and(|stored| {
                is_same_json(&stored.attributes, &object.attributes)
                    && (&stored.edges, &stored.provider_edges) == (&object.edges, &object.provider_edges)
            });
            if !is_stored {
                objects.push((key, Some(Arc::new(object))));
            }
        }
        let standing =
            folded.state.objects().map(|(key, _)| key).filter(|key| key.address.mode() == Mode::Data);
        let dropped = standing
            .filter(|key| self.reach.has(self.graph, &key.address))
            .filter(|key| self.input.plan.mode == RunMode::Destroy || self.is_absent(&key.address));
        objects.extend(dropped.map(|key| (key.clone(), None)));
        (!objects.is_empty()).then_some(Record::Refreshed { objects })
    }

    /// Whether the configuration has no such instance; one that a later stage decides is not absent.
    fn is_absent(&self, address: &Address) -> bool {
        let Some(node) = self.block_of(address) else { return true };
        let module = self.graph.node(node).module;
        let is_open = match self.evaluator.find_row(module, address.module()) {
            Some(row) => self.evaluator.resource(node, row).is_undecided,
            None => self.evaluator.is_undecided(module, address.module()),
        };
        !is_open && self.position(address).is_none()
    }

    /// Where providers point and how they are configured, where that differs from what is stored.
    pub(super) fn providers_record(&self) -> Option<Record> {
        let state = self.input.store.folded();
        let targets: indexmap::IndexMap<String, formwork_state::Target> = self
            .connections
            .targets()
            .into_iter()
            .map(|(name, target)| (name, formwork_state::Target { id: target.id, words: target.words }))
            .collect();
        let configurations = self.configurations.borrow().clone();
        let is_configuration_same = configurations.iter().all(|(name, text)| {
            state.state.provider_configurations.get(name).is_some_and(|stored| is_same_json(stored, text))
        });
        let is_target_same =
            targets.iter().all(|(name, target)| state.state.targets.get(name) == Some(target));
        (!(is_configuration_same && is_target_same)).then_some(Record::Providers { targets, configurations })
    }
}

/// Whether two JSON texts say the same, whatever their spacing.
fn is_same_json(left: &RawValue, right: &RawValue) -> bool {
    let read = |raw: &RawValue| serde_json::from_str::<serde_json::Value>(raw.get()).ok();
    left.get() == right.get() || read(left) == read(right)
}
