//! `host_hosts_entry`: one line of a host's own table of names.
//!
//! Invariant: the line bears a mark, and no other line is touched.

use super::{Act, HostKind, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::quote;
use formwork_sdk::values::{Findings, text, texts};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_hosts_entry" "api" {
  host    = { address = "10.0.0.11" }
  name    = "api.cluster.internal"
  ip      = "10.0.0.100"
  aliases = ["api"]
}
"#;

pub(super) struct HostsEntry;

impl HostKind for HostsEntry {
    fn name(&self) -> &'static str {
        "host_hosts_entry"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let attributes = vec![
            ("name", Attribute::required(Type::String, "The name.").replaces()),
            ("ip", Attribute::required(Type::String, "The address that it stands for.")),
            (
                "aliases",
                Attribute::with_default(
                    Type::list(Type::String),
                    Value::list(Type::String, Vec::new()),
                    "Further names of the address.",
                ),
            ),
        ];
        let doc = "A line of /etc/hosts. It bears a mark, and all other lines stay as they are.";
        super::schema(
            "name",
            attributes,
            doc,
            EXAMPLE,
            ["Read /etc/hosts.", "Write to /etc and to /var/lib/formwork."],
        )
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        let is_name = |name: &str| {
            let is_part = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
            !name.is_empty() && !name.starts_with(['-', '.']) && name.chars().all(is_part)
        };
        let wrong =
            |name: &str| format!("{name:?} is no name of a host: give one of letters, digits, `-` and `.`.");
        if let Some(name) = text(configuration, "name").filter(|name| !is_name(name)) {
            found.refuse("name", wrong(name));
        }
        for alias in texts(configuration, "aliases").filter(|alias| !is_name(alias)) {
            found.refuse("aliases", wrong(alias));
        }
        if let Some(ip) = text(configuration, "ip").filter(|ip| ip.parse::<std::net::IpAddr>().is_err()) {
            found.refuse("ip", format!("{ip:?} is no IP address: give one, as \"10.0.0.100\"."));
        }
    }

    fn probe_together(&self, _: &[&Value]) -> Option<String> {
        Some(format!("emit lines \"$(grep -F -e {} /etc/hosts)\"", quote(MARK)))
    }

    fn of_together(&self, object: &Value, _: &Private, together: &Answer) -> Option<Answer> {
        let mark = mark(object);
        let lines: Vec<&str> = together.text("lines")?.lines().filter(|line| line.contains(&mark)).collect();
        Some(Answer::made(&[("line", &lines.join("\n"))]))
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!("emit line \"$(grep -F -e {} /etc/hosts)\"", quote(&mark(object)))
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        let said =
            answer.text("line").ok_or_else(|| ProviderError::bug("the host did not answer for an entry"))?;
        let entry = said.split('#').next().unwrap_or_default();
        let mut words = entry.split_whitespace();
        let (Some(ip), Some(name)) = (words.next(), words.next()) else { return Ok(None) };
        if Some(name) != text(object, "name") || said.lines().count() != 1 {
            return Ok(None);
        }
        let aliases = Value::list(Type::String, words.map(Value::from).collect());
        Ok(Some(with(object, &[("ip", Value::from(ip)), ("aliases", aliases)])))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let names = [text(&act.planned, "ip"), text(&act.planned, "name")].into_iter().flatten();
        let words: Vec<&str> = names.chain(texts(&act.planned, "aliases")).collect();
        let line = format!("{} {}", words.join(" "), mark(&act.planned));
        Ok(format!(
            "t=/etc/.formwork-hosts\n\
             state() {{ grep -F -e {} /etc/hosts || [ $? = 1 ]; }}\n\
             unwind() {{\nrm -f -- \"$t\"\n[ -d \"$d/step\" ] || return 0\n{}cat -- \"$d/step/was\" >> \"$t\"\n{PUT}}}\n\
             keep_step\n{}printf '%s\\n' {} >> \"$t\"\n{PUT}",
            quote(&mark(&act.planned)),
            others(&act.planned),
            others(&act.planned),
            quote(&line)
        ))
    }

    fn restore(&self, object: &Value) -> String {
        format!("t=/etc/.formwork-hosts\n{}{PUT}", others(object))
    }

    fn remove(&self, object: &Value) -> String {
        self.restore(object)
    }
}

/// In containers the table is a mount of its own, which no other file can take the place of.
const PUT: &str = "chmod 0644 \"$t\"\nmv -fT -- \"$t\" /etc/hosts 2>/dev/null || { cat -- \"$t\" > /etc/hosts; rm -f -- \"$t\"; }\n";

/// All lines but ours.
fn others(object: &Value) -> String {
    format!("grep -v -F -e {} /etc/hosts > \"$t\" || [ $? = 1 ]\n", quote(&mark(object)))
}

/// How the mark of each line of ours begins.
const MARK: &str = "# formwork:";

fn mark(object: &Value) -> String {
    format!("{MARK}{};", text(object, "name").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{HostKind, HostsEntry};
    use crate::answer::Answer;
    use crate::private::Private;
    use formwork_value::Value;

    #[test]
    fn each_entry_has_its_own_line_of_the_table() {
        let lines = "10.0.0.1 a # formwork:a;\n10.0.0.2 b.a c # formwork:b.a;\n10.0.0.3 d # formwork:d;\n10.0.0.4 d # formwork:d;";
        let together = Answer::of(&[("lines", lines)]);
        for (name, expected) in [
            ("a", Some("10.0.0.1")),
            ("b.a", Some("10.0.0.2")),
            ("b", None),
            // Twice is not the line that was written.
            ("d", None),
        ] {
            let object = Value::object(
                [("name", name), ("ip", ""), ("aliases", "")]
                    .map(|(name, text)| (name.into(), text.into()))
                    .into(),
            );
            let answer = HostsEntry.of_together(&object, &Private::default(), &together).unwrap();
            let read = HostsEntry.reading(&object, &answer).unwrap();
            let ip = read.and_then(|read| Some(read.get("ip")?.as_str()?.to_string()));
            assert_eq!(ip.as_deref(), expected, "{name}");
        }
    }
}
