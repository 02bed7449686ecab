//! Evaluation of compiled expressions, to the letter of HCL.
//!
//! Invariant: evaluation never stops half-way: it gives a value, unknown where nothing better can be said, and every
//! finding on the way. What is marked leaves its marks on all that came of it.

mod collections;
mod explain;
mod operators;
mod template;

pub use explain::describe;
pub(crate) use explain::values_behind;
pub use template::safe_prefix;

use crate::node::{Node, NodeKind, ReferenceNode};
use crate::scope::{Query, Scope, Subject};
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_value::{Kind, OperationError, Refinements, Type, Value};

/// The value of a node in a scope; `locals` fill the first slots.
pub(crate) fn evaluate(node: &Node, scope: &dyn Scope, locals: Vec<Value>) -> (Value, Diagnostics) {
    // Most expressions of a large configuration are constants or plain references.
    if let NodeKind::Constant(value) = &node.kind {
        return (value.clone(), Diagnostics::new());
    }
    let mut evaluator = Evaluator::new(scope, locals, 0);
    let value = evaluator.value(node);
    (value, evaluator.diagnostics.into_iter().take(FINDINGS_MOST).collect())
}

/// The value of a node whose parts are constants; nothing when it does not evaluate cleanly.
pub(crate) fn constant(node: &Node) -> Option<Value> {
    let mut evaluator = Evaluator::new(&Nowhere, Vec::new(), 0);
    let value = evaluator.value(node);
    evaluator.diagnostics.is_empty().then_some(value)
}

/// Where there is nothing to refer to: constants are folded here.
pub(crate) struct Nowhere;

impl Scope for Nowhere {
    fn resolve(&self, query: &Query<'_>) -> Result<Value, Diagnostic> {
        let detail = "References may not be used here: only values that are known from the text alone.";
        Err(Diagnostic::error("no-references", "Variables not allowed", detail).at(query.span))
    }

    fn files(&self) -> &dyn crate::source::Source {
        static NONE: crate::source::MemorySource =
            crate::source::MemorySource(std::collections::BTreeMap::new());
        &NONE
    }

    fn module_directory(&self) -> &'static str {
        "."
    }

    fn plan_timestamp(&self) -> &'static str {
        "1970-01-01T00:00:00Z"
    }
}

pub(crate) struct Evaluator<'a> {
    pub(crate) scope: &'a dyn Scope,
    pub(crate) locals: Vec<Value>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Inside `try` and `can` nobody reads the diagnostics; values behind them are not looked up.
    pub(crate) quiet: u32,
    /// How many templates render one another.
    pub(crate) template_depth: u32,
    /// How many templates were rendered in all.
    pub(crate) template_count: u32,
    /// Above zero while something is evaluated for its type or its faults alone, with values that are not real.
    probing: u32,
    /// Where a template is joined, kept for the next; empty while one is at it.
    text: String,
}

/// Deeper values are refused: everything that walks a value goes as deep as it.
const DEPTH_MAXIMUM: u16 = 1500;

/// Larger values are refused. Parts that are shared count each time: whoever writes the value down meets them all.
const SIZE_MAXIMUM: u32 = 1 << 25;

/// Findings of one expression that are kept.
const FINDINGS_MOST: usize = 100;

/// What an expression in error is worth: anything.
pub(crate) fn nothing() -> Value {
    Value::unknown(Type::Dynamic)
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(scope: &'a dyn Scope, locals: Vec<Value>, template_depth: u32) -> Self {
        Self {
            scope,
            locals,
            diagnostics: Vec::new(),
            quiet: 0,
            template_depth,
            template_count: 0,
            probing: 0,
            text: String::new(),
        }
    }

    pub(crate) fn value(&mut self, node: &Node) -> Value {
        match &node.kind {
            NodeKind::Constant(value) => value.clone(),
            NodeKind::Local { slot, .. } => self.locals.get(*slot).cloned().unwrap_or_else(nothing),
            _ => {
                let value = stacker::maybe_grow(128 * 1024, 1024 * 1024, || self.composite(node));
                if value.is_within(DEPTH_MAXIMUM, SIZE_MAXIMUM) {
                    value
                } else {
                    self.too_large(node, &value)
                }
            }
        }
    }

    fn too_large(&mut self, node: &Node, value: &Value) -> Value {
        let detail = if value.depth() > DEPTH_MAXIMUM {
            format!("The result has more than {DEPTH_MAXIMUM} levels of values within values.")
        } else {
            format!("The result has more than {SIZE_MAXIMUM} parts.")
        };
        self.diagnostics.push(evaluation_error("Value too large", detail, node.span));
        nothing()
    }

    /// Evaluates for the type or the faults alone.
    fn probe<T>(&mut self, evaluate: impl FnOnce(&mut Self) -> T) -> T {
        self.probing += 1;
        let result = evaluate(self);
        self.probing -= 1;
        result
    }

    fn composite(&mut self, node: &Node) -> Value {
        match &node.kind {
            NodeKind::Constant(value) => value.clone(),
            NodeKind::Local { slot, .. } => self.locals.get(*slot).cloned().unwrap_or_else(nothing),
            NodeKind::Reference(reference) => self.reference(node, reference),
            NodeKind::Attribute { source, name, step } => {
                let value = self.value(source);
                if let Kind::Object(entries) = value.kind()
                    && let Some(found) = entries.get(name)
                {
                    return found.clone();
                }
                get_attribute(&value, name, *step)
                    .unwrap_or_else(|diagnostic| self.failed(diagnostic, &[node]))
            }
            NodeKind::Index { source, key, step } => {
                let collection = self.value(source);
                let key = self.value(key);
                index_value(&collection, &key, *step)
                    .unwrap_or_else(|diagnostic| self.failed(diagnostic, &[node]))
            }
            NodeKind::Splat { source, each, .. } => self.splat(node, source, each),
            NodeKind::Template(parts) => self.template(node, parts),
            NodeKind::Join(list) => self.join(node, list),
            NodeKind::Not(operand) => self.unary(node, operand, Type::Bool, formwork_value::not),
            NodeKind::Negate(operand) => self.unary(node, operand, Type::Number, formwork_value::negate),
            NodeKind::Binary { operator, left, right } => self.binary(node, *operator, left, right),
            NodeKind::Conditional { condition, truthy, falsy } => {
                self.conditional(node, condition, truthy, falsy)
            }
            NodeKind::Tuple(items) => Value::tuple(items.iter().map(|item| self.value(item)).collect()),
            NodeKind::Object(items) => self.object(items),
            NodeKind::For(for_node) => self.for_expression(for_node),
            NodeKind::Call(call) => self.call(node, call),
            NodeKind::Invalid(diagnostic) => {
                self.diagnostics.push(diagnostic.clone());
                nothing()
            }
        }
    }

    fn reference(&mut self, node: &Node, reference: &ReferenceNode) -> Value {
        let ReferenceNode { subject, span, key, output } = reference;
        let output = output.as_deref();
        let query = Query { subject, key: None, output, span: *span, key_span: None };
        let Some((key_node, key_span)) = key.as_deref() else { return self.resolve(&query) };
        let key = self.value(key_node);
        let (bare, marks) = key.unmark();
        if !bare.is_null()
            && bare.is_wholly_known()
            && (bare.as_str().is_some() || bare.as_number().is_some())
        {
            let query = Query { key: Some(&bare), key_span: Some(*key_span), ..query };
            return self.resolve(&query).with_marks(&marks);
        }
        let whole = self.resolve(&Query { output: None, ..query });
        let instance = match index_value(&whole, &key, *key_span) {
            Ok(instance) => instance,
            Err(diagnostic) => return self.failed(diagnostic, &[node]),
        };
        match output {
            None => instance,
            Some(name) => get_attribute(&instance, name, node.span)
                .unwrap_or_else(|diagnostic| self.failed(diagnostic, &[node])),
        }
    }

    fn resolve(&mut self, query: &Query<'_>) -> Value {
        match self.scope.resolve(query) {
            Ok(value) => value,
            Err(mut diagnostic) => {
                diagnostic.subject.get_or_insert(query.span);
                self.diagnostics.push(diagnostic);
                nothing()
            }
        }
    }

    /// Reports a finding with the values behind some nodes; gives what an expression in error is worth.
    pub(crate) fn failed(&mut self, mut diagnostic: Diagnostic, behind: &[&Node]) -> Value {
        if self.quiet == 0 && self.diagnostics.len() < FINDINGS_MOST {
            self.explain(&mut diagnostic, behind);
        }
        self.diagnostics.push(diagnostic);
        nothing()
    }

    pub(crate) fn fail(
        &mut self,
        summary: &str,
        detail: impl Into<String>,
        span: Span,
        behind: &Node,
    ) -> Value {
        self.failed(Diagnostic::error("evaluation", summary, detail).at(span), &[behind])
    }

    /// A node's value with its own findings taken apart.
    fn captured(&mut self, node: &Node) -> (Value, Vec<Diagnostic>) {
        let start = self.diagnostics.len();
        let value = self.value(node);
        (value, self.diagnostics.split_off(start))
    }

    pub(crate) fn has_errors_since(&self, start: usize) -> bool {
        self.diagnostics[start..].iter().any(Diagnostic::is_error)
    }
}

pub(crate) fn unknown_not_null(value_type: Type) -> Value {
    Value::unknown_with(value_type, Refinements::NOT_NULL)
}

fn evaluation_error(summary: &str, detail: impl Into<String>, span: Span) -> Diagnostic {
    Diagnostic::error("evaluation", summary, detail).at(span)
}

/// The element of a collection by key, as `collection[key]` gives it; the span is the index's.
pub fn index_value(collection: &Value, key: &Value, span: Span) -> Result<Value, Diagnostic> {
    // Of an object that is yet to come HCL leaves every key open; an attribute it does not.
    let is_open = |key: &Value| {
        !collection.is_known() && matches!(collection.value_type(), Type::Object(_)) && !key.is_null()
    };
    let found = match formwork_value::index(collection, key) {
        Err(_) if is_open(key) => return Ok(nothing().with_marks(&collection.marks())),
        found => found,
    };
    found.map_err(|OperationError { message, .. }| {
        let summary = if collection.is_null() { "Attempt to index null value" } else { "Invalid index" };
        let mut diagnostic = evaluation_error(summary, message, span);
        let (key, _) = key.unmark();
        match (collection.reveal().entries(), key.as_str()) {
            (Some(entries), Some(name)) if !collection.has_marks() => {
                let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
                diagnostic.hint = crate::suggest::hint_or_all(name, &names);
            }
            _ => {}
        }
        diagnostic
    })
}

/// The attribute of a value, as `value.name` gives it; the span is the step's.
pub(crate) fn get_attribute(value: &Value, name: &str, span: Span) -> Result<Value, Diagnostic> {
    formwork_value::get_attribute(value, name).map_err(|OperationError { message, .. }| {
        let value_type = value.value_type();
        let (summary, detail) = match &value_type {
            _ if value.is_null() => ("Attempt to get attribute from null value", message),
            Type::Map(_) => ("Missing map element", message),
            Type::List(element) if matches!(**element, Type::Object(_)) => (
                "Unsupported attribute",
                "Can't access attributes on a list of objects. Did you mean to access an attribute for a specific element of the list, or across all elements of the list?".to_owned(),
            ),
            Type::Set(element) if matches!(**element, Type::Object(_)) => (
                "Unsupported attribute",
                "Can't access attributes on a set of objects. Did you mean to access an attribute across all elements of the set?".to_owned(),
            ),
            Type::Bool | Type::Number | Type::String => (
                "Unsupported attribute",
                format!("Can't access attributes on a primitive-typed value ({}).", value_type.friendly_name()),
            ),
            _ => ("Unsupported attribute", message),
        };
        let mut diagnostic = evaluation_error(summary, detail, span);
        if let Type::Object(object) = &value_type {
            let names: Vec<&str> = object.attributes().iter().map(|(name, _)| name.as_str()).collect();
            diagnostic.hint = crate::suggest::hint_or_all(name, &names);
        }
        diagnostic
    })
}

/// How a subject is shown where its own text is not at hand.
pub(crate) fn subject_text(subject: &Subject) -> String {
    subject.to_string()
}
