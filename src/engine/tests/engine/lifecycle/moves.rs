//! Objects that take another address.

use super::{Case, cases, perform};

const MODULE: (&str, &str) =
    ("m/main.tf", "resource \"terraform_data\" \"x\" {}\nresource \"terraform_data\" \"y\" {}\n");

cases! {
    a_count_comes_and_goes: [
        Case {
            name: "count",
            files: &[],
            steps: &[
                (
                    "resource \"terraform_data\" \"a\" {}\nresource \"terraform_data\" \"b\" { input = terraform_data.a.id }",
                    "",
                    &["create terraform_data.a", "create terraform_data.b"],
                ),
                (
                    "resource \"terraform_data\" \"a\" { count = 2 }\nresource \"terraform_data\" \"b\" { input = terraform_data.a[0].id }",
                    "",
                    &["create terraform_data.a[1]", "keep terraform_data.a[0] from terraform_data.a"],
                ),
                (
                    "resource \"terraform_data\" \"a\" { input = 1 }\nresource \"terraform_data\" \"b\" { input = terraform_data.a.id }",
                    "",
                    &[
                        "delete terraform_data.a[1] (delete because wrong repetition)",
                        "update terraform_data.a from terraform_data.a[0]",
                    ],
                ),
                (
                    "resource \"terraform_data\" \"b\" { count = 2 }",
                    "-destroy",
                    &["delete terraform_data.a", "delete terraform_data.b[0] from terraform_data.b"],
                ),
            ],
        },
    ];
    objects_are_imported: [
        Case {
            name: "import blocks",
            files: &[],
            steps: &[
                (
                    r#"
locals { ids = { one = "id-1", two = "id-2" } }
resource "terraform_data" "a" {
  for_each = toset(["one", "two", "three"])
}
resource "terraform_data" "b" { input = terraform_data.a["one"].id }
import {
  for_each = local.ids
  to       = terraform_data.a[each.key]
  id       = each.value
}
"#,
                    "",
                    &[
                        "create terraform_data.a[\"three\"]",
                        "create terraform_data.b",
                        "keep terraform_data.a[\"one\"] as id-1",
                        "keep terraform_data.a[\"two\"] as id-2",
                    ],
                ),
                (
                    r#"
resource "terraform_data" "a" { for_each = toset(["one"]) }
import {
  to = terraform_data.a["one"]
  id = "id-1"
}
"#,
                    "",
                    &[
                        "delete terraform_data.a[\"three\"] (delete because each key)",
                        "delete terraform_data.a[\"two\"] (delete because each key)",
                        "delete terraform_data.b (delete because no resource config)",
                    ],
                ),
            ],
        },
        Case {
            name: "what cannot be imported",
            files: &[],
            steps: &[
                (
                    "import {\n  to = terraform_data.a\n  id = \"x\"\n}",
                    "",
                    &["error: Configuration for import target does not exist"],
                ),
                (
                    "resource \"terraform_data\" \"a\" {}\nresource \"terraform_data\" \"b\" {}\nimport {\n  to = terraform_data.a\n  id = terraform_data.b.id\n}",
                    "",
                    &["error: known only after apply"],
                ),
                (
                    "resource \"terraform_data\" \"a\" {}\nimport {\n  to = terraform_data.a\n  id = \"\"\n}",
                    "",
                    &["error: null or empty"],
                ),
                (
                    "resource \"terraform_data\" \"a\" {}\nimport {\n  to = terraform_data.a\n  id = sensitive(\"x\")\n}",
                    "",
                    &["error: this value is sensitive"],
                ),
            ],
        },
    ];
    moved_blocks: [
        Case {
            name: "chains, also of count and for_each",
            files: &[],
            steps: &[
                (
                    "resource \"terraform_data\" \"a\" { count = 2 }",
                    "",
                    &["create terraform_data.a[0]", "create terraform_data.a[1]"],
                ),
                (
                    r#"
resource "terraform_data" "c" { for_each = toset(["x", "y"]) }
moved {
  from = terraform_data.a
  to   = terraform_data.b
}
moved {
  from = terraform_data.b[0]
  to   = terraform_data.c["x"]
}
moved {
  from = terraform_data.b[1]
  to   = terraform_data.c["y"]
}
"#,
                    "",
                    &[
                        "keep terraform_data.c[\"x\"] from terraform_data.a[0]",
                        "keep terraform_data.c[\"y\"] from terraform_data.a[1]",
                    ],
                ),
                (
                    r#"
resource "terraform_data" "c" { for_each = toset(["x"]) }
resource "terraform_data" "d" {}
moved {
  from = terraform_data.c["y"]
  to   = terraform_data.d
}
"#,
                    "",
                    &["keep terraform_data.d from terraform_data.c[\"y\"]"],
                ),
            ],
        },
        Case {
            name: "modules",
            files: &[MODULE],
            steps: &[
                (
                    "resource \"terraform_data\" \"x\" {}",
                    "",
                    &["create terraform_data.x"],
                ),
                (
                    r#"
module "one" { source = "./m" }
moved {
  from = terraform_data.x
  to   = module.one.terraform_data.x
}
"#,
                    "",
                    &[
                        "create module.one.terraform_data.y",
                        "keep module.one.terraform_data.x from terraform_data.x",
                    ],
                ),
                (
                    r#"
module "two" {
  source   = "./m"
  for_each = toset(["k"])
}
moved {
  from = module.one
  to   = module.two["k"]
}
"#,
                    "",
                    &[
                        "keep module.two[\"k\"].terraform_data.x from module.one.terraform_data.x",
                        "keep module.two[\"k\"].terraform_data.y from module.one.terraform_data.y",
                    ],
                ),
                (
                    r#"
module "three" {
  source   = "./m"
  for_each = toset(["k", "l"])
}
moved {
  from = module.two
  to   = module.three
}
"#,
                    "",
                    &[
                        "create module.three[\"l\"].terraform_data.x",
                        "create module.three[\"l\"].terraform_data.y",
                        "keep module.three[\"k\"].terraform_data.x from module.two[\"k\"].terraform_data.x",
                        "keep module.three[\"k\"].terraform_data.y from module.two[\"k\"].terraform_data.y",
                    ],
                ),
            ],
        },
        Case {
            name: "what contradicts itself",
            files: &[],
            steps: &[
                ("resource \"terraform_data\" \"a\" {}", "", &["create terraform_data.a"]),
                (
                    "resource \"terraform_data\" \"a\" {}\nmoved {\n  from = terraform_data.a\n  to = terraform_data.b\n}",
                    "",
                    &["error: Moved object still exists"],
                ),
                (
                    "moved {\n  from = terraform_data.a\n  to = terraform_data.b\n}\nmoved {\n  from = terraform_data.a\n  to = terraform_data.c\n}",
                    "",
                    &["error: Ambiguous move statements"],
                ),
                (
                    "moved {\n  from = terraform_data.a\n  to = terraform_data.b\n}\nmoved {\n  from = terraform_data.b\n  to = terraform_data.a\n}",
                    "",
                    &["error: Cyclic dependency in move statements"],
                ),
                (
                    "moved {\n  from = terraform_data.a\n  to = terraform_data.a\n}",
                    "",
                    &["error: Redundant move statement"],
                ),
                (
                    "moved {\n  from = terraform_data.a\n  to = terraform_data.b\n}",
                    "",
                    &["delete terraform_data.b (delete because no move target) from terraform_data.a"],
                ),
                ("resource \"terraform_data\" \"a\" {}", "", &["create terraform_data.a"]),
                (
                    "moved {\n  from = terraform_data.a\n  to = sim_volume.a\n}",
                    "",
                    &["delete terraform_data.a (delete because no resource config)"],
                ),
            ],
        },
    ];
}
