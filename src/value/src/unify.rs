//! Unification: the most general type that values of several types convert to, by cty's rules.
//!
//! Invariant: an answer is a type that every given type converts to under the same safety.

use crate::convert::{is_convertible, is_same_type};
use crate::{Name, Type};
use rustc_hash::FxHashSet;
use std::cmp::Ordering;
use std::collections::VecDeque;

/// Whether a conversion may fail or lose something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// It never fails for a known type.
    Safe,
    /// It may depend on the value.
    Unsafe,
}

/// The type that all given types convert to, where there is one; conversions that may fail count too (cty's
/// `UnifyUnsafe`). Of no types there is none.
pub fn unify(types: &[Type]) -> Option<Type> {
    unify_with(types, Safety::Unsafe)
}

/// As [`unify`], by conversions only that cannot fail (cty's `Unify`).
pub fn unify_safe(types: &[Type]) -> Option<Type> {
    unify_with(types, Safety::Safe)
}

#[derive(Default)]
struct Kinds {
    map: usize,
    list: usize,
    set: usize,
    object: usize,
    tuple: usize,
    dynamic: usize,
}

impl Kinds {
    fn count(types: &[Type]) -> Self {
        let mut kinds = Self::default();
        for each in types {
            match each {
                Type::Map(_) => kinds.map += 1,
                Type::List(_) => kinds.list += 1,
                Type::Set(_) => kinds.set += 1,
                Type::Object(_) => kinds.object += 1,
                Type::Tuple(_) => kinds.tuple += 1,
                Type::Dynamic => kinds.dynamic += 1,
                Type::Bool | Type::Number | Type::String => {}
            }
        }
        kinds
    }
}

pub(crate) fn unify_with(types: &[Type], safety: Safety) -> Option<Type> {
    let first = types.first()?;
    if types.iter().all(|other| is_same_type(other, first)) {
        return Some(first.without_optional());
    }
    let mut seen = FxHashSet::default();
    let distinct: Vec<Type> = types.iter().filter(|each| seen.insert(*each)).cloned().collect();
    unify_distinct(&distinct, safety)
}

fn unify_distinct(types: &[Type], safety: Safety) -> Option<Type> {
    let kinds = Kinds::count(types);
    let all = types.len();
    let dynamic = kinds.dynamic;
    if kinds.map > 0 && kinds.map + dynamic == all {
        return unify_collections(Type::map, types, safety, dynamic > 0);
    }
    if kinds.map > 0 && kinds.map + kinds.object + dynamic == all {
        if let Some(found) = unify_objects_as_maps(types, safety) {
            return Some(found);
        }
    } else if kinds.list > 0 && kinds.list + dynamic == all {
        return unify_collections(Type::list, types, safety, dynamic > 0);
    } else if kinds.list > 0 && kinds.list + kinds.tuple + dynamic == all {
        if let Some(found) = unify_tuples_as_lists(types, safety) {
            return Some(found);
        }
    } else if kinds.set > 0 && kinds.set + dynamic == all {
        return unify_collections(Type::set, types, safety, dynamic > 0);
    } else if kinds.object > 0 && kinds.object + dynamic == all {
        return if dynamic > 0 { Some(Type::Dynamic) } else { unify_objects(types, safety) };
    } else if kinds.tuple > 0 && kinds.tuple + dynamic == all {
        return if dynamic > 0 { Some(Type::Dynamic) } else { unify_tuples(types, safety) };
    } else if kinds.object > 0 && kinds.tuple > 0 {
        return None;
    }
    let order = preference_order(types);
    order.into_iter().map(|at| &types[at]).find(|wanted| accepts_all(wanted, types, safety)).cloned()
}

fn accepts_all(wanted: &Type, types: &[Type], safety: Safety) -> bool {
    types.iter().all(|each| is_same_type(each, wanted) || is_convertible(each, wanted, safety))
}

fn unify_collections(build: fn(Type) -> Type, types: &[Type], safety: Safety, dynamic: bool) -> Option<Type> {
    if dynamic {
        return Some(Type::Dynamic);
    }
    let elements: Vec<Type> = types.iter().filter_map(|each| each.element().cloned()).collect();
    let unified = build(unify_with(&elements, safety)?);
    accepts_all(&unified, types, safety).then_some(unified)
}

fn unify_objects(types: &[Type], safety: Safety) -> Option<Type> {
    let objects: Vec<_> = types
        .iter()
        .filter_map(|each| match each {
            Type::Object(object) => Some(object),
            _ => None,
        })
        .collect();
    let first = objects.first()?;
    let same_names = |other: &[(Name, Type)]| {
        other.len() == first.attributes().len()
            && other.iter().zip(first.attributes()).all(|(left, right)| left.0 == right.0)
    };
    if !objects.iter().all(|object| same_names(object.attributes())) {
        return unify_objects_to_map(types, safety);
    }
    let mut attributes = Vec::with_capacity(first.attributes().len());
    for (at, (name, _)) in first.attributes().iter().enumerate() {
        let across: Vec<Type> = objects.iter().map(|object| object.attributes()[at].1.clone()).collect();
        attributes.push((name.clone(), unify_with(&across, safety)?));
    }
    let unified = Type::object(attributes);
    if accepts_all(&unified, types, safety) { Some(unified) } else { unify_objects_to_map(types, safety) }
}

fn unify_objects_to_map(types: &[Type], safety: Safety) -> Option<Type> {
    let mut inner = Vec::new();
    for each in types {
        if let Type::Object(object) = each {
            inner.extend(object.attributes().iter().map(|(_, kind)| kind.clone()));
        }
    }
    let unified = Type::map(unify_with(&inner, safety)?);
    accepts_all(&unified, types, safety).then_some(unified)
}

fn unify_tuples(types: &[Type], safety: Safety) -> Option<Type> {
    let tuples: Vec<_> = types
        .iter()
        .filter_map(|each| match each {
            Type::Tuple(elements) => Some(elements),
            _ => None,
        })
        .collect();
    let first = tuples.first()?;
    if !tuples.iter().all(|tuple| tuple.len() == first.len()) {
        return unify_tuples_to_list(types, safety);
    }
    let mut elements = Vec::with_capacity(first.len());
    for at in 0..first.len() {
        let across: Vec<Type> = tuples.iter().map(|tuple| tuple[at].clone()).collect();
        elements.push(unify_with(&across, safety)?);
    }
    let unified = Type::tuple(elements);
    if accepts_all(&unified, types, safety) { Some(unified) } else { unify_tuples_to_list(types, safety) }
}

fn unify_tuples_to_list(types: &[Type], safety: Safety) -> Option<Type> {
    let mut inner = Vec::new();
    for each in types {
        if let Type::Tuple(elements) = each {
            inner.extend(elements.iter().cloned());
        }
    }
    let unified = Type::list(unify_with(&inner, safety)?);
    accepts_all(&unified, types, safety).then_some(unified)
}

fn unify_objects_as_maps(types: &[Type], safety: Safety) -> Option<Type> {
    let objects: Vec<Type> = types.iter().filter(|each| matches!(each, Type::Object(_))).cloned().collect();
    let map = unify_objects_to_map(&objects, safety)?;
    let replaced = replace(types, &map, |each| matches!(each, Type::Object(_)));
    unify_with(&replaced, safety).filter(|unified| matches!(unified, Type::Map(_)))
}

fn unify_tuples_as_lists(types: &[Type], safety: Safety) -> Option<Type> {
    let tuples: Vec<Type> = types.iter().filter(|each| matches!(each, Type::Tuple(_))).cloned().collect();
    let list = unify_tuples_to_list(&tuples, safety)?;
    let replaced = replace(types, &list, |each| matches!(each, Type::Tuple(_)));
    unify_with(&replaced, safety).filter(|unified| matches!(unified, Type::List(_)))
}

fn replace(types: &[Type], by: &Type, which: impl Fn(&Type) -> bool) -> Vec<Type> {
    types.iter().map(|each| if which(each) { by.clone() } else { each.clone() }).collect()
}

/// Places of the types, preferred ones first: a topological order, as cty's `sortTypes`.
fn preference_order(types: &[Type]) -> Vec<usize> {
    let mut edges = vec![Vec::new(); types.len()];
    let mut incoming = vec![0_usize; types.len()];
    for left in 0..types.len() {
        for right in left + 1..types.len() {
            match preference(&types[left], &types[right]) {
                Ordering::Less => {
                    edges[left].push(right);
                    incoming[right] += 1;
                }
                Ordering::Greater => {
                    edges[right].push(left);
                    incoming[left] += 1;
                }
                Ordering::Equal => {}
            }
        }
    }
    let mut queue: VecDeque<usize> = (0..types.len()).filter(|at| incoming[*at] == 0).collect();
    let mut order = Vec::with_capacity(types.len());
    while let Some(at) = queue.pop_front() {
        order.push(at);
        for next in &edges[at] {
            incoming[*next] -= 1;
            if incoming[*next] == 0 {
                queue.push_back(*next);
            }
        }
    }
    order
}

/// Which of two types is preferred as the common one: the lesser.
fn preference(left: &Type, right: &Type) -> Ordering {
    match (left, right) {
        (Type::List(left), Type::List(right))
        | (Type::Set(left), Type::Set(right))
        | (Type::Map(left), Type::Map(right)) => preference(left, right),
        (Type::Object(left), Type::Object(right)) => {
            let (left, right) = (left.attributes(), right.attributes());
            if left.len() != right.len() || left.iter().zip(right).any(|(one, other)| one.0 != other.0) {
                return Ordering::Equal;
            }
            joint(left.iter().zip(right).map(|(one, other)| preference(&one.1, &other.1)))
        }
        (Type::Tuple(left), Type::Tuple(right)) if left.len() == right.len() => {
            joint(left.iter().zip(right.iter()).map(|(one, other)| preference(one, other)))
        }
        _ if is_preferred(left, right) => Ordering::Less,
        _ if is_preferred(right, left) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

/// Whether a type of one kind takes in all of another kind.
fn is_preferred(left: &Type, right: &Type) -> bool {
    match (left, right) {
        (Type::Dynamic, _) => false,
        (_, Type::Dynamic)
        | (Type::String, Type::Bool | Type::Number)
        | (Type::List(_), Type::Tuple(_) | Type::Set(_))
        | (Type::Tuple(_), Type::Set(_))
        | (Type::Map(_), Type::Object(_)) => true,
        _ => false,
    }
}

fn joint(parts: impl Iterator<Item = Ordering>) -> Ordering {
    let (mut less, mut greater) = (false, false);
    for part in parts {
        less |= part == Ordering::Less;
        greater |= part == Ordering::Greater;
    }
    match (less, greater) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}
