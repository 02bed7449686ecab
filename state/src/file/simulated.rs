//! A disk in memory that can lose power after any operation, and can be full.

use super::{Appender, Files, HeldLock, Stamp};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// What a loss of power leaves of what was not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nothing: neither bytes nor names.
    All,
    /// The names, and the first half of the bytes of each file.
    HalfOfEachFile,
    /// Everything, as when only the process is killed.
    Nothing,
}

#[derive(Clone, Default)]
struct Content {
    durable: Vec<u8>,
    current: Vec<u8>,
    written: u128,
}

#[derive(Clone, Default)]
struct Disk {
    contents: Vec<Content>,
    durable_names: BTreeMap<PathBuf, usize>,
    names: BTreeMap<PathBuf, usize>,
    locked: BTreeSet<PathBuf>,
    operations: u64,
    /// The operation from which on nothing works.
    dies_at: Option<u64>,
    /// How many bytes fit.
    capacity: Option<usize>,
}

impl Disk {
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        if self.dies_at.is_some_and(|at| self.operations > at) {
            Err(io::Error::other("no power"))
        } else {
            Ok(())
        }
    }

    fn room(&self) -> usize {
        let used: usize = self.names.values().map(|at| self.contents[*at].current.len()).sum();
        self.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(used))
    }

    fn new_file(&mut self, path: &Path) -> usize {
        self.contents.push(Content::default());
        self.names.insert(path.to_owned(), self.contents.len() - 1);
        self.contents.len() - 1
    }
}

/// The disk. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct SimulatedFiles(Arc<Mutex<Disk>>);

impl SimulatedFiles {
    pub(crate) fn dying_at(operation: u64) -> Self {
        let files = Self::default();
        files.disk().dies_at = Some(operation);
        files
    }

    /// The disk as it is found after the power came back.
    pub(crate) fn after(&self, loss: Loss) -> Self {
        let mut disk = self.disk().clone();
        (disk.dies_at, disk.operations) = (None, 0);
        disk.locked.clear();
        if loss == Loss::All {
            disk.names = disk.durable_names.clone();
        }
        for content in &mut disk.contents {
            let kept = match loss {
                Loss::All => content.durable.clone(),
                Loss::Nothing => content.current.clone(),
                Loss::HalfOfEachFile => {
                    let durable = content.durable.len().min(content.current.len());
                    let kept = durable + (content.current.len() - durable) / 2;
                    content.current[..kept].to_vec()
                }
            };
            content.current = kept.clone();
            content.durable = kept;
        }
        disk.durable_names = disk.names.clone();
        Self(Arc::new(Mutex::new(disk)))
    }

    pub(crate) fn limit(&self, capacity: Option<usize>) {
        self.disk().capacity = capacity;
    }

    pub(crate) fn operations(&self) -> u64 {
        self.disk().operations
    }

    pub(crate) fn used(&self) -> usize {
        let disk = self.disk();
        disk.names.values().map(|at| disk.contents[*at].current.len()).sum()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.disk().names.keys().map(|path| path.display().to_string()).collect()
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let mut disk = self.disk();
        let at = disk.new_file(Path::new(path));
        disk.contents[at].current = bytes.to_vec();
        disk.contents[at].durable = bytes.to_vec();
        disk.contents[at].written = 1 << 100;
        disk.durable_names = disk.names.clone();
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }
}

struct SimulatedFile {
    files: SimulatedFiles,
    at: usize,
}

impl Appender for SimulatedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.files.disk();
        disk.operate()?;
        let room = disk.room().min(bytes.len());
        let now = u128::from(disk.operations);
        let content = &mut disk.contents[self.at];
        content.current.extend_from_slice(&bytes[..room]);
        content.written = now;
        if room < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut disk = self.files.disk();
        disk.operate()?;
        let content = &mut disk.contents[self.at];
        content.durable = content.current.clone();
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut disk = self.files.disk();
        disk.operate()?;
        let content = &mut disk.contents[self.at];
        content.current.truncate(usize::try_from(length).unwrap());
        content.durable = content.current.clone();
        Ok(())
    }
}

struct SimulatedLock {
    files: SimulatedFiles,
    path: PathBuf,
}

impl HeldLock for SimulatedLock {
    fn describe(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.files.disk();
        if let Some(at) = disk.names.get(&self.path).copied() {
            disk.contents[at].current = bytes.to_vec();
        }
        Ok(())
    }
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.files.disk().locked.remove(&self.path);
    }
}

impl Files for SimulatedFiles {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let disk = self.disk();
        Ok(disk.names.get(path).map(|at| disk.contents[*at].current.clone()))
    }

    fn stamp(&self, path: &Path) -> io::Result<Option<Stamp>> {
        let disk = self.disk();
        let content = disk.names.get(path).map(|at| &disk.contents[*at]);
        Ok(content.map(|content| Stamp { length: content.current.len() as u64, written_ns: content.written }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Appender>> {
        let mut disk = self.disk();
        disk.operate()?;
        let at = disk.new_file(path);
        Ok(Box::new(SimulatedFile { files: self.clone(), at }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Appender>> {
        let mut disk = self.disk();
        disk.operate()?;
        let at = disk.names.get(path).copied();
        let at = at.unwrap_or_else(|| disk.new_file(path));
        Ok(Box::new(SimulatedFile { files: self.clone(), at }))
    }

    fn duplicate(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.operate()?;
        let at = *disk.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        disk.names.insert(to.to_owned(), at);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.operate()?;
        let at = disk.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        disk.names.insert(to.to_owned(), at);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.operate()?;
        disk.names.remove(path);
        Ok(())
    }

    fn flush_folder(&self, _: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.operate()?;
        disk.durable_names = disk.names.clone();
        Ok(())
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn HeldLock>>> {
        let mut disk = self.disk();
        if !disk.names.contains_key(path) {
            disk.new_file(path);
        }
        let is_free = disk.locked.insert(path.to_owned());
        Ok(is_free.then(|| {
            Box::new(SimulatedLock { files: self.clone(), path: path.to_owned() }) as Box<dyn HeldLock>
        }))
    }
}
