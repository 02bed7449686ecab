//! Loading a module tree.
use crate::expression::Expression;
use crate::module::Module;
use crate::source::Source;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostics, FileId, Sources, Span};
use indexmap::IndexMap;
use std::sync::Arc;

/// Loads the root module and every local module that it calls.
pub fn load(_source: &dyn Source, _sources: &mut Sources) -> (Arc<Module>, Diagnostics) {
    (Arc::default(), Diagnostics::new())
}

/// Parses the text of a `.tfvars` file that is in `sources`.
pub fn parse_tfvars(
    _file: FileId,
    _sources: &Sources,
) -> (IndexMap<ArcStr, (Expression, Span)>, Diagnostics) {
    (IndexMap::new(), Diagnostics::new())
}
