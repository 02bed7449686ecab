//! What reads are called in the state.

use crate::ephemeral::Ephemerals;
use crate::evaluate::{Evaluator, Read};
use crate::graph::{Graph, NodeId, NodeKind};
use arcstr::ArcStr;
use formwork_state::{BlockAddress, Edge, ModuleInstance};

/// Gives reads the names that they are remembered by.
pub(crate) struct Naming<'a, 'e> {
    pub(crate) graph: &'a Graph,
    pub(crate) evaluator: &'a Evaluator<'e>,
    /// What ephemeral resources read stands in place of them; nothing where there are none.
    pub(crate) ephemerals: Option<&'a Ephemerals>,
}

impl Naming<'_, '_> {
    pub(crate) fn edges(&self, reads: &[Read]) -> Vec<Edge> {
        let through = self.ephemerals.map(|ephemerals| ephemerals.through(self.graph, reads));
        let reads = through.as_deref().unwrap_or(reads);
        let mut edges: Vec<Edge> = reads.iter().filter_map(|read| self.edge(*read)).collect();
        edges.sort();
        edges.dedup();
        edges
    }

    fn edge(&self, read: Read) -> Option<Edge> {
        match read {
            Read::Node(node, row) => Some(Edge::Node(self.node_name(node, row))),
            Read::Block(node, row) => Some(Edge::Block(self.block_address(node, row))),
            Read::Instance(node, row, place) => {
                let key = self.evaluator.resource(node, row).keys.get(place as usize)?.clone();
                Some(Edge::Object(self.block_address(node, row).instance(key)))
            }
        }
    }

    fn block_address(&self, node: NodeId, row: u32) -> BlockAddress {
        let resource = self.graph.resource(node);
        let module = self.evaluator.row(self.graph.node(node).module, row).address.clone();
        let mode = crate::plan::mode_of(resource.mode);
        BlockAddress::new(module, mode, resource.type_name.clone(), resource.name.clone())
    }

    pub(crate) fn node_name(&self, node: NodeId, row: u32) -> ArcStr {
        let graph_node = self.graph.node(node);
        let module: &ModuleInstance = &self.evaluator.row(graph_node.module, row).address;
        let prefix = if module.is_root() { String::new() } else { format!("{module}.") };
        let name = match &graph_node.kind {
            NodeKind::Variable(name) => format!("var.{name}"),
            NodeKind::Local(name) => format!("local.{name}"),
            NodeKind::Output(name) => format!("output.{name}"),
            NodeKind::Call(name) => format!("module.{name}"),
            NodeKind::Check(name) => format!("check.{name}"),
            NodeKind::Resource(_) | NodeKind::Provider(..) => self.graph.name(node),
        };
        ArcStr::from(format!("{prefix}{name}"))
    }
}
