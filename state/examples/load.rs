//! Measures the processor time of reading, folding and writing a large state: `cargo run --release --example load -- 100000`.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use formwork_state::{
    Address, Key, Mode, ModuleInstance, Object, ObjectKey, Record, State, format_v4, journal,
};
use serde_json::value::RawValue;
use std::error::Error;
use std::sync::Arc;

const LINEAGE: &str = "11111111-2222-3333-4444-555555555555";

fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let mut state = State::new(LINEAGE);
    for number in 0..count {
        state.insert(key(number), object(number)?);
    }
    let (bytes, took) = timed(|| format_v4::write(&state, 1, None, "0.1.0"));
    let bytes = bytes.map_err(|diagnostic| diagnostic.into_finding().detail)?;
    println!("write {count} instances: {took:.3} s, {} bytes", bytes.len());
    let (snapshot, took) = timed(|| format_v4::read("state", &bytes));
    let snapshot = snapshot.map_err(|diagnostic| diagnostic.into_finding().detail)?;
    println!("read: {took:.3} s, {} objects", snapshot.state.len());
    let (digest, took) = timed(|| formwork_state::digest(&bytes));
    println!("digest: {took:.3} s, {}", &digest[..8]);
    let mut folded = journal::Folded { state: snapshot.state, ..journal::Folded::default() };
    let records: Vec<Record> = (0..count).map(|number| Record::Tainted { key: key(number) }).collect();
    let (outcome, took) = timed(|| records.iter().try_for_each(|record| journal::fold(&mut folded, record)));
    outcome?;
    println!("fold {count} records: {took:.3} s");
    Ok(())
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, f64) {
    let before = processor_seconds();
    let outcome = act();
    (outcome, processor_seconds() - before)
}

/// What this thread used of the processor, as Linux counts it; 0 elsewhere.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: u32 =
        text.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or_default();
    f64::from(nanoseconds) / 1e9
}

fn key(number: u64) -> ObjectKey {
    ObjectKey::current(Address::new(
        ModuleInstance::root(),
        Mode::Managed,
        "terraform_data",
        "many",
        Key::Int(number),
    ))
}

fn object(number: u64) -> Result<Arc<Object>, serde_json::Error> {
    let id = format!("{number:08x}-0000-4000-8000-000000000000");
    let attributes = format!(
        r#"{{"id":"{id}","input":{{"value":"number {number}","type":"string"}},"output":{{"value":"number {number}","type":"string"}},"triggers_replace":null}}"#
    );
    Ok(Arc::new(Object { attributes: Arc::from(RawValue::from_string(attributes)?), ..Object::default() }))
}
