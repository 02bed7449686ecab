//! The shell of a job: run with bash, with nothing of this process's environment, and killed where a test asks for it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// When a job dies, with all that it started, as when its machine is lost.
#[derive(Debug, Clone, Copy)]
pub struct Kill {
    /// After so many lines with this text.
    pub lines: usize,
    /// The text.
    pub text: &'static str,
}

/// What a job printed, and how it ended.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// What it printed, errors too.
    pub text: String,
    /// Its exit code; -1 when it was killed.
    pub code: i32,
}

/// Runs a script.
pub(super) fn bash(
    options: &[&str],
    script: &str,
    folder: &Path,
    environment: &BTreeMap<String, String>,
    kill: Option<Kill>,
) -> Ended {
    let mut command = Command::new("bash");
    command
        .args(options)
        .arg("-c")
        .arg(format!("exec 2>&1\n{script}"))
        .current_dir(folder)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().expect("bash");
    let mut reader = BufReader::new(child.stdout.take().expect("its output"));
    let (mut said, mut seen) = (String::new(), 0);
    while let Some(kill) = kill {
        let mut line = String::new();
        if reader.read_line(&mut line).expect("a line of the job") == 0 {
            break;
        }
        seen += usize::from(line.contains(kill.text));
        said.push_str(&line);
        if seen == kill.lines {
            let group = format!("-{}", child.id());
            let killed = Command::new("kill").args(["-9", "--", &group]).status().expect("kill");
            assert!(killed.success(), "the job could not be killed");
            break;
        }
    }
    reader.read_to_string(&mut said).expect("the rest of its output");
    let status = child.wait().expect("the end of the job");
    Ended { text: said, code: status.code().unwrap_or(-1) }
}
