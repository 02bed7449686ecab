//! Small doubles of other providers, so that runs recorded with those can be repeated: `tfcoremock`, which keeps each
//! object as a JSON file, and a few kinds of `local`, `random` and `null`.
//!
//! Invariant: nothing leaves the working directory; the same call with the same token makes the same object.
//! They are in no build for users: the feature `test-providers` of the command line brings them in.

mod double;
mod files;
mod local;
mod null;
mod random;
mod tfcoremock;

pub use double::Double;

use std::path::PathBuf;

/// The double of `hashicorp/tfcoremock`, whose files stand in a directory.
pub fn tfcoremock(directory: impl Into<PathBuf>) -> Double {
    tfcoremock::provider(directory.into())
}

/// The double of `hashicorp/local`.
pub fn local(directory: impl Into<PathBuf>) -> Double {
    Double::new("local", directory.into(), local::kinds())
}

/// The double of `hashicorp/random`.
pub fn random() -> Double {
    Double::new("random", PathBuf::new(), random::kinds())
}

/// The double of `hashicorp/null`.
pub fn null() -> Double {
    Double::new("null", PathBuf::new(), null::kinds())
}
