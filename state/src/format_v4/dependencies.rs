//! Block-level dependencies for other engines and tools, computed from our direct edges when a state is written or
//! shown.
//!
//! Other engines want the transitive closure. It is computed per block of the configuration and never per instance,
//! and it is bounded: past [`CLOSURE_LIMIT`] a block gets its direct dependencies only, so that a long chain writes a
//! file that grows with its length and not with its square. We never read these while our edges are there.

use crate::Name;
use crate::address::{BlockAddress, Edge, Mode};
use crate::model::{Object, State};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;

/// How many dependencies a block may have before only the direct ones are written.
pub(super) const CLOSURE_LIMIT: usize = 128;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Vertex {
    Block(BlockAddress),
    Node(Name),
}

/// The direct dependencies of every block and node of a state.
#[derive(Default)]
pub struct Dependencies {
    indices: FxHashMap<Vertex, usize>,
    vertices: Vec<Vertex>,
    next: Vec<Vec<usize>>,
    seen: FxHashSet<(usize, usize)>,
    /// What was found before: a block of a module that is called a thousand times is asked for as often.
    known: FxHashMap<usize, Vec<String>>,
}

impl Dependencies {
    /// Those of a state.
    pub fn of(state: &State) -> Self {
        let mut graph = Self::default();
        for (key, object) in state.objects() {
            graph.add_object(&key.address.block().in_configuration(), object);
        }
        for (node, edges) in &state.node_edges {
            let from = graph.index(Vertex::Node(node.clone()));
            for edge in edges {
                graph.add_edge(from, edge);
            }
        }
        graph
    }

    fn add_object(&mut self, block: &BlockAddress, object: &Object) {
        let from = self.index(Vertex::Block(block.clone()));
        if object.edges.is_empty() && object.provider_edges.is_empty() {
            for edge in object.effective_edges() {
                self.add_edge(from, &edge);
            }
        }
        for edge in object.edges.iter().chain(&object.provider_edges) {
            self.add_edge(from, edge);
        }
    }

    fn add_edge(&mut self, from: usize, edge: &Edge) {
        let to = self.index(match edge {
            Edge::Object(address) => Vertex::Block(address.block().in_configuration()),
            Edge::Block(block) => Vertex::Block(block.in_configuration()),
            Edge::Node(node) => Vertex::Node(node.clone()),
        });
        if from != to && self.seen.insert((from, to)) {
            self.next[from].push(to);
        }
    }

    fn index(&mut self, vertex: Vertex) -> usize {
        if let Some(index) = self.indices.get(&vertex) {
            return *index;
        }
        let index = self.vertices.len();
        self.indices.insert(vertex.clone(), index);
        self.vertices.push(vertex);
        self.next.push(Vec::new());
        index
    }

    /// What a block depends on, sorted. Of data other engines keep nothing.
    pub fn of_block(&mut self, block: &BlockAddress) -> &[String] {
        if block.mode() == Mode::Data {
            return &[];
        }
        let Some(start) = self.indices.get(&Vertex::Block(block.in_configuration())).copied() else {
            return &[];
        };
        if !self.known.contains_key(&start) {
            let found = self.find(start);
            self.known.insert(start, found);
        }
        &self.known[&start]
    }

    fn find(&self, start: usize) -> Vec<String> {
        let found = self.reach(start, true).unwrap_or_else(|| self.reach(start, false).unwrap_or_default());
        let mut texts: Vec<String> = found.into_iter().map(ToString::to_string).collect();
        texts.sort_unstable();
        texts
    }

    /// The blocks that can be reached, through other blocks or through nodes alone. None past the limit when through
    /// blocks; through nodes alone the limit cuts.
    fn reach(&self, start: usize, through_blocks: bool) -> Option<Vec<&BlockAddress>> {
        let mut visited = FxHashSet::from_iter([start]);
        let mut queue = VecDeque::from([start]);
        let mut found = Vec::new();
        while let Some(at) = queue.pop_front() {
            for to in &self.next[at] {
                if !visited.insert(*to) {
                    continue;
                }
                match &self.vertices[*to] {
                    Vertex::Node(_) => queue.push_back(*to),
                    Vertex::Block(block) => {
                        if found.len() == CLOSURE_LIMIT {
                            return if through_blocks { None } else { Some(found) };
                        }
                        found.push(block);
                        if through_blocks {
                            queue.push_back(*to);
                        }
                    }
                }
            }
        }
        Some(found)
    }
}
