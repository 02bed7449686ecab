//! Text to value through the public door: the traps of HCL's syntax, faults with their places, and texts that are
//! meant to break the parser.

mod edges;
mod page;
mod specsuite;

use crate::{MemorySource, Query, Scope, Source, Subject, parse_expression, parse_template};
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources};
use formwork_value::{Marks, Type, Value};
use proptest::prelude::*;

struct TestScope(MemorySource);

impl Scope for TestScope {
    fn resolve(&self, query: &Query<'_>) -> Result<Value, Diagnostic> {
        let value = match (query.subject, query.key, query.output) {
            (Subject::Variable(name), ..) => match name.as_str() {
                "text" => Value::from("hello"),
                "list" => Value::list(Type::String, vec![Value::from("a"), Value::from("b")]),
                "secret" => Value::from("hunter2").with_marks(&Marks::sensitive()),
                "unknown" => Value::unknown(Type::String),
                "object" => {
                    Value::object(vec![("a".into(), Value::from(1)), ("name".into(), Value::from("x"))])
                }
                "nothing" => Value::null(Type::String),
                _ => return Err(Diagnostic::error("unknown", "No such variable", "")),
            },
            (subject, key, output) => Value::from(format!("{subject}|{key:?}|{output:?}")),
        };
        Ok(value)
    }

    fn files(&self) -> &dyn Source {
        &self.0
    }

    fn module_directory(&self) -> &'static str {
        "."
    }

    fn plan_timestamp(&self) -> &'static str {
        "2026-01-02T03:04:05Z"
    }
}

fn scope() -> TestScope {
    TestScope(MemorySource::from_iter([
        ("a.tmpl", "%{ for n in names ~}\n<${n}>\n%{ endfor ~}\n"),
        ("loop.tmpl", "${templatefile(\"loop.tmpl\", {})}"),
        ("bad.tmpl", "x\n${nope}"),
    ]))
}

fn evaluated(text: &str) -> (String, Diagnostics) {
    let mut sources = Sources::new();
    let (expression, mut diagnostics) = parse_expression(text, &mut sources);
    let Some(expression) = expression.filter(|_| !diagnostics.has_errors()) else {
        return (String::new(), diagnostics);
    };
    let (value, findings) = expression.evaluate(&scope());
    diagnostics.append(findings);
    (format!("{value:?}"), diagnostics)
}

#[test]
fn values_are_as_in_hcl() {
    for (text, expected) in [
        ("<<-EOT\n    x ${var.text}\n      c\n    EOT\n", r#""x hello\n  c\n""#),
        ("<<-EOT\nx ${var.text}\n    c\nEOT\n", r#""x hello\n    c\n""#),
        ("<<-EOT\n  a\n\n   \n  b\n  EOT\n", r#""a\n\n   \nb\n""#),
        ("<<-EOT\r\n  a\r\n    b\r\n  EOT\r\n", r#""a\r\n  b\r\n""#),
        ("<<-EOT\n  ${~ var.text ~}\n\n   bar\n  EOT\n", r#""hello\n   bar\n""#),
        ("<<EOT\na ${~ var.text ~}\n\n  b\nEOT\n", r#""ahello\n  b\n""#),
        ("<<EOT\n%{ if true ~}\n  yes\n%{ else ~}\n  no\n%{ endif ~}\nEOT\n", r#""  yes\n""#),
        (r#""%{ if true }a\n\"b\"%{ endif }""#, r#""a\n\"b\"""#),
        ("\"$${a} %%{b} $x 100%\"", r#""${a} %{b} $x 100%""#),
        ("\"\\u00e9\\U0001F600n\u{303}\"", "\"é😀ñ\""),
        ("{ a = 1, a = 2 }", r#"{"a": 2}"#),
        ("{ true = 1, null = 2, 3 = 3, (var.text) = 4 }", r#"{"3": 3, "hello": 4, "null": 2, "true": 1}"#),
        ("[for k, v in { b = 1, a = 2 } : \"${k}${v}\"]", r#"["a2", "b1"]"#),
        ("{\n  for x in [\"a\", \"b\", \"a\"] :\n  x => x...\n}", r#"{"a": ["a", "a"], "b": ["b"]}"#),
        ("[for x in [1, 2, 3] : x if x != 2]", "[1, 3]"),
        ("[for x in [[1, 2], [3]] : [for y in x : y * 10]]", "[[10, 20], [30]]"),
        ("[{ a = [{ b = 1 }] }][*].a[*].b", "[[1]]"),
        ("[{ a = [{ b = 1 }] }].*.a[0]", r#"[{"b": 1}]"#),
        ("var.object[*].a", "[1]"),
        ("var.nothing[*]", "[]"),
        ("var.list.0", r#""a""#),
        ("-2 + 5 * 2 == 8 && !false", "true"),
        ("1e400 > 1e399", "true"),
        ("true ? \"a\" : 1", r#""a""#),
        ("false ? \"a\" : 1", r#""1""#),
        ("\"${var.list}\"", r#"["a", "b"]"#),
        ("var.secret == \"x\" ? 1 : 2", "(sensitive value)"),
        ("try(var.object.nope, var.object.a)", "1"),
        ("can(var.object.nope)", "false"),
        ("try(var.nothing.x, \"d\")", r#""d""#),
        ("core::length([1])", "1"),
        ("templatefile(\"a.tmpl\", { names = var.list })", r#""<a>\n<b>\n""#),
        ("templatestring(\"a${\"$${x}\"}\", { x = 5 })", r#""a5""#),
        ("a_b.c[1 + 1]", r#""a_b.c|Some(2)|None""#),
        ("a_b.c[var.text]", r#""a_b.c|Some(\"hello\")|None""#),
        ("module.m[\"k\"].out", r#""module.m|Some(\"k\")|Some(\"out\")""#),
        ("module.m.out", r#""module.m|None|Some(\"out\")""#),
        ("data.a_b.c", r#""data.a_b.c|None|None""#),
        ("path.module", r#""path.module|None|None""#),
    ] {
        let (value, diagnostics) = evaluated(text);
        assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
        assert_eq!(value, expected, "{text}");
    }
}

#[test]
fn faults_have_their_place_and_the_values_behind_them() {
    for (text, expected) in [
        (
            "var.object.nam",
            "Unsupported attribute 10-14 [Did you mean \"name\"?] var.object is object with 2 attributes",
        ),
        ("var.list[5]", "Invalid index 8-11 var.list is list of string with 2 elements"),
        (
            "1 + var.text",
            "Invalid operand 4-12 [The sign + adds numbers. Texts are joined in a template: \"${first}${second}\".] var.text is \"hello\"",
        ),
        (
            "1 + var.secret",
            "Invalid operand 4-14 [The sign + adds numbers. Texts are joined in a template: \"${first}${second}\".] var.secret has a sensitive value",
        ),
        ("var.nothing.x", "Attempt to get attribute from null value 11-13 var.nothing is null"),
        ("\"x${var.nothing}\"", "Invalid template interpolation value 4-15 var.nothing is null"),
        ("var.list ? 1 : 2", "Incorrect condition type 0-8 var.list is list of string with 2 elements"),
        ("true ? [] : \"x\"", "Inconsistent conditional result types 7-15"),
        ("[for x in var.text : x]", "Iteration over non-iterable value 10-18 var.text is \"hello\""),
        ("{ for x in [1, 1] : x => x }", "Duplicate object key 20-21 x is 1"),
        ("{ var.text = 1 }", "Ambiguous attribute key 2-10"),
        ("lenght([])", "Call to unknown function 0-6 [Did you mean \"length\"?]"),
        ("length()", "Not enough function arguments 7-8 [It is called as length(value).]"),
        ("length([], 1)", "Too many function arguments 11-12 [It is called as length(value).]"),
        ("length(1)", "Error in function call 0-7"),
        ("try(var.object.x)", "Error in function call 0-4 var.object is object with 2 attributes"),
        ("templatefile(\"bad.tmpl\", {})", "Invalid function argument 25-26"),
        ("templatefile(\"none.tmpl\", {})", "Invalid function argument 14-23"),
        ("foo", "Invalid reference 0-3 [To write text, put it in quotes: \"foo\".]"),
        ("each.valeu", "Invalid reference 0-10 [Its attributes are: key, value.]"),
        ("[1, 2", "Unterminated tuple constructor expression 0-1"),
        ("{ a 1 }", "Missing key/value separator 4-5"),
        ("f(1 2)", "Missing argument separator 4-5"),
        ("a.0.1", "Invalid legacy index syntax 2-5"),
        ("a.*.b.*", "Nested splat expression not allowed 6-7"),
        ("[for]", "Invalid 'for' expression 4-5"),
        ("\"a\\q\"", "Invalid escape sequence 2-4"),
        ("\"${a\"", "Unclosed template interpolation sequence 1-3"),
        ("\"%{ iffy }\"", "Invalid template control keyword 4-8"),
        ("\"%{ if true }\"", "Unexpected end of template 1-14"),
        ("1 2", "Extra characters after expression 2-3"),
        ("a & b", "Unsupported operator 2-3"),
    ] {
        let (_, diagnostics) = evaluated(text);
        let show = |one: &Diagnostic| {
            let span = one.subject.map(|span| format!(" {}-{}", span.start, span.end));
            let hint = one.hint.as_ref().map(|hint| format!(" [{hint}]"));
            let values: Vec<String> =
                one.values.iter().map(|one| format!(" {} {}", one.traversal, one.statement)).collect();
            let values = values.concat();
            format!("{}{}{}{values}", one.summary, span.unwrap_or_default(), hint.unwrap_or_default())
        };
        let shown: Vec<String> = diagnostics.iter().map(show).collect();
        assert_eq!(shown, [expected], "{text}");
    }
}

#[test]
fn a_template_that_renders_itself_ends() {
    let (_, diagnostics) = evaluated("templatefile(\"loop.tmpl\", {})");
    assert!(diagnostics.iter().any(|one| one.detail.contains("without end")), "{diagnostics:?}");
}

/// Each block that is left open used to be read again by every block around it: the time doubled with each.
#[test]
fn blocks_left_open_are_not_read_again_by_all_around_them() {
    for name in ["esource", "resource"] {
        let text = format!("{name} \"a\" \"b\" {{\n  size = 1\n").repeat(150);
        let source = MemorySource::from_iter([("main.tf", text.as_str())]);
        let mut sources = Sources::new();
        let (_, diagnostics) = crate::load(&source, &mut sources);
        assert!(diagnostics.has_errors(), "{name}");
    }
}

#[test]
fn depth_is_bounded_and_a_thousand_levels_are_within() {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    assert!(!evaluated(&nested(1000)).1.has_errors());
    let (_, diagnostics) = evaluated(&nested(5000));
    assert_eq!(diagnostics.iter().map(|one| one.summary.as_str()).collect::<Vec<_>>(), ["Nesting too deep"]);
    let chain = vec!["1"; 3000].join(" + ");
    assert_eq!(evaluated(&chain).0, "3000");
    let negations = format!("{}true", "!".repeat(1000));
    assert_eq!(evaluated(&negations).0, "true");
    let conditionals = format!("{}1", "false ? 0 : ".repeat(1000));
    assert_eq!(evaluated(&conditionals).0, "1");
    assert!(evaluated(&"${".repeat(5000)).1.has_errors());
}

/// Pieces that meet in all orders.
const PIECES: &[&str] = &[
    "a",
    "var.x",
    "1",
    "0.5",
    "\"",
    "${",
    "%{",
    "}",
    "~}",
    "{",
    "[",
    "]",
    "(",
    ")",
    "if ",
    "for ",
    "in ",
    "else",
    "endif",
    "endfor",
    " ",
    "\n",
    "<<E\n",
    "<<-E\n",
    "E\n",
    "=",
    "=>",
    ":",
    "?",
    ",",
    "...",
    ".",
    "*",
    "[*]",
    ".*",
    "!",
    "-",
    "+",
    "==",
    "&&",
    "::",
    "f(",
    "#",
    "/*",
    "*/",
    "\\",
    "$",
    "%",
    "é",
    "\u{301}",
    "\r\n",
    "resource \"a\" \"b\" {\n",
    "dynamic \"d\" {\n",
    "content {\n",
    "lifecycle {\n",
    "variable \"v\" {\n",
    "type = ",
    "module \"m\" {\n source = \"./m\"\n",
    "\u{feff}",
    "\0",
];

proptest! {
    #[test]
    fn no_text_breaks_the_parser_or_the_evaluator(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        let text: String = pieces.concat();
        let mut sources = Sources::new();
        let found = [parse_expression(&text, &mut sources), parse_template(&text, &mut sources)];
        for (expression, diagnostics) in found {
            prop_assert!(expression.is_some() || diagnostics.has_errors());
            if let Some(expression) = expression {
                expression.evaluate(&scope());
            }
        }
        let source = MemorySource::from_iter([("main.tf", text)]);
        let (_, diagnostics) = crate::load(&source, &mut sources);
        for one in &diagnostics {
            formwork_diagnostic::render_text(one, &sources, formwork_diagnostic::Style::PLAIN);
            formwork_diagnostic::render_json(one, &sources);
        }
    }
}
