//! Calling functions.
/// Functions that the evaluator provides itself.
pub(crate) const LAZY: [&str; 4] = ["can", "templatefile", "templatestring", "try"];
