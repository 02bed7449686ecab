//! Finding, fetching, verifying and locking what a configuration needs from elsewhere: providers and modules.
//!
//! It holds the CLI configuration file, the lock file, folders and servers of packages, and archives. It may not hold
//! anything about plans or states, and prints nothing: what happens is told to whoever asks. Nothing is left half
//! made: packages are put together beside their place and then renamed into it.

mod archive;
mod credentials;
mod git;
mod hash;
mod installed;
mod lock_file;
mod mirror;
mod module;
mod module_mirror;
mod oci;
mod place;
mod provider;
mod registry;
mod s3;
mod settings;
mod signature;
mod text;
mod web;

pub use hash::{of_archive, of_folder};
pub use installed::{Program, program};
pub use lock_file::{LOCK_FILE, LockFile, Locked};
pub use module::{Entry, Modules, write_manifest};
pub use place::{executable, platform};
pub use provider::{Authentication, Event, Failed, Installer, Options, Wanted, packages};
pub use settings::{Method, Settings, Variable, Way};
