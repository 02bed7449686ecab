//! What a kind of object on hosts is: its schema, the shell that looks, the shell that acts, and what answers mean.

use crate::answer::Answer;
use crate::phases::Phase;
use crate::place;
use crate::private::Private;
use crate::shell::{name_of, quote};
use formwork_sdk::values::{Findings, given, text};
use formwork_sdk::{
    ApplyRequest, Attribute, Block, IdentityAttribute, IdentitySchema, KindSchema, Permission, PlanRequest,
    Planned, ProviderError,
};
use formwork_value::Value;

const TIME_LIMIT_MS: u64 = 10 * 60 * 1000;

/// One kind of object on a host.
pub trait HostKind: Send + Sync {
    /// The type name.
    fn name(&self) -> &'static str;

    /// Its schema.
    fn schema(&self) -> KindSchema;

    /// The attribute whose text tells an object from others of its host.
    fn key(&self) -> &'static str;

    /// What is wrong with a configuration that may hold unknowns, beside its host.
    fn validate(&self, configuration: &Value, found: &mut Findings);

    /// Adjusts the default plan of an object that is to be made or changed.
    fn adjust(&self, _request: &PlanRequest, _planned: &mut Planned) {}

    /// Whether a plan looks at the host before there is an object to read.
    fn foresees(&self) -> bool {
        false
    }

    /// Completes the plan of an object that is to be made by what [`HostKind::probe`] says of the host as it is.
    ///
    /// # Errors
    /// Why it cannot be made there.
    fn foreseen(&self, _: &PlanRequest, _: &mut Planned, _: &Answer) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Why what is planned cannot be brought about.
    ///
    /// # Errors
    /// That.
    fn check_plan(&self, _request: &PlanRequest, _planned: &Value) -> Result<(), ProviderError> {
        Ok(())
    }

    /// A host, and shell for it, that has to know when a phase failed.
    fn failed(&self, _request: &ApplyRequest) -> Option<(Value, String)> {
        None
    }

    /// What is kept privately with an object that these make.
    fn kept(&self, _configuration: &Value) -> Option<String> {
        None
    }

    /// Shell that looks at an object and emits fields; it changes nothing.
    fn probe(&self, object: &Value, private: &Private) -> String;

    /// Shell that looks at several objects of a host together, where that is quicker than one after the other.
    fn probe_together(&self, _objects: &[&Value]) -> Option<String> {
        None
    }

    /// What [`HostKind::probe`] would have said of one of them, from what they said together; none where it is to be
    /// asked alone.
    fn of_together(&self, _object: &Value, _private: &Private, _together: &Answer) -> Option<Answer> {
        None
    }

    /// The object as the fields say, all else as it was; none where it is not there.
    ///
    /// # Errors
    /// When the fields do not say.
    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError>;

    /// The acts of an operation that is several, in order; none where `put`, `restore` and `remove` say it all.
    ///
    /// # Errors
    /// When they cannot be said in shell.
    fn phases(&self, _act: &Act<'_>) -> Result<Vec<Phase>, ProviderError> {
        Ok(Vec::new())
    }

    /// Shell that brings an object to what is planned; it runs with `set -e` and `$d`, the folder of its mark.
    ///
    /// # Errors
    /// When it cannot be said in shell.
    fn put(&self, _act: &Act<'_>) -> Result<String, ProviderError> {
        Err(ProviderError::bug("what comes about in phases was asked for at once"))
    }

    /// Shell that brings back what an object replaced, from `$d`.
    fn restore(&self, _object: &Value) -> String {
        String::new()
    }

    /// Shell that removes an object which replaced nothing that is known.
    fn remove(&self, _object: &Value) -> String {
        ":\n".to_owned()
    }

    /// The arguments that an import's key stands for, beside the host.
    ///
    /// # Errors
    /// When it is no key of this kind.
    fn import(&self, key: &str) -> Result<Vec<(&'static str, Value)>, ProviderError> {
        let mut found = Findings::default();
        let arguments = vec![(self.key(), Value::from(key))];
        let object =
            Value::object(arguments.iter().map(|(name, value)| ((*name).into(), value.clone())).collect());
        self.validate(&object, &mut found);
        let about = format!(".{}", self.key());
        match found.into_diagnostics().iter().find(|one| one.attribute.as_deref() == Some(&about)) {
            Some(wrong) => Err(ProviderError::invalid(wrong.detail.clone())),
            None => Ok(arguments),
        }
    }
}

/// What is to be made or changed.
pub struct Act<'a> {
    /// What is asked.
    pub request: &'a ApplyRequest,
    /// The object that is planned; null where only the host can tell.
    pub planned: Value,
}

/// A kind of these attributes, beside its host.
pub fn schema(
    key: &'static str,
    attributes: Vec<(&'static str, Attribute)>,
    doc: &'static str,
    example: &'static str,
    permissions: [&str; 2],
) -> KindSchema {
    let block = Block::new([(place::HOST, place::attribute())].into_iter().chain(attributes));
    let mut kind = KindSchema::new(block, doc);
    let [read, write] = permissions.map(|words| vec![Permission(words.to_owned())]);
    kind.read_permissions = read;
    kind.write_permissions = write;
    kind.example = example;
    kind.import_id = "`[USER@]ADDRESS[:PORT],KEY`: the host, a comma, and what names the object there.";
    kind.time_limit_ms = TIME_LIMIT_MS;
    kind.identity = Some(IdentitySchema::new(
        0,
        [
            ("address", IdentityAttribute::required(&["host", "address"], "The host's name or address.")),
            ("key", IdentityAttribute::required(key_source(key), "What names the object on its host.")),
        ],
    ));
    kind
}

/// The keys that kinds have, as paths from the object's root.
fn key_source(key: &'static str) -> &'static [&'static str] {
    match key {
        "path" => &["path"],
        "device" => &["device"],
        _ => &["name"],
    }
}

/// The object with other values for some attributes.
pub fn with(object: &Value, changed: &[(&str, Value)]) -> Value {
    let Some(entries) = object.entries() else { return object.clone() };
    let entries = entries.iter().map(|(name, value)| {
        let found = changed.iter().find(|(other, _)| *other == name.as_str());
        (name.clone(), found.map_or(value, |(_, value)| value).clone())
    });
    Value::object(entries.collect())
}

/// The entries of a map of texts.
pub fn pairs<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = (String, String)> + 'a {
    let entries = given(object, name).and_then(Value::entries);
    let entries = entries.into_iter().flat_map(|entries| entries.iter());
    entries.filter_map(|(name, value)| Some((name.to_string(), value.as_str()?.to_string())))
}

/// Where a host keeps who owns an object and what it replaced; quoted for the shell.
pub fn mark_folder(kind: &dyn HostKind, object: &Value) -> String {
    let sort = kind.name().trim_start_matches("host_");
    let key = text(object, kind.key()).unwrap_or_default();
    format!("\"$S\"/{}", quote(&format!("{sort}/{}", name_of(key))))
}
