//! `host_file`: a file of a host, replaced in one step.
//!
//! Invariant: a secret given as `content_wo` leaves the host and the state as a digest alone.

use super::{Act, HostKind, check_ownership, check_path, ownership, paths, seen, trouble, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::{quote, write_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_sdk::values::{Findings, given, set_planned, text};
use formwork_sdk::{Attribute, KindSchema, PlanRequest, Planned, ProviderError};
use formwork_value::{Type, Value, encode_plain};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

provider "host" {
  user = "admin"
}

variable "nodes" {
  default = {
    node-1 = { address = "10.0.0.11" }
    node-2 = { address = "10.0.0.12" }
  }
}

resource "host_file" "motd" {
  for_each = var.nodes
  host     = each.value
  path     = "/etc/motd"
  template = "This is {{name}}, for {{#each teams}}{{this}} {{/each}}\n"
  values   = { name = each.key, teams = ["vision", "language"] }
}
"#;

const CONTENT: &str = "content";
const BASE64: &str = "content_base64";
const TEMPLATE: &str = "template";
const VALUES: &str = "values";
const SECRET: &str = "content_wo";
const SECRET_VERSION: &str = "content_wo_version";
const DIGEST: &str = "sha256";

pub(super) struct File;

impl HostKind for File {
    fn name(&self) -> &'static str {
        "host_file"
    }

    fn key(&self) -> &'static str {
        "path"
    }

    fn schema(&self) -> KindSchema {
        let mut attributes = vec![
            ("path", Attribute::required(Type::String, "Where it is; its folder must be there.").replaces()),
            (CONTENT, Attribute::optional_computed(Type::String, "What it holds.")),
            (BASE64, Attribute::optional(Type::String, "What it holds, in base64, where that is no text.")),
            (
                TEMPLATE,
                Attribute::optional(
                    Type::String,
                    "A Handlebars template of what it holds; a name without a value is an error.",
                ),
            ),
            (VALUES, Attribute::optional(Type::Dynamic, "An object of the values that the template names.")),
            (
                SECRET,
                Attribute::optional(
                    Type::String,
                    "A secret that it holds: kept nowhere but in the file, and compared by its digest.",
                )
                .sensitive()
                .write_only(),
            ),
            (
                SECRET_VERSION,
                Attribute::optional(Type::Number, "Another number has the secret written again."),
            ),
        ];
        attributes.extend(ownership("0644"));
        attributes.push((DIGEST, Attribute::computed(Type::String, "The digest of what it holds.")));
        let doc = "A file. What stood there before comes back when the object is removed.";
        let permissions =
            ["Read the file and search its folder.", "Write to the file's folder, and to /var/lib/formwork."];
        super::schema("path", attributes, doc, EXAMPLE, permissions)
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_path(configuration, found);
        check_ownership(configuration, found);
        let is_given = |name: &&&str| configuration.get(name).is_some_and(|value| !value.is_null());
        let ways = [CONTENT, BASE64, TEMPLATE, SECRET];
        let is_import = configuration.get("host").is_none();
        if ways.iter().filter(is_given).count() != 1 && !is_import {
            found.refuse(CONTENT, "What the file holds is given in one way: give one of content, content_base64, template and content_wo.");
        }
        if is_given(&&VALUES) && !is_given(&&TEMPLATE) {
            found.refuse(
                VALUES,
                "They are for a template, and there is none: give `template`, or leave them out.",
            );
        }
        if is_given(&&SECRET_VERSION) && !is_given(&&SECRET) {
            found.refuse(SECRET_VERSION, "It is for content_wo, and there is none: leave it out.");
        }
        if text(configuration, BASE64).is_some_and(|encoded| STANDARD.decode(encoded).is_err()) {
            found.refuse(BASE64, "It is no base64: encode it, as with filebase64().");
        }
        if let Some(Err(error)) = rendered(configuration) {
            found.refuse(TEMPLATE, error);
        }
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        let schema = self.schema();
        let configuration = &request.configuration;
        let set = |planned: &mut Planned, name: &str, value: &Value| {
            set_planned(&schema, request, planned, name, value);
        };
        let is_given = |name: &str| configuration.get(name).is_some_and(|value| !value.is_null());
        let content = match rendered(configuration) {
            Some(Ok(text)) => Value::from(text),
            None if is_given(TEMPLATE) => Value::unknown(Type::String),
            None if is_given(CONTENT) => {
                configuration.get(CONTENT).cloned().unwrap_or_else(|| Value::null(Type::String))
            }
            Some(Err(_)) | None => Value::null(Type::String),
        };
        set(planned, CONTENT, &content);
        let digest = if is_given(SECRET) {
            let private = Private::of(&request.private);
            let was = text(&request.prior, DIGEST);
            let is_same = request.prior.get(SECRET_VERSION) == configuration.get(SECRET_VERSION);
            was.filter(|was| is_same && private.kept.as_deref() == Some(*was)).map(Value::from)
        } else {
            bytes_of(&with(&planned.planned, &[(CONTENT, content)]))
                .map(|bytes| Value::from(digest_of(&bytes)))
        };
        set(planned, DIGEST, &digest.unwrap_or_else(|| Value::unknown(Type::String)));
    }

    fn kept(&self, configuration: &Value) -> Option<String> {
        text(configuration, SECRET).map(|secret| digest_of(secret.as_bytes()))
    }

    fn probe_together(&self, objects: &[&Value]) -> Option<String> {
        paths::look(objects, true)
    }

    fn of_together(&self, object: &Value, private: &Private, together: &Answer) -> Option<Answer> {
        let path = text(object, "path")?;
        let stat = paths::stat(path, together)?;
        if !stat.starts_with("regular") {
            return Some(Answer::made(&[("stat", stat)]));
        }
        let sum = paths::sum(path, together)?;
        let is_known = is_secret(object, private) || text(object, DIGEST) == Some(sum);
        is_known.then(|| Answer::made(&[("stat", stat), (DIGEST, sum)]))
    }

    fn probe(&self, object: &Value, private: &Private) -> String {
        let path = quote(text(object, "path").unwrap_or_default());
        let is_secret = is_secret(object, private);
        let known = if is_secret { None } else { text(object, DIGEST) };
        let content = if is_secret {
            format!("h=$(sha256sum < {path}) && emit sha256 \"${{h%% *}}\"")
        } else {
            format!("show_content {path} {}", quote(known.unwrap_or_default()))
        };
        format!("if look {path} && [ -f {path} ]; then {content}; fi; true")
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        let Some(seen) = seen(answer)? else { return Ok(None) };
        if !seen.sort.starts_with("regular") {
            // A link, a folder: not the file that was there.
            return Ok(None);
        }
        if let Some(error) = trouble(answer) {
            return Err(error);
        }
        let digest =
            answer.given(DIGEST).ok_or_else(|| ProviderError::bug("the host gave no digest of a file"))?;
        let mut changed = vec![
            ("mode", Value::from(seen.mode)),
            ("owner", Value::from(seen.owner)),
            ("group", Value::from(seen.group)),
            (DIGEST, Value::from(digest)),
        ];
        if text(object, DIGEST) != Some(digest) {
            let fetched = answer.text(CONTENT).and_then(|encoded| STANDARD.decode(encoded).ok());
            let as_text = fetched.and_then(|bytes| String::from_utf8(bytes).ok());
            if given(object, BASE64).is_some() {
                let encoded = answer.text(CONTENT).map_or_else(|| Value::null(Type::String), Value::from);
                changed.push((BASE64, encoded));
            } else if bytes_of(object).is_none_or(|bytes| digest_of(&bytes) != digest) {
                changed.push((CONTENT, as_text.map_or_else(|| Value::null(Type::String), Value::from)));
            }
        }
        Ok(Some(with(object, &changed)))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let secret = text(&act.request.configuration, SECRET).map(|secret| secret.as_bytes().to_vec());
        let bytes = secret
            .or_else(|| bytes_of(&act.planned))
            .ok_or_else(|| ProviderError::bug("what the file is to hold is not known"))?;
        let word = |name: &str| quote(text(&act.planned, name).unwrap_or_default());
        let path = word("path");
        Ok(format!(
            "p={path}\n\
             t=\"${{p%/*}}\"/.formwork-{}\n\
             unwind() {{ rm -f -- \"$t\"; step_back \"$p\"; }}\n\
             [ -d \"${{p%/*}}/\" ] || refuse missing \"the folder of $p is not there\"\n\
             [ ! -d \"$p\" ] || [ -L \"$p\" ] || refuse conflict \"$p is a directory\"\n\
             keep \"$p\"\nkeep_step \"$p\"\n\
             (umask 077 && : > \"$t\")\n\
             {}put \"$p\" {} {} {}\n",
            crate::shell::name_of(text(&act.planned, "path").unwrap_or_default()),
            write_bytes(&bytes, "\"$t\""),
            word("mode"),
            word("owner"),
            word("group"),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        format!("put_back \"$d/before\" {}\n", quote(text(object, "path").unwrap_or_default()))
    }

    fn remove(&self, object: &Value) -> String {
        format!("rm -f -- {}\n", quote(text(object, "path").unwrap_or_default()))
    }
}

/// Whether what it holds is compared by its digest alone.
fn is_secret(object: &Value, private: &Private) -> bool {
    private.kept.is_some() || given(object, SECRET_VERSION).is_some()
}

/// The template with its values; none where one of them is not known yet or there is no template.
fn rendered(configuration: &Value) -> Option<Result<String, String>> {
    let template = text(configuration, TEMPLATE)?;
    let values = match configuration.get(VALUES) {
        Some(values) if !values.is_wholly_known() => return None,
        Some(values) if !values.is_null() => encode_plain(values).ok()?,
        _ => "{}".to_owned(),
    };
    let mut registry = handlebars::Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(handlebars::no_escape);
    let values: serde_json::Value = serde_json::from_str(&values).ok()?;
    Some(registry.render_template(template, &values).map_err(|error| {
        format!("The template cannot be rendered: {error}. Correct it, or give the value that it names.")
    }))
}

/// What a file of these attributes holds, where it is known and no secret.
fn bytes_of(object: &Value) -> Option<Vec<u8>> {
    match text(object, BASE64) {
        Some(encoded) => STANDARD.decode(encoded).ok(),
        None => text(object, CONTENT).map(|content| content.as_bytes().to_vec()),
    }
}

/// The text of an attribute that a probe compared by its digest; none where it is as it was.
pub(super) fn content_read(object: &Value, name: &str, answer: &Answer) -> Option<Value> {
    let known = text(object, name).map(|content| digest_of(content.as_bytes()));
    let found = answer.given(DIGEST);
    if known.as_deref() == found {
        return None;
    }
    let fetched = answer.text(CONTENT).and_then(|encoded| STANDARD.decode(encoded).ok());
    let content = fetched.and_then(|bytes| String::from_utf8(bytes).ok());
    Some(match (found, content) {
        (Some(_), Some(content)) => Value::from(content),
        // Too large, or no text: another content all the same.
        (Some(digest), None) => Value::from(format!("(a file with the digest {digest})")),
        (None, _) => Value::null(Type::String),
    })
}

pub(super) fn digest_of(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
