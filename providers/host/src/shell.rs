//! Scripts for the hosts' own shell: one for everything that is asked of a host at once.
//!
//! Invariant: a value reaches a script through [`quote`] or in base64, and a script reaches a shell through its
//! standard input: nothing of a configuration stands in an argument of a process, and no shell reads a value as
//! anything but a word. A script is one compound command, so one that arrives in part does nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

const PRELUDE: &str = include_str!("prelude.sh");

/// What stands where a text had the one character that no shell can hold; validation refuses it.
const REPLACEMENT: &str = "\u{fffd}";

/// The word that stands for exactly this text.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\0', REPLACEMENT).replace('\'', r"'\''"))
}

/// The text as one name below a folder: readable, and of no path or shell's meaning.
pub(crate) fn name_of(text: &str) -> String {
    use sha2::Digest as _;
    const DIGEST_BYTES: usize = 8;
    const READABLE: usize = 40;
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || character == '.' || character == '-';
    let plain: String = text
        .chars()
        .map(|character| if is_plain(character) { character } else { '_' })
        .take(READABLE)
        .collect();
    let mut name = format!("{}-", plain.trim_start_matches(['_', '.', '-']));
    for byte in sha2::Sha256::digest(text.as_bytes()).iter().take(DIGEST_BYTES) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// A command that writes these bytes to the file that `target` (shell, quoted already) names.
pub fn write_bytes(bytes: &[u8], target: &str) -> String {
    const LINE: usize = 76;
    let encoded = STANDARD.encode(bytes);
    let mut text = format!("base64 -d > {target} <<'END-OF-BYTES'\n");
    for line in encoded.as_bytes().chunks(LINE) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("END-OF-BYTES\n");
    text
}

/// The whole script of some parts, each in a shell of its own; part N answers under the number N, its exit code as
/// `exit`. That it has begun is the first thing that it says, as `begun` of the first.
pub(crate) fn script<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = format!("{{\n{PRELUDE}\nat=0\nemit begun 1\n");
    for (at, part) in parts.into_iter().enumerate() {
        let _ = write!(text, "at={at}\n(\n{part}\n)\nemit exit $?\n");
    }
    text.push_str("exit 0\n}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::{name_of, quote, script, write_bytes};
    use crate::answer::answers;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    const HOSTILE: &[&str] = &[
        "",
        "plain",
        "with space",
        "it's",
        "''",
        "$(touch /tmp/owned)",
        "`id`",
        "a\nb\n\nc",
        "\\",
        "\\'",
        "\"",
        "*",
        "~root",
        "-rf",
        "--",
        "a;b|c&d",
        "${HOME}",
        "!!",
        "%s%d\\n",
        "\u{7f}\u{1}",
        "größe\u{1f600}",
        "END-OF-BYTES",
        "#comment",
        "}\nexit 3\n",
    ];

    fn run(shell: &str, text: &str) -> Vec<u8> {
        let mut child =
            Command::new(shell).arg("-s").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap().stdout
    }

    #[test]
    fn every_text_reaches_the_shell_as_it_is() {
        for shell in ["sh", "bash"] {
            let parts: Vec<String> = HOSTILE
                .iter()
                .map(|text| {
                    let bytes = write_bytes(text.as_bytes(), "/dev/stdout");
                    format!("emit word {}\nemit bytes \"$({bytes})\"\n", quote(text))
                })
                .collect();
            let found = answers(&run(shell, &script(parts.iter().map(String::as_str))), HOSTILE.len());
            for (text, answer) in HOSTILE.iter().zip(found) {
                assert_eq!(answer.text("word"), Some(*text), "{shell}");
                // The shell drops line ends at the end of what it takes in.
                assert_eq!(answer.text("bytes"), Some(text.trim_end_matches('\n')), "{shell}");
                assert_eq!(answer.text("exit"), Some("0"), "{shell}: {text:?}");
            }
        }
    }

    #[test]
    fn a_script_that_arrives_in_part_does_nothing() {
        let whole = script(["emit word done"]);
        for length in [whole.len() - 2, whole.len() / 2, 10] {
            assert!(run("sh", &whole[..length]).is_empty(), "{length}");
        }
    }

    #[test]
    fn names_are_plain_and_tell_texts_apart() {
        for text in HOSTILE.iter().chain(&["/etc/motd", "/etc/motd/", "../../x"]) {
            let name = name_of(text);
            assert!(!name.contains(['/', '\'', '\n', ' ']) && !name.starts_with('.'), "{name}");
        }
        assert_ne!(name_of("/etc/a b"), name_of("/etc/a_b"));
        assert_eq!(name_of("/etc/motd").split_once('-').unwrap().0, "etc_motd");
    }
}
