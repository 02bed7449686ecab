//! The outputs of another configuration's state in files, with what its journal says folded in.

use formwork_engine::objects::decode_output;
use formwork_state::{RealFiles, Store, StoreOptions};
use formwork_value::{Name, Value};
use std::path::Path;
use std::sync::Arc;

/// Reads the root outputs; none where no state stands. Nothing is locked and nothing is written.
pub(crate) fn outputs(path: &Path) -> Result<Option<Vec<(Name, Value)>>, String> {
    let mut journal = path.as_os_str().to_owned();
    journal.push(".journal");
    if !path.exists() && !Path::new(&journal).exists() {
        return Ok(None);
    }
    let options = StoreOptions {
        path: path.to_owned(),
        lock: false,
        lock_timeout_ms: 0,
        operation: "terraform_remote_state".to_owned(),
        time: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        new_lineage: String::new(),
        files: Arc::new(RealFiles),
        faults: None,
        skip_flush: false,
    };
    let store = Store::open(options).map_err(|found| {
        let details: Vec<String> = found.iter().map(|one| one.detail.clone()).collect();
        details.join(" ")
    })?;
    let folded = store.folded();
    let outputs = folded.state.outputs.iter();
    Ok(Some(outputs.map(|(name, output)| (name.clone(), decode_output(output))).collect()))
}

#[cfg(test)]
mod tests {
    use super::outputs;
    use formwork_state::{OutputValue, RealFiles, Record, Store, StoreOptions};
    use formwork_value::{MarkKind, Value};
    use serde_json::value::RawValue;
    use std::sync::Arc;

    #[test]
    fn states_of_others_and_a_journal_that_nobody_folded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("terraform.tfstate");
        assert_eq!(outputs(&path), Ok(None));
        let theirs = r#"{"version":4,"terraform_version":"1.12.6","serial":3,"lineage":"l","outputs":{
            "name":{"value":"n","type":"string"},
            "key":{"value":"hunter2","type":"string","sensitive":true}},"resources":[],"check_results":null}"#;
        std::fs::write(&path, theirs).unwrap();
        let found = outputs(&path).unwrap().unwrap();
        let names: Vec<(&str, bool)> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.has_mark_deep(MarkKind::Sensitive)))
            .collect();
        assert_eq!(names, [("name", false), ("key", true)]);

        let store = Store::open(StoreOptions {
            path: path.clone(),
            lock: true,
            lock_timeout_ms: 10_000,
            operation: "test".to_owned(),
            time: String::new(),
            version: "0".to_owned(),
            new_lineage: String::new(),
            files: Arc::new(RealFiles),
            faults: None,
            skip_flush: false,
        })
        .unwrap_or_else(|found| panic!("{found:?}"));
        let raw = |text: &str| Arc::from(RawValue::from_string(text.to_owned()).unwrap());
        let begin = Record::Begin {
            run: "r".to_owned(),
            lineage: "l".to_owned(),
            base_serial: store.base_serial(),
            base_digest: store.base_digest().to_owned(),
            time: String::new(),
            plan: raw("{}"),
        };
        let value = OutputValue { value: raw("\"later\""), value_type: raw("\"string\""), sensitive: false };
        for record in [begin, Record::Outputs { outputs: vec![("name".into(), Some(value))] }] {
            store.append(&record).wait().unwrap();
        }
        // Ended here: the snapshot is the old one.
        drop(store);
        let found = outputs(&path).unwrap().unwrap();
        assert_eq!(found[0], ("name".into(), Value::from("later")));
        std::fs::write(&path, "{").unwrap();
        assert!(outputs(&path).unwrap_err().contains("line 1"));
    }
}
