//! Planning ephemeral resources: those whose configuration is known are open while the plan is made.
//!
//! Invariant: nothing of them is in the plan. One that waits for something is unknown here, and opened by apply.

use super::Planner;
use super::instances::{BlockWork, Outcome, PlannedRow};
use crate::ephemeral::{Connecting, Opener, Opening, has_any, storable};
use crate::evaluate::{Evaluator, ResourceCell, RowRepetition};
use crate::graph::NodeId;
use formwork_diagnostic::Diagnostic;
use formwork_sdk::Connection;
use formwork_state::ProviderConfigAddress;
use formwork_value::Value;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::sync::Arc;

impl Planner<'_> {
    /// Opens what is known and waits for nothing; the rest is unknown.
    pub(super) async fn plan_ephemeral(&self, blocks: Vec<BlockWork>) {
        for block in blocks {
            let mut values = vec![Value::unknown(block.kind.value_type.clone()); block.rows.len()];
            for (row, value) in block.rows.iter().zip(&mut values) {
                let is_ready = matches!(row.outcome, Outcome::Asked(_))
                    && row.configuration.is_wholly_known()
                    && !self.has_pending_dependency(block.node, &row.reads);
                let Some(connection) = row.provider.connection.as_ref().filter(|_| is_ready) else {
                    continue;
                };
                let opening = Opening {
                    address: &row.address,
                    kind: &block.kind,
                    connection,
                    configuration: &row.configuration,
                };
                match self.ephemerals.open(&self.environment, self.connections, opening).await {
                    Ok(opened) => {
                        *value = block.kind.mark_sensitive(&opened.mark_paths(&storable(row.marks.clone())));
                    }
                    Err(diagnostic) => self.report(diagnostic.at(self.graph.resource(block.node).span)),
                }
            }
            let rows = block.rows.iter().map(|row| PlannedRow {
                address: row.address.clone(),
                reads: row.reads.clone().into_boxed_slice(),
                change: None,
                is_deferred: false,
            });
            self.rows.borrow_mut().insert((block.node, block.row), rows.collect());
            let keys = block.expansion.rows.iter().map(|(key, _)| key.clone()).collect();
            let cell = ResourceCell::new(block.expansion.repetition, keys, values);
            self.evaluator.set_resource(block.node, block.row, cell);
            self.check_postconditions(&block);
        }
    }

    /// Opens what the prior value of a provider configuration reads.
    pub(super) async fn open_for_prior(&self, address: &ProviderConfigAddress, prior: &Evaluator<'_>) {
        if !has_any(self.graph) {
            return;
        }
        let Some(node) = super::provider::node_of_configuration(self.graph, address) else { return };
        let opener = Opener {
            graph: self.graph,
            evaluator: prior,
            ephemerals: &self.ephemerals,
            environment: &self.environment,
            connections: self.connections,
        };
        opener.open_for(node, &PriorConnecting { planner: self, prior }).await;
        // What cannot be said over the state alone is asked again over the plan, and reported then.
        prior.take_diagnostics();
    }

    pub(super) async fn close_ephemerals(&self) {
        let found = self.ephemerals.close_all(&self.environment, self.connections).await;
        self.diagnostics.borrow_mut().append(found);
    }
}

/// Connects through the configurations that the state was made with.
struct PriorConnecting<'x, 'p> {
    planner: &'x Planner<'p>,
    prior: &'x Evaluator<'x>,
}

impl Connecting for PriorConnecting<'_, '_> {
    fn connection<'s>(
        &'s self,
        node: NodeId,
        row: u32,
        repetition: &'s RowRepetition,
    ) -> LocalBoxFuture<'s, Option<Arc<dyn Connection>>> {
        async move {
            let address = super::provider::address_of_instance(self.prior, node, row, repetition.clone())?;
            let configuration = self.planner.prior_configuration(&address, self.prior)?;
            let plain = configuration.unmark_deep().0;
            self.planner.connections.connect(&address, &plain).await.ok()
        }
        .boxed_local()
    }

    fn report(&self, diagnostic: Diagnostic) {
        self.planner.report(diagnostic);
    }
}
