//! Tables for the JSON codec.

use super::*;
use crate::{Number, Path, PathStep, Type, Value};

fn object(attributes: &[(&str, Value)]) -> Value {
    Value::object(attributes.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
}

#[test]
fn values_read_and_write_by_type() {
    let number = |text: &str| Value::number(Number::parse(text).unwrap());
    let cases = [
        (Type::String, r#""a""#, Value::string("a")),
        (Type::Number, "0.1", number("0.1")),
        (Type::Number, "123456789012345678901234567890.125", number("123456789012345678901234567890.125")),
        (Type::Bool, "true", Value::bool(true)),
        (Type::Bool, "null", Value::null(Type::Bool)),
        (Type::list(Type::Number), "[1,2]", Value::list(Type::Number, vec![1.into(), 2.into()])),
        (Type::set(Type::String), r#"["a","b"]"#, Value::set(Type::String, vec!["b".into(), "a".into()])),
        (Type::map(Type::Bool), r#"{"a":true}"#, Value::map(Type::Bool, vec![("a".into(), true.into())])),
        (
            Type::tuple(vec![Type::Bool, Type::String]),
            r#"[true,"x"]"#,
            Value::tuple(vec![true.into(), "x".into()]),
        ),
        (
            Type::object([("a", Type::Number), ("b", Type::Dynamic)]),
            r#"{"a":1,"b":{"value":"x","type":"string"}}"#,
            object(&[("a", 1.into()), ("b", "x".into())]),
        ),
        (Type::Dynamic, "null", Value::null(Type::Dynamic)),
        (
            Type::Dynamic,
            r#"{"value":[null],"type":["tuple",["dynamic"]]}"#,
            Value::tuple(vec![Value::null(Type::Dynamic)]),
        ),
        (Type::String, r#""\u003ca\u0026b\u003e\n\u2028""#, Value::string("<a&b>\n\u{2028}")),
        (Type::String, r#""\b\t\f\r\"\\\u0001\u2029""#, Value::string("\u{8}\t\u{c}\r\"\\\u{1}\u{2029}")),
        (Type::String, r#""…â€é""#, Value::string("…â€é")),
    ];
    for (value_type, text, value) in cases {
        assert_eq!(decode(text, &value_type), Ok(value.clone()), "{text}");
        assert_eq!(encode(&value, &value_type).as_deref(), Ok(text), "{value:?}");
    }
}

#[test]
fn reading_is_lenient_where_cty_is() {
    let kind = Type::object([("a", Type::Number), ("b", Type::String)]);
    let cases = [
        (Type::String, "1.50", Value::string("1.50")),
        (Type::String, "-12", Value::string("-12")),
        (Type::String, "12", Value::string("12")),
        (Type::String, "true", Value::string("true")),
        (Type::Number, r#""12""#, Value::number(12)),
        (Type::Bool, r#""false""#, Value::bool(false)),
        (kind.clone(), r#"{"b":"x"}"#, object(&[("a", Value::null(Type::Number)), ("b", "x".into())])),
        (kind, r#"{"b":"x","a":1,"b":"y"}"#, object(&[("a", 1.into()), ("b", "y".into())])),
        (
            Type::map(Type::String),
            "{\"e\u{301}\":\"x\"}",
            Value::map(Type::String, vec![("é".into(), "x".into())]),
        ),
    ];
    for (value_type, text, value) in cases {
        assert_eq!(decode(text, &value_type), Ok(value), "{text}");
    }
}

#[test]
fn faults_are_named_with_their_place() {
    let kind =
        Type::object([("a", Type::list(Type::object([("b", Type::Number)]))), ("m", Type::map(Type::Bool))]);
    let cases = [
        (r#"{"a":[{"b":1},{"b":"x"}]}"#, ".a[1].b", "a number is required"),
        (r#"{"a":[{"c":1}]}"#, ".a[0]", "unsupported attribute \"c\""),
        (r#"{"m":{"k":1}}"#, ".m[\"k\"]", "bool is required"),
        (r#"{"m":[]}"#, ".m", "map of bool is required"),
        (r#"{"m":"#, ".m", "EOF while parsing"),
        ("{} x", "", "trailing characters"),
    ];
    for (text, path, message) in cases {
        let error = decode(text, &kind).unwrap_err();
        assert_eq!(error.path.to_string(), path, "{text}");
        assert!(error.message.contains(message), "{text}: {}", error.message);
    }
    assert!(decode_implied("[1").is_err());
    for kind in
        [Type::Dynamic, Type::Number, Type::Bool, Type::list(Type::String), Type::object([("a", Type::Bool)])]
    {
        let error = decode(r#""hunter2""#, &kind).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn implied_types_are_objects_and_tuples() {
    let text = r#"{"a":[1,"x",null,true],"$serde_json::private::Number":"5"}"#;
    let value = decode_implied(text).unwrap();
    let tuple = Value::tuple(vec![1.into(), "x".into(), Value::null(Type::Dynamic), true.into()]);
    assert_eq!(value, object(&[("a", tuple), ("$serde_json::private::Number", "5".into())]));
    assert_eq!(
        encode_plain(&value).unwrap(),
        r#"{"$serde_json::private::Number":"5","a":[1,"x",null,true]}"#
    );
}

#[test]
fn what_cannot_be_written_is_refused() {
    let secret = object(&[("a", Value::string("hunter2").with_marks(&crate::Marks::sensitive()))]);
    let cases = [
        (Value::unknown(Type::String), "", "value is not known"),
        (secret, ".a", "value has marks, so it cannot be serialized as JSON"),
        (
            Value::tuple(vec![Value::number(Number::infinity(false))]),
            "[0]",
            "cannot serialize infinity as JSON",
        ),
    ];
    for (value, path, message) in cases {
        let error = encode_plain(&value).unwrap_err();
        assert_eq!((error.path.to_string().as_str(), error.message.as_str()), (path, message));
    }
}

#[test]
fn types_and_paths_keep_their_form() {
    let types = [
        (r#""dynamic""#, Type::Dynamic),
        (r#"["list","string"]"#, Type::list(Type::String)),
        (r#"["tuple",["bool",["set","number"]]]"#, Type::tuple(vec![Type::Bool, Type::set(Type::Number)])),
        (
            r#"["object",{"a":"string","b":["map","dynamic"]},["b"]]"#,
            Type::object_with_optional([("a", Type::String), ("b", Type::map(Type::Dynamic))], ["b"]),
        ),
    ];
    for (text, value_type) in types {
        assert_eq!(type_from_json(text).as_ref(), Ok(&value_type), "{text}");
        assert_eq!(type_to_json(&value_type), text);
        assert_eq!(serde_json::to_string(&value_type).unwrap(), text);
    }
    for text in [r#""text""#, r#"["list"]"#, r#"["list","string",1]"#, "{}", r#"["what","string"]"#] {
        assert!(type_from_json(text).is_err(), "{text}");
    }
    let text = r#"[{"type":"get_attr","value":"x"},{"type":"index","value":{"value":0,"type":"number"}},{"type":"index","value":{"value":"k","type":"string"}},{"type":"index","value":{"value":true,"type":"bool"}}]"#;
    let mut path = Path::root().attribute("x").index(0).key("k");
    path.0.push(PathStep::Element(Value::bool(true)));
    assert_eq!(path_to_json(&path).as_deref(), Ok(text));
    assert_eq!(path_from_json(text), Ok(path));
}
