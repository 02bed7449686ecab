//! `count`, `for_each` and `enabled` over what is known only after apply.

use super::envelope;
use crate::world::{World, actions};

/// A configuration whose `terraform_data.n` says how many there are of everything else.
struct Case {
    name: &'static str,
    /// Beside `terraform_data.n`.
    rest: &'static str,
    /// Other files.
    files: &'static [(&'static str, &'static str)],
    /// Inputs of `terraform_data.n`, one after the other.
    inputs: [&'static str; 2],
    /// What the first plan expects.
    first: &'static [&'static str],
    /// What stands after the first apply, beside `terraform_data.n`.
    made: &'static [&'static str],
    /// What the plan of the second input expects.
    second: &'static [&'static str],
    /// What stands after it.
    left: &'static [&'static str],
}

const LISTED: [&str; 2] = ["[\"x\", \"y\"]", "[\"y\", \"z\"]"];
const COUNTED: [&str; 2] = ["2", "1"];

const CASES: &[Case] = &[
    Case {
        name: "count",
        rest: "resource \"terraform_data\" \"b\" {\n  count = terraform_data.n.output\n}\n",
        files: &[],
        inputs: COUNTED,
        first: &["terraform_data.b Create any number (instance_count_unknown)"],
        made: &["terraform_data.b[0]", "terraform_data.b[1]"],
        second: &[
            "terraform_data.b Create/NoOp/Update/DeleteThenCreate/CreateThenDelete/Delete any number; touches terraform_data.b[0], terraform_data.b[1] (instance_count_unknown)",
        ],
        left: &["terraform_data.b[0]"],
    },
    Case {
        name: "for_each over a set",
        rest: "resource \"terraform_data\" \"b\" {\n  for_each = toset(terraform_data.n.output)\n  input = each.key\n}\noutput \"all\" {\n  value = [for one in terraform_data.b : one.output]\n}\n",
        files: &[],
        inputs: LISTED,
        first: &["terraform_data.b Create any number (instance_count_unknown)"],
        made: &["terraform_data.b[\"x\"]", "terraform_data.b[\"y\"]"],
        second: &[
            "terraform_data.b Create/NoOp/Update/DeleteThenCreate/CreateThenDelete/Delete any number; touches terraform_data.b[\"x\"], terraform_data.b[\"y\"] (instance_count_unknown)",
        ],
        left: &["terraform_data.b[\"y\"]", "terraform_data.b[\"z\"]"],
    },
    Case {
        name: "for_each over a map with unknown keys, and what reads it",
        rest: r#"
resource "terraform_data" "b" {
  for_each = { for key in terraform_data.n.output : key => upper(key) }
  input    = each.value
}
resource "terraform_data" "c" {
  input = [for one in terraform_data.b : one.output]
}
resource "terraform_data" "apart" {}
"#,
        files: &[],
        inputs: LISTED,
        first: &[
            "terraform_data.b Create any number (instance_count_unknown)",
            "terraform_data.c Create at most 1; expects terraform_data.c (deferred_prereq)",
        ],
        made: &[
            "terraform_data.apart",
            "terraform_data.b[\"x\"]",
            "terraform_data.b[\"y\"]",
            "terraform_data.c",
        ],
        second: &[
            "terraform_data.b Create/NoOp/Update/DeleteThenCreate/CreateThenDelete/Delete any number; touches terraform_data.b[\"x\"], terraform_data.b[\"y\"] (instance_count_unknown)",
            "terraform_data.c Create/NoOp/Update/DeleteThenCreate/CreateThenDelete at most 1; expects terraform_data.c; touches terraform_data.c (deferred_prereq)",
        ],
        left: &[
            "terraform_data.apart",
            "terraform_data.b[\"y\"]",
            "terraform_data.b[\"z\"]",
            "terraform_data.c",
        ],
    },
    Case {
        name: "a set of which the size is bounded",
        rest: "resource \"terraform_data\" \"b\" {\n  for_each = toset([terraform_data.n.output, \"fixed\"])\n}\n",
        files: &[],
        inputs: ["\"x\"", "\"fixed\""],
        first: &["terraform_data.b Create at most 2 (instance_count_unknown)"],
        made: &["terraform_data.b[\"fixed\"]", "terraform_data.b[\"x\"]"],
        second: &[
            "terraform_data.b Create/NoOp/Update/DeleteThenCreate/CreateThenDelete/Delete at most 2; touches terraform_data.b[\"fixed\"], terraform_data.b[\"x\"] (instance_count_unknown)",
        ],
        left: &["terraform_data.b[\"fixed\"]"],
    },
    Case {
        name: "enabled",
        rest: "resource \"terraform_data\" \"b\" {\n  lifecycle {\n    enabled = terraform_data.n.output == 2\n  }\n}\n",
        files: &[],
        inputs: COUNTED,
        first: &["terraform_data.b Create at most 1 (instance_count_unknown)"],
        made: &["terraform_data.b"],
        second: &[
            "terraform_data.b Create/NoOp/Update/DeleteThenCreate/CreateThenDelete/Delete at most 1; touches terraform_data.b (instance_count_unknown)",
        ],
        left: &[],
    },
    Case {
        name: "a module with all that stands in it, and what reads its outputs",
        rest: r#"
module "m" {
  source = "./m"
  count  = terraform_data.n.output
  name   = "m${count.index}"
}
resource "terraform_data" "c" {
  input = module.m[*].label
}
"#,
        files: &[
            (
                "m/main.tf",
                "variable \"name\" {}\nresource \"terraform_data\" \"b\" {\n  for_each = toset([var.name])\n}\nmodule \"inner\" {\n  source = \"./inner\"\n}\noutput \"label\" {\n  value = module.inner.id\n}\n",
            ),
            (
                "m/inner/main.tf",
                "resource \"terraform_data\" \"d\" {}\noutput \"id\" {\n  value = terraform_data.d.id\n}\n",
            ),
        ],
        inputs: COUNTED,
        first: &[
            "module.m.module.inner.terraform_data.d Create any number (instance_count_unknown)",
            "module.m.terraform_data.b Create any number (instance_count_unknown)",
            "terraform_data.c Create at most 1; expects terraform_data.c (deferred_prereq)",
        ],
        made: &[
            "module.m[0].module.inner.terraform_data.d",
            "module.m[0].terraform_data.b[\"m0\"]",
            "module.m[1].module.inner.terraform_data.d",
            "module.m[1].terraform_data.b[\"m1\"]",
            "terraform_data.c",
        ],
        second: &[
            "module.m.module.inner.terraform_data.d Create/NoOp/Update/DeleteThenCreate/CreateThenDelete/Delete any number; touches module.m[0].module.inner.terraform_data.d, module.m[1].module.inner.terraform_data.d (instance_count_unknown)",
            "module.m.terraform_data.b Create/NoOp/Update/DeleteThenCreate/CreateThenDelete/Delete any number; touches module.m[0].terraform_data.b[\"m0\"], module.m[1].terraform_data.b[\"m1\"] (instance_count_unknown)",
            "terraform_data.c Create/NoOp/Update/DeleteThenCreate/CreateThenDelete at most 1; expects terraform_data.c; touches terraform_data.c (deferred_prereq)",
        ],
        left: &[
            "module.m[0].module.inner.terraform_data.d",
            "module.m[0].terraform_data.b[\"m0\"]",
            "terraform_data.c",
        ],
    },
    Case {
        name: "one instance of a module decided, the other not",
        rest: r#"
module "m" {
  source   = "./m"
  for_each = { fixed = 1, open = terraform_data.n.output }
  size     = each.value
}
"#,
        files: &[(
            "m/main.tf",
            "variable \"size\" {}\nresource \"terraform_data\" \"b\" {\n  count = var.size\n}\n",
        )],
        inputs: COUNTED,
        first: &["module.m[\"open\"].terraform_data.b Create any number (instance_count_unknown)"],
        made: &[
            "module.m[\"fixed\"].terraform_data.b[0]",
            "module.m[\"open\"].terraform_data.b[0]",
            "module.m[\"open\"].terraform_data.b[1]",
        ],
        second: &[
            "module.m[\"open\"].terraform_data.b Create/NoOp/Update/DeleteThenCreate/CreateThenDelete/Delete any number; touches module.m[\"open\"].terraform_data.b[0], module.m[\"open\"].terraform_data.b[1] (instance_count_unknown)",
        ],
        left: &["module.m[\"fixed\"].terraform_data.b[0]", "module.m[\"open\"].terraform_data.b[0]"],
    },
    Case {
        name: "data sources",
        rest: r#"
data "sim_image" "all" {
  for_each = toset(terraform_data.n.output)
  name     = each.key
}
resource "terraform_data" "c" {
  input = { for name, image in data.sim_image.all : name => image.system }
}
"#,
        files: &[],
        inputs: ["[\"ubuntu-24.04\"]", "[\"ubuntu-24.04\", \"flatcar-stable\"]"],
        first: &[
            "data.sim_image.all Read any number (instance_count_unknown)",
            "terraform_data.c Create at most 1; expects terraform_data.c (deferred_prereq)",
        ],
        made: &["data.sim_image.all[\"ubuntu-24.04\"]", "terraform_data.c"],
        second: &[
            "data.sim_image.all Read any number (instance_count_unknown)",
            "terraform_data.c Create/NoOp/Update/DeleteThenCreate/CreateThenDelete at most 1; expects terraform_data.c; touches terraform_data.c (deferred_prereq)",
        ],
        left: &[
            "data.sim_image.all[\"flatcar-stable\"]",
            "data.sim_image.all[\"ubuntu-24.04\"]",
            "terraform_data.c",
        ],
    },
    Case {
        name: "instances of a provider configuration",
        rest: r#"
provider "sim" {
  alias    = "by_region"
  for_each = toset(terraform_data.n.output)
  world    = "world-${each.key}.json"
}
resource "sim_network" "main" {
  for_each = toset(["y"])
  provider = sim.by_region[each.key]
  name     = each.key
  cidr     = "10.0.0.0/16"
}
"#,
        files: &[],
        inputs: LISTED,
        first: &[
            "sim_network.main Create at most 1; expects sim_network.main[\"y\"] (provider_config_unknown)",
        ],
        made: &["sim_network.main[\"y\"]"],
        second: &[
            "sim_network.main Create/NoOp/Update/DeleteThenCreate/CreateThenDelete at most 1; expects sim_network.main[\"y\"]; touches sim_network.main[\"y\"] (provider_config_unknown)",
        ],
        left: &["sim_network.main[\"y\"]"],
    },
];

const HEAD: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
"#;

fn text(case: &Case, input: &str) -> String {
    format!("{HEAD}resource \"terraform_data\" \"n\" {{\n  input = {input}\n}}\n{}", case.rest)
}

fn beside_n(world: &World) -> Vec<String> {
    let mut addresses = world.addresses();
    addresses.retain(|address| address != "terraform_data.n");
    addresses
}

#[test]
fn a_later_stage_decides_what_nobody_can_count_before() {
    for case in CASES {
        let name = case.name;
        let mut world = World::new(&text(case, case.inputs[0]));
        for (path, file) in case.files {
            world.files.insert((*path).to_owned(), file.as_bytes().to_vec());
        }
        let plan = world.plan();
        assert_eq!(envelope(&plan), case.first, "{name}");
        world.apply();
        assert_eq!(beside_n(&world), case.made, "{name}");
        assert!(!world.plan().has_changes(), "{name}: {:?}", actions(&world.plan()));

        world.main(&text(case, case.inputs[1]));
        let plan = world.plan();
        assert_eq!(envelope(&plan), case.second, "{name}");
        assert_eq!(actions(&plan), ["terraform_data.n Update"], "{name}: what is undecided stays as it is");
        world.apply();
        assert_eq!(beside_n(&world), case.left, "{name}");
        assert!(!world.plan().has_changes(), "{name}: {:?}", actions(&world.plan()));
        world.destroy();
        assert_eq!(world.addresses(), Vec::<String>::new(), "{name}");
    }
}

/// The plan says what it waits for.
#[test]
fn the_boundary_is_named() {
    for (input, rest, awaits) in [
        (
            "2",
            "resource \"terraform_data\" \"b\" {\n  count = terraform_data.n.output\n}\n",
            "terraform_data.b takes its count from terraform_data.n, which is created first",
        ),
        (
            "[\"x\"]",
            "locals {\n  all = toset(terraform_data.n.output)\n}\nmodule \"m\" {\n  source = \"./m\"\n  for_each = local.all\n}\n",
            "module.m takes its for_each from terraform_data.n, which is created first",
        ),
    ] {
        let mut world =
            World::new(&format!("resource \"terraform_data\" \"n\" {{\n  input = {input}\n}}\n{rest}"));
        world.files.insert("m/main.tf".to_owned(), b"resource \"terraform_data\" \"b\" {}\n".to_vec());
        assert_eq!(world.plan().stages[0].awaits, awaits);
    }
}

/// Whichever stage would remove an object, and wherever its block stands.
#[test]
fn what_may_not_be_destroyed_is_not() {
    const MODULE: &str = "variable \"size\" {}\nvariable \"keep\" {}\nresource \"terraform_data\" \"b\" {\n  count = var.size\n  lifecycle {\n    prevent_destroy = var.keep\n  }\n}\n";
    let text = |size: &str, keep: bool| {
        format!(
            "resource \"terraform_data\" \"n\" {{\n  input = {size}\n}}\nmodule \"m\" {{\n  source = \"./m\"\n  size   = terraform_data.n.output\n  keep   = {keep}\n}}\nmodule \"fixed\" {{\n  source = \"./m\"\n  size   = {size}\n  keep   = {keep}\n}}\n"
        )
    };
    let mut world = World::new(&text("2", true));
    world.files.insert("m/main.tf".to_owned(), MODULE.as_bytes().to_vec());
    world.apply();
    let refused = world.plan_mode(formwork_engine::RunMode::Destroy).unwrap_err();
    assert_eq!(refused.matches("Instance cannot be destroyed").count(), 4, "{refused}");

    world.main(&text("1", true));
    let refused = world.plan_mode(formwork_engine::RunMode::Normal).unwrap_err();
    assert!(
        refused.contains("module.fixed.terraform_data.b[1] has lifecycle.prevent_destroy set"),
        "{refused}"
    );
    world.main(&text("1", true).replace("size   = 1", "size   = 2"));
    let plan = world.plan();
    let outcome = world.apply_plan(&plan);
    let said = crate::world::text(&outcome.diagnostics, &outcome.sources);
    assert!(said.contains("Instance cannot be destroyed"), "{said}");
    assert!(
        world.addresses().contains(&"module.m.terraform_data.b[1]".to_owned()),
        "{:?}",
        world.addresses()
    );

    world.main(&text("1", false));
    world.apply();
    assert!(
        !world.addresses().contains(&"module.m.terraform_data.b[1]".to_owned()),
        "{:?}",
        world.addresses()
    );
    world.destroy();
}
