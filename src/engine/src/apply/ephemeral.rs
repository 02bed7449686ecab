//! Ephemeral resources while a plan is performed: opened when the first step needs them, closed at the end.

use super::Applier;
use crate::ephemeral::{Connecting, Opener};
use crate::evaluate::RowRepetition;
use crate::graph::{ModuleId, NodeId, NodeKind};
use crate::ordinal::ordinal;
use formwork_diagnostic::Diagnostic;
use formwork_sdk::Connection;
use formwork_value::Value;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::sync::Arc;

impl Applier<'_> {
    /// Opens what a block reads of ephemeral resources, directly or through values and providers.
    pub(super) async fn open_for(&self, node: NodeId) {
        if !self.has_ephemerals {
            return;
        }
        let opener = Opener {
            graph: self.graph,
            evaluator: &self.evaluator,
            ephemerals: &self.ephemerals,
            environment: &self.environment,
            connections: self.connections,
        };
        opener.open_for(node, self).await;
    }

    /// Opens what root outputs and checks read.
    pub(super) async fn open_for_ends(&self) {
        let is_end = |id: &NodeId| {
            let node = self.graph.node(*id);
            match node.kind {
                NodeKind::Output(_) => node.module == ModuleId(0),
                NodeKind::Check(_) => true,
                _ => false,
            }
        };
        if self.has_ephemerals {
            for id in (0..ordinal(self.graph.nodes.len())).map(NodeId).filter(is_end) {
                self.open_for(id).await;
            }
        }
    }

    /// Waits for work and meanwhile keeps open what is open.
    pub(super) async fn while_renewing<T>(&self, work: impl Future<Output = T>) -> T {
        let report = |diagnostic| self.report(diagnostic);
        self.ephemerals.while_renewing(&self.environment, self.connections, work, &report).await
    }

    pub(super) async fn close_ephemerals(&self) {
        let found = self.ephemerals.close_all(&self.environment, self.connections).await;
        self.diagnostics.borrow_mut().append(found);
    }

    /// The configuration of an instance as it is by now, for a step whose recorded one leaves out what is never stored.
    pub(super) async fn configuration_again(&self, address: &formwork_state::Address) -> Option<Value> {
        let (node, row, place) = self.position(address)?;
        self.open_for(node).await;
        let graph_node = self.graph.node(node);
        let resource = self.graph.resource(node);
        let provider = graph_node.provider.and_then(|id| self.graph.node(id).provider_address.as_ref())?;
        let kind = self.connections.kind(&provider.provider, address.mode(), address.type_name())?;
        let repetition = self.evaluator.expansion(node, row).rows.get(place as usize)?.1.clone();
        let scope = self.evaluator.scope(graph_node.module, row, repetition);
        let (value, found) = resource.body.decode(&kind.decode, &scope);
        let value = value.unmark_deep().0;
        (!found.has_errors() && value.is_wholly_known()).then_some(value)
    }
}

/// Connects to what is made: the provider's configuration over what stands by then.
impl Connecting for Applier<'_> {
    fn connection<'s>(
        &'s self,
        node: NodeId,
        row: u32,
        repetition: &'s RowRepetition,
    ) -> LocalBoxFuture<'s, Option<Arc<dyn Connection>>> {
        async move {
            let provider = self.graph.node(node).provider?;
            let address = crate::plan::address_of_instance(&self.evaluator, node, row, repetition.clone())?;
            match self.connect_planned(provider, &address).await {
                Ok(planned) => Some(planned.connection),
                Err(diagnostic) => {
                    if let Some(diagnostic) = diagnostic {
                        Applier::report(self, diagnostic);
                    }
                    None
                }
            }
        }
        .boxed_local()
    }

    fn report(&self, diagnostic: Diagnostic) {
        Applier::report(self, diagnostic);
    }
}
