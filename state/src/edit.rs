//! What people do to a state by hand: move objects to other addresses, forget them, give them to another provider.
//!
//! Each function looks at the state and gives the records that do it; nothing is changed here. Records of one edit
//! leave no edge behind that names an address where nothing stands.

use crate::address::{
    Address, BlockAddress, Edge, Key, ModuleInstance, ObjectKey, ProviderAddress, Selector,
};
use crate::journal::{Folded, Operation, Record};
use crate::model::{Object, State, Status};
use formwork_diagnostic::Diagnostic;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// An edit that was found possible.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// From and to, in the order of the state; nothing for edits that move nothing.
    pub moves: Vec<(Address, Address)>,
    /// The objects it is about.
    pub keys: Vec<ObjectKey>,
    /// What does it.
    pub records: Vec<Record>,
}

/// Moves a module, a block or an instance to another address.
pub fn move_objects(state: &State, from: &Selector, to: &Selector) -> Result<Edit, Diagnostic> {
    let moves = match (from, to) {
        (Selector::Module(from), Selector::Module(to)) => module_moves(state, from, to),
        (Selector::Block(from), Selector::Block(to)) => block_moves(state, from, to),
        (Selector::Block(from), Selector::Instance(to)) => {
            instance_move(state, &from.instance(Key::None), to)
        }
        (Selector::Instance(from), Selector::Block(to)) => {
            instance_move(state, from, &to.instance(Key::None))
        }
        (Selector::Instance(from), Selector::Instance(to)) => instance_move(state, from, to),
        _ => {
            let detail = format!(
                "{from} and {to} are not of one kind: a module moves to a module, a resource to a resource."
            );
            return Err(impossible(detail));
        }
    };
    if moves.is_empty() {
        return Err(nothing_there(from));
    }
    check_moves(state, &moves)?;
    let keys = moves.iter().map(|(_, to)| ObjectKey::current(to.clone())).collect();
    let records = moving(state, &moves);
    Ok(Edit { moves, keys, records })
}

/// The records that give instances other addresses, in an order in which nothing is lost on the way. What cannot move
/// since its place stays taken is left where it is.
pub fn move_instances(state: &State, moves: &[(Address, Address)]) -> Vec<Record> {
    let mut waiting: Vec<&(Address, Address)> = moves.iter().collect();
    let is_there = |address: &Address| state.current(address).is_some() || !state.deposed(address).is_empty();
    let mut taken: FxHashSet<&Address> =
        moves.iter().flat_map(|(from, to)| [from, to]).filter(|address| is_there(address)).collect();
    let mut done: Vec<(Address, Address)> = Vec::with_capacity(moves.len());
    loop {
        let before = done.len();
        waiting.retain(|(from, to)| {
            let may_move = taken.contains(from) && !taken.contains(to);
            if may_move {
                taken.remove(from);
                taken.insert(to);
                done.push((from.clone(), to.clone()));
            }
            !may_move
        });
        if done.len() == before {
            break;
        }
    }
    moving(state, &done)
}

/// What moves instances in this order, and with them the edges of whoever read them.
fn moving(state: &State, moves: &[(Address, Address)]) -> Vec<Record> {
    if moves.is_empty() {
        return Vec::new();
    }
    let record = |(from, to): &(Address, Address)| Record::Moved { from: from.clone(), to: to.clone() };
    moves.iter().map(record).chain(renamed_edges(state, moves)).collect()
}

/// Takes objects out of the state and leaves them where they are. An act on one of them that nobody knows the end of is
/// given up; with the last of these the run that was cut off is over, so that the object can be taken in.
pub fn forget_objects(folded: &Folded, selectors: &[Selector]) -> Result<Edit, Diagnostic> {
    let in_flight = || folded.run.iter().flat_map(|run| run.open.keys());
    let mut keys: Vec<ObjectKey> = Vec::new();
    for selector in selectors {
        let all = folded.state.objects().map(|(key, _)| key).chain(in_flight());
        let before = keys.len();
        keys.extend(all.filter(|key| selector.contains(&key.address)).cloned());
        if keys.len() == before {
            return Err(nothing_there(selector));
        }
    }
    keys.sort();
    keys.dedup();
    let is_given_up = |key: &ObjectKey| keys.binary_search(key).is_ok();
    let is_undone = folded.run.as_ref().is_some_and(|run| run.undo.is_some());
    let ends_run = !is_undone && in_flight().next().is_some() && in_flight().all(is_given_up);
    let forgotten = keys.iter().map(|key| Record::Forgotten { key: key.clone(), step: None });
    let records = forgotten.chain(ends_run.then_some(Record::Finished { errored: true })).collect();
    Ok(Edit { moves: Vec::new(), keys, records })
}

/// Says how a provisioner ended that was running when a run was cut off: done, or failed, which taints what was made.
/// None where no provisioner of the object is in flight.
pub fn end_provisioner(folded: &Folded, key: &ObjectKey, is_done: bool) -> Option<Record> {
    let open = folded.run.as_ref()?.open.get(key)?;
    if open.intent.operation != Operation::Provision {
        return None;
    }
    let (key, token) = (key.clone(), open.intent.token.clone());
    let object = folded.state.object(&key)?.clone();
    if is_done {
        return Some(Record::Done { key, token, object: Some(object) });
    }
    let object = Arc::new(Object { status: Status::Tainted, ..Object::clone(&object) });
    Some(Record::Failed { key, token, object: Some(object) })
}

/// Gives all objects of one provider to another, which takes them as they are.
pub fn replace_provider(state: &State, from: &ProviderAddress, to: &ProviderAddress) -> Edit {
    let mut edit = Edit::default();
    let mut objects = Vec::new();
    for (key, object) in state.objects().filter(|(_, object)| object.provider.provider == *from) {
        let mut changed = Object::clone(object);
        changed.provider.provider = to.clone();
        edit.keys.push(key.clone());
        objects.push((key.clone(), Some(Arc::new(changed))));
    }
    if !objects.is_empty() {
        edit.records.push(Record::Refreshed { objects });
    }
    edit
}

fn module_moves(state: &State, from: &ModuleInstance, to: &ModuleInstance) -> Vec<(Address, Address)> {
    addresses(state)
        .into_iter()
        .filter_map(|address| {
            let moved = rebased(address.module(), from, to)?;
            let target =
                BlockAddress::new(moved, address.mode(), address.type_name().clone(), address.name().clone());
            Some((address.clone(), target.instance(address.key().clone())))
        })
        .collect()
}

/// The module with its beginning exchanged; none when it does not begin so.
fn rebased(module: &ModuleInstance, from: &ModuleInstance, to: &ModuleInstance) -> Option<ModuleInstance> {
    let (steps, outer) = (module.steps(), from.steps());
    if !steps.starts_with(&outer) {
        return None;
    }
    let below = steps[outer.len()..].iter();
    Some(below.fold(to.clone(), |at, (name, key)| at.child((*name).clone(), (*key).clone())))
}

fn block_moves(state: &State, from: &BlockAddress, to: &BlockAddress) -> Vec<(Address, Address)> {
    addresses(state)
        .into_iter()
        .filter(|address| address.block() == *from)
        .map(|address| (address.clone(), to.instance(address.key().clone())))
        .collect()
}

fn instance_move(state: &State, from: &Address, to: &Address) -> Vec<(Address, Address)> {
    let is_there = state.current(from).is_some() || !state.deposed(from).is_empty();
    is_there.then(|| (from.clone(), to.clone())).into_iter().collect()
}

/// Every instance once, also one of which only a deposed object stands.
fn addresses(state: &State) -> Vec<&Address> {
    let mut seen = FxHashSet::default();
    state.objects().map(|(key, _)| &key.address).filter(|address| seen.insert(*address)).collect()
}

fn check_moves(state: &State, moves: &[(Address, Address)]) -> Result<(), Diagnostic> {
    let leaving: FxHashSet<&Address> = moves.iter().map(|(from, _)| from).collect();
    for (from, to) in moves {
        if (from.mode(), from.type_name()) != (to.mode(), to.type_name()) {
            return Err(impossible(format!("{from} and {to} are not of one type.")));
        }
        let is_taken = state.current(to).is_some() || !state.deposed(to).is_empty();
        if is_taken || leaving.contains(to) {
            return Err(impossible(format!("{to} stands in the state already.")));
        }
    }
    Ok(())
}

/// Objects and nodes whose edges name an address that moves, with the new one.
fn renamed_edges(state: &State, moves: &[(Address, Address)]) -> Vec<Record> {
    let instances: FxHashMap<&Address, &Address> = moves.iter().map(|(from, to)| (from, to)).collect();
    let blocks = moved_blocks(state, &instances);
    let names: FxHashMap<String, String> =
        blocks.iter().map(|(from, to)| (from.config_name(), to.config_name())).collect();
    let renamed = |edge: &Edge| match edge {
        Edge::Object(address) => instances.get(address).map(|to| Edge::Object((*to).clone())),
        Edge::Block(block) => blocks.get(block).map(|to| Edge::Block(to.clone())),
        Edge::Node(_) => None,
    };
    let mut objects = Vec::new();
    for (key, object) in state.objects() {
        let is_renamed =
            object.edges.iter().chain(&object.provider_edges).any(|edge| renamed(edge).is_some())
                || object.dependencies.iter().any(|name| names.contains_key(name));
        if !is_renamed {
            continue;
        }
        let mut changed = Object::clone(object);
        for edge in changed.edges.iter_mut().chain(&mut changed.provider_edges) {
            if let Some(next) = renamed(edge) {
                *edge = next;
            }
        }
        for dependency in &mut changed.dependencies {
            if let Some(next) = names.get(dependency) {
                dependency.clone_from(next);
            }
        }
        let address = instances.get(&key.address).map_or(&key.address, |to| to);
        let key = ObjectKey { address: (*address).clone(), deposed: key.deposed.clone() };
        objects.push((key, Some(Arc::new(changed))));
    }
    let mut nodes = state.node_edges.clone();
    for edge in nodes.values_mut().flatten() {
        if let Some(next) = renamed(edge) {
            *edge = next;
        }
    }
    let mut records = Vec::new();
    if !objects.is_empty() {
        records.push(Record::Refreshed { objects });
    }
    if nodes != state.node_edges {
        records.push(Record::NodeEdges { edges: nodes });
    }
    records
}

/// Blocks of which every instance moves to one and the same block.
fn moved_blocks(
    state: &State,
    instances: &FxHashMap<&Address, &Address>,
) -> FxHashMap<BlockAddress, BlockAddress> {
    let mut blocks: FxHashMap<BlockAddress, Option<BlockAddress>> = FxHashMap::default();
    for address in addresses(state) {
        let target = instances.get(address).map(|to| to.block());
        let known = blocks.entry(address.block()).or_insert_with(|| target.clone());
        if *known != target {
            *known = None;
        }
    }
    blocks.into_iter().filter_map(|(from, to)| Some((from, to?))).collect()
}

fn nothing_there(selector: &Selector) -> Diagnostic {
    let detail = format!("No object of the state stands at {selector} or below it.");
    Diagnostic::error("no-such-object", "Invalid target address", detail)
        .hint("Run state list to see the addresses there are. Quote those with keys for your shell.")
}

fn impossible(detail: String) -> Diagnostic {
    Diagnostic::error("impossible-move", "Objects cannot be moved so", detail)
        .hint("Nothing was moved. Run state list to see what stands where.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{key, object, raw};
    use crate::journal::{Intent, Token, fold};

    fn state(names: &[&str]) -> State {
        let mut state = State::new("l");
        for (number, name) in (0..).zip(names) {
            state.insert(key(name), object(number));
        }
        state
    }

    fn after(state: &State, edit: &Edit) -> State {
        let mut folded = Folded { state: state.clone(), run: None, is_changed: false };
        for record in &edit.records {
            fold(&mut folded, record).unwrap();
        }
        folded.state
    }

    fn names(state: &State) -> String {
        let mut names: Vec<String> = state.objects().map(|(key, _)| key.to_string()).collect();
        names.sort();
        names.join(" ")
    }

    #[test]
    fn objects_move_with_all_that_belongs_to_them() {
        let cases: [(&[&str], &str, &str, &str); 8] = [
            (&["a.b"], "a.b", "a.c", "a.c"),
            (&["a.b[0]", "a.b[1]"], "a.b", "a.c", "a.c[0] a.c[1]"),
            (&["a.b[0]", "a.b[1]"], "a.b[1]", "a.c", "a.b[0] a.c"),
            (&["a.b"], "a.b", "a.b[0]", "a.b[0]"),
            (
                &["a.b", "a.b (deposed 0000000a)"],
                "a.b",
                "module.m.a.b",
                "module.m.a.b module.m.a.b (deposed 0000000a)",
            ),
            (
                &["module.m.a.b", "module.m.module.n[0].a.c", "a.d"],
                "module.m",
                "module.o[\"k\"]",
                "a.d module.o[\"k\"].a.b module.o[\"k\"].module.n[0].a.c",
            ),
            (&["a.b (deposed 0000000a)"], "a.b", "a.c", "a.c (deposed 0000000a)"),
            (&["data.a.b"], "data.a.b", "data.a.c", "data.a.c"),
        ];
        for (objects, from, to, expected) in cases {
            let state = state(objects);
            let edit = move_objects(&state, &from.parse().unwrap(), &to.parse().unwrap()).unwrap();
            assert_eq!(names(&after(&state, &edit)), expected, "{from} to {to}");
        }
    }

    #[test]
    fn a_move_that_loses_something_is_refused() {
        for (from, to) in [
            ("a.b", "a.d"),
            ("a.b", "x.b"),
            ("a.b", "data.a.b"),
            ("a.b", "module.m"),
            ("a.none", "a.e"),
            ("module.none", "module.m"),
            ("a.b[0]", "a.e"),
        ] {
            let state = state(&["a.b", "a.d"]);
            assert!(
                move_objects(&state, &from.parse().unwrap(), &to.parse().unwrap()).is_err(),
                "{from} {to}"
            );
        }
    }

    #[test]
    fn edges_follow_what_moved() {
        let mut state = state(&["a.b[0]", "a.b[1]"]);
        let reader = Object {
            edges: vec![
                "object a.b[1]".parse().unwrap(),
                "block a.b".parse().unwrap(),
                "node local.x".parse().unwrap(),
            ],
            dependencies: vec!["a.b".to_owned()],
            ..Object::clone(&object(7))
        };
        state.insert(key("a.reader"), Arc::new(reader));
        state.node_edges.insert("local.x".into(), vec!["object a.b[1]".parse().unwrap()]);
        let moved = |from: &str, to: &str| {
            let edit = move_objects(&state, &from.parse().unwrap(), &to.parse().unwrap()).unwrap();
            let after = after(&state, &edit);
            let reader = after.object(&key("a.reader")).unwrap().clone();
            let edges: Vec<String> = reader.edges.iter().map(ToString::to_string).collect();
            let node: Vec<String> = after.node_edges["local.x"].iter().map(ToString::to_string).collect();
            format!("{} | {} | {}", edges.join(", "), node.join(", "), reader.dependencies.join(", "))
        };
        assert_eq!(moved("a.b", "a.c"), "object a.c[1], block a.c, node local.x | object a.c[1] | a.c");
        assert_eq!(moved("a.b[1]", "a.c"), "object a.c, block a.b, node local.x | object a.c | a.b");
    }

    #[test]
    fn objects_are_forgotten_and_given_away() {
        let state = state(&["a.b[0]", "a.b[1]", "a.c", "module.m.a.b"]);
        let folded = Folded { state: state.clone(), run: None, is_changed: false };
        let edit = forget_objects(&folded, &["a.b".parse().unwrap(), "a.b[0]".parse().unwrap()]).unwrap();
        assert_eq!(names(&after(&state, &edit)), "a.c module.m.a.b");
        assert!(forget_objects(&folded, &["a.c".parse().unwrap(), "a.none".parse().unwrap()]).is_err());

        let (from, to) = (ProviderAddress::formwork("sim"), ProviderAddress::hashicorp("sim"));
        let edit = replace_provider(&state, &from, &to);
        let after = after(&state, &edit);
        assert!(after.objects().all(|(_, object)| object.provider.provider == to));
        assert_eq!((edit.keys.len(), replace_provider(&after, &from, &to).keys.len()), (4, 0));
    }

    #[test]
    fn an_act_in_flight_is_given_up_with_its_object() {
        let begin = Record::Begin {
            run: "run".into(),
            lineage: "l".into(),
            base_serial: 0,
            base_digest: String::new(),
            time: String::new(),
            plan: raw("{}"),
        };
        let intent = |(step, name): (u32, &str)| {
            Record::Intent(Box::new(Intent {
                key: key(name),
                token: Token(name.into()),
                operation: Operation::Create,
                step,
                attempt: 0,
                stage: 0,
                time: String::new(),
                followed_by: 0,
                recipe: raw("{}"),
            }))
        };
        let mut before = Folded { state: state(&["a.made"]), run: None, is_changed: false };
        for record in [begin].into_iter().chain([(1, "a.x"), (2, "a.y")].map(intent)) {
            fold(&mut before, &record).unwrap();
        }
        // What is forgotten, the acts that are left, and whether the run is over.
        for (selectors, left) in
            [(&["a.made"][..], Some("a.x a.y")), (&["a.x"], Some("a.y")), (&["a.x", "a.y"], None)]
        {
            let selectors: Vec<Selector> = selectors.iter().map(|text| text.parse().unwrap()).collect();
            let mut folded = before.clone();
            for record in forget_objects(&before, &selectors).unwrap().records {
                fold(&mut folded, &record).unwrap();
            }
            let open =
                folded.run.map(|run| run.open.keys().map(ToString::to_string).collect::<Vec<_>>().join(" "));
            assert_eq!(open.as_deref(), left);
        }
    }
}
