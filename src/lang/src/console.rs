//! What is typed at the console's prompt: one expression, perhaps over several lines.

use crate::compile::compile;
use crate::expression::Expression;
use crate::lexer::{LexMode, TokenKind, lex};
use crate::parser;
use crate::syntax::{Expr, ExprKind};
use formwork_diagnostic::{Diagnostic, Diagnostics, FileId, Sources};

/// The function that only the console has.
const TYPE_FUNCTION: &str = "type";

/// What was typed.
#[derive(Debug, Clone)]
pub struct ConsoleInput {
    /// The expression, or the argument of `type(…)`.
    pub expression: Expression,
    /// Whether the type is wanted, not the value.
    pub asks_type: bool,
}

/// Parses one input; it becomes a source of its own.
pub fn parse_console(text: &str, sources: &mut Sources) -> (Option<ConsoleInput>, Diagnostics) {
    // A heredoc's end has a newline behind it.
    let text = format!("{text}\n");
    let file = sources.add("<console-input>", text.as_str());
    let (syntax, mut diagnostics) = parser::parse_expression(file, &text);
    let Some(syntax) = syntax.filter(|_| !diagnostics.has_errors()) else { return (None, diagnostics) };
    let (syntax, asks_type) = type_argument(&syntax).map_or((&syntax, false), |argument| (argument, true));
    let expression = compile(syntax, &[]);
    let is_type = |one: &&Diagnostic| {
        one.code == "unknown-function"
            && one.subject.and_then(|span| sources.text(span)).is_some_and(|name| name == TYPE_FUNCTION)
    };
    for misplaced in expression.problems().iter().filter(is_type) {
        let detail = "The type function is the console's own and cannot be part of an expression.";
        let mut diagnostic = Diagnostic::error("misplaced-type", "Invalid use of type function", detail)
            .hint("Write it around the whole expression, like type(var.size).");
        diagnostic.subject = misplaced.subject;
        diagnostics.push(diagnostic);
    }
    let input = (!diagnostics.has_errors()).then_some(ConsoleInput { expression, asks_type });
    (input, diagnostics)
}

/// What `type(…)` is asked about, where the whole is that.
fn type_argument(expression: &Expr) -> Option<&Expr> {
    match &expression.kind {
        ExprKind::Parentheses(inner) => type_argument(inner),
        ExprKind::Call(call) if call.name == TYPE_FUNCTION && !call.expand => match call.arguments.as_slice()
        {
            [only] => Some(only),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a text cannot be whole: a bracket, heredoc, template sequence or comment is open, or its last line ends
/// with a backslash.
pub fn is_incomplete(text: &str) -> bool {
    if text.ends_with('\\') {
        return true;
    }
    let (tokens, _) = lex(FileId(0), &format!("{text}\n"), LexMode::Normal);
    let mut open = 0_usize;
    for token in &tokens {
        match token.kind {
            TokenKind::OpenBrace
            | TokenKind::OpenBracket
            | TokenKind::OpenParenthesis
            | TokenKind::OpenHeredoc
            | TokenKind::Interpolation
            | TokenKind::Directive => open += 1,
            TokenKind::CloseBrace
            | TokenKind::CloseBracket
            | TokenKind::CloseParenthesis
            | TokenKind::CloseHeredoc
            | TokenKind::SequenceEnd => {
                let Some(left) = open.checked_sub(1) else { return false };
                open = left;
            }
            _ => {}
        }
    }
    let is_comment =
        tokens.iter().rev().nth(1).is_some_and(|last| {
            last.kind == TokenKind::Invalid && text[last.start as usize..].starts_with("/*")
        });
    open > 0 || is_comment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_end_when_all_is_closed() {
        for (text, expected) in [
            ("1 + 1", false),
            ("[1,", true),
            ("[1,\n2]", false),
            ("{\n  a = {}", true),
            ("f(1", true),
            ("<<E\nx", true),
            ("<<E\nx\nE", false),
            ("\"a${b", true),
            ("\"a${b}\"", false),
            ("\"a{\"", false),
            ("a \\", true),
            ("/* a", true),
            ("/* a */ 1 # {", false),
            (")", false),
            (")(", false),
        ] {
            assert_eq!(is_incomplete(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_type_function_stands_alone() {
        for (text, expected) in [
            ("type(1)", Ok(true)),
            ("(type([]))", Ok(true)),
            ("length([])", Ok(false)),
            ("[type(1)]", Err("Invalid use of type function")),
            ("type(1) == 2", Err("Invalid use of type function")),
            ("type(1, 2)", Err("Invalid use of type function")),
            ("1 +", Err("Missing expression")),
        ] {
            let (input, diagnostics) = parse_console(text, &mut Sources::new());
            let found = input.map(|input| input.asks_type).ok_or_else(|| {
                diagnostics.iter().map(|one| one.summary.clone()).collect::<Vec<_>>().join(",")
            });
            assert_eq!(
                found.as_ref().map_err(String::as_str),
                expected.as_ref().map_err(|error| *error),
                "{text}"
            );
        }
    }
}
