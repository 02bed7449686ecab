//! `version`: ours, that of the language, and those of the providers that are locked.

use crate::arguments::Version;
use crate::failure::Success;
use crate::terminal::print;
use formwork_install::LockFile;
use formwork_state::LANGUAGE_VERSION;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::Path;

pub(super) fn run(arguments: &Version) -> Success {
    let own = env!("CARGO_PKG_VERSION");
    let platform = format!("{}_{}", std::env::consts::OS, std::env::consts::ARCH);
    // A lock file that cannot be read is for whoever needs it to complain of.
    let locked = LockFile::of_folder(Path::new(".")).unwrap_or_default().providers;
    print(&if arguments.json {
        let selections =
            locked.iter().map(|(address, one)| (address.to_string(), json!(one.version.to_string())));
        let selections: Map<String, Value> = selections.collect();
        let document = json!({
            "formwork_version": own,
            "terraform_version": LANGUAGE_VERSION,
            "platform": platform,
            "provider_selections": selections,
            "terraform_outdated": false,
        });
        format!("{document:#}\n")
    } else {
        let selections = locked.iter().fold(String::new(), |mut text, (address, one)| {
            let _ = writeln!(text, "+ provider {address} v{}", one.version);
            text
        });
        format!("Formwork v{own}\non {platform}\nlanguage of OpenTofu v{LANGUAGE_VERSION}\n{selections}")
    });
    Success::Done
}
