//! `null_resource`: an id, and triggers whose change replaces it.

use crate::double::{Kind, Site, id_of, with};
use formwork_sdk::{ApplyRequest, Attribute, Block, KindSchema, ProviderError, Recovery};
use formwork_value::{Type, Value};

struct NullResource(KindSchema);

pub(crate) fn kinds() -> Vec<Box<dyn Kind>> {
    let block = Block::new([
        ("id", Attribute::computed(Type::String, "A UUID.")),
        (
            "triggers",
            Attribute::optional(Type::map(Type::String), "A change of it replaces the object.").replaces(),
        ),
    ]);
    let schema =
        KindSchema { recovery: Recovery::Replay, ..KindSchema::new(block, "An object that does nothing.") };
    vec![Box::new(NullResource(schema))]
}

impl Kind for NullResource {
    fn name(&self) -> &'static str {
        "null_resource"
    }

    fn schema(&self) -> &KindSchema {
        &self.0
    }

    fn write(&self, _site: &Site, request: &ApplyRequest) -> Result<Value, ProviderError> {
        let is_new = request.planned.get("id").is_none_or(|id| !id.is_known());
        let id = Value::string(id_of(&request.token).to_string());
        Ok(if is_new { with(&request.planned, "id", id) } else { request.planned.clone() })
    }
}
