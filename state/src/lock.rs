//! The operating system's lock on a state in files, with a text beside it that says who holds it.
//!
//! Invariant: the lock's file holds the number of its last lease, which only ever rises.

use crate::backend::{BackendError, Fence, Holder};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a taken lock is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// A held lock; given back when dropped, and by the operating system when the process ends in whatever way.
pub(crate) struct Lock {
    /// Held for as long as it is open.
    _file: File,
    path: PathBuf,
    info: PathBuf,
    fence: Fence,
    text: String,
}

impl Lock {
    pub(crate) fn take(
        path: &Path,
        info: &Path,
        holder: &Holder,
        timeout_ms: u64,
    ) -> Result<Self, BackendError> {
        let failed = |error: io::Error| BackendError::Failed(format!("{}: {error}", path.display()));
        let options = OpenOptions::new().create(true).truncate(false).read(true).write(true).clone();
        let mut file = options.open(path).map_err(failed)?;
        let deadline = Instant::now() + Duration::from_millis(timeout_ms);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(RETRY),
                Err(TryLockError::WouldBlock) => {
                    return Err(BackendError::Held(read_holder(info).map(Box::new)));
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        let (fence, text) = next_fence(&mut file, holder).map_err(failed)?;
        if let Ok(text) = serde_json::to_vec(holder) {
            // The text only explains; the lock itself is held without it.
            let _ = std::fs::write(info, text);
        }
        Ok(Self { _file: file, path: path.to_owned(), info: info.to_owned(), fence, text })
    }

    pub(crate) fn fence(&self) -> Fence {
        self.fence
    }

    /// Whether this lease is the last: nobody removed the lock's file and took another.
    pub(crate) fn is_held(&self, fence: Fence) -> bool {
        self.fence == fence && std::fs::read_to_string(&self.path).is_ok_and(|text| text == self.text)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A text that stays behind says nothing while nobody holds the lock.
        let _ = std::fs::remove_file(&self.info);
    }
}

/// Counts one further. The process stands behind the number, so that a lock file that was removed and made again
/// does not pass for this one.
fn next_fence(file: &mut File, holder: &Holder) -> io::Result<(Fence, String)> {
    let mut before = String::new();
    file.read_to_string(&mut before)?;
    let last: u64 =
        before.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default();
    let fence = Fence(last + 1);
    let text = format!("{} {}\n", fence.0, holder.pid);
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    Ok((fence, text))
}

/// Who holds the lock. A text without a holder is what a process left that was killed.
pub(crate) fn holder(path: &Path, info: &Path) -> Result<Option<Holder>, BackendError> {
    // Asked first, so that the lock is tried only where there was a holder: whoever takes it meanwhile would be refused.
    let Some(holder) = read_holder(info) else { return Ok(None) };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(BackendError::Failed(format!("{}: {error}", path.display()))),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(holder)),
        Err(TryLockError::Error(error)) => Err(BackendError::Failed(format!("{}: {error}", path.display()))),
    }
}

fn read_holder(info: &Path) -> Option<Holder> {
    std::fs::read(info).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}
