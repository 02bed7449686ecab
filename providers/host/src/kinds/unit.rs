//! `host_unit`: a unit of systemd of one's own, with its file.

use super::service::{asked, check_name, unit_of};
use super::{Act, HostKind, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::{quote, write_bytes};
use formwork_sdk::values::{Findings, text};
use formwork_sdk::{Attribute, Disruption, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_unit" "exporter" {
  host    = { address = "10.0.0.11" }
  name    = "gpu-exporter.service"
  content = <<-END
    [Service]
    ExecStart=/usr/local/bin/gpu-exporter --listen 127.0.0.1:9400
    Restart=on-failure

    [Install]
    WantedBy=multi-user.target
  END
}
"#;

const CONTENT: &str = "content";

pub(super) struct Unit;

impl HostKind for Unit {
    fn name(&self) -> &'static str {
        "host_unit"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let name = Attribute::required(Type::String, "The unit, with its ending: `gpu-exporter.service`.")
            .replaces();
        let attributes = vec![
            ("name", name),
            (
                CONTENT,
                Attribute::required(
                    Type::String,
                    "The text of its file. A change restarts a unit that is to run.",
                ),
            ),
            ("enabled", Attribute::with_default(Type::Bool, true, "Whether it starts with the host.")),
            (
                "active",
                Attribute::with_default(
                    Type::Bool,
                    true,
                    "Whether it runs; false for one that ends by itself.",
                ),
            ),
        ];
        let doc = "A unit of systemd with its file in /etc/systemd/system. One that does not stay active after its start is an error that shows the end of its journal, and leaves the host as it was.";
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
        let known =
            text(object, CONTENT).map(|text| super::file::digest_of(text.as_bytes())).unwrap_or_default();
        format!(
            "p={}\nif [ -f \"$p\" ]; then\nshow_unit {}\nshow_content \"$p\" {}\nelse look \"$p\"\nfi\ntrue",
            path_of(object),
            quote(text(object, "name").unwrap_or_default()),
            quote(&known)
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        if answer.text("unit").is_none() && super::trouble(answer).is_none() {
            return Ok(None);
        }
        let Some(found) = unit_of(answer)? else { return Ok(None) };
        let mut changed = vec![("active", Value::from(found.is_active))];
        changed.extend(found.is_enabled.map(|is_enabled| ("enabled", Value::from(is_enabled))));
        changed.extend(super::file::content_read(object, CONTENT, answer).map(|value| (CONTENT, value)));
        Ok(Some(with(object, &changed)))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let name = quote(text(&act.planned, "name").unwrap_or_default());
        let content = text(&act.planned, CONTENT).unwrap_or_default();
        let is_changed = act.request.prior.get(CONTENT) != act.planned.get(CONTENT);
        let verb = if is_changed { "restart" } else { "start" };
        Ok(format!(
            "u={name}\np={}\n\
             t=\"$p.part\"\n\
             state() {{ state_of \"$u\"; }}\n\
             unwind() {{\n\
               [ -d \"$d/step\" ] || return 0\n\
               rm -f -- \"$t\"\n\
               systemctl stop -- \"$u\"\n\
               systemctl --quiet disable -- \"$u\"\n\
               step_back \"$p\"\n\
               systemctl daemon-reload\n\
               systemctl reset-failed -- \"$u\"\n\
               state_back \"$u\" \"$d/step/was\"\n\
             }} 2>/dev/null\n\
             keep \"$p\"\nkeep_state\nkeep_step \"$p\"\n\
             {}put \"$p\" 0644 '' ''\n\
             systemctl daemon-reload\n\
             enable_unit \"$u\" {}\n\
             activate \"$u\" {} {verb}\n",
            path_of(&act.planned),
            write_bytes(content.as_bytes(), "\"$t\""),
            asked(&act.planned, "enabled"),
            asked(&act.planned, "active"),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        let name = quote(text(object, "name").unwrap_or_default());
        format!(
            "u={name}\np={}\n\
             systemctl --quiet disable -- \"$u\" 2>/dev/null || :\nsystemctl stop -- \"$u\" || :\n\
             put_back \"$d/before\" \"$p\"\n\
             systemctl daemon-reload\nsystemctl reset-failed -- \"$u\" 2>/dev/null || :\n\
             state_back \"$u\" \"$d/was\"\n",
            path_of(object)
        )
    }

    fn remove(&self, object: &Value) -> String {
        let name = quote(text(object, "name").unwrap_or_default());
        format!(
            "systemctl --quiet disable -- {name} || :\nsystemctl stop -- {name} || :\nrm -f -- {}\nsystemctl daemon-reload\n",
            path_of(object)
        )
    }
}

fn path_of(object: &Value) -> String {
    quote(&format!("/etc/systemd/system/{}", text(object, "name").unwrap_or_default()))
}
