//! Looking for a secret that a test planted, in whatever form it may have been written.

use std::path::Path;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The forms that a text could be found in: as it is, in hex, and in base64 wherever it begins.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![text.as_bytes().to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    forms.extend((0..3).map(|before| base64_of_inside(text.as_bytes(), before)));
    forms
}

/// The letters of base64 that bytes alone decide when so many others stand before them.
fn base64_of_inside(bytes: &[u8], before: usize) -> Vec<u8> {
    let bit = |at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
    let first = (before * 8).div_ceil(6) * 6 - before * 8;
    let count = (bytes.len() * 8 - first) / 6;
    let letter = |number: usize| (0..6).fold(0, |value, at| value << 1 | bit(first + number * 6 + at));
    (0..count).map(|number| LETTERS[usize::from(letter(number))]).collect()
}

/// Whether bytes hold a text in any form.
pub fn holds(bytes: &[u8], text: &str) -> bool {
    forms(text).iter().any(|form| bytes.windows(form.len()).any(|window| window == form.as_slice()))
}

/// Files below a folder that hold a text in any form.
///
/// # Panics
/// When one cannot be read.
#[expect(clippy::expect_used, reason = "a test that cannot look cannot go on")]
pub fn found_in(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the test") {
        let path = entry.expect("a file of the test").path();
        if path.is_dir() {
            found.extend(found_in(&path, text));
        } else if holds(&std::fs::read(&path).expect("a file of the test"), text) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn a_text_is_found_in_every_form() {
        // `hunter2-and-the-horse` in base64 behind none, one and two other letters, and in hex.
        for form in [
            "x hunter2-and-the-horse y",
            "aHVudGVyMi1hbmQtdGhlLWhvcnNl",
            "eGh1bnRlcjItYW5kLXRoZS1ob3JzZQ==",
            "eHhodW50ZXIyLWFuZC10aGUtaG9yc2V5",
            "68756e746572322d616e642d7468652d686f727365",
            "68756E746572322D616E642D7468652D686F727365",
        ] {
            assert!(holds(form.as_bytes(), "hunter2-and-the-horse"), "{form}");
        }
        assert!(!holds(b"hunter2-and-the-house", "hunter2-and-the-horse"));
    }
}
