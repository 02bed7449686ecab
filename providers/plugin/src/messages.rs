//! The messages of the provider protocol, by their field numbers.
//!
//! Versions 5 and 6 give equal numbers to all that both have, but for one message, the attribute of a schema: one
//! model serves both, and a schema keeps its attributes as bytes until somebody says which version they are of.

use prost::Message;
use std::collections::BTreeMap;

/// Declares messages: public within the crate, and never shown, as any field may hold a secret.
macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field:meta])* $part:ident: $kind:ty,)* })*) => {
        $($(#[$doc])* #[derive(Clone, PartialEq, Message)]
        pub(crate) struct $name { $($(#[$field])* pub(crate) $part: $kind,)* })*
    };
}

messages! {
    /// Nothing.
    Empty {}
    /// A value: MessagePack, or JSON.
    DynamicValue {
        #[prost(bytes = "vec", tag = "1")] msgpack: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")] json: Vec<u8>,
    }
    /// A finding: severity 1 is an error, 2 a warning.
    Diagnostic {
        #[prost(int32, tag = "1")] severity: i32,
        #[prost(string, tag = "2")] summary: String,
        #[prost(string, tag = "3")] detail: String,
        #[prost(message, optional, tag = "4")] attribute: Option<AttributePath>,
    }
    /// Steps to a part of a value.
    AttributePath {
        #[prost(message, repeated, tag = "1")] steps: Vec<Step>,
    }
    /// One step.
    Step {
        #[prost(oneof = "Selector", tags = "1, 2, 3")] selector: Option<Selector>,
    }
    /// A stored object.
    RawState {
        #[prost(bytes = "vec", tag = "1")] json: Vec<u8>,
    }
    /// A moment.
    Timestamp {
        #[prost(int64, tag = "1")] seconds: i64,
        #[prost(int32, tag = "2")] nanos: i32,
    }
    /// A schema.
    Schema {
        #[prost(int64, tag = "1")] version: i64,
        #[prost(message, optional, tag = "2")] block: Option<Block>,
    }
    /// A block of a schema; each attribute is an [`Attribute5`] or an [`Attribute6`].
    Block {
        #[prost(bytes = "vec", repeated, tag = "2")] attributes: Vec<Vec<u8>>,
        #[prost(message, repeated, tag = "3")] nested: Vec<NestedBlock>,
        #[prost(string, tag = "4")] description: String,
        #[prost(int32, tag = "5")] description_kind: i32,
        #[prost(bool, tag = "6")] deprecated: bool,
        #[prost(string, tag = "7")] deprecation_message: String,
    }
    /// A nested block.
    NestedBlock {
        #[prost(string, tag = "1")] type_name: String,
        #[prost(message, optional, tag = "2")] block: Option<Block>,
        #[prost(int32, tag = "3")] nesting: i32,
        #[prost(int64, tag = "4")] min_items: i64,
        #[prost(int64, tag = "5")] max_items: i64,
    }
    /// An attribute in version 5.
    Attribute5 {
        #[prost(string, tag = "1")] name: String,
        #[prost(bytes = "vec", tag = "2")] value_type: Vec<u8>,
        #[prost(string, tag = "3")] description: String,
        #[prost(bool, tag = "4")] required: bool,
        #[prost(bool, tag = "5")] optional: bool,
        #[prost(bool, tag = "6")] computed: bool,
        #[prost(bool, tag = "7")] sensitive: bool,
        #[prost(int32, tag = "8")] description_kind: i32,
        #[prost(bool, tag = "9")] deprecated: bool,
        #[prost(bool, tag = "10")] write_only: bool,
        #[prost(string, tag = "11")] deprecation_message: String,
    }
    /// An attribute in version 6.
    Attribute6 {
        #[prost(string, tag = "1")] name: String,
        #[prost(bytes = "vec", tag = "2")] value_type: Vec<u8>,
        #[prost(string, tag = "3")] description: String,
        #[prost(bool, tag = "4")] required: bool,
        #[prost(bool, tag = "5")] optional: bool,
        #[prost(bool, tag = "6")] computed: bool,
        #[prost(bool, tag = "7")] sensitive: bool,
        #[prost(int32, tag = "8")] description_kind: i32,
        #[prost(bool, tag = "9")] deprecated: bool,
        #[prost(message, optional, tag = "10")] nested_type: Option<Object>,
        #[prost(bool, tag = "11")] write_only: bool,
        #[prost(string, tag = "12")] deprecation_message: String,
    }
    /// The objects that an attribute of version 6 holds.
    Object {
        #[prost(bytes = "vec", repeated, tag = "1")] attributes: Vec<Vec<u8>>,
        #[prost(int32, tag = "3")] nesting: i32,
    }
    /// A function.
    Function {
        #[prost(message, repeated, tag = "1")] parameters: Vec<Parameter>,
        #[prost(message, optional, tag = "2")] variadic_parameter: Option<Parameter>,
        #[prost(message, optional, tag = "3")] returns: Option<Return>,
        #[prost(string, tag = "4")] summary: String,
        #[prost(string, tag = "5")] description: String,
    }
    /// A parameter of a function.
    Parameter {
        #[prost(string, tag = "1")] name: String,
        #[prost(bytes = "vec", tag = "2")] value_type: Vec<u8>,
        #[prost(bool, tag = "3")] allow_null_value: bool,
        #[prost(string, tag = "5")] description: String,
    }
    /// What a function returns.
    Return {
        #[prost(bytes = "vec", tag = "1")] value_type: Vec<u8>,
    }
    /// What a provider can do beyond the first version of its protocol.
    ServerCapabilities {
        #[prost(bool, tag = "1")] plan_destroy: bool,
        #[prost(bool, tag = "2")] get_provider_schema_optional: bool,
        #[prost(bool, tag = "3")] move_resource_state: bool,
        #[prost(bool, tag = "4")] generate_resource_config: bool,
    }
    /// What this host can do beyond it.
    ClientCapabilities {
        #[prost(bool, tag = "1")] deferral_allowed: bool,
        #[prost(bool, tag = "2")] write_only_attributes_allowed: bool,
    }
    /// Why something has to wait.
    Deferred {
        #[prost(int32, tag = "1")] reason: i32,
    }
    /// All schemas of a provider.
    Schemas {
        #[prost(message, optional, tag = "1")] provider: Option<Schema>,
        #[prost(btree_map = "string, message", tag = "2")] resources: BTreeMap<String, Schema>,
        #[prost(btree_map = "string, message", tag = "3")] data_sources: BTreeMap<String, Schema>,
        #[prost(message, repeated, tag = "4")] diagnostics: Vec<Diagnostic>,
        #[prost(message, optional, tag = "6")] capabilities: Option<ServerCapabilities>,
        #[prost(btree_map = "string, message", tag = "7")] functions: BTreeMap<String, Function>,
        #[prost(btree_map = "string, message", tag = "8")] ephemeral: BTreeMap<String, Schema>,
    }
    /// What a provider says of itself, as it is kept in a file of ours.
    Kept {
        #[prost(uint32, tag = "1")] form: u32,
        #[prost(string, tag = "2")] package: String,
        #[prost(uint32, tag = "3")] protocol: u32,
        #[prost(message, optional, tag = "4")] schemas: Option<Schemas>,
        #[prost(message, optional, tag = "5")] identities: Option<IdentitySchemas>,
    }
    /// A provider's configuration to check.
    ValidateProvider {
        #[prost(message, optional, tag = "1")] config: Option<DynamicValue>,
    }
    /// What was found; equal in both versions, as the prepared configuration of version 5 is nobody's here.
    ValidatedProvider {
        #[prost(message, repeated, tag = "2")] diagnostics: Vec<Diagnostic>,
    }
    /// A resource's, data source's or ephemeral resource's configuration to check.
    ValidateKind {
        #[prost(string, tag = "1")] type_name: String,
        #[prost(message, optional, tag = "2")] config: Option<DynamicValue>,
        #[prost(message, optional, tag = "3")] capabilities: Option<ClientCapabilities>,
    }
    /// Findings alone: of a check, a configuration, a closing.
    Findings {
        #[prost(message, repeated, tag = "1")] diagnostics: Vec<Diagnostic>,
    }
    /// A stored object to bring to today's schema.
    Upgrade {
        #[prost(string, tag = "1")] type_name: String,
        #[prost(int64, tag = "2")] version: i64,
        #[prost(message, optional, tag = "3")] raw_state: Option<RawState>,
    }
    /// A value with findings: an upgraded object, a data source, a generated configuration.
    Found {
        #[prost(message, optional, tag = "1")] value: Option<DynamicValue>,
        #[prost(message, repeated, tag = "2")] diagnostics: Vec<Diagnostic>,
    }
    /// A configuration to work with.
    Configure {
        #[prost(string, tag = "1")] terraform_version: String,
        #[prost(message, optional, tag = "2")] config: Option<DynamicValue>,
        #[prost(message, optional, tag = "3")] capabilities: Option<ClientCapabilities>,
    }
    /// An object to read.
    Read {
        #[prost(string, tag = "1")] type_name: String,
        #[prost(message, optional, tag = "2")] current_state: Option<DynamicValue>,
        #[prost(bytes = "vec", tag = "3")] private: Vec<u8>,
        #[prost(message, optional, tag = "5")] capabilities: Option<ClientCapabilities>,
        #[prost(message, optional, tag = "6")] current_identity: Option<Identity>,
    }
    /// An object as it was read.
    ReadAnswer {
        #[prost(message, optional, tag = "1")] new_state: Option<DynamicValue>,
        #[prost(message, repeated, tag = "2")] diagnostics: Vec<Diagnostic>,
        #[prost(bytes = "vec", tag = "3")] private: Vec<u8>,
        #[prost(message, optional, tag = "5")] new_identity: Option<Identity>,
    }
    /// A change to plan.
    Plan {
        #[prost(string, tag = "1")] type_name: String,
        #[prost(message, optional, tag = "2")] prior_state: Option<DynamicValue>,
        #[prost(message, optional, tag = "3")] proposed_new_state: Option<DynamicValue>,
        #[prost(message, optional, tag = "4")] config: Option<DynamicValue>,
        #[prost(bytes = "vec", tag = "5")] prior_private: Vec<u8>,
        #[prost(message, optional, tag = "7")] capabilities: Option<ClientCapabilities>,
        #[prost(message, optional, tag = "8")] prior_identity: Option<Identity>,
    }
    /// A planned change.
    PlanAnswer {
        #[prost(message, optional, tag = "1")] planned_state: Option<DynamicValue>,
        #[prost(message, repeated, tag = "2")] requires_replace: Vec<AttributePath>,
        #[prost(bytes = "vec", tag = "3")] planned_private: Vec<u8>,
        #[prost(message, repeated, tag = "4")] diagnostics: Vec<Diagnostic>,
        #[prost(bool, tag = "5")] legacy_type_system: bool,
        #[prost(message, optional, tag = "6")] deferred: Option<Deferred>,
        #[prost(message, optional, tag = "7")] planned_identity: Option<Identity>,
    }
    /// A planned change to perform.
    Apply {
        #[prost(string, tag = "1")] type_name: String,
        #[prost(message, optional, tag = "2")] prior_state: Option<DynamicValue>,
        #[prost(message, optional, tag = "3")] planned_state: Option<DynamicValue>,
        #[prost(message, optional, tag = "4")] config: Option<DynamicValue>,
        #[prost(bytes = "vec", tag = "5")] planned_private: Vec<u8>,
        #[prost(message, optional, tag = "7")] planned_identity: Option<Identity>,
    }
    /// What came of it.
    ApplyAnswer {
        #[prost(message, optional, tag = "1")] new_state: Option<DynamicValue>,
        #[prost(bytes = "vec", tag = "2")] private: Vec<u8>,
        #[prost(message, repeated, tag = "3")] diagnostics: Vec<Diagnostic>,
        #[prost(bool, tag = "4")] legacy_type_system: bool,
        #[prost(message, optional, tag = "5")] new_identity: Option<Identity>,
    }
    /// An id to import.
    Import {
        #[prost(string, tag = "1")] type_name: String,
        #[prost(string, tag = "2")] id: String,
        #[prost(message, optional, tag = "3")] capabilities: Option<ClientCapabilities>,
        #[prost(message, optional, tag = "4")] identity: Option<Identity>,
    }
    /// An imported object.
    Imported {
        #[prost(string, tag = "1")] type_name: String,
        #[prost(message, optional, tag = "2")] state: Option<DynamicValue>,
        #[prost(bytes = "vec", tag = "3")] private: Vec<u8>,
        #[prost(message, optional, tag = "4")] identity: Option<Identity>,
    }
    /// What an import gave.
    ImportAnswer {
        #[prost(message, repeated, tag = "1")] imported: Vec<Imported>,
        #[prost(message, repeated, tag = "2")] diagnostics: Vec<Diagnostic>,
    }
    /// A stored object of another kind.
    Move {
        #[prost(string, tag = "1")] source_provider_address: String,
        #[prost(string, tag = "2")] source_type_name: String,
        #[prost(int64, tag = "3")] source_schema_version: i64,
        #[prost(message, optional, tag = "4")] source_state: Option<RawState>,
        #[prost(string, tag = "5")] target_type_name: String,
        #[prost(bytes = "vec", tag = "6")] source_private: Vec<u8>,
        #[prost(message, optional, tag = "7")] source_identity: Option<RawState>,
        #[prost(int64, tag = "8")] source_identity_schema_version: i64,
    }
    /// It as an object of this kind.
    Moved {
        #[prost(message, optional, tag = "1")] target_state: Option<DynamicValue>,
        #[prost(message, repeated, tag = "2")] diagnostics: Vec<Diagnostic>,
        #[prost(bytes = "vec", tag = "3")] target_private: Vec<u8>,
        #[prost(message, optional, tag = "4")] target_identity: Option<Identity>,
    }
    /// What tells an object from the others of its kind.
    Identity {
        #[prost(message, optional, tag = "1")] data: Option<DynamicValue>,
    }
    /// The identities of a provider's kinds.
    IdentitySchemas {
        #[prost(btree_map = "string, message", tag = "1")] schemas: BTreeMap<String, IdentitySchema>,
        #[prost(message, repeated, tag = "2")] diagnostics: Vec<Diagnostic>,
    }
    /// What the identity of a kind consists of.
    IdentitySchema {
        #[prost(int64, tag = "1")] version: i64,
        #[prost(message, repeated, tag = "2")] attributes: Vec<IdentityAttribute>,
    }
    /// One part of it.
    IdentityAttribute {
        #[prost(string, tag = "1")] name: String,
        #[prost(bytes = "vec", tag = "2")] value_type: Vec<u8>,
        #[prost(bool, tag = "3")] required_for_import: bool,
        #[prost(string, tag = "5")] description: String,
    }
    /// A stored identity to bring to today's schema.
    UpgradeIdentity {
        #[prost(string, tag = "1")] type_name: String,
        #[prost(int64, tag = "2")] version: i64,
        #[prost(message, optional, tag = "3")] raw_identity: Option<RawState>,
    }
    /// It in the form of today.
    UpgradedIdentity {
        #[prost(message, optional, tag = "1")] identity: Option<Identity>,
        #[prost(message, repeated, tag = "2")] diagnostics: Vec<Diagnostic>,
    }
    /// A kind with a value: a data source's configuration, an ephemeral resource's, an object.
    KindValue {
        #[prost(string, tag = "1")] type_name: String,
        #[prost(message, optional, tag = "2")] value: Option<DynamicValue>,
    }
    /// A call of a function.
    CallFunction {
        #[prost(string, tag = "1")] name: String,
        #[prost(message, repeated, tag = "2")] arguments: Vec<DynamicValue>,
    }
    /// What a function gave.
    CallAnswer {
        #[prost(message, optional, tag = "1")] result: Option<DynamicValue>,
        #[prost(message, optional, tag = "2")] error: Option<FunctionError>,
    }
    /// Why a function gave nothing.
    FunctionError {
        #[prost(string, tag = "1")] text: String,
    }
    /// An open ephemeral resource.
    Opened {
        #[prost(message, repeated, tag = "1")] diagnostics: Vec<Diagnostic>,
        #[prost(message, optional, tag = "2")] renew_at: Option<Timestamp>,
        #[prost(message, optional, tag = "3")] result: Option<DynamicValue>,
        #[prost(bytes = "vec", optional, tag = "4")] private: Option<Vec<u8>>,
    }
    /// An ephemeral resource by its private bytes.
    KindPrivate {
        #[prost(string, tag = "1")] type_name: String,
        #[prost(bytes = "vec", optional, tag = "2")] private: Option<Vec<u8>>,
    }
    /// A renewed ephemeral resource.
    Renewed {
        #[prost(message, repeated, tag = "1")] diagnostics: Vec<Diagnostic>,
        #[prost(message, optional, tag = "2")] renew_at: Option<Timestamp>,
        #[prost(bytes = "vec", optional, tag = "3")] private: Option<Vec<u8>>,
    }
    /// What a provider printed: channel 1 is its standard output, 2 its errors.
    Printed {
        #[prost(int32, tag = "1")] channel: i32,
        #[prost(bytes = "vec", tag = "2")] data: Vec<u8>,
    }
}

/// What a step goes by.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Selector {
    /// An object's attribute.
    #[prost(string, tag = "1")]
    AttributeName(String),
    /// A map's key.
    #[prost(string, tag = "2")]
    ElementKeyString(String),
    /// A list's index.
    #[prost(int64, tag = "3")]
    ElementKeyInt(i64),
}
