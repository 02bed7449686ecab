//! Functions on sets.

use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{Marks, Refinements, Type, Value, convert, equals, unify};
use rustc_hash::FxHashSet;

const FIRST: Parameter = set("first_set");
const OTHERS: Parameter = set("other_sets");

const fn set(name: &'static str) -> Parameter {
    Parameter::new(name, Shape::Set(&Shape::Any)).dynamic()
}

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("setintersection", &[FIRST], ResultType::Of(common_type), intersection).variadic(OTHERS),
    Function::new("setproduct", &[], ResultType::Of(product_type), product)
        .variadic(Parameter::new("sets", Shape::Any).unknown().marked()),
    Function::new("setsubtract", &[set("a"), set("b")], ResultType::Of(common_type), subtract),
    Function::new("setunion", &[FIRST], ResultType::Of(common_type), union).variadic(OTHERS),
];

/// The set type that all convert to. An empty set of no type yet has no say in it.
fn common_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    let mut types = Vec::new();
    for argument in arguments {
        let element = argument.value_type().element().cloned().unwrap_or(Type::Dynamic);
        let is_empty = argument.items().is_some_and(<[Value]>::is_empty);
        if !(is_empty && element == Type::Dynamic) {
            types.push(element);
        }
    }
    if types.is_empty() {
        return Ok(Type::set(Type::Dynamic));
    }
    let element = unify(&types)
        .ok_or_else(|| FunctionError::new("given sets must all have compatible element types"))?;
    Ok(Type::set(element))
}

/// All sets in one type; nothing where one of them is unknown, or anything in it while that matters.
fn in_common_type(arguments: &[Value], wholly: bool) -> Result<(Type, Option<Vec<Value>>), FunctionError> {
    let common = common_type(arguments)?;
    let mut sets = Vec::with_capacity(arguments.len());
    for (at, argument) in arguments.iter().enumerate() {
        let set =
            convert(argument, &common).map_err(|error| FunctionError::argument(at, error.to_string()))?;
        if set.items().is_none() || wholly && !set.is_wholly_known() {
            return Ok((common, None));
        }
        sets.push(set);
    }
    Ok((common, Some(sets)))
}

fn set_of(common: &Type, items: Vec<Value>) -> Value {
    Value::set(common.element().cloned().unwrap_or(Type::Dynamic), items)
}

/// What is in any of the sets.
fn union(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (common, Some(sets)) = in_common_type(arguments, false)? else {
        return common_type(arguments).map(Value::unknown);
    };
    let items = sets.iter().flat_map(|set| set.items().unwrap_or_default()).cloned().collect();
    Ok(set_of(&common, items))
}

/// Answers whether a value is in a set; strings by look-up, so that large sets stay cheap.
struct Members<'a> {
    texts: FxHashSet<&'a str>,
    others: Vec<&'a Value>,
}

impl<'a> Members<'a> {
    fn of(set: &'a Value) -> Self {
        let mut members = Self { texts: FxHashSet::default(), others: Vec::new() };
        for item in set.items().unwrap_or_default() {
            match item.as_str() {
                Some(text) => {
                    members.texts.insert(text.as_str());
                }
                None => members.others.push(item),
            }
        }
        members
    }

    fn contain(&self, value: &Value) -> bool {
        match value.as_str() {
            Some(text) => self.texts.contains(text.as_str()),
            None => self.others.iter().any(|other| equals(other, value).as_bool() == Some(true)),
        }
    }
}

/// What is in all of the sets.
fn intersection(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    combine(arguments, true)
}

/// What is in the first set and not in the second.
fn subtract(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    combine(arguments, false)
}

/// What is in the first set and, as asked, in all of the others or in none.
fn combine(arguments: &[Value], wanted: bool) -> Result<Value, FunctionError> {
    let (common, Some(sets)) = in_common_type(arguments, true)? else {
        return common_type(arguments).map(Value::unknown);
    };
    let others: Vec<Members<'_>> = sets[1..].iter().map(Members::of).collect();
    let items = sets[0]
        .items()
        .unwrap_or_default()
        .iter()
        .filter(|item| others.iter().all(|members| members.contain(item) == wanted))
        .cloned()
        .collect();
    Ok(set_of(&common, items))
}

/// What the elements of one argument of a product convert to; and whether it has an order.
fn factor_type(arguments: &[Value], at: usize) -> Result<(Type, bool), FunctionError> {
    match arguments[at].value_type() {
        Type::Set(element) => Ok((element.as_ref().clone(), false)),
        Type::List(element) => Ok((element.as_ref().clone(), true)),
        Type::Tuple(types) if types.is_empty() => Ok((Type::Dynamic, true)),
        Type::Tuple(types) => match unify(&types) {
            Some(element) => Ok((element, true)),
            None => Err(FunctionError::argument(at, "all elements must be of the same type")),
        },
        _ => Err(FunctionError::argument(at, "a set or a list is required")),
    }
}

fn product_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    if arguments.len() < 2 {
        return Err(FunctionError::new("at least two arguments are required"));
    }
    let mut types = Vec::with_capacity(arguments.len());
    let mut all_ordered = true;
    for at in 0..arguments.len() {
        let (element, is_ordered) = factor_type(arguments, at)?;
        types.push(element);
        all_ordered &= is_ordered;
    }
    let tuple = Type::tuple(types);
    Ok(if all_ordered { Type::list(tuple) } else { Type::set(tuple) })
}

/// Whether how many elements it has cannot be told yet.
fn has_open_length(value: &Value) -> bool {
    !value.is_known() || matches!(value.value_type(), Type::Set(_)) && !value.is_wholly_known()
}

/// The bounds of a product whose length is open, as far as cty follows them.
fn open_product(product: Type, factors: &[Value]) -> Value {
    const FACTOR_LIMIT: u64 = 1024;
    const PRODUCT_LIMIT: u64 = 2048;
    let mut longest: u64 = 1;
    for factor in factors {
        let own = match factor.value_type() {
            Type::Tuple(types) => Some(types.len() as u64),
            _ => factor.range().length_maximum,
        };
        match own {
            Some(own) if own <= FACTOR_LIMIT => longest *= own,
            _ => return Value::unknown(product),
        }
        if longest > PRODUCT_LIMIT {
            return Value::unknown(product);
        }
    }
    let shortest = u64::from(longest > 0);
    Value::unknown(product).refine(&Refinements::NONE.length_between(shortest, Some(longest)))
}

/// Combinations that are made.
const PRODUCT_MAXIMUM: usize = 1 << 22;

/// Every way of taking one element of each: a list where all have an order, else a set.
fn product(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let value_type = product_type(arguments)?;
    let mut marks = Marks::NONE;
    let mut factors = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let (factor, own_marks) = argument.unmark();
        marks = marks.union(&own_marks);
        factors.push(factor);
    }
    if factors.iter().any(has_open_length) {
        return Ok(open_product(value_type, &factors).with_marks(&marks));
    }
    let lengths = factors.iter().map(|factor| factor.items().map_or(0, <[Value]>::len));
    if lengths.clone().all(|length| length > 0)
        && lengths.clone().try_fold(1, usize::checked_mul).is_none_or(|rows| rows > PRODUCT_MAXIMUM)
    {
        return Err(FunctionError::new(format!("the result has more than {PRODUCT_MAXIMUM} elements")));
    }
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for (at, factor) in factors.iter().enumerate() {
        let (element, _) = factor_type(arguments, at)?;
        let items: Vec<Value> = factor
            .items()
            .unwrap_or_default()
            .iter()
            .map(|item| {
                convert(item, &element).map_err(|error| FunctionError::argument(at, error.to_string()))
            })
            .collect::<Result<_, _>>()?;
        let extended = |row: &Vec<Value>| {
            let row = row.clone();
            items.iter().map(move |item| row.iter().chain([item]).cloned().collect()).collect::<Vec<_>>()
        };
        rows = rows.iter().flat_map(extended).collect();
    }
    let tuples = rows.into_iter().map(Value::tuple).collect();
    let element = value_type.element().cloned().unwrap_or(Type::Dynamic);
    let result = match value_type {
        Type::List(_) => Value::list(element, tuples),
        _ => Value::set(element, tuples),
    };
    Ok(result.with_marks(&marks))
}
