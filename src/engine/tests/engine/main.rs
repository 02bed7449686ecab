//! The engine as a whole: text in, plan, objects and state out.

mod spine;
mod world;
