//! Providers that want more than they are given.

use crate::fixture::{THING, expect, hosting};

#[test]
fn the_environment_of_a_provider_has_no_secret_of_others() {
    let project = hosting(
        "data \"fixture_environment\" \"e\" {}\noutput \"names\" {\n  value = data.fixture_environment.e.names\n}\n",
    );
    let mut command = project.command("apply -auto-approve");
    command
        .env("FIXTURE_WORLD", project.path().join("world"))
        .env("FORMWORK_PASSPHRASE", "secret-1")
        .env("TF_VAR_password", "secret-2")
        .env("TF_TOKEN_example_com", "secret-3")
        .env("TF_ENCRYPTION", "")
        .env("AWS_SECRET_ACCESS_KEY", "secret-4")
        .env("OS_PASSWORD", "secret-5")
        .env("VAULT_TOKEN", "secret-6")
        .env("FORMWORK_PROVIDER_VARIABLES", "somebody/else=OS_* hashicorp/fixture=VAULT_*")
        .env("CLOUD_PROFILE", "given");
    let finished = project.finish(&mut command);
    expect("apply", &finished, 0, &["CLOUD_PROFILE", "TF_PLUGIN_MAGIC_COOKIE", "VAULT_TOKEN"]);
    for name in ["FORMWORK_", "TF_VAR_", "TF_TOKEN_", "TF_ENCRYPTION", "AWS_SECRET", "OS_PASSWORD"] {
        assert!(!finished.out.contains(name), "{name} is given to providers");
    }
}

#[test]
fn a_provider_that_cannot_sign_in_says_what_it_was_not_given() {
    let project = hosting(&format!("provider \"fixture\" {{\n  region = \"nowhere\"\n}}\n{THING}"));
    let mut command = project.command("plan");
    command.env("FIXTURE_WORLD", project.path().join("world")).env("VAULT_TOKEN", "secret-1");
    let finished = project.finish(&mut command);
    let words = ["VAULT_TOKEN", "FORMWORK_PROVIDER_VARIABLES=\"hashicorp/fixture=NAME\""];
    expect("plan", &finished, 1, &words);
    assert!(
        !format!("{}{}", finished.out, finished.error).contains("secret-1"),
        "its value is nobody's business"
    );
}
