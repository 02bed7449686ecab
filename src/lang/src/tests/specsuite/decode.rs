//! Decoding by a specification: what the suite's `.hcldec` files say, and the value that a body has by them.

use crate::compile::compile_closed;
use crate::constraint::parse_constraint;
use crate::evaluate::Nowhere;
use crate::expression::Expression;
use crate::json;
use crate::syntax::{BlockSyntax, BodySyntax, Expr};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_value::{Type, Value, convert};

/// One way to make a value of a body.
pub(super) enum Spec {
    Object(Vec<(ArcStr, Spec)>),
    Array(Vec<Spec>),
    Literal(Value),
    Attribute { name: ArcStr, value_type: Type, is_required: bool },
    Block { kind: ArcStr, is_required: bool, nested: Box<Spec> },
    Blocks { kind: ArcStr, shape: Shape, least: usize, most: usize, nested: Box<Spec> },
    BlockAttributes { kind: ArcStr, element: Type, is_required: bool },
    Default(Vec<Spec>),
    Transform { result: Expression, nested: Box<Spec> },
}

/// What several blocks become.
pub(super) enum Shape {
    List,
    Set,
    /// Nested maps, one a label.
    Map(usize),
}

/// A whole specification file.
pub(super) struct Specification {
    /// Names that input expressions may use.
    pub(super) variables: Vec<(ArcStr, Value)>,
    pub(super) root: Spec,
}

const KINDS: [&str; 11] = [
    "object",
    "array",
    "literal",
    "attr",
    "block",
    "block_list",
    "block_map",
    "block_set",
    "block_attrs",
    "default",
    "transform",
];

/// Reads a specification; the error names what is wrong with it.
pub(super) fn read(body: &BodySyntax) -> Result<Specification, String> {
    let variables = body.blocks.iter().filter(|block| block.kind == "variables");
    let variables = variables.flat_map(|block| &block.body.attributes);
    let variables = variables.map(|one| Ok((one.name.clone(), constant(&one.value)?)));
    Ok(Specification { variables: variables.collect::<Result<_, String>>()?, root: only(body)? })
}

fn only(body: &BodySyntax) -> Result<Spec, String> {
    match all(body)?.as_mut_slice() {
        [(_, one)] => Ok(std::mem::replace(one, Spec::Literal(Value::null(Type::Dynamic)))),
        several => Err(format!("{} specifications where there must be one", several.len())),
    }
}

fn all(body: &BodySyntax) -> Result<Vec<(ArcStr, Spec)>, String> {
    let blocks = body.blocks.iter().filter(|block| KINDS.contains(&block.kind.as_str()));
    blocks.map(|block| Ok((label(block), spec(block)?))).collect()
}

fn label(block: &BlockSyntax) -> ArcStr {
    block.labels.first().map(|(label, _)| label.clone()).unwrap_or_default()
}

fn constant(expression: &Expr) -> Result<Value, String> {
    let (value, found) = compile_closed(expression, &[]).evaluate(&Nowhere);
    if found.has_errors() { Err(format!("{found:?}")) } else { Ok(value) }
}

fn spec(block: &BlockSyntax) -> Result<Spec, String> {
    let body = &block.body;
    let value = |name: &str| body.attribute(name).map(|one| constant(&one.value)).transpose();
    let named = |name: &str| -> Result<ArcStr, String> {
        let given = value(name)?.and_then(|value| value.as_str().cloned());
        Ok(given.unwrap_or_else(|| label(block)))
    };
    let value_type = |name: &str| {
        let given = body.attribute(name).map(|one| parse_constraint(&one.value, &mut Diagnostics::new()));
        given.map_or(Type::Dynamic, |given| given.value_type)
    };
    let is_required = value("required")?.and_then(|value| value.as_bool()) == Some(true);
    let count = |name: &str| -> Result<usize, String> {
        let given = value(name)?.and_then(|value| value.as_number()).and_then(|number| number.to_i64());
        Ok(given.and_then(|given| usize::try_from(given).ok()).unwrap_or(0))
    };
    let blocks = |shape: Shape| -> Result<Spec, String> {
        let (least, most) = (count("min_items")?, count("max_items")?);
        Ok(Spec::Blocks { kind: named("block_type")?, shape, least, most, nested: Box::new(only(body)?) })
    };
    Ok(match block.kind.as_str() {
        "object" => Spec::Object(all(body)?),
        "array" => Spec::Array(all(body)?.into_iter().map(|(_, spec)| spec).collect()),
        "literal" => Spec::Literal(value("value")?.ok_or("a literal without a value")?),
        "attr" => Spec::Attribute { name: named("name")?, value_type: value_type("type"), is_required },
        "block" => Spec::Block { kind: named("block_type")?, is_required, nested: Box::new(only(body)?) },
        "block_list" => blocks(Shape::List)?,
        "block_set" => blocks(Shape::Set)?,
        "block_map" => {
            let labels = value("labels")?.and_then(|labels| labels.items().map(<[Value]>::len)).unwrap_or(1);
            blocks(Shape::Map(labels))?
        }
        "block_attrs" => Spec::BlockAttributes {
            kind: named("block_type")?,
            element: value_type("element_type"),
            is_required,
        },
        "default" => Spec::Default(all(body)?.into_iter().map(|(_, spec)| spec).collect()),
        "transform" => {
            let result = body.attribute("result").ok_or("a transform without a result")?;
            Spec::Transform {
                result: compile_closed(&result.value, &["nested".into()]),
                nested: Box::new(only(body)?),
            }
        }
        kind => return Err(format!("no specification is called {kind}")),
    })
}

impl Spec {
    /// The type of the value where the body holds nothing.
    fn implied_type(&self) -> Type {
        match self {
            Self::Object(parts) => {
                Type::object(parts.iter().map(|(name, part)| (name.clone(), part.implied_type())))
            }
            Self::Array(parts) => Type::tuple(parts.iter().map(Self::implied_type).collect()),
            Self::Literal(value) => value.value_type(),
            Self::Attribute { value_type, .. } => value_type.without_optional(),
            Self::Block { nested, .. } => nested.implied_type(),
            Self::Blocks { shape, nested, .. } => match shape {
                Shape::List => Type::list(nested.implied_type()),
                Shape::Set => Type::set(nested.implied_type()),
                Shape::Map(labels) => (0..*labels).fold(nested.implied_type(), |inner, _| Type::map(inner)),
            },
            Self::BlockAttributes { element, .. } => Type::map(element.clone()),
            Self::Default(candidates) => candidates.first().map_or(Type::Dynamic, Self::implied_type),
            Self::Transform { .. } => Type::Dynamic,
        }
    }

    /// Names of attributes, and of blocks with their number of labels, that a body may hold.
    fn names<'s>(&'s self, attributes: &mut Vec<&'s str>, blocks: &mut Vec<(&'s str, usize)>) {
        match self {
            Self::Object(parts) => parts.iter().for_each(|(_, part)| part.names(attributes, blocks)),
            Self::Array(parts) | Self::Default(parts) => {
                for part in parts {
                    part.names(attributes, blocks);
                }
            }
            Self::Literal(_) => {}
            Self::Attribute { name, .. } => attributes.push(name),
            Self::Block { kind, .. } | Self::BlockAttributes { kind, .. } => blocks.push((kind, 0)),
            Self::Blocks { kind, shape, .. } => {
                blocks.push((kind, if let Shape::Map(labels) = shape { *labels } else { 0 }));
            }
            Self::Transform { nested, .. } => nested.names(attributes, blocks),
        }
    }
}

/// Makes values of bodies.
pub(super) struct Decoder<'a> {
    pub(super) variables: &'a [(ArcStr, Value)],
    pub(super) diagnostics: Diagnostics,
}

impl Decoder<'_> {
    fn report(&mut self, summary: &str, span: Span) {
        self.diagnostics.push(Diagnostic::error("specification", summary, "").at(span));
    }

    /// The value of a whole body; what the specification does not name is an error.
    pub(super) fn body(&mut self, body: &BodySyntax, spec: &Spec) -> Value {
        let (mut attributes, mut blocks) = (Vec::new(), Vec::new());
        spec.names(&mut attributes, &mut blocks);
        let body = &self.with_blocks(body, &blocks);
        for attribute in &body.attributes {
            if !attributes.contains(&attribute.name.as_str()) {
                self.report("Unsupported argument", attribute.name_span);
            }
        }
        for block in &body.blocks {
            match blocks.iter().find(|(kind, _)| *kind == block.kind) {
                None => self.report("Unsupported block type", block.kind_span),
                Some((_, labels)) if *labels != block.labels.len() => {
                    self.report("Wrong number of labels", block.header);
                }
                Some(_) => {}
            }
        }
        self.value(body, spec)
    }

    /// In JSON, the specification alone says which properties are blocks.
    fn with_blocks(&mut self, body: &BodySyntax, blocks: &[(&str, usize)]) -> BodySyntax {
        let mut body = body.clone();
        for attribute in std::mem::take(&mut body.attributes) {
            let kind = blocks.iter().find(|(kind, _)| *kind == attribute.name);
            match (kind, &attribute.json) {
                (Some((_, labels)), Some(json)) => {
                    let (name, span) = (&attribute.name, attribute.name_span);
                    body.blocks.extend(json::blocks_of(name, span, json, *labels, &mut self.diagnostics));
                }
                _ => body.attributes.push(attribute),
            }
        }
        body
    }

    fn value(&mut self, body: &BodySyntax, spec: &Spec) -> Value {
        match spec {
            Spec::Object(parts) => Value::object(
                parts.iter().map(|(name, part)| (name.clone(), self.value(body, part))).collect(),
            ),
            Spec::Array(parts) => Value::tuple(parts.iter().map(|part| self.value(body, part)).collect()),
            Spec::Literal(value) => value.clone(),
            Spec::Attribute { name, value_type, is_required } => {
                let Some(attribute) = body.attribute(name) else {
                    return self.missing(body, *is_required, value_type.without_optional());
                };
                self.converted(&attribute.value, value_type)
            }
            Spec::Block { kind, is_required, nested } => {
                let mut blocks = body.blocks.iter().filter(|block| block.kind == *kind);
                let Some(block) = blocks.next() else {
                    return self.missing(body, *is_required, nested.implied_type());
                };
                if let Some(second) = blocks.next() {
                    self.report("Duplicate block", second.header);
                }
                self.body(&block.body, nested)
            }
            Spec::Blocks { kind, shape, least, most, nested } => {
                let blocks: Vec<&BlockSyntax> =
                    body.blocks.iter().filter(|block| block.kind == *kind).collect();
                if blocks.len() < *least {
                    self.report("Too few blocks", body.span);
                }
                if *most > 0 && blocks.len() > *most {
                    self.report("Too many blocks", blocks[*most].header);
                }
                self.blocks(&blocks, shape, nested)
            }
            Spec::BlockAttributes { kind, element, is_required } => {
                let Some(block) = body.blocks.iter().find(|block| block.kind == *kind) else {
                    return self.missing(body, *is_required, Type::map(element.clone()));
                };
                let attributes = block.body.attributes.iter();
                let entries = attributes.map(|one| (one.name.clone(), self.converted(&one.value, element)));
                Value::map(element.clone(), entries.collect())
            }
            Spec::Default(candidates) => {
                let values = candidates.iter().map(|candidate| self.value(body, candidate));
                let mut last = Value::null(Type::Dynamic);
                for value in values {
                    last = value;
                    if !last.is_null() {
                        break;
                    }
                }
                last
            }
            Spec::Transform { result, nested } => {
                let (value, found) = result.evaluate_with(&Nowhere, vec![self.value(body, nested)]);
                self.diagnostics.append(found);
                value
            }
        }
    }

    fn missing(&mut self, body: &BodySyntax, is_required: bool, value_type: Type) -> Value {
        if is_required {
            self.report("Missing required item", body.span);
        }
        Value::null(value_type)
    }

    fn converted(&mut self, expression: &Expr, value_type: &Type) -> Value {
        let names: Vec<ArcStr> = self.variables.iter().map(|(name, _)| name.clone()).collect();
        let values = self.variables.iter().map(|(_, value)| value.clone()).collect();
        let (value, found) = compile_closed(expression, &names).evaluate_with(&Nowhere, values);
        self.diagnostics.append(found);
        convert(&value, value_type).unwrap_or_else(|_| {
            self.report("Incorrect attribute value type", expression.span);
            Value::unknown(value_type.without_optional())
        })
    }

    fn blocks(&mut self, blocks: &[&BlockSyntax], shape: &Shape, nested: &Spec) -> Value {
        let element = nested.implied_type();
        if let Shape::Map(labels @ 1..) = shape {
            return self.map(blocks, 0, *labels, nested);
        }
        let values: Vec<Value> = blocks.iter().map(|block| self.body(&block.body, nested)).collect();
        if matches!(shape, Shape::Set) { Value::set(element, values) } else { Value::list(element, values) }
    }

    /// Blocks by one label, and below each by the next.
    fn map(&mut self, blocks: &[&BlockSyntax], at: usize, labels: usize, nested: &Spec) -> Value {
        let element = (at + 1..labels).fold(nested.implied_type(), |inner, _| Type::map(inner));
        let mut groups: Vec<(ArcStr, Vec<&BlockSyntax>)> = Vec::new();
        for block in blocks {
            let Some((label, _)) = block.labels.get(at) else { continue };
            match groups.iter_mut().find(|(name, _)| name == label) {
                Some((_, group)) => group.push(block),
                None => groups.push((label.clone(), vec![block])),
            }
        }
        let mut entries = Vec::new();
        for (label, group) in groups {
            let value = if at + 1 < labels {
                self.map(&group, at + 1, labels, nested)
            } else {
                if let Some(second) = group.get(1) {
                    self.report("Duplicate block", second.header);
                }
                self.body(&group[0].body, nested)
            };
            entries.push((label, value));
        }
        Value::map(element, entries)
    }
}
