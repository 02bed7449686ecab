//! Bodies: the arguments and nested blocks of a block whose schema is not known yet, expressions compiled.
//!
//! Invariant: the names that dynamic blocks bring in are slots, in the order of nesting; what a body was compiled with
//! is what it is decoded with.

use crate::compile::compile;
use crate::expression::Expression;
use crate::json::{self, Json};
use crate::scope::{Reference, Scope};
use crate::suggest;
use crate::syntax::{AttributeSyntax, BlockSyntax, BodySyntax, ExprKind};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_value::{Path, PathStep};
use std::sync::{Arc, OnceLock};

/// What stands between a block's braces, meta-arguments taken out. A clone is O(1).
#[derive(Debug, Clone)]
pub struct Body(Arc<BodyParts>);

#[derive(Debug)]
struct BodyParts {
    attributes: Vec<Attribute>,
    blocks: Vec<Block>,
    span: Span,
    is_incomplete: bool,
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
    /// In a JSON document: what it is where the schema has blocks of this name.
    pub(crate) json: Option<Arc<JsonBlocks>>,
}

/// A property of a JSON document that may be blocks.
#[derive(Debug)]
pub(crate) struct JsonBlocks {
    json: Json,
    /// The names that dynamic blocks around it brought in.
    locals: Vec<ArcStr>,
    /// With how many labels it was read before, and as what.
    read: OnceLock<(usize, Arc<[Block]>, Diagnostics)>,
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
    /// Attributes and block types that are not the body's own: meta-arguments. With `_` among them, what stands in
    /// a block of that name is the body's own all the same.
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
        let is_incomplete = false;
        Self(Arc::new(BodyParts {
            attributes,
            blocks,
            span,
            is_incomplete,
            header: span,
            title: ArcStr::new(),
        }))
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
            let mut attributes: Vec<&AttributeSyntax> =
                syntax.attributes.iter().filter(|one| !taken.contains(&one.name.as_str())).collect();
            let mut blocks: Vec<&BlockSyntax> =
                syntax.blocks.iter().filter(|one| !taken.contains(&one.kind.as_str())).collect();
            if taken.contains(&ESCAPE) {
                for escape in syntax.blocks.iter().filter(|one| one.kind == ESCAPE) {
                    add_escaped(escape, &mut attributes, context);
                    blocks.extend(&escape.body.blocks);
                }
            }
            let attributes = attributes.into_iter().map(|one| Attribute {
                name: one.name.clone(),
                name_span: one.name_span,
                expression: compile(&one.value, locals),
                json: one.json.as_ref().map(|json| {
                    Arc::new(JsonBlocks { json: json.clone(), locals: locals.clone(), read: OnceLock::new() })
                }),
            });
            let attributes = attributes.collect();
            let blocks = blocks.into_iter().filter_map(|one| block(one, locals, context)).collect();
            Self(Arc::new(BodyParts {
                attributes,
                blocks,
                span: syntax.span,
                is_incomplete: syntax.is_incomplete,
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

    /// The nested blocks that stand in the text, dynamic ones left out: type, first label, body.
    pub fn just_blocks(&self) -> impl Iterator<Item = (&ArcStr, Option<&ArcStr>, &Body)> {
        let written = self.0.blocks.iter().filter(|block| block.dynamic.is_none());
        written.map(|block| (&block.kind, block.labels.first().map(|(label, _)| label), &block.body))
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.0.blocks
    }

    /// Whether something in it could not be read.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.0.is_incomplete
    }

    /// The blocks that a property of a JSON document stands for, where the schema has blocks of its name.
    pub(crate) fn json_blocks(
        &self,
        attribute: &Attribute,
        labels: usize,
    ) -> Option<(Arc<[Block]>, Diagnostics)> {
        let property = attribute.json.as_ref()?;
        let read = || {
            let mut diagnostics = Diagnostics::new();
            let (name, span) = (&attribute.name, attribute.name_span);
            let syntax = json::blocks_of(name, span, &property.json, labels, &mut diagnostics);
            let mut context = BodyContext { title: &self.0.title, taken: &[], diagnostics: &mut diagnostics };
            let mut locals = property.locals.clone();
            let blocks: Arc<[Block]> =
                syntax.iter().filter_map(|one| block(one, &mut locals, &mut context)).collect();
            (labels, blocks, diagnostics)
        };
        let (known, blocks, diagnostics) = property.read.get_or_init(read);
        if *known == labels {
            return Some((blocks.clone(), diagnostics.clone()));
        }
        let (_, blocks, diagnostics) = read();
        Some((blocks, diagnostics))
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

    /// The same with everything that it names replaced by the value that it has in a scope. What a dynamic block
    /// makes stays as it is, since it may name what the block brings in.
    pub fn resolved(&self, scope: &dyn Scope) -> (Self, Diagnostics) {
        let mut diagnostics = Diagnostics::new();
        let body = self.resolve_in(scope, &mut diagnostics);
        (body, diagnostics)
    }

    fn resolve_in(&self, scope: &dyn Scope, diagnostics: &mut Diagnostics) -> Self {
        let parts = &*self.0;
        let attribute = |one: &Attribute, diagnostics: &mut Diagnostics| Attribute {
            expression: constant_of(&one.expression, scope, diagnostics),
            ..one.clone()
        };
        let attributes = parts.attributes.iter().map(|one| attribute(one, diagnostics)).collect();
        let block = |block: &Block, diagnostics: &mut Diagnostics| Block {
            kind: block.kind.clone(),
            header: block.header,
            labels: block.labels.clone(),
            body: match block.dynamic {
                None => {
                    stacker::maybe_grow(64 * 1024, 1024 * 1024, || block.body.resolve_in(scope, diagnostics))
                }
                Some(_) => block.body.clone(),
            },
            dynamic: block.dynamic.as_ref().map(|dynamic| Dynamic {
                for_each: constant_of(&dynamic.for_each, scope, diagnostics),
                labels: dynamic.labels.clone(),
            }),
        };
        let blocks = parts.blocks.iter().map(|one| block(one, diagnostics)).collect();
        Self(Arc::new(BodyParts {
            attributes,
            blocks,
            span: parts.span,
            is_incomplete: parts.is_incomplete,
            header: parts.header,
            title: parts.title.clone(),
        }))
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

/// An expression that names nothing any more.
fn constant_of(expression: &Expression, scope: &dyn Scope, diagnostics: &mut Diagnostics) -> Expression {
    if expression.references().is_empty() {
        return expression.clone();
    }
    let (value, found) = expression.evaluate(scope);
    diagnostics.append(found);
    Expression::from_value_at(value, expression.span())
}

/// The block whose content is the type's own, whatever the language uses the names for.
pub(crate) const ESCAPE: &str = "_";

fn add_escaped<'s>(
    escape: &'s BlockSyntax,
    attributes: &mut Vec<&'s AttributeSyntax>,
    context: &mut BodyContext<'_>,
) {
    for attribute in &escape.body.attributes {
        if attributes.iter().any(|one| one.name == attribute.name) {
            let name = &attribute.name;
            let detail =
                format!("The argument \"{name}\" was already set. Each argument may be set only once.");
            let diagnostic = Diagnostic::error("duplicate", "Attribute redefined", detail);
            context.diagnostics.push(diagnostic.at(attribute.name_span).in_block(context.title.as_str()));
        } else {
            attributes.push(attribute);
        }
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

/// Arguments of a `dynamic` block.
pub(crate) const DYNAMIC_ARGUMENTS: [&str; 3] = ["for_each", "iterator", "labels"];

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
        if !DYNAMIC_ARGUMENTS.contains(&attribute.name.as_str()) {
            let mut detail = format!("An argument named \"{}\" is not expected here.", attribute.name);
            if let Some(hint) = suggest::hint(&attribute.name, DYNAMIC_ARGUMENTS) {
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
    let template = match syntax.body.blocks.as_slice() {
        [only] if only.kind == "content" && only.labels.is_empty() => only,
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
    let body = Body::with_locals(&template.body, syntax.header, locals, context);
    locals.pop();
    let dynamic = Some(Dynamic { for_each, labels });
    Some(Block { kind: kind.clone(), header: syntax.header, labels: Vec::new(), body, dynamic })
}
