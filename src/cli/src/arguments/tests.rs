//! Every verb and option of Terraform and OpenTofu is taken, or refused with what to use instead.

use super::{VariableArgument, Verb, duration_ms, parse};

fn parsed(line: &str) -> super::Arguments {
    parse(line.split(' ').map(Into::into), |_| None).unwrap()
}

#[test]
fn one_dash_and_two_mean_the_same() {
    for line in [
        "formwork -chdir=x plan -refresh=false -var a=-b -out=p -detailed-exitcode -var-file f -lock-timeout=1m",
        "formwork --chdir x plan --refresh=false --var a=-b --out p --detailed-exitcode --var-file=f --lock-timeout 60s",
    ] {
        let arguments = parsed(line);
        assert_eq!(arguments.chdir.as_deref(), Some(std::path::Path::new("x")), "{line}");
        assert_eq!(
            arguments.variables,
            [VariableArgument::Value("a=-b".to_owned()), VariableArgument::File("f".to_owned())]
        );
        let Verb::Plan(plan) = arguments.verb else { panic!("{line}") };
        assert!(!plan.planning.refresh && plan.detailed_exitcode && plan.planning.input.input);
        assert_eq!(plan.planning.lock.lock_timeout, 60_000);
    }
}

#[test]
fn variables_keep_their_order() {
    let arguments = parsed("formwork apply -var-file=f -var x=1 -var-file=g -var x=2 -auto-approve plan.bin");
    let text: Vec<String> = arguments.variables.iter().map(|one| format!("{one:?}")).collect();
    assert_eq!(text, ["File(\"f\")", "Value(\"x=1\")", "File(\"g\")", "Value(\"x=2\")"]);
    let Verb::Apply(apply) = arguments.verb else { panic!() };
    assert!(apply.auto_approve && apply.plan.is_some());
}

#[test]
fn the_command_line_wins_over_the_environment() {
    let read = |name: &str| (name == "TF_CLI_ARGS_plan").then(|| "-parallelism=3 -var a=1".to_owned());
    let line = "formwork plan -parallelism=5 -parallelism=7 -var a=2";
    let arguments = parse(line.split(' ').map(Into::into), read).unwrap();
    let text: Vec<String> = arguments.variables.iter().map(|one| format!("{one:?}")).collect();
    assert_eq!(text, ["Value(\"a=1\")", "Value(\"a=2\")"]);
    let Verb::Plan(plan) = arguments.verb else { panic!() };
    assert_eq!(plan.planning.parallelism, 7);
}

#[test]
fn durations_are_read() {
    for (text, expected) in [
        ("0s", Some(0)),
        ("1m30s", Some(90_000)),
        ("500ms", Some(500)),
        ("3", Some(3000)),
        ("", None),
        ("x", None),
        ("5d", None),
    ] {
        assert_eq!(duration_ms(text).ok(), expected, "{text}");
    }
}

const PLANNING: &str = "-destroy -refresh-only -refresh=false -replace=a.b -target=a.b -target-file=f -var a=1 \
    -var-file=f -compact-warnings -consolidate-warnings=false -consolidate-errors -input=false -json -json-into=f -lock=false -lock-timeout=1s -no-color \
    -parallelism=3 -concise -show-sensitive -state=f -allow-deferral -invoke=x";
const OLD_STATE: &str = "-state=f -state-out=f -backup=f";

/// Verbs with their arguments, and options each of which is tried alone.
fn everything() -> Vec<(&'static str, String)> {
    let mut all = with_objects();
    all.extend(without_objects().map(|(verb, options)| (verb, options.to_owned())));
    all
}

fn with_objects() -> Vec<(&'static str, String)> {
    let words = |text: &str| text.to_owned();
    vec![
        (
            "init",
            words(
                "-input=false -lock=false -lock-timeout=1s -no-color -backend=false -backend-config=f -force-copy \
                 -from-module=m -get=false -get-plugins=false -migrate-state -plugin-dir=d -reconfigure -upgrade \
                 -verify-plugins=false -lockfile=readonly -test-directory=t -var a=1 -var-file=f",
            ),
        ),
        (
            "plan",
            format!(
                "{PLANNING} -out=f -detailed-exitcode -generate-config-out=f -exclude=a.b -exclude-file=f"
            ),
        ),
        ("apply", format!("{PLANNING} {OLD_STATE} -auto-approve -exclude=a.b")),
        (
            "import a.b id",
            format!(
                "{OLD_STATE} -config=d -allow-missing-config -input=false -lock=false -lock-timeout=1s -no-color \
                 -parallelism=1 -var a=1 -var-file=f -ignore-remote-version"
            ),
        ),
        (
            "taint a.b",
            format!("{OLD_STATE} -allow-missing -lock=false -lock-timeout=1s -ignore-remote-version"),
        ),
        ("untaint a.b", format!("{OLD_STATE} -allow-missing -lock=false -lock-timeout=1s")),
        (
            "state mv a.b c.d",
            format!("{OLD_STATE} -backup-out=f -dry-run -lock=false -ignore-remote-version"),
        ),
        ("state rm a.b", format!("{OLD_STATE} -dry-run -lock=false -lock-timeout=1s")),
        (
            "state replace-provider a b",
            format!("{OLD_STATE} -auto-approve -lock=false -ignore-remote-version"),
        ),
    ]
}

fn without_objects() -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        ("validate", "-json -no-color -test-directory=t -no-tests -var a=1 -var-file=f -query"),
        ("apply f", "-auto-approve"),
        ("destroy", "-auto-approve -target=a.b -var a=1 -lock=false -parallelism=1 -refresh=false"),
        ("refresh", "-target=a.b -var a=1 -input=false -lock=false -json -compact-warnings"),
        ("fmt", "-list=false -write=false -diff -check -recursive -no-color"),
        ("console", "-state=f -var a=1 -var-file=f -scope=m"),
        ("graph", "-plan=f -draw-cycles -type=plan -format=mermaid -module-depth=1"),
        ("show", "-json -no-color -show-sensitive"),
        ("show f", "-json"),
        ("output", "-json -no-color -show-sensitive -state=f"),
        ("output a", "-raw -json"),
        ("state list", "-id=x -state=f"),
        ("state ls", ""),
        ("state show a.b", "-state=f -show-sensitive -json"),
        ("state pull", ""),
        ("state push f", "-force -lock=false -lock-timeout=1s -ignore-remote-version"),
        ("state identities -json", "-id=x"),
        ("state migrate", ""),
        (
            "test",
            "-filter=f -verbose -json -json-into=f -junit-xml=f -no-color -test-directory=t -var a=1 -var-file=f \
             -parallelism=1 -compact-warnings",
        ),
        ("workspace list", ""),
        ("workspace select a", "-or-create"),
        ("workspace new a", "-lock=false -lock-timeout=1s -state=f"),
        ("workspace delete a", "-force -lock=false -lock-timeout=1s"),
        ("workspace show", ""),
        ("providers", "-test-directory=t"),
        ("providers lock", "-platform=linux_amd64 -fs-mirror=d -net-mirror=u"),
        ("providers mirror f", "-platform=linux_amd64"),
        ("providers schema -json", ""),
        ("get", "-update -mirror=m -no-color -test-directory=t"),
        ("login", ""),
        ("logout", ""),
        ("force-unlock 1", "-force"),
        ("metadata functions -json", ""),
        ("version", "-json"),
        ("query", ""),
        ("modules", ""),
        ("stacks", ""),
        ("rpcapi", ""),
    ]
    .into_iter()
}

#[test]
fn what_others_take_is_taken_or_refused_with_advice() {
    let mut unknown = Vec::new();
    for (verb, options) in everything() {
        // An option and its value in the next word are one.
        let options = options.replace("-var a=1", "-var=a=1");
        for option in std::iter::once("").chain(options.split_whitespace()) {
            let line = format!("formwork {verb} {option}");
            let Err(error) = parse(line.split_whitespace().map(Into::into), |_| None) else { continue };
            let is_advised = error.to_string().contains(" is not supported. ");
            if !is_advised && error.kind() != clap::error::ErrorKind::ArgumentConflict {
                unknown.push(line);
            }
        }
    }
    assert_eq!(unknown, Vec::<String>::new());
}
