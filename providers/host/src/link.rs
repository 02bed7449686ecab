//! A way to a host: scripts in, what they answer out.

use crate::place::Place;
use crate::settings::Settings;
use crate::ssh::Ssh;
use formwork_sdk::{ErrorKind, Outcome, ProviderError};
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;

/// What a script said.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) out: Vec<u8>,
    pub(crate) error: Vec<u8>,
}

/// Why a host did not answer.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// It cannot be reached: it may be starting, or a network down. Nothing was sent.
    Unreachable(String),
    /// It does not let this account in, or is another than it should be. Nothing was sent.
    Denied {
        /// What was wrong.
        why: String,
        /// What to do.
        hint: &'static str,
    },
    /// The connection broke after a script was sent.
    Lost(String),
}

impl Trouble {
    /// As the engine takes it.
    pub(crate) fn error(self, place: &Place) -> ProviderError {
        let place = place.words();
        match self {
            Self::Unreachable(why) => {
                ProviderError::new(ErrorKind::Transient, format!("{place} does not answer: {why}"))
            }
            Self::Denied { why, hint } => {
                ProviderError::new(ErrorKind::Denied, format!("{place}: {why}")).hint(hint)
            }
            Self::Lost(why) => {
                ProviderError::new(ErrorKind::Transient, format!("the connection to {place} broke: {why}"))
                    .outcome(Outcome::Unknown)
            }
        }
    }
}

/// An open way.
pub(crate) enum Link {
    Local { elevation: Elevation },
    Ssh { ssh: Box<Ssh>, elevation: Elevation },
}

impl Link {
    /// Opens it; also gives the key that the host showed, where it was believed for no other reason.
    pub(crate) async fn open(
        place: &Place,
        settings: &Settings,
        believed: &[String],
    ) -> Result<(Self, Option<String>), Trouble> {
        let elevation = Elevation {
            is_asked: place.becomes_root && (place.is_local || place.user != "root"),
            password: settings.become_password.clone(),
        };
        if place.is_local {
            return Ok((Self::Local { elevation }, None));
        }
        let (ssh, shown) = Ssh::open(place, settings, believed).await?;
        Ok((Self::Ssh { ssh: Box::new(ssh), elevation }, shown))
    }

    /// Runs a script to its end.
    pub(crate) async fn run(&mut self, script: &str) -> Result<Output, Trouble> {
        let (output, elevation) = match self {
            Self::Local { elevation } => {
                (run_here(&elevation.command(), &elevation.input(script)).await?, elevation)
            }
            Self::Ssh { ssh, elevation } => {
                (ssh.run(&elevation.command(), &elevation.input(script)).await?, elevation)
            }
        };
        // A script says at once that it has begun.
        if output.out.is_empty() {
            let said = String::from_utf8_lossy(&output.error);
            return match said.lines().find(|line| line.contains("sudo")) {
                Some(line) if elevation.is_asked => Err(Elevation::refusal(line)),
                _ if said.trim().is_empty() => {
                    Err(Trouble::Lost("it ended before the script had begun".to_owned()))
                }
                _ if elevation.is_asked => Err(Elevation::refusal("it said nothing")),
                _ => Ok(output),
            };
        }
        Ok(output)
    }

    /// Whether it carries no further script.
    pub(crate) fn is_broken(&self) -> bool {
        match self {
            Self::Local { .. } => false,
            Self::Ssh { ssh, .. } => ssh.is_broken(),
        }
    }
}

/// How a script comes to run as root.
pub(crate) struct Elevation {
    is_asked: bool,
    password: Option<String>,
}

/// What stands before the script: sudo reads the line above it, or does not where it needs no password.
const READY: &str = "#ready";

impl Elevation {
    fn command(&self) -> String {
        match (self.is_asked, &self.password) {
            (false, _) => "sh -s".to_owned(),
            (true, None) => "sudo -n -- sh -s".to_owned(),
            (true, Some(_)) => format!(
                "sudo -k -S -p '' -- sh -c 'while IFS= read -r line; do [ \"$line\" = \"{READY}\" ] && break; done; exec sh -s'"
            ),
        }
    }

    fn input(&self, script: &str) -> String {
        match &self.password {
            Some(password) if self.is_asked => format!("{password}\n{READY}\n{script}"),
            _ => script.to_owned(),
        }
    }

    fn refusal(line: &str) -> Trouble {
        Trouble::Denied {
            why: format!("sudo does not make this account root: {line}"),
            hint: "Give become_password, let the account use sudo without one, or set become = false.",
        }
    }
}

async fn run_here(command: &str, input: &str) -> Result<Output, Trouble> {
    let gone = |error: std::io::Error| Trouble::Unreachable(format!("no shell could be started: {error}"));
    // A key that interrupts at the terminal is for us alone: what was begun comes to its end.
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(gone)?;
    let stdin = child.stdin.take();
    let bytes = input.as_bytes().to_vec();
    // A shell that ends early is judged by what it said.
    let write = async move {
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(&bytes).await;
        }
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    let output = output.map_err(|error| Trouble::Lost(error.to_string()))?;
    Ok(Output { out: output.stdout, error: output.stderr })
}

#[cfg(test)]
mod tests {
    use super::{Elevation, run_here};

    #[tokio::test]
    async fn a_terminal_interrupts_us_alone() {
        // In what the system tells of a process, its group comes after its name, its state and its parent.
        let group = |stat: &str| stat.rsplit(')').next().unwrap().split(' ').nth(3).map(str::to_owned);
        let output = run_here("sh -s", "cat /proc/$$/stat").await.unwrap();
        let there = group(&String::from_utf8_lossy(&output.out));
        assert!(there.is_some());
        assert_ne!(there, group(&std::fs::read_to_string("/proc/self/stat").unwrap()));
    }

    #[tokio::test]
    async fn a_password_that_nobody_asks_for_is_no_command() {
        let elevation = Elevation { is_asked: true, password: Some("touch owned".to_owned()) };
        let without_sudo = elevation.command().replace("sudo -k -S -p '' -- ", "");
        let output = run_here(&without_sudo, &elevation.input("echo done; id >&2")).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.out), "done\n");
        let read_by_sudo = format!("IFS= read -r password; {without_sudo}");
        let output = run_here(&read_by_sudo, &elevation.input("echo done")).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.out), "done\n");
        assert!(!elevation.command().contains("owned"));
    }
}
