//! A provider's schema as the engine uses it: the language's form for decoding, the implied type, and where
//! sensitive attributes stand.

use arcstr::ArcStr;
use formwork_lang as lang;
use formwork_sdk::{Block, KindSchema, Nesting, Presence};
use formwork_value::{Mark, MarkKind, Marks, Path, PathStep, Type, Value};
use std::sync::Arc;

/// One resource kind, data source or provider configuration, ready for use.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its name.
    pub name: ArcStr,
    /// As the provider says it.
    pub schema: Arc<KindSchema>,
    /// As the language decodes it.
    pub decode: Arc<lang::BlockSchema>,
    /// The object type of its values.
    pub value_type: Type,
    /// Whether any attribute is sensitive.
    pub has_sensitive: bool,
    /// Whether any attribute is sent but never stored.
    pub has_write_only: bool,
    /// Attributes that repeat an argument, and which.
    echoes: Vec<(ArcStr, &'static str)>,
}

impl Kind {
    /// Prepares a kind.
    pub fn new(name: ArcStr, schema: KindSchema) -> Self {
        let decode = Arc::new(decode_schema(&schema.block));
        let value_type = schema.block.implied_type();
        let has_sensitive = has_sensitive(&schema.block);
        let has_write_only = has_write_only(&schema.block);
        let attributes = schema.block.attributes.iter();
        let echoes =
            attributes.filter_map(|(name, attribute)| Some((name.clone(), attribute.echoes?))).collect();
        Self { name, schema: Arc::new(schema), decode, value_type, has_sensitive, has_write_only, echoes }
    }

    /// The value with a mark on everything that the schema calls sensitive, and on what repeats something sensitive.
    pub fn mark_sensitive(&self, value: &Value) -> Value {
        let value = self.mark_echoes(value);
        if self.has_sensitive { self.mark_attributes(&value) } else { value }
    }

    /// The value with null in place of everything that is never stored.
    pub fn without_write_only(&self, value: &Value) -> Value {
        if !self.has_write_only {
            return value.clone();
        }
        value.transform(&mut |path, part| {
            let is_kept = part.is_null() || !is_write_only(&self.schema.block, path);
            if is_kept { part } else { Value::null(part.value_type()) }
        })
    }

    /// An attribute that is not known yet is marked whole: what is inside has no path.
    fn mark_echoes(&self, value: &Value) -> Value {
        let mut marked = Vec::new();
        for (attribute, argument) in &self.echoes {
            let source = value.get(argument).filter(|source| source.has_mark_deep(MarkKind::Sensitive));
            let (Some(source), Some(echo)) = (source, value.get(attribute)) else { continue };
            let at = Path::root().attribute(attribute.clone());
            if !echo.is_wholly_known() {
                marked.push((at, source.gather_marks()));
                continue;
            }
            for (path, marks) in source.unmark_deep().1 {
                marked.push((at.clone().join(&path), marks));
            }
        }
        if marked.is_empty() { value.clone() } else { value.mark_paths(&marked) }
    }

    fn mark_attributes(&self, value: &Value) -> Value {
        let mut paths = Vec::new();
        sensitive_paths(&self.schema.block, value, &Path::root(), &mut paths);
        let marked: Vec<(Path, Marks)> = paths
            .into_iter()
            .map(|path| {
                let origin = format!("{}{path}", self.name);
                (path, Marks::one(Mark::new(MarkKind::Sensitive, origin)))
            })
            .collect();
        value.mark_paths(&marked)
    }
}

fn has_sensitive(block: &Block) -> bool {
    block.attributes.values().any(|attribute| attribute.sensitive)
        || block.blocks.values().any(|nested| has_sensitive(&nested.block))
}

fn sensitive_paths(block: &Block, value: &Value, at: &Path, found: &mut Vec<Path>) {
    let (value, _) = value.unmark();
    for (name, attribute) in &block.attributes {
        if attribute.sensitive && value.get(name).is_some() {
            found.push(at.clone().attribute(name.clone()));
        }
    }
    for (name, nested) in &block.blocks {
        if !has_sensitive(&nested.block) {
            continue;
        }
        let below = at.clone().attribute(name.clone());
        let Some(inner) = value.get(name) else { continue };
        match nested.nesting {
            Nesting::Single | Nesting::Group => sensitive_paths(&nested.block, inner, &below, found),
            Nesting::List => {
                for (index, item) in (0u64..).zip(inner.items().unwrap_or(&[])) {
                    sensitive_paths(&nested.block, item, &below.clone().index(index), found);
                }
            }
            Nesting::Map => {
                for (key, item) in inner.entries().into_iter().flat_map(formwork_value::Entries::iter) {
                    sensitive_paths(&nested.block, item, &below.clone().key(key.clone()), found);
                }
            }
            // A path cannot name a set's element: the whole set is sensitive.
            Nesting::Set => found.push(below),
        }
    }
}

/// The language's form of a block.
pub fn decode_schema(block: &Block) -> lang::BlockSchema {
    let attributes = block.attributes.iter().map(|(name, attribute)| lang::AttributeSchema {
        name: name.clone(),
        value_type: attribute.value_type.clone(),
        required: attribute.presence == Presence::Required,
        optional: matches!(attribute.presence, Presence::Optional | Presence::OptionalComputed),
        computed: attribute.is_computed(),
        deprecated: attribute.deprecated.map(ToOwned::to_owned),
    });
    let blocks = block.blocks.iter().map(|(name, nested)| lang::NestedSchema {
        name: name.clone(),
        nesting: match nested.nesting {
            Nesting::Single => lang::Nesting::Single,
            Nesting::Group => lang::Nesting::Group,
            Nesting::List => lang::Nesting::List,
            Nesting::Set => lang::Nesting::Set,
            Nesting::Map => lang::Nesting::Map,
        },
        block: decode_schema(&nested.block),
        min_items: nested.min_items,
        max_items: nested.max_items,
    });
    lang::BlockSchema { attributes: attributes.collect(), blocks: blocks.collect() }
}

/// Whether a path leads to, or into, an attribute of the block, or of a block in it, that is write-only.
pub fn is_write_only(block: &Block, path: &Path) -> bool {
    let mut block = block;
    for step in path.steps() {
        let (PathStep::Attribute(name) | PathStep::Key(name)) = step else { continue };
        if let Some(attribute) = block.attributes.get(name) {
            return attribute.write_only;
        }
        // What is no block's name is a key of a map of blocks.
        if let Some(nested) = block.blocks.get(name) {
            block = &nested.block;
        }
    }
    false
}

fn has_write_only(block: &Block) -> bool {
    block.attributes.values().any(|attribute| attribute.write_only)
        || block.blocks.values().any(|nested| has_write_only(&nested.block))
}
