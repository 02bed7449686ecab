//! `host_service`: the state of a unit that the system or a package brought, and settings beside it.
//!
//! Invariant: the unit's own file is never touched; settings are a drop-in that no other tool writes.

use super::{Act, HostKind, trouble, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::{quote, write_bytes};
use formwork_sdk::values::{Findings, text, truth};
use formwork_sdk::{Attribute, Disruption, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_service" "containerd" {
  host    = { address = "10.0.0.11" }
  name    = "containerd.service"
  enabled = true
  active  = true
  drop_in = <<-END
    [Service]
    LimitNOFILE=1048576
  END
}
"#;

const DROP_IN: &str = "drop_in";
const TRIGGERS: &str = "restart_triggers";

/// Kinds of units that are named here.
const SUFFIXES: [&str; 7] = [".service", ".socket", ".timer", ".path", ".mount", ".target", ".slice"];

pub(super) struct Service;

impl HostKind for Service {
    fn name(&self) -> &'static str {
        "host_service"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let name = Attribute::required(Type::String, "The unit, with its ending: `ssh.service`.").replaces();
        let attributes = vec![
            ("name", name),
            (
                "enabled",
                Attribute::optional_computed(
                    Type::Bool,
                    "Whether it starts with the host; as it is, by itself.",
                ),
            ),
            ("active", Attribute::optional_computed(Type::Bool, "Whether it runs; as it is, by itself.")),
            (
                DROP_IN,
                Attribute::optional(
                    Type::String,
                    "Settings that go over the unit's own: a drop-in's text. A change restarts a unit that is to run.",
                ),
            ),
            (
                TRIGGERS,
                Attribute::optional(
                    Type::map(Type::String),
                    "Any values; when they change, a unit that is to run is restarted.",
                ),
            ),
        ];
        let doc = "The state of a unit of systemd that is there already. When the object is removed, the unit is enabled and active as it was before.";
        let permissions = [
            "Ask systemd about units.",
            "Manage units of systemd; write to /etc/systemd/system and /var/lib/formwork.",
        ];
        let kind = super::schema("name", attributes, doc, EXAMPLE, permissions);
        KindSchema { disruption: Disruption::Restart, ..kind }
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_name(configuration, found);
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        let name = quote(text(object, "name").unwrap_or_default());
        let known = quote(
            &text(object, DROP_IN).map(|text| super::file::digest_of(text.as_bytes())).unwrap_or_default(),
        );
        format!(
            "show_unit {name}\np={}\n[ ! -e \"$p\" ] || show_content \"$p\" {known}\ntrue",
            drop_in_path(object)
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        let Some(found) = unit_of(answer)? else { return Ok(None) };
        // Of a unit that nothing enables, the question has no sense: it is what the configuration says.
        let is_enabled = found.is_enabled.or(truth(object, "enabled")).unwrap_or(false);
        let mut changed =
            vec![("enabled", Value::from(is_enabled)), ("active", Value::from(found.is_active))];
        changed.extend(super::file::content_read(object, DROP_IN, answer).map(|value| (DROP_IN, value)));
        Ok(Some(with(object, &changed)))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let name = quote(text(&act.planned, "name").unwrap_or_default());
        let differs = |name: &str| act.request.prior.get(name) != act.planned.get(name);
        let verb = if differs(DROP_IN) || differs(TRIGGERS) { "restart" } else { "start" };
        let drop_in = match text(&act.planned, DROP_IN) {
            Some(settings) => format!(
                "mkdir -p -- \"${{p%/*}}\"\nt=\"$p.part\"\n{}put \"$p\" 0644 '' ''\n",
                write_bytes(settings.as_bytes(), "\"$t\"")
            ),
            None => "rm -f -- \"$p\"\nrmdir -- \"${p%/*}\" 2>/dev/null || :\n".to_owned(),
        };
        Ok(format!(
            "u={name}\np={}\n\
             state() {{ state_of \"$u\"; }}\n\
             unwind() {{ [ -d \"$d/step\" ] || return 0; step_back \"$p\"; rm -f -- \"$p.part\"; rmdir -- \"${{p%/*}}\"; systemctl daemon-reload; state_back \"$u\" \"$d/step/was\"; }} 2>/dev/null\n\
             keep \"$p\"\nkeep_state\nkeep_step \"$p\"\n\
             {drop_in}\
             systemctl daemon-reload\n\
             enable_unit \"$u\" {}\n\
             activate \"$u\" {} {verb}\n",
            drop_in_path(&act.planned),
            asked(&act.planned, "enabled"),
            asked(&act.planned, "active"),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        format!(
            "p={}\nput_back \"$d/before\" \"$p\"\nrmdir -- \"${{p%/*}}\" 2>/dev/null || :\nsystemctl daemon-reload\nstate_back {} \"$d/was\"\n",
            drop_in_path(object),
            quote(text(object, "name").unwrap_or_default())
        )
    }

    fn remove(&self, object: &Value) -> String {
        format!("rm -f -- {}\nsystemctl daemon-reload\n", drop_in_path(object))
    }
}

fn drop_in_path(object: &Value) -> String {
    quote(&format!("/etc/systemd/system/{}.d/50-formwork.conf", text(object, "name").unwrap_or_default()))
}

/// A choice as a word of shell; empty where there is none.
pub(super) fn asked(object: &Value, name: &str) -> &'static str {
    match truth(object, name) {
        Some(true) => "true",
        Some(false) => "false",
        None => "''",
    }
}

/// Refuses what is no name of a unit.
pub(super) fn check_name(configuration: &Value, found: &mut Findings) {
    let Some(name) = text(configuration, "name") else { return };
    let is_part = |character: char| character.is_ascii_alphanumeric() || "-_.:@\\".contains(character);
    let is_unit =
        SUFFIXES.iter().any(|suffix| name.strip_suffix(suffix).is_some_and(|stem| !stem.is_empty()));
    if !is_unit || name.starts_with(['-', '.']) || !name.chars().all(is_part) {
        found.refuse(
            "name",
            format!("{name:?} is no name of a unit: give it with its ending, as \"ssh.service\"."),
        );
    }
}

/// What systemd says of a unit.
pub(super) struct Found {
    /// None where the question has no sense for it.
    pub(super) is_enabled: Option<bool>,
    pub(super) is_active: bool,
}

/// The unit; none where systemd does not know it.
pub(super) fn unit_of(answer: &Answer) -> Result<Option<Found>, ProviderError> {
    if let Some(error) = trouble(answer) {
        return Err(error);
    }
    let said = answer.text("unit").ok_or_else(|| ProviderError::bug("the host did not answer for a unit"))?;
    let field = |name: &str| {
        said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
    };
    if field("LoadState") == "not-found" {
        return Ok(None);
    }
    let is_enabled = match field("UnitFileState") {
        "enabled" | "enabled-runtime" => Some(true),
        "disabled" | "masked" | "masked-runtime" => Some(false),
        _ => None,
    };
    let is_active = matches!(field("ActiveState"), "active" | "reloading" | "activating");
    Ok(Some(Found { is_enabled, is_active }))
}

#[cfg(test)]
mod tests {
    use super::{check_name, unit_of};
    use crate::answer::Answer;
    use formwork_sdk::values::Findings;
    use formwork_value::Value;

    #[test]
    fn units_are_named_with_their_ending() {
        for (name, is_good) in [
            ("ssh.service", true),
            ("getty@tty1.service", true),
            ("ssh", false),
            (".service", false),
            ("-x.service", false),
            ("a b.service", false),
            ("a/b.service", false),
        ] {
            let mut found = Findings::default();
            check_name(&Value::object(vec![("name".into(), name.into())]), &mut found);
            assert_eq!(found.into_diagnostics().is_empty(), is_good, "{name}");
        }
    }

    #[test]
    fn what_systemd_says_is_understood() {
        let table = [
            ("LoadState=loaded\nActiveState=active\nUnitFileState=enabled", Some((Some(true), true))),
            ("LoadState=loaded\nActiveState=failed\nUnitFileState=static", Some((None, false))),
            ("LoadState=masked\nActiveState=inactive\nUnitFileState=masked", Some((Some(false), false))),
            ("LoadState=not-found\nActiveState=inactive\nUnitFileState=", None),
        ];
        for (said, expected) in table {
            let found = unit_of(&Answer::of(&[("unit", said)])).unwrap();
            assert_eq!(found.map(|found| (found.is_enabled, found.is_active)), expected, "{said}");
        }
        assert!(unit_of(&Answer::of(&[("trouble", "Failed to connect to bus")])).is_err());
        assert!(unit_of(&Answer::default()).is_err());
    }
}
