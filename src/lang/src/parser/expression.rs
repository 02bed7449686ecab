//! Expressions.

use super::{Parsed, Parser};
use crate::lexer::{Token, TokenKind};
use crate::node::BinaryOperator;
use crate::syntax::{CallExpr, Expr, ExprKind, ForExpr};
use arcstr::ArcStr;
use formwork_diagnostic::Span;
use formwork_value::{Number, Type, Value};

/// A binary operator with its level, from 0, the loosest.
fn operator(kind: TokenKind) -> Option<(u8, BinaryOperator)> {
    Some(match kind {
        TokenKind::Or => (0, BinaryOperator::Or),
        TokenKind::And => (1, BinaryOperator::And),
        TokenKind::EqualEqual => (2, BinaryOperator::Equal),
        TokenKind::NotEqual => (2, BinaryOperator::NotEqual),
        TokenKind::Greater => (3, BinaryOperator::Greater),
        TokenKind::GreaterOrEqual => (3, BinaryOperator::GreaterOrEqual),
        TokenKind::Less => (3, BinaryOperator::Less),
        TokenKind::LessOrEqual => (3, BinaryOperator::LessOrEqual),
        TokenKind::Plus => (4, BinaryOperator::Add),
        TokenKind::Minus => (4, BinaryOperator::Subtract),
        TokenKind::Star => (5, BinaryOperator::Multiply),
        TokenKind::Slash => (5, BinaryOperator::Divide),
        TokenKind::Percent => (5, BinaryOperator::Remainder),
        _ => return None,
    })
}

impl Parser<'_> {
    /// The whole text as one expression; newlines are nothing, as between parentheses.
    pub(super) fn whole_expression(&mut self) -> Parsed<Expr> {
        self.ignores_newlines = true;
        let expression = self.expression()?;
        let rest = self.peek();
        if rest.kind == TokenKind::End {
            return Ok(expression);
        }
        self.fail(
            rest,
            "Extra characters after expression",
            "An expression was successfully parsed, but extra characters were found after it.",
        )
    }

    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.nested(Self::conditional)
    }

    fn conditional(&mut self) -> Parsed<Expr> {
        let start = self.peek().start;
        let condition = self.binary(0)?;
        if self.take(TokenKind::Question).is_none() {
            return Ok(condition);
        }
        let mut height = self.height;
        let truthy = self.expression()?;
        height = height.max(self.height);
        let colon = self.peek();
        if colon.kind != TokenKind::Colon {
            return self.fail(
                colon,
                "Missing false expression in conditional",
                "The conditional operator (...?...:...) requires a false expression, delimited by a colon.",
            );
        }
        self.read();
        let falsy = self.expression()?;
        self.raise(height.max(self.height))?;
        let kind = ExprKind::Conditional {
            condition: Box::new(condition),
            truthy: Box::new(truthy),
            falsy: Box::new(falsy),
        };
        Ok(Expr { kind, span: self.span_from(start) })
    }

    /// Terms with operators of this level and tighter ones between them.
    fn binary(&mut self, loosest: u8) -> Parsed<Expr> {
        let mut left = self.term_with_steps()?;
        while let Some((level, operator)) = operator(self.peek().kind)
            && level >= loosest
        {
            let height = self.height;
            self.read();
            let right = self.binary(level + 1)?;
            self.raise(height.max(self.height))?;
            let span = left.span.join(right.span);
            left = Expr {
                kind: ExprKind::Binary { operator, left: Box::new(left), right: Box::new(right) },
                span,
            };
        }
        Ok(left)
    }

    fn term_with_steps(&mut self) -> Parsed<Expr> {
        let term = self.term()?;
        self.steps(term)
    }

    /// What follows a term: attributes, indexes, splats.
    fn steps(&mut self, mut source: Expr) -> Parsed<Expr> {
        loop {
            let height = self.height;
            match self.peek().kind {
                TokenKind::Dot => source = self.dot_step(source)?,
                TokenKind::OpenBracket => source = self.bracket_step(source)?,
                _ => return Ok(source),
            }
            self.raise(height.max(self.height))?;
        }
    }

    fn dot_step(&mut self, source: Expr) -> Parsed<Expr> {
        let dot = self.read();
        let token = self.peek();
        match token.kind {
            TokenKind::Identifier => Ok(self.attribute_step(source, dot)),
            TokenKind::Number => self.legacy_index(source, dot),
            TokenKind::Star => {
                self.read();
                let star = self.span_from(dot.start);
                let start = source.span;
                let mut each = Expr { kind: ExprKind::SplatItem, span: star };
                self.height = 1;
                while self.peek().kind == TokenKind::Dot {
                    let dot = self.read();
                    let token = self.peek();
                    self.raise(self.height)?;
                    each = match token.kind {
                        TokenKind::Identifier => self.attribute_step(each, dot),
                        TokenKind::Number => self.legacy_index(each, dot)?,
                        TokenKind::Star => {
                            return self.fail(
                                token,
                                "Nested splat expression not allowed",
                                "A splat expression (*) cannot be used inside another attribute-only splat expression.",
                            );
                        }
                        _ => {
                            return self.fail(
                                token,
                                "Invalid attribute name",
                                "An attribute name is required after a dot.",
                            );
                        }
                    };
                }
                let span = start.join(each.span);
                Ok(Expr {
                    kind: ExprKind::Splat { source: Box::new(source), each: Box::new(each), star },
                    span,
                })
            }
            _ => self.fail(token, "Invalid attribute name", "An attribute name is required after a dot."),
        }
    }

    fn attribute_step(&mut self, source: Expr, dot: Token) -> Expr {
        let name = self.read();
        let step = self.span_from(dot.start);
        let span = source.span.join(step);
        Expr { kind: ExprKind::Attribute { source: Box::new(source), name: self.name_of(name), step }, span }
    }

    fn legacy_index(&mut self, source: Expr, dot: Token) -> Parsed<Expr> {
        let token = self.read();
        if let Some((first, second)) = self.text(token).split_once('.') {
            let detail = format!(
                "When using the legacy index syntax, chaining two indexes together is not permitted. Use the proper index syntax instead, like [{first}][{second}]."
            );
            return self.fail(token, "Invalid legacy index syntax", detail);
        }
        let key = self.number(token)?;
        let step = self.span_from(dot.start);
        let span = source.span.join(step);
        Ok(Expr { kind: ExprKind::Index { source: Box::new(source), key: Box::new(key), step }, span })
    }

    fn bracket_step(&mut self, source: Expr) -> Parsed<Expr> {
        let open = self.read();
        let start = source.span;
        if self.peek().kind == TokenKind::Star {
            self.read();
            let close = self.read();
            if close.kind != TokenKind::CloseBracket {
                return self.fail(
                    close,
                    "Missing close bracket on splat index",
                    "The star for a full splat operator must be immediately followed by a closing bracket (\"]\").",
                );
            }
            let star = self.span_from(open.start);
            let item = Expr { kind: ExprKind::SplatItem, span: star };
            self.height = 1;
            let each = self.nested(|parser| parser.steps(item))?;
            let span = start.join(each.span);
            return Ok(Expr {
                kind: ExprKind::Splat { source: Box::new(source), each: Box::new(each), star },
                span,
            });
        }
        let key = self.with_newlines(true, |parser| {
            let key = parser.expression()?;
            let close = parser.read();
            if close.kind == TokenKind::CloseBracket {
                return Ok(key);
            }
            parser.fail(
                close,
                "Missing close bracket on index",
                "The index operator must end with a closing bracket (\"]\").",
            )
        })?;
        let step = self.span_from(open.start);
        let span = start.join(step);
        Ok(Expr { kind: ExprKind::Index { source: Box::new(source), key: Box::new(key), step }, span })
    }

    fn term(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        match token.kind {
            TokenKind::OpenParenthesis => self.parentheses(),
            TokenKind::Number => {
                self.read();
                self.height = 1;
                self.number(token)
            }
            TokenKind::Identifier => self.name(),
            TokenKind::OpenQuote | TokenKind::OpenHeredoc => self.quoted_template(),
            TokenKind::Minus | TokenKind::Not => {
                self.read();
                let operand = Box::new(self.nested(Self::term_with_steps)?);
                self.raise(self.height)?;
                let span = self.span(token).join(operand.span);
                let is_minus = token.kind == TokenKind::Minus;
                Ok(Expr {
                    kind: if is_minus { ExprKind::Negate(operand) } else { ExprKind::Not(operand) },
                    span,
                })
            }
            TokenKind::OpenBracket => self.tuple(),
            TokenKind::OpenBrace => self.object(),
            TokenKind::End => self.fail(
                token,
                "Missing expression",
                "Expected the start of an expression, but found the end of the file.",
            ),
            _ => {
                let hint = self.meant(token);
                self.fail_with(
                    token,
                    "Invalid expression",
                    "Expected the start of an expression, but found an invalid expression token.",
                    hint,
                )
            }
        }
    }

    fn number(&mut self, token: Token) -> Parsed<Expr> {
        match Number::parse(self.text(token)) {
            Some(number) => {
                Ok(Expr { kind: ExprKind::Literal(Value::number(number)), span: self.span(token) })
            }
            None => self.fail(
                token,
                "Invalid number literal",
                "Failed to recognize the value of this number literal.",
            ),
        }
    }

    fn parentheses(&mut self) -> Parsed<Expr> {
        let open = self.read();
        let inner = self.with_newlines(true, |parser| {
            let inner = parser.expression()?;
            let close = parser.peek();
            if close.kind != TokenKind::CloseParenthesis {
                let hint = parser.meant(close);
                return parser.fail_with(
                    close,
                    "Unbalanced parentheses",
                    "Expected a closing parenthesis to terminate the expression.",
                    hint,
                );
            }
            parser.read();
            Ok(inner)
        })?;
        self.raise(self.height)?;
        Ok(Expr { kind: ExprKind::Parentheses(Box::new(inner)), span: self.span_from(open.start) })
    }

    fn name(&mut self) -> Parsed<Expr> {
        let token = self.read();
        if matches!(self.peek().kind, TokenKind::OpenParenthesis | TokenKind::DoubleColon) {
            return self.call(token);
        }
        self.height = 1;
        let kind = match self.text(token) {
            "true" => ExprKind::Literal(Value::bool(true)),
            "false" => ExprKind::Literal(Value::bool(false)),
            "null" => ExprKind::Literal(Value::null(Type::Dynamic)),
            _ => ExprKind::Root(self.name_of(token)),
        };
        Ok(Expr { kind, span: self.span(token) })
    }

    fn call(&mut self, first: Token) -> Parsed<Expr> {
        let mut name = self.name_of(first);
        while self.take(TokenKind::DoubleColon).is_some() {
            let part = self.read();
            if part.kind != TokenKind::Identifier {
                return self.fail(
                    part,
                    "Missing function name",
                    "Function scope resolution symbol :: must be followed by a function name in this scope.",
                );
            }
            name = ArcStr::from(format!("{name}::{}", self.text(part)));
        }
        let name_span = self.span_from(first.start);
        let open = self.read();
        if open.kind != TokenKind::OpenParenthesis {
            return self.fail(
                open,
                "Missing open parenthesis",
                "Function selector must be followed by an open parenthesis to begin the function call.",
            );
        }
        let open_span = self.span_from(first.start);
        let (arguments, expand) = self.with_newlines(true, |parser| parser.arguments(open_span))?;
        self.raise(self.height)?;
        let call = CallExpr { name, name_span, open: open_span, arguments, expand };
        Ok(Expr { kind: ExprKind::Call(Box::new(call)), span: self.span_from(first.start) })
    }

    fn arguments(&mut self, open: Span) -> Parsed<(Vec<Expr>, bool)> {
        let mut arguments = Vec::new();
        let mut height = 0;
        loop {
            if self.take(TokenKind::CloseParenthesis).is_some() {
                self.height = height;
                return Ok((arguments, false));
            }
            arguments.push(self.expression()?);
            height = height.max(self.height);
            self.height = height;
            let separator = self.read();
            match separator.kind {
                TokenKind::CloseParenthesis => return Ok((arguments, false)),
                TokenKind::Comma => {}
                TokenKind::Ellipsis => {
                    if self.take(TokenKind::CloseParenthesis).is_some() {
                        return Ok((arguments, true));
                    }
                    return self.fail(
                        separator,
                        "Missing closing parenthesis",
                        "An expanded function argument (with ...) must be immediately followed by closing parentheses.",
                    );
                }
                TokenKind::End => {
                    return self.fail_at(
                        separator,
                        open,
                        "Unterminated function call",
                        "There is no closing parenthesis for this function call before the end of the file. This may be caused by incorrect parenthesis nesting elsewhere in this file.",
                    );
                }
                _ => {
                    return self.fail(
                        separator,
                        "Missing argument separator",
                        "A comma is required to separate each function argument from the next.",
                    );
                }
            }
        }
    }

    fn tuple(&mut self) -> Parsed<Expr> {
        let open = self.read();
        let kind = self.with_newlines(true, |parser| {
            if parser.is_keyword("for") {
                return parser.for_expression(TokenKind::CloseBracket);
            }
            let mut items = Vec::new();
            let mut height = 0;
            while parser.take(TokenKind::CloseBracket).is_none() {
                items.push(parser.expression()?);
                height = height.max(parser.height);
                let next = parser.peek();
                match next.kind {
                    TokenKind::CloseBracket => {}
                    TokenKind::Comma => {
                        parser.read();
                    }
                    TokenKind::End => {
                        let span = parser.span(open);
                        return parser.fail_at(
                            next,
                            span,
                            "Unterminated tuple constructor expression",
                            "There is no corresponding closing bracket before the end of the file. This may be caused by incorrect bracket nesting elsewhere in this file.",
                        );
                    }
                    _ => {
                        return parser.fail(
                            next,
                            "Missing item separator",
                            "Expected a comma to mark the beginning of the next item.",
                        );
                    }
                }
            }
            parser.height = height;
            Ok(ExprKind::Tuple(items))
        })?;
        self.raise(self.height)?;
        Ok(Expr { kind, span: self.span_from(open.start) })
    }

    fn object(&mut self) -> Parsed<Expr> {
        let open = self.read();
        // A `for` may begin on a later line, though an object's own newlines part its items.
        if self.with_newlines(true, |parser| parser.is_keyword("for")) {
            let kind = self.with_newlines(true, |parser| parser.for_expression(TokenKind::CloseBrace))?;
            self.raise(self.height)?;
            return Ok(Expr { kind, span: self.span_from(open.start) });
        }
        let items = self.with_newlines(false, |parser| parser.object_items(open))?;
        self.raise(self.height)?;
        Ok(Expr { kind: ExprKind::Object(items), span: self.span_from(open.start) })
    }

    fn object_items(&mut self, open: Token) -> Parsed<Vec<(Expr, Expr)>> {
        let mut items = Vec::new();
        let mut height = 0;
        loop {
            while self.take(TokenKind::Newline).is_some() {}
            if self.take(TokenKind::CloseBrace).is_some() {
                self.height = height;
                return Ok(items);
            }
            if self.begins_a_file_block(self.peek()) {
                // The block around it is not said to be open as well: one brace may be all that is missing.
                self.unclosed_before = Some(self.peek().start);
                return self.unterminated_object(open, self.peek());
            }
            let key = self.expression()?;
            height = height.max(self.height);
            let separator = self.peek();
            if !matches!(separator.kind, TokenKind::Equal | TokenKind::Colon) {
                return self.missing_value(open, separator);
            }
            self.read();
            items.push((key, self.expression()?));
            height = height.max(self.height);
            let next = self.peek();
            match next.kind {
                TokenKind::CloseBrace => {}
                TokenKind::Comma | TokenKind::Newline => {
                    self.read();
                }
                TokenKind::End => return self.unterminated_object(open, next),
                _ => {
                    return self.fail(
                        next,
                        "Missing attribute separator",
                        "Expected a newline or comma to mark the beginning of the next attribute.",
                    );
                }
            }
        }
    }

    fn unterminated_object<T>(&mut self, open: Token, end: Token) -> Parsed<T> {
        let span = self.span(open);
        let detail = if end.kind == TokenKind::End {
            "There is no corresponding closing brace before the end of the file. This may be caused by incorrect brace nesting elsewhere in this file."
        } else {
            "There is no closing brace for this object before the next block begins."
        };
        self.fail_at(end, span, "Unterminated object constructor expression", detail)
    }

    fn missing_value<T>(&mut self, open: Token, token: Token) -> Parsed<T> {
        match token.kind {
            TokenKind::Newline | TokenKind::Comma => self.fail(
                token,
                "Missing attribute value",
                "Expected an attribute value, introduced by an equals sign (\"=\").",
            ),
            TokenKind::Identifier => self.fail(
                token,
                "Missing key/value separator",
                "Expected an equals sign (\"=\") to mark the beginning of the attribute value. An attribute name that holds periods or spaces must be in quotes.",
            ),
            TokenKind::End => self.unterminated_object(open, token),
            _ => self.fail(
                token,
                "Missing key/value separator",
                "Expected an equals sign (\"=\") to mark the beginning of the attribute value.",
            ),
        }
    }

    fn for_expression(&mut self, close: TokenKind) -> Parsed<ExprKind> {
        const SUMMARY: &str = "Invalid 'for' expression";
        self.read();
        let (key_name, value_name) = self.for_names(SUMMARY, "expression")?;
        let collection = self.expression()?;
        let mut height = self.height;
        let colon = self.peek();
        if colon.kind != TokenKind::Colon {
            return self.fail(
                colon,
                SUMMARY,
                "For expression requires a colon after the collection expression.",
            );
        }
        self.read();
        let first = self.expression()?;
        height = height.max(self.height);
        let (key, value) = match self.take(TokenKind::Arrow) {
            Some(_) => (Some(first), self.expression()?),
            None => (None, first),
        };
        height = height.max(self.height);
        let ellipsis = self.take(TokenKind::Ellipsis);
        let mut condition = None;
        if self.is_keyword("if") {
            self.read();
            condition = Some(self.expression()?);
        }
        self.height = height.max(self.height);
        let end = self.read();
        if end.kind != close {
            return self.fail(end, SUMMARY, "Extra characters after the end of the 'for' expression.");
        }
        let is_object = close == TokenKind::CloseBrace;
        match (&key, ellipsis) {
            (Some(key), _) if !is_object => {
                self.report(key.span, SUMMARY, "Key expression is not valid when building a tuple.");
                self.hint(
                    "Write braces in place of the brackets to build an object, or leave the key and => out.",
                );
            }
            (_, Some(ellipsis)) if !is_object => {
                let span = self.span(ellipsis);
                self.report(span, SUMMARY, "Grouping ellipsis (...) cannot be used when building a tuple.");
            }
            (None, _) if is_object => {
                self.report(value.span, SUMMARY, "Key expression is required when building an object.");
                self.hint("Write KEY => VALUE, or brackets in place of the braces to build a list.");
            }
            _ => {}
        }
        let group = ellipsis.is_some();
        Ok(ExprKind::For(Box::new(ForExpr {
            key_name,
            value_name,
            collection,
            key,
            value,
            condition,
            group,
        })))
    }

    /// `k, v in` and `v in`.
    pub(super) fn for_names(&mut self, summary: &str, what: &str) -> Parsed<(Option<ArcStr>, ArcStr)> {
        let mut name =
            self.for_name(summary, || format!("For {what} requires variable name after 'for'."))?;
        let mut key_name = None;
        if self.take(TokenKind::Comma).is_some() {
            key_name = Some(name);
            name =
                self.for_name(summary, || format!("For {what} requires value variable name after comma."))?;
        }
        if !self.is_keyword("in") {
            let token = self.peek();
            let detail = format!("For {what} requires the 'in' keyword after its name declarations.");
            return self.fail(token, summary, detail);
        }
        self.read();
        Ok((key_name, name))
    }

    fn for_name(&mut self, summary: &str, detail: impl FnOnce() -> String) -> Parsed<ArcStr> {
        let token = self.peek();
        if token.kind != TokenKind::Identifier {
            return self.fail(token, summary, detail());
        }
        self.read();
        Ok(self.name_of(token))
    }
}
