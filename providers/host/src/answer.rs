//! What a script answered: fields by part, separated by the one character that no field can hold.

use std::collections::BTreeMap;

/// The fields of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer(BTreeMap<String, Vec<u8>>);

impl Answer {
    /// A field's text where it is there and is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.0.get(name)?).ok()
    }

    /// A field's text where it is there and not empty.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// The fields whose names end in a blank and these words, without them.
    pub(crate) fn under(&self, words: &str) -> Self {
        let under = |name: &str| name.strip_suffix(words)?.strip_suffix(' ').map(str::to_owned);
        Self(self.0.iter().filter_map(|(name, value)| Some((under(name)?, value.clone()))).collect())
    }

    /// Whether the part came to its end, and well.
    pub fn is_whole(&self) -> bool {
        self.text("exit") == Some("0")
    }

    /// One of these fields, whole.
    #[must_use]
    pub fn made(fields: &[(&str, &str)]) -> Self {
        let all = fields.iter().chain(&[("exit", "0")]);
        Self(all.map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect())
    }

    #[cfg(test)]
    pub(crate) fn of(fields: &[(&str, &str)]) -> Self {
        Self(fields.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect())
    }
}

/// The answers of so many parts. What is cut off or belongs to no part is left out.
pub(crate) fn answers(output: &[u8], parts: usize) -> Vec<Answer> {
    let mut found = vec![Answer::default(); parts];
    let end = output.iter().rposition(|byte| *byte == 0).unwrap_or(0);
    let mut fields = output[..end].split(|byte| *byte == 0);
    while let (Some(at), Some(name), Some(value)) = (fields.next(), fields.next(), fields.next()) {
        let at = std::str::from_utf8(at).ok().and_then(|at| at.parse::<usize>().ok());
        let Some(answer) = at.and_then(|at| found.get_mut(at)) else { continue };
        answer.0.insert(String::from_utf8_lossy(name).into_owned(), value.to_vec());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Answer, answers};

    #[test]
    fn fields_are_found_by_part() {
        let table: &[(&str, [Answer; 2])] = &[
            ("", [Answer::default(), Answer::default()]),
            ("0|a|x|", [Answer::of(&[("a", "x")]), Answer::default()]),
            ("1|a|\n|1|exit|0|", [Answer::default(), Answer::of(&[("a", "\n"), ("exit", "0")])]),
            ("7|a|x|-1|a|x|z|a|x|", [Answer::default(), Answer::default()]),
            ("0|a|x|0|exit|0", [Answer::of(&[("a", "x")]), Answer::default()]),
        ];
        for (output, expected) in table {
            assert_eq!(answers(output.replace('|', "\0").as_bytes(), 2), expected, "{output}");
        }
    }
}
