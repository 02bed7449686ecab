//! `host_user`: an account, whose password nobody knows.

use super::group::ID_MAXIMUM;
use super::{Act, HostKind, check_account, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::quote;
use formwork_sdk::values::{Findings, given, text, texts, truth, whole_number};
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
}

resource "host_user" "ada" {
  host   = { address = "10.0.0.11" }
  name   = "ada"
  shell  = "/bin/bash"
  groups = [host_group.trainers.name]
}
"#;

pub(super) struct User;

impl HostKind for User {
    fn name(&self) -> &'static str {
        "host_user"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let system = Attribute::with_default(Type::Bool, false, "Whether its id is one of the system's.");
        let attributes = vec![
            ("name", Attribute::required(Type::String, "Its name.").replaces()),
            ("uid", Attribute::optional_computed(Type::Number, "Its id; the next free one, by itself.")),
            (
                "group",
                Attribute::optional_computed(Type::String, "Its own group; one of its name, by itself."),
            ),
            (
                "groups",
                Attribute::optional_computed(
                    Type::set(Type::String),
                    "All further groups that it is in; as they are, by itself.",
                ),
            ),
            ("home", Attribute::optional_computed(Type::String, "Its home; below /home, by itself.")),
            ("shell", Attribute::with_default(Type::String, "/bin/bash", "What a login starts.")),
            ("comment", Attribute::with_default(Type::String, "", "Whose it is, in words.")),
            ("system", system.replaces()),
        ];
        let doc = "An account that no password opens. When the object is removed, an account that it made goes with its home; one that was there before gets its attributes back.";
        let permissions =
            ["Read the account database.", "Change the account database; write to /var/lib/formwork."];
        KindSchema { holds_data: true, ..super::schema("name", attributes, doc, EXAMPLE, permissions) }
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_account(configuration, "name", found);
        check_account(configuration, "group", found);
        found.check_number(configuration, "uid", 0, ID_MAXIMUM);
        for name in ["home", "shell"] {
            if text(configuration, name)
                .is_some_and(|path| !path.starts_with('/') || path.contains([':', '\n']))
            {
                found.refuse(name, "It is no absolute path: give one without `:`.");
            }
        }
        if text(configuration, "comment").is_some_and(|comment| comment.contains([':', '\n'])) {
            found.refuse("comment", "The account database cannot hold `:` or a line end: leave them out.");
        }
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!(
            "n={}\nemit user \"$(getent passwd -- \"$n\")\"\nemit group \"$(id -gn -- \"$n\" 2>/dev/null)\"\nemit groups \"$(id -Gn -- \"$n\" 2>/dev/null)\"",
            name_of(object)
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        let said = answer
            .text("user")
            .ok_or_else(|| ProviderError::bug("the host did not answer for an account"))?;
        let fields: Vec<&str> = said.split(':').collect();
        let [_, _, uid, _, comment, home, shell] = fields[..] else { return Ok(None) };
        let own = answer.text("group").unwrap_or_default();
        let uid = uid.parse::<i64>().map_or_else(|_| Value::null(Type::Number), Value::from);
        let mut changed = vec![
            ("uid", uid),
            ("group", Value::from(own)),
            ("comment", Value::from(comment)),
            ("home", Value::from(home)),
            ("shell", Value::from(shell)),
            ("system", Value::from(truth(object, "system").unwrap_or(false))),
        ];
        let groups = answer.text("groups").unwrap_or_default().split(' ');
        let further = groups.filter(|group| !group.is_empty() && *group != own);
        changed.push(("groups", Value::set(Type::String, further.map(Value::from).collect())));
        Ok(Some(with(object, &changed)))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let planned = &act.planned;
        let mut options = Vec::new();
        if let Some(uid) = whole_number(planned, "uid") {
            options.push(format!("--uid {uid}"));
        }
        for (attribute, option) in [("group", "--gid"), ("shell", "--shell"), ("comment", "--comment")] {
            options.extend(text(planned, attribute).map(|value| format!("{option} {}", quote(value))));
        }
        if given(planned, "groups").is_some() {
            let groups: Vec<&str> = texts(planned, "groups").collect();
            options.push(format!("--groups {}", quote(&groups.join(","))));
        }
        let home = text(planned, "home").map(quote);
        let system = if truth(planned, "system") == Some(true) { "--system" } else { "" };
        let options = options.join(" ");
        let (at, to) = home
            .map_or_else(Default::default, |home| (format!("--home-dir {home}"), format!("--home {home}")));
        Ok(format!(
            "n={}\n\
             back() {{\n{back}}}\nunwind() {{ [ -z \"$made\" ] || [ ! -e \"$d/was\" ] || back; }}\n\
             if [ ! -e \"$d/was\" ]; then\n\
               getent passwd -- \"$n\" > \"$d/was.part\" || :\n\
               id -Gn -- \"$n\" > \"$d/groups\" 2>/dev/null || :\n\
               mv -- \"$d/was.part\" \"$d/was\"\n\
             fi\n\
             if getent passwd -- \"$n\" >/dev/null; then\n\
               usermod {options} {to} -- \"$n\"\n\
             else\n\
               useradd {system} --create-home {options} {at} -- \"$n\"\n\
               usermod --password '*' -- \"$n\"\n\
             fi\n",
            name_of(planned),
            back = self.restore(planned),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        format!(
            "n={}\n\
             if [ -s \"$d/was\" ]; then\n\
               IFS=: read -r _ _ uid gid comment home shell < \"$d/was\"\n\
               usermod --uid \"$uid\" --gid \"$gid\" --comment \"$comment\" --home \"$home\" --shell \"$shell\" --groups \"$(tr ' ' , < \"$d/groups\")\" -- \"$n\"\n\
             else\n{}fi\n",
            name_of(object),
            self.remove(object)
        )
    }

    fn remove(&self, object: &Value) -> String {
        format!(
            "if getent passwd -- {0} >/dev/null; then userdel --remove -- {0} 2>/dev/null || userdel -- {0}; fi\n",
            name_of(object)
        )
    }
}

fn name_of(object: &Value) -> String {
    quote(text(object, "name").unwrap_or_default())
}
