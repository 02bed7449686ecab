//! `random_shuffle`: some of several texts, in any order.

use super::schema;
use crate::draw::Draw;
use formwork_sdk::values::{Findings, Seed, ValueKind, fill, text, texts, whole_number};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    random = { source = "formwork/random" }
  }
}

resource "random_shuffle" "zones" {
  input        = ["a", "b", "c"]
  result_count = 2
}
"#;

/// More would fill the state.
const COUNT_MAX: i64 = 65_536;

pub(super) struct Shuffle;

impl ValueKind for Shuffle {
    fn name(&self) -> &'static str {
        "random_shuffle"
    }

    fn schema(&self) -> KindSchema {
        let texts = || Type::list(Type::String);
        let count =
            "How many are wanted: all, where it is left out; where more than there are, some come again.";
        let attributes = vec![
            ("input", Attribute::required(texts(), "What to choose from.").replaces()),
            ("result_count", Attribute::optional(Type::Number, count).replaces()),
            ("seed", Attribute::optional(Type::String, "Gives the same order each time, here.").replaces()),
            ("result", Attribute::computed(texts(), "What was chosen, in its order.")),
            ("id", Attribute::computed(Type::String, "Always `-`.")),
        ];
        schema(attributes, "Some of several texts, in any order.", EXAMPLE)
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        found.check_number(configuration, "result_count", 0, COUNT_MAX);
    }

    fn make(&self, planned: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        let input: Vec<Value> = texts(planned, "input").map(Value::from).collect();
        let wanted = whole_number(planned, "result_count").and_then(|count| usize::try_from(count).ok());
        let wanted = if input.is_empty() { 0 } else { wanted.unwrap_or(input.len()) };
        let mut draw = Draw::from_text(text(planned, "seed"), seed);
        let mut result = Vec::with_capacity(wanted);
        while result.len() < wanted {
            let mut round = input.clone();
            draw.shuffle(&mut round);
            round.truncate(wanted - result.len());
            result.append(&mut round);
        }
        Ok(fill(planned, &[("result", Value::list(Type::String, result)), ("id", "-".into())]))
    }
}
