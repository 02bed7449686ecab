//! Whose requests they are: what is written, the environment, or the files of AWS's own tools.

use std::path::PathBuf;

/// A key pair; a token with it where it is for a session.
#[derive(Clone)]
pub struct Credentials {
    /// Which key.
    pub access_key: String,
    /// The key.
    pub secret_key: String,
    /// Of a session.
    pub token: Option<String>,
}

/// Where credentials are looked for.
pub struct Sources<'a> {
    /// What is written down where the store is.
    pub written: Option<Credentials>,
    /// The profile that is written there: it goes before the environment's keys.
    pub profile: Option<String>,
    /// The files of profiles; those of AWS's tools where none are named.
    pub files: Vec<PathBuf>,
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Credentials {
    /// A pair where both halves are there.
    pub fn pair(
        access_key: Option<String>,
        secret_key: Option<String>,
        token: Option<String>,
    ) -> Option<Self> {
        Some(Self { access_key: access_key?, secret_key: secret_key?, token })
    }
}

impl Sources<'_> {
    /// The profile that is meant.
    pub fn profile(&self) -> String {
        let named = self.profile.clone().or_else(|| (self.variable)("AWS_PROFILE"));
        named.unwrap_or_else(|| "default".to_owned())
    }

    /// The first that there are.
    pub fn find(&self) -> Option<Credentials> {
        self.written.clone().or_else(|| self.of_environment()).or_else(|| self.of_files())
    }

    fn of_environment(&self) -> Option<Credentials> {
        let variable = self.variable;
        let token = variable("AWS_SESSION_TOKEN");
        Credentials::pair(variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"), token)
            // A profile that is written down means that one.
            .filter(|_| self.profile.is_none())
    }

    fn of_files(&self) -> Option<Credentials> {
        let name = self.profile();
        self.paths().into_iter().find_map(|path| {
            let section = section(&std::fs::read_to_string(path).ok()?, &name);
            let value =
                |key: &str| section.iter().find(|(other, _)| other == key).map(|(_, value)| value.clone());
            Credentials::pair(
                value("aws_access_key_id"),
                value("aws_secret_access_key"),
                value("aws_session_token"),
            )
        })
    }

    fn paths(&self) -> Vec<PathBuf> {
        if !self.files.is_empty() {
            return self.files.clone();
        }
        let home = (self.variable)("HOME").map(PathBuf::from).unwrap_or_default();
        let one = |variable: &str, name: &str| {
            (self.variable)(variable).map_or_else(|| home.join(".aws").join(name), PathBuf::from)
        };
        vec![one("AWS_SHARED_CREDENTIALS_FILE", "credentials"), one("AWS_CONFIG_FILE", "config")]
    }
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
