//! `encryption` blocks.

use super::Loader;
use super::arguments::argument;
use crate::module::{Encryption, EncryptionPart, EncryptionTarget, Settings};
use crate::syntax::BlockSyntax;
use indexmap::IndexMap;

const BLOCKS: [&str; 5] = ["key_provider", "method", "state", "plan", "remote_state_data_sources"];

impl Loader<'_> {
    pub(super) fn encryption(&mut self, block: &BlockSyntax, settings: &mut Settings) {
        self.labels(block, []);
        if let Some(first) = &settings.encryption {
            let first = first.span;
            let what = "The encryption of this configuration";
            return self.duplicate("Duplicate encryption configuration", what, first, block.header);
        }
        self.only(&block.body, &[], &BLOCKS);
        let mut encryption = Encryption {
            key_providers: self.encryption_parts(block, "key_provider"),
            methods: self.encryption_parts(block, "method"),
            state: self.single(&block.body, "state").map(|nested| self.encryption_target(nested, true)),
            plan: self.single(&block.body, "plan").map(|nested| self.encryption_target(nested, true)),
            remote_states: None,
            remote_state: IndexMap::new(),
            span: block.header,
        };
        if let Some(nested) = self.single(&block.body, "remote_state_data_sources") {
            self.remote_states(nested, &mut encryption);
        }
        settings.encryption = Some(encryption);
    }

    fn encryption_parts(&mut self, block: &BlockSyntax, kind: &str) -> Vec<EncryptionPart> {
        let mut parts: Vec<EncryptionPart> = Vec::new();
        for nested in block.body.blocks.iter().filter(|nested| nested.kind == kind) {
            let Some([type_name, name]) = self.labels(nested, ["type", "name"]) else { continue };
            if let Some(first) = parts.iter().find(|one| one.kind == type_name && one.name == name) {
                let (first, what) = (first.span, format!("The {kind} {type_name}.{name}"));
                self.duplicate(format!("Duplicate {kind} block"), what, first, nested.header);
                continue;
            }
            let body = self.body(&nested.body, nested.header, &nested.title().into(), &[]);
            parts.push(EncryptionPart { kind: type_name, name, body, span: nested.header });
        }
        parts
    }

    fn encryption_target(&mut self, block: &BlockSyntax, may_be_enforced: bool) -> EncryptionTarget {
        let arguments: &[&str] = if may_be_enforced { &["method", "enforced"] } else { &["method"] };
        self.only(&block.body, arguments, &["fallback"]);
        let fallback = self.single(&block.body, "fallback");
        EncryptionTarget {
            method: argument(&block.body, "method"),
            enforced: self.flag(&block.body, "enforced").unwrap_or(false),
            fallback: fallback.map(|nested| Box::new(self.encryption_target(nested, false))),
            span: block.header,
        }
    }

    fn remote_states(&mut self, block: &BlockSyntax, encryption: &mut Encryption) {
        self.only(&block.body, &[], &["default", "remote_state_data_source"]);
        encryption.remote_states =
            self.single(&block.body, "default").map(|nested| self.encryption_target(nested, false));
        for nested in block.body.blocks.iter().filter(|nested| nested.kind == "remote_state_data_source") {
            let [(name, _)] = nested.labels.as_slice() else {
                let detail = "A remote_state_data_source block has one label: the name of the data source.";
                self.report(
                    "block-labels",
                    "Missing name for remote_state_data_source",
                    detail,
                    nested.header,
                );
                continue;
            };
            let target = self.encryption_target(nested, false);
            encryption.remote_state.insert(name.clone(), target);
        }
    }
}
