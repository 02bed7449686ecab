//! The kinds, one file each: schema, the shell that looks, the shell that acts, and what the answers mean.

mod certificate_authority;
mod command;
mod directory;
mod facts;
mod file;
mod group;
mod hosts_entry;
mod kernel_module;
mod kernel_package;
mod mount;
mod package;
mod reboot;
mod repository;
mod service;
mod sysctl;
mod unit;
mod user;

use crate::answer::Answer;
use crate::place;
use crate::private::Private;
use crate::shell::{name_of, quote};
use formwork_sdk::values::Findings;
use formwork_sdk::{
    ApplyRequest, Attribute, Block, IdentityAttribute, IdentitySchema, KindSchema, Permission, PlanRequest,
    Planned, ProviderError,
};
use formwork_value::Value;

pub(crate) use facts::{FACTS, Facts};

const TIME_LIMIT_MS: u64 = 10 * 60 * 1000;

/// One kind of object on a host.
pub(crate) trait HostKind: Send + Sync {
    /// The type name.
    fn name(&self) -> &'static str;

    fn schema(&self) -> KindSchema;

    /// The attribute whose text tells an object from others of its host.
    fn key(&self) -> &'static str;

    /// What is wrong with a configuration that may hold unknowns, beside its host.
    fn validate(&self, configuration: &Value, found: &mut Findings);

    /// Adjusts the default plan of an object that is to be made or changed.
    fn adjust(&self, _request: &PlanRequest, _planned: &mut Planned) {}

    /// What is kept privately with an object that these make.
    fn kept(&self, _configuration: &Value) -> Option<String> {
        None
    }

    /// Shell that looks at an object and emits fields; it changes nothing.
    fn probe(&self, object: &Value, private: &Private) -> String;

    /// The object as the fields say, all else as it was; none where it is not there.
    ///
    /// # Errors
    /// When the fields do not say.
    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError>;

    /// Shell that brings an object to what is planned; it runs with `set -e` and `$d`, the folder of its mark.
    ///
    /// # Errors
    /// When it cannot be said in shell.
    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError>;

    /// Shell that brings back what an object replaced, from `$d`.
    fn restore(&self, object: &Value) -> String;

    /// Shell that removes an object which replaced nothing that is known.
    fn remove(&self, object: &Value) -> String;

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
pub(crate) struct Act<'a> {
    pub(crate) request: &'a ApplyRequest,
    /// The object that is planned; null where only the host can tell.
    pub(crate) planned: Value,
}

/// All of them.
pub(crate) fn all() -> Vec<Box<dyn HostKind>> {
    vec![
        Box::new(certificate_authority::CertificateAuthority),
        Box::new(command::Command),
        Box::new(directory::Directory),
        Box::new(file::File),
        Box::new(group::Group),
        Box::new(hosts_entry::HostsEntry),
        Box::new(kernel_module::KernelModule),
        Box::new(kernel_package::KernelPackage),
        Box::new(mount::Mount),
        Box::new(package::Package),
        Box::new(reboot::Reboot),
        Box::new(repository::Repository),
        Box::new(service::Service),
        Box::new(sysctl::Sysctl),
        Box::new(unit::Unit),
        Box::new(user::User),
    ]
}

/// A kind of these attributes, beside its host.
fn schema(
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
        _ => &["name"],
    }
}

/// The object with other values for some attributes.
pub(crate) fn with(object: &Value, changed: &[(&str, Value)]) -> Value {
    let Some(entries) = object.entries() else { return object.clone() };
    let entries = entries.iter().map(|(name, value)| {
        let found = changed.iter().find(|(other, _)| *other == name.as_str());
        (name.clone(), found.map_or(value, |(_, value)| value).clone())
    });
    Value::object(entries.collect())
}

/// The entries of a map of texts.
fn pairs<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = (String, String)> + 'a {
    let entries = formwork_sdk::values::given(object, name).and_then(Value::entries);
    let entries = entries.into_iter().flat_map(|entries| entries.iter());
    entries.filter_map(|(name, value)| Some((name.to_string(), value.as_str()?.to_string())))
}

/// Where a host keeps who owns an object and what it replaced; quoted for the shell.
pub(crate) fn mark_folder(kind: &dyn HostKind, object: &Value) -> String {
    let sort = kind.name().trim_start_matches("host_");
    let key = formwork_sdk::values::text(object, kind.key()).unwrap_or_default();
    format!("\"$S\"/{}", quote(&format!("{sort}/{}", name_of(key))))
}

/// What a probe could not look at.
fn trouble(answer: &Answer) -> Option<ProviderError> {
    answer.given("trouble").map(crate::failure::of_words)
}

/// What `look` saw: type, mode, owner, group; none where nothing is.
fn seen(answer: &Answer) -> Result<Option<Seen<'_>>, ProviderError> {
    if let Some(error) = trouble(answer) {
        return Err(error);
    }
    let text =
        answer.text("stat").ok_or_else(|| ProviderError::bug("the host did not answer for an object"))?;
    let mut parts = text.split('|');
    let (Some(sort), Some(mode), Some(owner), Some(group)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Ok(None);
    };
    Ok(Some(Seen { sort, mode: format!("{mode:0>4}"), owner, group }))
}

/// What stands at a path.
struct Seen<'a> {
    sort: &'a str,
    mode: String,
    owner: &'a str,
    group: &'a str,
}

/// Refuses a path that is not absolute or not in its plain form.
fn check_path(configuration: &Value, found: &mut Findings) {
    let Some(path) = formwork_sdk::values::text(configuration, "path") else { return };
    let is_plain = path.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..");
    if !path.starts_with('/') || !is_plain || path.contains('\0') {
        found.refuse(
            "path",
            format!("{path:?} is no absolute path in its plain form: write it as `/etc/motd`."),
        );
    }
}

/// Refuses a `name` that nobody could read in a message, and lines with nothing in them.
fn check_words(configuration: &Value, lines: &[&'static str], found: &mut Findings) {
    if formwork_sdk::values::text(configuration, "name")
        .is_some_and(|name| name.trim().is_empty() || name.contains('\n'))
    {
        found.refuse("name", "It is empty or has a line end: give a word or two.");
    }
    for name in lines {
        if formwork_sdk::values::text(configuration, name).is_some_and(|lines| lines.trim().is_empty()) {
            found.refuse(name, "There is nothing in it: give what is to be run, or leave it out.");
        }
    }
}

/// Refuses a `name` that no file of ours is named after: of letters, digits and these signs.
fn check_file_name(configuration: &Value, signs: &str, found: &mut Findings) {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.len() <= 64
            && name.chars().all(|one| one.is_ascii_alphanumeric() || signs.contains(one))
    };
    let name = formwork_sdk::values::text(configuration, "name");
    if let Some(name) = name.filter(|name| !is_name(name)) {
        let signs: Vec<String> = signs.chars().map(|sign| format!("`{sign}`")).collect();
        found.refuse(
            "name",
            format!("{name:?} is no name of a file: give letters, digits, {}.", signs.join(", ")),
        );
    }
}

/// Refuses a mode that is not four octal digits.
fn check_mode(configuration: &Value, found: &mut Findings) {
    let Some(mode) = formwork_sdk::values::text(configuration, "mode") else { return };
    let is_octal = mode.len() == 4 && mode.chars().all(|digit| ('0'..='7').contains(&digit));
    if !is_octal {
        found.refuse("mode", format!("{mode:?} is no mode in four octal digits: write it as \"0644\"."));
    }
}

/// What [`ownership`] asks for.
fn check_ownership(configuration: &Value, found: &mut Findings) {
    check_mode(configuration, found);
    check_account(configuration, "owner", found);
    check_account(configuration, "group", found);
}

/// Refuses a name of an account or a group that no system takes.
fn check_account(configuration: &Value, attribute: &'static str, found: &mut Findings) {
    let Some(name) = formwork_sdk::values::text(configuration, attribute) else { return };
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_-.$".contains(character);
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !begins || name.len() > 32 || !name.chars().all(is_part) {
        found.refuse(attribute, format!("{name:?} is no name of an account or group: give one of at most 32 letters, digits, `_`, `-` and `.`."));
    }
}

/// Attributes of what stands at a path.
fn ownership(mode: &'static str) -> [(&'static str, Attribute); 3] {
    use formwork_value::Type;
    [
        ("mode", Attribute::with_default(Type::String, mode, "Who may do what, in four octal digits.")),
        (
            "owner",
            Attribute::optional_computed(
                Type::String,
                "The account it belongs to, by name; as it is, by itself.",
            ),
        ),
        (
            "group",
            Attribute::optional_computed(
                Type::String,
                "The group it belongs to, by name; as it is, by itself.",
            ),
        ),
    ]
}
