//! What an expression may name, and whom it asks for the values.

use crate::source::Source;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Span};
use formwork_value::{Path, PathStep, Value};

/// Managed resources have a life of their own; data sources are only read; ephemeral resources are open while a run
/// needs them and stored nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A `resource` block.
    Managed,
    /// A `data` block.
    Data,
    /// An `ephemeral` block.
    Ephemeral,
}

impl Mode {
    /// What stands before the type in a reference: nothing, `data.` or `ephemeral.`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Managed => "",
            Self::Data => "data.",
            Self::Ephemeral => "ephemeral.",
        }
    }

    /// The keyword that begins the block.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Managed => "resource",
            Self::Data => "data",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// What a reference names, before any step into it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// `var.NAME`
    Variable(ArcStr),
    /// `local.NAME`
    Local(ArcStr),
    /// `TYPE.NAME`, `data.TYPE.NAME` and `ephemeral.TYPE.NAME`
    Resource {
        /// What kind of block.
        mode: Mode,
        /// The resource type.
        type_name: ArcStr,
        /// The block's own name.
        name: ArcStr,
    },
    /// `module.NAME`
    Module(ArcStr),
    /// `each.key`
    EachKey,
    /// `each.value`
    EachValue,
    /// `count.index`
    CountIndex,
    /// `self`
    SelfObject,
    /// `path.module`
    PathModule,
    /// `path.root`
    PathRoot,
    /// `path.cwd`
    PathCwd,
    /// `terraform.workspace` and `tofu.workspace`
    Workspace,
    /// `terraform.applying` and `tofu.applying`
    Applying,
}

/// The subject as the language writes it.
impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "var.{name}"),
            Self::Local(name) => write!(f, "local.{name}"),
            Self::Resource { mode, type_name, name } => write!(f, "{}{type_name}.{name}", mode.prefix()),
            Self::Module(name) => write!(f, "module.{name}"),
            Self::EachKey => f.write_str("each.key"),
            Self::EachValue => f.write_str("each.value"),
            Self::CountIndex => f.write_str("count.index"),
            Self::SelfObject => f.write_str("self"),
            Self::PathModule => f.write_str("path.module"),
            Self::PathRoot => f.write_str("path.root"),
            Self::PathCwd => f.write_str("path.cwd"),
            Self::Workspace => f.write_str("terraform.workspace"),
            Self::Applying => f.write_str("terraform.applying"),
        }
    }
}

/// One step of a traversal that is known from the text alone.
#[derive(Debug, Clone, PartialEq)]
pub enum TraversalStep {
    /// `.name`
    Attribute(ArcStr),
    /// `["key"]` or `[0]` or `.0`: a known string or number.
    Index(Value),
}

impl std::fmt::Display for TraversalStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Attribute(name) => write!(f, ".{name}"),
            Self::Index(key) => write!(f, "[{key}]"),
        }
    }
}

/// A reference in an expression: the subject and the static steps that follow it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// What is named.
    pub subject: Subject,
    /// Steps after the subject as far as they are static, index keys included.
    pub steps: Vec<TraversalStep>,
    /// From the root name to the last static step.
    pub span: Span,
}

impl Reference {
    /// The static steps as a path into the subject's value.
    pub fn path(&self) -> Path {
        let step = |step: &TraversalStep| match step {
            TraversalStep::Attribute(name) => PathStep::Attribute(name.clone()),
            TraversalStep::Index(key) => match (key.as_str(), key.as_number()) {
                (Some(text), _) => PathStep::Key(text.clone()),
                (None, Some(number)) => PathStep::from(&number),
                (None, None) => PathStep::Index(0),
            },
        };
        Path(self.steps.iter().map(step).collect())
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.subject)?;
        self.steps.iter().try_for_each(|step| write!(f, "{step}"))
    }
}

/// One question of an expression to its scope.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// What is asked for.
    pub subject: &'a Subject,
    /// For a resource or module that the expression indexes directly (`thing.x[count.index].id`): the key, known
    /// and without marks. One instance is wanted, never the collection. Where the subject has no instances by
    /// key, the answer is [`crate::index_value`] of the whole with this key. An unknown key is never passed on:
    /// the whole is asked for and indexed.
    pub key: Option<&'a Value>,
    /// For a module: the output wanted, when the step after the (optional) index is an attribute.
    pub output: Option<&'a str>,
    /// The reference's text.
    pub span: Span,
    /// The text of the index, brackets included.
    pub key_span: Option<Span>,
}

/// Answers an expression's questions.
pub trait Scope {
    /// The value asked for, or a diagnostic that says why there is none.
    fn resolve(&self, query: &Query<'_>) -> Result<Value, Diagnostic>;

    /// The files that file functions read.
    fn files(&self) -> &dyn Source;

    /// The folder of the module whose expression this is, relative to the root module's.
    fn module_directory(&self) -> &str;

    /// The time of the plan, RFC 3339.
    fn plan_timestamp(&self) -> &str;

    /// Whether functions that have another result at each call (`timestamp`, `uuid`, `bcrypt`) may give one; in
    /// a plan they are unknown.
    fn is_impure_allowed(&self) -> bool {
        false
    }

    /// Calls a function of a provider: `provider::NAME::FUNCTION`. Nothing when there is no such function. Arguments
    /// bear no marks; where one is not wholly known, the result is an unknown of the function's type.
    fn call_provider_function(
        &self,
        _provider: &str,
        _name: &str,
        _arguments: &[Value],
    ) -> Option<Result<Value, String>> {
        None
    }
}
