//! The straight way: create, nothing to do, change, replace, destroy.

use crate::world::{World, actions, is_before};

const PAIR: &str = r#"
variable "size" {
  type    = number
  default = 2
}

locals {
  prefix = "machine"
}

resource "terraform_data" "a" {
  count = var.size
  input = "${local.prefix}-${count.index}"
}

resource "terraform_data" "b" {
  count = var.size
  input = terraform_data.a[count.index].output
}

output "last" {
  value = terraform_data.b[var.size - 1].output
}
"#;

#[test]
fn creates_and_then_has_nothing_to_do() {
    let mut world = World::new(PAIR);
    let plan = world.plan();
    assert_eq!(plan.summary().add, 4);
    let outcome = world.apply();
    assert_eq!(outcome.counts.added, 4);
    assert_eq!(
        world.addresses(),
        ["terraform_data.a[0]", "terraform_data.a[1]", "terraform_data.b[0]", "terraform_data.b[1]"]
    );
    assert_eq!(world.folded().state.outputs["last"].value.get(), "\"machine-1\"");
    let again = world.plan();
    assert!(!again.has_changes(), "{:?}", actions(&again));
}

#[test]
fn a_variable_plans_exactly_its_change() {
    let mut world = World::new(PAIR);
    world.apply();
    world.var("size", "3");
    let plan = world.plan();
    assert_eq!(actions(&plan), ["terraform_data.a[2] Create", "terraform_data.b[2] Create"]);
    world.apply();
    world.var("size", "1");
    let plan = world.plan();
    assert_eq!(plan.summary().destroy, 4);
    assert!(is_before(&plan, "delete terraform_data.b[2]", "delete terraform_data.a[2]"));
    world.apply();
    assert_eq!(world.addresses(), ["terraform_data.a[0]", "terraform_data.b[0]"]);
}

#[test]
fn destroys_everything_also_with_an_empty_configuration() {
    let mut world = World::new(PAIR);
    world.apply();
    world.main("");
    let outcome = world.destroy();
    assert_eq!(outcome.counts.destroyed, 4);
    assert!(world.addresses().is_empty());
    assert!(world.folded().state.outputs.is_empty());
}

#[test]
fn a_dropped_reference_and_its_destroyed_target_in_one_plan() {
    let mut world = World::new(
        r#"
resource "terraform_data" "a" { input = "x" }
resource "terraform_data" "b" { input = terraform_data.a.output }
"#,
    );
    world.apply();
    world.main("resource \"terraform_data\" \"b\" { input = \"y\" }\n");
    let plan = world.plan();
    assert_eq!(actions(&plan), ["terraform_data.a Delete", "terraform_data.b Update"]);
    assert!(is_before(&plan, "update terraform_data.b", "delete terraform_data.a"));
    world.apply();
    assert!(!world.plan().has_changes());
}

#[test]
fn replaces_in_both_orders() {
    let config = |trigger: &str, lifecycle: &str| {
        format!(
            r#"
resource "terraform_data" "a" {{
  input            = "x"
  triggers_replace = "{trigger}"
  {lifecycle}
}}
resource "terraform_data" "b" {{ input = terraform_data.a.id }}
"#
        )
    };
    for (lifecycle, first, second) in [
        ("", "delete terraform_data.a", "create terraform_data.a"),
        (
            "lifecycle {\n    create_before_destroy = true\n  }",
            "create terraform_data.a",
            "delete terraform_data.a",
        ),
    ] {
        let mut world = World::new(&config("1", lifecycle));
        world.apply();
        world.main(&config("2", lifecycle));
        let plan = world.plan();
        assert!(is_before(&plan, first, second));
        assert!(is_before(&plan, "create terraform_data.a", "update terraform_data.b"));
        if !lifecycle.is_empty() {
            assert!(is_before(&plan, "update terraform_data.b", "delete terraform_data.a"));
        }
        world.apply();
        assert_eq!(world.addresses(), ["terraform_data.a", "terraform_data.b"]);
        assert!(!world.plan().has_changes());
    }
}

#[test]
fn modules_pass_values_in_and_out() {
    let mut world = World::new(
        r#"
module "site" {
  source   = "./site"
  for_each = { one = 1, two = 2 }
  name     = each.key
  size     = each.value
}

output "ids" {
  value = { for key, site in module.site : key => site.label }
}
"#,
    );
    world.files.insert(
        "site/main.tf".to_owned(),
        br#"
variable "name" { type = string }
variable "size" { type = number }
locals { label = "${upper(var.name)}-${var.size}" }
resource "terraform_data" "x" { input = local.label }
output "label" { value = terraform_data.x.output }
"#
        .to_vec(),
    );
    world.apply();
    assert_eq!(
        world.addresses(),
        ["module.site[\"one\"].terraform_data.x", "module.site[\"two\"].terraform_data.x"]
    );
    let ids: serde_json::Value =
        serde_json::from_str(world.folded().state.outputs["ids"].value.get()).unwrap();
    assert_eq!(ids, serde_json::json!({"one": "ONE-1", "two": "TWO-2"}));
    assert!(!world.plan().has_changes());
    world.destroy();
    assert!(world.addresses().is_empty());
}

/// They are called while planning, as soon as their arguments are known.
#[test]
fn functions_of_providers_are_called() {
    let mut world = World::new(
        r#"
terraform {
  required_providers {
    tf = { source = "terraform.io/builtin/terraform" }
  }
}

resource "terraform_data" "x" { input = provider::tf::encode_expr([1, "a"]) }

output "known" {
  value = provider::terraform::encode_tfvars({ b = true, a = 1 })
}

output "later" {
  value = provider::tf::encode_expr(terraform_data.x.id)
}
"#,
    );
    let plan = world.plan();
    let after = |name: &str| {
        plan.outputs.iter().find(|output| output.name == name).map(|output| output.after.clone())
    };
    assert_eq!(after("known"), Some(formwork_value::Value::from("a = 1\nb = true\n")));
    assert!(after("later").is_some_and(|value| !value.is_known()));
    world.apply();
    let later: String = serde_json::from_str(world.folded().state.outputs["later"].value.get()).unwrap();
    assert!(later.starts_with('"') && later.len() > 10, "{later}");
    for (call, expected) in [
        ("provider::tf::nope(1)", "has no function named \"nope\""),
        ("provider::other::nope(1)", "has no function named \"nope\""),
        ("provider::tf::encode_expr()", "\"value\" is missing"),
        ("provider::tf::encode_expr(1, 2)", "only 1 argument(s)"),
        ("provider::tf::encode_tfvars(\"x\")", "must be an object"),
    ] {
        let mut world = World::new("");
        world.main(&format!(
            "terraform {{\n  required_providers {{\n    tf = {{ source = \"terraform.io/builtin/terraform\" }}\n  }}\n}}\noutput \"x\" {{\n  value = {call}\n}}\n"
        ));
        let error = world.plan_mode(formwork_engine::model::RunMode::Normal).unwrap_err();
        assert!(error.contains(expected), "{call}: {error}");
    }
}
