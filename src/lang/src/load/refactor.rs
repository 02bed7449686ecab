//! `moved`, `removed` and `import` blocks.

use super::Loader;
use super::arguments::argument;
use crate::compile::compile;
use crate::expression::Expression;
use crate::module::{
    Import, ImportBy, Module, Moved, ProvisionerWhen, Removed, Target, TargetModule, TargetResource,
};
use crate::scope::Mode;
use crate::syntax::{AttributeSyntax, BlockSyntax, Expr, ExprKind};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Span};

impl Loader<'_> {
    pub(super) fn moved(&mut self, block: &BlockSyntax, module: &mut Module) {
        self.labels(block, []);
        self.only(&block.body, &["from", "to"], &[]);
        let (from, to) = (self.required(block, "from"), self.required(block, "to"));
        let from = from.and_then(|attribute| self.static_target(attribute));
        let to = to.and_then(|attribute| self.static_target(attribute));
        let (Some(from), Some(to)) = (from, to) else { return };
        if from.resource.is_some() != to.resource.is_some() {
            let detail = "Both addresses must name the same kind of thing: two modules, or two resources.";
            return self.report("moved-kinds", "Invalid \"moved\" addresses", detail, block.header);
        }
        for target in [&from, &to] {
            if target.resource.as_ref().is_some_and(|resource| resource.mode != Mode::Managed) {
                let detail = "Only managed resources and modules can be moved: a data source is read anew wherever it stands.";
                return self.report("moved-mode", "Invalid \"moved\" addresses", detail, target.span);
            }
        }
        module.moved.push(Moved { from, to, span: block.header });
    }

    pub(super) fn removed(&mut self, block: &BlockSyntax, module: &mut Module) {
        self.labels(block, []);
        self.only(&block.body, &["from"], &["lifecycle", "provisioner", "connection"]);
        let from = self.required(block, "from").and_then(|attribute| self.static_target(attribute));
        let mut destroy = None;
        if let Some(lifecycle) = self.single(&block.body, "lifecycle") {
            self.labels(lifecycle, []);
            self.only(&lifecycle.body, &["destroy"], &[]);
            self.required(lifecycle, "destroy");
            destroy = self.flag(&lifecycle.body, "destroy");
        }
        let provisioners = self.provisioners(&block.body);
        for provisioner in provisioners.iter().filter(|one| one.when != ProvisionerWhen::Destroy) {
            let detail = "Nothing is made here: a provisioner of a removed block says when = destroy.";
            self.report("removed-provisioner", "Invalid \"removed\" provisioner", detail, provisioner.span);
        }
        let Some(from) = from else { return };
        if let Some(key) = from.keys().next() {
            let detail =
                "A removed block names a whole resource block or module, never one of its instances.";
            return self.report("removed-key", "Invalid \"removed\" address", detail, key.span());
        }
        if from.resource.as_ref().is_some_and(|resource| resource.mode != Mode::Managed) {
            let detail =
                "Only managed resources and modules can be removed: nothing stands for a data source.";
            return self.report("removed-mode", "Invalid \"removed\" address", detail, from.span);
        }
        let destroy = destroy.unwrap_or_else(|| {
            let detail = "The objects are forgotten and keep standing, since this block does not say that they are to be destroyed.";
            let diagnostic =
                Diagnostic::warning("removed-lifecycle", "Removed block without lifecycle", detail);
            self.diagnostics
                .push(diagnostic.at(block.header).hint("Say it: lifecycle { destroy = false }, or true."));
            false
        });
        module.removed.push(Removed { from, destroy, provisioners, span: block.header });
    }

    pub(super) fn import(&mut self, block: &BlockSyntax, module: &mut Module) {
        self.labels(block, []);
        self.only(&block.body, &["to", "id", "identity", "for_each", "provider"], &[]);
        let to = self.required(block, "to").and_then(|attribute| self.target(&attribute.value));
        let by = match (argument(&block.body, "id"), argument(&block.body, "identity")) {
            (Some(id), None) => ImportBy::Id(id),
            (None, Some(identity)) => ImportBy::Identity(identity),
            (Some(_), Some(identity)) => {
                let detail = "An object is found by its id or by its identity: set one of the two.";
                return self.report("import-by", "Invalid import block", detail, identity.span());
            }
            (None, None) => {
                let detail =
                    "The argument \"id\" or \"identity\" is required: it says which object is taken over.";
                return self.report("missing-argument", "Missing required argument", detail, block.header);
            }
        };
        let provider =
            block.body.attribute("provider").and_then(|attribute| self.provider_reference(&attribute.value));
        let Some(to) = to else { return };
        if to.resource.as_ref().is_none_or(|resource| resource.mode != Mode::Managed) {
            let detail = "An object is imported to the address of one instance of a resource block.";
            return self.report("import-target", "Invalid import target", detail, to.span);
        }
        if !module.path.is_empty() {
            let detail = "An import block is only allowed in the root module: an object is taken over once, whoever calls this module.";
            return self.report("import-place", "Invalid import configuration", detail, block.header);
        }
        let for_each = argument(&block.body, "for_each");
        module.imports.push(Import { to, by, for_each, provider, span: block.header });
    }

    /// A target whose keys are constants.
    fn static_target(&mut self, attribute: &AttributeSyntax) -> Option<Target> {
        let target = self.target(&attribute.value)?;
        let moving = target.keys().find(|key| key.constant().is_none()).map(Expression::span);
        if let Some(span) = moving {
            let detail = "A key in this address is a text or a number as it stands: it can name nothing.";
            self.report("target-key", "Invalid address", detail, span);
            return None;
        }
        Some(target)
    }

    pub(super) fn target(&mut self, expression: &Expr) -> Option<Target> {
        let target = steps(expression).and_then(|steps| read_target(&steps, expression.span));
        if target.is_none() {
            let detail = "The address of a resource or module is required: TYPE.NAME, TYPE.NAME[KEY], module.NAME or module.NAME.TYPE.NAME.";
            let diagnostic = Diagnostic::error("target", "Invalid address", detail).at(expression.span);
            self.diagnostics.push(diagnostic);
        }
        target
    }
}

enum Step<'a> {
    Name(&'a ArcStr),
    Key(&'a Expr),
}

fn steps(expression: &Expr) -> Option<Vec<Step<'_>>> {
    let (mut steps, mut at) = (Vec::new(), expression);
    loop {
        match &at.kind {
            ExprKind::Root(name) => {
                steps.push(Step::Name(name));
                steps.reverse();
                return Some(steps);
            }
            ExprKind::Attribute { source, name, .. } => {
                steps.push(Step::Name(name));
                at = source;
            }
            ExprKind::Index { source, key, .. } => {
                steps.push(Step::Key(key));
                at = source;
            }
            _ => return None,
        }
    }
}

fn read_target(steps: &[Step<'_>], span: Span) -> Option<Target> {
    let mut modules = Vec::new();
    let mut rest = steps;
    while let [Step::Name(word), Step::Name(name), after @ ..] = rest {
        if word.as_str() != "module" {
            break;
        }
        let (key, after) = read_key(after);
        modules.push(TargetModule { name: (*name).clone(), key });
        rest = after;
    }
    if rest.is_empty() {
        return (!modules.is_empty()).then_some(Target { modules, resource: None, span });
    }
    let (mode, rest) = match rest {
        [Step::Name(word), Step::Name(_), Step::Name(_), ..] => match word.as_str() {
            "data" => (Mode::Data, &rest[1..]),
            "ephemeral" => (Mode::Ephemeral, &rest[1..]),
            "resource" => (Mode::Managed, &rest[1..]),
            _ => return None,
        },
        _ => (Mode::Managed, rest),
    };
    let [Step::Name(type_name), Step::Name(name), after @ ..] = rest else { return None };
    let (key, after) = read_key(after);
    let resource = TargetResource { mode, type_name: (*type_name).clone(), name: (*name).clone(), key };
    after.is_empty().then_some(Target { modules, resource: Some(resource), span })
}

fn read_key<'s, 'e>(steps: &'s [Step<'e>]) -> (Option<Expression>, &'s [Step<'e>]) {
    match steps {
        [Step::Key(key), rest @ ..] => (Some(compile(key, &[])), rest),
        _ => (None, steps),
    }
}
