//! A provider's schemas, as this house has them.
//!
//! Invariant: however a schema is made, reading it ends: its bytes are limited where they arrive, its depth here.

use crate::handshake::Protocol;
use crate::messages::{self, Attribute5, Attribute6, IdentitySchemas, Object, Schema, Schemas};
use crate::values::count;
use arcstr::ArcStr;
use formwork_sdk::{
    Attribute, Block, Change, FunctionSchema, IdentityAttribute, IdentitySchema, KindSchema, NestedBlock,
    Nesting, Parameter, Presence, ProviderSchema, Recovery, Upgrades,
};
use formwork_value::{Type, type_from_json};
use indexmap::IndexMap;
use prost::Message as _;
use std::collections::BTreeMap;

/// Blocks and nested attributes in one another. The deepest schema known to us has 12.
const DEEPEST: usize = 40;
/// The form of a text in the protocol: Markdown, where nothing else is said plain text.
const MARKDOWN: i32 = 1;
/// A hosted provider bounds its own time.
const TIME_LIMIT_MS: u64 = 24 * 60 * 60 * 1000;

/// All that a provider offers. The error is the end of a sentence about it.
pub(crate) fn translate(
    schemas: &Schemas,
    identities: &IdentitySchemas,
    protocol: Protocol,
) -> Result<ProviderSchema, String> {
    let reader = Reader { protocol };
    let configuration = match schemas.provider.as_ref().and_then(|schema| schema.block.as_ref()) {
        Some(block) => reader.block(block, 0).map_err(|error| format!("its configuration: {error}"))?,
        None => Block::default(),
    };
    let functions = schemas.functions.iter().map(|(name, function)| {
        let read = function_schema(function).map_err(|error| format!("function {name}: {error}"))?;
        Ok((ArcStr::from(name.as_str()), read))
    });
    let mut resources = reader.kinds(&schemas.resources)?;
    for (name, schema) in &identities.schemas {
        let Some(kind) = resources.get_mut(name.as_str()) else { continue };
        let identity = identity(schema).map_err(|error| format!("{name}: its identity: {error}"))?;
        kind.identity = Some(identity);
    }
    Ok(ProviderSchema {
        configuration,
        resources,
        data_sources: reader.kinds(&schemas.data_sources)?,
        ephemeral_resources: reader.kinds(&schemas.ephemeral)?,
        functions: functions.collect::<Result<_, String>>()?,
    })
}

struct Reader {
    protocol: Protocol,
}

impl Reader {
    fn kinds(&self, schemas: &BTreeMap<String, Schema>) -> Result<IndexMap<ArcStr, KindSchema>, String> {
        let kinds = schemas.iter().map(|(name, schema)| {
            let block = match &schema.block {
                Some(block) => self.block(block, 0).map_err(|error| format!("{name}: {error}"))?,
                None => Block::default(),
            };
            let doc = block.doc;
            let mut kind = KindSchema::new(block, doc);
            kind.version = u64::try_from(schema.version)
                .map_err(|_| format!("{name}: version {} is negative", schema.version))?;
            kind.recovery = Recovery::Import;
            kind.upgrades = Upgrades::All;
            kind.import_id = "the id that the provider's documentation names";
            kind.time_limit_ms = TIME_LIMIT_MS;
            Ok((ArcStr::from(name.as_str()), kind))
        });
        kinds.collect()
    }

    fn block(&self, block: &messages::Block, depth: usize) -> Result<Block, String> {
        check_depth(depth)?;
        let attributes = self.attributes(&block.attributes, depth)?;
        let blocks = block.nested.iter().map(|nested| {
            let name = nested.type_name.as_str();
            let inner = nested.block.as_ref().map(|block| self.block(block, depth + 1)).transpose();
            let inner = inner.map_err(|error| format!("{name}: {error}"))?.unwrap_or_default();
            let nested = NestedBlock {
                nesting: nesting(nested.nesting).ok_or_else(|| format!("{name}: unknown nesting"))?,
                block: inner,
                min_items: count(nested.min_items),
                max_items: count(nested.max_items),
            };
            Ok((ArcStr::from(name), nested))
        });
        Ok(Block {
            attributes,
            blocks: blocks.collect::<Result<_, String>>()?,
            doc: kept(&block.description),
            is_markdown: block.description_kind == MARKDOWN,
            deprecated: deprecated(block.deprecated, &block.deprecation_message),
        })
    }

    fn attributes(&self, all: &[Vec<u8>], depth: usize) -> Result<IndexMap<ArcStr, Attribute>, String> {
        all.iter()
            .map(|bytes| {
                let sent = self.decode(bytes).map_err(|error| error.to_string())?;
                let read = self.attribute(&sent, depth).map_err(|error| format!("{}: {error}", sent.name))?;
                Ok((ArcStr::from(sent.name.as_str()), read))
            })
            .collect()
    }

    fn decode(&self, bytes: &[u8]) -> Result<Attribute6, prost::DecodeError> {
        if self.protocol == Protocol::Six {
            return Attribute6::decode(bytes);
        }
        let five = Attribute5::decode(bytes)?;
        Ok(Attribute6 {
            name: five.name,
            value_type: five.value_type,
            description: five.description,
            required: five.required,
            optional: five.optional,
            computed: five.computed,
            sensitive: five.sensitive,
            description_kind: five.description_kind,
            deprecated: five.deprecated,
            nested_type: None,
            write_only: five.write_only,
            deprecation_message: five.deprecation_message,
        })
    }

    fn attribute(&self, sent: &Attribute6, depth: usize) -> Result<Attribute, String> {
        let nested = sent.nested_type.as_ref().map(|object| self.object(object, depth + 1)).transpose()?;
        let value_type = match &nested {
            Some(nested) => nested_type(nested),
            None => read_type(&sent.value_type)?,
        };
        let presence = match (sent.required, sent.optional, sent.computed) {
            (true, _, _) => Presence::Required,
            (_, true, true) => Presence::OptionalComputed,
            (_, _, true) => Presence::Computed,
            _ => Presence::Optional,
        };
        let mut attribute = Attribute::optional(value_type, kept(&sent.description));
        attribute.presence = presence;
        attribute.change = Change::Update;
        attribute.sensitive = sent.sensitive;
        attribute.write_only = sent.write_only;
        attribute.deprecated = deprecated(sent.deprecated, &sent.deprecation_message);
        attribute.is_markdown = sent.description_kind == MARKDOWN;
        attribute.nested = nested.map(Box::new);
        Ok(attribute)
    }

    fn object(&self, object: &Object, depth: usize) -> Result<NestedBlock, String> {
        check_depth(depth)?;
        let nesting = nesting(object.nesting).filter(|nesting| *nesting != Nesting::Group);
        Ok(NestedBlock {
            nesting: nesting.ok_or("unknown nesting")?,
            block: Block { attributes: self.attributes(&object.attributes, depth)?, ..Block::default() },
            min_items: 0,
            max_items: 0,
        })
    }
}

/// The type of an attribute whose objects have attributes of their own: what need not be given may be left out.
fn nested_type(nested: &NestedBlock) -> Type {
    let attributes = &nested.block.attributes;
    let types = attributes.iter().map(|(name, one)| (name.clone(), one.value_type.clone()));
    let optional = attributes.iter().filter(|(_, one)| one.presence != Presence::Required);
    let object = Type::object_with_optional(types, optional.map(|(name, _)| name.clone()));
    match nested.nesting {
        Nesting::Single | Nesting::Group => object,
        Nesting::List => Type::list(object),
        Nesting::Set => Type::set(object),
        Nesting::Map => Type::map(object),
    }
}

fn check_depth(depth: usize) -> Result<(), String> {
    if depth < DEEPEST { Ok(()) } else { Err(format!("more than {DEEPEST} blocks stand in one another")) }
}

fn nesting(number: i32) -> Option<Nesting> {
    Some(match number {
        1 => Nesting::Single,
        2 => Nesting::List,
        3 => Nesting::Set,
        4 => Nesting::Map,
        5 => Nesting::Group,
        _ => return None,
    })
}

fn read_type(bytes: &[u8]) -> Result<Type, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    type_from_json(text).map_err(|error| format!("its type cannot be read: {error}"))
}

fn identity(schema: &messages::IdentitySchema) -> Result<IdentitySchema, String> {
    let attributes = schema.attributes.iter().map(|one| {
        let value_type = read_type(&one.value_type).map_err(|error| format!("{}: {error}", one.name))?;
        let read = IdentityAttribute {
            value_type,
            is_required: one.required_for_import,
            source: &[],
            doc: kept(&one.description),
        };
        Ok((ArcStr::from(one.name.as_str()), read))
    });
    Ok(IdentitySchema {
        version: u64::try_from(schema.version)
            .map_err(|_| format!("version {} is negative", schema.version))?,
        attributes: attributes.collect::<Result<_, String>>()?,
        is_told: true,
    })
}

fn function_schema(function: &messages::Function) -> Result<FunctionSchema, String> {
    let parameter = |one: &messages::Parameter| {
        Ok::<_, String>(Parameter {
            name: one.name.as_str().into(),
            value_type: read_type(&one.value_type)?,
            takes_null: one.allow_null_value,
            doc: kept(&one.description),
        })
    };
    Ok(FunctionSchema {
        parameters: function.parameters.iter().map(parameter).collect::<Result<_, String>>()?,
        variadic: function.variadic_parameter.as_ref().map(parameter).transpose()?,
        returns: function
            .returns
            .as_ref()
            .map_or(Ok(Type::Dynamic), |returns| read_type(&returns.value_type))?,
        doc: kept(&function.summary),
        description: kept(&function.description),
    })
}

fn deprecated(is_deprecated: bool, message: &str) -> Option<&'static str> {
    is_deprecated.then(|| kept(message))
}

/// A text for as long as the program runs, which a provider's schema does too.
fn kept(text: &str) -> &'static str {
    if text.is_empty() { "" } else { Box::leak(text.to_owned().into_boxed_str()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use formwork_value::type_to_json;

    fn attribute(name: &str, value_type: &str) -> Attribute6 {
        Attribute6 {
            name: name.to_owned(),
            value_type: value_type.as_bytes().to_vec(),
            optional: true,
            ..Attribute6::default()
        }
    }

    fn of(block: messages::Block) -> Schemas {
        Schemas { provider: Some(Schema { version: 0, block: Some(block) }), ..Schemas::default() }
    }

    #[test]
    fn one_field_means_two_things() {
        let five = Attribute5 {
            name: "a".to_owned(),
            value_type: b"\"string\"".to_vec(),
            write_only: true,
            deprecated: true,
            deprecation_message: "no".to_owned(),
            ..Attribute5::default()
        };
        let six = Attribute6 {
            write_only: true,
            deprecated: true,
            deprecation_message: "no".to_owned(),
            ..attribute("a", "\"string\"")
        };
        for (bytes, protocol) in
            [(five.encode_to_vec(), Protocol::Five), (six.encode_to_vec(), Protocol::Six)]
        {
            let block = messages::Block { attributes: vec![bytes], ..Default::default() };
            let read = translate(&of(block), &IdentitySchemas::default(), protocol).expect("a schema");
            let read = &read.configuration.attributes["a"];
            assert!(read.write_only && read.deprecated == Some("no"), "{protocol:?}");
        }
    }

    #[test]
    fn nested_attributes_make_the_type() {
        let inner = vec![
            attribute("n", "\"number\"").encode_to_vec(),
            Attribute6 { required: true, ..attribute("r", "\"string\"") }.encode_to_vec(),
        ];
        let outer =
            Attribute6 { nested_type: Some(Object { attributes: inner, nesting: 2 }), ..attribute("o", "") };
        let block = messages::Block { attributes: vec![outer.encode_to_vec()], ..Default::default() };
        let read = translate(&of(block), &IdentitySchemas::default(), Protocol::Six).expect("a schema");
        let read = &read.configuration.attributes["o"];
        assert_eq!(
            type_to_json(&read.value_type),
            r#"["list",["object",{"n":"number","r":"string"},["n"]]]"#
        );
        assert!(read.nested.is_some());
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        let mut deep = messages::Block::default();
        for _ in 0..60 {
            let nested = messages::NestedBlock {
                type_name: "b".to_owned(),
                block: Some(deep),
                nesting: 2,
                ..Default::default()
            };
            deep = messages::Block { nested: vec![nested], ..Default::default() };
        }
        let of_type = |text: &str| messages::Block {
            attributes: vec![attribute("a", text).encode_to_vec()],
            ..Default::default()
        };
        for (block, words) in [
            (deep, "stand in one another"),
            (of_type("[\"list\"]"), "a: its type cannot be read"),
            (of_type(&"[\"list\",".repeat(100_000)), "a: its type cannot be read"),
            (messages::Block { attributes: vec![vec![0xff; 9]], ..Default::default() }, "its configuration"),
        ] {
            let error = translate(&of(block), &IdentitySchemas::default(), Protocol::Six).expect_err(words);
            assert!(error.contains(words), "{error}");
        }
    }
}
