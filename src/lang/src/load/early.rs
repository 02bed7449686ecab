//! Values that are known while modules are loaded: variables and locals that module sources are written with.
//!
//! Invariant: nothing here reads a resource, a data source or an output; those are not there yet.

use crate::expression::Expression;
use crate::module::Module;
use crate::scope::{Query, Scope, Subject};
use crate::source::Source;
use crate::suggest;
use arcstr::ArcStr;
use formwork_diagnostic::Diagnostic;
use formwork_value::{MarkKind, Value};
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The call that leads to a module: its arguments, and the scope that they are written in.
pub(super) type Outer<'e> = (&'e IndexMap<ArcStr, Expression>, &'e Early<'e>);

/// What may be named in one module while it is loaded.
pub(super) struct Early<'e> {
    pub(super) module: &'e Module,
    /// Values of the root module's variables, where they are decided.
    pub(super) given: Option<&'e IndexMap<ArcStr, Value>>,
    pub(super) outer: Option<Outer<'e>>,
    /// How often a variable was asked for, and how often one of the root module.
    pub(super) consulted: Rc<Cell<(u32, u32)>>,
    /// What was found before.
    pub(super) found: RefCell<FxHashMap<Subject, Result<Value, Diagnostic>>>,
    pub(super) files: &'e dyn Source,
    /// Whether what is found is shown nowhere.
    pub(super) may_be_sensitive: bool,
}

impl Early<'_> {
    fn variable(&self, name: &str, query: &Query<'_>) -> Result<Value, Diagnostic> {
        let Some(variable) = self.module.variables.get(name) else {
            let detail = format!("An input variable with the name \"{name}\" has not been declared.");
            let summary = "Reference to undeclared input variable";
            let mut diagnostic = Diagnostic::error("unknown-variable", summary, detail).at(query.span);
            diagnostic.hint = suggest::hint(name, self.module.variables.keys().map(ArcStr::as_str));
            return Err(diagnostic);
        };
        let (all, of_root) = self.consulted.get();
        self.consulted.set((all + 1, of_root + u32::from(self.outer.is_none())));
        let given = if let Some((inputs, outer)) = self.outer {
            inputs.get(name).map(|input| value_in(input, outer)).transpose()?
        } else {
            self.given.and_then(|given| given.get(name)).cloned()
        };
        let value = match (given, &variable.default) {
            (Some(value), _) if !value.is_null() || variable.nullable => value,
            (_, Some(default)) => default.clone(),
            _ => {
                let detail = format!("The variable \"{name}\" has no default, and no value is given for it.");
                let diagnostic =
                    Diagnostic::error("missing-variable", "No value for required variable", detail);
                return Err(diagnostic.at(query.span));
            }
        };
        variable.constraint.apply(&value).map_err(|error| {
            let detail = format!("The value of var.{name} is not suitable: {error}.");
            Diagnostic::error("invalid-variable-value", "Invalid value for input variable", detail)
                .at(query.span)
        })
    }

    /// The value of something named, found once; whoever asks for it again meanwhile stands in a circle.
    fn once(
        &self,
        query: &Query<'_>,
        find: impl FnOnce() -> Result<Value, Diagnostic>,
    ) -> Result<Value, Diagnostic> {
        if let Some(known) = self.found.borrow().get(query.subject) {
            return known.clone();
        }
        let detail = format!("{} is made of itself, directly or through others.", query.subject);
        let circle = Diagnostic::error("cycle", "Cycle", detail).at(query.span);
        self.found.borrow_mut().insert(query.subject.clone(), Err(circle));
        let found = stacker::maybe_grow(128 * 1024, 1024 * 1024, find);
        self.found.borrow_mut().insert(query.subject.clone(), found.clone());
        found
    }
}

/// An expression's value, or the first of its errors.
fn value_in(expression: &Expression, scope: &Early<'_>) -> Result<Value, Diagnostic> {
    let (value, found) = expression.evaluate(scope);
    found.into_iter().find(Diagnostic::is_error).map_or(Ok(value), Err)
}

impl Scope for Early<'_> {
    fn resolve(&self, query: &Query<'_>) -> Result<Value, Diagnostic> {
        let value = match query.subject {
            Subject::Variable(name) => self.once(query, || self.variable(name, query))?,
            Subject::Local(name) => {
                let local = self.module.locals.get(name).ok_or_else(|| {
                    let detail = format!("A local value with the name \"{name}\" has not been declared.");
                    let summary = "Reference to undeclared local value";
                    let mut diagnostic = Diagnostic::error("unknown-local", summary, detail).at(query.span);
                    diagnostic.hint = suggest::hint(name, self.module.locals.keys().map(ArcStr::as_str));
                    diagnostic
                })?;
                self.once(query, || value_in(&local.expression, self))?
            }
            Subject::PathModule => Value::string(self.module_directory()),
            Subject::PathRoot => Value::from("."),
            Subject::PathCwd => Value::string(self.files.absolute(".")),
            subject => {
                let detail = format!(
                    "{subject} is not known in advance: modules, and the place of the state, are found before anything is evaluated."
                );
                let diagnostic = Diagnostic::error("not-static", "Value not known in advance", detail);
                return Err(diagnostic
                    .at(query.span)
                    .hint("Only variables, locals and what is made of them may be used here."));
            }
        };
        let is_secret = value.has_mark_deep(MarkKind::Sensitive) || value.has_mark_deep(MarkKind::Ephemeral);
        if is_secret && !self.may_be_sensitive {
            let detail = format!("{} is sensitive, and this place would show it.", query.subject);
            let diagnostic = Diagnostic::error("not-static", "Sensitive value not allowed", detail);
            return Err(diagnostic.at(query.span).hint("Use a value that may be shown."));
        }
        Ok(value)
    }

    fn files(&self) -> &dyn Source {
        self.files
    }

    fn module_directory(&self) -> &str {
        &self.module.directory
    }

    fn plan_timestamp(&self) -> &'static str {
        ""
    }
}
