//! The kinds, one file each: schema, the shell that looks, the shell that acts, and what the answers mean.

mod certificate_authority;
mod command;
mod directory;
mod disk;
mod facts;
mod file;
mod filesystem;
mod group;
mod hosts_entry;
mod kernel_module;
mod kernel_package;
mod mount;
mod package;
mod paths;
mod raid;
mod reboot;
mod repository;
mod service;
mod swap;
mod sysctl;
mod unit;
mod user;

use crate::answer::Answer;
use formwork_sdk::values::Findings;
use formwork_sdk::{Attribute, ProviderError};
use formwork_value::Value;

pub(crate) use crate::kind::{Act, HostKind, mark_folder, pairs, schema, with};
pub(crate) use command::{RUN, job};
pub(crate) use disk::Disk;
pub(crate) use facts::Facts;
pub use package::TAKE;

/// All of them.
pub(crate) fn all() -> Vec<Box<dyn HostKind>> {
    vec![
        Box::new(certificate_authority::CertificateAuthority),
        Box::new(command::Command),
        Box::new(directory::Directory),
        Box::new(file::File),
        Box::new(filesystem::Filesystem),
        Box::new(group::Group),
        Box::new(hosts_entry::HostsEntry),
        Box::new(kernel_module::KernelModule),
        Box::new(kernel_package::KernelPackage),
        Box::new(mount::Mount),
        Box::new(package::Package),
        Box::new(raid::Raid),
        Box::new(reboot::Reboot),
        Box::new(repository::Repository),
        Box::new(service::Service),
        Box::new(swap::Swap),
        Box::new(sysctl::Sysctl),
        Box::new(unit::Unit),
        Box::new(user::User),
    ]
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

/// Refuses what is no path of a device.
fn check_device(configuration: &Value, attribute: &'static str, found: &mut Findings) {
    let device = formwork_sdk::values::text(configuration, attribute);
    if device.is_some_and(|device| !device.starts_with("/dev/") || device.contains("/../")) {
        found.refuse(attribute, "It is no path of a device: write it as `/dev/disk/by-id/…`.");
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
