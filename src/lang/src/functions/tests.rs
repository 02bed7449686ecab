//! Functions through the language's own door: an expression and what it gives.

use crate::scope::{Query, Scope, Subject};
use crate::source::{MemorySource, Source};
use crate::standalone::parse_expression;
use formwork_diagnostic::{Diagnostic, Sources};
use formwork_value::{Marks, Type, Value};

/// `var.secret` and `var.unknown`, both strings, and a few files.
struct World(MemorySource);

impl Scope for World {
    fn resolve(&self, query: &Query<'_>) -> Result<Value, Diagnostic> {
        match query.subject {
            Subject::Variable(name) if name == "secret" => {
                Ok(Value::from("s3cr3t").with_marks(&Marks::sensitive()))
            }
            _ => Ok(Value::unknown(Type::String)),
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
}

/// The value's short form, or the words of the first error.
fn evaluated(text: &str) -> String {
    let world =
        World(MemorySource::from_iter([("a.txt", "hello"), ("conf/x.yaml", "a: 1"), ("conf/y.md", "")]));
    let mut sources = Sources::default();
    let (expression, diagnostics) = parse_expression(text, &mut sources);
    let Some(expression) = expression else { return format!("{diagnostics:?}") };
    let (value, diagnostics) = expression.evaluate(&world);
    diagnostics
        .iter()
        .next()
        .map_or_else(|| value.to_string(), |diagnostic| format!("error: {}", diagnostic.detail))
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let found = evaluated(text);
        let is_expected = match expected.strip_prefix("error: ") {
            Some(words) => found.starts_with("error: ") && found.contains(words),
            None => found == *expected,
        };
        assert!(is_expected, "{text}: {found} instead of {expected}");
    }
}

#[test]
fn collections() {
    check(&[
        ("merge({ a = 1 }, null, { a = 2, b = 3 })", r#"{"a": 2, "b": 3}"#),
        ("merge(tomap({ a = 1 }), tomap({ b = 2 }))", r#"{"a": 1, "b": 2}"#),
        ("merge([])", "error: arguments must be maps or objects"),
        ("lookup({ a = 1 }, \"b\", 2)", "2"),
        ("lookup({ a = 1 }, var.secret)", "error: (sensitive value)"),
        ("element([1, 2, 3], -1)", "3"),
        ("element([], 0)", "error: empty list"),
        ("one([])", "null(any)"),
        ("one([1, 2])", "error: zero or one"),
        ("coalesce(null, \"\", \"x\")", r#""x""#),
        ("coalesce(null, null)", "error: no non-null"),
        ("zipmap([\"a\", \"b\"], [1, 2])", r#"{"a": 1, "b": 2}"#),
        ("zipmap([\"a\"], [1, 2])", "error: number of keys (1) does not match number of values (2)"),
        ("transpose({ a = [\"x\"], b = [\"x\", \"y\"] })", r#"{"x": ["a", "b"], "y": ["b"]}"#),
        ("keys({ b = 1, a = 2 })", r#"["a", "b"]"#),
        ("values({ b = 1, a = 2 })", "[2, 1]"),
        ("sum([1, \"2\", 0.5])", "3.5"),
        ("sum([])", "error: cannot sum an empty list"),
        ("index([\"a\", \"b\"], \"b\")", "1"),
        ("alltrue([true, null])", "false"),
        ("anytrue([false, true])", "true"),
        ("length([var.unknown, 1])", "2"),
        ("length(\"日本\")", "2"),
        ("length(1)", "error: must be a string"),
    ]);
}

#[test]
fn sequences_and_sets() {
    check(&[
        ("concat([1], [\"a\"], tolist([true]))", r#"[1, "a", true]"#),
        ("flatten([[1, [2]], [], [[3]]])", "[1, 2, 3]"),
        ("flatten(\"a\")", "error: can only flatten"),
        ("distinct([\"b\", \"a\", \"b\"])", r#"["b", "a"]"#),
        ("distinct([[1], [1], [2]])", "[[1], [2]]"),
        ("compact([\"a\", \"\", null])", r#"["a"]"#),
        ("slice([1, 2, 3], 1, 3)", "[2, 3]"),
        ("slice([1, 2, 3], 1, 4)", "error: end index must not be greater"),
        ("chunklist([1, 2, 3], 2)", "[[1, 2], [3]]"),
        ("reverse([1, \"a\"])", r#"["a", 1]"#),
        ("sort([\"b\", \"a\", \"B\"])", r#"["B", "a", "b"]"#),
        ("range(5, 0, -2)", "[5, 3, 1]"),
        ("range(0, 2000)", "error: more than 1024"),
        ("matchkeys([1, 2, 3], [\"a\", \"b\", \"a\"], [\"a\"])", "[1, 3]"),
        ("setunion([\"b\"], [\"a\"])", r#"{"a", "b"}"#),
        ("setintersection([1, 2], [2, 3])", "{2}"),
        ("setsubtract([\"a\", \"b\"], [\"b\"])", r#"{"a"}"#),
        ("setproduct([\"a\", \"b\"], [1])", r#"[["a", 1], ["b", 1]]"#),
        ("setproduct([1])", "error: at least two"),
    ]);
}

#[test]
fn texts_and_numbers() {
    check(&[
        ("join(\", \", [\"a\", \"b\"], [\"c\"])", r#""a, b, c""#),
        ("join(\",\", [\"a\", null])", "error: element 1 is null"),
        ("split(\",\", \"a,,b\")", r#"["a", "", "b"]"#),
        ("indent(2, \"a\\nb\")", r#""a\n  b""#),
        ("chomp(\"a\\r\\n\\n\")", r#""a""#),
        ("substr(\"hello\", -3, 2)", r#""ll""#),
        ("title(\"hello big-world\")", r#""Hello Big-World""#),
        ("replace(\"a1b22\", \"/[0-9]+/\", \"<$0>\")", r#""a<1>b<22>""#),
        ("regex(\"(?P<x>a)(?P<y>b)?\", \"a\")", r#"{"x": "a", "y": null(string)}"#),
        ("regex(\"z\", \"a\")", "error: did not match"),
        ("format(\"%05.1f|%-4s|%v\", 3.14159, \"a\", [1])", r#""003.1|a   |[1]""#),
        ("formatlist(\"%s-%d\", [\"a\", \"b\"], [1, 2])", r#"["a-1", "b-2"]"#),
        ("formatlist(\"%s%s\", [\"a\"], [\"b\", \"c\"])", "error: inconsistent"),
        ("startswith(\"pre-${var.unknown}\", \"pre\")", "true"),
        ("upper(var.secret)", "(sensitive value)"),
        ("parseint(\"ff\", 16)", "255"),
        ("parseint(var.secret, 10)", "error: (sensitive value)"),
        ("pow(2, 10)", "1024"),
        ("log(8, 2)", "3"),
        ("max(1, 3, 2)", "3"),
        ("signum(-5)", "-1"),
        ("ceil(1.2) + floor(-1.2)", "0"),
        ("tonumber(\"x\")", "error: cannot convert \"x\" to number"),
        ("tobool(var.secret)", "error: cannot convert this sensitive string to bool"),
        ("nonsensitive(var.secret)", r#""s3cr3t""#),
        ("issensitive(var.secret)", "true"),
    ]);
}

#[test]
fn encodings_and_digests() {
    check(&[
        ("jsonencode({ a = [1, null, \"<\"] })", r#""{\"a\":[1,null,\"\\u003c\"]}""#),
        ("jsonencode(1 / 0)", "error: infinity"),
        ("jsondecode(\"{\\\"a\\\": [1]}\").a", "[1]"),
        ("yamldecode(\"a: &x {k: v}\\nb:\\n  <<: *x\\n  l: yes\").b", r#"{"k": "v", "l": true}"#),
        ("yamldecode(\"a: 1\\n---\\nb: 2\")", "error: only a single document"),
        ("yamlencode({ a = [\"x\"] })", r#""\"a\":\n- \"x\"\n""#),
        ("csvdecode(\"a,b\\n1,\\\"x,y\\\"\")", r#"[{"a": "1", "b": "x,y"}]"#),
        ("base64decode(base64encode(\"é\"))", r#""é""#),
        ("base64decode(\"/w==\")", "error: not valid UTF-8"),
        ("base64gunzip(base64gzip(\"hello hello hello\"))", r#""hello hello hello""#),
        ("textdecodebase64(textencodebase64(\"é\", \"UTF-16LE\"), \"UTF-16LE\")", r#""é""#),
        ("textencodebase64(\"日\", \"ISO-8859-1\")", "error: cannot be represented"),
        ("urldecode(urlencode(\"a b/é&\"))", r#""a b/é&""#),
        ("md5(\"a\")", r#""0cc175b9c0f1b6a831c399e269772661""#),
        ("filesha1(\"a.txt\")", r#""aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d""#),
        ("uuidv5(\"dns\", \"www.example.com\")", r#""2ed6657d-e927-568b-95e1-2665a8aea6a2""#),
    ]);
}

#[test]
fn files_networks_and_times() {
    check(&[
        ("file(\"./conf/../a.txt\")", r#""hello""#),
        ("file(\"none\")", "error: no file exists at \"none\""),
        ("fileexists(\"conf\")", "error: is a directory"),
        ("fileset(\"conf\", \"*.{yaml,md}\")", r#"{"x.yaml", "y.md"}"#),
        ("fileset(\".\", \"**/x.*\")", r#"{"conf/x.yaml"}"#),
        ("basename(\"a/b/\")", r#""b""#),
        ("dirname(\"a/b.txt\")", r#""a""#),
        ("cidrsubnet(\"10.0.0.0/8\", 8, 255)", r#""10.255.0.0/16""#),
        ("cidrsubnet(\"fd00::/8\", 56, 1)", r#""fd00:0:0:1::/64""#),
        ("cidrsubnets(\"10.0.0.0/8\", 8, 4)", r#"["10.0.0.0/16", "10.16.0.0/12"]"#),
        ("cidrsubnets(\"10.0.0.0/31\", 1, 1, 1)", "error: not enough remaining address space"),
        ("cidrhost(\"10.0.0.0/24\", -1)", r#""10.0.0.255""#),
        ("cidrhost(\"10.0.0.0/24\", 256)", "error: does not accommodate"),
        ("cidrnetmask(\"10.0.0.0/20\")", r#""255.255.240.0""#),
        ("cidrcontains(\"10.0.0.0/8\", \"11.0.0.1\")", "false"),
        ("timeadd(plantimestamp(), \"-3h\")", r#""2026-01-02T00:04:05Z""#),
        ("timecmp(\"2026-01-01T00:00:00Z\", \"2026-01-01T01:00:00+01:00\")", "0"),
        ("formatdate(\"DD MMM YYYY\", plantimestamp())", r#""02 Jan 2026""#),
    ]);
}

/// What was counted has 64 bits, what was read from text 512, and what came from a float 53.
#[test]
fn numbers_keep_their_precision() {
    check(&[
        ("length([1]) / length([1, 2, 3])", "0.33333333333333333334"),
        ("[for at, x in [1, 2, 3] : at / length([1, 2, 3])][2]", "0.6666666666666666667"),
        ("[for n in range(3) : n / length([1, 2, 3])][1]", "0.33333333333333333334"),
        ("sum([length([1]), length([1, 1])]) / length([1, 2, 3, 4, 5, 6, 7])", "0.42857142857142857144"),
        ("parseint(\"1\", 10) / parseint(\"3\", 10)", "0.33333333333333333334"),
        ("max(length([1]), 1) / length([1, 2, 3])", "0.33333333333333333334"),
        ("signum(-5) / length([1, 2, 3])", "-0.33333333333333333334"),
        ("pow(2, 0.5)", "1.4142135623730951"),
        ("pow(2, 0.5) * 1", "1.4142135623730951454746218587388284504413604736328125"),
        ("pow(10, -1) == 0.1", "true"),
        ("log(2, 10)", "0.30102999566398114"),
        ("length(tostring(max(1, length([1])) / length([1, 2, 3])))", "157"),
        ("length(tostring(1 / 3))", "157"),
        ("length(tostring(jsondecode(\"1\") / jsondecode(\"3\")))", "157"),
        ("length([1]) % length([1, 2, 3])", "1"),
        ("1e999999999", "+Inf"),
        ("1e400 > 1e399", "true"),
    ]);
}

#[test]
fn promises_and_conversions() {
    check(&[
        ("assumenotnull(var.unknown) == null", "false"),
        ("startswith(assumestringprefix(var.unknown, \"pre-\"), \"pre-\")", "true"),
        ("assumestringprefix(\"a\", \"b\")", "error: assumption was not upheld"),
        ("assumestringprefix(null, \"b\")", "null(string)"),
        ("assumenotnull(null)", "error: must have a known type"),
        ("assumenotnull(tostring(null))", "error: assumption was not upheld"),
        ("length(assumelistlength(split(\",\", var.unknown), 2, 2))", "2"),
        ("length(assumemaplengthmin({ a = 1 }, 1))", "1"),
        ("assumesetlengthmax([1, 2], 1)", "error: assumption was not upheld"),
        ("assumelistlength([1], 2, 1)", "error: assumption was not upheld"),
        ("assumelistlengthmin([1], -1)", "error: must be a whole number"),
        ("assumeequal(var.unknown, \"a\")", "\"a\""),
        ("assumeequal(\"a\", \"b\")", "error: does not match the assumed value"),
        ("assumeequal(var.secret, \"s3cr3t\")", "\"s3cr3t\""),
        ("convert([\"1\", 2], list(number))", "[1, 2]"),
        (
            "convert({ a = 1, b = 2 }, object({ a = string, c = optional(string, \"d\") }))",
            r#"{"a": "1", "c": "d"}"#,
        ),
        ("convert(var.secret, string)", "(sensitive value)"),
        ("convert(var.unknown, number)", "unknown(number)"),
        ("convert(\"x\", number)", "error: a number is required"),
        ("convert(\"x\")", "error: expects 2 argument(s)"),
        ("convert(\"x\", \"string\")", "error: without quotes"),
        ("core::convert(1, string)", "\"1\""),
        ("type(1)", "error: There is no function named \"type\""),
        ("cidrcontains(\"10.0.0.0/8\", \"10.1.0.0/16\")", "true"),
        ("handlebars(\"{{a}}-{{b}}\", { a = 1, b = \"x\" })", "\"1-x\""),
        ("handlebars(\"{{a}}\", { a = var.secret })", "(sensitive value)"),
        (
            "handlebars(\"{{a}}\", { a = var.unknown })",
            "unknown(string, Refinements { not_null: true, prefix: None, minimum: None, maximum: None, length_minimum: 0, length_maximum: None })",
        ),
        ("handlebars(\"{{b}}\", { a = 1 })", "error: template:1,1: there is no value \"b\""),
        ("handlebarsfile(\"a.txt\", {})", "\"hello\""),
        ("core::handlebarsfile(\"none\", {})", "error: failed to read"),
        ("rsadecrypt(\"AAAA\", \"x\")", "error: invalid private key"),
        (
            "bcrypt(\"x\")",
            "unknown(string, Refinements { not_null: true, prefix: None, minimum: None, maximum: None, length_minimum: 0, length_maximum: None })",
        ),
    ]);
}

/// The bytes that Go 1.26 makes.
#[test]
fn gzip_is_go_s_to_the_byte() {
    check(&[
        ("base64gzip(\"\")", "\"H4sIAAAAAAAA/wAAAP//AQAA//8AAAAAAAAAAA==\""),
        ("base64gzip(\"test\")", "\"H4sIAAAAAAAA/ypJLS4BAAAA//8BAAD//wx+f9gEAAAA\""),
        (
            "base64gzip(\"one\\n  two\\n    three\\n\")",
            "\"H4sIAAAAAAAA/8rPS+VSUCgpz+dSUFBQKMkoSk3lAgAAAP//AQAA//+r95Y0FAAAAA==\"",
        ),
        (
            "base64gzip(join(\"-\", [for n in range(40) : n * n]))",
            "\"H4sIAAAAAAAA/xTNAQ3AMAwDQUQvxZnjNvyJTSVwVwizKPTwBS8xV6gKtZCNsmhD99AT+i5fmy/CVdjC10wvc0J6yAmnl3PNtdgqNs9to7qLNEHPVG/Q9xa/blo/AAAA//8BAAD//2gDOhqZAAAA\"",
        ),
    ]);
}

/// What would take all memory or time is refused, with a word about it.
#[test]
fn growth_is_bounded() {
    check(&[
        ("indent(1000000000000, \"a\\nb\")", "error: has more than"),
        (
            "join(format(\"%100000s\", \"\"), [for n in range(1024) : format(\"%100000s\", \"\")])",
            "error: has more than",
        ),
        ("replace(format(\"%50000s\", \"\"), \" \", format(\"%50000s\", \"\"))", "error: has more than"),
        ("replace(format(\"%50000s\", \"\"), \"/ /\", format(\"%50000s\", \"\"))", "error: has more than"),
        ("setproduct(range(1000), range(1000), range(1000))", "error: has more than"),
        ("range(0, 1e300)", "error: more than 1024"),
        (
            "yamldecode(\"a: &a [x,x,x,x,x,x,x,x,x]\\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\")",
            "error: has more than",
        ),
        ("jsondecode(join(\"\", [for n in range(1000) : \"[\"]))", "error: "),
        (
            "jsondecode(join(\"\", concat([for n in range(1000) : \"[\"], [for n in range(1000) : \"]\"])))",
            "error: nested deeper",
        ),
        (
            "yamldecode(join(\"\", concat([for n in range(1000) : \"[\"], [for n in range(1000) : \"]\"])))",
            "error: ",
        ),
        ("fileset(\".\", \"**/**/**/**/**/**/**/**/**/**/*.yaml\")", r#"{"conf/x.yaml"}"#),
        ("regex(\"(((a{1000}){1000}){1000})\", \"a\")", "error: "),
        ("templatestring(\"$${t}$${t}\", { t = \"x\" })", "\"xx\""),
    ]);
}

/// Whatever the arguments, a function answers: a value or an error, never a panic.
#[test]
fn no_argument_makes_a_function_panic() {
    let values = [
        "null",
        "true",
        "-1",
        "0",
        "1.5",
        "1e400",
        "1 / 0",
        "\"\"",
        "\"é%[\"",
        "\"/\"",
        "[]",
        "[null]",
        "[\"a\", 1]",
        "{}",
        "{ a = null }",
        "toset([])",
        "toset([\"a\"])",
        "tolist([\"a\"])",
        "tomap({})",
        "var.unknown",
        "var.secret",
        "[var.unknown]",
        "toset([var.unknown, \"a\"])",
    ];
    for function in super::TABLES.iter().flat_map(|table| table.iter()) {
        evaluated(&format!("{}()", function.name));
        for first in values {
            evaluated(&format!("{}({first})", function.name));
            for second in values {
                evaluated(&format!("{}({first}, {second})", function.name));
                evaluated(&format!("{}({first}, {second}, {second})", function.name));
            }
        }
    }
}
