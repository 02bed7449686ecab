//! `host_sysctl`: a parameter of the running kernel, which holds after the next start too.

use super::{Act, HostKind, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::{quote, write_bytes};
use formwork_sdk::values::{Findings, text};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_sysctl" "forwarding" {
  host  = { address = "10.0.0.11" }
  name  = "net.ipv4.ip_forward"
  value = "1"
}
"#;

pub(super) struct Sysctl;

impl HostKind for Sysctl {
    fn name(&self) -> &'static str {
        "host_sysctl"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let name = Attribute::required(
            Type::String,
            "The parameter: `net.ipv4.ip_forward`; with `/` between its parts where one of them has a dot.",
        );
        let attributes = vec![
            ("name", name.replaces()),
            (
                "value",
                Attribute::required(Type::String, "Its value; several numbers with one space between them."),
            ),
            (
                "persistent",
                Attribute::with_default(
                    Type::Bool,
                    true,
                    "Whether it is set again at the next start, by a file in /etc/sysctl.d.",
                ),
            ),
        ];
        let doc =
            "A parameter of the kernel. When the object is removed, it has the value that it had before.";
        let permissions = ["Read /proc/sys.", "Write to /proc/sys, /etc/sysctl.d and /var/lib/formwork."];
        super::schema("name", attributes, doc, EXAMPLE, permissions)
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        if let Some(name) = text(configuration, "name") {
            let is_part = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
            let has_part = |name: &str| name.split(['.', '/']).filter(|part| !part.is_empty()).count() > 1;
            if !name.chars().all(is_part)
                || name.starts_with(['/', '.'])
                || name.contains("..")
                || !has_part(name)
            {
                found.refuse(
                    "name",
                    format!("{name:?} is no parameter of the kernel: give one as \"net.ipv4.ip_forward\"."),
                );
            }
        }
        let is_odd = |value: &str| value.split(' ').any(str::is_empty) || value.contains(['\n', '\t']);
        if text(configuration, "value").is_some_and(is_odd) {
            found.refuse("value", "It is empty or has more space than one between two numbers: write it as \"4096 87380 6291456\".");
        }
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!(
            "p={}\nif [ -e \"$p\" ]; then v=$(cat -- \"$p\" 2>&1) && emit value \"$v\" || emit trouble \"$v\"; else emit value ''; fi\n\
             [ ! -e {} ] || emit file 1\ntrue",
            parameter(object),
            file_of(object)
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        if let Some(error) = super::trouble(answer) {
            return Err(error);
        }
        let value = answer
            .text("value")
            .ok_or_else(|| ProviderError::bug("the host did not answer for a parameter"))?;
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if value.is_empty() {
            return Ok(None);
        }
        let is_persistent = answer.given("file").is_some();
        Ok(Some(with(object, &[("value", Value::from(value)), ("persistent", Value::from(is_persistent))])))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let (name, value) =
            (text(&act.planned, "name").unwrap_or_default(), text(&act.planned, "value").unwrap_or_default());
        let is_persistent = formwork_sdk::values::truth(&act.planned, "persistent") == Some(true);
        let file = if is_persistent {
            let line = format!("{name} = {value}\n");
            format!(
                "mkdir -p /etc/sysctl.d\nt=\"$f.part\"\n{}put \"$f\" 0644 '' ''\n",
                write_bytes(line.as_bytes(), "\"$t\"")
            )
        } else {
            "rm -f -- \"$f\"\n".to_owned()
        };
        Ok(format!(
            "p={}\nf={}\n\
             [ -e \"$p\" ] || refuse invalid \"this kernel has no parameter $p\"\n\
             state() {{ cat -- \"$p\"; }}\n\
             unwind() {{ [ -d \"$d/step\" ] || return 0; rm -f -- \"$f.part\"; step_back \"$f\"; cat -- \"$d/step/was\" > \"$p\"; }}\n\
             keep_state\nkeep \"$f\"\nkeep_step \"$f\"\n\
             printf '%s\\n' {} > \"$p\"\n\
             {file}",
            parameter(&act.planned),
            file_of(&act.planned),
            quote(value),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        format!("put_back \"$d/before\" {}\ncat -- \"$d/was\" > {}\n", file_of(object), parameter(object))
    }

    fn remove(&self, object: &Value) -> String {
        format!("rm -f -- {}\n", file_of(object))
    }
}

fn parameter(object: &Value) -> String {
    let name = text(object, "name").unwrap_or_default();
    let path = if name.contains('/') { name.to_owned() } else { name.replace('.', "/") };
    quote(&format!("/proc/sys/{path}"))
}

fn file_of(object: &Value) -> String {
    let name = text(object, "name").unwrap_or_default().replace('/', ".");
    quote(&format!("/etc/sysctl.d/80-formwork-{name}.conf"))
}
