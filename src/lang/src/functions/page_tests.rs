//! `docs/language.md` says of functions what their table says. `FORMWORK_WRITE_DOCS=1 cargo test -p formwork-lang`
//! writes the page.

use super::{Origin, Signature, SignatureParameter, origin, signatures};
use formwork_value::Type;
use std::fmt::Write as _;
use std::path::Path;

fn parameter(parameter: &SignatureParameter) -> String {
    format!("{}: {}", parameter.name, parameter.value_type)
}

fn signature(function: &Signature) -> String {
    let mut parameters: Vec<String> = function.parameters.iter().map(parameter).collect();
    parameters.extend(function.variadic.iter().map(|rest| format!("{}...", parameter(rest))));
    let result = match &function.return_type {
        Type::Dynamic => String::new(),
        other => format!(" → {other}"),
    };
    format!("{}({}){result}", function.name, parameters.join(", "))
}

fn table() -> String {
    let mut out = String::from("| function | what it does | known from |\n| --- | --- | --- |\n");
    for function in signatures() {
        let origin = match origin(function.name) {
            Origin::Common => "both",
            Origin::OpenTofu => "OpenTofu",
            Origin::OpenTofu113 => "OpenTofu 1.13",
            Origin::Formwork => "here",
        };
        // The sentence begins with the name, which stands beside it already.
        let words = function.description.split_once("` ").map_or("", |(_, words)| words);
        let _ = writeln!(out, "| `{}` | {words} | {origin} |", signature(&function));
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
