//! `host_directory`: a folder of a host.
//!
//! Invariant: a folder that holds something is never removed, and one that was there before gets its mode and owner
//! back.

use super::{Act, HostKind, check_ownership, check_path, ownership, paths, seen, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::quote;
use formwork_sdk::values::{Findings, text};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_directory" "cache" {
  host  = { address = "10.0.0.11" }
  path  = "/srv/models"
  mode  = "0750"
  owner = "root"
}
"#;

pub(super) struct Directory;

impl HostKind for Directory {
    fn name(&self) -> &'static str {
        "host_directory"
    }

    fn key(&self) -> &'static str {
        "path"
    }

    fn schema(&self) -> KindSchema {
        let path =
            Attribute::required(Type::String, "Where it is; the folder above it must be there.").replaces();
        let attributes = [("path", path)].into_iter().chain(ownership("0755")).collect();
        let doc = "A folder. When the object is removed, a folder that it made goes if nothing is in it, and one that was there before gets its mode and owner back.";
        let permissions =
            ["Search the folder above it.", "Write to the folder above it, and to /var/lib/formwork."];
        super::schema("path", attributes, doc, EXAMPLE, permissions)
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_path(configuration, found);
        check_ownership(configuration, found);
    }

    fn probe_together(&self, objects: &[&Value]) -> Option<String> {
        paths::look(objects, false)
    }

    fn of_together(&self, object: &Value, _: &Private, together: &Answer) -> Option<Answer> {
        let stat = paths::stat(text(object, "path")?, together)?;
        stat.starts_with("directory").then(|| Answer::made(&[("stat", stat)]))
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!("look {}; true", path_of(object))
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        let Some(seen) = seen(answer)?.filter(|seen| seen.sort == "directory") else { return Ok(None) };
        let changed = [
            ("mode", Value::from(seen.mode)),
            ("owner", Value::from(seen.owner)),
            ("group", Value::from(seen.group)),
        ];
        Ok(Some(with(object, &changed)))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let word = |name: &str| quote(text(&act.planned, name).unwrap_or_default());
        Ok(format!(
            "p={}\n\
             [ -d \"$p\" ] || ! is_there \"$p\" || refuse conflict \"$p is there and no directory\"\n\
             state() {{ [ ! -d \"$p\" ] || stat -L -c '%a %u:%g' -- \"$p\"; }}\n\
             {AS}unwind() {{ [ ! -d \"$d/step\" ] || folder_as \"$d/step/was\"; }}\n\
             keep_state\nkeep_step\n\
             [ -d \"$p\" ] || mkdir -- \"$p\"\n\
             owner={} group={}\n\
             [ -z \"$owner\" ] || chown -- \"$owner\" \"$p\"\n\
             [ -z \"$group\" ] || chgrp -- \"$group\" \"$p\"\n\
             chmod -- {} \"$p\"\n",
            word("path"),
            word("owner"),
            word("group"),
            word("mode"),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        format!("p={}\n{AS}folder_as \"$d/was\"\n", path_of(object))
    }

    fn remove(&self, object: &Value) -> String {
        format!("p={}\nif is_there \"$p\"; then rmdir -- \"$p\"; fi\n", path_of(object))
    }
}

/// `folder_as FILE`: mode and owner as the file says, or gone where it was not there.
const AS: &str = r#"
folder_as() {
  if [ ! -s "$1" ]; then
    if is_there "$p"; then rmdir -- "$p"; fi
  elif [ -d "$p" ]; then
    read -r mode owner < "$1"
    chown -- "$owner" "$p"
    chmod -- "$mode" "$p"
  fi
}
"#;

fn path_of(object: &Value) -> String {
    quote(text(object, "path").unwrap_or_default())
}
