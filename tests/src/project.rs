//! A folder with a configuration in it, and the program run there.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A folder that is removed at the end.
#[derive(Debug)]
pub struct Project {
    folder: TempDir,
    files: Vec<(String, String)>,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Finished {
    /// Standard output, redacted.
    pub out: String,
    /// Standard error, redacted.
    pub error: String,
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
}

impl Finished {
    /// What a command said, wherever it said it, a diagnostic's lines joined; held to its exit code.
    ///
    /// # Panics
    /// When it ended otherwise.
    #[track_caller]
    pub fn ended(&self, line: &str, code: i32) -> String {
        let said = format!("{}{}", self.out, self.error).replace("\n│ ", " ");
        assert_eq!(self.code, code, "{line}: {said}");
        said
    }

    /// The same, held to parts as well.
    ///
    /// # Panics
    /// When it ended otherwise, or a part is not there.
    #[track_caller]
    pub fn expect(&self, line: &str, code: i32, parts: &[&str]) {
        let said = self.ended(line, code);
        for part in parts {
            assert!(said.contains(part), "{line}: no {part:?} in {said}");
        }
    }
}

/// Command lines with their exit codes and what is said.
///
/// # Panics
/// When a command ends otherwise, or does not say it.
#[track_caller]
pub fn said(project: &Project, steps: &[(&str, i32, &[&str])]) {
    for (line, code, parts) in steps {
        project.run(line).expect(line, *code, parts);
    }
}

/// An empty project.
///
/// # Panics
/// When the system gives no folder.
#[expect(clippy::expect_used, reason = "a test without a folder cannot go on")]
pub fn project() -> Project {
    Project { folder: tempfile::tempdir().expect("a folder for the test"), files: Vec::new() }
}

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

impl Project {
    /// One more file.
    #[must_use]
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    /// Writes the files.
    ///
    /// # Panics
    /// When one cannot be written.
    #[expect(clippy::expect_used, reason = "a test without its files cannot go on")]
    #[must_use]
    pub fn build(mut self) -> Self {
        for (path, text) in std::mem::take(&mut self.files) {
            self.write(&path, &text).expect("a file of the test");
        }
        self
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes or replaces one file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &str, text: &str) -> std::io::Result<()> {
        let whole = self.path().join(path);
        if let Some(folder) = whole.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(whole, text)
    }

    /// Copies a folder of the repository to the same place in here, without what runs left in it.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn copy(&self, folder: &str) -> std::io::Result<()> {
        for entry in std::fs::read_dir(repository().join(folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{folder}/{name}");
            if entry.file_type()?.is_dir() && !name.starts_with('.') {
                self.copy(&path)?;
            } else if [".tf", ".hcl", ".md", ".rego", ".yml", "settings.json"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                self.write(&path, &std::fs::read_to_string(entry.path())?)?;
            }
        }
        Ok(())
    }

    /// The text of a file; empty where there is none.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap_or_default()
    }

    /// Runs the program with arguments as one line, split at spaces.
    ///
    /// # Panics
    /// When there is no program: `cargo build` makes it.
    pub fn run(&self, line: &str) -> Finished {
        self.finish(&mut self.command(line))
    }

    /// Runs the program with text on its standard input.
    ///
    /// # Panics
    /// When there is no program.
    #[expect(clippy::expect_used, reason = "a test without the program cannot go on")]
    pub fn run_with_input(&self, line: &str, input: &str) -> Finished {
        let mut command = self.command(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program, made by `cargo build -p formwork`");
        let mut stdin = child.stdin.take().expect("its input");
        // A program that has stopped reading is judged by what it said.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        self.finished(&child.wait_with_output().expect("the end of the program"))
    }

    /// Runs the program and kills it, as a power cut would, once it has said `lines` lines with "complete" or
    /// "ing..." in them and `delay` has passed; says how it ended.
    ///
    /// # Panics
    /// When there is no program.
    #[expect(clippy::expect_used, reason = "a test without the program cannot go on")]
    pub fn run_until_killed(&self, line: &str, lines: usize, delay: Duration) -> Finished {
        let mut command = self.command(line);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program, made by `cargo build -p formwork`");
        let mut reader = BufReader::new(child.stdout.take().expect("its output"));
        let (mut said, mut seen) = (Vec::new(), 0);
        while seen < lines {
            let from = said.len();
            if reader.read_until(b'\n', &mut said).expect("a line of the program") == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&said[from..]);
            seen += usize::from(text.contains(" complete after ") || text.trim_end().ends_with("ing..."));
        }
        std::thread::sleep(delay);
        child.kill().expect("a process to kill");
        reader.read_to_end(&mut said).expect("the rest of its output");
        let mut output = child.wait_with_output().expect("the end of the program");
        output.stdout = said;
        self.finished(&output)
    }

    /// The program with arguments as one line, to be started otherwise than by [`Project::run`].
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(program());
        command
            .args(line.split(' ').filter(|word| !word.is_empty()))
            .current_dir(self.path())
            .env_remove("TF_LOG")
            .env_remove("TF_CLI_CONFIG_FILE")
            .env_remove("TF_PLUGIN_CACHE_DIR")
            // Nothing is asked of a network.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("NO_COLOR", "1");
        command
    }

    /// Runs any command to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[expect(clippy::expect_used, reason = "a test without the program cannot go on")]
    pub fn finish(&self, command: &mut Command) -> Finished {
        let output = command.output().expect("the program, made by `cargo build -p formwork`");
        self.finished(&output)
    }

    fn finished(&self, output: &Output) -> Finished {
        Finished {
            out: self.redacted(&output.stdout),
            error: self.redacted(&output.stderr),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// The text without what differs from run to run: this folder, ids, lineages, times.
    fn redacted(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes).replace(&self.path().display().to_string(), "[FOLDER]");
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(|character: char| character.is_ascii_hexdigit()) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let is_start = out.chars().next_back().is_none_or(|last| !last.is_ascii_alphanumeric());
            let length = rest.len()
                - rest
                    .trim_start_matches(|character: char| character.is_ascii_hexdigit() || character == '-')
                    .len();
            if is_start && is_uuid(&rest[..length]) {
                out.push_str("[UUID]");
            } else {
                out.push_str(&rest[..length.max(1)]);
            }
            rest = &rest[length.max(1)..];
        }
        out.push_str(rest);
        out
    }
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
}

/// The program under test: `FORMWORK_PROGRAM`, else the one that stands beside the tests.
pub fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("FORMWORK_PROGRAM") {
        return PathBuf::from(path);
    }
    let own = std::env::current_exe().unwrap_or_default();
    own.ancestors().nth(2).map_or_else(PathBuf::new, |folder| folder.join("formwork"))
}

#[cfg(test)]
mod tests {
    use super::project;

    #[test]
    fn what_differs_from_run_to_run_is_redacted() {
        let project = project();
        let text =
            format!("{}/x is fb9028a4-2738-525b-84d5-e5d2991d6a8d, beef-1 stays", project.path().display());
        assert_eq!(project.redacted(text.as_bytes()), "[FOLDER]/x is [UUID], beef-1 stays");
    }
}
