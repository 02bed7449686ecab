//! What `terraform` and `language` blocks say about a module as a whole.

use super::ProviderReference;
use crate::body::Body;
use crate::expression::Expression;
use arcstr::ArcStr;
use formwork_diagnostic::Span;
use formwork_value::Value;
use indexmap::IndexMap;

/// What `terraform` and `language` blocks say.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Version constraints on the language, each with its place.
    pub required_version: Vec<(String, Span)>,
    /// Providers by local name.
    pub required_providers: IndexMap<ArcStr, RequiredProvider>,
    /// Where the state is kept.
    pub backend: Option<BackendBlock>,
    /// What is told to providers about this module.
    pub provider_meta: Vec<ProviderMeta>,
    /// How state and plan files are encrypted.
    pub encryption: Option<Encryption>,
    /// Whether secrets may reach a state elsewhere only when it is encrypted.
    pub require_encryption: bool,
    /// How objects are found whose making was cut off, by resource type.
    pub recover: IndexMap<ArcStr, Recover>,
}

/// A `recover` block.
#[derive(Debug, Clone)]
pub struct Recover {
    /// The id under which an object of the type can be imported, of what is planned for it: `self`.
    pub import_id: Expression,
    /// Its header.
    pub span: Span,
}

/// One entry of `required_providers`.
#[derive(Debug, Clone)]
pub struct RequiredProvider {
    /// `host/namespace/type` with the first parts optional.
    pub source: Option<String>,
    /// A version constraint.
    pub version: Option<String>,
    /// Configurations that the caller must pass in.
    pub aliases: Vec<ProviderReference>,
    /// Whether it is configured while something in its configuration is not known yet.
    pub configure_with_unknowns: bool,
    /// The entry.
    pub span: Span,
}

/// A `backend` block.
#[derive(Debug, Clone)]
pub struct BackendBlock {
    /// Its label.
    pub kind: ArcStr,
    /// Its arguments.
    pub body: Body,
    /// The values of its arguments, where they are known before anything is evaluated: those of the root module.
    pub values: IndexMap<ArcStr, Value>,
    /// Its header.
    pub span: Span,
}

/// A `provider_meta` block.
#[derive(Debug, Clone)]
pub struct ProviderMeta {
    /// The provider's local name.
    pub provider: ArcStr,
    /// Its arguments.
    pub body: Body,
    /// Its header.
    pub span: Span,
}

/// An `encryption` block.
#[derive(Debug, Clone)]
pub struct Encryption {
    /// Where keys come from.
    pub key_providers: Vec<EncryptionPart>,
    /// How is encrypted with them.
    pub methods: Vec<EncryptionPart>,
    /// How the state is kept.
    pub state: Option<EncryptionTarget>,
    /// How plan files are kept.
    pub plan: Option<EncryptionTarget>,
    /// How states of other configurations are read, where nothing is said about one of them.
    pub remote_states: Option<EncryptionTarget>,
    /// How states of other configurations are read, by the name of the data source.
    pub remote_state: IndexMap<ArcStr, EncryptionTarget>,
    /// The block's header.
    pub span: Span,
}

/// A `key_provider` or `method` block.
#[derive(Debug, Clone)]
pub struct EncryptionPart {
    /// Its first label.
    pub kind: ArcStr,
    /// Its second label.
    pub name: ArcStr,
    /// Its arguments, but those that name another part.
    pub arguments: IndexMap<ArcStr, EncryptionArgument>,
    /// Its arguments that name another part: `keys = key_provider.pbkdf2.main`.
    pub references: IndexMap<ArcStr, EncryptionReference>,
    /// Its header.
    pub span: Span,
}

/// An argument of a part.
#[derive(Debug, Clone)]
pub struct EncryptionArgument {
    /// As it is written.
    pub expression: Expression,
    /// Its value, where it is known before anything is evaluated; no mark is left on it.
    pub value: Value,
    /// Its name.
    pub name_span: Span,
}

/// Another part of the same encryption: `method.aes_gcm.main`.
#[derive(Debug, Clone)]
pub struct EncryptionReference {
    /// The first label of what is meant.
    pub kind: ArcStr,
    /// Its second label.
    pub name: ArcStr,
    /// The reference.
    pub span: Span,
}

/// How one kind of file is kept.
#[derive(Debug, Clone)]
pub struct EncryptionTarget {
    /// The method that it is written and read with: `method.aes_gcm.main`.
    pub method: Option<EncryptionReference>,
    /// Whether an unencrypted one is refused.
    pub enforced: bool,
    /// What is tried when it cannot be read.
    pub fallback: Option<Box<EncryptionTarget>>,
    /// The block's header.
    pub span: Span,
}
