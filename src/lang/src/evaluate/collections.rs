//! Objects, `for` and splats.

use super::{Evaluator, nothing};
use crate::node::{ForNode, Node, NodeKind};
use arcstr::ArcStr;
use formwork_value::{Kind, Marks, Refinements, Type, TypeSort, Value, convert};
use indexmap::IndexMap;
use indexmap::map::Entry;

impl Evaluator<'_> {
    pub(super) fn object(&mut self, items: &[(Node, Node)]) -> Value {
        let mut entries = Vec::with_capacity(items.len());
        let mut marks = Marks::NONE;
        let mut is_known = true;
        for (key_node, value_node) in items {
            if let NodeKind::Constant(key) = &key_node.kind
                && let Some(name) = key.as_str()
            {
                entries.push((name.clone(), self.value(value_node)));
                continue;
            }
            let start = self.diagnostics.len();
            let key = self.value(key_node);
            let is_faulty = self.has_errors_since(start);
            let value = self.value(value_node);
            if is_faulty {
                is_known = false;
                continue;
            }
            if key.is_null() {
                self.fail("Null value as key", "Can't use a null value as a key.", value_node.span, key_node);
                is_known = false;
                continue;
            }
            let (key, key_marks) = key.into_unmarked();
            marks = marks.union(&key_marks);
            match convert(&key, &Type::String) {
                Err(error) => {
                    let detail = format!("Can't use this value as a key: {error}.");
                    self.fail("Incorrect key type", detail, key_node.span, key_node);
                    is_known = false;
                }
                Ok(key) => match key.as_str() {
                    Some(key) => entries.push((key.clone(), value)),
                    None => is_known = false,
                },
            }
        }
        if is_known { Value::object(entries).into_marked(&marks) } else { nothing() }
    }

    pub(super) fn for_expression(&mut self, for_node: &ForNode) -> Value {
        let collection_node = &for_node.collection;
        let collection = self.value(collection_node);
        if collection.is_null() {
            let detail = "A null value cannot be used as the collection in a 'for' expression.";
            return self.fail("Iteration over null value", detail, collection_node.span, collection_node);
        }
        if collection.sort() == TypeSort::Dynamic {
            return nothing();
        }
        let (collection, mut marks) = collection.into_unmarked();
        if collection.sort().is_primitive() {
            let detail = format!(
                "A value of type {} cannot be used as the collection in a 'for' expression.",
                collection.value_type().friendly_name()
            );
            return self.fail(
                "Iteration over non-iterable value",
                detail,
                collection_node.span,
                collection_node,
            );
        }
        let slot = self.locals.len();
        let has_items = collection.items().is_some_and(|items| !items.is_empty())
            || collection.entries().is_some_and(|entries| !entries.is_empty());
        let Some(condition_marks) = self.check_condition(for_node, has_items) else { return nothing() };
        if !collection.is_known() {
            return nothing().with_marks(&marks.union(&condition_marks));
        }
        let mut gathered = Gathered::new(for_node);
        let mut step = |evaluator: &mut Self, key: Value, value: Value| {
            evaluator.locals.truncate(slot);
            evaluator.locals.push(key);
            evaluator.locals.push(value);
            evaluator.for_item(for_node, &mut gathered, &mut marks);
        };
        match collection.kind() {
            Kind::List(items) | Kind::Tuple(items) => {
                for (at, item) in items.iter().enumerate() {
                    step(self, Value::from(i64::try_from(at).unwrap_or(i64::MAX)), item.clone());
                }
            }
            Kind::Set(items) => items.iter().for_each(|item| step(self, item.clone(), item.clone())),
            Kind::Map(entries) | Kind::Object(entries) => {
                entries.iter().for_each(|(key, item)| step(self, Value::string(key.clone()), item.clone()));
            }
            _ => {}
        }
        self.locals.truncate(slot);
        gathered.finish().into_marked(&marks)
    }

    /// Evaluates the condition once with unknown items, so that its faults show also where there are no items.
    fn check_condition(&mut self, for_node: &ForNode, has_items: bool) -> Option<Marks> {
        let Some(condition) = &for_node.condition else { return Some(Marks::NONE) };
        // Inside a probe the items have no faults of their own to hide behind; probing there again would double the
        // work with every level.
        if self.probing > 0 && has_items {
            return Some(Marks::NONE);
        }
        let slot = self.locals.len();
        self.locals.push(nothing());
        self.locals.push(nothing());
        let start = self.diagnostics.len();
        let result = self.probe(|evaluator| evaluator.value(condition));
        self.locals.truncate(slot);
        if result.is_null() {
            let detail = "The value of the 'if' clause must not be null.";
            self.fail("Condition is null", detail, condition.span, condition);
            return None;
        }
        if let Err(error) = convert(&result, &Type::Bool) {
            let detail = format!("The 'if' clause value is invalid: {error}.");
            self.fail("Invalid 'for' condition", detail, condition.span, condition);
            return None;
        }
        (!self.has_errors_since(start)).then(|| result.marks())
    }

    fn for_item(&mut self, for_node: &ForNode, gathered: &mut Gathered, marks: &mut Marks) {
        if let Some(condition) = &for_node.condition {
            match self.for_condition(condition, gathered.is_known, marks) {
                Some(true) => {}
                Some(false) => return,
                None => return gathered.is_known = false,
            }
        }
        let Some(key_node) = &for_node.key else {
            let value = self.value(&for_node.value);
            return gathered.items.push(value);
        };
        let Some(key) = self.for_key(key_node, gathered.is_known, marks) else {
            gathered.is_known = false;
            return;
        };
        let value = self.value(&for_node.value);
        if gathered.is_grouping {
            return gathered.groups.entry(key).or_default().push(value);
        }
        match gathered.groups.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(vec![value]);
            }
            Entry::Occupied(entry) => {
                let detail = if marks.is_empty() {
                    format!(
                        "Two different items produced the key \"{}\" in this 'for' expression. If duplicates are expected, use the ellipsis (...) after the value expression to enable grouping by key.",
                        entry.key()
                    )
                } else {
                    "Two different items produced one key in this 'for' expression. If duplicates are expected, use the ellipsis (...) after the value expression to enable grouping by key.".to_owned()
                };
                self.fail("Duplicate object key", detail, key_node.span, key_node);
            }
        }
    }

    /// Whether an item is taken; nothing when that cannot be said.
    fn for_condition(&mut self, condition: &Node, is_known: bool, marks: &mut Marks) -> Option<bool> {
        const SUMMARY: &str = "Invalid 'for' condition";
        let include = self.value(condition);
        if include.is_null() {
            if is_known {
                self.fail(
                    SUMMARY,
                    "The value of the 'if' clause must not be null.",
                    condition.span,
                    condition,
                );
            }
            return None;
        }
        let (include, include_marks) = include.into_unmarked();
        *marks = marks.union(&include_marks);
        match convert(&include, &Type::Bool) {
            Ok(include) => include.as_bool(),
            Err(error) => {
                if is_known {
                    let detail = format!("The 'if' clause value is invalid: {error}.");
                    self.fail(SUMMARY, detail, condition.span, condition);
                }
                None
            }
        }
    }

    fn for_key(&mut self, key_node: &Node, is_known: bool, marks: &mut Marks) -> Option<ArcStr> {
        const SUMMARY: &str = "Invalid object key";
        let key = self.value(key_node);
        if key.is_null() {
            if is_known {
                let detail = "Key expression in 'for' expression must not produce a null value.";
                self.fail(SUMMARY, detail, key_node.span, key_node);
            }
            return None;
        }
        let (key, key_marks) = key.into_unmarked();
        *marks = marks.union(&key_marks);
        if !key.is_known() {
            return None;
        }
        match convert(&key, &Type::String) {
            Ok(key) => key.as_str().cloned(),
            Err(error) => {
                if is_known {
                    let detail = format!("The key expression produced an invalid result: {error}.");
                    self.fail(SUMMARY, detail, key_node.span, key_node);
                }
                None
            }
        }
    }

    pub(super) fn splat(&mut self, node: &Node, source: &Node, each: &Node) -> Value {
        let start = self.diagnostics.len();
        let mut value = self.value(source);
        if self.has_errors_since(start) {
            return nothing();
        }
        let is_single = !matches!(value.sort(), TypeSort::Tuple | TypeSort::List | TypeSort::Set);
        if value.is_null() {
            if is_single {
                return Value::tuple(Vec::new()).with_marks(&value.marks());
            }
            let detail = "Splat expressions (with the * symbol) cannot be applied to null sequences.";
            return self.fail("Splat of null value", detail, source.span, source);
        }
        if value.sort() == TypeSort::Dynamic {
            return nothing().with_marks(&value.marks());
        }
        // A single value that may yet be null may yet be no element at all.
        let mut is_undecided = false;
        if is_single {
            is_undecided = !value.is_known() && !value.range().not_null;
            let marks = value.marks();
            value = Value::tuple(vec![value]).with_marks(&marks);
        }
        let (value, marks) = value.unmark();
        if !value.is_known() {
            return self.unknown_splat(&value, &value.value_type(), each).with_marks(&marks);
        }
        let items = value.items().unwrap_or_default();
        let mut results = Vec::with_capacity(items.len());
        let before = self.diagnostics.len();
        for item in items {
            results.push(self.splat_item(item.clone(), each));
        }
        if is_undecided {
            return nothing().with_marks(&marks);
        }
        if self.has_errors_since(before) {
            if self.probing > 0 {
                return nothing().with_marks(&marks);
            }
            let end = self.diagnostics.len();
            let result_type = self.splat_type(&value.value_type(), each);
            self.diagnostics.truncate(end);
            return Value::unknown(result_type).with_marks(&marks);
        }
        if value.sort() == TypeSort::Tuple {
            return Value::tuple(results).with_marks(&marks);
        }
        let element = match results.first() {
            Some(first) => first.value_type(),
            None => self.splat_type(&value.value_type(), each).element().cloned().unwrap_or(Type::Dynamic),
        };
        if results.iter().any(|result| result.value_type() != element) {
            let detail = "The second level of splat expression produced elements of different types, so it isn't possible to construct a valid list to represent the top-level result.\n\nConsider using a for expression instead, to produce a tuple-typed result which can therefore have non-homogenous element types.";
            return self.fail("Invalid nested splat expressions", detail, each.span, node);
        }
        Value::list(element, results).with_marks(&marks)
    }

    fn splat_item(&mut self, item: Value, each: &Node) -> Value {
        self.locals.push(item);
        let result = self.value(each);
        self.locals.pop();
        result
    }

    fn splat_type(&mut self, source: &Type, each: &Node) -> Type {
        self.probe(|evaluator| evaluator.probed_splat_type(source, each))
    }

    fn probed_splat_type(&mut self, source: &Type, each: &Node) -> Type {
        match source {
            Type::List(element) | Type::Set(element) => {
                Type::list(self.splat_item(Value::unknown((**element).clone()), each).value_type())
            }
            Type::Tuple(elements) => {
                let result =
                    |element: &Type| self.splat_item(Value::unknown(element.clone()), each).value_type();
                Type::tuple(elements.iter().map(result).collect())
            }
            _ => Type::Dynamic,
        }
    }

    fn unknown_splat(&mut self, value: &Value, value_type: &Type, each: &Node) -> Value {
        let result_type = self.splat_type(value_type, each);
        let mut refinements = Refinements::NOT_NULL;
        if value_type.is_collection() && matches!(result_type, Type::List(_)) {
            let range = value.range();
            refinements.length_minimum = range.length_minimum;
            refinements.length_maximum = range.length_maximum;
        }
        Value::unknown(result_type).refine(&refinements)
    }
}

/// What a `for` has gathered so far.
struct Gathered {
    is_known: bool,
    is_object: bool,
    is_grouping: bool,
    items: Vec<Value>,
    groups: IndexMap<ArcStr, Vec<Value>, foldhash::fast::RandomState>,
}

impl Gathered {
    fn new(for_node: &ForNode) -> Self {
        Self {
            is_known: true,
            is_object: for_node.key.is_some(),
            is_grouping: for_node.group,
            items: Vec::new(),
            groups: IndexMap::default(),
        }
    }

    fn finish(self) -> Value {
        if !self.is_known {
            return nothing();
        }
        if !self.is_object {
            return Value::tuple(self.items);
        }
        let is_grouping = self.is_grouping;
        let value = |mut group: Vec<Value>| {
            if is_grouping { Value::tuple(group) } else { group.pop().unwrap_or_else(nothing) }
        };
        Value::object(self.groups.into_iter().map(|(key, group)| (key, value(group))).collect())
    }
}
