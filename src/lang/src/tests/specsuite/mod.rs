//! The suite of HCL's specification: inputs, how each is decoded, and the value, type or diagnostics that must come
//! out. It stands in a folder outside the repository.

mod decode;

use crate::compile::compile;
use crate::constraint::parse_constraint;
use crate::evaluate::Nowhere;
use crate::json;
use crate::parser::parse_file;
use crate::syntax::{BlockSyntax, BodySyntax};
use decode::{Decoder, Specification};
use formwork_diagnostic::{Diagnostics, Severity, Sources};
use formwork_value::{Type, Value, convert};
use std::path::{Path, PathBuf};

/// Where the corpora are; nothing where there are none.
fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let folder =
        std::env::var_os("FORMWORK_CORPORA").map_or_else(beside, PathBuf::from).join("hcl-specsuite");
    folder.is_dir().then_some(folder)
}

fn cases(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            cases(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "t") {
            found.push(path);
        }
    }
}

/// A file as a body, by its name in JSON or native syntax.
fn body(path: &Path, sources: &mut Sources) -> Result<(BodySyntax, Diagnostics), String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let file = sources.add(path.to_string_lossy(), text.as_str());
    if path.extension().is_none_or(|extension| extension != "json") {
        return Ok(parse_file(file, &text));
    }
    let mut diagnostics = Diagnostics::new();
    let document = json::read(file, &text).map_err(|found| format!("{found:?}"))?;
    let blocks = json::blocks_of(&"document".into(), document.span, &document, 0, &mut diagnostics);
    let body = blocks.into_iter().next().ok_or("a document that is no object")?.body;
    Ok((body, diagnostics))
}

/// One expected or found diagnostic: severity, then line, column and byte of both ends.
type Place = (Severity, [(i64, i64, i64); 2]);

/// What a case's file asks for.
struct Expected {
    value_type: Type,
    value: Option<Value>,
    places: Vec<Place>,
    /// How many names the input uses, where the case says so.
    traversals: Option<usize>,
}

fn expected(body: &BodySyntax) -> Result<Expected, String> {
    let constraint =
        body.attribute("result_type").map(|one| parse_constraint(&one.value, &mut Diagnostics::new()));
    let value = body.attribute("result").map(|one| compile(&one.value, &[]).evaluate(&Nowhere));
    if let Some((_, found)) = value.as_ref().filter(|(_, found)| found.has_errors()) {
        return Err(format!("the expected result is faulty: {found:?}"));
    }
    let wanted = |kind: &'static str| body.blocks.iter().filter(move |block| block.kind == kind);
    let places = wanted("diagnostics").flat_map(|block| &block.body.blocks).map(place);
    let traversals = wanted("traversals").next().map(|block| block.body.blocks.len());
    Ok(Expected {
        value_type: constraint.map_or(Type::Dynamic, |constraint| constraint.value_type),
        value: value.map(|(value, _)| value),
        places: places.collect(),
        traversals,
    })
}

fn place(block: &BlockSyntax) -> Place {
    let severity = if block.kind == "warning" { Severity::Warning } else { Severity::Error };
    let end = |name: &str| {
        let number = |body: &BodySyntax, name: &str| {
            let value = body.attribute(name).map(|one| compile(&one.value, &[]).evaluate(&Nowhere).0);
            value.and_then(|value| value.as_number()).and_then(|number| number.to_i64()).unwrap_or(-1)
        };
        let end = block.body.blocks.iter().find(|block| block.kind == name).map(|block| &block.body);
        end.map_or((-1, -1, -1), |end| (number(end, "line"), number(end, "column"), number(end, "byte")))
    };
    (severity, [end("from"), end("to")])
}

fn places(diagnostics: &Diagnostics, sources: &Sources) -> Vec<Place> {
    let found = diagnostics.iter().filter_map(|diagnostic| {
        let span = diagnostic.subject?;
        let file = sources.get(span.file)?;
        let position = |byte| {
            let position = file.position(byte);
            (i64::from(position.line), i64::from(position.column), i64::from(position.byte))
        };
        Some((diagnostic.severity, [position(span.start), position(span.end)]))
    });
    let mut found: Vec<Place> = found.collect();
    found.sort();
    found
}

/// What one case's input comes to, against what the case asks for; the error says what differs.
fn check(input: &Path, specification: &Specification, expected: &Expected) -> Result<(), String> {
    let mut sources = Sources::new();
    let (syntax, mut diagnostics) = body(input, &mut sources)?;
    let mut value = Value::null(Type::Dynamic);
    if !diagnostics.has_errors() {
        let mut decoder = Decoder { variables: &specification.variables, diagnostics: Diagnostics::new() };
        value = decoder.body(&syntax, &specification.root);
        diagnostics.append(decoder.diagnostics);
    }
    let mut wanted = expected.places.clone();
    wanted.sort();
    let found = places(&diagnostics, &sources);
    if found != wanted || found.len() != diagnostics.len() {
        return Err(format!("diagnostics at {found:?} instead of {wanted:?}: {diagnostics:?}"));
    }
    if let Some(traversals) = expected.traversals.filter(|traversals| *traversals != names(&syntax)) {
        return Err(format!("{} names instead of {traversals}", names(&syntax)));
    }
    if !wanted.is_empty() {
        return Ok(());
    }
    if !fits(&value.value_type(), &expected.value_type) {
        return Err(format!("the type {} instead of {}", value.value_type(), expected.value_type));
    }
    let Some(result) = &expected.value else { return Ok(()) };
    let result = convert(result, &expected.value_type).map_err(|error| error.to_string())?;
    if result == value { Ok(()) } else { Err(format!("{value:?} instead of {result:?}")) }
}

fn names(body: &BodySyntax) -> usize {
    let own = body.attributes.iter().map(|one| compile(&one.value, &[]).references().len());
    own.sum::<usize>() + body.blocks.iter().map(|block| names(&block.body)).sum::<usize>()
}

/// Whether a type is another, which may have placeholders.
fn fits(given: &Type, wanted: &Type) -> bool {
    match (given, wanted) {
        (_, Type::Dynamic) => true,
        (Type::List(given), Type::List(wanted))
        | (Type::Set(given), Type::Set(wanted))
        | (Type::Map(given), Type::Map(wanted)) => fits(given, wanted),
        (Type::Tuple(given), Type::Tuple(wanted)) => {
            given.len() == wanted.len()
                && given.iter().zip(wanted.iter()).all(|(one, other)| fits(one, other))
        }
        (Type::Object(given), Type::Object(wanted)) => {
            given.attributes().len() == wanted.attributes().len()
                && wanted
                    .attributes()
                    .iter()
                    .all(|(name, wanted)| given.get(name).is_some_and(|given| fits(given, wanted)))
        }
        _ => given == wanted,
    }
}

fn run(case: &Path) -> Result<(), String> {
    let mut sources = Sources::new();
    let sound = |path: &Path, sources: &mut Sources| -> Result<BodySyntax, String> {
        let (body, found) = body(path, sources)?;
        if found.has_errors() { Err(format!("{}: {found:?}", path.display())) } else { Ok(body) }
    };
    let specification = decode::read(&sound(&case.with_extension("hcldec"), &mut sources)?)?;
    let expected = expected(&sound(case, &mut sources)?)?;
    let inputs = ["hcl", "hcl.json"].map(|extension| case.with_extension(extension));
    let inputs: Vec<_> = inputs.iter().filter(|input| input.exists()).collect();
    if inputs.is_empty() {
        return Err("there is no input".to_owned());
    }
    inputs.into_iter().try_for_each(|input| check(input, &specification, &expected))
}

/// Every case; where the suite is not there, there is nothing to hold against.
#[test]
fn suite_of_the_specification() {
    let Some(folder) = folder() else { return };
    let mut all = Vec::new();
    cases(&folder, &mut all);
    let mut differing = Vec::new();
    for case in &all {
        if let Err(difference) = run(case) {
            println!("{}: {difference}", case.display());
            differing.push(case);
        }
    }
    println!("specsuite: {} of {} equal", all.len() - differing.len(), all.len());
    assert!(differing.is_empty() && !all.is_empty(), "{differing:?}");
}
