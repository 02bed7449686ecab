//! What a later stage plans: blocks whose provider is not there yet, blocks whose instances nobody can count yet,
//! whatever reads these, and rows whose provider awaits something.
//!
//! Invariant: nothing here decides a change; it only writes down what the later stage may do.

use super::Planner;
use super::instances::{BlockWork, Outcome};
use super::kinds::mode_of;
use super::provider::ProviderNode;
use crate::evaluate::{Read, ResourceCell, RowRepetition};
use crate::graph::{NodeId, NodeKind};
use crate::model::{Action, EnvelopeEntry, Stage};
use crate::ordinal::ordinal;
use crate::schema::Kind;
use formwork_diagnostic::Diagnostic;
use formwork_lang::{Expression, Mode};
use formwork_state::{Address, BlockAddress, ModuleInstance};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// Objects that stand, by the block in the configuration that they belong to.
pub(super) type Standing = Rc<FxHashMap<BlockAddress, Vec<Address>>>;

/// Why a block waits for a later stage, in plan JSON's words.
mod reason {
    pub(super) const PROVIDER: &str = "provider_config_unknown";
    pub(super) const INSTANCES: &str = "instance_count_unknown";
    pub(super) const READS_DEFERRED: &str = "deferred_prereq";
    pub(super) const ABSENT: &str = "absent_prereq";
}

/// A block that waits, in one instance of its module or in all that a later stage decides.
struct Waiting {
    block: BlockAddress,
    /// The instances, where they can be named.
    expected: Vec<Address>,
    at_most: Option<u64>,
    reason: &'static str,
}

impl Planner<'_> {
    /// Whether a block is planned in a later stage, whatever its instances are.
    pub(super) fn is_deferred(&self, node: NodeId) -> bool {
        let deferred = self.deferred_nodes.borrow();
        deferred.contains(&node)
            || self.graph.node(node).provider.is_some_and(|provider| deferred.contains(&provider))
    }

    /// A block that is planned in a later stage, in one instance of its module.
    pub(super) fn defer_block(&self, node: NodeId, row: u32, kind: &Rc<Kind>, provider: &Rc<ProviderNode>) {
        let module = self.evaluator.row(self.graph.node(node).module, row).address.clone();
        let block = self.block_in(node, module);
        self.evaluator.set_resource(node, row, ResourceCell::undecided());
        self.rows.borrow_mut().insert((node, row), Rc::from([]));
        let expansion = self.evaluator.expansion(node, row);
        self.take_evaluation_diagnostics(None);
        let instances = expansion.rows.iter().map(|(key, _)| block.instance(key.clone()));
        let expected: Vec<Address> =
            instances.filter(|address| self.reach.has(self.graph, address)).collect();
        let is_provider_there = provider.connection.is_some();
        let waiting = Waiting {
            at_most: match expansion.undecided {
                Some(undecided) => undecided.at_most,
                None => Some(expected.len() as u64),
            },
            reason: match expansion.undecided {
                _ if !is_provider_there => reason::PROVIDER,
                None => reason::READS_DEFERRED,
                Some(_) if self.is_deferred(node) => reason::READS_DEFERRED,
                Some(_) => reason::INSTANCES,
            },
            block,
            expected,
        };
        self.expect(waiting, self.graph.resource(node).mode, kind, provider);
    }

    /// The instances of a block that stand in modules whose own instances a later stage decides.
    pub(super) fn defer_undecided_modules(&self, node: NodeId) {
        let modules = self.evaluator.undecided_instances(self.graph.node(node).module);
        if modules.is_empty() {
            return;
        }
        let Some(provider) = self.any_provider_of(node) else { return };
        let resource = self.graph.resource(node);
        let kind =
            self.connections.kind(&provider.address.provider, mode_of(resource.mode), &resource.type_name);
        let Some(kind) = kind else { return };
        for module in modules {
            let block = self.block_in(node, module);
            let reason = if provider.connection.is_some() { reason::INSTANCES } else { reason::PROVIDER };
            let waiting = Waiting { block, expected: Vec::new(), at_most: None, reason };
            self.expect(waiting, resource.mode, &kind, &provider);
        }
    }

    fn block_in(&self, node: NodeId, module: ModuleInstance) -> BlockAddress {
        let resource = self.graph.resource(node);
        let (type_name, name) = (resource.type_name.clone(), resource.name.clone());
        BlockAddress::new(module, mode_of(resource.mode), type_name, name)
    }

    /// Writes down what the later stage may do with a block.
    fn expect(&self, waiting: Waiting, mode: Mode, kind: &Rc<Kind>, provider: &ProviderNode) {
        if mode == Mode::Ephemeral {
            // It is opened where something needs it; there is nothing to allow.
            return;
        }
        let Waiting { block, expected, at_most, reason } = waiting;
        let mut actions = vec![Action::Read];
        let mut may_touch = Vec::new();
        if mode != Mode::Data {
            actions = vec![Action::Create];
            may_touch = self.standing_of(&block);
            if provider.is_source_replaced {
                self.end_with_container(&may_touch, kind);
                may_touch.clear();
            } else if !may_touch.is_empty() {
                actions.extend(actions_on_standing(&may_touch, &expected, at_most));
            }
        }
        if at_most == Some(0) && may_touch.is_empty() {
            return;
        }
        self.envelope.borrow_mut().push(EnvelopeEntry {
            block,
            provider: provider.address.clone(),
            actions,
            at_most,
            may_touch,
            expected,
            reason: reason.to_owned(),
        });
    }

    /// The objects of a block that stand; a block of undecided modules has those of all their instances.
    fn standing_of(&self, block: &BlockAddress) -> Vec<Address> {
        let standing = self.standing.borrow_mut().get_or_insert_with(|| self.group_priors()).clone();
        let mut found = standing.get(&block.in_configuration()).cloned().unwrap_or_default();
        found.retain(|address| {
            crate::envelope::entries_for(&address.block()).any(|one| one == *block)
                && self.reach.has(self.graph, address)
        });
        found
    }

    fn group_priors(&self) -> Standing {
        let mut groups: FxHashMap<BlockAddress, Vec<Address>> = FxHashMap::default();
        for address in self.priors.borrow().keys() {
            groups.entry(address.block().in_configuration()).or_default().push(address.clone());
        }
        for addresses in groups.values_mut() {
            addresses.sort();
        }
        Rc::new(groups)
    }

    /// What follows this stage: one boundary, behind which the next plan may find another.
    pub(super) fn later_stages(&self) -> Vec<Stage> {
        let envelope = self.envelope.take();
        let mut awaits = self.awaits.take();
        awaits.dedup();
        if self.input.one_stage {
            for one in awaits {
                self.report(ruled_out(&one));
            }
            return Vec::new();
        }
        if envelope.is_empty() { Vec::new() } else { vec![Stage { awaits: awaits.join("; "), envelope }] }
    }

    /// Closes the stage at a call or block whose instances nobody can count yet.
    pub(super) fn await_instances(&self, node: NodeId) {
        if self.is_deferred(node) || !self.evaluator.has_undecided(node) {
            return;
        }
        self.take_evaluation_diagnostics(None);
        if self.input.one_stage {
            self.refuse_undecided(node);
            return;
        }
        let rows = ordinal(self.evaluator.row_count(self.graph.node(node).module));
        for row in 0..rows {
            let Some(undecided) = self.evaluator.expansion(node, row).undecided else { continue };
            let module = &self.evaluator.row(self.graph.node(node).module, row).address;
            let name = match &self.graph.node(node).kind {
                NodeKind::Resource(_) => self.block_in(node, module.clone()).to_string(),
                NodeKind::Call(name) => module.child(name.clone(), formwork_state::Key::None).to_string(),
                _ => self.graph.name(node),
            };
            let sources = self.source_words(&self.reads_of_repetition(node, row));
            let words = format!("{name} takes its {} from {sources}", undecided.argument);
            self.awaits.borrow_mut().push(words);
        }
    }

    /// Where nothing may be left to a later stage, instances that cannot be counted are an error.
    fn refuse_undecided(&self, node: NodeId) {
        let repeats = self.evaluator.repeats(node);
        let written =
            [("count", repeats.count), ("for_each", repeats.for_each), ("enabled", repeats.enabled)];
        for (argument, expression) in written {
            if let Some(expression) = expression {
                self.report(crate::expand::unknown(expression, argument));
            }
        }
    }

    fn reads_of_repetition(&self, node: NodeId, row: u32) -> Vec<Read> {
        let repeats = self.evaluator.repeats(node);
        let scope = self.evaluator.scope(self.graph.node(node).module, row, RowRepetition::default());
        let written: [Option<&Expression>; 3] = [repeats.count, repeats.for_each, repeats.enabled];
        for expression in written.into_iter().flatten() {
            // What is wrong with it was reported when the block was expanded.
            let _ = expression.evaluate(&scope);
        }
        scope.into_reads()
    }

    /// What values are made from that are known only after apply, for people.
    pub(super) fn source_words(&self, reads: &[Read]) -> String {
        let sources = self.changed_sources(reads);
        let words: Vec<String> = sources
            .iter()
            .map(|(address, action)| {
                let word = match action {
                    Action::Create => "created",
                    Action::Update => "changed",
                    Action::Read => "read",
                    _ => "replaced",
                };
                format!("{address}, which is {word} first")
            })
            .collect();
        if words.is_empty() {
            "values that are known only after apply".to_owned()
        } else {
            words.join(" and ")
        }
    }

    pub(super) fn note_deferred_rows(&self, block: &BlockWork) {
        let deferred = block.rows.iter().filter_map(|row| match &row.outcome {
            Outcome::Deferred(deferred) => Some((row, deferred)),
            _ => None,
        });
        let mut expected = Vec::new();
        let mut provider = None;
        for (row, deferred) in deferred {
            provider.get_or_insert_with(|| row.provider.address.clone());
            self.awaits.borrow_mut().push(format!("{} awaits {}", row.address.block(), deferred.awaits));
            expected.push(row.address.clone());
        }
        let may_touch: Vec<Address> =
            expected.iter().filter(|address| self.priors.borrow().contains_key(*address)).cloned().collect();
        let (Some(first), Some(provider)) = (expected.first(), provider) else { return };
        self.envelope.borrow_mut().push(EnvelopeEntry {
            block: first.block(),
            provider,
            actions: if may_touch.is_empty() {
                vec![Action::Create]
            } else {
                vec![Action::Create, Action::NoOp, Action::Update]
            },
            at_most: Some(block.rows.len() as u64),
            may_touch,
            expected,
            reason: reason::ABSENT.to_owned(),
        });
    }
}

/// Says that a later stage would be needed and there may be none.
fn ruled_out(awaits: &str) -> Diagnostic {
    Diagnostic::error(
        "stage-ruled-out",
        "Later stage ruled out",
        format!("Not all can be planned at once: {awaits}. With -stages=false there is no later stage."),
    )
    .hint("Leave -stages=false out, or make what it waits for first.")
}

/// What may happen to objects that stand. One goes only where the block may come to have fewer of them.
fn actions_on_standing(standing: &[Address], expected: &[Address], at_most: Option<u64>) -> Vec<Action> {
    let mut actions = vec![Action::NoOp, Action::Update, Action::DeleteThenCreate, Action::CreateThenDelete];
    let is_each_named = at_most == Some(expected.len() as u64);
    if !is_each_named || standing.iter().any(|address| !expected.contains(address)) {
        actions.push(Action::Delete);
    }
    actions
}
