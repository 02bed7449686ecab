//! The text of lock files and of the CLI configuration file: blocks, arguments and constants.
//!
//! Both are older than the configuration language and hold less: nothing in them is evaluated, and in
//! `dev_overrides` the names are quoted. Invariant: reading never panics, and what is nested is bounded.

use std::iter::Peekable;
use std::str::CharIndices;

/// How deep blocks and lists may nest.
const DEPTH_LIMIT: usize = 16;

/// Something written: `name = value`, or `name "label" { ... }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its name.
    pub(crate) name: String,
    /// The labels of a block.
    pub(crate) labels: Vec<String>,
    /// What it holds.
    pub(crate) value: Written,
    /// Its line, counted from 1.
    pub(crate) line: usize,
}

/// A constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// Quoted.
    Text(String),
    /// A word or number without quotes: `true`, `3`.
    Word(String),
    /// In brackets.
    List(Vec<Written>),
    /// In braces.
    Body(Vec<Item>),
}

impl Written {
    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The texts of a list of strings.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        let Self::List(values) = self else { return None };
        values.iter().map(|value| value.text().map(str::to_owned)).collect()
    }

    /// What a block holds.
    pub(crate) fn body(&self) -> &[Item] {
        if let Self::Body(items) = self { items } else { &[] }
    }

    /// Whether it says yes.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Word(word) | Self::Text(word) if word == "true" || word == "1")
    }
}

/// The value of an argument.
pub(crate) fn argument<'a>(items: &'a [Item], name: &str) -> Option<&'a Written> {
    items.iter().find(|item| item.name == name && item.labels.is_empty()).map(|item| &item.value)
}

/// Reads a text whole. An error says the line and what was expected there.
pub(crate) fn read(text: &str) -> Result<Vec<Item>, String> {
    let mut reader = Reader { text, rest: text.char_indices().peekable(), line: 1 };
    let items = reader.items(0)?;
    match reader.peek() {
        None => Ok(items),
        Some(_) => Err(reader.expected("a name")),
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn expected(&self, what: &str) -> String {
        format!("line {}: expected {what}", self.line)
    }

    /// The next character that is neither blank nor in a comment.
    fn peek(&mut self) -> Option<char> {
        loop {
            let (at, character) = *self.rest.peek()?;
            let rest = &self.text[at..];
            if character.is_whitespace() || character == '\u{feff}' {
                self.step();
            } else if character == '#' || rest.starts_with("//") {
                while self.rest.peek().is_some_and(|(_, character)| *character != '\n') {
                    self.step();
                }
            } else if rest.starts_with("/*") {
                let length = rest.find("*/").map_or(rest.len(), |end| end + 2);
                while self.rest.peek().is_some_and(|(here, _)| *here < at + length) {
                    self.step();
                }
            } else {
                return Some(character);
            }
        }
    }

    fn step(&mut self) -> Option<char> {
        let (_, character) = self.rest.next()?;
        self.line += usize::from(character == '\n');
        Some(character)
    }

    fn takes(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.step();
        }
        is_there
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Item>, String> {
        if depth > DEPTH_LIMIT {
            return Err(self.expected("less nesting"));
        }
        let mut items = Vec::new();
        while let Some(character) = self.peek() {
            if character == '}' {
                break;
            }
            let line = self.line;
            let name = if character == '"' { self.string()? } else { self.word()? };
            let mut labels = Vec::new();
            while self.peek() == Some('"') {
                labels.push(self.string()?);
            }
            let has_sign = labels.is_empty() && (self.takes('=') || self.takes(':'));
            if !has_sign && self.peek() != Some('{') {
                return Err(self.expected("= or {"));
            }
            let value = self.value(depth)?;
            self.takes(',');
            items.push(Item { name, labels, value, line });
        }
        Ok(items)
    }

    fn value(&mut self, depth: usize) -> Result<Written, String> {
        match self.peek() {
            Some('"') => Ok(Written::Text(self.string()?)),
            Some('{') => {
                self.step();
                let items = self.items(depth + 1)?;
                if self.takes('}') { Ok(Written::Body(items)) } else { Err(self.expected("}")) }
            }
            Some('[') => self.list(depth + 1),
            Some(_) => Ok(Written::Word(self.word()?)),
            None => Err(self.expected("a value")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Written, String> {
        if depth > DEPTH_LIMIT {
            return Err(self.expected("less nesting"));
        }
        self.step();
        let mut values = Vec::new();
        while !self.takes(']') {
            values.push(self.value(depth)?);
            if !self.takes(',') && self.peek() != Some(']') {
                return Err(self.expected(", or ]"));
            }
        }
        Ok(Written::List(values))
    }

    fn word(&mut self) -> Result<String, String> {
        let mut word = String::new();
        while let Some((_, character)) = self.rest.peek().copied() {
            if !character.is_alphanumeric() && !"_-.".contains(character) {
                break;
            }
            word.push(character);
            self.step();
        }
        if word.is_empty() { Err(self.expected("a name or value")) } else { Ok(word) }
    }

    fn string(&mut self) -> Result<String, String> {
        self.step();
        let mut text = String::new();
        loop {
            match self.step() {
                None | Some('\n') => return Err(self.expected("the end of a string")),
                Some('"') => return Ok(text),
                Some('\\') => match self.step() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some(sign @ ('"' | '\\')) => text.push(sign),
                    _ => return Err(self.expected("an escape such as \\n or \\\"")),
                },
                Some(character) => text.push(character),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_arguments_are_read() {
        let text = "# c\nprovider \"a/b\" { // d\n version = \"1\"\n hashes = [\"x\", \"y\",]\n}\n/* e\n */ disable = true\no { \"h/n\" = \"/p\\\\q\" }\nplain {}";
        let items = read(text).unwrap();
        let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["provider", "disable", "o", "plain"]);
        assert_eq!(items[0].labels, ["a/b"]);
        assert_eq!(argument(items[0].value.body(), "hashes").unwrap().texts().unwrap(), ["x", "y"]);
        assert!(items[1].value.is_true());
        assert_eq!(items[1].line, 7);
        assert_eq!(items[2].value.body()[0].value.text(), Some("/p\\q"));
    }

    #[test]
    fn what_is_not_read_says_where() {
        let deep = format!("a {}", "{ a ".repeat(100));
        for (text, line) in [
            ("a = ", 1),
            ("a\n\n= [\"x\" \"y\"]", 3),
            ("a {", 1),
            ("}", 1),
            ("a = \"x\n\"", 2),
            (deep.as_str(), 1),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(&format!("line {line}: expected ")), "{text}: {error}");
        }
    }
}
