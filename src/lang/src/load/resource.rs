//! `resource` and `data` blocks with their meta-arguments.

use super::Loader;
use crate::compile::compile;
use crate::module::{IgnoreChanges, Lifecycle, Module, Resource};
use crate::scope::Mode;
use crate::syntax::{BlockSyntax, Expr, ExprKind};
use formwork_diagnostic::{Diagnostic, Span};
use formwork_value::{Path, PathStep};

/// Meta-arguments and meta-blocks; the rest is the type's own.
const META: [&str; 8] =
    ["count", "for_each", "provider", "depends_on", "lifecycle", "connection", "provisioner", "_"];

impl Loader<'_> {
    pub(super) fn resource(&mut self, block: &BlockSyntax, module: &mut Module) {
        let Some([type_name, name]) = self.labels(block, ["type", "name"]) else { return };
        let mode = if block.kind == "data" { Mode::Data } else { Mode::Managed };
        let body = &block.body;
        for nested in &body.blocks {
            match nested.kind.as_str() {
                "connection" => self.not_yet("connection blocks", nested.header),
                "provisioner" => self.not_yet("provisioner blocks", nested.header),
                "_" => self.not_yet("escape blocks", nested.header),
                _ => {}
            }
        }
        self.refuse_count_with_for_each(block);
        let provider =
            body.attribute("provider").and_then(|attribute| self.provider_reference(&attribute.value));
        let resource = Resource {
            mode,
            count: self.expression(body, "count"),
            for_each: self.expression(body, "for_each"),
            provider,
            depends_on: self.depends_on(body),
            lifecycle: self.lifecycle(block, mode),
            body: self.body(body, block.header, &block.title().into(), &META),
            span: block.header,
            type_name,
            name,
        };
        if let Some(first) = module.resource(mode, &resource.type_name, &resource.name) {
            let first = first.span;
            let word = if mode == Mode::Data { "data resource" } else { "resource" };
            let summary = format!("Duplicate {word} \"{}\" configuration", resource.type_name);
            let what = format!("A {} {word} named \"{}\"", resource.type_name, resource.name);
            return self.duplicate(summary, what, first, block.header);
        }
        module.add_resource(resource);
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
        let mut lifecycle = Lifecycle::default();
        let mut blocks = block.body.blocks.iter().filter(|nested| nested.kind == "lifecycle");
        let Some(nested) = blocks.next() else { return lifecycle };
        if let Some(second) = blocks.next() {
            self.duplicate("Duplicate lifecycle block", "A lifecycle block", nested.header, second.header);
        }
        self.labels(nested, []);
        let body = &nested.body;
        for (argument, what) in [("destroy", "lifecycle.destroy"), ("enabled", "lifecycle.enabled")] {
            if let Some(attribute) = body.attribute(argument) {
                self.not_yet(what, attribute.name_span);
            }
        }
        if mode == Mode::Data {
            self.only(body, &["enabled"], &["precondition", "postcondition"]);
        } else {
            const ARGUMENTS: [&str; 6] = [
                "create_before_destroy",
                "prevent_destroy",
                "ignore_changes",
                "replace_triggered_by",
                "destroy",
                "enabled",
            ];
            self.only(body, &ARGUMENTS, &["precondition", "postcondition"]);
            lifecycle.create_before_destroy = self.flag(body, "create_before_destroy");
            lifecycle.prevent_destroy = self.expression(body, "prevent_destroy");
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

    fn ignore_changes(&mut self, expression: &Expr) -> IgnoreChanges {
        if expression.keyword() == Some("all") {
            return IgnoreChanges::All;
        }
        let mut paths: Vec<(Path, Span)> = Vec::new();
        for item in self.list(expression) {
            match attribute_path(item) {
                Some(path) => paths.push((path, item.span)),
                None => {
                    let detail = "Each item is the path of an attribute, as it is written after the resource: tags, tags[\"owner\"], disk[0].size.";
                    let diagnostic =
                        Diagnostic::error("ignore-changes", "Invalid ignore_changes item", detail)
                            .at(item.span);
                    self.diagnostics
                        .push(diagnostic.hint("To ignore all changes, write ignore_changes = all."));
                }
            }
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
