//! Values in INI inventories: what is a literal of Python is that, and anything else is the text that it is.

use serde_json::{Map, Number, Value as Json};

/// How deep lists and dictionaries may lie in each other.
const DEPTH: usize = 64;

pub(super) fn read(text: &str) -> Json {
    let mut reader = Reader { rest: text };
    let found = reader.value(0).filter(|_| {
        let rest = reader.rest.trim_start();
        rest.is_empty() || rest.starts_with('#')
    });
    found.unwrap_or_else(|| Json::String(text.to_owned()))
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Json> {
        self.rest = self.rest.trim_start();
        match self.rest.chars().next().filter(|_| depth < DEPTH)? {
            '\'' | '"' => self.text().map(Json::String),
            '[' => self.items('[', ']', depth).map(Json::Array),
            '(' => self.items('(', ')', depth).map(Json::Array),
            '{' => self.dictionary(depth),
            _ => self.word(),
        }
    }

    fn takes(&mut self, sign: char) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn items(&mut self, open: char, close: char, depth: usize) -> Option<Vec<Json>> {
        let mut found = Vec::new();
        self.takes(open);
        loop {
            if self.takes(close) {
                return Some(found);
            }
            found.push(self.value(depth + 1)?);
            if !self.takes(',') {
                return self.takes(close).then_some(found);
            }
        }
    }

    fn dictionary(&mut self, depth: usize) -> Option<Json> {
        let mut found = Map::new();
        self.takes('{');
        loop {
            if self.takes('}') {
                return Some(Json::Object(found));
            }
            let key = match self.value(depth + 1)? {
                Json::String(text) => text,
                Json::Number(number) => number.to_string(),
                _ => return None,
            };
            if !self.takes(':') {
                return None;
            }
            found.insert(key, self.value(depth + 1)?);
            if !self.takes(',') {
                return self.takes('}').then_some(Json::Object(found));
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        let mut characters = self.rest.char_indices();
        let (_, quote) = characters.next()?;
        let mut found = String::new();
        while let Some((at, one)) = characters.next() {
            match one {
                '\\' => match characters.next()?.1 {
                    'n' => found.push('\n'),
                    't' => found.push('\t'),
                    'r' => found.push('\r'),
                    same @ ('\\' | '\'' | '"') => found.push(same),
                    other => found.extend(['\\', other]),
                },
                one if one == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(found);
                }
                one => found.push(one),
            }
        }
        None
    }

    fn word(&mut self) -> Option<Json> {
        let end = self.rest.find(|one: char| !(one.is_ascii_alphanumeric() || "._+-".contains(one)));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match word {
            "True" => Some(Json::Bool(true)),
            "False" => Some(Json::Bool(false)),
            "None" => Some(Json::Null),
            word => number(word).map(Json::Number),
        }
    }
}

fn number(word: &str) -> Option<Number> {
    let bare = word.trim_start_matches(['-', '+']);
    if word.len() - bare.len() > 1 || !bare.starts_with(|one: char| one.is_ascii_digit() || one == '.') {
        return None;
    }
    let plain = word.trim_start_matches('+');
    if bare.bytes().all(|one| one.is_ascii_digit()) {
        // Python takes no whole number that begins with a zero.
        let is_number = bare == "0" || !bare.starts_with('0') || bare.bytes().all(|one| one == b'0');
        return is_number.then(|| plain.parse().ok()).flatten();
    }
    let is_float = bare.bytes().any(|one| one.is_ascii_digit())
        && bare.bytes().all(|one| one.is_ascii_digit() || b".eE+-".contains(&one));
    is_float.then(|| plain.parse::<f64>().ok().and_then(Number::from_f64)).flatten()
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde_json::json;

    #[test]
    fn literals_are_told_from_texts() {
        for (text, expected) in [
            ("8", json!(8)),
            ("-8", json!(-8)),
            ("0.5", json!(0.5)),
            ("010", json!("010")),
            ("1.2.3", json!("1.2.3")),
            ("true", json!("true")),
            ("True", json!(true)),
            ("None", json!(null)),
            ("'a b'", json!("a b")),
            ("[1, 'x', (2,)]", json!([1, "x", [2]])),
            ("{'a': {}, 1: None}", json!({"a": {}, "1": null})),
            ("5 # five", json!(5)),
            ("5 five", json!("5 five")),
            ("[1, 2", json!("[1, 2")),
            ("10.0.0.1", json!("10.0.0.1")),
            ("", json!("")),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(read(&deep), json!(deep));
    }
}
