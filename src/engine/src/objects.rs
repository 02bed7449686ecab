//! Stored objects and outputs as values, and back.

use crate::connections::Connections;
use crate::model::Plan;
use crate::schema::Kind;
use formwork_state::{Edge, Folded, Object, OutputValue, ProviderConfigAddress, Record, State, Status, fold};
use formwork_value::{MarkKind, Marks, Path, Type, Value, json};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// A stored object as a value: what it was, or what a fresh reading found.
#[derive(Debug, Clone)]
pub struct PriorObject {
    /// As stored.
    pub object: Arc<Object>,
    /// Its kind.
    pub kind: Rc<Kind>,
    /// Its value, marks off.
    pub value: Value,
    /// Marks that were stored with it.
    pub marks: Vec<(Path, Marks)>,
    /// The provider's private bytes.
    pub private: Vec<u8>,
    /// Its identity, where its provider told one.
    pub identity: Option<Value>,
    /// Whether a reading found it different from what is stored.
    pub is_refreshed: bool,
}

impl PriorObject {
    /// Its value with the stored marks on.
    pub fn marked(&self) -> Value {
        self.value.mark_paths(&self.marks)
    }
}

/// Decodes a stored object by today's schema.
pub fn decode_object(object: &Arc<Object>, kind: &Rc<Kind>) -> Result<PriorObject, String> {
    if object.schema_version > kind.schema.version {
        return Err(format!(
            "It was stored with version {} of its schema, and this provider knows versions up to {}.",
            object.schema_version, kind.schema.version
        ));
    }
    let text = object.attributes.get();
    let value = json::decode(text, &kind.value_type).or_else(|error| {
        // What the schema has no more is left out, as long as its version is the same.
        let kept = without_removed(text, &kind.value_type);
        kept.and_then(|kept| json::decode(&kept, &kind.value_type).ok()).ok_or(error)
    });
    let value =
        value.map_err(|error| format!("Its attributes do not fit the schema of {}: {error}.", kind.name))?;
    let marks = object.sensitive_paths.iter().map(|path| (path.clone(), Marks::sensitive())).collect();
    Ok(PriorObject {
        object: object.clone(),
        kind: kind.clone(),
        value,
        marks,
        private: object.private.clone().unwrap_or_default(),
        identity: told_identity(object, kind),
        is_refreshed: false,
    })
}

/// The identity that is stored with an object, where its provider tells identities and it is of today's version.
fn told_identity(object: &Object, kind: &Kind) -> Option<Value> {
    let schema = kind.schema.identity.as_ref().filter(|schema| schema.is_told)?;
    let is_of_today = object.identity_schema_version.unwrap_or_default() == schema.version;
    let stored = object.identity.as_ref().filter(|_| is_of_today)?;
    json::decode(stored.get(), &schema.object_type()).ok()
}

/// Stored attributes without those that their schema does not have.
fn without_removed(text: &str, value_type: &Type) -> Option<String> {
    let mut attributes: serde_json::Value = serde_json::from_str(text).ok()?;
    strip(&mut attributes, value_type);
    Some(attributes.to_string())
}

/// Takes out what a type does not have. Where the type is open, nothing is too much.
fn strip(attributes: &mut serde_json::Value, value_type: &Type) {
    match (attributes, value_type) {
        (serde_json::Value::Array(items), Type::List(element) | Type::Set(element)) => {
            for item in items {
                strip(item, element);
            }
        }
        (serde_json::Value::Object(entries), Type::Map(element)) => {
            for item in entries.values_mut() {
                strip(item, element);
            }
        }
        (serde_json::Value::Object(entries), Type::Object(object)) => {
            let known = object.attributes();
            let type_of = |name: &str| known.iter().find(|(known, _)| known == name).map(|(_, one)| one);
            entries.retain(|name, item| {
                let found = type_of(name);
                if let Some(one) = found {
                    strip(item, one);
                }
                found.is_some()
            });
        }
        _ => {}
    }
}

/// What an object is stored with besides its value.
pub struct StoredParts {
    /// Ready or tainted.
    pub status: Status,
    /// The provider's private bytes.
    pub private: Vec<u8>,
    /// Its identity, where its provider tells it.
    pub identity: Option<Value>,
    /// Whose it is.
    pub provider: ProviderConfigAddress,
    /// What its expressions read.
    pub edges: Vec<Edge>,
    /// What its provider's configuration read.
    pub provider_edges: Vec<Edge>,
    /// Whether its replacement is made first.
    pub create_before_destroy: bool,
    /// Whether it is forgotten where it would be destroyed.
    pub skip_destroy: bool,
}

impl StoredParts {
    /// What a data source is stored with.
    pub fn of_data(provider: ProviderConfigAddress) -> Self {
        Self {
            status: Status::Ready,
            private: Vec::new(),
            identity: None,
            provider,
            edges: Vec::new(),
            provider_edges: Vec::new(),
            create_before_destroy: false,
            skip_destroy: false,
        }
    }
}

/// Encodes an object to be stored; the value's sensitive marks become sensitive paths.
pub fn encode_object(value: &Value, kind: &Kind, parts: StoredParts) -> Result<Object, String> {
    let (plain, marks) = value.unmark_deep();
    let plain = kind.without_write_only(&plain);
    let text = json::encode(&plain, &kind.value_type).map_err(|error| error.to_string())?;
    let (identity, identity_schema_version) = encode_identity(&plain, parts.identity.as_ref(), kind);
    let sensitive_paths =
        marks.into_iter().filter(|(_, marks)| marks.has(MarkKind::Sensitive)).map(|(path, _)| path).collect();
    Ok(Object {
        status: parts.status,
        schema_version: kind.schema.version,
        attributes: raw(text)?,
        sensitive_paths,
        identity,
        identity_schema_version,
        private: (!parts.private.is_empty()).then_some(parts.private),
        provider: parts.provider,
        edges: parts.edges,
        provider_edges: parts.provider_edges,
        create_before_destroy: parts.create_before_destroy,
        skip_destroy: parts.skip_destroy,
        ..Object::default()
    })
}

/// The identity that an object (marks off) is stored with, read from it or as its provider told it, and the version of
/// its schema.
pub fn encode_identity(
    value: &Value,
    told: Option<&Value>,
    kind: &Kind,
) -> (Option<Arc<RawValue>>, Option<u64>) {
    let encoded = kind.schema.identity.as_ref().and_then(|schema| {
        let told = told.filter(|told| schema.is_told && !told.is_null() && told.is_wholly_known());
        let identity = told.cloned().or_else(|| schema.of(value))?;
        let text = json::encode(&identity, &schema.object_type()).ok()?;
        Some((raw(text).ok()?, schema.version))
    });
    encoded.unzip()
}

/// JSON text as it is.
pub fn raw(text: String) -> Result<Arc<RawValue>, String> {
    RawValue::from_string(text).map(Arc::from).map_err(|error| error.to_string())
}

/// A stored output as a value.
pub fn decode_output(stored: &OutputValue) -> Value {
    let value_type = json::type_from_json(stored.value_type.get()).unwrap_or(Type::Dynamic);
    let value = json::decode(stored.value.get(), &value_type).unwrap_or_else(|_| Value::null(value_type));
    if stored.sensitive { value.with_marks(&Marks::sensitive()) } else { value }
}

/// An output to be stored.
pub fn encode_output(value: &Value, sensitive: bool) -> Result<OutputValue, String> {
    let (plain, _) = value.unmark_deep();
    let value_type = plain.value_type();
    let text = json::encode(&plain, &value_type).map_err(|error| error.to_string())?;
    Ok(OutputValue { value: raw(text)?, value_type: raw(json::type_to_json(&value_type))?, sensitive })
}

/// The attribute that people know an object by, when it may be shown.
pub fn shown_id(value: &Value) -> Option<(String, String)> {
    let (value, _) = value.unmark();
    ["id", "name"].into_iter().find_map(|attribute| {
        let text = value.get(attribute)?.as_str()?;
        (!text.is_empty()).then(|| (attribute.to_owned(), text.to_string()))
    })
}

/// Provider configurations to be stored, by address.
pub fn encode_configurations(
    configurations: &[(ProviderConfigAddress, Value)],
    connections: &Connections,
) -> BTreeMap<String, Arc<RawValue>> {
    let encode = |(address, value): &(ProviderConfigAddress, Value)| {
        let block = connections.configuration_block(&address.provider)?;
        let text = json::encode(&crate::ephemeral::stored_form(value), &block.implied_type()).ok()?;
        Some((address.to_string(), raw(text).ok()?))
    };
    configurations.iter().filter_map(encode).collect()
}

/// The state with objects under the addresses that a plan has them under.
fn moved(plan: &Plan, mut state: State) -> State {
    for (key, object) in &plan.rewrites {
        match object {
            Some(object) => state.insert(key.clone(), object.clone()),
            None => drop(state.remove(key)),
        }
    }
    let moves: Vec<_> = plan.moves.iter().map(|one| (one.from.clone(), one.to.clone())).collect();
    let records = formwork_state::edit::move_instances(&state, &moves);
    let mut folded = Folded { state, run: None, is_changed: false };
    for record in &records {
        // What cannot move any more, since the state is another by now, is shown where it is.
        let _ = fold(&mut folded, record);
    }
    folded.state
}

/// The state as a plan's readings found it.
pub fn refreshed(plan: &Plan, state: State, connections: &Connections) -> State {
    let mut state = moved(plan, state);
    if let Some(Record::Refreshed { objects }) = readings_record(plan, &state, connections) {
        for (key, object) in objects {
            match object {
                Some(object) => state.insert(key, object),
                None => drop(state.remove(&key)),
            }
        }
    }
    state
}

/// The record that stores what a plan's readings found.
pub fn readings_record(plan: &Plan, state: &State, connections: &Connections) -> Option<Record> {
    let mut objects = Vec::with_capacity(plan.readings.len());
    for reading in &plan.readings {
        let Some(stored) = state.object(&reading.key) else { continue };
        let object = match &reading.object {
            None => None,
            Some(value) => {
                let address = &reading.key.address;
                let kind =
                    connections.kind(&stored.provider.provider, address.mode(), address.type_name())?;
                let text = json::encode(&kind.without_write_only(value), &kind.value_type).ok()?;
                let private = (!reading.private.is_empty()).then(|| reading.private.clone());
                let mut object = Object { attributes: raw(text).ok()?, private, ..(**stored).clone() };
                if kind.schema.identity.is_some() {
                    (object.identity, object.identity_schema_version) =
                        encode_identity(value, reading.identity.as_ref(), &kind);
                }
                Some(Arc::new(object))
            }
        };
        objects.push((reading.key.clone(), object));
    }
    (!objects.is_empty()).then_some(Record::Refreshed { objects })
}
