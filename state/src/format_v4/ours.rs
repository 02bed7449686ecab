//! The keys of a state file that are this program's own.

use crate::address::{Edge, ObjectKey};
use crate::journal::{Begin, Intent, OpenStep};
use crate::model::{NodeEdges, RawJson, State, Targets};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The version of what stands under our key.
const FORMAT: u32 = 1;

/// What stands under `formwork` at the top.
#[derive(Serialize, Deserialize)]
pub(super) struct Top {
    format: u32,
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_run: Option<String>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    targets: Targets,
    #[serde(default, skip_serializing_if = "NodeEdges::is_empty")]
    node_edges: NodeEdges,
    #[serde(default, skip_serializing_if = "Carried::is_empty")]
    carried: Carried,
}

/// Open steps, with each plan stored once.
#[derive(Default, Serialize, Deserialize)]
struct Carried {
    runs: Vec<Arc<Begin>>,
    steps: Vec<CarriedStep>,
}

#[derive(Serialize, Deserialize)]
struct CarriedStep {
    run: usize,
    intent: Arc<Intent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<(RawJson, u64)>,
}

/// What stands under `formwork` in an instance.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Instance {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) edges: Vec<Edge>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) provider_edges: Vec<Edge>,
}

impl Carried {
    fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn of(open: &IndexMap<ObjectKey, OpenStep>) -> Self {
        let mut runs: IndexMap<&str, Arc<Begin>> = IndexMap::new();
        let mut steps = Vec::with_capacity(open.len());
        for step in open.values() {
            let entry = runs.entry(&step.begin.run);
            let run = entry.index();
            entry.or_insert_with(|| step.begin.clone());
            let (intent, accepted) = (step.intent.clone(), step.accepted.clone());
            steps.push(CarriedStep { run, intent, accepted, cursor: step.cursor.clone() });
        }
        Self { runs: runs.into_values().collect(), steps }
    }

    fn into_open(self) -> Option<IndexMap<ObjectKey, OpenStep>> {
        let Self { runs, steps } = self;
        steps
            .into_iter()
            .map(|CarriedStep { run, intent, accepted, cursor }| {
                let begin = runs.get(run)?.clone();
                Some((intent.key.clone(), OpenStep { begin, intent, accepted, cursor }))
            })
            .collect()
    }
}

impl Top {
    /// None where there is nothing of ours to keep.
    pub(super) fn of(state: &State) -> Option<Self> {
        Some(Self {
            format: FORMAT,
            version: state.formwork_version.clone()?,
            last_run: state.last_run.clone(),
            targets: state.targets.clone(),
            node_edges: state.node_edges.clone(),
            carried: Carried::of(&state.carried),
        })
    }

    /// Puts it into a state, or says what is wrong with it.
    pub(super) fn apply(self, state: &mut State) -> Result<(), String> {
        if self.format > FORMAT {
            let (format, version) = (self.format, self.version);
            return Err(format!(
                "it was written by Formwork {version} in format {format}, which is newer than this program"
            ));
        }
        state.formwork_version = Some(self.version);
        state.last_run = self.last_run;
        state.targets = self.targets;
        state.node_edges = self.node_edges;
        state.carried = self.carried.into_open().ok_or("an open step names a run that is not there")?;
        Ok(())
    }
}

/// The key under which ours stand.
pub(super) const KEY: &str = "formwork";
