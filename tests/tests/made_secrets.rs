//! Secrets that are made here, through the real program: the same after a second plan, and shown to nobody.
#![expect(clippy::unwrap_used, reason = "a test ends where it must")]

use formwork_tests::{Project, project};
use serde_json::Value as Json;

const CONFIGURATION: &str = r#"
terraform {
  required_providers {
    random = { source = "formwork/random" }
    tls    = { source = "formwork/tls" }
  }
}

variable "rotation" {
  default = "1"
}

resource "random_password" "database" {
  length  = 24
  keepers = { rotation = var.rotation }
}

resource "random_bytes" "key" {
  length = 32
}

resource "tls_private_key" "key" {
  for_each  = toset(["authority", "server"])
  algorithm = "ECDSA"
}

resource "tls_self_signed_cert" "authority" {
  private_key_pem       = tls_private_key.key["authority"].private_key_pem
  is_ca_certificate     = true
  validity_period_hours = 48
  allowed_uses          = ["cert_signing"]

  subject {
    common_name = "Authority"
  }
}

resource "tls_cert_request" "server" {
  private_key_pem = tls_private_key.key["server"].private_key_pem
  dns_names       = ["models.example.com"]
}

resource "tls_locally_signed_cert" "server" {
  cert_request_pem      = tls_cert_request.server.cert_request_pem
  ca_cert_pem           = tls_self_signed_cert.authority.cert_pem
  ca_private_key_pem    = tls_private_key.key["authority"].private_key_pem
  validity_period_hours = 24
  allowed_uses          = ["server_auth"]
}

resource "terraform_data" "uses" {
  input = "postgresql://app:${random_password.database.result}@database/app"
}

output "certificate" {
  value = tls_locally_signed_cert.server.cert_pem
}

output "url" {
  value     = terraform_data.uses.output
  sensitive = true
}
"#;

/// The secrets in the state: texts that must stand nowhere else.
fn secrets(project: &Project) -> Vec<String> {
    let state: Json = serde_json::from_str(&project.read("terraform.tfstate")).unwrap();
    let names = [
        "result",
        "bcrypt_hash",
        "base64",
        "hex",
        "private_key_pem",
        "private_key_openssh",
        "private_key_pem_pkcs8",
    ];
    let mut found = Vec::new();
    for resource in state["resources"].as_array().unwrap() {
        for instance in resource["instances"].as_array().unwrap() {
            let texts = names.iter().filter_map(|name| instance["attributes"][*name].as_str());
            // Of a text of several lines, one that is no frame.
            found.extend(texts.map(|text| text.lines().nth(1).unwrap_or(text).to_owned()));
        }
    }
    assert!(found.len() > 8, "{found:?}");
    found
}

#[test]
fn made_secrets_stay_and_are_shown_to_nobody() {
    let project = project().file("main.tf", CONFIGURATION).build();
    let planned = project.run("plan -out=saved");
    assert_eq!(planned.code, 0, "{}\n{}", planned.out, planned.error);
    let applied = project.run("apply saved");
    assert_eq!(applied.code, 0, "{}\n{}", applied.out, applied.error);
    assert!(applied.out.contains("8 added") && applied.out.contains("BEGIN CERTIFICATE"), "{}", applied.out);
    let again = project.run("plan -detailed-exitcode");
    assert_eq!(again.code, 0, "{}\n{}", again.out, again.error);
    let rotated = project.run("plan -var rotation=2");
    assert!(rotated.out.contains("random_password.database must be replaced"), "{}", rotated.out);
    let shown = project.run("show");
    let events = project.run("plan -json -var rotation=2");
    for secret in secrets(&project) {
        for (name, text) in [
            ("plan", &planned.out),
            ("apply", &applied.out),
            ("plan of a rotation", &rotated.out),
            ("show", &shown.out),
            ("events", &events.out),
        ] {
            assert!(!text.contains(&secret), "{name} shows a secret:\n{text}");
        }
        // What is drawn in the apply is not in the plan that it performed.
        let saved = std::fs::read(project.path().join("saved")).unwrap();
        assert!(!String::from_utf8_lossy(&saved).contains(&secret), "the saved plan holds a secret");
    }
}
