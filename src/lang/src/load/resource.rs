//! `resource` and `data` blocks with their meta-arguments.

use super::Loader;
use super::arguments::argument;
use crate::body::ESCAPE;
use crate::compile::compile;
use crate::expression::Expression;
use crate::module::{IgnoreChanges, Lifecycle, Module, Resource};
use crate::scope::Mode;
use crate::syntax::{BlockSyntax, BodySyntax, Expr, ExprKind};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Span};
use formwork_value::{Path, PathStep};

/// Meta-arguments and meta-blocks; the rest is the type's own.
const META: [&str; 9] = [
    "count",
    "for_each",
    "provider",
    "depends_on",
    "lifecycle",
    "connection",
    "provisioner",
    "locals",
    ESCAPE,
];

/// The meta-arguments among them.
pub(crate) const META_ARGUMENTS: [&str; 4] = ["count", "for_each", "provider", "depends_on"];

/// The meta-blocks among them; data and ephemeral blocks have the first alone.
pub(crate) const META_BLOCKS: [&str; 3] = ["lifecycle", "connection", "provisioner"];

impl Loader<'_> {
    /// A resource, data or ephemeral block, on its own or in a `check` block.
    pub(super) fn resource(&mut self, block: &BlockSyntax, check: Option<&ArcStr>, module: &mut Module) {
        let Some([type_name, name]) = self.labels(block, ["type", "name"]) else { return };
        let mode = match block.kind.as_str() {
            "data" => Mode::Data,
            "ephemeral" => Mode::Ephemeral,
            _ => Mode::Managed,
        };
        let body = &block.body;
        self.refuse_misplaced(block, mode, check.is_some());
        self.refuse_count_with_for_each(block);
        let provider =
            body.attribute("provider").and_then(|attribute| self.provider_reference(&attribute.value));
        let is_managed = mode == Mode::Managed;
        let resource = Resource {
            mode,
            count: argument(body, "count"),
            for_each: argument(body, "for_each"),
            provider,
            depends_on: self.depends_on(body),
            lifecycle: self.lifecycle(block, mode),
            connection: if is_managed { self.connection(body) } else { None },
            provisioners: if is_managed { self.provisioners(body) } else { Vec::new() },
            check: check.cloned(),
            body: self.body(body, block.header, &block.title().into(), &META),
            span: block.header,
            type_name,
            name,
        };
        if let Some(first) = module.resource(mode, &resource.type_name, &resource.name) {
            let first = first.span;
            let word = match mode {
                Mode::Managed => "resource",
                Mode::Data => "data resource",
                Mode::Ephemeral => "ephemeral resource",
            };
            let summary = format!("Duplicate {word} \"{}\" configuration", resource.type_name);
            let what = format!("A {} {word} named \"{}\"", resource.type_name, resource.name);
            return self.duplicate(summary, what, first, block.header);
        }
        module.add_resource(resource);
    }

    /// Refuses meta-arguments and meta-blocks that this kind of block has no use for.
    fn refuse_misplaced(&mut self, block: &BlockSyntax, mode: Mode, is_in_check: bool) {
        for nested in &block.body.blocks {
            let kind = nested.kind.as_str();
            let is_misplaced = match kind {
                "connection" | "provisioner" => mode != Mode::Managed,
                "locals" => true,
                _ => false,
            };
            if is_misplaced {
                let detail =
                    format!("Blocks of type \"{kind}\" are not expected in {} blocks.", mode.keyword());
                self.report("unsupported-block", "Unsupported block type", detail, nested.header);
            }
        }
        self.refuse_swapped(&block.body, &META_ARGUMENTS, &META_BLOCKS);
        for name in ["count", "for_each"] {
            if let Some(attribute) = block.body.attribute(name).filter(|_| is_in_check) {
                let detail = format!("A data block in a check block is one object: it cannot have {name}.");
                self.report("check-data", "Invalid data block", detail, attribute.name_span);
            }
        }
    }

    pub(super) fn refuse_count_with_for_each(&mut self, block: &BlockSyntax) {
        if let (Some(_), Some(attribute)) = (block.body.attribute("count"), block.body.attribute("for_each"))
        {
            let detail = "The \"count\" and \"for_each\" meta-arguments are mutually-exclusive, only one should be used to be explicit about the number of resources to be created.";
            let summary = "Invalid combination of \"count\" and \"for_each\"";
            self.report("count-and-for-each", summary, detail, attribute.name_span);
        }
    }

    fn lifecycle(&mut self, block: &BlockSyntax, mode: Mode) -> Lifecycle {
        const ARGUMENTS: [&str; 6] = [
            "enabled",
            "create_before_destroy",
            "prevent_destroy",
            "ignore_changes",
            "replace_triggered_by",
            "destroy",
        ];
        let mut lifecycle = Lifecycle::default();
        let Some(nested) = self.single(&block.body, "lifecycle") else { return lifecycle };
        self.labels(nested, []);
        let body = &nested.body;
        lifecycle.enabled = self.enabled(&block.body, body);
        let arguments = if mode == Mode::Managed { ARGUMENTS.as_slice() } else { &ARGUMENTS[..1] };
        self.only(body, arguments, &["precondition", "postcondition"]);
        if mode == Mode::Managed {
            lifecycle.create_before_destroy = self.flag(body, "create_before_destroy");
            lifecycle.prevent_destroy = argument(body, "prevent_destroy");
            lifecycle.destroy = self.flag(body, "destroy");
            if let Some(attribute) = body.attribute("ignore_changes") {
                lifecycle.ignore_changes = self.ignore_changes(&attribute.value);
            }
            if let Some(attribute) = body.attribute("replace_triggered_by") {
                let items = self.list(&attribute.value);
                lifecycle.replace_triggered_by = items.iter().map(|item| compile(item, &[])).collect();
            }
        }
        lifecycle.preconditions = self.conditions(body, "precondition");
        lifecycle.postconditions = self.conditions(body, "postcondition");
        lifecycle
    }

    /// `lifecycle.enabled`, which takes the place of `count` and `for_each`.
    pub(super) fn enabled(&mut self, body: &BodySyntax, lifecycle: &BodySyntax) -> Option<Expression> {
        let attribute = lifecycle.attribute("enabled")?;
        for name in ["count", "for_each"] {
            if body.attribute(name).is_some() {
                let summary = format!("Invalid combination of \"enabled\" and \"{name}\"");
                let detail = format!(
                    "A block has either lifecycle.enabled or {name}: each says how many instances there are."
                );
                self.report("enabled-and-count", summary, detail, attribute.name_span);
            }
        }
        Some(compile(&attribute.value, &[]))
    }

    fn ignore_changes(&mut self, expression: &Expr) -> IgnoreChanges {
        if expression.keyword() == Some("all")
            || expression.literal_string().is_some_and(|text| text == "all")
        {
            return IgnoreChanges::All;
        }
        let mut paths: Vec<(Path, Span)> = Vec::new();
        for item in self.list(expression) {
            if let Some(path) = attribute_path(&self.unquoted(item)) {
                paths.push((path, item.span));
                continue;
            }
            let detail = "Each item is the path of an attribute, as it is written after the resource: tags, tags[\"owner\"], disk[0].size.";
            let diagnostic =
                Diagnostic::error("ignore-changes", "Invalid ignore_changes item", detail).at(item.span);
            self.diagnostics.push(diagnostic.hint("To ignore all changes, write ignore_changes = all."));
        }
        IgnoreChanges::Paths(paths)
    }
}

/// The path that a traversal from the resource itself stands for.
fn attribute_path(expression: &Expr) -> Option<Path> {
    match &expression.kind {
        ExprKind::Root(name) => Some(Path::root().attribute(name.clone())),
        ExprKind::Attribute { source, name, .. } => Some(attribute_path(source)?.attribute(name.clone())),
        ExprKind::Index { source, key, .. } => {
            let mut path = attribute_path(source)?;
            let key = key.literal_key()?;
            path.0.push(match (key.as_str(), key.as_number()) {
                (Some(text), _) => PathStep::Key(text.clone()),
                (None, Some(number)) => PathStep::from(&number),
                (None, None) => return None,
            });
            Some(path)
        }
        _ => None,
    }
}
