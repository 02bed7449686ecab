//! `variable`, `locals` and `output` blocks.

use super::Loader;
use crate::compile::compile;
use crate::constraint::{TypeConstraint, parse_constraint};
use crate::lexer::is_identifier;
use crate::module::{Local, Module, Output, Variable};
use crate::suggest;
use crate::syntax::BlockSyntax;
use arcstr::ArcStr;
use formwork_diagnostic::Diagnostic;
use formwork_value::{Type, Value};

/// Names that mean something in `module` blocks.
const RESERVED: [&str; 8] =
    ["source", "version", "providers", "count", "for_each", "lifecycle", "depends_on", "locals"];

const INVALID_DEFAULT: &str = "Invalid default value for variable";

const ARGUMENTS: [&str; 8] =
    ["type", "default", "description", "sensitive", "ephemeral", "nullable", "deprecated", "const"];

/// An attribute of a value that the type does not have, and that is nearly one which it lacks.
fn misspelt_attribute(value: &Value, wanted: &Type) -> Option<String> {
    let Type::Object(object) = wanted else { return None };
    let given = value.entries()?;
    let missing = || {
        let names = object.attributes().iter().map(|(name, _)| name);
        names.filter(|name| given.get(name).is_none()).map(ArcStr::as_str)
    };
    let is_extra = |name: &&ArcStr| object.attributes().iter().all(|(known, _)| known != *name);
    given.iter().map(|(name, _)| name).filter(is_extra).find_map(|name| suggest::hint(name, missing()))
}

impl Loader<'_> {
    pub(super) fn variable(&mut self, block: &BlockSyntax, module: &mut Module) {
        let Some([name]) = self.labels(block, ["name"]) else { return };
        let body = &block.body;
        self.only(body, &ARGUMENTS, &["validation"]);
        if RESERVED.contains(&name.as_str()) {
            let detail = format!(
                "The variable name \"{name}\" is reserved due to its special meaning inside module blocks."
            );
            self.report("invalid-name", "Invalid variable name", detail, block.labels[0].1);
        }
        let constraint = match body.attribute("type") {
            Some(attribute) => parse_constraint(&attribute.value, &mut self.diagnostics),
            None => TypeConstraint::any(),
        };
        let nullable = self.flag(body, "nullable").unwrap_or(true);
        let default = self.default(block, &constraint, nullable);
        let variable = Variable {
            name: name.clone(),
            default,
            constraint,
            description: self.text(body, "description"),
            sensitive: self.flag(body, "sensitive").unwrap_or(false),
            ephemeral: self.flag(body, "ephemeral").unwrap_or(false),
            constant: self.flag(body, "const").unwrap_or(false),
            nullable,
            deprecated: self.text(body, "deprecated"),
            validations: self.conditions(body, "validation"),
            span: block.header,
        };
        if let Some(first) = module.variables.get(&name) {
            let (first, what) = (first.span, format!("A variable named \"{name}\""));
            return self.duplicate("Duplicate variable declaration", what, first, block.header);
        }
        module.variables.insert(name, variable);
    }

    fn default(&mut self, block: &BlockSyntax, constraint: &TypeConstraint, nullable: bool) -> Option<Value> {
        let attribute = block.body.attribute("default")?;
        let span = attribute.value.span;
        let before = self.diagnostics.len();
        let value = self.constant(&attribute.value, &Type::Dynamic);
        for diagnostic in self.diagnostics.iter_mut().skip(before).filter(|one| one.code == "no-references") {
            diagnostic.hint = Some(
                "A default is written as it stands; put what is computed into a local value.".to_owned(),
            );
        }
        let value = value?;
        if value.is_null() && !nullable {
            let detail = "A null default value is not valid when nullable=false.";
            self.report("variable-default", INVALID_DEFAULT, detail, span);
            return None;
        }
        match constraint.apply(&value) {
            Ok(value) => Some(value),
            Err(error) => {
                let detail = format!(
                    "This default value is not compatible with the variable's type constraint: {error}."
                );
                let mut diagnostic = Diagnostic::error("variable-default", INVALID_DEFAULT, detail).at(span);
                diagnostic.hint = misspelt_attribute(&value, &constraint.value_type);
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    pub(super) fn locals(&mut self, block: &BlockSyntax, module: &mut Module) {
        self.labels(block, []);
        for nested in &block.body.blocks {
            let detail = format!(
                "Blocks are not allowed here: {} = {{ ... }} would define a local value.",
                nested.kind
            );
            self.report("unsupported-block", "Unexpected block", detail, nested.header);
        }
        for attribute in &block.body.attributes {
            let name = &attribute.name;
            if !is_identifier(name) {
                self.invalid_name("Invalid local value name", attribute.name_span);
                continue;
            }
            if let Some(first) = module.locals.get(name) {
                let (first, what) = (first.span, format!("A local value named \"{name}\""));
                self.duplicate("Duplicate local value definition", what, first, attribute.name_span);
                continue;
            }
            let expression = compile(&attribute.value, &[]);
            module
                .locals
                .insert(name.clone(), Local { name: name.clone(), expression, span: attribute.span() });
        }
    }

    pub(super) fn output(&mut self, block: &BlockSyntax, module: &mut Module) {
        const ARGUMENTS: [&str; 7] =
            ["value", "type", "description", "sensitive", "ephemeral", "depends_on", "deprecated"];
        let Some([name]) = self.labels(block, ["name"]) else { return };
        let body = &block.body;
        self.only(body, &ARGUMENTS, &["precondition"]);
        let Some(value) = self.required(block, "value") else {
            self.is_incomplete = true;
            return;
        };
        let output = Output {
            name: name.clone(),
            value: compile(&value.value, &[]),
            constraint: body
                .attribute("type")
                .map(|attribute| parse_constraint(&attribute.value, &mut self.diagnostics)),
            description: self.text(body, "description"),
            sensitive: self.flag(body, "sensitive").unwrap_or(false),
            ephemeral: self.flag(body, "ephemeral").unwrap_or(false),
            deprecated: self.text(body, "deprecated"),
            depends_on: self.depends_on(body),
            preconditions: self.conditions(body, "precondition"),
            span: block.header,
        };
        if output.ephemeral && module.path.is_empty() {
            let detail = "Ephemeral outputs are not allowed in the root module: their values would have nowhere to go.";
            let diagnostic = Diagnostic::error("ephemeral-output", "Invalid output configuration", detail);
            self.diagnostics.push(diagnostic.at(block.header));
        }
        if let Some(first) = module.outputs.get(&name) {
            let (first, what) = (first.span, format!("An output named \"{name}\""));
            return self.duplicate("Duplicate output definition", what, first, block.header);
        }
        module.outputs.insert(name, output);
    }
}
