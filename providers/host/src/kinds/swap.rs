//! `host_swap`: memory that is swapped out to a file or a device, or nowhere.
//!
//! Invariant: /etc/fstab is never touched. What it brings is masked for systemd, and unmasked when the object goes.

use super::{Act, HostKind, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::quote;
use formwork_sdk::values::{Findings, given, text, truth, whole_number};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

# kubelet wants none.
resource "host_swap" "none" {
  host   = { address = "10.0.0.11" }
  path   = "all"
  active = false
}
"#;

/// The word for whatever there is.
const ALL: &str = "all";
const SIZE: &str = "size_mb";

pub(super) struct Swap;

impl HostKind for Swap {
    fn name(&self) -> &'static str {
        "host_swap"
    }

    fn key(&self) -> &'static str {
        "path"
    }

    fn schema(&self) -> KindSchema {
        let attributes = vec![
            (
                "path",
                Attribute::required(
                    Type::String,
                    "A file or a device by its id; `all` for whatever there is, to turn it off.",
                )
                .replaces(),
            ),
            (
                "active",
                Attribute::with_default(Type::Bool, true, "Whether it is used, now and after a restart."),
            ),
            (
                SIZE,
                Attribute::optional(Type::Number, "The size of a file, which is made where there is none.")
                    .replaces(),
            ),
        ];
        let doc = "A place that memory is swapped out to, or that it is swapped out nowhere. What /etc/fstab brings is masked for systemd, and the file is left as it is; when the object is removed, all is used again as before.";
        let permissions = [
            "Read /proc/swaps.",
            "Turn swap on and off; write to /etc/systemd/system, the file, and /var/lib/formwork.",
        ];
        super::schema("path", attributes, doc, EXAMPLE, permissions)
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        found.check_number(configuration, SIZE, 1, 16 * 1024 * 1024);
        let Some(path) = text(configuration, "path") else { return };
        if path == ALL {
            if truth(configuration, "active") != Some(false)
                && configuration.get("active").is_some_and(Value::is_known)
            {
                found.refuse("active", "All there is can be turned off alone: set active = false.");
            }
            if given(configuration, SIZE).is_some() {
                found.refuse(SIZE, "It is for one file: leave it out.");
            }
        } else {
            super::check_path(configuration, found);
        }
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        let path = text(object, "path").unwrap_or_default();
        let there = if path == ALL { "true".to_owned() } else { format!("[ -e {} ]", quote(path)) };
        format!(
            "if {there}; then emit there 1; fi\nemit swaps \"$(sed 1d /proc/swaps | cut -d ' ' -f 1 | while read -r one; do readlink -f -- \"$one\"; done)\"\nemit real \"$(readlink -f -- {} 2> /dev/null)\"\ntrue",
            quote(path)
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        if answer.given("there").is_none() {
            return Ok(None);
        }
        let mut used = answer.given("swaps").unwrap_or_default().lines();
        let is_active = if text(object, "path") == Some(ALL) {
            used.next().is_some()
        } else {
            used.any(|one| Some(one) == answer.given("real").map(str::trim))
        };
        Ok(Some(with(object, &[("active", Value::from(is_active))])))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let planned = &act.planned;
        let path = text(planned, "path").unwrap_or_default();
        if path == ALL {
            return Ok(format!(
                "{OFF}unwind() {{\n[ -z \"$made\" ] || {{\n{}\n}}\n}}\n{ALL_OFF}",
                BACK.trim_end()
            ));
        }
        let make = whole_number(planned, SIZE).map_or_else(String::new, |size| {
            format!(
                "if [ ! -e \"$p\" ]; then\n: > \"$d/file\"\n(umask 077 && dd if=/dev/zero of=\"$p.part\" bs=1M count={size} status=none)\nmkswap -- \"$p.part\" > /dev/null\nmv -- \"$p.part\" \"$p\"\nfi\n"
            )
        });
        let is_active = truth(planned, "active") != Some(false);
        let put = if is_active { ON } else { "one_off \"$p\"\n" };
        Ok(format!("p={}\n{OFF}{ONE}{KEEP}{make}{put}", quote(path)))
    }

    fn restore(&self, object: &Value) -> String {
        let path = text(object, "path").unwrap_or_default();
        if path == ALL {
            return BACK.to_owned();
        }
        format!(
            "p={}\n{OFF}{ONE}as_it_was \"$d/was\" \"$d/before\"\n{BACK}[ ! -e \"$d/file\" ] || rm -f -- \"$p\"\n",
            quote(path)
        )
    }

    fn remove(&self, object: &Value) -> String {
        let path = text(object, "path").unwrap_or_default();
        if path == ALL { ":\n".to_owned() } else { format!("p={}\n{OFF}{UNIT_GONE}", quote(path)) }
    }
}

/// All is used again as before.
const BACK: &str = r#"
if [ -s "$d/masked" ]; then
  while read -r unit; do systemctl --quiet unmask -- "$unit"; done < "$d/masked"
  systemctl daemon-reload
fi
if [ -s "$d/were" ]; then
  while read -r one; do swapon -- "$one" 2> /dev/null || :; done < "$d/were"
fi
"#;

/// `one_off PATH`: not used now, nor after a restart.
const OFF: &str = r#"
unit_of() { systemd-escape --path --suffix=swap -- "$1"; }
is_used() { sed 1d /proc/swaps | cut -d ' ' -f 1 | grep -q -x -F -- "$(readlink -f -- "$1")"; }
one_off() {
  u=$(unit_of "$1")
  if is_used "$1"; then
    # Of one alone it is written down before anything is done.
    [ -e "$d/was" ] || grep -qs -x -F -- "$1" "$d/were" || printf '%s\n' "$1" >> "$d/were"
    swapoff -- "$1"
  fi
  if [ -f "/etc/systemd/system/$u" ] && [ ! -L "/etc/systemd/system/$u" ]; then
    systemctl --quiet disable -- "$u"
  fi
  if [ -e "/run/systemd/generator/$u" ]; then
    [ -e "$d/masked" ] && grep -q -x -F -- "$u" "$d/masked" || printf '%s\n' "$u" >> "$d/masked"
    systemctl --quiet mask -- "$u"
  fi
}
"#;

const ALL_OFF: &str = r#"
for one in $(sed 1d /proc/swaps | cut -d ' ' -f 1); do one_off "$one"; done
for one in /run/systemd/generator/*.swap; do
  [ -e "$one" ] || continue
  one_off "$(sed -n 's/^What=//p' "$one")"
done
"#;

/// `as_it_was FILE IMAGE`: the one in `$p` is used and brought by its unit as the file says, and the unit's own file is the
/// image.
const ONE: &str = r#"
u=$(unit_of "$p")
f=/etc/systemd/system/$u
state() {
  ! is_used "$p" || echo used
  state_of "$u"
}
as_it_was() {
  systemctl --quiet disable -- "$u" 2> /dev/null || :
  put_back "$2" "$f"
  systemctl daemon-reload
  ! grep -qs UnitFileState=enabled "$1" || systemctl --quiet enable -- "$u"
  if grep -qs -x used "$1"; then
    is_used "$p" || swapon -- "$p" 2> /dev/null || :
  else
    ! is_used "$p" || swapoff -- "$p"
  fi
}
"#;

const KEEP: &str = r#"
unwind() {
  rm -f -- "$p.part" "$f.part"
  [ -d "$d/step" ] || return 0
  as_it_was "$d/step/was" "$d/step/1"
  [ -z "$made" ] || [ ! -e "$d/file" ] || rm -f -- "$p"
}
keep "$f"
keep_state
keep_step "$f"
"#;

const ON: &str = r#"
if [ -L "$f" ]; then systemctl --quiet unmask -- "$u"; fi
if [ ! -e "/run/systemd/generator/$u" ]; then
  t="$f.part"
  printf '[Unit]\nDescription=Swap\n[Swap]\nWhat=%s\n[Install]\nWantedBy=swap.target\n' "$p" > "$t"
  put "$f" 0644 '' ''
  systemctl daemon-reload
  systemctl --quiet enable -- "$u"
fi
# What the system itself brings is used again after a restart, too.
is_used "$p" || swapon -- "$p"
"#;

const UNIT_GONE: &str = r#"
u=$(unit_of "$p")
! is_used "$p" || swapoff -- "$p"
if [ -f "/etc/systemd/system/$u" ] && [ ! -L "/etc/systemd/system/$u" ]; then
  systemctl --quiet disable -- "$u"
  rm -f -- "/etc/systemd/system/$u"
  systemctl daemon-reload
fi
"#;
