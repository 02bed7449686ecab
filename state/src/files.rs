//! The few file operations that durability is made of.
//!
//! Invariant: everything the file backend does to a disk goes through [`Files`], so that a test can drop what was
//! not flushed at a crash.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// An open file that is written at its end.
pub trait Appender: Send {
    /// Adds bytes at the end; not durable yet.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was added durable.
    fn flush(&mut self) -> io::Result<()>;
    /// Cuts the file to a length.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// A disk.
pub trait Files: Send + Sync {
    /// The whole file; none when there is no such file.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// A new, empty file that only its owner may read; one of the same name is emptied.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Appender>>;
    /// A file to go on with at its end; made when it is not there.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Appender>>;
    /// Gives a file another name; what had that name is gone.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; nothing happens when it is not there.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Names of the files in a folder, in any order; none when there is no such folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Makes renames, creations and removals in a folder durable.
    fn flush_folder(&self, folder: &Path) -> io::Result<()>;
}

/// The operating system's files.
pub struct RealFiles;

struct RealAppender(File);

impl Appender for RealAppender {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)?;
        // Else the next bytes of a file that was made here would stand behind a hole.
        self.0.seek(SeekFrom::Start(length)).map(|_| ())
    }
}

impl Files for RealFiles {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Appender>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        make_folder(path)?;
        Ok(Box::new(RealAppender(private(options).open(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Appender>> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        make_folder(path)?;
        Ok(Box::new(RealAppender(private(options).open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        // A name that is no text is none of ours.
        entries
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect()
    }

    fn flush_folder(&self, folder: &Path) -> io::Result<()> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        match File::open(folder) {
            // Nothing was made or removed in a folder that is not there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            folder => folder?.sync_all(),
        }
    }
}

/// The folder that a file is to stand in, which a setting may name before it is there.
fn make_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)
}

#[cfg(unix)]
fn private(mut options: OpenOptions) -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private(options: OpenOptions) -> OpenOptions {
    options
}
