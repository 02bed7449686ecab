//! What the file backend needs of a file system, and the real one.
//!
//! Invariant: everything that is done to a disk goes through [`Files`], so that a test can drop what was not flushed;
//! and nothing is durable before `flush` (bytes of a file) or `flush_folder` (names) has returned.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// By what a file is known to be unchanged without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its length in bytes.
    pub length: u64,
    /// When it was written, in nanoseconds of whatever clock the files have.
    pub written_ns: u128,
}

/// A file open for writing.
pub trait Appender: Send {
    /// Writes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable.
    fn flush(&mut self) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// A lock on a file, held until it is dropped.
pub trait HeldLock: Send {
    /// Replaces what the locked file says.
    fn describe(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// A file system.
pub trait Files: Send + Sync + 'static {
    /// Where a path leads once its links are followed.
    fn resolve(&self, path: PathBuf) -> PathBuf {
        path
    }
    /// What a file holds; none where there is none.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// A file's stamp; none where there is none.
    fn stamp(&self, path: &Path) -> io::Result<Option<Stamp>>;
    /// An empty file that only its owner reads, in place of any other.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Appender>>;
    /// A file to append to; made, for its owner alone, where there is none.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Appender>>;
    /// Gives a file a second name, or copies it where that cannot be done.
    fn duplicate(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Moves a name over another.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; nothing happens where there is none.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn flush_folder(&self, folder: &Path) -> io::Result<()>;
    /// Locks a file, making it where there is none; nothing where another holds it.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn HeldLock>>>;
}

/// The file system of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFiles;

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// Narrows the mode of a file that was made by somebody else with a wider one.
#[cfg(unix)]
fn keep_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_private(_: &File) -> io::Result<()> {
    Ok(())
}

fn unless_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Appender for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.sync_data()
    }
}

impl Files for RealFiles {
    fn resolve(&self, path: PathBuf) -> PathBuf {
        if path.is_symlink() { std::fs::canonicalize(&path).unwrap_or(path) } else { path }
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        unless_missing(std::fs::read(path))
    }

    fn stamp(&self, path: &Path) -> io::Result<Option<Stamp>> {
        let Some(metadata) = unless_missing(std::fs::metadata(path))? else { return Ok(None) };
        let written = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(Some(Stamp { length: metadata.len(), written_ns: written.as_nanos() }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Appender>> {
        let file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(path)?;
        keep_private(&file)?;
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Appender>> {
        let file = private(OpenOptions::new().append(true).create(true)).open(path)?;
        keep_private(&file)?;
        Ok(Box::new(file))
    }

    fn duplicate(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.remove(to)?;
        if std::fs::hard_link(from, to).is_ok() {
            return Ok(());
        }
        let mut copy = self.create(to)?;
        copy.append(&std::fs::read(from)?)?;
        copy.flush()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        unless_missing(std::fs::remove_file(path)).map(drop)
    }

    fn flush_folder(&self, folder: &Path) -> io::Result<()> {
        #[cfg(unix)]
        File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?.sync_all()?;
        #[cfg(not(unix))]
        let _ = folder;
        Ok(())
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn HeldLock>>> {
        loop {
            let file =
                private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // The holder before removes the file when it ends. Whoever had it open by then holds a lock on a file
            // without a name, which keeps nobody out.
            if is_named(&file, path)? {
                return Ok(Some(Box::new(RealLock { file })));
            }
        }
    }
}

#[cfg(unix)]
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let held = file.metadata()?;
    let named = unless_missing(std::fs::metadata(path))?;
    Ok(named.is_some_and(|named| named.ino() == held.ino() && named.dev() == held.dev()))
}

#[cfg(not(unix))]
fn is_named(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

struct RealLock {
    file: File,
}

impl HeldLock for RealLock {
    fn describe(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(bytes)
    }
}
