//! What a plan found, in the text form of Prometheus: for the collector that reads such files on a host.

use formwork_engine::{Action, Plan};
use std::fmt::Write as _;

/// The figures of a plan made at a moment, in seconds since 1970.
pub(crate) fn of_plan(plan: &Plan, seconds: i64) -> String {
    let mut out = String::new();
    let mut family = |name: &str, help: &str, samples: &[(&str, usize)]| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in samples {
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    };
    let summary = plan.summary();
    let changes = [
        ("{action=\"add\"}", summary.add),
        ("{action=\"change\"}", summary.change),
        ("{action=\"destroy\"}", summary.destroy),
        ("{action=\"import\"}", summary.import),
        ("{action=\"forget\"}", summary.forget),
    ];
    let drift = plan.drift.iter().filter(|change| change.action != Action::NoOp).count();
    family("formwork_plan_changes", "Objects that an apply would change, by what it would do.", &changes);
    family("formwork_plan_drift_objects", "Objects that were changed outside.", &[("", drift)]);
    family(
        "formwork_plan_errors",
        "Whether planning ended with an error.",
        &[("", usize::from(plan.errored))],
    );
    let _ = writeln!(
        out,
        "# HELP formwork_plan_time_seconds When the plan was made.\n# TYPE formwork_plan_time_seconds gauge\nformwork_plan_time_seconds {seconds}"
    );
    out
}
