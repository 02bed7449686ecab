//! How many requests one connection is given at once, and how long to wait before one is sent again.
//!
//! A target that says "too many" is given half as many at once from then on; while it says nothing, one more each
//! time as many as there may be came through. Who was refused lets others go on meanwhile.
//!
//! Invariant: whoever is let in is counted until it is done, however it ends.

use crate::environment::Environment;
use formwork_sdk::{ErrorKind, ProviderError};
use futures::channel::oneshot;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// How often a request whose error may well pass is sent again before the error is shown.
const TRIES_AGAIN_AT_MOST: u32 = 6;
/// The same where the target only asks for patience.
const TRIES_AGAIN_THROTTLED_AT_MOST: u32 = 12;

/// The first pause before a request is sent again, and the longest; each one doubles.
const TRANSIENT_PAUSE_MS: (u64, u64) = (200, 10_000);
const THROTTLED_PAUSE_MS: (u64, u64) = (500, 30_000);

/// How many requests one connection is given at once.
pub(crate) struct Pace {
    most: usize,
    limit: Cell<usize>,
    running: Cell<usize>,
    /// How many came through since the limit was last changed.
    quiet: Cell<usize>,
    /// How often the limit was halved: what began before counts once.
    halvings: Cell<u64>,
    /// Nothing is sent before this moment: the target said when to come back.
    not_before_ms: Cell<u64>,
    waiting: RefCell<VecDeque<oneshot::Sender<()>>>,
}

/// The right to send a request; given back when it is dropped.
pub(crate) struct Admission<'a> {
    pace: &'a Pace,
    halvings: u64,
}

impl Pace {
    /// No more than so many at once, however quiet it stays.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            limit: Cell::new(most),
            running: Cell::new(0),
            quiet: Cell::new(0),
            halvings: Cell::new(0),
            not_before_ms: Cell::new(0),
            waiting: RefCell::default(),
        }
    }

    /// How many wait to be let in.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.borrow().iter().filter(|one| !one.is_canceled()).count()
    }

    /// Waits until one more may be sent.
    pub(crate) async fn enter(&self, environment: &Environment) -> Admission<'_> {
        while self.running.get() >= self.limit.get() {
            let (sender, turn) = oneshot::channel();
            self.waiting.borrow_mut().push_back(sender);
            // Whoever woke this one may be gone by the time it looks; it looks again either way.
            let _ = turn.await;
        }
        self.running.set(self.running.get() + 1);
        let admission = Admission { pace: self, halvings: self.halvings.get() };
        loop {
            let pause_ms = self.not_before_ms.get().saturating_sub(environment.clock.monotonic_ms());
            if pause_ms == 0 || environment.is_interrupted() {
                return admission;
            }
            environment.clock.sleep(pause_ms).await;
        }
    }

    fn wake(&self) {
        let mut free = self.limit.get().saturating_sub(self.running.get());
        let mut waiting = self.waiting.borrow_mut();
        while free > 0 {
            let Some(next) = waiting.pop_front() else { return };
            free -= usize::from(next.send(()).is_ok());
        }
    }
}

impl Admission<'_> {
    /// The target took it.
    pub(crate) fn came_through(&self) {
        let pace = self.pace;
        let quiet = pace.quiet.get() + 1;
        if quiet < pace.limit.get() || pace.limit.get() == pace.most {
            pace.quiet.set(quiet);
            return;
        }
        pace.quiet.set(0);
        pace.limit.set(pace.limit.get() + 1);
    }

    /// The target said that it was too many. What was under way together is one sign, not many.
    pub(crate) fn was_too_many(&self, retry_after_ms: Option<u64>, now_ms: u64) {
        let pace = self.pace;
        if let Some(retry_after_ms) = retry_after_ms {
            let not_before_ms = now_ms.saturating_add(retry_after_ms);
            pace.not_before_ms.set(pace.not_before_ms.get().max(not_before_ms));
        }
        if self.halvings == pace.halvings.get() {
            pace.halvings.set(pace.halvings.get() + 1);
            pace.limit.set((pace.limit.get() / 2).max(1));
            pace.quiet.set(0);
        }
    }

    /// Takes note of how a request ended.
    pub(crate) fn note(&self, error: Option<&ProviderError>, environment: &Environment) {
        match error {
            Some(error) if error.kind == ErrorKind::Throttled => {
                self.was_too_many(error.retry_after_ms, environment.clock.monotonic_ms());
            }
            Some(_) => {}
            None => self.came_through(),
        }
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        self.pace.running.set(self.pace.running.get() - 1);
        self.pace.wake();
    }
}

/// How long to wait before a request is sent again; none when its error will not pass or was met too often. Two
/// numbers that differ give pauses that differ, so that what was refused together does not come back together.
pub(crate) fn pause_ms(error: &ProviderError, attempt: u32, number: u64) -> Option<u64> {
    let ((first_ms, longest_ms), at_most) = match error.kind {
        ErrorKind::Throttled => (THROTTLED_PAUSE_MS, TRIES_AGAIN_THROTTLED_AT_MOST),
        ErrorKind::Transient => (TRANSIENT_PAUSE_MS, TRIES_AGAIN_AT_MOST),
        _ => return None,
    };
    if attempt >= at_most {
        return None;
    }
    let pause_ms = first_ms.saturating_mul(1 << attempt.min(16)).min(longest_ms);
    let jitter_ms = scattered(number.wrapping_add(u64::from(attempt) << 32)) % (pause_ms / 2 + 1);
    Some(match error.retry_after_ms {
        // Never before the target said.
        Some(retry_after_ms) => retry_after_ms.saturating_add(jitter_ms),
        None => pause_ms - jitter_ms,
    })
}

/// A number far from its neighbour's (the finaliser of `SplitMix64`).
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets one in that is known to find a place.
    fn admitted(pace: &Pace) -> Admission<'_> {
        assert!(pace.running.get() < pace.limit.get());
        pace.running.set(pace.running.get() + 1);
        Admission { pace, halvings: pace.halvings.get() }
    }

    #[test]
    fn the_limit_halves_at_once_and_rises_slowly() {
        let pace = Pace::new(8);
        let together: Vec<_> = (0..8).map(|_| admitted(&pace)).collect();
        for one in &together {
            one.was_too_many(None, 0);
        }
        drop(together);
        assert_eq!(pace.limit.get(), 4, "what was under way together is one sign");
        let limits: Vec<usize> = (0..40)
            .map(|_| {
                admitted(&pace).came_through();
                pace.limit.get()
            })
            .collect();
        assert_eq!((limits[2], limits[3], limits[8], limits[21], limits[39]), (4, 5, 6, 8, 8));
        for expected in [4, 2, 1, 1] {
            admitted(&pace).was_too_many(Some(5), 10);
            assert_eq!((pace.limit.get(), pace.not_before_ms.get()), (expected, 15));
        }
        assert_eq!(pace.running.get(), 0);
    }

    #[test]
    fn pauses_grow_differ_and_keep_to_what_the_target_said() {
        let error = |kind, retry_after_ms| ProviderError { retry_after_ms, ..ProviderError::new(kind, "") };
        let cases = [
            (ErrorKind::Transient, None, 0, Some((100, 200))),
            (ErrorKind::Transient, None, 5, Some((3200, 6400))),
            (ErrorKind::Transient, None, 6, None),
            (ErrorKind::Throttled, None, 0, Some((250, 500))),
            (ErrorKind::Throttled, None, 11, Some((15_000, 30_000))),
            (ErrorKind::Throttled, Some(7000), 0, Some((7000, 7250))),
            (ErrorKind::Throttled, None, 12, None),
            (ErrorKind::Denied, Some(7000), 0, None),
        ];
        for (kind, retry_after_ms, attempt, expected) in cases {
            let pauses: Vec<_> = (0..50)
                .filter_map(|number| pause_ms(&error(kind, retry_after_ms), attempt, number))
                .collect();
            let Some((least, most)) = expected else {
                assert!(pauses.is_empty(), "{kind:?} {attempt}");
                continue;
            };
            assert!(pauses.iter().all(|pause| (least..=most).contains(pause)), "{kind:?} {pauses:?}");
            let distinct: std::collections::BTreeSet<_> = pauses.iter().collect();
            assert!(distinct.len() > 25, "{kind:?} {attempt}: {distinct:?}");
        }
    }
}
