//! The life of objects, as cases of data through one door: configurations in steps, and what each step plans.
//!
//! Every step is applied, and what stands after it must be what was planned: no object lost, none twice. After a step
//! about everything, planning again finds nothing to do.

mod matrix;
mod moves;

use crate::world::{World, block, expected_objects, text};
use formwork_engine::run::{self, PlanOptions};
use formwork_engine::{Action, Change, Importing, Plan, RunMode};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A configuration, options as on the command line, and the plan: `ACTION ADDRESS[ (reason)][ from ADDRESS]` each.
type Step = (&'static str, &'static str, &'static [&'static str]);

struct Case {
    name: &'static str,
    /// Further files.
    files: &'static [(&'static str, &'static str)],
    steps: &'static [Step],
}

fn options(line: &str) -> PlanOptions {
    let mut options = World::options(RunMode::Normal);
    for word in line.split_whitespace() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("-destroy", _) => options.mode = RunMode::Destroy,
            ("-refresh-only", _) => options.mode = RunMode::RefreshOnly,
            ("-target", address) => options.focus.targets.push(address.parse().unwrap()),
            ("-exclude", address) => options.focus.excludes.push(address.parse().unwrap()),
            ("-replace", address) => options.replace.push(address.parse().unwrap()),
            (other, _) => panic!("{other}"),
        }
    }
    options
}

fn line(change: &Change) -> String {
    let action = match change.action {
        Action::NoOp => "keep",
        Action::Create => "create",
        Action::Read => "read",
        Action::Update => "update",
        Action::Delete => "delete",
        Action::DeleteThenCreate => "replace",
        Action::CreateThenDelete => "replace first",
        Action::Forget => "forget",
        Action::ForgetThenCreate => "forget and create",
    };
    let mut line = format!("{action} {}", change.address);
    if let Some(reason) = change.reason {
        let name = serde_json::to_value(reason).unwrap();
        let _ = write!(line, " ({})", name.as_str().unwrap().replace('_', " "));
    }
    match &change.importing {
        Some(Importing::Id(id)) => drop(write!(line, " as {id}")),
        Some(Importing::Identity(identity)) => drop(write!(line, " as {identity}")),
        None => {}
    }
    if let Some(previous) = &change.previous_address {
        let _ = write!(line, " from {previous}");
    }
    line
}

fn lines(plan: &Plan) -> Vec<String> {
    let mut lines: Vec<String> = plan.changes.iter().map(line).collect();
    lines.sort();
    lines
}

fn perform(case: &Case) {
    let mut world = World::new("");
    for (name, text) in case.files {
        world.files.insert((*name).to_owned(), text.as_bytes().to_vec());
    }
    for (number, (main, line, expected)) in (1..).zip(case.steps) {
        let name = format!("{}, step {number}", case.name);
        world.main(main);
        let options = options(line);
        let configuration = world.configuration();
        let before: BTreeSet<String> = world.addresses().into_iter().collect();
        let planning = {
            let store = world.store();
            let folded = store.folded().clone();
            block(run::plan(&world.environment(), &configuration, &folded, &options))
        };
        let found = text(&planning.diagnostics, &configuration.sources);
        if let [error] = expected
            && let Some(words) = error.strip_prefix("error: ")
        {
            assert!(found.contains(words), "{name}: {found}");
            continue;
        }
        assert!(!planning.diagnostics.has_errors(), "{name}: {found}");
        assert_eq!(lines(&planning.plan), *expected, "{name}: {found}");
        let outcome = world.apply_plan(&planning.plan);
        assert!(
            !outcome.diagnostics.has_errors(),
            "{name}: {}",
            text(&outcome.diagnostics, &outcome.sources)
        );
        let summary = planning.plan.summary();
        assert_eq!(
            (
                outcome.counts.added,
                outcome.counts.changed,
                outcome.counts.destroyed,
                outcome.counts.forgotten
            ),
            (summary.add, summary.change, summary.destroy, summary.forget),
            "{name}"
        );
        let after: BTreeSet<String> = world.addresses().into_iter().collect();
        assert_eq!(after, expected_objects(&before, &planning.plan), "{name}");
        if options.focus.is_everything() && options.mode == RunMode::Normal {
            let again = world.plan();
            assert!(!again.has_changes(), "{name}: planned again: {:?}", lines(&again));
        }
    }
}

macro_rules! cases {
    ($($function:ident: [$($case:expr),+ $(,)?];)+) => {
        $(#[test]
        fn $function() {
            for case in [$($case),+] {
                perform(&case);
            }
        })+
    };
}

use cases;

const CHAIN: &str = r#"
resource "terraform_data" "a" { input = "1" }
resource "terraform_data" "b" { input = terraform_data.a.output }
resource "terraform_data" "c" { input = terraform_data.b.output }
resource "terraform_data" "d" { input = "4" }
output "b" { value = terraform_data.b.output }
output "d" { value = terraform_data.d.output }
"#;

cases! {
    a_focus_takes_in_what_it_must: [
        Case {
            name: "targets",
            files: &[],
            steps: &[
                (CHAIN, "-target=terraform_data.b", &["create terraform_data.a", "create terraform_data.b"]),
                (CHAIN, "", &["create terraform_data.c", "create terraform_data.d"]),
                (
                    CHAIN,
                    "-destroy -target=terraform_data.b",
                    &["delete terraform_data.b", "delete terraform_data.c"],
                ),
            ],
        },
        Case {
            name: "exclusions",
            files: &[],
            steps: &[
                (CHAIN, "-exclude=terraform_data.b", &["create terraform_data.a", "create terraform_data.d"]),
                (CHAIN, "", &["create terraform_data.b", "create terraform_data.c"]),
                (
                    CHAIN,
                    "-destroy -exclude=terraform_data.b",
                    &["delete terraform_data.c", "delete terraform_data.d"],
                ),
            ],
        },
        Case {
            name: "one instance",
            files: &[],
            steps: &[
                (
                    "resource \"terraform_data\" \"a\" {\n  count = 3\n  input = count.index\n}",
                    "-target=terraform_data.a[1]",
                    &["create terraform_data.a[1]"],
                ),
                (
                    "resource \"terraform_data\" \"a\" {\n  count = 3\n  input = count.index + 1\n}",
                    "-exclude=terraform_data.a[0]",
                    &["create terraform_data.a[2]", "update terraform_data.a[1]"],
                ),
                (
                    "",
                    "-target=terraform_data.a[2]",
                    &["delete terraform_data.a[2] (delete because no resource config)"],
                ),
                (
                    "",
                    "",
                    &["delete terraform_data.a[1] (delete because no resource config)"],
                ),
            ],
        },
    ];
    replacement_is_asked_for: [
        Case {
            name: "by address",
            files: &[],
            steps: &[
                (CHAIN, "", &[
                    "create terraform_data.a",
                    "create terraform_data.b",
                    "create terraform_data.c",
                    "create terraform_data.d",
                ]),
                (CHAIN, "-replace=terraform_data.d", &["replace terraform_data.d (replace by request)"]),
                (CHAIN, "-replace=terraform_data.x", &[]),
            ],
        },
        Case {
            name: "by triggers",
            files: &[],
            steps: &[
                (
                    r#"
resource "terraform_data" "a" {
  count = 2
  input = "x${count.index}"
}
resource "terraform_data" "whole" {
  lifecycle { replace_triggered_by = [terraform_data.a] }
}
resource "terraform_data" "each" {
  count = 2
  lifecycle { replace_triggered_by = [terraform_data.a[count.index].output] }
}
resource "terraform_data" "id" {
  lifecycle { replace_triggered_by = [terraform_data.a[1].id] }
}
"#,
                    "",
                    &[
                        "create terraform_data.a[0]",
                        "create terraform_data.a[1]",
                        "create terraform_data.each[0] (replace by triggers)",
                        "create terraform_data.each[1] (replace by triggers)",
                        "create terraform_data.id (replace by triggers)",
                        "create terraform_data.whole (replace by triggers)",
                    ],
                ),
                (
                    r#"
resource "terraform_data" "a" {
  count = 2
  input = "x${count.index * 2}"
}
resource "terraform_data" "whole" {
  lifecycle { replace_triggered_by = [terraform_data.a] }
}
resource "terraform_data" "each" {
  count = 2
  lifecycle { replace_triggered_by = [terraform_data.a[count.index].output] }
}
resource "terraform_data" "id" {
  lifecycle { replace_triggered_by = [terraform_data.a[1].id] }
}
"#,
                    "",
                    &[
                        "replace terraform_data.each[1] (replace by triggers)",
                        "replace terraform_data.whole (replace by triggers)",
                        "update terraform_data.a[1]",
                    ],
                ),
            ],
        },
    ];
    a_block_is_switched_off: [
        Case {
            name: "enabled",
            files: &[("m/main.tf", "resource \"terraform_data\" \"x\" {}\noutput \"id\" { value = terraform_data.x.id }\n")],
            steps: &[
                (
                    r#"
variable "on" { default = true }
resource "terraform_data" "a" {
  lifecycle { enabled = var.on }
}
module "m" {
  source = "./m"
  lifecycle { enabled = var.on }
}
resource "terraform_data" "b" { input = terraform_data.a == null ? "off" : "on" }
resource "terraform_data" "c" { input = module.m != null ? "on" : "off" }
"#,
                    "",
                    &[
                        "create module.m.terraform_data.x",
                        "create terraform_data.a",
                        "create terraform_data.b",
                        "create terraform_data.c",
                    ],
                ),
                (
                    r#"
variable "on" { default = false }
resource "terraform_data" "a" {
  lifecycle { enabled = var.on }
}
module "m" {
  source = "./m"
  lifecycle { enabled = var.on }
}
resource "terraform_data" "b" { input = terraform_data.a == null ? "off" : "on" }
resource "terraform_data" "c" { input = module.m != null ? "on" : "off" }
"#,
                    "",
                    &[
                        "delete module.m.terraform_data.x (delete because no module)",
                        "delete terraform_data.a (delete because enabled false)",
                        "update terraform_data.b",
                        "update terraform_data.c",
                    ],
                ),
            ],
        },
    ];
    what_no_provider_takes_is_refused_where_it_matters: [
        Case {
            name: "provider_meta",
            files: &[],
            steps: &[
                (
                    "terraform {\n  provider_meta \"terraform\" {\n    x = 1\n  }\n}\nresource \"terraform_data\" \"a\" {}",
                    "",
                    &["error: Provider terraform.io/builtin/terraform doesn't support provider_meta"],
                ),
                (
                    "terraform {\n  provider_meta \"sim\" {\n    x = 1\n  }\n}\nresource \"terraform_data\" \"a\" {}",
                    "",
                    &["create terraform_data.a"],
                ),
            ],
        },
    ];
    objects_are_forgotten: [
        Case {
            name: "removed",
            files: &[("m/main.tf", "resource \"terraform_data\" \"x\" {}\n")],
            steps: &[
                (
                    r#"
resource "terraform_data" "a" { count = 2 }
resource "terraform_data" "b" { input = terraform_data.a[0].id }
module "m" { source = "./m" }
"#,
                    "",
                    &[
                        "create module.m.terraform_data.x",
                        "create terraform_data.a[0]",
                        "create terraform_data.a[1]",
                        "create terraform_data.b",
                    ],
                ),
                (
                    r"
removed {
  from = terraform_data.a
  lifecycle { destroy = false }
}
removed {
  from = terraform_data.b
  lifecycle { destroy = true }
}
removed {
  from = module.m
  lifecycle { destroy = false }
}
",
                    "",
                    &[
                        "delete terraform_data.b (delete because no resource config)",
                        "forget module.m.terraform_data.x (delete because no module)",
                        "forget terraform_data.a[0] (delete because no resource config)",
                        "forget terraform_data.a[1] (delete because no resource config)",
                    ],
                ),
            ],
        },
        Case {
            name: "destroy = false",
            files: &[],
            steps: &[
                (
                    "resource \"terraform_data\" \"a\" {\n  count = 2\n  lifecycle { destroy = false }\n}",
                    "",
                    &["create terraform_data.a[0]", "create terraform_data.a[1]"],
                ),
                (
                    "resource \"terraform_data\" \"a\" {\n  count = 1\n  lifecycle { destroy = false }\n}",
                    "",
                    &["forget terraform_data.a[1] (forgot because lifecycle destroy in config)"],
                ),
                (
                    "resource \"terraform_data\" \"a\" {\n  count = 1\n  triggers_replace = 1\n  lifecycle { destroy = false }\n}",
                    "",
                    &["forget and create terraform_data.a[0] (replace because cannot update)"],
                ),
                (
                    "resource \"terraform_data\" \"a\" {\n  count = 1\n  triggers_replace = 1\n  lifecycle { destroy = false }\n}",
                    "-destroy",
                    &["forget terraform_data.a[0] (forgot because lifecycle destroy in config)"],
                ),
            ],
        },
        Case {
            name: "destroy = false is remembered",
            files: &[],
            steps: &[
                (
                    "resource \"terraform_data\" \"a\" {}\nresource \"terraform_data\" \"b\" {\n  lifecycle { destroy = false }\n}\nresource \"terraform_data\" \"c\" {\n  lifecycle { destroy = false }\n}",
                    "",
                    &["create terraform_data.a", "create terraform_data.b", "create terraform_data.c"],
                ),
                (
                    "resource \"terraform_data\" \"a\" {\n  lifecycle { destroy = false }\n}\nresource \"terraform_data\" \"b\" {\n  lifecycle { destroy = true }\n}\nresource \"terraform_data\" \"c\" {\n  lifecycle { destroy = false }\n}",
                    "",
                    &[],
                ),
                (
                    "removed {\n  from = terraform_data.c\n  lifecycle { destroy = true }\n}",
                    "",
                    &[
                        "delete terraform_data.b (delete because no resource config)",
                        "delete terraform_data.c (delete because no resource config)",
                        "forget terraform_data.a (forgot because lifecycle destroy in state)",
                    ],
                ),
            ],
        },
    ];
}
