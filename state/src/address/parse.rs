//! Reading addresses.

use super::{Address, Key, Mode, ModuleInstance};
use arcstr::ArcStr;
use std::fmt;

/// Text that is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError {
    text: String,
    reason: &'static str,
}

impl AddressError {
    pub(crate) fn new(text: &str, reason: &'static str) -> Self {
        Self { text: text.to_owned(), reason }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no address: {}", self.text, self.reason)
    }
}

impl std::error::Error for AddressError {}

struct Cursor<'a> {
    whole: &'a str,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn fail<T>(&self, reason: &'static str) -> Result<T, AddressError> {
        Err(AddressError::new(self.whole, reason))
    }

    fn word(&mut self) -> Result<&'a str, AddressError> {
        let end = self.rest.find(['.', '[']).unwrap_or(self.rest.len());
        if end == 0 {
            return self.fail("a name is missing");
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(word)
    }

    fn dot(&mut self) -> Result<(), AddressError> {
        match self.rest.strip_prefix('.') {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => self.fail("a dot and a name are missing"),
        }
    }

    fn key(&mut self) -> Result<Key, AddressError> {
        let Some(rest) = self.rest.strip_prefix('[') else { return Ok(Key::None) };
        if let Some(text) = rest.strip_prefix('"') {
            return self.text_key(text);
        }
        let Some((digits, rest)) = rest.split_once(']') else { return self.fail("a bracket is not closed") };
        self.rest = rest;
        match digits.parse() {
            Ok(index) => Ok(Key::Int(index)),
            Err(_) => self.fail("a key is a whole number or quoted text"),
        }
    }

    fn text_key(&mut self, text: &'a str) -> Result<Key, AddressError> {
        let mut key = String::new();
        let mut characters = text.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    let Some(rest) = text[at + 1..].strip_prefix(']') else {
                        return self.fail("a bracket is not closed");
                    };
                    self.rest = rest;
                    return Ok(Key::Text(ArcStr::from(key)));
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => key.push('\n'),
                    Some((_, 'r')) => key.push('\r'),
                    Some((_, 't')) => key.push('\t'),
                    Some((_, other)) => key.push(other),
                    None => break,
                },
                other => key.push(other),
            }
        }
        self.fail("a quoted key is not closed")
    }
}

pub(super) fn address(text: &str) -> Result<Address, AddressError> {
    let mut cursor = Cursor { whole: text, rest: text };
    let module = modules(&mut cursor)?;
    let mut word = cursor.word()?;
    let mut mode = Mode::Managed;
    if word == "data" {
        cursor.dot()?;
        mode = Mode::Data;
        word = cursor.word()?;
    }
    cursor.dot()?;
    let name = cursor.word()?;
    let key = cursor.key()?;
    if !cursor.rest.is_empty() {
        return cursor.fail("something follows it");
    }
    Ok(Address::new(module, mode, word, name, key))
}

pub(super) fn module(text: &str) -> Result<ModuleInstance, AddressError> {
    let mut cursor = Cursor { whole: text, rest: text };
    let module = modules(&mut cursor)?;
    if cursor.rest.is_empty() { Ok(module) } else { cursor.fail("it is no module's") }
}

fn modules(cursor: &mut Cursor<'_>) -> Result<ModuleInstance, AddressError> {
    let mut module = ModuleInstance::root();
    while let Some(rest) = cursor.rest.strip_prefix("module.") {
        cursor.rest = rest;
        let name = cursor.word()?;
        let key = cursor.key()?;
        module = module.child(name, key);
        if cursor.rest.is_empty() {
            break;
        }
        cursor.dot()?;
    }
    Ok(module)
}
