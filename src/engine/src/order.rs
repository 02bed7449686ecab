//! From changes to steps: what waits for what.
//!
//! Invariant: everything about order is decided here, once. Waiting for what makes comes from what was read in this
//! plan; waiting for what unmakes comes from the edges remembered in the state. Values and whole blocks in between
//! become barriers, so that n readers of n instances cost 2n edges and not n².

use crate::evaluate::Read;
use crate::graph::{Graph, NodeId, NodeKind};
use crate::model::{Action, Step, Work};
use crate::ordinal::ordinal;
use crate::plan::Planner;
use arcstr::ArcStr;
use formwork_diagnostic::Diagnostic;
use formwork_state::{Address, BlockAddress, Edge, Mode, Object, ObjectKey};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use rustc_hash::{FxHashMap, FxHashSet};

/// Blocks whose replacements are made before the old object goes: those that say so, and everything they read.
pub fn spread_create_before_destroy(graph: &Graph) -> FxHashSet<NodeId> {
    let all = (0..ordinal(graph.nodes.len())).map(NodeId);
    let mut waiting: Vec<NodeId> = all
        .filter(|id| matches!(graph.node(*id).kind, NodeKind::Resource(_)))
        .filter(|id| graph.resource(*id).lifecycle.create_before_destroy == Some(true))
        .collect();
    let mut seen: FxHashSet<NodeId> = waiting.iter().copied().collect();
    while let Some(id) = waiting.pop() {
        for read in &graph.node(id).reads {
            if seen.insert(*read) {
                waiting.push(*read);
            }
        }
    }
    seen.into_iter().filter(|id| matches!(graph.node(*id).kind, NodeKind::Resource(_))).collect()
}

/// All steps of a plan, in an order that apply may follow.
pub(crate) fn steps(planner: &Planner<'_>) -> Result<Vec<Step>, Diagnostic> {
    let mut order = Order {
        planner,
        steps: Vec::new(),
        make: Vec::new(),
        unmake: Vec::new(),
        barriers: FxHashMap::default(),
        first_release: u32::MAX,
    };
    order.add_work();
    if order.steps.is_empty() {
        return Ok(Vec::new());
    }
    order.wait_for_reads();
    order.wait_for_releases();
    order.sorted()
}

struct Order<'a, 'p> {
    planner: &'a Planner<'p>,
    steps: Vec<Step>,
    /// By change: the step that makes, updates or reads.
    make: Vec<Option<u32>>,
    /// By change: the step that removes or forgets.
    unmake: Vec<Option<u32>>,
    barriers: FxHashMap<Read, Option<u32>>,
    /// Barriers from here on join what lets go of an object.
    first_release: u32,
}

impl Order<'_, '_> {
    fn push(&mut self, work: Work, after: Vec<u32>) -> u32 {
        let id = ordinal(self.steps.len());
        self.steps.push(Step { id, work, after });
        id
    }

    fn add_work(&mut self) {
        let changes = self.planner.changes.borrow();
        for (change, action) in (0u32..).zip(changes.iter().map(|change| change.action)) {
            let (make, unmake) = match action {
                Action::NoOp => (None, None),
                Action::Create => (Some(self.push(Work::Create { change }, Vec::new())), None),
                Action::Update => (Some(self.push(Work::Update { change }, Vec::new())), None),
                Action::Read => (Some(self.push(Work::Read { change }, Vec::new())), None),
                Action::Delete => (None, Some(self.push(Work::Delete { change }, Vec::new()))),
                Action::Forget => (None, Some(self.push(Work::Forget { change }, Vec::new()))),
                Action::ForgetThenCreate => {
                    let unmake = self.push(Work::Forget { change }, Vec::new());
                    (Some(self.push(Work::Create { change }, vec![unmake])), Some(unmake))
                }
                Action::DeleteThenCreate => {
                    let unmake = self.push(Work::Delete { change }, Vec::new());
                    (Some(self.push(Work::Create { change }, vec![unmake])), Some(unmake))
                }
                Action::CreateThenDelete => {
                    let make = self.push(Work::Create { change }, Vec::new());
                    (Some(make), Some(self.push(Work::Delete { change }, vec![make])))
                }
            };
            self.make.push(make);
            self.unmake.push(unmake);
        }
    }

    /// What is made waits for everything that its expressions and its provider's configuration read.
    fn wait_for_reads(&mut self) {
        let planner = self.planner;
        for ((node, _), rows) in planner.rows.borrow().iter() {
            // Instances of one configuration are written once, so they read the same.
            let provider = planner.any_provider_of(*node);
            for row in rows.iter() {
                let Some(make) = row.change.and_then(|change| self.make[change as usize]) else { continue };
                let provider_reads = provider.iter().flat_map(|provider| provider.reads.iter());
                let after: Vec<u32> = row
                    .reads
                    .iter()
                    .chain(provider_reads)
                    .filter_map(|read| self.made_by(*read))
                    .filter(|id| *id != make)
                    .collect();
                self.steps[make as usize].after.extend(after);
            }
        }
    }

    /// The step after which something that is read stands as planned; none when nothing happens to it.
    fn made_by(&mut self, read: Read) -> Option<u32> {
        if let Some(known) = self.barriers.get(&read) {
            return *known;
        }
        // A cycle cannot arise between reads; the entry only stops a block that reads its own instances.
        self.barriers.insert(read, None);
        let made = stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || self.find_made(read));
        self.barriers.insert(read, made);
        made
    }

    fn find_made(&mut self, read: Read) -> Option<u32> {
        let planner = self.planner;
        let below: Vec<Read> = match read {
            Read::Node(node, row) => planner.evaluator.reads(node, row).to_vec(),
            Read::Instance(node, row, place) => {
                let rows = planner.rows.borrow().get(&(node, row)).cloned()?;
                let row = rows.get(place as usize)?;
                if let Some(made) = row.change.and_then(|change| self.make[change as usize]) {
                    return Some(made);
                }
                row.reads.to_vec()
            }
            Read::Block(node, row) => {
                let rows = planner.rows.borrow().get(&(node, row)).map_or(0, |rows| rows.len());
                (0..ordinal(rows)).map(|place| Read::Instance(node, row, place)).collect()
            }
        };
        let mut after: Vec<u32> = below.into_iter().filter_map(|read| self.made_by(read)).collect();
        self.join(&mut after)
    }

    /// One step that stands for several.
    fn join(&mut self, after: &mut Vec<u32>) -> Option<u32> {
        after.sort_unstable();
        after.dedup();
        match after.as_slice() {
            [] => None,
            [one] => Some(*one),
            _ => Some(self.push(Work::Barrier, std::mem::take(after))),
        }
    }

    /// What is removed waits until everything that read it is removed too, or updated so that it may have let go.
    fn wait_for_releases(&mut self) {
        if self.unmake.iter().all(Option::is_none) {
            return;
        }
        self.first_release = ordinal(self.steps.len());
        let mut releases = Releases::gather(self);
        let changes = self.planner.changes.borrow();
        for (change, unmake) in self.unmake.clone().into_iter().enumerate() {
            let Some(unmake) = unmake else { continue };
            let address = &changes[change].address;
            let is_in_place =
                matches!(changes[change].action, Action::DeleteThenCreate | Action::ForgetThenCreate);
            let keeps_updates = !is_in_place;
            let mut after = releases.of_object(self, address, keeps_updates);
            after.retain(|id| *id != unmake && Some(*id) != self.make[change]);
            self.steps[unmake as usize].after.extend(after);
        }
    }

    /// Renumbers so that every step comes after those it waits for.
    fn sorted(mut self) -> Result<Vec<Step>, Diagnostic> {
        for step in &mut self.steps {
            step.after.sort_unstable();
            step.after.dedup();
        }
        let components = loop {
            let components = self.components();
            if components.iter().all(|component| component.len() == 1) {
                break components;
            }
            for component in components.iter().filter(|component| component.len() > 1) {
                if !self.let_go_early(component) {
                    return Err(self.cycle(component));
                }
            }
        };
        let mut place = vec![0u32; self.steps.len()];
        let mut sorted = Vec::with_capacity(self.steps.len());
        for component in components {
            let id = component[0].index();
            place[id] = ordinal(sorted.len());
            sorted.push(self.steps[id].clone());
        }
        for step in &mut sorted {
            step.id = place[step.id as usize];
            step.after.iter_mut().for_each(|before| *before = place[*before as usize]);
        }
        Ok(sorted)
    }

    /// Steps that wait for each other, in postorder: what is waited for comes first.
    fn components(&self) -> Vec<Vec<NodeIndex>> {
        let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(self.steps.len(), self.steps.len() * 2);
        for _ in &self.steps {
            graph.add_node(());
        }
        for step in &self.steps {
            for before in &step.after {
                graph.add_edge(NodeIndex::new(step.id as usize), NodeIndex::new(*before as usize), ());
            }
        }
        kosaraju_scc(&graph)
    }

    /// That an object is removed only when its readers are updated is a kindness to them. Where the update itself
    /// waits for something that can be made only after the removal, it is given up; whether there was anything to
    /// give up.
    fn let_go_early(&mut self, component: &[NodeIndex]) -> bool {
        let members: FxHashSet<u32> = component.iter().map(|index| ordinal(index.index())).collect();
        let is_update: Vec<bool> =
            self.steps.iter().map(|step| matches!(step.work, Work::Update { .. })).collect();
        let mut has_changed = false;
        for id in &members {
            let step = &mut self.steps[*id as usize];
            let is_release = match step.work {
                Work::Delete { .. } | Work::Forget { .. } => true,
                Work::Barrier => *id >= self.first_release,
                _ => false,
            };
            let before = step.after.len();
            step.after.retain(|other| !(is_release && members.contains(other) && is_update[*other as usize]));
            has_changed |= step.after.len() != before;
        }
        has_changed
    }

    fn cycle(&self, component: &[NodeIndex]) -> Diagnostic {
        let changes = self.planner.changes.borrow();
        let names: Vec<String> = component
            .iter()
            .filter_map(|index| {
                let work = &self.steps[index.index()].work;
                let change = &changes[work.change()? as usize];
                let verb = if matches!(work, Work::Delete { .. }) { "destroy" } else { "apply" };
                Some(format!("{} ({verb})", change.address))
            })
            .collect();
        Diagnostic::error(
            "step-cycle",
            "Cycle",
            format!("These changes wait for each other in a circle:\n  {}", names.join("\n  ")),
        )
        .hint("Apply in two steps, or set create_before_destroy on the object that is replaced.")
    }
}

/// Who read what, by the state's remembered edges.
#[derive(Default)]
struct Releases {
    of_objects: FxHashMap<Address, Vec<Reader>>,
    of_blocks: FxHashMap<BlockAddress, Vec<Reader>>,
    of_nodes: FxHashMap<ArcStr, Vec<Reader>>,
    of_config_blocks: FxHashMap<String, Vec<Reader>>,
    barriers: FxHashMap<(ArcStr, bool), Option<u32>>,
}

#[derive(Clone)]
enum Reader {
    /// The step that lets go, and whether it is an update.
    Step(u32, bool),
    /// A value in between.
    Node(ArcStr),
    /// A data source in between.
    Data(Address),
}

impl Releases {
    fn gather(order: &Order<'_, '_>) -> Self {
        let mut releases = Self::default();
        let mut release_of: FxHashMap<ObjectKey, (u32, bool)> = FxHashMap::default();
        for (index, change) in order.planner.changes.borrow().iter().enumerate() {
            let step = order.unmake[index]
                .map(|step| (step, false))
                .or_else(|| order.make[index].map(|step| (step, true)));
            if let Some(step) = step {
                release_of.insert(
                    ObjectKey { address: change.address.clone(), deposed: change.deposed.clone() },
                    step,
                );
            }
        }
        let state = order.planner.state;
        for (key, object) in state.objects() {
            if let Some((step, is_update)) = release_of.get(key) {
                releases.add_object(object, &Reader::Step(*step, *is_update));
            } else if key.address.mode() == Mode::Data {
                releases.add_object(object, &Reader::Data(key.address.clone()));
            }
        }
        for (node, edges) in &state.node_edges {
            for edge in edges {
                releases.add(edge, Reader::Node(node.clone()));
            }
        }
        releases
    }

    fn add_object(&mut self, object: &Object, reader: &Reader) {
        for edge in object.edges.iter().chain(&object.provider_edges) {
            self.add(edge, reader.clone());
        }
        if object.edges.is_empty() {
            for dependency in &object.dependencies {
                self.of_config_blocks.entry(dependency.clone()).or_default().push(reader.clone());
            }
        }
    }

    fn add(&mut self, edge: &Edge, reader: Reader) {
        match edge {
            Edge::Object(address) => self.of_objects.entry(address.clone()).or_default().push(reader),
            Edge::Block(block) => self.of_blocks.entry(block.clone()).or_default().push(reader),
            Edge::Node(node) => self.of_nodes.entry(node.clone()).or_default().push(reader),
        }
    }

    /// Steps after which nobody needs the object any more. An update does not count where the object is removed
    /// before it is made again: the update waits for the new one.
    fn of_object(&mut self, order: &mut Order<'_, '_>, address: &Address, keeps_updates: bool) -> Vec<u32> {
        let readers = self.readers_of(address);
        self.steps_of(order, readers, keeps_updates)
    }

    fn readers_of(&self, address: &Address) -> Vec<Reader> {
        let mut readers: Vec<Reader> = self.of_objects.get(address).cloned().unwrap_or_default();
        readers.extend(self.of_blocks.get(&address.block()).cloned().unwrap_or_default());
        readers
            .extend(self.of_config_blocks.get(&address.block().config_name()).cloned().unwrap_or_default());
        readers
    }

    fn steps_of(&mut self, order: &mut Order<'_, '_>, readers: Vec<Reader>, keeps_updates: bool) -> Vec<u32> {
        let mut steps = Vec::new();
        for reader in readers {
            match reader {
                Reader::Step(step, is_update) => steps.extend((keeps_updates || !is_update).then_some(step)),
                Reader::Node(node) => steps.extend(self.of_node(order, &node, keeps_updates)),
                Reader::Data(address) => steps.extend(self.of_data(order, &address, keeps_updates)),
            }
        }
        steps
    }

    fn of_node(&mut self, order: &mut Order<'_, '_>, node: &ArcStr, keeps_updates: bool) -> Option<u32> {
        let readers = self.of_nodes.get(node).cloned().unwrap_or_default();
        self.barrier(order, node.clone(), readers, keeps_updates)
    }

    fn of_data(&mut self, order: &mut Order<'_, '_>, address: &Address, keeps_updates: bool) -> Option<u32> {
        let readers = self.readers_of(address);
        self.barrier(order, ArcStr::from(address.to_string()), readers, keeps_updates)
    }

    /// One step for all readers of something in between, made once.
    fn barrier(
        &mut self,
        order: &mut Order<'_, '_>,
        name: ArcStr,
        readers: Vec<Reader>,
        keeps_updates: bool,
    ) -> Option<u32> {
        let key = (name, keeps_updates);
        if let Some(known) = self.barriers.get(&key) {
            return *known;
        }
        self.barriers.insert(key.clone(), None);
        let mut steps =
            stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || self.steps_of(order, readers, keeps_updates));
        let joined = order.join(&mut steps);
        self.barriers.insert(key, joined);
        joined
    }
}
