//! `version`: ours, and that of the language.

use crate::arguments::Version;
use crate::failure::Success;
use crate::terminal::print;
use formwork_state::LANGUAGE_VERSION;
use serde_json::json;

pub(super) fn run(arguments: &Version) -> Success {
    let own = env!("CARGO_PKG_VERSION");
    let platform = format!("{}_{}", std::env::consts::OS, std::env::consts::ARCH);
    print(&if arguments.json {
        let document = json!({
            "formwork_version": own,
            "terraform_version": LANGUAGE_VERSION,
            "platform": platform,
            "provider_selections": {},
            "terraform_outdated": false,
        });
        format!("{document:#}\n")
    } else {
        format!("Formwork v{own}\non {platform}\nlanguage of OpenTofu v{LANGUAGE_VERSION}\n")
    });
    Success::Done
}
