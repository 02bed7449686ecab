//! What sops writes about a file into it: who can read it, which values are encrypted, and the authentication code.

use super::tree::Node;
use regex::Regex;

/// Where it stands in documents that have parts.
const NAME: &str = "sops";
/// The suffix of what is not encrypted where a file says nothing of it.
const UNENCRYPTED_SUFFIX: &str = "_unencrypted";
/// Key services that are not read here, by what they are called in a file, and in words.
const OTHER_SERVICES: &[(&str, &str)] = &[
    ("kms__list_", "AWS KMS"),
    ("gcp_kms__list_", "Google Cloud KMS"),
    ("azure_kv__list_", "Azure Key Vault"),
    ("hc_vault__list_", "a Vault transit engine"),
    ("hckms__list_", "Huawei Cloud KMS"),
    ("pgp__list_", "PGP"),
];

/// All of it by flat names.
pub(super) struct Metadata(Vec<(String, String)>);

/// Which values are encrypted.
pub(super) enum Rule {
    AllBut(Matcher),
    Only(Matcher),
}

/// What a part of a path is held against.
pub(super) enum Matcher {
    Suffix(String),
    Regex(Box<Regex>),
}

impl Matcher {
    fn matches(&self, part: &str) -> bool {
        match self {
            Self::Suffix(suffix) => part.ends_with(suffix.as_str()),
            Self::Regex(regex) => regex.is_match(part),
        }
    }
}

impl Rule {
    /// Whether the value at a path is encrypted.
    pub(super) fn covers(&self, path: &[String]) -> bool {
        let any = |matcher: &Matcher| path.iter().any(|part| matcher.matches(part));
        match self {
            Self::AllBut(matcher) => !any(matcher),
            Self::Only(matcher) => any(matcher),
        }
    }
}

impl Metadata {
    /// A document without it, and it.
    pub(super) fn split(document: Node) -> Result<(Node, Self), String> {
        let Node::Map(entries) = document else { return Err("it is no map of values".to_owned()) };
        let (found, rest): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(name, _)| name == NAME);
        let [(_, found)] = found.as_slice() else { return Err("it was not written by sops".to_owned()) };
        Ok((Node::Map(rest), Self(found.flat())))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(other, _)| other == name).map(|(_, text)| text.as_str());
        found.filter(|text| !text.is_empty())
    }

    /// Whether all that it asks for is done here.
    pub(super) fn check(&self) -> Result<(), String> {
        let has = |prefix: &str| self.0.iter().any(|(name, _)| name.starts_with(prefix));
        if has("key_groups__list_") {
            return Err("its key is shared out among several groups, which is not supported".to_owned());
        }
        if self.get("encrypted_comment_regex").or(self.get("unencrypted_comment_regex")).is_some() {
            return Err("comments say which of its values are encrypted, which is not supported".to_owned());
        }
        if self.wrapped_keys().next().is_none() {
            let others = OTHER_SERVICES.iter().filter(|(prefix, _)| has(prefix)).map(|(_, words)| *words);
            let others: Vec<&str> = others.collect();
            let whom = if others.is_empty() { "nobody".to_owned() } else { others.join(" and ") };
            return Err(format!("it is encrypted for {whom}, and only age keys are supported"));
        }
        self.rule().map(drop)
    }

    /// The data key as each recipient gets it.
    pub(super) fn wrapped_keys(&self) -> impl Iterator<Item = &str> {
        self.of_age("__map_enc")
    }

    /// Whom the file is for.
    pub(super) fn recipients(&self) -> impl Iterator<Item = &str> {
        self.of_age("__map_recipient")
    }

    fn of_age(&self, suffix: &'static str) -> impl Iterator<Item = &str> {
        let is_it = move |name: &str| name.starts_with("age__list_") && name.ends_with(suffix);
        self.0.iter().filter(move |(name, _)| is_it(name)).map(|(_, text)| text.as_str())
    }

    pub(super) fn rule(&self) -> Result<Rule, String> {
        type Make = fn(Matcher) -> Rule;
        let rules: [(&str, &str, Make); 4] = [
            ("unencrypted_suffix", "", Rule::AllBut),
            ("encrypted_suffix", "", Rule::Only),
            ("unencrypted_regex", "regex", Rule::AllBut),
            ("encrypted_regex", "regex", Rule::Only),
        ];
        let mut found = Vec::new();
        for (name, kind, make) in rules {
            let Some(text) = self.get(name) else { continue };
            let matcher = if kind == "regex" {
                let regex = Regex::new(text).map_err(|_| format!("its {name} is no regular expression"))?;
                Matcher::Regex(Box::new(regex))
            } else {
                Matcher::Suffix(text.to_owned())
            };
            found.push(make(matcher));
        }
        match (found.pop(), found.is_empty()) {
            (None, _) => Ok(Rule::AllBut(Matcher::Suffix(UNENCRYPTED_SUFFIX.to_owned()))),
            (Some(rule), true) => Ok(rule),
            _ => Err("it has several rules of which values are encrypted, and may have one".to_owned()),
        }
    }

    /// The authentication code, encrypted as a value is, and what it is bound to.
    pub(super) fn code(&self) -> Result<(&str, &str), String> {
        let code = self.get("mac").ok_or("it has no authentication code")?;
        Ok((code, self.get("lastmodified").unwrap_or_default()))
    }

    /// Whether the code leaves out values that are not encrypted.
    pub(super) fn covers_encrypted_only(&self) -> bool {
        self.get("mac_only_encrypted") == Some("true")
    }
}
