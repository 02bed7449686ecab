//! Variables of the environment that Terraform and OpenTofu know, and what becomes of each here.
//!
//! Invariant: none is passed over that would change what a run does or where its secrets go.

use formwork_diagnostic::Diagnostic;

/// What becomes of a variable.
enum Meaning {
    /// It means what it means there.
    Followed,
    /// It changes nothing that is done here.
    Harmless,
    /// A run without it would be another one: what to do instead.
    #[cfg_attr(
        all(feature = "provider-plugin", not(test)),
        expect(dead_code, reason = "a build with every feature follows every variable")
    )]
    Refused(&'static str),
}

/// By name; an asterisk at the end stands for any rest.
const VARIABLES: &[(&str, Meaning)] = &[
    ("TF_VAR_*", Meaning::Followed),
    ("TF_LOG", Meaning::Followed),
    ("TF_LOG_PATH", Meaning::Followed),
    ("TF_LOG_CORE", Meaning::Followed),
    ("TF_LOG_PROVIDER", Meaning::Followed),
    ("TF_INPUT", Meaning::Followed),
    (AUTOMATION, Meaning::Followed),
    ("TF_CLI_ARGS*", Meaning::Followed),
    ("TF_DATA_DIR", Meaning::Followed),
    ("TF_WORKSPACE", Meaning::Followed),
    ("TF_CLI_CONFIG_FILE", Meaning::Followed),
    ("TF_PLUGIN_CACHE_DIR", Meaning::Followed),
    ("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", Meaning::Followed),
    ("TF_STATE_PERSIST_INTERVAL", Meaning::Harmless),
    ("TF_TOKEN_*", Meaning::Followed),
    ("TF_REGISTRY_*", Meaning::Harmless),
    ("TOFU_CPU_PROFILE", Meaning::Harmless),
    ("OTEL_TRACES_EXPORTER", Meaning::Harmless),
    #[cfg(feature = "provider-plugin")]
    ("TF_REATTACH_PROVIDERS", Meaning::Followed),
    #[cfg(not(feature = "provider-plugin"))]
    (
        "TF_REATTACH_PROVIDERS",
        Meaning::Refused("This build hosts no providers in processes of their own: unset it."),
    ),
    (ENCRYPTION, Meaning::Followed),
];

/// Holds what an `encryption` block would.
pub(crate) const ENCRYPTION: &str = "TF_ENCRYPTION";
/// Set where no person reads: hints about what to run next are left out.
const AUTOMATION: &str = "TF_IN_AUTOMATION";

/// Whether secrets may reach a state elsewhere only when it is encrypted, whatever the configuration says.
pub(crate) fn requires_encryption() -> bool {
    std::env::var("FORMWORK_REQUIRE_ENCRYPTION").is_ok_and(|value| value == "true" || value == "1")
}

/// A variable that a provider asks for; nothing where it is unset, empty or no text.
#[cfg(feature = "provider-secret")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether no person reads.
pub(crate) fn is_automated() -> bool {
    std::env::var_os(AUTOMATION).is_some_and(|value| !value.is_empty())
}

/// An error where a variable asks for what there is not.
pub(crate) fn check(is_set: impl Fn(&str) -> bool) -> Result<(), Diagnostic> {
    check_against(VARIABLES, is_set)
}

fn check_against(variables: &[(&str, Meaning)], is_set: impl Fn(&str) -> bool) -> Result<(), Diagnostic> {
    for (name, meaning) in variables {
        let Meaning::Refused(instead) = meaning else { continue };
        if is_set(name) {
            let detail = format!("The environment variable {name} is set, which is not supported.");
            return Err(
                Diagnostic::error("environment", "Unsupported environment variable", detail).hint(*instead)
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Meaning, VARIABLES, check, check_against};

    #[test]
    fn what_cannot_be_followed_stops_a_run() {
        let harmless = ["HOME", "TF_VAR_a", "TF_CLI_ARGS_plan", "TF_PLUGIN_CACHE_DIR"];
        assert!(check(|name| harmless.contains(&name)).is_ok());
        let table = [("TF_A", Meaning::Followed), ("TF_B", Meaning::Refused("Unset it."))];
        assert!(check_against(&table, |name| name == "TF_A").is_ok());
        let found = check_against(&table, |name| name == "TF_B").unwrap_err();
        assert!(found.hint.is_some() && found.detail.contains("TF_B"));
    }

    #[test]
    fn the_page_says_what_becomes_of_each() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/command-line.md");
        let page = std::fs::read_to_string(path).unwrap();
        for (name, meaning) in VARIABLES {
            let word = match meaning {
                Meaning::Followed => "followed",
                Meaning::Harmless => "changes nothing",
                Meaning::Refused(_) => "refused",
            };
            assert!(page.contains(&format!("| `{name}` | {word} |")), "{name}: {word}");
        }
    }
}
