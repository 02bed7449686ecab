//! `-auto-approve` becomes `--auto-approve`.

use std::ffi::OsString;

/// Options whose value may stand in the next argument, which is then left as it is.
const TAKES_VALUE: [&str; 23] = [
    "backend-config",
    "plugin-dir",
    "platform",
    "fs-mirror",
    "net-mirror",
    "mirror",
    "filter",
    "junit-xml",
    "test-directory",
    "chdir",
    "plan",
    "format",
    "type",
    "var",
    "var-file",
    "out",
    "parallelism",
    "lock-timeout",
    "accept-new-target",
    "target",
    "json-into",
    "refuse",
    "state",
];

/// Every long option with two dashes; `-v` alone and `-version` become the command. What begins with the program's name
/// keeps that as it is.
pub(crate) fn normalise(raw: impl IntoIterator<Item = OsString>, has_program: bool) -> Vec<OsString> {
    let mut out: Vec<OsString> = Vec::new();
    let mut is_value = false;
    let mut is_verbatim = false;
    let mut has_verb = !has_program;
    for argument in raw {
        let Some(text) =
            argument.to_str().filter(|_| (!out.is_empty() || !has_program) && !is_verbatim && !is_value)
        else {
            is_value = false;
            out.push(argument);
            continue;
        };
        if text == "--" {
            is_verbatim = true;
        }
        let name = text.trim_start_matches('-');
        let dashes = text.len() - name.len();
        if !has_verb && matches!((dashes, name), (1, "v") | (1 | 2, "version")) {
            out.push("version".into());
            has_verb = true;
            continue;
        }
        is_value = (1..=2).contains(&dashes) && TAKES_VALUE.contains(&name);
        has_verb |= dashes == 0;
        let is_long = dashes == 1
            && name.chars().nth(1).is_some()
            && name.starts_with(|first: char| first.is_ascii_alphabetic());
        out.push(if is_long { format!("-{text}").into() } else { argument });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn only_options_are_changed() {
        for (line, expected) in [
            ("formwork", "formwork"),
            ("formwork -v", "formwork version"),
            ("formwork -version", "formwork version"),
            ("formwork plan -out p -x", "formwork plan --out p -x"),
            ("formwork plan -var -a=b", "formwork plan --var -a=b"),
            ("formwork apply -- -file", "formwork apply -- -file"),
            ("formwork plan -h -5", "formwork plan -h -5"),
        ] {
            let given = line.split(' ').map(Into::into);
            let joined: Vec<String> =
                normalise(given, true).into_iter().map(|one| one.into_string().unwrap()).collect();
            assert_eq!(joined.join(" "), expected);
        }
    }
}
