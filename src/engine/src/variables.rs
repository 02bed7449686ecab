//! Input variables: what was given, from where, converted and checked.

use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use formwork_lang::{Module, Source, Variable, parse_expression};
use formwork_value::{Mark, MarkKind, Marks, Type, Value};
use indexmap::IndexMap;

/// The code of the finding that a variable without a default was given no value.
pub const MISSING_VARIABLE: &str = "missing-variable";

/// What was given for a root variable.
#[derive(Debug, Clone)]
pub enum Given {
    /// Text from the command line or environment: taken as it is for a primitive type, else an expression.
    Text(String),
    /// A value from a variables file.
    Value(Value, Span),
}

/// A root variable's given value and where it came from: `-var`, `TF_VAR_size`, `prod.tfvars`.
#[derive(Debug, Clone)]
pub struct GivenVariable {
    /// What.
    pub given: Given,
    /// From where.
    pub origin: String,
}

/// Decides all root variables; later entries of `given` have won already.
pub fn decide(
    module: &Module,
    given: &IndexMap<ArcStr, GivenVariable>,
    sources: &mut Sources,
) -> (IndexMap<ArcStr, Value>, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let mut decided = IndexMap::new();
    for (name, one) in given {
        if !module.variables.contains_key(name) {
            diagnostics.extend(undeclared(module, name, one));
        }
    }
    for (name, variable) in &module.variables {
        let value = decide_one(variable, given.get(name), sources, &mut diagnostics);
        decided.extend(value.map(|value| (name.clone(), value)));
    }
    (decided, diagnostics)
}

/// Decides one root variable; none where it is missing or cannot be read.
pub(crate) fn decide_one(
    variable: &Variable,
    one: Option<&GivenVariable>,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let (value, span) = match one.map(|one| &one.given) {
        None => (None, None),
        Some(Given::Value(value, span)) => (Some(value.clone()), Some(*span)),
        Some(Given::Text(text)) => (Some(read_text(variable, text, sources, diagnostics)?), None),
    };
    if value.is_none() && variable.default.is_none() {
        diagnostics.push(missing(variable));
        return None;
    }
    if let (Some(message), Some(one)) = (&variable.deprecated, one) {
        let detail = format!("{message} A value was given by {}.", one.origin);
        let diagnostic = Diagnostic::warning("deprecated", "Variable is deprecated", detail);
        diagnostics.push(diagnostic.at(span.unwrap_or(variable.span)));
    }
    let (value, found) = settle(variable, value, span);
    let from = one.map(|one| one.origin.as_str());
    diagnostics.extend(found.into_iter().map(|mut one| {
        if let (Some(from), None) = (from, one.subject) {
            one.detail = format!("{} It was given by {from}.", one.detail);
            one.subject = Some(variable.span);
        }
        one
    }));
    Some(value)
}

/// The values as they were given, before defaults and conversions, for whoever shows the plan; none of those that are
/// never stored.
pub fn as_given(module: &Module, given: &IndexMap<ArcStr, GivenVariable>) -> IndexMap<ArcStr, Value> {
    let value_of = |(name, one): (&ArcStr, &GivenVariable)| {
        let variable = module.variables.get(name).filter(|variable| !variable.ephemeral)?;
        let value = match &one.given {
            Given::Value(value, _) => value.clone(),
            Given::Text(text) => read_text(variable, text, &mut Sources::new(), &mut Diagnostics::new())?,
        };
        Some((name.clone(), value))
    };
    given.iter().filter_map(value_of).collect()
}

/// Values of a variables file by name, each with its place.
pub type FileValues = IndexMap<ArcStr, (Value, Span)>;

/// Reads a variables file: attributes whose expressions name nothing.
pub fn read_file(name: &str, text: &str, sources: &mut Sources) -> (FileValues, Diagnostics) {
    let file = sources.add(name, text);
    let (attributes, mut diagnostics) = formwork_lang::parse_tfvars(file, sources);
    let mut values = IndexMap::new();
    for (name, (expression, span)) in attributes {
        let (value, found) = expression.evaluate(&NoScope);
        diagnostics.append(found);
        values.insert(name, (value, span));
    }
    (values, diagnostics)
}

fn read_text(
    variable: &Variable,
    text: &str,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let wanted = &variable.constraint.value_type;
    if wanted.is_primitive() || *wanted == Type::Dynamic {
        return Some(Value::string(text));
    }
    let (expression, found) = parse_expression(text, sources);
    let has_errors = found.has_errors();
    diagnostics.append(found);
    let expression = expression.filter(|_| !has_errors)?;
    let (value, found) = expression.evaluate(&NoScope);
    let has_errors = found.has_errors();
    diagnostics.append(found);
    (!has_errors).then_some(value)
}

fn undeclared(module: &Module, name: &str, given: &GivenVariable) -> Option<Diagnostic> {
    let detail = format!(
        "A value for {name:?} was given by {}, but the root module does not declare a variable of that name.",
        given.origin
    );
    let hint = match formwork_lang::nearest(name, module.variables.keys().map(ArcStr::as_str)) {
        Some(close) => format!("Did you mean {close:?}?"),
        None => format!("Declare it with a variable {name:?} block, or leave the value out."),
    };
    match &given.given {
        _ if given.origin.starts_with("TF_VAR_") => None,
        Given::Value(_, span) => Some(
            Diagnostic::warning("undeclared-variable", "Value for undeclared variable", detail)
                .at(*span)
                .hint(hint),
        ),
        Given::Text(_) => {
            Some(Diagnostic::error("undeclared-variable", "Value for undeclared variable", detail).hint(hint))
        }
    }
}

fn missing(variable: &Variable) -> Diagnostic {
    let name = &variable.name;
    Diagnostic::error(
        MISSING_VARIABLE,
        "No value for required variable",
        format!("The root module input variable {name:?} is not set, and has no default value."),
    )
    .at(variable.span)
    .hint(format!("Use -var '{name}=...', a variables file, or the environment variable TF_VAR_{name}."))
}

/// The final value of a variable from what was given: default, null rule, conversion, marks.
pub fn settle(variable: &Variable, given: Option<Value>, span: Option<Span>) -> (Value, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let given = given.filter(|value| !value.is_null() || variable.nullable || variable.default.is_none());
    let value = match (given, &variable.default) {
        (Some(value), _) => value,
        (None, Some(default)) => default.clone(),
        (None, None) => Value::null(variable.constraint.value_type.without_optional()),
    };
    if value.has_mark_deep(MarkKind::Ephemeral) && !variable.ephemeral {
        let detail = format!(
            "The value used for the variable {:?} is ephemeral, but it is not configured to allow one.",
            variable.name.as_str()
        );
        let diagnostic =
            Diagnostic::error("ephemeral-variable", "Variable does not allow ephemeral value", detail);
        let hint =
            format!("Set ephemeral = true in variable {:?}, or give another value.", variable.name.as_str());
        diagnostics.push(diagnostic.at(span.unwrap_or(variable.span)).hint(hint));
    }
    let mut value = match variable.constraint.apply(&value) {
        Ok(value) => value,
        Err(message) => {
            let name = &variable.name;
            let mut diagnostic = Diagnostic::error(
                "invalid-variable-value",
                "Invalid value for input variable",
                format!("The given value is not suitable for var.{name}: {message}."),
            )
            .hint(format!("It must be of type {}.", variable.constraint.value_type));
            if let Some(span) = span {
                diagnostic = diagnostic.at(span);
            }
            diagnostics.push(diagnostic);
            Value::unknown(variable.constraint.value_type.without_optional())
        }
    };
    if value.is_null() && !variable.nullable {
        let mut diagnostic = Diagnostic::error(
            "null-variable",
            "Required variable not set",
            format!("Unsuitable value for var.{}: required variable may not be set to null.", variable.name),
        )
        .at(span.unwrap_or(variable.span));
        diagnostic.hint = Some("Give it a value, or set nullable = true.".to_owned());
        diagnostics.push(diagnostic);
        value = Value::unknown(variable.constraint.value_type.without_optional());
    }
    let origin = || format!("var.{}", variable.name);
    if variable.sensitive {
        value = value.with_marks(&Marks::one(Mark::new(MarkKind::Sensitive, origin())));
    }
    if variable.ephemeral {
        value = value.with_marks(&Marks::one(Mark::new(MarkKind::Ephemeral, origin())));
    }
    (value, diagnostics)
}

/// A scope in which nothing may be named: variables files and given expressions.
struct NoScope;

impl formwork_lang::Scope for NoScope {
    fn resolve(&self, query: &formwork_lang::Query<'_>) -> Result<Value, Diagnostic> {
        Err(Diagnostic::error(
            "variables-not-allowed",
            "Variables not allowed",
            format!("{} cannot be named here.", query.subject),
        )
        .at(query.span)
        .hint("Write the value itself."))
    }

    fn files(&self) -> &dyn Source {
        &NO_FILES
    }

    fn module_directory(&self) -> &'static str {
        "."
    }

    fn plan_timestamp(&self) -> &'static str {
        ""
    }
}

static NO_FILES: formwork_lang::MemorySource = formwork_lang::MemorySource(std::collections::BTreeMap::new());
