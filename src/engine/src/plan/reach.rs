//! How far a run reaches: the blocks and objects that a [`Focus`] takes in with all that must go along.
//!
//! Invariant: what is made brings along all that it reads, what is removed all that reads it; what is excluded keeps
//! everything back that would need it to be done first. Found in one pass over blocks and objects.

use crate::focus::Focus;
use crate::graph::{Graph, NodeId, NodeKind};
use crate::model::RunMode;
use crate::ordinal::ordinal;
use crate::plan::mode_of;
use formwork_state::{Address, BlockAddress, Edge, Key, ModuleInstance, ObjectKey, Selector, State};
use rustc_hash::{FxHashMap, FxHashSet};

/// The blocks and objects that a run is about.
#[derive(Debug, Default)]
pub(crate) enum Reach {
    /// All.
    #[default]
    Everything,
    /// Those named, and those that they read.
    Targets {
        /// Blocks of which something is named.
        named: FxHashSet<NodeId>,
        /// Blocks and values that those read.
        needed: FxHashSet<NodeId>,
        /// What was named.
        selectors: Vec<Selector>,
    },
    /// All but those named and those that read them.
    AllBut {
        /// Blocks and values that are left out.
        excluded: FxHashSet<NodeId>,
        /// What was named.
        selectors: Vec<Selector>,
    },
    /// Exactly these objects: what a destroying run removes.
    Objects(FxHashSet<Address>),
}

impl Reach {
    /// The reach of a focus over a configuration and what stands.
    pub(crate) fn of(focus: &Focus, graph: &Graph, state: &State, mode: RunMode) -> Self {
        if focus.is_everything() {
            return Self::Everything;
        }
        match (mode, focus.targets.is_empty()) {
            (RunMode::Destroy, _) => Self::Objects(destroyed(focus, state)),
            (_, false) => {
                let named = touched(graph, &focus.targets);
                let needed = closure(named.iter().flat_map(|id| &graph.node(*id).reads).copied(), |id| {
                    &graph.node(id).reads
                });
                Self::Targets { named, needed, selectors: focus.targets.clone() }
            }
            (_, true) => {
                let readers = readers(graph);
                let read_by = |id: NodeId| &readers[id.0 as usize];
                let touched = touched(graph, &focus.excludes);
                let mut excluded = closure(touched.iter().flat_map(|id| read_by(*id)).copied(), read_by);
                let covers = |block: &BlockAddress| {
                    focus.excludes.iter().any(|selector| selector.contains(&block.instance(Key::None)))
                };
                excluded.extend(blocks(graph, covers));
                Self::AllBut { excluded, selectors: focus.excludes.clone() }
            }
        }
    }

    /// Whether it takes in all there is.
    pub(crate) fn is_everything(&self) -> bool {
        matches!(self, Self::Everything)
    }

    /// Whether a block, or something of it, is taken in.
    pub(crate) fn has_node(&self, id: NodeId) -> bool {
        match self {
            Self::Everything | Self::Objects(_) => true,
            Self::Targets { named, needed, .. } => named.contains(&id) || needed.contains(&id),
            Self::AllBut { excluded, .. } => !excluded.contains(&id),
        }
    }

    /// Whether an object is taken in.
    pub(crate) fn has(&self, graph: &Graph, address: &Address) -> bool {
        let is_named = |selectors: &[Selector]| selectors.iter().any(|selector| selector.contains(address));
        match self {
            Self::Everything => true,
            Self::Objects(objects) => objects.contains(address),
            Self::Targets { needed, selectors, .. } => {
                is_named(selectors) || node_of(graph, address).is_some_and(|node| needed.contains(&node))
            }
            Self::AllBut { excluded, selectors } => {
                !is_named(selectors) && node_of(graph, address).is_none_or(|node| !excluded.contains(&node))
            }
        }
    }

    /// Whether a value is worked out from nothing but what is taken in.
    pub(crate) fn has_value(&self, graph: &Graph, id: NodeId) -> bool {
        let Self::Targets { named, needed, .. } = self else { return self.has_node(id) };
        if needed.contains(&id) {
            return true;
        }
        let below = closure([id].into_iter(), |id| &graph.node(id).reads);
        let mut resources =
            below.iter().filter(|id| matches!(graph.node(**id).kind, NodeKind::Resource(_))).peekable();
        resources.peek().is_some() && resources.all(|id| named.contains(id) || needed.contains(id))
    }
}

/// The node of an object's block, where it is configured.
pub(crate) fn node_of(graph: &Graph, address: &Address) -> Option<NodeId> {
    let module = graph.find_module_of(address.module())?;
    let mode = crate::plan::language_mode(address.mode());
    graph.find_resource(module, mode, address.type_name(), address.name())
}

/// Resource blocks of which something is named.
fn touched(graph: &Graph, selectors: &[Selector]) -> FxHashSet<NodeId> {
    blocks(graph, |block| selectors.iter().any(|selector| selector.touches(block)))
}

/// Resource blocks whose address without keys meets a condition.
fn blocks(graph: &Graph, is_wanted: impl Fn(&BlockAddress) -> bool) -> FxHashSet<NodeId> {
    let all = (0..ordinal(graph.nodes.len())).map(NodeId);
    all.filter(|id| matches!(graph.node(*id).kind, NodeKind::Resource(_)))
        .filter(|id| {
            let resource = graph.resource(*id);
            let path = &graph.module(graph.node(*id).module).path;
            let root = ModuleInstance::root();
            let module = path.iter().fold(root, |module, name| module.child(name.clone(), Key::None));
            let (type_name, name) = (resource.type_name.clone(), resource.name.clone());
            is_wanted(&BlockAddress::new(module, mode_of(resource.mode), type_name, name))
        })
        .collect()
}

fn readers(graph: &Graph) -> Vec<Vec<NodeId>> {
    let mut readers = vec![Vec::new(); graph.nodes.len()];
    for (id, node) in (0..).map(NodeId).zip(&graph.nodes) {
        for read in &node.reads {
            readers[read.0 as usize].push(id);
        }
    }
    readers
}

fn closure<'a>(
    start: impl Iterator<Item = NodeId>,
    next: impl Fn(NodeId) -> &'a Vec<NodeId>,
) -> FxHashSet<NodeId> {
    let mut waiting: Vec<NodeId> = start.collect();
    let mut seen: FxHashSet<NodeId> = waiting.iter().copied().collect();
    while let Some(id) = waiting.pop() {
        for read in next(id) {
            if seen.insert(*read) {
                waiting.push(*read);
            }
        }
    }
    seen
}

/// The objects that a destroying run removes: those named with all that stand on them, or all but those named and
/// what they stand on.
fn destroyed(focus: &Focus, state: &State) -> FxHashSet<Address> {
    let covered = |selectors: &[Selector]| -> Vec<Edge> {
        let addresses = state.objects().map(|(key, _)| &key.address);
        let named = addresses.filter(|address| selectors.iter().any(|selector| selector.contains(address)));
        named.map(|address| Edge::Object(address.clone())).collect()
    };
    let remembered = Remembered::of(state);
    if !focus.targets.is_empty() {
        return follow(covered(&focus.targets), &remembered.readers);
    }
    let kept = follow(covered(&focus.excludes), &remembered.reads);
    state.objects().map(|(key, _)| key.address.clone()).filter(|address| !kept.contains(address)).collect()
}

/// The edges of a state, in both directions. A block stands between its objects and whoever reads it whole, so that
/// n readers of n objects are 2n edges.
#[derive(Default)]
struct Remembered {
    reads: FxHashMap<Edge, Vec<Edge>>,
    readers: FxHashMap<Edge, Vec<Edge>>,
}

impl Remembered {
    fn of(state: &State) -> Self {
        let mut all = Self::default();
        for (ObjectKey { address, .. }, object) in state.objects() {
            let this = Edge::Object(address.clone());
            for block in [address.block(), address.block().in_configuration()] {
                all.add(Edge::Block(block), this.clone());
            }
            for edge in object.effective_edges() {
                all.add(this.clone(), edge);
            }
        }
        for (name, edges) in &state.node_edges {
            for edge in edges {
                all.add(Edge::Node(name.clone()), edge.clone());
            }
        }
        all
    }

    fn add(&mut self, reader: Edge, read: Edge) {
        self.readers.entry(read.clone()).or_default().push(reader.clone());
        self.reads.entry(reader).or_default().push(read);
    }
}

/// The objects among all that can be reached.
fn follow(mut waiting: Vec<Edge>, edges: &FxHashMap<Edge, Vec<Edge>>) -> FxHashSet<Address> {
    let mut seen: FxHashSet<Edge> = waiting.iter().cloned().collect();
    while let Some(place) = waiting.pop() {
        for next in edges.get(&place).into_iter().flatten() {
            if seen.insert(next.clone()) {
                waiting.push(next.clone());
            }
        }
    }
    let object = |edge| match edge {
        Edge::Object(address) => Some(address),
        Edge::Block(_) | Edge::Node(_) => None,
    };
    seen.into_iter().filter_map(object).collect()
}
