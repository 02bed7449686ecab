//! `host_kernel_module`: a module of the kernel that is loaded, also after the next start.

use super::{Act, HostKind, pairs, trouble, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::{quote, write_bytes};
use formwork_sdk::values::{Findings, given, text, truth};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_kernel_module" "overlay" {
  host = { address = "10.0.0.11" }
  name = "overlay"
}

resource "host_kernel_module" "nvidia" {
  host       = { address = "10.0.0.11" }
  name       = "nvidia"
  parameters = { NVreg_EnableGpuFirmware = "1" }
}
"#;

pub(super) struct KernelModule;

impl HostKind for KernelModule {
    fn name(&self) -> &'static str {
        "host_kernel_module"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let attributes = vec![
            ("name", Attribute::required(Type::String, "The module: `br_netfilter`.").replaces()),
            (
                "parameters",
                Attribute::optional(
                    Type::map(Type::String),
                    "What it is loaded with, by a file in /etc/modprobe.d. A module that is loaded already takes changed ones when it is loaded the next time.",
                ),
            ),
            (
                "persistent",
                Attribute::with_default(
                    Type::Bool,
                    true,
                    "Whether it is loaded at the next start, by a file in /etc/modules-load.d.",
                ),
            ),
        ];
        let doc = "A module of the kernel, loaded or built in. One that was not loaded before is unloaded when the object is removed, if nothing uses it.";
        let permissions = [
            "Read /sys/module and /lib/modules.",
            "Load modules; write to /etc/modules-load.d, /etc/modprobe.d and /var/lib/formwork.",
        ];
        super::schema("name", attributes, doc, EXAMPLE, permissions)
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        let is_name = |name: &str| {
            !name.is_empty()
                && !name.starts_with('-')
                && name.len() <= 64
                && name.chars().all(|one| one.is_ascii_alphanumeric() || "_-".contains(one))
        };
        if let Some(name) = text(configuration, "name").filter(|name| !is_name(name)) {
            let detail =
                format!("{name:?} is no name of a module: give one of letters, digits, `_` and `-`.");
            found.refuse("name", detail);
        }
        for (name, value) in pairs(configuration, "parameters") {
            let is_plain = value.chars().all(|one| one.is_ascii_graphic() && one != '"');
            if !is_name(&name) || value.is_empty() || !is_plain {
                let detail = format!(
                    "{name:?} = {value:?} is no parameter: a name of letters, digits and `_`, and a value without spaces."
                );
                found.refuse("parameters", detail);
            }
        }
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!(
            "{}f={}\no={}\nif loaded; then emit loaded 1; fi\n[ ! -e \"$f\" ] || emit file 1\n\
             [ ! -e \"$o\" ] || emit options \"$(cat -- \"$o\" 2>&1)\"\ntrue",
            loaded(object),
            file_of(object),
            options_of(object),
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        if let Some(error) = trouble(answer) {
            return Err(error);
        }
        if answer.given("loaded").is_none() {
            return Ok(None);
        }
        let persistent = Value::from(answer.given("file").is_some());
        let found = parameters_in(answer.given("options").unwrap_or_default());
        let parameters = if found.is_empty() && given(object, "parameters").is_none() {
            Value::null(Type::map(Type::String))
        } else {
            let entries = found.into_iter().map(|(name, value)| (name.into(), Value::from(value)));
            Value::map(Type::String, entries.collect())
        };
        Ok(Some(with(object, &[("persistent", persistent), ("parameters", parameters)])))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let name = text(&act.planned, "name").unwrap_or_default();
        let file = if truth(&act.planned, "persistent") == Some(true) {
            let line = format!("{name}\n");
            format!(
                "mkdir -p /etc/modules-load.d\nt=\"$f.part\"\n{}put \"$f\" 0644 '' ''\n",
                write_bytes(line.as_bytes(), "\"$t\"")
            )
        } else {
            "rm -f -- \"$f\"\n".to_owned()
        };
        let pairs = pairs(&act.planned, "parameters").collect::<Vec<_>>();
        let options = if pairs.is_empty() {
            "rm -f -- \"$o\"\n".to_owned()
        } else {
            let words: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let line = format!("options {name} {}\n", words.join(" "));
            format!(
                "mkdir -p /etc/modprobe.d\nt=\"$o.part\"\n{}put \"$o\" 0644 '' ''\n",
                write_bytes(line.as_bytes(), "\"$t\"")
            )
        };
        Ok(format!(
            "{}f={}\no={}\nnow=\n\
             unwind() {{ rm -f -- \"$f.part\" \"$o.part\"; step_back \"$f\" \"$o\"; \
             [ -z \"$now\" ] && {{ [ -z \"$made\" ] || [ ! -e \"$d/loaded\" ]; }} || {{ rm -f -- \"$d/loaded\"; modprobe -r -- {3}; }}; }}\n\
             keep \"$f\"\nkeep_step \"$f\" \"$o\"\n\
             {options}\
             if ! loaded; then\n\
             command -v modprobe > /dev/null || refuse invalid \"the kernel has no module {name} loaded, and there is no modprobe to load it with\"\n\
             now=1\n: > \"$d/loaded\"\nw=$(modprobe -- {3} 2>&1) || refuse invalid \"$w\"\nfi\n\
             {file}",
            loaded(&act.planned),
            file_of(&act.planned),
            options_of(&act.planned),
            quote(name),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        let name = quote(text(object, "name").unwrap_or_default());
        format!(
            "put_back \"$d/before\" {}\nrm -f -- {}\n[ ! -e \"$d/loaded\" ] || modprobe -r -- {name} 2> /dev/null || :\n",
            file_of(object),
            options_of(object),
        )
    }

    fn remove(&self, object: &Value) -> String {
        format!("rm -f -- {} {}\n", file_of(object), options_of(object))
    }
}

/// The shell function that says whether it is in the kernel, loaded or built in. Where /sys is kept from a host that is a
/// container, the kernel still tells which file systems it knows.
fn loaded(object: &Value) -> String {
    // The kernel writes all of them with `_`, files of modules as their authors did.
    let name = text(object, "name").unwrap_or_default().replace('-', "_");
    let either = name.replace('_', "[-_]");
    format!(
        "loaded() {{ [ -d /sys/module/{name} ] || grep -qsw {name} /proc/filesystems || \
         grep -qs '/{either}\\.ko' \"/lib/modules/$(uname -r)/modules.builtin\"; }}\n"
    )
}

fn file_of(object: &Value) -> String {
    quote(&format!("/etc/modules-load.d/80-formwork-{}.conf", text(object, "name").unwrap_or_default()))
}

fn options_of(object: &Value) -> String {
    quote(&format!("/etc/modprobe.d/80-formwork-{}.conf", text(object, "name").unwrap_or_default()))
}

/// What a file of options says: `options NAME A=B C=D`.
fn parameters_in(text: &str) -> Vec<(String, String)> {
    let words = text.split_whitespace().skip(2).filter_map(|word| word.split_once('='));
    words.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
