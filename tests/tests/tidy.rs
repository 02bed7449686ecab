//! Rules of the house that no compiler holds.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the repository cannot go on")]

use formwork_tests::repository;
use std::path::{Path, PathBuf};

/// Lines that a file may have.
const LINES: usize = 800;

/// Which crates of ours a crate may depend on, as folders; what is not named may depend on anything below `cli`.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("src/diagnostic", &[]),
    ("src/age", &[]),
    ("src/value", &["formwork-diagnostic"]),
    ("src/lang", &["formwork-diagnostic", "formwork-value"]),
    ("src/install", &["formwork-diagnostic", "formwork-lang", "formwork-state"]),
    ("state", &["formwork-age", "formwork-diagnostic", "formwork-value"]),
    ("providers/secret", &["formwork-age", "formwork-sdk", "formwork-diagnostic", "formwork-value"]),
    ("providers/kubeadm", &["formwork-provider-host", "formwork-sdk", "formwork-value"]),
    ("providers/sdk", &["formwork-diagnostic", "formwork-value"]),
    (
        "src/engine",
        &["formwork-diagnostic", "formwork-value", "formwork-lang", "formwork-state", "formwork-sdk"],
    ),
];

fn files(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repository()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                let is_ours = name != "target" && (!name.starts_with('.') || name == ".ci");
                folders.extend(is_ours.then_some(path));
            } else if path.extension().is_some_and(|one| one == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn local(path: &Path) -> String {
    path.strip_prefix(repository()).unwrap().display().to_string()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn no_file_is_longer_than_a_sitting() {
    let long: Vec<String> = files("rs")
        .iter()
        .map(|path| (local(path), read(path).lines().count()))
        .filter(|(_, lines)| *lines > LINES)
        .map(|(path, lines)| format!("{path}: {lines} lines, of {LINES}"))
        .collect();
    assert!(long.is_empty(), "split these by what they hold:\n{}", long.join("\n"));
}

#[test]
fn dependencies_go_one_way() {
    let mut wrong = Vec::new();
    for manifest in files("toml").iter().filter(|path| path.ends_with("Cargo.toml")) {
        let text = read(manifest);
        let folder = local(manifest.parent().unwrap());
        let ours = dependencies(&text);
        let allowed = MAY_DEPEND_ON.iter().find(|(place, _)| *place == folder).map(|(_, allowed)| *allowed);
        let is_provider = folder.starts_with("providers/") && folder != "providers/sdk";
        for name in ours {
            let is_backend = folder.starts_with("state/backends/");
            let is_allowed = match allowed {
                Some(allowed) => allowed.contains(&name.as_str()),
                None if is_provider => {
                    ["formwork-sdk", "formwork-value", "formwork-diagnostic"].contains(&name.as_str())
                }
                None if is_backend => {
                    ["formwork-state", "formwork-value", "formwork-diagnostic"].contains(&name.as_str())
                }
                None => true,
            };
            if !is_allowed {
                wrong.push(format!("{folder} depends on {name}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "cli → engine → {{lang, state, sdk}} → {{value, diagnostic}}:\n{}",
        wrong.join("\n")
    );
}

/// Crates of ours in the ordinary dependencies of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut is_inside = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_inside = line == "[dependencies]";
        } else if is_inside && line.starts_with("formwork-") {
            found.push(line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned());
        }
    }
    found
}

/// Text that stands nowhere but in the places named, and why.
const BANNED: &[(&str, &[&str], &str)] = &[
    ("process::exit", &["src/cli/src/failure.rs"], "one place ends the process"),
    ("process::abort", &["src/cli/src/failure.rs", "providers/sim/src"], "one place ends the process"),
    ("unsafe {", &[], "forbidden everywhere"),
    ("todo!(", &[], "finish it or leave it out"),
    (
        "std::thread::sleep",
        &["src/cli/src/screen.rs", "state/src/lock.rs", "state/src/backend/memory.rs", "providers/sim"],
        "the engine owns time",
    ),
    ("SystemTime::now", &[], "time is passed in"),
    (
        "std::env::var",
        &["src/cli/src", "providers/kubernetes", "providers/sim/src/bin"],
        "the environment is passed in",
    ),
    ("mod utils;", &[], "name modules after what they hold"),
    ("mod helpers;", &[], "name modules after what they hold"),
    ("mod common;", &[], "name modules after what they hold"),
];

#[test]
fn banned_calls_stand_where_they_may() {
    let mut wrong = Vec::new();
    for path in files("rs") {
        let name = local(&path);
        if name.starts_with("tests/") || name.contains("/tests/") {
            continue;
        }
        let text = read(&path);
        for (banned, places, reason) in BANNED {
            if text.contains(banned) && !places.iter().any(|place| name.starts_with(place)) {
                wrong.push(format!("{name}: {banned}: {reason}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn registry_alone_names_providers_and_backends() {
    let registry = "src/cli/src/registry.rs";
    let crates = [
        "formwork_backend_http",
        "formwork_backend_kubernetes",
        "formwork_backend_pg",
        "formwork_backend_s3",
        "formwork_provider_builtin",
        "formwork_provider_sim",
        "formwork_provider_kubernetes",
        "formwork_provider_random",
        "formwork_provider_tls",
        "formwork_provider_secret",
        "formwork_provider_host",
        "formwork_test_providers",
    ];
    for path in files("rs").iter().filter(|path| local(path).starts_with("src/")) {
        let (name, text) = (local(path), read(path));
        let is_test = name.contains("/tests/");
        assert!(
            name == registry || is_test || crates.iter().all(|one| !text.contains(one)),
            "{name} names a provider or a backend"
        );
    }
}

#[test]
fn secrets_leave_where_it_was_decided() {
    let places = ["src/value/", "src/cli/src/render/value_json.rs", "src/cli/src/command/output.rs"];
    let uses: Vec<String> = files("rs")
        .iter()
        .filter(|path| read(path).contains(".reveal()"))
        .map(|path| local(path))
        .filter(|name| !places.iter().any(|place| name.starts_with(place)) && !name.starts_with("tests/"))
        .collect();
    // Each of these unwraps a mark to hand the value to a provider, a function or the state, where it must be whole.
    let counted =
        uses.iter().filter(|name| name.starts_with("src/lang/") || name.starts_with("src/engine/")).count();
    assert_eq!(uses.len(), counted, "a secret may leave in a new place: {uses:?}");
}

#[test]
fn no_place_of_a_machine_is_written_down() {
    let banned = [["/", "work/"].concat(), ["/", "root/"].concat()];
    for extension in ["rs", "toml", "md", "tf"] {
        for path in files(extension) {
            let text = read(&path);
            for one in &banned {
                assert!(!text.contains(one.as_str()), "{} names {one}", local(&path));
            }
        }
    }
}

#[test]
fn every_verb_says_what_it_does() {
    for verb in [
        "tests/run",
        "tests/corpus",
        "tests/bench/run",
        "tests/bench/lost",
        "tests/bench/plugins",
        "tests/crash",
        "tests/lab/kubernetes",
        "tests/lab/postgresql",
        "tests/lab/ceph",
        "tests/lab/consumers",
        "tests/lab/openbao",
        "tests/lab/plugins",
        "tests/lab/openstack",
    ] {
        let done = std::process::Command::new(repository().join(verb)).arg("--help").output().unwrap();
        assert!(done.status.success(), "{verb} --help");
        assert!(done.stdout.len() > 80, "{verb} --help says too little");
    }
}
