//! What a host says when something does not work, as the engine needs it.

use crate::answer::Answer;
use formwork_sdk::{ErrorKind, ProviderError};

/// Of what a host says, an error shows so much, from the end.
const LINES: usize = 15;

const FOLDER_HINT: &str = "Make the folder first: a host_directory that this depends on.";

/// Words that a system has for one sort of trouble, and what to do.
const SORTS: &[(&[&str], ErrorKind, &str)] = &[
    (
        &[
            "Permission denied",
            "Operation not permitted",
            "permission denied",
            "Interactive authentication required",
        ],
        ErrorKind::Denied,
        "Set become = true, or use an account that may do this.",
    ),
    (
        &["Read-only file system"],
        ErrorKind::Denied,
        "Make the file system writable, or choose another place.",
    ),
    (&["No space left on device", "Disk quota exceeded"], ErrorKind::Quota, "Make room on the host."),
    (
        &["Unable to locate package", "was not found", "has no installation candidate"],
        ErrorKind::NotFound,
        "Look at the package's name and version, and at what the host's package sources offer.",
    ),
    (
        &["Could not get lock", "Unable to acquire the dpkg frontend lock"],
        ErrorKind::Transient,
        "Another program works on packages there.",
    ),
    (&["No such file or directory"], ErrorKind::NotFound, FOLDER_HINT),
];

/// The error that words of a host stand for.
pub(crate) fn of_words(words: &str) -> ProviderError {
    let lines: Vec<&str> = words.trim().lines().filter(|line| !line.trim().is_empty()).collect();
    let message = lines[lines.len().saturating_sub(LINES)..].join("\n");
    for (signs, kind, hint) in SORTS {
        if signs.iter().any(|sign| words.contains(sign)) {
            return ProviderError::new(*kind, message).hint(*hint);
        }
    }
    ProviderError::invalid(message)
}

/// Why an act failed, from its fields and from what it said beside.
pub(crate) fn of_act(answer: &Answer, said: &str) -> ProviderError {
    if let (Some(sort), Some(why)) = (answer.given("refused"), answer.given("why")) {
        return match sort {
            "conflict" => ProviderError::new(ErrorKind::Conflict, why),
            "missing" => ProviderError::new(ErrorKind::NotFound, why).hint(FOLDER_HINT),
            _ => ProviderError::invalid(why),
        };
    }
    let words = if said.trim().is_empty() {
        format!("the command on the host ended with exit code {}", answer.text("exit").unwrap_or("?"))
    } else {
        said.to_owned()
    };
    let mut error = of_words(&words);
    if let Some(journal) = answer.given("journal") {
        error.message = format!("{}\nIts journal ends with:\n{journal}", error.message);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::{of_act, of_words};
    use crate::answer::Answer;
    use formwork_sdk::ErrorKind;

    #[test]
    fn words_of_a_host_have_a_sort() {
        let table = [
            ("mv: cannot move 'x': Read-only file system", ErrorKind::Denied),
            ("base64: write error: No space left on device", ErrorKind::Quota),
            ("E: Unable to locate package nonesuch", ErrorKind::NotFound),
            ("cp: cannot open 'x': Permission denied", ErrorKind::Denied),
            ("sh: 3: frobnicate: not found", ErrorKind::Invalid),
            ("", ErrorKind::Invalid),
        ];
        for (words, kind) in table {
            assert_eq!(of_words(words).kind, kind, "{words}");
        }
        let long = "a line\n\n".repeat(100);
        assert_eq!(of_words(&long).message.lines().count(), super::LINES);
    }

    #[test]
    fn an_act_says_why_it_was_refused_or_failed() {
        let refused = of_act(&Answer::of(&[("refused", "conflict"), ("why", "taken"), ("exit", "9")]), "");
        assert_eq!((refused.kind, refused.message.as_str()), (ErrorKind::Conflict, "taken"));
        let failed = of_act(&Answer::of(&[("exit", "1"), ("journal", "line")]), "it failed\n");
        assert_eq!(failed.message, "it failed\nIts journal ends with:\nline");
        assert!(of_act(&Answer::of(&[("exit", "4")]), "").message.ends_with("exit code 4"));
    }
}
