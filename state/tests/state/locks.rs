//! Two processes at one state: this test's own binary, started again, is the other.

use crate::records::LINEAGE;
use formwork_diagnostic::Diagnostic;
use formwork_state::{RealFiles, Store, StoreOptions};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const STATE: &str = "FORMWORK_TEST_HOLDS_STATE";

fn open(path: &Path, lock: bool, lock_timeout_ms: u64) -> Result<Store, Diagnostic> {
    let options = StoreOptions {
        path: path.to_owned(),
        lock,
        lock_timeout_ms,
        operation: "apply".to_owned(),
        time: "2026-01-02T03:04:05Z".to_owned(),
        version: "0.1.0".to_owned(),
        new_lineage: LINEAGE.to_owned(),
        files: Arc::new(RealFiles),
        faults: None,
        skip_flush: false,
    };
    Store::open(options).map_err(|diagnostics| diagnostics.into_iter().next().unwrap())
}

/// The other process: holds the lock until its input ends. Does nothing when it is run as a test.
#[test]
fn other_process() {
    let Some(path) = std::env::var_os(STATE) else { return };
    let _store = open(Path::new(&path), true, 0).unwrap();
    println!("holds the lock");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

struct Other {
    child: Child,
    input: Option<ChildStdin>,
    _output: BufReader<ChildStdout>,
}

impl Other {
    fn start(path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["locks::other_process", "--exact", "--nocapture"])
            .env(STATE, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        assert!(output.by_ref().lines().map_while(Result::ok).any(|line| line.contains("holds the lock")));
        let input = child.stdin.take();
        Self { child, input, _output: output }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_second_is_told_who_holds_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("terraform.tfstate");
    let other = Other::start(&path);
    let diagnostic = open(&path, true, 0).err().unwrap();
    assert_eq!(diagnostic.code, "state-locked");
    let expected = format!(
        "Process {} holds the lock on this state for apply since 2026-01-02T03:04:05Z.",
        other.child.id()
    );
    assert_eq!(diagnostic.detail, expected);
    let started = Instant::now();
    assert_eq!(open(&path, true, 300).err().unwrap().code, "state-locked");
    assert!(started.elapsed() >= Duration::from_millis(300), "it waits as long as it may");
    assert!(open(&path, false, 0).is_ok(), "-lock=false asks nobody");
}

#[test]
fn the_second_waits_and_goes_on_when_the_first_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("terraform.tfstate");
    let mut other = Other::start(&path);
    let waiting = std::thread::spawn({
        let path = path.clone();
        move || open(&path, true, 60_000).map(drop)
    });
    std::thread::sleep(Duration::from_millis(200));
    assert!(!waiting.is_finished(), "the lock is held");
    drop(other.input.take());
    assert!(waiting.join().unwrap().is_ok());
    assert!(other.child.wait().unwrap().success());
}

#[test]
fn a_killed_holders_lock_is_free_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("terraform.tfstate");
    let mut other = Other::start(&path);
    other.child.kill().unwrap();
    other.child.wait().unwrap();
    assert!(open(&path, true, 0).is_ok());
    assert!(
        !folder.path().join("terraform.tfstate.lock.info").exists(),
        "its text goes with the next holder's"
    );
}
