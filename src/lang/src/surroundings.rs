//! What stands around a place in a configuration's text: for tools that show a finding with its block and function.
//!
//! Invariant: each text is parsed at most once, however many places in it are asked about.

use crate::json;
use crate::parser::parse_file;
use crate::syntax::{BodySyntax, Expr, ExprKind};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostics, FileId, Sources, Span};
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

/// Answers for places in some sources.
pub struct Surroundings<'a> {
    sources: &'a Sources,
    bodies: FxHashMap<FileId, BodySyntax>,
}

impl<'a> Surroundings<'a> {
    /// Nothing is parsed before it is asked about.
    pub fn new(sources: &'a Sources) -> Self {
        Self { sources, bodies: FxHashMap::default() }
    }

    fn body(&mut self, file: FileId) -> Option<&BodySyntax> {
        let source = self.sources.get(file)?;
        let is_native = [".tf", ".tofu"].iter().any(|ending| source.name().ends_with(ending));
        let is_json = [".tf.json", ".tofu.json"].iter().any(|ending| source.name().ends_with(ending));
        if !is_native && !is_json {
            return None;
        }
        Some(match self.bodies.entry(file) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(if is_native {
                parse_file(file, source.text()).0
            } else {
                json::body(&json::read(file, source.text()).ok()?, &json::FILE, &mut Diagnostics::new())
            }),
        })
    }

    /// The outermost block around a place as messages name it: `resource "a" "b"`.
    pub fn block(&mut self, place: Span) -> Option<String> {
        let body = self.body(place.file)?;
        let around = body.blocks.iter().find(|block| holds(block.kind_span.join(block.body.span), place));
        around.map(crate::syntax::BlockSyntax::title)
    }

    /// The innermost function call around a place, by the name it is called by.
    pub fn call(&mut self, place: Span) -> Option<ArcStr> {
        let mut body = self.body(place.file)?;
        while let Some(block) = body.blocks.iter().find(|block| holds(block.body.span, place)) {
            body = &block.body;
        }
        let around = body.attributes.iter().map(|attribute| &attribute.value);
        let mut expression = around.into_iter().find(|value| holds(value.span, place))?;
        let mut call = None;
        loop {
            if let ExprKind::Call(found) = &expression.kind {
                call = Some(found.name.clone());
            }
            match parts(expression).into_iter().find(|part| holds(part.span, place)) {
                Some(part) => expression = part,
                None => return call,
            }
        }
    }
}

fn holds(whole: Span, place: Span) -> bool {
    whole.start <= place.start && place.end <= whole.end
}

/// The expressions directly inside one.
fn parts(expression: &Expr) -> Vec<&Expr> {
    match &expression.kind {
        ExprKind::Literal(_) | ExprKind::Root(_) | ExprKind::SplatItem => Vec::new(),
        ExprKind::Attribute { source, .. } => vec![source],
        ExprKind::Index { source, key, .. } => vec![source, key],
        ExprKind::Splat { source, each, .. } => vec![source, each],
        ExprKind::Parentheses(inner)
        | ExprKind::Not(inner)
        | ExprKind::Negate(inner)
        | ExprKind::Wrapped(inner)
        | ExprKind::Join(inner) => vec![inner],
        ExprKind::Binary { left, right, .. } => vec![left, right],
        ExprKind::Conditional { condition, truthy, falsy } => vec![condition, truthy, falsy],
        ExprKind::Tuple(items) | ExprKind::Template(items) => items.iter().collect(),
        ExprKind::Object(items) => items.iter().flat_map(|(key, value)| [key, value]).collect(),
        ExprKind::For(one) => {
            [Some(&one.collection), one.key.as_ref(), Some(&one.value), one.condition.as_ref()]
                .into_iter()
                .flatten()
                .collect()
        }
        ExprKind::Call(call) => call.arguments.iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_calls_around_a_place_are_named() {
        let text = "a \"x\" {\n  b {\n    c = [upper(\"${lower(d)}\"), e]\n  }\n}\nf = 1\n";
        for (name, word, block, call) in [
            ("main.tf", "d", Some("a \"x\""), Some("lower")),
            ("main.tf", "upper", Some("a \"x\""), Some("upper")),
            ("main.tf", "e]", Some("a \"x\""), None),
            ("main.tf", "b {", Some("a \"x\""), None),
            ("main.tf", "f", None, None),
            ("main.tfvars", "d", None, None),
            ("main.tf.json", "xyz", Some("output \"o\""), Some("upper")),
        ] {
            let text = if name == "main.tf.json" {
                r#"{"output": {"o": {"value": "${upper(xyz)}"}}}"#
            } else {
                text
            };
            let mut sources = Sources::new();
            let file = sources.add(name, text);
            let start = u32::try_from(text.find(word).unwrap()).unwrap();
            let place = Span::new(file, start, start + 1);
            let mut surroundings = Surroundings::new(&sources);
            assert_eq!(surroundings.block(place).as_deref(), block, "{word}");
            assert_eq!(surroundings.call(place).as_deref(), call, "{word}");
        }
    }
}
