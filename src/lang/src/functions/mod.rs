//! The functions of the language: one table, and what a function is.
//!
//! Invariant: a function is pure but for what its [`FunctionContext`] gives; it never sees an argument that its
//! parameter does not allow (null, unknown, marked, of another type): [`crate::call`] has dealt with those.

#![expect(
    clippy::unnecessary_wraps,
    reason = "one table holds them all, so all have the type of those that can fail"
)]

use crate::source::Source;
use formwork_value::{Type, Value};
use rustc_hash::FxHashMap;
use std::sync::LazyLock;

/// A type that can stand in a static table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Any type: the argument comes as it is.
    Any,
    /// A bool.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// A list.
    List(&'static Shape),
    /// A set.
    Set(&'static Shape),
    /// A map.
    Map(&'static Shape),
}

impl Shape {
    /// The type it stands for.
    pub fn to_type(self) -> Type {
        match self {
            Self::Any => Type::Dynamic,
            Self::Bool => Type::Bool,
            Self::Number => Type::Number,
            Self::String => Type::String,
            Self::List(element) => Type::list(element.to_type()),
            Self::Set(element) => Type::set(element.to_type()),
            Self::Map(element) => Type::map(element.to_type()),
        }
    }
}

/// One parameter and what it lets through to the function.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, as in cty")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in messages.
    pub name: &'static str,
    /// Arguments are converted to this type.
    pub value_type: Shape,
    /// Null comes through; else it is an error.
    pub allow_null: bool,
    /// Unknown values come through (at the top; deeper ones always do); else the result is unknown.
    pub allow_unknown: bool,
    /// Marks come through, and the function puts them on its result; else they are taken off at every depth and
    /// put on the whole result.
    pub allow_marked: bool,
    /// Values whose type is not known yet come through; else the result is unknown and of unknown type.
    pub allow_dynamic: bool,
}

impl Parameter {
    /// A parameter that lets nothing through but known values of its type.
    pub const fn new(name: &'static str, value_type: Shape) -> Self {
        Self {
            name,
            value_type,
            allow_null: false,
            allow_unknown: false,
            allow_marked: false,
            allow_dynamic: false,
        }
    }

    /// Lets null through.
    #[must_use]
    pub const fn null(mut self) -> Self {
        self.allow_null = true;
        self
    }

    /// Lets unknown values through.
    #[must_use]
    pub const fn unknown(mut self) -> Self {
        self.allow_unknown = true;
        self
    }

    /// Lets marks through.
    #[must_use]
    pub const fn marked(mut self) -> Self {
        self.allow_marked = true;
        self
    }

    /// Lets values of a type not known yet through.
    #[must_use]
    pub const fn dynamic(mut self) -> Self {
        self.allow_dynamic = true;
        self
    }
}

/// How the type of a result follows from the arguments.
#[derive(Debug, Clone, Copy)]
pub enum ResultType {
    /// Always this.
    Fixed(Shape),
    /// From the arguments: converted, without marks where the parameter does not allow them, perhaps unknown.
    Of(fn(&[Value]) -> Result<Type, FunctionError>),
}

/// The work of a function. Its arguments are as its parameters ask for them.
pub type Implementation = fn(&FunctionContext<'_>, &[Value]) -> Result<Value, FunctionError>;

/// One function.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// As it is called.
    pub name: &'static str,
    /// The parameters in order.
    pub parameters: &'static [Parameter],
    /// What further arguments are, where there may be any.
    pub variadic: Option<Parameter>,
    /// The type of the result.
    pub result: ResultType,
    /// Whether the result is never null, also while it is unknown.
    pub never_null: bool,
    /// Whether each call may give another result; such calls are unknown in a plan.
    pub impure: bool,
    /// Whether the work itself refuses what the function of the result's type refuses: then the type of a known
    /// result, which may take longer than the result, is not asked for.
    pub checks_arguments: bool,
    /// The work itself.
    pub call: Implementation,
}

impl Function {
    /// A function that takes these parameters and no more, is pure, and never gives null.
    const fn new(
        name: &'static str,
        parameters: &'static [Parameter],
        result: ResultType,
        call: Implementation,
    ) -> Self {
        Self {
            name,
            parameters,
            variadic: None,
            result,
            never_null: true,
            impure: false,
            checks_arguments: false,
            call,
        }
    }

    /// Refuses by itself what the function of its result's type refuses.
    const fn checking(mut self) -> Self {
        self.checks_arguments = true;
        self
    }

    /// Takes any number of further arguments.
    const fn variadic(mut self, parameter: Parameter) -> Self {
        self.variadic = Some(parameter);
        self
    }

    /// May give null.
    const fn nullable(mut self) -> Self {
        self.never_null = false;
        self
    }

    /// May give another result at each call.
    const fn impure(mut self) -> Self {
        self.impure = true;
        self
    }
}

/// What the world gives to a function.
#[derive(Clone, Copy)]
pub struct FunctionContext<'a> {
    /// Files.
    pub files: &'a dyn Source,
    /// The module's folder; file functions resolve paths against the root folder, as OpenTofu does.
    pub module_directory: &'a str,
    /// The time of the plan, RFC 3339.
    pub plan_timestamp: &'a str,
}

/// Why a function gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// The argument at fault, from 0; nothing when the call as a whole is.
    pub argument: Option<usize>,
    /// A sentence without a capital and full stop.
    pub message: String,
}

impl FunctionError {
    /// The call as a whole is at fault.
    pub fn new(message: impl Into<String>) -> Self {
        Self { argument: None, message: message.into() }
    }

    /// One argument is at fault, counted from 0.
    pub fn argument(argument: usize, message: impl Into<String>) -> Self {
        Self { argument: Some(argument), message: message.into() }
    }

    /// The same fault, found in one argument.
    fn at(mut self, argument: usize) -> Self {
        self.argument = Some(argument);
        self
    }
}

pub(crate) mod argument;
mod assume;
mod choice;
mod collection;
mod conversion;
mod csv;
mod date_format;
mod deflate;
mod description;
mod digits;
mod encoding;
mod file;
mod format;
mod glob;
mod handlebars;
mod hash;
mod json;
#[cfg(test)]
mod marks_tests;
mod network;
mod numeric;
mod pattern;
mod secret;
mod sequence;
mod set;
mod signature;
mod string;
#[cfg(test)]
mod tests;
mod time;
mod yaml;
mod yaml_text;

pub use signature::{Signature, SignatureParameter, signatures};
pub use time::duration_seconds;

/// All functions but those that the evaluator itself provides.
static TABLES: &[&[Function]] = &[
    assume::FUNCTIONS,
    choice::FUNCTIONS,
    collection::FUNCTIONS,
    conversion::FUNCTIONS,
    csv::FUNCTIONS,
    encoding::FUNCTIONS,
    file::FUNCTIONS,
    format::FUNCTIONS,
    handlebars::FUNCTIONS,
    hash::FUNCTIONS,
    json::FUNCTIONS,
    network::FUNCTIONS,
    numeric::FUNCTIONS,
    pattern::FUNCTIONS,
    secret::FUNCTIONS,
    sequence::FUNCTIONS,
    set::FUNCTIONS,
    string::FUNCTIONS,
    time::FUNCTIONS,
    yaml::FUNCTIONS,
];

static BY_NAME: LazyLock<FxHashMap<&'static str, &'static Function>> = LazyLock::new(|| {
    TABLES.iter().flat_map(|table| table.iter()).map(|function| (function.name, function)).collect()
});

/// Which functions an expression may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vocabulary {
    /// Those of configurations.
    #[default]
    Configuration,
    /// Those that OpenTofu 1.12 has: to hold evaluation against what that version recorded.
    OpenTofu112,
}

impl Vocabulary {
    /// Whether a function may be called here.
    pub(crate) fn has(self, name: &str) -> bool {
        self != Self::OpenTofu112 || !matches!(origin(name), Origin::OpenTofu113 | Origin::Formwork)
    }

    /// The function of a name without `core::`.
    pub(crate) fn lookup(self, name: &str) -> Option<&'static Function> {
        lookup(name).filter(|_| self.has(name))
    }
}

/// Where a function is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Terraform and OpenTofu have it.
    Common,
    /// OpenTofu has it.
    OpenTofu,
    /// OpenTofu has it from version 1.13 on.
    OpenTofu113,
    /// It is ours.
    Formwork,
}

/// Where a function is known from.
pub fn origin(name: &str) -> Origin {
    match name {
        "base64gunzip" | "cidrcontains" | "urldecode" => Origin::OpenTofu,
        "convert" => Origin::OpenTofu113,
        name if name.starts_with("assume") => Origin::OpenTofu113,
        name if name.starts_with("handlebars") => Origin::Formwork,
        _ => Origin::Common,
    }
}

/// The function of a name. `core::NAME` is the same function.
pub fn lookup(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name.strip_prefix("core::").unwrap_or(name)).copied()
}

/// The names of all functions, those included that the evaluator itself provides.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().flat_map(|table| table.iter()).map(|function| function.name).chain(crate::call::LAZY)
}
