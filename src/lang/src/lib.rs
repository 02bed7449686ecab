//! The configuration language: text to syntax tree to module tree; expressions, functions, and bodies decoded by a
//! schema. Semantics are HCL's and OpenTofu's.
//!
//! Invariants: nothing here reads a disk (a [`Source`] is passed in) or knows a provider or state; parsing never
//! stops at the first error; evaluating gives a value and diagnostics, never a panic.

mod body;
mod call;
mod compile;
mod console;
mod constraint;
mod decode;
mod evaluate;
mod expression;
mod format;
pub mod functions;
mod json;
mod lexer;
mod load;
mod module;
mod module_address;
mod node;
mod parser;
mod schema;
mod scope;
mod source;
mod standalone;
mod suggest;
mod surroundings;
mod syntax;
mod test_file;
#[cfg(test)]
mod tests;
mod version;

pub use body::{Attribute, Body};
pub use console::{ConsoleInput, is_incomplete, parse_console};
pub use constraint::TypeConstraint;
pub use evaluate::{describe, index_value, safe_prefix};
pub use expression::Expression;
pub use format::format;
pub use functions::{Vocabulary, duration_seconds};
pub use load::{TEST_DIRECTORY, check_assertions, load, load_tests, load_with};
pub use module::{
    BackendBlock, Check, Condition, Connection, Encryption, EncryptionArgument, EncryptionPart,
    EncryptionReference, EncryptionTarget, IgnoreChanges, Import, ImportBy, Lifecycle, Local, Module,
    ModuleCall, Moved, Output, ProviderBlock, ProviderMeta, ProviderReference, Provisioner, ProvisionerCrash,
    ProvisionerFailure, ProvisionerWhen, Recover, Removed, RequiredProvider, Resource, Settings, Target,
    TargetModule, TargetResource, Variable,
};
pub use module_address::{MODULE_MANIFEST, ModuleAddress};
pub use schema::{AttributeSchema, BlockSchema, NestedSchema, Nesting};
pub use scope::{Mode, Query, Reference, Scope, Subject, TraversalStep};
pub use source::{
    MemorySource, ModuleRequest, RecordingSource, Source, SourceError, join_path, normalise_path,
};
pub use standalone::{
    Names, VariableValues, check_syntax, decode_tfvars, parse_expression, parse_expression_in,
    parse_template, parse_template_in, parse_tfvars,
};
pub use suggest::nearest;
pub use surroundings::Surroundings;
pub use test_file::{
    Expectation, ExpectedObject, InstancePattern, MockKind, MockProvider, ModuleOverride, ObjectOverride,
    OverrideDuring, OverrideTarget, Overrides, TestCommand, TestFile, TestModule, TestRun,
};
pub use version::{LANGUAGE_VERSION, Version, VersionConstraint};
