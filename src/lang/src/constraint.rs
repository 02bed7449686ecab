//! Type constraints: what `type = …` of a variable says, with the defaults of optional attributes.
//!
//! Invariant: the defaults follow the type's shape; each is of its attribute's type already.

use crate::suggest;
use crate::syntax::{CallExpr, Expr, ExprKind};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_value::{Kind, Path, Type, Value, convert};

/// A type and the defaults of its optional attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeConstraint {
    /// The type, with optional attributes.
    pub value_type: Type,
    defaults: Defaults,
}

/// Defaults at the places of a type that have any.
#[derive(Debug, Clone, PartialEq, Default)]
struct Defaults {
    /// Defaults of an object's own attributes.
    attributes: Vec<(ArcStr, Value)>,
    /// What lies deeper: by attribute name, by position in a tuple, or below every element.
    children: Vec<(Place, Defaults)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Place {
    Attribute(ArcStr),
    Position(usize),
    Element,
}

impl Defaults {
    fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.children.is_empty()
    }

    fn one(place: Place, inner: Self) -> Self {
        if inner.is_empty() { inner } else { Self { attributes: Vec::new(), children: vec![(place, inner)] } }
    }
}

impl TypeConstraint {
    /// Any value.
    pub fn any() -> Self {
        Self::exactly(Type::Dynamic)
    }

    /// A type without defaults.
    pub fn exactly(value_type: Type) -> Self {
        Self { value_type, defaults: Defaults::default() }
    }

    /// Puts defaults in and converts. The error is a sentence without a full stop that names the place and never
    /// the value.
    pub fn apply(&self, value: &Value) -> Result<Value, String> {
        let filled = if self.defaults.is_empty() { value.clone() } else { fill(value, &self.defaults) };
        convert(&filled, &self.value_type).map_err(|error| sentence(&error.path, &error.message))
    }
}

/// `attribute "a": string required`.
pub(crate) fn sentence(path: &Path, message: &str) -> String {
    if path.steps().is_empty() { message.to_owned() } else { format!("{path}: {message}") }
}

/// Puts defaults where attributes are missing or null, before conversion: the value may be a map or tuple where the
/// type has an object or list.
fn fill(value: &Value, defaults: &Defaults) -> Value {
    let (bare, marks) = value.unmark();
    let child = |place: &Place| defaults.children.iter().find(|(at, _)| at == place).map(|(_, inner)| inner);
    let filled = match bare.kind() {
        Kind::Object(entries) | Kind::Map(entries) => {
            let mut items: Vec<(ArcStr, Value)> =
                Vec::with_capacity(entries.len() + defaults.attributes.len());
            items.extend(entries.iter().cloned());
            for (name, default) in &defaults.attributes {
                match items.iter_mut().find(|(at, _)| at == name) {
                    Some((_, present)) if present.is_null() => *present = default.clone(),
                    Some(_) => {}
                    None => items.push((name.clone(), default.clone())),
                }
            }
            let element = child(&Place::Element);
            for (name, item) in &mut items {
                if let Some(inner) = element.or_else(|| child(&Place::Attribute(name.clone()))) {
                    *item = fill(item, inner);
                }
            }
            Value::object(items)
        }
        Kind::Tuple(items) | Kind::List(items) => {
            let element = child(&Place::Element);
            let item = |(at, item): (usize, &Value)| match element.or_else(|| child(&Place::Position(at))) {
                Some(inner) => fill(item, inner),
                None => item.clone(),
            };
            Value::tuple(items.iter().enumerate().map(item).collect())
        }
        Kind::Set(items) => match child(&Place::Element) {
            Some(inner) => Value::tuple(items.iter().map(|item| fill(item, inner)).collect()),
            None => bare.clone(),
        },
        _ => bare.clone(),
    };
    filled.with_marks(&marks)
}

/// Reads a type constraint; a part that is none is reported and taken as any type.
pub(crate) fn parse_constraint(expression: &Expr, diagnostics: &mut Diagnostics) -> TypeConstraint {
    let (value_type, defaults) = parse(expression, diagnostics);
    TypeConstraint { value_type, defaults }
}

const SUMMARY: &str = "Invalid type specification";

const KEYWORDS: [&str; 10] =
    ["any", "bool", "list", "map", "number", "object", "optional", "set", "string", "tuple"];

fn parse(expression: &Expr, diagnostics: &mut Diagnostics) -> (Type, Defaults) {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || match &expression.kind {
        ExprKind::Call(call) => parse_call(expression, call, diagnostics),
        _ => (parse_keyword(expression, diagnostics), Defaults::default()),
    })
}

fn report(diagnostics: &mut Diagnostics, at: &Expr, detail: impl Into<String>) {
    diagnostics.push(Diagnostic::error("type-constraint", SUMMARY, detail).at(at.span));
}

fn parse_keyword(expression: &Expr, diagnostics: &mut Diagnostics) -> Type {
    // `type = "string"` is what the language had before 0.12.
    if let Some(quoted) = expression.literal_string() {
        let detail = "A type is written without quotes.";
        let diagnostic = Diagnostic::error("type-constraint", "Invalid quoted type constraints", detail);
        let unquoted = match quoted.as_str() {
            "list" | "map" => format!("{quoted}(string)"),
            other => other.to_owned(),
        };
        diagnostics
            .push(diagnostic.at(expression.span).hint(format!("Write {unquoted} without the quotes.")));
        return Type::Dynamic;
    }
    let Some(keyword) = expression.keyword() else {
        let detail = "A type specification is either a primitive type keyword (bool, number, string) or a complex type constructor call, like list(string).";
        report(diagnostics, expression, detail);
        return Type::Dynamic;
    };
    match keyword {
        "any" => Type::Dynamic,
        "bool" => Type::Bool,
        "number" => Type::Number,
        "string" => Type::String,
        // The old short forms, without an element type.
        "list" => Type::list(Type::Dynamic),
        "map" => Type::map(Type::Dynamic),
        "set" => {
            report(
                diagnostics,
                expression,
                "The set type constructor requires one argument specifying the element type.",
            );
            Type::Dynamic
        }
        "object" | "tuple" => {
            report(
                diagnostics,
                expression,
                format!("The {keyword} type constructor requires one argument specifying its parts."),
            );
            Type::Dynamic
        }
        keyword => {
            let detail = format!("The keyword \"{keyword}\" is not a valid type specification.");
            let mut diagnostic = Diagnostic::error("type-constraint", SUMMARY, detail).at(expression.span);
            diagnostic.hint = match of_other_languages(keyword) {
                Some(here) => Some(format!("The language calls it {here}.")),
                None => suggest::hint(keyword, KEYWORDS),
            };
            diagnostics.push(diagnostic);
            Type::Dynamic
        }
    }
}

/// What the types of other languages are called here.
fn of_other_languages(keyword: &str) -> Option<&'static str> {
    Some(match keyword {
        "str" | "text" | "String" | "varchar" => "string",
        "int" | "integer" | "float" | "double" | "decimal" | "long" | "Number" => "number",
        "boolean" | "Bool" | "Boolean" => "bool",
        "array" | "vector" | "slice" => "list(...)",
        "dict" | "dictionary" | "hash" | "hashmap" => "map(...)",
        "struct" | "record" => "object({...})",
        _ => return None,
    })
}

fn parse_call(expression: &Expr, call: &CallExpr, diagnostics: &mut Diagnostics) -> (Type, Defaults) {
    let name = call.name.as_str();
    match name {
        "list" | "set" | "map" | "object" | "tuple" => {}
        "bool" | "string" | "number" | "any" => {
            report(
                diagnostics,
                expression,
                format!("Primitive type keyword \"{name}\" does not expect arguments."),
            );
            return (Type::Dynamic, Defaults::default());
        }
        "optional" => {
            report(
                diagnostics,
                expression,
                "Keyword \"optional\" is valid only as a modifier for object type attributes.",
            );
            return (Type::Dynamic, Defaults::default());
        }
        _ => {
            let detail = format!("Keyword \"{name}\" is not a valid type constructor.");
            let mut diagnostic = Diagnostic::error("type-constraint", SUMMARY, detail).at(call.name_span);
            diagnostic.hint = suggest::hint(name, KEYWORDS);
            diagnostics.push(diagnostic);
            return (Type::Dynamic, Defaults::default());
        }
    }
    let [argument] = call.arguments.as_slice() else {
        report(diagnostics, expression, format!("The {name} type constructor requires one argument."));
        return (Type::Dynamic, Defaults::default());
    };
    match name {
        "object" => parse_object(argument, diagnostics),
        "tuple" => parse_tuple(argument, diagnostics),
        _ => {
            let (element, inner) = parse(argument, diagnostics);
            let value_type = match name {
                "list" => Type::list(element),
                "set" => Type::set(element),
                _ => Type::map(element),
            };
            (value_type, Defaults::one(Place::Element, inner))
        }
    }
}

fn parse_tuple(argument: &Expr, diagnostics: &mut Diagnostics) -> (Type, Defaults) {
    let ExprKind::Tuple(items) = &argument.kind else {
        report(diagnostics, argument, "Tuple type constructor requires a list of element types.");
        return (Type::Dynamic, Defaults::default());
    };
    let mut defaults = Defaults::default();
    let mut elements = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let (element, inner) = parse(item, diagnostics);
        elements.push(element);
        if !inner.is_empty() {
            defaults.children.push((Place::Position(at), inner));
        }
    }
    (Type::tuple(elements), defaults)
}

fn parse_object(argument: &Expr, diagnostics: &mut Diagnostics) -> (Type, Defaults) {
    let ExprKind::Object(items) = &argument.kind else {
        report(
            diagnostics,
            argument,
            "Object type constructor requires a map whose keys are attribute names and whose values are the corresponding attribute types.",
        );
        return (Type::Dynamic, Defaults::default());
    };
    let mut defaults = Defaults::default();
    let (mut attributes, mut optional) = (Vec::new(), Vec::new());
    for (key, value) in items {
        let Some(name) = key.keyword().map(ArcStr::from).or_else(|| key.literal_string()) else {
            report(diagnostics, key, "Object constructor map keys must be attribute names.");
            continue;
        };
        let (value_type, inner) = match &value.kind {
            ExprKind::Call(call) if call.name == "optional" => {
                optional.push(name.clone());
                parse_optional(value, call, &name, &mut defaults, diagnostics)
            }
            _ => parse(value, diagnostics),
        };
        attributes.push((name.clone(), value_type));
        if !inner.is_empty() {
            defaults.children.push((Place::Attribute(name), inner));
        }
    }
    (Type::object_with_optional(attributes, optional), defaults)
}

fn parse_optional(
    expression: &Expr,
    call: &CallExpr,
    name: &ArcStr,
    defaults: &mut Defaults,
    diagnostics: &mut Diagnostics,
) -> (Type, Defaults) {
    let (value_type, default) = match call.arguments.as_slice() {
        [value_type] => (value_type, None),
        [value_type, default] => (value_type, Some(default)),
        _ => {
            report(
                diagnostics,
                expression,
                "Optional attribute modifier requires the attribute type as its argument, and takes a default value as a second one.",
            );
            return (Type::Dynamic, Defaults::default());
        }
    };
    let (value_type, inner) = parse(value_type, diagnostics);
    if let Some(default) = default {
        let compiled = crate::compile::compile(default, &[]);
        let (value, findings) = compiled.evaluate(&crate::evaluate::Nowhere);
        if findings.has_errors() {
            diagnostics.append(findings);
            return (value_type, inner);
        }
        match convert(&fill(&value, &inner), &value_type) {
            Ok(value) => defaults.attributes.push((name.clone(), value)),
            Err(error) => {
                let detail = format!(
                    "This default value is not compatible with the attribute's type constraint: {error}."
                );
                diagnostics.push(
                    Diagnostic::error(
                        "type-constraint",
                        "Invalid default value for optional attribute",
                        detail,
                    )
                    .at(default.span),
                );
            }
        }
    }
    (value_type, inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use formwork_diagnostic::FileId;

    fn constraint(text: &str) -> (TypeConstraint, Diagnostics) {
        let (syntax, mut diagnostics) = crate::parser::parse_expression(FileId(0), text);
        let constraint = parse_constraint(&syntax.expect("it parses"), &mut diagnostics);
        (constraint, diagnostics)
    }

    fn value(text: &str) -> Value {
        let (syntax, _) = crate::parser::parse_expression(FileId(0), text);
        crate::compile::compile(&syntax.expect("it parses"), &[]).evaluate(&crate::evaluate::Nowhere).0
    }

    #[test]
    fn types_are_read() {
        for (text, expected, faults) in [
            ("string", "string", 0),
            ("list(map(number))", "list(map(number))", 0),
            ("object({a = string, b = optional(bool, true)})", "object({a = string, b = optional(bool)})", 0),
            ("tuple([string, any])", "tuple([string, any])", 0),
            ("list", "list(any)", 0),
            ("\"map\"", "any", 1),
            ("strin", "any", 1),
            ("lst(string)", "any", 1),
            ("list()", "any", 1),
            ("optional(string)", "any", 1),
            ("var.x", "any", 1),
            ("object({a = optional(number, \"x\")})", "object({a = optional(number)})", 1),
        ] {
            let (constraint, diagnostics) = constraint(text);
            assert_eq!(
                (constraint.value_type.to_string().as_str(), diagnostics.len()),
                (expected, faults),
                "{text}"
            );
        }
    }

    #[test]
    fn defaults_are_put_in_and_values_converted() {
        let nested = "list(object({a = optional(string, \"x\"), b = optional(object({c = optional(number, 1)}), {})}))";
        for (text, given, expected) in [
            ("number", "\"5\"", "5"),
            (
                nested,
                "[{}, {a = \"y\", b = {c = null}}]",
                "[{\"a\": \"x\", \"b\": {\"c\": 1}}, {\"a\": \"y\", \"b\": {\"c\": 1}}]",
            ),
            ("map(object({a = optional(string, \"x\")}))", "{k = {}}", "{\"k\": {\"a\": \"x\"}}"),
            ("object({a = optional(string)})", "{z = 1}", "{\"a\": null(string)}"),
            ("set(object({a = optional(string, \"x\")}))", "[{}, {a = \"x\"}]", "{{\"a\": \"x\"}}"),
        ] {
            let applied = constraint(text).0.apply(&value(given)).expect("it converts");
            assert_eq!(format!("{applied:?}"), expected, "{text} {given}");
        }
        assert!(constraint("object({a = string})").0.apply(&value("{}")).unwrap_err().contains("\"a\""));
    }
}
