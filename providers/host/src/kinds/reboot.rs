//! `host_reboot`: a restart of the host, once, and again when something asks for it.
//!
//! Before the host is told to restart, the act's token and the boot it is in are in a file: whoever asks next sees by
//! the boot whether it went down, and never tells it twice for one act.

use super::command::{RUN, job, succeed};
use super::package::TAKE;
use super::{Act, HostKind, check_words, mark_folder, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::quote;
use formwork_sdk::values::{Findings, set_planned, text, truth};
use formwork_sdk::{Attribute, Disruption, KindSchema, PlanRequest, Planned, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_reboot" "kernel" {
  host             = { address = "10.0.0.11" }
  name             = "kernel"
  only_if_required = true
  before           = "kubectl --kubeconfig /etc/kubernetes/admin.conf drain \"$(hostname)\" --ignore-daemonsets"
}
"#;

const BOOT: &str = "boot_id";
const REQUIRED: &str = "required";
const ONLY_IF_REQUIRED: &str = "only_if_required";
const TIME_LIMIT_MS: u64 = 30 * 60 * 1000;

pub(super) struct Reboot;

impl HostKind for Reboot {
    fn name(&self) -> &'static str {
        "host_reboot"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let lines = |doc: &'static str| Attribute::optional(Type::String, doc);
        let attributes = vec![
            ("name", Attribute::required(Type::String, "What tells it from others of its host.").replaces()),
            (
                ONLY_IF_REQUIRED,
                Attribute::with_default(
                    Type::Bool,
                    false,
                    "Only where the system itself asks for a restart, now and whenever a plan sees that it does.",
                ),
            ),
            ("unless", lines("Lines for sh that change nothing: where they succeed, it is not restarted.")),
            (
                "before",
                lines(
                    "Lines for sh that run just before, to drain it; where they fail, it is not restarted.",
                ),
            ),
            (
                "triggers",
                Attribute::optional(Type::map(Type::String), "Whatever changes here has it restarted again."),
            ),
            (BOOT, Attribute::computed(Type::String, "Which boot it is in.")),
            (REQUIRED, Attribute::computed(Type::Bool, "Whether the system asks for a restart.")),
        ];
        let doc = "A restart of the host: when it is made, when its triggers change, or when the system asks for one. What comes after it in the graph waits until the host is up again. Taking it away restarts nothing.";
        let permissions = ["Read the boot's id.", "Restart the host; write to /var/lib/formwork."];
        KindSchema {
            time_limit_ms: TIME_LIMIT_MS,
            disruption: Disruption::Outage,
            ..super::schema("name", attributes, doc, EXAMPLE, permissions)
        }
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_words(configuration, &["unless", "before"], found);
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        let schema = self.schema();
        let is_asked = request.prior.is_null()
            || request.prior.get("triggers") != planned.planned.get("triggers")
            || truth(&planned.planned, ONLY_IF_REQUIRED) == Some(true)
                && truth(&request.prior, REQUIRED) == Some(true);
        for (name, unknown) in [(BOOT, Type::String), (REQUIRED, Type::Bool)] {
            let prior = request.prior.get(name).filter(|_| !is_asked).cloned();
            let value = prior.unwrap_or_else(|| Value::unknown(unknown));
            set_planned(&schema, request, planned, name, &value);
        }
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!(
            "{TAKE}{LOOK}d={}\nif [ -s \"$d/token\" ]; then\nemit boot \"$(boot)\"\n! is_required || emit required 1\nfi\ntrue",
            mark_folder(self, object),
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        let Some(boot) = answer.given("boot") else { return Ok(None) };
        let changed =
            [(BOOT, Value::from(boot)), (REQUIRED, Value::from(answer.given("required").is_some()))];
        Ok(Some(with(object, &changed)))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let planned = &act.planned;
        // What the plan does not await is no restart.
        if act.request.planned.get(BOOT).is_some_and(Value::is_known) {
            return Ok(String::new());
        }
        let name = quote(text(planned, "name").unwrap_or_default());
        let before = text(planned, "before").map_or_else(String::new, |lines| {
            format!(
                "{}run_once\n[ \"$code\" = 0 ] || refuse invalid \"what was to run before the restart \"{name}\" ended with exit code $code, so the host was not restarted$(said)\"\n",
                job(&format!("{lines}\n"), "/", "/bin/sh"),
            )
        });
        Ok(format!(
            "{RUN}{TAKE}{LOOK}{RESTART}t={}\nr=\"$d/run\"\n{}\
             if [ \"$(head -n 1 -- \"$g\" 2>/dev/null)\" = \"$t\" ]; then\nawait_boot\n\
             else\nown_run\nif [ -e \"$r/job\" ] || is_needed; then\n{before}restart\nfi\nfi\n\
             rm -rf -- \"$r\" \"$g\"\nclose_claim \"$t\"\n",
            quote(&act.request.token.0),
            is_needed(planned),
        ))
    }

    fn restore(&self, _: &Value) -> String {
        String::new()
    }

    fn remove(&self, _: &Value) -> String {
        ":\n".to_owned()
    }

    fn import(&self, _: &str) -> Result<Vec<(&'static str, Value)>, ProviderError> {
        Err(ProviderError::invalid(
            "a restart is no object that stands on a host: with `only_if_required` the host is restarted only where it must be",
        ))
    }
}

/// Which boot the host is in, and whether the system asks for a restart: as Debian's packages say it, or
/// where dnf is what the system works with, as its program does: that one says so of any other system, too.
const LOOK: &str = r#"
boot() { cat /proc/sys/kernel/random/boot_id; }
is_required() {
  [ -e /run/reboot-required ] || { [ "$family" = dnf ] && command -v needs-restarting > /dev/null && ! needs-restarting -r > /dev/null 2>&1; }
}
"#;

/// What tells the host to restart, and what waits for it; `$g` is the file that says so.
const RESTART: &str = r#"
g="$d/going"
unwind() {
  rm -rf -- "$r" "$g"
}
go_on() {
  emit running "$(($(date +%s) - $(stat -c %Y -- "$g")))"
  trap - EXIT
  exit 0
}
restart() {
  printf '%s\n%s\n' "$t" "$(boot)" > "$g.part"
  sync -- "$g.part"
  mv -- "$g.part" "$g"
  systemctl --no-block reboot || refuse invalid "systemd does not restart the host"
  go_on
}
await_boot() {
  if [ "$(tail -n 1 -- "$g")" = "$(boot)" ]; then
    [ "$(($(date +%s) - $(stat -c %Y -- "$g")))" -lt 300 ] || refuse invalid "the host was told to restart five minutes ago and still runs: see systemd-inhibit --list there"
    go_on
  fi
  case $(systemctl is-system-running) in
  initializing | starting) go_on ;;
  esac
}
"#;

fn is_needed(object: &Value) -> String {
    let required = (truth(object, ONLY_IF_REQUIRED) == Some(true)).then(|| "is_required".to_owned());
    let unless = text(object, "unless").map(|lines| format!("! {}", succeed(lines)));
    let both: Vec<String> = [required, unless].into_iter().flatten().collect();
    format!("is_needed() {{ {}; }}\n", if both.is_empty() { "true".to_owned() } else { both.join(" && ") })
}
