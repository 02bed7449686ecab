//! `terraform` and `provider` blocks.

use super::Loader;
use super::arguments::argument;
use crate::body::{Attribute, Body, BodyContext, ESCAPE};
use crate::lexer::is_identifier;
use crate::module::{BackendBlock, Module, ProviderBlock, ProviderMeta, Recover, RequiredProvider, Settings};
use crate::scope::Subject;
use crate::syntax::{AttributeSyntax, BlockSyntax, BodySyntax, Expr, ExprKind};
use crate::version::{LANGUAGE_VERSION, VersionConstraint};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Span};
use formwork_value::{Type, Value};
use indexmap::IndexMap;

/// The code of the finding that a module is for another version of the language.
pub(super) const INCOMPATIBLE_MODULE: &str = "incompatible-module";

/// The one edition of the language.
const EDITION: &str = "tofu2024";

/// Arguments and blocks of `provider` blocks that are not the provider's own.
const TAKEN: [&str; 9] =
    ["alias", "version", "for_each", "count", "depends_on", "source", "lifecycle", "locals", ESCAPE];

const RESERVED_ARGUMENTS: [&str; 3] = ["count", "depends_on", "source"];
const RESERVED_BLOCKS: [&str; 2] = ["lifecycle", "locals"];

/// Arguments of `provider` blocks that are the language's own.
#[cfg(test)]
pub(crate) fn provider_arguments() -> impl Iterator<Item = &'static str> {
    let is_reserved = |name: &&str| RESERVED_ARGUMENTS.contains(name) || RESERVED_BLOCKS.contains(name);
    TAKEN.into_iter().filter(move |name| !is_reserved(name) && *name != ESCAPE)
}

const NESTED: [&str; 6] =
    ["backend", "required_providers", "cloud", "encryption", "provider_meta", "recover"];

impl Loader<'_> {
    pub(super) fn settings(&mut self, block: &BlockSyntax, module: &mut Module) {
        self.labels(block, []);
        // `language` belongs to Terraform, and says nothing here.
        self.only(
            &block.body,
            &["required_version", "experiments", "language", "require_encryption"],
            &NESTED,
        );
        self.experiments(&block.body);
        if let Some(is_required) = self.flag(&block.body, "require_encryption") {
            module.settings.require_encryption = is_required;
        }
        // In a file that other programs read too, the constraint is taken to be about their versions.
        let is_ours = self.sources.get(block.header.file).is_some_and(|file| file.name().contains(".tofu"));
        self.version_constraint(&block.body, "required_version", is_ours, &mut module.settings);
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
                "encryption" => self.encryption(nested, &mut module.settings),
                "provider_meta" => self.provider_meta(nested, &mut module.settings),
                "recover" => self.recover(nested, module),
                _ => {}
            }
        }
    }

    /// `language` blocks.
    pub(super) fn language(&mut self, block: &BlockSyntax, module: &mut Module) {
        self.labels(block, []);
        self.only(&block.body, &["edition", "experiments"], &["compatible_with"]);
        self.experiments(&block.body);
        if let Some(edition) = block.body.attribute("edition")
            && edition.value.keyword() != Some(EDITION)
        {
            let detail = format!("There is one edition of the language, {EDITION}, which is the default.");
            self.report("language-edition", "Unsupported language edition", detail, edition.value.span);
        }
        for nested in &block.body.blocks {
            // Whatever else stands in the block is addressed to other programs.
            self.labels(nested, []);
            self.version_constraint(&nested.body, "opentofu", true, &mut module.settings);
        }
    }

    fn experiments(&mut self, body: &BodySyntax) {
        let Some(attribute) = body.attribute("experiments") else { return };
        for item in self.list(&attribute.value) {
            let detail = match item.keyword() {
                Some(name) => format!("There is no experiment named \"{name}\"."),
                None => "An experiment is named by a keyword, without quotes.".to_owned(),
            };
            let diagnostic = Diagnostic::error("experiment", "Unknown experiment", detail).at(item.span);
            self.diagnostics.push(diagnostic.hint("Remove it: all of the language is stable."));
        }
    }

    fn version_constraint(
        &mut self,
        body: &BodySyntax,
        name: &str,
        is_compared: bool,
        settings: &mut Settings,
    ) {
        if let Some(attribute) = body.attribute(name)
            && let Some(version) = self.text(body, name)
        {
            if is_compared {
                self.compare_version(&version, attribute.value.span);
            }
            settings.required_version.push((version, attribute.value.span));
        }
    }

    /// Refuses a module that is not for the language that is read here.
    fn compare_version(&mut self, text: &str, span: Span) {
        let Some(constraint) = VersionConstraint::parse(text) else {
            let detail = "This string does not use correct version constraint syntax.";
            let diagnostic =
                Diagnostic::error("version-constraint", "Invalid version constraint", detail).at(span);
            return self
                .diagnostics
                .push(diagnostic.hint("Write bounds with commas between: \">= 1.6, < 2.0\"."));
        };
        if constraint.names_a_version_before_release() {
            let detail = "A version before its release cannot be asked for: such versions are taken for the release itself.";
            let summary = "Invalid required_version constraint";
            let diagnostic = Diagnostic::error("version-constraint", summary, detail).at(span);
            return self.diagnostics.push(diagnostic.hint("Leave out what follows the dash."));
        }
        if !constraint.admits(LANGUAGE_VERSION) {
            let detail = format!(
                "This module is not compatible with the language of OpenTofu v{LANGUAGE_VERSION}, which is read here: it asks for \"{text}\"."
            );
            let diagnostic = Diagnostic::error(INCOMPATIBLE_MODULE, "Incompatible module", detail).at(span);
            self.diagnostics.push(diagnostic.hint("Use a version of the module that is for this language, or change the constraint if you know that it works."));
        }
    }

    fn provider_meta(&mut self, block: &BlockSyntax, settings: &mut Settings) {
        let Some([provider]) = self.labels(block, ["provider"]) else { return };
        if let Some(first) = settings.provider_meta.iter().find(|one| one.provider == provider) {
            let (first, what) = (first.span, format!("A provider_meta block for \"{provider}\""));
            return self.duplicate("Duplicate provider_meta block", what, first, block.header);
        }
        let body = self.body(&block.body, block.header, &block.title().into(), &[]);
        settings.provider_meta.push(ProviderMeta { provider, body, span: block.header });
    }

    /// Said once for a resource type, wherever its objects are.
    fn recover(&mut self, block: &BlockSyntax, module: &mut Module) {
        let Some([type_name]) = self.labels(block, ["type"]) else { return };
        self.only(&block.body, &["import_id"], &[]);
        if !module.path.is_empty() {
            let detail = "A recover block is only allowed in the root module: it is said once for all objects of its type.";
            return self.report("recover-place", "Invalid recover configuration", detail, block.header);
        }
        let recovers = &mut module.settings.recover;
        if let Some(first) = recovers.get(&type_name) {
            let (first, what) = (first.span, format!("A recover block for \"{type_name}\""));
            return self.duplicate("Duplicate recover block", what, first, block.header);
        }
        self.required(block, "import_id");
        let Some(import_id) = argument(&block.body, "import_id") else { return };
        self.diagnostics.extend(import_id.problems().iter().cloned());
        let is_other = |subject: &Subject| *subject != Subject::SelfObject;
        if let Some(other) = import_id.references().iter().find(|one| is_other(&one.subject)) {
            let detail = format!(
                "The id comes from what is planned for the object, which is called self, and from nothing else: {} is not at hand when it is needed.",
                other.subject
            );
            return self.report("recover-reference", "Invalid recover configuration", &detail, other.span);
        }
        module.settings.recover.insert(type_name, Recover { import_id, span: block.header });
    }

    fn backend(&mut self, block: &BlockSyntax, settings: &mut Settings) {
        let Some([kind]) = self.labels(block, ["type"]) else { return };
        if let Some(first) = &settings.backend {
            let first = first.span;
            return self.duplicate("Duplicate backend configuration", "A backend", first, block.header);
        }
        let body = self.body(&block.body, block.header, &block.title().into(), &[]);
        let values = IndexMap::new();
        settings.backend = Some(BackendBlock { kind, body, values, span: block.header });
    }

    /// The values of the backend's arguments, which may be written with variables and locals: the state is found
    /// before anything else is evaluated. Blocks in it stand as tuples of objects.
    pub(super) fn backend_values(&mut self, module: &mut Module) {
        let Some(backend) = &module.settings.backend else { return };
        let early = self.early(module, None);
        let mut found = Vec::new();
        let mut evaluate = |attribute: &Attribute| {
            let (value, diagnostics) = attribute.expression.evaluate(&early);
            let span = attribute.expression.span();
            // Whoever opens the state asks for variables that have no value; checking a configuration needs none. What
            // is wrong in a local value is said there.
            let is_said_here = |one: &Diagnostic| {
                one.code != "missing-variable"
                    && one.subject.is_some_and(|subject| span.join(subject) == span)
            };
            found.extend(diagnostics.into_iter().filter(is_said_here));
            (attribute.name.clone(), value)
        };
        let mut values: IndexMap<ArcStr, Value> =
            backend.body.just_attributes().iter().map(&mut evaluate).collect();
        let mut blocks: IndexMap<ArcStr, Vec<Value>> = IndexMap::new();
        for (name, _, body) in backend.body.just_blocks() {
            let inner = body.just_attributes().iter().map(&mut evaluate).collect();
            blocks.entry(name.clone()).or_default().push(Value::object(inner));
        }
        values.extend(blocks.into_iter().map(|(name, written)| (name, Value::tuple(written))));
        if let Some(backend) = &mut module.settings.backend {
            backend.values = values;
        }
        self.diagnostics.extend(found);
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
        let mut required = RequiredProvider {
            source: None,
            version: None,
            aliases: Vec::new(),
            configure_with_unknowns: false,
            span,
        };
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
                Some("configure_with_unknowns") => {
                    let is_so = self.constant(value, &Type::Bool).and_then(|value| value.as_bool());
                    required.configure_with_unknowns = is_so.unwrap_or_default();
                }
                Some("configuration_aliases") => {
                    for alias in self.list(value) {
                        required.aliases.extend(self.provider_reference(alias));
                    }
                }
                _ => {
                    let detail = "A required provider has source, version, configuration_aliases and configure_with_unknowns, and nothing else.";
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
        for name in RESERVED_ARGUMENTS {
            if let Some(attribute) = block.body.attribute(name) {
                self.reserved(block, &format!("argument name \"{name}\""), attribute.name_span);
            }
        }
        for nested in block.body.blocks.iter().filter(|one| RESERVED_BLOCKS.contains(&one.kind.as_str())) {
            self.reserved(block, &format!("block type name \"{}\"", nested.kind), nested.kind_span);
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
        let for_each = argument(&block.body, "for_each");
        if let (Some(for_each), None) = (&for_each, &alias) {
            let detail = "Only a configuration with an alias may have for_each: its instances are named NAME.ALIAS[KEY].";
            let diagnostic =
                Diagnostic::error("provider-for-each", "Alias required when using for_each", detail);
            self.diagnostics.push(diagnostic.at(for_each.span()).hint("Add an alias argument."));
        }
        let body = self.body(&block.body, block.header, &block.title().into(), &TAKEN);
        module.providers.push(ProviderBlock { name, alias, for_each, body, span: block.header });
    }

    /// Refuses a name that the language keeps for itself.
    fn reserved(&mut self, block: &BlockSyntax, what: &str, span: Span) {
        let detail =
            format!("The {what} is reserved in {} blocks for use by the language itself.", block.kind);
        let diagnostic = Diagnostic::error("reserved-name", "Reserved name", detail).at(span);
        self.diagnostics
            .push(diagnostic.hint("If the provider has something of that name, put it in a block named _."));
    }
}
