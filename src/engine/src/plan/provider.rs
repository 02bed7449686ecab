//! Both values of a provider configuration: prior over the state as it stands, planned over what will be.

use super::{Planner, Priors, evaluator_options};
use crate::connections::Connections;
use crate::evaluate::{Evaluator, Expansion, Read, Repetition, ResourceCell, RowRepetition};
use crate::graph::{Graph, NodeId, NodeKind};
use crate::model::Action;
use crate::ordinal::ordinal;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::Connection;
use formwork_state::{Address, BlockAddress, Key, ModuleInstance, ProviderConfigAddress, State};
use formwork_value::{MarkKind, Type, Value, convert};
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
    /// Evaluates the instances of a provider configuration over planned values and connects when nothing in them is
    /// unknown. Objects of a configuration that is still unknown wait for a later stage.
    pub(super) async fn plan_provider(&self, id: NodeId) {
        let node = self.graph.node(id);
        let Some(address) = node.provider_address.clone() else { return };
        if self.evaluator.row_count(node.module) == 0 || !self.is_used(id) {
            return;
        }
        let expansion = self.evaluator.expansion(id, 0);
        self.take_evaluation_diagnostics(None);
        if expansion.undecided.is_some() {
            self.await_instances(id);
            self.defer_instances(id, address);
            return;
        }
        for (key, repetition) in &expansion.rows {
            self.plan_provider_instance(id, address.instance(key), key, repetition.clone()).await;
        }
    }

    async fn plan_provider_instance(
        &self,
        id: NodeId,
        address: ProviderConfigAddress,
        key: &Key,
        repetition: RowRepetition,
    ) {
        let (configuration, reads, diagnostics) =
            evaluate_configuration(self.graph, id, repetition, &self.evaluator, self.connections);
        let is_sound = !diagnostics.has_errors();
        self.diagnostics.borrow_mut().append(diagnostics);
        self.take_evaluation_diagnostics(None);
        let mut planned =
            ProviderNode { address, configuration, reads, connection: None, is_source_replaced: false };
        let takes_unknowns = self
            .connections
            .provider(&planned.address.provider)
            .is_some_and(|provider| provider.configures_with_unknowns())
            || self.is_opted_in(id);
        if is_sound && (planned.configuration.is_wholly_known() || takes_unknowns) {
            self.connect_planned(id, &mut planned).await;
        } else if is_sound {
            self.defer_provider(id, &mut planned);
        }
        self.providers.borrow_mut().insert((id, key.clone()), Rc::new(planned));
    }

    /// Whether the module says that the provider is configured while something is not known.
    fn is_opted_in(&self, id: NodeId) -> bool {
        let node = self.graph.node(id);
        let NodeKind::Provider(name, _) = &node.kind else { return false };
        let required = &self.graph.module(node.module).settings.required_providers;
        required.get(name.as_str()).is_some_and(|required| required.configure_with_unknowns)
    }

    /// A provider configuration of which nobody can say yet which instances there are.
    fn defer_instances(&self, id: NodeId, address: ProviderConfigAddress) {
        self.deferred_nodes.borrow_mut().insert(id);
        let configuration = Value::unknown(Type::Dynamic);
        let planned = ProviderNode {
            address,
            configuration,
            reads: Vec::new(),
            connection: None,
            is_source_replaced: false,
        };
        self.providers.borrow_mut().insert((id, Key::None), Rc::new(planned));
    }

    async fn connect_planned(&self, id: NodeId, planned: &mut ProviderNode) {
        match self.connections.connect(&planned.address, &planned.configuration.unmark_deep().0).await {
            Ok(connection) => {
                self.diagnostics.borrow_mut().append(self.connections.take_warnings());
                self.check_target(&planned.address, &connection);
                planned.connection = Some(connection);
            }
            Err(mut diagnostics) => {
                for diagnostic in diagnostics.iter_mut().filter(|diagnostic| diagnostic.subject.is_none()) {
                    diagnostic.subject = self.graph.span(id);
                }
                self.diagnostics.borrow_mut().append(diagnostics);
            }
        }
    }

    /// The provider configuration, or the instance of one, that makes an instance of a resource block.
    pub(super) fn provider_of(
        &self,
        node: NodeId,
        row: u32,
        repetition: &RowRepetition,
    ) -> Option<Rc<ProviderNode>> {
        let graph_node = self.graph.node(node);
        let provider = graph_node.provider?;
        let (key, span) = match &graph_node.provider_key {
            None => (Key::None, None),
            Some(written) => {
                let (key, found) = provider_key(&self.evaluator, node, row, repetition.clone())?;
                let is_sound = !found.has_errors();
                self.diagnostics.borrow_mut().append(found);
                (key.filter(|_| is_sound)?, Some(written.expression.span()))
            }
        };
        let found = self.providers.borrow().get(&(provider, key.clone())).cloned();
        if let (None, Some(span), false) = (&found, span, self.has_errors()) {
            let detail = format!("{} has no instance {key}.", self.graph.name(provider));
            let diagnostic = Diagnostic::error("provider-instance", "Provider instance not present", detail);
            let providers = self.providers.borrow();
            let known = providers.keys().filter(|(id, _)| *id == provider);
            let mut known: Vec<String> = known.map(|(_, key)| key.to_string()).collect();
            known.sort();
            self.report(diagnostic.at(span).hint(format!("Its instances are: {}.", known.join(", "))));
        }
        found
    }

    /// Any instance of the provider configuration of a resource block: for what concerns the block as a whole.
    pub(crate) fn any_provider_of(&self, node: NodeId) -> Option<Rc<ProviderNode>> {
        let provider = self.graph.node(node).provider?;
        let providers = self.providers.borrow();
        let mut own: Vec<_> = providers.iter().filter(|((id, _), _)| *id == provider).collect();
        own.sort_by(|left, right| left.0.1.cmp(&right.0.1));
        own.first().map(|(_, planned)| (*planned).clone())
    }

    fn is_used(&self, id: NodeId) -> bool {
        (0..)
            .map(NodeId)
            .zip(&self.graph.nodes)
            .any(|(reader, node)| node.provider == Some(id) && self.reach.has_node(reader))
    }

    fn defer_provider(&self, id: NodeId, planned: &mut ProviderNode) {
        let sources = self.changed_sources(&planned.reads);
        planned.is_source_replaced = sources.iter().any(|(_, action)| action.is_replace());
        let from = self.source_words(&planned.reads);
        self.awaits.borrow_mut().push(format!("{} is configured from {from}", self.graph.name(id)));
        self.deferred_nodes.borrow_mut().insert(id);
    }

    /// The instances with a change that a list of reads leads to, through values in between.
    pub(super) fn changed_sources(&self, reads: &[Read]) -> Vec<(Address, Action)> {
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
        let node = node_of_configuration(self.graph, address);
        if let Some(id) = node {
            let repetition = instance_repetition(self.graph, id, address, prior).unwrap_or_default();
            let (value, _, diagnostics) =
                evaluate_configuration(self.graph, id, repetition, prior, self.connections);
            let found = prior.take_diagnostics();
            if !diagnostics.has_errors() && !found.has_errors() && value.is_wholly_known() {
                // That something in it is never stored must be known to whoever stores it.
                return Some(value.keep_marks(MarkKind::Ephemeral));
            }
        }
        let block = self.connections.configuration_block(&address.provider)?;
        let stored = self.state.provider_configurations.get(&address.to_string());
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

/// The node of a provider configuration, or of the one that it is an instance of.
pub(crate) fn node_of_configuration(graph: &Graph, address: &ProviderConfigAddress) -> Option<NodeId> {
    let module = graph.find_module(&address.module_path)?;
    let is_it = |id: &NodeId| {
        let node = graph.node(*id);
        node.module == module
            && node.provider_address.as_ref().is_some_and(|known| {
                known.module_path == address.module_path
                    && known.provider == address.provider
                    && known.alias.as_deref() == configuration_alias(address)
            })
    };
    (0..ordinal(graph.nodes.len())).map(NodeId).find(is_it)
}

/// The provider configuration that an instance of a resource block takes; none where that cannot be said.
pub(crate) fn address_of_instance(
    evaluator: &Evaluator<'_>,
    node: NodeId,
    row: u32,
    repetition: RowRepetition,
) -> Option<ProviderConfigAddress> {
    let graph_node = evaluator.graph.node(node);
    let base = evaluator.graph.node(graph_node.provider?).provider_address.as_ref()?;
    if graph_node.provider_key.is_none() {
        return Some(base.clone());
    }
    let (key, _) = provider_key(evaluator, node, row, repetition)?;
    Some(base.instance(&key?))
}

/// The alias of a configuration, the key of its instance taken off.
fn configuration_alias(address: &ProviderConfigAddress) -> Option<&str> {
    let alias = address.alias.as_deref()?;
    Some(alias.split_once('[').map_or(alias, |(alias, _)| alias))
}

/// What `each` is in the instance of a provider configuration that an address names.
pub(crate) fn instance_repetition(
    graph: &Graph,
    id: NodeId,
    address: &ProviderConfigAddress,
    evaluator: &Evaluator<'_>,
) -> Option<RowRepetition> {
    let base = graph.node(id).provider_address.as_ref()?;
    let expansion = evaluator.expansion(id, 0);
    let row = expansion.rows.iter().find(|(key, _)| base.instance(key) == *address)?;
    Some(row.1.clone())
}

/// The key of the provider instance that an instance of a resource block takes; none with an error.
fn provider_key(
    evaluator: &Evaluator<'_>,
    node: NodeId,
    row: u32,
    repetition: RowRepetition,
) -> Option<(Option<Key>, Diagnostics)> {
    let graph_node = evaluator.graph.node(node);
    let written = graph_node.provider_key.as_ref()?;
    let (mut module, mut row, mut repetition) = (graph_node.module, row, repetition);
    for _ in 0..written.levels {
        let here = evaluator.row(module, row);
        (module, _) = evaluator.graph.modules[module.0 as usize].parent?;
        (row, repetition) = (here.parent, here.repetition.clone());
    }
    let scope = evaluator.scope(module, row, repetition);
    let (value, mut diagnostics) = written.expression.evaluate(&scope);
    let (value, marks) = value.unmark();
    let fault = if marks.has(MarkKind::Sensitive) {
        "it is sensitive, and would be shown"
    } else if marks.has(MarkKind::Ephemeral) {
        "it is ephemeral, and would be stored"
    } else if !value.is_known() {
        "it is known only after apply"
    } else if let Some(text) = convert(&value, &Type::String).ok().and_then(|text| text.as_str().cloned()) {
        return Some((Some(Key::Text(text)), diagnostics));
    } else {
        "it is no text"
    };
    if !diagnostics.has_errors() {
        let detail = format!("The key that chooses the provider's instance cannot be used: {fault}.");
        let diagnostic = Diagnostic::error("provider-instance", "Invalid provider instance key", detail);
        diagnostics.push(
            diagnostic
                .at(written.expression.span())
                .hint("Use each.key, or a text that is written in the configuration."),
        );
    }
    Some((None, diagnostics))
}

/// The value of one instance of a provider block, with what it read.
pub(crate) fn evaluate_configuration(
    graph: &Graph,
    id: NodeId,
    repetition: RowRepetition,
    evaluator: &Evaluator<'_>,
    connections: &Connections,
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
    let scope = evaluator.scope(node.module, 0, repetition);
    let (value, mut diagnostics) = written.body.decode(&crate::schema::decode_schema(&block), &scope);
    for diagnostic in diagnostics.iter_mut().filter(|diagnostic| diagnostic.block.is_none()) {
        diagnostic.block = Some(format!("provider {:?}", name.as_str()));
    }
    (value, scope.into_reads(), diagnostics)
}

/// An evaluator over the state as it stands.
pub(super) fn prior_evaluator<'a>(planner: &'a Planner<'_>) -> Evaluator<'a> {
    let options = evaluator_options(planner.input, &planner.environment);
    Evaluator::new(planner.graph, options, Box::new(move |node, module, _| state_cell(planner, node, module)))
}

/// An evaluator over what stands, as a fresh reading found it.
pub(super) fn refreshed_evaluator<'a>(planner: &'a Planner<'_>) -> Evaluator<'a> {
    let options = evaluator_options(planner.input, &planner.environment);
    let source = move |node: NodeId, module: &ModuleInstance, _: &dyn Fn() -> Rc<Expansion>| {
        standing_cell(planner.graph, planner.connections, planner.state, &planner.priors, node, module)
    };
    Evaluator::new(planner.graph, options, Box::new(source))
}

/// The instances of a block that stand, each as a fresh reading found it, else as it is stored.
pub(super) fn standing_cell(
    graph: &Graph,
    connections: &Connections,
    state: &State,
    priors: &Priors,
    node: NodeId,
    module: &ModuleInstance,
) -> ResourceCell {
    let resource = graph.resource(node);
    let mode = super::mode_of(resource.mode);
    let block = BlockAddress::new(module.clone(), mode, resource.type_name.clone(), resource.name.clone());
    let read = |key: &Key| priors.borrow().get(&block.instance(key.clone())).map(|prior| prior.marked());
    cell_of(connections, state, &block, read)
}

fn state_cell(planner: &Planner<'_>, node: NodeId, module: &ModuleInstance) -> ResourceCell {
    let resource = planner.graph.resource(node);
    let mode = super::mode_of(resource.mode);
    let block = BlockAddress::new(module.clone(), mode, resource.type_name.clone(), resource.name.clone());
    cell_of(planner.connections, planner.state, &block, |_| None)
}

/// The cell of a block from the objects that stand; `read` gives what is known better than the state knows it.
fn cell_of(
    connections: &Connections,
    state: &State,
    block: &BlockAddress,
    read: impl Fn(&Key) -> Option<Value>,
) -> ResourceCell {
    let mut keys = Vec::new();
    let mut values = Vec::new();
    for (key, object) in state.block_instances(block) {
        let stored = || {
            let kind = connections.kind(&object.provider.provider, block.mode(), block.type_name())?;
            crate::objects::decode_object(&object, &kind).ok().map(|prior| prior.marked())
        };
        let Some(value) = read(&key).or_else(stored) else { continue };
        keys.push(key);
        values.push(value);
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
