//! x
use crate::model::Cause;
use formwork_value::{Path, Value};
pub fn parse_path(_text: &str) -> Path { Path::root() }
pub fn causes(_r: &formwork_lang::Resource, _b: &Value, _a: &Value, _p: &[Path], _s: &formwork_diagnostic::Sources) -> Vec<Cause> { Vec::new() }
