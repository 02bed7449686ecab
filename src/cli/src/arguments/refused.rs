//! Words of Terraform and OpenTofu that are refused, each with what to use instead. A word that is in neither table
//! and not taken either is a mistake of whoever writes it, or of ours.

/// Verbs.
const VERBS: &[(&str, &str)] = &[
    (
        "login",
        "Registries and their tokens come with hosted providers; set TF_TOKEN_<host> then, which CI needs anyway.",
    ),
    ("logout", "No token is stored, so there is none to remove."),
    (
        "modules",
        "`formwork graph -type=plan` shows every module with its blocks; `formwork providers` is the tree of modules.",
    ),
    (
        "query",
        "`list` blocks are Terraform's alone; `formwork import ADDRESS ID` and `import` blocks take up what stands.",
    ),
    (
        "stacks",
        "Stacks need the vendor's cloud: a plan of Formwork has stages of its own, from machine to service.",
    ),
    ("rpcapi", "Use -json, or `show -json` of a plan: every verb speaks to programs."),
    ("cloud", "The vendor's cloud is not supported: use a backend."),
    ("push", "Removed from Terraform long ago: apply where the state is."),
];

/// Verbs below another.
const BELOW: &[(&str, &str)] = &[(
    "state migrate",
    "Name the new place in the backend block: `init -migrate-state` takes the state along.",
)];

/// Options of any verb.
const OPTIONS: &[(&str, &str)] = &[
    (
        "state",
        "The state is that of the working directory and its workspace: choose them with -chdir and `workspace select`.",
    ),
    (
        "state-out",
        "The state is written where it was read: choose the place with -chdir and `workspace select`.",
    ),
    (
        "backup",
        "The state is written whole under another name and then renamed, and a journal stands beside it until then: leave -backup out, and copy the file where you want to keep one.",
    ),
    ("backup-out", "The state is written whole under another name and then renamed: leave -backup-out out."),
    ("from-module", "Copy the module's folder yourself, and init there."),
    ("get-plugins", "Removed from Terraform long ago: leave it out."),
    ("verify-plugins", "Removed from Terraform long ago: leave it out."),
    ("ignore-remote-version", "There is no remote version to compare: leave it out."),
    ("allow-deferral", "What is known only after apply opens a later stage by itself: leave it out."),
    ("invoke", "`action` blocks are Terraform's alone: give a resource of the same purpose to the provider."),
    (
        "allow-missing-config",
        "Write the resource block first, or use an `import` block with -generate-config-out.",
    ),
    ("config", "Choose the configuration with -chdir."),
    ("query", "`list` blocks are Terraform's alone."),
    ("scope", "Write the module's address before the name in the expression."),
    ("state-key", "Every module of a test has a state of its own by itself."),
];

/// What to say of a word that was not understood behind a verb, or behind none.
pub(super) fn sentence(verb: &str, word: &str) -> Option<&'static str> {
    let name = word.trim_start_matches('-');
    let name = name.split_once('=').map_or(name, |(name, _)| name);
    let find = |table: &[(&'static str, &'static str)], name: &str| {
        table.iter().find(|(known, _)| *known == name).map(|(_, sentence)| *sentence)
    };
    if word.starts_with('-') {
        return find(OPTIONS, name);
    }
    if verb.is_empty() { find(VERBS, name) } else { find(BELOW, &format!("{verb} {name}")) }
}
