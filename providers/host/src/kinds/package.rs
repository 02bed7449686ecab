//! `host_package`: a package of a host that works with apt.

use super::{Act, HostKind, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::quote;
use formwork_sdk::values::{Findings, given, text, truth};
use formwork_sdk::{Attribute, Disruption, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_package" "containerd" {
  host    = { address = "10.0.0.11" }
  name    = "containerd"
  version = "1.6.20~ds1-1+deb12u3"
  hold    = true
}
"#;

const VERSION: &str = "version";
const HOLD: &str = "hold";

pub(super) struct Package;

impl HostKind for Package {
    fn name(&self) -> &'static str {
        "host_package"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let attributes = vec![
            ("name", Attribute::required(Type::String, "The package.").replaces()),
            (
                VERSION,
                Attribute::optional_computed(
                    Type::String,
                    "The one version that is right; whatever is installed, by itself.",
                ),
            ),
            (
                HOLD,
                Attribute::with_default(Type::Bool, false, "Whether upgrades of the system leave it alone."),
            ),
        ];
        let doc = "A package, by apt and without what is only recommended. When the object is removed, all packages that came with it are purged, or the version that was there before comes back.";
        let permissions =
            ["Read dpkg's database.", "Install and purge packages; write to /var/lib/formwork."];
        let kind = super::schema("name", attributes, doc, EXAMPLE, permissions);
        KindSchema { disruption: Disruption::Restart, ..kind }
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        if let Some(name) = text(configuration, "name").filter(|name| !is_name(name)) {
            found.refuse(
                "name",
                format!(
                    "{name:?} is no name of a package: give one of small letters, digits, `+`, `-` and `.`."
                ),
            );
        }
        if let Some(version) = text(configuration, VERSION).filter(|version| !is_version(version)) {
            found.refuse(
                VERSION,
                format!("{version:?} is no version of a package: give one as `apt-cache policy` shows it."),
            );
        }
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        let name = quote(text(object, "name").unwrap_or_default());
        format!(
            "emit package \"$(dpkg-query --show --showformat='${{db:Status-Status}}|${{Version}}|${{db:Status-Want}}' -- {name} 2>&1)\""
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        let said = answer
            .text("package")
            .ok_or_else(|| ProviderError::bug("the host did not answer for a package"))?;
        let mut parts = said.split('|');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("installed"), Some(version), want) => {
                let changed = [(VERSION, Value::from(version)), (HOLD, Value::from(want == Some("hold")))];
                Ok(Some(with(object, &changed)))
            }
            (Some(_), Some(_), _) => Ok(None),
            _ if said.contains("no packages found") => Ok(None),
            _ => Err(crate::failure::of_words(said)),
        }
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let name = text(&act.planned, "name").unwrap_or_default();
        let wanted = match given(&act.planned, VERSION).and_then(Value::as_str) {
            Some(version) => format!("{name}={version}"),
            None => name.to_owned(),
        };
        let mark = if truth(&act.planned, HOLD) == Some(true) { "hold" } else { "unhold" };
        Ok(format!(
            "n={}\nw={}\n\
             {TAKE}\
             if [ ! -e \"$d/was\" ]; then\n\
               how \"$n\" > \"$d/was.part\" 2>/dev/null || : > \"$d/was.part\"\n\
               all > \"$d/all\"\n\
               mv -- \"$d/was.part\" \"$d/was\"\n\
             fi\n\
             unwind() {{ [ -z \"$made\" ] || purge_added; }}\n\
             take \"$w\"\n\
             note_added\n\
             apt-mark {mark} \"$n\" >/dev/null\n",
            quote(name),
            quote(&wanted),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        format!(
            "n={}\n{TAKE}\
             case $(cat -- \"$d/was\") in\n\
             installed*)\n\
               v=$(cut -d '|' -f 2 < \"$d/was\")\n\
               apt-mark unhold \"$n\" >/dev/null\n\
               [ \"$(dpkg-query --show --showformat='${{Version}}' -- \"$n\" 2>/dev/null)\" = \"$v\" ] || take \"$n=$v\"\n\
               case $(cat -- \"$d/was\") in *'|hold') apt-mark hold \"$n\" >/dev/null ;; esac\n\
               ;;\n\
             *) purge_added ;;\n\
             esac\n",
            quote(text(object, "name").unwrap_or_default())
        )
    }

    fn remove(&self, object: &Value) -> String {
        format!(
            "n={}\napt-mark unhold \"$n\" >/dev/null\napt-get --quiet --yes -o DPkg::Lock::Timeout=60 purge \"$n\" >&2\n",
            quote(text(object, "name").unwrap_or_default())
        )
    }
}

pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || "+-.:".contains(one))
}

pub(super) fn is_version(version: &str) -> bool {
    !version.is_empty() && version.chars().all(|one| one.is_ascii_alphanumeric() || "+-.:~".contains(one))
}

/// `take` installs packages, after a look at what there is where one is not known; `all` says which there are, `how` how
/// one is; `note_added` writes down which came since `$d/all`, and `purge_added` takes those away.
pub const TAKE: &str = "\
apt() { apt-get --quiet --yes --no-install-recommends --allow-downgrades --allow-change-held-packages -o DPkg::Lock::Timeout=60 \"$@\" >&2; }
take() { apt install \"$@\" || { apt update && apt install \"$@\"; }; }
how() { dpkg-query --show --showformat='${db:Status-Status}|${Version}|${db:Status-Want}' -- \"$1\"; }
all() { dpkg-query --show --showformat='${db:Status-Status} ${binary:Package}\\n' | grep '^installed ' | cut -d ' ' -f 2 | sort; }
note_added() { all | comm -13 \"$d/all\" - > \"$d/added\"; }
purge_added() {
  [ -s \"$d/added\" ] || return 0
  apt-mark unhold $(cat -- \"$d/added\") >/dev/null
  apt purge $(cat -- \"$d/added\")
}
";
