//! What files a module has and how they come together: JSON, shadowing, overrides.

use super::tests::{faults, load_files, shown};
use crate::evaluate::Nowhere;
use crate::module::Module;
use crate::schema::{AttributeSchema, BlockSchema, NestedSchema, Nesting};
use crate::scope::Mode;
use formwork_value::Type;

const NATIVE: &str = r#"
terraform {
  required_version = ">= 1.8"
  required_providers {
    sim = {
      source                = "formwork/sim"
      configuration_aliases = [sim.other]
    }
  }
  backend "local" {}
}
variable "size" {
  type    = list(string)
  default = ["${literal}"]
  validation {
    condition     = length(var.size) > 0
    error_message = "Give ${1 + 1} sizes."
  }
}
locals {
  name  = "n-${var.size[0]}"
  plain = { a = 1, "k-${var.size[0]}" = true }
}
provider "sim" {
  alias = "other"
}
resource "sim_machine" "gpu" {
  for_each   = toset(var.size)
  provider   = sim.other
  depends_on = [data.sim_image.base]
  name       = each.key
  disk {
    size = 1
  }
  disk {
    size = 2
  }
  dynamic "disk" {
    for_each = [3]
    content {
      size = disk.value
    }
  }
  provisioner "local-exec" {
    when    = destroy
    command = "echo ${self.id}"
  }
  lifecycle {
    ignore_changes = [name, tags["a"]]
  }
}
data "sim_image" "base" {}
module "m" {
  source    = "./m"
  providers = { sim = sim.other }
}
moved {
  from = sim_machine.a[0]
  to   = sim_machine.gpu["x"]
}
output "o" {
  value      = module.m.id
  depends_on = [sim_machine.gpu]
}
"#;

const DOCUMENT: &str = r#"{
  "//": "a comment",
  "terraform": {
    "required_version": ">= 1.8",
    "required_providers": {
      "sim": { "source": "formwork/sim", "configuration_aliases": ["sim.other"] }
    },
    "backend": { "local": {} }
  },
  "variable": {
    "size": {
      "//": "another",
      "type": "list(string)",
      "default": ["${literal}"],
      "validation": [{ "condition": "${length(var.size) > 0}", "error_message": "Give ${1 + 1} sizes." }]
    }
  },
  "locals": { "name": "n-${var.size[0]}", "plain": { "a": 1, "k-${var.size[0]}": true } },
  "provider": { "sim": [{ "alias": "other" }] },
  "resource": [
    {
      "sim_machine": {
        "gpu": {
          "for_each": "${toset(var.size)}",
          "provider": "sim.other",
          "depends_on": ["data.sim_image.base"],
          "name": "${each.key}",
          "disk": [{ "size": 1 }, { "size": 2 }],
          "dynamic": { "disk": { "for_each": [3], "content": { "size": "${disk.value}" } } },
          "provisioner": [{ "local-exec": { "when": "destroy", "command": "echo ${self.id}" } }],
          "lifecycle": { "ignore_changes": ["name", "tags[\"a\"]"] }
        }
      }
    }
  ],
  "data": { "sim_image": { "base": {} } },
  "module": { "m": { "source": "./m", "providers": { "sim": "sim.other" } } },
  "moved": [{ "from": "sim_machine.a[0]", "to": "sim_machine.gpu[\"x\"]" }],
  "output": { "o": { "value": "${module.m.id}", "depends_on": ["sim_machine.gpu"] } }
}"#;

fn disk_schema() -> BlockSchema {
    let attribute = |name: &'static str, value_type: Type| AttributeSchema {
        name: name.into(),
        value_type,
        required: false,
        optional: true,
        computed: false,
        deprecated: None,
    };
    let block = BlockSchema { attributes: vec![attribute("size", Type::Number)], blocks: Vec::new() };
    let disk =
        NestedSchema { name: "disk".into(), nesting: Nesting::List, block, min_items: 0, max_items: 0 };
    BlockSchema { attributes: vec![attribute("name", Type::String)], blocks: vec![disk] }
}

/// What a module says, in words.
fn told(module: &Module) -> Vec<String> {
    let settings = &module.settings;
    let sim = &settings.required_providers["sim"];
    let size = &module.variables["size"];
    let gpu = module.resource(Mode::Managed, "sim_machine", "gpu").expect("it is there");
    let references =
        |all: Vec<&crate::Reference>| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let (decoded, findings) = gpu.body.decode(&disk_schema(), &Nowhere);
    let locals = module.locals.values().flat_map(|local| local.expression.references()).collect();
    let message = size.validations[0].error_message.evaluate(&Nowhere).0;
    let moved = module.moved[0].to.keys().next().and_then(|key| key.constant());
    vec![
        format!("{} {:?} {}", settings.required_version[0].0, sim.source, sim.aliases[0]),
        format!("{} {:?} {message:?}", size.constraint.value_type, size.default),
        references(locals),
        references(gpu.body.references()),
        format!("{:?} {}", decoded.get("disk"), findings.len()),
        references(gpu.depends_on.iter().collect()),
        format!("{:?} {:?}", gpu.provisioners[0].when, gpu.lifecycle.ignore_changes)
            .replace(char::is_numeric, ""),
        format!("{} {moved:?}", module.calls["m"].providers[0].1),
        references(
            module.outputs["o"].value.references().iter().chain(&module.outputs["o"].depends_on).collect(),
        ),
    ]
}

#[test]
fn json_says_what_native_syntax_says() {
    let child = ("m/main.tf", "output \"id\" {\n  value = 1\n}\n");
    let native = NATIVE.replace("\"${literal}\"", "\"$${literal}\"");
    let (in_native, faults, sources) = load_files(&[("main.tf", native.as_str()), child]);
    assert_eq!(shown(&faults, &sources), Vec::<String>::new());
    let (in_json, faults, sources) = load_files(&[("main.tf.json", DOCUMENT), child]);
    assert_eq!(shown(&faults, &sources), Vec::<String>::new());
    let (native, json) = (told(&in_native), told(&in_json));
    assert_eq!(native, json);
    assert_eq!(json[4], "Some([{\"size\": 1}, {\"size\": 2}, {\"size\": 3}]) 1");
}

#[test]
fn faults_in_json_have_their_place() {
    for (text, expected) in [
        ("{\n  \"resorce\": {}\n}", "main.tf.json:2 Unsupported argument [Did you mean \"resource\"?]"),
        (
            "{\n  \"output\": {\"o\": {\n    \"value\": \"a\\n${var.nope}\"\n  }}\n}",
            "main.tf.json:3 Reference to undeclared input variable [This variable can be declared with a variable \"nope\" {} block.]",
        ),
        (
            "{\n  \"output\": {\"o\": {\n    \"value\": \"${1 +}\"\n  }}\n}",
            "main.tf.json:3 Invalid expression",
        ),
        ("{\n  \"variable\": \"x\"\n}", "main.tf.json:2 Incorrect JSON value type"),
        ("{\n  \"locals\": {\"a\": 1,\n \"a\": 2}\n}", "main.tf.json:3 Duplicate object property"),
        ("{\n  \"locals\": {\"a\": {\"b\": 1,\n \"b\": 2}}\n}", "main.tf.json:3 Duplicate object property"),
        ("{\n  \"moved\": {\"from\": \"a.b\"}\n}", "main.tf.json:2 Missing required argument"),
        ("[1]", "main.tf.json:1 Incorrect JSON value type"),
        ("{\n  \"locals\": {\n}", "main.tf.json:1 Unclosed object"),
    ] {
        assert_eq!(faults(&[("main.tf.json", text)]), [expected], "{text}");
    }
}

#[test]
fn a_file_that_cannot_be_read_makes_nothing_undeclared() {
    let broken = "{\"variable\": {\"a\": {}}, }";
    let found = faults(&[("a.tf.json", broken), ("b.tf", "output \"o\" {\n  value = var.a\n}\n")]);
    assert_eq!(found, ["a.tf.json:1 Trailing comma in object"]);
    let broken = "variable \"a\" = {\n}\n";
    let found = faults(&[("a.tf", broken), ("b.tf", "output \"o\" {\n  value = var.a\n}\n")]);
    assert_eq!(found, ["a.tf:1 Invalid block definition"]);
}

#[test]
fn newer_endings_shadow_their_namesakes() {
    let local = |name: &str| format!("locals {{\n  {name} = 1\n}}\n");
    let json = |name: &str| format!("{{\"locals\": {{\"{name}\": 1}}}}");
    let files = [
        ("a.tf", local("a")),
        ("a.tofu", local("b")),
        ("c.tf.json", json("c")),
        ("c.tofu.json", json("d")),
        ("e.tf", local("e")),
        ("e.tofu.json", json("f")),
        (".hidden.tf", local("g")),
        ("h.tf~", local("h")),
        ("#i.tf#", local("i")),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let (module, diagnostics, _) = load_files(&files);
    assert!(diagnostics.is_empty());
    assert_eq!(module.locals.keys().map(ToString::to_string).collect::<Vec<_>>(), ["b", "d", "e", "f"]);
}

const BASE: &str = r#"
terraform {
  required_version = ">= 1"
  required_providers {
    a = { source = "x/a" }
    b = { source = "x/b" }
  }
  backend "local" {}
}
provider "a" {
  alias = "z"
  one   = 1
}
variable "v" {
  type    = string
  default = "base"
}
locals {
  l = 1
  m = 1
}
output "o" {
  value     = 1
  sensitive = true
}
resource "a" "b" {
  one = 1
  two = 2
  disk {
    gb = 1
  }
  dynamic "disk" {
    for_each = []
    content {}
  }
  nic {}
  lifecycle {
    prevent_destroy       = true
    create_before_destroy = true
  }
}
"#;

const OVERRIDE: &str = r#"
terraform {
  required_version = ">= 2"
  required_providers {
    b = { source = "y/b" }
    c = { source = "y/c" }
  }
  backend "other" {}
}
provider "a" {
  alias = "z"
  two   = 2
}
provider "b" {}
variable "v" {
  default = "over"
}
locals {
  m = 2
}
output "o" {
  value = 2
}
resource "a" "b" {
  two   = 3
  three = 3
  disk {
    gb = 9
  }
  lifecycle {
    prevent_destroy = false
  }
}
"#;

#[test]
fn overrides_take_the_place_of_what_they_override() {
    let (module, diagnostics, sources) = load_files(&[
        ("main.tf", BASE),
        ("a_override.tf", OVERRIDE),
        ("override.tf.json", "{\"locals\": {\"l\": 3}, \"resource\": {\"a\": {\"b\": {\"nic\": [{}, {}]}}}}"),
    ]);
    assert_eq!(shown(&diagnostics, &sources), Vec::<String>::new());
    let versions: Vec<&str> =
        module.settings.required_version.iter().map(|(version, _)| version.as_str()).collect();
    assert_eq!(versions, [">= 2"]);
    let required = &module.settings.required_providers;
    let required: Vec<&str> = required.values().filter_map(|one| one.source.as_deref()).collect();
    assert_eq!(required, ["x/a", "y/b", "y/c"]);
    assert_eq!(module.settings.backend.as_ref().map(|backend| backend.kind.as_str()), Some("other"));
    let arguments = |body: &crate::Body| {
        let shown = |one: &crate::Attribute| format!("{}={:?}", one.name, one.expression.constant());
        body.just_attributes().iter().map(shown).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(arguments(&module.providers[0].body), "one=Some(1) two=Some(2)");
    assert_eq!(module.providers[1].name, "b");
    assert_eq!(format!("{:?}", module.variables["v"].default), "Some(\"over\")");
    let locals: Vec<String> =
        module.locals.values().map(|local| format!("{:?}", local.expression.constant())).collect();
    assert_eq!(locals, ["Some(3)", "Some(2)"]);
    assert!(module.outputs["o"].sensitive);
    assert_eq!(format!("{:?}", module.outputs["o"].value.constant()), "Some(2)");
    let resource = module.resource(Mode::Managed, "a", "b").expect("it is there");
    assert_eq!(arguments(&resource.body), "one=Some(1) two=Some(3) three=Some(3) nic=Some([{}, {}])");
    let blocks: Vec<&str> = resource.body.blocks().iter().map(|block| block.kind.as_str()).collect();
    assert_eq!(blocks, ["disk"]);
    assert_eq!(resource.lifecycle.create_before_destroy, Some(true));
    assert!(
        resource.lifecycle.prevent_destroy.as_ref().is_some_and(|one| one.constant() == Some(&false.into()))
    );
}

#[test]
fn overrides_that_override_nothing_are_refused() {
    const HINT: &str = "An override file only changes blocks that are declared in other files; correct the name, or declare it there.";
    for (text, expected) in [
        (
            "locals {\n  x = 1\n}\n",
            format!("override.tf:1 Missing base definition of local value \"x\" to override [{HINT}]"),
        ),
        (
            "variable \"w\" {}\n",
            format!("override.tf:1 Missing base declaration of variable \"w\" to override [{HINT}]"),
        ),
        (
            "provider \"a\" {\n  alias = \"y\"\n}\n",
            format!("override.tf:1 Missing base declaration of provider \"a\" to override [{HINT}]"),
        ),
        (
            "moved {\n  from = a.c\n  to = a.b\n}\n",
            "override.tf:1 Cannot override \"moved\" blocks [Move it to another file of this folder.]"
                .to_owned(),
        ),
        (
            "resource \"a\" \"b\" {\n  depends_on = []\n}\n",
            "override.tf:2 Unsupported override [Change it where the block is declared.]".to_owned(),
        ),
    ] {
        assert_eq!(faults(&[("main.tf", BASE), ("override.tf", text)]), [expected], "{text}");
    }
}
