//! What a provider's process says beside its answers: passed on to the log, and the end of it kept for the day it
//! dies.

use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

/// So many lines are kept.
const LINES: usize = 40;
/// A longer line is cut into pieces of this length.
const LONGEST_BYTES: u64 = 2048;

/// The last lines that a process said.
#[derive(Default)]
pub(crate) struct Log(Mutex<VecDeque<String>>);

impl Log {
    /// Reads all that comes until nothing more does: a pipe that nobody reads stops the process at its other end.
    pub(crate) async fn drain(&self, provider: &str, from: impl tokio::io::AsyncRead + Unpin) {
        let mut reader = BufReader::new(from);
        while let Some(line) = limited_line(&mut reader).await {
            self.note(provider, &line);
        }
    }

    /// Takes one line.
    pub(crate) fn note(&self, provider: &str, line: &str) {
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        tracing::debug!(provider, "{line}");
        let Some(worth_keeping) = worth_keeping(line) else { return };
        if let Ok(mut lines) = self.0.lock() {
            if lines.len() == LINES {
                lines.pop_front();
            }
            lines.push_back(worth_keeping);
        }
    }

    /// The last lines, for a diagnostic; empty where nothing was said.
    pub(crate) fn tail(&self) -> String {
        let lines = self.0.lock().map(|lines| lines.iter().cloned().collect::<Vec<_>>()).unwrap_or_default();
        lines.join("\n")
    }
}

/// A line of a structured log is kept when it tells of an error, without its fields: those may hold anything. Other
/// text is what a dying process leaves.
fn worth_keeping(line: &str) -> Option<String> {
    if !line.starts_with('{') {
        return Some(line.to_owned());
    }
    let entry: serde_json::Value = serde_json::from_str(line).ok()?;
    let is_error = entry.get("@level").and_then(serde_json::Value::as_str) == Some("error");
    is_error.then(|| entry.get("@message")?.as_str().map(str::to_owned))?
}

/// One line, or as much of it as the limit lets through; nothing at the end.
pub(crate) async fn limited_line(reader: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    let read = reader.take(LONGEST_BYTES).read_until(b'\n', &mut bytes).await;
    match read {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_tail_is_bounded_and_keeps_what_tells_of_an_end() {
        let log = Log::default();
        let text: String = (0..1000)
            .map(|at| format!("line {at}\n"))
            .chain(["{\"@level\":\"info\",\"@message\":\"quiet\"}\n".to_owned()])
            .chain(["{\"@level\":\"error\",\"@message\":\"loud\",\"secret\":\"x\"}\n".to_owned()])
            .chain(["x".repeat(10_000)])
            .collect();
        log.drain("test", text.as_bytes()).await;
        let tail = log.tail();
        assert!(tail.contains("loud") && !tail.contains("quiet") && !tail.contains("secret"));
        assert_eq!(tail.lines().count(), LINES);
        assert!(tail.lines().all(|line| line.len() <= 2048));
    }
}
