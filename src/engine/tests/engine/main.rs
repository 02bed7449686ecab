//! The engine as a whole: text in, plan, objects and state out.

mod quickstart;
mod recovery;
mod spine;
mod world;
