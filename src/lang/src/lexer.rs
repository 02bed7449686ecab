//! Text to tokens: a flat array of (kind, start, end), comments and newlines included.
//!
//! Invariant: tokens are in order, do not overlap, and everything between two of them is blank. A heredoc's text is
//! one token a line, and a quoted text one token between two sequences: strip markers and dedent work on those.

use formwork_diagnostic::{Diagnostic, Diagnostics, FileId, Span};

/// One token; its text is `text[start..end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    OpenParenthesis,
    CloseParenthesis,
    /// `"`
    OpenQuote,
    CloseQuote,
    /// `<<MARKER` or `<<-MARKER` with its newline.
    OpenHeredoc,
    CloseHeredoc,
    /// `${` or `${~`
    Interpolation,
    /// `%{` or `%{~`
    Directive,
    /// `}` or `~}` that ends one of the two.
    SequenceEnd,
    /// Text between quotes, escapes as written.
    QuotedText,
    /// Text of a heredoc or a bare template.
    PlainText,
    Number,
    Identifier,
    Comment,
    Newline,
    Star,
    Slash,
    Plus,
    Minus,
    Percent,
    Equal,
    EqualEqual,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Not,
    Dot,
    Comma,
    Ellipsis,
    Arrow,
    Question,
    Colon,
    DoubleColon,
    /// Reported by the lexer already.
    Invalid,
    End,
}

/// Faults of one text that are reported; the rest is cut off.
const FAULTS_MOST: usize = 200;

/// What text is lexed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LexMode {
    /// Arguments, blocks, expressions.
    Normal,
    /// Text with sequences.
    Template,
}

/// All tokens of a text with [`TokenKind::End`] as the last, and what was wrong with them.
pub(crate) fn lex(file: FileId, text: &str, mode: LexMode) -> (Vec<Token>, Diagnostics) {
    let mut lexer = Lexer {
        text,
        bytes: text.as_bytes(),
        at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 },
        file,
        tokens: Vec::with_capacity(text.len() / 4 + 1),
        modes: vec![match mode {
            LexMode::Normal => Mode::Normal { braces: 0, sequence: None },
            LexMode::Template => Mode::Bare,
        }],
        diagnostics: Diagnostics::new(),
    };
    lexer.run();
    (lexer.tokens, lexer.diagnostics)
}

enum Mode {
    /// `braces` are those open since this mode began; inside a template, its sequence's opening.
    Normal {
        braces: u32,
        sequence: Option<Token>,
    },
    /// With the place of its opening among the tokens.
    Quoted {
        open: usize,
    },
    Heredoc {
        marker: (usize, usize),
        line_start: bool,
    },
    Bare,
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    file: FileId,
    tokens: Vec<Token>,
    modes: Vec<Mode>,
    diagnostics: Diagnostics,
}

#[expect(clippy::cast_possible_truncation, reason = "source files are bounded to 4 GiB when they are added")]
const fn offset(at: usize) -> u32 {
    at as u32
}

impl Lexer<'_> {
    fn run(&mut self) {
        while self.at < self.bytes.len() {
            match self.modes.last() {
                Some(Mode::Normal { .. }) | None => self.normal(),
                Some(Mode::Quoted { .. }) => self.quoted(),
                Some(Mode::Heredoc { .. }) => self.heredoc(),
                Some(Mode::Bare) => self.bare(),
            }
        }
        let end = self.bytes.len();
        self.push(TokenKind::End, end, end);
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, kind: TokenKind, start: usize, end: usize) {
        self.tokens.push(Token { kind, start: offset(start), end: offset(end) });
    }

    fn take(&mut self, kind: TokenKind, length: usize) {
        self.push(kind, self.at, self.at + length);
        self.at += length;
    }

    fn invalid(&mut self, length: usize, summary: &str, detail: &str) {
        let span = Span::new(self.file, offset(self.at), offset(self.at + length));
        self.report(Diagnostic::error("invalid-token", summary, detail).at(span));
        self.take(TokenKind::Invalid, length);
    }

    fn normal(&mut self) {
        match self.peek(0) {
            b' ' | b'\t' => self.at += 1,
            b'\n' => self.newline(1),
            b'\r' if self.peek(1) == b'\n' => self.newline(2),
            b'#' => self.line_comment(),
            b'/' if self.peek(1) == b'/' => self.line_comment(),
            b'/' if self.peek(1) == b'*' => self.block_comment(),
            b'0'..=b'9' => self.number(),
            b'"' => {
                self.modes.push(Mode::Quoted { open: self.tokens.len() });
                self.take(TokenKind::OpenQuote, 1);
            }
            b'<' if self.peek(1) == b'<' && self.begin_heredoc() => {}
            b'{' => {
                self.take(TokenKind::OpenBrace, 1);
                if let Some(Mode::Normal { braces, .. }) = self.modes.last_mut() {
                    *braces += 1;
                }
            }
            b'}' => self.close_brace(1),
            b'~' if self.peek(1) == b'}' => self.close_brace(2),
            _ => self.symbol(),
        }
    }

    fn close_brace(&mut self, length: usize) {
        match self.modes.last_mut() {
            Some(Mode::Normal { braces: 0, sequence: Some(_) }) => {
                self.modes.pop();
                self.take(TokenKind::SequenceEnd, length);
            }
            Some(Mode::Normal { braces, .. }) => {
                *braces = braces.saturating_sub(1);
                // A `~}` that closes a plain brace is for the parser to refuse.
                self.take(if length == 1 { TokenKind::CloseBrace } else { TokenKind::SequenceEnd }, length);
            }
            _ => self.take(TokenKind::CloseBrace, length),
        }
    }

    /// A newline, before which a quoted string's sequence ends if the next line cannot belong to it: its closing brace
    /// is missing, and what follows is not to be read as text.
    fn newline(&mut self, length: usize) {
        if let [.., Mode::Quoted { open }, Mode::Normal { braces: 0, sequence: Some(sequence) }] =
            &self.modes[..]
            && begins_item(&self.text[self.at + length..])
        {
            self.unclosed(*open, *sequence);
        }
        self.take(TokenKind::Newline, length);
    }

    /// Reports an opening that was never closed, and closes all that is open since the first quote of the line.
    fn unclosed(&mut self, open: usize, sequence: Token) {
        const DETAIL: &str = "There is no closing brace for this interpolation sequence before the end of the line's text. This might be caused by incorrect nesting inside the given expression.";
        let span = Span::new(self.file, sequence.start, sequence.end);
        self.report(Diagnostic::error("syntax", "Unclosed template interpolation sequence", DETAIL).at(span));
        self.push(TokenKind::Invalid, self.at, self.at);
        loop {
            match self.modes.pop() {
                Some(Mode::Normal { .. }) => self.push(TokenKind::SequenceEnd, self.at, self.at),
                Some(Mode::Quoted { open: this }) => {
                    self.push(TokenKind::CloseQuote, self.at, self.at);
                    if this <= open {
                        return;
                    }
                }
                _ => return,
            }
        }
    }

    /// The quote and sequence that a string is inside of, where both stand on this line.
    fn enclosing_sequence(&self) -> Option<(usize, Token)> {
        let [.., Mode::Quoted { open }, Mode::Normal { sequence: Some(sequence), .. }, Mode::Quoted { .. }] =
            &self.modes[..]
        else {
            return None;
        };
        let start = self.tokens.get(*open)?.start as usize;
        (!self.bytes[start..self.at].contains(&b'\n')).then_some((*open, *sequence))
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < FAULTS_MOST {
            self.diagnostics.push(diagnostic);
        }
    }

    fn line_comment(&mut self) {
        let rest = &self.bytes[self.at..];
        let mut length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        if length > 0 && length < rest.len() && rest[length - 1] == b'\r' {
            length -= 1;
        }
        self.take(TokenKind::Comment, length);
    }

    fn block_comment(&mut self) {
        let rest = &self.text[self.at + 2..];
        if let Some(length) = memchr::memmem::find(rest.as_bytes(), b"*/") {
            return self.take(TokenKind::Comment, length + 4);
        }
        let length = rest.len() + 2;
        let detail = "There is no \"*/\" for this comment before the end of the file.";
        self.invalid(length, "Unterminated comment", detail);
    }

    fn number(&mut self) {
        let mut end = 1;
        let mut length = 1;
        loop {
            match self.peek(length) {
                b'0'..=b'9' => length += 1,
                b'.' => {
                    length += 1;
                    continue;
                }
                b'e' | b'E' if self.peek(length + 1).is_ascii_digit() => length += 2,
                b'e' | b'E'
                    if matches!(self.peek(length + 1), b'+' | b'-')
                        && self.peek(length + 2).is_ascii_digit() =>
                {
                    length += 3;
                }
                _ => break,
            }
            end = length;
        }
        self.take(TokenKind::Number, end);
    }

    fn begin_heredoc(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let name_at = if rest[2..].starts_with('-') { 3 } else { 2 };
        let name_length = identifier_length(&rest[name_at..]);
        let after = &rest[name_at + name_length..];
        let newline = if after.starts_with("\r\n") { 2 } else { usize::from(after.starts_with('\n')) };
        if name_length == 0 || newline == 0 {
            return false;
        }
        let marker = (self.at + name_at, self.at + name_at + name_length);
        self.take(TokenKind::OpenHeredoc, name_at + name_length + newline);
        self.modes.push(Mode::Heredoc { marker, line_start: true });
        true
    }

    fn symbol(&mut self) {
        use TokenKind as T;
        let (kind, length) = match (self.peek(0), self.peek(1), self.peek(2)) {
            (b'.', b'.', b'.') => (T::Ellipsis, 3),
            (b'=', b'=', _) => (T::EqualEqual, 2),
            (b'!', b'=', _) => (T::NotEqual, 2),
            (b'>', b'=', _) => (T::GreaterOrEqual, 2),
            (b'<', b'=', _) => (T::LessOrEqual, 2),
            (b'&', b'&', _) => (T::And, 2),
            (b'|', b'|', _) => (T::Or, 2),
            (b':', b':', _) => (T::DoubleColon, 2),
            (b'=', b'>', _) => (T::Arrow, 2),
            (b'[', ..) => (T::OpenBracket, 1),
            (b']', ..) => (T::CloseBracket, 1),
            (b'(', ..) => (T::OpenParenthesis, 1),
            (b')', ..) => (T::CloseParenthesis, 1),
            (b'.', ..) => (T::Dot, 1),
            (b',', ..) => (T::Comma, 1),
            (b'*', ..) => (T::Star, 1),
            (b'/', ..) => (T::Slash, 1),
            (b'%', ..) => (T::Percent, 1),
            (b'+', ..) => (T::Plus, 1),
            (b'-', ..) => (T::Minus, 1),
            (b'=', ..) => (T::Equal, 1),
            (b'<', ..) => (T::Less, 1),
            (b'>', ..) => (T::Greater, 1),
            (b'!', ..) => (T::Not, 1),
            (b'?', ..) => (T::Question, 1),
            (b':', ..) => (T::Colon, 1),
            _ => return self.word(),
        };
        self.take(kind, length);
    }

    fn word(&mut self) {
        let length = identifier_length(&self.text[self.at..]);
        if length > 0 {
            return self.take(TokenKind::Identifier, length);
        }
        let character = self.text[self.at..].chars().next().unwrap_or(' ');
        if let Some(length) = self.single_quoted_length() {
            let inner = &self.text[self.at + 1..self.at + length - 1];
            let span = Span::new(self.file, offset(self.at), offset(self.at + length));
            let detail = "Single quotes are not valid. Use double quotes (\") to enclose strings.";
            let diagnostic = Diagnostic::error("invalid-token", "Invalid character", detail).at(span);
            self.report(diagnostic.hint(format!("Write \"{inner}\".")));
            return self.take(TokenKind::Invalid, length);
        }
        let (summary, detail) = match character {
            '&' | '|' | '^' | '~' => (
                "Unsupported operator",
                "Bitwise operators are not supported. Did you mean a logical one: \"&&\", \"||\" or \"!\"?",
            ),
            '\'' => (
                "Invalid character",
                "Single quotes are not valid. Use double quotes (\") to enclose strings.",
            ),
            '`' => (
                "Invalid character",
                "The \"`\" character is not valid. To create a multi-line string, use the \"heredoc\" syntax, like \"<<EOT\".",
            ),
            ';' => (
                "Invalid character",
                "The \";\" character is not valid. Use newlines to separate arguments and blocks, and commas to separate items in collection values.",
            ),
            '\u{201c}' | '\u{201d}' => (
                "Invalid character",
                "\"Curly quotes\" are not valid here. These can sometimes be inadvertently introduced when sharing code via documents or discussion forums. It might help to replace the character with a \"straight quote\".",
            ),
            _ => ("Invalid character", "This character is not used within the language."),
        };
        self.invalid(character.len_utf8(), summary, detail);
    }

    /// The length of a text in single quotes that begins here and ends on the same line: one mistake, not two.
    fn single_quoted_length(&self) -> Option<usize> {
        let inner = self.text[self.at..].strip_prefix('\'')?;
        let end = inner.find(['\'', '"', '\n', '#'])?;
        (inner.as_bytes()[end] == b'\'').then_some(end + 2)
    }

    /// The length of text up to a sequence or one of the stop bytes; `$${` and `%%{` belong to the text.
    fn text_length(&self, stop: impl Fn(u8) -> bool, has_escapes: bool) -> usize {
        let mut length = 0;
        while let Some(byte) = self.bytes.get(self.at + length) {
            let next = (self.peek(length + 1), self.peek(length + 2));
            match byte {
                b'$' | b'%' if next.0 == *byte && next.1 == b'{' => length += 3,
                b'$' | b'%' if next.0 == b'{' => break,
                b'\\'
                    if has_escapes
                        && self.at + length + 1 < self.bytes.len()
                        && !matches!(next.0, b'\n' | b'\r') =>
                {
                    length += 2;
                }
                byte if stop(*byte) => break,
                _ => length += 1,
            }
        }
        let mut end = (self.at + length).min(self.bytes.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        end - self.at
    }

    /// A sequence's opening, where one stands here.
    fn sequence(&mut self) -> bool {
        let kind = match (self.peek(0), self.peek(1)) {
            (b'$', b'{') => TokenKind::Interpolation,
            (b'%', b'{') => TokenKind::Directive,
            _ => return false,
        };
        let length = if self.peek(2) == b'~' { 3 } else { 2 };
        self.take(kind, length);
        if let Some(Mode::Heredoc { line_start, .. }) = self.modes.last_mut() {
            *line_start = false;
        }
        self.modes.push(Mode::Normal { braces: 0, sequence: self.tokens.last().copied() });
        true
    }

    fn quoted(&mut self) {
        match self.peek(0) {
            b'"' => {
                self.take(TokenKind::CloseQuote, 1);
                self.modes.pop();
            }
            b'\n' | b'\r' => {
                if let Some((open, sequence)) = self.enclosing_sequence() {
                    // What began here was meant to end the string around it.
                    if let Some(Mode::Quoted { open }) = self.modes.pop() {
                        self.tokens.truncate(open);
                    }
                    return self.unclosed(open, sequence);
                }
                let length = if self.peek(0) == b'\r' && self.peek(1) == b'\n' { 2 } else { 1 };
                let span = Span::new(self.file, offset(self.at), offset(self.at + length));
                let detail = "Quoted strings may not be split over multiple lines. To produce a multi-line string, either use the \\n escape to represent a newline character or use the \"heredoc\" multi-line template syntax.";
                self.report(
                    Diagnostic::error("multi-line-string", "Invalid multi-line string", detail).at(span),
                );
                // The string is taken to end here, so that the lines after it are read as what they are.
                self.push(TokenKind::CloseQuote, self.at, self.at);
                self.modes.pop();
                if self.modes.is_empty() {
                    self.modes.push(Mode::Bare);
                }
            }
            _ => {
                if !self.sequence() {
                    let length = self.text_length(|byte| matches!(byte, b'"' | b'\n' | b'\r'), true);
                    self.take(TokenKind::QuotedText, length);
                }
            }
        }
    }

    fn heredoc(&mut self) {
        if self.sequence() {
            return;
        }
        let mut length = self.text_length(|byte| byte == b'\n', false);
        let ends_line = self.bytes.get(self.at + length) == Some(&b'\n');
        let Some(Mode::Heredoc { marker, line_start }) = self.modes.last_mut() else { return };
        let marker = *marker;
        let is_whole_line = *line_start && ends_line;
        *line_start = ends_line;
        if is_whole_line && self.text[self.at..self.at + length].trim() == &self.text[marker.0..marker.1] {
            if self.bytes[self.at + length - 1] == b'\r' {
                length -= 1;
            }
            self.modes.pop();
            // The newline stays for the argument that the heredoc ends.
            return self.take(TokenKind::CloseHeredoc, length);
        }
        self.take(TokenKind::PlainText, length + usize::from(ends_line));
    }

    fn bare(&mut self) {
        if self.sequence() {
            return;
        }
        let length = self.text_length(|byte| byte == b'\n', false);
        let ends_line = self.bytes.get(self.at + length) == Some(&b'\n');
        self.take(TokenKind::PlainText, length + usize::from(ends_line));
    }
}

/// Whether a line holds what only an item of a body is: a name with an equals sign, a quote or a brace behind it, or
/// nothing but a closing brace.
fn begins_item(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default().trim();
    if line == "}" {
        return true;
    }
    let length = identifier_length(line);
    let after = line[length..].trim_start();
    length > 0
        && (after.starts_with(['"', '{'])
            || after.starts_with('=') && !after.starts_with("==") && !after.starts_with("=>"))
}

/// The length of the identifier that a text begins with; 0 when it begins with none.
pub(crate) fn identifier_length(text: &str) -> usize {
    let mut length = 0;
    for character in text.chars() {
        let fits = match character {
            'a'..='z' | 'A'..='Z' | '_' => true,
            '0'..='9' | '-' => length > 0,
            character if character.is_ascii() => false,
            character if length == 0 => unicode_ident::is_xid_start(character),
            character => unicode_ident::is_xid_continue(character),
        };
        if !fits {
            break;
        }
        length += character.len_utf8();
    }
    length
}

/// Whether a whole text is an identifier.
pub(crate) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && identifier_length(text) == text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, mode: LexMode, expected: &str) {
        let (tokens, _) = lex(FileId(0), text, mode);
        let show =
            |token: &Token| format!("{:?}:{}", token.kind, &text[token.start as usize..token.end as usize]);
        let shown: Vec<String> =
            tokens.iter().filter(|token| token.kind != TokenKind::End).map(show).collect();
        assert_eq!(shown.join(" | "), expected, "{text:?}");
    }

    #[test]
    fn tokens_are_as_expected() {
        for (text, expected) in [
            ("a = 1", "Identifier:a | Equal:= | Number:1"),
            ("a-b.0.1", "Identifier:a-b | Dot:. | Number:0.1"),
            ("1...", "Number:1 | Ellipsis:..."),
            ("1.5e-3x", "Number:1.5e-3 | Identifier:x"),
            (
                "\"a${b}c\"",
                "OpenQuote:\" | QuotedText:a | Interpolation:${ | Identifier:b | SequenceEnd:} | QuotedText:c | CloseQuote:\"",
            ),
            ("\"$${a}\\\"$\"", "OpenQuote:\" | QuotedText:$${a}\\\"$ | CloseQuote:\""),
            (
                "\"${~{}~}\"",
                "OpenQuote:\" | Interpolation:${~ | OpenBrace:{ | CloseBrace:} | SequenceEnd:~} | CloseQuote:\"",
            ),
            (
                "<<A\nx\n y\n A\nb",
                "OpenHeredoc:<<A\n | PlainText:x\n | PlainText: y\n | CloseHeredoc: A | Newline:\n | Identifier:b",
            ),
            (
                "<<A\n${x} A\nA\n",
                "OpenHeredoc:<<A\n | Interpolation:${ | Identifier:x | SequenceEnd:} | PlainText: A\n | CloseHeredoc:A | Newline:\n",
            ),
            ("a # c\r\nb", "Identifier:a | Comment:# c | Newline:\r\n | Identifier:b"),
            (
                "/* a\n*/ é::x => <= <",
                "Comment:/* a\n*/ | Identifier:é | DoubleColon::: | Identifier:x | Arrow:=> | LessOrEqual:<= | Less:<",
            ),
        ] {
            check(text, LexMode::Normal, expected);
        }
        check(
            "a\n${b}$ %",
            LexMode::Template,
            "PlainText:a\n | Interpolation:${ | Identifier:b | SequenceEnd:} | PlainText:$ %",
        );
    }

    #[test]
    fn faults_are_reported_once_each() {
        for (text, expected) in [
            ("a & b", "Unsupported operator"),
            ("'a'", "Invalid character"),
            ("'a", "Invalid character"),
            ("'a\n'", "Invalid character,Invalid character"),
            ("/* a", "Unterminated comment"),
            ("\"a\nb", "Invalid multi-line string"),
        ] {
            let (_, diagnostics) = lex(FileId(0), text, LexMode::Normal);
            let shown: Vec<&str> = diagnostics.iter().map(|one| one.summary.as_str()).collect();
            assert_eq!(shown.join(","), expected, "{text:?}");
        }
    }
}
