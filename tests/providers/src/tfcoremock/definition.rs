//! What a kind holds: the two that are always there, and those of `dynamic_resources.json`.

use formwork_sdk::{Attribute, Block, NestedBlock, Nesting};
use formwork_value::{Name, Path, Type, Value};
use serde_json::{Map, Value as Json, json};

/// How deep the complex kind goes.
const DEPTH: usize = 3;

/// A kind as its JSON says it: `attributes` and `blocks` by name.
#[derive(Debug, Clone)]
pub(crate) struct Definition(Json);

/// The kinds of a file, by name.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<(String, Definition)>, serde_json::Error> {
    let kinds: Map<String, Json> = serde_json::from_slice(bytes)?;
    Ok(kinds.into_iter().map(|(name, json)| (name, Definition(json))).collect())
}

impl Definition {
    /// Strings, numbers and a boolean.
    pub(crate) fn simple() -> Self {
        Self(json!({"attributes": simple_attributes()}))
    }

    /// The same in every collection and block, a few levels deep.
    pub(crate) fn complex() -> Self {
        Self(complex(DEPTH))
    }

    /// The schema, with an id that is chosen where none is given.
    pub(crate) fn block(&self) -> Block {
        let mut block = block(&self.0);
        block.attributes.entry("id".into()).or_insert_with(|| {
            Attribute::optional_computed(Type::String, "The name of its file.").replaces()
        });
        block
    }

    /// Adds the places below an attribute whose change replaces the object.
    pub(crate) fn replacements(&self, before: &Value, after: &Value, found: &mut Vec<Path>) {
        for (name, json) in attributes(&self.0["attributes"]) {
            let at = Path::root().attribute(name.as_str());
            below(json, before.get(name), after.get(name), &at, found);
        }
    }
}

fn attributes(json: &Json) -> impl Iterator<Item = (&String, &Json)> {
    json.as_object().into_iter().flatten()
}

fn is(json: &Json, flag: &str) -> bool {
    json[flag] == Json::Bool(true)
}

fn simple_attributes() -> Json {
    let optional = |of: &str| json!({"type": of, "optional": true});
    json!({
        "bool": optional("boolean"),
        "float": optional("float"),
        "integer": optional("integer"),
        "number": optional("number"),
        "string": optional("string"),
    })
}

fn complex(depth: usize) -> Json {
    let mut attributes = simple_attributes();
    if depth == 0 {
        return json!({"attributes": attributes});
    }
    let inner = complex(depth - 1);
    let element = json!({"type": "object", "object": inner["attributes"]});
    for of in ["list", "set", "map"] {
        attributes[of] = json!({"type": of, "optional": true, of: element});
    }
    attributes["object"] = json!({"type": "object", "optional": true, "object": inner["attributes"]});
    let nested =
        |mode: &str| json!({"mode": mode, "attributes": inner["attributes"], "blocks": inner["blocks"]});
    json!({"attributes": attributes, "blocks": {"list_block": nested("list"), "set_block": nested("set")}})
}

fn block(json: &Json) -> Block {
    let mut block =
        Block::new(attributes(&json["attributes"]).map(|(name, json)| (name.as_str(), attribute(json))));
    for (name, json) in attributes(&json["blocks"]) {
        let nesting = if json["mode"] == "set" { Nesting::Set } else { Nesting::List };
        let nested = NestedBlock { nesting, block: self::block(json), min_items: 0, max_items: 0 };
        block = block.with_block(name.as_str(), nested);
    }
    block
}

fn attribute(json: &Json) -> Attribute {
    const DOC: &str = "As the definition says.";
    let of = type_of(json);
    let mut attribute = match (is(json, "required"), is(json, "computed"), is(json, "optional")) {
        (true, ..) => Attribute::required(of, DOC),
        (_, true, true) => Attribute::optional_computed(of, DOC),
        (_, true, false) => Attribute::computed(of, DOC),
        _ => Attribute::optional(of, DOC),
    };
    if is(json, "replace") {
        attribute = attribute.replaces();
    }
    if is(json, "sensitive") { attribute.sensitive() } else { attribute }
}

fn type_of(json: &Json) -> Type {
    match json["type"].as_str().unwrap_or_default() {
        "string" => Type::String,
        "boolean" | "bool" => Type::Bool,
        "list" => Type::list(type_of(&json["list"])),
        "set" => Type::set(type_of(&json["set"])),
        "map" => Type::map(type_of(&json["map"])),
        "object" => {
            let of = |(name, json): (&String, &Json)| (Name::from(name.as_str()), type_of(json));
            let optional = attributes(&json["object"]).filter(|(_, json)| !is(json, "required"));
            Type::object_with_optional(
                attributes(&json["object"]).map(of),
                optional.map(|(name, _)| name.as_str()),
            )
        }
        _ => Type::Number,
    }
}

/// Whether anything in it replaces.
fn replaces(json: &Json) -> bool {
    is(json, "replace")
        || ["list", "set", "map"].iter().any(|of| json.get(of).is_some_and(replaces))
        || attributes(&json["object"]).any(|(_, json)| replaces(json))
}

/// What changes below an attribute and replaces. What differs in a set names the set: it has no places.
fn below(json: &Json, before: Option<&Value>, after: Option<&Value>, at: &Path, found: &mut Vec<Path>) {
    let Some(after) = after.filter(|after| Some(*after) != before) else { return };
    match json["type"].as_str().unwrap_or_default() {
        "object" => {
            for (name, json) in attributes(&json["object"]) {
                let at = at.clone().attribute(name.as_str());
                let (before, after) = (before.and_then(|before| before.get(name)), after.get(name));
                if is(json, "replace") && before != after {
                    found.push(at.clone());
                }
                below(json, before, after, &at, found);
            }
        }
        "map" => {
            for (key, after) in after.entries().into_iter().flat_map(formwork_value::Entries::iter) {
                let before = before.and_then(|before| before.get(key));
                below(&json["map"], before, Some(after), &at.clone().key(key.clone()), found);
            }
        }
        "list" => {
            let prior = before.and_then(Value::items).unwrap_or(&[]);
            for ((index, after), place) in (0_u64..).zip(after.items().unwrap_or(&[])).zip(0_usize..) {
                below(&json["list"], prior.get(place), Some(after), &at.clone().index(index), found);
            }
        }
        "set" if json.get("set").is_some_and(replaces) => found.push(at.clone()),
        _ => {}
    }
}
