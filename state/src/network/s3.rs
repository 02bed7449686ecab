//! What every client of an S3-compatible store reads: lists of objects, and the names in them.

/// Names of all objects that begin so, in order, until there are more than `most`. `ask` sends a query and gives back
/// the document that answers it.
pub fn list<E>(
    prefix: &str,
    most: usize,
    mut ask: impl FnMut(&[(&str, &str)]) -> Result<Vec<u8>, E>,
) -> Result<Vec<String>, E> {
    let mut found: Vec<String> = Vec::new();
    loop {
        let mut query = vec![("list-type", "2"), ("prefix", prefix), ("encoding-type", "url")];
        query.extend(found.last().map(|last| ("start-after", last.as_str())));
        let answer = ask(&query)?;
        let text = String::from_utf8_lossy(&answer);
        let keys: Vec<String> = elements(&text, "Key").map(decoded).collect();
        let is_whole = elements(&text, "IsTruncated").next() != Some("true");
        let is_empty = keys.is_empty();
        found.extend(keys);
        if is_whole || is_empty || found.len() > most {
            return Ok(found);
        }
    }
}

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
    use super::{decoded, elements, list};

    #[test]
    fn lists_are_read() {
        let text = "<a><Contents><Key>env%3A/x</Key></Contents><Contents><Key>b</Key></Contents><IsTruncated>false</IsTruncated></a>";
        let keys: Vec<String> = elements(text, "Key").map(decoded).collect();
        assert_eq!(keys, ["env:/x", "b"]);
        assert_eq!(elements(text, "IsTruncated").next(), Some("false"));
        assert_eq!(decoded("a+b%2"), "a b");
    }

    #[test]
    fn a_list_is_read_page_by_page() {
        let page = |keys: &[&str], more: bool| {
            let keys = format!("<Key>{}</Key>", keys.join("</Key><Key>"));
            format!("<a>{keys}<IsTruncated>{more}</IsTruncated></a>").into_bytes()
        };
        let mut asked = Vec::new();
        let all = list("p/", 10, |query| {
            let after =
                query.iter().find(|(name, _)| *name == "start-after").map(|(_, key)| (*key).to_owned());
            asked.push(after.clone());
            Ok::<_, ()>(if after.is_none() { page(&["p/a", "p/b%20c"], true) } else { page(&["p/d"], false) })
        });
        assert_eq!(all.unwrap(), ["p/a", "p/b c", "p/d"]);
        assert_eq!(asked, [None, Some("p/b c".to_owned())]);
        let some = list("p/", 1, |_| Ok::<_, ()>(page(&["p/a", "p/b"], true)));
        assert_eq!(some.unwrap().len(), 2, "enough to know that there are too many");
    }
}
