//! What a module's expressions name must be there: checked at every place before anything is evaluated.

use super::Loader;
use crate::expression::Expression;
use crate::module::{Condition, Lifecycle, Module};
use crate::scope::{Mode, Reference, Subject, TraversalStep};
use crate::suggest;
use arcstr::ArcStr;
use formwork_diagnostic::Diagnostic;

/// What may be named besides the module's own objects.
#[derive(Clone, Copy, Default)]
struct Allowed {
    each: bool,
    count: bool,
    itself: bool,
}

struct Checker<'a> {
    module: &'a Module,
    found: Vec<Diagnostic>,
    /// The block at hand, as messages name it.
    title: String,
}

impl Loader<'_> {
    pub(super) fn check(&mut self, module: &Module) {
        let mut checker = Checker { module, found: Vec::new(), title: String::new() };
        checker.module();
        self.diagnostics.extend(checker.found);
    }
}

impl Checker<'_> {
    fn module(&mut self) {
        let module = self.module;
        for variable in module.variables.values() {
            self.title = format!("variable \"{}\"", variable.name);
            self.conditions(&variable.validations, Allowed::default());
        }
        for local in module.locals.values() {
            "locals".clone_into(&mut self.title);
            self.expression(&local.expression, Allowed::default());
        }
        for output in module.outputs.values() {
            self.title = format!("output \"{}\"", output.name);
            self.expression(&output.value, Allowed::default());
            self.conditions(&output.preconditions, Allowed::default());
            self.references(&output.depends_on, Allowed::default());
        }
        for provider in &module.providers {
            self.title = format!("provider \"{}\"", provider.name);
            provider.body.each_expression(&mut |expression| self.expression(expression, Allowed::default()));
        }
        for call in module.calls.values() {
            self.title = format!("module \"{}\"", call.name);
            let allowed =
                Allowed { each: call.for_each.is_some(), count: call.count.is_some(), itself: false };
            call.count.iter().chain(&call.for_each).for_each(|one| self.expression(one, Allowed::default()));
            call.inputs.values().for_each(|input| self.expression(input, allowed));
            self.references(&call.depends_on, Allowed::default());
        }
        self.resources();
    }

    fn resources(&mut self) {
        for resource in &self.module.resources {
            let word = if resource.mode == Mode::Data { "data" } else { "resource" };
            self.title = format!("{word} \"{}\" \"{}\"", resource.type_name, resource.name);
            let allowed =
                Allowed { each: resource.for_each.is_some(), count: resource.count.is_some(), itself: false };
            resource
                .count
                .iter()
                .chain(&resource.for_each)
                .for_each(|one| self.expression(one, Allowed::default()));
            resource.body.each_expression(&mut |expression| self.expression(expression, allowed));
            self.references(&resource.depends_on, Allowed::default());
            self.lifecycle(&resource.lifecycle, allowed);
        }
    }

    fn lifecycle(&mut self, lifecycle: &Lifecycle, allowed: Allowed) {
        lifecycle.prevent_destroy.iter().for_each(|one| self.expression(one, allowed));
        lifecycle.replace_triggered_by.iter().for_each(|one| self.expression(one, allowed));
        self.conditions(&lifecycle.preconditions, allowed);
        self.conditions(&lifecycle.postconditions, Allowed { itself: true, ..allowed });
    }

    fn conditions(&mut self, conditions: &[Condition], allowed: Allowed) {
        for condition in conditions {
            self.expression(&condition.condition, allowed);
            self.expression(&condition.error_message, allowed);
        }
    }

    fn expression(&mut self, expression: &Expression, allowed: Allowed) {
        for problem in expression.problems() {
            self.push(problem.clone());
        }
        self.references(expression.references(), allowed);
    }

    fn push(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.block.get_or_insert_with(|| self.title.clone());
        self.found.push(diagnostic);
    }

    fn references(&mut self, references: &[Reference], allowed: Allowed) {
        for reference in references {
            if let Some(diagnostic) = self.reference(reference, allowed) {
                self.push(diagnostic.at(reference.span));
            }
        }
    }

    fn reference(&self, reference: &Reference, allowed: Allowed) -> Option<Diagnostic> {
        let module = self.module;
        match &reference.subject {
            Subject::Variable(name) => (!module.variables.contains_key(name)).then(|| {
                let detail = format!("An input variable with the name \"{name}\" has not been declared.");
                let mut diagnostic =
                    Diagnostic::error("unknown-variable", "Reference to undeclared input variable", detail);
                let near = suggest::hint(name, module.variables.keys().map(ArcStr::as_str));
                let declare =
                    || format!("This variable can be declared with a variable \"{name}\" {{}} block.");
                diagnostic.hint = Some(near.unwrap_or_else(declare));
                diagnostic
            }),
            Subject::Local(name) => (!module.locals.contains_key(name)).then(|| {
                let detail = format!("A local value with the name \"{name}\" has not been declared.");
                let mut diagnostic =
                    Diagnostic::error("unknown-local", "Reference to undeclared local value", detail);
                diagnostic.hint = suggest::hint(name, module.locals.keys().map(ArcStr::as_str));
                diagnostic
            }),
            Subject::Module(name) => self.module_reference(name, reference),
            Subject::Resource { mode, type_name, name } => self.resource_reference(*mode, type_name, name),
            Subject::EachKey | Subject::EachValue if !allowed.each => {
                let detail = "The \"each\" object can be used only in \"module\" or \"resource\" blocks, and only when the \"for_each\" argument is set.";
                Some(Diagnostic::error(
                    "each-outside-for-each",
                    "Reference to \"each\" in context without for_each",
                    detail,
                ))
            }
            Subject::CountIndex if !allowed.count => {
                let detail = "The \"count\" object can only be used in \"module\", \"resource\", and \"data\" blocks, and only when the \"count\" argument is set.";
                Some(Diagnostic::error(
                    "count-outside-count",
                    "Reference to \"count\" in non-counted context",
                    detail,
                ))
            }
            Subject::SelfObject if !allowed.itself => {
                let detail = "The \"self\" object is not available in this context. This object can be used only in resource provisioner, connection, and postcondition blocks.";
                Some(Diagnostic::error("self-outside", "Invalid \"self\" reference", detail))
            }
            _ => None,
        }
    }

    fn module_reference(&self, name: &ArcStr, reference: &Reference) -> Option<Diagnostic> {
        let Some(call) = self.module.calls.get(name) else {
            let detail = format!("No module call named \"{name}\" is declared in {}.", self.place());
            let mut diagnostic =
                Diagnostic::error("unknown-module", "Reference to undeclared module", detail);
            diagnostic.hint = suggest::hint(name, self.module.calls.keys().map(ArcStr::as_str));
            return Some(diagnostic);
        };
        let output = reference.steps.iter().take(2).find_map(|step| match step {
            TraversalStep::Attribute(output) => Some(output),
            TraversalStep::Index(_) => None,
        })?;
        let is_indexed = matches!(reference.steps.first(), Some(TraversalStep::Index(_)));
        let has_instances = call.count.is_some() || call.for_each.is_some();
        // Without the index the step is an instance's key, which is not known here.
        if has_instances && !is_indexed || call.module.outputs.contains_key(output) {
            return None;
        }
        let detail = format!(
            "This object does not have an attribute named \"{output}\": the module \"{name}\" has no such output."
        );
        let mut diagnostic = Diagnostic::error("unknown-output", "Unsupported attribute", detail);
        diagnostic.hint = suggest::hint(output, call.module.outputs.keys().map(ArcStr::as_str));
        Some(diagnostic)
    }

    fn resource_reference(&self, mode: Mode, type_name: &ArcStr, name: &ArcStr) -> Option<Diagnostic> {
        if self.module.resource(mode, type_name, name).is_some() {
            return None;
        }
        let word = if mode == Mode::Data { "data" } else { "managed" };
        let detail = format!(
            "A {word} resource \"{type_name}\" \"{name}\" has not been declared in {}.",
            self.place()
        );
        let mut diagnostic =
            Diagnostic::error("unknown-resource", "Reference to undeclared resource", detail);
        let other = if mode == Mode::Data { Mode::Managed } else { Mode::Data };
        diagnostic.hint = if self.module.resource(other, type_name, name).is_some() {
            let subject = Subject::Resource { mode: other, type_name: type_name.clone(), name: name.clone() };
            Some(format!("Did you mean {subject}?"))
        } else {
            let given = format!("{type_name}.{name}");
            let same_mode = self.module.resources.iter().filter(|one| one.mode == mode);
            let names: Vec<String> = same_mode.map(|one| format!("{}.{}", one.type_name, one.name)).collect();
            suggest::hint(&given, names.iter().map(String::as_str))
        };
        Some(diagnostic)
    }

    fn place(&self) -> String {
        if self.module.path.is_empty() {
            "the root module".to_owned()
        } else {
            format!("module {}", self.module.path.join("."))
        }
    }
}
