//! `docs/language.md` says of blocks and functions what the program takes: each word of the language is tried in each
//! block, as an argument and as a block, and functions come from their table.
//! `FORMWORK_WRITE_DOCS=1 cargo test -p formwork-lang page` writes the page.

use crate::body::DYNAMIC_ARGUMENTS;
use crate::functions::{Origin, Signature, SignatureParameter, origin, signatures};
use crate::load;
use crate::load::{CALL_ARGUMENTS, META_ARGUMENTS, META_BLOCKS, provider_arguments};
use crate::source::MemorySource;
use formwork_diagnostic::Sources;
use formwork_value::Type;
use std::fmt::Write as _;
use std::path::Path;

/// Every word that is an argument or a block somewhere.
const WORDS: &[&str] = &[
    "alias",
    "aliases",
    "assert",
    "backend",
    "bastion_host",
    "cloud",
    "command",
    "compatible_with",
    "condition",
    "connection",
    "const",
    "content",
    "count",
    "create_before_destroy",
    "data",
    "default",
    "depends_on",
    "deprecated",
    "description",
    "destroy",
    "edition",
    "enabled",
    "encryption",
    "enforced",
    "ephemeral",
    "error_message",
    "experiments",
    "fallback",
    "for_each",
    "from",
    "host",
    "id",
    "identity",
    "ignore_changes",
    "import_id",
    "iterator",
    "key_provider",
    "labels",
    "lifecycle",
    "method",
    "nullable",
    "on_crash",
    "on_failure",
    "plan",
    "postcondition",
    "precondition",
    "prevent_destroy",
    "provider",
    "provider_meta",
    "providers",
    "provisioner",
    "recover",
    "remote_state_data_source",
    "remote_state_data_sources",
    "replace_triggered_by",
    "required_providers",
    "required_version",
    "sensitive",
    "source",
    "state",
    "state_store",
    "to",
    "type",
    "validation",
    "value",
    "version",
    "when",
];

/// Blocks whose words are all the language's own: the name on the page, what stands before the words, and behind.
const CLOSED: &[(&str, &str, &str)] = &[
    ("`terraform`", "terraform {\n", "}\n"),
    ("`terraform` › `encryption`", "terraform {\nencryption {\n", "}\n}\n"),
    ("`terraform` › `recover TYPE`", "terraform {\nrecover \"a\" {\n", "}\n}\n"),
    ("`language`", "language {\n", "}\n"),
    ("`variable NAME`", "variable \"a\" {\n", "}\n"),
    ("`variable` › `validation`", "variable \"a\" {\nvalidation {\n", "}\n}\n"),
    ("`output NAME`", "output \"a\" {\n", "}\n"),
    ("`output` › `precondition`", "output \"a\" {\nvalue = 1\nprecondition {\n", "}\n}\n"),
    ("`resource` › `lifecycle`", "resource \"a\" \"b\" {\nlifecycle {\n", "}\n}\n"),
    ("`data` › `lifecycle`", "data \"a\" \"b\" {\nlifecycle {\n", "}\n}\n"),
    ("`module` › `lifecycle`", "module \"a\" {\nlifecycle {\n", "}\n}\n"),
    ("`check NAME`", "check \"a\" {\n", "}\n"),
    ("`check` › `assert`", "check \"a\" {\nassert {\n", "}\n}\n"),
    ("`moved`", "moved {\n", "}\n"),
    ("`removed`", "removed {\n", "}\n"),
    ("`removed` › `lifecycle`", "removed {\nlifecycle {\n", "}\n}\n"),
    ("`import`", "import {\n", "}\n"),
];

/// Blocks that hold others' arguments too, with what the language itself takes in them: the name on the page, the
/// arguments and what follows them, the blocks and what follows those.
fn open_blocks() -> Vec<(&'static str, String, String)> {
    let with = |own: String, others: &str| format!("{own}, {others}");
    let plain = |words: &[&'static str]| listed(words.iter().copied());
    let kinds = "the kind's own, `dynamic`, `_`";
    vec![
        ("`locals`", "any name".to_owned(), "—".to_owned()),
        (
            "`provider NAME`",
            with(listed(provider_arguments()), "and the provider's own"),
            "the provider's own, `dynamic`, `_`".to_owned(),
        ),
        (
            "`resource TYPE NAME`",
            with(plain(&META_ARGUMENTS), "and the kind's own"),
            with(plain(&META_BLOCKS), kinds),
        ),
        (
            "`data TYPE NAME`, `ephemeral TYPE NAME`",
            with(plain(&META_ARGUMENTS), "and the kind's own"),
            with(plain(&META_BLOCKS[..1]), kinds),
        ),
        (
            "`module NAME`",
            with(plain(&CALL_ARGUMENTS), "and the module's variables"),
            "`lifecycle`".to_owned(),
        ),
        ("`dynamic BLOCK`", plain(&DYNAMIC_ARGUMENTS), "`content`".to_owned()),
        (
            "`provisioner TYPE`",
            "`when`, `on_failure`, `on_crash`, and the provisioner's own".to_owned(),
            "`connection`, `_`".to_owned(),
        ),
    ]
}

/// Whether the loader takes a line in a block: there is no finding that it is not expected.
fn is_taken(before: &str, line: &str, after: &str) -> bool {
    let source = MemorySource::from_iter([("main.tf", format!("{before}{line}\n{after}"))]);
    let (_, findings) = load(&source, &mut Sources::new());
    !findings.iter().any(|one| one.code == "unsupported-argument" || one.code == "unsupported-block")
}

fn listed(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    if words.is_empty() { "—".to_owned() } else { words.join(", ") }
}

fn blocks() -> String {
    let mut out = String::from("| block | arguments | blocks in it |\n| --- | --- | --- |\n");
    for (name, before, after) in CLOSED {
        let arguments =
            listed(WORDS.iter().copied().filter(|word| is_taken(before, &format!("{word} = 1"), after)));
        let blocks =
            listed(WORDS.iter().copied().filter(|word| is_taken(before, &format!("{word} {{\n}}"), after)));
        let _ = writeln!(out, "| {name} | {arguments} | {blocks} |");
    }
    for (name, arguments, blocks) in open_blocks() {
        let _ = writeln!(out, "| {name} | {arguments} | {blocks} |");
    }
    out
}

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

fn functions() -> String {
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

/// The page with one of its tables as it should be.
fn with_table(page: &str, name: &str, table: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = page.split_once(&open).unwrap();
    let (_, after) = rest.split_once(&close).unwrap();
    format!("{before}{open}{table}{close}{after}")
}

#[test]
fn the_page_lists_the_blocks_and_functions_there_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/language.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let wanted = with_table(&with_table(&page, "blocks", &blocks()), "functions", &functions());
    if page == wanted {
        return;
    }
    assert!(
        std::env::var_os("FORMWORK_WRITE_DOCS").is_some(),
        "docs/language.md is stale: run the test with FORMWORK_WRITE_DOCS=1"
    );
    std::fs::write(&path, wanted).unwrap();
}
