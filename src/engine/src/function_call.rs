//! Calling a function of a provider: arguments are held against its schema and converted.
//!
//! Invariant: a provider is called with wholly known arguments alone; until then the result is an unknown of the
//! function's type.

use formwork_sdk::{FunctionSchema, Provider};
use formwork_value::{Value, convert};

/// What a function of a provider gives, or why it gives nothing; nothing when the provider has no such function.
pub(crate) fn call(
    provider: &dyn Provider,
    name: &str,
    arguments: &[Value],
) -> Option<Result<Value, String>> {
    let schema = provider.schema();
    let function = schema.functions.get(name)?;
    Some(checked(provider, name, function, arguments))
}

fn checked(
    provider: &dyn Provider,
    name: &str,
    function: &FunctionSchema,
    given: &[Value],
) -> Result<Value, String> {
    let wanted = function.parameters.len();
    if given.len() < wanted {
        let missing = &function.parameters[given.len()].name;
        return Err(format!("{wanted} argument(s) are expected, and \"{missing}\" is missing"));
    }
    if given.len() > wanted && function.variadic.is_none() {
        return Err(format!("only {wanted} argument(s) are expected"));
    }
    let parameters = function.parameters.iter().chain(function.variadic.iter().cycle());
    let mut arguments = Vec::with_capacity(given.len());
    for (value, parameter) in given.iter().zip(parameters) {
        let invalid = |error: &dyn std::fmt::Display| {
            format!("invalid value for \"{}\" parameter: {error}", parameter.name)
        };
        let converted = convert(value, &parameter.value_type).map_err(|error| invalid(&error))?;
        if converted.is_null() && !parameter.takes_null {
            return Err(invalid(&"argument must not be null"));
        }
        arguments.push(converted);
    }
    if !arguments.iter().all(Value::is_wholly_known) {
        return Ok(Value::unknown(function.returns.clone()));
    }
    provider.call_function(name, &arguments).map_err(|error| error.message)
}
