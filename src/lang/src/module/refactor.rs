//! `moved`, `removed` and `import` blocks: what becomes of objects that stand already.

use super::{ProviderReference, Provisioner};
use crate::expression::Expression;
use crate::scope::{Mode, Subject};
use arcstr::ArcStr;
use formwork_diagnostic::Span;

/// What a block about objects names: a module, a resource block, or one instance of either.
/// `module.a["x"].aws_instance.b[0]`.
#[derive(Debug, Clone)]
pub struct Target {
    /// The modules on the way, from this one down.
    pub modules: Vec<TargetModule>,
    /// The resource block, where the last part names one; else the last module is meant.
    pub resource: Option<TargetResource>,
    /// The whole of it.
    pub span: Span,
}

/// One module of a [`Target`].
#[derive(Debug, Clone)]
pub struct TargetModule {
    /// The call's name.
    pub name: ArcStr,
    /// Which of its instances; without it all, or the only one.
    pub key: Option<Expression>,
}

/// The resource block of a [`Target`].
#[derive(Debug, Clone)]
pub struct TargetResource {
    /// What kind of block.
    pub mode: Mode,
    /// The resource type.
    pub type_name: ArcStr,
    /// The block's own name.
    pub name: ArcStr,
    /// Which of its instances; without it all, or the only one.
    pub key: Option<Expression>,
}

impl Target {
    /// Every key in it.
    pub fn keys(&self) -> impl Iterator<Item = &Expression> {
        let last = self.resource.as_ref().and_then(|resource| resource.key.as_ref());
        self.modules.iter().filter_map(|module| module.key.as_ref()).chain(last)
    }
}

/// As it is written, constant keys included.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = |key: &Option<Expression>| match key.as_ref().map(Expression::constant) {
            Some(Some(key)) => format!("[{key}]"),
            Some(None) => "[...]".to_owned(),
            None => String::new(),
        };
        let mut words: Vec<String> = Vec::new();
        for module in &self.modules {
            words.push(format!("module.{}{}", module.name, key(&module.key)));
        }
        if let Some(resource) = &self.resource {
            let (mode, type_name, name) = (resource.mode, resource.type_name.clone(), resource.name.clone());
            words.push(format!("{}{}", Subject::Resource { mode, type_name, name }, key(&resource.key)));
        }
        f.write_str(&words.join("."))
    }
}

/// A `moved` block: an object keeps standing under another address. Keys are constants.
#[derive(Debug, Clone)]
pub struct Moved {
    /// Where it stood.
    pub from: Target,
    /// Where it stands.
    pub to: Target,
    /// The block's header.
    pub span: Span,
}

/// A `removed` block: what becomes of objects whose block is gone. It names no instances.
#[derive(Debug, Clone)]
pub struct Removed {
    /// A resource block or module that is no longer there.
    pub from: Target,
    /// Whether the objects are destroyed; else they are forgotten.
    pub destroy: bool,
    /// What runs before each is destroyed.
    pub provisioners: Vec<Provisioner>,
    /// The block's header.
    pub span: Span,
}

/// An `import` block: an object that stands already is taken into the state.
#[derive(Debug, Clone)]
pub struct Import {
    /// The instance that it becomes; keys may use `each`.
    pub to: Target,
    /// How it is found.
    pub by: ImportBy,
    /// One import for each element.
    pub for_each: Option<Expression>,
    /// The provider configuration that reads it, where one is named.
    pub provider: Option<ProviderReference>,
    /// The block's header.
    pub span: Span,
}

/// How the object of an `import` block is found.
#[derive(Debug, Clone)]
pub enum ImportBy {
    /// By the id that its kind documents.
    Id(Expression),
    /// By the attributes of its identity.
    Identity(Expression),
}

impl ImportBy {
    /// The expression, whichever it is.
    pub fn expression(&self) -> &Expression {
        match self {
            Self::Id(expression) | Self::Identity(expression) => expression,
        }
    }
}
