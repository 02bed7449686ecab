//! `providers`: what the configuration needs, as a tree of its modules, and what the state needs.

use super::providers_lock;
use super::show::UNLOCKED;
use crate::arguments::{Providers, ProvidersVerb, VariableArgument};
use crate::failure::{Failure, Success};
use crate::render::schema_json;
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_engine::connections::missing_provider;
use formwork_engine::requirements::{Requirements, of_module, of_state};
use std::fmt::Write as _;

pub(super) fn run(
    arguments: &Providers,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    let configuration = session.configuration_with_gaps(variables)?;
    match &arguments.verb {
        Some(ProvidersVerb::Schema(_)) => return schemas(&session, &of_module(&configuration.root)),
        Some(ProvidersVerb::Lock(arguments)) => {
            return providers_lock::lock(&session, &configuration, arguments);
        }
        Some(ProvidersVerb::Mirror(arguments)) => {
            return providers_lock::mirror(&session, &configuration, arguments);
        }
        None => {}
    }
    let store = session.store("providers", &UNLOCKED)?;
    let mut text = "\nProviders required by configuration:\n.\n".to_owned();
    write(&mut text, &of_module(&configuration.root), "");
    text.push('\n');
    let stored = of_state(&store.folded().state);
    if !stored.is_empty() {
        text.push_str("Providers required by state:\n\n");
        for provider in stored {
            let _ = writeln!(text, "    provider[{provider}]\n");
        }
    }
    print(&text);
    Ok(Success::Done)
}

/// What each provider offers that the configuration or the state needs.
fn schemas(session: &Session, requirements: &Requirements) -> Result<Success, Failure> {
    let mut needed = of_state(&session.store("providers schema", &UNLOCKED)?.folded().state);
    let mut waiting = vec![requirements];
    while let Some(one) = waiting.pop() {
        needed.extend(one.providers.keys().cloned());
        waiting.extend(one.children.values());
    }
    let mut schemas = serde_json::Map::new();
    for address in needed {
        let Some(provider) = session.environment.providers.provider(&address) else {
            return Err(session.refused(missing_provider(&address, &session.environment)));
        };
        schemas.insert(address.to_string(), schema_json::provider(&provider.schema()));
    }
    let document = serde_json::json!({ "format_version": "1.0", "provider_schemas": schemas });
    print(&format!("{document}\n"));
    Ok(Success::Done)
}

fn write(out: &mut String, requirements: &Requirements, margin: &str) {
    let mut left = requirements.providers.len() + requirements.children.len();
    let mut branch = |out: &mut String, words: &str| {
        left -= 1;
        let (sign, below) = if left == 0 { ("└── ", "    ") } else { ("├── ", "│   ") };
        let _ = writeln!(out, "{margin}{sign}{words}");
        format!("{margin}{below}")
    };
    for (provider, constraints) in &requirements.providers {
        let constraints = normal(constraints);
        branch(out, format!("provider[{provider}] {constraints}").trim_end());
    }
    for (name, child) in &requirements.children {
        let margin = branch(out, &format!("module.{name}"));
        write(out, child, &margin);
    }
}

/// Version constraints with all three parts of each version, but for `~>`, which means something by their number.
fn normal(constraints: &str) -> String {
    let all = constraints.split(',').map(str::trim).filter(|one| !one.is_empty()).map(|one| {
        let version = one.trim_start_matches(['=', '!', '>', '<', '~']);
        let operator = &one[..one.len() - version.len()];
        let version = version.trim();
        let (numbers, rest) = version.split_at(version.find(['-', '+']).unwrap_or(version.len()));
        let missing = if operator == "~>" { 0 } else { 3_usize.saturating_sub(numbers.split('.').count()) };
        let whole = format!("{numbers}{}{rest}", ".0".repeat(missing));
        if matches!(operator, "" | "=") { whole } else { format!("{operator} {whole}") }
    });
    all.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn constraints_are_written_in_one_way() {
        for (constraints, expected) in [
            ("", ""),
            ("1", "1.0.0"),
            ("=1.2", "1.2.0"),
            ("~> 1.0,!= 1.2", "~> 1.0, != 1.2.0"),
            (">=1.2.3-beta", ">= 1.2.3-beta"),
            ("> 0.5", "> 0.5.0"),
        ] {
            assert_eq!(normal(constraints), expected);
        }
    }
}
