//! Text in the canonical style: what `fmt` writes, which is what `tofu fmt` writes.
//!
//! Three steps over the tokens: a few spellings are brought up to date ([`rewrite`]), lines are cut into cells and
//! indented by their brackets, and cells that stand below each other are aligned. Blank space is all that the last two
//! change.
//!
//! Invariants: a text that does not parse stays as it is; the result means what the text meant; comments stay;
//! formatting a result changes nothing. Work is linear in the text.

mod rewrite;
mod spacing;
#[cfg(test)]
mod tests;

use crate::lexer::{LexMode, Token, TokenKind, lex};
use crate::parser::parse_file;
use formwork_diagnostic::{Diagnostics, FileId, Sources};
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation as _;

/// Blanks a level of indentation is worth.
const INDENT: usize = 2;

/// The canonical form of one of the sources: arguments and blocks in native syntax. Nothing where it does not parse;
/// the diagnostics say why.
pub fn format(file: FileId, sources: &Sources) -> (Option<String>, Diagnostics) {
    let Some(source) = sources.get(file) else { return (None, Diagnostics::new()) };
    let text: &str = source.text();
    let (body, diagnostics) = parse_file(file, text);
    if diagnostics.has_errors() {
        return (None, diagnostics);
    }
    let (tokens, _) = lex(file, text, LexMode::Normal);
    let mut pieces = rewrite::rewrite(pieces(text, &tokens), &rewrite::rewrites(&body, text));
    let lines = lines(&pieces);
    indent(&mut pieces, &lines);
    spacing::space(&mut pieces, &lines);
    align(&mut pieces, &lines);
    (Some(written(&pieces, text.len())), diagnostics)
}

/// One token as it is written, with the blanks before it.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    kind: TokenKind,
    /// A comment that ends its line has the newline in it.
    text: &'a str,
    blanks: usize,
    /// Where it stands in the text; pieces of our own stand where the token before them does.
    start: u32,
}

impl Piece<'_> {
    fn ends_line(&self) -> bool {
        self.kind == TokenKind::Newline || self.kind == TokenKind::Comment && self.text.ends_with('\n')
    }

    /// How many brackets it opens, less those it closes.
    fn brackets(&self) -> isize {
        match self.kind {
            TokenKind::OpenBrace
            | TokenKind::OpenBracket
            | TokenKind::OpenParenthesis
            | TokenKind::Interpolation
            | TokenKind::Directive => 1,
            TokenKind::CloseBrace
            | TokenKind::CloseBracket
            | TokenKind::CloseParenthesis
            | TokenKind::SequenceEnd => -1,
            _ => 0,
        }
    }

    fn columns(&self) -> usize {
        let is_plain = self.text.is_ascii() && !self.text.contains('\r');
        self.blanks + if is_plain { self.text.len() } else { self.text.graphemes(true).count() }
    }
}

fn pieces<'a>(text: &'a str, tokens: &[Token]) -> Vec<Piece<'a>> {
    let mut pieces: Vec<Piece<'a>> = Vec::with_capacity(tokens.len());
    let mut last_end = 0;
    for token in tokens {
        let is_line_comment = |piece: &Piece<'_>| {
            piece.kind == TokenKind::Comment && !piece.text.starts_with("/*") && !piece.ends_line()
        };
        match pieces.last_mut().filter(|last| token.kind == TokenKind::Newline && is_line_comment(last)) {
            Some(comment) => comment.text = &text[comment.start as usize..token.end as usize],
            None => pieces.push(Piece {
                kind: token.kind,
                text: &text[token.start as usize..token.end as usize],
                blanks: (token.start - last_end) as usize,
                start: token.start,
            }),
        }
        last_end = token.end;
    }
    pieces
}

/// One line of pieces, in cells. A heredoc is part of the line that it begins on.
#[derive(Debug)]
struct Line {
    /// What comes first; all of it where there is nothing to align.
    lead: Range<usize>,
    /// From an equals sign on, where the value after it ends on this line. Empty where there is none.
    assignment: Range<usize>,
    /// The comment after something else.
    comment: Option<usize>,
}

fn lines(pieces: &[Piece<'_>]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (at, piece) in pieces.iter().enumerate() {
        let is_end = piece.kind == TokenKind::End;
        if is_end && at > start {
            lines.push(line(pieces, start..at));
        }
        if !is_end && piece.ends_line() {
            lines.push(line(pieces, start..at + 1));
            start = at + 1;
        }
    }
    lines
}

fn line(pieces: &[Piece<'_>], whole: Range<usize>) -> Line {
    let mut lead = whole;
    let last = lead.end - 1;
    let comment = (lead.len() > 1 && pieces[last].kind == TokenKind::Comment).then_some(last);
    if comment.is_some() {
        lead.end = last;
    }
    let equal = (lead.start + 1..lead.end).find(|at| pieces[*at].kind == TokenKind::Equal);
    let assigned = equal.filter(|at| pieces[*at..lead.end].iter().map(Piece::brackets).sum::<isize>() == 0);
    let assignment = assigned.map_or(lead.end..lead.end, |at| at..lead.end);
    lead.end = assignment.start;
    Line { lead, assignment, comment }
}

/// Puts each line as far in as there are lines before it that opened more brackets than they closed and are not closed
/// yet. A line that closes several of them goes back as many levels.
fn indent(pieces: &mut [Piece<'_>], lines: &[Line]) {
    let mut open: Vec<isize> = Vec::new();
    for line in lines {
        if pieces[line.lead.start].kind == TokenKind::Newline {
            pieces[line.lead.start].blanks = 0;
            continue;
        }
        let lead = &pieces[line.lead.clone()];
        let heredoc = lead.iter().position(|piece| piece.kind == TokenKind::OpenHeredoc);
        let counted = lead[..heredoc.unwrap_or(lead.len())].iter().chain(&pieces[line.assignment.clone()]);
        let brackets: isize = counted.map(Piece::brackets).sum();
        if brackets < 0 {
            close(&mut open, -brackets);
        }
        pieces[line.lead.start].blanks = INDENT * open.len();
        if brackets > 0 {
            open.push(brackets);
        }
    }
}

fn close(open: &mut Vec<isize>, mut closed: isize) {
    while let Some(last) = open.last_mut().filter(|_| closed > 0) {
        let taken = closed.min(*last);
        *last -= taken;
        closed -= taken;
        if *last == 0 {
            open.pop();
        }
    }
}

/// Aligns what stands in the same cell of lines that follow each other.
fn align(pieces: &mut [Piece<'_>], lines: &[Line]) {
    align_cells(pieces, lines, |line| {
        (!line.assignment.is_empty()).then(|| (line.lead.clone(), line.assignment.start))
    });
    align_cells(pieces, lines, |line| Some((line.lead.start..line.assignment.end, line.comment?)));
}

/// `cell` gives what stands before a line's cell, and the cell's first piece.
fn align_cells(
    pieces: &mut [Piece<'_>],
    lines: &[Line],
    cell: impl Fn(&Line) -> Option<(Range<usize>, usize)>,
) {
    let mut chain: Vec<(usize, usize)> = Vec::new();
    let mut widest = 0;
    for line in lines.iter().map(Some).chain([None]) {
        if let Some((before, first)) = line.and_then(&cell) {
            let columns = pieces[before].iter().map(Piece::columns).sum();
            widest = widest.max(columns);
            chain.push((first, columns));
            continue;
        }
        for (first, columns) in chain.drain(..) {
            pieces[first].blanks = widest - columns + 1;
        }
        widest = 0;
    }
}

fn written(pieces: &[Piece<'_>], length: usize) -> String {
    let mut text = String::with_capacity(length + length / 8);
    for piece in pieces {
        text.extend(std::iter::repeat_n(' ', piece.blanks));
        text.push_str(piece.text);
    }
    text
}
