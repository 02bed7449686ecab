//! The module tree: what a configuration says, block by block, before anything is evaluated.
//!
//! Invariant: a tree that loaded without errors names nothing that does not exist; its expressions are compiled.

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
    /// The `terraform` blocks.
    pub settings: Settings,
    /// `variable` blocks.
    pub variables: IndexMap<ArcStr, Variable>,
    /// Entries of `locals` blocks.
    pub locals: IndexMap<ArcStr, Local>,
    /// `output` blocks.
    pub outputs: IndexMap<ArcStr, Output>,
    /// `provider` blocks.
    pub providers: Vec<ProviderBlock>,
    /// `resource` and `data` blocks.
    pub resources: Vec<Resource>,
    /// `module` blocks.
    pub calls: IndexMap<ArcStr, ModuleCall>,
    /// Positions in `resources` by the hash of mode, type and name.
    pub(crate) resource_index: FxHashMap<u64, SmallVec<[usize; 1]>>,
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

/// What `terraform` blocks say.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Version constraints on the language, each with its place.
    pub required_version: Vec<(String, Span)>,
    /// Providers by local name.
    pub required_providers: IndexMap<ArcStr, RequiredProvider>,
    /// Where the state is kept.
    pub backend: Option<BackendBlock>,
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
    /// Its header.
    pub span: Span,
}

/// A `variable` block.
#[derive(Debug, Clone)]
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
    /// The configuration, meta-arguments taken out.
    pub body: Body,
    /// The block's header.
    pub span: Span,
}

/// `name` or `name.alias`.
#[derive(Debug, Clone)]
pub struct ProviderReference {
    /// The provider's local name.
    pub name: ArcStr,
    /// Which of several configurations.
    pub alias: Option<ArcStr>,
    /// The reference.
    pub span: Span,
}

/// As the language writes it.
impl std::fmt::Display for ProviderReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.alias {
            Some(alias) => write!(f, "{}.{alias}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A `resource` or `data` block.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Managed or data.
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
