//! Tokens to the syntax tree, gathering every fault on the way.
//!
//! Invariant: a fault inside an argument or block header is reported once and costs that item alone; parsing goes
//! on with the next one. Nesting is bounded, and the stack grows on demand.

mod body;
mod expression;
mod template;

use crate::json::Places;
use crate::lexer::{LexMode, Token, TokenKind, lex};
use crate::syntax::{BodySyntax, Expr};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, FileId, Span};
use rustc_hash::FxHashMap;
use std::cmp::Ordering;

/// Levels of nesting that are followed before a text is refused.
const DEPTH_LIMIT: u32 = 1500;

/// Levels that a tree may have: operators and steps in a row make one each. Whatever walks or drops a tree goes as deep.
const HEIGHT_LIMIT: u32 = 5000;

/// Faults of one text that are reported; then reading stops.
const FAULTS_MOST: usize = 200;

/// The item at hand cannot be read; what is wrong has been reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failed;

type Parsed<T> = Result<T, Failed>;

/// A whole file of arguments and blocks.
pub(crate) fn parse_file(file: FileId, text: &str) -> (BodySyntax, Diagnostics) {
    let mut parser = Parser::new(file, text, LexMode::Normal);
    let body = parser.file_body();
    if !parser.is_unclosed {
        return (body, parser.diagnostics);
    }
    // A brace is missing somewhere. Read again, taking what looks like a block of a file for one.
    let mut parser = Parser::new(file, text, LexMode::Normal);
    parser.trusts_columns = true;
    let body = parser.file_body();
    (body, parser.diagnostics)
}

/// A text that is one expression.
pub(crate) fn parse_expression(file: FileId, text: &str) -> (Option<Expr>, Diagnostics) {
    let mut parser = Parser::new(file, text, LexMode::Normal);
    let expression = parser.whole_expression();
    (expression.ok(), parser.diagnostics)
}

/// A text that is a template: text with sequences.
pub(crate) fn parse_template(file: FileId, text: &str) -> (Option<Expr>, Diagnostics) {
    let mut parser = Parser::new(file, text, LexMode::Template);
    let template = parser.template(TokenKind::End, false);
    (template.ok(), parser.diagnostics)
}

/// A text that is one expression and stands in a string of a JSON document.
pub(crate) fn parse_expression_at(file: FileId, text: &str, places: Places) -> (Option<Expr>, Diagnostics) {
    let mut parser = Parser::new(file, text, LexMode::Normal).in_document(places);
    let expression = parser.whole_expression();
    (expression.ok(), parser.diagnostics)
}

/// A template that is a string of a JSON document.
pub(crate) fn parse_template_at(file: FileId, text: &str, places: Places) -> (Option<Expr>, Diagnostics) {
    let mut parser = Parser::new(file, text, LexMode::Template).in_document(places);
    let template = parser.template(TokenKind::End, false);
    (template.ok(), parser.diagnostics)
}

struct Parser<'a> {
    text: &'a str,
    file: FileId,
    /// Where the text stands, when it is not the file itself.
    places: Option<Places>,
    /// Without comments.
    tokens: Vec<Token>,
    at: usize,
    /// Whether newlines are nothing but blanks here.
    ignores_newlines: bool,
    depth: u32,
    /// The levels of the expression that was parsed last.
    height: u32,
    /// The end of the token read last.
    last_end: u32,
    /// Whether a block was open at the end.
    is_unclosed: bool,
    /// Whether what begins like a block of a file, in the first column, is one even where a block is open.
    trusts_columns: bool,
    /// The token before which a missing brace was reported: of all blocks that are open there, one is said.
    unclosed_before: Option<u32>,
    /// The token up to which items were read, those in blocks that are still open included.
    items_end: usize,
    /// The names of the text, each kept once.
    names: FxHashMap<&'a str, ArcStr>,
    diagnostics: Diagnostics,
}

impl<'a> Parser<'a> {
    fn new(file: FileId, text: &'a str, mode: LexMode) -> Self {
        let (mut tokens, diagnostics) = lex(file, text, mode);
        tokens.retain(|token| token.kind != TokenKind::Comment);
        Self {
            text,
            file,
            places: None,
            tokens,
            at: 0,
            ignores_newlines: false,
            depth: 0,
            height: 0,
            last_end: 0,
            is_unclosed: false,
            trusts_columns: false,
            unclosed_before: None,
            items_end: 0,
            names: FxHashMap::default(),
            diagnostics,
        }
    }

    /// The same, for a text that is a string of a document.
    fn in_document(mut self, places: Places) -> Self {
        let in_file = |span: Span| Span::new(span.file, places.in_file(span.start), places.in_file(span.end));
        for diagnostic in &mut self.diagnostics {
            diagnostic.subject = diagnostic.subject.map(in_file);
            diagnostic.context = diagnostic.context.map(in_file);
        }
        self.places = Some(places);
        self
    }

    /// The span of two bytes of the text.
    fn span_of_bytes(&self, start: u32, end: u32) -> Span {
        match &self.places {
            None => Span::new(self.file, start, end),
            Some(places) => Span::new(self.file, places.in_file(start), places.in_file(end)),
        }
    }

    fn position(&self) -> usize {
        let mut at = self.at;
        while self.ignores_newlines && self.tokens[at].kind == TokenKind::Newline {
            at += 1;
        }
        at
    }

    fn peek(&self) -> Token {
        self.tokens[self.position()]
    }

    /// Reads a token; the last one, the end, is never passed.
    fn read(&mut self) -> Token {
        let at = self.position();
        let token = self.tokens[at];
        self.at = if token.kind == TokenKind::End { at } else { at + 1 };
        self.last_end = token.end;
        token
    }

    fn take(&mut self, kind: TokenKind) -> Option<Token> {
        (self.peek().kind == kind).then(|| self.read())
    }

    fn text(&self, token: Token) -> &'a str {
        &self.text[token.start as usize..token.end as usize]
    }

    fn name_of(&mut self, token: Token) -> ArcStr {
        let text = self.text(token);
        self.names.entry(text).or_insert_with(|| ArcStr::from(text)).clone()
    }

    fn span(&self, token: Token) -> Span {
        self.span_of_bytes(token.start, token.end)
    }

    /// From a place through the token read last.
    fn span_from(&self, start: u32) -> Span {
        self.span_of_bytes(start, self.last_end.max(start))
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        let token = self.peek();
        token.kind == TokenKind::Identifier && self.text(token) == keyword
    }

    /// Reports a fault at a token, unless the lexer has reported the token already.
    fn fail<T>(&mut self, token: Token, summary: &str, detail: impl Into<String>) -> Parsed<T> {
        self.fail_at(token, self.span(token), summary, detail)
    }

    fn fail_at<T>(
        &mut self,
        token: Token,
        span: Span,
        summary: &str,
        detail: impl Into<String>,
    ) -> Parsed<T> {
        if token.kind != TokenKind::Invalid && !self.is_line_faulty() {
            self.report(span, summary, detail);
        }
        Err(Failed)
    }

    /// The same as [`Parser::fail`], with what to do about it where that can be said.
    fn fail_with<T>(
        &mut self,
        token: Token,
        summary: &str,
        detail: impl Into<String>,
        hint: Option<String>,
    ) -> Parsed<T> {
        let before = self.diagnostics.len();
        let failed = self.fail(token, summary, detail);
        if let Some(diagnostic) = self.diagnostics.iter_mut().nth(before) {
            diagnostic.hint = hint;
        }
        failed
    }

    /// What somebody meant who wrote a token where the expression before it should have ended.
    fn meant(&self, token: Token) -> Option<String> {
        let operator = match (token.kind, self.text(token)) {
            (TokenKind::Equal, _) => return Some("To compare two values, write ==.".to_owned()),
            (TokenKind::Identifier, "and") => "&&",
            (TokenKind::Identifier, "or") => "||",
            _ => return None,
        };
        Some(format!("Write {operator} in place of \"{}\".", self.text(token)))
    }

    /// The line of a token, from 1.
    fn line_of(&self, byte: u32) -> usize {
        self.text[..byte as usize].bytes().filter(|byte| *byte == b'\n').count() + 1
    }

    /// Whether the lexer has reported something that is still to come in this line: what is wrong before it follows
    /// from it.
    fn is_line_faulty(&self) -> bool {
        const TOKENS_MOST: usize = 200;
        let rest = self.tokens[self.at..].iter().take(TOKENS_MOST);
        rest.take_while(|token| token.kind != TokenKind::Newline)
            .any(|token| token.kind == TokenKind::Invalid)
    }

    fn report(&mut self, span: Span, summary: &str, detail: impl Into<String>) {
        match self.diagnostics.len().cmp(&FAULTS_MOST) {
            Ordering::Less => {}
            Ordering::Equal => {
                let detail = format!("More than {FAULTS_MOST} were found; what follows is not looked at.");
                self.diagnostics.push(Diagnostic::error("syntax", "Too many errors", detail).at(span));
                return;
            }
            Ordering::Greater => return,
        }
        self.diagnostics.push(Diagnostic::error("syntax", summary, detail).at(span));
    }

    /// Says of the finding that was reported last what to do about it.
    fn hint(&mut self, hint: &str) {
        if let Some(last) = self.diagnostics.iter_mut().last() {
            last.hint = Some(hint.to_owned());
        }
    }

    /// Runs a part of the parser with newlines ignored or not, and sets back what was.
    fn with_newlines<T>(&mut self, ignored: bool, parse: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.ignores_newlines, ignored);
        let result = parse(self);
        self.ignores_newlines = before;
        result
    }

    /// Runs a part of the parser one level deeper, on more stack where needed.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH_LIMIT {
            let token = self.peek();
            let detail = format!("The text is nested deeper than {DEPTH_LIMIT} levels here.");
            return self.fail(token, "Nesting too deep", detail);
        }
        self.depth += 1;
        let result = stacker::maybe_grow(128 * 1024, 1024 * 1024, || parse(self));
        self.depth -= 1;
        result
    }

    fn has_given_up(&self) -> bool {
        self.diagnostics.len() > FAULTS_MOST
    }

    /// Notes the levels of an expression whose parts have so many.
    fn raise(&mut self, parts: u32) -> Parsed<()> {
        self.height = parts + 1;
        if self.height <= HEIGHT_LIMIT {
            return Ok(());
        }
        let token = self.peek();
        let detail = format!(
            "The expression has more than {HEIGHT_LIMIT} levels, operators in a row counted as one each."
        );
        self.fail(token, "Expression too long", detail)
    }

    /// Skips the rest of an item that began at a token: to the newline that ends it, or before the brace that ends
    /// the body around it. Items in it that were read are not read again: what is nested would be read once more at
    /// each level.
    fn recover(&mut self, start: usize) {
        self.ignores_newlines = false;
        if self.items_end <= start {
            self.at = start;
        } else if self.is_in_first_column(self.tokens[self.at]) {
            return;
        }
        let mut open: Vec<TokenKind> = Vec::new();
        loop {
            let token = self.tokens[self.at];
            match token.kind {
                TokenKind::End => return,
                TokenKind::Newline if open.is_empty() => return,
                // Something is left open; what stands in the first column most likely is a block of its own.
                TokenKind::Identifier if !open.is_empty() && self.is_in_first_column(token) => return,
                kind if closer(kind).is_some() => open.push(kind),
                kind => match open.iter().rposition(|opener| closer(*opener) == Some(kind)) {
                    Some(at) => open.truncate(at),
                    None if kind == TokenKind::CloseBrace => return,
                    None => {}
                },
            }
            self.at += 1;
        }
    }

    fn is_in_first_column(&self, token: Token) -> bool {
        token.start == 0 || self.text.as_bytes()[token.start as usize - 1] == b'\n'
    }
}

/// What closes an opening token.
fn closer(opener: TokenKind) -> Option<TokenKind> {
    Some(match opener {
        TokenKind::OpenBrace => TokenKind::CloseBrace,
        TokenKind::OpenBracket => TokenKind::CloseBracket,
        TokenKind::OpenParenthesis => TokenKind::CloseParenthesis,
        TokenKind::OpenQuote => TokenKind::CloseQuote,
        TokenKind::OpenHeredoc => TokenKind::CloseHeredoc,
        TokenKind::Interpolation | TokenKind::Directive => TokenKind::SequenceEnd,
        _ => return None,
    })
}
