//! Bodies: arguments and blocks.

use super::{Failed, Parsed, Parser};
use crate::json;
use crate::lexer::{Token, TokenKind};
use crate::syntax::{AttributeSyntax, BlockSyntax, BodySyntax, Expr, ExprKind};
use arcstr::ArcStr;
use formwork_diagnostic::Span;
use formwork_value::{Type, Value};

/// What to use in place of statements of other languages.
fn statement_hint(word: &str) -> Option<&'static str> {
    match word {
        "if" | "else" | "elif" | "unless" | "switch" => Some(
            "There are no conditional statements: give the block count = CONDITION ? 1 : 0, or the argument a value CONDITION ? A : B.",
        ),
        "for" | "foreach" | "while" => Some(
            "There are no loops: give the block count or for_each, or the argument a value [for item in LIST : ...].",
        ),
        _ => None,
    }
}

fn empty_body(span: Span) -> BodySyntax {
    BodySyntax { attributes: Vec::new(), blocks: Vec::new(), span, is_incomplete: false }
}

impl Parser<'_> {
    pub(super) fn file_body(&mut self) -> BodySyntax {
        let mut body = empty_body(Span::new(self.file, 0, 0));
        loop {
            self.items(&mut body, false);
            if self.peek().kind == TokenKind::End {
                break;
            }
            let stray = self.read();
            let span = self.span(stray);
            self.report(
                span,
                "Argument or block definition required",
                "This brace closes nothing: there is no block open here.",
            );
        }
        body.span = Span::new(self.file, 0, self.peek().end);
        body
    }

    /// Items up to the end of the file or a closing brace, which is left.
    fn items(&mut self, body: &mut BodySyntax, is_nested: bool) {
        loop {
            self.items_end = self.at;
            let token = self.peek();
            match token.kind {
                TokenKind::Newline => {
                    self.read();
                }
                TokenKind::End | TokenKind::CloseBrace => return,
                _ if self.has_given_up() => self.at = self.tokens.len() - 1,
                TokenKind::Identifier if is_nested && self.begins_a_file_block(token) => return,
                _ => {
                    let start = self.at;
                    if self.nested(|parser| parser.item(body)).is_err() {
                        if is_nested && self.unclosed_before == Some(self.peek().start) {
                            // All blocks around it are open as well: the outermost alone looks for where to go on,
                            // or each would have what follows read again.
                            return;
                        }
                        self.recover(start);
                    }
                }
            }
        }
    }

    /// Whether a token looks like the beginning of `resource "a" "b" {` and its like, where that is to be trusted.
    pub(super) fn begins_a_file_block(&self, token: Token) -> bool {
        if !self.trusts_columns || !self.is_in_first_column(token) {
            return false;
        }
        let next = self.tokens.get(self.position() + 1).map(|next| next.kind);
        let is_header = matches!(next, Some(TokenKind::OpenQuote | TokenKind::OpenBrace));
        is_header && json::FILE.has_block(self.text(token))
    }

    fn item(&mut self, body: &mut BodySyntax) -> Parsed<()> {
        let name = self.read();
        if name.kind != TokenKind::Identifier {
            body.is_incomplete = true;
            return match name.kind {
                TokenKind::OpenQuote => {
                    self.fail(name, "Invalid argument name", "Argument names must not be quoted.")
                }
                _ => self.fail(
                    name,
                    "Argument or block definition required",
                    "An argument or block definition is required here.",
                ),
            };
        }
        let next = self.peek();
        match next.kind {
            TokenKind::Equal => {
                let attribute = match self.attribute(name) {
                    Ok(attribute) => attribute,
                    Err(failed) => {
                        // Its name stands all the same: nobody is to be told that it is missing.
                        let attribute = self.unreadable(name);
                        self.add_attribute(body, attribute);
                        return Err(failed);
                    }
                };
                let end = self.peek();
                if !matches!(end.kind, TokenKind::Newline | TokenKind::End) {
                    return self.unended(name, attribute, end, body);
                }
                self.add_attribute(body, attribute);
                Ok(())
            }
            TokenKind::OpenQuote | TokenKind::OpenBrace | TokenKind::Identifier => {
                self.block(name, body)?;
                let end = self.peek();
                if !matches!(end.kind, TokenKind::Newline | TokenKind::End) {
                    return self.fail(
                        end,
                        "Missing newline after block definition",
                        "A block definition must end with a newline.",
                    );
                }
                Ok(())
            }
            _ => {
                body.is_incomplete = true;
                self.fail(
                next,
                "Argument or block definition required",
                "An argument or block definition is required here. To set an argument, use the equals sign \"=\" to introduce the argument value.",
                )
            }
        }
    }

    /// An argument that goes on where its expression has ended.
    fn unended(
        &mut self,
        name: Token,
        attribute: AttributeSyntax,
        end: Token,
        body: &mut BodySyntax,
    ) -> Parsed<()> {
        let mut hint = self.meant(end);
        let mut kept = attribute;
        // A word in front of the rest, like `not`, is no name that anybody meant to refer to.
        if let ExprKind::Root(word) = &kept.value.kind {
            if word == "not" {
                hint = Some("To negate what follows, write ! before it.".to_owned());
            }
            kept = self.unreadable(name);
        }
        self.add_attribute(body, kept);
        self.fail_with(
            end,
            "Missing newline after argument",
            "An argument definition must end with a newline.",
            hint,
        )
    }

    fn add_attribute(&mut self, body: &mut BodySyntax, attribute: AttributeSyntax) {
        if let Some(first) = body.attribute(&attribute.name) {
            let place = match &self.places {
                None => format!(" on line {}", self.line_of(first.name_span.start)),
                Some(_) => String::new(),
            };
            let detail = format!(
                "The argument \"{}\" was already set{place}. Each argument may be set only once.",
                attribute.name
            );
            self.report(attribute.name_span, "Attribute redefined", detail);
        } else {
            body.attributes.push(attribute);
        }
    }

    fn attribute(&mut self, name: Token) -> Parsed<AttributeSyntax> {
        self.read();
        let value = self.expression()?;
        Ok(AttributeSyntax { name: self.name_of(name), name_span: self.span(name), value, json: None })
    }

    fn unreadable(&mut self, name: Token) -> AttributeSyntax {
        let span = self.span(name);
        let value = Expr { kind: ExprKind::Literal(Value::unknown(Type::Dynamic)), span };
        AttributeSyntax { name: self.name_of(name), name_span: span, value, json: None }
    }

    /// A block; where its body is faulty, what could be read of it stays.
    fn block(&mut self, kind: Token, into: &mut BodySyntax) -> Parsed<()> {
        let (labels, open) = self.block_header(kind).inspect_err(|_| into.is_incomplete = true)?;
        let header = labels.last().map_or(self.span(kind), |(_, span)| self.span(kind).join(*span));
        let mut body = empty_body(self.span(open));
        let result = self.block_body(open, &mut body);
        if result.is_err() {
            body.is_incomplete = true;
            body.span = self.span_from(open.start);
            // What follows may have been taken for a part of this block.
            into.is_incomplete |= self.peek().kind == TokenKind::End;
        }
        let kind_span = self.span(kind);
        into.blocks.push(BlockSyntax { kind: self.name_of(kind), kind_span, labels, body, header });
        result
    }

    /// Labels up to the opening brace.
    fn block_header(&mut self, kind: Token) -> Parsed<(Vec<(ArcStr, Span)>, Token)> {
        let mut labels = Vec::new();
        loop {
            let token = self.peek();
            match token.kind {
                TokenKind::OpenBrace => return Ok((labels, self.read())),
                TokenKind::OpenQuote => labels.push(self.quoted_label()?),
                TokenKind::Identifier => {
                    self.read();
                    labels.push((self.name_of(token), self.span(token)));
                }
                TokenKind::Equal => {
                    return self.fail(
                        token,
                        "Invalid block definition",
                        "The equals sign \"=\" indicates an argument definition, and must not be used when defining a block.",
                    );
                }
                TokenKind::Newline => {
                    let name = self.text(kind);
                    let value = self.text[kind.end as usize..token.start as usize].trim();
                    let hint = format!("To set the argument \"{name}\", write {name} = {value}.");
                    return self.fail_with(
                        token,
                        "Invalid block definition",
                        "A block definition must have block content delimited by \"{\" and \"}\", starting on the same line as the block header.",
                        (labels.len() == 1 && token.kind == TokenKind::Newline).then_some(hint),
                    );
                }
                _ => {
                    let hint = statement_hint(self.text(kind)).map(str::to_owned);
                    return self.fail_with(
                        token,
                        "Invalid block definition",
                        "Either a quoted string block label or an opening brace (\"{\") is expected here.",
                        hint,
                    );
                }
            }
        }
    }

    fn block_body(&mut self, open: Token, body: &mut BodySyntax) -> Parsed<()> {
        if self.peek().kind == TokenKind::Identifier {
            self.single_line_argument(body)?;
        } else if !matches!(self.peek().kind, TokenKind::Newline | TokenKind::CloseBrace) {
            let token = self.peek();
            return self.fail(
                token,
                "Invalid single-argument block definition",
                "Single-line block syntax can include only one argument definition. To define multiple arguments, use the multi-line block syntax with one argument definition per line.",
            );
        } else {
            self.items(body, true);
            if self.take(TokenKind::CloseBrace).is_none() {
                let token = self.peek();
                self.is_unclosed = true;
                if self.unclosed_before.replace(token.start) == Some(token.start) {
                    return Err(Failed);
                }
                let detail = if token.kind == TokenKind::End {
                    "There is no closing brace for this block before the end of the file."
                } else {
                    "There is no closing brace for this block before the next one begins."
                };
                return self.fail_at(token, self.span(open), "Unclosed configuration block", detail);
            }
        }
        body.span = self.span_from(open.start);
        Ok(())
    }

    fn single_line_argument(&mut self, body: &mut BodySyntax) -> Parsed<()> {
        let name = self.read();
        let equal = self.peek();
        if equal.kind != TokenKind::Equal {
            return self.fail_at(
                equal,
                self.span(name).join(self.span(equal)),
                "Invalid single-argument block definition",
                "A single-line block definition can contain only a single argument. If you meant to define an argument, use an equals sign to assign it a value. To define a nested block, place it on a line of its own within its parent block.",
            );
        }
        let attribute = self.attribute(name)?;
        body.attributes.push(attribute);
        let close = self.read();
        match close.kind {
            TokenKind::CloseBrace => Ok(()),
            TokenKind::Comma => self.fail(
                close,
                "Invalid single-argument block definition",
                "Single-line block syntax can include only one argument definition. To define multiple arguments, use the multi-line block syntax with one argument definition per line.",
            ),
            _ => self.fail(
                close,
                "Invalid single-argument block definition",
                "A single-line block definition must end with a closing brace immediately after its single argument definition.",
            ),
        }
    }

    /// A quoted text without sequences.
    fn quoted_label(&mut self) -> Parsed<(ArcStr, Span)> {
        let open = self.read();
        let mut text = String::new();
        loop {
            let token = self.read();
            match token.kind {
                TokenKind::CloseQuote => break,
                TokenKind::QuotedText => text.push_str(&self.unescape(token)),
                TokenKind::Interpolation | TokenKind::Directive => {
                    let sign = &self.text(token)[..1];
                    let detail = format!(
                        "Template sequences are not allowed in this string. To include a literal \"{sign}\", double it (as \"{sign}{sign}\") to escape it."
                    );
                    return self.fail(token, "Invalid string literal", detail);
                }
                _ => {
                    return self.fail(
                        token,
                        "Unterminated string literal",
                        "Unable to find the closing quote mark before the end of the file.",
                    );
                }
            }
        }
        Ok((ArcStr::from(text), self.span_from(open.start)))
    }
}
