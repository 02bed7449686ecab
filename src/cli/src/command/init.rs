//! `init`: checks that everything the configuration needs is here. Writes nothing: every provider is built in, every
//! module source is a local path.

use crate::failure::{Failure, Success};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::{Diagnostics, Span};
use formwork_engine::connections::missing_provider;
use formwork_lang::Module;
use formwork_state::ProviderAddress;
use std::fmt::Write as _;

pub(super) fn run(terminal: Terminal) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    print("\nInitializing the backend...\n");
    let configuration = session.load()?;
    let mut diagnostics = Diagnostics::new();
    print("\nInitializing provider plugins...\n");
    let mut listed = String::new();
    for (address, span) in required(&configuration.root) {
        if session.environment.providers.provider(&address).is_some() {
            let _ = writeln!(listed, "- {} is built in", address.for_display());
        } else {
            diagnostics.push(missing_provider(&address, &session.environment).at(span));
        }
    }
    print(&listed);
    session.settle(&diagnostics, &configuration.sources)?;
    print("\nFormwork has been successfully initialized!\n");
    if crate::ambient::is_automated() {
        return Ok(Success::Done);
    }
    print(
        "\nYou may now begin working with Formwork. Try running \"formwork plan\" to see\nany changes that are required for your infrastructure.\n",
    );
    Ok(Success::Done)
}

/// The providers that a module tree names, each once, with the place of the first.
fn required(root: &Module) -> Vec<(ProviderAddress, Span)> {
    let mut found: Vec<(ProviderAddress, Span)> = Vec::new();
    let mut modules = vec![root];
    while let Some(module) = modules.pop() {
        for (name, required) in &module.settings.required_providers {
            let source = required.source.as_deref().unwrap_or(name);
            let address = ProviderAddress::parse(source).unwrap_or_else(|_| ProviderAddress::hashicorp(name));
            if found.iter().all(|(known, _)| *known != address) {
                found.push((address, required.span));
            }
        }
        modules.extend(module.calls.values().map(|call| call.module.as_ref()));
    }
    found
}
