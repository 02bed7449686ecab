//! Bodies: the arguments and nested blocks of a block whose schema is not known yet, expressions compiled.
//!
//! Invariant: the names that dynamic blocks bring in are slots, in the order of nesting; what a body was compiled with
//! is what it is decoded with.

use crate::compile::compile;
use crate::expression::Expression;
use crate::scope::Reference;
use crate::suggest;
use crate::syntax::{BlockSyntax, BodySyntax, ExprKind};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_value::{Path, PathStep};
use std::sync::Arc;

/// What stands between a block's braces, meta-arguments taken out. A clone is O(1).
#[derive(Debug, Clone)]
pub struct Body(Arc<BodyParts>);

#[derive(Debug)]
struct BodyParts {
    attributes: Vec<Attribute>,
    blocks: Vec<Block>,
    span: Span,
    /// The block's header: where something missing is reported.
    header: Span,
    /// The outermost block as messages name it: `resource "a" "b"`.
    title: ArcStr,
}

/// One attribute of a body.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Its name.
    pub name: ArcStr,
    /// The name's text.
    pub name_span: Span,
    /// Its value.
    pub expression: Expression,
}

/// A nested block.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kind: ArcStr,
    pub(crate) header: Span,
    pub(crate) labels: Vec<(ArcStr, Span)>,
    pub(crate) body: Body,
    /// For a `dynamic` block: `body` is then its content.
    pub(crate) dynamic: Option<Dynamic>,
}

/// What makes blocks of one dynamic block.
#[derive(Debug)]
pub(crate) struct Dynamic {
    pub(crate) for_each: Expression,
    pub(crate) labels: Vec<Expression>,
}

/// What a body is compiled in.
pub(crate) struct BodyContext<'a> {
    pub(crate) title: &'a ArcStr,
    /// Attributes and block types that are not the body's own: meta-arguments.
    pub(crate) taken: &'a [&'a str],
    pub(crate) diagnostics: &'a mut Diagnostics,
}

impl Body {
    /// Compiles a block's body.
    pub(crate) fn new(syntax: &BodySyntax, header: Span, context: &mut BodyContext<'_>) -> Self {
        Self::with_locals(syntax, header, &mut Vec::new(), context)
    }

    /// A body that holds nothing.
    pub fn empty(span: Span) -> Self {
        let (attributes, blocks) = (Vec::new(), Vec::new());
        Self(Arc::new(BodyParts { attributes, blocks, span, header: span, title: ArcStr::new() }))
    }

    fn with_locals(
        syntax: &BodySyntax,
        header: Span,
        locals: &mut Vec<ArcStr>,
        context: &mut BodyContext<'_>,
    ) -> Self {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            // Only the outermost body shares its names with meta-arguments.
            let taken = std::mem::take(&mut context.taken);
            let attributes = syntax.attributes.iter().filter(|one| !taken.contains(&one.name.as_str()));
            let attributes = attributes.map(|one| Attribute {
                name: one.name.clone(),
                name_span: one.name_span,
                expression: compile(&one.value, locals),
            });
            let attributes = attributes.collect();
            let blocks = syntax.blocks.iter().filter(|one| !taken.contains(&one.kind.as_str()));
            let blocks = blocks.filter_map(|one| block(one, locals, context)).collect();
            Self(Arc::new(BodyParts {
                attributes,
                blocks,
                span: syntax.span,
                header,
                title: context.title.clone(),
            }))
        })
    }

    /// Its text, braces included.
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// The header of the block it belongs to.
    pub fn header(&self) -> Span {
        self.0.header
    }

    /// The outermost block as messages name it: `resource "a" "b"`.
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// The attributes at the top, in the order of the text.
    pub fn just_attributes(&self) -> &[Attribute] {
        &self.0.attributes
    }

    /// The attribute of a name at the top.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.0.attributes.iter().find(|one| one.name == name)
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.0.blocks
    }

    /// Whether it holds neither attributes nor blocks.
    pub fn is_empty(&self) -> bool {
        self.0.attributes.is_empty() && self.0.blocks.is_empty()
    }

    /// Everything it names, nested and dynamic blocks included.
    pub fn references(&self) -> Vec<&Reference> {
        let mut all = Vec::new();
        self.each_expression(&mut |expression| all.extend(expression.references()));
        all
    }

    /// Every expression in it, nested and dynamic blocks included.
    pub(crate) fn each_expression<'a>(&'a self, visit: &mut dyn FnMut(&'a Expression)) {
        self.0.attributes.iter().for_each(|one| visit(&one.expression));
        for block in &self.0.blocks {
            if let Some(dynamic) = &block.dynamic {
                visit(&dynamic.for_each);
                dynamic.labels.iter().for_each(&mut *visit);
            }
            block.body.each_expression(visit);
        }
    }

    /// Where the value at a path was written: the nearest attribute or block that is in the text.
    pub fn span_of(&self, path: &Path) -> Option<Span> {
        let (first, rest) = path.steps().split_first()?;
        let (PathStep::Attribute(name) | PathStep::Key(name)) = first else { return None };
        if let Some(attribute) = self.attribute(name) {
            return Some(attribute.expression.span());
        }
        let mut blocks = self.0.blocks.iter().filter(|block| block.kind == *name);
        let (block, rest) = match rest.split_first() {
            Some((PathStep::Index(at), rest)) => (blocks.nth(usize::try_from(*at).ok()?)?, rest),
            Some((PathStep::Key(key), rest)) => {
                (blocks.find(|block| block.labels.first().is_some_and(|(label, _)| label == key))?, rest)
            }
            Some((PathStep::Element(_), rest)) => (blocks.next()?, rest),
            _ => (blocks.next()?, rest),
        };
        block.body.span_of(&Path(rest.to_vec())).or(Some(block.header))
    }
}

fn block(syntax: &BlockSyntax, locals: &mut Vec<ArcStr>, context: &mut BodyContext<'_>) -> Option<Block> {
    if syntax.kind == "dynamic" {
        return dynamic_block(syntax, locals, context);
    }
    let body = Body::with_locals(&syntax.body, syntax.header, locals, context);
    Some(Block {
        kind: syntax.kind.clone(),
        header: syntax.header,
        labels: syntax.labels.clone(),
        body,
        dynamic: None,
    })
}

fn dynamic_block(
    syntax: &BlockSyntax,
    locals: &mut Vec<ArcStr>,
    context: &mut BodyContext<'_>,
) -> Option<Block> {
    let mut fail = |span: Span, summary: &str, detail: String| {
        context.diagnostics.push(
            Diagnostic::error("dynamic-block", summary, detail).at(span).in_block(context.title.as_str()),
        );
    };
    let [(kind, _)] = syntax.labels.as_slice() else {
        let detail = "A dynamic block has one label: the type of the blocks that it makes.".to_owned();
        fail(syntax.header, "Invalid dynamic block", detail);
        return None;
    };
    for attribute in &syntax.body.attributes {
        const ARGUMENTS: [&str; 3] = ["for_each", "iterator", "labels"];
        if !ARGUMENTS.contains(&attribute.name.as_str()) {
            let mut detail = format!("An argument named \"{}\" is not expected here.", attribute.name);
            if let Some(hint) = suggest::hint(&attribute.name, ARGUMENTS) {
                detail = format!("{detail} {hint}");
            }
            fail(attribute.name_span, "Unsupported argument", detail);
        }
    }
    let Some(for_each) = syntax.body.attribute("for_each") else {
        let detail = "The argument \"for_each\" is required, but no definition was found.".to_owned();
        fail(syntax.header, "Missing required argument", detail);
        return None;
    };
    let iterator = match syntax.body.attribute("iterator").map(|iterator| (iterator, &iterator.value.kind)) {
        None => kind.clone(),
        Some((_, ExprKind::Root(name))) => name.clone(),
        Some((iterator, _)) => {
            let detail = "Dynamic iterator must be a single variable name.".to_owned();
            fail(iterator.value.span, "Invalid dynamic iterator name", detail);
            return None;
        }
    };
    let content = match syntax.body.blocks.as_slice() {
        [content] if content.kind == "content" && content.labels.is_empty() => content,
        _ => {
            let detail =
                "A dynamic block holds exactly one block: content, which defines the blocks that it makes."
                    .to_owned();
            fail(syntax.header, "Invalid dynamic block", detail);
            return None;
        }
    };
    let for_each = compile(&for_each.value, locals);
    locals.push(iterator);
    let labels = match syntax.body.attribute("labels").map(|labels| &labels.value.kind) {
        Some(ExprKind::Tuple(labels)) => labels.iter().map(|label| compile(label, locals)).collect(),
        _ => Vec::new(),
    };
    let body = Body::with_locals(&content.body, syntax.header, locals, context);
    locals.pop();
    let dynamic = Some(Dynamic { for_each, labels });
    Some(Block { kind: kind.clone(), header: syntax.header, labels: Vec::new(), body, dynamic })
}
