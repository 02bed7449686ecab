//! Text in, text out; and laws that hold for every text.

use crate::lexer::{LexMode, TokenKind, lex};
use crate::parser::parse_file;
use crate::syntax::{BodySyntax, ExprKind};
use formwork_diagnostic::{FileId, Sources};
use formwork_value::Value;
use proptest::prelude::*;
use regex::Regex;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

fn formatted(text: &str) -> Option<String> {
    let mut sources = Sources::new();
    let file = sources.add("main.tf", text);
    super::format(file, &sources).0
}

#[test]
fn texts_take_the_canonical_form() {
    for (text, expected) in [
        ("", ""),
        ("a=1", "a = 1"),
        ("a=1 \n\t\n  b  =   2", "a = 1\n\nb = 2"),
        ("a = 1\nbcd = 2\n\nef = 3", "a   = 1\nbcd = 2\n\nef = 3"),
        ("a = 1 # x\nbcd = [ 1,2 ]   // y\n# z\n", "a   = 1      # x\nbcd = [1, 2] // y\n# z\n"),
        ("  # alone\na = /* c */ 1", "# alone\na = /* c */ 1"),
        ("a = {\nb=1\n  ccc : 2\n}", "a = {\n  b = 1\n  ccc : 2\n}"),
        ("a = { }\nb = {c=1}", "a = {}\nb = { c = 1 }"),
        ("a = f( g( [\n1,\n] ))", "a = f(g([\n  1,\n]))"),
        ("a = [\n[\n1\n]\n]", "a = [\n  [\n    1\n  ]\n]"),
        ("r \"x\" \"y\"{\nn   {\na=1\n}\n}", "r \"x\" \"y\" {\n  n {\n    a = 1\n  }\n}"),
        ("r x {}\nr x y{}", "r \"x\" {}\nr \"x\" \"y\" {}"),
        ("r /* c */ x /* d */ y {}", "r /* c */ \"x\" /* d */ \"y\" {}"),
        (
            "a = -1\nb = 1-1\nc = [-1,- 2]\nd = a - -b\ne = !  a",
            "a = -1\nb = 1 - 1\nc = [-1, -2]\nd = a - -b\ne = !a",
        ),
        ("a = x ?-1:- 2", "a = x ? -1 : -2"),
        ("a = x . y [ 0 ] . z", "a = x.y[0].z"),
        ("a = [for x in[1]:x if x>0]", "a = [for x in [1] : x if x > 0]"),
        ("a = {for k,v in m:k=>v...}", "a = { for k, v in m : k => v... }"),
        ("a = core :: max ( 1 , l ... )", "a = core::max(1, l...)"),
        ("a = \"x${ y }z%{ if b }c%{ endif }\"", "a = \"x${y}z%{if b}c%{endif}\""),
        ("a = \"${ {b=1} }x\"", "a = \"${ { b = 1 } }x\""),
        ("a = <<E\n  x ${ y }\n  E\nbb = 1\n", "a  = <<E\n  x ${y}\n  E\nbb = 1\n"),
        ("a {\nb = [<<E\n x\nE\n,1]\n}\n", "a {\n  b = [<<E\n x\nE\n  , 1]\n}\n"),
        ("a = 1\r\nbc = 2 # x\r\n", "a  = 1\r\nbc = 2 # x\r\n"),
        ("\u{feff}a=1\n", "a = 1\n"),
        ("é  = 1\nab = \"e\u{301}\" # x\nc=1 # y\n", "é  = 1\nab = \"e\u{301}\" # x\nc  = 1   # y\n"),
    ] {
        let once = formatted(text).unwrap_or_else(|| panic!("{text:?} does not parse"));
        assert_eq!(once, expected, "{text:?}");
        assert_eq!(formatted(&once).as_deref(), Some(expected), "{text:?}");
    }
}

#[test]
fn old_spellings_are_brought_up_to_date() {
    for (text, expected) in [
        ("a = \"${ b }\"", "a = b"),
        ("a = \"${f(\"${b}\")}\"", "a = f(\"${b}\")"),
        ("a = \"${b}${c}\"", "a = \"${b}${c}\""),
        ("a = \"${b} \"", "a = \"${b} \""),
        ("a = [\"${b}\"]", "a = [\"${b}\"]"),
        ("a = (\"${b}\")", "a = (\"${b}\")"),
        ("x {\ny {\na = \"${~ b ~}\"\n}\n}", "x {\n  y {\n    a = b\n  }\n}"),
        ("a = \"${\n  b\n}\"", "a = b"),
        ("a = \"${b ?\nc : d}\"", "a = (b ?\nc : d)"),
        ("a = \"${(\nb\n)}\"", "a = (\n  b\n)"),
        ("a = \"${(b)\n+ (c)}\"", "a = ((b)\n+ (c))"),
        ("a = \"${b # why\n}\"", "a = (b # why\n)"),
        ("a = \"${[\nb\n]}\"", "a = ([\n  b\n])"),
        ("variable \"v\" {\ntype = \"string\"\n}", "variable \"v\" {\n  type = string\n}"),
        ("variable \"v\" {\ntype = list\n}", "variable \"v\" {\n  type = list(any)\n}"),
        ("variable \"v\" {\ntype = \"list\"\n}", "variable \"v\" {\n  type = list(string)\n}"),
        ("variable \"v\" {\ntype = map\n}", "variable \"v\" {\n  type = map(any)\n}"),
        ("variable \"v\" {\ntype = \"map\"\n}", "variable \"v\" {\n  type = map(string)\n}"),
        ("variable \"v\" {\ntype = set\n}", "variable \"v\" {\n  type = set(any)\n}"),
        ("variable \"v\" {\ntype = \"set\"\n}", "variable \"v\" {\n  type = \"set\"\n}"),
        ("output \"v\" {\ntype = list\n}", "output \"v\" {\n  type = list\n}"),
        ("x {\nvariable \"v\" {\ntype = list\n}\n}", "x {\n  variable \"v\" {\n    type = list\n  }\n}"),
    ] {
        let once = formatted(text).unwrap_or_else(|| panic!("{text:?} does not parse"));
        assert_eq!(once, expected, "{text:?}");
        assert_eq!(meaning(&once), meaning(text), "{text:?}");
        assert_eq!(formatted(&once).as_deref(), Some(expected), "{text:?}");
    }
}

#[test]
fn what_does_not_parse_stays() {
    for text in ["a = ", "a {", "a = \"${b\"", "}", "a = 1 b = 2", "a = 'x'"] {
        assert_eq!(formatted(text), None, "{text:?}");
    }
}

/// What a text means: its tree without places, and without the spellings that are brought up to date.
fn meaning(text: &str) -> String {
    static PLACE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"Span \{[^}]*\}").unwrap());
    let (mut body, diagnostics) = parse_file(FileId(0), text);
    assert!(!diagnostics.has_errors(), "{text:?}: {diagnostics:?}");
    modernise(&mut body, text, false);
    PLACE.replace_all(&format!("{body:?}"), "_").into_owned()
}

fn modernise(body: &mut BodySyntax, text: &str, is_variable: bool) {
    for attribute in &mut body.attributes {
        if is_variable && attribute.name == "type" {
            let span = attribute.value.span;
            let written = &text[span.start as usize..span.end as usize];
            let modern = super::rewrite::TYPES.iter().find(|(old, _)| *old == written);
            let words: String = modern.map_or(written, |(_, modern)| *modern).split_whitespace().collect();
            attribute.value.kind = ExprKind::Literal(Value::from(words.as_str()));
        }
        while let ExprKind::Wrapped(inner) | ExprKind::Parentheses(inner) = &attribute.value.kind {
            attribute.value = (**inner).clone();
        }
    }
    for block in &mut body.blocks {
        let is_variable = body.span.start == 0 && block.kind == "variable";
        modernise(&mut block.body, text, is_variable);
    }
}

fn comments(text: &str) -> Vec<&str> {
    let (tokens, _) = lex(FileId(0), text, LexMode::Normal);
    let comments = tokens.iter().filter(|token| token.kind == TokenKind::Comment);
    comments.map(|token| &text[token.start as usize..token.end as usize]).collect()
}

#[track_caller]
fn assert_laws(text: &str) {
    let Some(once) = formatted(text) else { return };
    assert_eq!(meaning(&once), meaning(text), "the meaning of {text:?}");
    assert_eq!(comments(&once), comments(text), "the comments of {text:?}");
    assert_eq!(formatted(&once).as_deref(), Some(once.as_str()), "once more {text:?}");
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect(&path, found);
        } else if [".tf", ".tfvars", ".in", ".out", ".hcl", ".t", ".hcldec"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            found.push(path);
        }
    }
}

/// Every configuration of the repository, and of the corpora where they are.
#[test]
fn real_configurations_keep_their_meaning() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    collect(&repository, &mut files);
    assert!(!files.is_empty());
    let corpora = std::env::var_os("FORMWORK_CORPORA").map(PathBuf::from);
    collect(&corpora.unwrap_or_else(|| repository.join("../shared/corpora")), &mut files);
    for path in files {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        assert_laws(&text);
    }
}

/// Blank space, where newlines are none of it.
fn gap() -> impl Strategy<Value = &'static str> + Clone {
    prop_oneof![4 => Just(""), 4 => Just(" "), 1 => Just("   "), 1 => Just("\t"), 1 => Just(" /* c */ ")]
}

/// Blank space between brackets.
fn wide_gap() -> impl Strategy<Value = &'static str> + Clone {
    prop_oneof![4 => Just(""), 3 => Just(" "), 1 => Just("\n"), 1 => Just("\n\n  "), 1 => Just(" # c\n"), 1 => Just("/* c\n */")]
}

fn joined(parts: &[String], open: &str, separator: &str, close: &str) -> String {
    format!("{open}{}{close}", parts.join(separator))
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-z][a-z0-9-]{0,3}",
        "[0-9]{1,3}(\\.[0-9])?",
        Just("true".to_owned()),
        Just("\"\"".to_owned()),
        "\"[a-z $%.é]{0,5}\"".prop_filter("no sequence", |text| !text.contains("${") && !text.contains("%{")),
        Just("a.b[0].c".to_owned()),
        Just("a.*.b".to_owned()),
        Just("a[*]".to_owned()),
        Just("core::f()".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let spaced = (wide_gap(), inner.clone(), wide_gap()).prop_map(|(a, x, b)| format!("{a}{x}{b}"));
        let flat = (gap(), inner.clone(), gap()).prop_map(|(a, x, b)| format!("{a}{x}{b}"));
        let operator = prop_oneof![
            Just("+"),
            Just("-"),
            Just("*"),
            Just("/"),
            Just("%"),
            Just("=="),
            Just("!="),
            Just("<"),
            Just(">="),
            Just("&&"),
            Just("||"),
            Just("? x :"),
        ];
        prop_oneof![
            prop::collection::vec(spaced.clone(), 0..4).prop_map(|all| joined(&all, "[", ",", "]")),
            prop::collection::vec(spaced.clone(), 0..4).prop_map(|all| joined(&all, "f(", ",", ")")),
            prop::collection::vec((gap(), "[a-z]{1,4}", gap(), inner.clone(), gap()), 0..4).prop_map(|all| {
                let items = all.into_iter().map(|(a, name, b, value, c)| format!("{a}{name}{b}={value}{c}"));
                joined(&items.collect::<Vec<_>>(), "{\n", "\n", "\n}")
            }),
            spaced.clone().prop_map(|x| format!("({x})")),
            flat.clone().prop_map(|x| format!("\"${{{x}}}\"")),
            (flat.clone(), "[a-z ]{0,3}")
                .prop_map(|(x, text)| format!("\"{text}${{{x}}}%{{ if a }}b%{{endif}}\"")),
            (gap(), inner.clone()).prop_map(|(a, x)| format!("-{a}{x}")),
            (gap(), inner.clone()).prop_map(|(a, x)| format!("!{a}{x}")),
            (inner.clone(), gap(), operator, flat.clone())
                .prop_map(|(x, a, sign, y)| format!("{x}{a}{sign}{y}")),
            (spaced.clone(), spaced).prop_map(|(x, y)| format!("[for v in{x}:{y}if true]")),
            flat.prop_map(|x| format!("[<<-E\n  x ${{{x}}}\n  y\n E\n]")),
        ]
    })
}

fn body() -> impl Strategy<Value = String> {
    let end = || prop_oneof![3 => Just("\n"), 1 => Just(" # c\n"), 1 => Just("// c\r\n"), 1 => Just("\n\n"), 1 => Just("\n # c\n")];
    let argument = (gap(), "[a-z]{1,6}", gap(), gap(), expression(), end())
        .prop_map(|(a, name, b, c, value, end)| format!("{a}{name}{b}={c}{value}{end}"));
    let arguments = prop::collection::vec(argument, 0..4).prop_map(|all| all.concat());
    arguments.prop_recursive(3, 12, 3, move |inner| {
        (
            gap(),
            "[a-z]{1,5}",
            prop_oneof![Just(""), Just(" x"), Just("\"x\""), Just(" x /* c */ \"y\"")],
            inner.clone(),
            inner,
            end(),
        )
            .prop_map(|(a, kind, labels, body, before, end)| {
                format!("{before}{a}{kind}{labels}{{\n{body}}}{end}")
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn generated_texts_keep_their_meaning(text in body()) {
        assert_laws(&text);
    }
}
