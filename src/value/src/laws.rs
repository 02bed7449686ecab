//! Laws that hold for every value.

use crate::arbitrary::{Content, is_composite, numbers, typed_values, types, values};
use crate::big_float::BigFloat;
use crate::operations::conforms;
use crate::*;
use num_bigint::BigInt;
use num_bigint::Sign;
use proptest::prelude::*;

fn integer(text: &str) -> BigInt {
    BigInt::parse_bytes(text.as_bytes(), 10).unwrap_or_default()
}

/// Numerator and denominator of a finite number, exactly.
fn ratio(number: &Number) -> (BigInt, BigInt) {
    if let Number::Int(int) | Number::Word(int) = number {
        return (BigInt::from(*int), BigInt::from(1));
    }
    let Number::Big(big) = number else { unreachable!("it is one of three") };
    let Some(value) = BigFloat::positive(big) else { return (BigInt::from(0), BigInt::from(1)) };
    let sign = if number.sign() < 0 { Sign::Minus } else { Sign::Plus };
    let mantissa = BigInt::from_biguint(sign, value.mantissa);
    if value.exponent >= 0 {
        return (mantissa << value.exponent.unsigned_abs(), BigInt::from(1));
    }
    (mantissa, BigInt::from(1) << value.exponent.unsigned_abs())
}

/// Whether `result` is within half a unit of its last place (2^-512 of itself) of the exact fraction.
fn is_nearest(result: &Number, numerator: &BigInt, denominator: &BigInt) -> bool {
    let (result_numerator, result_denominator) = ratio(result);
    let difference = &result_numerator * denominator - numerator * &result_denominator;
    let difference = difference.magnitude() << 512_u32;
    difference <= (numerator * &result_denominator).magnitude().clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whole_numbers_compute_exactly(left in "-?[1-9][0-9]{0,70}", right in "-?[1-9][0-9]{0,70}") {
        let (one, other) = (Number::parse(&left).unwrap(), Number::parse(&right).unwrap());
        let (exact_one, exact_other) = (integer(&left), integer(&right));
        let read = |exact: BigInt| Number::parse(&exact.to_string());
        prop_assert_eq!(one.add(&other), read(&exact_one + &exact_other));
        prop_assert_eq!(one.subtract(&other), read(&exact_one - &exact_other));
        prop_assert_eq!(one.multiply(&other), read(&exact_one * &exact_other));
        prop_assert_eq!(one.cmp(&other), exact_one.cmp(&exact_other));
    }

    #[test]
    fn fractions_are_the_nearest(one in numbers(), other in numbers()) {
        let ((numerator, denominator), (other_numerator, other_denominator)) = (ratio(&one), ratio(&other));
        let product = one.multiply(&other).unwrap();
        let exact = (&numerator * &other_numerator, &denominator * &other_denominator);
        prop_assert!(is_nearest(&product, &exact.0, &exact.1));
        let sum = one.add(&other).unwrap();
        let exact = (&numerator * &other_denominator + &other_numerator * &denominator, exact.1);
        prop_assert!(is_nearest(&sum, &exact.0, &exact.1));
        if !other.is_zero() {
            let quotient = one.divide(&other).unwrap();
            prop_assert!(is_nearest(&quotient, &(&numerator * &other_denominator), &(&denominator * &other_numerator)));
        }
    }

    #[test]
    fn numbers_read_back(number in numbers(), divisor in 1_i64..1000) {
        let number = number.divide(&Number::Int(divisor)).unwrap();
        let text = number.to_string();
        prop_assert_eq!(Number::parse(&text), Some(number.clone()));
        prop_assert!(!(text.contains('.') && text.ends_with('0')), "{}", text);
        prop_assert!(number.floor() <= number && number <= number.ceiling());
        prop_assert!(number.floor().is_integer());
    }

    #[test]
    fn floats_read_back(float in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO) {
        let number = Number::from_f64(float).unwrap();
        prop_assert_eq!(number.to_f64().to_bits(), float.to_bits());
    }

    #[test]
    fn conversion_to_its_own_type_is_the_same_node(value in typed_values(Content::Marked)) {
        let converted = convert(&value, &value.value_type()).unwrap();
        prop_assert_eq!(&converted, &value);
        prop_assert!(!is_composite(&value) || converted.is_same_node(&value));
        let passed = convert(&value, &Type::Dynamic).unwrap();
        prop_assert!(!is_composite(&value) || passed.is_same_node(&value));
    }

    #[test]
    fn conversion_reaches_the_type_and_rests_there(
        (value, want) in (types(), types())
            .prop_flat_map(|(from, to)| (values(&from, Content::Marked), prop_oneof![Just(to), Just(Type::String)]))
    ) {
        let from = value.value_type();
        match convert(&value, &want) {
            Ok(converted) => {
                prop_assert!(can_convert(&from, &want));
                prop_assert!(conforms(&converted.value_type(), &want));
                prop_assert_eq!(convert(&converted, &want), Ok(converted.clone()));
                prop_assert_eq!(value.is_null(), converted.is_null());
                prop_assert_eq!(value.marks().union(&converted.marks()), converted.marks());
            }
            Err(error) => prop_assert!(!can_convert_safely(&from, &want), "{}", error),
        }
    }

    #[test]
    fn what_unifies_converts(kinds in prop::collection::vec(types(), 1..4)) {
        if let Some(unified) = unify_safe(&kinds) {
            prop_assert!(kinds.iter().all(|kind| can_convert_safely(kind, &unified)));
            prop_assert!(unify(&kinds).is_some());
        }
        if let Some(unified) = unify(&kinds) {
            prop_assert!(kinds.iter().all(|kind| can_convert(kind, &unified)));
        }
    }

    #[test]
    fn json_reads_back(value in typed_values(Content::Known)) {
        for kind in [value.value_type(), Type::Dynamic] {
            let text = encode(&value, &kind).unwrap();
            prop_assert_eq!(decode(&text, &kind).unwrap(), value.clone(), "{}", text);
        }
        let plain = encode_plain(&value).unwrap();
        prop_assert_eq!(encode_plain(&decode_implied(&plain).unwrap()).unwrap(), plain);
    }

    #[test]
    fn messagepack_reads_back(value in typed_values(Content::Unknown)) {
        for kind in [value.value_type(), Type::Dynamic] {
            let bytes = encode_msgpack(&value, &kind).unwrap();
            prop_assert_eq!(decode_msgpack(&bytes, &kind).unwrap(), value.clone());
        }
    }

    #[test]
    fn readers_survive_any_input(bytes in prop::collection::vec(any::<u8>(), 0..60), kind in types()) {
        let _ = decode_msgpack(&bytes, &kind);
        let _ = decode(&String::from_utf8_lossy(&bytes), &kind);
    }

    #[test]
    fn types_read_back(kind in types()) {
        prop_assert_eq!(type_from_json(&type_to_json(&kind)), Ok(kind));
    }

    #[test]
    fn marks_come_off_and_go_back(value in typed_values(Content::Marked)) {
        let (bare, marks) = value.unmark_deep();
        prop_assert!(!bare.has_marks());
        prop_assert_eq!(bare.mark_paths(&marks), value.clone());
        prop_assert_eq!(value.has_marks(), !value.gather_marks().is_empty());
        for kind in [MarkKind::Sensitive, MarkKind::Ephemeral, MarkKind::Deprecated] {
            prop_assert_eq!(value.has_mark_deep(kind), value.gather_marks().has(kind));
        }
    }

    #[test]
    fn a_pass_that_changes_nothing_shares(value in typed_values(Content::Marked)) {
        let after = value.transform(&mut |_, part| part);
        prop_assert_eq!(&after, &value);
        prop_assert!(!is_composite(&value) || after.is_same_node(&value));
        let mut found_unknown = false;
        value.walk(&mut |path, part| {
            found_unknown |= !part.is_known();
            assert_eq!(path.get(&value).map(|found| found.unmark().0), Some(part.unmark().0));
            true
        });
        prop_assert_eq!(value.is_wholly_known(), !found_unknown);
        prop_assert!(value.unknown_as_null().is_wholly_known());
    }

    #[test]
    fn sets_do_not_depend_on_the_order_given(
        (kind, items) in types().prop_flat_map(|kind| {
            let items = prop::collection::vec(values(&kind, Content::Known), 0..6);
            (Just(kind), items)
        })
    ) {
        let set = Value::set(kind.clone(), items.clone());
        let backwards: Vec<Value> = items.iter().rev().chain(&items).cloned().collect();
        prop_assert_eq!(&Value::set(kind, backwards), &set);
        for item in &items {
            prop_assert_eq!(has_element(&set, item), Ok(Value::bool(true)));
        }
    }

    #[test]
    fn equality_is_that_of_values(one in typed_values(Content::Known), other in typed_values(Content::Known)) {
        prop_assert_eq!(equals(&one, &one), Value::bool(true));
        prop_assert_eq!(equals(&one, &other), equals(&other, &one));
        let both_null = one.is_null() && other.is_null();
        prop_assert_eq!(equals(&one, &other), Value::bool(both_null || one == other));
    }

    #[test]
    fn what_is_sensitive_never_shows(secret in "[q-z]{12}") {
        let marked = Value::string(secret.clone()).with_marks(&Marks::sensitive());
        let inside = Value::object(vec![("a".into(), Value::tuple(vec![marked.clone()]))]);
        let set = Value::set(Type::String, vec![marked.clone()]);
        let map = Value::map(Type::String, vec![("k".into(), marked)]);
        for value in [inside, set, map] {
            let shown = format!("{value:?} {value}");
            let converted = format!("{:?}", convert(&value, &Type::Number));
            let encoded = format!("{:?}", encode_plain(&value));
            prop_assert!([shown, converted, encoded].iter().all(|text| !text.contains(&secret)));
        }
    }
}

/// At so many steps, a cost that grows with the value would take hours instead of milliseconds.
#[test]
fn cloning_and_asking_cost_the_same_for_any_size() {
    let items: Vec<Value> = (0..1_000_000_i64).map(Value::from).collect();
    let large = Value::object(vec![("list".into(), Value::list(Type::Number, items))]);
    for _ in 0..1_000_000 {
        let clone = std::hint::black_box(large.clone());
        assert!(clone.is_same_node(&large) && clone.is_wholly_known() && !clone.has_marks());
        assert!(!clone.has_mark_deep(MarkKind::Sensitive) && clone.unmark_deep().0.is_same_node(&large));
    }
}
