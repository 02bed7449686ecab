//! Looking for a secret that a test planted, in whatever form it may have been written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;
use std::path::Path;

/// The forms that a text could be found in: as it is, in hex, and in base64 wherever it begins.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let hex = text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let mut forms = vec![text.as_bytes().to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for before in 0..3 {
        let shifted = [vec![b' '; before], text.as_bytes().to_vec()].concat();
        let encoded = STANDARD.encode(shifted);
        // What stands around it changes the letters at both ends.
        let inner = &encoded[(before * 8).div_ceil(6)..encoded.len() - 4];
        forms.push(inner.as_bytes().to_vec());
    }
    forms
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
