//! Tables for the MessagePack codec; the bytes are those of cty.

use super::*;
use crate::{Marks, Number, Refinements, Type, Value};

fn number(text: &str) -> Value {
    Value::number(Number::parse(text).unwrap())
}

#[test]
fn values_read_and_write_by_type() {
    let refined = |value_type: Type, known: Refinements| Value::unknown(value_type).refine(&known);
    let not_null = Refinements::NOT_NULL;
    let ranged = not_null.clone().at_least(Number::Int(1), true).at_most(Number::Int(300), false);
    let cases: Vec<(Type, &[u8], Value)> = vec![
        (Type::Bool, &[0xc3], true.into()),
        (Type::Bool, &[0xc0], Value::null(Type::Bool)),
        (Type::Number, &[7], number("7")),
        (Type::Number, &[0xff], number("-1")),
        (Type::Number, &[0xcc, 200], number("200")),
        (Type::Number, &[0xd0, 0x80], number("-128")),
        (Type::Number, &[0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0], number("0.5")),
        (Type::Number, b"\xa30.1", number("0.1")),
        (Type::Number, b"\xb49223372036854775808\x30", number("92233720368547758080")),
        (Type::Number, &[0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0], Value::number(Number::infinity(false))),
        (Type::String, b"\xa2hi", "hi".into()),
        (
            Type::list(Type::Bool),
            &[0x92, 0xc2, 0xc3],
            Value::list(Type::Bool, vec![false.into(), true.into()]),
        ),
        (Type::map(Type::Bool), b"\x81\xa1k\xc2", Value::map(Type::Bool, vec![("k".into(), false.into())])),
        (
            Type::object([("a", Type::Number), ("b", Type::Dynamic)]),
            b"\x82\xa1a\x01\xa1b\x92\xc4\x06\"bool\"\xc3",
            Value::object(vec![("a".into(), 1.into()), ("b".into(), true.into())]),
        ),
        (Type::String, &[0xd4, 0, 0], Value::unknown(Type::String)),
        (Type::Dynamic, &[0xd4, 0, 0], Value::unknown(Type::Dynamic)),
        (Type::Dynamic, &[0xc0], Value::null(Type::Dynamic)),
        (Type::Dynamic, b"\x92\xc4\x08\"string\"\xd4\x00\x00", Value::unknown(Type::String)),
        (Type::String, &[0xc7, 3, 12, 0x81, 1, 0xc2], refined(Type::String, not_null.clone())),
        (
            Type::String,
            b"\xd7\x0c\x82\x01\xc2\x02\xa3abc",
            refined(Type::String, not_null.clone().with_prefix("abc")),
        ),
        (
            Type::Number,
            b"\xc7\x0d\x0c\x83\x01\xc2\x03\x92\x01\xc3\x04\x92\xcd\x01\x2c\xc2",
            refined(Type::Number, ranged),
        ),
        (
            Type::list(Type::Bool),
            &[0xc7, 3, 12, 0x81, 6, 5],
            refined(Type::list(Type::Bool), Refinements::NONE.length_between(0, Some(5))),
        ),
    ];
    for (value_type, bytes, value) in cases {
        assert_eq!(decode_msgpack(bytes, &value_type), Ok(value.clone()), "{bytes:?}");
        assert_eq!(encode_msgpack(&value, &value_type).as_deref(), Ok(bytes), "{value:?}");
    }
}

#[test]
fn what_others_send_is_read() {
    let collapsed = Value::list(Type::Bool, vec![Value::unknown(Type::Bool); 2]);
    let cases: Vec<(Type, &[u8], Value)> = vec![
        (
            Type::Number,
            &[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            number("18446744073709551615"),
        ),
        (Type::Number, &[0xcb, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a], number("0.1")),
        (Type::Number, &[0xca, 0x3f, 0, 0, 0], number("0.5")),
        (Type::Bool, &[0xd4, 5, 9], Value::unknown(Type::Bool)),
        (Type::Bool, &[0xc7, 3, 12, 0x81, 1, 0xc3], Value::null(Type::Bool)),
        (Type::list(Type::Bool), &[0xc7, 7, 12, 0x83, 1, 0xc2, 5, 2, 6, 2], collapsed),
        (Type::Bool, &[0xc7, 5, 12, 0x82, 1, 0xc2, 0x63, 0xc0], Value::unknown(Type::Bool).refine_not_null()),
        (Type::Dynamic, b"\x92\xa6\"bool\"\xc3", true.into()),
    ];
    for (value_type, bytes, value) in cases {
        assert_eq!(decode_msgpack(bytes, &value_type), Ok(value), "{bytes:?}");
    }
}

#[test]
fn faults_are_named_with_their_place() {
    let object = Type::object([("a", Type::list(Type::Number))]);
    let cases: Vec<(Type, &[u8], &str)> = vec![
        (object.clone(), b"\x81\xa1a\x91\xc3", ".a[0]: number is required"),
        (object.clone(), b"\x81\xa1b\xc3", ".b: unsupported attribute"),
        (object, b"\x80", "an object with 1 attributes is required (0 given)"),
        (Type::list(Type::Bool), &[0xdd, 0xff, 0xff, 0xff, 0xff], "[0]: unexpected end of input"),
        (Type::String, &[0xdb, 0xff, 0xff, 0xff, 0xff], "unexpected end of input"),
        (Type::String, &[0xa1, 0xff], "text is not valid UTF-8"),
        (Type::Bool, &[0xc3, 0xc3], "unexpected bytes after the value"),
        (Type::Bool, &[0xc7, 3, 9, 0x81, 1, 0xc3], "unsupported extension type 9"),
        (Type::Number, &[0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0], "number is required"),
    ];
    for (value_type, bytes, message) in cases {
        assert_eq!(decode_msgpack(bytes, &value_type).unwrap_err().to_string(), message, "{bytes:?}");
    }
    let nested = [b"\x92\xc4\x09\"dynamic\"".as_slice(); 1000].concat();
    assert_eq!(decode_msgpack(&nested, &Type::Dynamic).unwrap_err().message, "values are nested too deeply");
    let secret = Value::string("x").with_marks(&Marks::sensitive());
    assert!(encode_msgpack(&secret, &Type::String).is_err());
}
