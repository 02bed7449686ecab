//! What a module's expressions name must be there: checked at every place before anything is evaluated.

use super::Loader;
use crate::compile::BARE_NAME;
use crate::expression::Expression;
use crate::module::{Condition, Lifecycle, Module, Provisioner, ProvisionerWhen, Resource, Target};
use crate::scope::{Mode, Reference, Subject, TraversalStep};
use crate::suggest;
use crate::test_file::{TestFile, TestRun};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources};

/// What may be named besides the module's own objects.
#[derive(Clone, Copy, Default)]
struct Allowed {
    each: bool,
    count: bool,
    itself: bool,
}

struct Checker<'a> {
    module: &'a Module,
    sources: &'a Sources,
    found: Vec<Diagnostic>,
    /// The block at hand, as messages name it.
    title: String,
    /// The `check` block around it.
    check: Option<ArcStr>,
}

/// What is wrong with the assertions of a test's run before anything is evaluated: names that neither the module under
/// test nor the test has.
pub fn check_assertions(run: &TestRun, module: &Module, file: &TestFile, sources: &Sources) -> Diagnostics {
    let title = format!("run \"{}\"", run.name);
    let mut checker = Checker { module, sources, found: Vec::new(), title, check: None };
    for assert in &run.asserts {
        for expression in [&assert.condition, &assert.error_message] {
            for problem in expression.problems() {
                checker.push(problem.clone());
            }
            for reference in expression.references() {
                let found = match &reference.subject {
                    Subject::Variable(name)
                        if run.variables.contains_key(name) || file.variables.contains_key(name) =>
                    {
                        None
                    }
                    Subject::Resource { mode: Mode::Managed, type_name, name } => match type_name.as_str() {
                        "run" => run_reference(name, file),
                        "output" => checker.output_reference(name),
                        _ => checker.reference(reference, Allowed::default()),
                    },
                    _ => checker.reference(reference, Allowed::default()),
                };
                if let Some(diagnostic) = found {
                    checker.push(diagnostic.at(reference.span));
                }
            }
        }
    }
    checker.found.into_iter().collect()
}

fn run_reference(name: &ArcStr, file: &TestFile) -> Option<Diagnostic> {
    if file.runs.iter().any(|run| run.name == *name) {
        return None;
    }
    let detail = format!("There is no run block named \"{name}\" in this file.");
    let mut diagnostic = Diagnostic::error("unknown-run", "Reference to unknown run block", detail);
    diagnostic.hint = suggest::hint(name, file.runs.iter().map(|run| run.name.as_str()));
    Some(diagnostic)
}

impl Loader<'_> {
    pub(super) fn check(&mut self, module: &Module) {
        let sources = &*self.sources;
        let mut checker = Checker { module, sources, found: Vec::new(), title: String::new(), check: None };
        checker.module();
        let found = checker.found;
        self.diagnostics.extend(found);
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
            self.dependencies(&output.depends_on);
        }
        for provider in &module.providers {
            self.title = format!("provider \"{}\"", provider.name);
            let allowed = Allowed { each: provider.for_each.is_some(), ..Allowed::default() };
            provider.for_each.iter().for_each(|one| self.expression(one, Allowed::default()));
            provider.body.each_expression(&mut |expression| self.expression(expression, allowed));
        }
        self.calls();
        self.resources();
        for check in module.checks.values() {
            self.title = format!("check \"{}\"", check.name);
            self.check = Some(check.name.clone());
            self.conditions(&check.asserts, Allowed::default());
            self.check = None;
        }
        self.refactoring();
    }

    fn calls(&mut self) {
        for call in self.module.calls.values() {
            self.title = format!("module \"{}\"", call.name);
            let allowed =
                Allowed { each: call.for_each.is_some(), count: call.count.is_some(), itself: false };
            let repetition = call.count.iter().chain(&call.for_each).chain(&call.enabled);
            repetition.for_each(|one| self.expression(one, Allowed::default()));
            call.inputs.values().for_each(|input| self.expression(input, allowed));
            let keys = call.providers.iter().filter_map(|(_, outside)| outside.key.as_ref());
            keys.for_each(|key| self.expression(key, allowed));
            self.dependencies(&call.depends_on);
        }
    }

    fn resources(&mut self) {
        for resource in &self.module.resources {
            self.title =
                format!("{} \"{}\" \"{}\"", resource.mode.keyword(), resource.type_name, resource.name);
            self.check.clone_from(&resource.check);
            let allowed =
                Allowed { each: resource.for_each.is_some(), count: resource.count.is_some(), itself: false };
            let repetition =
                resource.count.iter().chain(&resource.for_each).chain(&resource.lifecycle.enabled);
            repetition.for_each(|one| self.expression(one, Allowed::default()));
            resource.body.each_expression(&mut |expression| self.expression(expression, allowed));
            let key = resource.provider.as_ref().and_then(|provider| provider.key.as_ref());
            if let Some(key) = key {
                self.expression(key, allowed);
            }
            self.dependencies(&resource.depends_on);
            self.refuse_own(resource);
            self.lifecycle(&resource.lifecycle, allowed);
            let within = Allowed { itself: true, ..allowed };
            if let Some(connection) = &resource.connection {
                connection.body.each_expression(&mut |expression| self.expression(expression, within));
            }
            self.provisioners(&resource.provisioners, within);
        }
        self.check = None;
    }

    fn provisioners(&mut self, provisioners: &[Provisioner], allowed: Allowed) {
        for provisioner in provisioners {
            let connection = provisioner.connection.as_ref().map(|connection| &connection.body);
            for body in std::iter::once(&provisioner.body).chain(connection) {
                body.each_expression(&mut |expression| self.expression(expression, allowed));
                if provisioner.when == ProvisionerWhen::Destroy {
                    body.references().into_iter().for_each(|one| self.refuse_at_destroy(one));
                }
            }
        }
    }

    /// When an object is destroyed, what others were made of it may be gone.
    fn refuse_at_destroy(&mut self, reference: &Reference) {
        let is_allowed = !matches!(
            reference.subject,
            Subject::Variable(_)
                | Subject::Local(_)
                | Subject::Resource { .. }
                | Subject::Module(_)
                | Subject::EachValue
        );
        if !is_allowed {
            let detail = "Destroy-time provisioners and their connections may only refer to attributes of the object itself, through \"self\", \"count.index\" and \"each.key\".";
            let diagnostic =
                Diagnostic::error("destroy-reference", "Invalid reference from destroy provisioner", detail);
            self.push(diagnostic.at(reference.span));
        }
    }

    fn refactoring(&mut self) {
        for import in &self.module.imports {
            "import".clone_into(&mut self.title);
            let allowed = Allowed { each: import.for_each.is_some(), ..Allowed::default() };
            import.for_each.iter().for_each(|one| self.expression(one, Allowed::default()));
            import.to.keys().for_each(|key| self.expression(key, allowed));
            self.expression(import.by.expression(), allowed);
            let key = import.provider.as_ref().and_then(|provider| provider.key.as_ref());
            if let Some(key) = key {
                self.expression(key, allowed);
            }
        }
        for removed in &self.module.removed {
            "removed".clone_into(&mut self.title);
            self.provisioners(&removed.provisioners, Allowed { each: true, count: true, itself: true });
            if let Some(place) = self.still_declared(&removed.from) {
                let detail = format!(
                    "This block says that the objects of {place} are no longer managed, but {place} is still declared."
                );
                let diagnostic =
                    Diagnostic::error("removed-declared", "Removed block still declared", detail);
                self.push(diagnostic.at(removed.from.span).hint("Delete the declaration, or this block."));
            }
        }
    }

    /// How a target reads, where what it names is in the configuration.
    fn still_declared(&self, target: &Target) -> Option<String> {
        let mut module = self.module;
        for step in &target.modules {
            module = &module.calls.get(&step.name)?.module;
        }
        let mut words: Vec<String> =
            target.modules.iter().map(|step| format!("module.{}", step.name)).collect();
        if let Some(resource) = &target.resource {
            module.resource(resource.mode, &resource.type_name, &resource.name)?;
            words.push(format!("{}.{}", resource.type_name, resource.name));
        }
        Some(words.join("."))
    }

    fn lifecycle(&mut self, lifecycle: &Lifecycle, allowed: Allowed) {
        lifecycle.prevent_destroy.iter().for_each(|one| self.expression(one, allowed));
        for trigger in &lifecycle.replace_triggered_by {
            self.expression(trigger, allowed);
            let is_resource = trigger.references().iter().any(|reference| {
                matches!(reference.subject, Subject::Resource { mode: Mode::Managed | Mode::Data, .. })
            });
            if !is_resource && trigger.problems().is_empty() {
                let detail = "Each item is a resource, one of its instances, or an attribute of one: its change is what triggers the replacement.";
                let summary = "Invalid replace_triggered_by expression";
                let diagnostic = Diagnostic::error("replace-trigger", summary, detail).at(trigger.span());
                self.push(diagnostic.hint("To be replaced by the change of any value, keep it in a terraform_data resource and name that."));
            }
        }
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
            let mut problem = problem.clone();
            if problem.code == BARE_NAME
                && let Some(meant) = self.meant(&problem)
            {
                problem.hint = Some(meant);
            }
            self.push(problem);
        }
        self.references(expression.references(), allowed);
    }

    /// The declaration that a name alone most likely is meant for.
    fn meant(&self, problem: &Diagnostic) -> Option<String> {
        let name = self.sources.text(problem.subject?)?;
        if let Some(of_type) = self.module.resources.iter().find(|one| one.type_name == name) {
            return Some(format!("Name an object of this type, like {}.", of_type.subject()));
        }
        let (variables, locals) = (self.module.variables.keys(), self.module.locals.keys());
        let written = variables.map(|name| ("var", name)).chain(locals.map(|name| ("local", name)));
        let named: Vec<(&str, &ArcStr)> = written.collect();
        let near = suggest::nearest(name, named.iter().map(|(_, name)| name.as_str()))?;
        let (root, _) = named.iter().find(|(_, name)| *name == near)?;
        Some(format!("Did you mean {root}.{near}?"))
    }

    fn push(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.block.get_or_insert_with(|| self.title.clone());
        self.found.push(diagnostic);
    }

    /// What `depends_on` names: whole objects.
    fn dependencies(&mut self, references: &[Reference]) {
        self.references(references, Allowed::default());
        for reference in references {
            let is_instance = matches!(reference.steps.first(), Some(TraversalStep::Index(_)));
            let whole = match reference.subject {
                Subject::Module(_) => 1 + usize::from(is_instance),
                Subject::Resource { .. } => usize::from(is_instance),
                _ => 0,
            };
            if reference.steps.len() > whole {
                let detail = "References in depends_on must be to a whole object (resource, etc), not to an attribute of an object.";
                let diagnostic = Diagnostic::error("depends-on", "Invalid depends_on reference", detail)
                    .at(reference.span);
                self.push(diagnostic.hint(format!("Write {}.", reference.subject)));
            }
        }
    }

    /// A block whose arguments read the block itself.
    fn refuse_own(&mut self, resource: &Resource) {
        let own = resource.subject();
        let is_own = |reference: &&Reference| {
            reference.subject == own && !matches!(reference.steps.first(), Some(TraversalStep::Index(_)))
        };
        for reference in resource.body.references().into_iter().filter(is_own) {
            let detail = format!("Configuration for {own} may not refer to itself.");
            let diagnostic = Diagnostic::error("self-reference", "Self-referential block", detail);
            let hint = "Put what both places need into a local value, and use that in both.";
            self.push(diagnostic.at(reference.span).hint(hint));
        }
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
        let is_declaration = matches!(
            reference.subject,
            Subject::Variable(_) | Subject::Local(_) | Subject::Module(_) | Subject::Resource { .. }
        );
        if is_declaration && module.is_incomplete {
            return None;
        }
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
            Subject::Resource { mode, type_name, name } => {
                self.resource_reference(*mode, type_name, name).or_else(|| self.instance_key(reference))
            }
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

    fn output_reference(&self, name: &ArcStr) -> Option<Diagnostic> {
        if self.module.is_incomplete || self.module.outputs.contains_key(name) {
            return None;
        }
        let detail = format!("An output value with the name \"{name}\" has not been declared.");
        let mut diagnostic =
            Diagnostic::error("unknown-output", "Reference to undeclared output value", detail);
        diagnostic.hint = suggest::hint(name, self.module.outputs.keys().map(ArcStr::as_str));
        Some(diagnostic)
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
        if let Some(message) = call.module.outputs.get(output).and_then(|known| known.deprecated.as_ref()) {
            let detail = format!(
                "The author of the module \"{name}\" marks its output \"{output}\" as deprecated: {message}"
            );
            return Some(Diagnostic::warning("deprecated", "Output is deprecated", detail));
        }
        let is_known = call.module.is_incomplete || call.module.outputs.contains_key(output);
        if has_instances && !is_indexed || is_known {
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
        if let Some(resource) = self.module.resource(mode, type_name, name) {
            let around = resource.check.as_ref().filter(|_| resource.check != self.check)?;
            let detail = format!(
                "The data source data.{type_name}.{name} belongs to the check block \"{around}\" and can be named only there."
            );
            let diagnostic = Diagnostic::error("scoped-reference", "Reference to scoped resource", detail);
            return Some(diagnostic.hint("Move the data block out of the check block to use it elsewhere."));
        }
        let word = match mode {
            Mode::Managed => "managed",
            Mode::Data => "data",
            Mode::Ephemeral => "ephemeral",
        };
        let detail = format!(
            "A {word} resource \"{type_name}\" \"{name}\" has not been declared in {}.",
            self.place()
        );
        let mut diagnostic =
            Diagnostic::error("unknown-resource", "Reference to undeclared resource", detail);
        let others = [Mode::Managed, Mode::Data, Mode::Ephemeral].into_iter().filter(|other| *other != mode);
        let other = others.into_iter().find(|other| self.module.resource(*other, type_name, name).is_some());
        diagnostic.hint = if let Some(mode) = other {
            let subject = Subject::Resource { mode, type_name: type_name.clone(), name: name.clone() };
            Some(format!("Did you mean {subject}?"))
        } else {
            let given = format!("{type_name}.{name}");
            let same_mode = self.module.resources.iter().filter(|one| one.mode == mode);
            let names: Vec<String> = same_mode.map(|one| format!("{}.{}", one.type_name, one.name)).collect();
            suggest::hint(&given, names.iter().map(String::as_str))
        };
        Some(diagnostic)
    }

    /// Whether a reference has an instance key where there are instances, and only there.
    fn instance_key(&self, reference: &Reference) -> Option<Diagnostic> {
        let Subject::Resource { mode, type_name, name } = &reference.subject else { return None };
        let resource = self.module.resource(*mode, type_name, name)?;
        let subject = &reference.subject;
        let (argument, key) = match (&resource.count, &resource.for_each, reference.steps.first()?) {
            (Some(_), _, TraversalStep::Attribute(_)) => ("count", "count.index"),
            (None, Some(_), TraversalStep::Attribute(_)) => ("for_each", "each.key"),
            (None, None, TraversalStep::Index(_)) => {
                let detail = format!(
                    "Because {subject} does not have \"count\" or \"for_each\" set, references to it must not include an index key. Remove the bracketed index to refer to the single instance of this resource."
                );
                return Some(Diagnostic::error("instance-key", "Unexpected resource instance key", detail));
            }
            _ => return None,
        };
        let detail = format!(
            "Because {subject} has \"{argument}\" set, its attributes must be accessed on specific instances.\n\nFor example, to correlate with indices of a referring resource, use:\n    {subject}[{key}]"
        );
        let diagnostic = Diagnostic::error("instance-key", "Missing resource instance key", detail);
        let all = if argument == "count" { format!("{subject}[*]") } else { format!("values({subject})[*]") };
        Some(diagnostic.hint(format!("To take it from all instances as a list, write {all} in front of it.")))
    }

    fn place(&self) -> String {
        if self.module.path.is_empty() {
            "the root module".to_owned()
        } else {
            format!("module {}", self.module.path.join("."))
        }
    }
}
