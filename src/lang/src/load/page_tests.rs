//! `docs/language.md` says of blocks what the loader takes: each word of the language is tried in each block, as an
//! argument and as a block. `FORMWORK_WRITE_DOCS=1 cargo test -p formwork-lang` writes the page.

use crate::load;
use crate::source::MemorySource;
use formwork_diagnostic::Sources;
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
    "iterator",
    "key_provider",
    "labels",
    "lifecycle",
    "method",
    "nullable",
    "on_failure",
    "plan",
    "postcondition",
    "precondition",
    "prevent_destroy",
    "provider",
    "provider_meta",
    "providers",
    "provisioner",
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

/// Blocks that hold others' arguments too, with what the language itself takes in them.
const OPEN: &[(&str, &str, &str)] = &[
    ("`locals`", "any name", "—"),
    (
        "`provider NAME`",
        "`alias`, `for_each`, `version`, and the provider's own",
        "the provider's own, `dynamic`, `_`",
    ),
    (
        "`resource TYPE NAME`",
        "`count`, `for_each`, `provider`, `depends_on`, and the kind's own",
        "`lifecycle`, `provisioner`, `connection`, the kind's own, `dynamic`, `_`",
    ),
    (
        "`data TYPE NAME`, `ephemeral TYPE NAME`",
        "`count`, `for_each`, `provider`, `depends_on`, and the kind's own",
        "`lifecycle`, the kind's own, `dynamic`, `_`",
    ),
    (
        "`module NAME`",
        "`source`, `version`, `count`, `for_each`, `providers`, `depends_on`, and the module's variables",
        "`lifecycle`",
    ),
    ("`dynamic BLOCK`", "`for_each`, `iterator`, `labels`", "`content`"),
    ("`provisioner TYPE`", "`when`, `on_failure`, and the provisioner's own", "`connection`, `_`"),
];

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

fn table() -> String {
    let mut out = String::from("| block | arguments | blocks in it |\n| --- | --- | --- |\n");
    for (name, before, after) in CLOSED {
        let arguments =
            listed(WORDS.iter().copied().filter(|word| is_taken(before, &format!("{word} = 1"), after)));
        let blocks =
            listed(WORDS.iter().copied().filter(|word| is_taken(before, &format!("{word} {{\n}}"), after)));
        let _ = writeln!(out, "| {name} | {arguments} | {blocks} |");
    }
    for (name, arguments, blocks) in OPEN {
        let _ = writeln!(out, "| {name} | {arguments} | {blocks} |");
    }
    out
}

#[test]
fn the_page_lists_the_blocks_there_are() {
    const OPENING: &str = "<!-- blocks -->\n";
    const CLOSING: &str = "<!-- /blocks -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/language.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(OPENING).unwrap();
    let (written, after) = rest.split_once(CLOSING).unwrap();
    let wanted = table();
    if written == wanted {
        return;
    }
    assert!(
        std::env::var_os("FORMWORK_WRITE_DOCS").is_some(),
        "docs/language.md is stale: run the test with FORMWORK_WRITE_DOCS=1"
    );
    std::fs::write(&path, format!("{before}{OPENING}{wanted}{CLOSING}{after}")).unwrap();
}
