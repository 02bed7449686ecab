//! `terraform_data`: holds a value, and a reason to replace what depends on it.
//!
//! Semantics are those of OpenTofu's `internal/builtin/providers/tf/resource_data.go`.

use formwork_diagnostic::Diagnostics;
use formwork_sdk::{
    Applied, ApplyRequest, Attribute, Block, ImportedObject, KindSchema, Operation, PlanRequest, Planned,
    Progress, ProviderError, Recovery,
};
use formwork_value::{Name, Path, Refinements, Type, Value, decode};
use std::sync::OnceLock;
use uuid::Uuid;

pub(crate) const KIND: &str = "terraform_data";

/// The kind that older configurations have in its place.
const NULL_RESOURCE: &str = "null_resource";

const EXAMPLE: &str = r#"variable "release" {
  default = "v1"
}

resource "terraform_data" "release" {
  input = var.release
}

resource "terraform_data" "restart" {
  triggers_replace = [terraform_data.release.output]
}
"#;

/// Namespace of the ids that are made from tokens.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x6a5c_1e1f_83d4_4a0e_9a53_3c7d_5b0f_2e91);

pub(crate) fn schema() -> KindSchema {
    let block = Block::new([
        ("input", Attribute::optional(Type::Dynamic, "A value to store and to give back as `output`.")),
        (
            "output",
            Attribute::computed(Type::Dynamic, "`input`, known only after apply whenever it changes.")
                .echoes("input"),
        ),
        (
            "triggers_replace",
            Attribute::optional(Type::Dynamic, "A value whose change replaces the object.").replaces(),
        ),
        ("id", Attribute::computed(Type::String, "A UUID.")),
    ]);
    KindSchema {
        recovery: Recovery::Replay,
        example: EXAMPLE,
        import_id: "Any text: it becomes the id.",
        ..KindSchema::new(block, "A value with a managed life cycle.")
    }
}

/// The object type of the kind, made once: it is asked for with every stored object.
pub(crate) fn object_type() -> &'static Type {
    static TYPE: OnceLock<Type> = OnceLock::new();
    TYPE.get_or_init(|| schema().block.implied_type())
}

pub(crate) fn plan(request: &PlanRequest) -> Planned {
    let mut requires_replace = Vec::new();
    let planned = if request.proposed.is_null() {
        request.proposed.clone()
    } else {
        plan_object(&request.prior, &request.proposed, &mut requires_replace)
    };
    Planned {
        planned,
        requires_replace,
        private: Vec::new(),
        lenient: false,
        identity: None,
        deferred: None,
        diagnostics: Diagnostics::new(),
    }
}

fn plan_object(prior: &Value, proposed: &Value, requires_replace: &mut Vec<Path>) -> Value {
    let input = attribute(proposed, "input");
    let trigger = attribute(proposed, "triggers_replace");
    let unknown_id = || Value::unknown_with(Type::String, Refinements::NOT_NULL);
    // A null output keeps the type of its input, as an unknown one does.
    let next_output = || if input.is_null() { input.clone() } else { Value::unknown(input.value_type()) };
    let (id, output) = if prior.is_null() {
        (unknown_id(), next_output())
    } else if attribute(prior, "triggers_replace") != trigger {
        requires_replace.push(Path::root().attribute("triggers_replace"));
        (unknown_id(), next_output())
    } else if attribute(prior, "input") != input {
        (attribute(proposed, "id"), next_output())
    } else {
        return proposed.clone();
    };
    object(id, input, output, trigger)
}

pub(crate) fn apply(request: &ApplyRequest) -> Result<Progress, ProviderError> {
    let object = match request.operation {
        Operation::Delete => Value::null(object_type().clone()),
        Operation::Create | Operation::Update => complete(request)?,
    };
    Ok(Progress::Done(Box::new(Applied::new(object, Vec::new()))))
}

fn complete(request: &ApplyRequest) -> Result<Value, ProviderError> {
    let planned = &request.planned;
    let input = attribute(planned, "input");
    let trigger = attribute(planned, "triggers_replace");
    if !input.is_wholly_known() || !trigger.is_wholly_known() {
        return Err(ProviderError::bug("terraform_data was applied with a value that is not known"));
    }
    let planned_output = attribute(planned, "output");
    let output = if planned_output.is_wholly_known() { planned_output } else { input.clone() };
    let planned_id = attribute(planned, "id");
    let id = if planned_id.is_known() {
        planned_id
    } else {
        Value::string(Uuid::new_v5(&ID_NAMESPACE, request.token.0.as_bytes()).to_string())
    };
    Ok(object(id, input, output, trigger))
}

pub(crate) fn import(id: &str) -> ImportedObject {
    let null = || Value::null(Type::Dynamic);
    ImportedObject {
        kind: KIND.to_owned(),
        object: object(Value::string(id), null(), null(), null()),
        private: Vec::new(),
        identity: None,
    }
}

/// A `null_resource` becomes one: its triggers are what replaces it.
pub(crate) fn move_from(source: &str, stored: &str) -> Result<Value, ProviderError> {
    if source != NULL_RESOURCE {
        return Err(ProviderError::invalid(format!(
            "unsupported move: {source} -> {KIND}; only move from {NULL_RESOURCE} to {KIND} is supported"
        )));
    }
    let stored_type = Type::object([("id", Type::String), ("triggers", Type::map(Type::String))]);
    let stored = decode(stored, &stored_type).map_err(|error| {
        ProviderError::invalid(format!("the stored {NULL_RESOURCE} cannot be read: {error}"))
    })?;
    let null = || Value::null(Type::Dynamic);
    let triggers = stored.get("triggers").and_then(Value::entries);
    let triggers = triggers.map(|entries| {
        Value::object(entries.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    });
    Ok(object(attribute(&stored, "id"), null(), null(), triggers.unwrap_or_else(null)))
}

fn attribute(object: &Value, name: &str) -> Value {
    object.get(name).cloned().unwrap_or_else(|| Value::null(Type::Dynamic))
}

fn object(id: Value, input: Value, output: Value, triggers_replace: Value) -> Value {
    static NAMES: OnceLock<[Name; 4]> = OnceLock::new();
    let names = NAMES.get_or_init(|| ["id", "input", "output", "triggers_replace"].map(Name::from));
    Value::object(names.iter().cloned().zip([id, input, output, triggers_replace]).collect())
}
