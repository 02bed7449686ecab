//! Waiting for a network from a thread that may block, whatever runs around it.
//!
//! Invariant: a backend's call never starts a runtime inside another.

#[cfg(feature = "http")]
pub mod aws;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "http")]
pub mod proxy;
#[cfg(feature = "http")]
pub mod s3;
pub mod tls;

use crate::backend::BackendError;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime that belongs to one place.
pub struct Network(Option<Runtime>);

impl Network {
    /// One thread, which does nothing while nobody waits.
    pub fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Waits for what a place answers. A thread of its own waits, since the caller's may drive another runtime.
    pub fn wait<T: Send>(
        &self,
        work: impl Future<Output = Result<T, BackendError>> + Send,
    ) -> Result<T, BackendError> {
        let ended = || BackendError::Failed("the connection's thread ended".to_owned());
        let handle = self.0.as_ref().map(Runtime::handle).cloned().ok_or_else(ended)?;
        let wait =
            |handle: Handle| std::thread::scope(|scope| scope.spawn(move || handle.block_on(work)).join());
        wait(handle).unwrap_or_else(|_| Err(ended()))
    }

    /// Lets so much time pass before somebody's lease is asked for again; false where the time is over.
    pub fn pause_until(&self, deadline: Instant, retry: Duration) -> Result<bool, BackendError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let pausing = async {
            pause(retry.min(left)).await;
            Ok(())
        };
        self.wait(pausing).map(|()| true)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Dropped where another runtime runs, it may not wait for its thread.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// An error with all its causes, in one line.
pub fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        let more = one.to_string();
        // Some errors say their causes themselves.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = one.source();
    }
    text
}

/// Lets time pass between two questions.
pub async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}
