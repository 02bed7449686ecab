//! Small objects for the tests beside the code.

use crate::address::ObjectKey;
use crate::model::Object;
use serde_json::value::RawValue;
use std::sync::Arc;

pub(crate) fn raw(text: &str) -> Arc<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap().into()
}

pub(crate) fn key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

/// An object told from others by its number.
pub(crate) fn object(number: u64) -> Arc<Object> {
    Arc::new(Object {
        schema_version: number,
        attributes: raw(&format!("{{\"number\":{number}}}")),
        provider: "provider[\"formwork/sim\"]".parse().unwrap(),
        ..Object::default()
    })
}
