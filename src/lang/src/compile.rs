//! From the syntax tree to the compiled form: names become slots or subjects, functions are bound, constants folded,
//! references listed.

use crate::constraint::{TypeConstraint, parse_constraint};
use crate::expression::{Compiled, Expression};
use crate::functions::{self, Vocabulary};
use crate::node::{CallNode, Callee, ForNode, Node, NodeKind, ReferenceNode};
use crate::scope::{Mode, Reference, Subject, TraversalStep};
use crate::standalone::Names;
use crate::suggest;
use crate::syntax::{CallExpr, Expr, ExprKind, ForExpr};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_value::Value;
use std::sync::Arc;

/// Compiles an expression; `locals` are names that stand in the first slots.
pub(crate) fn compile(expression: &Expr, locals: &[ArcStr]) -> Expression {
    compile_with(expression, locals, false, Vocabulary::Configuration)
}

/// Compiles an expression with names of its own.
pub(crate) fn compile_in(expression: &Expr, names: Names<'_>) -> Expression {
    compile_with(expression, names.closed.unwrap_or_default(), names.closed.is_some(), names.vocabulary)
}

/// Compiles a template whose only names are the given ones.
pub(crate) fn compile_closed(expression: &Expr, locals: &[ArcStr]) -> Expression {
    compile_with(expression, locals, true, Vocabulary::Configuration)
}

fn compile_with(expression: &Expr, locals: &[ArcStr], is_closed: bool, vocabulary: Vocabulary) -> Expression {
    let locals = locals.iter().cloned().map(Some).collect();
    let mut compiler =
        Compiler { locals, references: Vec::new(), problems: Vec::new(), is_closed, vocabulary };
    let node = compiler.node(expression);
    Expression::new(Compiled { node, references: compiler.references, problems: compiler.problems })
}

/// The reference that an expression is, where it is nothing else: for `depends_on` and its like.
pub(crate) fn as_reference(expression: &Expr) -> Result<Reference, Diagnostic> {
    let (base, steps) = flatten(expression);
    let ExprKind::Root(root) = &base.kind else {
        let detail =
            "A single static reference is required: only attribute access and indexing with constant keys.";
        return Err(Diagnostic::error("invalid-reference", "Invalid expression", detail).at(expression.span));
    };
    let (subject, taken) = bind(root, base.span, &steps)?;
    let (steps, span) = static_steps(&steps, taken, base.span);
    Ok(Reference { subject, steps, span })
}

/// The code of the finding that a name stands alone, which refers to nothing.
pub(crate) const BARE_NAME: &str = "bare-name";

struct Compiler {
    /// The names in the slots; the item of a splat has none.
    locals: Vec<Option<ArcStr>>,
    references: Vec<Reference>,
    problems: Vec<Diagnostic>,
    /// Whether there is nothing to name but locals.
    is_closed: bool,
    vocabulary: Vocabulary,
}

/// One step of a traversal, in the order of the text.
enum Step<'a> {
    Attribute { name: &'a ArcStr, step: Span, whole: Span },
    Index { key: &'a Expr, step: Span, whole: Span },
}

impl Step<'_> {
    fn span(&self) -> Span {
        match self {
            Self::Attribute { step, .. } | Self::Index { step, .. } => *step,
        }
    }
}

/// A traversal as its base and the steps after it.
fn flatten(expression: &Expr) -> (&Expr, Vec<Step<'_>>) {
    let mut steps = Vec::new();
    let mut at = expression;
    loop {
        match &at.kind {
            ExprKind::Attribute { source, name, step } => {
                steps.push(Step::Attribute { name, step: *step, whole: at.span });
                at = source;
            }
            ExprKind::Index { source, key, step } => {
                steps.push(Step::Index { key, step: *step, whole: at.span });
                at = source;
            }
            _ => break,
        }
    }
    steps.reverse();
    (at, steps)
}

/// What a root name with its first steps names, and how many steps that takes.
fn bind(root: &ArcStr, span: Span, steps: &[Step<'_>]) -> Result<(Subject, usize), Diagnostic> {
    let attribute = |at: usize| match steps.get(at) {
        Some(Step::Attribute { name, .. }) => Some((*name).clone()),
        _ => None,
    };
    let whole = steps.first().map_or(span, |step| span.join(step.span()));
    let direct = || {
        let detail = format!(
            "The \"{root}\" object cannot be accessed directly. Instead, access one of its attributes."
        );
        invalid(detail, whole)
    };
    let first = attribute(0);
    let subject = match (root.as_str(), first.as_deref()) {
        ("self", _) => return Ok((Subject::SelfObject, 0)),
        ("var", Some(_)) => Subject::Variable(first.ok_or_else(direct)?),
        ("local", Some(_)) => Subject::Local(first.ok_or_else(direct)?),
        ("module", Some(_)) => Subject::Module(first.ok_or_else(direct)?),
        ("each", Some("key")) => Subject::EachKey,
        ("each", Some("value")) => Subject::EachValue,
        ("count", Some("index")) => Subject::CountIndex,
        ("path", Some("module")) => Subject::PathModule,
        ("path", Some("root")) => Subject::PathRoot,
        ("path", Some("cwd")) => Subject::PathCwd,
        ("terraform" | "tofu", Some("workspace")) => Subject::Workspace,
        ("terraform" | "tofu", Some("applying")) => Subject::Applying,
        ("each" | "count" | "path" | "terraform" | "tofu", Some(name)) => {
            let names: &[&str] = match root.as_str() {
                "each" => &["key", "value"],
                "count" => &["index"],
                "path" => &["module", "root", "cwd"],
                _ => &["workspace", "applying"],
            };
            let detail = format!("The \"{root}\" object does not have an attribute named \"{name}\".");
            let mut diagnostic = invalid(detail, whole);
            diagnostic.hint = Some(format!("Its attributes are: {}.", names.join(", ")));
            return Err(diagnostic);
        }
        ("var" | "local" | "module" | "each" | "count" | "path" | "terraform" | "tofu", None) => {
            return Err(direct());
        }
        ("data" | "resource" | "ephemeral", _) => {
            let mode = match root.as_str() {
                "data" => Mode::Data,
                "ephemeral" => Mode::Ephemeral,
                _ => Mode::Managed,
            };
            let (Some(type_name), Some(name)) = (first, attribute(1)) else {
                let detail = format!(
                    "The \"{root}\" object must be followed by two attribute names: the resource type and the resource name."
                );
                return Err(invalid(detail, whole));
            };
            return Ok((Subject::Resource { mode, type_name, name }, 2));
        }
        (_, Some(_)) => {
            let name = first.ok_or_else(direct)?;
            Subject::Resource { mode: Mode::Managed, type_name: root.clone(), name }
        }
        (_, None) => {
            let detail = "A reference to a resource type must be followed by at least one attribute access, specifying the resource name.";
            let mut diagnostic = invalid(detail.to_owned(), span);
            BARE_NAME.clone_into(&mut diagnostic.code);
            return Err(diagnostic.hint(format!("To write text, put it in quotes: \"{root}\".")));
        }
    };
    Ok((subject, 1))
}

fn invalid(detail: String, span: Span) -> Diagnostic {
    Diagnostic::error("invalid-reference", "Invalid reference", detail).at(span)
}

/// The static steps that follow a subject, and the span from the root through the last of them.
fn static_steps(steps: &[Step<'_>], taken: usize, root: Span) -> (Vec<TraversalStep>, Span) {
    let mut out = Vec::new();
    let mut span = steps[..taken].iter().fold(root, |span, step| span.join(step.span()));
    for step in &steps[taken..] {
        out.push(match step {
            Step::Attribute { name, .. } => TraversalStep::Attribute((*name).clone()),
            Step::Index { key, .. } => match key.literal_key() {
                Some(key) if key.as_str().is_some() || key.as_number().is_some() => TraversalStep::Index(key),
                _ => break,
            },
        });
        span = span.join(step.span());
    }
    (out, span)
}

fn first_byte(span: Span) -> Span {
    Span::new(span.file, span.start, span.start + 1)
}

/// What HCL underlines of an argument at fault, where that does not follow from its first part.
fn start_span(expression: &Expr) -> Span {
    match &expression.kind {
        ExprKind::Tuple(_)
        | ExprKind::Object(_)
        | ExprKind::For(_)
        | ExprKind::Not(_)
        | ExprKind::Negate(_) => first_byte(expression.span),
        ExprKind::Join(list) => list.span,
        ExprKind::Call(call) => call.open,
        ExprKind::Splat { star, .. } => *star,
        _ => expression.span,
    }
}

impl Compiler {
    fn node(&mut self, expression: &Expr) -> Node {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.node_inner(expression))
    }

    fn boxed(&mut self, expression: &Expr) -> Box<Node> {
        Box::new(self.node(expression))
    }

    fn node_inner(&mut self, expression: &Expr) -> Node {
        let (span, start) = (expression.span, start_span(expression));
        let kind = match &expression.kind {
            ExprKind::Literal(value) => NodeKind::Constant(value.clone()),
            ExprKind::Root(_) | ExprKind::Attribute { .. } | ExprKind::Index { .. } => {
                return self.traversal(expression);
            }
            ExprKind::SplatItem => NodeKind::Local { slot: self.item_slot(), name: ArcStr::new() },
            ExprKind::Splat { source, each, .. } => {
                let source = self.boxed(source);
                self.locals.push(None);
                let each = self.boxed(each);
                self.locals.pop();
                NodeKind::Splat { source, each }
            }
            ExprKind::Parentheses(inner) | ExprKind::Wrapped(inner) => {
                return Node { span, start, ..self.node(inner) };
            }
            ExprKind::Not(operand) => NodeKind::Not(self.boxed(operand)),
            ExprKind::Negate(operand) => NodeKind::Negate(self.boxed(operand)),
            ExprKind::Binary { operator, left, right } => {
                NodeKind::Binary { operator: *operator, left: self.boxed(left), right: self.boxed(right) }
            }
            ExprKind::Conditional { condition, truthy, falsy } => NodeKind::Conditional {
                condition: self.boxed(condition),
                truthy: self.boxed(truthy),
                falsy: self.boxed(falsy),
            },
            ExprKind::Tuple(items) => NodeKind::Tuple(items.iter().map(|item| self.node(item)).collect()),
            ExprKind::Object(items) => NodeKind::Object(
                items.iter().map(|(key, value)| (self.object_key(key), self.node(value))).collect(),
            ),
            ExprKind::For(for_expr) => NodeKind::For(Box::new(self.for_node(for_expr))),
            ExprKind::Call(call) => self.call(call),
            ExprKind::Template(parts) => {
                if let [Expr { kind: ExprKind::Literal(value), span: start }] = parts.as_slice()
                    && value.as_str().is_some()
                {
                    return Node { kind: NodeKind::Constant(value.clone()), span, start: *start };
                }
                NodeKind::Template(parts.iter().map(|part| self.node(part)).collect())
            }
            ExprKind::Join(list) => NodeKind::Join(self.boxed(list)),
        };
        let start = match &kind {
            NodeKind::Binary { left, .. } => left.start,
            NodeKind::Conditional { condition, .. } => condition.start,
            NodeKind::Template(parts) => parts.first().map_or(start, |part| part.start),
            _ => start,
        };
        fold(Node { kind, span, start })
    }

    fn item_slot(&self) -> usize {
        self.locals.iter().rposition(Option::is_none).unwrap_or(0)
    }

    fn problem(&mut self, diagnostic: Diagnostic) -> NodeKind {
        self.problems.push(diagnostic.clone());
        NodeKind::Invalid(diagnostic)
    }

    fn traversal(&mut self, expression: &Expr) -> Node {
        let (base, steps) = flatten(expression);
        let ExprKind::Root(root) = &base.kind else {
            let base = self.node(base);
            return self.steps(base, &steps);
        };
        let local = self.locals.iter().rposition(|name| name.as_ref() == Some(root));
        if let Some(slot) = local {
            let base = Node {
                kind: NodeKind::Local { slot, name: root.clone() },
                span: base.span,
                start: base.span,
            };
            return self.steps(base, &steps);
        }
        if self.is_closed {
            let detail = format!("This template is given no variable \"{root}\".");
            let names = self.locals.iter().flatten().map(ArcStr::as_str);
            let mut diagnostic =
                Diagnostic::error("unknown-variable", "Unknown variable", detail).at(base.span);
            diagnostic.hint = suggest::hint(root, names);
            let kind = self.problem(diagnostic);
            let base = Node { kind, span: base.span, start: base.span };
            return self.steps(base, &steps);
        }
        match bind(root, base.span, &steps) {
            Err(diagnostic) => {
                let kind = self.problem(diagnostic);
                let base = Node { kind, span: base.span, start: base.span };
                self.steps(base, &steps)
            }
            Ok((subject, taken)) => self.reference(base.span, subject, &steps, taken),
        }
    }

    fn reference(&mut self, root: Span, subject: Subject, steps: &[Step<'_>], mut taken: usize) -> Node {
        let (path, span) = static_steps(steps, taken, root);
        self.references.push(Reference { subject: subject.clone(), steps: path, span });
        let mut key = None;
        let mut output = None;
        let has_instances = matches!(subject, Subject::Resource { .. } | Subject::Module(_));
        if has_instances && let Some(Step::Index { key: index, step, .. }) = steps.get(taken) {
            key = Some(Box::new((self.node(index), *step)));
            taken += 1;
        }
        if matches!(subject, Subject::Module(_))
            && let Some(Step::Attribute { name, .. }) = steps.get(taken)
        {
            output = Some((*name).clone());
            taken += 1;
        }
        let span = steps[..taken].iter().fold(root, |span, step| span.join(step.span()));
        let kind = NodeKind::Reference(Box::new(ReferenceNode { subject, span, key, output }));
        self.steps(Node { kind, span, start: span }, &steps[taken..])
    }

    fn steps(&mut self, base: Node, steps: &[Step<'_>]) -> Node {
        steps.iter().fold(base, |source, step| {
            let source = Box::new(source);
            fold(match step {
                Step::Attribute { name, step, whole } => {
                    let kind = NodeKind::Attribute { source, name: (*name).clone(), step: *step };
                    Node { kind, span: *whole, start: *whole }
                }
                Step::Index { key, step, whole } => {
                    let start = if key.literal_key().is_some() { *whole } else { first_byte(*step) };
                    Node {
                        kind: NodeKind::Index { source, key: self.boxed(key), step: *step },
                        span: *whole,
                        start,
                    }
                }
            })
        })
    }

    /// A bare name as a key is text; a bare traversal could be either and is refused.
    fn object_key(&mut self, key: &Expr) -> Node {
        if let Some(name) = key.keyword() {
            return Node { kind: NodeKind::Constant(Value::string(name)), span: key.span, start: key.span };
        }
        if matches!(key.kind, ExprKind::Attribute { .. } | ExprKind::Index { .. })
            && matches!(flatten(key).0.kind, ExprKind::Root(_))
        {
            let detail = "If this expression is intended to be a reference, wrap it in parentheses. If it's instead intended as a literal name containing periods, wrap it in quotes to create a string literal.";
            let diagnostic =
                Diagnostic::error("ambiguous-key", "Ambiguous attribute key", detail).at(key.span);
            let kind = self.problem(diagnostic);
            return Node { kind, span: key.span, start: key.span };
        }
        self.node(key)
    }

    fn for_node(&mut self, for_expr: &ForExpr) -> ForNode {
        let collection = self.node(&for_expr.collection);
        // A slot without a name would be taken for a splat's item; no identifier is empty.
        self.locals.push(Some(for_expr.key_name.clone().unwrap_or_default()));
        self.locals.push(Some(for_expr.value_name.clone()));
        let key = for_expr.key.as_ref().map(|key| self.node(key));
        let value = self.node(&for_expr.value);
        let condition = for_expr.condition.as_ref().map(|condition| self.node(condition));
        self.locals.truncate(self.locals.len() - 2);
        ForNode { collection, key, value, condition, group: for_expr.group }
    }

    fn call(&mut self, call: &CallExpr) -> NodeKind {
        let mut callee = callee(&call.name, self.vocabulary);
        let mut given = call.arguments.as_slice();
        if let (Ok(Callee::Convert(constraint)), [value, wanted]) = (&mut callee, given) {
            let mut findings = Diagnostics::new();
            *constraint = Arc::new(parse_constraint(wanted, &mut findings));
            if let Some(finding) = findings.into_iter().find(Diagnostic::is_error) {
                return self.problem(finding);
            }
            given = std::slice::from_ref(value);
        } else if let Ok(Callee::Convert(_)) = callee {
            let detail = "Function \"convert\" expects 2 argument(s): a value, and the type it is to have.";
            let diagnostic = Diagnostic::error("function", "Wrong number of function arguments", detail);
            return self.problem(diagnostic.at(call.name_span));
        }
        let arguments: Vec<Node> = given.iter().map(|argument| self.node(argument)).collect();
        match callee {
            Ok(callee) => NodeKind::Call(Box::new(CallNode {
                callee,
                name: call.name.clone(),
                open: call.open,
                arguments,
                expand: call.expand,
            })),
            Err(mut diagnostic) => {
                diagnostic.subject = Some(call.name_span);
                self.problem(diagnostic)
            }
        }
    }
}

fn callee(name: &str, vocabulary: Vocabulary) -> Result<Callee, Diagnostic> {
    let plain = name.strip_prefix("core::").unwrap_or(name);
    let unknown = |detail: String| Diagnostic::error("unknown-function", "Call to unknown function", detail);
    if let Some(rest) = plain.strip_prefix("provider::") {
        return match rest.split_once("::") {
            Some((provider, function)) if !function.contains("::") => {
                Ok(Callee::Provider { provider: provider.into(), function: function.into() })
            }
            _ => Err(unknown("A provider's function is called as provider::NAME::FUNCTION.".to_owned())),
        };
    }
    if let Some((namespace, _)) = plain.rsplit_once("::") {
        return Err(unknown(format!("There are no functions in namespace \"{namespace}::\".")));
    }
    match plain {
        "try" => Ok(Callee::Try),
        "convert" if vocabulary.has("convert") => Ok(Callee::Convert(Arc::new(TypeConstraint::any()))),
        "can" => Ok(Callee::Can),
        "templatefile" => Ok(Callee::TemplateFile),
        "templatestring" => Ok(Callee::TemplateString),
        plain => vocabulary.lookup(plain).map(Callee::Function).ok_or_else(|| {
            let mut diagnostic = unknown(format!("There is no function named \"{plain}\"."));
            diagnostic.hint = if plain == "type" {
                Some("The console has a function of this name, to look at values.".to_owned())
            } else {
                suggest::hint(plain, functions::names())
            };
            diagnostic
        }),
    }
}

/// Evaluates a node whose parts are all constant, once and for all; one that fails is left to fail when it is used.
fn fold(node: Node) -> Node {
    let is_constant = |node: &Node| matches!(node.kind, NodeKind::Constant(_));
    let foldable = match &node.kind {
        NodeKind::Not(operand) | NodeKind::Negate(operand) => is_constant(operand),
        NodeKind::Attribute { source, .. } => is_constant(source),
        NodeKind::Index { source, key, .. } => is_constant(source) && is_constant(key),
        NodeKind::Binary { left, right, .. } => is_constant(left) && is_constant(right),
        NodeKind::Conditional { condition, truthy, falsy } => {
            is_constant(condition) && is_constant(truthy) && is_constant(falsy)
        }
        NodeKind::Tuple(items) | NodeKind::Template(items) => items.iter().all(is_constant),
        NodeKind::Object(items) => items.iter().all(|(key, value)| is_constant(key) && is_constant(value)),
        _ => false,
    };
    if !foldable {
        return node;
    }
    match crate::evaluate::constant(&node) {
        Some(value) => Node { kind: NodeKind::Constant(value), ..node },
        None => node,
    }
}
