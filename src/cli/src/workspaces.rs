//! Workspaces: several states of one configuration, and which of them is meant.
//!
//! `TF_WORKSPACE` names one for this process; else the data folder (`TF_DATA_DIR`, or `.terraform`) remembers it.

use std::io;
use std::path::PathBuf;

pub(crate) use formwork_state::storage::DEFAULT_WORKSPACE as DEFAULT;
/// The variable that names a workspace for one process.
pub(crate) const VARIABLE: &str = "TF_WORKSPACE";

/// The current workspace, by variable or by what was chosen last.
pub(crate) fn current() -> String {
    named_by_variable().or_else(chosen).unwrap_or_else(|| DEFAULT.to_owned())
}

/// The workspace that the variable names.
pub(crate) fn named_by_variable() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|name| !name.is_empty())
}

fn chosen() -> Option<String> {
    let text = std::fs::read_to_string(choice_path()).ok()?;
    let name = text.trim();
    is_valid(name).then(|| name.to_owned())
}

fn choice_path() -> PathBuf {
    data_folder().join("environment")
}

/// Where things are kept beside the configuration.
pub(crate) fn data_folder() -> PathBuf {
    std::env::var_os("TF_DATA_DIR")
        .filter(|name| !name.is_empty())
        .map_or_else(|| ".terraform".into(), PathBuf::from)
}

/// Remembers a choice.
pub(crate) fn choose(name: &str) -> io::Result<()> {
    std::fs::create_dir_all(data_folder())?;
    std::fs::write(choice_path(), name)
}

/// Whether a name can stand in a path and in a URL as it is.
pub(crate) fn is_valid(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_plain) && !name.bytes().all(|byte| byte == b'.')
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_leads_nowhere_else() {
        for (name, expected) in [
            ("dev", true),
            ("a-b_c.9~", true),
            ("", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("a b", false),
            ("ä", false),
        ] {
            assert_eq!(super::is_valid(name), expected, "{name}");
        }
    }
}
