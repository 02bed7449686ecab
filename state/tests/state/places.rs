//! The backends against their contract, and the store on each.

use crate::records::*;
use formwork_state::backend::{
    Backend, BackendError, Fence, FileBackend, Holder, Holding, Loaded, MemoryBackend, SealedBackend,
    conformance,
};
use formwork_state::encryption::{Derivation, Encryption, KeyProvider, KeySource, Method, Passphrase};
use formwork_state::{Opening, RealFiles, Record, Store};
use std::sync::Arc;
use std::time::Duration;

const LEASE: Duration = Duration::from_millis(300);

fn lapse() {
    std::thread::sleep(LEASE + Duration::from_millis(50));
}

/// Two handles on one place of its own; a folder goes with the last of them.
struct Place {
    name: &'static str,
    first: Arc<dyn Backend>,
    second: Arc<dyn Backend>,
    _folder: Option<tempfile::TempDir>,
}

fn places() -> Vec<Place> {
    let folder = tempfile::tempdir().unwrap();
    let file = || Arc::new(FileBackend::new(folder.path().join("terraform.tfstate"), Arc::new(RealFiles)));
    let memory = Arc::new(MemoryBackend::with_lease_duration(LEASE));
    let (first, second): (Arc<dyn Backend>, Arc<dyn Backend>) = (file(), file());
    let hidden_memory: Arc<dyn Backend> = Arc::new(MemoryBackend::with_lease_duration(LEASE));
    let hidden_folder = tempfile::tempdir().unwrap();
    let hidden = || {
        let path = hidden_folder.path().join("terraform.tfstate");
        sealed(Arc::new(FileBackend::new(path, Arc::new(RealFiles))))
    };
    vec![
        Place { name: "memory", first: memory.clone(), second: memory, _folder: None },
        Place { name: "file", first, second, _folder: Some(folder) },
        Place {
            name: "memory, sealed",
            first: sealed(hidden_memory.clone()),
            second: sealed(hidden_memory),
            _folder: None,
        },
        Place { name: "file, sealed", first: hidden(), second: hidden(), _folder: Some(hidden_folder) },
    ]
}

/// The same place, handed nothing in clear.
fn sealed(inner: Arc<dyn Backend>) -> Arc<dyn Backend> {
    let derivation =
        Derivation::Argon2 { key_length: 32, memory_kib: 64, iterations: 1, parallelism: 1, salt_length: 16 };
    let source = KeySource::Passphrase(Passphrase::Text("a passphrase of a test".to_owned()), derivation);
    let keys = Arc::new(KeyProvider::new("key_provider.argon2.main", source));
    let encryption = Encryption::new(vec![Method::AesGcm { keys, additional: Vec::new() }]);
    Arc::new(SealedBackend::new(inner, Arc::new(encryption)))
}

#[test]
fn each_backend_keeps_the_contract() {
    for Place { name, first, second, _folder } in places() {
        conformance::check(&first, &second, &lapse).unwrap_or_else(|finding| panic!("{name}: {finding}"));
    }
}

/// The kit itself: a backend that forgets to look at the fencing number does not pass.
#[test]
fn the_kit_finds_a_backend_that_lets_an_ended_lease_write() {
    struct Careless(MemoryBackend);
    impl Backend for Careless {
        fn name(&self) -> String {
            self.0.name()
        }
        fn lease(&self, holder: &Holder, timeout_ms: u64) -> Result<Fence, BackendError> {
            self.0.lease(holder, timeout_ms)
        }
        fn lease_duration(&self) -> Option<Duration> {
            self.0.lease_duration()
        }
        fn renew(&self, fence: Fence) -> Result<(), BackendError> {
            self.0.renew(fence)
        }
        fn holding(&self) -> Result<Option<Holding>, BackendError> {
            self.0.holding()
        }
        fn break_lease(&self, id: &str) -> Result<(), BackendError> {
            self.0.break_lease(id)
        }
        fn release(&self, fence: Fence) {
            self.0.release(fence);
        }
        fn load(&self) -> Result<Loaded, BackendError> {
            self.0.load()
        }
        fn append(&self, _: Fence, sequence: u64, bytes: &[u8]) -> Result<(), BackendError> {
            self.0.append(Fence::UNLOCKED, sequence, bytes)
        }
        fn seal(&self, fence: Fence) -> Result<(), BackendError> {
            self.0.seal(fence)
        }
        fn snapshot(&self, fence: Fence, expected: &str, bytes: &[u8]) -> Result<(), BackendError> {
            self.0.snapshot(fence, expected, bytes)
        }
        fn history(&self) -> Result<Option<Vec<u64>>, BackendError> {
            self.0.history()
        }
        fn history_entry(&self, number: u64) -> Result<Option<Vec<u8>>, BackendError> {
            self.0.history_entry(number)
        }
        fn append_history(&self, fence: Fence, number: u64, bytes: &[u8]) -> Result<(), BackendError> {
            self.0.append_history(fence, number, bytes)
        }
        fn prune_history(&self, fence: Fence, below: u64) -> Result<(), BackendError> {
            self.0.prune_history(fence, below)
        }
    }
    let careless: Arc<dyn Backend> = Arc::new(Careless(MemoryBackend::default()));
    let finding = conformance::check(&careless, &careless, &lapse).unwrap_err();
    assert!(finding.contains("append under an ended lease"), "{finding}");
}

fn opening() -> Opening {
    Opening {
        lock: true,
        lock_timeout_ms: 0,
        holder: Holder {
            operation: "apply".to_owned(),
            since: "2026-01-02T03:04:05Z".to_owned(),
            ..Holder::default()
        },
        version: "0.1.0".to_owned(),
        new_lineage: LINEAGE.to_owned(),
        faults: None,
    }
}

fn store(backend: &Arc<dyn Backend>) -> Store {
    Store::open_on(backend.clone(), opening()).unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"))
}

#[test]
fn a_run_is_the_same_on_each_backend() {
    for Place { name, first, second, _folder } in places() {
        let open = store(&first);
        let refused = Store::open_on(second.clone(), opening()).err().unwrap();
        assert_eq!(refused.iter().next().unwrap().code, "state-locked", "{name}");
        for record in [begin("r"), intent(0, "a"), accepted(0, "a")] {
            open.append(&record).wait().unwrap();
        }
        drop(open);
        let open = store(&second);
        assert_eq!(
            open.folded().run.as_ref().unwrap().open[&key(0)].accepted.as_deref(),
            Some("id-0"),
            "{name}"
        );
        for record in [done(0, "a", Some(object("zero"))), Record::Finished { errored: false }] {
            open.append(&record).wait().unwrap();
        }
        open.finish().unwrap();
        let loaded = first.load().unwrap();
        assert!(loaded.journal.is_empty() && loaded.snapshot.is_some(), "{name}");
        let open = store(&first);
        assert_eq!((open.base_serial(), open.folded().state.len()), (1, 1), "{name}");
    }
}

/// A plan made before a run is told from one made after it by the serial, wherever a crash left the run.
#[test]
fn a_run_that_is_over_counts_though_the_journal_alone_knows_it() {
    for Place { name, first, second, _folder } in places() {
        for (run, serial) in [("r", 1), ("s", 2)] {
            let open = store(&first);
            assert_eq!(open.folded().state.serial, serial - 1, "{name}");
            for record in [begin(run), outputs(run), Record::Finished { errored: false }] {
                open.append(&record).wait().unwrap();
            }
            // As a crash before the snapshot: nothing is finished.
            drop(open);
        }
        let open = store(&second);
        assert_eq!((open.base_serial(), open.folded().state.serial), (0, 2), "{name}");
        open.finish().unwrap();
        let open = store(&first);
        assert_eq!((open.base_serial(), open.folded().state.serial), (2, 2), "{name}");
    }
}

/// Somebody removed the lock's file under the holder and took a lock of his own.
#[test]
fn a_holder_whose_lock_was_removed_writes_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("terraform.tfstate");
    let backend: Arc<dyn Backend> = Arc::new(FileBackend::new(&path, Arc::new(RealFiles)));
    let open = store(&backend);
    open.append(&begin("r")).wait().unwrap();
    std::fs::write(folder.path().join("terraform.tfstate.lock"), "1 1\n").unwrap();
    let diagnostic = open.append(&intent(0, "a")).wait().unwrap_err();
    assert!(diagnostic.detail.contains("the lock was lost"), "{}", diagnostic.detail);
    assert!(open.finish().is_err());
}

#[cfg(unix)]
#[test]
fn files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("terraform.tfstate");
    let backend: Arc<dyn Backend> = Arc::new(FileBackend::new(&path, Arc::new(RealFiles)));
    for text in ["one", "two"] {
        let open = store(&backend);
        open.append(&outputs(text)).wait().unwrap();
        let journal = std::fs::metadata(folder.path().join("terraform.tfstate.journal")).unwrap();
        assert_eq!(journal.permissions().mode() & 0o777, 0o600);
        open.finish().unwrap();
    }
    for name in ["terraform.tfstate", "terraform.tfstate.backup"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// A holder that stopped for longer than its lease, and goes on when somebody has taken over.
#[test]
fn a_lease_that_was_taken_over_recovers_the_journal_first() {
    let memory = Arc::new(MemoryBackend::with_lease_duration(LEASE));
    let stopped: Arc<dyn Backend> = Arc::new(Stopped(memory.clone()));
    let backend: Arc<dyn Backend> = memory;
    let stale = store(&stopped);
    for record in [begin("r"), intent(0, "a"), accepted(0, "a")] {
        stale.append(&record).wait().unwrap();
    }
    assert!(Store::open_on(backend.clone(), opening()).is_err(), "the lease is not overdue yet");
    lapse();
    let taken = store(&backend);
    let open = taken.folded().run.as_ref().unwrap().open[&key(0)].accepted.clone();
    assert_eq!(open.as_deref(), Some("id-0"), "what was in flight is known before anything is done");
    let late = stale.append(&done(0, "a", Some(object("late")))).wait().unwrap_err();
    assert!(late.detail.contains("the lock was lost"), "{}", late.detail);
    assert!(stale.finish().is_err());
    for record in [done(0, "a", Some(object("zero"))), Record::Finished { errored: false }] {
        taken.append(&record).wait().unwrap();
    }
    taken.finish().unwrap();
    assert_eq!(store(&backend).folded().state.len(), 1);
}

#[test]
fn a_store_keeps_its_lease_alive() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::with_lease_duration(LEASE));
    let held = store(&backend);
    lapse();
    lapse();
    assert!(Store::open_on(backend.clone(), opening()).is_err());
    drop(held);
    assert!(Store::open_on(backend, opening()).is_ok());
}

/// A place seen by a process whose heartbeat does not come.
struct Stopped(Arc<MemoryBackend>);

impl Backend for Stopped {
    fn name(&self) -> String {
        self.0.name()
    }
    fn lease_duration(&self) -> Option<Duration> {
        None
    }
    fn lease(&self, holder: &Holder, timeout_ms: u64) -> Result<Fence, BackendError> {
        self.0.lease(holder, timeout_ms)
    }
    fn renew(&self, fence: Fence) -> Result<(), BackendError> {
        self.0.renew(fence)
    }
    fn release(&self, fence: Fence) {
        self.0.release(fence);
    }
    fn holding(&self) -> Result<Option<Holding>, BackendError> {
        self.0.holding()
    }
    fn break_lease(&self, id: &str) -> Result<(), BackendError> {
        self.0.break_lease(id)
    }
    fn load(&self) -> Result<Loaded, BackendError> {
        self.0.load()
    }
    fn append(&self, fence: Fence, sequence: u64, bytes: &[u8]) -> Result<(), BackendError> {
        self.0.append(fence, sequence, bytes)
    }
    fn seal(&self, fence: Fence) -> Result<(), BackendError> {
        self.0.seal(fence)
    }
    fn snapshot(&self, fence: Fence, expected: &str, bytes: &[u8]) -> Result<(), BackendError> {
        self.0.snapshot(fence, expected, bytes)
    }
}
