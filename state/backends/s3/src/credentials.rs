//! Whose requests they are: settings, the environment, or the files of AWS's own tools.

use formwork_diagnostic::Diagnostic;
use formwork_state::storage::Settings;
use std::path::PathBuf;

/// A key pair; a token with it where it is for a session.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) token: Option<String>,
}

impl Credentials {
    pub(crate) fn find(settings: &Settings) -> Result<Self, Diagnostic> {
        let pair = |access_key: Option<String>, secret_key: Option<String>, token: Option<String>| {
            Some(Self { access_key: access_key?, secret_key: secret_key?, token })
        };
        let text = |name: &str| settings.text(name);
        let variable = |name: &str| settings.variable(name);
        let written = pair(text("access_key"), text("secret_key"), text("token"));
        let profile = text("profile");
        let from_environment = || {
            let token = variable("AWS_SESSION_TOKEN");
            pair(variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"), token)
                // A profile that the block names means that one.
                .filter(|_| profile.is_none())
        };
        let name =
            profile.clone().or_else(|| variable("AWS_PROFILE")).unwrap_or_else(|| "default".to_owned());
        let from_files = || {
            files(settings).into_iter().find_map(|path| {
                let section = section(&std::fs::read_to_string(path).ok()?, &name);
                let value = |key: &str| {
                    section.iter().find(|(other, _)| other == key).map(|(_, value)| value.clone())
                };
                pair(value("aws_access_key_id"), value("aws_secret_access_key"), value("aws_session_token"))
            })
        };
        written.or_else(from_environment).or_else(from_files).ok_or_else(|| {
            let detail = format!(
                "There are no credentials: neither access_key and secret_key, nor AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor a profile {name:?} with keys in the files of AWS's tools."
            );
            Diagnostic::error("no-credentials", "No valid credential sources found", detail).hint(
                "Keys that come from elsewhere (SSO, roles, instance metadata) are taken from the environment: eval \"$(aws configure export-credentials --format env)\".",
            )
        })
    }
}

fn files(settings: &Settings) -> Vec<PathBuf> {
    let home = settings.variable("HOME").map(PathBuf::from).unwrap_or_default();
    let one = |variable: &str, name: &str| {
        settings.variable(variable).map_or_else(|| home.join(".aws").join(name), PathBuf::from)
    };
    let mut found: Vec<PathBuf> =
        settings.texts("shared_credentials_files").iter().map(PathBuf::from).collect();
    found.extend(settings.texts("shared_config_files").iter().map(PathBuf::from));
    if found.is_empty() {
        found.push(one("AWS_SHARED_CREDENTIALS_FILE", "credentials"));
        found.push(one("AWS_CONFIG_FILE", "config"));
    }
    found
}

/// The values of one profile.
fn section(text: &str, profile: &str) -> Vec<(String, String)> {
    let mut is_inside = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let name = name.trim();
            is_inside = name == profile || name.strip_prefix("profile ").map(str::trim) == Some(profile);
        } else if let Some((key, value)) =
            line.split_once('=').filter(|_| is_inside && !line.starts_with('#'))
        {
            found.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::section;

    #[test]
    fn profiles_are_told_apart() {
        let text = "[default]\na = 1\n\n[profile other]\n# a = 9\na=2\n[third]\n";
        for (profile, expected) in
            [("default", Some("1")), ("other", Some("2")), ("third", None), ("none", None)]
        {
            let found = section(text, profile);
            assert_eq!(found.first().map(|(_, value)| value.as_str()), expected, "{profile}");
        }
    }
}
