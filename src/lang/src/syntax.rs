//! The syntax tree: what stands in the text, names not yet bound.
//!
//! Invariant: every node has its span; the tree holds nothing that failed to parse. It need not come from native
//! syntax: a JSON document yields the same tree.

use crate::json::Json;
use arcstr::ArcStr;
use formwork_diagnostic::Span;
use formwork_value::Value;

/// An expression.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

#[derive(Debug, Clone)]
pub(crate) enum ExprKind {
    /// A number, bool or null as written; text in a template.
    Literal(Value),
    /// A name that begins a traversal.
    Root(ArcStr),
    /// `source.name`; the step's span begins with the dot.
    Attribute {
        source: Box<Expr>,
        name: ArcStr,
        step: Span,
    },
    /// `source[key]` and `source.0`.
    Index {
        source: Box<Expr>,
        key: Box<Expr>,
        step: Span,
    },
    /// `source[*]…` and `source.*…`: what follows the star hangs below [`ExprKind::SplatItem`] in `each`.
    Splat {
        source: Box<Expr>,
        each: Box<Expr>,
        star: Span,
    },
    /// The element that a splat is at.
    SplatItem,
    Parentheses(Box<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary {
        operator: crate::node::BinaryOperator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Conditional {
        condition: Box<Expr>,
        truthy: Box<Expr>,
        falsy: Box<Expr>,
    },
    Tuple(Vec<Expr>),
    Object(Vec<(Expr, Expr)>),
    For(Box<ForExpr>),
    Call(Box<CallExpr>),
    /// Parts that are joined to a string.
    Template(Vec<Expr>),
    /// A template of one interpolation: the value itself.
    Wrapped(Box<Expr>),
    /// A template's `for`: the elements joined.
    Join(Box<Expr>),
}

#[derive(Debug, Clone)]
pub(crate) struct ForExpr {
    pub(crate) key_name: Option<ArcStr>,
    pub(crate) value_name: ArcStr,
    pub(crate) collection: Expr,
    pub(crate) key: Option<Expr>,
    pub(crate) value: Expr,
    pub(crate) condition: Option<Expr>,
    pub(crate) group: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct CallExpr {
    /// With namespaces: `provider::a::b`.
    pub(crate) name: ArcStr,
    pub(crate) name_span: Span,
    /// From the name through the opening parenthesis.
    pub(crate) open: Span,
    pub(crate) arguments: Vec<Expr>,
    pub(crate) expand: bool,
}

/// What stands between a block's braces, or in a whole file.
#[derive(Debug, Clone)]
pub(crate) struct BodySyntax {
    pub(crate) attributes: Vec<AttributeSyntax>,
    pub(crate) blocks: Vec<BlockSyntax>,
    pub(crate) span: Span,
    /// Whether something in it could not be read: nothing is to be called missing then.
    pub(crate) is_incomplete: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct AttributeSyntax {
    pub(crate) name: ArcStr,
    pub(crate) name_span: Span,
    pub(crate) value: Expr,
    /// In a JSON document: the value that may turn out to be blocks.
    pub(crate) json: Option<Json>,
}

#[derive(Debug, Clone)]
pub(crate) struct BlockSyntax {
    pub(crate) kind: ArcStr,
    pub(crate) kind_span: Span,
    pub(crate) labels: Vec<(ArcStr, Span)>,
    pub(crate) body: BodySyntax,
    /// From the block's type through its last label.
    pub(crate) header: Span,
}

impl BodySyntax {
    pub(crate) fn attribute(&self, name: &str) -> Option<&AttributeSyntax> {
        self.attributes.iter().find(|one| one.name == name)
    }
}

impl AttributeSyntax {
    pub(crate) fn span(&self) -> Span {
        self.name_span.join(self.value.span)
    }
}

impl BlockSyntax {
    /// As messages name it: `resource "a" "b"`.
    pub(crate) fn title(&self) -> String {
        let labels = self.labels.iter().map(|(label, _)| format!(" \"{label}\""));
        std::iter::once(self.kind.to_string()).chain(labels).collect()
    }
}

impl Expr {
    /// The name, where the expression is nothing but one: `string`, `all`, also `true` and `null`.
    pub(crate) fn keyword(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Root(name) => Some(name),
            ExprKind::Literal(value) if value.is_null() => Some("null"),
            ExprKind::Literal(value) => value.as_bool().map(|bool| if bool { "true" } else { "false" }),
            _ => None,
        }
    }

    /// The text, where the expression is a string without sequences.
    pub(crate) fn literal_string(&self) -> Option<ArcStr> {
        match &self.kind {
            ExprKind::Template(parts) => match parts.as_slice() {
                [Expr { kind: ExprKind::Literal(value), .. }] => value.as_str().cloned(),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value of a static index key: a number, bool or string as written.
    pub(crate) fn literal_key(&self) -> Option<Value> {
        match &self.kind {
            ExprKind::Literal(value) => Some(value.clone()),
            _ => self.literal_string().map(Value::string),
        }
    }
}
