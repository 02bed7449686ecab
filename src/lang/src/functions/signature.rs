//! The functions from outside: what each takes and gives, for tools and documentation.

use super::{Function, FunctionError, Parameter, ResultType, Shape, TABLES, description};
use formwork_value::{Type, Value};

/// Functions of the language's first days that do nothing but say what to write instead.
pub(super) const STUBS: [&str; 2] = ["list", "map"];

/// One function from outside.
#[derive(Debug, Clone)]
pub struct Signature {
    /// As it is called.
    pub name: &'static str,
    /// A sentence.
    pub description: &'static str,
    /// The type of the result; the placeholder where it follows from the arguments.
    pub return_type: Type,
    /// The parameters in order.
    pub parameters: Vec<SignatureParameter>,
    /// What further arguments are, where there may be any.
    pub variadic: Option<SignatureParameter>,
}

/// One parameter from outside.
#[derive(Debug, Clone)]
pub struct SignatureParameter {
    /// Its name in messages.
    pub name: &'static str,
    /// What it is for, where its name does not say it.
    pub description: Option<&'static str>,
    /// Whether it may be null.
    pub is_nullable: bool,
    /// Arguments are converted to this type.
    pub value_type: Type,
}

/// Every function, in the order of their names.
pub fn signatures() -> Vec<Signature> {
    let plain = TABLES.iter().flat_map(|table| table.iter());
    let named = plain.chain(crate::call::LAZY_FUNCTIONS).filter(|function| !STUBS.contains(&function.name));
    let mut all: Vec<Signature> = named.map(signature).collect();
    all.sort_by_key(|signature| signature.name);
    all
}

fn signature(function: &Function) -> Signature {
    let parameter = |parameter: &Parameter| SignatureParameter {
        name: parameter.name,
        description: description::of_parameter(function.name, parameter.name),
        is_nullable: parameter.allow_null,
        value_type: parameter.value_type.to_type(),
    };
    Signature {
        name: function.name,
        description: description::of_function(function.name),
        return_type: return_type(function).unwrap_or(Type::Dynamic),
        parameters: function.parameters.iter().map(parameter).collect(),
        variadic: function.variadic.as_ref().map(parameter),
    }
}

/// The type of the result while nothing is known of the arguments but the parameters' types.
fn return_type(function: &Function) -> Result<Type, FunctionError> {
    let all = || function.parameters.iter().chain(&function.variadic);
    if all().any(|parameter| parameter.value_type == Shape::Any && !parameter.allow_dynamic) {
        return Ok(Type::Dynamic);
    }
    match function.result {
        ResultType::Fixed(shape) => Ok(shape.to_type()),
        ResultType::Of(of) => {
            let unknown: Vec<Value> =
                all().map(|parameter| Value::unknown(parameter.value_type.to_type())).collect();
            of(&unknown)
        }
    }
}
