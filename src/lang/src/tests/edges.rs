//! Where implementations of the language differ, and where a text could cost more than it is long.

use super::evaluated;
use crate::standalone::parse_tfvars;
use formwork_diagnostic::Sources;

#[test]
fn values_at_the_edges_are_those_of_hcl() {
    let chain = vec!["1"; 200].join(" + ");
    let nested = format!("{}1{}", "(".repeat(100), ")".repeat(100));
    for (text, expected) in [
        ("\u{feff}1", "1"),
        ("1\n", "1"),
        ("\"%{ if true &&\n true }x%{ endif }\"", r#""x""#),
        ("1234567890123456789012345678901", "1234567890123456789012345678901"),
        ("9007199254740993 + 0", "9007199254740993"),
        ("-1 == 0 - 1", "true"),
        ("-0.0", "-0"),
        ("5 / 0", "+Inf"),
        ("10 % 3.3 < 0.1001", "true"),
        ("0.1 + 0.2 == 0.3", "true"),
        ("var.list.00", r#""a""#),
        ("var.list.1e0", r#""b""#),
        ("\"n\u{303}\" == \"\u{f1}\"", "true"),
        ("\"a\" \n", r#""a""#),
        ("\"\\u006e\\u0303\"", "\"\u{f1}\""),
        ("<<A\nA\n", r#""""#),
        ("<<-A\n\t\tx\n\ty\n\tA\n", "\"\\tx\\ny\\n\""),
        ("\"${\"a\"}${\"b\"}\"", r#""ab""#),
        ("\"%{ for x in [] }${x}%{ endfor }\"", r#""""#),
        (chain.as_str(), "200"),
        (nested.as_str(), "1"),
    ] {
        let (value, diagnostics) = evaluated(text);
        assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
        assert_eq!(value, expected, "{text}");
    }
}

#[test]
fn what_hcl_refuses_is_refused() {
    for text in [
        "\"a\nb\"",
        "<<A\nx\nA",
        "(<<A\nx\nA)",
        "var.list.0.1",
        "var.list.*.a.*.b",
        "[for]",
        "\"%{ iffy }\"",
        "1e",
        "0x10",
        "a b",
        "1e99999999999999999999",
    ] {
        assert!(evaluated(text).1.has_errors(), "{text}");
    }
    // Between brackets alone a newline is a blank.
    for text in ["a = b[\n*\n]\n", "a = b.\n c\n", "a = 1 +\n 2\n"] {
        let found = faults(text);
        assert!(found.iter().any(|one| one != "Variables not allowed"), "{text}: {found:?}");
    }
}

fn faults(text: &str) -> Vec<String> {
    let mut sources = Sources::new();
    let file = sources.add("x.tfvars", text);
    parse_tfvars(file, &sources).1.iter().map(|one| one.summary.clone()).collect()
}

#[test]
fn one_missing_brace_is_one_fault() {
    const UNCLOSED: &str = "Unclosed template interpolation sequence";
    for text in [
        "a = \"x ${1\"\nb = 1\nc {\n  d = 1\n}\n",
        "a = \"x ${1\nb = 1\n",
        "a = {\n  b = \"x ${f(1\"\n  c = 1\n}\nd = 2\n",
        "a = \"x ${1 y\"\nb = \"${2}\"\n",
        "a = \"x ${1\n}\nb = 2\n",
    ] {
        let found: Vec<String> = faults(text).into_iter().filter(|one| one != "Unexpected block").collect();
        let stray = "Argument or block definition required";
        assert!(
            found == [UNCLOSED] || found == [UNCLOSED, stray] && text.contains("\n}\n"),
            "{text}: {found:?}"
        );
    }
    assert_eq!(faults("a = \"${\n  1\n}\"\nb = \"${[\n  1,\n]}\"\n"), Vec::<String>::new());
}

/// None of these takes noticeable time.
#[test]
fn cost_follows_length() {
    let conditions =
        (0..40).fold("[1]".to_owned(), |inner, _| format!("[for x in [1] : x if length({inner}) > 0]"));
    assert_eq!(evaluated(&conditions).0, "[1]");
    let splats = format!("[{{ a = 1 }}]{}", "[*].z".repeat(200));
    assert!(evaluated(&splats).1.has_errors());
    let mixed = (0..20).fold("1".to_owned(), |inner, _| format!("({inner}{})", " + 1".repeat(500)));
    assert!(evaluated(&mixed).1.iter().any(|one| one.summary == "Expression too long"));
    let faulty = "'".repeat(100_000);
    assert!(evaluated(&faulty).1.len() <= 250);
    let unread = "a = = 1\n".repeat(10_000);
    assert!(faults(&unread).len() <= 250);
    let deep = "a = {\n".repeat(20_000);
    assert!(faults(&deep).len() <= 250);
    // Each level ends in a fault of its own that the lexer has reported.
    let ill_ended = "b {\n".repeat(100) + &"} x \u{7}\n".repeat(100);
    assert!(faults(&ill_ended).len() <= 250);
    let doubled = (0..40).fold("\"xxxxxxxxxxxxxxxx\"".to_owned(), |inner, _| {
        format!("[for x in [{inner}] : \"${{x}}${{x}}\"][0]")
    });
    assert!(evaluated(&doubled).1.iter().any(|one| one.summary == "Value too large"));
    // One byte less than a text may have: a number of two digits is too much.
    let nearly =
        (0..27).fold("\"\"".to_owned(), |inner, _| format!("[for x in [{inner}] : \"${{x}}${{x}}y\"][0]"));
    assert!(!evaluated(&format!("length([{nearly}])")).1.has_errors());
    let found = evaluated(&format!("length([\"${{{nearly}}}${{10}}\"])")).1;
    assert!(found.iter().any(|one| one.summary == "Value too large"));
    let shared = (0..40).fold("[1]".to_owned(), |inner, _| format!("[for x in [{inner}] : [x, x]][0]"));
    assert!(evaluated(&shared).1.iter().any(|one| one.summary == "Value too large"));
}
