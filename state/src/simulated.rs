//! A disk in memory that can lose power, fill up and refuse, for tests of what survives.
//!
//! Invariant: at a restart only those bytes stand whose file was flushed, and only those names whose folder was
//! flushed; what was not may stand or not, as the [`Loss`] says.

use crate::files::{Appender, Files};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What becomes of what was not flushed when the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of it is lost.
    Everything,
    /// None of it is lost, as when only the process ended.
    Nothing,
    /// Each name, and each file's end, is lost or kept by chance; lost bytes may read as zeros.
    Chance(u64),
}

/// What a disk is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Request {
    /// A file's content.
    Read,
    /// A file made or opened.
    Open,
    /// Bytes added.
    Append,
    /// Bytes made durable.
    Flush,
    /// A file cut.
    Truncate,
    /// A file given another name.
    Rename,
    /// A file removed.
    Remove,
    /// Names made durable.
    FlushFolder,
}

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

/// A name that was given (a file) or taken away (none), and is not durable.
type NameChange = Vec<(PathBuf, Option<usize>)>;

#[derive(Default)]
struct Disk {
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending: Vec<NameChange>,
    requests: u64,
    power_fails_at: Option<u64>,
    is_off: bool,
    room: Option<usize>,
    refused: Option<Request>,
}

/// The disk. Clones share it.
#[derive(Clone, Default)]
pub struct SimulatedFiles(Arc<Mutex<Disk>>);

impl SimulatedFiles {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the power fail in the request that follows so many others: its effect may be there or not, and all after
    /// it fail.
    pub fn fail_power_after(&self, requests: u64) {
        let mut disk = self.disk();
        disk.power_fails_at = Some(disk.requests + requests);
    }

    /// Whether the power failed.
    pub fn is_off(&self) -> bool {
        self.disk().is_off
    }

    /// Gives power back. What was not flushed is lost as said; nothing is refused and there is room.
    pub fn restart(&self, loss: Loss) {
        let mut disk = self.disk();
        let mut chance = Chance(loss);
        let pending = std::mem::take(&mut disk.pending);
        for change in pending.into_iter().filter(|_| chance.is_kept()) {
            apply(&mut disk.durable_names, change);
        }
        disk.names = disk.durable_names.clone();
        for content in &mut disk.contents {
            content.bytes = chance.what_stands(content);
            content.durable.clone_from(&content.bytes);
        }
        (disk.power_fails_at, disk.is_off, disk.room, disk.refused) = (None, false, None, None);
    }

    /// Leaves room for so many bytes more; none for as many as there are.
    pub fn limit_room(&self, bytes: Option<usize>) {
        self.disk().room = bytes;
    }

    /// Refuses one kind of request from here on; none for no kind.
    pub fn refuse(&self, request: Option<Request>) {
        self.disk().refused = request;
    }

    /// Puts down a file, durable at once.
    pub fn put(&self, path: impl Into<PathBuf>, bytes: &[u8]) {
        let mut disk = self.disk();
        let path = path.into();
        disk.contents.push(Content { bytes: bytes.to_vec(), durable: bytes.to_vec() });
        let at = disk.contents.len() - 1;
        disk.names.insert(path.clone(), at);
        disk.durable_names.insert(path, at);
    }

    /// A file's bytes as they are; nothing is counted and nothing fails.
    pub fn content(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let disk = self.disk();
        disk.names.get(path.as_ref()).map(|at| disk.contents[*at].bytes.clone())
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<PathBuf> {
        self.disk().names.keys().cloned().collect()
    }
}

/// What stands after the power failed.
struct Chance(Loss);

impl Chance {
    /// The next number of a row that the seed decides (Marsaglia's xorshift).
    fn next(&mut self) -> u64 {
        let Loss::Chance(seed) = &mut self.0 else { return 0 };
        let mut number = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        *seed = number;
        number >> 16
    }

    fn is_kept(&mut self) -> bool {
        match self.0 {
            Loss::Everything => false,
            Loss::Nothing => true,
            Loss::Chance(_) => self.next().is_multiple_of(2),
        }
    }

    fn what_stands(&mut self, content: &Content) -> Vec<u8> {
        if !matches!(self.0, Loss::Chance(_)) || !content.bytes.starts_with(&content.durable) {
            return if self.is_kept() { content.bytes.clone() } else { content.durable.clone() };
        }
        let added = (content.bytes.len() - content.durable.len()) as u64;
        let kept = content.durable.len() + usize::try_from(self.next() % (added + 1)).unwrap_or_default();
        let mut bytes = content.bytes[..kept].to_vec();
        if self.is_kept() {
            // The length reached the disk, the bytes did not.
            bytes.resize(content.bytes.len(), 0);
        }
        bytes
    }
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, change: NameChange) {
    for (path, content) in change {
        match content {
            Some(at) => names.insert(path, at),
            None => names.remove(&path),
        };
    }
}

impl Disk {
    /// Counts a request. The power may fail in it: then its effect is made all the same, for the restart to lose or to
    /// keep, and the answer is an error.
    fn begin(&mut self, request: Request) -> io::Result<bool> {
        if self.is_off {
            return Err(io::Error::other("the power is off"));
        }
        if self.refused == Some(request) {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        self.requests += 1;
        self.is_off = self.power_fails_at.is_some_and(|at| self.requests > at);
        Ok(self.is_off)
    }

    fn end(&self) -> io::Result<()> {
        if self.is_off { Err(io::Error::other("the power failed")) } else { Ok(()) }
    }

    fn change_names(&mut self, change: NameChange) {
        apply(&mut self.names, change.clone());
        self.pending.push(change);
    }

    fn content_at(&mut self, path: &Path) -> usize {
        if let Some(at) = self.names.get(path) {
            return *at;
        }
        self.contents.push(Content::default());
        let at = self.contents.len() - 1;
        self.change_names(vec![(path.to_owned(), Some(at))]);
        at
    }
}

struct SimulatedAppender {
    files: SimulatedFiles,
    at: usize,
}

impl Appender for SimulatedAppender {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.files.disk();
        disk.begin(Request::Append)?;
        let fitting = disk.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        disk.contents[self.at].bytes.extend_from_slice(&bytes[..fitting]);
        if let Some(room) = &mut disk.room {
            *room -= fitting;
        }
        disk.end()?;
        if fitting < bytes.len() { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut disk = self.files.disk();
        if !disk.begin(Request::Flush)? {
            let content = &mut disk.contents[self.at];
            content.durable.clone_from(&content.bytes);
        }
        disk.end()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut disk = self.files.disk();
        disk.begin(Request::Truncate)?;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        disk.contents[self.at].bytes.resize(length, 0);
        disk.end()
    }
}

impl Files for SimulatedFiles {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let mut disk = self.disk();
        disk.begin(Request::Read)?;
        disk.end()?;
        Ok(disk.names.get(path).map(|at| disk.contents[*at].bytes.clone()))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Appender>> {
        let mut disk = self.disk();
        disk.begin(Request::Open)?;
        let at = disk.content_at(path);
        disk.contents[at].bytes.clear();
        disk.end()?;
        Ok(Box::new(SimulatedAppender { files: self.clone(), at }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Appender>> {
        let mut disk = self.disk();
        disk.begin(Request::Open)?;
        let at = disk.content_at(path);
        disk.end()?;
        Ok(Box::new(SimulatedAppender { files: self.clone(), at }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.begin(Request::Rename)?;
        let at = *disk.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        disk.change_names(vec![(from.to_owned(), None), (to.to_owned(), Some(at))]);
        disk.end()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.begin(Request::Remove)?;
        if disk.names.contains_key(path) {
            disk.change_names(vec![(path.to_owned(), None)]);
        }
        disk.end()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut disk = self.disk();
        disk.begin(Request::Read)?;
        disk.end()?;
        let inside = disk.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| path.file_name()?.to_str().map(ToOwned::to_owned)).collect())
    }

    fn flush_folder(&self, folder: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        if !disk.begin(Request::FlushFolder)? {
            let is_inside =
                |change: &mut NameChange| change.iter().any(|(path, _)| path.parent() == Some(folder));
            let flushed: Vec<NameChange> = disk.pending.extract_if(.., is_inside).collect();
            for change in flushed {
                apply(&mut disk.durable_names, change);
            }
        }
        disk.end()
    }
}
