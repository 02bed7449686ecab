//! The block graph: one node for each variable, local, output, module call, resource block and provider
//! configuration of every module, and what each reads.
//!
//! Invariant: it knows blocks only, never instances, so its size is that of the configuration's text. It calls
//! nothing and evaluates nothing.

use crate::ordinal::ordinal;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_lang::{
    Expression, Local, Mode, Module, ModuleCall, Output, ProviderBlock, ProviderReference, Reference,
    Resource, Subject, TraversalStep, Variable,
};
use formwork_state::{ModuleInstance, ProviderAddress, ProviderConfigAddress};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A node's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// A module's number; the root is 0 and a parent comes before its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub u32);

/// What a node is, with a way to its block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// An input variable.
    Variable(ArcStr),
    /// A local value.
    Local(ArcStr),
    /// An output value.
    Output(ArcStr),
    /// A module call: its expansion. The module of the node is the caller's.
    Call(ArcStr),
    /// A resource or data block, by its place in the module.
    Resource(usize),
    /// A provider configuration: local name and alias.
    Provider(ArcStr, Option<ArcStr>),
    /// A `check` block: its assertions.
    Check(ArcStr),
}

/// One node.
#[derive(Debug)]
pub struct Node {
    /// The module its block stands in.
    pub module: ModuleId,
    /// What it is.
    pub kind: NodeKind,
    /// What it reads, each once.
    pub reads: Vec<NodeId>,
    /// For a resource: its provider configuration's node.
    pub provider: Option<NodeId>,
    /// For a resource whose provider configuration has instances: which of them.
    pub provider_key: Option<ProviderKey>,
    /// For a provider configuration: its address.
    pub provider_address: Option<ProviderConfigAddress>,
}

/// Which instance of a provider configuration, as it is written.
#[derive(Debug, Clone)]
pub struct ProviderKey {
    /// How many modules further out it is written than the resource.
    pub levels: u32,
    /// The key.
    pub expression: Expression,
}

/// A provider configuration as somebody asks for it.
struct Wanted {
    /// What the module calls it in which it is asked for.
    name: ArcStr,
    /// Whose it is, whatever modules further out call it.
    address: ProviderAddress,
    alias: Option<ArcStr>,
    key: Option<ProviderKey>,
    span: Span,
    /// How many modules further out it is asked for than the resource stands.
    levels: u32,
}

/// One module of the tree.
#[derive(Debug)]
pub struct ModuleNode {
    /// Its blocks.
    pub module: Arc<Module>,
    /// The module that calls it, and the call's node.
    pub parent: Option<(ModuleId, NodeId)>,
    /// Modules it calls, by call name.
    pub children: FxHashMap<ArcStr, ModuleId>,
}

/// All nodes with an order in which each comes after what it reads.
#[derive(Debug, Default)]
pub struct Graph {
    /// Modules, parents first.
    pub modules: Vec<ModuleNode>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Every node after all that it reads.
    pub order: Vec<NodeId>,
    /// `import` blocks by the resource block they import into: module and place.
    pub imports: FxHashMap<NodeId, Vec<(ModuleId, usize)>>,
    /// `import` blocks into resource blocks that are not there.
    pub homeless_imports: Vec<(ModuleId, usize)>,
    by_key: FxHashMap<(ModuleId, NodeKind), NodeId>,
    resource_index: FxHashMap<(ModuleId, Mode, ArcStr, ArcStr), NodeId>,
}

impl Graph {
    /// Builds the graph of a module tree; cycles and missing providers are diagnostics.
    pub fn build(root: &Arc<Module>) -> (Self, Diagnostics) {
        let mut graph = Self::default();
        let mut diagnostics = Diagnostics::new();
        graph.add_module(root, None);
        graph.find_imports();
        for index in 0..graph.nodes.len() {
            graph.connect(NodeId(ordinal(index)), &mut diagnostics);
        }
        graph.sort(&mut diagnostics);
        (graph, diagnostics)
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The blocks of a module.
    pub fn module(&self, id: ModuleId) -> &Arc<Module> {
        &self.modules[id.0 as usize].module
    }

    /// The node of a key, where there is one.
    pub fn find(&self, module: ModuleId, kind: NodeKind) -> Option<NodeId> {
        self.by_key.get(&(module, kind)).copied()
    }

    /// The node of a resource block.
    pub fn find_resource(
        &self,
        module: ModuleId,
        mode: Mode,
        type_name: &ArcStr,
        name: &ArcStr,
    ) -> Option<NodeId> {
        self.resource_index.get(&(module, mode, type_name.clone(), name.clone())).copied()
    }

    /// The module that a path of call names leads to.
    pub fn find_module(&self, path: &[ArcStr]) -> Option<ModuleId> {
        path.iter().try_fold(ModuleId(0), |at, name| self.modules[at.0 as usize].children.get(name).copied())
    }

    /// The module that an instance of it is of.
    pub fn find_module_of(&self, instance: &ModuleInstance) -> Option<ModuleId> {
        match instance.parent().zip(instance.call()) {
            None => Some(ModuleId(0)),
            Some((caller, (name, _))) => {
                self.modules[self.find_module_of(caller)?.0 as usize].children.get(name).copied()
            }
        }
    }

    /// The resource block of a resource node.
    pub fn resource(&self, id: NodeId) -> &Resource {
        let node = self.node(id);
        let NodeKind::Resource(index) = node.kind else {
            unreachable!("asked for the resource of another kind of node")
        };
        &self.module(node.module).resources[index]
    }

    /// Whether objects of a resource node are forgotten where they would be destroyed.
    pub fn skips_destroy(&self, id: NodeId) -> bool {
        self.resource(id).lifecycle.destroy == Some(false)
    }

    /// The provider block of a provider node; none for one that is implied.
    pub fn provider_block(&self, id: NodeId) -> Option<&ProviderBlock> {
        let node = self.node(id);
        let NodeKind::Provider(name, alias) = &node.kind else { return None };
        self.module(node.module).provider(name, alias.as_deref())
    }

    /// The call block of a call node.
    pub fn call(&self, id: NodeId) -> Option<&ModuleCall> {
        let node = self.node(id);
        let NodeKind::Call(name) = &node.kind else { return None };
        self.module(node.module).calls.get(name)
    }

    /// The variable, local and output of a node of that kind.
    pub fn variable(&self, id: NodeId) -> Option<&Variable> {
        let NodeKind::Variable(name) = &self.node(id).kind else { return None };
        self.module(self.node(id).module).variables.get(name)
    }

    /// The local of a node of that kind.
    pub fn local(&self, id: NodeId) -> Option<&Local> {
        let NodeKind::Local(name) = &self.node(id).kind else { return None };
        self.module(self.node(id).module).locals.get(name)
    }

    /// The output of a node of that kind.
    pub fn output(&self, id: NodeId) -> Option<&Output> {
        let NodeKind::Output(name) = &self.node(id).kind else { return None };
        self.module(self.node(id).module).outputs.get(name)
    }

    /// What a reference reads in a module: nothing for `each`, `path` and their like.
    pub fn targets(&self, module: ModuleId, reference: &Reference) -> Vec<NodeId> {
        let one = |kind: NodeKind| self.find(module, kind).into_iter().collect();
        match &reference.subject {
            Subject::Variable(name) => one(NodeKind::Variable(name.clone())),
            Subject::Local(name) => one(NodeKind::Local(name.clone())),
            Subject::Resource { mode, type_name, name } => {
                self.find_resource(module, *mode, type_name, name).into_iter().collect()
            }
            Subject::Module(name) => self.module_targets(module, name, &reference.steps),
            _ => Vec::new(),
        }
    }

    fn module_targets(&self, module: ModuleId, call: &ArcStr, steps: &[TraversalStep]) -> Vec<NodeId> {
        let Some(child) = self.modules[module.0 as usize].children.get(call).copied() else {
            return Vec::new();
        };
        let output = steps.iter().take(2).find_map(|step| match step {
            TraversalStep::Attribute(name) => Some(name),
            TraversalStep::Index(_) => None,
        });
        let call_node = self.find(module, NodeKind::Call(call.clone()));
        let node_of = |name: &ArcStr| self.find(child, NodeKind::Output(name.clone()));
        let outputs: Vec<NodeId> = match output.and_then(node_of) {
            Some(one) => vec![one],
            None => self.module(child).outputs.keys().filter_map(node_of).collect(),
        };
        outputs.into_iter().chain(call_node).collect()
    }

    fn add_module(&mut self, module: &Arc<Module>, parent: Option<(ModuleId, NodeId)>) -> ModuleId {
        let id = ModuleId(ordinal(self.modules.len()));
        self.modules.push(ModuleNode { module: module.clone(), parent, children: FxHashMap::default() });
        for name in module.variables.keys() {
            self.add(id, NodeKind::Variable(name.clone()));
        }
        for name in module.locals.keys() {
            self.add(id, NodeKind::Local(name.clone()));
        }
        for name in module.outputs.keys() {
            self.add(id, NodeKind::Output(name.clone()));
        }
        for provider in &module.providers {
            self.add(id, NodeKind::Provider(provider.name.clone(), provider.alias.clone()));
        }
        for (index, resource) in module.resources.iter().enumerate() {
            let node = self.add(id, NodeKind::Resource(index));
            self.resource_index
                .insert((id, resource.mode, resource.type_name.clone(), resource.name.clone()), node);
        }
        for name in module.checks.keys() {
            self.add(id, NodeKind::Check(name.clone()));
        }
        for (name, call) in &module.calls {
            let node = self.add(id, NodeKind::Call(name.clone()));
            let child = self.add_module(&call.module, Some((id, node)));
            self.modules[id.0 as usize].children.insert(name.clone(), child);
        }
        id
    }

    fn find_imports(&mut self) {
        for (id, node) in (0..).map(ModuleId).zip(&self.modules) {
            for (place, import) in node.module.imports.iter().enumerate() {
                let below = import.to.modules.iter().map(|module| module.name.clone());
                let path: Vec<ArcStr> = node.module.path.iter().cloned().chain(below).collect();
                let block = self.find_module(&path).zip(import.to.resource.as_ref());
                let target = block.and_then(|(module, resource)| {
                    self.find_resource(module, resource.mode, &resource.type_name, &resource.name)
                });
                match target {
                    Some(target) => self.imports.entry(target).or_default().push((id, place)),
                    None => self.homeless_imports.push((id, place)),
                }
            }
        }
    }

    /// The resource blocks of a module, as the module itself names them.
    pub(crate) fn blocks_in(&self, module: ModuleId) -> Vec<String> {
        self.module(module).resources.iter().map(|resource| resource.subject().to_string()).collect()
    }

    /// What the imports into a resource block read.
    fn import_reads(&self, id: NodeId, reads: &mut Vec<NodeId>) {
        for (module, place) in self.imports.get(&id).into_iter().flatten() {
            let import = &self.module(*module).imports[*place];
            let expressions = import.to.keys().chain(&import.for_each).chain([import.by.expression()]);
            for expression in expressions {
                self.push_targets(*module, expression.references(), reads);
            }
        }
    }

    fn add(&mut self, module: ModuleId, kind: NodeKind) -> NodeId {
        let id = NodeId(ordinal(self.nodes.len()));
        self.by_key.insert((module, kind.clone()), id);
        self.nodes.push(Node {
            module,
            kind,
            reads: Vec::new(),
            provider: None,
            provider_key: None,
            provider_address: None,
        });
        id
    }

    fn connect(&mut self, node: NodeId, diagnostics: &mut Diagnostics) {
        let module = self.node(node).module;
        let mut reads = self.direct_reads(node);
        if let Some((_, call)) = self.modules[module.0 as usize].parent {
            reads.push(call);
        }
        if let NodeKind::Resource(_) = self.node(node).kind
            && let Some((provider, key)) = self.provider_of(node, diagnostics)
        {
            if let Some(key) = &key {
                let outer = self.module_above(module, key.levels);
                self.push_targets(outer, key.expression.references(), &mut reads);
            }
            self.nodes[node.0 as usize].provider = Some(provider);
            self.nodes[node.0 as usize].provider_key = key;
            reads.push(provider);
        }
        // What is implied has its address already.
        if let NodeKind::Provider(name, alias) = self.node(node).kind.clone()
            && self.node(node).provider_address.is_none()
        {
            self.nodes[node.0 as usize].provider_address =
                Some(self.configuration_address(module, &name, alias));
        }
        reads.sort_unstable();
        reads.dedup();
        self.nodes[node.0 as usize].reads = reads;
    }

    fn direct_reads(&self, id: NodeId) -> Vec<NodeId> {
        let node = self.node(id);
        if let NodeKind::Variable(name) = &node.kind {
            let Some((parent, call)) = self.modules[node.module.0 as usize].parent else { return Vec::new() };
            let mut reads = Vec::new();
            if let Some(input) = self.call(call).and_then(|call| call.inputs.get(name)) {
                self.push_targets(parent, input.references(), &mut reads);
            }
            self.push_validation_targets(id, &mut reads);
            return reads;
        }
        let mut reads = Vec::new();
        self.visit_references(id, &mut |reference| reads.extend(self.targets(node.module, reference)));
        self.import_reads(id, &mut reads);
        reads
    }

    fn push_validation_targets(&self, id: NodeId, reads: &mut Vec<NodeId>) {
        let Some(variable) = self.variable(id) else { return };
        for condition in &variable.validations {
            for expression in [&condition.condition, &condition.error_message] {
                let mut found = Vec::new();
                self.push_targets(self.node(id).module, expression.references(), &mut found);
                reads.extend(found.into_iter().filter(|target| *target != id));
            }
        }
    }

    fn push_targets(&self, module: ModuleId, references: &[Reference], reads: &mut Vec<NodeId>) {
        for reference in references {
            reads.extend(self.targets(module, reference));
        }
    }

    /// Calls `visit` with every reference in a node's block (a variable's are its caller's and not visited).
    pub fn visit_references(&self, id: NodeId, visit: &mut dyn FnMut(&Reference)) {
        let mut expression = |expression: &Expression| expression.references().iter().for_each(&mut *visit);
        match &self.node(id).kind {
            NodeKind::Variable(_) => {}
            NodeKind::Local(_) => {
                if let Some(local) = self.local(id) {
                    expression(&local.expression);
                }
            }
            NodeKind::Output(_) => {
                let Some(output) = self.output(id) else { return };
                expression(&output.value);
                for condition in &output.preconditions {
                    expression(&condition.condition);
                    expression(&condition.error_message);
                }
                output.depends_on.iter().for_each(visit);
            }
            NodeKind::Call(_) => {
                let Some(call) = self.call(id) else { return };
                call.count.iter().chain(&call.for_each).chain(&call.enabled).for_each(expression);
                call.depends_on.iter().for_each(visit);
            }
            NodeKind::Resource(_) => visit_resource(self.resource(id), visit),
            NodeKind::Check(name) => {
                let check = self.module(self.node(id).module).checks.get(name);
                for condition in check.iter().flat_map(|check| &check.asserts) {
                    expression(&condition.condition);
                    expression(&condition.error_message);
                }
            }
            NodeKind::Provider(..) => {
                if let Some(block) = self.provider_block(id) {
                    block.for_each.iter().for_each(&mut expression);
                    block.body.references().into_iter().for_each(visit);
                }
            }
        }
    }

    /// The module so many calls further out.
    fn module_above(&self, module: ModuleId, levels: u32) -> ModuleId {
        let out = |at: ModuleId| self.modules[at.0 as usize].parent.map_or(at, |(parent, _)| parent);
        (0..levels).fold(module, |at, _| out(at))
    }

    /// The provider configuration of a resource: named, declared here, passed in, inherited, or implied at the root.
    fn provider_of(
        &mut self,
        id: NodeId,
        diagnostics: &mut Diagnostics,
    ) -> Option<(NodeId, Option<ProviderKey>)> {
        let module = self.node(id).module;
        let resource = self.resource(id);
        let is_named = resource.provider.is_some();
        let (alias, key, span) = resource.provider.clone().map_or_else(
            || (None, None, resource.span),
            |reference| (reference.alias, reference.key, reference.span),
        );
        let name = provider_name(resource.provider.as_ref(), &resource.type_name);
        let address = provider_address(self.module(module), &name);
        let key = key.map(|expression| ProviderKey { levels: 0, expression });
        let wanted = Wanted { name, address, alias, key, span, levels: 0 };
        let is_builtin = wanted.name == "terraform" && !is_named;
        if is_builtin && self.find(module, NodeKind::Provider(wanted.name.clone(), None)).is_none() {
            return Some((self.implied_at_root(wanted.name, wanted.address), None));
        }
        self.resolve_provider(module, wanted, diagnostics)
    }

    fn resolve_provider(
        &mut self,
        module: ModuleId,
        wanted: Wanted,
        diagnostics: &mut Diagnostics,
    ) -> Option<(NodeId, Option<ProviderKey>)> {
        let Wanted { name, address, alias, key, span, levels } = wanted;
        if let Some(found) = self.find(module, NodeKind::Provider(name.clone(), alias.clone())) {
            if let Some(diagnostic) = self.mismatched_key(found, key.as_ref(), span) {
                diagnostics.push(diagnostic);
                return None;
            }
            return Some((found, key));
        }
        let Some((parent, call)) = self.modules[module.0 as usize].parent else {
            if let Some(alias) = alias {
                diagnostics.push(self.missing_provider(module, &name, &alias, span));
                return None;
            }
            return Some((self.implied_at_root(name, address), key));
        };
        let levels = levels + 1;
        let passed = self.call(call).and_then(|call| {
            let is_it = |inside: &ProviderReference| inside.name == name && inside.alias == alias;
            call.providers.iter().find(|(inside, _)| is_it(inside)).map(|(_, outside)| outside.clone())
        });
        let outer = match (passed, alias) {
            (Some(outside), _) => Wanted {
                address: provider_address(self.module(parent), &outside.name),
                name: outside.name,
                alias: outside.alias,
                key: key.or(outside.key.map(|expression| ProviderKey { levels, expression })),
                span: outside.span,
                levels,
            },
            (None, None) => {
                let name = self.local_name_in(parent, &address, name);
                Wanted { name, address, alias: None, key, span, levels }
            }
            (None, Some(alias)) => {
                diagnostics.push(self.missing_provider(module, &name, &alias, span));
                return None;
            }
        };
        self.resolve_provider(parent, outer, diagnostics)
    }

    /// Whoever names a configuration that has instances names one of them, and nobody else does.
    fn mismatched_key(&self, provider: NodeId, key: Option<&ProviderKey>, span: Span) -> Option<Diagnostic> {
        let has_instances = self.provider_block(provider).is_some_and(|block| block.for_each.is_some());
        let name = self.name(provider);
        let name = name.rsplit_once("provider.").map_or(name.as_str(), |(_, name)| name);
        match (has_instances, key) {
            (true, None) => {
                let detail = format!(
                    "The provider configuration {name} has for_each, so one of its instances must be named."
                );
                let diagnostic =
                    Diagnostic::error("provider-instance", "Provider instance key required", detail);
                Some(
                    diagnostic
                        .at(span)
                        .hint(format!("Write {name}[KEY], with each.key or a text as the key.")),
                )
            }
            (false, Some(key)) => {
                let detail = format!(
                    "The provider configuration {name} is one: it has no for_each, so no instance of it can be named."
                );
                let diagnostic =
                    Diagnostic::error("provider-instance", "Unexpected provider instance key", detail);
                Some(
                    diagnostic
                        .at(key.expression.span())
                        .hint("Leave the key out, or give the provider block for_each."),
                )
            }
            _ => None,
        }
    }

    /// What the parent calls a provider that a module calls `name`: as it requires it, else the same or the provider's
    /// own name if that means it there; its whole address where the parent has no name for it, which no block can have.
    fn local_name_in(&self, parent: ModuleId, address: &ProviderAddress, name: ArcStr) -> ArcStr {
        let parent = self.module(parent);
        if let Some(found) = required_name(parent, address) {
            return found.clone();
        }
        let is_it = |name: &ArcStr| provider_address(parent, name) == *address;
        let mut plain =
            [name, address.type_name.as_str().into()].into_iter().filter(|name| !name.contains('/'));
        plain.find(is_it).unwrap_or_else(|| address.to_string().into())
    }

    fn missing_provider(&self, module: ModuleId, name: &str, alias: &str, span: Span) -> Diagnostic {
        let known: Vec<String> = self
            .module(module)
            .providers
            .iter()
            .filter(|block| block.name == name)
            .filter_map(|block| block.alias.as_ref().map(|alias| format!("{name}.{alias}")))
            .collect();
        let hint = if known.is_empty() {
            format!("Add a block: provider \"{name}\" {{ alias = \"{alias}\" }}.")
        } else {
            format!("Declared here: {}.", known.join(", "))
        };
        Diagnostic::error(
            "provider-not-declared",
            "Provider configuration not present",
            format!(
                "There is no provider configuration {name}.{alias} in this module, and none is passed to it."
            ),
        )
        .at(span)
        .hint(hint)
    }

    fn implied_at_root(&mut self, name: ArcStr, provider: ProviderAddress) -> NodeId {
        let key = NodeKind::Provider(name, None);
        if let Some(found) = self.find(ModuleId(0), key.clone()) {
            return found;
        }
        let id = self.add(ModuleId(0), key);
        let module_path = self.module(ModuleId(0)).path.clone();
        self.nodes[id.0 as usize].provider_address =
            Some(ProviderConfigAddress { module_path, provider, alias: None });
        id
    }

    fn configuration_address(
        &self,
        module: ModuleId,
        name: &str,
        alias: Option<ArcStr>,
    ) -> ProviderConfigAddress {
        let module = self.module(module);
        ProviderConfigAddress {
            module_path: module.path.clone(),
            provider: provider_address(module, name),
            alias,
        }
    }

    /// Sorts so that each node comes after what it reads; what stands in a cycle is reported and left out.
    fn sort(&mut self, diagnostics: &mut Diagnostics) {
        let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(self.nodes.len(), self.nodes.len() * 2);
        for _ in &self.nodes {
            graph.add_node(());
        }
        for (from, node) in self.nodes.iter().enumerate() {
            for to in &node.reads {
                graph.add_edge(NodeIndex::new(from), NodeIndex::new(to.0 as usize), ());
            }
        }
        // Components come out in postorder: what is read comes first.
        for component in kosaraju_scc(&graph) {
            let first = component[0];
            if component.len() > 1 || graph.contains_edge(first, first) {
                let members: Vec<NodeId> =
                    component.iter().map(|index| NodeId(ordinal(index.index()))).collect();
                diagnostics.push(self.cycle(&members));
                continue;
            }
            self.order.push(NodeId(ordinal(first.index())));
        }
    }

    fn cycle(&self, members: &[NodeId]) -> Diagnostic {
        let mut sorted = members.to_vec();
        sorted.sort_unstable();
        let mut walk = vec![sorted[0]];
        while let Some(next) = self
            .node(walk[walk.len() - 1])
            .reads
            .iter()
            .find(|next| members.contains(next) && (walk.len() == 1 || !walk[1..].contains(next)))
        {
            walk.push(*next);
            if *next == sorted[0] {
                break;
            }
        }
        let names: Vec<String> = walk.iter().map(|id| self.name(*id)).collect();
        let mut diagnostic = Diagnostic::error("cycle", "Cycle", format!("These objects read each other in a circle, so none can be evaluated first:\n  {}", names.join("\n  -> ")))
            .hint("Break the circle: let one of them take its value from something that the others do not depend on.");
        if let Some(span) = self.span(sorted[0]) {
            diagnostic = diagnostic.at(span);
        }
        diagnostic
    }

    /// How messages name a node: `module.a.local.x`.
    pub fn name(&self, id: NodeId) -> String {
        let node = self.node(id);
        let module = self.module(node.module);
        let prefix = module_prefix(&module.path);
        match &node.kind {
            NodeKind::Variable(name) => format!("{prefix}var.{name}"),
            NodeKind::Local(name) => format!("{prefix}local.{name}"),
            NodeKind::Output(name) => format!("{prefix}output.{name}"),
            NodeKind::Call(name) => format!("{prefix}module.{name}"),
            NodeKind::Resource(_) => format!("{prefix}{}", self.resource(id).subject()),
            NodeKind::Check(name) => format!("{prefix}check.{name}"),
            NodeKind::Provider(name, None) => format!("{prefix}provider.{name}"),
            NodeKind::Provider(name, Some(alias)) => format!("{prefix}provider.{name}.{alias}"),
        }
    }

    /// Where a node's block stands.
    pub fn span(&self, id: NodeId) -> Option<Span> {
        match &self.node(id).kind {
            NodeKind::Variable(_) => self.variable(id).map(|variable| variable.span),
            NodeKind::Local(_) => self.local(id).map(|local| local.span),
            NodeKind::Output(_) => self.output(id).map(|output| output.span),
            NodeKind::Call(_) => self.call(id).map(|call| call.span),
            NodeKind::Resource(_) => Some(self.resource(id).span),
            NodeKind::Provider(..) => self.provider_block(id).map(|block| block.span),
            NodeKind::Check(name) => {
                self.module(self.node(id).module).checks.get(name).map(|check| check.span)
            }
        }
    }

    /// Whether a node reads a managed resource, through however many others.
    pub fn reads_managed_resource(&self, id: NodeId) -> bool {
        let mut seen = vec![false; self.nodes.len()];
        let mut waiting = vec![id];
        while let Some(at) = waiting.pop() {
            if std::mem::replace(&mut seen[at.0 as usize], true) {
                continue;
            }
            if at != id
                && matches!(self.node(at).kind, NodeKind::Resource(_))
                && self.resource(at).mode == Mode::Managed
            {
                return true;
            }
            waiting.extend(&self.node(at).reads);
        }
        false
    }
}

fn visit_resource(resource: &Resource, visit: &mut dyn FnMut(&Reference)) {
    resource.body.references().into_iter().for_each(&mut *visit);
    resource.depends_on.iter().for_each(&mut *visit);
    let lifecycle = &resource.lifecycle;
    let conditions = lifecycle.preconditions.iter().chain(&lifecycle.postconditions);
    let in_conditions = conditions.flat_map(|condition| [&condition.condition, &condition.error_message]);
    let expressions = resource
        .count
        .iter()
        .chain(&resource.for_each)
        .chain(&lifecycle.enabled)
        .chain(&lifecycle.prevent_destroy)
        .chain(&lifecycle.replace_triggered_by)
        .chain(in_conditions);
    for expression in expressions {
        expression.references().iter().for_each(&mut *visit);
    }
    let connections =
        resource.provisioners.iter().flat_map(|one| &one.connection).chain(&resource.connection);
    let bodies = resource.provisioners.iter().map(|one| &one.body).chain(connections.map(|one| &one.body));
    bodies.for_each(|body| body.references().into_iter().for_each(&mut *visit));
}

/// The provider that a resource type's name implies: what stands before the first underscore.
fn implied_provider(type_name: &str) -> ArcStr {
    type_name.split('_').next().unwrap_or(type_name).into()
}

/// What a block calls its provider: as it says, else as its type implies.
pub fn provider_name(written: Option<&ProviderReference>, type_name: &str) -> ArcStr {
    written.map_or_else(|| implied_provider(type_name), |reference| reference.name.clone())
}

/// What a module calls a provider that it requires.
pub fn required_name<'a>(module: &'a Module, address: &ProviderAddress) -> Option<&'a ArcStr> {
    module.settings.required_providers.keys().find(|name| provider_address(module, name) == *address)
}

/// The address of a module's local provider name, by its `required_providers`, else as OpenTofu takes it.
pub fn provider_address(module: &Module, name: &str) -> ProviderAddress {
    let source = module.settings.required_providers.get(name).and_then(|required| required.source.as_deref());
    match source {
        None if name == "terraform" => ProviderAddress::builtin(),
        source => ProviderAddress::parse(source.unwrap_or(name))
            .unwrap_or_else(|_| ProviderAddress::hashicorp(name)),
    }
}

/// How names say which module something is in: `module.a.module.b.`, nothing for the root.
pub(crate) fn module_prefix(path: &[ArcStr]) -> String {
    let mut prefix = String::new();
    for name in path {
        prefix.push_str("module.");
        prefix.push_str(name);
        prefix.push('.');
    }
    prefix
}
