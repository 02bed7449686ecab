//! Texts that are one thing alone: an expression, a template, a file of variable values.

use crate::call::located;
use crate::compile::{compile, compile_in};
use crate::evaluate::Nowhere;
use crate::expression::Expression;
use crate::functions::Vocabulary;
use crate::json::{self, JsonKind};
use crate::node::{Node, NodeKind};
use crate::parser;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, FileId, Sources, Span};
use formwork_value::Value;
use indexmap::IndexMap;
use std::path::Path;

/// Parses a text that is one expression; it becomes a source of its own.
pub fn parse_expression(text: &str, sources: &mut Sources) -> (Option<Expression>, Diagnostics) {
    let file = sources.add("<expression>", text);
    let (syntax, diagnostics) = parser::parse_expression(file, text);
    (syntax.map(|syntax| compile(&syntax, &[])), diagnostics)
}

/// What an expression or a template of its own may name and call.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'a> {
    /// The functions.
    pub vocabulary: Vocabulary,
    /// The only names there are; [`Expression::evaluate_with`] takes a value for each. Without them names mean what
    /// they mean in a configuration.
    pub closed: Option<&'a [ArcStr]>,
}

/// As [`parse_expression`], with names of one's own.
pub fn parse_expression_in(
    text: &str,
    sources: &mut Sources,
    names: Names<'_>,
) -> (Option<Expression>, Diagnostics) {
    let file = sources.add("<expression>", text);
    let (syntax, diagnostics) = parser::parse_expression(file, text);
    (syntax.map(|syntax| compile_in(&syntax, names)), diagnostics)
}

/// As [`parse_template`], with names of one's own.
pub fn parse_template_in(
    text: &str,
    sources: &mut Sources,
    names: Names<'_>,
) -> (Option<Expression>, Diagnostics) {
    let file = sources.add("<template>", text);
    let (syntax, diagnostics) = parser::parse_template(file, text);
    (syntax.map(|syntax| compile_in(&syntax, names)), diagnostics)
}

/// Parses a text with sequences; it becomes a source of its own.
pub fn parse_template(text: &str, sources: &mut Sources) -> (Option<Expression>, Diagnostics) {
    let file = sources.add("<template>", text);
    let (syntax, diagnostics) = parser::parse_template(file, text);
    (syntax.map(|syntax| compile(&syntax, &[])), diagnostics)
}

/// What is wrong with the syntax of a file of blocks, whatever it means.
pub fn check_syntax(file: FileId, sources: &Sources) -> Diagnostics {
    sources.get(file).map_or_else(Diagnostics::new, |source| parser::parse_file(file, source.text()).1)
}

/// Values of a variables file by name, each with the span of the name.
pub type VariableValues = IndexMap<ArcStr, (Expression, Span)>;

/// Parses a `.tfvars` or `.tfvars.json` file that is one of the sources: arguments alone. Values may refer to nothing,
/// and in JSON are taken as they stand.
pub fn parse_tfvars(file: FileId, sources: &Sources) -> (VariableValues, Diagnostics) {
    let Some(source) = sources.get(file) else { return (IndexMap::new(), Diagnostics::new()) };
    if Path::new(source.name()).extension().is_some_and(|ending| ending == "json") {
        return parse_json_values(file, source.text());
    }
    let (body, mut diagnostics) = parser::parse_file(file, source.text());
    for block in &body.blocks {
        let detail = format!(
            "Blocks are not allowed here: a file of variable values holds arguments alone, like {} = {{ ... }}.",
            block.kind
        );
        diagnostics.push(Diagnostic::error("unexpected-block", "Unexpected block", detail).at(block.header));
    }
    let mut values = IndexMap::new();
    for attribute in &body.attributes {
        let expression = compile(&attribute.value, &[]);
        for reference in expression.references() {
            let detail = "Variable values may not refer to anything: they are read before all else.";
            let diagnostic = Diagnostic::error("no-references", "Variables not allowed", detail);
            diagnostics.push(diagnostic.at(reference.span).hint("Write the value itself."));
        }
        diagnostics.extend(expression.problems().iter().cloned());
        if expression.references().is_empty() && expression.problems().is_empty() {
            values.insert(attribute.name.clone(), (expression, attribute.name_span));
        }
    }
    (values, diagnostics)
}

/// The arguments of a text in the form of a `.tfvars` file as one object. Nothing may be called or referred to.
pub fn decode_tfvars(text: &str) -> Result<Value, String> {
    let mut sources = Sources::new();
    let file = sources.add("<decode_tfvars argument>", text);
    let (values, diagnostics) = parse_tfvars(file, &sources);
    if let Some(finding) = diagnostics.iter().find(|finding| finding.is_error()) {
        return Err(format!("invalid tfvars content: {}", located(finding, &sources)));
    }
    let mut attributes = Vec::with_capacity(values.len());
    for (name, (expression, _)) in values {
        if let Some(open) = first_call(expression.node()) {
            let detail = "Functions may not be called here.";
            let finding = Diagnostic::error("no-calls", "Function calls not allowed", detail).at(open);
            return Err(format!(
                "invalid expression for variable \"{name}\": {}",
                located(&finding, &sources)
            ));
        }
        let (value, findings) = expression.evaluate(&Nowhere);
        if let Some(finding) = findings.iter().find(|finding| finding.is_error()) {
            return Err(format!(
                "invalid expression for variable \"{name}\": {}",
                located(finding, &sources)
            ));
        }
        attributes.push((name, value));
    }
    Ok(Value::object(attributes))
}

/// The first function call in an expression.
fn first_call(node: &Node) -> Option<Span> {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || match &node.kind {
        NodeKind::Call(call) => Some(call.open),
        NodeKind::For(for_node) => {
            let parts = [Some(&for_node.collection), for_node.key.as_ref(), Some(&for_node.value)];
            parts.into_iter().flatten().chain(&for_node.condition).find_map(first_call)
        }
        NodeKind::Splat { source, each } => first_call(source).or_else(|| first_call(each)),
        _ => node.children().into_iter().find_map(first_call),
    })
}

fn parse_json_values(file: FileId, text: &str) -> (VariableValues, Diagnostics) {
    let mut values = IndexMap::new();
    let document = match json::read(file, text) {
        Ok(document) => document,
        Err(diagnostic) => {
            let hint = "A variables file in JSON is one object whose keys are variable names.";
            return (values, diagnostic.hint(hint).into());
        }
    };
    let JsonKind::Object(members) = &document.kind else {
        let detail = "A variables file in JSON is one object whose keys are variable names.";
        let diagnostic = Diagnostic::error("json-value", "Incorrect JSON value type", detail);
        return (values, diagnostic.at(document.span).into());
    };
    let mut diagnostics = Diagnostics::new();
    for member in members.iter().filter(|member| member.name.text != "//") {
        let name = &member.name.text;
        if values.contains_key(name) {
            let detail = format!("The variable \"{name}\" was already set. Each may be set only once.");
            let diagnostic = Diagnostic::error("duplicate", "Duplicate object property", detail);
            diagnostics.push(diagnostic.at(member.name_span));
            continue;
        }
        let expression = Expression::from_value_at(member.value.literal(), member.value.span);
        values.insert(name.clone(), (expression, member.name_span));
    }
    (values, diagnostics)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        read_as("x.tfvars", text)
    }

    fn read_as(name: &str, text: &str) -> (Vec<String>, Vec<String>) {
        let mut sources = Sources::new();
        let file = sources.add(name, text);
        let (values, diagnostics) = parse_tfvars(file, &sources);
        let shown =
            values.iter().map(|(name, (expression, _))| format!("{name}={:?}", expression.constant()));
        (shown.collect(), diagnostics.iter().map(|one| one.summary.clone()).collect())
    }

    #[test]
    fn variable_files_in_json_hold_what_they_say() {
        for (text, values, faults) in [
            ("{\"a\": [1, \"${x}\"], \"//\": 1}", vec!["a=Some([1, \"${x}\"])"], vec![]),
            ("{\"a\": 1, \"a\": 2}", vec!["a=Some(1)"], vec!["Duplicate object property"]),
            ("[]", vec![], vec!["Incorrect JSON value type"]),
            ("{\"a\": }", vec![], vec!["Missing JSON value"]),
        ] {
            let (found, summaries) = read_as("x.tfvars.json", text);
            assert_eq!(
                (found, summaries.iter().map(String::as_str).collect()),
                (values.iter().map(ToString::to_string).collect(), faults),
                "{text}"
            );
        }
    }

    #[test]
    fn variable_files_hold_constant_arguments() {
        assert_eq!(
            read("a = [1, \"x\"]\nb = true\n"),
            (vec!["a=Some([1, \"x\"])".into(), "b=Some(true)".into()], vec![])
        );
        assert_eq!(read("a = var.b\nb {\n}\n").1, ["Unexpected block", "Variables not allowed"]);
        assert_eq!(read("a = \nb = 1\nc = (\nd = 2\n").1, ["Invalid expression", "Unbalanced parentheses"]);
    }
}
