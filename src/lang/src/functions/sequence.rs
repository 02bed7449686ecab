//! Functions on lists and tuples.

use super::argument::{elements, integer, number, text};
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{Kind, Marks, Name, Number, Refinements, Type, Value, convert, equals, unify};
use rustc_hash::FxHashSet;

const ANY_LIST: Shape = Shape::List(&Shape::Any);
const STRINGS: Shape = Shape::List(&Shape::String);

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "chunklist",
        &[Parameter::new("list", ANY_LIST).marked(), Parameter::new("size", Shape::Number).marked()],
        ResultType::Of(chunks_type),
        chunks,
    ),
    Function::new("compact", &[Parameter::new("list", STRINGS)], ResultType::Fixed(STRINGS), compact),
    Function::new("concat", &[], ResultType::Of(concat_type), concat)
        .variadic(Parameter::new("seqs", Shape::Any).marked()),
    Function::new("distinct", &[Parameter::new("list", ANY_LIST)], ResultType::Of(first_type), distinct),
    Function::new(
        "flatten",
        &[Parameter::new("list", Shape::Any).marked()],
        ResultType::Of(flatten_type),
        flatten,
    ),
    Function::new(
        "matchkeys",
        &[
            Parameter::new("values", ANY_LIST),
            Parameter::new("keys", ANY_LIST),
            Parameter::new("searchset", ANY_LIST),
        ],
        ResultType::Of(match_keys_type),
        match_keys,
    ),
    Function::new("range", &[], ResultType::Fixed(Shape::List(&Shape::Number)), range)
        .variadic(Parameter::new("params", Shape::Number)),
    Function::new(
        "reverse",
        &[Parameter::new("list", Shape::Any).marked()],
        ResultType::Of(reverse_type),
        reverse,
    ),
    Function::new(
        "slice",
        &[
            Parameter::new("list", Shape::Any).marked(),
            Parameter::new("start_index", Shape::Number),
            Parameter::new("end_index", Shape::Number),
        ],
        ResultType::Of(slice_type),
        slice,
    ),
    Function::new("sort", &[Parameter::new("list", STRINGS).unknown()], ResultType::Fixed(STRINGS), sort),
];

fn element_of(list: &Value) -> Type {
    list.value_type().element().cloned().unwrap_or(Type::Dynamic)
}

fn first_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    Ok(arguments[0].value_type())
}

fn chunks_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    Ok(Type::list(arguments[0].value_type()))
}

/// The list in pieces of one size; of size 0 in one piece.
fn chunks(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (list, list_marks) = arguments[0].unmark();
    let (size, size_marks) = arguments[1].unmark();
    let size = integer(&[list.clone(), size], 1)?;
    let size = usize::try_from(size).map_err(|_| FunctionError::new("the size argument must be positive"))?;
    let items = list.items().unwrap_or_default();
    let element = element_of(&list);
    let pieces = match size {
        _ if items.is_empty() => Vec::new(),
        0 => vec![list.clone()],
        size => items.chunks(size).map(|piece| Value::list(element.clone(), piece.to_vec())).collect(),
    };
    Ok(Value::list(list.value_type(), pieces).with_marks(&list_marks.union(&size_marks)))
}

/// The list without null and empty strings.
fn compact(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    if !arguments[0].is_wholly_known() {
        return Ok(Value::unknown(Type::list(Type::String)));
    }
    let is_text = |item: &&Value| item.as_str().is_some_and(|text| !text.is_empty());
    let items = elements(&arguments[0]).into_iter().filter(is_text).cloned().collect();
    Ok(Value::list(Type::String, items))
}

/// A list type where all are lists of types that agree.
fn common_list_type(arguments: &[Value]) -> Option<Type> {
    let types: Vec<Type> = arguments.iter().map(Value::value_type).collect();
    let all_lists = types.iter().all(|value_type| matches!(value_type, Type::List(_)));
    if all_lists { unify(&types) } else { None }
}

fn concat_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    if arguments.is_empty() {
        return Err(FunctionError::new("at least one argument is required"));
    }
    if let Some(common) = common_list_type(arguments) {
        return Ok(common);
    }
    let mut types = Vec::new();
    for (at, argument) in arguments.iter().enumerate() {
        let (value, _) = argument.unmark();
        match value.value_type() {
            Type::Tuple(own) => types.extend(own.iter().cloned()),
            Type::List(element) => match value.items() {
                Some(items) => types.extend(items.iter().map(|_| element.as_ref().clone())),
                None => return Ok(Type::Dynamic),
            },
            other => {
                let message = format!("all arguments must be lists or tuples; got {}", other.friendly_name());
                return Err(FunctionError::argument(at, message));
            }
        }
    }
    Ok(Type::tuple(types))
}

/// All elements of all arguments: a list where all are lists of one type, else a tuple.
fn concat(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let common = common_list_type(arguments);
    let mut marks = Marks::NONE;
    let mut items = Vec::new();
    for (at, argument) in arguments.iter().enumerate() {
        let (mut list, own_marks) = argument.unmark();
        if let Some(common) = &common {
            list = convert(&list, common).map_err(|error| FunctionError::argument(at, error.to_string()))?;
        }
        marks = marks.union(&own_marks);
        items.extend_from_slice(list.items().unwrap_or_default());
    }
    let result = match common.as_ref().and_then(Type::element) {
        Some(element) => Value::list(element.clone(), items),
        None => Value::tuple(items),
    };
    Ok(result.with_marks(&marks))
}

/// What makes a simple value the same as another, for a look-up; nothing for others.
#[derive(PartialEq, Eq, Hash)]
enum Simple {
    Text(Name),
    Number(Number),
}

fn simple(value: &Value) -> Option<Simple> {
    match value.kind() {
        Kind::String(text) => Some(Simple::Text(text.clone())),
        Kind::Number(number) => Some(Simple::Number(number)),
        _ => None,
    }
}

/// The list with each element once, where it stood first.
fn distinct(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let list = &arguments[0];
    if !list.is_wholly_known() {
        return Ok(Value::unknown(list.value_type()));
    }
    let mut seen: FxHashSet<Simple> = FxHashSet::default();
    let mut kept: Vec<Value> = Vec::new();
    for item in elements(list) {
        let is_first = match simple(item) {
            Some(simple) => seen.insert(simple),
            None => !kept.iter().any(|earlier| equals(earlier, item).as_bool() == Some(true)),
        };
        if is_first {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(element_of(list), kept))
}

fn flatten_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    let is_sequence = matches!(arguments[0].value_type(), Type::List(_) | Type::Set(_) | Type::Tuple(_));
    if arguments[0].is_wholly_known() && !is_sequence {
        return Err(FunctionError::new("can only flatten lists, sets and tuples"));
    }
    Ok(Type::Dynamic)
}

/// What is inside lists inside lists, gathered.
#[derive(Default)]
struct Flat {
    items: Vec<Value>,
    marks: Marks,
    /// Something cannot be told yet: how long it is, or whether it is a list.
    is_open: bool,
}

impl Flat {
    fn gather(&mut self, value: &Value) {
        let (list, marks) = value.unmark();
        self.marks = self.marks.union(&marks);
        if !list.is_known() || matches!(list.value_type(), Type::Set(_)) && !list.is_wholly_known() {
            self.is_open = true;
            return;
        }
        for item in elements(&list) {
            let item_type = item.value_type();
            self.is_open |= item_type == Type::Dynamic && !item.is_known();
            let is_list = matches!(item_type, Type::List(_) | Type::Set(_) | Type::Tuple(_));
            if is_list && !item.is_null() {
                self.gather(item);
            } else {
                self.items.push(item.clone());
            }
        }
    }
}

/// A tuple of what is inside, lists inside lists taken apart.
fn flatten(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let mut flat = Flat::default();
    flat.gather(&arguments[0]);
    let result = if flat.is_open { Value::unknown(Type::Dynamic) } else { Value::tuple(flat.items) };
    Ok(result.with_marks(&flat.marks))
}

fn match_keys_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    match unify(&[arguments[1].value_type(), arguments[2].value_type()]) {
        Some(_) => Ok(arguments[0].value_type()),
        None => Err(FunctionError::new("keys and searchset must be of the same type")),
    }
}

/// Those values whose key is among those sought.
fn match_keys(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let values = &arguments[0];
    let (value_items, element) = (elements(values), element_of(values));
    if value_items.len() != elements(&arguments[1]).len() {
        return Err(FunctionError::new("length of keys and values should be equal"));
    }
    let common = unify(&[arguments[1].value_type(), arguments[2].value_type()]).unwrap_or(Type::Dynamic);
    let converted = |at: usize| {
        convert(&arguments[at], &common).map_err(|error| FunctionError::argument(at, error.to_string()))
    };
    let (keys, sought) = (converted(1)?, converted(2)?);
    let sought = elements(&sought);
    if sought.is_empty() {
        return Ok(Value::list(element, Vec::new()));
    }
    if !values.is_wholly_known() || !keys.is_wholly_known() {
        return Ok(Value::unknown(values.value_type()));
    }
    let mut matching = Vec::new();
    for (key, value) in elements(&keys).into_iter().zip(value_items) {
        for candidate in &sought {
            match equals(key, candidate).as_bool() {
                Some(true) => {
                    matching.push(value.clone());
                    break;
                }
                Some(false) => {}
                None => return Ok(Value::list(element, Vec::new())),
            }
        }
    }
    Ok(Value::list(element, matching))
}

/// More are refused, lest a slip in the arguments fill the memory.
const RANGE_LIMIT: usize = 1024;

/// Numbers from a start up or down to an end that is not among them.
fn range(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let given: Vec<Number> = arguments.iter().map(number).collect();
    let toward = |start: &Number, end: &Number| Number::from(if end < start { -1 } else { 1 });
    let (start, end, step) = match given.as_slice() {
        [end] => (Number::ZERO, end.clone(), toward(&Number::ZERO, end)),
        [start, end] => (start.clone(), end.clone(), toward(start, end)),
        [start, end, step] => (start.clone(), end.clone(), step.clone()),
        _ => return Err(FunctionError::new("must have one, two, or three arguments")),
    };
    if step.is_zero() {
        return Err(FunctionError::new("step must not be zero"));
    }
    let is_down = step.sign() < 0;
    if is_down && end > start {
        return Err(FunctionError::new("end must be less than start when step is negative"));
    }
    if !is_down && end < start {
        return Err(FunctionError::new("end must be greater than start when step is positive"));
    }
    let mut numbers = Vec::new();
    let mut next = start;
    while if is_down { next > end } else { next < end } {
        if numbers.len() >= RANGE_LIMIT {
            let message = format!(
                "more than {RANGE_LIMIT} values were generated; either decrease the difference between start and end \
                 or use a smaller step"
            );
            return Err(FunctionError::new(message));
        }
        numbers.push(Value::number(next.clone()));
        let Some(sum) = next.add(&step) else { break };
        next = sum;
    }
    Ok(Value::list(Type::Number, numbers))
}

fn reverse_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    match arguments[0].value_type() {
        Type::Tuple(types) => Ok(Type::tuple(types.iter().rev().cloned().collect())),
        Type::List(element) | Type::Set(element) => Ok(Type::list(element.as_ref().clone())),
        other => {
            let message = format!("can only reverse list or tuple values, not {}", other.friendly_name());
            Err(FunctionError::argument(0, message))
        }
    }
}

/// The elements from last to first; of a set too, which becomes a list.
fn reverse(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (list, marks) = arguments[0].unmark();
    let items = list.items().unwrap_or_default().iter().rev().cloned().collect();
    let result = match list.value_type() {
        Type::Tuple(_) => Value::tuple(items),
        _ => Value::list(element_of(&list), items),
    };
    Ok(result.with_marks(&marks))
}

/// One end of a slice, where it is known: not below zero, not behind the end of the list.
fn slice_bound(
    arguments: &[Value],
    at: usize,
    name: &str,
    length: Option<usize>,
) -> Result<Option<usize>, FunctionError> {
    if !arguments[at].is_known() {
        return Ok(None);
    }
    let bound = usize::try_from(integer(arguments, at).map_err(|error| error.at(at))?)
        .map_err(|_| FunctionError::argument(at, format!("{name} index must not be less than zero")))?;
    if length.is_some_and(|length| bound > length) {
        let message = format!("{name} index must not be greater than the length of the list");
        return Err(FunctionError::argument(at, message));
    }
    Ok(Some(bound))
}

/// Both ends of a slice, where both are known.
fn slice_bounds(arguments: &[Value]) -> Result<Option<(usize, usize)>, FunctionError> {
    let (list, _) = arguments[0].unmark();
    let length = match list.value_type() {
        Type::Tuple(types) => Some(types.len()),
        _ => list.items().map(<[Value]>::len),
    };
    let start = slice_bound(arguments, 1, "start", length)?;
    let end = slice_bound(arguments, 2, "end", length)?;
    match (start, end) {
        (Some(start), Some(end)) if start > end => {
            Err(FunctionError::argument(1, "start index must not be greater than end index"))
        }
        (start, end) => Ok(start.zip(end)),
    }
}

fn slice_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    match arguments[0].value_type() {
        Type::Set(_) => Err(FunctionError::argument(
            0,
            "cannot slice a set, because its elements do not have indices; explicitly convert to a list if the \
             ordering of the result is not important",
        )),
        list @ Type::List(_) => slice_bounds(arguments).map(|_| list),
        Type::Tuple(types) => Ok(match slice_bounds(arguments)? {
            Some((start, end)) => Type::tuple(types[start..end].to_vec()),
            None => Type::Dynamic,
        }),
        _ => Err(FunctionError::argument(0, "must be a list or tuple value")),
    }
}

/// The elements from a start up to an end that is not among them.
fn slice(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (list, marks) = arguments[0].unmark();
    let (start, end) = slice_bounds(arguments)?.unwrap_or_default();
    let items = list.items().and_then(|items| items.get(start..end)).unwrap_or_default().to_vec();
    let result = match list.value_type() {
        Type::Tuple(_) => Value::tuple(items),
        _ => Value::list(element_of(&list), items),
    };
    Ok(result.with_marks(&marks))
}

/// The strings in order of their bytes.
fn sort(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let list = &arguments[0];
    if !list.is_wholly_known() {
        let range = list.range();
        let length = Refinements::NONE.length_between(range.length_minimum, range.length_maximum);
        return Ok(Value::unknown(Type::list(Type::String)).refine(&length));
    }
    let mut items: Vec<Value> = elements(list).into_iter().cloned().collect();
    if let Some(at) = items.iter().position(Value::is_null) {
        let message = format!("given list element {at} is null; a null string cannot be sorted");
        return Err(FunctionError::new(message));
    }
    items.sort_by(|left, right| text(left).cmp(text(right)));
    Ok(Value::list(Type::String, items))
}
