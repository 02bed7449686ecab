//! What may be set of a kind of place, and what was.
//!
//! Invariant: a sensitive setting's value is in no finding.

use super::{Kind, Storage};
use crate::store::FaultHook;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_value::{Type, Value, convert};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingType {
    /// A string.
    Text,
    /// true or false.
    Boolean,
    /// A number.
    Number,
    /// A list of strings.
    Texts,
    /// A list of numbers.
    Numbers,
    /// A map of strings.
    Map,
    /// A block, written once at most, of settings of its own.
    Block(&'static [Setting]),
}

impl SettingType {
    fn value_type(self) -> Type {
        match self {
            Self::Text => Type::String,
            Self::Boolean => Type::Bool,
            Self::Number => Type::Number,
            Self::Texts => Type::list(Type::String),
            Self::Numbers => Type::list(Type::Number),
            Self::Map => Type::map(Type::String),
            Self::Block(_) => Type::Dynamic,
        }
    }

    /// As the language writes the type.
    pub fn words(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Boolean => "bool",
            Self::Number => "number",
            Self::Texts => "list of string",
            Self::Numbers => "list of number",
            Self::Map => "map of string",
            Self::Block(_) => "block",
        }
    }
}

/// One row of a kind's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The argument's name.
    pub name: &'static str,
    /// What it holds.
    pub value_type: SettingType,
    /// Whether it must be given, in the block or from the environment.
    pub is_required: bool,
    /// Whether its value is shown to nobody.
    pub is_sensitive: bool,
    /// Variables that give its value where the block does not; the first that is set counts.
    pub environment: &'static [&'static str],
    /// Its value where nothing gives one, as the environment would write it; empty: none.
    pub default: &'static str,
    /// Whether the same kind has it in OpenTofu.
    pub is_everywhere: bool,
    /// What it says, in a sentence.
    pub doc: &'static str,
}

impl Setting {
    /// One that may be left out.
    pub const fn of(value_type: SettingType, name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            value_type,
            is_required: false,
            is_sensitive: false,
            environment: &[],
            default: "",
            is_everywhere: true,
            doc,
        }
    }

    /// A string.
    pub const fn text(name: &'static str, doc: &'static str) -> Self {
        Self::of(SettingType::Text, name, doc)
    }

    /// true or false; false where it is left out.
    pub const fn flag(name: &'static str, doc: &'static str) -> Self {
        Self::of(SettingType::Boolean, name, doc).or("false")
    }

    /// A number.
    pub const fn number(name: &'static str, doc: &'static str) -> Self {
        Self::of(SettingType::Number, name, doc)
    }

    /// Must be given.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// Is shown to nobody.
    #[must_use]
    pub const fn sensitive(self) -> Self {
        Self { is_sensitive: true, ..self }
    }

    /// May come from these variables.
    #[must_use]
    pub const fn from(self, environment: &'static [&'static str]) -> Self {
        Self { environment, ..self }
    }

    /// Is of Formwork alone.
    #[must_use]
    pub const fn ours(self) -> Self {
        Self { is_everywhere: false, ..self }
    }

    /// Its value where nothing gives one.
    #[must_use]
    pub const fn or(self, default: &'static str) -> Self {
        Self { default, ..self }
    }
}

/// How long a lease lives without a heartbeat, of every kind that has one.
pub const LEASE_SECONDS: Setting = Setting::number(
    "lease_seconds",
    "How long a lease lives without a heartbeat: whoever asks then takes it over.",
)
.ours()
.from(&["FORMWORK_LEASE_SECONDS"])
.or("30");

/// Gives the value of a variable.
pub type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a place may ask for besides its settings.
#[derive(Clone)]
pub struct Surroundings {
    /// A variable of the environment.
    pub environment: Variables,
    /// The moment, as `20260102T030405Z`.
    pub now: fn() -> String,
    /// For tests.
    pub faults: Option<FaultHook>,
}

impl Surroundings {
    /// Nothing but what is set.
    pub fn none() -> Self {
        Self { environment: Arc::new(|_| None), now: String::new, faults: None }
    }
}

/// What is set of one place: of its kind's settings those that have a value, of the type that the table says.
pub struct Settings {
    values: BTreeMap<&'static str, Value>,
    blocks: BTreeMap<&'static str, Settings>,
    /// What it may ask for besides.
    pub surroundings: Surroundings,
}

impl Settings {
    /// A string.
    pub fn text(&self, name: &str) -> Option<String> {
        self.values.get(name)?.as_str().map(ToString::to_string)
    }

    /// true or false; false where nothing is set.
    pub fn flag(&self, name: &str) -> bool {
        self.values.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.values.get(name)?.as_i64()
    }

    /// Strings.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let items = self.values.get(name).and_then(Value::items).unwrap_or_default();
        items.iter().filter_map(Value::as_str).map(ToString::to_string).collect()
    }

    /// Whole numbers.
    pub fn numbers(&self, name: &str) -> Vec<i64> {
        let items = self.values.get(name).and_then(Value::items).unwrap_or_default();
        items.iter().filter_map(Value::as_i64).collect()
    }

    /// Strings by name.
    pub fn map(&self, name: &str) -> BTreeMap<String, String> {
        let entries = self.values.get(name).and_then(Value::entries).into_iter().flat_map(|map| map.iter());
        entries.filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_string()))).collect()
    }

    /// What is set in a block, where it is written.
    pub fn block(&self, name: &str) -> Option<&Self> {
        self.blocks.get(name)
    }

    /// A variable of the environment.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.surroundings.environment)(name).filter(|text| !text.is_empty())
    }

    /// How long a lease lives without a heartbeat, where [`LEASE_SECONDS`] is one of the settings.
    pub fn lease_duration(&self) -> Duration {
        let seconds = self.number(LEASE_SECONDS.name).and_then(|number| u64::try_from(number).ok());
        Duration::from_secs(seconds.unwrap_or(30).max(1))
    }
}

impl Kind {
    /// One as it is set: findings name the setting as their attribute.
    ///
    /// `given` is an object; what is null in it counts as left out.
    pub fn storage(
        &self,
        given: &Value,
        surroundings: &Surroundings,
    ) -> Result<Arc<dyn Storage>, Diagnostics> {
        let settings = self.settings(given, surroundings)?;
        Ok((self.configure)(&settings)?)
    }

    /// What is wrong with settings, the environment left aside; what is not known yet is passed over.
    pub fn check(&self, given: &Value) -> Diagnostics {
        self.table().check(given)
    }

    fn settings(&self, given: &Value, surroundings: &Surroundings) -> Result<Settings, Diagnostics> {
        self.table().settings(given, surroundings)
    }

    fn table(&self) -> Table {
        Table { noun: "backend", name: self.name, settings: self.settings }
    }
}

/// The settings of one thing that people configure, and what messages call it.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// `backend`.
    pub noun: &'static str,
    /// Which one.
    pub name: &'static str,
    /// What may be set.
    pub settings: &'static [Setting],
}

impl Table {
    /// What is wrong with settings, the environment left aside; what is not known yet is passed over. Findings name
    /// the setting as their attribute.
    pub fn check(&self, given: &Value) -> Diagnostics {
        let mut found = Diagnostics::new();
        for (name, value) in given.entries().into_iter().flat_map(|entries| entries.iter()) {
            match self.settings.iter().find(|setting| setting.name == name.as_str()) {
                None => found.push(self.unknown(name)),
                Some(_) if !value.is_known() || value.is_null() => {}
                Some(Setting { value_type: SettingType::Block(inner), .. }) => match only(name, value) {
                    Ok(written) => {
                        let inner = written.iter().flat_map(|one| self.inner(name, inner).check(one));
                        found.extend(inner.map(|one| one.attribute(name.as_str())));
                    }
                    Err(diagnostic) => found.push(diagnostic),
                },
                Some(setting) => {
                    if let Err(diagnostic) = setting.convert(value) {
                        found.push(diagnostic);
                    }
                }
            }
        }
        found
    }

    /// What is set, with what the environment and the table give where nothing is.
    pub fn settings(&self, given: &Value, surroundings: &Surroundings) -> Result<Settings, Diagnostics> {
        let mut found = self.check(given);
        let mut settings =
            Settings { values: BTreeMap::new(), blocks: BTreeMap::new(), surroundings: surroundings.clone() };
        for setting in self.settings {
            let value = given.get(setting.name).filter(|value| value.is_known() && !value.is_null());
            if let SettingType::Block(inner) = setting.value_type {
                let written = value.and_then(|value| only(setting.name, value).ok().flatten());
                match written.map(|one| self.inner(setting.name, inner).settings(&one, surroundings)) {
                    Some(Ok(block)) => drop(settings.blocks.insert(setting.name, block)),
                    Some(Err(diagnostics)) => {
                        found.extend(diagnostics.into_iter().map(|one| one.attribute(setting.name)));
                    }
                    None => {}
                }
                continue;
            }
            let variable = || setting.environment.iter().find_map(|name| settings.variable(name));
            let default = || Some(setting.default.to_owned()).filter(|text| !text.is_empty());
            let value = value.cloned().or_else(|| variable().or_else(default).map(Value::from));
            match value.map(|value| setting.convert(&value)) {
                Some(Ok(value)) => drop(settings.values.insert(setting.name, value)),
                Some(Err(diagnostic)) => found.push(diagnostic),
                None if setting.is_required => found.push(self.missing(setting)),
                None => {}
            }
        }
        // A value that the block gives is looked at twice.
        found.sort_by_place();
        if found.has_errors() { Err(found) } else { Ok(settings) }
    }

    /// The table of a block; a name of the table's own settings says where it stands.
    fn inner(&self, name: &str, settings: &'static [Setting]) -> Self {
        let own = self.settings.iter().find(|setting| setting.name == name);
        Self { noun: "block", name: own.map_or("", |setting| setting.name), settings }
    }

    fn unknown(&self, name: &str) -> Diagnostic {
        let Self { noun, name: kind, .. } = self;
        let detail = format!("An argument named \"{name}\" is not expected here, in {noun} \"{kind}\".");
        let code = format!("unsupported-{noun}-argument");
        let diagnostic = Diagnostic::error(&code, "Unsupported argument", detail).attribute(name);
        let names: Vec<&str> = self.settings.iter().map(|setting| setting.name).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        diagnostic.hint(format!("There are: {names}."))
    }

    fn missing(&self, setting: &Setting) -> Diagnostic {
        let Self { noun, name: kind, .. } = self;
        let name = setting.name;
        let detail = format!(
            "The argument \"{name}\" is required, but no definition was found, in {noun} \"{kind}\"."
        );
        let code = format!("missing-{noun}-argument");
        let diagnostic = Diagnostic::error(&code, "Missing required argument", detail);
        let mut hint = "Give it in the block".to_owned();
        if *noun == "backend" {
            hint = format!("{hint}, or with -backend-config={name}=VALUE at init");
        }
        if let Some(variable) = setting.environment.first() {
            hint = format!("{hint}, or set {variable}");
        }
        diagnostic.attribute(name).hint(format!("{hint}."))
    }
}

/// The one block that is written; nothing where there is none.
fn only(name: &str, value: &Value) -> Result<Option<Value>, Diagnostic> {
    let several = value.items().unwrap_or(std::slice::from_ref(value));
    let detail = match several {
        [] => return Ok(None),
        [one] if one.is_null() || !one.is_known() => return Ok(None),
        [one] if one.entries().is_some() => return Ok(Some(one.clone())),
        [_] => format!("Inappropriate value for attribute \"{name}\": block required."),
        _ => format!("No more than 1 \"{name}\" blocks are allowed."),
    };
    let diagnostic = Diagnostic::error("backend-argument", "Incorrect block", detail).attribute(name);
    Err(diagnostic.hint(format!("Write one block: {name} {{ ... }}.")))
}

impl Setting {
    fn convert(&self, value: &Value) -> Result<Value, Diagnostic> {
        convert(value, &self.value_type.value_type()).map_err(|_| {
            let detail = format!(
                "Inappropriate value for attribute \"{}\": {} required.",
                self.name,
                self.value_type.words()
            );
            Diagnostic::error("backend-argument", "Incorrect attribute value type", detail)
                .attribute(self.name)
        })
    }
}
