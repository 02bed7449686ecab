//! The module tree: what a configuration says, block by block, before anything is evaluated.
//!
//! Invariant: a tree that loaded without errors names nothing that does not exist; its expressions are compiled.

mod refactor;
mod settings;

pub use refactor::{Import, ImportBy, Moved, Removed, Target, TargetModule, TargetResource};
pub use settings::{
    BackendBlock, Encryption, EncryptionArgument, EncryptionPart, EncryptionReference, EncryptionTarget,
    ProviderMeta, Recover, RequiredProvider, Settings,
};

use crate::body::Body;
use crate::constraint::TypeConstraint;
use crate::expression::Expression;
use crate::scope::{Mode, Reference, Subject};
use arcstr::ArcStr;
use formwork_diagnostic::Span;
use formwork_value::{Path, Value};
use indexmap::IndexMap;
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// One module: the root, or what a `module` block calls.
#[derive(Debug, Clone, Default)]
pub struct Module {
    /// Names of the calls that lead here from the root; empty for the root.
    pub path: Vec<ArcStr>,
    /// Its folder, relative to the root module's: `.`, `modules/a`, `../shared`.
    pub directory: String,
    /// The `terraform` and `language` blocks.
    pub settings: Settings,
    /// `variable` blocks.
    pub variables: IndexMap<ArcStr, Variable>,
    /// Entries of `locals` blocks.
    pub locals: IndexMap<ArcStr, Local>,
    /// `output` blocks.
    pub outputs: IndexMap<ArcStr, Output>,
    /// `provider` blocks.
    pub providers: Vec<ProviderBlock>,
    /// `resource`, `data` and `ephemeral` blocks, those in `check` blocks included.
    pub resources: Vec<Resource>,
    /// `module` blocks.
    pub calls: IndexMap<ArcStr, ModuleCall>,
    /// `check` blocks.
    pub checks: IndexMap<ArcStr, Check>,
    /// `moved` blocks.
    pub moved: Vec<Moved>,
    /// `removed` blocks.
    pub removed: Vec<Removed>,
    /// `import` blocks.
    pub imports: Vec<Import>,
    /// Positions in `resources` by the hash of mode, type and name.
    pub(crate) resource_index: FxHashMap<u64, SmallVec<[usize; 1]>>,
    /// Whether it depends on the values of the root module's variables which modules it calls.
    pub uses_variables: bool,
    /// Whether something in it could not be read: nothing is to be called undeclared then.
    pub(crate) is_incomplete: bool,
}

impl Module {
    /// The resource block of a mode, type and name.
    pub fn resource(&self, mode: Mode, type_name: &str, name: &str) -> Option<&Resource> {
        let positions = self.resource_index.get(&resource_hash(mode, type_name, name))?;
        let mut candidates = positions.iter().filter_map(|at| self.resources.get(*at));
        candidates.find(|one| one.mode == mode && one.type_name == type_name && one.name == name)
    }

    pub(crate) fn add_resource(&mut self, resource: Resource) {
        let hash = resource_hash(resource.mode, &resource.type_name, &resource.name);
        self.resource_index.entry(hash).or_default().push(self.resources.len());
        self.resources.push(resource);
    }

    /// The provider block of a name and alias.
    pub fn provider(&self, name: &str, alias: Option<&str>) -> Option<&ProviderBlock> {
        self.providers.iter().find(|one| one.name == name && one.alias.as_deref() == alias)
    }

    /// A module that takes the same variables, has the given outputs (others are null), and does nothing.
    #[must_use]
    pub fn with_given_outputs(&self, given: &IndexMap<ArcStr, Value>, span: Span) -> Self {
        let nothing = || Value::null(formwork_value::Type::Dynamic);
        let variable = |one: &Variable| Variable { validations: Vec::new(), ..one.clone() };
        let output = |one: &Output| Output {
            value: Expression::from_value_at(given.get(&one.name).cloned().unwrap_or_else(nothing), span),
            depends_on: Vec::new(),
            preconditions: Vec::new(),
            ..one.clone()
        };
        Self {
            path: self.path.clone(),
            directory: self.directory.clone(),
            settings: self.settings.clone(),
            variables: self.variables.iter().map(|(name, one)| (name.clone(), variable(one))).collect(),
            outputs: self.outputs.iter().map(|(name, one)| (name.clone(), output(one))).collect(),
            ..Self::default()
        }
    }

    /// The module below this one that a path of call names leads to.
    pub fn descendant(self: &Arc<Self>, path: &[ArcStr]) -> Option<Arc<Self>> {
        path.iter().try_fold(self.clone(), |module, name| Some(module.calls.get(name)?.module.clone()))
    }
}

fn resource_hash(mode: Mode, type_name: &str, name: &str) -> u64 {
    let mut hasher = FxHasher::default();
    (mode, type_name, name).hash(&mut hasher);
    hasher.finish()
}

/// A `variable` block.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an argument of the block, and none excludes another"
)]
pub struct Variable {
    /// Its label.
    pub name: ArcStr,
    /// The type with defaults of optional attributes.
    pub constraint: TypeConstraint,
    /// The default, converted.
    pub default: Option<Value>,
    /// For people.
    pub description: Option<String>,
    /// Whether its value is never shown.
    pub sensitive: bool,
    /// Whether its value is never stored.
    pub ephemeral: bool,
    /// Whether its value must be known before anything is evaluated.
    pub constant: bool,
    /// Whether null is a value of its own; else null means the default.
    pub nullable: bool,
    /// What callers are told who still set it.
    pub deprecated: Option<String>,
    /// `validation` blocks.
    pub validations: Vec<Condition>,
    /// The block's header.
    pub span: Span,
}

/// A condition with the message that is shown when it is false.
#[derive(Debug, Clone)]
pub struct Condition {
    /// True when all is well.
    pub condition: Expression,
    /// What is said when it is not.
    pub error_message: Expression,
    /// The block's header.
    pub span: Span,
}

/// An entry of a `locals` block.
#[derive(Debug, Clone)]
pub struct Local {
    /// Its name.
    pub name: ArcStr,
    /// Its value.
    pub expression: Expression,
    /// The whole entry.
    pub span: Span,
}

/// An `output` block.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its label.
    pub name: ArcStr,
    /// Its value.
    pub value: Expression,
    /// What its value is converted to.
    pub constraint: Option<TypeConstraint>,
    /// For people.
    pub description: Option<String>,
    /// Whether its value is never shown.
    pub sensitive: bool,
    /// Whether its value is never stored.
    pub ephemeral: bool,
    /// What callers are told who use it.
    pub deprecated: Option<String>,
    /// What must be done before.
    pub depends_on: Vec<Reference>,
    /// Conditions on its value.
    pub preconditions: Vec<Condition>,
    /// The block's header.
    pub span: Span,
}

/// A `provider` block.
#[derive(Debug, Clone)]
pub struct ProviderBlock {
    /// The provider's local name.
    pub name: ArcStr,
    /// Which of several configurations.
    pub alias: Option<ArcStr>,
    /// One configuration for each element.
    pub for_each: Option<Expression>,
    /// The configuration, meta-arguments taken out.
    pub body: Body,
    /// The block's header.
    pub span: Span,
}

/// `name`, `name.alias` or `name.alias[key]`.
#[derive(Debug, Clone)]
pub struct ProviderReference {
    /// The provider's local name.
    pub name: ArcStr,
    /// Which of several configurations.
    pub alias: Option<ArcStr>,
    /// Which instance of a configuration that has `for_each`.
    pub key: Option<Expression>,
    /// The reference.
    pub span: Span,
}

/// As the language writes it.
impl std::fmt::Display for ProviderReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        if let Some(alias) = &self.alias {
            write!(f, ".{alias}")?;
        }
        match self.key.as_ref().map(Expression::constant) {
            Some(Some(key)) => write!(f, "[{key}]"),
            Some(None) => f.write_str("[...]"),
            None => Ok(()),
        }
    }
}

/// A `resource`, `data` or `ephemeral` block.
#[derive(Debug, Clone)]
pub struct Resource {
    /// What kind of block.
    pub mode: Mode,
    /// The resource type: the first label.
    pub type_name: ArcStr,
    /// Its name: the second label.
    pub name: ArcStr,
    /// How many instances, keyed 0 and up.
    pub count: Option<Expression>,
    /// One instance for each element.
    pub for_each: Option<Expression>,
    /// The provider configuration, where one is named.
    pub provider: Option<ProviderReference>,
    /// What must be done before.
    pub depends_on: Vec<Reference>,
    /// The `lifecycle` block.
    pub lifecycle: Lifecycle,
    /// How provisioners reach the object, where they do not say it themselves.
    pub connection: Option<Connection>,
    /// What runs when an instance is made or destroyed, in order.
    pub provisioners: Vec<Provisioner>,
    /// The `check` block around a data block, where there is one.
    pub check: Option<ArcStr>,
    /// The rest: arguments and blocks of the type's schema.
    pub body: Body,
    /// The block's header.
    pub span: Span,
}

impl Resource {
    /// What references to it name.
    pub fn subject(&self) -> Subject {
        Subject::Resource { mode: self.mode, type_name: self.type_name.clone(), name: self.name.clone() }
    }
}

/// A `lifecycle` block.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// Whether a replacement is made before the old object goes.
    pub create_before_destroy: Option<bool>,
    /// Whether a plan that destroys it is an error.
    pub prevent_destroy: Option<Expression>,
    /// Which changes of the configuration are not followed.
    pub ignore_changes: IgnoreChanges,
    /// Whether an object whose instance is gone is destroyed; else it is forgotten.
    pub destroy: Option<bool>,
    /// Whether there is an instance at all; for blocks without `count` and `for_each`.
    pub enabled: Option<Expression>,
    /// Replaced when one of these changes.
    pub replace_triggered_by: Vec<Expression>,
    /// Checked before it is planned.
    pub preconditions: Vec<Condition>,
    /// Checked when its values are known; they may use `self`.
    pub postconditions: Vec<Condition>,
}

/// Which changes of the configuration are not followed.
#[derive(Debug, Clone, Default)]
pub enum IgnoreChanges {
    /// All are followed.
    #[default]
    None,
    /// None is followed once the object stands.
    All,
    /// Those at or below these paths are not.
    Paths(Vec<(Path, Span)>),
}

/// A `module` block with the module that it calls.
#[derive(Debug, Clone)]
pub struct ModuleCall {
    /// Its label.
    pub name: ArcStr,
    /// Where the module is, as written.
    pub source: String,
    /// How many instances, keyed 0 and up.
    pub count: Option<Expression>,
    /// One instance for each element.
    pub for_each: Option<Expression>,
    /// `lifecycle.enabled`: whether there is an instance at all.
    pub enabled: Option<Expression>,
    /// What must be done before anything in it.
    pub depends_on: Vec<Reference>,
    /// Provider configurations passed in: the name inside, the one outside.
    pub providers: Vec<(ProviderReference, ProviderReference)>,
    /// Arguments by variable name.
    pub inputs: IndexMap<ArcStr, Expression>,
    /// The module called.
    pub module: Arc<Module>,
    /// The block's header.
    pub span: Span,
}

/// A `check` block: what is only warned of.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its label.
    pub name: ArcStr,
    /// The data block in it, by its place in the module's resources.
    pub data: Option<usize>,
    /// `assert` blocks.
    pub asserts: Vec<Condition>,
    /// The block's header.
    pub span: Span,
}

/// A `connection` block.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its arguments, which may use `self`.
    pub body: Body,
    /// The block's header.
    pub span: Span,
}

/// A `provisioner` block.
#[derive(Debug, Clone)]
pub struct Provisioner {
    /// Its label.
    pub kind: ArcStr,
    /// When it runs.
    pub when: ProvisionerWhen,
    /// What a failure means.
    pub on_failure: ProvisionerFailure,
    /// What becomes of it when the run ends while it is running.
    pub on_crash: ProvisionerCrash,
    /// How it reaches the object, where it says it itself.
    pub connection: Option<Connection>,
    /// Its arguments, which may use `self`.
    pub body: Body,
    /// The block's header.
    pub span: Span,
}

/// When a provisioner runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProvisionerWhen {
    /// After the object is made.
    #[default]
    Create,
    /// Before the object is destroyed.
    Destroy,
}

/// What the failure of a provisioner means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProvisionerFailure {
    /// The step fails.
    #[default]
    Fail,
    /// It is noted, and the run goes on.
    Continue,
}

/// What becomes of a provisioner when the run ends while it is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProvisionerCrash {
    /// The next run runs it again from its start.
    #[default]
    Again,
    /// The next run asks, and what depends on the object waits.
    Ask,
}
