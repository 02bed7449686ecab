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

/// The simulated datacentre with the crash that the environment asks for: `FORMWORK_SIM_CRASH=CALL:POINT` ends the
/// process in the CALL-th call of this process, `before-effect` or `after-effect`.
#[cfg(all(feature = "provider-sim", feature = "fault-injection"))]
pub(crate) fn misfortune(provider: formwork_provider_sim::SimProvider) -> formwork_provider_sim::SimProvider {
    use formwork_provider_sim::{Crash, CrashPoint, Faults};
    let text = std::env::var("FORMWORK_SIM_CRASH").unwrap_or_default();
    let crash = text.split_once(':').and_then(|(call, point)| {
        let point = match point {
            "before-effect" => CrashPoint::BeforeEffect,
            "after-effect" => CrashPoint::AfterEffect,
            _ => return None,
        };
        Some(Crash { call: call.parse().ok()?, point })
    });
    provider.with_faults(Faults { crash, ..Faults::default() })
}

/// The simulated datacentre as its configuration says.
#[cfg(all(feature = "provider-sim", not(feature = "fault-injection")))]
pub(crate) fn misfortune(provider: formwork_provider_sim::SimProvider) -> formwork_provider_sim::SimProvider {
    provider
}
