//! Paths as JSON, as Terraform's state keeps those of sensitive attributes.

use super::decode::decode;
use super::encode::encode;
use crate::{CodecError, Kind, Name, Path, PathStep, Type, Value};
use serde::Deserialize;
use serde_json::value::RawValue;

/// `[{"type":"get_attr","value":"x"},{"type":"index","value":{"value":0,"type":"number"}}]`
pub fn path_to_json(path: &Path) -> Result<String, CodecError> {
    let mut out = String::from("[");
    for (at, step) in path.steps().iter().enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        let key = match step {
            PathStep::Attribute(name) => {
                out.push_str("{\"type\":\"get_attr\",\"value\":");
                super::encode::write_string(name, &mut out);
                out.push('}');
                continue;
            }
            PathStep::Key(name) => Value::string(name.clone()),
            PathStep::Index(index) => Value::number(*index),
            PathStep::Element(element) => element.clone(),
        };
        out.push_str("{\"type\":\"index\",\"value\":");
        out.push_str(&encode(&key, &Type::Dynamic)?);
        out.push('}');
    }
    out.push(']');
    Ok(out)
}

#[derive(Deserialize)]
struct StepForm<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// Reads a path.
pub fn path_from_json(text: &str) -> Result<Path, CodecError> {
    let malformed = |error: serde_json::Error| CodecError::new(error.to_string());
    let forms: Vec<StepForm<'_>> = serde_json::from_str(text).map_err(malformed)?;
    let mut path = Path::root();
    for form in forms {
        path.0.push(match form.kind.as_str() {
            "get_attr" => {
                let name: String = serde_json::from_str(form.value.get()).map_err(malformed)?;
                PathStep::Attribute(Name::from(name))
            }
            "index" => index_step(decode(form.value.get(), &Type::Dynamic)?),
            other => return Err(CodecError::new(format!("unsupported path step {other:?}"))),
        });
    }
    Ok(path)
}

fn index_step(key: Value) -> PathStep {
    let index = key.as_i64().and_then(|index| u64::try_from(index).ok());
    match (key.kind(), index) {
        (Kind::String(name), _) => PathStep::Key(name.clone()),
        (_, Some(index)) => PathStep::Index(index),
        _ => PathStep::Element(key),
    }
}
