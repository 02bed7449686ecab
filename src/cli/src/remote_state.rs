//! The outputs of another configuration's state, wherever it is kept, with what its journal says folded in.

use crate::{place, registry};
use formwork_diagnostic::Diagnostics;
use formwork_engine::objects::decode_output;
use formwork_sdk::ProviderError;
use formwork_state::backend::{Holder, SealedBackend};
use formwork_state::encryption::Encryption;
use formwork_state::{Opening, Store};
use formwork_value::{Name, Path, Value};
use std::sync::{Arc, Mutex, PoisonError};

/// What is wrong with a backend's name, or with its arguments, which may not be known yet.
pub(crate) fn check(backend: &str, config: Option<&Value>) -> Result<(), ProviderError> {
    let at = |name: &str| Path::root().attribute(name);
    let Some(kind) = registry::backend(backend) else {
        let unknown = place::unknown_kind(backend);
        let error = ProviderError::invalid(unknown.detail.clone()).at(at("backend"));
        return Err(unknown.hint.iter().fold(error, |error, hint| error.hint(hint.clone())));
    };
    let Some(found) = config.and_then(|config| kind.check(config).into_iter().next()) else { return Ok(()) };
    let path = found.attribute.iter().fold(at("config"), |path, name| path.attribute(name.as_str()));
    let detail =
        format!("The given configuration is not valid for backend {:?}: {}", kind.name, found.detail);
    let error = ProviderError::invalid(detail).at(path);
    Err(found.hint.iter().fold(error, |error, hint| error.hint(hint.clone())))
}

/// The name of the place, and the root outputs of the state in it; none where no state stands.
pub(crate) type Outputs = (String, Option<Vec<(Name, Value)>>);

/// Reads the root outputs of a workspace. Nothing is locked and nothing is written.
pub(crate) fn outputs(backend: &str, config: &Value, workspace: &str) -> Result<Outputs, String> {
    let given = config.entries().into_iter().flat_map(|entries| entries.iter());
    let values: Vec<(Name, Value)> = given.map(|(name, value)| (name.clone(), value.clone())).collect();
    let place = place::open(backend, &values).map_err(|found| details(&found))?;
    let backend = place.storage.backend(workspace).map_err(|error| error.to_string())?;
    let opening = OPENING.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let backend = match opening {
        Some(encryption) => Arc::new(SealedBackend::new(backend, encryption)),
        None => backend,
    };
    let name = backend.name();
    let opening = Opening {
        lock: false,
        lock_timeout_ms: 0,
        holder: Holder::default(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        new_lineage: String::new(),
        faults: None,
    };
    let store = Store::open_on(backend, opening).map_err(|found| details(&found))?;
    let folded = store.folded();
    if store.base_digest().is_empty() && folded.state.lineage.is_empty() {
        return Ok((name, None));
    }
    let outputs = folded.state.outputs.iter();
    Ok((name, Some(outputs.map(|(name, output)| (name.clone(), decode_output(output))).collect())))
}

/// How states of other configurations are opened by this process: a provider asks for their outputs, and knows nothing of
/// the configuration.
static OPENING: Mutex<Option<Arc<Encryption>>> = Mutex::new(None);

/// Settles how states of other configurations are opened.
pub(crate) fn are_opened_by(encryption: Option<Arc<Encryption>>) {
    *OPENING.lock().unwrap_or_else(PoisonError::into_inner) = encryption;
}

fn details(found: &Diagnostics) -> String {
    let words = found.iter().flat_map(|one| [Some(one.detail.clone()), one.hint.clone()]);
    words.flatten().collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use formwork_state::{OutputValue, RealFiles, Record, Store, StoreOptions};
    use formwork_value::Name;
    use formwork_value::{MarkKind, Value};
    use serde_json::value::RawValue;
    use std::sync::Arc;

    fn outputs(path: &std::path::Path) -> Result<Option<Vec<(Name, Value)>>, String> {
        let config = Value::object(vec![("path".into(), path.display().to_string().into())]);
        super::outputs("local", &config, "default").map(|(_, outputs)| outputs)
    }

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

    #[test]
    fn what_is_wrong_is_found_without_reading() {
        let config = |name: &str| Value::object(vec![(name.into(), Value::from("x"))]);
        for (backend, config, expected) in [
            ("local", Some(config("path")), None),
            ("local", Some(config("bucket")), Some(".config.bucket")),
            ("local", None, None),
            ("gcs", Some(config("bucket")), Some(".backend")),
            ("floppy", None, Some(".backend")),
        ] {
            let found = super::check(backend, config.as_ref()).err();
            let path = found.and_then(|error| error.path).map(|path| path.to_string());
            assert_eq!(path.as_deref(), expected, "{backend}");
        }
    }
}
