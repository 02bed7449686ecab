//! Objects that the configuration has under another address than the state.
//!
//! Invariant: an object moves to a place only where nothing stands, so no object is lost by it.

use super::reach::node_of;
use crate::graph::Graph;
use crate::model::Move;
use formwork_state::{Address, BlockAddress, Folded, Key, Mode, OpenRun, State, edit, fold};
use rustc_hash::FxHashMap;

/// The state with every object where the configuration has it, and where each came from.
pub(crate) struct Moved {
    /// The state.
    pub(crate) state: State,
    /// In the order in which they are possible.
    pub(crate) moves: Vec<Move>,
    /// Where an object was, by where it is.
    pub(crate) origins: FxHashMap<Address, Address>,
}

/// Moves what is to be moved; none when nothing is.
pub(crate) fn moved(graph: &Graph, state: &State, open_run: Option<&OpenRun>) -> Option<Moved> {
    let mut wanted = implied(graph, state);
    let is_open = |address: &Address| {
        open_run.is_some_and(|run| run.open.keys().any(|key| key.address == *address))
    };
    wanted.retain(|(from, to)| !is_open(from) && !is_open(to));
    if wanted.is_empty() {
        return None;
    }
    let mut folded = Folded { state: state.clone(), run: None, is_changed: false };
    for record in edit::move_instances(state, &wanted) {
        // What the state refuses stays where it is.
        let _ = fold(&mut folded, &record);
    }
    let stands = |address: &Address| folded.state.current(address).is_some();
    wanted.retain(|(_, to)| stands(to));
    let origins = wanted.iter().map(|(from, to)| (to.clone(), from.clone())).collect();
    let moves = wanted.into_iter().map(|(from, to)| Move { from, to }).collect();
    Some(Moved { state: folded.state, moves, origins })
}

/// A block that gets a count keeps its one object as the first; one that loses it keeps the first.
fn implied(graph: &Graph, state: &State) -> Vec<(Address, Address)> {
    let managed = state.blocks().filter(|block| block.mode() == Mode::Managed);
    let mut moves: Vec<_> = managed.filter_map(|block| implied_of(graph, state, block)).collect();
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
