//! Objects of a document as bodies.

use super::expression::Reader;
use super::shape::Shape;
use super::{Json, JsonKind, Member};
use crate::syntax::{AttributeSyntax, BlockSyntax, BodySyntax};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};

/// The body that a value stands for: an object, or several that are taken together.
pub(crate) fn body(json: &Json, shape: &Shape, diagnostics: &mut Diagnostics) -> BodySyntax {
    let mut body =
        BodySyntax { attributes: Vec::new(), blocks: Vec::new(), span: json.span, is_incomplete: false };
    fill(json, shape, &mut body, diagnostics);
    body
}

/// The blocks that a property stands for, by a schema that says how many labels they have.
pub(crate) fn blocks_of(
    name: &ArcStr,
    name_span: Span,
    json: &Json,
    labels: usize,
    diagnostics: &mut Diagnostics,
) -> Vec<BlockSyntax> {
    let mut blocks = Vec::new();
    let mut gatherer = Gatherer { kind: name, kind_span: name_span, shape: Shape::open(), diagnostics };
    gatherer.blocks(json, labels, &mut Vec::new(), &mut blocks);
    blocks
}

fn fill(json: &Json, shape: &Shape, body: &mut BodySyntax, diagnostics: &mut Diagnostics) {
    match &json.kind {
        JsonKind::Object(members) => {
            for member in members.iter().filter(|member| member.name.text != "//") {
                property(member, shape, body, diagnostics);
            }
        }
        JsonKind::Array(items) => items.iter().for_each(|item| fill_once(item, shape, body, diagnostics)),
        _ => {
            body.is_incomplete = true;
            let detail = "An object is required here: each of its properties is an argument or a block type.";
            wrong(json, detail, diagnostics);
        }
    }
}

fn fill_once(json: &Json, shape: &Shape, body: &mut BodySyntax, diagnostics: &mut Diagnostics) {
    if let JsonKind::Object(_) = json.kind {
        fill(json, shape, body, diagnostics);
    } else {
        body.is_incomplete = true;
        wrong(
            json,
            "Each item here is an object whose properties are arguments or block types.",
            diagnostics,
        );
    }
}

fn wrong(json: &Json, detail: &str, diagnostics: &mut Diagnostics) {
    let detail = format!("{detail} This is {}.", json.word());
    diagnostics.push(Diagnostic::error("json-value", "Incorrect JSON value type", detail).at(json.span));
}

fn property(member: &Member, shape: &Shape, body: &mut BodySyntax, diagnostics: &mut Diagnostics) {
    let name = &member.name.text;
    if let Some((labels, inner)) = shape.block(name) {
        let before = diagnostics.len();
        let mut gatherer = Gatherer { kind: name, kind_span: member.name_span, shape: inner, diagnostics };
        gatherer.blocks(&member.value, labels, &mut Vec::new(), &mut body.blocks);
        body.is_incomplete |= diagnostics.len() > before;
        return;
    }
    let may_be_blocks = shape.is_open
        && matches!(member.value.kind, JsonKind::Object(_) | JsonKind::Array(_) | JsonKind::Null);
    let mut reader = Reader { strings: shape.strings_of(name), is_open: shape.is_open, diagnostics };
    if body.attribute(name).is_some() {
        return reader.duplicate(member);
    }
    let value = reader.expression(&member.value);
    let json = may_be_blocks.then(|| member.value.clone());
    body.attributes.push(AttributeSyntax { name: name.clone(), name_span: member.name_span, value, json });
}

struct Gatherer<'a> {
    kind: &'a ArcStr,
    kind_span: Span,
    shape: &'static Shape,
    diagnostics: &'a mut Diagnostics,
}

impl Gatherer<'_> {
    /// Blocks below a property: an object a label, then one body or an array of them.
    fn blocks(
        &mut self,
        json: &Json,
        labels_left: usize,
        labels: &mut Vec<(ArcStr, Span)>,
        blocks: &mut Vec<BlockSyntax>,
    ) {
        match &json.kind {
            JsonKind::Array(items) => {
                for item in &**items {
                    if matches!(item.kind, JsonKind::Array(_)) {
                        self.wrong(item, labels_left, labels.is_empty());
                    } else {
                        self.blocks(item, labels_left, labels, blocks);
                    }
                }
            }
            JsonKind::Object(members) if labels_left > 0 => {
                for member in members.iter().filter(|member| member.name.text != "//") {
                    labels.push((member.name.text.clone(), member.name_span));
                    self.blocks(&member.value, labels_left - 1, labels, blocks);
                    labels.pop();
                }
            }
            JsonKind::Object(_) => blocks.push(self.block(json, labels)),
            JsonKind::Null => {}
            _ => self.wrong(json, labels_left, labels.is_empty()),
        }
    }

    fn wrong(&mut self, json: &Json, labels_left: usize, is_first: bool) {
        let kind = self.kind;
        let detail = match labels_left {
            0 => format!("A {kind} block is an object with its arguments, or an array of such objects."),
            _ if is_first => format!(
                "The property \"{kind}\" is an object that is keyed by the first label of each block."
            ),
            _ => format!(
                "The blocks of type \"{kind}\" are keyed by the next label here: an object is required."
            ),
        };
        wrong(json, &detail, self.diagnostics);
    }

    fn block(&mut self, json: &Json, labels: &[(ArcStr, Span)]) -> BlockSyntax {
        BlockSyntax {
            kind: self.kind.clone(),
            kind_span: self.kind_span,
            labels: labels.to_vec(),
            body: body(json, self.shape, self.diagnostics),
            header: labels.last().map_or(self.kind_span, |(_, span)| *span),
        }
    }
}
