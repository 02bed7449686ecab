//! `new`: a stack of this program's own, copied out with the modules that it is made of.
//!
//! The modules lie beside it as they were when the program was built, so nothing changes under whoever copied them.

use crate::arguments::New;
use crate::failure::{Failure, Success};
use crate::terminal::print;
use formwork_diagnostic::Diagnostic;
use std::collections::BTreeSet;
use std::path::Path;

/// Every file of the stacks and modules, by its path.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/stacks.rs"));
/// How a stack names a module where it stands, and in the copy.
const MODULES: &str = "../../modules/";
const COPIED: &str = "./modules/";

fn stacks() -> BTreeSet<&'static str> {
    FILES.iter().filter_map(|(path, _)| path.strip_prefix("stacks/")?.split('/').next()).collect()
}

pub(super) fn run(arguments: &New) -> Result<Success, Failure> {
    let known = stacks();
    if !known.contains(arguments.stack.as_str()) {
        let detail = format!("There is no stack \"{}\".", arguments.stack);
        let names: Vec<&str> = known.into_iter().collect();
        let diagnostic = Diagnostic::error("unknown-stack", "No such stack", detail);
        return Err(diagnostic.hint(format!("Formwork has: {}.", names.join(", "))).into());
    }
    let folder = &arguments.folder;
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let detail = format!("{} holds files already, which a copy could replace.", folder.display());
        let diagnostic = Diagnostic::error("folder-in-use", "Folder is not empty", detail);
        return Err(diagnostic.hint("Name a folder that is empty or not there.").into());
    }
    for (path, text) in copied(&arguments.stack) {
        write(&folder.join(&path), &text).map_err(|error| {
            let detail = format!("{} could not be written: {error}.", folder.join(&path).display());
            Diagnostic::error("unwritable", "Failed to write a file", detail)
        })?;
    }
    print(&format!(
        "The stack \"{}\" is in {}, with its modules beside it.\nRead its README.md, then run \"formwork -chdir={} plan\".\n",
        arguments.stack,
        folder.display(),
        folder.display()
    ));
    Ok(Success::Done)
}

/// The files of a copy: the stack's at the top, and those of the modules that it needs, directly or through others.
fn copied(stack: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut modules = Vec::new();
    for (path, text) in below(&format!("stacks/{stack}/")) {
        modules.extend(named(text, MODULES));
        files.push((path.to_owned(), text.replace(MODULES, COPIED)));
    }
    let mut seen = BTreeSet::new();
    while let Some(module) = modules.pop() {
        if !seen.insert(module) {
            continue;
        }
        for (path, text) in below(&format!("modules/{module}/")) {
            if !path.starts_with("example/") {
                modules.extend(named(text, "\"../"));
                files.push((format!("modules/{module}/{path}"), text.to_owned()));
            }
        }
    }
    files
}

fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> + use<'_> {
    FILES.iter().filter_map(move |(path, text)| Some((path.strip_prefix(folder)?, *text)))
}

/// Names of modules behind a path in a text.
fn named(text: &'static str, before: &str) -> Vec<&'static str> {
    let known = |name: &&str| FILES.iter().any(|(path, _)| path.starts_with(&format!("modules/{name}/")));
    text.split(before).skip(1).filter_map(|rest| rest.split(['"', '/']).next()).filter(known).collect()
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::{copied, stacks};

    #[test]
    fn a_copy_names_nothing_outside_itself() {
        assert!(stacks().contains("tenancy"));
        for stack in stacks() {
            let files = copied(stack);
            assert!(files.iter().any(|(path, _)| path == "main.tf"), "{stack}");
            for (path, text) in files.iter().filter(|(path, _)| path.ends_with("main.tf")) {
                for source in text.split("source").filter_map(|rest| rest.split('"').nth(1)) {
                    let name = source.rsplit('/').next().unwrap_or_default();
                    let is_there = !source.starts_with('.')
                        || files.iter().any(|(other, _)| other.starts_with(&format!("modules/{name}/")));
                    assert!(is_there && !source.starts_with("../../"), "{stack} {path}: {source}");
                }
            }
        }
    }
}
