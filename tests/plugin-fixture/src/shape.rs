//! What the fixture's kinds look like, and walks over their values.

use crate::wire::Message;
use formwork_value::{Kind as Seen, Name, Type, Value, type_to_json};

/// How many of a nested thing there are, numbered as the protocol numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nest {
    /// One or none.
    Single = 1,
    /// In order.
    List = 2,
    /// Without order.
    Set = 3,
    /// By key.
    Map = 4,
    /// One, always there.
    Group = 5,
}

/// What an attribute holds.
#[derive(Debug, Clone)]
pub(crate) enum Holds {
    /// A value of a type.
    Plain(Type),
    /// Objects with attributes of their own: version 6 alone.
    Nested(Nest, Vec<Attribute>),
}

/// An attribute.
#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) holds: Holds,
    /// Letters: required, optional, computed, sensitive, write-only, `x` for replaced on change.
    flags: &'static str,
}

impl Attribute {
    /// Whether a letter is among its flags.
    pub(crate) fn is(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn value_type(&self) -> Type {
        match &self.holds {
            Holds::Plain(plain) => plain.clone(),
            Holds::Nested(nest, attributes) => collected(*nest, object(attributes, &[])),
        }
    }

    fn message(&self, version: i64) -> Message {
        let write_only = if version == 5 { 10 } else { 11 };
        let message = Message::new().text(1, self.name);
        let message = match &self.holds {
            Holds::Plain(plain) => message.text(2, &type_to_json(plain)),
            Holds::Nested(nest, attributes) => {
                let parts = attributes.iter().map(|one| one.message(version));
                message.message(10, &Message::new().messages(1, parts).number(3, *nest as i64))
            }
        };
        message
            .text(3, "Of the fixture.")
            .flag(4, self.is('r'))
            .flag(5, self.is('o'))
            .flag(6, self.is('c'))
            .flag(7, self.is('s'))
            .flag(write_only, self.is('w'))
    }
}

/// A nested block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// Its name.
    pub(crate) name: &'static str,
    /// How many there are.
    pub(crate) nest: Nest,
    /// What is in it.
    pub(crate) body: Body,
}

/// What stands between braces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Body {
    /// Attributes.
    pub(crate) attributes: Vec<Attribute>,
    /// Blocks.
    pub(crate) blocks: Vec<Block>,
}

impl Body {
    /// The type of its values.
    pub(crate) fn value_type(&self) -> Type {
        object(&self.attributes, &self.blocks)
    }

    /// Whether version 5 has words for it.
    pub(crate) fn is_plain(&self) -> bool {
        self.attributes.iter().all(|one| matches!(one.holds, Holds::Plain(_)))
    }

    /// Its part of a schema.
    pub(crate) fn message(&self, version: i64) -> Message {
        let blocks = self.blocks.iter().map(|block| {
            Message::new()
                .text(1, block.name)
                .message(2, &block.body.message(version))
                .number(3, block.nest as i64)
        });
        Message::new().messages(2, self.attributes.iter().map(|one| one.message(version))).messages(3, blocks)
    }

    /// The value with each attribute's value changed, inner ones first.
    pub(crate) fn change(&self, value: &Value, change: &dyn Fn(&Attribute, Value) -> Value) -> Value {
        changed(&self.attributes, &self.blocks, value, change)
    }
}

fn object(attributes: &[Attribute], blocks: &[Block]) -> Type {
    let attributes = attributes.iter().map(|one| (one.name, one.value_type()));
    let blocks = blocks.iter().map(|one| (one.name, collected(one.nest, one.body.value_type())));
    Type::object(attributes.chain(blocks))
}

fn collected(nest: Nest, inner: Type) -> Type {
    match nest {
        Nest::Single | Nest::Group => inner,
        Nest::List => Type::list(inner),
        Nest::Set => Type::set(inner),
        Nest::Map => Type::map(inner),
    }
}

fn changed(
    attributes: &[Attribute],
    blocks: &[Block],
    value: &Value,
    change: &dyn Fn(&Attribute, Value) -> Value,
) -> Value {
    let Some(entries) = value.entries() else { return value.clone() };
    let attributes = attributes.iter().filter_map(|one| {
        let inner = entries.get(one.name)?;
        let inner = match &one.holds {
            Holds::Plain(_) => inner.clone(),
            Holds::Nested(_, parts) => each(inner, &|item| changed(parts, &[], item, change)),
        };
        Some((Name::from(one.name), change(one, inner)))
    });
    let blocks = blocks.iter().filter_map(|one| {
        let inner = each(entries.get(one.name)?, &|item| one.body.change(item, change));
        Some((Name::from(one.name), inner))
    });
    Value::object(attributes.chain(blocks).collect())
}

/// The value with each of its objects changed.
fn each(value: &Value, change: &dyn Fn(&Value) -> Value) -> Value {
    let element = value.value_type().element().cloned();
    match (value.kind(), element) {
        (Seen::List(items), Some(element)) => Value::list(element, items.iter().map(change).collect()),
        (Seen::Set(items), Some(element)) => Value::set(element, items.iter().map(change).collect()),
        (Seen::Map(entries), Some(element)) => {
            let entries = entries.iter().map(|(name, item)| (name.clone(), change(item)));
            Value::map(element, entries.collect())
        }
        (Seen::Object(_), _) => change(value),
        _ => value.clone(),
    }
}

/// A kind of object.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    /// Its type's name.
    pub(crate) name: &'static str,
    /// The version of its schema.
    pub(crate) version: i64,
    /// Its schema.
    pub(crate) body: Body,
}

impl Kind {
    /// Its schema.
    pub(crate) fn message(&self, version: i64) -> Message {
        Message::new().number(1, self.version).message(2, &self.body.message(version))
    }
}

fn plain(name: &'static str, value_type: Type, flags: &'static str) -> Attribute {
    Attribute { name, holds: Holds::Plain(value_type), flags }
}

fn part() -> Vec<Attribute> {
    vec![plain("key", Type::String, "r"), plain("value", Type::String, "o"), plain("made", Type::String, "c")]
}

fn kind(name: &'static str, version: i64, attributes: Vec<Attribute>, blocks: Vec<Block>) -> Kind {
    Kind { name, version, body: Body { attributes, blocks } }
}

/// The provider's own configuration.
pub(crate) fn provider() -> Kind {
    let attributes = vec![plain("region", Type::String, "o"), plain("secret", Type::String, "os")];
    kind("fixture", 0, attributes, Vec::new())
}

/// Managed resources. Each has `id` and `revision`, which counts its changes.
pub(crate) fn resources() -> Vec<Kind> {
    let own = || vec![plain("id", Type::String, "c"), plain("revision", Type::Number, "c")];
    let thing = vec![
        plain("name", Type::String, "rx"),
        plain("size", Type::Number, "o"),
        plain("zone", Type::String, "oc"),
        plain("token", Type::String, "cs"),
        plain("password", Type::String, "osw"),
        plain("tags", Type::map(Type::String), "o"),
        plain("ports", Type::set(Type::Number), "o"),
        plain("words", Type::list(Type::String), "o"),
        plain("anything", Type::Dynamic, "o"),
    ];
    let block = |name, nest| Block { name, nest, body: Body { attributes: part(), blocks: Vec::new() } };
    let inner = Block {
        name: "outer",
        nest: Nest::List,
        body: Body { attributes: part(), blocks: vec![block("inner", Nest::Set)] },
    };
    let blocks = vec![
        block("single", Nest::Single),
        block("listed", Nest::List),
        block("chosen", Nest::Set),
        block("mapped", Nest::Map),
        block("group", Nest::Group),
        inner,
    ];
    let nested = |name, nest, flags| Attribute { name, holds: Holds::Nested(nest, part()), flags };
    let attributes = vec![
        nested("single", Nest::Single, "o"),
        nested("listed", Nest::List, "o"),
        nested("chosen", Nest::Set, "o"),
        nested("mapped", Nest::Map, "oc"),
    ];
    vec![
        kind("fixture_thing", 2, [own(), thing].concat(), Vec::new()),
        kind("fixture_old", 0, [own(), vec![plain("label", Type::String, "r")]].concat(), Vec::new()),
        kind("fixture_blocks", 0, [own(), vec![plain("name", Type::String, "r")]].concat(), blocks),
        kind("fixture_attributes", 0, [own(), attributes].concat(), Vec::new()),
    ]
}

/// Data sources: what stands under a name, and the names of the variables that the process was given.
pub(crate) fn data_sources() -> Vec<Kind> {
    let thing = vec![
        plain("name", Type::String, "r"),
        plain("id", Type::String, "c"),
        plain("size", Type::Number, "c"),
    ];
    let environment = vec![plain("names", Type::list(Type::String), "c")];
    vec![kind("fixture_thing", 0, thing, Vec::new()), kind("fixture_environment", 0, environment, Vec::new())]
}

/// Ephemeral resources: a ticket that has to be renewed.
pub(crate) fn ephemeral() -> Vec<Kind> {
    let ticket = vec![
        plain("subject", Type::String, "r"),
        plain("lifetime_seconds", Type::Number, "o"),
        plain("secret", Type::String, "cs"),
    ];
    vec![kind("fixture_ticket", 0, ticket, Vec::new())]
}
