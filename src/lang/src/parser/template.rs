//! Templates: quoted strings, heredocs and bare templates.
//!
//! Strip markers and the dedent of `<<-` work on the lexer's tokens, before neighbouring texts become one.

use super::{DEPTH_LIMIT, Parsed, Parser};
use crate::lexer::{Token, TokenKind};
use crate::syntax::{Expr, ExprKind, ForExpr};
use arcstr::ArcStr;
use formwork_diagnostic::Span;
use formwork_value::Value;
use std::borrow::Cow;
use std::slice::SliceIndex;
use unicode_segmentation::UnicodeSegmentation;

/// What a template is made of, before directives become a tree.
enum Part<'a> {
    Text { text: Cow<'a, str>, span: Span },
    Interpolation { expression: Expr },
    If { condition: Expr, span: Span },
    Else { span: Span },
    EndIf { span: Span },
    For { key_name: Option<ArcStr>, value_name: ArcStr, collection: Expr, span: Span },
    EndFor { span: Span },
}

impl<'a> Parser<'a> {
    /// A quoted string or a heredoc.
    pub(super) fn quoted_template(&mut self) -> Parsed<Expr> {
        let open = self.read();
        let close =
            if open.kind == TokenKind::OpenQuote { TokenKind::CloseQuote } else { TokenKind::CloseHeredoc };
        if let Some(literal) = self.plain_string(open) {
            return Ok(literal);
        }
        let is_dedented = self.text(open).starts_with("<<-");
        let mut template = self.template(close, is_dedented)?;
        template.span = self.span_from(open.start);
        Ok(template)
    }

    /// A string that is one text and nothing else, as most are.
    fn plain_string(&mut self, open: Token) -> Option<Expr> {
        let [text, close, ..] = self.tokens[self.at..] else { return None };
        if (text.kind, close.kind) != (TokenKind::QuotedText, TokenKind::CloseQuote) {
            return None;
        }
        self.read();
        self.read();
        self.height = 1;
        let literal = literal(&self.unescape(text), self.span(text));
        Some(Expr { kind: ExprKind::Template(vec![literal]), span: self.span_from(open.start) })
    }

    /// Parts up to a closing token, as one expression.
    pub(super) fn template(&mut self, close: TokenKind, is_dedented: bool) -> Parsed<Expr> {
        let start = self.peek();
        let mut parts = self.with_newlines(false, |parser| parser.parts(close))?;
        let span = self.span_from(start.start);
        if is_dedented {
            dedent(&mut parts);
        }
        let mut parts = meld(parts);
        // Its own level, and one for each directive around a part: more than are there is no harm.
        let directives =
            parts.iter().filter(|part| matches!(part, Part::If { .. } | Part::For { .. })).count();
        let directives = u32::try_from(directives.min(DEPTH_LIMIT as usize)).unwrap_or(DEPTH_LIMIT);
        self.raise(self.height + 2 * directives)?;
        if let [Part::Interpolation { .. }] = parts.as_slice()
            && let Some(Part::Interpolation { expression }) = parts.pop()
        {
            return Ok(Expr { kind: ExprKind::Wrapped(Box::new(expression)), span });
        }
        let end = self.span_of_bytes(self.last_end, self.last_end);
        let mut nodes = Vec::with_capacity(parts.len());
        let mut parts = parts.into_iter();
        while let Some(part) = parts.next() {
            nodes.push(self.part(part, &mut parts, end)?);
        }
        if nodes.is_empty() {
            nodes.push(literal("", span));
        }
        Ok(Expr { kind: ExprKind::Template(nodes), span })
    }

    fn parts(&mut self, close: TokenKind) -> Parsed<Vec<Part<'a>>> {
        let start = self.peek();
        let mut parts: Vec<Part<'a>> = Vec::new();
        let mut strips_next = false;
        let mut height = 0;
        loop {
            let token = self.read();
            if token.kind == close {
                self.height = height;
                return Ok(parts);
            }
            match token.kind {
                TokenKind::QuotedText | TokenKind::PlainText => {
                    let mut text = self.unescape(token);
                    if strips_next {
                        let blanks = text.len() - text.trim_start_matches(is_space).len();
                        keep(&mut text, blanks..);
                    }
                    strips_next = false;
                    parts.push(Part::Text { text, span: self.span(token) });
                }
                TokenKind::Interpolation | TokenKind::Directive => {
                    if self.text(token).ends_with('~')
                        && let Some(Part::Text { text, .. }) = parts.last_mut()
                    {
                        let length = text.trim_end_matches(is_space).len();
                        keep(text, ..length);
                    }
                    self.height = 0;
                    let part = self.with_newlines(true, |parser| parser.sequence(token, close))?;
                    height = height.max(self.height);
                    parts.push(part);
                    strips_next = self.text.as_bytes()[self.last_end as usize - 2] == b'~';
                }
                _ => {
                    let span = self.span(start);
                    let detail = "No closing marker was found for the string.";
                    let before = self.diagnostics.len();
                    let failed = self.fail_at(token, span, "Unterminated template string", detail);
                    if close == TokenKind::CloseHeredoc {
                        // All that follows has been read as text: no brace after it is said to be missing.
                        self.unclosed_before = Some(token.start);
                        if let Some(diagnostic) = self.diagnostics.iter_mut().nth(before) {
                            let hint = "The closing marker stands alone on its line, with nothing but blanks before it and nothing after it.";
                            diagnostic.hint = Some(hint.to_owned());
                        }
                    }
                    return failed;
                }
            }
        }
    }

    /// What stands between `${` or `%{` and `}`.
    fn sequence(&mut self, open: Token, close: TokenKind) -> Parsed<Part<'a>> {
        if open.kind == TokenKind::Interpolation {
            let expression = self.expression()?;
            self.end_of_interpolation(open, close)?;
            return Ok(Part::Interpolation { expression });
        }
        let keyword = self.peek();
        if keyword.kind != TokenKind::Identifier {
            return self.fail(
                keyword,
                "Invalid template directive",
                "A template directive keyword (\"if\", \"for\", etc) is expected at the beginning of a %{ sequence.",
            );
        }
        self.read();
        let name = self.text(keyword);
        let mut part = match name {
            "if" => Part::If { condition: self.expression()?, span: self.span(open) },
            "else" => Part::Else { span: self.span(open) },
            "endif" => Part::EndIf { span: self.span(open) },
            "for" => {
                let (key_name, value_name) = self.for_names("Invalid 'for' directive", "directive")?;
                Part::For { key_name, value_name, collection: self.expression()?, span: self.span(open) }
            }
            "endfor" => Part::EndFor { span: self.span(open) },
            _ => {
                let detail = format!("\"{name}\" is not a valid template control keyword.");
                return self.fail(keyword, "Invalid template control keyword", detail);
            }
        };
        let end = self.peek();
        if end.kind != TokenKind::SequenceEnd {
            let summary = format!("Extra characters in {name} marker");
            return self.fail(
                end,
                &summary,
                "Expected a closing brace to end the sequence, but found extra characters.",
            );
        }
        self.read();
        let whole = self.span_from(open.start);
        if let Part::If { span, .. }
        | Part::Else { span }
        | Part::EndIf { span }
        | Part::For { span, .. }
        | Part::EndFor { span } = &mut part
        {
            *span = whole;
        }
        Ok(part)
    }

    fn end_of_interpolation(&mut self, open: Token, close: TokenKind) -> Parsed<()> {
        const UNCLOSED: &str = "Unclosed template interpolation sequence";
        const EXTRA: &str = "Extra characters after interpolation expression";
        let end = self.peek();
        let span = self.span(open);
        match end.kind {
            TokenKind::SequenceEnd => {
                self.read();
                Ok(())
            }
            TokenKind::End => self.fail_at(
                end,
                span,
                UNCLOSED,
                "There is no closing brace for this interpolation sequence before the end of the file. This might be caused by incorrect nesting inside the given expression.",
            ),
            TokenKind::CloseQuote | TokenKind::OpenQuote if close == TokenKind::CloseQuote => self.fail_at(
                end,
                span,
                UNCLOSED,
                "There is no closing brace for this interpolation sequence before the end of the quoted template. This might be caused by incorrect nesting inside the given expression.",
            ),
            TokenKind::Colon => self.fail(
                end,
                EXTRA,
                "Template interpolation doesn't expect a colon at this location. Did you intend this to be a literal sequence to be processed as part of another language? If so, you can escape it by starting with \"$${\" instead of just \"${\".",
            ),
            _ => self.fail(
                end,
                EXTRA,
                "Expected a closing brace to end the interpolation expression, but found extra characters.\n\nThis can happen when you include interpolation syntax for another language, such as shell scripting, but forget to escape the interpolation start token. If this is an embedded sequence for another language, escape it by starting with \"$${\" instead of just \"${\".",
            ),
        }
    }

    /// One part as a node; a directive takes all parts up to its end.
    fn part(&mut self, part: Part<'a>, rest: &mut std::vec::IntoIter<Part<'a>>, end: Span) -> Parsed<Expr> {
        self.nested(|parser| match part {
            Part::Text { text, span } => Ok(literal(&text, span)),
            Part::Interpolation { expression } => Ok(expression),
            Part::If { condition, span } => parser.if_directive(condition, span, rest, end),
            Part::For { key_name, value_name, collection, span } => {
                let (nodes, close) = parser.directive_content(rest, end, "for", span)?;
                let Part::EndFor { span: close } = close else {
                    return parser
                        .unexpected(&close, "Expecting an endfor directive for the for directive before.");
                };
                let after = Span::new(span.file, span.end, span.end);
                let value = content(nodes, after);
                let whole = span.join(close);
                let for_expr = ForExpr {
                    key_name,
                    value_name,
                    collection,
                    key: None,
                    value,
                    condition: None,
                    group: false,
                };
                let list = Expr { kind: ExprKind::For(Box::new(for_expr)), span: whole };
                Ok(Expr { kind: ExprKind::Join(Box::new(list)), span: whole })
            }
            part => parser.unexpected(&part, "The control directives within this template are unbalanced."),
        })
    }

    fn if_directive(
        &mut self,
        condition: Expr,
        span: Span,
        rest: &mut std::vec::IntoIter<Part<'a>>,
        end: Span,
    ) -> Parsed<Expr> {
        let (truthy, mut close) = self.directive_content(rest, end, "if", span)?;
        let after = Span::new(span.file, span.end, span.end);
        let truthy = content(truthy, after);
        let mut falsy = Vec::new();
        if let Part::Else { .. } = close {
            (falsy, close) = self.directive_content(rest, end, "if", span)?;
        }
        let Part::EndIf { span: close } = close else {
            return self.unexpected(&close, "Expecting an endif directive for the if directive before.");
        };
        let falsy = content(falsy, Span::new(close.file, close.start, close.start));
        let kind = ExprKind::Conditional {
            condition: Box::new(condition),
            truthy: Box::new(truthy),
            falsy: Box::new(falsy),
        };
        Ok(Expr { kind, span: span.join(close) })
    }

    /// Nodes up to a part that ends or divides a directive.
    fn directive_content(
        &mut self,
        rest: &mut std::vec::IntoIter<Part<'a>>,
        end: Span,
        name: &str,
        open: Span,
    ) -> Parsed<(Vec<Expr>, Part<'a>)> {
        let mut nodes = Vec::new();
        loop {
            match rest.next() {
                None => {
                    let detail =
                        format!("An {name} directive is missing its corresponding end{name} directive.");
                    self.report(open.join(end), "Unexpected end of template", detail);
                    return Err(super::Failed);
                }
                Some(part @ (Part::Else { .. } | Part::EndIf { .. } | Part::EndFor { .. })) => {
                    return Ok((nodes, part));
                }
                Some(part) => nodes.push(self.part(part, rest, end)?),
            }
        }
    }

    fn unexpected<T>(&mut self, part: &Part<'_>, detail: &str) -> Parsed<T> {
        let (name, span) = match part {
            Part::Else { span } => ("else", *span),
            Part::EndIf { span } => ("endif", *span),
            Part::EndFor { span } => ("endfor", *span),
            Part::If { span, .. } => ("if", *span),
            Part::For { span, .. } => ("for", *span),
            Part::Text { span, .. } => ("text", *span),
            Part::Interpolation { expression } => ("interpolation", expression.span),
        };
        self.report(span, &format!("Unexpected {name} directive"), detail);
        Err(super::Failed)
    }

    /// A token's text with escape sequences resolved; faulty ones are reported and left out.
    pub(super) fn unescape(&mut self, token: Token) -> Cow<'a, str> {
        let is_quoted = token.kind == TokenKind::QuotedText;
        let source = self.text(token);
        if memchr::memchr3(b'\\', b'$', b'%', source.as_bytes()).is_none() {
            return Cow::Borrowed(source);
        }
        let mut out = String::with_capacity(source.len());
        let mut rest = source;
        while let Some(at) = rest.find(['\\', '$', '%']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let escape = if rest.starts_with("$${") || rest.starts_with("%%{") {
                out.push_str(&rest[1..3]);
                3
            } else if is_quoted && rest.starts_with('\\') {
                let start = token.start as usize + (source.len() - rest.len());
                self.escape(rest, start, &mut out)
            } else {
                out.push_str(&rest[..1]);
                1
            };
            rest = &rest[escape..];
        }
        out.push_str(rest);
        Cow::Owned(out)
    }

    /// Resolves the escape at the start of a text; gives its length.
    fn escape(&mut self, text: &str, start: usize, out: &mut String) -> usize {
        const SUMMARY: &str = "Invalid escape sequence";
        let selector = text[1..].chars().next();
        let digits = match selector {
            Some('n') => return push(out, '\n'),
            Some('r') => return push(out, '\r'),
            Some('t') => return push(out, '\t'),
            Some('"') => return push(out, '"'),
            Some('\\') => return push(out, '\\'),
            Some('u') => 4,
            Some('U') => 8,
            other => {
                let length = 1 + other.map_or(0, char::len_utf8);
                let detail = other.map_or_else(
                    || "Backslash must be followed by an escape sequence selector character.".to_owned(),
                    |symbol| format!("The symbol \"{symbol}\" is not a valid escape sequence selector."),
                );
                self.report(self.span_at(start, length), SUMMARY, detail);
                return length;
            }
        };
        let hexadecimal =
            text.get(2..2 + digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(hexadecimal) = hexadecimal else {
            let (letter, word) = if digits == 4 { ('u', "four") } else { ('U', "eight") };
            let detail =
                format!("The \\{letter} escape sequence must be followed by {word} hexadecimal digits.");
            self.report(self.span_at(start, 2), SUMMARY, detail);
            return 2;
        };
        let code = u32::from_str_radix(hexadecimal, 16).unwrap_or(u32::MAX);
        if let Some(character) = char::from_u32(code) {
            out.push(character);
        } else {
            let detail = format!("Cannot encode character U+{code:04x} in UTF-8.");
            self.report(self.span_at(start, 2 + digits), SUMMARY, detail);
        }
        2 + digits
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "source files are bounded to 4 GiB when they are added"
    )]
    fn span_at(&self, start: usize, length: usize) -> Span {
        self.span_of_bytes(start as u32, (start + length) as u32)
    }
}

fn push(out: &mut String, character: char) -> usize {
    out.push(character);
    2
}

/// What strip markers and dedent take for blank.
fn is_space(character: char) -> bool {
    character.is_whitespace()
}

fn literal(text: &str, span: Span) -> Expr {
    Expr { kind: ExprKind::Literal(Value::string(text)), span }
}

/// Leaves a part of a text.
fn keep(text: &mut Cow<'_, str>, range: impl SliceIndex<str, Output = str>) {
    *text = match std::mem::take(text) {
        Cow::Borrowed(whole) => Cow::Borrowed(&whole[range]),
        Cow::Owned(whole) => Cow::Owned(whole[range].to_owned()),
    };
}

/// What stands between a directive and its end; `empty` is the place of nothing.
fn content(nodes: Vec<Expr>, empty: Span) -> Expr {
    let nodes = if nodes.is_empty() { vec![literal("", empty)] } else { nodes };
    let span = nodes.iter().skip(1).fold(nodes[0].span, |span, node| span.join(node.span));
    Expr { kind: ExprKind::Template(nodes), span }
}

/// Takes from each line the blanks that all lines begin with; blank lines do not count. A line that begins with a
/// sequence has none.
fn dedent(parts: &mut [Part<'_>]) {
    let mut least = usize::MAX;
    let mut adjust: Vec<usize> = Vec::new();
    let mut line_start = true;
    for (at, part) in parts.iter().enumerate() {
        let literal = if let Part::Text { text, .. } = part { Some(text.as_ref()) } else { None };
        if line_start {
            line_start = false;
            least = least.min(match literal {
                Some(text) => {
                    let trimmed = text.trim_start_matches(is_space);
                    if trimmed.is_empty() && text.ends_with('\n') {
                        usize::MAX
                    } else {
                        adjust.push(at);
                        cluster_count(&text[..text.len() - trimmed.len()])
                    }
                }
                None => 0,
            });
        }
        if literal.is_some_and(|text| text.ends_with('\n')) {
            line_start = true;
        }
    }
    for at in adjust {
        if let Part::Text { text, .. } = &mut parts[at] {
            let cut = cluster_start(text, least);
            keep(text, cut..);
        }
    }
}

/// Whether each byte is a grapheme cluster of its own.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && !text.contains('\r')
}

fn cluster_count(text: &str) -> usize {
    if is_plain(text) { text.len() } else { text.graphemes(true).count() }
}

/// Where the cluster of a number begins.
fn cluster_start(text: &str, number: usize) -> usize {
    if is_plain(text) {
        return number.min(text.len());
    }
    text.grapheme_indices(true).nth(number).map_or(text.len(), |(start, _)| start)
}

/// Joins neighbouring texts.
fn meld(parts: Vec<Part<'_>>) -> Vec<Part<'_>> {
    let mut out: Vec<Part<'_>> = Vec::with_capacity(parts.len());
    for part in parts {
        if let (Part::Text { text, span }, Some(Part::Text { text: before, span: before_span })) =
            (&part, out.last_mut())
        {
            before.to_mut().push_str(text);
            *before_span = before_span.join(*span);
        } else {
            out.push(part);
        }
    }
    out
}
