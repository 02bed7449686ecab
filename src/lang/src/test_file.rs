//! Test files: what a file of `run` blocks says, before anything is evaluated.
//!
//! Invariant: values of mocks and overrides are known from the text alone; variables and arguments of providers may
//! name `var` and the outputs of earlier runs.

use crate::expression::Expression;
use crate::module::{Condition, Module, ProviderBlock, ProviderReference, Target};
use crate::scope::Mode;
use arcstr::ArcStr;
use formwork_diagnostic::Span;
use formwork_value::Value;
use indexmap::IndexMap;
use std::sync::Arc;

/// A file of tests: its runs are performed in order, over states that only this file has.
#[derive(Debug, Clone, Default)]
pub struct TestFile {
    /// Its path, relative to the root module's folder: `tests/main.tftest.hcl`.
    pub path: String,
    /// Variables of every run.
    pub variables: IndexMap<ArcStr, Expression>,
    /// Provider configurations that take the place of the module's.
    pub providers: Vec<ProviderBlock>,
    /// Providers that are not asked.
    pub mocks: Vec<MockProvider>,
    /// What is put in the place of objects and modules in every run.
    pub overrides: Overrides,
    /// `run` blocks in order.
    pub runs: Vec<TestRun>,
}

/// A `run` block: one plan or apply, and what must hold after it.
#[derive(Debug, Clone)]
pub struct TestRun {
    /// Its label.
    pub name: ArcStr,
    /// How far it goes.
    pub command: TestCommand,
    /// Whether it only takes over what is live.
    pub refresh_only: bool,
    /// Whether it reads what is live first.
    pub refresh: bool,
    /// Instances that are replaced though nothing asks for it.
    pub replace: Vec<Target>,
    /// The only modules and resources it is about; all where there are none.
    pub targets: Vec<Target>,
    /// Variables of this run.
    pub variables: IndexMap<ArcStr, Expression>,
    /// Which of the file's provider configurations the module gets: the name inside, the one in the file.
    pub providers: Vec<(ProviderReference, ProviderReference)>,
    /// The module that is tested instead of the root module.
    pub module: Option<TestModule>,
    /// Which state it works on, where the module does not say it.
    pub state_key: Option<ArcStr>,
    /// What must hold afterwards.
    pub asserts: Vec<Condition>,
    /// Whose conditions must fail.
    pub expect_failures: Vec<Expectation>,
    /// What is put in the place of objects and modules in this run.
    pub overrides: Overrides,
    /// The block's header.
    pub span: Span,
}

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TestCommand {
    /// Plan, and look at what is planned.
    Plan,
    /// Plan and apply, and look at what stands then.
    #[default]
    Apply,
}

/// A module that a run tests instead of the root module.
#[derive(Debug, Clone)]
pub struct TestModule {
    /// Where it is, as written.
    pub source: ArcStr,
    /// The module, loaded as a root of its own.
    pub module: Arc<Module>,
    /// The block's header.
    pub span: Span,
}

/// What is put in the place of objects and modules.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `override_resource` and `override_data` blocks.
    pub objects: Vec<ObjectOverride>,
    /// `override_module` blocks.
    pub modules: Vec<ModuleOverride>,
}

/// An object whose provider is not asked.
#[derive(Debug, Clone)]
pub struct ObjectOverride {
    /// Managed for `override_resource`, data for `override_data`.
    pub mode: Mode,
    /// Which.
    pub target: OverrideTarget,
    /// Values of attributes that the configuration does not give.
    pub values: IndexMap<ArcStr, Value>,
    /// From when on they are known.
    pub during: OverrideDuring,
}

/// A module of which nothing is done: its outputs are given.
#[derive(Debug, Clone)]
pub struct ModuleOverride {
    /// Names of the calls that lead to it.
    pub path: Vec<ArcStr>,
    /// Values of its outputs; others are null.
    pub outputs: IndexMap<ArcStr, Value>,
    /// The target's text.
    pub span: Span,
}

/// A `mock_provider` block.
#[derive(Debug, Clone)]
pub struct MockProvider {
    /// The provider's local name.
    pub name: ArcStr,
    /// Which of several configurations.
    pub alias: Option<ArcStr>,
    /// One configuration for each element.
    pub for_each: Option<Expression>,
    /// Values of types.
    pub kinds: Vec<MockKind>,
    /// Values of single objects; an override outside of the block outweighs them.
    pub overrides: Vec<ObjectOverride>,
    /// From when on computed values are known.
    pub during: OverrideDuring,
    /// The block's header.
    pub span: Span,
}

/// A `mock_resource` or `mock_data` block.
#[derive(Debug, Clone)]
pub struct MockKind {
    /// Managed or data.
    pub mode: Mode,
    /// The resource type.
    pub type_name: ArcStr,
    /// Values of attributes that the configuration does not give.
    pub defaults: IndexMap<ArcStr, Value>,
    /// From when on they are known, where the block says it.
    pub during: Option<OverrideDuring>,
}

/// From when on the values of something that is not asked of a provider are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverrideDuring {
    /// Already in the plan.
    #[default]
    Plan,
    /// Only after apply, as a provider's would be.
    Apply,
}

/// What an override names: `module.a["x"].aws_instance.b[*]`.
#[derive(Debug, Clone)]
pub struct OverrideTarget {
    /// The modules on the way.
    pub modules: Vec<(ArcStr, InstancePattern)>,
    /// The resource type.
    pub type_name: ArcStr,
    /// The block's own name.
    pub name: ArcStr,
    /// Which instances of the block.
    pub instances: InstancePattern,
    /// Whether the address begins with `data.`.
    pub mode: Mode,
    /// The whole of it.
    pub span: Span,
}

/// Which instances are meant.
#[derive(Debug, Clone, PartialEq)]
pub enum InstancePattern {
    /// All of them: no key is written, or `[*]`.
    Every,
    /// The one with this key.
    Key(Value),
}

/// Something whose condition must fail.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// What.
    pub object: ExpectedObject,
    /// As written.
    pub text: String,
    /// The reference.
    pub span: Span,
}

/// What has conditions in the module under test.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpectedObject {
    /// `var.NAME`
    Variable(ArcStr),
    /// `output.NAME`
    Output(ArcStr),
    /// `check.NAME`
    Check(ArcStr),
    /// A resource or data block, or one of its instances.
    Resource {
        /// What kind of block.
        mode: Mode,
        /// The resource type.
        type_name: ArcStr,
        /// The block's own name.
        name: ArcStr,
        /// One instance alone.
        key: Option<Value>,
    },
}

/// As the language writes it.
impl std::fmt::Display for OverrideTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pattern = |f: &mut std::fmt::Formatter<'_>, pattern: &InstancePattern| match pattern {
            InstancePattern::Every => Ok(()),
            InstancePattern::Key(key) => write!(f, "[{key}]"),
        };
        for (name, instances) in &self.modules {
            write!(f, "module.{name}")?;
            pattern(f, instances)?;
            f.write_str(".")?;
        }
        write!(f, "{}{}.{}", self.mode.prefix(), self.type_name, self.name)?;
        pattern(f, &self.instances)
    }
}

impl MockProvider {
    /// `NAME` or `NAME.ALIAS`.
    pub fn title(&self) -> String {
        match &self.alias {
            Some(alias) => format!("{}.{alias}", self.name),
            None => self.name.to_string(),
        }
    }
}
