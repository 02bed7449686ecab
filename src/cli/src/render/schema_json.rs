//! Provider schemas as JSON, in the form of `providers schema -json`.

use formwork_sdk::{
    Attribute, Block, FunctionSchema, IdentityAttribute, IdentitySchema, KindSchema, NestedBlock, Nesting,
    Presence, ProviderSchema,
};
use formwork_value::{Type, type_to_json};
use serde_json::{Map, Value as Json, json};

/// One provider.
pub(crate) fn provider(schema: &ProviderSchema) -> Json {
    let kinds = |kinds: &indexmap::IndexMap<arcstr::ArcStr, KindSchema>| -> Map<String, Json> {
        kinds.iter().map(|(name, kind)| (name.to_string(), self::kind(kind))).collect()
    };
    let functions: Map<String, Json> =
        schema.functions.iter().map(|(name, one)| (name.to_string(), function(one))).collect();
    let identities = schema
        .resources
        .iter()
        .filter_map(|(name, kind)| Some((name.to_string(), identity(kind.identity.as_ref()?))));
    let mut document = json!({ "provider": { "version": 0, "block": block(&schema.configuration, "") } });
    for (name, section) in [
        ("resource_schemas", kinds(&schema.resources)),
        ("data_source_schemas", kinds(&schema.data_sources)),
        ("ephemeral_resource_schemas", kinds(&schema.ephemeral_resources)),
        ("functions", functions),
        ("resource_identity_schemas", identities.collect()),
    ] {
        if !section.is_empty() {
            document[name] = Json::Object(section);
        }
    }
    document
}

fn identity(schema: &IdentitySchema) -> Json {
    let attribute = |one: &IdentityAttribute| {
        let word = if one.is_required { "required_for_import" } else { "optional_for_import" };
        json!({ "type": of_type(&one.value_type), "description": one.doc, word: true })
    };
    let attributes = schema.attributes.iter().map(|(name, one)| (name.to_string(), attribute(one)));
    json!({ "version": schema.version, "attributes": attributes.collect::<Map<_, _>>() })
}

fn kind(kind: &KindSchema) -> Json {
    json!({ "version": kind.version, "block": block(&kind.block, kind.doc) })
}

fn block(block: &Block, doc: &str) -> Json {
    let mut document = json!({ "description_kind": "plain" });
    if !doc.is_empty() {
        document["description"] = json!(doc);
    }
    if !block.attributes.is_empty() {
        let attributes = block.attributes.iter().map(|(name, one)| (name.to_string(), attribute(one)));
        document["attributes"] = Json::Object(attributes.collect());
    }
    if !block.blocks.is_empty() {
        let blocks = block.blocks.iter().map(|(name, one)| (name.to_string(), nested(one)));
        document["block_types"] = Json::Object(blocks.collect());
    }
    document
}

fn attribute(attribute: &Attribute) -> Json {
    let mut document = json!({
        "type": of_type(&attribute.value_type),
        "description": attribute.doc,
        "description_kind": "plain",
    });
    let (optional, computed) = match attribute.presence {
        Presence::Required => (false, false),
        Presence::Optional => (true, false),
        Presence::Computed => (false, true),
        Presence::OptionalComputed => (true, true),
    };
    for (name, is_set) in [
        ("required", attribute.presence == Presence::Required),
        ("optional", optional),
        ("computed", computed),
        ("sensitive", attribute.sensitive),
        ("write_only", attribute.write_only),
        ("deprecated", attribute.deprecated.is_some()),
    ] {
        if is_set {
            document[name] = json!(true);
        }
    }
    document
}

fn nested(nested: &NestedBlock) -> Json {
    let mode = match nested.nesting {
        Nesting::Single => "single",
        Nesting::Group => "group",
        Nesting::List => "list",
        Nesting::Set => "set",
        Nesting::Map => "map",
    };
    let mut document = json!({ "nesting_mode": mode, "block": block(&nested.block, "") });
    for (name, items) in [("min_items", nested.min_items), ("max_items", nested.max_items)] {
        if items > 0 {
            document[name] = json!(items);
        }
    }
    document
}

fn function(function: &FunctionSchema) -> Json {
    let parameter = |name: &str, value_type: &Type| json!({ "name": name, "type": of_type(value_type) });
    let mut document = json!({ "description": function.doc, "return_type": of_type(&function.returns) });
    if !function.parameters.is_empty() {
        let parameters = function.parameters.iter().map(|(name, one)| parameter(name, one));
        document["parameters"] = parameters.collect();
    }
    if let Some(rest) = &function.variadic {
        document["variadic_parameter"] = parameter("rest", rest);
    }
    document
}

fn of_type(value_type: &Type) -> Json {
    serde_json::from_str(&type_to_json(value_type)).unwrap_or(Json::Null)
}
