//! Programs by others that read what ours writes, as `tests/lab/consumers` builds them.

use std::path::PathBuf;

/// The path of a program, from the variable that the lab gives; nothing where it is not built and nobody asked for it.
///
/// # Panics
/// When `FORMWORK_LAB=consumers` asks for the programs and this one is not there.
#[expect(clippy::print_stdout, reason = "a test that did nothing says so")]
pub fn consumer(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        let is_needed = std::env::var_os("FORMWORK_LAB").is_some_and(|lab| lab == "consumers");
        assert!(!is_needed, "FORMWORK_LAB=consumers, but no {variable}: eval \"$(tests/lab/consumers env)\"");
        println!("not run: needs tests/lab/consumers");
    }
    found
}
