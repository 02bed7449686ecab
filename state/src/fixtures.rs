//! Small objects, records and stores for the tests of this crate.

use crate::address::ObjectKey;
use crate::file::Files;
use crate::journal::{Intent, Operation, Record, Token};
use crate::model::Object;
use crate::store::StoreOptions;
use serde_json::value::RawValue;
use std::path::PathBuf;
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

pub(crate) fn token(text: &str) -> Token {
    Token(text.into())
}

/// An intent whose token is its key's text.
pub(crate) fn intent(text: &str, operation: Operation, step: u32) -> Intent {
    Intent {
        key: key(text),
        token: token(text),
        operation,
        step,
        attempt: 0,
        stage: 0,
        time: String::new(),
        recipe: raw("{\n  \"how\": 1\n}"),
    }
}

pub(crate) fn begin(run: &str, base_digest: &str) -> Record {
    Record::Begin {
        run: run.into(),
        lineage: "lineage".into(),
        base_serial: 0,
        base_digest: base_digest.into(),
        time: String::new(),
        plan: raw("{\"steps\":[]}"),
    }
}

pub(crate) fn start(text: &str, operation: Operation, step: u32) -> Record {
    Record::Intent(Box::new(intent(text, operation, step)))
}

pub(crate) fn done(text: &str, number: Option<u64>) -> Record {
    Record::Done { key: key(text), token: token(text), object: number.map(object) }
}

pub(crate) fn options(path: impl Into<PathBuf>, files: Arc<dyn Files>) -> StoreOptions {
    StoreOptions {
        path: path.into(),
        lock: true,
        lock_timeout_ms: 0,
        operation: "apply".into(),
        time: "2026-01-02T03:04:05Z".into(),
        version: "0.1.0".into(),
        new_lineage: "lineage".into(),
        files,
        faults: None,
        skip_flush: false,
    }
}
