//! Failures that a run expects: which findings are of the objects it names, and which objects did not fail.

use formwork_diagnostic::{Diagnostic, Diagnostics, Severity, Span};
use formwork_lang::{Condition, Expectation, ExpectedObject, Mode, Module, TestRun};
use formwork_state::{Address, Mode as StateMode};
use std::sync::Arc;

/// The code of findings of conditions that do not hold.
const CONDITION: &str = "condition-failed";
/// The code of findings of conditions that cannot be told yet.
const UNKNOWN: &str = "check-unknown";

/// The findings of a plan or apply as a test takes them: expected ones are left out, what `check` blocks warn of is an
/// error, and an object that was to fail and did not is one too.
pub(super) fn settle(run: &TestRun, root: &Arc<Module>, found: Diagnostics) -> Diagnostics {
    let mut met = vec![false; run.expect_failures.len()];
    let mut settled = Diagnostics::new();
    for mut diagnostic in found {
        let of_check = is_of_check(root, &diagnostic);
        let mut is_expected = false;
        for (expectation, met) in run.expect_failures.iter().zip(&mut met) {
            if (diagnostic.is_error() || of_check) && is_about(root, &expectation.object, &diagnostic) {
                is_expected = true;
                *met = true;
            }
        }
        if is_expected {
            continue;
        }
        if of_check {
            diagnostic.severity = Severity::Error;
        }
        settled.push(diagnostic);
    }
    for (expectation, _) in run.expect_failures.iter().zip(met).filter(|(_, met)| !met) {
        settled.push(missing(expectation));
    }
    settled
}

/// The same findings without what `check` blocks say in a plan that is applied: apply says it again, or it is mended.
pub(super) fn without_checks(root: &Arc<Module>, found: Diagnostics) -> Diagnostics {
    let is_kept = |one: &Diagnostic| one.is_error() || !(is_of_check(root, one) || one.code == UNKNOWN);
    found.into_iter().filter(is_kept).collect()
}

/// Says of a plan's errors which of them were expected and cannot be, since nothing is applied after them.
pub(super) fn too_early(run: &TestRun, root: &Arc<Module>, found: &Diagnostics) -> Diagnostics {
    let is_met = |expectation: &&Expectation| {
        matches!(expectation.object, ExpectedObject::Variable(_))
            && found.iter().any(|one| one.is_error() && is_about(root, &expectation.object, one))
    };
    let warning = |expectation: &Expectation| {
        let detail = format!(
            "Variable {}, has an invalid value within the test. Although this was an expected failure, it has meant the apply stage was unable to run so the overall test will fail.",
            expectation.text
        );
        Diagnostic::warning("expected-too-early", "Invalid Variable in test file", detail)
            .at(expectation.span)
            .hint("Use command = plan in this run.")
    };
    run.expect_failures.iter().filter(is_met).map(warning).collect()
}

fn missing(expectation: &Expectation) -> Diagnostic {
    let detail =
        format!("The checkable object, {}, was expected to report an error but did not.", expectation.text);
    Diagnostic::error("missing-expected-failure", "Missing expected failure", detail).at(expectation.span)
}

fn stands_in(conditions: &[Condition], span: Option<Span>) -> bool {
    conditions.iter().any(|condition| Some(condition.condition.span()) == span)
}

/// Whether a finding is of a condition of an object of the root module, or of data that a check reads.
fn is_about(root: &Arc<Module>, object: &ExpectedObject, found: &Diagnostic) -> bool {
    let is_condition = found.code == CONDITION;
    let span = found.subject;
    match object {
        ExpectedObject::Variable(name) => {
            is_condition && root.variables.get(name).is_some_and(|one| stands_in(&one.validations, span))
        }
        ExpectedObject::Output(name) => {
            is_condition && root.outputs.get(name).is_some_and(|one| stands_in(&one.preconditions, span))
        }
        ExpectedObject::Check(name) => {
            let Some(check) = root.checks.get(name) else { return false };
            let data = check.data.and_then(|place| root.resources.get(place));
            let reads = || data.is_some_and(|data| found.address == Some(data.subject().to_string()));
            is_condition && stands_in(&check.asserts, span) || reads()
        }
        ExpectedObject::Resource { mode, type_name, name, key } => {
            let Some(resource) = root.resource(*mode, type_name, name) else { return false };
            let lifecycle = &resource.lifecycle;
            let is_own = is_condition
                && (stands_in(&lifecycle.preconditions, span) || stands_in(&lifecycle.postconditions, span));
            let instance = key.as_ref().map(|key| format!("{}[{key}]", resource.subject()));
            is_own && instance.is_none_or(|instance| found.address.as_deref() == Some(&instance))
        }
    }
}

/// Whether a warning is of an assertion of a `check` block of any module, or of data that one reads.
fn is_of_check(root: &Arc<Module>, found: &Diagnostic) -> bool {
    if found.is_error() {
        return false;
    }
    if found.code == CONDITION {
        return in_checks(root, found.subject);
    }
    let address = found.address.as_ref().and_then(|address| address.parse::<Address>().ok());
    let Some(address) = address.filter(|address| address.mode() == StateMode::Data) else { return false };
    found.code.starts_with("provider-")
        && root.descendant(&address.module().config_path()).is_some_and(|module| {
            let data = module.resource(Mode::Data, address.type_name(), address.name());
            data.is_some_and(|data| data.check.is_some())
        })
}

fn in_checks(module: &Arc<Module>, span: Option<Span>) -> bool {
    module.checks.values().any(|check| stands_in(&check.asserts, span))
        || module.calls.values().any(|call| in_checks(&call.module, span))
}
