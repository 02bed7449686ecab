//! A project that changes hands: whoever goes on finds nothing to do, and what it then does the other accepts.

use crate::both::{OpenTofu, formwork};

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
module "clock" {
  source = "./clock"
  text   = var.text
}
resource "local_file" "f" {
  count    = 2
  filename = "${path.module}/f${count.index}.txt"
  content  = "${var.text} ${module.clock.at}"
}
resource "terraform_data" "d" {
  for_each         = toset(["a", "b"])
  input            = { name = each.key, files = local_file.f[*].filename, none = null }
  triggers_replace = [module.clock.at]
}
data "local_file" "read" {
  filename   = "${path.module}/f0.txt"
  depends_on = [local_file.f]
}
output "read" {
  value = data.local_file.read.content
}
output "hidden" {
  value     = var.text
  sensitive = true
}
"#;

const CLOCK: &str = r#"
variable "text" {}
resource "time_static" "now" {
  triggers = { text = var.text }
}
resource "local_sensitive_file" "secret" {
  filename = "${path.root}/secret.txt"
  content  = "hush"
}
output "at" {
  value = time_static.now.rfc3339
}
"#;

const FILES: [(&str, &str); 2] = [("main.tf", MAIN), ("clock/main.tf", CLOCK)];
const NOTHING: &str = "plan -input=false -no-color -detailed-exitcode";
const AGAIN: &str = "plan -input=false -no-color -detailed-exitcode -var text=two";
const SECOND: &str = "apply -auto-approve -input=false -no-color -var text=two";

#[test]
fn from_them_to_us_and_back() {
    let Some(lab) = OpenTofu::find() else { return };
    let project = lab.project(&FILES);
    lab.theirs(&project, "init -no-color").expect("their init", 0, &[]);
    lab.theirs(&project, "apply -auto-approve -no-color").expect("their apply", 0, &["6 added"]);
    // Not even an init is needed: the providers, the modules and the lock file are where both have them.
    formwork(&project, NOTHING).expect("our plan", 0, &["No changes."]);
    formwork(&project, "init").expect("our init", 0, &["successfully initialized"]);
    formwork(&project, SECOND).expect("our apply", 0, &["5 added, 0 changed, 5 destroyed", "read = \"two "]);
    lab.theirs(&project, AGAIN).expect("their plan", 0, &["No changes."]);
    lab.theirs(&project, "apply -auto-approve -no-color").expect("their second", 0, &["5 added"]);
    formwork(&project, NOTHING).expect("our last plan", 0, &["No changes."]);
    formwork(&project, "destroy -auto-approve").expect("our destroy", 0, &["6 destroyed"]);
}

#[test]
fn from_us_to_them_and_back() {
    let Some(lab) = OpenTofu::find() else { return };
    let project = lab.project(&FILES);
    formwork(&project, "init").expect("our init", 0, &[]);
    formwork(&project, "apply -auto-approve").expect("our apply", 0, &["6 added"]);
    lab.theirs(&project, NOTHING).expect("their plan", 0, &["No changes."]);
    lab.theirs(&project, SECOND).expect("their apply", 0, &["5 added, 0 changed, 5 destroyed"]);
    formwork(&project, AGAIN).expect("our plan", 0, &["No changes."]);
    lab.theirs(&project, "destroy -auto-approve -no-color").expect("their destroy", 0, &["6 destroyed"]);
    formwork(&project, "state list").expect("our list", 0, &[]);
}

/// Blocks of `encryption` that both take: keys from a passphrase, for the state and for plans.
const ENCRYPTED: &str = r#"
terraform {
  encryption {
    key_provider "pbkdf2" "pass" {
      passphrase = "correct horse battery staple"
    }
    method "aes_gcm" "aes" {
      keys = key_provider.pbkdf2.pass
    }
    state {
      method   = method.aes_gcm.aes
      enforced = true
    }
    plan {
      method   = method.aes_gcm.aes
      enforced = true
    }
  }
}
"#;

#[test]
fn a_state_that_one_encrypted_the_other_reads() {
    let Some(lab) = OpenTofu::find() else { return };
    let files = [FILES[0], FILES[1], ("encryption.tf", ENCRYPTED)];
    let project = lab.project(&files);
    lab.theirs(&project, "init -no-color").expect("their init", 0, &[]);
    lab.theirs(&project, "apply -auto-approve -no-color").expect("their apply", 0, &["6 added"]);
    let is_hidden = || !project.read("terraform.tfstate").contains("hush");
    assert!(is_hidden() && project.read("terraform.tfstate").contains("encrypted_data"));
    formwork(&project, NOTHING).expect("our plan", 0, &["No changes."]);
    formwork(&project, SECOND).expect("our apply", 0, &["5 added"]);
    assert!(is_hidden());
    lab.theirs(&project, AGAIN).expect("their plan", 0, &["No changes."]);
}
