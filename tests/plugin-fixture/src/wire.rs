//! The encoding of messages by field numbers, written against the protocol and not against the host's model of it: an
//! error in either shows when they meet.

/// A message in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Bytes or an encoded message; written even when empty, as presence means something for messages.
    #[must_use]
    pub(crate) fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        varint(&mut self.0, u64::from(field) << 3 | 2);
        varint(&mut self.0, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// A text.
    #[must_use]
    pub(crate) fn text(self, field: u32, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    /// A message in this one.
    #[must_use]
    pub(crate) fn message(self, field: u32, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    /// Several.
    #[must_use]
    pub(crate) fn messages(self, field: u32, messages: impl IntoIterator<Item = Self>) -> Self {
        messages.into_iter().fold(self, |whole, one| whole.message(field, &one))
    }

    /// An entry of a map of messages by text.
    #[must_use]
    pub(crate) fn entry(self, field: u32, key: &str, message: &Self) -> Self {
        self.message(field, &Self::new().text(1, key).message(2, message))
    }

    /// A whole number; zero is left out, as everywhere.
    #[must_use]
    pub(crate) fn number(mut self, field: u32, number: i64) -> Self {
        if number != 0 {
            varint(&mut self.0, u64::from(field) << 3);
            varint(&mut self.0, number.cast_unsigned());
        }
        self
    }

    /// A yes; a no is left out.
    #[must_use]
    pub(crate) fn flag(self, field: u32, flag: bool) -> Self {
        self.number(field, i64::from(flag))
    }

    /// What is sent.
    pub(crate) fn encoded(self) -> Vec<u8> {
        self.0
    }
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

#[derive(Debug, Clone)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

/// A message that has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request(Vec<(u64, Field)>);

impl Request {
    /// Reads one; none where it is none.
    pub(crate) fn read(mut input: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !input.is_empty() {
            let tag = read_varint(&mut input)?;
            let field = match tag & 7 {
                0 => Field::Number(read_varint(&mut input)?),
                2 => {
                    let length = usize::try_from(read_varint(&mut input)?).ok()?;
                    let (bytes, rest) = input.split_at_checked(length)?;
                    input = rest;
                    Field::Bytes(bytes.to_vec())
                }
                _ => return None,
            };
            fields.push((tag >> 3, field));
        }
        Some(Self(fields))
    }

    /// All that stand at a field.
    pub(crate) fn all(&self, field: u64) -> Vec<&[u8]> {
        let at = self.0.iter().filter(|(number, _)| *number == field);
        at.filter_map(|(_, field)| match field {
            Field::Bytes(bytes) => Some(bytes.as_slice()),
            Field::Number(_) => None,
        })
        .collect()
    }

    /// The bytes there; empty where there are none.
    pub(crate) fn bytes(&self, field: u64) -> &[u8] {
        self.all(field).pop().unwrap_or_default()
    }

    /// The text there.
    pub(crate) fn text(&self, field: u64) -> String {
        String::from_utf8_lossy(self.bytes(field)).into_owned()
    }

    /// The message there; an empty one where there is none.
    pub(crate) fn message(&self, field: u64) -> Self {
        Self::read(self.bytes(field)).unwrap_or_default()
    }

    /// The number there.
    pub(crate) fn number(&self, field: u64) -> i64 {
        let found = self.0.iter().rev().find_map(|(number, part)| match part {
            Field::Number(value) if *number == field => Some(*value),
            _ => None,
        });
        found.unwrap_or(0).cast_signed()
    }
}

fn read_varint(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Message, Request};

    #[test]
    fn what_is_written_reads_back() {
        let inner = Message::new().text(1, "key").number(2, -1);
        let encoded = Message::new().text(1, "a").number(2, 300).flag(3, true).message(4, &inner).encoded();
        assert_eq!(encoded[..6], [0x0a, 1, b'a', 0x10, 0xac, 0x02]);
        let read = Request::read(&encoded).expect("a message");
        assert_eq!((read.text(1).as_str(), read.number(2), read.number(3)), ("a", 300, 1));
        assert_eq!((read.message(4).text(1).as_str(), read.message(4).number(2)), ("key", -1));
        assert!(Request::read(&encoded[..encoded.len() - 1]).is_none());
    }
}
