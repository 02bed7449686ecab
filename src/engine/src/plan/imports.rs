//! `import` blocks: objects that stand already and are taken into the state.
//!
//! Invariant: an object is read here and stored only when the plan is applied.

use super::Planner;
use super::provider::ProviderNode;
use crate::connections::error_diagnostic;
use crate::evaluate::{RowRepetition, RowScope, key_of};
use crate::expand::{Repeats, expand, unknown};
use crate::graph::{ModuleId, NodeId};
use crate::model::{Importing, StoredReading};
use crate::objects::{PriorObject, StoredParts, encode_object};
use crate::ordinal::ordinal;
use crate::schema::Kind;
use formwork_diagnostic::{Diagnostic, Span};
use formwork_lang::{Expression, Import, ImportBy, Target, TargetModule};
use formwork_sdk::{Connection, ReadRequest, Reading, Request, Response};
use formwork_state::{Address, BlockAddress, Key, ObjectKey, Status};
use formwork_value::{MarkKind, Type, Value, convert, json};
use futures::StreamExt;
use std::rc::Rc;
use std::sync::Arc;

/// One object to import.
struct Wanted {
    address: Address,
    by: By,
    span: Span,
}

/// How it is found.
enum By {
    Id(String),
    Identity(Value),
}

impl By {
    /// As the plan tells of it.
    fn told(&self) -> Importing {
        match self {
            Self::Id(id) => Importing::Id(id.clone()),
            Self::Identity(identity) => Importing::Identity(plain(identity)),
        }
    }
}

/// An object, and what is stored with it.
struct Remembered {
    value: Value,
    private: Vec<u8>,
    identity: Option<Value>,
}

fn plain(identity: &Value) -> serde_json::Value {
    let text = json::encode(identity, &identity.value_type()).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

impl Planner<'_> {
    /// Reads the objects that are to be imported into a block, so that it finds them as if they had stood before.
    pub(super) async fn import_into(&self, node: NodeId, kind: &Rc<Kind>, provider: &ProviderNode) {
        let mut wanted = Vec::new();
        for (module, index) in self.graph.imports.get(&node).into_iter().flatten() {
            self.gather_imports(*module, *index, kind, &mut wanted);
        }
        for (address, id) in &self.input.imports {
            if super::reach::node_of(self.graph, address) == Some(node) {
                let span = self.graph.resource(node).span;
                wanted.push(Wanted { address: address.clone(), by: By::Id(id.clone()), span });
            }
        }
        let Some(connection) = &provider.connection else { return };
        for one in wanted {
            let is_there = self.priors.borrow().contains_key(&one.address);
            if is_there || !self.reach.has(self.graph, &one.address) {
                continue;
            }
            match self.read_imported(&one, kind, connection).await {
                Ok(found) => self.adopt(one, kind, provider, found),
                Err(mut diagnostic) => {
                    diagnostic.subject.get_or_insert(one.span);
                    self.report(diagnostic);
                }
            }
        }
    }

    fn gather_imports(&self, module: ModuleId, index: usize, kind: &Kind, wanted: &mut Vec<Wanted>) {
        let graph = self.graph;
        let import = &graph.module(module).imports[index];
        for row in 0..ordinal(self.evaluator.row_count(module)) {
            let outside = self.evaluator.scope(module, row, RowRepetition::default());
            let repeats = Repeats { for_each: import.for_each.as_ref(), ..Repeats::default() };
            let (expansion, diagnostics) = expand(repeats, &outside);
            self.diagnostics.borrow_mut().append(diagnostics);
            if let (Some(_), Some(for_each)) = (expansion.undecided, &import.for_each) {
                self.report(unknown(for_each, "for_each"));
            }
            for (_, repetition) in &expansion.rows {
                let scope = self.evaluator.scope(module, row, repetition.clone());
                match self.wanted(import, module, row, kind, &scope) {
                    Ok(one) => wanted.push(one),
                    Err(diagnostic) => self.report(diagnostic),
                }
            }
        }
    }

    fn wanted(
        &self,
        import: &Import,
        module: ModuleId,
        row: u32,
        kind: &Kind,
        scope: &RowScope<'_, '_>,
    ) -> Result<Wanted, Diagnostic> {
        let mut at = self.evaluator.row(module, row).address.clone();
        for TargetModule { name, key } in &import.to.modules {
            at = at.child(name.clone(), self.import_key(key.as_ref(), scope)?);
        }
        let Some(resource) = &import.to.resource else {
            let detail = "An import block imports one object, and its \"to\" names a module.";
            return Err(Diagnostic::error("invalid-import", "Invalid import address", detail)
                .at(import.to.span)
                .hint("Name a resource, with its key where it has several instances."));
        };
        let (type_name, name) = (resource.type_name.clone(), resource.name.clone());
        let block = BlockAddress::new(at, super::mode_of(resource.mode), type_name, name);
        let address = block.instance(self.import_key(resource.key.as_ref(), scope)?);
        let by = match &import.by {
            ImportBy::Id(id) => By::Id(self.import_text(id, scope)?),
            ImportBy::Identity(identity) => By::Identity(self.import_identity(identity, kind, scope)?),
        };
        Ok(Wanted { address, by, span: import.span })
    }

    fn import_identity(
        &self,
        expression: &Expression,
        kind: &Kind,
        scope: &RowScope<'_, '_>,
    ) -> Result<Value, Diagnostic> {
        let fault = |detail: String| {
            let summary = "Invalid import identity argument";
            Diagnostic::error("invalid-import", summary, detail).at(expression.span())
        };
        let Some(schema) = &kind.schema.identity else {
            let detail = format!("Objects of type {} have no identity beside their ids.", kind.name);
            return Err(fault(detail).hint("Give an id instead."));
        };
        let (value, diagnostics) = expression.evaluate(scope);
        self.diagnostics.borrow_mut().append(diagnostics);
        let (value, marks) = value.unmark_deep();
        if marks.iter().any(|(_, marks)| marks.has(MarkKind::Sensitive)) {
            let detail = "The import identity is shown in the plan, and something in it is sensitive.";
            return Err(fault(detail.to_owned()).hint("Use nonsensitive(...) if it may be shown."));
        }
        if !value.is_wholly_known() {
            let detail = "The import identity depends on values that are known only after apply.";
            let hint = "Write it into the configuration, or apply in two steps with -target.";
            return Err(fault(detail.to_owned()).hint(hint));
        }
        let given = value.entries();
        for (name, _) in given.into_iter().flat_map(formwork_value::Entries::iter) {
            if !schema.attributes.contains_key(name.as_str()) {
                let names: Vec<&str> = schema.attributes.keys().map(arcstr::ArcStr::as_str).collect();
                let detail = format!("The identity of {} has no attribute {name:?}.", kind.name);
                return Err(fault(detail).hint(format!("It has: {}.", names.join(", "))));
            }
        }
        for (name, attribute) in &schema.attributes {
            let is_given = value.get(name).is_some_and(|value| !value.is_null());
            if attribute.is_required && !is_given {
                return Err(fault(format!("The identity of {} needs the attribute {name:?}.", kind.name)));
            }
        }
        let types = schema.attributes.iter().map(|(name, one)| (name.clone(), one.value_type.clone()));
        let names = schema.attributes.keys().cloned();
        let identity_type = Type::object_with_optional(types, names);
        convert(&value, &identity_type).map_err(|error| fault(format!("The identity does not fit: {error}.")))
    }

    fn import_key(
        &self,
        expression: Option<&Expression>,
        scope: &RowScope<'_, '_>,
    ) -> Result<Key, Diagnostic> {
        let Some(expression) = expression else { return Ok(Key::None) };
        let (value, diagnostics) = expression.evaluate(scope);
        self.diagnostics.borrow_mut().append(diagnostics);
        key_of(&value.unmark().0).ok_or_else(|| {
            let detail = "An instance key is a text or a whole number that is known before apply.";
            Diagnostic::error("invalid-import", "Invalid import address", detail).at(expression.span())
        })
    }

    fn import_text(&self, expression: &Expression, scope: &RowScope<'_, '_>) -> Result<String, Diagnostic> {
        let (value, diagnostics) = expression.evaluate(scope);
        self.diagnostics.borrow_mut().append(diagnostics);
        let (value, marks) = value.unmark();
        let fault = |detail: &str| {
            Diagnostic::error("invalid-import", "Invalid import id argument", detail).at(expression.span())
        };
        if marks.has(MarkKind::Sensitive) {
            return Err(fault("The import id is shown in the plan, and this value is sensitive.")
                .hint("Use nonsensitive(...) if it may be shown."));
        }
        match convert(&value, &Type::String) {
            Ok(text) if !text.is_known() => {
                Err(fault("The import id depends on values that are known only after apply.")
                    .hint("Write the id into the configuration, or apply in two steps with -target."))
            }
            Ok(text) => match text.as_str() {
                Some(text) if !text.is_empty() => Ok(text.to_string()),
                _ => Err(fault("The import id is null or empty.")),
            },
            Err(error) => Err(fault(&format!("The import id is not a text: {error}."))),
        }
    }

    async fn read_imported(
        &self,
        wanted: &Wanted,
        kind: &Rc<Kind>,
        connection: &Arc<dyn Connection>,
    ) -> Result<Remembered, Diagnostic> {
        let address = &wanted.address;
        let name = kind.name.to_string();
        let request = match &wanted.by {
            By::Id(id) => Request::Import { kind: name.clone(), id: id.clone() },
            By::Identity(identity) => {
                Request::ImportByIdentity { kind: name.clone(), identity: identity.clone() }
            }
        };
        let failed = |error| error_diagnostic(&error, "Importing an object failed", &address.to_string());
        let found = match self.connections.ask(connection, request).await {
            Response::Imported(Ok(found)) => found,
            Response::Imported(Err(error)) => return Err(failed(error)),
            _ => return Err(not_importable(address)),
        };
        let imported = found.into_iter().find(|one| one.kind == name).ok_or_else(|| nothing_found(wanted))?;
        let identity = imported.identity;
        let objects = vec![ReadRequest {
            prior: imported.object,
            private: imported.private,
            identity: identity.clone(),
        }];
        let Response::Read(mut readings) =
            self.connections.ask(connection, Request::Read { kind: name, objects }).await
        else {
            return Err(not_importable(address));
        };
        match readings.next().await {
            Some((_, Reading::Found { object, private, identity: told })) => {
                Ok(Remembered { value: object, private, identity: told.or(identity) })
            }
            Some((_, Reading::Failed(error))) => Err(failed(error)),
            Some((_, Reading::Gone)) | None => Err(nothing_found(wanted)),
        }
    }

    fn adopt(&self, one: Wanted, kind: &Rc<Kind>, provider: &ProviderNode, found: Remembered) {
        let Remembered { value, private, identity } = found;
        let parts = StoredParts {
            private: private.clone(),
            identity: identity.clone(),
            ..StoredParts::of_data(provider.address.clone())
        };
        let object = match encode_object(&value, kind, parts) {
            Ok(object) => Arc::new(object),
            Err(message) => {
                self.report(
                    Diagnostic::error("object-unreadable", "Object cannot be stored or read", message)
                        .about(one.address.to_string()),
                );
                return;
            }
        };
        debug_assert_eq!(object.status, Status::Ready, "a fresh object is not tainted");
        let key = ObjectKey::current(one.address.clone());
        self.readings.borrow_mut().push(StoredReading {
            key,
            object: Some(value.clone()),
            private: private.clone(),
            identity: identity.clone(),
        });
        let (kind, marks) = (kind.clone(), Vec::new());
        let prior = PriorObject { object, kind, value, marks, private, identity, is_refreshed: true };
        self.priors.borrow_mut().insert(one.address.clone(), Rc::new(prior));
        self.imported.borrow_mut().insert(one.address, one.by.told());
    }

    /// Whose an object is, its block says; an import says it only for a block that is yet to be written.
    fn check_import_providers(&self) {
        for (node, places) in &self.graph.imports {
            let of_block = self.graph.resource(*node).provider.as_ref();
            for (module, index) in places {
                let import = &self.graph.module(*module).imports[*index];
                let Some(named) = &import.provider else { continue };
                if of_block.is_none_or(|one| (&one.name, &one.alias) != (&named.name, &named.alias)) {
                    self.report(import_provider(import.span));
                }
            }
        }
    }

    /// Reports imports whose block or instance the configuration lacks.
    pub(super) fn check_imports(&self) {
        self.check_import_providers();
        for (module, index) in &self.graph.homeless_imports {
            let import = &self.graph.module(*module).imports[*index];
            self.report(no_block(&import.to, &self.graph.blocks_in(*module)));
        }
        for (address, _) in &self.input.imports {
            if super::reach::node_of(self.graph, address).is_none() {
                let diagnostic = Diagnostic::error(
                    "import-without-block",
                    "Configuration for import target does not exist",
                    format!("{address} is not in the configuration."),
                );
                self.report(diagnostic.hint("Write a resource block for it first."));
            }
        }
    }
}

fn import_provider(span: Span) -> Diagnostic {
    let detail = "The provider argument can only be specified in import blocks that will generate configuration.\n\nUse the provider argument in the target resource block to configure the provider for a resource with explicit provider configuration.";
    Diagnostic::error("import-provider", "Invalid import provider argument", detail).at(span)
}

fn no_block(target: &Target, blocks: &[String]) -> Diagnostic {
    let detail = format!(
        "The configuration for the given import target {target} does not exist. All target instances must have an associated configuration to be imported."
    );
    let near = formwork_lang::nearest(&target.to_string(), blocks.iter().map(String::as_str));
    let hint = near.map_or_else(
        || "Write a resource block for it, or let plan -generate-config-out=FILE write one.".to_owned(),
        |near| format!("Did you mean {near}?"),
    );
    Diagnostic::error("import-without-block", "Configuration for import target does not exist", detail)
        .at(target.span)
        .hint(hint)
}

fn nothing_found(wanted: &Wanted) -> Diagnostic {
    let address = &wanted.address;
    let by = match &wanted.by {
        By::Id(id) => format!("the id {id:?}"),
        By::Identity(identity) => format!("the identity {}", plain(identity)),
    };
    let detail = format!("While importing to {address}, the provider found no object with {by}.");
    Diagnostic::error("import-not-found", "Cannot import non-existent remote object", detail)
        .about(address.to_string())
        .hint("Look at what is to be found, and at where the provider points.")
}

fn not_importable(address: &Address) -> Diagnostic {
    let detail = format!("The provider does not import objects of type {}.", address.type_name());
    Diagnostic::error("not-importable", "Resource type cannot be imported", detail).about(address.to_string())
}
