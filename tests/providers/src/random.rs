//! `random_integer`, `random_string`, `random_password` and `random_uuid`. What is drawn follows from the seed where
//! there is one, else from the token, so that the same call draws the same.

use crate::double::{Kind, Site, id_of, text, with};
use formwork_sdk::{ApplyRequest, Attribute, Block, KindSchema, ProviderError, Recovery};
use formwork_value::{Type, Value};
use sha1::{Digest, Sha1};

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#[derive(Clone, Copy)]
enum Draw {
    Integer,
    Text,
    Password,
    Uuid,
}

struct Random {
    name: &'static str,
    draw: Draw,
    schema: KindSchema,
}

pub(crate) fn kinds() -> Vec<Box<dyn Kind>> {
    let of = |name, draw, attributes: Vec<(&'static str, Attribute)>| {
        let keepers = Attribute::optional(Type::map(Type::String), "A change draws anew.").replaces();
        let id = Attribute::computed(Type::String, "What was drawn, as text.");
        let attributes = [("id", id), ("keepers", keepers)].into_iter().chain(attributes);
        let block = Block::new(attributes);
        let schema = KindSchema { recovery: Recovery::Replay, ..KindSchema::new(block, "Drawn once.") };
        Box::new(Random { name, draw, schema }) as Box<dyn Kind>
    };
    let number = |doc| Attribute::required(Type::Number, doc).replaces();
    let result = |of| Attribute::computed(of, "What was drawn.");
    vec![
        of(
            "random_integer",
            Draw::Integer,
            vec![
                ("max", number("The greatest.")),
                ("min", number("The least.")),
                ("result", result(Type::Number)),
                ("seed", Attribute::optional(Type::String, "Draws the same each time.").replaces()),
            ],
        ),
        of(
            "random_string",
            Draw::Text,
            vec![("length", number("So many letters.")), ("result", result(Type::String))],
        ),
        of(
            "random_password",
            Draw::Password,
            vec![("length", number("So many letters.")), ("result", result(Type::String).sensitive())],
        ),
        of("random_uuid", Draw::Uuid, vec![("result", result(Type::String))]),
    ]
}

/// So many bytes that follow from a text.
fn stream(seed: &str) -> impl Iterator<Item = u8> + use<> {
    let seed = seed.to_owned();
    (0_u64..).flat_map(move |block| Sha1::digest(format!("{seed}/{block}")).to_vec())
}

fn integer(seed: &str, planned: &Value) -> Result<i64, ProviderError> {
    let bound = |name| planned.get(name).and_then(Value::as_i64);
    let (Some(min), Some(max)) = (bound("min"), bound("max")) else {
        return Err(ProviderError::invalid("min and max must be whole numbers"));
    };
    let width = max.checked_sub(min).and_then(|width| u64::try_from(width).ok());
    let width = width.ok_or_else(|| ProviderError::invalid("max must not be less than min"))?;
    let drawn = stream(seed).take(7).fold(0_u64, |sum, byte| sum << 8 | u64::from(byte));
    let above = drawn % (width.saturating_add(1));
    i64::try_from(above)
        .ok()
        .and_then(|above| min.checked_add(above))
        .ok_or_else(|| ProviderError::invalid("max and min are too far apart"))
}

fn letters(seed: &str, planned: &Value) -> Result<String, ProviderError> {
    let length =
        planned.get("length").and_then(Value::as_i64).and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| (1..=4096).contains(length));
    let length = length.ok_or_else(|| ProviderError::invalid("length must be between 1 and 4096"))?;
    let letter = |byte: u8| char::from(LETTERS[usize::from(byte) % LETTERS.len()]);
    Ok(stream(seed).take(length).map(letter).collect())
}

impl Kind for Random {
    fn name(&self) -> &str {
        self.name
    }

    fn schema(&self) -> &KindSchema {
        &self.schema
    }

    fn write(&self, _site: &Site, request: &ApplyRequest) -> Result<Value, ProviderError> {
        let planned = &request.planned;
        if planned.is_wholly_known() {
            return Ok(planned.clone());
        }
        let token = id_of(&request.token).to_string();
        let seed = text(planned, "seed").map_or_else(|| token.clone(), |seed| seed.to_string());
        let (id, result) = match self.draw {
            Draw::Integer => {
                let drawn = integer(&seed, planned)?;
                (drawn.to_string(), Value::from(drawn))
            }
            Draw::Text => {
                let drawn = letters(&seed, planned)?;
                (drawn.clone(), Value::string(drawn))
            }
            // The id is no secret.
            Draw::Password => ("none".to_owned(), Value::string(letters(&seed, planned)?)),
            Draw::Uuid => (token.clone(), Value::string(token)),
        };
        Ok(with(&with(planned, "id", Value::string(id)), "result", result))
    }
}
