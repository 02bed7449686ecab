//! Processes of this machine, for provisioners.
//!
//! Invariant: each runs in a process group of its own, so that the interrupt that asks to start nothing more does not
//! reach it, and the second one can end it with everything it started.

use formwork_engine::{Lines, LocalCommand, Processes};
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, PipeReader};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Process groups that run.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Set once everything is to end: what comes of a process then is for nobody to record.
static ENDING: AtomicBool = AtomicBool::new(false);

/// How long a process that was asked to end may take before it is killed, in tenths.
const GRACE_TENTHS: u32 = 20;

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of this machine; empty where it has none.
pub(crate) fn host() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    name
}

/// The name of whoever runs this process; empty where the environment does not say.
pub(crate) fn user() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.unwrap_or_default()
}

/// The same, or the number of the user where the environment does not say.
pub(crate) fn user_or_number() -> String {
    let user = user();
    #[cfg(unix)]
    if user.is_empty() {
        return format!("uid {}", rustix::process::getuid().as_raw());
    }
    user
}

/// Runs processes as they are asked for.
pub(crate) struct LocalProcesses;

impl Processes for LocalProcesses {
    fn run(&self, command: LocalCommand, lines: Lines) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(run(command, lines))
    }

    #[cfg(feature = "provider-host-ssh")]
    fn reaches_machines(&self) -> bool {
        true
    }

    #[cfg(feature = "provider-host-ssh")]
    fn work_on(
        &self,
        machine: formwork_sdk::Machine,
        work: formwork_engine::MachineWork,
        lines: Lines,
    ) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(machines::work_on(machine, work, lines))
    }
}

/// What is done on other machines.
#[cfg(feature = "provider-host-ssh")]
mod machines {
    use crate::registry::machines::Connected;
    use formwork_engine::{Given, Lines, MachineWork};
    use formwork_sdk::Machine;
    use std::sync::{Arc, Mutex, PoisonError};

    const MODE: u32 = 0o644;

    pub(super) async fn work_on(machine: Machine, work: MachineWork, lines: Lines) -> Result<(), String> {
        // Lines come from more than one thread, one after the other.
        let lines = Arc::new(Mutex::new(lines));
        let say = move |line| (lines.lock().unwrap_or_else(PoisonError::into_inner))(line);
        let mut connected = Connected::to(&machine, &say).await?;
        match work {
            MachineWork::Run(scripts) => {
                for script in scripts {
                    let text = match script {
                        Given::Text(text) => text.into_bytes(),
                        Given::Path(path) => {
                            std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?
                        }
                    };
                    connected.run(&text, machine.script_path.as_deref(), say.clone()).await?;
                }
                Ok(())
            }
            MachineWork::Put { source: Given::Text(text), destination } => {
                connected.put_text(text.as_bytes(), MODE, &destination).await
            }
            MachineWork::Put { source: Given::Path(path), destination } => {
                connected.put(&path, &destination).await
            }
        }
    }
}

async fn run(command: LocalCommand, lines: Lines) -> Result<(), String> {
    let (program, arguments) = command.arguments.split_first().ok_or("there is no command")?;
    let (reader, writer) = std::io::pipe().map_err(|error| error.to_string())?;
    let second = writer.try_clone().map_err(|error| error.to_string())?;
    let mut process = tokio::process::Command::new(program);
    process.args(arguments).envs(command.environment).stdin(Stdio::null()).stdout(writer).stderr(second);
    if let Some(folder) = &command.working_directory {
        process.current_dir(folder);
    }
    #[cfg(unix)]
    process.process_group(0);
    let spawned = process.spawn();
    // The builder holds the writing ends of the pipe, and the pipe ends only when nobody does.
    drop(process);
    let mut child = spawned.map_err(|error| format!("{program} could not be started: {error}"))?;
    let group = child.id();
    running().extend(group);
    let reading = tokio::task::spawn_blocking(move || read(reader, &lines));
    let ended = child.wait().await;
    if let Some(group) = group {
        running().remove(&group);
    }
    if ENDING.load(Ordering::SeqCst) {
        return std::future::pending().await;
    }
    // What it started in the background may still speak; that belongs to it.
    let _ = reading.await;
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(words(status)),
        Err(error) => Err(error.to_string()),
    }
}

fn read(reader: PipeReader, lines: &Lines) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        lines(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned());
        line.clear();
    }
}

/// How a process ended, in the words users know.
fn words(status: ExitStatus) -> String {
    if let Some(code) = status.code() {
        return format!("exit status {code}");
    }
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return match signal {
            1 => "signal: hangup".to_owned(),
            2 => "signal: interrupt".to_owned(),
            6 => "signal: aborted".to_owned(),
            9 => "signal: killed".to_owned(),
            11 => "signal: segmentation fault".to_owned(),
            15 => "signal: terminated".to_owned(),
            other => format!("signal: {other}"),
        };
    }
    "it was ended".to_owned()
}

/// Asks everything that runs to end, and kills what does not.
pub(crate) async fn end_all() {
    ENDING.store(true, Ordering::SeqCst);
    #[cfg(unix)]
    {
        use rustix::process::Signal;
        signal_all(Signal::TERM);
        for _ in 0..GRACE_TENTHS {
            if running().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        signal_all(Signal::KILL);
    }
}

#[cfg(unix)]
fn signal_all(signal: rustix::process::Signal) {
    for group in running().iter() {
        let group = i32::try_from(*group).ok().and_then(rustix::process::Pid::from_raw);
        // One that has just ended is none to signal.
        let _ = group.map(|group| rustix::process::kill_process_group(group, signal));
    }
}

#[cfg(test)]
mod tests {
    use super::{LocalProcesses, running};
    use formwork_engine::{LocalCommand, Processes as _};
    use std::sync::{Arc, Mutex};

    fn run(script: &str, environment: &[(&str, &str)]) -> (Result<(), String>, Vec<String>) {
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = said.clone();
        let command = LocalCommand {
            arguments: ["/bin/sh", "-c", script].map(ToOwned::to_owned).to_vec(),
            working_directory: Some("/".to_owned()),
            environment: environment
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let lines = Box::new(move |line| kept.lock().expect("a lock").push(line));
        let ended = runtime.block_on(LocalProcesses.run(command, lines));
        let said = said.lock().expect("a lock").clone();
        (ended, said)
    }

    #[test]
    fn commands_run_and_say_how_they_ended() {
        let cases: &[(&str, Result<(), &str>, &[&str])] = &[
            ("echo one; echo two >&2; printf three", Ok(()), &["one", "two", "three"]),
            ("pwd; echo $GREETING", Ok(()), &["/", "hello"]),
            ("echo no; exit 7", Err("exit status 7"), &["no"]),
            ("kill -9 $$", Err("signal: killed"), &[]),
            ("cat", Ok(()), &[]),
        ];
        for (script, ended, said) in cases {
            let found = run(script, &[("GREETING", "hello")]);
            assert_eq!(
                found.0.as_ref().map_err(String::as_str).copied(),
                ended.as_ref().map_err(|text| *text).copied(),
                "{script}"
            );
            assert_eq!(found.1, *said, "{script}");
        }
        assert!(running().is_empty());
    }
}
