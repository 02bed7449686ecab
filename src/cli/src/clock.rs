//! The machine's clock, for the engine, which has none of its own.

use formwork_engine::Clock;
use std::time::{Duration, Instant};

/// The machine's clock.
pub(crate) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins here.
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }
}

/// Now, RFC 3339 in UTC, to the microsecond.
pub(crate) fn timestamp() -> String {
    format!("{:.6}", jiff::Timestamp::now())
}

/// Now, RFC 3339 in UTC, to the second.
pub(crate) fn timestamp_to_the_second() -> String {
    format!("{:.0}", jiff::Timestamp::now())
}

/// Now in UTC, to the second, as signatures have it: `20260102T030405Z`.
pub(crate) fn compact() -> String {
    format!("{:.0}", jiff::Timestamp::now()).replace(['-', ':'], "")
}

/// Now, in seconds since 1970, for certificates and for what must be renewed.
#[cfg(any(feature = "provider-tls", feature = "provider-plugin"))]
pub(crate) fn seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}

impl Clock for SystemClock {
    fn now(&self) -> String {
        timestamp_to_the_second()
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn sleep(&self, milliseconds: u64) -> futures::future::BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(milliseconds)))
    }
}
