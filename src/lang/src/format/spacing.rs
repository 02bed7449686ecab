//! Blanks between the tokens of a cell: one, or none.

use super::{Line, Piece};
use crate::lexer::TokenKind as T;

/// Decides the blanks of every piece but those that begin a line or are aligned later.
pub(super) fn space(pieces: &mut [Piece<'_>], lines: &[Line]) {
    for line in lines {
        for cell in [&line.lead, &line.assignment] {
            for at in cell.start + 1..cell.end {
                let before = (at > cell.start + 1).then(|| pieces[at - 2].kind);
                pieces[at].blanks = usize::from(is_spaced(before, &pieces[at - 1], &pieces[at]));
            }
        }
    }
}

/// Whether a blank stands between two pieces. `before` is what stands before them in their cell.
fn is_spaced(before: Option<T>, left: &Piece<'_>, right: &Piece<'_>) -> bool {
    match (left.kind, right.kind) {
        // Nothing before the end of a line, around a dot, inside a name with namespaces or empty braces, between a
        // function and its arguments or between two sequences.
        (_, T::Newline | T::Dot | T::Comma | T::Ellipsis)
        | (T::Dot, _)
        | (T::Identifier, T::OpenParenthesis | T::DoubleColon)
        | (T::DoubleColon, T::Identifier)
        | (T::OpenBrace, T::CloseBrace)
        | (T::SequenceEnd, T::Interpolation | T::Directive) => false,
        (T::Comma, _) => true,
        // Text is as it is.
        (T::QuotedText | T::PlainText | T::OpenQuote | T::OpenHeredoc, _)
        | (_, T::QuotedText | T::PlainText | T::CloseQuote | T::CloseHeredoc) => false,
        // `for x in [a]`: the word is no collection that is indexed.
        (T::Identifier, _) if left.text == "in" && before == Some(T::Identifier) => true,
        (kind, T::OpenBracket) if matches!(kind, T::Identifier | T::Number) || left.brackets() < 0 => false,
        (T::Not, _) => false,
        (T::Minus, _) => before.is_some_and(ends_operand),
        // Braces alone have blanks inside, also where `${` stands before one.
        (T::OpenBrace, _)
        | (_, T::CloseBrace)
        | (T::Interpolation | T::Directive, T::OpenBrace)
        | (T::CloseBrace, T::SequenceEnd) => true,
        _ => left.brackets() <= 0 && right.brackets() >= 0,
    }
}

/// Whether a minus behind such a token takes away from something; else it is a sign.
fn ends_operand(kind: T) -> bool {
    !matches!(
        kind,
        T::OpenParenthesis
            | T::OpenBrace
            | T::OpenBracket
            | T::Equal
            | T::Colon
            | T::Comma
            | T::Question
            | T::Plus
            | T::Star
            | T::Slash
            | T::Percent
            | T::Minus
            | T::EqualEqual
            | T::NotEqual
            | T::Greater
            | T::GreaterOrEqual
            | T::Less
            | T::LessOrEqual
            | T::And
            | T::Or
            | T::Not
    )
}
