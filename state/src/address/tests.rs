use super::*;
use std::collections::BTreeSet;

/// The host that an address without one means.
const HOST: &str = "registry.opentofu.org";
const MODULE: &str = "module.a[\"k\"].module.b[0]";

#[test]
fn addresses_read_and_write_as_in_a_state_file() {
    let cases = [
        "sim_machine.gpu",
        "sim_machine.gpu[0]",
        "sim_machine.gpu[\"a\"]",
        "data.sim_image.ubuntu",
        "module.a.sim_machine.gpu",
        "module.a[\"k\"].module.b[0].data.sim_image.x[\"a.b[\\\"c\\\"]\"]",
        r#"a.b["line\nbreak\ttab\\ \" $${x} %%{y} $x %"]"#,
        r#"a.b["bell\u0007"]"#,
        r#"a.b["private\U000f0000"]"#,
        "a.b[\"über 東京 e\u{301} 😀\"]",
        "a.b[\"\"]",
        "data.data.data",
    ];
    for text in cases {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
        let json = serde_json::to_string(&address).unwrap();
        assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), address);
    }
}

#[test]
fn what_is_no_address_says_where() {
    let cases = [
        ("", 0),
        ("a", 1),
        ("a.", 2),
        ("a.b[", 4),
        ("a.b[x]", 4),
        ("a.b[-1]", 4),
        ("a.b[0", 5),
        ("a.b[\"x]", 7),
        ("a.b[\"${x}\"]", 6),
        ("a.b[\"\\q\"]", 5),
        ("a.b.c", 3),
        ("1a.b", 0),
        ("module.a", 8),
        ("module.module.module.module", 27),
        ("module.a.b", 10),
        ("a.b[99999999999999999999]", 4),
    ];
    for (text, offset) in cases {
        let error = text.parse::<Address>().unwrap_err();
        assert_eq!((error.text.as_str(), error.offset), (text, offset), "{error}");
    }
}

#[test]
fn an_address_has_its_parts() {
    let address: Address = format!("{MODULE}.data.sim_image.x[7]").parse().unwrap();
    assert_eq!(address.module().to_string(), MODULE);
    assert_eq!(address.module().config_path(), ["a", "b"]);
    assert_eq!(address.module().parent().unwrap().to_string(), "module.a[\"k\"]");
    assert_eq!(address.module().without_keys().to_string(), "module.a.module.b");
    assert_eq!((address.mode(), address.key()), (Mode::Data, &Key::Int(7)));
    assert_eq!(address.block().to_string(), format!("{MODULE}.data.sim_image.x"));
    assert_eq!(address.block().in_configuration().to_string(), "module.a.module.b.data.sim_image.x");
    assert_eq!(address.with_key(Key::None).to_string(), format!("{MODULE}.data.sim_image.x"));
}

#[test]
fn module_instances_read_and_write() {
    for text in ["", "module.a", MODULE] {
        assert_eq!(text.parse::<ModuleInstance>().unwrap().to_string(), text);
    }
    for text in ["module", "module.", "module.a.", "module.a.b", "module.a[", "a"] {
        assert!(text.parse::<ModuleInstance>().is_err(), "{text}");
    }
}

#[test]
fn order_is_that_of_a_state_file() {
    let sorted = [
        "data.a.b",
        "a.a",
        "a.b",
        "a.b[2]",
        "a.b[10]",
        "a.b[\"10\"]",
        "a.b[\"2\"]",
        "b.a",
        "module.a.a.a",
        "module.a[2].a.a",
        "module.a[10].a.a",
        "module.a[10].module.b.a.a",
    ];
    let set: BTreeSet<Address> = sorted.iter().rev().map(|text| text.parse().unwrap()).collect();
    let texts: Vec<String> = set.iter().map(ToString::to_string).collect();
    assert_eq!(texts, sorted);
}

#[test]
fn equality_and_hash_do_not_depend_on_how_an_address_was_made() {
    let read: Address = format!("{MODULE}.a.b[\"x\"]").parse().unwrap();
    let module = ModuleInstance::root().child("a", "k".into()).child("b", 0.into());
    let built = Address::new(module, Mode::Managed, "a", "b", "x".into());
    assert_eq!(read, built);
    assert_eq!(rustc_hash::FxBuildHasher.hash_one(&read), rustc_hash::FxBuildHasher.hash_one(&built));
    assert_ne!(read, built.with_key(Key::None));
}

#[test]
fn a_clone_shares() {
    let address: Address = format!("{MODULE}.a.b").parse().unwrap();
    assert!(Arc::ptr_eq(&address.block.0, &address.clone().block.0));
    assert!(Arc::ptr_eq(&address.block.0, &address.with_key(3.into()).block.0));
}

#[test]
fn object_keys_read_and_write() {
    for text in ["a.b", "a.b[0] (deposed 1a2b3c4d)", "module.x.a.b[\"(deposed\"] (deposed 00000000)"] {
        let key: ObjectKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
        assert_eq!(key.deposed.is_some(), text.ends_with(')'));
    }
    for text in ["a.b (deposed 1a2b3c4)", "a.b (deposed 1a2b3c4d", "a.b (deposed 1a2b3c4x)", "a.b deposed"] {
        assert!(text.parse::<ObjectKey>().is_err(), "{text}");
    }
    assert_eq!(DeposedKey::from_bytes([0, 1, 2, 255]).to_string(), "000102ff");
}

#[test]
fn provider_addresses_read_and_write() {
    let cases = [
        ("sim", format!("{HOST}/hashicorp/sim"), "hashicorp/sim"),
        ("formwork/sim", format!("{HOST}/formwork/sim"), "formwork/sim"),
        ("example.com/a/b", "example.com/a/b".into(), "example.com/a/b"),
        ("example.com:8443/a/b", "example.com:8443/a/b".into(), "example.com:8443/a/b"),
        ("Formwork/Sim", format!("{HOST}/formwork/sim"), "formwork/sim"),
        (
            "terraform.io/builtin/terraform",
            "terraform.io/builtin/terraform".into(),
            "terraform.io/builtin/terraform",
        ),
    ];
    for (source, full, short) in cases {
        let provider = ProviderAddress::parse(source).unwrap();
        assert_eq!((provider.to_string(), provider.for_display().as_str()), (full, short));
    }
    for source in ["", "a/b/c/d", "/a", "a/", "a b", "-a/b", "/a/b", "host:port/a/b", "a..b/c/d"] {
        assert!(ProviderAddress::parse(source).is_err(), "{source}");
    }
    assert_eq!(ProviderAddress::builtin(), ProviderAddress::parse("terraform.io/builtin/terraform").unwrap());
    assert_eq!(ProviderAddress::hashicorp("sim"), ProviderAddress::parse("sim").unwrap());
    assert_eq!(ProviderAddress::formwork("sim"), ProviderAddress::parse("formwork/sim").unwrap());
}

#[test]
fn provider_configurations_read_and_write() {
    let cases = [
        "provider[\"example.com/a/b\"]",
        "provider[\"example.com/a/b\"].east",
        "module.x.module.y.provider[\"terraform.io/builtin/terraform\"].east",
        "provider[\"example.com/a/b\"].east[\"k\"]",
    ];
    for text in cases {
        assert_eq!(text.parse::<ProviderConfigAddress>().unwrap().to_string(), text);
    }
    let legacy: ProviderConfigAddress = "module.x.provider.aws.east".parse().unwrap();
    assert_eq!((legacy.provider.namespace.as_str(), legacy.provider.type_name.as_str()), ("-", "aws"));
    assert_eq!(legacy.to_string().parse::<ProviderConfigAddress>().unwrap(), legacy);
    for text in [
        "",
        "provider",
        "provider[]",
        "provider[\"a\"",
        "module.x[0].provider[\"a/b\"]",
        "provider[\"a/b\"].",
    ] {
        assert!(text.parse::<ProviderConfigAddress>().is_err(), "{text}");
    }
}

#[test]
fn edges_read_and_write() {
    let cases = [
        ("object a.b[0]", Edge::Object("a.b[0]".parse().unwrap())),
        ("object a.b", Edge::Object("a.b".parse().unwrap())),
        ("block module.x.a.b", Edge::Block("module.x.a.b".parse().unwrap())),
        ("node local.x", Edge::Node("local.x".into())),
        ("node module.a.output.z", Edge::Node("module.a.output.z".into())),
    ];
    for (text, edge) in cases {
        assert_eq!(edge.to_string(), text);
        assert_eq!(text.parse::<Edge>().unwrap(), edge);
    }
}
