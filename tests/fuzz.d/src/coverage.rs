//! Which edges of the control flow a run took, counted by the compiler's own instrumentation.
//!
//! The compiler hands over its counters as raw memory, before `main` begins; that is why this crate alone may use
//! `unsafe`. Built without the instrumentation there are no counters, and inputs are changed blindly.

use std::sync::Mutex;

struct Region {
    start: *mut u8,
    length: usize,
}

// The memory is static; only the thread that runs targets touches it.
unsafe impl Send for Region {}

static REGIONS: Mutex<Vec<Region>> = Mutex::new(Vec::new());

/// Called by instrumented code before `main`, once an object file.
#[expect(unreachable_pub, reason = "the linker reaches it")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    let length = (stop as usize).saturating_sub(start as usize);
    if let Ok(mut regions) = REGIONS.lock()
        && !regions.iter().any(|region| region.start == start)
    {
        regions.push(Region { start, length });
    }
}

/// What has been reached so far: for each edge, how often at most in one run, in steps.
pub(crate) struct Reached {
    seen: Vec<u8>,
}

/// Once, twice, three times, up to 7, 15, 31, 127, more: a bit each.
fn step(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        128.. => 128,
    }
}

impl Reached {
    pub(crate) fn new() -> Self {
        let edges = REGIONS.lock().map_or(0, |regions| regions.iter().map(|region| region.length).sum());
        Self { seen: vec![0; edges] }
    }

    /// How many edges there are, and how many were taken.
    pub(crate) fn edges(&self) -> (usize, usize) {
        (self.seen.len(), self.seen.iter().filter(|steps| **steps != 0).count())
    }

    /// Sets all counters back.
    pub(crate) fn begin() {
        for region in REGIONS.lock().iter().flat_map(|regions| regions.iter()) {
            // SAFETY: the compiler gave the bounds of a static array, and nothing else runs.
            unsafe { std::ptr::write_bytes(region.start, 0, region.length) };
        }
    }

    /// Takes in what the run since [`Reached::begin`] reached; whether any of it is new.
    pub(crate) fn take(&mut self) -> bool {
        let mut is_new = false;
        let mut base = 0;
        let Ok(regions) = REGIONS.lock() else { return false };
        for region in regions.iter() {
            // SAFETY: as above.
            let counters = unsafe { std::slice::from_raw_parts(region.start, region.length) };
            let seen = &mut self.seen[base..base + region.length];
            for (chunk, seen) in counters.chunks(32).zip(seen.chunks_mut(32)) {
                if chunk.iter().all(|count| *count == 0) {
                    continue;
                }
                for (count, seen) in chunk.iter().zip(seen) {
                    let step = step(*count);
                    is_new |= step & !*seen != 0;
                    *seen |= step;
                }
            }
            base += region.length;
        }
        is_new
    }
}
