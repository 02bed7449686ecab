//! `moved` blocks: which address becomes which.
//!
//! Invariant: pure; what stands and where is not looked at here.

use crate::evaluate::key_of;
use crate::graph::Graph;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_lang::{Expression, Moved, Target};
use formwork_state::{Address, BlockAddress, Key, Mode, ModuleInstance};
use std::fmt;

/// One end of a statement, from the module that says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    modules: Vec<(ArcStr, Key)>,
    resource: Option<(Mode, ArcStr, ArcStr, Key)>,
}

/// One `moved` block.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    /// Calls from the root to the module that says it; it holds in every instance of them.
    prefix: Vec<ArcStr>,
    pub(super) from: Endpoint,
    pub(super) to: Endpoint,
    pub(super) span: Span,
}

impl Endpoint {
    fn read(target: &Target) -> Self {
        let modules = target.modules.iter().map(|module| (module.name.clone(), key(module.key.as_ref())));
        let resource = target.resource.as_ref().map(|resource| {
            let mode = crate::plan::mode_of(resource.mode);
            (mode, resource.type_name.clone(), resource.name.clone(), key(resource.key.as_ref()))
        });
        Self { modules: modules.collect(), resource }
    }

    /// The key of its last part.
    fn key(&self) -> &Key {
        match (&self.resource, self.modules.last()) {
            (Some((_, _, _, key)), _) | (None, Some((_, key))) => key,
            (None, None) => &Key::None,
        }
    }

    /// Whether the configuration has its block, below a module.
    fn is_declared(&self, graph: &Graph, prefix: &[ArcStr]) -> bool {
        let path: Vec<ArcStr> =
            prefix.iter().chain(self.modules.iter().map(|(name, _)| name)).cloned().collect();
        let Some(module) = graph.find_module(&path) else { return false };
        self.resource.as_ref().is_none_or(|(mode, type_name, name, _)| {
            graph.find_resource(module, crate::plan::language_mode(*mode), type_name, name).is_some()
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = ModuleInstance::root();
        let module = self.modules.iter().fold(root, |at, (name, key)| at.child(name.clone(), key.clone()));
        match &self.resource {
            None => module.fmt(out),
            Some((mode, type_name, name, key)) => {
                BlockAddress::new(module, *mode, type_name.clone(), name.clone())
                    .instance(key.clone())
                    .fmt(out)
            }
        }
    }
}

fn key(expression: Option<&Expression>) -> Key {
    expression.and_then(Expression::constant).and_then(key_of).unwrap_or(Key::None)
}

impl Statement {
    fn read(moved: &Moved, prefix: &[ArcStr]) -> Self {
        let (from, to) = (Endpoint::read(&moved.from), Endpoint::read(&moved.to));
        Self { prefix: prefix.to_vec(), from, to, span: moved.span }
    }

    /// Whether it is about a block or call with all its instances, which keep their keys.
    fn is_whole(&self) -> bool {
        self.from.key().is_none() && self.to.key().is_none()
    }

    /// Where an instance goes by it.
    pub(super) fn destination(&self, address: &Address) -> Option<Address> {
        let steps = address.module().steps();
        let (outer, inner) = steps.split_at_checked(self.prefix.len())?;
        if !outer.iter().map(|(name, _)| *name).eq(&self.prefix) {
            return None;
        }
        let root = ModuleInstance::root();
        let above = outer.iter().fold(root, |at, (name, key)| at.child((*name).clone(), (*key).clone()));
        let below = |modules: &[(ArcStr, Key)]| {
            modules.iter().fold(above.clone(), |at, (name, key)| at.child(name.clone(), key.clone()))
        };
        match (&self.from.resource, &self.to.resource) {
            (Some((mode, type_name, name, key)), Some((_, to_type, to_name, to_key))) => {
                let is_it = is_at(inner, &self.from.modules, false)
                    && inner.len() == self.from.modules.len()
                    && (address.mode(), address.type_name(), address.name()) == (*mode, type_name, name)
                    && (self.is_whole() || address.key() == key);
                let key = if self.is_whole() { address.key() } else { to_key };
                let block =
                    BlockAddress::new(below(&self.to.modules), *mode, to_type.clone(), to_name.clone());
                is_it.then(|| block.instance(key.clone()))
            }
            (None, None) => self.module_destination(address, inner, below(&self.to.modules)),
            _ => None,
        }
    }

    fn module_destination(
        &self,
        address: &Address,
        inner: &[(&ArcStr, &Key)],
        mut to: ModuleInstance,
    ) -> Option<Address> {
        if !is_at(inner, &self.from.modules, self.is_whole()) {
            return None;
        }
        let last = self.from.modules.len().checked_sub(1)?;
        if self.is_whole() {
            let (name, _) = self.to.modules.last()?;
            to = to.parent()?.child(name.clone(), inner[last].1.clone());
        }
        let module =
            inner[last + 1..].iter().fold(to, |at, (name, key)| at.child((*name).clone(), (*key).clone()));
        let (type_name, name) = (address.type_name().clone(), address.name().clone());
        Some(BlockAddress::new(module, address.mode(), type_name, name).instance(address.key().clone()))
    }
}

/// Whether modules begin with these; the last may have any key where the whole call is meant.
fn is_at(inner: &[(&ArcStr, &Key)], wanted: &[(ArcStr, Key)], is_whole: bool) -> bool {
    inner.len() >= wanted.len()
        && (1..).zip(wanted).zip(inner).all(|((place, (name, key)), (other, other_key))| {
            name == *other && (key == *other_key || (is_whole && place == wanted.len()))
        })
}

/// Every `moved` block of a configuration; those that contradict each other or the configuration are reported.
pub(super) fn statements(graph: &Graph) -> (Vec<Statement>, Diagnostics) {
    let mut statements: Vec<Statement> = Vec::new();
    let mut diagnostics = Diagnostics::new();
    for node in &graph.modules {
        let module = &node.module;
        for moved in &module.moved {
            let statement = Statement::read(moved, &module.path);
            match fault(&statement, &statements, graph) {
                Some(diagnostic) => diagnostics.push(diagnostic),
                None => statements.push(statement),
            }
        }
    }
    diagnostics.extend(statements.iter().find(|one| is_in_a_circle(one, &statements)).map(super::circle));
    (statements, diagnostics)
}

/// Whether what a statement moves ends up where it was.
fn is_in_a_circle(statement: &Statement, all: &[Statement]) -> bool {
    let mut at = &statement.to;
    for _ in all {
        if *at == statement.from {
            return true;
        }
        match all.iter().find(|other| other.prefix == statement.prefix && other.from == *at) {
            Some(next) => at = &next.to,
            None => return false,
        }
    }
    false
}

fn fault(statement: &Statement, others: &[Statement], graph: &Graph) -> Option<Diagnostic> {
    let Statement { prefix, from, to, span } = statement;
    let error = |summary: &str, detail: String, hint: &str| {
        Some(Diagnostic::error("invalid-move", summary, detail).at(*span).hint(hint.to_owned()))
    };
    if from == to {
        let detail = format!("{from} is said to move to itself.");
        return error("Redundant move statement", detail, "Take the block away.");
    }
    if from.resource.is_some() != to.resource.is_some() {
        let detail = format!(
            "{from} and {to} are not of one kind: a module moves to a module, a resource to a resource."
        );
        return error("Invalid move", detail, "Name two modules, or two resources.");
    }
    if statement.is_whole() && from.is_declared(graph, prefix) {
        let detail = format!("{from} is said to have moved to {to}, but it is still in the configuration.");
        return error("Moved object still exists", detail, "Take its block away, or the moved block.");
    }
    let clash =
        others.iter().find(|other| other.prefix == *prefix && (other.from == *from || other.to == *to))?;
    if clash.from == *from && clash.to == *to {
        return None;
    }
    let detail = if clash.from == *from {
        format!("{from} is said to move to {} and to {to}.", clash.to)
    } else {
        format!("{} and {from} are both said to move to {to}.", clash.from)
    };
    error("Ambiguous move statements", detail, "Keep the one that is right.")
}
