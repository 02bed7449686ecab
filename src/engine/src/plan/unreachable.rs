//! Objects behind a provider that cannot be reached: a cluster that is gone, say.
//!
//! Invariant: they are given up only where the user says so by name of the option, and then nothing is asked of
//! their provider.

use super::Planner;
use super::refresh::Batches;
use crate::model::RunMode;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_state::{ObjectKey, ProviderConfigAddress};

/// No more objects than this are named in a message.
const NAMED_AT_MOST: usize = 10;

impl Planner<'_> {
    /// A provider of objects in state did not answer.
    pub(super) fn not_reached(
        &self,
        address: &ProviderConfigAddress,
        batches: &Batches,
        diagnostics: Diagnostics,
    ) {
        let behind = batches.iter().filter(|((provider, _), _)| provider == address);
        let mut behind: Vec<&ObjectKey> =
            behind.flat_map(|(_, objects)| objects.iter().map(|(key, _)| key)).collect();
        behind.sort();
        if self.input.forget_unreachable {
            let fault = diagnostics.iter().find(|one| one.is_error());
            self.report(given_up(address, &behind, fault.map_or("", |one| one.summary.as_str())));
            self.unreachable.borrow_mut().insert(address.clone());
            return;
        }
        self.diagnostics.borrow_mut().append(diagnostics);
        if self.input.mode == RunMode::Destroy {
            self.report(out_of_reach(address, &behind));
        }
    }
}

fn named(behind: &[&ObjectKey]) -> String {
    let mut names: Vec<String> = behind.iter().take(NAMED_AT_MOST).map(|key| format!("  {key}")).collect();
    if behind.len() > NAMED_AT_MOST {
        names.push(format!("  and {} more", behind.len() - NAMED_AT_MOST));
    }
    names.join("\n")
}

fn out_of_reach(address: &ProviderConfigAddress, behind: &[&ObjectKey]) -> Diagnostic {
    Diagnostic::error(
        "objects-out-of-reach",
        "Objects cannot be destroyed while their provider cannot be reached",
        format!("These objects stand behind {}:\n{}", address.for_display(), named(behind)),
    )
    .hint("If their target is gone for good, give them up with -forget-unreachable: they leave the state, and nothing is removed.")
}

fn given_up(address: &ProviderConfigAddress, behind: &[&ObjectKey], fault: &str) -> Diagnostic {
    Diagnostic::warning(
        "objects-given-up",
        "Objects behind a provider that cannot be reached are given up",
        format!(
            "{} cannot be reached ({fault}). These objects leave the state, and whatever is left of them stays where it is:\n{}",
            address.for_display(),
            named(behind)
        ),
    )
}
