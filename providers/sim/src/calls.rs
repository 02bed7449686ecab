//! The log of calls: what was made, changed and deleted, one JSON object a line, and the sums over it.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// What a call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// An object was made.
    Created,
    /// An object was changed.
    Updated,
    /// An object was deleted.
    Deleted,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The world's number of this effect, from 1; a number that comes twice is one effect.
    pub seq: u64,
    /// `create`, `update`, `delete`, or `cascade` for what died with something else.
    pub call: String,
    /// Resource kind.
    pub kind: String,
    /// The object's id.
    pub id: String,
    /// The object's name.
    pub name: String,
    /// The token that came with the call.
    pub token: String,
    /// What it did.
    pub effect: Effect,
}

/// Reads a log. A last line without an end was being written when its process ended: it is left out.
///
/// # Errors
/// When the file cannot be read or a line is none of the log's.
pub fn read(path: &Path) -> io::Result<Vec<Call>> {
    let text = fs::read_to_string(path)?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let line = |(at, line)| {
        serde_json::from_str(line).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}:{}: {error}", path.display(), at + 1))
        })
    };
    whole.lines().enumerate().map(line).collect()
}

/// What a log adds up to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Objects made.
    pub created: u64,
    /// Changes made.
    pub updated: u64,
    /// Objects deleted.
    pub deleted: u64,
    /// How often each object (kind and name) was made.
    pub creates: BTreeMap<String, u64>,
    /// Ids of objects that stand.
    pub alive: BTreeSet<String>,
    /// Objects made more than once by one token, and names (of a kind) that stand more than once.
    pub doubled: BTreeSet<String>,
}

impl Summary {
    /// Adds up a log.
    pub fn new(calls: &[Call]) -> Self {
        let mut summary = Self::default();
        let mut seen = BTreeSet::new();
        let mut made_by_token: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let mut standing: BTreeMap<&str, String> = BTreeMap::new();
        for call in calls.iter().filter(|call| seen.insert(call.seq)) {
            let object = format!("{}.{}", call.kind, call.name);
            match call.effect {
                Effect::Created => {
                    summary.created += 1;
                    let made = made_by_token.entry((&call.kind, &call.token)).or_default();
                    *made += 1;
                    if *made > 1 {
                        summary.doubled.insert(object.clone());
                    }
                    *summary.creates.entry(object.clone()).or_default() += 1;
                    standing.insert(&call.id, object);
                }
                Effect::Updated => summary.updated += 1,
                Effect::Deleted => {
                    summary.deleted += 1;
                    standing.remove(call.id.as_str());
                }
            }
        }
        let mut names = BTreeSet::new();
        for (id, object) in standing {
            summary.alive.insert(id.to_owned());
            if !names.insert(object.clone()) {
                summary.doubled.insert(object);
            }
        }
        summary
    }

    /// Ids of objects that stand and that the known ones lack: made, and then forgotten.
    pub fn lost<'a>(&'a self, known: &'a BTreeSet<String>) -> impl Iterator<Item = &'a String> {
        self.alive.difference(known)
    }

    /// Ids that are known and do not stand.
    pub fn missing<'a>(&'a self, known: &'a BTreeSet<String>) -> impl Iterator<Item = &'a String> {
        known.difference(&self.alive)
    }
}

/// Ids of all objects of the kinds here that a state in format v4 knows, deposed ones too.
///
/// # Errors
/// When the text is no such state.
pub fn ids_in_state(text: &str) -> Result<BTreeSet<String>, serde_json::Error> {
    #[derive(Deserialize)]
    struct State {
        #[serde(default)]
        resources: Vec<Resource>,
    }
    #[derive(Deserialize)]
    struct Resource {
        mode: String,
        #[serde(rename = "type")]
        kind: String,
        instances: Vec<Instance>,
    }
    #[derive(Deserialize)]
    struct Instance {
        attributes: Attributes,
    }
    #[derive(Deserialize)]
    struct Attributes {
        id: Option<String>,
    }
    let state: State = serde_json::from_str(text)?;
    let ours = |resource: &Resource| resource.mode == "managed" && resource.kind.starts_with("sim_");
    let instances = state.resources.into_iter().filter(ours).flat_map(|resource| resource.instances);
    Ok(instances.filter_map(|instance| instance.attributes.id).collect())
}

#[cfg(test)]
mod tests {
    use super::{Call, Effect, Summary, ids_in_state};
    use std::collections::BTreeSet;

    fn call(seq: u64, id: &str, name: &str, token: &str, effect: Effect) -> Call {
        let text = str::to_owned;
        Call {
            seq,
            call: text("create"),
            kind: text("k"),
            id: text(id),
            name: text(name),
            token: text(token),
            effect,
        }
    }

    #[test]
    fn counts_what_stands_and_what_is_there_twice() {
        use Effect::{Created, Deleted, Updated};
        let one = call(1, "1", "a", "t1", Created);
        // (calls, alive, doubled)
        let cases: Vec<(&str, Vec<Call>, usize, usize)> = vec![
            ("one", vec![one.clone()], 1, 0),
            ("a line repeated", vec![one.clone(), one.clone()], 1, 0),
            (
                "one token twice",
                vec![one.clone(), call(2, "1", "a", "t1", Deleted), call(3, "2", "a", "t1", Created)],
                1,
                1,
            ),
            ("one name twice", vec![one.clone(), call(2, "2", "a", "t2", Created)], 2, 1),
            (
                "replaced",
                vec![one.clone(), call(2, "2", "a", "t2", Created), call(3, "1", "a", "t3", Deleted)],
                1,
                0,
            ),
            (
                "changed and deleted",
                vec![one, call(2, "1", "a", "t2", Updated), call(3, "1", "a", "t3", Deleted)],
                0,
                0,
            ),
        ];
        for (name, calls, alive, doubled) in cases {
            let summary = Summary::new(&calls);
            assert_eq!((summary.alive.len(), summary.doubled.len()), (alive, doubled), "{name}");
        }
    }

    #[test]
    fn compares_with_a_state() {
        let state = r#"{"version":4,"resources":[
            {"mode":"managed","type":"sim_network","instances":[{"attributes":{"id":"1"}},{"deposed":"x","attributes":{"id":"3"}}]},
            {"mode":"managed","type":"terraform_data","instances":[{"attributes":{"id":"9"}}]},
            {"mode":"data","type":"sim_image","instances":[{"attributes":{"id":"img"}}]}]}"#;
        let known = ids_in_state(state).expect("a state");
        assert_eq!(known, BTreeSet::from(["1".to_owned(), "3".to_owned()]));
        let calls = [call(1, "1", "a", "t1", Effect::Created), call(2, "2", "b", "t2", Effect::Created)];
        let summary = Summary::new(&calls);
        assert_eq!(summary.lost(&known).collect::<Vec<_>>(), ["2"]);
        assert_eq!(summary.missing(&known).collect::<Vec<_>>(), ["3"]);
    }
}
