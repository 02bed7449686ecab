//! The operating system's lock on a state, with a text beside it that says who holds it.

use crate::store::{StoreOptions, beside};
use formwork_diagnostic::Diagnostic;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often a taken lock is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// A held lock; given back when dropped, and by the operating system when the process ends in whatever way.
pub(crate) struct Lock {
    _file: File,
    info: PathBuf,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Holder {
    pid: u32,
    operation: String,
    since: String,
}

impl Lock {
    pub(crate) fn take(options: &StoreOptions) -> Result<Self, Diagnostic> {
        let path = beside(&options.path, ".lock");
        let info = beside(&options.path, ".lock.info");
        let failed = |error: &dyn std::fmt::Display| {
            Diagnostic::error("state-lock-failed", "State lock cannot be taken", format!("{}: {error}.", path.display())).hint("Check that the folder may be written.")
        };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(|error| failed(&error))?;
        let deadline = Instant::now() + Duration::from_millis(options.lock_timeout_ms);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(RETRY),
                Err(TryLockError::WouldBlock) => return Err(held(&info)),
                Err(TryLockError::Error(error)) => return Err(failed(&error)),
            }
        }
        let holder = Holder { pid: std::process::id(), operation: options.operation.clone(), since: options.time.clone() };
        if let Ok(text) = serde_json::to_vec(&holder) {
            // The text only explains; the lock itself is held without it.
            let _ = std::fs::write(&info, text);
        }
        Ok(Self { _file: file, info })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A text that stays behind says nothing while nobody holds the lock.
        let _ = std::fs::remove_file(&self.info);
    }
}

fn held(info: &std::path::Path) -> Diagnostic {
    let holder: Option<Holder> = std::fs::read(info).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let detail = match holder {
        Some(holder) => format!("Process {} holds the lock on this state for {} since {}.", holder.pid, holder.operation, holder.since),
        None => "Another process holds the lock on this state.".to_owned(),
    };
    Diagnostic::error("state-locked", "Error acquiring the state lock", detail).hint("Wait for it to end, or use -lock-timeout=60s to wait here.")
}
