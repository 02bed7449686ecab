//! Programs of others that answer on their standard output.
//!
//! Invariant: what a program says on its standard error is for its user and is passed on untouched; what it says on its
//! standard output is shown to nobody.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// What a program writes, given an input.
///
/// # Errors
/// When it cannot be started, or does not end well.
pub(crate) fn output(command: &[String], input: &[u8]) -> Result<Vec<u8>, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("the command is empty".to_owned());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| format!("{program} could not be started: {error}"))?;
    // From a thread of its own: a program that writes before it has read all would wait forever.
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            // A program that needs no input may close it at once.
            let _ = stdin.map(|mut stdin| stdin.write_all(input));
        });
        child.wait_with_output()
    });
    let output = output.map_err(|error| format!("{program} could not be waited for: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("{program} ended with {}", output.status))
    }
}
