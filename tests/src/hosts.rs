//! Hosts behind SSH that a lab keeps. The outsider is the lab: what a host has written is the upper layer of its overlay,
//! and what it was asked is in the log of its SSH server.

#![expect(clippy::unwrap_used, reason = "a test ends where it must")]

use crate::{Finished, Project, project, repository};
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a host writes by itself, and what stays of a package manager's work: caches, logs and the copies that dpkg
/// keeps of its own database.
const OWN: &[&str] = &[
    "run",
    "tmp",
    "var/log",
    "var/tmp",
    "var/cache",
    "var/lib/systemd",
    // Packages are compared by what dpkg says of them: it takes their priorities from wherever it installed last.
    "var/lib/dpkg/status",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/lock",
    "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/triggers",
    "var/lib/apt",
    "etc/.pwd.lock",
    "var/lib/sudo",
    "home/admin",
    // The backups of the account tools, which they write before every change.
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
    "etc/subuid-",
    "etc/subgid-",
    "var/lib/dpkg/available",
];

/// The lab's hosts, for one test at a time.
pub struct Hosts {
    /// Their addresses.
    pub addresses: Vec<String>,
    /// The lab's run folder.
    pub folder: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Hosts {
    #[expect(clippy::print_stdout, reason = "a test that did nothing says so")]
    /// Them, where the lab of this name is up: `hosts`, or `cluster` for hosts that can be nodes.
    pub fn find(lab: &str) -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        let Ok(addresses) = std::env::var("FORMWORK_LAB_HOSTS") else {
            let is_needed = std::env::var_os("FORMWORK_LAB").is_some_and(|one| one == lab);
            assert!(!is_needed, "FORMWORK_LAB={lab}, but no lab: eval \"$(tests/lab/hosts env)\"");
            println!("not run: needs tests/lab/hosts");
            return None;
        };
        Some(Self {
            addresses: addresses.split(' ').map(str::to_owned).collect(),
            folder: std::env::var_os("FORMWORK_LAB_HOSTS_DIR").map(PathBuf::from).unwrap(),
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
        })
    }

    /// What a command says that runs on a host, past SSH.
    #[track_caller]
    pub fn run(&self, host: usize, script: &str) -> String {
        let mut command = Command::new(repository().join("tests/lab/hosts"));
        command.args(["run", &(host + 1).to_string(), "sh", "-c", script]);
        let output = command.env("FORMWORK_LAB_HOSTS_DIR", &self.folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{script}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// All that a host has written, but for its own doings.
    pub fn written(&self, host: usize) -> BTreeMap<String, String> {
        let upper = self.folder.join(format!("host-{}/upper", host + 1));
        let base = std::env::var_os("FORMWORK_LAB_HOSTS_BASE").map(PathBuf::from).unwrap();
        let mut found = BTreeMap::new();
        let mut folders = vec![upper.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&upper).unwrap().display().to_string();
                if OWN.iter().any(|own| name == *own || name.starts_with(&format!("{own}/"))) {
                    continue;
                }
                let what = std::fs::symlink_metadata(&path).unwrap();
                folders.extend(what.is_dir().then(|| path.clone()));
                // What is copied up and as it was, is no change.
                let is = described(&path);
                if described(&base.join(&name)) != is {
                    found.insert(name, is.unwrap_or_default());
                }
            }
        }
        found
    }

    /// Connections and commands that a host's SSH server has had.
    pub fn log(&self, host: usize) -> (usize, usize) {
        let log = self.run(host, "journalctl -u ssh -o cat --no-pager");
        let count = |sign: &str| log.lines().filter(|line| line.contains(sign)).count();
        (count("Accepted publickey"), count("Starting session: command"))
    }

    /// A provider's block, with the lab's own settings where nothing else is said.
    pub fn provider(&self, changed: &[(&str, &str)]) -> String {
        let quoted = |path: &str| format!("{:?}", self.folder.join(path).display().to_string());
        let mut settings = BTreeMap::from([
            ("user", "\"admin\"".to_owned()),
            ("private_key_file", quoted("id")),
            ("known_hosts_file", quoted("known_hosts")),
        ]);
        for (name, value) in changed {
            settings.insert(name, (*value).to_owned());
        }
        let lines: Vec<String> =
            settings.iter().map(|(name, value)| format!("  {name} = {value}\n")).collect();
        let settings = lines.concat();
        format!(
            "terraform {{\n  required_providers {{\n    host = {{ source = \"formwork/host\" }}\n  }}\n}}\nprovider \"host\" {{\n{settings}}}\n"
        )
    }

    /// A project with one resource or data source on the first host.
    pub fn one(&self, changed: &[(&str, &str)], block: &str) -> Project {
        let block = block.replace("HOST", &format!("{{ address = {:?} }}", self.addresses[0]));
        project().file("main.tf", &format!("{}{block}", self.provider(changed))).build()
    }
}

/// Of a longer file the content is told by its digest.
const SHOWN: usize = 4096;

/// What stands at a path: rights, owner and content; times are left out.
fn described(path: &Path) -> Option<String> {
    let what = std::fs::symlink_metadata(path).ok()?;
    let content = if what.is_file() {
        let bytes = std::fs::read(path).unwrap();
        if bytes.len() <= SHOWN {
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            format!(
                "{} bytes, {:016x}",
                bytes.len(),
                BuildHasherDefault::<DefaultHasher>::default().hash_one(&bytes)
            )
        }
    } else if what.is_symlink() {
        std::fs::read_link(path).unwrap().display().to_string()
    } else {
        // A file of the base that is gone stands here as a device 0:0.
        format!("{:?} {}", what.file_type(), what.rdev())
    };
    Some(format!("{:o} {}:{} {content}", what.permissions().mode(), what.uid(), what.gid()))
}

/// That a run ended so and said these.
#[track_caller]
pub fn assert_says(finished: &Finished, code: i32, parts: &[&str]) {
    // What went wrong comes first: a long plan must not hide it from who reads the beginning alone.
    let text = format!("{}\n{}", finished.error, finished.out);
    assert_eq!(finished.code, code, "{text}");
    // The screen's frame and the breaks of its lines say nothing.
    let flowing = text.replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(text.contains(part) || flowing.contains(part), "{part:?} is not in:\n{text}");
    }
}
