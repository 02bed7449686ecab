//! A body and a schema make a value: an object of the schema's implied type.
//!
//! Invariant: the value is of the implied type whatever the body holds; each thing that is wrong with the body is one
//! diagnostic with its place.

use crate::body::{Block, Body};
use crate::evaluate::nothing;
use crate::load::{META_ARGUMENTS, META_BLOCKS};
use crate::schema::{AttributeSchema, BlockSchema, NestedSchema, Nesting};
use crate::scope::Scope;
use crate::suggest;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_value::{Kind, Marks, Type, Value, convert};

impl Body {
    /// Its value by a schema: every attribute, null where it is not set, and every kind of block as a collection.
    /// Blocks of a list or map that may hold values of any type become a tuple or object. Where a dynamic block's
    /// `for_each` is unknown, the blocks of its type are unknown together.
    pub fn decode(&self, schema: &BlockSchema, scope: &dyn Scope) -> (Value, Diagnostics) {
        let has_meta = MODES.iter().any(|mode| self.title().starts_with(mode));
        let mut decoder = Decoder { scope, locals: Vec::new(), diagnostics: Diagnostics::new(), has_meta };
        let value = decoder.body(self, schema);
        if !self.title().is_empty() {
            for diagnostic in &mut decoder.diagnostics {
                diagnostic.block.get_or_insert_with(|| self.title().to_owned());
            }
        }
        (value, decoder.diagnostics)
    }
}

/// Blocks in which the language has arguments and blocks of its own, beside those of the schema.
const MODES: [&str; 3] = ["resource ", "data ", "ephemeral "];

const INVALID_FOR_EACH: &str = "Invalid dynamic for_each value";

struct Decoder<'a> {
    scope: &'a dyn Scope,
    /// Values of the iterators of the dynamic blocks around.
    locals: Vec<Value>,
    diagnostics: Diagnostics,
    /// Whether the body at hand may hold arguments and blocks of the language's own.
    has_meta: bool,
}

/// The blocks of one type, decoded.
#[derive(Default)]
struct Decoded {
    items: Vec<(Option<ArcStr>, Value, Span)>,
    /// How many there are is not known yet.
    is_unknown: bool,
    marks: Marks,
}

impl Decoder<'_> {
    fn report(&mut self, code: &str, summary: impl Into<String>, detail: impl Into<String>, span: Span) {
        self.diagnostics.push(Diagnostic::error(code, summary, detail).at(span));
    }

    fn body(&mut self, body: &Body, schema: &BlockSchema) -> Value {
        self.refuse_unknown(body, schema);
        let mut entries = Vec::with_capacity(schema.attributes.len() + schema.blocks.len());
        for attribute in &schema.attributes {
            entries.push((attribute.name.clone(), self.attribute(body, attribute)));
        }
        for nested in &schema.blocks {
            entries.push((nested.name.clone(), self.nested(body, nested)));
        }
        Value::object(entries)
    }

    fn attribute(&mut self, body: &Body, schema: &AttributeSchema) -> Value {
        let Some(attribute) = body.attribute(&schema.name) else {
            if schema.required && !body.is_incomplete() {
                let detail =
                    format!("The argument \"{}\" is required, but no definition was found.", schema.name);
                self.report("missing-argument", "Missing required argument", detail, body.header());
            }
            return Value::null(schema.value_type.without_optional());
        };
        if !schema.required && !schema.optional {
            let detail = format!(
                "Can't configure a value for \"{}\": its value will be decided automatically based on the result of applying this configuration.",
                schema.name
            );
            self.report(
                "unconfigurable-attribute",
                "Value for unconfigurable attribute",
                detail,
                attribute.name_span,
            );
        }
        if let Some(message) = &schema.deprecated {
            let words = match message.as_str() {
                "" => format!(
                    "Nothing says what to use instead of \"{}\"; see the provider's documentation.",
                    schema.name
                ),
                message => message.to_owned(),
            };
            let warning = Diagnostic::warning("deprecated", "Argument is deprecated", words);
            self.diagnostics.push(warning.at(attribute.name_span));
        }
        let (value, findings) = attribute.expression.evaluate_with(self.scope, self.locals.clone());
        let is_faulty = findings.has_errors();
        self.diagnostics.append(findings);
        match convert(&value, &schema.value_type) {
            Ok(value) => value,
            Err(error) => {
                // Of a value in error nothing more is said.
                if !is_faulty {
                    let detail = format!("Inappropriate value for attribute \"{}\": {error}.", schema.name);
                    let span = attribute.expression.span();
                    self.report("wrong-type", "Incorrect attribute value type", detail, span);
                }
                Value::unknown(schema.value_type.without_optional())
            }
        }
    }

    fn refuse_unknown(&mut self, body: &Body, schema: &BlockSchema) {
        let has_meta = std::mem::take(&mut self.has_meta);
        let of_the_language = |names: &'static [&'static str]| if has_meta { names } else { &[] };
        for attribute in body.just_attributes() {
            let name = attribute.name.as_str();
            let is_block = schema.block(name).is_some();
            if schema.attribute(name).is_some() || is_block && attribute.json.is_some() {
                continue;
            }
            let detail = format!("An argument named \"{name}\" is not expected here.");
            let mut diagnostic = Diagnostic::error("unsupported-argument", "Unsupported argument", detail)
                .at(attribute.name_span);
            diagnostic.hint = if is_block {
                Some(format!("Did you mean to define a block of type \"{name}\"?"))
            } else {
                let names = schema.attributes.iter().map(|one| one.name.as_str());
                suggest::hint(name, names.chain(of_the_language(&META_ARGUMENTS).iter().copied()))
            };
            self.diagnostics.push(diagnostic);
        }
        for block in body.blocks() {
            let kind = block.kind.as_str();
            if schema.block(kind).is_some() {
                continue;
            }
            let detail = format!("Blocks of type \"{kind}\" are not expected here.");
            let mut diagnostic =
                Diagnostic::error("unsupported-block", "Unsupported block type", detail).at(block.header);
            diagnostic.hint = if schema.attribute(kind).is_some() {
                Some(format!(
                    "Did you mean to define argument \"{kind}\"? If so, use the equals sign to assign it a value."
                ))
            } else {
                let names = schema.blocks.iter().map(|one| one.name.as_str());
                suggest::hint(
                    kind,
                    names.chain(of_the_language(&META_BLOCKS).iter().copied()).chain(["dynamic"]),
                )
            };
            self.diagnostics.push(diagnostic);
        }
    }

    fn nested(&mut self, body: &Body, schema: &NestedSchema) -> Value {
        let mut decoded = Decoded::default();
        let labels = usize::from(schema.nesting == Nesting::Map);
        let property = body.attribute(&schema.name);
        let (more, found) =
            property.and_then(|property| body.json_blocks(property, labels)).unwrap_or_default();
        self.diagnostics.append(found);
        let written = body.blocks().iter().filter(|block| block.kind == schema.name);
        let mut blocks: Vec<&Block> = written.chain(&*more).collect();
        if !more.is_empty() {
            blocks.sort_by_key(|block| block.header.start.max(block.body.span().start));
        }
        for block in blocks {
            self.block(block, schema, &mut decoded);
        }
        self.check_count(body, schema, &decoded);
        let marks = std::mem::take(&mut decoded.marks);
        if decoded.is_unknown {
            return Value::unknown(schema.implied_type()).with_marks(&marks);
        }
        self.collect(schema, decoded).with_marks(&marks)
    }

    fn block(&mut self, block: &Block, schema: &NestedSchema, decoded: &mut Decoded) {
        let Some(dynamic) = &block.dynamic else {
            let label = self.label(
                block,
                schema,
                block.labels.first().map(|(label, _)| label.clone()),
                block.labels.len(),
            );
            let value = self.body(&block.body, &schema.block);
            decoded.items.push((label, value, block.header));
            return;
        };
        let span = dynamic.for_each.span();
        let (for_each, findings) = dynamic.for_each.evaluate_with(self.scope, self.locals.clone());
        let is_faulty = findings.has_errors();
        self.diagnostics.append(findings);
        let (for_each, marks) = for_each.unmark();
        decoded.marks = decoded.marks.union(&marks);
        if is_faulty || for_each.value_type() == Type::Dynamic && !for_each.is_null() {
            decoded.is_unknown = true;
            return;
        }
        if for_each.is_null() {
            return self.report(
                "dynamic-block",
                INVALID_FOR_EACH,
                "Cannot use a null value in for_each.",
                span,
            );
        }
        match for_each.kind() {
            Kind::Unknown(value_type, _) if !value_type.is_primitive() => {
                decoded.is_unknown = true;
                self.check_unexpanded(block, schema);
            }
            Kind::List(items) | Kind::Tuple(items) => {
                for (at, item) in items.iter().enumerate() {
                    let key = Value::from(i64::try_from(at).unwrap_or(i64::MAX));
                    self.expand(block, schema, (key, item.clone()), decoded);
                }
            }
            Kind::Set(items) => {
                for item in items {
                    self.expand(block, schema, (item.clone(), item.clone()), decoded);
                }
            }
            Kind::Map(entries) | Kind::Object(entries) => {
                for (key, item) in entries {
                    self.expand(block, schema, (Value::string(key.clone()), item.clone()), decoded);
                }
            }
            _ => {
                let given = for_each.value_type().friendly_name();
                let detail =
                    format!("Cannot use a {given} value in for_each. An iterable collection is required.");
                self.report("dynamic-block", INVALID_FOR_EACH, detail, span);
            }
        }
    }

    /// Decodes a dynamic block's content once with nothing known of its item, for what is wrong in any case.
    fn check_unexpanded(&mut self, block: &Block, schema: &NestedSchema) {
        self.expand(block, schema, (nothing(), nothing()), &mut Decoded::default());
    }

    fn expand(
        &mut self,
        block: &Block,
        schema: &NestedSchema,
        (key, value): (Value, Value),
        decoded: &mut Decoded,
    ) {
        self.locals.push(Value::object(vec![("key".into(), key), ("value".into(), value)]));
        let labels = block.dynamic.as_ref().map(|dynamic| dynamic.labels.as_slice()).unwrap_or_default();
        let mut first = None;
        if let Some(label) = labels.first() {
            let (value, findings) = label.evaluate_with(self.scope, self.locals.clone());
            self.diagnostics.append(findings);
            first = convert(value.reveal(), &Type::String).ok().and_then(|text| text.as_str().cloned());
        }
        let label = self.label(block, schema, first, labels.len());
        let value = self.body(&block.body, &schema.block);
        self.locals.pop();
        decoded.items.push((label, value, block.header));
    }

    /// Checks the number of labels; gives the one that a map is keyed by.
    fn label(
        &mut self,
        block: &Block,
        schema: &NestedSchema,
        first: Option<ArcStr>,
        count: usize,
    ) -> Option<ArcStr> {
        let wanted = usize::from(schema.nesting == Nesting::Map);
        if count > wanted {
            let detail = format!(
                "{} expected for {} blocks.",
                if wanted == 0 { "No labels are" } else { "Only 1 label is" },
                schema.name
            );
            self.report(
                "block-labels",
                format!("Extraneous label for {}", schema.name),
                detail,
                block.header,
            );
        } else if count < wanted {
            let detail = format!("All {} blocks must have 1 label.", schema.name);
            self.report("block-labels", format!("Missing label for {}", schema.name), detail, block.header);
        }
        first
    }

    fn check_count(&mut self, body: &Body, schema: &NestedSchema, decoded: &Decoded) {
        let (name, count) = (&schema.name, decoded.items.len());
        let is_one = matches!(schema.nesting, Nesting::Single | Nesting::Group);
        let least = schema.min_items as usize;
        let most = if is_one { 1 } else { schema.max_items as usize };
        if count < least && !decoded.is_unknown && !body.is_incomplete() {
            let (summary, detail) = if is_one {
                (format!("Missing {name} block"), format!("A {name} block is required here."))
            } else {
                (
                    format!("Insufficient {name} blocks"),
                    format!("At least {least} \"{name}\" blocks are required."),
                )
            };
            self.report("block-count", summary, detail, body.header());
        }
        if most > 0 && count > most {
            let span = decoded.items[most].2;
            let (summary, detail) = if is_one {
                (
                    format!("Duplicate {name} block"),
                    format!("Only one block of type \"{name}\" is allowed here."),
                )
            } else {
                (
                    format!("Too many {name} blocks"),
                    format!("No more than {most} \"{name}\" blocks are allowed."),
                )
            };
            self.report("block-count", summary, detail, span);
        }
    }

    fn collect(&mut self, schema: &NestedSchema, decoded: Decoded) -> Value {
        let element = schema.block.implied_type();
        let is_open = element.has_dynamic();
        let values =
            |decoded: Decoded| decoded.items.into_iter().map(|(_, value, _)| value).collect::<Vec<_>>();
        match schema.nesting {
            Nesting::Single => values(decoded).into_iter().next().unwrap_or_else(|| Value::null(element)),
            Nesting::Group => match values(decoded).into_iter().next() {
                Some(value) => value,
                None => absent(&schema.block),
            },
            Nesting::List if is_open => Value::tuple(values(decoded)),
            Nesting::List => Value::list(element, values(decoded)),
            Nesting::Set => Value::set(element, values(decoded)),
            Nesting::Map => {
                let mut entries: Vec<(ArcStr, Value)> = Vec::with_capacity(decoded.items.len());
                for (label, value, span) in decoded.items {
                    let Some(label) = label else { continue };
                    if entries.iter().any(|(other, _)| *other == label) {
                        let name = &schema.name;
                        let detail = format!(
                            "A block of type \"{name}\" with the label \"{label}\" was defined already. Each must have a label of its own."
                        );
                        self.report("block-count", format!("Duplicate {name} block"), detail, span);
                        continue;
                    }
                    entries.push((label, value));
                }
                if is_open { Value::object(entries) } else { Value::map(element, entries) }
            }
        }
    }
}

/// What a group block is worth when it is not written: all its attributes null.
fn absent(schema: &BlockSchema) -> Value {
    let attributes = schema
        .attributes
        .iter()
        .map(|one| (one.name.clone(), Value::null(one.value_type.without_optional())));
    let blocks = schema.blocks.iter().map(|one| {
        let element = one.block.implied_type();
        let value = match one.nesting {
            Nesting::Single => Value::null(element),
            Nesting::Group => absent(&one.block),
            Nesting::List if element.has_dynamic() => Value::tuple(Vec::new()),
            Nesting::List => Value::list(element, Vec::new()),
            Nesting::Set => Value::set(element, Vec::new()),
            Nesting::Map if element.has_dynamic() => Value::object(Vec::new()),
            Nesting::Map => Value::map(element, Vec::new()),
        };
        (one.name.clone(), value)
    });
    Value::object(attributes.chain(blocks).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::BodyContext;
    use crate::evaluate::Nowhere;
    use formwork_diagnostic::FileId;

    fn attribute(name: &'static str, value_type: Type, required: bool) -> AttributeSchema {
        AttributeSchema {
            name: name.into(),
            value_type,
            required,
            optional: !required,
            computed: false,
            deprecated: None,
        }
    }

    fn nested(name: &'static str, nesting: Nesting, attributes: Vec<AttributeSchema>) -> NestedSchema {
        let block = BlockSchema { attributes, blocks: Vec::new() };
        NestedSchema { name: name.into(), nesting, block, min_items: 0, max_items: 2 }
    }

    fn schema() -> BlockSchema {
        let computed =
            AttributeSchema { optional: false, computed: true, ..attribute("id", Type::String, false) };
        BlockSchema {
            attributes: vec![
                attribute("name", Type::String, true),
                attribute("size", Type::Number, false),
                computed,
            ],
            blocks: vec![
                nested("disk", Nesting::List, vec![attribute("gb", Type::Number, true)]),
                nested("tag", Nesting::Map, vec![attribute("value", Type::String, false)]),
                nested("any", Nesting::List, vec![attribute("value", Type::Dynamic, false)]),
                nested("wait", Nesting::Single, vec![attribute("seconds", Type::Number, false)]),
                nested("rule", Nesting::Set, vec![attribute("port", Type::Number, false)]),
            ],
        }
    }

    fn decode(text: &str) -> (String, Vec<String>) {
        let (syntax, mut diagnostics) = crate::parser::parse_file(FileId(0), text);
        let title = ArcStr::from("test");
        let mut context = BodyContext { title: &title, taken: &[], diagnostics: &mut diagnostics };
        let body = Body::new(&syntax, syntax.span, &mut context);
        let (value, findings) = body.decode(&schema(), &Nowhere);
        diagnostics.append(findings);
        let shown = |name: &str| format!("{name}={:?}", value.get(name).expect("every attribute is there"));
        let all = ["name", "size", "disk", "tag", "any", "wait", "rule"].map(shown).join(" ");
        (
            all,
            diagnostics
                .iter()
                .map(|one| {
                    format!(
                        "{}{}",
                        one.summary,
                        one.hint.as_ref().map(|hint| format!(" [{hint}]")).unwrap_or_default()
                    )
                })
                .collect(),
        )
    }

    #[test]
    fn bodies_become_objects() {
        let (value, faults) = decode(
            "name = 5\ndisk {\n gb = \"7\"\n}\ntag \"a\" {\n value = true\n}\nany {\n value = 1\n}\nany {\n value = \"x\"\n}\nrule {\n port = 2\n}\nrule {\n port = 1\n}\n",
        );
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(
            value,
            "name=\"5\" size=null(number) disk=[{\"gb\": 7}] tag={\"a\": {\"value\": \"true\"}} any=[{\"value\": 1}, {\"value\": \"x\"}] wait=null(object({seconds = number})) rule={{\"port\": 1}, {\"port\": 2}}"
        );
    }

    #[test]
    fn dynamic_blocks_expand() {
        let (value, faults) = decode(
            "name = \"n\"\ndynamic \"disk\" {\n for_each = [3, 4]\n content {\n  gb = disk.value + disk.key\n }\n}\ndynamic \"tag\" {\n for_each = {a = \"x\"}\n iterator = it\n labels = [it.key]\n content {\n  value = it.value\n }\n}\n",
        );
        assert_eq!(faults, Vec::<String>::new());
        assert!(value.contains("disk=[{\"gb\": 3}, {\"gb\": 5}] tag={\"a\": {\"value\": \"x\"}}"), "{value}");
    }

    #[test]
    fn faults_are_named() {
        for (text, expected) in [
            ("", "Missing required argument"),
            ("nam = 1\nname = 2\n", "Unsupported argument [Did you mean \"name\"?]"),
            ("name = 1\nid = 2\n", "Value for unconfigurable attribute"),
            (
                "name = 1\ndisk = 2\n",
                "Unsupported argument [Did you mean to define a block of type \"disk\"?]",
            ),
            (
                "name = 1\nsize {\n}\n",
                "Unsupported block type [Did you mean to define argument \"size\"? If so, use the equals sign to assign it a value.]",
            ),
            ("name = 1\ndsk {\n}\n", "Unsupported block type [Did you mean \"disk\"?]"),
            ("name = []\n", "Incorrect attribute value type"),
            ("name = 1\nwait {\n}\nwait {\n}\n", "Duplicate wait block"),
            ("name = 1\nrule {\n}\nrule {\n}\nrule {\n}\n", "Too many rule blocks"),
            ("name = 1\ntag {\n}\n", "Missing label for tag"),
            ("name = 1\ndisk \"x\" {\n gb = 1\n}\n", "Extraneous label for disk"),
            ("name = 1\ntag \"a\" {\n}\ntag \"a\" {\n}\n", "Duplicate tag block"),
            (
                "name = 1\ndynamic \"disk\" {\n for_each = null\n content {\n gb = 1\n}\n}\n",
                "Invalid dynamic for_each value",
            ),
            ("name = 1\ndynamic \"disk\" {\n content {\n gb = 1\n}\n}\n", "Missing required argument"),
        ] {
            assert_eq!(decode(text).1, [expected], "{text}");
        }
    }
}
