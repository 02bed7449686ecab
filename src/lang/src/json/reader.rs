//! Text to [`Json`], by RFC 8259.

use super::{Json, JsonKind, JsonText, Member, Places};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, FileId, Span};
use formwork_value::Number;

/// Levels of nesting that are followed before a document is refused.
const DEPTH_LIMIT: u32 = 1000;

/// Reads a document that is one value. The first fault ends it: what follows cannot be told apart any more.
pub(crate) fn read(file: FileId, text: &str) -> Result<Json, Diagnostic> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, file, depth: 0 };
    reader.blanks();
    if reader.at == reader.bytes.len() {
        return Err(reader.fault(
            0,
            "Missing JSON value",
            "A JSON document holds one value: this one is empty.",
        ));
    }
    let value = reader.value()?;
    reader.blanks();
    if reader.at < reader.bytes.len() {
        let detail = "A JSON document holds one value, and this one has ended before.";
        return Err(reader.fault(reader.at, "Extraneous data after value", detail));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    file: FileId,
    depth: u32,
}

type Read<T> = Result<T, Diagnostic>;

impl Reader<'_> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "source files are bounded to 4 GiB when they are added"
    )]
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start as u32, end as u32)
    }

    fn fault(&self, at: usize, summary: &str, detail: &str) -> Diagnostic {
        let length = self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        Diagnostic::error("json", summary, detail).at(self.span(at, at + length))
    }

    fn blanks(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn value(&mut self) -> Read<Json> {
        if self.depth >= DEPTH_LIMIT {
            let detail = "The document is nested deeper here than is followed.";
            return Err(self.fault(self.at, "Nesting too deep", detail));
        }
        self.depth += 1;
        let value = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.value_inner());
        self.depth -= 1;
        value
    }

    fn value_inner(&mut self) -> Read<Json> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.object()?,
            Some(b'[') => self.array()?,
            Some(b'"') => JsonKind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(byte) if byte.is_ascii_alphabetic() => self.keyword()?,
            _ => {
                let detail =
                    "A value is expected here: an object, an array, a string, a number, true, false or null.";
                return Err(self.fault(self.at, "Missing JSON value", detail));
            }
        };
        Ok(Json { kind, span: self.span(start, self.at) })
    }

    fn keyword(&mut self) -> Read<JsonKind> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        match &self.text[start..self.at] {
            "true" => Ok(JsonKind::Bool(true)),
            "false" => Ok(JsonKind::Bool(false)),
            "null" => Ok(JsonKind::Null),
            word => {
                let detail = format!("\"{word}\" is no JSON value. A text stands between double quotes.");
                Err(Diagnostic::error("json", "Invalid JSON keyword", detail).at(self.span(start, self.at)))
            }
        }
    }

    fn number(&mut self) -> Read<JsonKind> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'))
        {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        let number = if is_number(text.as_bytes()) { Number::parse(text) } else { None };
        number.map(JsonKind::Number).ok_or_else(|| {
            let detail =
                "A number is digits with an optional minus, fraction and exponent, and no zero before them.";
            Diagnostic::error("json", "Invalid JSON number", detail).at(self.span(start, self.at))
        })
    }

    fn array(&mut self) -> Read<JsonKind> {
        let open = self.at;
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(JsonKind::Array(items.into()));
        }
        loop {
            self.blanks();
            items.push(self.value()?);
            self.blanks();
            match self.peek() {
                Some(b',') => {
                    let comma = self.at;
                    self.at += 1;
                    self.blanks();
                    if self.peek() == Some(b']') {
                        let detail = "JSON has no comma after the last item of an array.";
                        return Err(self.fault(comma, "Trailing comma in array", detail));
                    }
                }
                Some(b']') => {
                    self.at += 1;
                    return Ok(JsonKind::Array(items.into()));
                }
                None => {
                    let detail = "There is no closing bracket for this array before the end of the file.";
                    return Err(self.fault(open, "Unclosed array", detail));
                }
                Some(_) => {
                    let detail = "A comma must stand between two items of an array.";
                    return Err(self.fault(self.at, "Missing item separator", detail));
                }
            }
        }
    }

    fn object(&mut self) -> Read<JsonKind> {
        let open = self.at;
        self.at += 1;
        let mut members = Vec::new();
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(JsonKind::Object(members.into()));
        }
        loop {
            self.blanks();
            members.push(self.member(open)?);
            self.blanks();
            match self.peek() {
                Some(b',') => {
                    let comma = self.at;
                    self.at += 1;
                    self.blanks();
                    if self.peek() == Some(b'}') {
                        let detail = "JSON has no comma after the last property of an object.";
                        return Err(self.fault(comma, "Trailing comma in object", detail));
                    }
                }
                Some(b'}') => {
                    self.at += 1;
                    return Ok(JsonKind::Object(members.into()));
                }
                None => return Err(self.unclosed(open)),
                Some(_) => {
                    let detail = "A comma must stand between two properties of an object.";
                    return Err(self.fault(self.at, "Missing property separator", detail));
                }
            }
        }
    }

    fn unclosed(&self, open: usize) -> Diagnostic {
        let detail = "There is no closing brace for this object before the end of the file.";
        self.fault(open, "Unclosed object", detail)
    }

    fn member(&mut self, open: usize) -> Read<Member> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {}
            None => return Err(self.unclosed(open)),
            Some(_) => {
                let detail = "A property of an object begins with its name between double quotes.";
                return Err(self.fault(self.at, "Invalid JSON property", detail));
            }
        }
        let name = self.string()?;
        let name_span = self.span(start, self.at);
        self.blanks();
        if self.peek() != Some(b':') {
            let detail = "A colon must stand between a property's name and its value.";
            return Err(self.fault(self.at, "Missing property value", detail));
        }
        self.at += 1;
        self.blanks();
        Ok(Member { name, name_span, value: self.value()? })
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "source files are bounded to 4 GiB when they are added"
    )]
    fn string(&mut self) -> Read<JsonText> {
        let open = self.at;
        self.at += 1;
        let mut text = String::new();
        let mut places = vec![(0, self.at as u32)];
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            text.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(JsonText { text: ArcStr::from(text), places: Places::new(places) });
                }
                Some(b'\\') => {
                    places.push((text.len() as u32, self.at as u32));
                    text.push(self.escape()?);
                    places.push((text.len() as u32, self.at as u32));
                }
                Some(b'\n') | None => {
                    let detail = "There is no closing quote for this string before the end of the line.";
                    return Err(self.fault(open, "Unclosed string", detail));
                }
                Some(_) => {
                    let detail =
                        "A control character in a JSON string is written as an escape: \\t, \\u0000.";
                    return Err(self.fault(self.at, "Invalid character in string", detail));
                }
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let start = self.at;
        self.at += 1;
        let byte = self.peek();
        self.at += 1;
        match byte {
            Some(b'"') => Ok('"'),
            Some(b'\\') => Ok('\\'),
            Some(b'/') => Ok('/'),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{c}'),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'u') => Ok(self.unicode()),
            _ => {
                let detail = "A backslash stands before one of \" \\ / b f n r t, or before u and four hexadecimal digits.";
                Err(self.fault(start, "Invalid escape sequence", detail))
            }
        }
    }

    /// The character of `\uXXXX`, of a pair of surrogates as well; half a pair becomes the replacement character.
    fn unicode(&mut self) -> char {
        let Some(first) = self.digits() else { return char::REPLACEMENT_CHARACTER };
        let is_high = (0xd800..0xdc00).contains(&first);
        if is_high && self.bytes[self.at..].starts_with(b"\\u") {
            let before = self.at;
            self.at += 2;
            match self.digits() {
                Some(second) if (0xdc00..0xe000).contains(&second) => {
                    let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                }
                _ => self.at = before,
            }
        }
        char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn digits(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_hexadecimal)?;
        self.at += 4;
        Some(code)
    }
}

/// Whether a text is a number by the grammar: `-? (0|[1-9][0-9]*) (\.[0-9]+)? ([eE][+-]?[0-9]+)?`.
fn is_number(text: &[u8]) -> bool {
    fn digits(text: &[u8]) -> Option<&[u8]> {
        let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (count > 0).then(|| &text[count..])
    }
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let Some(mut rest) = (match text {
        [b'0', rest @ ..] => Some(rest),
        text => digits(text),
    }) else {
        return false;
    };
    if let Some(fraction) = rest.strip_prefix(b".") {
        let Some(after) = digits(fraction) else { return false };
        rest = after;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let Some(after) = digits(exponent) else { return false };
        rest = after;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, (String, u32)> {
        match read(FileId(0), text) {
            Ok(json) => Ok(format!("{:?}", json.literal())),
            Err(diagnostic) => {
                Err((diagnostic.summary.clone(), diagnostic.subject.map_or(0, |span| span.start)))
            }
        }
    }

    #[test]
    fn documents_are_read() {
        for (text, expected) in [
            (" {\"a\": [1, -2.5e1, true, null]} ", "{\"a\": [1, -25, true, null(any)]}"),
            ("\"\\u00e9\\ud83d\\ude00\\n\\/\\ud83d\"", "\"\u{e9}\u{1f600}\\n/\u{fffd}\""),
            ("[]", "[]"),
            ("{}", "{}"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn faults_have_their_place() {
        for (text, summary, at) in [
            ("", "Missing JSON value", 0),
            ("[1, ]", "Trailing comma in array", 2),
            ("{\"a\": 1,}", "Trailing comma in object", 7),
            ("{\"a\" 1}", "Missing property value", 5),
            ("{a: 1}", "Invalid JSON property", 1),
            ("[1 2]", "Missing item separator", 3),
            ("{\"a\": 1 \"b\": 2}", "Missing property separator", 8),
            ("[01]", "Invalid JSON number", 1),
            ("[1.]", "Invalid JSON number", 1),
            ("[yes]", "Invalid JSON keyword", 1),
            ("\"a", "Unclosed string", 0),
            ("[\"\\x\"]", "Invalid escape sequence", 2),
            ("{\"a\": [1", "Unclosed array", 6),
            ("{} {}", "Extraneous data after value", 3),
        ] {
            assert_eq!(shown(text), Err((summary.to_owned(), at)), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(shown(&deep), Err(("Nesting too deep".to_owned(), 1000)));
    }

    #[test]
    fn bytes_of_a_string_lead_back_to_the_file() {
        let json = read(FileId(0), "[\"ab\\u0041\\ncd\"]").expect("it is sound");
        let JsonKind::Array(items) = json.kind else { panic!("it is an array") };
        let JsonKind::String(text) = &items[0].kind else { panic!("it is a string") };
        let places: Vec<u32> = (0..=6).map(|at| text.places.in_file(at)).collect();
        assert_eq!((text.text.as_str(), places), ("abA\ncd", vec![2, 3, 4, 10, 12, 13, 14]));
    }
}
