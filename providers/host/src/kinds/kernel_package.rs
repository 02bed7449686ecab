//! `host_kernel_package`: a kernel, its headers and the drivers built for it, as one set.
//!
//! All of a set comes and goes in one transaction of apt and is held together, so that no upgrade of the system takes
//! the kernel away from under its driver.

use super::package::{TAKE, is_name, is_version};
use super::{Act, HostKind, check_words, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::quote;
use formwork_sdk::values::{Findings, set_planned, text, texts};
use formwork_sdk::{Attribute, Disruption, KindSchema, PlanRequest, Planned, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_kernel_package" "gpu" {
  host    = { address = "10.0.0.11" }
  name    = "gpu"
  kernel  = "linux-image-6.1.0-28-amd64"
  headers = "linux-headers-6.1.0-28-amd64"
  drivers = ["nvidia-driver=535.216.01-1~deb12u1", "nvidia-kernel-dkms=535.216.01-1~deb12u1"]
}

resource "host_reboot" "kernel" {
  host     = { address = "10.0.0.11" }
  name     = "kernel"
  triggers = { kernel = host_kernel_package.gpu.kernel }
}
"#;

const KERNEL: &str = "kernel";
const HEADERS: &str = "headers";
const DRIVERS: &str = "drivers";
const INSTALLED: &str = "installed";
const RUNNING: &str = "running";
const TIME_LIMIT_MS: u64 = 30 * 60 * 1000;

pub(super) struct KernelPackage;

impl HostKind for KernelPackage {
    fn name(&self) -> &'static str {
        "host_kernel_package"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let attributes = vec![
            ("name", Attribute::required(Type::String, "What tells it from others of its host.").replaces()),
            (KERNEL, Attribute::required(Type::String, "The kernel's package: `NAME` or `NAME=VERSION`.")),
            (
                HEADERS,
                Attribute::optional(
                    Type::String,
                    "The package of its headers, for drivers that are built on the host.",
                ),
            ),
            (DRIVERS, Attribute::optional(Type::list(Type::String), "Packages that have to go with it.")),
            (
                INSTALLED,
                Attribute::computed(Type::map(Type::String), "Which version of each is installed and held."),
            ),
            (RUNNING, Attribute::computed(Type::String, "The kernel that the host runs.")),
        ];
        let doc = "A kernel, its headers and its drivers, installed in one transaction of apt or dnf and held together. The host runs the kernel after a restart, which is another object's: `host_reboot`. When the object is removed, all packages that came with it are purged, or the versions that were there before come back; what the system has upgraded since stays.";
        let permissions = [
            "Read the database of packages.",
            "Install, hold and purge packages; write to /var/lib/formwork.",
        ];
        KindSchema {
            time_limit_ms: TIME_LIMIT_MS,
            disruption: Disruption::Restart,
            ..super::schema("name", attributes, doc, EXAMPLE, permissions)
        }
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_words(configuration, &[], found);
        let mut named: Vec<&str> = Vec::new();
        for (attribute, word) in words(configuration) {
            let (name, version) = parts(word);
            if !is_name(name) || version.is_some_and(|version| !is_version(version)) {
                found.refuse(attribute, format!("{word:?} is no package: write `NAME` or `NAME=VERSION`."));
            } else if named.contains(&name) {
                found.refuse(attribute, format!("{name} is named twice: name each package once."));
            }
            named.push(name);
        }
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        let prior = request.prior.get(INSTALLED).filter(|_| !request.prior.is_null());
        let wanted: Vec<(&str, &str)> = words(&planned.planned).collect();
        let stands = |prior: &Value| {
            prior.entries().is_some_and(|entries| entries.len() == wanted.len())
                && wanted.iter().all(|(_, word)| {
                    let (name, version) = parts(word);
                    let is = prior.get(name).and_then(Value::as_str);
                    is.is_some_and(|is| version.is_none_or(|version| version == is.as_str()))
                })
        };
        let is_whole = planned.planned.is_known()
            && [KERNEL, HEADERS, DRIVERS]
                .iter()
                .all(|name| planned.planned.get(name).is_none_or(Value::is_wholly_known));
        let installed = match prior.filter(|prior| is_whole && stands(prior)) {
            Some(prior) => prior.clone(),
            None => Value::unknown(Type::map(Type::String)),
        };
        set_planned(&self.schema(), request, planned, INSTALLED, &installed);
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!(
            "{TAKE}emit running \"$(uname -r)\"\nemit packages \"$(for n in {}; do w=$(how \"$n\" 2>/dev/null) && printf '%s|%s\\n' \"$n\" \"$w\"; done)\"",
            names(object)
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        let said = answer
            .text("packages")
            .ok_or_else(|| ProviderError::bug("the host did not answer for its packages"))?;
        let mut held = Vec::new();
        let mut is_there = false;
        for line in said.lines() {
            let [name, "installed", version, want] = line.split('|').collect::<Vec<_>>()[..] else {
                continue;
            };
            is_there = true;
            if want == "hold" {
                held.push((name.into(), Value::from(version)));
            }
        }
        if !is_there {
            return Ok(None);
        }
        held.sort_by(|(one, _): &(formwork_value::Name, Value), (other, _)| one.cmp(other));
        let running = answer.text("running").map_or_else(|| Value::null(Type::String), Value::from);
        Ok(Some(with(object, &[(INSTALLED, Value::map(Type::String, held)), (RUNNING, running)])))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let words: Vec<String> = words(&act.planned).map(|(_, word)| quote(word)).collect();
        Ok(format!(
            "{TAKE}{SET}set -- {names}\n\
             note \"$@\"\n\
             unwind() {{\nmarked hold\n[ -z \"$made\" ] || {{ purge_added; back; }}\n}}\n\
             keep_step\nmarked unhold\n\
             adding take {words}\n\
             took {names}\n\
             mark hold \"$@\"\n\
             printf '%s\\n' \"$@\" > \"$d/set.part\"\nmv -- \"$d/set.part\" \"$d/set\"\n",
            names = names(&act.planned),
            words = words.join(" "),
        ))
    }

    fn restore(&self, _: &Value) -> String {
        format!("{TAKE}{SET}marked unhold\npurge_added\nback\n")
    }

    fn remove(&self, object: &Value) -> String {
        format!("{TAKE}{SET}mark unhold {0}\npurge {0}\n", names(object))
    }

    fn import(&self, _: &str) -> Result<Vec<(&'static str, Value)>, ProviderError> {
        Err(ProviderError::invalid(
            "which packages belong together is not written on a host: make the object, and what is installed already stays as it is",
        ))
    }
}

/// What a set needs besides: `note` writes down once how each package was, `back` brings those back that were there.
const SET: &str = r#"
# marked hold|unhold: the set as it is written down.
marked() { [ ! -s "$d/set" ] || mark "$1" $(cat -- "$d/set"); }
note() {
  for n in "$@"; do
    ! grep -qs "^$n|" "$d/was" || continue
    w=$(how "$n" 2>/dev/null) || w='||'
    printf '%s|%s\n' "$n" "$w" >> "$d/was"
  done
}
back() {
  w=
  h=
  while IFS='|' read -r n s v want; do
    [ "$s" = installed ] || continue
    # What the system has upgraded since is not ours to take back.
    if [ "$(version_now "$n")" != "$v" ] && is_taken "$n"; then w="$w $n=$v"; fi
    [ "$want" != hold ] || h="$h $n"
  done < "$d/was"
  [ -z "$w" ] || take $w
  [ -z "$h" ] || mark hold $h
}
"#;

/// The packages of a set, each with the attribute that names it.
fn words(object: &Value) -> impl Iterator<Item = (&'static str, &str)> {
    let one = [KERNEL, HEADERS].into_iter().filter_map(|name| Some((name, text(object, name)?)));
    one.chain(texts(object, DRIVERS).map(|word| (DRIVERS, word)))
}

fn parts(word: &str) -> (&str, Option<&str>) {
    word.split_once('=').map_or((word, None), |(name, version)| (name, Some(version)))
}

fn names(object: &Value) -> String {
    words(object).map(|(_, word)| quote(parts(word).0)).collect::<Vec<_>>().join(" ")
}
