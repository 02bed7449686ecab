//! The thread that keeps a lease alive.
//!
//! Invariant: it writes nothing but the heartbeat. When the lease is lost it ends; the place refuses what comes after.

use crate::backend::{Backend, BackendError, Fence};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How many heartbeats fit into a lease, so that one that is lost does no harm.
const BEATS: u32 = 3;

/// Beats until it is dropped.
pub(crate) struct Heartbeat {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    pub(crate) fn start(backend: Arc<dyn Backend>, fence: Fence, duration: Duration) -> Self {
        let (end, ended) = channel();
        let thread = std::thread::spawn(move || {
            while ended.recv_timeout(duration / BEATS) == Err(RecvTimeoutError::Timeout) {
                // A place that does not answer is asked again: the lease stands until somebody takes it over.
                if matches!(backend.renew(fence), Err(BackendError::Fenced)) {
                    return;
                }
            }
        });
        Self { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.end.take());
        // A heartbeat that panicked has ended too.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
