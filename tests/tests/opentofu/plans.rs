//! The same edit of the same state, planned by both: the documents of their plans.

use crate::both::{OpenTofu, differences, formwork, json, settled};
use formwork_tests::Project;

const MAIN: &str = r#"
terraform {
  required_providers {
    local = { source = "hashicorp/local" }
    time  = { source = "hashicorp/time" }
  }
}
variable "text" {
  default = "one"
}
variable "names" {
  type    = set(string)
  default = ["a", "b"]
}
resource "local_file" "f" {
  for_each = var.names
  filename = "out/${each.key}.txt"
  content  = "${each.key} ${var.text}"
}
resource "time_static" "t" {
  triggers = { x = "1" }
}
resource "terraform_data" "d" {
  count = 2
  input = { i = count.index, f = [for key in sort(keys(local_file.f)) : local_file.f[key].filename] }
}
resource "terraform_data" "r" {
  triggers_replace = [time_static.t.triggers.x]
  lifecycle {
    create_before_destroy = true
  }
}
module "m" {
  source   = "./m"
  for_each = { x = 1, y = 2 }
  n        = each.value
}
data "local_file" "fixed" {
  filename = "fixed.txt"
}
output "fixed" {
  value = data.local_file.fixed.content
}
output "m" {
  value = { for key, one in module.m : key => one.n }
}
output "hidden" {
  value     = var.text
  sensitive = true
}
check "one" {
  assert {
    condition     = var.text == "one"
    error_message = "the text is ${var.text}"
  }
}
"#;

const MODULE: &str = r#"
variable "n" {}
resource "terraform_data" "i" {
  input = var.n
}
output "n" {
  value = terraform_data.i.output
}
"#;

struct Edit {
    name: &'static str,
    /// What stands there instead of what.
    replaced: &'static [(&'static str, &'static str)],
    added: &'static str,
    /// What is done besides.
    done: fn(&Project),
    arguments: &'static str,
}

const NONE: Edit = Edit { name: "", replaced: &[], added: "", done: |_| {}, arguments: "" };

const EDITS: &[Edit] = &[
    Edit { name: "nothing", ..NONE },
    Edit { name: "an object to replace", arguments: "-replace=terraform_data.d[0]", ..NONE },
    Edit { name: "a file changed outside", done: |project| put(project, "out/a.txt", "changed"), ..NONE },
    Edit { name: "a file gone", done: gone, ..NONE },
    Edit { name: "a file gone, refreshed only", done: gone, arguments: "-refresh-only", ..NONE },
    Edit { name: "a file gone that nobody reads", done: gone, arguments: "-refresh=false", ..NONE },
    Edit { name: "other instances", arguments: "-var names=[\"b\",\"c\"]", ..NONE },
    Edit { name: "a trigger", replaced: &[("x = \"1\"", "x = \"2\"")], ..NONE },
    Edit { name: "another instance of a module", replaced: &[("{ x = 1, y = 2 }", "{ x = 3 }")], ..NONE },
    Edit {
        name: "a moved block",
        replaced: &[("\"time_static\" \"t\"", "\"time_static\" \"u\""), ("time_static.t.", "time_static.u.")],
        added: "moved {\n  from = time_static.t\n  to   = time_static.u\n}\n",
        ..NONE
    },
    Edit {
        name: "from count to for_each",
        replaced: &[(
            "count = 2\n  input = { i = count.index",
            "for_each = { x = 0, y = 1 }\n  input = { i = each.value",
        )],
        added: "moved {\n  from = terraform_data.d[0]\n  to   = terraform_data.d[\"x\"]\n}\n",
        ..NONE
    },
    Edit {
        name: "an import",
        added: "import {\n  to = time_static.i\n  id = \"2020-02-12T06:36:13Z\"\n}\nresource \"time_static\" \"i\" {\n  rfc3339 = \"2020-02-12T06:36:13Z\"\n}\n",
        ..NONE
    },
    Edit {
        name: "data that waits",
        added: "data \"local_file\" \"n\" {\n  filename   = \"fixed.txt\"\n  depends_on = [terraform_data.new]\n}\nresource \"terraform_data\" \"new\" {}\noutput \"n\" {\n  value = data.local_file.n.content_md5\n}\n",
        ..NONE
    },
    Edit {
        name: "conditions",
        added: "resource \"terraform_data\" \"p\" {\n  lifecycle {\n    precondition {\n      condition     = length(var.names) > 1\n      error_message = \"few\"\n    }\n    postcondition {\n      condition     = self.id != \"\"\n      error_message = \"none\"\n    }\n  }\n}\n",
        ..NONE
    },
    Edit {
        name: "something sensitive",
        added: "variable \"pw\" {\n  sensitive = true\n  default   = \"x\"\n}\nresource \"local_file\" \"p\" {\n  filename = \"p.txt\"\n  content  = var.pw\n}\noutput \"pp\" {\n  value     = local_file.p.content\n  sensitive = true\n}\n",
        ..NONE
    },
];

fn put(project: &Project, path: &str, text: &str) {
    project.write(path, text).expect("a file");
}

fn gone(project: &Project) {
    std::fs::remove_file(project.path().join("out/a.txt")).expect("a file");
}

#[test]
fn plans_say_the_same() {
    let Some(lab) = OpenTofu::find() else { return };
    let project = lab.project(&[("main.tf", MAIN), ("m/main.tf", MODULE), ("fixed.txt", "fixed")]);
    lab.theirs(&project, "init -no-color").expect("init", 0, &[]);
    lab.theirs(&project, "apply -auto-approve -no-color").expect("apply", 0, &["8 added"]);
    let state = project.read("terraform.tfstate");
    let mut wrong = Vec::new();
    for edit in EDITS {
        let mut main = format!("{MAIN}{}", edit.added);
        for (from, to) in edit.replaced {
            assert!(main.contains(from), "{}: {from}", edit.name);
            main = main.replace(from, to);
        }
        put(&project, "main.tf", &main);
        put(&project, "terraform.tfstate", &state);
        for name in ["a", "b"] {
            put(&project, &format!("out/{name}.txt"), &format!("{name} one"));
        }
        (edit.done)(&project);
        let line = format!("plan -input=false -no-color -out=saved {}", edit.arguments);
        let show = "show -json saved";
        lab.theirs(&project, &line).expect(edit.name, 0, &[]);
        let theirs = settled(&json(&lab.theirs(&project, show), edit.name));
        formwork(&project, &line).expect(edit.name, 0, &[]);
        let ours = settled(&json(&formwork(&project, show), edit.name));
        let found = differences(&theirs, &ours);
        if !found.is_empty() {
            wrong.push(format!("{}:\n{}", edit.name, found.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    println!("{} edits planned alike", EDITS.len());
}
