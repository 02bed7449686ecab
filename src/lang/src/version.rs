//! Version constraints: `>= 1.6, < 2.0`, with the meaning that they have in the anchor.
//!
//! Invariant: a constraint that could not be read whole is none.

use std::cmp::Ordering;
use std::fmt;

/// The version of the anchor's language that is read here: what modules compare their constraints with.
pub const LANGUAGE_VERSION: &str = "1.12.6";

/// Bounds that a version must keep, all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionConstraint(Vec<Bound>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    operator: Operator,
    version: Version,
    /// How many numbers were written: `~>` fixes all but the last of them.
    written: usize,
}

/// In the order in which constraints on one version are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Operator {
    Less,
    Equal,
    Greater,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Pessimistic,
}

/// Longer ones come first: the first that fits is taken.
const OPERATORS: [(&str, Operator); 7] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("~>", Operator::Pessimistic),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
];

/// Numbers, at least three, and what follows them: `1.2.0-beta.1+linux`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    numbers: Vec<u64>,
    /// The name of a version before its release.
    before_release: Option<String>,
    /// About the build; without a part in any comparison.
    build: Option<String>,
}

impl VersionConstraint {
    /// Reads a constraint; nothing when any part of it is none.
    pub fn parse(text: &str) -> Option<Self> {
        text.split(',').map(Bound::parse).collect::<Option<Vec<Bound>>>().map(Self)
    }

    /// Whether it names a version before its release, which no constraint on the language may.
    pub(crate) fn names_a_version_before_release(&self) -> bool {
        self.0.iter().any(|bound| bound.version.is_before_release())
    }

    /// These bounds and those of another.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether there are no bounds.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a version may be chosen: it keeps all bounds, and where it is one before its release, a bound asks for
    /// exactly that one.
    pub fn selects(&self, version: &Version) -> bool {
        let is_asked_for = || {
            self.0.iter().any(|bound| bound.operator == Operator::Equal && bound.version.is_same_as(version))
        };
        self.0.iter().all(|bound| bound.admits(version)) && (!version.is_before_release() || is_asked_for())
    }

    /// Whether a released version keeps all bounds. A text that is no version keeps none.
    pub(crate) fn admits(&self, version: &str) -> bool {
        Version::parse(version).is_some_and(|(version, _)| self.0.iter().all(|bound| bound.admits(&version)))
    }
}

impl Bound {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let found = OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)));
        let (operator, rest) = found.unwrap_or((Operator::Equal, text));
        let (version, written) = Version::parse(rest.trim())?;
        Some(Self { operator, version, written })
    }

    fn admits(&self, version: &Version) -> bool {
        let order = version.precedence(&self.version);
        match self.operator {
            Operator::Equal => order == Ordering::Equal,
            Operator::NotEqual => order != Ordering::Equal,
            Operator::Greater => order == Ordering::Greater,
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual => order != Ordering::Greater,
            Operator::Pessimistic => {
                let fixed = self.written.saturating_sub(1);
                order != Ordering::Less && (0..fixed).all(|at| version.number(at) == self.version.number(at))
            }
        }
    }
}

/// As lock files have it: each bound once, in the order of versions, with all its numbers.
impl fmt::Display for VersionConstraint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bounds: Vec<&Bound> = self.0.iter().collect();
        bounds.sort_by(|one, other| {
            let by_version = one.version.cmp(&other.version);
            by_version.then(one.operator.cmp(&other.operator)).then(one.written.cmp(&other.written))
        });
        let mut texts: Vec<String> = bounds.into_iter().map(ToString::to_string).collect();
        texts.dedup();
        out.write_str(&texts.join(", "))
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.operator != Operator::Equal {
            let sign = OPERATORS.iter().find(|(_, operator)| *operator == self.operator);
            write!(out, "{} ", sign.map_or("", |(sign, _)| sign))?;
        }
        // How many numbers there are says what it allows.
        if self.operator == Operator::Pessimistic && self.written < 3 && !self.version.is_before_release() {
            let numbers = self.version.numbers.iter().take(self.written.max(2));
            return out.write_str(&numbers.map(u64::to_string).collect::<Vec<_>>().join("."));
        }
        self.version.fmt(out)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.numbers.iter().map(u64::to_string).collect::<Vec<_>>().join("."))?;
        for (sign, part) in [('-', &self.before_release), ('+', &self.build)] {
            if let Some(part) = part {
                write!(out, "{sign}{part}")?;
            }
        }
        Ok(())
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.precedence(other).then_with(|| self.build.cmp(&other.build))
    }
}

impl Version {
    /// Reads one version, whole.
    pub fn of(text: &str) -> Option<Self> {
        Self::parse(text.trim()).map(|(version, _)| version)
    }

    /// Whether it is one before its release.
    pub fn is_before_release(&self) -> bool {
        self.before_release.is_some()
    }

    fn is_same_as(&self, other: &Self) -> bool {
        self.precedence(other).is_eq()
    }

    /// A version and how many numbers were written of it.
    fn parse(text: &str) -> Option<(Self, usize)> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (core, before_release) =
            text.split_once('-').map_or((text, None), |(core, name)| (core, Some(name)));
        let is_name = |name: &str| {
            name.split('.').all(|part| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            })
        };
        if ![before_release, build].into_iter().flatten().all(is_name) {
            return None;
        }
        let mut numbers: Vec<u64> = Vec::new();
        for number in core.split('.') {
            if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            numbers.push(number.parse().ok()?);
        }
        let written = numbers.len();
        numbers.resize(written.max(3), 0);
        let (before_release, build) = (before_release.map(str::to_owned), build.map(str::to_owned));
        Some((Self { numbers, before_release, build }, written))
    }

    fn number(&self, at: usize) -> u64 {
        self.numbers.get(at).copied().unwrap_or(0)
    }

    fn precedence(&self, other: &Self) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        let mut differing = (0..length).map(|at| self.number(at).cmp(&other.number(at)));
        let by_name = || match (&self.before_release, &other.before_release) {
            (Some(one), Some(other)) => by_parts(one, other),
            // A version before the release comes before it.
            (one, other) => other.is_some().cmp(&one.is_some()),
        };
        differing.find(|order| order.is_ne()).unwrap_or_else(by_name)
    }
}

/// Parts that are numbers go by number and come before words.
fn by_parts(one: &str, other: &str) -> Ordering {
    let key = |part: &str| match part.parse::<u64>() {
        Ok(number) => (0, number, String::new()),
        Err(_) => (1, 0, part.to_owned()),
    };
    one.split('.').map(key).cmp(other.split('.').map(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_admit_what_the_anchor_admits() {
        for (constraint, admitted, refused) in [
            ("1.2.3", &["1.2.3"][..], &["1.2.4", "1.2"][..]),
            ("= 1.2", &["1.2.0"], &["1.2.1"]),
            ("!= 1.2.0", &["1.2.1"], &["1.2"]),
            (">= 1.6, < 2.0", &["1.6.0", "1.12.6"], &["1.5.9", "2.0.0"]),
            ("<=1.12.6", &["1.12.6"], &["1.12.7"]),
            ("> 1.2", &["1.2.1"], &["1.2.0"]),
            ("~> 1.2.3", &["1.2.3", "1.2.9"], &["1.3.0", "1.2.2"]),
            ("~> 1.2", &["1.2.0", "1.12.6"], &["2.0.0", "1.1.9"]),
            // With one number nothing is fixed.
            ("~> 1", &["1.0.0", "2.4.0"], &["0.9.0"]),
            ("v1.2.3", &["1.2.3"], &[]),
            (">= 1.2.0-beta1", &["1.2.0"], &["1.1.9"]),
        ] {
            let parsed = VersionConstraint::parse(constraint).unwrap();
            for version in admitted {
                assert!(parsed.admits(version), "{constraint} admits {version}");
            }
            for version in refused {
                assert!(!parsed.admits(version), "{constraint} refuses {version}");
            }
        }
        assert!(VersionConstraint::parse("1.2.0-rc1").unwrap().names_a_version_before_release());
        assert!(VersionConstraint::parse(">= 0.0.0").unwrap().admits(LANGUAGE_VERSION));
    }

    #[test]
    fn constraints_are_written_as_lock_files_have_them() {
        for (text, expected) in [
            ("~> 1", "~> 1.0"),
            ("~> 1.2", "~> 1.2"),
            ("~> 1.2.0,~> 1.2.0", "~> 1.2.0"),
            (">= 5.75.0, >= 2.49, >= 3.29.0", ">= 2.49.0, >= 3.29.0, >= 5.75.0"),
            ("~> 0.0, >= 0.60", "~> 0.0, >= 0.60.0"),
            ("=3", "3.0.0"),
            ("1.2.0-beta1", "1.2.0-beta1"),
            ("!= 2.0, < 2.0", "< 2.0.0, != 2.0.0"),
        ] {
            assert_eq!(VersionConstraint::parse(text).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn versions_before_their_release_are_chosen_where_exactly_they_are_asked_for() {
        let mut versions: Vec<Version> =
            ["1.0.0", "1.0.0-rc.2", "0.9.9", "1.0.0-rc.10", "1.0.0-alpha", "1.0.0-1"]
                .iter()
                .map(|text| Version::of(text).unwrap())
                .collect();
        versions.sort();
        let texts: Vec<String> = versions.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["0.9.9", "1.0.0-1", "1.0.0-alpha", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0"]);
        for (constraint, chosen) in [
            ("", Some("1.0.0")),
            ("< 1.0.0", Some("0.9.9")),
            ("1.0.0-rc.2", Some("1.0.0-rc.2")),
            ("> 1", None),
        ] {
            let constraint = VersionConstraint::parse(constraint).unwrap_or_default();
            let newest = versions.iter().rfind(|version| constraint.selects(version));
            assert_eq!(newest.map(ToString::to_string).as_deref(), chosen, "{constraint}");
        }
    }

    #[test]
    fn what_is_no_constraint_is_refused() {
        for text in
            ["", "latest", ">= ", "1..2", "=> 1.2", "1.2,", ">= one", "1.2-", "99999999999999999999999"]
        {
            assert_eq!(VersionConstraint::parse(text), None, "{text}");
        }
    }
}
