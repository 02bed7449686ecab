//! `host_mount`: a file system in its place, also after the next start.

use super::service::unit_of;
use super::{Act, HostKind, check_path, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::{quote, write_bytes};
use formwork_sdk::values::{Findings, text, texts};
use formwork_sdk::{Attribute, Disruption, KindSchema, ProviderError};
use formwork_value::{Type, Value};
use std::fmt::Write as _;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_mount" "cache" {
  host    = { address = "10.0.0.11" }
  path    = "/var/cache/datasets"
  source  = "/dev/disk/by-id/nvme-cache"
  type    = "xfs"
  options = ["noatime", "nodiscard"]
}
"#;

/// File systems that wait for the network.
const REMOTE: [&str; 7] = ["nfs", "nfs4", "cifs", "ceph", "fuse.ceph", "glusterfs", "lustre"];

pub(super) struct Mount;

impl HostKind for Mount {
    fn name(&self) -> &'static str {
        "host_mount"
    }

    fn key(&self) -> &'static str {
        "path"
    }

    fn schema(&self) -> KindSchema {
        let options = Attribute::optional(Type::list(Type::String), "Options of the mount.");
        let attributes = vec![
            (
                "path",
                Attribute::required(
                    Type::String,
                    "Where it is mounted: an empty folder, which is made where there is none.",
                )
                .replaces(),
            ),
            (
                "source",
                Attribute::required(Type::String, "What is mounted: a device by its id, `server:/export`."),
            ),
            ("type", Attribute::required(Type::String, "The file system's type.")),
            ("options", options),
            (
                "active",
                Attribute::with_default(
                    Type::Bool,
                    true,
                    "Whether it is mounted now; at a start it always is.",
                ),
            ),
        ];
        let doc = "A mount, by a unit of systemd. Nothing is ever formatted, and nothing is mounted over what is there: a folder with something in it and a mount of somebody else's are conflicts.";
        let permissions = [
            "Ask systemd about units.",
            "Mount file systems; write to /etc/systemd/system and /var/lib/formwork.",
        ];
        KindSchema {
            disruption: Disruption::Restart,
            ..super::schema("path", attributes, doc, EXAMPLE, permissions)
        }
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_path(configuration, found);
        for name in ["source", "type"] {
            if text(configuration, name).is_some_and(|word| word.is_empty() || word.contains(['\n', '"'])) {
                found.refuse(name, "It is empty, or has a line end or a quotation mark.");
            }
        }
        let is_option = |one: &str| {
            !one.is_empty() && !one.contains([',', '\n', '"']) && !one.contains(char::is_whitespace)
        };
        if let Some(wrong) = texts(configuration, "options").find(|one| !is_option(one)) {
            found.refuse("options", format!("{wrong:?} is no option: give each as an item of its own."));
        }
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!(
            "p={}\nif [ -f \"$p\" ]; then\nshow_unit {}\nemit file \"$(cat -- \"$p\" 2>&1)\"\nfi\ntrue",
            file_of(object),
            quote(&unit_name(object))
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        let Some(file) = answer.given("file") else { return Ok(None) };
        let Some(unit) = unit_of(answer)? else { return Ok(None) };
        let field = |name: &str| {
            let line = file.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.map(|value| value.replace("%%", "%"))
        };
        let word = |name: &str| field(name).map_or_else(|| Value::null(Type::String), Value::from);
        let options = match field("Options") {
            Some(options) => Value::list(Type::String, options.split(',').map(Value::from).collect()),
            None => Value::null(Type::list(Type::String)),
        };
        let changed = [
            ("source", word("What")),
            ("type", word("Type")),
            ("options", options),
            ("active", Value::from(unit.is_active)),
        ];
        Ok(Some(with(object, &changed)))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let planned = &act.planned;
        let differs = |name: &str| act.request.prior.get(name) != planned.get(name);
        let verb =
            if differs("source") || differs("type") || differs("options") { "restart" } else { "start" };
        // What is somebody else's is refused before there is anything to take back; what is kept or ours was
        // looked at already.
        Ok(format!(
            "u={}\np={}\nm={}\n\
             state() {{ state_of \"$u\"; }}\n\
             unwind() {{\n\
               [ -d \"$d/step\" ] || return 0\n\
               rm -f -- \"$p.part\"\n\
               systemctl stop -- \"$u\"\n\
               systemctl --quiet disable -- \"$u\"\n\
               step_back \"$p\"\n\
               systemctl daemon-reload\nsystemctl reset-failed -- \"$u\"\n\
               state_back \"$u\" \"$d/step/was\"\n\
               [ -z \"$made\" ] || folder_back \"$m\"\n\
             }} 2>/dev/null\n\
             if [ -n \"$made$again\" ] && [ ! -d \"$d/step\" ] && ! is_left \"$p\"; then\n\
               ! mountpoint -q -- \"$m\" || refuse conflict \"something is mounted at $m already: $(findmnt --noheadings --output SOURCE,FSTYPE -- \"$m\")\"\n\
               ! grep -qs \"^[^#[:space:]][^[:space:]]*[[:space:]][[:space:]]*$m[[:space:]]\" /etc/fstab || refuse conflict \"/etc/fstab has an entry for $m\"\n\
               [ ! -d \"$m\" ] || [ -z \"$(ls -A -- \"$m\")\" ] || refuse conflict \"$m is not empty\"\n\
             fi\n\
             keep \"$p\"\nkeep_state\nkeep_step \"$p\"\n\
             [ -d \"$m\" ] || {{ [ -d \"${{m%/*}}/\" ] || refuse missing \"the folder of $m is not there\"; mkdir -- \"$m\"; : > \"$d/folder\"; }}\n\
             t=\"$p.part\"\n{}put \"$p\" 0644 '' ''\n\
             systemctl daemon-reload\n\
             enable_unit \"$u\" true\n\
             activate \"$u\" {} {verb}\n",
            quote(&unit_name(planned)),
            file_of(planned),
            quote(text(planned, "path").unwrap_or_default()),
            write_bytes(unit_file(planned).as_bytes(), "\"$t\""),
            super::service::asked(planned, "active"),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        format!(
            "u={}\np={}\nm={}\n\
             systemctl stop -- \"$u\"\nsystemctl --quiet disable -- \"$u\" 2>/dev/null || :\n\
             put_back \"$d/before\" \"$p\"\nsystemctl daemon-reload\nsystemctl reset-failed -- \"$u\" 2>/dev/null || :\n\
             state_back \"$u\" \"$d/was\"\nfolder_back \"$m\"\n",
            quote(&unit_name(object)),
            file_of(object),
            quote(text(object, "path").unwrap_or_default()),
        )
    }

    fn remove(&self, object: &Value) -> String {
        let unit = quote(&unit_name(object));
        format!(
            "systemctl stop -- {unit}\nsystemctl --quiet disable -- {unit} || :\nrm -f -- {}\nsystemctl daemon-reload\n",
            file_of(object)
        )
    }
}

fn file_of(object: &Value) -> String {
    quote(&format!("/etc/systemd/system/{}", unit_name(object)))
}

/// The name that systemd wants for a mount at a path (systemd.unit(5), "String escaping").
fn unit_name(object: &Value) -> String {
    let path = text(object, "path").unwrap_or_default().trim_matches('/');
    let mut name = String::new();
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if at > 0 => name.push('.'),
            byte if byte.is_ascii_alphanumeric() || b":_".contains(&byte) => name.push(char::from(byte)),
            byte => {
                let _ = write!(name, "\\x{byte:02x}");
            }
        }
    }
    name + ".mount"
}

fn unit_file(object: &Value) -> String {
    // systemd reads a % as the beginning of one of its own words.
    let word = |name: &str| text(object, name).unwrap_or_default().replace('%', "%%");
    let options: Vec<&str> = texts(object, "options").collect();
    let options = if options.is_empty() {
        String::new()
    } else {
        format!("Options={}\n", options.join(",").replace('%', "%%"))
    };
    let target = if REMOTE.contains(&word("type").as_str()) { "remote-fs.target" } else { "local-fs.target" };
    format!(
        "[Unit]\nDescription={0}\n\n[Mount]\nWhat={1}\nWhere={0}\nType={2}\n{options}\n[Install]\nWantedBy={target}\n",
        word("path"),
        word("source"),
        word("type"),
    )
}

#[cfg(test)]
mod tests {
    use super::unit_name;
    use formwork_value::Value;

    #[test]
    fn units_are_named_as_systemd_names_them() {
        // As `systemd-escape --path --suffix=mount` says.
        for (path, expected) in [
            ("/mnt", "mnt.mount"),
            ("/var/cache/data-sets", "var-cache-data\\x2dsets.mount"),
            ("/srv/a b/.x", "srv-a\\x20b-.x.mount"),
            ("/.hidden", "\\x2ehidden.mount"),
            ("/größe", "gr\\xc3\\xb6\\xc3\\x9fe.mount"),
        ] {
            assert_eq!(unit_name(&Value::object(vec![("path".into(), path.into())])), expected);
        }
    }
}
