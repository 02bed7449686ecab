//! `terraform_remote_state` from outside: outputs of another folder's state, sensitive ones kept so.

use formwork_tests::project;

const OTHER: &str = r#"
resource "terraform_data" "a" {
  input = "east"
}
output "region" {
  value = terraform_data.a.output
}
output "password" {
  value     = "hunter2"
  sensitive = true
}
"#;

const READER: &str = r#"
data "terraform_remote_state" "other" {
  backend = "local"
  config = {
    path = "other/terraform.tfstate"
  }
  defaults = {
    region = "nowhere"
    size   = 3
  }
}
output "all" {
  value = "${data.terraform_remote_state.other.outputs.region}-${data.terraform_remote_state.other.outputs.size}"
}
"#;

#[test]
fn outputs_of_another_state() {
    let project = project().file("main.tf", READER).file("other/main.tf", OTHER).build();
    let without = project.run("plan");
    assert_eq!(without.code, 1);
    for part in ["Unable to find remote state", "other/terraform.tfstate", "main.tf line"] {
        assert!(without.error.contains(part), "{}", without.error);
    }
    assert_eq!(project.run("-chdir=other apply -auto-approve").code, 0);
    let applied = project.run("apply -auto-approve");
    assert!(applied.out.contains("all = \"east-3\""), "{}{}", applied.out, applied.error);
    assert_eq!(project.run("plan -detailed-exitcode").code, 0);
    let secret = "output \"password\" {\n  value = data.terraform_remote_state.other.outputs.password\n}\n";
    project.write("secret.tf", secret).unwrap_or_default();
    let refused = project.run("plan");
    assert!(refused.error.contains("Output refers to sensitive values"), "{}", refused.error);
    assert!(!format!("{}{}", refused.out, refused.error).contains("hunter2"));
}
