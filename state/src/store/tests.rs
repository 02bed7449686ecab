use super::*;
use crate::address::Edge;
use crate::backend::memory::MemoryBackend;
use crate::backend::{FaultPoint, Loaded, LockHolder};
use crate::file::{Files, SimulatedFiles};
use crate::fixtures::{begin, done, key, options, start};
use crate::journal::{Operation, Tail, scan};
use crate::model::Object;
use futures::executor::block_on;
use std::path::Path;
use std::sync::Mutex;

const SNAPSHOT: &str = "terraform.tfstate";
const JOURNAL: &str = "terraform.tfstate.journal";

fn open(files: &SimulatedFiles) -> Result<Store, Diagnostics> {
    Store::open(options(SNAPSHOT, Arc::new(files.clone())))
}

fn text(files: &SimulatedFiles, name: &str) -> Option<String> {
    files.read(Path::new(name)).unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
}

fn make(store: &Store, name: &str, step: u32) {
    store.append(&start(name, Operation::Create, step)).wait().unwrap();
    store.append(&done(name, Some(1))).wait().unwrap();
}

/// A whole run that makes objects.
fn run(files: &SimulatedFiles, id: &str, names: &[&str]) {
    let store = open(files).unwrap();
    store.append(&begin(id, store.base_digest())).wait().unwrap();
    for (name, step) in names.iter().zip(0..) {
        make(&store, name, step);
    }
    store.append(&Record::Finished { errored: false }).wait().unwrap();
    store.finish().unwrap();
}

fn code(diagnostics: &Diagnostics) -> &str {
    &diagnostics.iter().next().unwrap().code
}

#[test]
fn a_run_ends_in_a_snapshot() {
    let files = SimulatedFiles::default();
    run(&files, "one", &["a.x", "a.y"]);
    run(&files, "two", &["a.z"]);
    let store = open(&files).unwrap();
    let folded = store.folded();
    assert_eq!((folded.state.serial, folded.state.len(), folded.state.lineage.as_str()), (2, 3, "lineage"));
    assert_eq!((store.base_serial(), store.notices().is_empty()), (2, true));
    assert_eq!(files.names(), [".terraform.tfstate.lock.info", SNAPSHOT, "terraform.tfstate.backup"]);
}

#[test]
fn a_run_that_changes_nothing_writes_no_snapshot() {
    let files = SimulatedFiles::default();
    run(&files, "one", &["a.x"]);
    let before = text(&files, SNAPSHOT);
    run(&files, "two", &[]);
    assert_eq!(text(&files, SNAPSHOT), before);
    assert_eq!(text(&files, JOURNAL), None);
}

#[test]
fn a_run_that_was_cut_off_goes_on() {
    let files = SimulatedFiles::default();
    let store = open(&files).unwrap();
    store.append(&begin("one", store.base_digest())).wait().unwrap();
    make(&store, "a.x", 0);
    store.append(&start("a.y", Operation::Create, 1)).wait().unwrap();
    store.finish().unwrap();
    assert_eq!(text(&files, SNAPSHOT), None);
    let store = open(&files).unwrap();
    {
        let folded = store.folded();
        let open_run = folded.run.as_ref().unwrap();
        assert_eq!(open_run.open.keys().map(ToString::to_string).collect::<Vec<_>>(), ["a.y"]);
        assert_eq!((open_run.run.as_str(), open_run.plan.get()), ("one", "{\"steps\":[]}"));
    }
    store.append(&done("a.y", Some(1))).wait().unwrap();
    store.abandon().unwrap();
    let store = open(&files).unwrap();
    store.append(&Record::Finished { errored: true }).wait().unwrap();
    store.finish().unwrap();
    assert_eq!(open(&files).unwrap().folded().state.len(), 2);
}

#[test]
fn a_run_whose_end_was_cut_off_is_closed_at_the_next_start() {
    let points = [FaultPoint::SnapshotWritten, FaultPoint::SnapshotRenamed, FaultPoint::BeforeJournalRemoval];
    for point in points {
        let files = SimulatedFiles::default();
        let image: Arc<Mutex<Option<SimulatedFiles>>> = Arc::default();
        let (kept, disk) = (image.clone(), files.clone());
        let mut options = options(SNAPSHOT, Arc::new(files.clone()));
        options.faults = Some(Arc::new(move |at, _| {
            if at == point {
                *kept.lock().unwrap() = Some(disk.after(crate::file::Loss::Nothing));
            }
        }));
        let store = Store::open(options).unwrap();
        store.append(&begin("one", "")).wait().unwrap();
        make(&store, "a.x", 0);
        store.append(&Record::Finished { errored: false }).wait().unwrap();
        // The hook sees the disk as it is at the point, through the backend and not the lock around it.
        store.finish().unwrap();
        let image = image.lock().unwrap().take().unwrap();
        let store = open(&image).unwrap();
        assert_eq!(
            (store.folded().state.len(), store.base_serial(), store.folded().is_changed),
            (1, 1, false),
            "{point:?}"
        );
        assert_eq!(text(&image, JOURNAL), None, "{point:?}");
        store.append(&begin("two", store.base_digest())).wait().unwrap();
    }
}

#[test]
fn every_record_passes_its_fault_points() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = seen.clone();
    let mut options = options(SNAPSHOT, Arc::new(SimulatedFiles::default()));
    options.faults =
        Some(Arc::new(move |point, kind| kept.lock().unwrap().push(format!("{point:?} {kind}"))));
    let store = Store::open(options).unwrap();
    store.append(&begin("one", "")).wait().unwrap();
    make(&store, "a.x", 0);
    store.append(&Record::Finished { errored: false }).wait().unwrap();
    store.finish().unwrap();
    let records = ["begin", "intent", "done", "finished"];
    let mut expected: Vec<String> = records
        .iter()
        .flat_map(|kind| [format!("BeforeFlush {kind}"), format!("AfterFlush {kind}")])
        .collect();
    expected.extend(["SnapshotWritten ", "SnapshotRenamed ", "BeforeJournalRemoval "].map(String::from));
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn a_torn_tail_is_dropped_and_told() {
    let files = SimulatedFiles::default();
    let store = open(&files).unwrap();
    store.append(&begin("one", "")).wait().unwrap();
    store.abandon().unwrap();
    let whole = text(&files, JOURNAL).unwrap();
    files.write(JOURNAL, format!("{whole}2 1 torn").as_bytes());
    let mut looking = options(SNAPSHOT, Arc::new(files.clone()));
    looking.operation = "plan".into();
    let store = Store::open_read_only(looking).unwrap();
    assert!(store.folded().run.is_some());
    let refused = store.append(&Record::Finished { errored: false }).wait().unwrap_err();
    assert_eq!((refused.code.as_str(), code(store.notices())), ("state-read-only", "journal-torn"));
    drop(store);
    assert!(text(&files, JOURNAL).unwrap().ends_with("torn"));
    let store = open(&files).unwrap();
    assert_eq!(code(store.notices()), "journal-torn");
    assert_eq!(text(&files, JOURNAL), Some(whole));
    make(&store, "a.x", 0);
    store.abandon().unwrap();
    let scanned = scan(text(&files, JOURNAL).unwrap().as_bytes()).unwrap();
    assert_eq!((scanned.records.len(), scanned.tail), (3, Tail::Whole));
}

#[test]
fn a_state_that_another_program_advanced_is_refused() {
    let files = SimulatedFiles::default();
    run(&files, "one", &["a.x"]);
    let store = open(&files).unwrap();
    store.append(&begin("two", store.base_digest())).wait().unwrap();
    store.append(&start("a.y", Operation::Create, 0)).wait().unwrap();
    store.abandon().unwrap();
    let snapshot = text(&files, SNAPSHOT).unwrap();
    files.write(SNAPSHOT, snapshot.replace("\"serial\": 1", "\"serial\": 2").as_bytes());
    let refused = open(&files).unwrap_err();
    let detail = &refused.iter().next().unwrap().detail;
    assert_eq!(code(&refused), "state-moved-on");
    for part in ["run two", "serial 0", "serial 2", "\n  a.y"] {
        assert!(detail.contains(part), "{part} in {detail}");
    }
    files.write(SNAPSHOT, snapshot.as_bytes());
    assert!(open(&files).unwrap().folded().run.is_some(), "a refusal gives the lock back");
}

#[test]
fn a_damaged_journal_is_refused() {
    let files = SimulatedFiles::default();
    let store = open(&files).unwrap();
    store.append(&begin("one", "")).wait().unwrap();
    make(&store, "a.x", 0);
    store.abandon().unwrap();
    let whole = text(&files, JOURNAL).unwrap();
    let line = whole.split_inclusive('\n').nth(1).unwrap();
    let cases = [
        (whole.replacen("a.x", "a.z", 1), "line 2 (byte 1"),
        (whole.replacen("\"begin\"", "\"begun\"", 1), "line 1 (byte 0): the line is damaged"),
        (whole.replace(line, ""), "record 2 is expected"),
        (whole.replacen("1 0", "7 0", 1), "line 1 (byte 0)"),
    ];
    for (bytes, part) in cases {
        files.write(JOURNAL, bytes.as_bytes());
        let refused = open(&files).unwrap_err();
        let detail = &refused.iter().next().unwrap().detail;
        assert!(code(&refused) == "journal-damaged" && detail.contains(part), "{part} in {detail}");
        assert_eq!(text(&files, JOURNAL), Some(bytes), "nothing is changed");
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let files = SimulatedFiles::default();
    let store = open(&files).unwrap();
    store.append(&begin("one", "")).wait().unwrap();
    store.append(&start("a.x", Operation::Create, 0)).wait().unwrap();
    let whole = text(&files, JOURNAL);
    files.limit(Some(files.used() + 20));
    let full = store.append(&done("a.x", Some(1))).wait().unwrap_err();
    assert_eq!((full.code.as_str(), full.summary.as_str()), ("state-full", "Journal cannot be written"));
    assert_eq!(text(&files, JOURNAL), whole, "the tail is cut");
    let again = store.append(&start("a.y", Operation::Create, 1)).wait().unwrap_err();
    assert_eq!(again.code, "state-full");
    files.limit(None);
    // Room again: what could not be written comes first.
    store.append(&done("a.y", Some(1))).wait().unwrap();
    drop(store);
    let store = open(&files).unwrap();
    assert_eq!((store.folded().state.len(), store.notices().is_empty()), (2, true));
    store.append(&Record::Finished { errored: false }).wait().unwrap();
    files.limit(Some(files.used() + 20));
    let full = store.finish().unwrap_err();
    assert!(code(&full) == "state-full" && full.iter().next().unwrap().detail.contains("Nothing is lost"));
    files.limit(None);
    let names = files.names();
    assert!(!names.iter().any(|name| name.ends_with(".new")), "{names:?}");
    assert_eq!(open(&files).unwrap().folded().state.len(), 2);
    assert!(text(&files, SNAPSHOT).is_some() && text(&files, JOURNAL).is_none());
}

#[test]
fn a_full_disk_at_the_end_of_a_run_is_told() {
    let files = SimulatedFiles::default();
    let store = open(&files).unwrap();
    store.append(&begin("one", "")).wait().unwrap();
    files.limit(Some(files.used()));
    assert!(store.append(&start("a.x", Operation::Create, 0)).wait().is_err());
    assert_eq!(code(&store.abandon().unwrap_err()), "state-full");
    files.limit(None);
    assert!(open(&files).unwrap().folded().run.as_ref().unwrap().open.is_empty());
}

#[test]
fn what_is_out_of_order_changes_nothing() {
    let files = SimulatedFiles::default();
    let store = open(&files).unwrap();
    let refused = store.append(&done("a.x", Some(1))).wait().unwrap_err();
    assert_eq!((refused.code.as_str(), refused.address.as_deref()), ("illegal-transition", None));
    store.append(&begin("one", "")).wait().unwrap();
    let refused = store.append(&done("a.x", Some(1))).wait().unwrap_err();
    assert_eq!(refused.address.as_deref(), Some("a.x"));
    store.append(&Record::Finished { errored: false }).wait().unwrap();
    let refused = store.append(&begin("two", "")).wait().unwrap_err();
    assert!(refused.detail.contains("another run"), "{}", refused.detail);
    drop(store);
    assert!(open(&files).unwrap().folded().state.is_empty());
}

#[test]
fn the_lock_is_taken_unless_told_otherwise() {
    let files = SimulatedFiles::default();
    let store = open(&files).unwrap();
    assert_eq!(code(&open(&files).unwrap_err()), "state-locked");
    assert_eq!(
        code(&Store::open_read_only(options(SNAPSHOT, Arc::new(files.clone()))).unwrap_err()),
        "state-locked"
    );
    let unlocked = StoreOptions { lock: false, ..options(SNAPSHOT, Arc::new(files.clone())) };
    let second = Store::open(unlocked).unwrap();
    second.append(&begin("one", "")).wait().unwrap();
    drop((store, second));
    open(&files).unwrap();
}

/// A backend that counts flushes and lets appends wait at a gate.
struct Gated {
    inner: MemoryBackend,
    gate: Mutex<()>,
    appends: Mutex<Vec<(u64, Durability)>>,
}

impl Backend for Gated {
    fn describe(&self) -> String {
        self.inner.describe()
    }
    fn lease(
        &self,
        holder: &LockHolder,
        deadline: Option<std::time::Instant>,
    ) -> Result<Fence, crate::backend::LeaseError> {
        self.inner.lease(holder, deadline)
    }
    fn release(&self, fence: Fence) -> Result<(), crate::backend::BackendError> {
        self.inner.release(fence)
    }
    fn load(&self) -> Result<Loaded, crate::backend::BackendError> {
        self.inner.load()
    }
    fn seal(&self, fence: Fence) -> Result<(), crate::backend::BackendError> {
        self.inner.seal(fence)
    }
    fn append(
        &self,
        fence: Fence,
        sequence: u64,
        bytes: &[u8],
        durability: Durability,
    ) -> Result<(), crate::backend::BackendError> {
        drop(self.gate.lock().unwrap());
        self.appends.lock().unwrap().push((sequence, durability));
        self.inner.append(fence, sequence, bytes, durability)
    }
    fn repair(&self, fence: Fence, good_length: usize) -> Result<(), crate::backend::BackendError> {
        self.inner.repair(fence, good_length)
    }
    fn snapshot(
        &self,
        fence: Fence,
        expected: Option<&str>,
        bytes: &[u8],
    ) -> Result<(), crate::backend::BackendError> {
        self.inner.snapshot(fence, expected, bytes)
    }
    fn discard(&self, fence: Fence) -> Result<(), crate::backend::BackendError> {
        self.inner.discard(fence)
    }
}

#[test]
fn all_that_wait_share_one_flush() {
    let inner = MemoryBackend::new();
    let backend = Arc::new(Gated { inner, gate: Mutex::default(), appends: Mutex::default() });
    let store = Store::open_over(backend.clone(), options("", Arc::new(SimulatedFiles::default()))).unwrap();
    store.append_relaxed(&begin("one", "")).wait().unwrap();
    let gate = backend.gate.lock().unwrap();
    let tickets: Vec<Ticket> = (0..100)
        .map(|number| store.append(&start(&format!("a.x[{number}]"), Operation::Create, number)))
        .collect();
    drop(gate);
    block_on(futures::future::try_join_all(tickets)).unwrap();
    let appends = std::mem::take(&mut *backend.appends.lock().unwrap());
    // The first may have been on its way alone when the others came.
    assert!(appends.len() <= 3, "{appends:?}");
    assert_eq!(appends[0], (1, Durability::Ordered));
    assert_eq!(appends[1], (2, Durability::Flushed));
    assert_eq!(store.folded().run.as_ref().unwrap().open.len(), 100);
}

#[test]
fn a_writer_that_ends_leaves_nobody_waiting() {
    let mut options = options(SNAPSHOT, Arc::new(SimulatedFiles::default()));
    options.faults = Some(Arc::new(|_, kind| assert_ne!(kind, "intent", "the end of the writer")));
    let store = Store::open(options).unwrap();
    store.append(&begin("one", "")).wait().unwrap();
    assert!(store.append(&start("a.x", Operation::Create, 0)).wait().is_err());
    assert!(store.finish().is_err());
}

#[test]
fn what_needs_no_decoding_survives_a_run() {
    let files = SimulatedFiles::default();
    run(&files, "one", &["a.x"]);
    let store = open(&files).unwrap();
    let before = Object::clone(store.folded().state.object(&key("a.x")).unwrap());
    let edges = vec![Edge::Node("local.x".into()), "block module.m.a.y".parse().unwrap()];
    let object = Arc::new(Object { edges: edges.clone(), ..before });
    store.append(&begin("two", store.base_digest())).wait().unwrap();
    store.append(&Record::Refreshed { objects: vec![(key("a.x"), Some(object))] }).wait().unwrap();
    store.append(&Record::Finished { errored: false }).wait().unwrap();
    store.finish().unwrap();
    assert_eq!(open(&files).unwrap().folded().state.object(&key("a.x")).unwrap().edges, edges);
}
