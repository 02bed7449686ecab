//! Tests of configurations: the runs of a test file, each a plan or an apply over states in memory, its assertions,
//! and in the end the removal of all that was made.
//!
//! Invariant: a run goes the way that every plan and apply goes. What is particular to tests comes before it (a
//! rewritten module, a source of providers with doubles in it) or after it (assertions, expected failures).

mod assertion;
mod double;
mod expect;
mod mock_value;
mod rewrite;
mod runner;
mod scope;

pub use double::Imagined;
pub use formwork_lang::TEST_DIRECTORY as DIRECTORY;
pub use runner::{Cleanup, FileRunner};

use crate::model::Plan;
use crate::run::Configuration;
use crate::variables::GivenVariable;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostics, Sources};
use formwork_lang::{Module, RecordingSource, Source, TestCommand, TestFile, check_assertions};
use formwork_state::State;
use indexmap::IndexMap;
use std::sync::Arc;

/// A configuration with its tests.
pub struct Suite {
    /// The configuration; its variables are not decided.
    pub configuration: Configuration,
    /// Its test files, in the order of their names.
    pub files: Vec<TestFile>,
    /// What was given for root variables from outside.
    pub given: IndexMap<ArcStr, GivenVariable>,
}

/// What stays the same for all files.
#[derive(Debug, Clone, Default)]
pub struct TestOptions {
    /// Tells this process's objects from those of others: the beginning of every lineage.
    pub identity: String,
    /// What `terraform.workspace` answers.
    pub workspace: String,
    /// Whether results carry plans and states.
    pub keeps_details: bool,
}

/// How a run, or everything in a file, ended. The later one outweighs the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TestStatus {
    /// Not performed yet.
    #[default]
    Pending,
    /// Not performed, since something before it went wrong.
    Skip,
    /// All holds.
    Pass,
    /// An assertion does not hold.
    Fail,
    /// It could not be performed, or not be told.
    Error,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct RunResult {
    /// Its name.
    pub name: ArcStr,
    /// How it ended.
    pub status: TestStatus,
    /// What was found.
    pub diagnostics: Diagnostics,
    /// How long it took.
    pub elapsed_ms: u64,
    /// When it began, RFC 3339.
    pub started: String,
    /// What was planned and made, where that is kept.
    pub details: Option<Box<RunDetails>>,
}

/// What a run planned and made.
#[derive(Debug)]
pub struct RunDetails {
    /// The plan.
    pub plan: Plan,
    /// The state it was made from.
    pub prior: State,
    /// The state after an apply.
    pub state: Option<State>,
    /// The module under test.
    pub root: Arc<Module>,
}

/// What came of a file.
#[derive(Debug, Default)]
pub struct FileResult {
    /// Its path.
    pub path: String,
    /// The worst of its runs.
    pub status: TestStatus,
    /// Its runs in order.
    pub runs: Vec<RunResult>,
    /// The texts that findings point into.
    pub sources: Sources,
}

/// Loads the test files that belong to a configuration, and the modules that only they use.
pub fn load_tests(
    configuration: &mut Configuration,
    directory: Option<&str>,
) -> (Vec<TestFile>, Diagnostics) {
    let files: Arc<dyn Source> = configuration.files.clone();
    let recording = RecordingSource::new(files.as_ref());
    let loaded = formwork_lang::load_tests(&recording, &mut configuration.sources, directory);
    configuration.recorded.extend(recording.recorded().0);
    loaded
}

/// Checks test files without performing anything: the modules that they bring in, and what assertions name.
pub fn validate(
    environment: &crate::Environment,
    configuration: &Configuration,
    files: &[TestFile],
) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for (file, one) in files.iter().flat_map(|file| file.runs.iter().map(move |run| (file, run))) {
        let root = one.module.as_ref().map_or(&configuration.root, |module| &module.module);
        diagnostics.append(check_assertions(one, root, file, &configuration.sources));
        if one.module.is_some() {
            let files = configuration.files.as_ref();
            diagnostics.append(crate::plan::validate_configuration(environment, root, files));
        }
    }
    diagnostics
}

/// How far a run is to go, in plan or apply's words.
pub(crate) fn is_apply(command: TestCommand) -> bool {
    command == TestCommand::Apply
}

impl Suite {
    /// The configuration with what else is known of root variables.
    pub(crate) fn fresh_configuration(&self, root: Arc<Module>, sources: Sources) -> Configuration {
        let known = &self.configuration;
        Configuration {
            root,
            sources,
            variables: IndexMap::new(),
            given: IndexMap::new(),
            defaulted: rustc_hash::FxHashSet::default(),
            recorded: known.recorded.clone(),
            files: known.files.clone(),
        }
    }
}
