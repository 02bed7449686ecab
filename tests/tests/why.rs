//! `why`: the chain from a change back to what a person wrote.

use formwork_tests::{Project, project};

fn made() -> Project {
    let root = r#"variable "size" {
  default = 2
}
variable "secret" {
  default   = "hunter2"
  sensitive = true
}
locals {
  label = "n${var.size}"
}
module "m" {
  source = "./m"
  label  = local.label
}
resource "terraform_data" "b" {
  input            = module.m.out
  triggers_replace = [var.size, var.secret]
}
resource "terraform_data" "many" {
  count = var.size
}
"#;
    let module = r#"variable "label" {}
resource "terraform_data" "a" {
  input = upper(var.label)
}
output "out" {
  value = terraform_data.a.output
}
"#;
    let project = project().file("main.tf", root).file("m/main.tf", module).build();
    assert_eq!(project.run("apply -auto-approve").code, 0);
    project
}

#[test]
fn a_change_is_followed_to_what_was_written() {
    let project = made();
    project.write("more.tfvars", "\nsize = 3\n").unwrap();
    let whole = "terraform_data.b is to be replaced (cannot update)
  input differs (main.tf:16)
    module.m.output.out (m/main.tf:6)
      module.m.terraform_data.a.output, which is to be updated (m/main.tf:2)
        input differs (m/main.tf:3)
          module.m.var.label (main.tf:13)
            local.label (main.tf:9)
              var.size, given (more.tfvars:2)
  triggers_replace differs, which forces replacement (main.tf:17)
    var.size, given (more.tfvars:2)
    var.secret, its default (main.tf:4)
";
    let cases = [
        ("why terraform_data.b", 0, "terraform_data.b stays as it is.\n"),
        ("why -var-file=more.tfvars terraform_data.b", 0, whole),
        (
            "why -var size=3 module.m",
            0,
            "module.m.terraform_data.a is to be updated
  input differs (m/main.tf:3)
    module.m.var.label (main.tf:13)
      local.label (main.tf:9)
        var.size, given (-var)
",
        ),
        (
            "why -var size=1 terraform_data.many",
            0,
            "terraform_data.many[1] is to be destroyed (delete because count index)
  the block does not ask for it any more (main.tf:19)
  its instances come from count (main.tf:20)
    var.size, given (-var)
",
        ),
        (
            "why -destroy terraform_data.many[0]",
            0,
            "terraform_data.many[0] is to be destroyed
  this run destroys everything (main.tf:19)
  its instances come from count (main.tf:20)
    var.size, its default (main.tf:1)
",
        ),
        (
            "why terraform_data.none",
            1,
            "terraform_data.none is neither in the configuration nor in the state.\n",
        ),
    ];
    for (line, code, expected) in cases {
        let finished = project.run(line);
        assert_eq!((finished.code, finished.out.as_str()), (code, expected), "{line}:\n{}", finished.error);
    }
    let secret = project.run("why -var secret=hunter3 terraform_data.b");
    assert!(!secret.out.contains("hunter"), "{}", secret.out);
    assert!(secret.out.contains("triggers_replace"), "{}", secret.out);
}

#[test]
fn what_is_no_address_is_refused() {
    let finished = made().run("why terraform_data..b");
    assert_eq!(finished.code, 1);
    assert!(finished.error.contains("Error: Invalid address"), "{}", finished.error);
}
