//! What expressions of a test file may name: `var`, outputs of earlier runs, and in assertions everything of the module
//! under test as well.

use crate::evaluate::{Evaluator, RowScope};
use crate::graph::{ModuleId, NodeKind};
use arcstr::ArcStr;
use formwork_diagnostic::Diagnostic;
use formwork_lang::{Mode, Query, Scope, Source, Subject, index_value};
use formwork_value::Value;
use indexmap::IndexMap;

/// Outputs of runs by name, each run's as one object.
pub(super) type RunOutputs = IndexMap<ArcStr, Value>;

/// Values by name.
pub(super) type Values = IndexMap<ArcStr, Value>;

/// For values of variables and arguments of providers.
pub(super) struct FileScope<'a> {
    pub(super) variables: &'a Values,
    pub(super) runs: &'a RunOutputs,
    pub(super) files: &'a dyn Source,
    pub(super) timestamp: &'a str,
}

fn run_value(runs: &RunOutputs, name: &ArcStr, query: &Query<'_>) -> Result<Value, Diagnostic> {
    let Some(outputs) = runs.get(name) else {
        let detail = format!(
            "The run block \"{name}\" has no outputs to refer to here: it comes later in the file, it did not finish, or there is none of that name."
        );
        return Err(Diagnostic::error("unknown-run", "Reference to unavailable run block", detail)
            .at(query.span)
            .hint("Refer to a run block that stands before this one."));
    };
    match query.key {
        Some(key) => index_value(outputs, key, query.key_span.unwrap_or(query.span)),
        None => Ok(outputs.clone()),
    }
}

impl Scope for FileScope<'_> {
    fn resolve(&self, query: &Query<'_>) -> Result<Value, Diagnostic> {
        match query.subject {
            Subject::Variable(name) => self.variables.get(name).cloned().ok_or_else(|| {
                let detail = format!("The variable \"{name}\" has no value here: it is given neither for the file nor from outside, and has no default.");
                Diagnostic::error("unknown-variable", "Reference to unavailable variable", detail)
                    .at(query.span)
                    .hint(format!("Set it in the file's variables block, or with -var '{name}=...'."))
            }),
            Subject::Resource { mode: Mode::Managed, type_name, name } if type_name == "run" => {
                run_value(self.runs, name, query)
            }
            subject => {
                let detail = format!("{subject} cannot be named here.");
                Err(Diagnostic::error("invalid-reference", "Invalid reference", detail)
                    .at(query.span)
                    .hint("Variables and providers of a test refer to var.NAME and run.NAME.OUTPUT alone."))
            }
        }
    }

    fn files(&self) -> &dyn Source {
        self.files
    }

    fn module_directory(&self) -> &'static str {
        "."
    }

    fn plan_timestamp(&self) -> &str {
        self.timestamp
    }

    fn is_impure_allowed(&self) -> bool {
        true
    }
}

/// For assertions.
pub(super) struct AssertionScope<'e, 'a> {
    pub(super) evaluator: &'e Evaluator<'a>,
    pub(super) inner: RowScope<'e, 'a>,
    /// Variables that the test has and the module does not.
    pub(super) variables: &'e Values,
    pub(super) runs: &'e RunOutputs,
}

impl<'e, 'a> AssertionScope<'e, 'a> {
    pub(super) fn new(evaluator: &'e Evaluator<'a>, variables: &'e Values, runs: &'e RunOutputs) -> Self {
        let inner = evaluator.scope(ModuleId(0), 0, crate::evaluate::RowRepetition::default());
        Self { evaluator, inner, variables, runs }
    }

    fn output(&self, name: &ArcStr) -> Option<Value> {
        let node = self.evaluator.graph.find(ModuleId(0), NodeKind::Output(name.clone()))?;
        Some(self.evaluator.value(node, 0))
    }
}

impl Scope for AssertionScope<'_, '_> {
    fn resolve(&self, query: &Query<'_>) -> Result<Value, Diagnostic> {
        let module = self.evaluator.graph.module(ModuleId(0));
        match query.subject {
            Subject::Variable(name) if !module.variables.contains_key(name) => {
                self.variables.get(name).cloned().map_or_else(|| self.inner.resolve(query), Ok)
            }
            Subject::Resource { mode: Mode::Managed, type_name, name } if type_name == "run" => {
                run_value(self.runs, name, query)
            }
            Subject::Resource { mode: Mode::Managed, type_name, name } if type_name == "output" => {
                match (self.output(name), query.key) {
                    (None, _) => self.inner.resolve(query),
                    (Some(value), Some(key)) => {
                        index_value(&value, key, query.key_span.unwrap_or(query.span))
                    }
                    (Some(value), None) => Ok(value),
                }
            }
            _ => self.inner.resolve(query),
        }
    }

    fn files(&self) -> &dyn Source {
        self.inner.files()
    }

    fn module_directory(&self) -> &str {
        self.inner.module_directory()
    }

    fn plan_timestamp(&self) -> &str {
        self.inner.plan_timestamp()
    }

    fn is_impure_allowed(&self) -> bool {
        self.inner.is_impure_allowed()
    }

    fn call_provider_function(
        &self,
        provider: &str,
        name: &str,
        arguments: &[Value],
    ) -> Option<Result<Value, String>> {
        self.inner.call_provider_function(provider, name, arguments)
    }
}
