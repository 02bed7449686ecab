//! Tables of what cty and the language do with values, checked against them.

use crate::*;

type Operation = fn(&Value, &Value) -> Outcome;

fn typed(value_type: &str, json: &str) -> Value {
    decode(json, &type_from_json(value_type).unwrap()).unwrap()
}

fn number(text: &str) -> Value {
    Value::number(Number::parse(text).unwrap())
}

fn unknown(value_type: Type) -> Value {
    Value::unknown(value_type)
}

fn maybe_bool() -> Value {
    unknown(Type::Bool).refine_not_null()
}

fn secret(value: impl Into<Value>) -> Value {
    value.into().with_marks(&Marks::sensitive())
}

#[test]
fn conversions() {
    let cases = [
        (r#""number""#, "5", r#""string""#, r#""string""#, r#""5""#),
        (r#""number""#, "0.10", r#""string""#, r#""string""#, r#""0.1""#),
        (r#""string""#, r#""1e3""#, r#""number""#, r#""number""#, "1000"),
        (r#""string""#, r#""1""#, r#""bool""#, r#""bool""#, "true"),
        (
            r#"["tuple",["string","number"]]"#,
            r#"["a",1]"#,
            r#"["list","dynamic"]"#,
            r#"["list","string"]"#,
            r#"["a","1"]"#,
        ),
        (r#"["tuple",[]]"#, "[]", r#"["list","dynamic"]"#, r#"["list","dynamic"]"#, "[]"),
        (
            r#"["list","string"]"#,
            r#"["b","a","b"]"#,
            r#"["set","string"]"#,
            r#"["set","string"]"#,
            r#"["a","b"]"#,
        ),
        (
            r#"["set","number"]"#,
            "[10,9,1]",
            r#"["list","string"]"#,
            r#"["list","string"]"#,
            r#"["1","9","10"]"#,
        ),
        (
            r#"["object",{"a":"number","b":"string"}]"#,
            r#"{"a":1,"b":"x"}"#,
            r#"["map","dynamic"]"#,
            r#"["map","string"]"#,
            r#"{"a":"1","b":"x"}"#,
        ),
        (
            r#"["object",{"a":"number","b":"bool"}]"#,
            r#"{"a":1,"b":true}"#,
            r#"["object",{"a":"string","z":["list","bool"]},["z"]]"#,
            r#"["object",{"a":"string","z":["list","bool"]}]"#,
            r#"{"a":"1","z":null}"#,
        ),
        (
            r#"["map","string"]"#,
            r#"{"a":"1","other":"x"}"#,
            r#"["object",{"a":"number","z":"string"},["z"]]"#,
            r#"["object",{"a":"number","z":"string"}]"#,
            r#"{"a":1,"z":null}"#,
        ),
        (r#"["list","string"]"#, "null", r#"["set","dynamic"]"#, r#"["set","string"]"#, "null"),
    ];
    for (from, value, to, kind, expected) in cases {
        let converted = convert(&typed(from, value), &type_from_json(to).unwrap()).unwrap();
        assert_eq!(type_to_json(&converted.value_type()), kind, "{from} {value} to {to}");
        assert_eq!(encode_plain(&converted).unwrap(), expected, "{from} {value} to {to}");
    }
}

#[test]
fn conversions_that_fail_say_where_and_why() {
    let object = r#"["object",{"a":["list","string"]}]"#;
    let cases = [
        (r#""string""#, r#""x""#, r#""number""#, "a number is required"),
        (
            r#""string""#,
            r#""True""#,
            r#""bool""#,
            "a bool is required; to convert from string, use lowercase \"true\"",
        ),
        (r#""bool""#, "true", r#""number""#, "number required, but have bool"),
        (
            object,
            r#"{"a":["1","x"]}"#,
            r#"["object",{"a":["list","number"]}]"#,
            ".a[1]: a number is required",
        ),
        (r#"["map","string"]"#, r#"{"k":"x"}"#, r#"["map","bool"]"#, "[\"k\"]: a bool is required"),
        (object, r#"{"a":[]}"#, r#""string""#, "string required, but have object"),
        (object, r#"{"a":[]}"#, r#"["object",{"x":"string"}]"#, "attribute \"x\" is required"),
        (
            object,
            r#"{"a":[]}"#,
            r#"["object",{"x":"string","y":"string","z":"string"}]"#,
            "attributes \"x\", \"y\", and \"z\" are required",
        ),
        (
            object,
            r#"{"a":[]}"#,
            r#"["object",{"a":"number"}]"#,
            "attribute \"a\": number required, but have list of string",
        ),
        (
            r#"["tuple",["string",["list","bool"]]]"#,
            r#"["a",[]]"#,
            r#"["list","dynamic"]"#,
            "all list elements must have the same type",
        ),
        (
            r#"["tuple",["string",["list","bool"]]]"#,
            r#"["a",[]]"#,
            r#"["set","string"]"#,
            "element 1: string required, but have list of bool",
        ),
        (r#"["list","string"]"#, "[]", r#"["map","dynamic"]"#, "map of any single type required"),
        (
            r#"["list",["list","bool"]]"#,
            "[]",
            r#"["set","bool"]"#,
            "incorrect set element type: bool required, but have list of bool",
        ),
        (
            r#"["map","string"]"#,
            "{}",
            r#"["object",{"a":"number"}]"#,
            "map has no element for required attribute \"a\"",
        ),
    ];
    for (from, value, to, message) in cases {
        let error = convert(&typed(from, value), &type_from_json(to).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), message, "{from} {value} to {to}");
    }
}

#[test]
fn unknowns_convert_with_what_is_known_of_them() {
    let list = Type::list(Type::Number);
    let known = Refinements::NOT_NULL.length_between(2, Some(5));
    let object = Type::object([("a", Type::String)]);
    let cases = [
        (unknown(Type::Number).refine_not_null(), Type::String, unknown(Type::String).refine_not_null()),
        (unknown(Type::Dynamic), Type::Bool, unknown(Type::Bool)),
        (
            unknown(list.clone()).refine(&known),
            Type::set(Type::String),
            unknown(Type::set(Type::String)).refine(&Refinements::NOT_NULL.length_between(1, Some(5))),
        ),
        (
            unknown(object),
            Type::map(Type::Dynamic),
            unknown(Type::map(Type::String)).refine(&Refinements::NONE.length_between(1, Some(1))),
        ),
        (
            Value::set(Type::String, vec!["a".into(), unknown(Type::String)]),
            Type::list(Type::String),
            unknown(Type::list(Type::String)),
        ),
        (secret(unknown(Type::Number)), Type::String, secret(unknown(Type::String))),
    ];
    for (value, want, expected) in cases {
        assert_eq!(convert(&value, &want), Ok(expected), "{value:?} to {want}");
    }
    let marked = Value::list(Type::Number, vec![1.into(), secret(2)]);
    let set = Value::set(Type::String, vec!["1".into(), "2".into()]);
    assert_eq!(convert(&marked, &Type::set(Type::String)), Ok(secret(set)));
}

#[test]
fn unification() {
    let cases: [(&[&str], Option<&str>); 12] = [
        (&[], None),
        (&[r#""number""#, r#""bool""#], None),
        (&[r#""number""#, r#""string""#], Some(r#""string""#)),
        (&[r#""dynamic""#, r#""number""#], Some(r#""number""#)),
        (&[r#"["list","number"]"#, r#"["list","string"]"#], Some(r#"["list","string"]"#)),
        (&[r#"["list","number"]"#, r#"["tuple",["bool","string"]]"#], Some(r#"["list","string"]"#)),
        (&[r#"["list","string"]"#, r#"["set","string"]"#], Some(r#"["list","string"]"#)),
        (&[r#"["list","string"]"#, r#""dynamic""#], Some(r#""dynamic""#)),
        (
            &[r#"["object",{"a":"number"}]"#, r#"["object",{"a":"string"}]"#],
            Some(r#"["object",{"a":"string"}]"#),
        ),
        (&[r#"["object",{"a":"number"}]"#, r#"["object",{"b":"string"}]"#], Some(r#"["map","string"]"#)),
        (&[r#"["tuple",["number"]]"#, r#"["tuple",["bool","string"]]"#], Some(r#"["list","string"]"#)),
        (&[r#"["object",{"a":"number"}]"#, r#"["tuple",["number"]]"#], None),
    ];
    for (types, expected) in cases {
        let types: Vec<Type> = types.iter().map(|text| type_from_json(text).unwrap()).collect();
        assert_eq!(unify(&types).map(|unified| type_to_json(&unified)).as_deref(), expected, "{types:?}");
    }
}

#[test]
fn sets_iterate_in_the_order_of_cty() {
    let cases = [
        (r#"["set","string"]"#, r#"["b","a","B","é","b",null]"#, r#"["B","a","b","é",null]"#),
        (r#"["set","number"]"#, "[10,9,1.5,-3,9.0]", "[-3,1.5,9,10]"),
        (r#"["set","bool"]"#, "[true,false,true]", "[false,true]"),
        (r#"["set",["list","number"]]"#, "[[2],[10],[1,1],[]]", "[[10],[1,1],[2],[]]"),
        (
            r#"["set",["object",{"a":"string","b":"number"}]]"#,
            r#"[{"a":"y","b":2},{"a":"x","b":1},{"a":"w","b":3}]"#,
            r#"[{"a":"w","b":3},{"a":"x","b":1},{"a":"y","b":2}]"#,
        ),
        (r#"["set",["map","string"]]"#, r#"[{"b":"a"},{"a":"b"},{}]"#, r#"[{"a":"b"},{"b":"a"},{}]"#),
        (
            r#"["set",["list","string"]]"#,
            r#"[["\u0301q"],["日"],["z"],["\u007f"]]"#,
            "[[\"\u{7f}\"],[\"z\"],[\"\u{301}q\"],[\"日\"]]",
        ),
        // Only ten digits enter the order: what is equal in them keeps the order given.
        (
            r#"["set",["list","number"]]"#,
            "[[123456789012],[123456789011]]",
            "[[123456789012],[123456789011]]",
        ),
    ];
    for (kind, given, expected) in cases {
        assert_eq!(encode_plain(&typed(kind, given)).unwrap(), expected, "{given}");
    }
    let unknowns = Value::set(Type::String, vec![unknown(Type::String), "a".into(), unknown(Type::String)]);
    assert_eq!(unknowns.items().map(<[Value]>::len), Some(3));
}

#[test]
fn arithmetic_is_that_of_512_bits() {
    let cases = [
        (add as Operation, "0.1", "0.2", "0.3"),
        (add, "9223372036854775807", "1", "9223372036854775808"),
        (subtract, "-9223372036854775808", "1", "-9223372036854775809"),
        (multiply, "4294967296", "4294967296", "18446744073709551616"),
        (multiply, "-1", "0", "-0"),
        (
            divide,
            "1",
            "3",
            "0.33333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333335",
        ),
        (divide, "5", "0", "+Inf"),
        (divide, "-6", "3", "-2"),
        (
            modulo,
            "10",
            "3.3",
            "0.10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000048",
        ),
        (modulo, "-7", "3", "-1"),
        (modulo, "7", "0", "7"),
    ];
    for (operation, left, right, expected) in cases {
        let result = operation(&number(left), &number(right)).unwrap();
        assert_eq!(result.as_number().unwrap().to_string(), expected, "{left} and {right}");
    }
    assert_eq!(
        divide(&0.into(), &0.into()).unwrap_err().message,
        "can't divide zero by zero or infinity by infinity"
    );
    assert_eq!(add(&"1".into(), &secret(2)), Ok(secret(3)));
    assert_eq!(add(&1.into(), &unknown(Type::Dynamic)), Ok(unknown(Type::Number).refine_not_null()));
    let error = subtract(&1.into(), &"x".into()).unwrap_err();
    assert_eq!((error.operand, error.message.as_str()), (Some(Operand::Right), "a number is required"));
    assert_eq!(negate(&Value::null(Type::Number)).unwrap_err().message, "argument must not be null");
}

#[test]
fn comparisons_use_what_is_known() {
    let between = |low: i64, high: i64| {
        let known = Refinements::NOT_NULL.at_least(Number::Int(low), true).at_most(Number::Int(high), true);
        unknown(Type::Number).refine(&known)
    };
    let cases = [
        (less_than as Operation, 1.into(), 2.into(), Value::bool(true)),
        (less_than, between(1, 3), 4.into(), Value::bool(true)),
        (less_than, between(1, 3), 3.into(), maybe_bool()),
        (greater_than, between(1, 3), 0.into(), Value::bool(true)),
        (greater_than_or_equal, between(1, 3), 5.into(), Value::bool(false)),
        (less_than, between(4, 6), between(1, 2), Value::bool(false)),
        // That they are not equal either is more than cty finds.
        (less_than_or_equal, between(4, 6), between(1, 2), maybe_bool()),
        (less_than_or_equal, 3.into(), 3.into(), Value::bool(true)),
        (less_than_or_equal, "3".into(), secret(2), secret(false)),
    ];
    for (operation, left, right, expected) in cases {
        assert_eq!(operation(&left, &right), Ok(expected), "{left:?} and {right:?}");
    }
}

#[test]
fn logic_decides_as_soon_as_it_can() {
    let null = || Value::null(Type::Dynamic);
    let cases: [(Operation, Value, Value, Option<Value>); 11] = [
        (and, true.into(), false.into(), Some(false.into())),
        (and, unknown(Type::Bool), false.into(), Some(false.into())),
        (and, unknown(Type::Bool), true.into(), Some(maybe_bool())),
        (and, null(), true.into(), Some(false.into())),
        (and, secret(true), null(), Some(secret(false))),
        (or, unknown(Type::Dynamic), true.into(), Some(true.into())),
        (or, "false".into(), false.into(), Some(false.into())),
        (or, null(), secret(true), Some(secret(true))),
        (or, null(), false.into(), None),
        (or, 1.into(), true.into(), None),
        (|value, _| not(value), unknown(Type::Bool), null(), Some(maybe_bool())),
    ];
    for (operation, left, right, expected) in cases {
        assert_eq!(operation(&left, &right).ok(), expected, "{left:?} and {right:?}");
    }
}

#[test]
fn equality_knows_what_cannot_be() {
    let null = || Value::null(Type::Dynamic);
    let prefixed = unknown(Type::String).refine(&Refinements::NONE.with_prefix("ab"));
    let object = |a: Value, b: Value| Value::object(vec![("a".into(), a), ("b".into(), b)]);
    let cases = [
        (1.into(), number("1.0"), Value::bool(true)),
        (number("-0"), 0.into(), Value::bool(true)),
        (1.into(), "1".into(), Value::bool(false)),
        (null(), Value::null(Type::String), Value::bool(true)),
        (unknown(Type::String), null(), maybe_bool()),
        (unknown(Type::String).refine_not_null(), null(), Value::bool(false)),
        (prefixed.clone(), "xyz".into(), Value::bool(false)),
        (prefixed, "abc".into(), maybe_bool()),
        (unknown(Type::Bool), Value::tuple(Vec::new()), Value::bool(false)),
        (unknown(Type::Bool), unknown(Type::String), maybe_bool()),
        (object(unknown(Type::Bool), 1.into()), object(true.into(), 2.into()), Value::bool(false)),
        (object(unknown(Type::Bool), 1.into()), object(true.into(), 1.into()), maybe_bool()),
        (object(unknown(Type::Dynamic), 1.into()), object(true.into(), 1.into()), maybe_bool()),
        (secret("a"), "a".into(), secret(true)),
        (Value::tuple(vec![secret("a")]), null(), Value::bool(false)),
        (Value::tuple(vec![secret("a")]), Value::tuple(vec!["a".into()]), secret(true)),
    ];
    for (left, right, expected) in cases {
        assert_eq!(equals(&left, &right), expected, "{left:?} == {right:?}");
        assert_eq!(equals(&right, &left), expected, "{right:?} == {left:?}");
        assert_eq!(Ok(not_equals(&left, &right)), not(&expected), "{left:?} != {right:?}");
    }
}

#[test]
fn lengths_and_elements() {
    let part = Value::set(Type::String, vec!["a".into(), unknown(Type::String)]);
    let bounded = |low: i64, high: i64| {
        let known = Refinements::NOT_NULL.at_least(Number::Int(low), true).at_most(Number::Int(high), true);
        Ok(unknown(Type::Number).refine(&known))
    };
    assert_eq!(length(&typed(r#"["list","bool"]"#, "[true,false]")), Ok(2.into()));
    assert_eq!(length(&secret(typed(r#"["map","bool"]"#, "{}"))), Ok(secret(0)));
    assert_eq!(length(&unknown(Type::tuple(vec![Type::Bool]))), Ok(1.into()));
    assert_eq!(length(&part), bounded(1, 2));
    assert_eq!(length(&unknown(Type::list(Type::Bool))), bounded(0, i64::MAX));
    assert!(length(&Value::null(Type::list(Type::Bool))).is_err());
    assert!(length(&5.into()).is_err());
    assert_eq!(has_element(&part, &"a".into()), Ok(true.into()));
    assert_eq!(has_element(&part, &"b".into()), Ok(maybe_bool()));
    assert_eq!(has_element(&part, &1.into()), Ok(false.into()));
}

#[test]
fn reaching_in() {
    let list = typed(r#"["list","string"]"#, r#"["c","a"]"#);
    let map = typed(r#"["map","number"]"#, r#"{"k":1,"1":2}"#);
    let object = Value::object(vec![("a".into(), 1.into()), ("1".into(), true.into())]);
    let no_element = "The given key does not identify an element in this collection value";
    let cases: [(Value, Value, Result<Value, String>); 16] = [
        (list.clone(), 1.into(), Ok("a".into())),
        (list.clone(), "0".into(), Ok("c".into())),
        (secret(list.clone()), 0.into(), Ok(secret("c"))),
        (list.clone(), secret(0), Ok(secret("c"))),
        (list.clone(), unknown(Type::Number), Ok(unknown(Type::String))),
        (list.clone(), unknown(Type::Dynamic), Ok(unknown(Type::Dynamic))),
        (list.clone(), "x".into(), Err(format!("{no_element}: a number is required."))),
        (
            list.clone(),
            2.into(),
            Err(format!(
                "{no_element}: the given index is greater than or equal to the length of the collection."
            )),
        ),
        (
            list.clone(),
            (-1).into(),
            Err(format!("{no_element}: a negative number is not a valid index for a sequence.")),
        ),
        (
            list,
            number("0.5"),
            Err(format!(
                "{no_element}: indexing a sequence requires a whole number, but the given index has a fractional part."
            )),
        ),
        (map.clone(), 1.into(), Ok(2.into())),
        (map, "x".into(), Err(format!("{no_element}."))),
        (object.clone(), "a".into(), Ok(1.into())),
        (
            object.clone(),
            7.into(),
            Err(format!(
                "{no_element}. An object only supports looking up attributes by name, not by numeric index."
            )),
        ),
        (
            object.clone(),
            Value::null(Type::String),
            Err("Can't use a null value as an indexing key.".to_owned()),
        ),
        (unknown(Type::tuple(vec![Type::Bool])), 0.into(), Ok(unknown(Type::Bool))),
    ];
    for (collection, key, expected) in cases {
        assert_eq!(
            index(&collection, &key).map_err(|error| error.message),
            expected,
            "{collection:?}[{key:?}]"
        );
    }
    assert_eq!(get_attribute(&object, "a"), Ok(1.into()));
    let error = get_attribute(&object, "b").unwrap_err();
    assert_eq!(error.message, "This object does not have an attribute named \"b\".");
}

#[test]
fn refinements_collapse_when_one_value_is_left() {
    let exactly = |count: u64| Refinements::NOT_NULL.length_between(count, Some(count));
    let five = Refinements::NOT_NULL.at_least(Number::Int(5), true).at_most(Number::Int(5), true);
    let cases = [
        (Type::Number, five.clone(), number("5")),
        (Type::list(Type::Bool), exactly(2), Value::list(Type::Bool, vec![unknown(Type::Bool); 2])),
        (Type::map(Type::Bool), exactly(0), Value::map(Type::Bool, Vec::new())),
        (Type::set(Type::Bool), exactly(1), Value::set(Type::Bool, vec![unknown(Type::Bool)])),
        // Promises that mean nothing for the type are dropped.
        (Type::Bool, five, maybe_bool()),
        (Type::Dynamic, exactly(0), unknown(Type::Dynamic)),
    ];
    for (kind, known, expected) in cases {
        assert_eq!(unknown(kind.clone()).refine(&known), expected, "{kind}");
    }
    let many = unknown(Type::list(Type::Bool)).refine(&exactly(1 << 40));
    assert!(!many.is_known());
    assert_eq!(Value::null(Type::Bool).refine_not_null(), Value::null(Type::Bool));
    let prefixes =
        [("pre-", Some("pre-")), ("abc", Some("ab")), ("a", None), ("x👩🏽‍💻", Some("x")), ("{", Some("{"))];
    for (given, expected) in prefixes {
        let known = Refinements::NONE.with_open_prefix(given);
        assert_eq!(known.prefix.as_deref(), expected, "{given}");
    }
}
