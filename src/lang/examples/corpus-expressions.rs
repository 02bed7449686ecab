//! Runs a corpus of expressions with known results (`cases.jsonl`, `scope.json`, `files/` in a folder): prints how
//! many are equal, by group with `--groups`, and the first differences.
//!
//! Each case is evaluated twice: over plain objects named `var`, `path`, `count` and `each`, as the recorder had them,
//! and as a configuration's expression that asks its scope for each reference. A case is equal when both are; where
//! a configuration refuses a reference before it evaluates (`var` alone), the first decides.
//!
//! The places of findings are counted apart. Where one differs, a line of the file given with `--ranges=FILE` has to
//! say why: the expression as JSON text, a tab, and a reason.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program for people that may stop at a broken corpus"
)]

use formwork_diagnostic::{Diagnostic, Diagnostics, Severity, Sources, Span};
use formwork_lang::{
    Names, Query, Scope, Source, SourceError, Subject, Vocabulary, parse_expression_in, parse_template_in,
};
use formwork_value::{Marks, Name, Number, Refinements, Type, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

struct Files(PathBuf);

impl Source for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        std::fs::read(self.0.join(path)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => SourceError::NotFound,
            _ => SourceError::Other(error.to_string()),
        })
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, SourceError> {
        let entries = std::fs::read_dir(self.0.join(directory)).map_err(|_| SourceError::NotFound)?;
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            let entry = entry.ok()?;
            let slash = if entry.file_type().ok()?.is_dir() { "/" } else { "" };
            Some(format!("{}{slash}", entry.file_name().to_str()?))
        };
        Ok(entries.filter_map(name).collect())
    }
}

struct CorpusScope {
    variables: BTreeMap<String, Value>,
    /// The recorder's own names and what they stand for.
    names: Vec<Name>,
    values: Vec<Value>,
    files: Files,
}

impl Scope for CorpusScope {
    fn resolve(&self, query: &Query<'_>) -> Result<Value, Diagnostic> {
        let found = match query.subject {
            Subject::Variable(name) => self.variables.get(name.as_str()).cloned(),
            Subject::PathModule => Some(Value::from(".")),
            Subject::CountIndex => Some(Value::from(3)),
            Subject::EachKey => Some(Value::from("k")),
            Subject::EachValue => Some(Value::from("v")),
            _ => None,
        };
        let span = query.span;
        found.ok_or_else(|| Diagnostic::error("unknown", "Unknown variable", "No such variable.").at(span))
    }

    fn files(&self) -> &dyn Source {
        &self.files
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

fn read_type(json: &Json) -> Type {
    formwork_value::type_from_json(&json.to_string()).expect("the corpus has valid types")
}

fn read_number(json: &Json) -> Option<Number> {
    Number::parse(&json.as_number()?.to_string())
}

fn read_value(json: &Json, value_type: &Type) -> Value {
    if let Some(object) = json.as_object() {
        if let Some(unknown) = object.get("$unknown") {
            let refinements = object.get("refinements").map_or(Refinements::NONE, read_refinements);
            return Value::unknown_with(read_type(unknown), refinements);
        }
        if object.contains_key("$marks") {
            return read_value(&object["value"], value_type).with_marks(&Marks::sensitive());
        }
        if let Some(number) = object.get("$number") {
            return Value::number(Number::infinity(
                number.as_str().is_some_and(|text| text.starts_with('-')),
            ));
        }
    }
    if json.is_null() {
        return Value::null(value_type.clone());
    }
    let items = |element: &dyn Fn(usize) -> Type| -> Vec<Value> {
        let items = json.as_array().expect("a sequence is an array").iter().enumerate();
        items.map(|(at, item)| read_value(item, &element(at))).collect()
    };
    let entries = |element: &dyn Fn(&str) -> Type| -> Vec<(Name, Value)> {
        let entries = json.as_object().expect("a mapping is an object").iter();
        entries.map(|(name, item)| (name.as_str().into(), read_value(item, &element(name)))).collect()
    };
    match value_type {
        Type::Dynamic => panic!("a known value has a type: {json}"),
        Type::Bool => Value::bool(json.as_bool().expect("a bool")),
        Type::Number => Value::number(read_number(json).expect("a number")),
        Type::String => Value::string(json.as_str().expect("a string")),
        Type::List(element) => Value::list((**element).clone(), items(&|_| (**element).clone())),
        Type::Set(element) => Value::set((**element).clone(), items(&|_| (**element).clone())),
        Type::Tuple(elements) => Value::tuple(items(&|at| elements[at].clone())),
        Type::Map(element) => Value::map((**element).clone(), entries(&|_| (**element).clone())),
        Type::Object(object) => {
            Value::object(entries(&|name| object.get(name).cloned().expect("an attribute has a type")))
        }
    }
}

fn read_refinements(json: &Json) -> Refinements {
    let bound = |name: &str| {
        let bound = json.get(name)?.as_array()?;
        Some((read_number(&bound[0])?, bound[1].as_bool()?))
    };
    Refinements {
        not_null: json.get("not_null").and_then(Json::as_bool).unwrap_or(false),
        prefix: json.get("prefix").and_then(Json::as_str).map(Into::into),
        minimum: bound("min"),
        maximum: bound("max"),
        length_minimum: json.get("length_min").and_then(Json::as_u64).unwrap_or(0),
        length_maximum: json.get("length_max").and_then(Json::as_u64),
    }
}

fn found_places(diagnostics: &Diagnostics) -> Vec<String> {
    let mut places: Vec<String> = diagnostics.iter().map(|one| place(one.severity, one.subject)).collect();
    places.sort();
    places
}

fn place(severity: Severity, subject: Option<Span>) -> String {
    let word = if severity == Severity::Error { "error" } else { "warning" };
    subject.map_or_else(|| word.to_owned(), |span| format!("{word} {}-{}", span.start, span.end))
}

fn expected_places(case: &Json) -> Vec<String> {
    let diagnostics = case.get("diagnostics").and_then(Json::as_array).cloned().unwrap_or_default();
    let place = |one: &Json| {
        let word = one["severity"].as_str().unwrap_or_default();
        match one.get("subject") {
            Some(subject) => format!("{word} {}-{}", subject["start"][2], subject["end"][2]),
            None => word.to_owned(),
        }
    };
    let mut places: Vec<String> = diagnostics.iter().map(place).collect();
    places.sort();
    places
}

/// What came of one way to evaluate a case.
struct Outcome {
    value: Option<Value>,
    diagnostics: Diagnostics,
    /// Whether a reference was refused before anything was evaluated.
    is_refused: bool,
}

fn evaluate(case: &Json, scope: &CorpusScope, closed: Option<&[Name]>) -> Outcome {
    let text = case["expression"].as_str().expect("a case has an expression");
    let mut sources = Sources::new();
    let names = Names { vocabulary: Vocabulary::OpenTofu112, closed };
    let (expression, mut diagnostics) = if case.get("template").is_some() {
        parse_template_in(text, &mut sources, names)
    } else {
        parse_expression_in(text, &mut sources, names)
    };
    let mut value = None;
    let mut is_refused = false;
    if let Some(expression) = expression.filter(|_| !diagnostics.has_errors()) {
        is_refused = expression.problems().iter().any(|problem| problem.code == "invalid-reference");
        let locals = if closed.is_some() { scope.values.clone() } else { Vec::new() };
        let (evaluated, more) = expression.evaluate_with(scope, locals);
        diagnostics.append(more);
        value = Some(evaluated).filter(|_| !diagnostics.has_errors());
    }
    Outcome { value, diagnostics, is_refused }
}

fn number_of_errors(places: &[String]) -> usize {
    places.iter().filter(|place| place.starts_with("error")).count()
}

/// What differs in value, type, marks, refinements, or in being an error, in words; nothing when all is equal.
fn compare(case: &Json, outcome: &Outcome) -> Option<String> {
    let (found, expected) = (found_places(&outcome.diagnostics), expected_places(case));
    let expected_value =
        case.get("type").map(|value_type| read_value(&case["value"], &read_type(value_type)));
    let is_alike = match case.get("parse_error") {
        Some(_) => number_of_errors(&found) > 0,
        None => found.len() == expected.len() && number_of_errors(&found) == number_of_errors(&expected),
    };
    if !is_alike {
        let words: Vec<String> =
            outcome.diagnostics.iter().map(|one| format!("{} ({})", one.summary, one.detail)).collect();
        let words = words.join(" | ");
        return Some(format!(
            "findings {found:?} instead of {expected:?}: {words}; value {:?}",
            outcome.value
        ));
    }
    match (&outcome.value, expected_value) {
        (Some(found), Some(expected)) if as_recorded(found) != as_recorded(&expected) => Some(format!(
            "{found:?} of {} instead of {expected:?} of {}",
            found.value_type(),
            expected.value_type()
        )),
        (None, Some(expected)) => Some(format!("no value instead of {expected:?}")),
        (Some(found), None) => Some(format!("the value {found:?} instead of none")),
        _ => None,
    }
}

/// The places of findings of all cases.
#[derive(Default)]
struct Ranges {
    equal: usize,
    total: usize,
    differences: Vec<(String, String)>,
}

impl Ranges {
    fn count(&mut self, case: &Json, outcome: &Outcome) {
        let (mut found, expected) = (found_places(&outcome.diagnostics), expected_places(case));
        self.total += expected.len();
        let mut missing = Vec::new();
        for place in expected {
            match found.iter().position(|other| *other == place) {
                Some(at) => {
                    found.swap_remove(at);
                    self.equal += 1;
                }
                None => missing.push(place),
            }
        }
        if !missing.is_empty() {
            let words = format!("{} instead of {}", found.join(", "), missing.join(", "));
            self.differences.push((case["expression"].to_string(), words));
        }
    }

    /// Prints the differences that no line of the file explains; whether there are few enough and all explained.
    fn report(&self, explained: &str) -> bool {
        const LEAST_PERCENT: usize = 97;
        let explained: Vec<&str> =
            explained.lines().filter_map(|line| line.split_once('\t')).map(|one| one.0).collect();
        let open =
            self.differences.iter().filter(|(expression, _)| !explained.contains(&expression.as_str()));
        let open: Vec<_> = open.collect();
        for (expression, words) in &open {
            println!("place: {expression}\t{words}");
        }
        println!(
            "{} of {} places equal, {} differences explained",
            self.equal,
            self.total,
            self.differences.len() - open.len()
        );
        open.is_empty() && self.equal * 100 >= self.total * LEAST_PERCENT
    }
}

/// Fractions and large numbers were recorded as 64-bit floats.
fn as_recorded(value: &Value) -> Value {
    let change = |value: Value| match value.as_number() {
        Some(number) if number.to_i64().is_none() => {
            Number::from_f64(number.to_f64()).map_or(value, Value::number)
        }
        _ => value,
    };
    value.transform(&mut |_, part| {
        let (bare, marks) = part.unmark();
        change(bare).with_marks(&marks)
    })
}

fn read_scope(folder: &Path) -> CorpusScope {
    let text = std::fs::read_to_string(folder.join("scope.json")).expect("the folder has a scope.json");
    let json: Json = serde_json::from_str(&text).expect("scope.json is JSON");
    let variable = |(name, entry): (&String, &Json)| {
        (name.clone(), read_value(&entry["value"], &read_type(&entry["type"])))
    };
    let variables = json.as_object().expect("scope.json is an object").iter().map(variable).collect();
    let variables: BTreeMap<String, Value> = variables;
    let entries = variables.iter().map(|(name, value)| (name.as_str().into(), value.clone()));
    let object = |name: &'static str, value: Value| (Name::from(name), value);
    let roots = [
        object("var", Value::object(entries.collect())),
        object("path", Value::object(vec![("module".into(), Value::from("."))])),
        object("count", Value::object(vec![("index".into(), Value::from(3))])),
        object(
            "each",
            Value::object(vec![("key".into(), Value::from("k")), ("value".into(), Value::from("v"))]),
        ),
    ];
    let (names, values) = roots.into_iter().unzip();
    CorpusScope { variables, names, values, files: Files(folder.join("files")) }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.iter().find(|argument| !argument.starts_with("--")) else {
        println!("usage: corpus-expressions FOLDER [--groups] [--all] [--only=GROUP]");
        return ExitCode::from(2);
    };
    let folder = Path::new(folder);
    let Ok(cases) = std::fs::read_to_string(folder.join("cases.jsonl")) else {
        println!("not run: no data in {}", folder.display());
        return ExitCode::from(2);
    };
    let scope = read_scope(folder);
    let only = arguments.iter().find_map(|argument| argument.strip_prefix("--only="));
    let shown = if arguments.iter().any(|argument| argument == "--all") { usize::MAX } else { 40 };
    let ranges_file = arguments.iter().find_map(|argument| argument.strip_prefix("--ranges="));
    let explained =
        ranges_file.map(|path| std::fs::read_to_string(path).expect("the file of reasons is there"));
    let (mut equal, mut total, mut differences) = (0, 0, Vec::new());
    let mut ranges = Ranges::default();
    let mut groups: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for line in cases.lines() {
        let case: Json = serde_json::from_str(line).expect("a line is a case");
        let group = case["group"].as_str().unwrap_or_default().to_owned();
        if only.is_some_and(|only| only != group) {
            continue;
        }
        total += 1;
        let count = groups.entry(group.clone()).or_default();
        count.1 += 1;
        let plain = evaluate(&case, &scope, Some(&scope.names));
        let referring = evaluate(&case, &scope, None);
        ranges.count(&case, &plain);
        let difference =
            compare(&case, &plain).or_else(|| compare(&case, &referring).filter(|_| !referring.is_refused));
        match difference {
            None => {
                equal += 1;
                count.0 += 1;
            }
            Some(difference) => {
                differences.push(format!("[{group}] {}\n    {difference}", case["expression"]));
            }
        }
    }
    differences.iter().take(shown).for_each(|difference| println!("{difference}"));
    if arguments.iter().any(|argument| argument == "--groups") {
        groups
            .iter()
            .filter(|(_, (equal, total))| equal < total)
            .for_each(|(group, (equal, total))| println!("{group}: {equal} of {total}"));
    }
    let are_ranges_good = ranges.report(explained.as_deref().unwrap_or_default());
    println!("{equal} of {total} equal");
    if equal == total && are_ranges_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
