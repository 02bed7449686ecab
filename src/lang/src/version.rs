//! Version constraints: `>= 1.6, < 2.0`, with the meaning that they have in the anchor.
//!
//! Invariant: a constraint that could not be read whole is none.

use std::cmp::Ordering;

/// The version of the anchor's language that is read here: what modules compare their constraints with.
pub const LANGUAGE_VERSION: &str = "1.12.6";

/// Bounds that a version must keep, all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionConstraint(Vec<Bound>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    operator: Operator,
    version: Version,
    /// How many numbers were written: `~>` fixes all but the last of them.
    written: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
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

/// Numbers, at least three, and whether a name of a version before the release follows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    numbers: Vec<u64>,
    is_before_release: bool,
}

impl VersionConstraint {
    /// Reads a constraint; nothing when any part of it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.split(',').map(Bound::parse).collect::<Option<Vec<Bound>>>().map(Self)
    }

    /// Whether it names a version before its release, which no constraint on the language may.
    pub(crate) fn names_a_version_before_release(&self) -> bool {
        self.0.iter().any(|bound| bound.version.is_before_release)
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
        let order = version.compare(&self.version);
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

impl Version {
    /// A version and how many numbers were written of it.
    fn parse(text: &str) -> Option<(Self, usize)> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, _) = text.split_once('+').unwrap_or((text, ""));
        let (core, is_before_release) = match text.split_once('-') {
            Some((_, "")) => return None,
            Some((core, _)) => (core, true),
            None => (text, false),
        };
        let mut numbers: Vec<u64> = Vec::new();
        for number in core.split('.') {
            if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            numbers.push(number.parse().ok()?);
        }
        let written = numbers.len();
        numbers.resize(written.max(3), 0);
        Some((Self { numbers, is_before_release }, written))
    }

    fn number(&self, at: usize) -> u64 {
        self.numbers.get(at).copied().unwrap_or(0)
    }

    fn compare(&self, other: &Self) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        let differing = (0..length).map(|at| self.number(at).cmp(&other.number(at)));
        // A version before the release comes before it.
        differing
            .into_iter()
            .find(|order| order.is_ne())
            .unwrap_or_else(|| other.is_before_release.cmp(&self.is_before_release))
    }
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
    fn what_is_no_constraint_is_refused() {
        for text in
            ["", "latest", ">= ", "1..2", "=> 1.2", "1.2,", ">= one", "1.2-", "99999999999999999999999"]
        {
            assert_eq!(VersionConstraint::parse(text), None, "{text}");
        }
    }
}
