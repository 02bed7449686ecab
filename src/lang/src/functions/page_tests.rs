//! `docs/language.md` says of functions what their table says. `FORMWORK_WRITE_DOCS=1 cargo test -p formwork-lang`
//! writes the page.

use super::{Function, Origin, Parameter, ResultType, TABLES, description, names, origin};
use std::fmt::Write as _;
use std::path::Path;

/// Signatures of the functions that the evaluator provides itself.
const LAZY: &[(&str, &str)] = &[
    ("can", "can(expression)"),
    ("convert", "convert(value, type)"),
    ("templatefile", "templatefile(path: string, vars: any)"),
    ("templatestring", "templatestring(template: string, vars: any)"),
    ("try", "try(expressions...)"),
];

fn parameter(parameter: &Parameter) -> String {
    format!("{}: {}", parameter.name, parameter.value_type.to_type())
}

fn signature(name: &str) -> String {
    if let Some((_, signature)) = LAZY.iter().find(|(other, _)| *other == name) {
        return (*signature).to_owned();
    }
    let is_it = |function: &&Function| function.name == name;
    let Some(function) = TABLES.iter().flat_map(|table| table.iter()).find(is_it) else {
        return String::new();
    };
    let mut parameters: Vec<String> = function.parameters.iter().map(parameter).collect();
    parameters.extend(function.variadic.iter().map(|rest| format!("{}...", parameter(rest))));
    let result = match function.result {
        ResultType::Fixed(shape) => format!(" → {}", shape.to_type()),
        ResultType::Of(_) => String::new(),
    };
    format!("{name}({}){result}", parameters.join(", "))
}

fn table() -> String {
    let mut out = String::from("| function | gives | known from |\n| --- | --- | --- |\n");
    let mut names: Vec<&str> = names().collect();
    names.sort_unstable();
    for name in names {
        let origin = match origin(name) {
            Origin::Common => "both",
            Origin::OpenTofu => "OpenTofu",
            Origin::OpenTofu113 => "OpenTofu 1.13",
            Origin::Formwork => "here",
        };
        let _ =
            writeln!(out, "| `{}` | {} | {origin} |", signature(name), description(name).unwrap_or_default());
    }
    out
}

#[test]
fn the_page_lists_the_functions_there_are() {
    const OPEN: &str = "<!-- functions -->\n";
    const CLOSE: &str = "<!-- /functions -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/language.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(OPEN).unwrap();
    let (written, after) = rest.split_once(CLOSE).unwrap();
    let wanted = table();
    if written == wanted {
        return;
    }
    assert!(
        std::env::var_os("FORMWORK_WRITE_DOCS").is_some(),
        "docs/language.md is stale: run the test with FORMWORK_WRITE_DOCS=1"
    );
    std::fs::write(&path, format!("{before}{OPEN}{wanted}{CLOSE}{after}")).unwrap();
}
