//! The page on places for states, from the tables by which their settings are read.

use crate::registry;
use formwork_state::storage::{Kind, Setting, SettingType};
use std::fmt::Write as _;

const HEAD: &str = r"# Where the state is kept

Written by the test `the_page_is_that_of_the_tables` from the tables by which settings are read (`FORMWORK_WRITE_DOCS=1` writes it anew); `formwork docs backends` prints it.

A `backend` block in the `terraform` block names the place. Its arguments may be written with variables and locals. `formwork init` settles on it, in `terraform.tfstate` of the data folder (`.terraform`, mode 0600), in OpenTofu's own form: both engines work in one folder and on one state. What the block leaves out may come at init, with `-backend-config=NAME=VALUE` or `-backend-config=FILE`, or from the variables below. A secret belongs into a variable: what is given at init is kept in that file. Until `init` has run on a block that changed, every command that needs the state stops.

In every backend a run writes what it is about to do before it does it, and what came of it after, in the *journal* beside the state. Steps that finish together share one entry. An apply that was cut off is gone on with by the next `apply`; which machine can do that is said below. The *lease* keeps a second process out; where it has a heartbeat, one that is overdue is taken over by the next that asks, and the journal is recovered first. The *fence* is what makes the old holder harmless, should it only have slept. `formwork lock show` says who holds the state, since when, and what is in flight; `formwork force-unlock ID` ends a lease.

Where `HTTP_PROXY` or `HTTPS_PROXY` is set, `http` and `s3` go through that proxy (`http://`, `https://` or `socks5://`), but to hosts that `NO_PROXY` lists and to this machine itself.
";

const TAIL: &str = r"
## Moving a state

Change the block, then:

- `formwork init -migrate-state` copies the state of every workspace to the new place, after asking; `-force-copy` does not ask. Its history goes along: see docs/history.md. A state in a file is renamed to `.backup` once it stands elsewhere; one elsewhere stays where it was.
- `formwork init -reconfigure` uses what is in the new place and copies nothing.
- Without the block, `formwork init -migrate-state` brings the state back beside the configuration.

A run that was cut off must be finished first: its journal stays where it is.

## From another engine's backend

`azurerm`, `cloud`, `consul`, `cos`, `etcdv3`, `gcs`, `inmem`, `oci`, `oss` and `remote` there are not. While the configuration still names one: `tofu init`, `tofu state pull > moved.tfstate`. Then name another here, `formwork init`, `formwork state push moved.tfstate`.
";

/// The whole page.
pub(crate) fn page() -> String {
    let mut out = HEAD.to_owned();
    for kind in registry::backends() {
        section(&mut out, kind);
    }
    out.push_str(TAIL);
    out
}

fn section(out: &mut String, kind: &Kind) {
    let _ = write!(
        out,
        "\n## {}\n\n{}\n\n{}\n\n{}\n\n```hcl\n{}```\n\n",
        kind.name, kind.doc, kind.lease, kind.permissions, kind.example
    );
    out.push_str("| argument | type | | variable | default |\n| --- | --- | --- | --- | --- |\n");
    rows(out, "", kind.settings);
}

/// A row a setting, those of a block below it.
fn rows(out: &mut String, before: &str, settings: &[Setting]) {
    for setting in settings {
        row(out, before, setting);
        if let SettingType::Block(inner) = setting.value_type {
            rows(out, &format!("{before}{}.", setting.name), inner);
        }
    }
}

fn row(out: &mut String, before: &str, setting: &Setting) {
    let mut words = setting.doc.to_owned();
    for (holds, word) in [
        (setting.is_required, "Required."),
        (setting.is_sensitive, "Sensitive."),
        (
            !setting.is_everywhere,
            "Of Formwork alone: in a configuration that OpenTofu reads too, use the variable.",
        ),
    ] {
        if holds {
            let _ = write!(words, " {word}");
        }
    }
    let variables: Vec<String> = setting.environment.iter().map(|name| format!("`{name}`")).collect();
    let default = Some(setting.default).filter(|text| !text.is_empty());
    let default = default.map_or_else(String::new, |text| format!("`{text}`"));
    let _ = writeln!(
        out,
        "| `{before}{}` | {} | {words} | {} | {default} |",
        setting.name,
        setting.value_type.words(),
        variables.join(", ")
    );
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_that_of_the_tables() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/backends.md");
        let page = super::page();
        if std::env::var_os("FORMWORK_WRITE_DOCS").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == page, "docs/backends.md is stale: run the test with FORMWORK_WRITE_DOCS=1");
    }
}
