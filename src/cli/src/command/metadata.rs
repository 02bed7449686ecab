//! `metadata`: what the language offers, for tools.

use crate::arguments::{Metadata, MetadataVerb};
use crate::failure::Success;
use crate::render::function_json::FunctionJson;
use crate::terminal::print;
use formwork_lang::functions::signatures;
use serde::Serialize;
use std::collections::BTreeMap;

/// The namespace that every function has besides none.
const CORE: &str = "core::";

#[derive(Serialize)]
struct Document {
    format_version: &'static str,
    function_signatures: BTreeMap<String, FunctionJson>,
}

pub(super) fn run(arguments: &Metadata) -> Success {
    let MetadataVerb::Functions(_) = &arguments.verb;
    let named = signatures().into_iter().flat_map(|signature| {
        let function = FunctionJson::new(&signature);
        [(signature.name.to_owned(), function.clone()), (format!("{CORE}{}", signature.name), function)]
    });
    let document = Document { format_version: "1.0", function_signatures: named.collect() };
    print(&format!("{}\n", serde_json::to_string(&document).unwrap_or_default()));
    Success::Done
}
