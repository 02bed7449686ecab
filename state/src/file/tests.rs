use super::simulated::SimulatedFiles;
use super::*;
use crate::backend::conformance;
use crate::fixtures::{begin, done, options, start};
use crate::journal::{Operation, Record};
use crate::store::{Store, StoreOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

fn holder(operation: &str) -> LockHolder {
    LockHolder { operation: operation.into(), ..LockHolder::default() }
}

#[test]
fn files_conform() {
    let folder = tempfile::tempdir().unwrap();
    let open = |number: u32| {
        let path = folder.path().join(format!("{number}.tfstate"));
        Arc::new(FileBackend::new(path, Arc::new(RealFiles))) as Arc<dyn Backend>
    };
    assert_eq!(conformance::run(&open), vec![]);
}

#[test]
fn the_simulated_disk_conforms() {
    let disks: Vec<SimulatedFiles> = (0..conformance::COUNT).map(|_| SimulatedFiles::default()).collect();
    let open = |number: u32| {
        let files = Arc::new(disks[number as usize].clone());
        Arc::new(FileBackend::new("terraform.tfstate", files)) as Arc<dyn Backend>
    };
    assert_eq!(conformance::run(&open), vec![]);
}

#[cfg(unix)]
#[test]
fn every_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("terraform.tfstate");
    std::fs::write(&path, b"").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let modes = |names: &[&str]| {
        for name in names {
            let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    };
    let store = Store::open(options(&path, Arc::new(RealFiles))).unwrap();
    store.append(&begin("run", "")).wait().unwrap();
    modes(&["terraform.tfstate.journal", ".terraform.tfstate.lock.info"]);
    store.append(&start("a.x", Operation::Create, 0)).wait().unwrap();
    store.append(&done("a.x", Some(1))).wait().unwrap();
    store.append(&Record::Finished { errored: false }).wait().unwrap();
    store.finish().unwrap();
    modes(&["terraform.tfstate"]);
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["terraform.tfstate"]);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("real.tfstate"), folder.path().join("terraform.tfstate"));
    std::fs::write(&target, b"").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let backend = FileBackend::new(&link, Arc::new(RealFiles));
    let fence = backend.lease(&holder("apply"), None).unwrap();
    backend.load().unwrap();
    backend.snapshot(fence, None, b"new").unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::read(&target).unwrap(), b"new");
}

#[test]
fn a_snapshot_that_another_program_wrote_is_not_overwritten() {
    let files = SimulatedFiles::default();
    files.write("terraform.tfstate", b"one");
    let backend = FileBackend::new("terraform.tfstate", Arc::new(files.clone()));
    let fence = backend.lease(&holder("apply"), None).unwrap();
    backend.load().unwrap();
    files.write("terraform.tfstate", b"two");
    let error = backend.snapshot(fence, Some(&digest(b"one")), b"three").unwrap_err();
    assert_eq!(error.kind, FailureKind::Moved);
    assert_eq!(files.read(Path::new("terraform.tfstate")).unwrap().unwrap(), b"two");
}

#[test]
fn the_snapshot_before_is_kept() {
    let files = SimulatedFiles::default();
    files.write("terraform.tfstate", b"one");
    let backend = FileBackend::new("terraform.tfstate", Arc::new(files.clone()));
    let fence = backend.lease(&holder("apply"), None).unwrap();
    backend.load().unwrap();
    backend.snapshot(fence, Some(&digest(b"one")), b"two").unwrap();
    assert_eq!(files.read(Path::new("terraform.tfstate.backup")).unwrap().unwrap(), b"one");
}

const HELD_PATH: &str = "FORMWORK_TEST_HELD_PATH";

/// The other process of the test below.
#[test]
#[ignore = "run by another test in a process of its own"]
fn hold_the_lock_until_told() {
    let path = std::env::var(HELD_PATH).unwrap();
    let _store = Store::open(options(path, Arc::new(RealFiles))).unwrap();
    println!("\nheld");
    std::io::stdout().flush().unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

#[test]
fn a_second_process_is_told_who_holds_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("terraform.tfstate");
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "file::tests::hold_the_lock_until_told", "--ignored", "--nocapture"])
        .env(HELD_PATH, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"));
    let refused = Store::open(options(&path, Arc::new(RealFiles))).unwrap_err();
    let detail = &refused.iter().next().unwrap().detail;
    let expected = [&format!("Process {} ", other.id()), "for apply", "since 2026-01-02T03:04:05Z"];
    assert!(expected.iter().all(|part| detail.contains(part)), "{detail}");
    let unlocked = StoreOptions { lock: false, ..options(&path, Arc::new(RealFiles)) };
    Store::open_read_only(unlocked).unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
    // The operating system gave the lock back, though the file that names the dead holder still stands.
    assert!(folder.path().join(".terraform.tfstate.lock.info").exists());
    Store::open(options(&path, Arc::new(RealFiles))).unwrap();
}
