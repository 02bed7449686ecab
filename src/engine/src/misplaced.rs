//! What is said of a name that means nothing where it stands.

use formwork_diagnostic::Diagnostic;
use formwork_lang::{Query, Subject};

/// `each`, `count` or `self` outside of what gives them a meaning, and names that nothing declares.
pub(crate) fn out_of_place(query: &Query<'_>) -> Diagnostic {
    let (summary, detail) = match query.subject {
        Subject::EachKey | Subject::EachValue => (
            "Reference to \"each\" in context without for_each",
            "The \"each\" object can be used only in blocks that have for_each set.",
        ),
        Subject::CountIndex => (
            "Reference to \"count\" in non-counted context",
            "The \"count\" object can be used only in blocks that have count set.",
        ),
        Subject::SelfObject => (
            "Invalid \"self\" reference",
            "The \"self\" object is not available here; it is in postconditions, provisioners and connections.",
        ),
        _ => ("Reference to undeclared object", "Nothing of this name is declared in this module."),
    };
    Diagnostic::error("reference-out-of-place", summary, detail).at(query.span)
}
