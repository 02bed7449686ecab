//! The provider of our own that misbehaves when told to (`tests/plugin-fixture`), under the whole program: the life of
//! its objects in both versions of the protocol, and what each fault comes to.
//!
//! It stands beside the tests once `cargo build -p formwork-plugin-fixture` has made it.
#![expect(clippy::expect_used, reason = "a test ends where it must")]

mod contract;
mod faults;
mod fixture;
mod hostile;
mod kept;
mod life;
mod limits;
mod recovery;
