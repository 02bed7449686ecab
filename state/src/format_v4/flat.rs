//! Attributes as files from before Terraform 0.12 have them: one map of text to text, the way to each value in its
//! name (`disks.#`, `disks.0.size`, `tags.%`, `tags.team`).
//!
//! Invariant: every value stays a text. Whoever decodes them by a type reads numbers and bools from it.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What stood for a value that was not known.
const UNKNOWN: &str = "74D93920-ED26-11E3-AC10-0800200C9A66";

/// Collections nested deeper are left out: no resource has any, and reading one calls itself for every level.
const DEPTH_MAXIMUM: u32 = 32;

/// Values at or below one place, each with what follows the place in its name; nothing for the place itself.
type Parts<'a> = Vec<(Option<&'a str>, &'a str)>;

/// The attributes as a tree.
pub(super) fn unfolded(flat: &BTreeMap<String, String>) -> Value {
    object(&flat.iter().map(|(name, text)| (Some(name.as_str()), text.as_str())).collect(), 0)
}

/// The parts by the first word of their names.
fn grouped<'a>(parts: &Parts<'a>) -> BTreeMap<&'a str, Parts<'a>> {
    let mut groups: BTreeMap<&str, Parts<'a>> = BTreeMap::new();
    for (name, text) in parts.iter().filter_map(|(name, text)| Some(((*name)?, *text))) {
        let (head, rest) = name.split_once('.').map_or((name, None), |(head, rest)| (head, Some(rest)));
        groups.entry(head).or_default().push((rest, text));
    }
    groups
}

fn object(parts: &Parts<'_>, depth: u32) -> Value {
    let groups = grouped(parts).into_iter();
    Value::Object(groups.map(|(name, parts)| (name.to_owned(), value(&parts, depth + 1))).collect())
}

fn value(parts: &Parts<'_>, depth: u32) -> Value {
    let has = |mark: &str| parts.iter().any(|(name, _)| *name == Some(mark));
    match parts.as_slice() {
        _ if depth > DEPTH_MAXIMUM => Value::Null,
        [(None, UNKNOWN)] => Value::Null,
        [(None, text)] => Value::String((*text).to_owned()),
        _ if has("#") => sequence(parts, depth),
        _ if has("%") => map(parts, depth),
        _ => object(parts, depth),
    }
}

/// A list has its places in its names; a set has numbers there that only tell its elements apart.
fn sequence(parts: &Parts<'_>, depth: u32) -> Value {
    let groups = grouped(parts).into_iter();
    let mut items: Vec<(u64, Parts<'_>)> =
        groups.filter_map(|(name, parts)| Some((name.parse().ok()?, parts))).collect();
    items.sort_by_key(|(place, _)| *place);
    items.iter().map(|(_, parts)| value(parts, depth + 1)).collect()
}

/// A key may have dots in it, unless a collection stands below it.
fn map(parts: &Parts<'_>, depth: u32) -> Value {
    let is_mark = |name: &str| name == "#" || name == "%";
    let mut entries = Map::new();
    for (name, below) in grouped(parts).into_iter().filter(|(name, _)| !is_mark(name)) {
        if below.iter().any(|(rest, _)| rest.is_some_and(is_mark)) {
            entries.insert(name.to_owned(), value(&below, depth + 1));
            continue;
        }
        for (rest, text) in below {
            let key = rest.map_or_else(|| name.to_owned(), |rest| format!("{name}.{rest}"));
            entries.insert(key, value(&vec![(None, text)], depth + 1));
        }
    }
    Value::Object(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_become_a_tree() {
        let cases: [(&[(&str, &str)], Value); 6] = [
            (&[("id", "i-1"), ("size", "3")], json!({"id": "i-1", "size": "3"})),
            (&[("l.#", "2"), ("l.0", "a"), ("l.1", "b")], json!({"l": ["a", "b"]})),
            (&[("l.#", "0"), ("m.%", "0")], json!({"l": [], "m": {}})),
            (&[("s.#", "2"), ("s.1909", "b"), ("s.77", "a")], json!({"s": ["a", "b"]})),
            (&[("t.%", "2"), ("t.a", "1"), ("t.b.c", "2")], json!({"t": {"a": "1", "b.c": "2"}})),
            (
                &[("d.#", "1"), ("d.0.name", "x"), ("d.0.ports.#", "1"), ("d.0.ports.0", UNKNOWN)],
                json!({"d": [{"name": "x", "ports": [null]}]}),
            ),
        ];
        for (flat, expected) in cases {
            let flat = flat.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            assert_eq!(unfolded(&flat), expected);
        }
    }

    #[test]
    fn what_is_nested_without_end_is_left_out() {
        let name = "0.".repeat(100_000);
        let levels = (0..200).map(|level| (format!("a.{}#", "0.".repeat(level)), "1".to_owned()));
        let flat = levels.chain([(format!("a.{name}x"), "1".to_owned())]).collect();
        assert!(unfolded(&flat).to_string().len() < 1000);
    }
}
