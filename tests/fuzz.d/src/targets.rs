//! What inputs are fed to, and what must hold whatever they are.

use formwork_diagnostic::{Diagnostic, Diagnostics, Sources};
use formwork_lang::{
    Expression, MemorySource, Query, Scope, Source, Subject, functions, load, parse_expression,
    parse_template,
};
use formwork_value::{Marks, Refinements, Type, Value};

/// A target by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A file of blocks, loaded as a module.
    Parse,
    /// A template, parsed and evaluated.
    Template,
    /// The same as `parse` in JSON.
    Json,
    /// An expression, evaluated.
    Evaluate,
    /// A file of blocks, formatted.
    Format,
}

pub(crate) const TARGETS: [(&str, Target); 5] = [
    ("parse", Target::Parse),
    ("template", Target::Template),
    ("json", Target::Json),
    ("evaluate", Target::Evaluate),
    ("format", Target::Format),
];

/// What is never to be seen.
const SECRET: &str = "s3cr3t-of-the-run";

pub(crate) fn function_names() -> Vec<&'static str> {
    // A hash of high cost takes hours, as it is meant to.
    functions::names().filter(|name| *name != "bcrypt").collect()
}

/// Runs a target; a panic is a finding.
pub(crate) fn run(target: Target, input: &str) {
    match target {
        Target::Parse => module("main.tf", input),
        Target::Json => module("main.tf.json", input),
        Target::Format => format(input),
        Target::Template => {
            let mut sources = Sources::new();
            let (template, findings) = parse_template(input, &mut sources);
            evaluate(template, &findings, input);
        }
        Target::Evaluate => {
            let mut sources = Sources::new();
            let (expression, findings) = parse_expression(input, &mut sources);
            evaluate(expression, &findings, input);
        }
    }
}

fn formatted(input: &str) -> Option<String> {
    let mut sources = Sources::new();
    let file = sources.add("main.tf", input);
    formwork_lang::format(file, &sources).0
}

/// What is formatted stays as it is when it is formatted again.
fn format(input: &str) {
    if let Some(once) = formatted(input) {
        assert_eq!(formatted(&once).as_deref(), Some(once.as_str()), "formatted twice");
    }
}

fn module(name: &str, input: &str) {
    let source = MemorySource::from_iter([(name, input)]);
    let mut sources = Sources::new();
    let (module, findings) = load(&source, &mut sources);
    check_findings(&findings, input, &sources);
    for local in module.locals.values() {
        let _ = local.expression.evaluate(&World::new());
    }
}

fn evaluate(expression: Option<Expression>, findings: &Diagnostics, input: &str) {
    let Some(expression) = expression.filter(|_| !findings.has_errors()) else {
        assert!(findings.has_errors(), "what has no value has an error");
        return;
    };
    let world = World::new();
    let (value, findings) = expression.evaluate(&world);
    let (again, _) = expression.evaluate(&world);
    let is_steady = ["uuid", "timestamp", "bcrypt"].iter().all(|name| !input.contains(name));
    assert!(!is_steady || value == again, "one expression has one value");
    let shown = format!("{value:?}{:?}", value.value_type());
    if !input.contains(SECRET) && !input.contains("nonsensitive") {
        assert!(!shown.contains(SECRET), "a secret is shown");
        for finding in &findings {
            assert!(!format!("{finding:?}").contains(SECRET), "a message shows a secret");
        }
    }
    if value.is_wholly_known() && !value.has_marks() && value.size() < 10_000 {
        reads_back(&value);
    }
}

/// What is written as JSON is the same value when it is read.
fn reads_back(value: &Value) {
    let value_type = value.value_type();
    let Ok(text) = formwork_value::encode(value, &value_type) else { return };
    let read = formwork_value::decode(&text, &value_type);
    assert_eq!(read.as_ref(), Ok(value), "{text}");
}

/// Every place lies in its text.
fn check_findings(findings: &Diagnostics, input: &str, sources: &Sources) {
    for finding in findings {
        for span in finding.subject.iter().chain(&finding.context) {
            assert!(span.start <= span.end, "{finding:?}");
            let within = sources.get(span.file).is_none_or(|source| span.end as usize <= source.text().len());
            assert!(within, "a place beyond the end of {} bytes: {finding:?}", input.len());
        }
    }
}

/// Variables of every kind and two files.
struct World(MemorySource);

impl World {
    fn new() -> Self {
        Self(MemorySource::from_iter([("a.txt", "hello"), ("t.tmpl", "x${a}"), ("sub/b.yaml", "a: 1")]))
    }
}

impl Scope for World {
    fn resolve(&self, query: &Query<'_>) -> Result<Value, Diagnostic> {
        let secret = Value::from(SECRET).with_marks(&Marks::sensitive());
        let value = match query.subject {
            Subject::Variable(name) => match name.as_str() {
                "string" => Value::from("héllo ${x}"),
                "number" => Value::from(42),
                "list" => Value::list(Type::Number, vec![Value::from(1), Value::from(2), Value::from(3)]),
                "map" => Value::map(Type::String, vec![("a".into(), Value::from("x")), ("b".into(), secret)]),
                "object" => Value::object(vec![
                    ("a".into(), Value::unknown(Type::String)),
                    ("b".into(), Value::null(Type::Number)),
                    ("c".into(), secret),
                ]),
                "secret" => secret,
                "nothing" => Value::null(Type::Dynamic),
                "any" => Value::unknown(Type::Dynamic),
                "unknown" => Value::unknown(Type::String).refine(&Refinements::NOT_NULL.with_prefix("pre-")),
                _ => {
                    return Err(Diagnostic::error(
                        "unknown",
                        "Unknown variable",
                        "There is no such variable.",
                    ));
                }
            },
            Subject::CountIndex => Value::from(3),
            Subject::EachKey => Value::from("k"),
            Subject::Resource { .. } => Value::tuple(vec![Value::object(vec![("id".into(), secret)])]),
            _ => Value::unknown(Type::Dynamic),
        };
        match query.key {
            Some(key) => formwork_lang::index_value(&value, key, query.key_span.unwrap_or(query.span)),
            None => Ok(value),
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
