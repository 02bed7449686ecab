//! Spellings of the language's first days in those of today: `"${a}"` as `a`, `"string"` as `string`, `list` as
//! `list(any)`, and a block's labels in quotes.
//!
//! Invariant: none changes what the text means. Where unwrapping an expression leaves newlines outside of any bracket,
//! it gets parentheses.

use super::Piece;
use crate::lexer::TokenKind;
use crate::syntax::BodySyntax;
use formwork_diagnostic::Span;

/// One place to rewrite.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rewrite {
    span: Span,
    kind: RewriteKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RewriteKind {
    /// The value of an argument: `"${a}"`.
    Value,
    /// The type of a variable, and what is written for it.
    Type(&'static str),
    /// A label without quotes.
    Label,
}

/// Spellings of types that are written otherwise.
pub(super) const TYPES: [(&str, &str); 6] = [
    ("list", "list(any)"),
    ("map", "map(any)"),
    ("set", "set(any)"),
    ("\"string\"", "string"),
    ("\"list\"", "list(string)"),
    ("\"map\"", "map(string)"),
];

/// Every place to rewrite, in the order of the text.
pub(super) fn rewrites(body: &BodySyntax, text: &str) -> Vec<Rewrite> {
    let text_of = |span: Span| &text[span.start as usize..span.end as usize];
    let mut found = Vec::new();
    let mut bodies = vec![(body, false)];
    let is_root = |one: &BodySyntax| std::ptr::eq(one, body);
    while let Some((body, is_variable)) = bodies.pop() {
        for attribute in &body.attributes {
            let span = attribute.value.span;
            let written = text_of(span);
            if is_variable && attribute.name == "type" {
                let replaced = TYPES.iter().find(|(old, _)| *old == written);
                found.extend(replaced.map(|(_, kind)| Rewrite { span, kind: RewriteKind::Type(kind) }));
            } else if written.starts_with("\"${") && written.ends_with("}\"") {
                found.push(Rewrite { span, kind: RewriteKind::Value });
            }
        }
        for block in &body.blocks {
            let bare = block.labels.iter().map(|(_, span)| *span);
            let bare = bare.filter(|span| !text_of(*span).starts_with('"'));
            found.extend(bare.map(|span| Rewrite { span, kind: RewriteKind::Label }));
            bodies.push((&block.body, is_root(body) && block.kind == "variable"));
        }
    }
    found.sort_by_key(|rewrite| rewrite.span.start);
    found
}

/// The pieces with every place rewritten.
pub(super) fn rewrite<'a>(pieces: Vec<Piece<'a>>, rewrites: &[Rewrite]) -> Vec<Piece<'a>> {
    if rewrites.is_empty() {
        return pieces;
    }
    let mut out = Vec::with_capacity(pieces.len() + 2 * rewrites.len());
    let mut rest = pieces.as_slice();
    for rewrite in rewrites {
        let before = rest.partition_point(|piece| piece.start < rewrite.span.start);
        out.extend_from_slice(&rest[..before]);
        let length = rest[before..].partition_point(|piece| piece.start < rewrite.span.end);
        let (inside, after) = rest[before..].split_at(length);
        match rewrite.kind {
            RewriteKind::Value => unwrapped(inside, &mut out),
            RewriteKind::Type(text) => {
                out.extend(inside.first().map(|first| Piece { text, kind: TokenKind::Identifier, ..*first }));
            }
            RewriteKind::Label => {
                let quote = |kind| Piece { kind, text: "\"", ..inside[0] };
                out.push(quote(TokenKind::OpenQuote));
                out.extend(inside.iter().map(|one| Piece { kind: TokenKind::QuotedText, ..*one }));
                out.push(quote(TokenKind::CloseQuote));
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

/// What stands in `"${` and `}"`, where that is one expression and nothing else; as often as it is so.
fn unwrapped<'a>(pieces: &[Piece<'a>], out: &mut Vec<Piece<'a>>) {
    let mut pieces = pieces;
    let mut comments_after: Vec<&[Piece<'a>]> = Vec::new();
    let mut has_parentheses = false;
    while let Some(inside) = inside(pieces) {
        pieces = inside;
        has_parentheses = needs_parentheses(inside);
        if has_parentheses {
            break;
        }
        let is_comment = |piece: &Piece<'_>| piece.kind == TokenKind::Comment;
        let first = inside.iter().position(|piece| !is_comment(piece)).unwrap_or(0);
        let end = inside.iter().rposition(|piece| !is_comment(piece)).map_or(inside.len(), |last| last + 1);
        out.extend_from_slice(&inside[..first]);
        comments_after.push(&inside[end..]);
        pieces = &inside[first..end];
    }
    let parenthesis = |kind, text| Piece { kind, text, ..pieces[0] };
    out.extend(has_parentheses.then(|| parenthesis(TokenKind::OpenParenthesis, "(")));
    out.extend_from_slice(pieces);
    out.extend(has_parentheses.then(|| parenthesis(TokenKind::CloseParenthesis, ")")));
    comments_after.iter().rev().for_each(|comments| out.extend_from_slice(comments));
}

/// The one expression in a template, newlines around it taken off; there is at least one piece.
fn inside<'p, 'a>(pieces: &'p [Piece<'a>]) -> Option<&'p [Piece<'a>]> {
    use TokenKind::{CloseQuote, Interpolation, OpenQuote, SequenceEnd};
    let [open, start, inside @ .., end, close] = pieces else { return None };
    let kinds = (open.kind, start.kind, end.kind, close.kind);
    if kinds != (OpenQuote, Interpolation, SequenceEnd, CloseQuote) || !is_one_expression(inside) {
        return None;
    }
    let is_blank = |piece: &Piece<'_>| piece.kind == TokenKind::Newline;
    let first = inside.iter().position(|piece| !is_blank(piece))?;
    let last = inside.iter().rposition(|piece| !is_blank(piece))?;
    Some(&inside[first..=last])
}

/// Whether no second sequence and no text stands beside the first one.
fn is_one_expression(inside: &[Piece<'_>]) -> bool {
    let mut quotes = 0_usize;
    inside.iter().all(|piece| {
        match piece.kind {
            TokenKind::OpenQuote => quotes += 1,
            TokenKind::CloseQuote => quotes = quotes.saturating_sub(1),
            TokenKind::Interpolation | TokenKind::SequenceEnd | TokenKind::QuotedText if quotes == 0 => {
                return false;
            }
            _ => {}
        }
        true
    })
}

/// Whether a newline would end the argument early; as upstream, also whenever there is a newline and the whole does not
/// look like parentheses already.
fn needs_parentheses(inside: &[Piece<'_>]) -> bool {
    let is = |piece: Option<&Piece<'_>>, kind| piece.is_some_and(|piece| piece.kind == kind);
    let looks_closed = is(inside.first(), TokenKind::OpenParenthesis)
        && is(inside.last(), TokenKind::CloseParenthesis)
        && inside.len() > 1;
    let mut depth = 0;
    let (mut has_newline, mut has_bare_newline) = (false, false);
    for piece in inside {
        depth += piece.brackets();
        has_newline |= piece.ends_line();
        has_bare_newline |= piece.ends_line() && depth == 0;
    }
    has_bare_newline || has_newline && !looks_closed
}
