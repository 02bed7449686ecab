//! Paths of a host looked at together: one process for all of them, where each would have some of its own.
//!
//! What this cannot tell for sure is looked at once more, alone: a path that is not there or cannot be read, a file that
//! holds something else than it did.

use crate::answer::Answer;
use crate::shell::quote;
use formwork_sdk::values::text;
use formwork_value::Value;

/// Fewer are as quick alone.
const WORTH_IT: usize = 3;

/// Shell that looks at the paths of these objects, and at what the files among them hold.
pub(super) fn look(objects: &[&Value], holds_content: bool) -> Option<String> {
    let paths: Vec<&str> = objects.iter().filter_map(|object| text(object, "path")).collect();
    // Of such a path neither program says plainly which it is.
    let is_plain = paths.iter().all(|path| !path.contains(['\n', '\\']));
    if paths.len() < WORTH_IT || !is_plain {
        return None;
    }
    let sums = "for one in \"$@\"; do\nshift\n[ ! -f \"$one\" ] || set -- \"$@\" \"$one\"\ndone\n[ $# = 0 ] || emit sums \"$(sha256sum -- \"$@\" 2> /dev/null)\"\n";
    Some(format!(
        "set -- {}\nemit stats \"$(stat -c '%F|%a|%U|%G|%s|%n' -- \"$@\" 2> /dev/null)\"\n{}true",
        paths.iter().map(|path| quote(path)).collect::<Vec<_>>().join(" "),
        if holds_content { sums } else { "" },
    ))
}

/// What was seen of one path, as [`look`](super) of it alone would say.
pub(super) fn stat<'a>(path: &str, answer: &'a Answer) -> Option<&'a str> {
    let lines = answer.given("stats")?.lines();
    lines
        .filter_map(|line| line.strip_suffix(path)?.strip_suffix('|'))
        .find(|line| line.split('|').count() == 5)
}

/// The digest of what a file holds.
pub(super) fn sum<'a>(path: &str, answer: &'a Answer) -> Option<&'a str> {
    answer.given("sums")?.lines().find_map(|line| line.strip_suffix(path)?.strip_suffix("  "))
}

#[cfg(test)]
mod tests {
    use super::{stat, sum};
    use crate::answer::Answer;

    #[test]
    fn each_path_has_its_own_line() {
        let stats =
            "regular file|644|root|root|3|/a\ndirectory|755|root|root|60|/b|/a\nregular file|600|x|y|9|/c d";
        let sums = "aa  /a\nbb  /c d";
        let answer = Answer::of(&[("stats", stats), ("sums", sums)]);
        for (path, expected, digest) in [
            ("/a", Some("regular file|644|root|root|3"), Some("aa")),
            ("/b|/a", Some("directory|755|root|root|60"), None),
            ("/c d", Some("regular file|600|x|y|9"), Some("bb")),
            ("/d", None, None),
            ("d", None, None),
        ] {
            assert_eq!((stat(path, &answer), sum(path, &answer)), (expected, digest), "{path}");
        }
    }
}
