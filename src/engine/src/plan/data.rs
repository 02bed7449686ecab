//! Planning data sources: read those that are ready, leave the others to apply.
//!
//! Invariant: one is read only when its configuration is known and nothing it depends on is about to change.

use super::Planner;
use super::instances::{BlockWork, Outcome, PlannedRow};
use crate::connections::error_diagnostic;
use crate::evaluate::{Read, ResourceCell};
use crate::event::Event;
use crate::graph::NodeId;
use crate::model::{Action, ActionReason, DataResult};
use crate::objects::decode_object;
use crate::ordinal::ordinal;
use formwork_diagnostic::Severity;
use formwork_sdk::{Connection, ProviderError, Request, Response};
use formwork_state::ObjectKey;
use formwork_value::Value;
use std::sync::Arc;

impl Planner<'_> {
    /// Data sources whose configuration is known and that wait for nothing are read at once, the others at apply.
    pub(super) async fn plan_data(&self, blocks: Vec<BlockWork>) {
        for mut block in blocks {
            let (ready, waiting): (Vec<usize>, Vec<usize>) = (0..block.rows.len())
                .filter(|at| matches!(block.rows[*at].outcome, Outcome::Asked(_)))
                .partition(|at| {
                    let row = &block.rows[*at];
                    row.configuration.is_wholly_known()
                        && !self.has_pending_dependency(block.node, &row.reads)
                });
            let mut values: Vec<Value> =
                vec![Value::unknown(block.kind.value_type.clone()); block.rows.len()];
            self.keep_data(&block, &mut values);
            for (connection, ready) in self.rows_by_connection(&block, ready) {
                self.read_ready(&mut block, &connection, &ready, &mut values).await;
            }
            let mut changes = vec![None; block.rows.len()];
            for at in waiting {
                let row = &block.rows[at];
                let reason = if row.configuration.is_wholly_known() {
                    ActionReason::ReadBecauseDependencyPending
                } else {
                    ActionReason::ReadBecauseConfigUnknown
                };
                let planned = formwork_sdk::default_plan(
                    &block.kind.schema,
                    &self.plan_request(&block, row, Some(Vec::new())),
                );
                let after = block.kind.mark_sensitive(&planned.planned.mark_paths(&row.marks));
                values[at] = after.clone();
                changes[at] =
                    Some(self.push_change(&block, row, &planned, Action::Read, Some(reason), after));
            }
            let rows = block.rows.iter().zip(changes).map(|(row, change)| PlannedRow {
                address: row.address.clone(),
                reads: row.reads.clone().into_boxed_slice(),
                change,
                is_deferred: false,
            });
            self.rows.borrow_mut().insert((block.node, block.row), rows.collect());
            let keys = block.expansion.rows.iter().map(|(key, _)| key.clone()).collect();
            self.evaluator.set_resource(
                block.node,
                block.row,
                ResourceCell::new(block.expansion.repetition, keys, values),
            );
            self.check_postconditions(&block);
        }
    }

    /// Data sources that this run is not about hold what was read last.
    fn keep_data(&self, block: &BlockWork, values: &mut [Value]) {
        for (row, value) in block.rows.iter().zip(values) {
            let stored = self.state.current(&row.address).filter(|_| matches!(row.outcome, Outcome::Kept));
            if let Some(prior) = stored.and_then(|object| decode_object(object, &block.kind).ok()) {
                *value = block.kind.mark_sensitive(&prior.marked());
            }
        }
    }

    /// Reads rows of one block under one provider configuration.
    async fn read_ready(
        &self,
        block: &mut BlockWork,
        connection: &Arc<dyn Connection>,
        ready: &[usize],
        values: &mut [Value],
    ) {
        for at in ready {
            self.environment.observer.observe(Event::DataStart {
                key: ObjectKey { address: block.rows[*at].address.clone(), deposed: None },
            });
        }
        let started = self.environment.clock.monotonic_ms();
        let configurations = ready.iter().map(|at| block.rows[*at].configuration.clone()).collect();
        let request = Request::ReadData { kind: block.kind.name.to_string(), configurations };
        let Response::Data(results) = self.connections.ask(connection, request).await else { return };
        for (at, result) in ready.iter().zip(results) {
            self.take_data(block, *at, result, started, values);
        }
    }

    fn take_data(
        &self,
        block: &mut BlockWork,
        at: usize,
        result: Result<Value, ProviderError>,
        started: u64,
        values: &mut [Value],
    ) {
        let row = &block.rows[at];
        match result {
            Ok(value) => {
                let value = block.kind.mark_sensitive(&value.mark_paths(&row.marks));
                let key = ObjectKey { address: row.address.clone(), deposed: None };
                let elapsed_ms = self.environment.clock.monotonic_ms() - started;
                self.environment.observer.observe(Event::DataComplete {
                    key: key.clone(),
                    id: crate::objects::shown_id(&value),
                    elapsed_ms,
                });
                self.data_results.borrow_mut().push(DataResult {
                    address: key.address,
                    provider: row.provider.address.clone(),
                    value: value.clone(),
                });
                values[at] = value;
            }
            Err(error) => {
                let mut diagnostic =
                    error_diagnostic(&error, "Reading a data source failed", &row.address.to_string());
                diagnostic.subject = self.span_of(row, error.path.as_ref());
                if self.graph.resource(block.node).check.is_some() {
                    // What a check block reads is part of the check: it stops nothing.
                    diagnostic.severity = Severity::Warning;
                }
                self.report(diagnostic);
                block.rows[at].outcome = Outcome::Failed;
            }
        }
    }

    /// Whether something that a data source depends on beyond its own values is about to change.
    pub(super) fn has_pending_dependency(&self, node: NodeId, reads: &[Read]) -> bool {
        let depends_on = &self.graph.resource(node).depends_on;
        let module = self.graph.node(node).module;
        let named: Vec<NodeId> =
            depends_on.iter().flat_map(|reference| self.graph.targets(module, reference)).collect();
        reads.iter().any(|read| match read {
            Read::Instance(node, row, place) => self.change_at(*node, *row, *place),
            Read::Block(target, row) => {
                named.contains(target)
                    && (0..self.rows.borrow().get(&(*target, *row)).map_or(0, |rows| ordinal(rows.len())))
                        .any(|place| self.change_at(*target, *row, place))
            }
            Read::Node(..) => false,
        })
    }

    /// Rows with a connection, those of one connection together.
    fn rows_by_connection(
        &self,
        block: &BlockWork,
        rows: Vec<usize>,
    ) -> Vec<(Arc<dyn Connection>, Vec<usize>)> {
        let mut groups: Vec<(Arc<dyn Connection>, Vec<usize>)> = Vec::new();
        for at in rows {
            let Some(connection) = self.connection_of(&block.rows[at]) else { continue };
            match groups.iter_mut().rev().find(|(known, _)| Arc::ptr_eq(known, &connection)) {
                Some((_, members)) => members.push(at),
                None => groups.push((connection, vec![at])),
            }
        }
        groups
    }

    fn change_at(&self, node: NodeId, row: u32, place: u32) -> bool {
        self.rows
            .borrow()
            .get(&(node, row))
            .and_then(|rows| rows.get(place as usize).map(|row| row.change.is_some()))
            .unwrap_or(false)
    }
}
