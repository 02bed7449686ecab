use super::{DIGEST_LENGTH, digest, from_raw, read, to_raw, write};
use crate::model::{
    Action, ActionReason, Cause, Change, DataResult, EnvelopeEntry, Move, OutputChange, Plan,
    PlannedVariable, RunMode, Stage, Step, StoredReading, Work,
};
use formwork_diagnostic::{Diagnostic, Diagnostics, FileId, Span};
use formwork_sdk::Target;
use formwork_state::{DeposedKey, ObjectKey, ProviderAddress, ProviderConfigAddress};
use formwork_value::{Mark, MarkKind, Marks, Name, Number, Path, PathStep, Refinements, Type, Value};
use indexmap::IndexMap;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn provider(alias: Option<&str>) -> ProviderConfigAddress {
    let alias = alias.map(Into::into);
    ProviderConfigAddress { module_path: vec!["a".into()], provider: ProviderAddress::formwork("sim"), alias }
}

fn empty() -> Plan {
    Plan {
        mode: RunMode::Normal,
        timestamp: "2026-01-01T00:00:00Z".to_owned(),
        lineage: "l".to_owned(),
        base_serial: 7,
        files: BTreeMap::new(),
        variables: IndexMap::new(),
        ephemeral_variables: Vec::new(),
        changes: Vec::new(),
        drift: Vec::new(),
        given: IndexMap::new(),
        relevant: Vec::new(),
        checks: Vec::new(),
        outputs: Vec::new(),
        steps: Vec::new(),
        stages: Vec::new(),
        targets: IndexMap::new(),
        recover: Vec::new(),
        warnings: Diagnostics::new(),
        errored: false,
        readings: Vec::new(),
        data: Vec::new(),
        focus: crate::focus::Focus::default(),
        moves: Vec::new(),
        rewrites: Vec::new(),
        prior_configurations: Vec::new(),
    }
}

fn change(address: &str, before: Value, after: Value) -> Change {
    Change {
        address: address.parse().unwrap(),
        deposed: None,
        previous_address: None,
        provider: provider(None),
        action: Action::Update,
        reason: None,
        before,
        after,
        replace_paths: Vec::new(),
        causes: Vec::new(),
        stage: 0,
        private: Vec::new(),
        importing: None,
        generated: None,
    }
}

fn bytes_of(plan: &Plan) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(plan, &mut bytes).unwrap();
    bytes
}

/// Everything of a value, secrets and refinements included, since `Debug` hides them.
fn assert_same_value(left: &Value, right: &Value) {
    assert_eq!(left.unmark_deep(), right.unmark_deep());
    assert_eq!(left, right);
    assert_eq!(left.value_type(), right.value_type());
}

fn assert_same_change(left: &Change, right: &Change) {
    assert_eq!(left.address, right.address);
    assert_eq!(left.deposed, right.deposed);
    assert_eq!(left.previous_address, right.previous_address);
    assert_eq!(left.provider, right.provider);
    assert_eq!((left.action, left.reason, left.stage), (right.action, right.reason, right.stage));
    assert_same_value(&left.before, &right.before);
    assert_same_value(&left.after, &right.after);
    assert_eq!(left.replace_paths, right.replace_paths);
    assert_eq!(left.causes, right.causes);
    assert_eq!(left.private, right.private);
    assert_eq!(left.importing, right.importing);
    assert_eq!(left.generated, right.generated);
}

fn assert_same_plan(left: &Plan, right: &Plan) {
    assert_eq!(left.mode, right.mode);
    assert_eq!(left.timestamp, right.timestamp);
    assert_eq!((&left.lineage, left.base_serial), (&right.lineage, right.base_serial));
    assert_eq!(left.files, right.files);
    assert_eq!(left.variables.keys().collect::<Vec<_>>(), right.variables.keys().collect::<Vec<_>>());
    for (name, variable) in &left.variables {
        assert_same_value(&variable.value, &right.variables[name].value);
        assert_eq!(variable.is_default, right.variables[name].is_default);
    }
    assert_eq!(left.ephemeral_variables, right.ephemeral_variables);
    for (left, right) in [(&left.changes, &right.changes), (&left.drift, &right.drift)] {
        assert_eq!(left.len(), right.len());
        left.iter().zip(right).for_each(|(left, right)| assert_same_change(left, right));
    }
    assert_eq!(left.outputs.len(), right.outputs.len());
    for (left, right) in left.outputs.iter().zip(&right.outputs) {
        assert_eq!((&left.name, left.action, left.sensitive), (&right.name, right.action, right.sensitive));
        assert_same_value(&left.before, &right.before);
        assert_same_value(&left.after, &right.after);
    }
    assert_eq!(format!("{:?}", left.steps), format!("{:?}", right.steps));
    assert_eq!(left.stages, right.stages);
    assert_eq!(left.targets, right.targets);
    assert_eq!(left.recover, right.recover);
    assert_eq!(left.warnings, right.warnings);
    assert_eq!(left.errored, right.errored);
    assert_eq!(left.readings.len(), right.readings.len());
    for (left, right) in left.readings.iter().zip(&right.readings) {
        assert_eq!((&left.key, &left.object, &left.private), (&right.key, &right.object, &right.private));
    }
    assert_eq!(left.data.len(), right.data.len());
    for (left, right) in left.data.iter().zip(&right.data) {
        assert_eq!(
            (&left.address, &left.provider, &left.value),
            (&right.address, &right.provider, &right.value)
        );
    }
    assert_eq!(left.prior_configurations, right.prior_configurations);
}

fn secret() -> Value {
    Value::string("hunter2").with_marks(&Marks::one(Mark::new(MarkKind::Sensitive, "var.password")))
}

fn object(image: &str) -> Value {
    Value::object(vec![("image".into(), image.into()), ("password".into(), secret())])
}

/// A change with something in every field but `deposed`.
fn replaced() -> Change {
    let mut replaced = change("module.m[\"a.b\"].sim_machine.gpu[2]", object("a"), object("b"));
    replaced.action = Action::DeleteThenCreate;
    replaced.reason = Some(ActionReason::ReplaceBecauseCannotUpdate);
    replaced.previous_address = Some("sim_machine.gpu[\"x\"]".parse().unwrap());
    replaced.replace_paths = vec![
        Path::root().attribute("image"),
        Path(vec![
            PathStep::Attribute("a".into()),
            PathStep::Element(Value::from(5)),
            PathStep::Key("k\"".into()),
            PathStep::Index(3),
        ]),
        Path(vec![PathStep::Element(Value::unknown(Type::String))]),
    ];
    let cause = Cause {
        attribute: ".image".to_owned(),
        file: "main.tf".to_owned(),
        line: 3,
        reads: vec!["var.image".to_owned()],
        forces_replacement: true,
    };
    replaced.causes = vec![cause];
    replaced.stage = 1;
    replaced.private = vec![0, 255, 1];
    replaced.importing = Some(crate::model::Importing::Id("id-1".to_owned()));
    replaced.generated = Some("resource \"a\" \"b\" {\n}\n".to_owned());
    replaced
}

fn full() -> Plan {
    let mut deposed = change("sim_machine.gpu[1]", object("a"), Value::null(Type::Dynamic));
    deposed.deposed = Some(DeposedKey("1a2b3c4d".into()));
    let mut plan = empty();
    plan.mode = RunMode::Destroy;
    plan.files = BTreeMap::from([
        ("main.tf".to_owned(), b"a = \"b\"\n".to_vec()),
        ("x.bin".to_owned(), vec![0, 159, 146]),
    ]);
    plan.variables.insert("password".into(), PlannedVariable { value: secret(), is_default: false });
    plan.variables.insert("n".into(), PlannedVariable { value: Value::from(3), is_default: true });
    plan.changes = vec![replaced(), deposed];
    plan.drift = vec![change("data.sim_image.x[\"[0]\"]", object("a"), object("z"))];
    plan.outputs = vec![OutputChange {
        name: "o".into(),
        action: Action::Create,
        before: Value::null(Type::Dynamic),
        after: secret(),
        sensitive: true,
    }];
    plan.steps = vec![
        Step { id: 0, work: Work::Delete { change: 0 }, after: vec![] },
        Step { id: 1, work: Work::Barrier, after: vec![0] },
    ];
    let entry = EnvelopeEntry {
        block: "sim_object.a".parse().unwrap(),
        provider: provider(Some("w")),
        actions: vec![Action::Create],
        at_most: None,
        may_touch: vec!["sim_object.a[0]".parse().unwrap()],
        expected: vec![],
        reason: "r".to_owned(),
    };
    plan.stages = vec![Stage { awaits: "x".to_owned(), envelope: vec![entry] }];
    plan.targets.insert("p".to_owned(), Target { id: "1".to_owned(), words: "one".to_owned() });
    plan.recover =
        vec![ObjectKey { address: "a.b".parse().unwrap(), deposed: Some(DeposedKey("1a2b3c4d".into())) }];
    plan.warnings =
        Diagnostics::from(Diagnostic::warning("c", "s", "d").at(Span::new(FileId(0), 1, 2)).hint("h"));
    plan.errored = true;
    let reading = |object| StoredReading {
        key: ObjectKey::current("a.b".parse().unwrap()),
        object,
        private: vec![7],
        identity: Some(self::object("i")),
    };
    plan.readings =
        vec![reading(None), reading(Some(object("c"))), reading(Some(Value::null(Type::Dynamic)))];
    plan.data = vec![DataResult {
        address: "data.a.b".parse().unwrap(),
        provider: provider(None),
        value: object("d"),
    }];
    plan.prior_configurations = vec![(provider(Some("w")), object("e"))];
    plan.focus.targets = vec!["module.m".parse().unwrap(), "a.b[0]".parse().unwrap()];
    plan.moves = vec![Move { from: "a.b".parse().unwrap(), to: "a.b[0]".parse().unwrap() }];
    plan
}

#[test]
fn every_field_survives() {
    let plan = full();
    assert_same_plan(&plan, &read(&bytes_of(&plan)).unwrap());
    let raw = to_raw(&plan).unwrap();
    assert!(!raw.get().contains('\n'), "the journal holds one record a line");
    assert_same_plan(&plan, &from_raw(&raw).unwrap());
    assert_eq!(
        bytes_of(&plan),
        bytes_of(&read(&bytes_of(&plan)).unwrap()),
        "writing again gives the same bytes"
    );
}

#[test]
fn ephemeral_values_are_not_written() {
    let ephemeral = Marks::one(Mark::new(MarkKind::Ephemeral, "var.token"));
    let secret = Value::string("hunter2").with_marks(&ephemeral);
    let nested = Value::object(vec![("kept".into(), "plain".into()), ("token".into(), secret.clone())]);
    let mut plan = empty();
    plan.variables.insert("token".into(), PlannedVariable { value: secret.clone(), is_default: false });
    plan.variables.insert("nested".into(), PlannedVariable { value: nested.clone(), is_default: false });
    plan.variables.insert("kept".into(), PlannedVariable { value: "stays".into(), is_default: false });
    plan.changes.push(change("a.b", nested.clone(), nested));
    let bytes = bytes_of(&plan);
    for form in ["hunter2", &base64_inside("hunter2")] {
        assert!(!String::from_utf8_lossy(&bytes).contains(form), "{form}");
    }
    let back = read(&bytes).unwrap();
    assert_eq!(back.ephemeral_variables, ["token", "nested"]);
    assert_same_value(&back.variables["token"].value, &Value::null(Type::String).with_marks(&ephemeral));
    assert!(back.variables["nested"].value.is_null());
    assert_eq!(back.variables["kept"].value, "stays".into());
    assert_eq!(back.changes[0].after.get("kept"), Some(&"plain".into()));
    assert_same_value(
        back.changes[0].after.get("token").unwrap(),
        &Value::null(Type::String).with_marks(&ephemeral),
    );
}

/// The part of a text's base64 that is the same wherever the text begins at a multiple of three bytes.
fn base64_inside(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(&text[..text.len() / 3 * 3])
}

#[test]
fn what_is_no_sound_plan_is_refused() {
    let good = bytes_of(&full());
    let text = String::from_utf8(good.clone()).unwrap();
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).into_bytes()
    };
    let version = format!("\"formwork_version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    let cases = [
        (b"".to_vec(), "plan-file-foreign"),
        (b"PK\x03\x04rest".to_vec(), "plan-file-foreign"),
        (b"resource \"a\" \"b\" {}".to_vec(), "plan-file-foreign"),
        (b"{\"version\":4}".to_vec(), "plan-file-foreign"),
        (good[..good.len() / 2].to_vec(), "plan-file-damaged"),
        (good[..good.len() - 1].to_vec(), "plan-file-damaged"),
        (replaced("\"var.image\"", "\"var.imbge\""), "plan-file-damaged"),
        (replaced("\"base_serial\":7", "\"base_serial\":8"), "plan-file-damaged"),
        (replaced("\"mode\":", "\"mode\";"), "plan-file-damaged"),
        (replaced("\"format\":1", "\"format\":2"), "plan-file-format"),
        (replaced(&version, "\"formwork_version\":\"0.0.0\""), "plan-file-version"),
    ];
    for (bytes, code) in cases {
        let found = read(&bytes).unwrap_err();
        assert_eq!(found.code, code, "{}", String::from_utf8_lossy(&bytes));
        assert!(found.hint.is_some(), "{code}");
        assert!(!format!("{found:?}").contains("hunter2"));
    }
    let mut spaced = good;
    spaced.extend_from_slice(b"\r\n");
    assert!(read(&spaced).is_ok(), "an editor's line break at the end does no harm");
}

#[test]
fn a_part_that_was_never_written_so_is_refused_although_its_digest_is_right() {
    let whole = String::from_utf8(bytes_of(&full())).unwrap();
    let content = &whole[..whole.len() - DIGEST_LENGTH - ",\"digest\":\"\"}".len()];
    let cases = [("\"type\":0", "\"type\":9"), ("\"after\":", "\"other\":"), ("\"stage\":1", "\"stage\":-1")];
    for (from, to) in cases {
        assert!(content.contains(from), "{from}");
        let changed = content.replacen(from, to, 1);
        let document = format!("{changed},\"digest\":\"{}\"}}", digest(changed.as_bytes()));
        assert_eq!(read(document.as_bytes()).unwrap_err().code, "plan-file-damaged", "{to}");
    }
}

#[test]
fn a_digest_is_that_of_the_bytes() {
    assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn a_full_disk_is_an_error() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let length = bytes_of(&full()).len();
    assert!(write(&full(), &mut Full(length)).is_ok());
    for room in [0, 100, length - 70, length - 1] {
        let error = write(&full(), &mut Full(room)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{room}");
    }
}

#[test]
fn types_are_written_once() {
    let object = |at: i64| Value::object(vec![("a_long_attribute_name".into(), Value::from(at))]);
    let mut plan = empty();
    plan.changes = (0..100).map(|at| change(&format!("a.b[{at}]"), object(at), object(at + 1))).collect();
    let text = String::from_utf8(bytes_of(&plan)).unwrap();
    assert_eq!(text.matches("\"a_long_attribute_name\":\"number\"").count(), 1);
}

fn types() -> BoxedStrategy<Type> {
    let leaf = prop_oneof![Just(Type::Bool), Just(Type::Number), Just(Type::String)];
    let nested = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::set),
            inner.clone().prop_map(Type::map),
            vec(inner.clone(), 0..3).prop_map(Type::tuple),
            vec(("[a-c]", inner), 0..3).prop_map(Type::object),
        ]
    });
    nested.boxed()
}

/// Without negative zero: MessagePack's zero has no sign.
fn numbers() -> BoxedStrategy<Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::Int),
        (-20_i64..20).prop_map(Number::Int),
        "-?[1-9][0-9]{20,60}(\\.[0-9]{1,20})?".prop_map(|text| Number::parse(&text).unwrap()),
        "-?0\\.[0-9]{1,40}".prop_map(|text| Number::parse(&text).unwrap()),
        Just(Number::parse("1e300").unwrap()),
    ]
    .boxed()
}

fn refined(value_type: &Type) -> BoxedStrategy<Value> {
    let value_type = value_type.clone();
    (any::<bool>(), "[a-z]{0,6}", numbers(), 0_u64..4, 0_u64..4)
        .prop_map(move |(not_null, prefix, bound, length, more)| {
            let mut known = if not_null { Refinements::NOT_NULL } else { Refinements::NONE };
            match &value_type {
                Type::String if !prefix.is_empty() => known = known.with_prefix(prefix),
                Type::Number => known = known.at_least(bound, not_null),
                kind if kind.is_collection() => known = known.length_between(length, Some(length + more)),
                _ => {}
            }
            Value::unknown(value_type.clone()).refine(&known)
        })
        .boxed()
}

fn known(value_type: &Type) -> BoxedStrategy<Value> {
    match value_type {
        Type::Dynamic | Type::Bool => any::<bool>().prop_map(Value::bool).boxed(),
        Type::Number => numbers().prop_map(Value::number).boxed(),
        Type::String => "\\PC{0,12}".prop_map(Value::string).boxed(),
        Type::List(element) => {
            let kind = (**element).clone();
            vec(values(element), 0..3).prop_map(move |items| Value::list(kind.clone(), items)).boxed()
        }
        Type::Set(element) => {
            let kind = (**element).clone();
            vec(values(element), 0..3).prop_map(move |items| Value::set(kind.clone(), items)).boxed()
        }
        Type::Map(element) => {
            let kind = (**element).clone();
            let entries =
                vec(("[a-z\u{e0}-\u{ff}\\\\\" .]{0,4}".prop_map(Name::from), values(element)), 0..3);
            entries.prop_map(move |entries| Value::map(kind.clone(), entries)).boxed()
        }
        Type::Tuple(elements) => {
            elements.iter().map(values).collect::<Vec<_>>().prop_map(Value::tuple).boxed()
        }
        Type::Object(object) => {
            let names: Vec<Name> = object.attributes().iter().map(|(name, _)| name.clone()).collect();
            let parts: Vec<_> = object.attributes().iter().map(|(_, kind)| values(kind)).collect();
            parts.prop_map(move |parts| Value::object(names.iter().cloned().zip(parts).collect())).boxed()
        }
    }
}

fn values(value_type: &Type) -> BoxedStrategy<Value> {
    let bare = prop_oneof![
        8 => known(value_type),
        1 => Just(Value::null(value_type.clone())),
        2 => refined(value_type),
    ];
    let kinds = prop_oneof![Just(MarkKind::Sensitive), Just(MarkKind::Deprecated)];
    let marks = vec((kinds, "[a-z.]{0,5}"), 0..3);
    let marks = marks
        .prop_map(|all| all.into_iter().map(|(kind, origin)| Mark::new(kind, origin)).collect::<Marks>());
    prop_oneof![
        4 => bare.clone(),
        1 => (bare, marks).prop_map(|(value, marks)| value.with_marks(&marks)),
    ]
    .boxed()
}

fn any_value() -> BoxedStrategy<Value> {
    prop_oneof![
        10 => types().prop_flat_map(|value_type| values(&value_type)),
        1 => Just(Value::unknown(Type::Dynamic)),
        1 => Just(Value::null(Type::Dynamic)),
    ]
    .boxed()
}

fn any_change() -> BoxedStrategy<Change> {
    let addresses = prop_oneof![
        Just("a.b".to_owned()),
        any::<u64>().prop_map(|at| format!("module.m[\"k\"].data.a.b[{at}]")),
        "[a-z\\[\\]. 0-9]{0,8}".prop_map(|key| format!("a.b[\"{key}\"]")),
    ];
    let details = (vec(any::<u8>(), 0..6), vec(any_value(), 0..2), any::<u32>());
    (addresses, any_value(), any_value(), details)
        .prop_map(|(address, before, after, (private, elements, stage))| {
            let mut change = change(&address, before, after);
            change.private = private;
            change.stage = stage;
            change.replace_paths =
                elements.into_iter().map(|value| Path(vec![PathStep::Element(value)])).collect();
            change
        })
        .boxed()
}

proptest! {
    #[test]
    fn plans_survive(changes in vec(any_change(), 0..5), drift in vec(any_change(), 0..2), variables in vec(any_value(), 0..3)) {
        let mut plan = empty();
        plan.changes = changes;
        plan.drift = drift;
        for (at, value) in variables.into_iter().enumerate() {
            plan.variables.insert(arcstr::format!("v{at}"), PlannedVariable { value, is_default: false });
        }
        assert_same_plan(&plan, &read(&bytes_of(&plan)).unwrap());
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), other in any::<u8>()) {
        prop_assert!(read(&bytes).is_err());
        let mut whole = bytes_of(&full());
        let at = at.index(whole.len());
        prop_assume!(whole[at] != other);
        whole[at] = other;
        prop_assert!(read(&whole).is_err());
    }
}
