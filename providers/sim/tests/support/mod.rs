//! Values in few words.

use formwork_value::{Type, Value};

pub(crate) fn object<const N: usize>(attributes: [(&str, Value); N]) -> Value {
    Value::object(attributes.map(|(name, value)| (name.into(), value)).to_vec())
}

pub(crate) fn texts(items: &[&str]) -> Value {
    Value::list(Type::String, items.iter().map(|item| (*item).into()).collect())
}
