//! `completion`: what a shell runs to complete words, and the answer to it: verbs, options, addresses, names.

use crate::arguments::{Complete, Completion, Shell, command};
use crate::disk::Disk;
use crate::failure::Success;
use crate::session::Session;
use crate::terminal::{Terminal, print};
use clap::{Arg, Command};
use formwork_engine::run;
use formwork_lang::{Mode, Module, Source};
use std::collections::BTreeSet;
use std::sync::Arc;

const BASH: &str = r#"_formwork() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        [ -n "$word" ] && COMPREPLY+=("$(printf '%q' "$word")")
    done < <(formwork complete "$COMP_CWORD" -- "${COMP_WORDS[@]}" 2>/dev/null)
}
complete -o default -F _formwork formwork
"#;
const ZSH: &str = r#"#compdef formwork
_formwork() {
    local -a found
    found=("${(@f)$(formwork complete $((CURRENT - 1)) -- "${words[@]}" 2>/dev/null)}")
    if [ -n "${found[1]}" ]; then compadd -- "${found[@]}"; else _files; fi
}
compdef _formwork formwork
"#;
const FISH: &str = r"complete -c formwork -a '(formwork complete (count (commandline -opc)) -- (commandline -opc) (commandline -ct) 2>/dev/null)'
";

pub(super) fn run(arguments: &Completion) -> Success {
    print(match arguments.shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
    });
    Success::Done
}

/// The words that may stand where the cursor is, one a line.
pub(super) fn complete(arguments: &Complete, terminal: Terminal) -> Success {
    let words: Vec<String> = arguments.words.iter().map(|word| unquoted(word)).collect();
    let current = words.get(arguments.place).cloned().unwrap_or_default();
    let before = words.get(..arguments.place.min(words.len())).unwrap_or_default();
    if let Some(folder) = before.iter().find_map(|word| word.trim_start_matches('-').strip_prefix("chdir=")) {
        // Where this fails there is nothing to complete from; the command itself will say so.
        let _ = std::env::set_current_dir(folder);
    }
    let fitting = candidates(before, &current, terminal);
    let lines = fitting.iter().filter(|word| word.starts_with(&current)).map(|word| format!("{word}\n"));
    print(&lines.collect::<String>());
    Success::Done
}

/// A word as the shell will understand it.
fn unquoted(word: &str) -> String {
    word.chars().filter(|one| *one != '\\' && *one != '\'').collect()
}

fn candidates(before: &[String], current: &str, terminal: Terminal) -> BTreeSet<String> {
    let mut verb = command();
    for word in before.iter().skip(1) {
        if let Some(next) = verb.find_subcommand(word) {
            verb = next.clone();
        }
    }
    // Shells part a word at the equals sign.
    let option = before.iter().rev().find(|word| *word != "=");
    let option = option.filter(|word| word.starts_with('-')).map(|word| word.trim_start_matches('-'));
    let named = option.and_then(|name| verb.get_arguments().find(|one| one.get_long() == Some(name)));
    if let Some(argument) = named.filter(|argument| argument.get_action().takes_values()) {
        return values(argument, &verb, terminal);
    }
    if let Some((name, _)) =
        current.trim_start_matches('-').split_once('=').filter(|_| current.starts_with('-'))
    {
        let prefix = &current[..=current.find('=').unwrap_or(0)];
        let argument = verb.get_arguments().find(|one| one.get_long() == Some(name));
        let values = argument.map(|argument| values(argument, &verb, terminal)).unwrap_or_default();
        return values.into_iter().map(|value| format!("{prefix}{value}")).collect();
    }
    if current.starts_with('-') {
        let shown = verb.get_arguments().filter(|argument| !argument.is_hide_set());
        return shown.filter_map(Arg::get_long).map(|name| format!("-{name}")).collect();
    }
    let below = verb.get_subcommands().filter(|below| !below.is_hide_set());
    let mut found: BTreeSet<String> = below.map(|below| below.get_name().to_owned()).collect();
    for positional in verb.get_positionals() {
        found.extend(values(positional, &verb, terminal));
    }
    found
}

fn values(argument: &Arg, verb: &Command, terminal: Terminal) -> BTreeSet<String> {
    let listed: BTreeSet<String> =
        argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let name = argument.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    match (name, verb.get_name()) {
        ("ADDRESS" | "SOURCE" | "DESTINATION", _) => addresses(terminal),
        ("NAME", "select" | "delete") => workspaces(terminal),
        ("NAME", "output") => outputs(terminal),
        ("TYPE", "docs") => super::docs::names(),
        _ => listed,
    }
}

fn workspaces(terminal: Terminal) -> BTreeSet<String> {
    Session::new(terminal).workspaces().unwrap_or_default().into_iter().collect()
}

/// Blocks of the configuration, and instances in the state.
fn addresses(terminal: Terminal) -> BTreeSet<String> {
    let session = Session::new(terminal);
    let mut found = BTreeSet::new();
    for (key, _) in session.stored_state().iter().flat_map(|state| state.objects().collect::<Vec<_>>()) {
        found.insert(key.address.to_string());
    }
    let files: Arc<dyn Source> = Arc::new(Disk::here());
    of_module(&run::load(&files).0.root, "", &mut found);
    found
}

fn of_module(module: &Module, prefix: &str, found: &mut BTreeSet<String>) {
    for resource in &module.resources {
        let mode = if resource.mode == Mode::Data { "data." } else { "" };
        found.insert(format!("{prefix}{mode}{}.{}", resource.type_name, resource.name));
    }
    for (name, call) in &module.calls {
        let below = format!("{prefix}module.{name}");
        of_module(&call.module, &format!("{below}."), found);
        found.insert(below);
    }
}

fn outputs(terminal: Terminal) -> BTreeSet<String> {
    let state = Session::new(terminal).stored_state().unwrap_or_default();
    state.outputs.keys().map(ToString::to_string).collect()
}
