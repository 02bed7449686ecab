use super::{CAUSES_MAXIMUM, Place, Written, causes, differing_places, parse_path};
use formwork_diagnostic::{FileId, Sources, Span};
use formwork_lang::{MemorySource, Mode, load};
use formwork_value::{Marks, Path, PathStep, Type, Value};

#[test]
fn paths_are_read_as_they_are_written() {
    let cases = [
        Path::root(),
        Path::root().attribute("image"),
        Path::root().attribute("disk").index(0).attribute("size"),
        Path::root().attribute("labels").key("a.b/c]d").attribute("x"),
        Path::root()
            .attribute("labels")
            .key("quote \" back \\ line \n tab \t nul \0 bell \u{7} accent \u{301} é"),
        Path::root().index(u64::MAX),
    ];
    for path in cases {
        assert_eq!(parse_path(&path.to_string()), path, "{path}");
    }
}

#[test]
fn unreadable_paths_end_where_they_stop_being_readable() {
    let cases = [
        (".a[...].b", ".a"),
        (".a[x]", ".a"),
        (".a[0", ".a"),
        (".a[\"k]", ".a"),
        (".a[\"k\"", ".a"),
        (".a[\"\\u{zz}\"]", ".a"),
        (".a[\"\\", ".a"),
        (".a..b", ".a"),
        ("a", ""),
        (".", ""),
        (".a[18446744073709551616]", ".a"),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_path(text).to_string(), expected, "{text}");
    }
}

/// A body as written: attributes with the paths that have text of their own, and blocks.
const WRITTEN: &[(&str, u32)] = &[
    (".image", 10),
    (".tags", 20),
    (".password", 30),
    (".disk", 40),
    (".disk[0]", 40),
    (".disk[0].size", 41),
    (".disk[1]", 50),
    (".disk[1].size", 51),
    (".disk[1].nested", 52),
    (".disk[1].nested[0].deep", 53),
    (".ports", 60),
    (".ports[1]", 62),
];

/// The text of the nearest thing around a path, as a body answers; nothing for what is not written at all.
fn span_of(path: &Path) -> Option<Span> {
    let text = path.to_string();
    let nearest = WRITTEN
        .iter()
        .filter(|(written, _)| text.starts_with(written))
        .max_by_key(|(written, _)| written.len());
    nearest.map(|(_, at)| Span::new(FileId(0), *at, at + 1))
}

fn places(before: &Value, after: &Value) -> Vec<Place> {
    let is_attribute = |name: &str| !name.starts_with("disk");
    differing_places(before, after, &Written { span_of: &span_of, is_attribute: &is_attribute })
}

fn object(attributes: &[(&str, Value)]) -> Value {
    Value::object(attributes.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
}

fn disk(size: i64, id: &str) -> Value {
    object(&[("id", id.into()), ("size", Value::from(size))])
}

fn numbers(items: &[i64]) -> Value {
    Value::list(Type::Number, items.iter().map(|item| Value::from(*item)).collect())
}

#[test]
fn each_difference_has_its_deepest_place() {
    let secret = |text: &str| object(&[("key", text.into())]).with_marks(&Marks::sensitive());
    let tags = |name: &str, team: &str| {
        let entries = vec![("name".into(), name.into()), ("team".into(), team.into())];
        Value::map(Type::String, entries)
    };
    let unknown = Value::unknown(Type::String);
    let disks = |disks: Vec<Value>| Value::tuple(disks);
    let cases: Vec<(&str, Value, Value, &[&str])> = vec![
        ("image", "a".into(), "a".into(), &[]),
        ("image", "a".into(), "b".into(), &[".image"]),
        ("image", "a".into(), unknown.clone(), &[".image"]),
        ("image", Value::string("a").with_marks(&Marks::sensitive()), "a".into(), &[]),
        ("image", "a".into(), Value::null(Type::String), &[".image"]),
        ("image", Value::null(Type::Dynamic), Value::null(Type::String), &[]),
        ("id", "a".into(), unknown.clone(), &[]),
        ("tags", tags("a", "x"), tags("b", "y"), &[".tags"]),
        ("password", secret("a"), secret("b"), &[".password"]),
        ("ports", numbers(&[1, 2]), numbers(&[1, 3]), &[".ports[1]"]),
        ("ports", numbers(&[1, 2]), numbers(&[9, 3]), &[".ports[1]", ".ports"]),
        ("disk", disks(vec![disk(1, "a")]), disks(vec![disk(2, "a")]), &[".disk[0].size"]),
        (
            "disk",
            disks(vec![disk(1, "a")]),
            disks(vec![object(&[("id", unknown.clone()), ("size", Value::from(1))])]),
            &[],
        ),
        ("disk", disks(vec![disk(1, "a")]), disks(vec![disk(1, "a"), disk(2, "b")]), &[".disk[1]"]),
        (
            "disk",
            disks(vec![disk(1, "a"), disk(1, "b")]),
            disks(vec![disk(3, "a"), disk(4, "c")]),
            &[".disk[0].size", ".disk[1].size"],
        ),
    ];
    for (name, before, after, expected) in cases {
        let found = places(&object(&[(name, before.clone())]), &object(&[(name, after.clone())]));
        let found: Vec<String> = found.iter().map(|place| place.path.to_string()).collect();
        assert_eq!(found, expected, "{name}: {before:?} -> {after:?}");
    }
}

#[test]
fn a_create_and_a_delete_have_no_places() {
    let value = object(&[("image", "a".into())]);
    let nothing = Value::null(value.value_type());
    assert!(places(&nothing, &value).is_empty());
    assert!(places(&value, &nothing).is_empty());
}

#[test]
fn a_path_that_forces_replacement_marks_what_it_meets() {
    let at = |inside: Vec<PathStep>| Place {
        path: Path::root().attribute("ports").index(1),
        span: Span::new(FileId(0), 0, 1),
        inside,
    };
    let whole = at(Vec::new());
    let partly = at(vec![PathStep::Attribute("number".into())]);
    let cases = [
        (Path::root(), true, true),
        (Path::root().attribute("ports"), true, true),
        (Path::root().attribute("ports").index(1), true, true),
        (Path::root().attribute("ports").index(0), false, false),
        (Path::root().attribute("port"), false, false),
        (Path::root().attribute("ports").index(1).attribute("number"), true, true),
        (Path::root().attribute("ports").index(1).attribute("other"), true, false),
    ];
    for (forced, marks_whole, marks_partly) in cases {
        assert_eq!(whole.is_forced_by(&forced), marks_whole, "{forced}");
        assert_eq!(partly.is_forced_by(&forced), marks_partly, "{forced}");
    }
}

#[test]
fn a_list_of_causes_is_bounded() {
    let many = |value: i64| {
        let named = (0..100).map(|at| (arcstr::format!("a{at}"), Value::from(value)));
        Value::object(named.collect())
    };
    let span_of = |path: &Path| {
        let at = u32::try_from(path.to_string().bytes().map(usize::from).sum::<usize>()).unwrap();
        Some(Span::new(FileId(0), at, at + 1))
    };
    let written = Written { span_of: &span_of, is_attribute: &|_| true };
    assert_eq!(differing_places(&many(1), &many(2), &written).len(), CAUSES_MAXIMUM);
}

#[test]
fn causes_name_the_text_of_a_real_configuration() {
    let text = r#"
variable "image" {}
variable "size" {}
resource "sim_machine" "a" {
  image = "x-${var.image}-${var.image}"
  zones = [local.zone, each.key]
  disk {
    size = var.size
  }
}
locals {
  zone = "z"
}
"#;
    let mut sources = Sources::new();
    let (module, _) = load(&MemorySource::from_iter([("main.tf", text)]), &mut sources);
    let resource = module.resource(Mode::Managed, "sim_machine", "a").unwrap();
    let machine = |image: &str, zone: &str, size: i64, id: Value| {
        let zones = Value::tuple(vec![zone.into(), "b".into()]);
        let disks = Value::tuple(vec![object(&[("size", Value::from(size)), ("id", id.clone())])]);
        object(&[("image", image.into()), ("zones", zones), ("disk", disks), ("id", id)])
    };
    let before = machine("x", "a", 1, "i-1".into());
    let after = machine("y", "c", 2, Value::unknown(Type::String));
    let forced = [Path::root().attribute("zones").index(0)];
    let found = causes(resource, &before, &after, &forced, &sources);
    let mut lines: Vec<String> = found
        .iter()
        .map(|cause| {
            let forced = if cause.forces_replacement { " forced" } else { "" };
            format!(
                "{}:{} {} reads {}{forced}",
                cause.file,
                cause.line,
                cause.attribute,
                cause.reads.join(", ")
            )
        })
        .collect();
    lines.sort();
    let expected = [
        "main.tf:5 .image reads var.image",
        "main.tf:6 .zones reads local.zone, each.key forced",
        "main.tf:8 .disk[0].size reads var.size",
    ];
    assert_eq!(lines, expected);
    assert!(causes(resource, &before, &before.clone(), &forced, &sources).is_empty());
}
