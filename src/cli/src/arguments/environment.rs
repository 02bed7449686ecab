//! What the environment adds to the arguments: `TF_CLI_ARGS`, `TF_CLI_ARGS_plan`, `TF_INPUT`.

use clap::Command;
use std::ffi::OsString;

/// Arguments for every verb.
const FOR_ALL: &str = "TF_CLI_ARGS";
/// Whether anybody may be asked; `-input` says more.
const INPUT: &str = "TF_INPUT";

/// The arguments with those of the environment right after the verb, so that what is written on the command line
/// comes later and wins.
pub(super) fn with_environment(
    command: &Command,
    mut arguments: Vec<OsString>,
    read: impl Fn(&str) -> Option<String>,
) -> Result<Vec<OsString>, String> {
    let Some((verb, path, end)) = verb(command, &arguments) else { return Ok(arguments) };
    let mut added = Vec::new();
    let takes_input = verb.get_arguments().any(|argument| argument.get_id() == "input");
    if takes_input && read(INPUT).is_some_and(|text| matches!(text.as_str(), "0" | "false")) {
        added.push("--input=false".into());
    }
    let name = path.replace(['-', ' '], "_");
    for variable in [format!("{FOR_ALL}_{name}"), FOR_ALL.to_owned()] {
        let Some(text) = read(&variable) else { continue };
        let words = shlex::split(&text).ok_or_else(|| {
            format!("{variable} holds a quotation that is never closed: close it, or unset it")
        })?;
        added.extend(super::normalise::normalise(words.into_iter().map(Into::into), false));
    }
    arguments.splice(end..end, added);
    Ok(arguments)
}

/// The verb that the arguments name, with those above it.
pub(super) fn path(command: &Command, arguments: &[OsString]) -> String {
    verb(command, arguments).map_or_else(String::new, |(_, path, _)| path)
}

/// The verb that the arguments name, its path, and the place behind it.
fn verb<'a>(command: &'a Command, arguments: &[OsString]) -> Option<(&'a Command, String, usize)> {
    let mut found = command;
    let mut path: Vec<&str> = Vec::new();
    let mut place = 1;
    while let Some(text) = arguments.get(place).and_then(|one| one.to_str()) {
        if text.starts_with('-') {
            if !path.is_empty() {
                break;
            }
            place += if text == "--chdir" { 2 } else { 1 };
            continue;
        }
        let Some(next) = found.find_subcommand(text) else { break };
        path.push(next.get_name());
        found = next;
        place += 1;
    }
    (!path.is_empty()).then(|| (found, path.join(" "), place))
}

#[cfg(test)]
mod tests {
    use super::with_environment;
    use crate::arguments::Arguments;
    use clap::CommandFactory;

    #[test]
    fn words_stand_behind_the_verb() {
        let environment = |name: &str| match name {
            "TF_CLI_ARGS" => Some("-no-color -var 'a=b c'".to_owned()),
            "TF_CLI_ARGS_plan" => Some("-refresh=false".to_owned()),
            "TF_CLI_ARGS_state_list" => Some("a.b".to_owned()),
            "TF_CLI_ARGS_force_unlock" => Some("'".to_owned()),
            "TF_INPUT" => Some("0".to_owned()),
            _ => None,
        };
        for (line, expected) in [
            ("formwork --chdir plan", "formwork --chdir plan"),
            (
                "formwork --chdir x plan --out p",
                "formwork --chdir x plan --input=false --refresh=false --no-color --var a=b c --out p",
            ),
            ("formwork state ls c.d", "formwork state ls a.b --no-color --var a=b c c.d"),
            ("formwork nonsense", "formwork nonsense"),
            (
                "formwork force-unlock 1",
                "TF_CLI_ARGS_force_unlock holds a quotation that is never closed: close it, or unset it",
            ),
        ] {
            let given = line.split(' ').map(Into::into).collect();
            let found = with_environment(&Arguments::command(), given, environment);
            let text = match found {
                Ok(words) => {
                    words.into_iter().map(|one| one.into_string().unwrap()).collect::<Vec<_>>().join(" ")
                }
                Err(error) => error,
            };
            assert_eq!(text, expected);
        }
    }
}
