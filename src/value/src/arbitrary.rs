//! Random types and values for the property tests.

use crate::{Kind, Mark, MarkKind, Marks, Name, Number, Refinements, Type, Value};
use proptest::prelude::*;

/// Which values a strategy makes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Known ones.
    Known,
    /// Unknown ones too.
    Unknown,
    /// Unknown and marked ones too.
    Marked,
}

/// A type without placeholders.
pub(crate) fn types() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![Just(Type::Bool), Just(Type::Number), Just(Type::String)];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::set),
            inner.clone().prop_map(Type::map),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Type::tuple),
            prop::collection::btree_map("[abc]", inner, 0..3).prop_map(Type::object),
        ]
    })
}

/// A number of any kind.
pub(crate) fn numbers() -> impl Strategy<Value = Number> {
    let parsed = |text: String| Number::parse(&text).unwrap_or(Number::ZERO);
    prop_oneof![
        any::<i64>().prop_map(Number::Int),
        (-20_i64..20).prop_map(Number::Int),
        "-?[0-9]{1,60}".prop_map(parsed),
        "-?[0-9]{1,40}\\.[0-9]{1,40}".prop_map(parsed),
        "-?[0-9]{1,10}\\.[0-9]{1,10}e-?[0-9]{1,3}".prop_map(parsed),
    ]
}

/// A value of a type.
pub(crate) fn values(value_type: &Type, content: Content) -> BoxedStrategy<Value> {
    let mut choices =
        vec![(8, plain(value_type, content)), (1, Just(Value::null(value_type.clone())).boxed())];
    if content != Content::Known {
        choices.push((1, unknowns(value_type)));
    }
    let any = prop::strategy::Union::new_weighted(choices).boxed();
    if content != Content::Marked {
        return any;
    }
    let kinds = prop_oneof![Just(MarkKind::Sensitive), Just(MarkKind::Ephemeral), Just(MarkKind::Deprecated)];
    let marks = prop::option::weighted(0.15, kinds.prop_map(|kind| Marks::one(Mark::new(kind, "origin"))));
    (any, marks).prop_map(|(value, marks)| value.with_marks(&marks.unwrap_or_default())).boxed()
}

/// A type and a value of it.
pub(crate) fn typed_values(content: Content) -> impl Strategy<Value = Value> {
    types().prop_flat_map(move |value_type| values(&value_type, content))
}

fn unknowns(value_type: &Type) -> BoxedStrategy<Value> {
    let value_type = value_type.clone();
    (any::<bool>(), 0_u64..3, 0_u64..3)
        .prop_map(move |(not_null, low, span)| {
            let bound = |at: u64| Number::from(at);
            let known = Refinements { not_null, ..Refinements::NONE }
                .at_least(bound(low), true)
                .at_most(bound(low + span), true)
                .with_prefix("ab")
                .length_between(low, Some(low + span));
            Value::unknown(value_type.clone()).refine(&known)
        })
        .boxed()
}

fn plain(value_type: &Type, content: Content) -> BoxedStrategy<Value> {
    match value_type {
        Type::Dynamic => Just(Value::null(Type::Dynamic)).boxed(),
        Type::Bool => any::<bool>().prop_map(Value::bool).boxed(),
        Type::Number => numbers().prop_map(Value::number).boxed(),
        Type::String => {
            let texts =
                prop_oneof!["[ab]{0,2}", "[01]", "true|false", "-?[0-9]{1,3}(\\.[0-9]{1,3})?", "\\PC{0,4}"];
            texts.prop_map(Value::string).boxed()
        }
        Type::List(element) => {
            let element = (**element).clone();
            let items = prop::collection::vec(values(&element, content), 0..4);
            items.prop_map(move |items| Value::list(element.clone(), items)).boxed()
        }
        Type::Set(element) => {
            let element = (**element).clone();
            let items = prop::collection::vec(values(&element, content), 0..4);
            items.prop_map(move |items| Value::set(element.clone(), items)).boxed()
        }
        Type::Map(element) => {
            let element = (**element).clone();
            let entries = prop::collection::vec(("[a-d]", values(&element, content)), 0..4);
            entries
                .prop_map(move |entries| {
                    Value::map(
                        element.clone(),
                        entries.into_iter().map(|(name, item)| (name.into(), item)).collect(),
                    )
                })
                .boxed()
        }
        Type::Tuple(elements) => {
            let items: Vec<_> = elements.iter().map(|element| values(element, content)).collect();
            items.prop_map(Value::tuple).boxed()
        }
        Type::Object(object) => {
            let names: Vec<Name> = object.attributes().iter().map(|(name, _)| name.clone()).collect();
            let items: Vec<_> = object.attributes().iter().map(|(_, kind)| values(kind, content)).collect();
            items.prop_map(move |items| Value::object(names.iter().cloned().zip(items).collect())).boxed()
        }
    }
}

/// Whether a node, not a scalar.
pub(crate) fn is_composite(value: &Value) -> bool {
    matches!(
        value.kind(),
        Kind::List(_) | Kind::Set(_) | Kind::Tuple(_) | Kind::Map(_) | Kind::Object(_) | Kind::Marked(..)
    )
}
