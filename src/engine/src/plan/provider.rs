//! Both values of a provider configuration: prior over the state as it stands, planned over what will be.

use super::Planner;
use crate::evaluate::{Evaluator, EvaluatorOptions, Read, Repetition, ResourceCell, RowRepetition};
use crate::graph::{Graph, NodeId, NodeKind};
use crate::model::Action;
use crate::ordinal::ordinal;
use formwork_diagnostic::Diagnostics;
use formwork_sdk::Connection;
use formwork_state::{Address, BlockAddress, Key, Mode, ModuleInstance, ProviderConfigAddress, State};
use formwork_value::Value;
use std::rc::Rc;
use std::sync::Arc;

/// A provider configuration as planned.
pub struct ProviderNode {
    /// Its address.
    pub address: ProviderConfigAddress,
    /// The planned configuration, marks on.
    pub configuration: Value,
    /// What the planned configuration read.
    pub reads: Vec<Read>,
    /// Made with the planned configuration, when it is wholly known.
    pub connection: Option<Arc<dyn Connection>>,
    /// Set when the configuration is unknown because something it reads is replaced.
    pub is_source_replaced: bool,
}

impl Planner<'_> {
    /// Evaluates a provider configuration over planned values and connects when nothing in it is unknown. Objects
    /// of a configuration that is still unknown wait for a later stage.
    pub(super) async fn plan_provider(&self, id: NodeId) {
        let node = self.graph.node(id);
        let Some(address) = node.provider_address.clone() else { return };
        if self.evaluator.row_count(node.module) == 0 || !self.is_used(id) {
            return;
        }
        let (configuration, reads, diagnostics) =
            evaluate_configuration(self.graph, id, &self.evaluator, self.connections);
        let is_sound = !diagnostics.has_errors();
        self.diagnostics.borrow_mut().append(diagnostics);
        self.take_evaluation_diagnostics(None);
        let mut planned =
            ProviderNode { address, configuration, reads, connection: None, is_source_replaced: false };
        let takes_unknowns = self
            .connections
            .provider(&planned.address.provider)
            .is_some_and(|provider| provider.configures_with_unknowns());
        if !is_sound {
            self.providers.borrow_mut().insert(id, Rc::new(planned));
            return;
        }
        if planned.configuration.is_wholly_known() || takes_unknowns {
            match self.connections.connect(&planned.address, &planned.configuration.unmark_deep().0).await {
                Ok(connection) => {
                    self.check_target(&planned.address, &connection);
                    planned.connection = Some(connection);
                }
                Err(mut diagnostics) => {
                    for diagnostic in diagnostics.iter_mut().filter(|diagnostic| diagnostic.subject.is_none())
                    {
                        diagnostic.subject = self.graph.span(id);
                    }
                    self.diagnostics.borrow_mut().append(diagnostics);
                }
            }
        } else {
            self.defer_provider(id, &mut planned);
        }
        self.providers.borrow_mut().insert(id, Rc::new(planned));
    }

    fn is_used(&self, id: NodeId) -> bool {
        self.graph.nodes.iter().any(|node| node.provider == Some(id))
    }

    fn defer_provider(&self, id: NodeId, planned: &mut ProviderNode) {
        let sources = self.changed_sources(&planned.reads);
        planned.is_source_replaced = sources.iter().any(|(_, action)| action.is_replace());
        let words: Vec<String> = sources
            .iter()
            .map(|(address, action)| {
                let word = match action {
                    Action::Create => "created",
                    Action::Update => "changed",
                    _ => "replaced",
                };
                format!("{address}, which is {word} first")
            })
            .collect();
        let from = if words.is_empty() {
            "values that are known only after apply".to_owned()
        } else {
            words.join(" and ")
        };
        self.awaits.borrow_mut().push(format!("{} is configured from {from}", self.graph.name(id)));
        self.deferred_nodes.borrow_mut().insert(id);
    }

    /// The instances with a change that a list of reads leads to, through values in between.
    fn changed_sources(&self, reads: &[Read]) -> Vec<(Address, Action)> {
        let mut found = Vec::new();
        let mut seen = rustc_hash::FxHashSet::default();
        let mut waiting: Vec<Read> = reads.to_vec();
        while let Some(read) = waiting.pop() {
            if !seen.insert(read) {
                continue;
            }
            match read {
                Read::Node(node, row) => waiting.extend(self.evaluator.reads(node, row).iter()),
                Read::Instance(node, row, place) => {
                    if let Some(row) =
                        self.rows.borrow().get(&(node, row)).and_then(|rows| rows.get(place as usize))
                    {
                        found.extend(row.change.map(|change| {
                            (row.address.clone(), self.changes.borrow()[change as usize].action)
                        }));
                    }
                }
                Read::Block(node, row) => {
                    let places = self.rows.borrow().get(&(node, row)).map_or(0, |rows| rows.len());
                    waiting.extend((0..ordinal(places)).map(|place| Read::Instance(node, row, place)));
                }
            }
        }
        found.sort_by(|left, right| left.0.cmp(&right.0));
        found
    }

    /// The configuration under which an object of the state is read and removed: its expressions over the state as
    /// it stands; where those no longer say, what is stored.
    pub(super) fn prior_configuration(
        &self,
        address: &ProviderConfigAddress,
        prior: &Evaluator<'_>,
    ) -> Option<Value> {
        let node = self.graph.find_module(&address.module_path).and_then(|module| {
            let is_it = |id: &NodeId| {
                let node = self.graph.node(*id);
                node.module == module && node.provider_address.as_ref() == Some(address)
            };
            (0..ordinal(self.graph.nodes.len())).map(NodeId).find(is_it)
        });
        if let Some(id) = node {
            let (value, _, diagnostics) = evaluate_configuration(self.graph, id, prior, self.connections);
            let found = prior.take_diagnostics();
            if !diagnostics.has_errors() && !found.has_errors() && value.is_wholly_known() {
                return Some(value.unmark_deep().0);
            }
        }
        let block = self.connections.configuration_block(&address.provider)?;
        let stored = self.input.state.provider_configurations.get(&address.to_string());
        match stored {
            Some(stored) => formwork_value::json::decode(stored.get(), &block.implied_type()).ok(),
            None if block.attributes.is_empty() && block.blocks.is_empty() => {
                Some(null_configuration(&block))
            }
            None => None,
        }
    }
}

fn null_configuration(block: &formwork_sdk::Block) -> Value {
    let formwork_value::Type::Object(object) = block.implied_type() else { return Value::object(Vec::new()) };
    Value::object(
        object
            .attributes()
            .iter()
            .map(|(name, value_type)| (name.clone(), Value::null(value_type.clone())))
            .collect(),
    )
}

/// A provider block's value, with what it read.
pub(crate) fn evaluate_configuration(
    graph: &Graph,
    id: NodeId,
    evaluator: &Evaluator<'_>,
    connections: &crate::connections::Connections,
) -> (Value, Vec<Read>, Diagnostics) {
    let node = graph.node(id);
    let block = node
        .provider_address
        .as_ref()
        .and_then(|address| connections.configuration_block(&address.provider))
        .unwrap_or_default();
    let Some(written) = graph.provider_block(id) else {
        return (null_configuration(&block), Vec::new(), Diagnostics::new());
    };
    let NodeKind::Provider(name, _) = &node.kind else {
        return (null_configuration(&block), Vec::new(), Diagnostics::new());
    };
    let scope = evaluator.scope(node.module, 0, RowRepetition::default());
    let (value, mut diagnostics) = written.body.decode(&crate::schema::decode_schema(&block), &scope);
    for diagnostic in diagnostics.iter_mut().filter(|diagnostic| diagnostic.block.is_none()) {
        diagnostic.block = Some(format!("provider {:?}", name.as_str()));
    }
    (value, scope.into_reads(), diagnostics)
}

/// An evaluator over the state as it stands.
pub(super) fn prior_evaluator<'a>(planner: &'a Planner<'_>) -> Evaluator<'a> {
    let input = planner.input;
    let options = EvaluatorOptions {
        files: input.files,
        timestamp: input.timestamp.clone(),
        workspace: input.workspace.clone(),
        variables: &input.variables,
        providers: planner.environment.providers.clone(),
    };
    Evaluator::new(planner.graph, options, Box::new(move |node, module, _| state_cell(planner, node, module)))
}

fn state_cell(planner: &Planner<'_>, node: NodeId, module: &ModuleInstance) -> ResourceCell {
    let resource = planner.graph.resource(node);
    if resource.mode == formwork_lang::Mode::Data {
        return data_cell(planner, node, module);
    }
    let block =
        BlockAddress::new(module.clone(), Mode::Managed, resource.type_name.clone(), resource.name.clone());
    cell_from_state(planner, planner.input.state, &block)
}

fn data_cell(planner: &Planner<'_>, node: NodeId, module: &ModuleInstance) -> ResourceCell {
    let resource = planner.graph.resource(node);
    let block =
        BlockAddress::new(module.clone(), Mode::Data, resource.type_name.clone(), resource.name.clone());
    cell_from_state(planner, planner.input.state, &block)
}

fn cell_from_state(planner: &Planner<'_>, state: &State, block: &BlockAddress) -> ResourceCell {
    let mut keys = Vec::new();
    let mut values = Vec::new();
    for (key, object) in state.block_instances(block) {
        let kind = planner.connections.kind(&object.provider.provider, block.mode(), block.type_name());
        let Some(value) = kind.and_then(|kind| crate::objects::decode_object(&object, &kind).ok()) else {
            continue;
        };
        keys.push(key);
        values.push(value.marked());
    }
    if keys.is_empty() {
        return ResourceCell::undecided();
    }
    let repetition = match keys[0] {
        Key::None => Repetition::Single,
        Key::Int(_) => Repetition::Count,
        Key::Text(_) => Repetition::ForEach,
    };
    ResourceCell::new(repetition, keys, values)
}
