//! Where a test may end the process: only in builds made for tests.

use formwork_state::FaultHook;

/// The hook that the environment asks for: `FORMWORK_FAULT=POINT:RECORD:COUNT` kills the process at the COUNT-th
/// passing of a point, `after-flush:intent:2` say; an empty RECORD stands for any.
#[cfg(feature = "fault-injection")]
pub(crate) fn hook() -> Option<FaultHook> {
    use formwork_state::FaultPoint;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    let text = std::env::var("FORMWORK_FAULT").ok()?;
    let mut parts = text.splitn(3, ':');
    let (point, record) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let left = AtomicU64::new(parts.next()?.parse().ok()?);
    Some(Arc::new(move |at, name| {
        let here = match at {
            FaultPoint::BeforeFlush => "before-flush",
            FaultPoint::AfterFlush => "after-flush",
            FaultPoint::SnapshotWritten => "snapshot-written",
            FaultPoint::SnapshotRenamed => "snapshot-renamed",
            FaultPoint::BeforeJournalRemoval => "before-journal-removal",
        };
        let is_it = here == point && (record.is_empty() || record == name);
        if is_it && left.fetch_sub(1, Ordering::SeqCst) == 1 {
            crate::failure::kill();
        }
    }))
}

/// No hook: this build cannot be ended from outside but by signals.
#[cfg(not(feature = "fault-injection"))]
pub(crate) fn hook() -> Option<FaultHook> {
    None
}
