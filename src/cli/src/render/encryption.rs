//! The page on encryption, from the tables by which its settings are read.

use formwork_state::encryption::settings::{KEY_PROVIDERS, METHODS, Part};
use formwork_state::storage::Setting;
use std::fmt::Write as _;

const HEAD: &str = r#"# Encryption of states, journals and plans

Written by the test `the_page_is_that_of_the_tables` from the tables by which settings are read (`FORMWORK_WRITE_DOCS=1` writes it anew); `formwork docs encryption` prints it.

The block is OpenTofu's, and so is the form of what is written: each engine reads what the other encrypted by a method that both have.

```hcl
variable "passphrase" {
  type      = string
  sensitive = true
  ephemeral = true
}

terraform {
  encryption {
    key_provider "pbkdf2" "main" {
      passphrase = var.passphrase
    }
    method "aes_gcm" "main" {
      keys = key_provider.pbkdf2.main
    }
    state {
      method   = method.aes_gcm.main
      enforced = true
    }
    plan {
      method   = method.aes_gcm.main
      enforced = true
    }
  }
}
```

`state` is the state with its journal, in whatever backend; `plan` is plan files. The journal of a run holds its whole plan, and is sealed as the state is. Everything is encrypted on this machine, before a backend sees it; beside it stand the serial and the lineage of a state, and what is needed to derive the key again (a salt, never the key).

`TF_ENCRYPTION` holds more of the same block's content, in either syntax; what it says of an argument goes before what the files say. It is read anew by every command, shown in no message, and stored in no plan. A variable that holds a passphrase should be `ephemeral`: others are part of a plan file.

Without an `encryption` block, files have mode 0600 and are in clear. With `require_encryption = true` in the `terraform` block (of Formwork alone; `FORMWORK_REQUIRE_ENCRYPTION=true` elsewhere), a state outside this machine that would hold a sensitive value in clear is an error; else it is a warning that names the attributes. That goes for every command that writes one: `apply`, `rollback`, `import`, `state mv`, `rm`, `push` and `replace-provider`, `taint`, `untaint`, and `init` where it moves a state.

## Beginning, rotating, ending

What cannot be decrypted by the method is tried with that of the `fallback`, and with its fallback. The next `apply` writes with the method alone, whether anything else changed or not.

- To begin on a state in clear: `method "unencrypted" "migrate" {}` and `fallback { method = method.unencrypted.migrate }`. Take both away after an apply. The `.backup` beside a state in a file is still in clear then: remove it.
- To rotate: a second key provider and method; the new one as the method, the old one as the fallback.
- To end: `method = method.unencrypted.migrate`, the old one as the fallback.

A key that is derived from a passphrase serves on while the salt is read from what stands; it is good for 2^32 messages. AES-GCM's nonces are random.

## States of other configurations

`remote_state_data_sources { default { method = ... } }`, or `remote_state_data_source "NAME" { method = ... }` for one of them. Whichever method of these decrypts a state is taken.
"#;

/// The whole page.
pub(crate) fn page() -> String {
    let mut out = HEAD.to_owned();
    out.push_str("\n## Key providers\n");
    for part in &KEY_PROVIDERS {
        section(&mut out, "key_provider", part);
    }
    out.push_str("\nOpenTofu's `aws_kms`, `azure_vault`, `gcp_kms` and `openbao` there are not: `external` with a program that asks them takes their place.\n\n## Methods\n");
    for part in &METHODS {
        section(&mut out, "method", part);
    }
    out
}

fn section(out: &mut String, noun: &str, part: &Part) {
    let ours = if part.is_everywhere { "" } else { " Of Formwork alone." };
    let _ = write!(out, "\n### `{noun} \"{}\"`\n\n{}{ours}\n", part.name, part.doc);
    if part.settings.is_empty() && part.reference.is_none() {
        return;
    }
    out.push_str("\n| argument | type | | default |\n| --- | --- | --- | --- |\n");
    if let Some((name, doc)) = part.reference {
        let _ = writeln!(out, "| `{name}` | key_provider.TYPE.NAME | {doc} | |");
    }
    for setting in part.settings {
        row(out, setting);
    }
}

fn row(out: &mut String, setting: &Setting) {
    let mut words = setting.doc.to_owned();
    for (holds, word) in [(setting.is_required, " Required."), (setting.is_sensitive, " Sensitive.")] {
        if holds {
            words.push_str(word);
        }
    }
    if !setting.environment.is_empty() {
        let _ = write!(words, " Else from `{}`.", setting.environment.join("` or `"));
    }
    let default = Some(setting.default).filter(|text| !text.is_empty());
    let default = default.map_or_else(String::new, |text| format!("`{text}`"));
    let _ = writeln!(out, "| `{}` | {} | {words} | {default} |", setting.name, setting.value_type.words());
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_that_of_the_tables() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/encryption.md");
        let page = super::page();
        if std::env::var_os("FORMWORK_WRITE_DOCS").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == page, "docs/encryption.md is stale: run the test with FORMWORK_WRITE_DOCS=1");
    }
}
