//! `host_repository`: a place that packages come from, on a host that works with apt.

use super::{Act, HostKind, check_file_name, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::{quote, write_bytes};
use formwork_sdk::values::{Findings, given, text, texts, truth};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};
use std::fmt::Write as _;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_repository" "kubernetes" {
  host        = { address = "10.0.0.11" }
  name        = "kubernetes"
  uris        = ["https://pkgs.k8s.io/core:/stable:/v1.34/deb/"]
  suites      = ["/"]
  signing_key = <<-END
    -----BEGIN PGP PUBLIC KEY BLOCK-----

    xjMEaSiMPxYJKwYBBAHaRw8BAQdA
    -----END PGP PUBLIC KEY BLOCK-----
  END
}

resource "host_package" "kubelet" {
  host       = { address = "10.0.0.11" }
  name       = "kubelet"
  hold       = true
  depends_on = [host_repository.kubernetes]
}
"#;

const KEY: &str = "signing_key";
/// Attributes that are lists, and the fields of the source that they stand in.
const FIELDS: [(&str, &str); 5] = [
    ("types", "Types"),
    ("uris", "URIs"),
    ("suites", "Suites"),
    ("components", "Components"),
    ("architectures", "Architectures"),
];

pub(super) struct Repository;

impl HostKind for Repository {
    fn name(&self) -> &'static str {
        "host_repository"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let list = || Type::list(Type::String);
        let deb = Value::list(Type::String, vec![Value::from("deb")]);
        let attributes = vec![
            ("name", Attribute::required(Type::String, "What its files are named after.").replaces()),
            ("types", Attribute::with_default(list(), deb, "`deb`, `deb-src`.")),
            ("uris", Attribute::required(list(), "Where it is.")),
            (
                "suites",
                Attribute::required(list(), "Its suites: `bookworm`, or a folder with a `/` at its end."),
            ),
            (
                "components",
                Attribute::optional(list(), "Components of the suites: `main`; a folder has none."),
            ),
            ("architectures", Attribute::optional(list(), "Architectures; the host's own, by itself.")),
            (
                KEY,
                Attribute::optional(
                    Type::String,
                    "The public key that it is signed with, armoured: the text that begins with `-----BEGIN PGP PUBLIC KEY BLOCK-----`.",
                ),
            ),
            ("trusted", Attribute::with_default(Type::Bool, false, "Whether it is taken unsigned.")),
        ];
        let doc = "A repository of packages, with its key, for apt. It is asked for what it has before it counts: one that does not answer, or is not signed with the key, is an error and leaves the host as it was.";
        let permissions = ["Read /etc/apt.", "Write to /etc/apt, /var/lib/apt and /var/lib/formwork."];
        super::schema("name", attributes, doc, EXAMPLE, permissions)
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_file_name(configuration, "_-", found);
        for (attribute, _) in FIELDS {
            let is_empty =
                given(configuration, attribute).and_then(Value::items).is_some_and(<[Value]>::is_empty);
            let wrong = texts(configuration, attribute)
                .find(|one| one.is_empty() || one.chars().any(char::is_whitespace));
            if is_empty || wrong.is_some() {
                found.refuse(attribute, "It is empty, or has an item that is empty or has a blank.");
            }
        }
        if let Some(wrong) = texts(configuration, "types").find(|one| !["deb", "deb-src"].contains(one)) {
            found.refuse("types", format!("{wrong:?} is neither `deb` nor `deb-src`."));
        }
        if let Some(wrong) = texts(configuration, "uris").find(|one| !one.contains(":/")) {
            found
                .refuse("uris", format!("{wrong:?} is no URI: give one as https://packages.example/debian."));
        }
        let is_there = |name: &str| configuration.get(name).is_some_and(|value| !value.is_null());
        let is_import = configuration.get("host").is_none();
        if !is_there(KEY) && truth(configuration, "trusted") != Some(true) && !is_import {
            found.refuse(KEY, "Nothing says whom to believe: give the public key, or set trusted = true.");
        }
        if text(configuration, KEY).is_some_and(|key| !key.contains("BEGIN PGP PUBLIC KEY BLOCK")) {
            found.refuse(KEY, "It is no armoured public key: give the text of an .asc file.");
        }
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        let known = text(object, KEY).map(|key| super::file::digest_of(key.as_bytes())).unwrap_or_default();
        format!(
            "p={}\nk={}\nif [ -f \"$p\" ]; then\nemit source \"$(cat -- \"$p\" 2>&1)\"\n[ ! -f \"$k\" ] || show_content \"$k\" {}\nfi\ntrue",
            source_path(object),
            key_path(object),
            quote(&known)
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        if let Some(error) = super::trouble(answer) {
            return Err(error);
        }
        let Some(source) = answer.given("source") else { return Ok(None) };
        let field = |name: &str| {
            source.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
        };
        let mut changed = vec![("trusted", Value::from(field("Trusted") == Some("yes")))];
        for (attribute, name) in FIELDS {
            let value = match field(name) {
                Some(words) => Value::list(Type::String, words.split_whitespace().map(Value::from).collect()),
                None => Value::null(Type::list(Type::String)),
            };
            changed.push((attribute, value));
        }
        let key = super::file::content_read(object, KEY, answer);
        changed.extend(key.map(|value| (KEY, value)));
        Ok(Some(with(object, &changed)))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let planned = &act.planned;
        let key = match text(planned, KEY) {
            Some(key) => {
                format!("t=\"$k.part\"\n{}put \"$k\" 0644 '' ''\n", write_bytes(key.as_bytes(), "\"$t\""))
            }
            None => "rm -f -- \"$k\"\n".to_owned(),
        };
        Ok(format!(
            "p={}\nk={}\n\
             command -v apt-get > /dev/null || refuse invalid \"it works with another package manager than apt\"\n\
             unwind() {{ [ -d \"$d/step\" ] || return 0; rm -f -- \"$p.part\" \"$k.part\"; step_back \"$p\" \"$k\"; [ -z \"$made\" ] || folder_back \"${{k%/*}}\"; }} 2>/dev/null\n\
             keep \"$p\"\nkeep_step \"$p\" \"$k\"\n\
             [ -d \"${{k%/*}}\" ] || {{ mkdir -p -- \"${{k%/*}}\"; : > \"$d/folder\"; }}\n\
             {key}t=\"$p.part\"\n{}put \"$p\" 0644 '' ''\n\
             w=$(apt-get --quiet update -o Dir::Etc::sourcelist=\"$p\" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any -o DPkg::Lock::Timeout=60 2>&1) || refuse invalid \"$w\"\n",
            source_path(planned),
            key_path(planned),
            write_bytes(source(planned).as_bytes(), "\"$t\""),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        format!(
            "p={}\nk={}\nput_back \"$d/before\" \"$p\"\nrm -f -- \"$k\"\nfolder_back \"${{k%/*}}\"\n",
            source_path(object),
            key_path(object)
        )
    }

    fn remove(&self, object: &Value) -> String {
        format!("rm -f -- {} {}\n", source_path(object), key_path(object))
    }
}

fn named(object: &Value) -> String {
    format!("80-formwork-{}", text(object, "name").unwrap_or_default())
}

fn source_path(object: &Value) -> String {
    quote(&format!("/etc/apt/sources.list.d/{}.sources", named(object)))
}

fn key_path(object: &Value) -> String {
    quote(&format!("/etc/apt/keyrings/{}.asc", named(object)))
}

/// The source in the form of deb822.
fn source(object: &Value) -> String {
    let mut lines = String::new();
    for (attribute, name) in FIELDS {
        let words: Vec<&str> = texts(object, attribute).collect();
        if !words.is_empty() {
            let _ = writeln!(lines, "{name}: {}", words.join(" "));
        }
    }
    if given(object, KEY).is_some() {
        let _ = writeln!(lines, "Signed-By: /etc/apt/keyrings/{}.asc", named(object));
    }
    if truth(object, "trusted") == Some(true) {
        lines.push_str("Trusted: yes\n");
    }
    lines
}
