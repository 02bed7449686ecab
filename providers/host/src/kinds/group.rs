//! `host_group`: a group of accounts.

use super::{Act, HostKind, check_account, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::quote;
use formwork_sdk::values::{Findings, text, truth, whole_number};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_group" "trainers" {
  host = { address = "10.0.0.11" }
  name = "trainers"
  gid  = 4200
}
"#;

/// The greatest id of an account or a group; the one above stands for none.
pub(super) const ID_MAXIMUM: i64 = 4_294_967_294;

pub(super) struct Group;

impl HostKind for Group {
    fn name(&self) -> &'static str {
        "host_group"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let system = Attribute::with_default(Type::Bool, false, "Whether its id is one of the system's.");
        let attributes = vec![
            ("name", Attribute::required(Type::String, "Its name.").replaces()),
            ("gid", Attribute::optional_computed(Type::Number, "Its id; the next free one, by itself.")),
            ("system", system.replaces()),
        ];
        let doc = "A group of accounts.";
        let permissions =
            ["Read the group database.", "Change the group database; write to /var/lib/formwork."];
        super::schema("name", attributes, doc, EXAMPLE, permissions)
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_account(configuration, "name", found);
        found.check_number(configuration, "gid", 0, ID_MAXIMUM);
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!("emit group \"$(getent group -- {})\"", name_of(object))
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        let said =
            answer.text("group").ok_or_else(|| ProviderError::bug("the host did not answer for a group"))?;
        let Some(gid) = said.split(':').nth(2).and_then(|gid| gid.parse::<i64>().ok()) else {
            return Ok(None);
        };
        let system = truth(object, "system").unwrap_or(false);
        Ok(Some(with(object, &[("gid", Value::from(gid)), ("system", Value::from(system))])))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let gid = whole_number(&act.planned, "gid").map(|gid| gid.to_string()).unwrap_or_default();
        let system = if truth(&act.planned, "system") == Some(true) { "--system" } else { "" };
        Ok(format!(
            "n={}\n\
             back() {{\n{back}}}\nunwind() {{ [ -z \"$made\" ] || [ ! -e \"$d/was\" ] || back; }}\n\
             state() {{ getent group -- \"$n\" || :; }}\nkeep_state\n\
             if g=$(getent group -- \"$n\"); then\n\
               g=${{g#*:*:}}\n\
               [ -z '{gid}' ] || [ \"${{g%%:*}}\" = '{gid}' ] || groupmod --gid '{gid}' -- \"$n\"\n\
             else\n\
               groupadd {system} {} -- \"$n\"\n\
             fi\n",
            name_of(&act.planned),
            if gid.is_empty() { String::new() } else { format!("--gid {gid}") },
            back = self.restore(&act.planned),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        format!(
            "n={}\n\
             if [ -s \"$d/was\" ]; then\n\
               g=$(cut -d : -f 3 < \"$d/was\")\n\
               [ \"$(getent group -- \"$n\" | cut -d : -f 3)\" = \"$g\" ] || groupmod --gid \"$g\" -- \"$n\"\n\
             elif getent group -- \"$n\" >/dev/null; then groupdel -- \"$n\"\n\
             fi\n",
            name_of(object)
        )
    }

    fn remove(&self, object: &Value) -> String {
        format!("if getent group -- {0} >/dev/null; then groupdel -- {0}; fi\n", name_of(object))
    }
}

fn name_of(object: &Value) -> String {
    quote(text(object, "name").unwrap_or_default())
}
