//! The store as the engine sees it: through its door, over real and simulated disks.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod corpus;
mod full_disk;
mod history;
mod locks;
mod places;
mod power_loss;
mod records;
mod sequences;
mod transitions;
