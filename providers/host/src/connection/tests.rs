//! Acts as a host's own shells run them, with the marks in a folder of the test's.

use super::HostConnection;
use crate::HostProvider;
use crate::answer::{Answer, answers};
use crate::settings::Settings;
use crate::shell::{quote, script};
use formwork_sdk::{ApplyRequest, Operation, Token, values};
use formwork_value::{Type, Value};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A folder for what a host has, and the provider.
struct Bench {
    folder: TempDir,
    connection: HostConnection,
    shell: &'static str,
}

impl Bench {
    fn of(shell: &'static str) -> Self {
        let connection = HostConnection::new(Settings::default(), HostProvider::new().0);
        Self { folder: tempfile::tempdir().unwrap(), connection, shell }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path(name)).ok()
    }

    /// A file named so in an object's mark; none where no mark has one. What is on its way out is no mark.
    fn marked(&self, name: &str) -> Option<PathBuf> {
        let mut folders = vec![self.path("marks")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.file_name().is_some_and(|one| one == name) {
                    return Some(path);
                }
                let is_going = path.extension().is_some_and(|one| one == "gone");
                folders.extend((path.is_dir() && !is_going).then_some(path));
            }
        }
        None
    }

    /// An object of these texts.
    fn object(&self, kind: &str, texts: &[(&str, &str)]) -> Value {
        let texts: Vec<(&str, Value)> =
            texts.iter().map(|(name, text)| (*name, Value::from(*text))).collect();
        values::object(self.connection.kind(kind).unwrap().1, &texts)
    }

    fn file(&self, content: &str) -> Value {
        let path = self.path("file").display().to_string();
        self.object("host_file", &[("path", &path), ("content", content), ("mode", "0644")])
    }

    fn script(&self, request: &ApplyRequest, before: &str) -> String {
        let marks = quote(&self.path("marks").display().to_string());
        script([format!("S={marks}\n{before}\n{}", self.connection.act(request).unwrap()).as_str()])
    }

    fn shell(&self) -> Command {
        let mut command = Command::new(self.shell);
        command.arg("-s").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs an act, after lines that change how the host works; its answer.
    fn act(&self, request: &ApplyRequest, before: &str) -> Answer {
        let mut child = self.shell().spawn().unwrap();
        child.stdin.take().unwrap().write_all(self.script(request, before).as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        answers(&output.stdout, 1).remove(0)
    }

    #[track_caller]
    fn done(&self, request: &ApplyRequest) {
        assert!(self.act(request, "").is_whole());
    }
}

fn shells() -> impl Iterator<Item = Bench> {
    ["dash", "bash"].into_iter().filter(|shell| Path::new("/bin").join(shell).exists()).map(Bench::of)
}

fn create(kind: &str, planned: &Value, token: &str) -> ApplyRequest {
    let null = Value::null(Type::Dynamic);
    ApplyRequest {
        operation: Operation::Create,
        kind: kind.to_owned(),
        prior: null,
        planned: planned.clone(),
        configuration: planned.clone(),
        private: Vec::new(),
        identity: None,
        import_id: None,
        token: Token(token.to_owned()),
        owner: "us".to_owned(),
    }
}

fn update(kind: &str, prior: &Value, planned: &Value, token: &str) -> ApplyRequest {
    ApplyRequest { operation: Operation::Update, prior: prior.clone(), ..create(kind, planned, token) }
}

fn delete(kind: &str, prior: &Value) -> ApplyRequest {
    let null = Value::null(Type::Dynamic);
    ApplyRequest {
        operation: Operation::Delete,
        planned: null.clone(),
        configuration: null,
        ..update(kind, prior, prior, "delete")
    }
}

#[test]
fn a_mark_goes_at_once_or_stays_whole() {
    // The host goes down when some of the mark is gone: its image, and not yet its owner.
    let power_cut = r#"rm() {
      case $3 in
      "$S"/file/*) command rm -rf -- "$3/before"; sh -c 'kill -9 $PPID' ;;
      *) command rm "$@" ;;
      esac
    }"#;
    for bench in shells() {
        bench.write("file", "theirs");
        let file = bench.file("ours");
        bench.done(&create("host_file", &file, "one"));
        assert!(!bench.act(&delete("host_file", &file), power_cut).is_whole());
        // Without an owner it is over; with one it is done again.
        if bench.marked("owner").is_some() {
            bench.done(&delete("host_file", &file));
        }
        assert_eq!(bench.read("file").as_deref(), Some("theirs"), "{}", bench.shell);
        bench.done(&create("host_file", &file, "two"));
        bench.done(&delete("host_file", &file));
        assert!(!bench.path("marks").exists(), "{}", bench.shell);
    }
}

/// What was there before a first life of an object, what stands there before its second, and what is there when that
/// one is over.
const LIVES: [(Option<&str>, Option<&str>, Option<&str>); 5] = [
    (None, Some("another's"), Some("another's")),
    (Some("theirs"), Some("another's"), Some("another's")),
    (Some("theirs"), None, Some("theirs")),
    (None, None, None),
    // The state was told to forget it, and it stands as it was made.
    (Some("theirs"), Some("ours"), Some("theirs")),
];

#[test]
fn an_object_that_is_made_again_keeps_what_another_put_there() {
    for bench in shells() {
        for (first, second, expected) in LIVES {
            let stand = |content: Option<&str>| match content {
                Some(content) => bench.write("file", content),
                None => drop(std::fs::remove_file(bench.path("file"))),
            };
            stand(first);
            bench.done(&create("host_file", &bench.file("ours"), "one"));
            stand(second);
            // Two that are cut off, before and after the file is in its place.
            let file = bench.file("ours again");
            for (name, at) in [("two", "put"), ("three", "close_claim")] {
                let cut = format!("{at}() {{ sh -c 'kill -9 $PPID'; }}");
                assert!(!bench.act(&create("host_file", &file, name), &cut).is_whole());
            }
            bench.done(&create("host_file", &file, "four"));
            bench.done(&create("host_file", &file, "four"));
            assert_eq!(bench.read("file").as_deref(), Some("ours again"));
            bench.done(&delete("host_file", &file));
            assert_eq!(bench.read("file").as_deref(), expected, "{first:?}, {second:?} by {}", bench.shell);
        }
    }
}
