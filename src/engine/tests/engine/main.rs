//! The engine as a whole: text in, plan, objects and state out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ephemeral;
mod fuzz;
mod language;
mod lifecycle;
mod pace;
mod provisioners;
mod quickstart;
mod recovery;
mod spine;
mod stages;
mod stored;
mod testing;
mod world;
