//! Objects that the configuration has under another address than the state.
//!
//! Invariant: an object moves to a place only where nothing stands, so no object is lost by it.

mod statement;

use super::reach::node_of;
use crate::graph::Graph;
use crate::model::Move;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_state::{Address, BlockAddress, Folded, Key, Mode, OpenRun, Record, State, edit, fold};
use rustc_hash::{FxHashMap, FxHashSet};
use statement::{Statement, statements};

/// The state with every object where the configuration has it, and where each came from.
pub(crate) struct Moved {
    /// The state.
    pub(crate) state: State,
    /// Every object that takes another address.
    pub(crate) moves: Vec<Move>,
    /// Where an object was, by where it is.
    pub(crate) origins: FxHashMap<Address, Address>,
}

/// Moves what is to be moved; none when nothing is.
pub(crate) fn moved(
    graph: &Graph,
    state: &State,
    open_run: Option<&OpenRun>,
) -> (Option<Moved>, Diagnostics) {
    let (statements, mut diagnostics) = statements(graph);
    if diagnostics.has_errors() {
        return (None, diagnostics);
    }
    let mut wanted = declared(&statements, state, &mut diagnostics);
    // Nobody could give an object another type where no block of that type stands.
    wanted.retain(|(from, to)| !type_change(from, to) || node_of(graph, to).is_some());
    wanted.extend(implied(graph, state, &wanted));
    let is_open =
        |address: &Address| open_run.is_some_and(|run| run.in_flight().any(|key| key.address == *address));
    wanted.retain(|(from, to)| !is_open(from) && !is_open(to));
    if wanted.is_empty() || diagnostics.has_errors() {
        return (None, diagnostics);
    }
    let records = edit::move_instances(state, &wanted);
    let mut folded = Folded { state: state.clone(), run: None, is_changed: false };
    let mut done = FxHashSet::default();
    for record in records {
        // What the state refuses stays where it is.
        if let (Ok(()), Record::Moved { from, .. }) = (fold(&mut folded, &record), record) {
            done.insert(from);
        }
    }
    let (wanted, blocked): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|(from, _)| done.contains(from));
    diagnostics.extend(blocked_moves(&blocked));
    let origins = wanted.iter().map(|(from, to)| (to.clone(), from.clone())).collect();
    let moves = wanted.into_iter().map(|(from, to)| Move { from, to }).collect();
    (Some(Moved { state: folded.state, moves, origins }), diagnostics)
}

/// What `moved` blocks say of the objects that stand, chains followed to their end.
fn declared(
    statements: &[Statement],
    state: &State,
    diagnostics: &mut Diagnostics,
) -> Vec<(Address, Address)> {
    if statements.is_empty() {
        return Vec::new();
    }
    let mut addresses: Vec<&Address> = state.objects().map(|(key, _)| &key.address).collect();
    addresses.sort();
    addresses.dedup();
    let mut moves = Vec::new();
    for address in addresses {
        match follow(statements, address) {
            Ok(Some(to)) => moves.push((address.clone(), to)),
            Ok(None) => {}
            Err(statement) => {
                diagnostics.push(circle(statement));
                return Vec::new();
            }
        }
    }
    moves
}

/// Where an instance ends up; the statement at which its way goes in a circle.
fn follow<'a>(statements: &'a [Statement], from: &Address) -> Result<Option<Address>, &'a Statement> {
    let mut at = None;
    let mut last = None;
    for _ in 0..=statements.len() {
        let here = at.as_ref().unwrap_or(from);
        let next = statements.iter().find_map(|one| Some((one, one.destination(here)?)));
        let Some((statement, to)) = next else { return Ok(at) };
        last = Some(statement);
        at = Some(to);
    }
    last.map_or(Ok(at), Err)
}

/// Whether an object that moves gets another type.
pub(super) fn type_change(from: &Address, to: &Address) -> bool {
    from.type_name() != to.type_name()
}

fn circle(statement: &Statement) -> Diagnostic {
    let detail = format!(
        "The moved blocks lead in a circle: whoever follows them from {} never comes to an end.",
        statement.from
    );
    Diagnostic::error("invalid-move", "Cyclic dependency in move statements", detail)
        .at(statement.span)
        .hint("Take one of the moved blocks away.")
}

fn blocked_moves(blocked: &[(Address, Address)]) -> Option<Diagnostic> {
    let lines: Vec<String> =
        blocked.iter().map(|(from, to)| format!("  {from} could not move to {to}")).collect();
    (!lines.is_empty()).then(|| {
        let detail = format!("Another object stands where these would go:\n{}", lines.join("\n"));
        Diagnostic::warning("blocked-move", "Unresolved resource instance address changes", detail)
            .hint("Remove or move the object that stands in the way, or take the moved block away.")
    })
}

/// A block that gets a count keeps its one object as the first; one that loses it keeps the first.
fn implied(graph: &Graph, state: &State, declared: &[(Address, Address)]) -> Vec<(Address, Address)> {
    let known: FxHashSet<&Address> = declared.iter().flat_map(|(from, to)| [from, to]).collect();
    let managed = state.blocks().filter(|block| block.mode() == Mode::Managed);
    let mut moves: Vec<_> = managed.filter_map(|block| implied_of(graph, state, block)).collect();
    moves.retain(|(from, to)| !known.contains(from) && !known.contains(to));
    moves.sort();
    moves
}

fn implied_of(graph: &Graph, state: &State, block: &BlockAddress) -> Option<(Address, Address)> {
    let resource = graph.resource(node_of(graph, &block.instance(Key::None))?);
    let (single, first) = (block.instance(Key::None), block.instance(Key::Int(0)));
    let (from, to) = match (&resource.count, &resource.for_each) {
        (Some(_), _) => (single, first),
        (None, None) => (first, single),
        (None, Some(_)) => return None,
    };
    (state.current(&from).is_some() && state.current(&to).is_none()).then_some((from, to))
}
