//! The files of AWS's own tools: sections of keys, of settings, and of sessions.

use super::Credentials;
use super::origin::Files;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All sections, by kind and name.
#[derive(Default)]
pub(super) struct Profiles {
    profiles: BTreeMap<String, BTreeMap<String, String>>,
    sessions: BTreeMap<String, BTreeMap<String, String>>,
}

/// One profile.
pub(super) type Profile = BTreeMap<String, String>;

impl Profiles {
    /// Those of the files that there are. Keys of the credentials file go before those of the other.
    pub(super) fn read(files: &Files, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
        let usual = |name: &str, file: &str| {
            vec![variable(name).map_or_else(|| home.join(".aws").join(file), PathBuf::from)]
        };
        let named =
            |given: &[PathBuf], usual: Vec<PathBuf>| if given.is_empty() { usual } else { given.to_vec() };
        let mut found = Self::default();
        for path in named(&files.config, usual("AWS_CONFIG_FILE", "config")) {
            found.add(&std::fs::read_to_string(path).unwrap_or_default());
        }
        for path in named(&files.credentials, usual("AWS_SHARED_CREDENTIALS_FILE", "credentials")) {
            found.add(&std::fs::read_to_string(path).unwrap_or_default());
        }
        found
    }

    fn add(&mut self, text: &str) {
        let mut section = None;
        for line in text.lines() {
            let bare = line.trim();
            if bare.is_empty() || bare.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                section = Some(self.section(name.trim()));
            } else if line.starts_with([' ', '\t']) {
                // Settings below a setting, as `s3 =` has: none of them says who one is.
            } else if let (Some((key, value)), Some(section)) = (bare.split_once('='), section.as_mut()) {
                section.insert(key.trim().to_ascii_lowercase(), without_remark(value).to_owned());
            }
        }
    }

    fn section(&mut self, name: &str) -> &mut Profile {
        let of =
            |kind: &str| name.strip_prefix(kind).filter(|rest| rest.starts_with([' ', '\t'])).map(str::trim);
        if let Some(name) = of("sso-session") {
            return self.sessions.entry(name.to_owned()).or_default();
        }
        self.profiles.entry(of("profile").unwrap_or(name).to_owned()).or_default()
    }

    pub(super) fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    pub(super) fn session(&self, name: &str) -> Option<&Profile> {
        self.sessions.get(name)
    }
}

/// A remark stands after a blank.
fn without_remark(value: &str) -> &str {
    let end = [" #", " ;", "\t#", "\t;"].iter().filter_map(|mark| value.find(mark)).min();
    value[..end.unwrap_or(value.len())].trim()
}

/// The keys that stand in a profile.
pub(super) fn keys_of(profile: &Profile) -> Option<Credentials> {
    let value = |key: &str| profile.get(key).filter(|value| !value.is_empty()).cloned();
    Credentials::pair(value("aws_access_key_id"), value("aws_secret_access_key"), value("aws_session_token"))
}

#[cfg(test)]
mod tests {
    use super::Profiles;

    #[test]
    fn profiles_are_told_apart() {
        let text = "[default]\na = 1 # one\n\n[profile other]\n; a = 9\n# a = 9\ns3 =\n  a = 8\nA=2\n[third]\n[sso-session other]\na = 7\n[ profile-like ]\na = 6\n";
        let mut profiles = Profiles::default();
        profiles.add(text);
        for (profile, expected) in [
            ("default", Some("1")),
            ("other", Some("2")),
            ("third", None),
            ("none", None),
            ("profile-like", Some("6")),
        ] {
            let found = profiles.profile(profile).and_then(|one| one.get("a"));
            assert_eq!(found.map(String::as_str), expected, "{profile}");
        }
        assert_eq!(profiles.session("other").and_then(|one| one.get("a")).map(String::as_str), Some("7"));
    }
}
