//! Acts as a host's own shells run them, with the marks in a folder of the test's.

use super::HostConnection;
use crate::HostProvider;
use crate::answer::{Answer, answers};
use crate::settings::Settings;
use crate::shell::{quote, script};
use formwork_sdk::{ApplyRequest, Operation, Token, values};
use formwork_value::{Type, Value};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
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

/// Where an act is cut off, or fails.
const PLACES: [&str; 4] = ["keep_step", "write", "put", "close_claim"];

/// Lines that have an act end as soon as it comes there.
fn ends_at(place: &str, how: &str) -> String {
    let place = if place == "write" { "base64" } else { place };
    format!("{place}() {{ {how}; }}")
}

const KILLED: &str = "sh -c 'kill -9 $PPID'";
const FAILS: &str = "return 1";

#[test]
fn a_create_that_was_cut_off_is_taken_back_when_it_fails_at_last() {
    for bench in shells() {
        let request = |token| create("host_file", &bench.file("ours"), token);
        for (first, second) in PLACES.iter().flat_map(|first| PLACES.map(|second| (first, second))) {
            for before in [Some("theirs"), None] {
                drop(std::fs::remove_file(bench.path("file")));
                if let Some(before) = before {
                    bench.write("file", before);
                }
                assert!(!bench.act(&request("one"), &ends_at(first, KILLED)).is_whole());
                assert!(!bench.act(&request("two"), &ends_at(second, FAILS)).is_whole());
                let case = format!("{first}, {second}, {before:?} by {}", bench.shell);
                assert_eq!(bench.read("file").as_deref(), before, "{case}");
                assert!(!bench.path("marks").exists(), "{case}");
                let files = std::fs::read_dir(bench.folder.path()).unwrap().count();
                assert_eq!(files, usize::from(before.is_some()), "{case}");
            }
        }
    }
}

#[test]
fn a_change_that_was_cut_off_is_taken_back_when_it_fails_at_last() {
    for bench in shells() {
        let (ours, other) = (bench.file("ours"), bench.file("other"));
        bench.write("file", "theirs");
        bench.done(&create("host_file", &ours, "one"));
        for (first, second) in PLACES.iter().flat_map(|first| PLACES.map(|second| (first, second))) {
            let request = update("host_file", &ours, &other, "two");
            assert!(!bench.act(&request, &ends_at(first, KILLED)).is_whole());
            assert!(!bench.act(&request, &ends_at(second, FAILS)).is_whole());
            assert_eq!(bench.read("file").as_deref(), Some("ours"), "{first}, {second} by {}", bench.shell);
        }
        bench.done(&update("host_file", &ours, &other, "three"));
        bench.done(&delete("host_file", &other));
        assert_eq!(bench.read("file").as_deref(), Some("theirs"));
    }
}

#[test]
fn what_fails_is_taken_back_though_nobody_hears_of_it() {
    for bench in shells() {
        bench.write("file", "theirs");
        let request = create("host_file", &bench.file("ours"), "one");
        // It says why when the connection is gone, and the file is in its place already.
        let late = format!(
            "close_claim() {{ until [ -e {} ]; do sleep 0.05; done; refuse invalid late; }}",
            quote(&bench.path("gone").display().to_string())
        );
        let mut child = bench.shell().spawn().unwrap();
        child.stdin.take().unwrap().write_all(bench.script(&request, &late).as_bytes()).unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        bench.write("gone", "");
        child.wait().unwrap();
        assert_eq!(bench.read("file").as_deref(), Some("theirs"), "{}", bench.shell);
        assert!(!bench.path("marks").exists(), "{}", bench.shell);
    }
}

#[test]
fn a_folder_that_was_there_has_its_mode_and_owner_again_where_its_change_fails() {
    // Whoever runs this may not give a folder away.
    let half = "chown() { [ \"$2\" != root ] || command chmod 0700 -- \"$3\"; }\nchgrp() { return 1; }";
    for bench in shells() {
        let path = bench.path("folder");
        let object = bench.object(
            "host_directory",
            &[
                ("path", &path.display().to_string()),
                ("mode", "0750"),
                ("owner", "root"),
                ("group", "nonesuch"),
            ],
        );
        assert!(!bench.act(&create("host_directory", &object, "one"), half).is_whole());
        assert!(!path.exists() && !bench.path("marks").exists(), "{}", bench.shell);
        std::fs::create_dir(&path).unwrap();
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        let before = mode();
        assert!(!bench.act(&create("host_directory", &object, "two"), half).is_whole());
        assert_eq!(mode(), before, "{}", bench.shell);
        assert!(!bench.path("marks").exists(), "{}", bench.shell);
    }
}

/// Devices that hold what a file says, and programs that work with them.
const DEVICES: &str = r#"
sh -c 'echo $PPID' > "$F/shell"
wipefs() {
  case $1 in
  --all) rm -f -- "$F/super" ;;
  *) [ ! -e "$F/super" ] || if [ "$3" = UUID ]; then cut -d ' ' -f 2 "$F/super"; else cat -- "$F/super"; fi ;;
  esac
}
lsblk() { :; }
blkid() { :; }
udevadm() { :; }
mdadm() {
  case $1 in
  --create)
    for one in "$@"; do
      case $one in --uuid=*) echo "linux_raid_member ${one#--uuid=}" > "$F/super" ;; esac
    done
    [ ! -e "$F/cut" ] || kill -9 "$(cat -- "$F/shell")"
    ;;
  --stop) echo stopped >> "$F/log" ;;
  --examine) echo "MD_UUID=$(cut -d ' ' -f 2 "$F/super")" ;;
  --zero-superblock) rm -f -- "$F/super" ;;
  esac
}
"#;

/// A device of this machine, which nothing here touches.
fn device() -> Option<String> {
    use std::os::unix::fs::FileTypeExt as _;
    let is_device =
        |path: &PathBuf| std::fs::metadata(path).is_ok_and(|one| one.file_type().is_block_device());
    let found = std::fs::read_dir("/dev").unwrap().map(|entry| entry.unwrap().path()).find(is_device);
    if found.is_none() {
        println!("not run: this machine has no block device");
    }
    found.map(|path| path.display().to_string())
}

/// An array of two devices, and what stands before each act on it.
fn array(bench: &Bench, device: &str, id: &str) -> (Value, String) {
    let devices = Value::list(Type::String, vec![Value::from(device); 2]);
    let array = values::object(
        bench.connection.kind("host_raid").unwrap().1,
        &[
            ("name", Value::from("a")),
            ("level", Value::from(1)),
            ("devices", devices),
            ("uuid", Value::from(id)),
        ],
    );
    (array, format!("F={}\n{DEVICES}", quote(&bench.path("").display().to_string())))
}

#[test]
fn an_array_whose_making_was_cut_off_is_made_all_the_same() {
    let Some(device) = device() else { return };
    for bench in shells() {
        let (array, before) = array(&bench, &device, "");
        let act = |request: &ApplyRequest| bench.act(request, &before);
        bench.write("super", "linux_raid_member another's\n");
        assert_eq!(act(&create("host_raid", &array, "one")).text("refused"), Some("conflict"));
        assert!(bench.read("super").unwrap().contains("another's"), "what was not begun is not taken back");
        std::fs::remove_file(bench.path("super")).unwrap();
        bench.write("cut", "");
        assert!(!act(&create("host_raid", &array, "one")).is_whole());
        assert!(bench.read("super").is_some());
        std::fs::remove_file(bench.path("cut")).unwrap();
        let failing = format!("{before}\nclose_claim() {{ return 1; }}");
        assert!(!bench.act(&create("host_raid", &array, "two"), &failing).is_whole());
        assert_eq!(bench.read("super"), None, "what was begun is taken back");
        bench.write("cut", "");
        assert!(!act(&create("host_raid", &array, "three")).is_whole());
        std::fs::remove_file(bench.path("cut")).unwrap();
        let made = act(&create("host_raid", &array, "four"));
        assert!(made.is_whole(), "{made:?}");
        // Nothing of it is accepted once it was whole.
        let again = act(&create("host_raid", &array, "five"));
        assert_eq!(again.text("refused"), Some("conflict"), "{again:?}");
    }
}

#[test]
fn an_array_that_was_stopped_is_taken_off_its_devices_still() {
    let Some(device) = device() else { return };
    for bench in shells() {
        let (array, before) = array(&bench, &device, "ours");
        for (id, is_left) in [("ours", false), ("another's", true)] {
            // None is there: an attempt that was cut off has stopped it.
            bench.write("super", &format!("linux_raid_member {id}\n"));
            assert!(bench.act(&delete("host_raid", &array), &before).is_whole());
            assert_eq!(bench.read("super").is_some(), is_left, "{id} by {}", bench.shell);
        }
    }
}

/// A host whose swap is the lines of a file, with units of systemd in a folder.
const SWAPS: &str = r#"
mkdir -p -- "$F/etc"
swapon() { echo "$2 file" >> "$F/swaps"; }
swapoff() { sed -i "\\,^$2 ,d" "$F/swaps"; }
# No function of dash is called so.
mkdir -p -- "$F/bin"
printf '#!/bin/sh\nbasename "$4"\n' > "$F/bin/systemd-escape"
chmod +x -- "$F/bin/systemd-escape"
PATH=$F/bin:$PATH
systemctl() {
  case $* in
  show*) echo LoadState=loaded; [ ! -e "$F/enabled" ] || echo UnitFileState=enabled ;;
  *enable*) touch "$F/enabled" ;;
  *disable*) rm -f -- "$F/enabled" ;;
  *unmask*) rm -f -- "$F/etc/swap" ;;
  *mask*) ln -s /dev/null "$F/etc/swap" ;;
  esac
}
"#;

#[test]
fn swap_is_used_and_brought_as_it_was() {
    for bench in shells() {
        let folder = bench.path("").display().to_string();
        let folder = folder.trim_end_matches('/');
        let path = format!("{folder}/swap");
        bench.write("swap", "");
        let places = |request: &ApplyRequest, before: &str| {
            let script = bench.script(request, &format!("F={}\n{SWAPS}{before}", quote(folder)));
            let script = script
                .replace("/etc/systemd/system", &format!("{folder}/etc"))
                .replace("/run/systemd/generator", &format!("{folder}/run"))
                .replace("/proc/swaps", &format!("{folder}/swaps"));
            let mut child = bench.shell().spawn().unwrap();
            child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            (answers(&output.stdout, 1).remove(0).is_whole(), said)
        };
        let swap = |is_active: bool| {
            values::object(
                bench.connection.kind("host_swap").unwrap().1,
                &[("path", Value::from(path.as_str())), ("active", Value::from(is_active))],
            )
        };
        let look = || {
            let unit = bench.read("etc/swap").filter(|_| bench.path("etc/swap").is_file());
            (bench.read("swaps").unwrap().contains(&path), unit, bench.path("enabled").exists())
        };
        for (was_used, unit) in [(true, None), (false, None), (true, Some("theirs")), (false, Some("theirs"))]
        {
            let used = if was_used { format!("Filename\n{path} file\n") } else { "Filename\n".to_owned() };
            bench.write("swaps", &used);
            std::fs::create_dir_all(bench.path("etc")).unwrap();
            drop(std::fs::remove_file(bench.path("etc/swap")));
            drop(std::fs::remove_file(bench.path("enabled")));
            if let Some(unit) = unit {
                bench.write("etc/swap", unit);
                bench.write("enabled", "");
            }
            let before = look();
            for is_active in [true, false] {
                let case = format!("{was_used} {unit:?} {is_active} by {}", bench.shell);
                let (first, other) = (swap(is_active), swap(!is_active));
                let failed = places(&create("host_swap", &first, "one"), "close_claim() { return 1; }");
                assert!(!failed.0);
                assert_eq!(look(), before, "it failed: {case}: {}", failed.1);
                let made = places(&create("host_swap", &first, "two"), "");
                assert!(made.0, "{case}: {}", made.1);
                assert_eq!(look().0, is_active, "{case}");
                let changed = places(&update("host_swap", &first, &other, "three"), "");
                assert!(changed.0, "{case}: {}", changed.1);
                assert_eq!(look().0, !is_active, "{case}");
                let gone = places(&delete("host_swap", &other), "");
                assert!(gone.0, "{case}: {}", gone.1);
                assert_eq!(look(), before, "{case}: {}", gone.1);
            }
        }
    }
}
