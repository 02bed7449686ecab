//! `host_package`: a package of a host that works with apt or dnf.

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
        let doc = "A package, by apt or dnf and without what is only recommended. When the object is removed, all packages that came with it are purged, or the version that was there before comes back; one that the system has upgraded since stays.";
        let permissions =
            ["Read the database of packages.", "Install and purge packages; write to /var/lib/formwork."];
        let kind = super::schema("name", attributes, doc, EXAMPLE, permissions);
        KindSchema { disruption: Disruption::Restart, ..kind }
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        if let Some(name) = text(configuration, "name").filter(|name| !is_name(name)) {
            found.refuse(
                "name",
                format!(
                    "{name:?} is no name of a package: give one of letters, digits, `+`, `-`, `_` and `.`."
                ),
            );
        }
        if let Some(version) = text(configuration, VERSION).filter(|version| !is_version(version)) {
            found.refuse(
                VERSION,
                format!("{version:?} is no version of a package: give one as `apt-cache policy` or `dnf list` shows it."),
            );
        }
    }

    fn probe_together(&self, objects: &[&Value]) -> Option<String> {
        let names: Vec<String> =
            objects.iter().filter_map(|object| Some(quote(text(object, "name")?))).collect();
        Some(format!(
            "{TAKE}for n in {}; do emit \"package $n\" \"$(how \"$n\" 2>&1)\"; done\ntrue",
            names.join(" ")
        ))
    }

    fn of_together(&self, object: &Value, _: &Private, together: &Answer) -> Option<Answer> {
        let said = together.text(&format!("package {}", text(object, "name")?))?;
        Some(Answer::made(&[("package", said)]))
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!("{TAKE}emit package \"$(how {} 2>&1)\"", quote(text(object, "name").unwrap_or_default()))
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
             state() {{ is=$(how \"$n\" 2>/dev/null) || is=; printf %s \"$is\"; }}\n\
             back() {{\n{}}}\nunwind() {{ [ -z \"$made\" ] || back; }}\n\
             keep_state\nkeep_step\n\
             adding take \"$w\"\n\
             took \"$n\"\n\
             mark {mark} \"$n\"\n",
            quote(name),
            quote(&wanted),
            self.restore(&act.planned),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        format!(
            "n={}\n{TAKE}\
             case $(cat -- \"$d/was\") in\n\
             installed*)\n\
               v=$(cut -d '|' -f 2 < \"$d/was\")\n\
               mark unhold \"$n\"\n\
               [ \"$(version_now \"$n\")\" = \"$v\" ] || ! is_taken \"$n\" || take \"$n=$v\"\n\
               case $(cat -- \"$d/was\") in *'|hold') mark hold \"$n\" ;; esac\n\
               ;;\n\
             *) purge_added ;;\n\
             esac\n",
            quote(text(object, "name").unwrap_or_default())
        )
    }

    fn remove(&self, object: &Value) -> String {
        format!(
            "n={}\n{TAKE}mark unhold \"$n\"\npurge \"$n\"\n",
            quote(text(object, "name").unwrap_or_default())
        )
    }
}

pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|one| one.is_ascii_alphanumeric() || "+-.:_".contains(one))
}

pub(super) fn is_version(version: &str) -> bool {
    !version.is_empty() && version.chars().all(|one| one.is_ascii_alphanumeric() || "+-.:~^_".contains(one))
}

/// Functions of the shell that work with packages; see there.
pub const TAKE: &str = include_str!("packages.sh");

#[cfg(test)]
mod tests {
    use super::TAKE;
    use crate::answer::answers;
    use crate::shell::{quote, script};
    use std::path::Path;
    use std::process::Command;

    /// A host whose packages are the lines of a file.
    const HOST: &str = r#"
d=$F/mark
mkdir -p -- "$d"
all() { sort -- "$F/all"; }
how() { grep -e "^$1=" "$F/versions" | sed 's/.*=/installed|/'; }
take() { grep -q -x -F -- "$1" "$F/all" || echo "$1" >> "$F/all"; }
"#;

    fn run(folder: &Path, lines: &str) -> String {
        let folder = quote(&folder.display().to_string());
        let text = script([format!("F={folder}\n{TAKE}{HOST}set -e\n{lines}").as_str()]);
        let output = Command::new("sh").args(["-c", &text]).output().unwrap();
        answers(&output.stdout, 1).remove(0).text("said").unwrap_or_default().to_owned()
    }

    #[test]
    fn what_an_attempt_that_was_cut_off_installed_came_by_it() {
        for step in ["", "mkdir -p -- \"$d/step\"\n"] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("all"), "theirs\n").unwrap();
            run(folder.path(), &format!("{step}adding eval 'take ours; sh -c \"kill -9 \\$PPID\"'"));
            let said =
                run(folder.path(), &format!("{step}adding take ours\nemit said \"$(cat -- \"$d/added\")\""));
            assert_eq!(said, "ours", "{step}");
            // It is over: what comes later is not of it.
            let lines = "rm -rf -- \"$d/step\"\necho later >> \"$F/all\"\nadding take ours\nemit said \"$(cat -- \"$d/added\")\"";
            assert_eq!(run(folder.path(), lines), "ours", "{step}");
        }
    }

    #[test]
    fn a_version_is_ours_until_the_system_has_another() {
        let folder = tempfile::tempdir().unwrap();
        let versions = |text: &str| std::fs::write(folder.path().join("versions"), text).unwrap();
        let is_taken = |name: &str| run(folder.path(), &format!("! is_taken {name} || emit said yes"));
        versions("a=1\na.b=7\n");
        assert_eq!(is_taken("a"), "yes", "nothing is written down");
        run(folder.path(), "took a a.b");
        versions("a=2\na.b=7\n");
        run(folder.path(), "took a");
        assert_eq!((is_taken("a").as_str(), is_taken("a.b").as_str()), ("yes", "yes"));
        versions("a=3\na.b=7\n");
        assert_eq!((is_taken("a").as_str(), is_taken("a.b").as_str()), ("", "yes"));
    }
}
