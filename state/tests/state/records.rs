//! Records and stores to test with.

use formwork_state::simulated::SimulatedFiles;
use formwork_state::{
    Address, DeposedKey, Folded, Intent, Object, ObjectKey, Operation, OutputValue, Record, Status, Store,
    StoreOptions, Target, Token, format_v4,
};
use serde_json::value::RawValue;
use std::sync::Arc;

pub(crate) const LINEAGE: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const PATH: &str = "work/terraform.tfstate";
pub(crate) const JOURNAL: &str = "work/terraform.tfstate.journal";

pub(crate) fn raw(text: &str) -> Arc<RawValue> {
    Arc::from(RawValue::from_string(text.to_owned()).unwrap())
}

pub(crate) fn address(number: u64) -> Address {
    format!("sim_machine.gpu[{number}]").parse().unwrap()
}

pub(crate) fn key(number: u64) -> ObjectKey {
    ObjectKey::current(address(number))
}

pub(crate) fn deposed_key() -> DeposedKey {
    DeposedKey("1a2b3c4d".into())
}

pub(crate) fn set_aside(number: u64) -> ObjectKey {
    ObjectKey { address: address(number), deposed: Some(deposed_key()) }
}

pub(crate) fn object(text: &str) -> Arc<Object> {
    Arc::new(Object { attributes: raw(&format!(r#"{{"id":"{text}"}}"#)), ..Object::default() })
}

pub(crate) fn tainted(text: &str) -> Arc<Object> {
    Arc::new(Object { status: Status::Tainted, ..(*object(text)).clone() })
}

pub(crate) fn token(text: &str) -> Token {
    Token(text.into())
}

pub(crate) fn intent_of(number: u64, name: &str, operation: Operation) -> Intent {
    Intent {
        key: key(number),
        token: token(name),
        operation,
        step: u32::try_from(number).unwrap(),
        attempt: 0,
        stage: 0,
        time: "2026-01-02T03:04:05Z".to_owned(),
        followed_by: 0,
        recipe: raw("{}"),
    }
}

pub(crate) fn begin(run: &str) -> Record {
    Record::Begin {
        run: run.to_owned(),
        lineage: LINEAGE.to_owned(),
        base_serial: 0,
        base_digest: String::new(),
        time: "2026-01-02T03:04:05Z".to_owned(),
        plan: raw(r#"{"steps":[]}"#),
    }
}

pub(crate) fn intent(number: u64, name: &str) -> Record {
    Record::Intent(Box::new(intent_of(number, name, Operation::Create)))
}

pub(crate) fn delete_intent(key: ObjectKey, name: &str) -> Record {
    Record::Intent(Box::new(Intent { key, ..intent_of(7, name, Operation::Delete) }))
}

pub(crate) fn deposed(number: u64, name: &str) -> Record {
    Record::Deposed { deposed: deposed_key(), intent: Box::new(intent_of(number, name, Operation::Create)) }
}

pub(crate) fn accepted(number: u64, name: &str) -> Record {
    Record::Accepted { key: key(number), token: token(name), id: format!("id-{number}") }
}

pub(crate) fn progress(number: u64, name: &str, cursor: u32) -> Record {
    Record::Progress {
        key: key(number),
        token: token(name),
        id: format!("id-{number}"),
        cursor: raw(&cursor.to_string()),
    }
}

pub(crate) fn done(number: u64, name: &str, stands: Option<Arc<Object>>) -> Record {
    Record::Done { key: key(number), token: token(name), object: stands }
}

pub(crate) fn failed(number: u64, name: &str, stands: Option<Arc<Object>>) -> Record {
    Record::Failed { key: key(number), token: token(name), object: stands }
}

pub(crate) fn outputs(text: &str) -> Record {
    let value =
        OutputValue { value: raw(&format!("\"{text}\"")), value_type: raw("\"string\""), sensitive: false };
    Record::Outputs { outputs: vec![("name".into(), Some(value))] }
}

pub(crate) fn providers() -> Record {
    let target = Target { id: "world".to_owned(), words: "a world".to_owned() };
    Record::Providers {
        targets: [("provider[\"x\"]".to_owned(), target)].into_iter().collect(),
        configurations: [("provider[\"x\"]".to_owned(), raw("{}"))].into(),
    }
}

pub(crate) fn options(files: &SimulatedFiles) -> StoreOptions {
    StoreOptions {
        path: PATH.into(),
        lock: false,
        lock_timeout_ms: 0,
        operation: "apply".to_owned(),
        time: "2026-01-02T03:04:05Z".to_owned(),
        version: "0.1.0".to_owned(),
        new_lineage: LINEAGE.to_owned(),
        files: Arc::new(files.clone()),
        faults: None,
        skip_flush: false,
    }
}

/// A store, or the code of why there is none.
pub(crate) fn open(files: &SimulatedFiles) -> Result<Store, String> {
    Store::open(options(files)).map_err(|diagnostics| {
        diagnostics
            .iter()
            .map(|diagnostic| format!("{}: {}", diagnostic.code, diagnostic.detail))
            .collect::<Vec<_>>()
            .join("\n")
    })
}

/// All that a fold holds, as text.
pub(crate) fn picture(folded: &Folded) -> String {
    let state = format_v4::write(&folded.state, 0, None, "").unwrap();
    let run = folded.run.as_ref().map(|run| {
        let open: Vec<String> = run
            .open
            .iter()
            .map(|(key, step)| {
                let cursor = step.cursor.as_ref().map(|cursor| cursor.get().to_owned());
                format!("{key} {:?} {:?} {cursor:?}", step.intent.token, step.accepted)
            })
            .collect();
        format!("{} stage {} open {open:?} finished {:?}", run.run, run.stage, run.finished_steps)
    });
    format!("{}\n{run:?}", String::from_utf8(state).unwrap())
}
