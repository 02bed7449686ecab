//! What every client of an S3-compatible store needs: who asks, and the signature of a request.

mod credentials;
mod signature;

pub use credentials::{Credentials, Sources};
pub use signature::{Signed, Unsigned, encoded, sign};

/// The texts of all elements of a name, in a document without attributes and without nesting of that name.
pub fn elements<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let from = rest.find(&open)? + open.len();
        let length = rest[from..].find(&close)?;
        let found = &rest[from..from + length];
        rest = &rest[from + length + close.len()..];
        Some(found)
    })
}

/// A name in a list that was asked for with `encoding-type=url`.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        match byte {
            b'%' => match (digit(), digit()) {
                (Some(high), Some(low)) => bytes.extend(u8::try_from(high * 16 + low)),
                _ => break,
            },
            b'+' => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{decoded, elements};

    #[test]
    fn lists_are_read() {
        let text = "<a><Contents><Key>env%3A/x</Key></Contents><Contents><Key>b</Key></Contents><IsTruncated>false</IsTruncated></a>";
        let keys: Vec<String> = elements(text, "Key").map(decoded).collect();
        assert_eq!(keys, ["env:/x", "b"]);
        assert_eq!(elements(text, "IsTruncated").next(), Some("false"));
        assert_eq!(decoded("a+b%2"), "a b");
    }
}
