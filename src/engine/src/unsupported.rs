//! What the language has and the engine does not follow yet: the one place that says so.
//!
//! Invariant: whatever stands in this table stops a run before anything is read, since leaving it out would give the
//! configuration another meaning. Whoever builds the engine's part of a construct takes its row away.

use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_lang::{Module, Provisioner};
use std::sync::Arc;

/// The code of what it finds.
pub(crate) const CODE: &str = "not-supported-yet";

/// A construct: what messages call it, what is lost without it, and where a module has it.
struct Row {
    construct: &'static str,
    meaning: &'static str,
    places: fn(&Module) -> Vec<Span>,
}

const TABLE: &[Row] = &[Row {
    construct: "remote-exec and file provisioners",
    meaning: "they run once hosts can be reached over SSH; local-exec can call ssh or scp until then",
    places: |module| {
        let removed = module.removed.iter().flat_map(|one| &one.provisioners);
        let resources = module.resources.iter().flat_map(|one| &one.provisioners);
        let is_remote = |one: &&Provisioner| crate::provisioner::runs_on_host(&one.kind);
        resources.chain(removed).filter(is_remote).map(|one| one.span).collect()
    },
}];

/// An error for each place of a module tree that the engine could not follow.
pub(crate) fn unsupported(root: &Arc<Module>) -> Diagnostics {
    let mut places = Vec::new();
    let mut waiting = vec![root];
    while let Some(module) = waiting.pop() {
        for row in TABLE {
            places.extend((row.places)(module).into_iter().map(|span| (span, row)));
        }
        waiting.extend(module.calls.values().map(|call| &call.module));
    }
    // A module that is called twice is one text.
    places.sort_by_key(|(span, _)| *span);
    places.dedup_by_key(|(span, row)| (*span, row.construct));
    let error = |(span, row): (Span, &Row)| {
        let detail =
            format!("This version of Formwork does not support {} yet, and {}.", row.construct, row.meaning);
        Diagnostic::error(CODE, "Not supported yet", detail).at(span)
    };
    places.into_iter().map(error).collect()
}
