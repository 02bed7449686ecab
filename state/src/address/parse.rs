//! Reading addresses from text, and the quoting of keys.
//!
//! A text that does not parse gives an [`AddressError`] with the byte where it went wrong.

use super::{Address, BlockAddress, DeposedKey, Key, Mode, ModuleInstance, ObjectKey};
use crate::Name;
use std::fmt;
use std::str::FromStr;

/// A text that is no address: which, where and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError {
    /// The text.
    pub text: String,
    /// The byte at which it goes wrong.
    pub offset: usize,
    /// What is wrong there.
    pub message: &'static str,
}

impl fmt::Display for AddressError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} is not a valid address: {} at byte {}", self.text, self.message, self.offset)
    }
}

impl std::error::Error for AddressError {}

/// Writes a key as Terraform quotes it: HCL escapes, doubled template introducers, unprintable characters by number.
pub(super) fn write_quoted(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !b"\"\\$%".contains(&byte)) {
        // Nearly every key.
        out.write_str(text)?;
        return out.write_char('"');
    }
    for (at, character) in text.char_indices() {
        match character {
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '$' | '%' => {
                out.write_char(character)?;
                if text[at + 1..].starts_with('{') {
                    out.write_char(character)?;
                }
            }
            _ if is_printable(character) => out.write_char(character)?,
            _ if u32::from(character) < 0x1_0000 => write!(out, "\\u{:04x}", u32::from(character))?,
            _ => write!(out, "\\U{:08x}", u32::from(character))?,
        }
    }
    out.write_char('"')
}

/// Letters, marks, numbers, punctuation, symbols and the plain space.
fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return (' '..='~').contains(&character);
    }
    // The standard library's table of printable characters is reachable only through its escapes; a letter in front
    // keeps a combining mark from being escaped for standing first.
    String::from_iter(['a', character]).escape_debug().all(|escaped| escaped != '\\')
}

/// A reader over the text of an address.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) const fn is_done(&self) -> bool {
        self.at == self.text.len()
    }

    pub(super) fn fail<T>(&self, message: &'static str) -> Result<T, AddressError> {
        Err(AddressError { text: self.text.to_owned(), offset: self.at, message })
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// An identifier: letters, digits, `_` and `-`, not led by a digit.
    pub(super) fn identifier(&mut self) -> Result<&'a str, AddressError> {
        let rest = self.rest();
        let is_part = |character: char| character.is_alphanumeric() || character == '_' || character == '-';
        let end = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
        let word = &rest[..end];
        if word.is_empty() || word.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
            return self.fail("a name is expected");
        }
        self.at += end;
        Ok(word)
    }

    pub(super) fn key(&mut self) -> Result<Key, AddressError> {
        if !self.eat("[") {
            return Ok(Key::None);
        }
        let key =
            if self.rest().starts_with('"') { Key::Text(self.quoted()?.into()) } else { self.integer()? };
        if !self.eat("]") {
            return self.fail("a closing bracket is expected");
        }
        Ok(key)
    }

    fn integer(&mut self) -> Result<Key, AddressError> {
        let rest = self.rest();
        let end = rest.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(rest.len());
        let Ok(index) = rest[..end].parse() else {
            return self.fail("an index or a quoted key is expected");
        };
        self.at += end;
        Ok(Key::Int(index))
    }

    pub(super) fn quoted(&mut self) -> Result<String, AddressError> {
        let mut out = String::new();
        if !self.eat("\"") {
            return self.fail("a quoted text is expected");
        }
        loop {
            let Some(character) = self.rest().chars().next() else {
                return self.fail("the quoted text does not end");
            };
            match character {
                '"' => {
                    self.at += 1;
                    return Ok(out);
                }
                '\\' => out.push(self.escape()?),
                '$' | '%' => {
                    self.at += 1;
                    out.push(character);
                    let doubled = self.rest().starts_with(character) && self.rest()[1..].starts_with('{');
                    if doubled {
                        self.at += 1;
                    } else if self.rest().starts_with('{') {
                        return self.fail("a template is not allowed in a key");
                    }
                }
                _ => {
                    self.at += character.len_utf8();
                    out.push(character);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, AddressError> {
        let (plain, digits) = match self.rest().as_bytes().get(1) {
            Some(b'n') => (Some('\n'), 0),
            Some(b'r') => (Some('\r'), 0),
            Some(b't') => (Some('\t'), 0),
            Some(b'"') => (Some('"'), 0),
            Some(b'\\') => (Some('\\'), 0),
            Some(b'u') => (None, 4),
            Some(b'U') => (None, 8),
            _ => return self.fail("an unknown escape"),
        };
        let coded = self.rest().get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let Some(character) = plain.or_else(|| coded.and_then(char::from_u32)) else {
            return self.fail("an escape that is no character");
        };
        self.at += 2 + digits;
        Ok(character)
    }

    /// The module calls in front, and whether anything follows them.
    pub(super) fn modules(&mut self) -> Result<ModuleInstance, AddressError> {
        let mut module = ModuleInstance::root();
        while self.eat("module.") {
            let name: Name = self.identifier()?.into();
            module = module.child(name, self.key()?);
            if !self.eat(".") {
                break;
            }
        }
        Ok(module)
    }

    pub(super) fn block(&mut self) -> Result<BlockAddress, AddressError> {
        let module = self.modules()?;
        let mode = if self.eat("data.") {
            Mode::Data
        } else if self.eat("ephemeral.") {
            Mode::Ephemeral
        } else {
            Mode::Managed
        };
        let type_name: Name = self.identifier()?.into();
        if !self.eat(".") {
            return self.fail("a type and a name are expected");
        }
        Ok(BlockAddress::new(module, mode, type_name, self.identifier()?))
    }

    pub(super) fn end<T>(&self, value: T) -> Result<T, AddressError> {
        if self.is_done() { Ok(value) } else { self.fail("nothing more is expected") }
    }
}

impl FromStr for ModuleInstance {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut cursor = Cursor::new(text);
        let module = cursor.modules()?;
        if text.ends_with('.') {
            return cursor.fail("a module call is expected");
        }
        cursor.end(module)
    }
}

impl FromStr for BlockAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut cursor = Cursor::new(text);
        let block = cursor.block()?;
        cursor.end(block)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut cursor = Cursor::new(text);
        let address = cursor.block()?.instance(cursor.key()?);
        cursor.end(address)
    }
}

impl FromStr for DeposedKey {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() == 8 && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            Ok(Self(text.into()))
        } else {
            Cursor::new(text).fail("a deposed key has eight hexadecimal digits")
        }
    }
}

impl FromStr for ObjectKey {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut cursor = Cursor::new(text);
        let address = cursor.block()?.instance(cursor.key()?);
        let deposed = if cursor.eat(" (deposed ") {
            let Some(digits) = cursor.rest().strip_suffix(')') else {
                return cursor.fail("a closing parenthesis is expected");
            };
            cursor.at = text.len();
            Some(digits.parse()?)
        } else {
            None
        };
        cursor.end(Self { address, deposed })
    }
}

/// Reads a text form without a copy in between.
pub(super) struct TextVisitor<T>(pub(super) std::marker::PhantomData<T>);

impl<T: FromStr<Err = AddressError>> serde::de::Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an address")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// Serde through the text form.
macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(crate::address::parse::TextVisitor(std::marker::PhantomData))
            }
        }
    )*};
}

pub(super) use serde_as_text;

serde_as_text!(ModuleInstance, BlockAddress, Address, DeposedKey, ObjectKey);
