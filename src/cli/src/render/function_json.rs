//! Functions as JSON: in `metadata functions`, and beside a finding about a call.

use formwork_lang::functions::{Signature, SignatureParameter};
use formwork_value::{Type, type_to_json};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

/// One function of `metadata functions`.
#[derive(Serialize, Clone)]
pub(crate) struct FunctionJson {
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

impl FunctionJson {
    /// The function that a signature describes.
    pub(crate) fn new(signature: &Signature) -> Self {
        let parameter = |parameter: &SignatureParameter| ParameterJson {
            name: parameter.name,
            description: parameter.description,
            is_nullable: parameter.is_nullable,
            value_type: of_type(&parameter.value_type),
        };
        Self {
            description: signature.description,
            return_type: of_type(&signature.return_type),
            parameters: signature.parameters.iter().map(parameter).collect(),
            variadic_parameter: signature.variadic.as_ref().map(parameter),
        }
    }
}

/// The `function_call` of a snippet: by which name it was called, and what the function takes.
pub(crate) fn call(called_as: &str, signature: &Signature) -> Json {
    let parameter = |one: &SignatureParameter| json!({"name": one.name, "type": of_type(&one.value_type)});
    let mut shown = json!({
        "name": signature.name,
        "params": signature.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "return_type": of_type(&signature.return_type),
    });
    if let Some(variadic) = &signature.variadic {
        shown["variadic_param"] = parameter(variadic);
    }
    json!({"called_as": called_as, "signature": shown})
}

fn of_type(value_type: &Type) -> Box<RawValue> {
    RawValue::from_string(type_to_json(value_type)).unwrap_or_default()
}
