//! `-target`, `-exclude` and their files as what a run is about.

use crate::arguments::Focus as Arguments;
use formwork_diagnostic::Diagnostic;
use formwork_engine::focus::Focus;
use formwork_state::{AddressError, Selector};
use std::path::{Path, PathBuf};

/// All addresses that the options and the files behind them give.
pub(crate) fn read(arguments: &Arguments) -> Result<Focus, Diagnostic> {
    Ok(Focus {
        targets: gathered(&arguments.target, &arguments.target_file)?,
        excludes: gathered(&arguments.exclude, &arguments.exclude_file)?,
    })
}

fn gathered(given: &[Selector], files: &[PathBuf]) -> Result<Vec<Selector>, Diagnostic> {
    let mut all = given.to_vec();
    for path in files {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let detail = format!("{} could not be read: {error}.", path.display());
            Diagnostic::error("address-file-unreadable", "Failed to read a file of addresses", detail)
                .hint("Name a text file with one address a line.")
        })?;
        all.extend(addresses(&text, path)?);
    }
    Ok(all)
}

/// One address a line; what follows `#` at the beginning of a line, and empty lines, do not count.
fn addresses(text: &str, path: &Path) -> Result<Vec<Selector>, Diagnostic> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            line.parse().map_err(|error: AddressError| {
                let detail = format!("{}, line {number}: {error}.", path.display());
                Diagnostic::error("invalid-address", "Invalid syntax", detail)
                    .hint("Write one address of a module, resource or instance a line.")
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::addresses;
    use std::path::Path;

    #[test]
    fn one_address_a_line() {
        for (text, expected) in [
            ("", Some("")),
            ("a.b\n\n  # no\n  module.m[\"k\"] \r\n", Some("a.b module.m[\"k\"]")),
            ("a.b[0]", Some("a.b[0]")),
            ("a.b # no", None),
            ("a", None),
        ] {
            let found = addresses(text, Path::new("f"))
                .map(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
            assert_eq!(found.ok().as_deref(), expected, "{text:?}");
        }
    }
}
