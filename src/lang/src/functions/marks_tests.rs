//! Marks through every operator and every function: what says that a value is ephemeral or deprecated, and what says
//! that it is secret, is on all that comes of it.

use crate::scope::{Query, Scope, Subject};
use crate::source::{MemorySource, Source};
use crate::standalone::parse_expression;
use formwork_diagnostic::{Diagnostic, Sources};
use formwork_value::{Mark, MarkKind, Marks, Value};

/// `var.argument`, and nothing else.
struct World(MemorySource, Value);

impl Scope for World {
    fn resolve(&self, query: &Query<'_>) -> Result<Value, Diagnostic> {
        match query.subject {
            Subject::Variable(name) if name == "argument" => Ok(self.1.clone()),
            _ => Err(Diagnostic::error("unknown", "Unknown", "There is nothing but var.argument.")),
        }
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

    fn is_impure_allowed(&self) -> bool {
        true
    }
}

fn evaluated(text: &str, argument: Value) -> Value {
    let files = MemorySource::from_iter([("a.txt", "hello"), ("t.tmpl", "${x}"), ("h.hbs", "{{x}}")]);
    let mut sources = Sources::new();
    let (expression, findings) = parse_expression(text, &mut sources);
    let expression = expression.unwrap_or_else(|| panic!("{text}: {findings:?}"));
    let (value, findings) = expression.evaluate(&World(files, argument));
    assert!(findings.is_empty(), "{text}: {findings:?}");
    value
}

fn all_marks() -> Marks {
    [MarkKind::Sensitive, MarkKind::Ephemeral, MarkKind::Deprecated]
        .map(|kind| Mark::new(kind, "here"))
        .into_iter()
        .collect()
}

/// A call of each function that succeeds, by its arguments. Left out are those without arguments, and those that are
/// errors always.
const CALLS: &[(&str, &[&str])] = &[
    ("abs", &["-5"]),
    ("abspath", &["\"a\""]),
    ("alltrue", &["[true]"]),
    ("anytrue", &["[true]"]),
    ("assumelistlength", &["[1]", "1", "1"]),
    ("assumelistlengthmax", &["[1]", "1"]),
    ("assumelistlengthmin", &["[1]", "1"]),
    ("assumemaplength", &["{ a = 1 }", "1", "1"]),
    ("assumemaplengthmax", &["{ a = 1 }", "1"]),
    ("assumemaplengthmin", &["{ a = 1 }", "1"]),
    ("assumenotnull", &["1"]),
    ("assumesetlength", &["[1]", "1", "1"]),
    ("assumesetlengthmax", &["[1]", "1"]),
    ("assumesetlengthmin", &["[1]", "1"]),
    ("assumestringprefix", &["\"ab\"", "\"a\""]),
    ("base64decode", &["\"YQ==\""]),
    ("base64encode", &["\"a\""]),
    ("base64gunzip", &["\"H4sIAAAAAAAA/ypJLS4BAAAA//8BAAD//wx+f9gEAAAA\""]),
    ("base64gzip", &["\"a\""]),
    ("base64sha256", &["\"a\""]),
    ("base64sha512", &["\"a\""]),
    ("basename", &["\"a/b\""]),
    ("bcrypt", &["\"a\"", "4"]),
    ("ceil", &["1.5"]),
    ("chomp", &["\"a\\n\""]),
    ("chunklist", &["[1, 2]", "1"]),
    ("cidrcontains", &["\"10.0.0.0/8\"", "\"10.0.0.1\""]),
    ("cidrhost", &["\"10.0.0.0/8\"", "1"]),
    ("cidrnetmask", &["\"10.0.0.0/8\""]),
    ("cidrsubnet", &["\"10.0.0.0/8\"", "8", "1"]),
    ("cidrsubnets", &["\"10.0.0.0/8\"", "8"]),
    ("coalesce", &["null", "1"]),
    ("coalescelist", &["[]", "[1]"]),
    ("compact", &["[\"a\"]"]),
    ("concat", &["[1]", "[2]"]),
    ("contains", &["[1]", "1"]),
    ("csvdecode", &["\"a\\n1\""]),
    ("dirname", &["\"a/b\""]),
    ("distinct", &["[1]"]),
    ("element", &["[1]", "0"]),
    ("endswith", &["\"ab\"", "\"b\""]),
    ("file", &["\"a.txt\""]),
    ("filebase64", &["\"a.txt\""]),
    ("filebase64sha256", &["\"a.txt\""]),
    ("filebase64sha512", &["\"a.txt\""]),
    ("fileexists", &["\"a.txt\""]),
    ("filemd5", &["\"a.txt\""]),
    ("fileset", &["\".\"", "\"*\""]),
    ("filesha1", &["\"a.txt\""]),
    ("filesha256", &["\"a.txt\""]),
    ("filesha512", &["\"a.txt\""]),
    ("flatten", &["[[1]]"]),
    ("floor", &["1.5"]),
    ("format", &["\"%s\"", "\"a\""]),
    ("formatdate", &["\"YYYY\"", "\"2026-01-02T03:04:05Z\""]),
    ("formatlist", &["\"%s\"", "[\"a\"]"]),
    ("handlebars", &["\"{{x}}\"", "{ x = 1 }"]),
    ("handlebarsfile", &["\"h.hbs\"", "{ x = 1 }"]),
    ("indent", &["2", "\"a\\nb\""]),
    ("index", &["[1]", "1"]),
    ("join", &["\",\"", "[\"a\"]"]),
    ("jsondecode", &["\"[1]\""]),
    ("jsonencode", &["[1]"]),
    ("keys", &["{ a = 1 }"]),
    ("length", &["[1]"]),
    ("log", &["8", "2"]),
    ("lookup", &["{ a = 1 }", "\"a\"", "1"]),
    ("lower", &["\"A\""]),
    ("matchkeys", &["[1]", "[\"a\"]", "[\"a\"]"]),
    ("max", &["1", "2"]),
    ("md5", &["\"a\""]),
    ("merge", &["{ a = 1 }", "{ b = 1 }"]),
    ("min", &["1", "2"]),
    ("one", &["[1]"]),
    ("parseint", &["\"1\"", "10"]),
    ("pathexpand", &["\"a\""]),
    ("pow", &["2", "2"]),
    ("range", &["3"]),
    ("regex", &["\"a\"", "\"a\""]),
    ("regexall", &["\"a\"", "\"a\""]),
    ("replace", &["\"a\"", "\"a\"", "\"b\""]),
    ("reverse", &["[1]"]),
    ("sensitive", &["1"]),
    ("setintersection", &["[1]", "[1]"]),
    ("setproduct", &["[1]", "[1]"]),
    ("setsubtract", &["[1]", "[2]"]),
    ("setunion", &["[1]", "[2]"]),
    ("sha1", &["\"a\""]),
    ("sha256", &["\"a\""]),
    ("sha512", &["\"a\""]),
    ("signum", &["1"]),
    ("slice", &["[1, 2]", "0", "1"]),
    ("sort", &["[\"a\"]"]),
    ("split", &["\",\"", "\"a,b\""]),
    ("startswith", &["\"ab\"", "\"a\""]),
    ("strcontains", &["\"ab\"", "\"a\""]),
    ("strrev", &["\"ab\""]),
    ("substr", &["\"ab\"", "0", "1"]),
    ("sum", &["[1]"]),
    ("templatefile", &["\"t.tmpl\"", "{ x = 1 }"]),
    ("templatestring", &["\"$${x}\"", "{ x = 1 }"]),
    ("textdecodebase64", &["\"YQ==\"", "\"UTF-8\""]),
    ("textencodebase64", &["\"a\"", "\"UTF-8\""]),
    ("timeadd", &["\"2026-01-02T03:04:05Z\"", "\"1h\""]),
    ("timecmp", &["\"2026-01-02T03:04:05Z\"", "\"2026-01-02T03:04:05Z\""]),
    ("title", &["\"a\""]),
    ("tobool", &["true"]),
    ("tolist", &["[1]"]),
    ("tomap", &["{ a = 1 }"]),
    ("tonumber", &["1"]),
    ("toset", &["[1]"]),
    ("tostring", &["\"a\""]),
    ("transpose", &["{ a = [\"x\"] }"]),
    ("trim", &["\"ab\"", "\"a\""]),
    ("trimprefix", &["\"ab\"", "\"a\""]),
    ("trimspace", &["\" a\""]),
    ("trimsuffix", &["\"ab\"", "\"b\""]),
    ("try", &["1"]),
    ("upper", &["\"a\""]),
    ("urldecode", &["\"a\""]),
    ("urlencode", &["\"a\""]),
    ("uuidv5", &["\"dns\"", "\"a\""]),
    ("values", &["{ a = 1 }"]),
    ("yamldecode", &["\"a: 1\""]),
    ("yamlencode", &["[1]"]),
    ("zipmap", &["[\"a\"]", "[1]"]),
];

/// Functions that are about marks, need what no test line holds, or have no argument that could bear one.
const OTHERS: &[&str] = &[
    "assumeequal",
    "can",
    "convert",
    "ephemeralasnull",
    "issensitive",
    "list",
    "map",
    "nonsensitive",
    "plantimestamp",
    "rsadecrypt",
    "timestamp",
    "uuid",
];

/// Arguments that the result does not come of.
const UNUSED: &[(&str, usize)] = &[("lookup", 2)];

#[test]
fn every_function_carries_the_marks_of_its_arguments() {
    let mut named: Vec<&str> = CALLS.iter().map(|(name, _)| *name).chain(OTHERS.iter().copied()).collect();
    named.sort_unstable();
    let mut all: Vec<&str> = super::names().collect();
    all.sort_unstable();
    assert_eq!(named, all);
    for (name, arguments) in CALLS {
        for at in 0..arguments.len() {
            let marked = evaluated(arguments[at], Value::bool(true)).with_marks(&all_marks());
            let mut given = arguments.to_vec();
            given[at] = "var.argument";
            let call = format!("{name}({})", given.join(", "));
            let marks = evaluated(&call, marked).gather_marks();
            let is_unused = UNUSED.contains(&(name, at));
            for kind in [MarkKind::Sensitive, MarkKind::Ephemeral, MarkKind::Deprecated] {
                assert!(marks.has(kind) || is_unused, "{call} with argument {at} loses {kind:?}");
            }
        }
    }
}

#[test]
fn every_operator_carries_the_marks_of_its_operands() {
    for (argument, expressions) in [
        (
            "1",
            &[
                "var.argument + 1",
                "1 - var.argument",
                "-var.argument",
                "var.argument > 0",
                "var.argument == 1",
                "var.argument != 1",
                "var.argument % 2",
                "\"${var.argument}\"",
                "\"a${var.argument}\"",
                "[1, 2][var.argument]",
                "(var.argument)",
                "[var.argument]",
                "{ a = var.argument }",
                "{ (var.argument) = 1 }",
                "true ? var.argument : 2",
                "false ? var.argument : 2",
                "convert(var.argument, string)",
                "nonsensitive(sensitive(1)) == var.argument",
            ][..],
        ),
        (
            "true",
            &[
                "!var.argument",
                "var.argument && true",
                "false || var.argument",
                "var.argument ? 1 : 2",
                "[for x in [1] : x if var.argument]",
                "\"%{ if var.argument }a%{ endif }\"",
            ],
        ),
        (
            "[1, 2]",
            &[
                "[for x in var.argument : x]",
                "{ for x in var.argument : x => x }",
                "var.argument[0]",
                "var.argument.0",
                "var.argument[*]",
                "\"%{ for x in var.argument }${x}%{ endfor }\"",
                "max(var.argument...)",
            ],
        ),
        (
            "{ a = 1 }",
            &["var.argument.a", "var.argument[\"a\"]", "[for k, v in var.argument : k]", "var.argument[*].a"],
        ),
        ("[{ a = 1 }]", &["var.argument[*].a", "var.argument.*.a"]),
    ] {
        for expression in expressions {
            let marked = evaluated(argument, Value::bool(true)).with_marks(&all_marks());
            let marks = evaluated(expression, marked).gather_marks();
            for kind in [MarkKind::Sensitive, MarkKind::Ephemeral, MarkKind::Deprecated] {
                assert!(marks.has(kind), "{expression} loses {kind:?}");
            }
        }
    }
}
