//! Provider schemas as JSON, in the form of `providers schema -json`.

use formwork_sdk::{
    Attribute, Block, FunctionSchema, IdentityAttribute, IdentitySchema, KindSchema, NestedBlock, Nesting,
    Parameter, Presence, ProviderSchema,
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
        let mut document = json!({ "type": of_type(&one.value_type), word: true });
        put(&mut document, "description", one.doc);
        document
    };
    let attributes = schema.attributes.iter().map(|(name, one)| (name.to_string(), attribute(one)));
    json!({ "version": schema.version, "attributes": attributes.collect::<Map<_, _>>() })
}

fn kind(kind: &KindSchema) -> Json {
    json!({ "version": kind.version, "block": block(&kind.block, kind.doc) })
}

fn block(block: &Block, doc: &str) -> Json {
    let mut document = described(doc, block.is_markdown, block.deprecated);
    if !block.attributes.is_empty() {
        document["attributes"] = attributes(block);
    }
    if !block.blocks.is_empty() {
        let blocks = block.blocks.iter().map(|(name, one)| (name.to_string(), nested(one)));
        document["block_types"] = Json::Object(blocks.collect());
    }
    document
}

fn attributes(block: &Block) -> Json {
    block
        .attributes
        .iter()
        .map(|(name, one)| (name.to_string(), attribute(one)))
        .collect::<Map<_, _>>()
        .into()
}

/// What a block or an attribute says of itself.
fn described(doc: &str, is_markdown: bool, deprecated: Option<&str>) -> Json {
    let mut document = json!({ "description_kind": if is_markdown { "markdown" } else { "plain" } });
    if let Some(instead) = deprecated {
        document["deprecated"] = json!(true);
        put(&mut document, "deprecation_message", instead);
    }
    put(&mut document, "description", doc);
    document
}

fn put(document: &mut Json, name: &str, text: &str) {
    if !text.is_empty() {
        document[name] = json!(text);
    }
}

fn attribute(attribute: &Attribute) -> Json {
    let mut document = described(attribute.doc, attribute.is_markdown, attribute.deprecated);
    match &attribute.nested {
        Some(nested) => {
            document["nested_type"] =
                json!({ "attributes": attributes(&nested.block), "nesting_mode": mode(nested.nesting) });
        }
        None => document["type"] = of_type(&attribute.value_type),
    }
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
    ] {
        if is_set {
            document[name] = json!(true);
        }
    }
    document
}

fn mode(nesting: Nesting) -> &'static str {
    match nesting {
        Nesting::Single => "single",
        Nesting::Group => "group",
        Nesting::List => "list",
        Nesting::Set => "set",
        Nesting::Map => "map",
    }
}

fn nested(nested: &NestedBlock) -> Json {
    let inner = block(&nested.block, nested.block.doc);
    let mut document = json!({ "nesting_mode": mode(nested.nesting), "block": inner });
    for (name, items) in [("min_items", nested.min_items), ("max_items", nested.max_items)] {
        if items > 0 {
            document[name] = json!(items);
        }
    }
    document
}

fn function(function: &FunctionSchema) -> Json {
    let mut document = json!({
        "description": function.description,
        "summary": function.doc,
        "return_type": of_type(&function.returns),
    });
    if !function.parameters.is_empty() {
        document["parameters"] = function.parameters.iter().map(parameter).collect();
    }
    if let Some(rest) = &function.variadic {
        document["variadic_parameter"] = parameter(rest);
    }
    document
}

fn parameter(parameter: &Parameter) -> Json {
    let mut document = json!({
        "name": parameter.name.as_str(),
        "description": parameter.doc,
        "type": of_type(&parameter.value_type),
    });
    if parameter.takes_null {
        document["is_nullable"] = json!(true);
    }
    document
}

fn of_type(value_type: &Type) -> Json {
    serde_json::from_str(&type_to_json(value_type)).unwrap_or(Json::Null)
}
