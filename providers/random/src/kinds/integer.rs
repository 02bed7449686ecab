//! `random_integer`: a whole number between two others.

use super::schema;
use crate::draw::Draw;
use formwork_sdk::values::{Findings, Seed, ValueKind, fill, object, text, whole_number};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    random = { source = "formwork/random" }
  }
}

resource "random_integer" "port" {
  min = 30000
  max = 32767
}
"#;

pub(super) struct Integer;

impl ValueKind for Integer {
    fn name(&self) -> &'static str {
        "random_integer"
    }

    fn schema(&self) -> KindSchema {
        let attributes = vec![
            ("min", Attribute::required(Type::Number, "The least it may be.").replaces()),
            ("max", Attribute::required(Type::Number, "The greatest it may be.").replaces()),
            ("seed", Attribute::optional(Type::String, "Draws the same number each time, here.").replaces()),
            ("result", Attribute::computed(Type::Number, "The number.")),
            ("id", Attribute::computed(Type::String, "The number as text.")),
        ];
        let mut schema = schema(attributes, "A whole number between two others.", EXAMPLE);
        schema.import_id = "`result`, `min` and `max`, and `seed` where there is one, with commas between.";
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        found.check_number(configuration, "min", i64::MIN, i64::MAX);
        found.check_number(configuration, "max", i64::MIN, i64::MAX);
        let bounds = (whole_number(configuration, "min"), whole_number(configuration, "max"));
        if let (Some(min), Some(max)) = bounds
            && min > max
        {
            found.refuse("max", format!("{max} is less than the least, {min}: give one that is not."));
        }
    }

    fn make(&self, planned: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        let bounds = (whole_number(planned, "min"), whole_number(planned, "max"));
        let (Some(min), Some(max)) = bounds else {
            return Err(ProviderError::invalid("min and max must be whole numbers"));
        };
        if min > max {
            return Err(ProviderError::invalid(format!("max, {max}, is less than min, {min}")));
        }
        let mut draw = Draw::from_text(text(planned, "seed"), seed);
        let result = min.wrapping_add_unsigned(draw.up_to(max.abs_diff(min)));
        Ok(fill(planned, &[("result", result.into()), ("id", result.to_string().into())]))
    }

    fn import(&self, id: &str) -> Result<Value, ProviderError> {
        let unusable = || {
            ProviderError::invalid(format!("{id:?} is no RESULT,MIN,MAX or RESULT,MIN,MAX,SEED"))
                .hint("Give three whole numbers, and the seed where there is one.")
        };
        let mut parts = id.splitn(4, ',');
        let mut number =
            || parts.next().and_then(|part| part.trim().parse::<i64>().ok()).ok_or_else(unusable);
        let (result, min, max) = (number()?, number()?, number()?);
        let mut values = vec![
            ("result", Value::from(result)),
            ("min", min.into()),
            ("max", max.into()),
            ("id", result.to_string().into()),
        ];
        values.extend(parts.next().map(|seed| ("seed", Value::from(seed))));
        Ok(object(&self.schema(), &values))
    }
}
