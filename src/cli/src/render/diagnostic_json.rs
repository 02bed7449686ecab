//! Findings as JSON with what stands around their place: in `validate -json` and in the event stream.

use super::function_json;
use formwork_diagnostic::{Diagnostic, Sources, render_json};
use formwork_lang::Surroundings;
use formwork_lang::functions::signatures;
use serde_json::{Value as Json, json};

/// Renders findings that point into the same sources.
pub(crate) struct DiagnosticJson<'a> {
    sources: &'a Sources,
    surroundings: Surroundings<'a>,
}

impl<'a> DiagnosticJson<'a> {
    /// For findings in these sources.
    pub(crate) fn new(sources: &'a Sources) -> Self {
        Self { sources, surroundings: Surroundings::new(sources) }
    }

    /// One finding. The block and the function call around its place are added to the snippet.
    pub(crate) fn render(&mut self, diagnostic: &Diagnostic) -> Json {
        let mut json = render_json(diagnostic, self.sources);
        let Some(place) = diagnostic.subject.filter(|_| json["snippet"].is_object()) else { return json };
        if json["snippet"]["context"].is_null() {
            json["snippet"]["context"] = json!(self.surroundings.block(place));
        }
        let call = self.surroundings.call(place).filter(|_| is_about_call(diagnostic));
        let signature = call.as_ref().and_then(|name| {
            let plain = name.strip_prefix("core::").unwrap_or(name);
            signatures().into_iter().find(|signature| signature.name == plain)
        });
        if let Some((call, signature)) = call.zip(signature) {
            json["snippet"]["function_call"] = function_json::call(&call, &signature);
        }
        json
    }
}

fn is_about_call(diagnostic: &Diagnostic) -> bool {
    diagnostic.code == "function" || diagnostic.summary == "Invalid function argument"
}
