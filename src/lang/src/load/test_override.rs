//! Mocks and overrides of tests: what is put in the place of providers, objects and modules.

use super::Loader;
use crate::scope::Mode;
use crate::syntax::{BlockSyntax, BodySyntax, Expr, ExprKind};
use crate::test_file::{
    InstancePattern, MockKind, MockProvider, ModuleOverride, ObjectOverride, OverrideDuring, OverrideTarget,
    Overrides,
};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Span};
use formwork_value::{Kind, Type, Value};
use indexmap::IndexMap;

impl Loader<'_> {
    /// The blocks of a `mock_provider` block, or of a file of mocks.
    pub(super) fn mock_blocks(&mut self, body: &BodySyntax, mock: &mut MockProvider) {
        for block in &body.blocks {
            match block.kind.as_str() {
                "mock_resource" | "mock_data" => self.mock_kind(block, mock),
                "override_resource" | "override_data" => {
                    if let Some(one) = self.object_override(block, mock.during) {
                        self.add_object(one, &block.kind, &mut mock.overrides);
                    }
                }
                _ => {}
            }
        }
    }

    fn mock_kind(&mut self, block: &BlockSyntax, mock: &mut MockProvider) {
        let Some([type_name]) = self.labels(block, ["type"]) else { return };
        self.only(&block.body, &["defaults", "override_during"], &[]);
        let mode = if block.kind == "mock_data" { Mode::Data } else { Mode::Managed };
        let defaults = self.values(&block.body, "defaults");
        let during = self.during(&block.body);
        if mock.kinds.iter().any(|one| one.mode == mode && one.type_name == type_name) {
            let kind = &block.kind;
            let detail = format!("`{kind}.{type_name}` is already defined in `mock_provider` block.");
            return self.report("duplicate", format!("Duplicated `{kind}` block"), detail, block.header);
        }
        mock.kinds.push(MockKind { mode, type_name, defaults, during });
    }

    /// An `override_resource`, `override_data` or `override_module` block of a file or a run.
    pub(super) fn add_override(&mut self, block: &BlockSyntax, overrides: &mut Overrides) {
        if block.kind == "override_module" {
            let Some(one) = self.module_override(block) else { return };
            if overrides.modules.iter().any(|known| known.path == one.path) {
                let detail = format!(
                    "It is not allowed to have multiple `override_module` blocks with the same target: `module.{}`.",
                    one.path.join(".module.")
                );
                return self.report("duplicate", "Duplicated `override_module` block", detail, one.span);
            }
            overrides.modules.push(one);
        } else if let Some(one) = self.object_override(block, OverrideDuring::default()) {
            self.add_object(one, &block.kind, &mut overrides.objects);
        }
    }

    fn add_object(&mut self, one: ObjectOverride, kind: &str, known: &mut Vec<ObjectOverride>) {
        let target = one.target.to_string();
        if known.iter().any(|known| known.target.to_string() == target) {
            let detail = format!(
                "It is not allowed to have multiple `{kind}` blocks with the same target: `{target}`."
            );
            return self.report("duplicate", format!("Duplicated `{kind}` block"), detail, one.target.span);
        }
        known.push(one);
    }

    fn object_override(&mut self, block: &BlockSyntax, during: OverrideDuring) -> Option<ObjectOverride> {
        self.labels(block, []);
        self.only(&block.body, &["target", "values", "override_during"], &[]);
        let mode = if block.kind == "override_data" { Mode::Data } else { Mode::Managed };
        let values = self.values(&block.body, "values");
        let during = self.during(&block.body).unwrap_or(during);
        let attribute = self.required(block, "target")?;
        let target = self.override_target(&attribute.value)?;
        if target.mode != mode {
            let (word, other) = if mode == Mode::Data { ("resource", "data") } else { ("data", "resource") };
            let detail = format!(
                "Target `{target}` is `{word}` block itself and cannot be overridden with `{}`.",
                block.kind
            );
            let summary = format!("Unsupported `{word}` target in `{}` block", block.kind);
            let diagnostic = Diagnostic::error("override-mode", summary, detail).at(target.span);
            let hint = format!("Use override_{}.", if other == "data" { "resource" } else { "data" });
            self.diagnostics.push(diagnostic.hint(hint));
            return None;
        }
        Some(ObjectOverride { mode, target, values, during })
    }

    fn module_override(&mut self, block: &BlockSyntax) -> Option<ModuleOverride> {
        self.labels(block, []);
        self.only(&block.body, &["target", "outputs", "override_during"], &[]);
        self.during(&block.body);
        let outputs = self.values(&block.body, "outputs");
        let attribute = self.required(block, "target")?;
        let target = self.target(&attribute.value)?;
        let span = target.span;
        if target.resource.is_some() || target.keys().next().is_some() {
            let detail = "The target of an override_module block is a module call, without the key of an instance: module.NAME.";
            self.report("override-target", "Invalid override target", detail, span);
            return None;
        }
        let path = target.modules.into_iter().map(|module| module.name).collect();
        Some(ModuleOverride { path, outputs, span })
    }

    pub(super) fn during(&mut self, body: &BodySyntax) -> Option<OverrideDuring> {
        let attribute = body.attribute("override_during")?;
        match attribute.value.keyword() {
            Some("plan") => Some(OverrideDuring::Plan),
            Some("apply") => Some(OverrideDuring::Apply),
            _ => {
                let detail = "The \"override_during\" argument requires one of the following keywords without quotes: plan or apply.";
                let summary = "Invalid \"override_during\" keyword";
                self.report("keyword", summary, detail, attribute.value.span);
                None
            }
        }
    }

    /// An argument that is an object whose values are known from the text alone.
    fn values(&mut self, body: &BodySyntax, name: &str) -> IndexMap<ArcStr, Value> {
        let Some(attribute) = body.attribute(name) else { return IndexMap::new() };
        let Some(value) = self.constant(&attribute.value, &Type::Dynamic) else { return IndexMap::new() };
        let (value, _) = value.unmark_deep();
        if let Kind::Object(entries) | Kind::Map(entries) = value.kind() {
            return entries.iter().cloned().collect();
        }
        let detail = format!("The attribute `{name}` must be an object.");
        self.report("wrong-type", "Object expected", detail, attribute.value.span);
        IndexMap::new()
    }

    fn override_target(&mut self, expression: &Expr) -> Option<OverrideTarget> {
        let mut steps = Vec::new();
        let is_traversal = flatten(expression, &mut steps);
        let target = is_traversal.then(|| read_target(&steps, expression.span)).flatten();
        if target.is_none() {
            let detail = "The address of a resource or data source is required: TYPE.NAME, TYPE.NAME[KEY], TYPE.NAME[*], data.TYPE.NAME or module.NAME.TYPE.NAME.";
            let diagnostic = Diagnostic::error("override-target", "Invalid override target", detail);
            self.diagnostics.push(diagnostic.at(expression.span));
        }
        target
    }
}

enum Step {
    Name(ArcStr),
    Key(Value),
    Star,
}

/// The steps of an address that may hold stars; whether it is one.
fn flatten(expression: &Expr, steps: &mut Vec<Step>) -> bool {
    match &expression.kind {
        ExprKind::Root(name) => {
            steps.push(Step::Name(name.clone()));
            true
        }
        ExprKind::SplatItem => true,
        ExprKind::Attribute { source, name, .. } => {
            let is_traversal = flatten(source, steps);
            steps.push(Step::Name(name.clone()));
            is_traversal
        }
        ExprKind::Index { source, key, .. } => {
            let is_traversal = flatten(source, steps);
            let key = key.literal_key();
            let has_key = key.is_some();
            steps.extend(key.map(Step::Key));
            is_traversal && has_key
        }
        ExprKind::Splat { source, each, .. } => {
            let is_traversal = flatten(source, steps);
            steps.push(Step::Star);
            is_traversal && flatten(each, steps)
        }
        _ => false,
    }
}

fn read_target(steps: &[Step], span: Span) -> Option<OverrideTarget> {
    let mut modules = Vec::new();
    let mut rest = steps;
    while let [Step::Name(word), Step::Name(name), after @ ..] = rest {
        if word.as_str() != "module" {
            break;
        }
        let (instances, after) = read_instances(after);
        modules.push((name.clone(), instances));
        rest = after;
    }
    let (mode, rest) = match rest {
        [Step::Name(word), Step::Name(_), Step::Name(_), ..] if word.as_str() == "data" => {
            (Mode::Data, &rest[1..])
        }
        [Step::Name(word), Step::Name(_), Step::Name(_), ..] if word.as_str() == "resource" => {
            (Mode::Managed, &rest[1..])
        }
        _ => (Mode::Managed, rest),
    };
    let [Step::Name(type_name), Step::Name(name), after @ ..] = rest else { return None };
    let (instances, after) = read_instances(after);
    let (type_name, name) = (type_name.clone(), name.clone());
    after.is_empty().then_some(OverrideTarget { modules, type_name, name, instances, mode, span })
}

fn read_instances(steps: &[Step]) -> (InstancePattern, &[Step]) {
    match steps {
        [Step::Key(key), rest @ ..] => (InstancePattern::Key(key.clone()), rest),
        [Step::Star, rest @ ..] => (InstancePattern::Every, rest),
        _ => (InstancePattern::Every, steps),
    }
}
