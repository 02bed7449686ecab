//! `host_command`: a command of one's own, for what no kind is there for.
//!
//! It runs apart from the connection that began it, as a transient unit named after the act's token, and leaves what it
//! said and its exit code in files. Whoever asks next, over whatever connection, finds it running or over.

use super::{Act, HostKind, check_words, mark_folder, pairs, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::{quote, write_bytes};
use formwork_sdk::values::{Findings, given, set_planned, text};
use formwork_sdk::{Attribute, KindSchema, PlanRequest, Planned, ProviderError};
use formwork_value::{Type, Value};
use std::fmt::Write as _;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_command" "driver" {
  host    = { address = "10.0.0.11" }
  name    = "nvidia-driver"
  command = "sh /opt/NVIDIA-Linux-x86_64.run --silent --dkms"
  undo    = "nvidia-uninstall --silent"
  unless  = "nvidia-smi"
}
"#;

const COMMAND: &str = "command";
const OUTPUT: &str = "output";
const ENVIRONMENT: &str = "environment";
const SECRETS: &str = "environment_wo";
/// What a change of makes it run again.
const RUNS_AGAIN: [&str; 6] =
    [COMMAND, "interpreter", "directory", ENVIRONMENT, "environment_wo_version", "triggers"];
/// A driver or a raid may take its time.
const TIME_LIMIT_MS: u64 = 60 * 60 * 1000;

pub(super) struct Command;

impl HostKind for Command {
    fn name(&self) -> &'static str {
        "host_command"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let optional = |doc: &'static str| Attribute::optional(Type::String, doc);
        let texts = |doc: &'static str| Attribute::optional(Type::map(Type::String), doc);
        let attributes = vec![
            ("name", Attribute::required(Type::String, "What tells it from others of its host.").replaces()),
            (COMMAND, Attribute::required(Type::String, "What is run: lines for the interpreter.")),
            (
                "interpreter",
                Attribute::with_default(Type::String, "/bin/sh", "The program that gets them as a file."),
            ),
            ("directory", Attribute::with_default(Type::String, "/", "Where it is run.")),
            (ENVIRONMENT, texts("Variables that it has besides.")),
            (
                SECRETS,
                texts("The same for secrets: they are on the host while it runs, and kept nowhere.")
                    .sensitive()
                    .write_only(),
            ),
            (
                "environment_wo_version",
                Attribute::optional(Type::Number, "Another number has it run again with the secrets."),
            ),
            ("triggers", texts("Whatever changes here has it run again.")),
            (
                "unless",
                optional(
                    "Lines for sh that change nothing: where they succeed there is nothing to run. A plan runs them too; where they fail, the command is run again.",
                ),
            ),
            ("creates", optional("A path: where it is there, there is nothing to run.")),
            ("undo", optional("Lines for sh that take back what it did, when the object is removed.")),
            ("show_output", Attribute::with_default(Type::Bool, true, "Whether `output` holds anything.")),
            (OUTPUT, Attribute::computed(Type::String, "The end of what it said the last time.")),
        ];
        let doc = "A command that is run once, and again when it changes or what it made is gone. It goes on when the connection breaks or Formwork is killed: the next apply finds it running or over. Where one is cut off by a restart of the host, that is said, and it is run anew.";
        let permissions =
            ["Run `unless`.", "Run the command; start transient units; write to /var/lib/formwork."];
        KindSchema {
            time_limit_ms: TIME_LIMIT_MS,
            ..super::schema("name", attributes, doc, EXAMPLE, permissions)
        }
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_words(configuration, &[COMMAND, "unless", "undo"], found);
        for name in ["interpreter", "directory", "creates"] {
            if text(configuration, name).is_some_and(|path| !path.starts_with('/')) {
                found.refuse(name, "It is no absolute path.");
            }
        }
        for name in [ENVIRONMENT, SECRETS] {
            if let Some((wrong, _)) = pairs(configuration, name).find(|(one, _)| !is_variable(one)) {
                found.refuse(
                    name,
                    format!("{wrong:?} is no name of a variable: give one of letters, digits and `_`."),
                );
            }
        }
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        let is_rerun = request.prior.is_null() || runs_again(&request.prior, &planned.planned);
        let is_shown = planned.planned.get("show_output").and_then(Value::as_bool);
        let output = match is_shown {
            Some(false) => Value::null(Type::String),
            _ if is_rerun => Value::unknown(Type::String),
            _ => request.prior.get(OUTPUT).cloned().unwrap_or_else(|| Value::unknown(Type::String)),
        };
        set_planned(&self.schema(), request, planned, OUTPUT, &output);
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        let output = if given(object, "show_output").and_then(Value::as_bool) == Some(false) {
            ""
        } else {
            "emit output \"$(tail -c 4096 -- \"$d/output\" 2>/dev/null)\"\n"
        };
        format!(
            "d={}\n{}if [ -s \"$d/token\" ] && stands; then\nemit ran 1\n{output}fi\ntrue",
            mark_folder(self, object),
            stands(object),
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        if answer.given("ran").is_none() {
            return Ok(None);
        }
        let output = answer.text(OUTPUT).map_or_else(|| Value::null(Type::String), Value::from);
        Ok(Some(with(object, &[(OUTPUT, output)])))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let planned = &act.planned;
        if !act.request.prior.is_null() && !runs_again(&act.request.prior, planned) {
            return Ok(String::new());
        }
        let lines = text(planned, COMMAND).unwrap_or_default();
        let lines = with_variables(&act.request.configuration, lines);
        let word = |name: &str| text(planned, name).unwrap_or_default();
        Ok(format!(
            "{RUN}{}t={}\nr=\"$d/run\"\n\
             unwind() {{ rm -rf -- \"$r\"; }}\n\
             own_run\n\
             if [ -e \"$r/job\" ] || ! satisfied; then\n\
             {}run_once\n\
             [ \"$code\" = 0 ] || refuse invalid \"the command \"{}\" ended with exit code $code$(said)\"\n\
             stands || refuse invalid \"the command \"{}\" ended well, but what \\`unless\\` or \\`creates\\` looks for is not there$(said)\"\n\
             tail -c 65536 -- \"$r/output\" > \"$d/output.part\"\nmv -- \"$d/output.part\" \"$d/output\"\n\
             fi\n\
             close_claim \"$t\"\nrm -rf -- \"$r\"\n",
            stands(planned),
            quote(&act.request.token.0),
            job(&lines, word("directory"), word("interpreter")),
            quote(word("name")),
            quote(word("name")),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        let Some(undo) = text(object, "undo") else { return String::new() };
        let name = text(object, "name").unwrap_or_default();
        format!(
            "{RUN}t=undo-$(cut -c 1-20 < \"$d/token\")\nr=\"$d/undo\"\nown_run\n\
             {}run_once\n\
             if [ \"$code\" != 0 ]; then\nw=$(said)\nrm -rf -- \"$r\"\nrefuse invalid \"the undo of the command \"{}\" ended with exit code $code$w\"\nfi\n",
            job(&with_variables(object, undo), "/", "/bin/sh"),
            quote(name),
        )
    }

    fn remove(&self, _: &Value) -> String {
        ":\n".to_owned()
    }

    fn import(&self, _: &str) -> Result<Vec<(&'static str, Value)>, ProviderError> {
        Err(ProviderError::invalid(
            "a command is no object that stands on a host: give it an `unless`, and it is run only where it must be",
        ))
    }
}

/// What begins, watches and ends a run in `$r` under the token `$t`: shell functions.
pub(crate) const RUN: &str = r#"
unit() { printf 'formwork-%s.service' "$1"; }
by_systemd() { [ "$(id -u)" = 0 ] && [ -d /run/systemd/system ] && command -v systemd-run > /dev/null; }
is_running() {
  if by_systemd; then
    case $(systemctl show --property=ActiveState --value -- "$(unit "$1")") in
    active | activating | deactivating) return 0 ;;
    esac
    return 1
  fi
  [ -s "$r/begun/pid" ] && kill -0 "$(cat -- "$r/begun/pid")" 2> /dev/null
}
# A run of an earlier act is in the way while it goes on.
own_run() {
  o=$(cat -- "$r/token" 2> /dev/null) || :
  [ "$o" != "$t" ] || return 0
  [ -z "$o" ] || ! is_running "$o" || refuse conflict "an earlier run of it still goes on, as $(unit "$o")"
  rm -rf -- "$r"
}
new_run() {
  rm -rf -- "$r.part"
  (umask 077 && mkdir -p -- "$r.part")
  printf %s "$t" > "$r.part/token"
}
said() { [ ! -s "$r/output" ] || printf ':\n%s' "$(tail -n 15 -- "$r/output")"; }
begin() {
  if by_systemd; then
    systemd-run --quiet --no-block --collect --unit="$(unit "$t")" --property=KillMode=mixed /bin/sh "$r/wrap" "$r" || is_running "$t" || [ -e "$r/begun" ]
  else
    # Its pipes are its own.
    (trap - PIPE && exec nohup setsid /bin/sh "$r/wrap" "$r" > /dev/null 2>&1 < /dev/null) &
  fi
}
# Begins a run that has not begun, and waits a moment for its end: its exit code is in $code, or it is said to go on.
run_once() {
  # In this order: one that begins or ends in between is seen.
  if ! is_running "$t" && [ ! -e "$r/exit" ]; then
    if [ ! -e "$r/begun" ]; then
      begin
    elif ! is_running "$t" && [ ! -e "$r/exit" ]; then
      refuse invalid "it was cut off, by a restart of the host or by somebody there, and nobody knows how far it came; apply again to have it run anew$(said)"
    fi
  fi
  i=0
  while [ ! -e "$r/exit" ] && [ "$i" -lt 20 ]; do
    sleep 0.1
    i=$((i + 1))
  done
  if [ ! -e "$r/exit" ]; then
    emit running "$(($(date +%s) - $(stat -c %Y -- "$r/token")))"
    trap - EXIT
    exit 0
  fi
  code=$(cat -- "$r/exit")
}
"#;

/// The shell functions that say whether what the command is for is there: `stands` where nothing says so either.
fn stands(object: &Value) -> String {
    let creates = text(object, "creates").map(|path| format!("[ -e {} ]", quote(path)));
    let unless = text(object, "unless").map(succeed);
    match (creates, unless) {
        (None, None) => "stands() { true; }\nsatisfied() { false; }\n".to_owned(),
        (one, other) => {
            let both: Vec<String> = [one, other].into_iter().flatten().collect();
            format!("stands() {{ {}; }}\nsatisfied() {{ stands; }}\n", both.join(" && "))
        }
    }
}

/// A command that succeeds where these lines do. They go through standard input: nothing of them stands in an argument.
pub(super) fn succeed(lines: &str) -> String {
    format!("printf '%s\\n' {} | (trap - PIPE && exec /bin/sh) > /dev/null 2>&1", quote(lines))
}

/// Shell that puts the lines of a run in their place, once.
pub(crate) fn job(lines: &str, directory: &str, interpreter: &str) -> String {
    format!(
        "if [ ! -e \"$r/job\" ]; then\nnew_run\n{}{}mv -T -- \"$r.part\" \"$r\"\nfi\n",
        write_bytes(lines.as_bytes(), "\"$r.part/job\""),
        write_bytes(wrapper(directory, interpreter).as_bytes(), "\"$r.part/wrap\""),
    )
}

/// What a run is wrapped in: it begins once, whoever begins it, and its exit code is there only whole.
fn wrapper(directory: &str, interpreter: &str) -> String {
    format!(
        "mkdir -- \"$1/begun\" 2> /dev/null || exit 0\necho $$ > \"$1/begun/pid\"\n: \"${{HOME:=/root}}\"\nexport HOME\n\
         if cd {} 2> \"$1/output\"; then\n{} \"$1/job\" > \"$1/output\" 2>&1 < /dev/null\nelse false\nfi\n\
         echo $? > \"$1/exit.part\"\nsync -- \"$1/exit.part\"\nmv -- \"$1/exit.part\" \"$1/exit\"\n",
        quote(directory),
        quote(interpreter),
    )
}

/// Lines with the variables before them.
fn with_variables(configuration: &Value, lines: &str) -> String {
    let mut job = String::new();
    for (name, value) in pairs(configuration, ENVIRONMENT).chain(pairs(configuration, SECRETS)) {
        let _ = writeln!(job, "export {name}={}", quote(&value));
    }
    job + lines + "\n"
}

fn runs_again(prior: &Value, planned: &Value) -> bool {
    RUNS_AGAIN.iter().any(|name| prior.get(name) != planned.get(name))
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
}

#[cfg(test)]
mod tests {
    use super::{Command, HostKind, wrapper};
    use crate::shell::script;
    use formwork_value::{Name, Type, Value};
    use std::io::Write as _;
    use std::process::{Command as Process, Stdio};

    fn assert_is_shell(text: &str) {
        let mut child =
            Process::new("sh").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(script([text]).as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn what_it_says_is_shell() {
        for unless in [Value::null(Type::String), Value::from("it's \"here\"")] {
            let text = |name: &str, value: &str| (Name::from(name), Value::from(value));
            let object = Value::object(vec![
                text("name", "it's"),
                text("command", "echo 'a'\n"),
                text("undo", "rm 'a'"),
                (Name::from("unless"), unless),
            ]);
            assert_is_shell(&Command.restore(&object));
            assert_is_shell(&Command.probe(&object, &crate::private::Private::default()));
        }
    }

    #[test]
    fn a_run_whose_command_could_not_begin_did_not_end_well() {
        for (directory, interpreter, expected, said) in [
            ("/", "/bin/sh", "7\n", "here\n"),
            ("/nonesuch", "/bin/sh", "1\n", "nonesuch"),
            ("/", "/nonesuch", "127\n", "nonesuch"),
        ] {
            let run = tempfile::tempdir().unwrap();
            let path = |name: &str| run.path().join(name);
            std::fs::write(path("job"), "echo here\nexit 7\n").unwrap();
            std::fs::write(path("wrap"), wrapper(directory, interpreter)).unwrap();
            let status = Process::new("sh").arg(path("wrap")).arg(run.path()).status().unwrap();
            assert!(status.success());
            assert_eq!(std::fs::read_to_string(path("exit")).unwrap(), expected, "{directory} {interpreter}");
            let output = std::fs::read_to_string(path("output")).unwrap();
            assert!(output.contains(said), "{output}");
        }
    }
}
