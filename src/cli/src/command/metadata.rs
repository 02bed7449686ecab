//! `metadata`: what the language offers, for tools.

use crate::arguments::{Metadata, MetadataVerb};
use crate::failure::Success;
use crate::terminal::print;
use formwork_lang::functions::{Signature, SignatureParameter, signatures};
use formwork_value::{Type, type_to_json};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The namespace that every function has besides none.
const CORE: &str = "core::";

#[derive(Serialize)]
struct Document {
    format_version: &'static str,
    function_signatures: BTreeMap<String, FunctionJson>,
}

#[derive(Serialize, Clone)]
struct FunctionJson {
    description: &'static str,
    return_type: Box<RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<ParameterJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variadic_parameter: Option<ParameterJson>,
}

#[derive(Serialize, Clone)]
struct ParameterJson {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_nullable: bool,
    #[serde(rename = "type")]
    value_type: Box<RawValue>,
}

pub(super) fn run(arguments: &Metadata) -> Success {
    let MetadataVerb::Functions(_) = &arguments.verb;
    let named = signatures().into_iter().flat_map(|signature| {
        let function = function(&signature);
        [(signature.name.to_owned(), function.clone()), (format!("{CORE}{}", signature.name), function)]
    });
    let document = Document { format_version: "1.0", function_signatures: named.collect() };
    print(&format!("{}\n", serde_json::to_string(&document).unwrap_or_default()));
    Success::Done
}

fn function(signature: &Signature) -> FunctionJson {
    FunctionJson {
        description: signature.description,
        return_type: json(&signature.return_type),
        parameters: signature.parameters.iter().map(parameter).collect(),
        variadic_parameter: signature.variadic.as_ref().map(parameter),
    }
}

fn parameter(parameter: &SignatureParameter) -> ParameterJson {
    ParameterJson {
        name: parameter.name,
        description: parameter.description,
        is_nullable: parameter.is_nullable,
        value_type: json(&parameter.value_type),
    }
}

fn json(value_type: &Type) -> Box<RawValue> {
    RawValue::from_string(type_to_json(value_type)).unwrap_or_default()
}
