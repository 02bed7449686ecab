//! Modules in git repositories, fetched by the git program with the user's own settings and credentials.
//!
//! Invariant: nothing from a module's address becomes an option of git, or a way of transport that runs a program.

use std::path::Path;
use std::process::Command;

/// Ways of transport that only fetch.
const WAYS: [&str; 5] = ["https", "http", "ssh", "git", "file"];

/// Clones what an address means (without its `git::`) into a folder that is not there.
pub(crate) fn clone(address: &str, into: &Path) -> Result<(), String> {
    let (url, query) = address.split_once('?').unwrap_or((address, ""));
    let mut reference = None;
    let mut depth = None;
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=').unwrap_or((part, "")) {
            ("ref", value) => reference = Some(plain(value, "ref")?),
            ("depth", value) => {
                depth = Some(value.parse::<u32>().map_err(|_| format!("depth={value} is no number"))?);
            }
            ("sshkey", _) => {
                return Err(
                    "sshkey is not supported: set the key in git's or ssh's own configuration".to_owned()
                );
            }
            (name, _) => return Err(format!("?{name} means nothing for git: ref and depth do")),
        }
    }
    let way = url.split_once("://").map_or("", |(way, _)| way);
    if !WAYS.contains(&way) {
        return Err(format!("git addresses begin with one of {}", WAYS.join("://, ") + "://"));
    }
    fetch(url, reference, depth, into)
}

fn fetch(url: &str, reference: Option<&str>, depth: Option<u32>, into: &Path) -> Result<(), String> {
    let mut clone = git();
    clone.arg("clone");
    if let Some(depth) = depth {
        clone.args(["--depth", &depth.to_string()]);
        // Of a shallow clone there is only what was asked for.
        if let Some(reference) = reference {
            clone.args(["--branch", reference]);
        }
    }
    run(clone.args(["--", url]).arg(into))?;
    if let Some(reference) = reference.filter(|_| depth.is_none()) {
        run(git().arg("-C").arg(into).args(["checkout", "--quiet", reference, "--"]))?;
    }
    if into.join(".gitmodules").is_file() {
        run(git().arg("-C").arg(into).args(["submodule", "update", "--init", "--recursive", "--quiet"]))?;
    }
    Ok(())
}

fn plain<'a>(value: &'a str, name: &str) -> Result<&'a str, String> {
    let is_plain = !value.is_empty() && !value.starts_with('-') && !value.contains(['\0', ' ']);
    if is_plain { Ok(value) } else { Err(format!("{name}={value} names nothing in a repository")) }
}

fn git() -> Command {
    let mut command = Command::new("git");
    command
        .env("GIT_ALLOW_PROTOCOL", WAYS.join(":"))
        .env("GIT_TERMINAL_PROMPT", "0")
        .args(["-c", "advice.detachedHead=false"]);
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let ended = command.stdin(std::process::Stdio::null()).output();
    let ended = ended.map_err(|error| format!("the program git cannot be run: {error}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("Cloning into")).collect();
    Err(format!("git: {}", without_password(lines.join("\n").trim())))
}

/// What git says, without the password of an address in it.
fn without_password(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let end =
            after.find(|sign: char| sign.is_whitespace() || "/'\"".contains(sign)).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(sign) => {
                shown.push_str("...");
                &after[sign..]
            }
            None => after,
        };
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_becomes_more_than_an_address() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        for address in [
            format!("ext::sh -c touch% {}", mark.display()),
            "--upload-pack=x".to_owned(),
            "https://h.test/x?ref=--upload-pack".to_owned(),
            "https://h.test/x?sshkey=c2VjcmV0".to_owned(),
            "https://h.test/x?depth=many".to_owned(),
        ] {
            assert!(clone(&address, &folder.path().join("in")).is_err(), "{address}");
        }
        assert!(!mark.exists());
    }

    #[test]
    fn passwords_are_not_shown() {
        for (text, expected) in [
            ("at 'https://u:hunter2@h.test/x/': no", "at 'https://...@h.test/x/': no"),
            ("ssh://git@h.test/a and https://h.test", "ssh://...@h.test/a and https://h.test"),
            ("plain", "plain"),
        ] {
            assert_eq!(without_password(text), expected);
        }
    }
}
