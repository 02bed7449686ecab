//! The command line.
mod render;
fn main() {}
