//! `terraform` and `provider` blocks.

use super::Loader;
use crate::body::{Body, BodyContext};
use crate::lexer::is_identifier;
use crate::module::{BackendBlock, Module, ProviderBlock, RequiredProvider, Settings};
use crate::syntax::{AttributeSyntax, BlockSyntax, BodySyntax, Expr, ExprKind};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Span};
use formwork_value::Type;

const NESTED: [&str; 5] = ["backend", "required_providers", "cloud", "encryption", "provider_meta"];

impl Loader<'_> {
    pub(super) fn settings(&mut self, block: &BlockSyntax, module: &mut Module) {
        self.labels(block, []);
        self.only(&block.body, &["required_version", "experiments"], &NESTED);
        if let Some(attribute) = block.body.attribute("experiments") {
            self.not_yet("experiments", attribute.name_span);
        }
        if let Some(attribute) = block.body.attribute("required_version")
            && let Some(version) = self.text(&block.body, "required_version")
        {
            module.settings.required_version.push((version, attribute.value.span));
        }
        for nested in &block.body.blocks {
            match nested.kind.as_str() {
                "required_providers" => self.required_providers(nested, &mut module.settings),
                "backend" => self.backend(nested, &mut module.settings),
                "cloud" => {
                    let detail = "The \"cloud\" block belongs to one vendor's service, which Formwork does not speak to.";
                    let diagnostic = Diagnostic::error("cloud-block", "Cloud block not supported", detail)
                        .at(nested.header);
                    self.diagnostics
                        .push(diagnostic.hint("Use a \"backend\" block to say where the state is kept."));
                }
                "encryption" => self.not_yet("encryption blocks", nested.header),
                "provider_meta" => self.not_yet("provider_meta blocks", nested.header),
                _ => {}
            }
        }
    }

    fn backend(&mut self, block: &BlockSyntax, settings: &mut Settings) {
        let Some([kind]) = self.labels(block, ["type"]) else { return };
        if let Some(first) = &settings.backend {
            let first = first.span;
            return self.duplicate("Duplicate backend configuration", "A backend", first, block.header);
        }
        let body = self.body(&block.body, block.header, &block.title().into(), &[]);
        settings.backend = Some(BackendBlock { kind, body, span: block.header });
    }

    pub(super) fn body(&mut self, body: &BodySyntax, header: Span, title: &ArcStr, taken: &[&str]) -> Body {
        Body::new(body, header, &mut BodyContext { title, taken, diagnostics: &mut self.diagnostics })
    }

    fn required_providers(&mut self, block: &BlockSyntax, settings: &mut Settings) {
        self.labels(block, []);
        for nested in &block.body.blocks {
            let detail = "Each required provider is an argument: NAME = { source = \"...\" }.";
            self.report("unsupported-block", "Unsupported block type", detail, nested.header);
        }
        for attribute in &block.body.attributes {
            let required = self.required_provider(attribute);
            if let Some(first) = settings.required_providers.get(&attribute.name) {
                let (first, what) = (first.span, format!("The provider \"{}\"", attribute.name));
                self.duplicate("Duplicate required provider", what, first, attribute.name_span);
            } else {
                settings.required_providers.insert(attribute.name.clone(), required);
            }
        }
    }

    fn required_provider(&mut self, attribute: &AttributeSyntax) -> RequiredProvider {
        let span = attribute.span();
        let mut required = RequiredProvider { source: None, version: None, aliases: Vec::new(), span };
        let ExprKind::Object(items) = &attribute.value.kind else {
            let version = self.constant(&attribute.value, &Type::String);
            required.version = version.and_then(|version| version.as_str().map(ToString::to_string));
            return required;
        };
        for (key, value) in items {
            let quoted = key.literal_string();
            match key.keyword().or(quoted.as_deref()) {
                Some("source") => required.source = self.constant_text(value),
                Some("version") => required.version = self.constant_text(value),
                Some("configuration_aliases") => {
                    for alias in self.list(value) {
                        required.aliases.extend(self.provider_reference(alias));
                    }
                }
                _ => {
                    let detail = "A required provider has source, version and configuration_aliases, and nothing else.";
                    self.report("required-provider", "Invalid required_providers object", detail, key.span);
                }
            }
        }
        required
    }

    fn constant_text(&mut self, expression: &Expr) -> Option<String> {
        self.constant(expression, &Type::String)?.as_str().map(ToString::to_string)
    }

    pub(super) fn provider(&mut self, block: &BlockSyntax, module: &mut Module) {
        let Some([name]) = self.labels(block, ["name"]) else { return };
        for (argument, what) in
            [("for_each", "for_each of provider blocks"), ("count", "count of provider blocks")]
        {
            if let Some(attribute) = block.body.attribute(argument) {
                self.not_yet(what, attribute.name_span);
            }
        }
        if let Some(attribute) = block.body.attribute("version") {
            let detail =
                "A provider's version is constrained in the required_providers block of the terraform block.";
            self.report(
                "provider-version",
                "Version constraint in provider block",
                detail,
                attribute.name_span,
            );
        }
        let alias: Option<ArcStr> = self.text(&block.body, "alias").map(ArcStr::from);
        if let (Some(alias), Some(attribute)) = (&alias, block.body.attribute("alias"))
            && !is_identifier(alias)
        {
            self.invalid_name("Invalid provider configuration alias", attribute.value.span);
        }
        if let Some(first) = module.provider(&name, alias.as_deref()) {
            let first = first.span;
            let what = match &alias {
                None => format!("A default (non-aliased) provider configuration for \"{name}\""),
                Some(alias) => format!("A provider configuration for \"{name}\" with alias \"{alias}\""),
            };
            return self.duplicate("Duplicate provider configuration", what, first, block.header);
        }
        let taken = ["alias", "version", "for_each", "count"];
        let body = self.body(&block.body, block.header, &block.title().into(), &taken);
        module.providers.push(ProviderBlock { name, alias, body, span: block.header });
    }
}
