use super::{Change, Matcher, Options, block, dynamic, identifier, quoted};
use formwork_sdk::{Attribute, Block, NestedBlock, Nesting};
use formwork_value::{Marks, Name, Path, Type, Value};

fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::object(entries.into_iter().map(|(name, value)| (Name::from(name), value)).collect())
}

fn strings(items: &[&str]) -> Value {
    Value::list(Type::String, items.iter().map(|item| Value::from(*item)).collect())
}

fn text_of(before: &Value, after: &Value, schema: Option<&Block>, replace: &[Path]) -> String {
    let mut out = String::new();
    let change = Change::new(Some(before), Some(after), Matcher::new(replace));
    block(&change, schema).write(&mut out, 0, Options::default());
    out
}

#[test]
fn attributes_follow_the_layout_users_know() {
    let null = || Value::null(Type::Dynamic);
    let secret = || Value::from("hunter2").with_marks(&Marks::sensitive());
    let unknown = || Value::unknown(Type::String);
    let cases: Vec<(&str, Value, Value, &str)> = vec![
        (
            "create",
            null(),
            object([("a", "x".into()), ("long", unknown())]),
            "{\n      + a    = \"x\"\n      + long = (known after apply)\n    }",
        ),
        ("delete", object([("a", "x".into())]), null(), "{\n      - a = \"x\" -> null\n    }"),
        (
            "update hides what is unchanged but for names",
            object([("a", "x".into()), ("b", "y".into()), ("name", "n".into())]),
            object([("a", "x".into()), ("b", "z".into()), ("name", "n".into())]),
            "{\n      ~ b    = \"y\" -> \"z\"\n        name = \"n\"\n        # (1 unchanged attribute hidden)\n    }",
        ),
        (
            "known becomes unknown",
            object([("a", "x".into())]),
            object([("a", unknown())]),
            "{\n      ~ a = \"x\" -> (known after apply)\n    }",
        ),
        (
            "secrets",
            object([("a", secret())]),
            object([("a", "x".into())]),
            "{\n      # Warning: this attribute value will no longer be marked as sensitive\n      # after applying this change.\n      ~ a = (sensitive value)\n    }",
        ),
        (
            "lists keep their context",
            object([("a", strings(&["1", "2", "3", "4", "5", "6"]))]),
            object([("a", strings(&["1", "2", "3", "x", "5", "6"]))]),
            "{\n      ~ a = [\n            # (2 unchanged elements hidden)\n            \"3\",\n          - \"4\",\n          + \"x\",\n            \"5\",\n            # (1 unchanged element hidden)\n        ]\n    }",
        ),
        (
            "lines",
            object([("a", "one\ntwo\nthree\n".into())]),
            object([("a", "one\n2\nthree\n".into())]),
            "{\n      ~ a = <<-EOT\n            one\n          - two\n          + 2\n            three\n        EOT\n    }",
        ),
        (
            "a mapping in YAML",
            object([("a", "name: web\nsizes:\n  - 1\n  - 2\nkeep: true\n".into())]),
            object([("a", "# said anew\nkeep: true\nname: api\nsizes: [1, 3]\n".into())]),
            "{\n      ~ a = yamlencode(\n          ~ {\n              ~ name  = \"web\" -> \"api\"\n              ~ sizes = [\n                    1,\n                  - 2,\n                  + 3,\n                ]\n                # (1 unchanged attribute hidden)\n            }\n        )\n    }",
        ),
        (
            "comments in YAML",
            object([("a", "# one\nk: 1\n".into())]),
            object([("a", "# two\nk: 1\n".into())]),
            "{\n      ~ a = yamlencode( # whitespace or comment changes\n            {\n                k = 1\n            }\n        )\n    }",
        ),
        (
            "a script is no YAML",
            object([("a", "#!/bin/sh\nk: 1\n".into())]),
            object([("a", "#!/bin/sh\nk: 2\n".into())]),
            "{\n      ~ a = <<-EOT\n            #!/bin/sh\n          - k: 1\n          + k: 2\n        EOT\n    }",
        ),
        (
            "whitespace in JSON",
            object([("a", "{\"k\":1}".into())]),
            object([("a", "{ \"k\": 1 }".into())]),
            "{\n      ~ a = jsonencode( # whitespace changes\n            {\n                k = 1\n            }\n        )\n    }",
        ),
    ];
    for (name, before, after, expected) in cases {
        assert_eq!(text_of(&before, &after, None, &[]), expected, "{name}");
    }
}

#[test]
fn a_secret_is_nowhere_in_the_tree() {
    let secret = object([("k", Value::from("hunter2"))]).with_marks(&Marks::sensitive());
    let (before, after) = (
        object([("a", secret.clone())]),
        object([("a", object([("k", "hunter3".into())]).with_marks(&Marks::sensitive()))]),
    );
    let diff = block(&Change::new(Some(&before), Some(&after), Matcher::default()), None);
    assert!(!format!("{diff:?}").contains("hunter"));
    let output = dynamic(&Change::new(None, Some(&secret), Matcher::default()));
    assert!(!format!("{output:?}").contains("hunter"));
}

#[test]
fn blocks_are_written_as_blocks() {
    let inner = Block::new([("size", Attribute::optional(Type::Number, ""))]);
    let nested = |nesting| NestedBlock { nesting, block: inner.clone(), min_items: 0, max_items: 0 };
    let schema = Block::new([("id", Attribute::computed(Type::String, ""))])
        .with_block("disk", nested(Nesting::List))
        .with_block("one", nested(Nesting::Single));
    let disk = |size: i64| object([("size", size.into())]);
    let disks =
        |sizes: &[i64]| Value::list(inner.implied_type(), sizes.iter().map(|size| disk(*size)).collect());
    let before =
        object([("id", "i".into()), ("disk", disks(&[1, 2])), ("one", Value::null(inner.implied_type()))]);
    let after = object([("id", "i".into()), ("disk", disks(&[1, 3])), ("one", disk(9))]);
    let replace = [Path::root().attribute("disk").index(1).attribute("size")];
    assert_eq!(
        text_of(&before, &after, Some(&schema), &replace),
        "{\n        id = \"i\"\n\n      ~ disk {\n          ~ size = 2 -> 3 # forces replacement\n        }\n\n      + one {\n          + size = 9\n        }\n\n        # (1 unchanged block hidden)\n    }"
    );
}

#[test]
fn outputs_change_their_type() {
    let (before, after) = (Value::from("x"), strings(&["y"]));
    let mut out = String::new();
    dynamic(&Change::new(Some(&before), Some(&after), Matcher::default())).write(
        &mut out,
        0,
        Options::default(),
    );
    assert_eq!(out, "\"x\" -> [\n      + \"y\",\n    ]");
}

#[test]
fn names_and_texts_are_quoted_as_in_go() {
    for (text, expected) in [("a\"\\\n\t\u{1}é\u{200b}", r#""a\"\\\n\t\x01é\u200b""#), ("", r#""""#)] {
        assert_eq!(quoted(text), expected);
    }
    for (name, expected) in [("a-b_1", "a-b_1"), ("1a", "\"1a\""), ("a.b", "\"a.b\""), ("", "\"\"")] {
        assert_eq!(identifier(name), expected);
    }
}
