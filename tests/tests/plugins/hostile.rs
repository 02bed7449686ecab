//! Providers that want more than they are given.

use crate::fixture::{expect, hosting};

#[test]
fn the_environment_of_a_provider_has_no_secret_of_ours() {
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
        .env("CLOUD_PROFILE", "given");
    let finished = project.finish(&mut command);
    expect("apply", &finished, 0, &["CLOUD_PROFILE", "TF_PLUGIN_MAGIC_COOKIE"]);
    for name in ["FORMWORK_", "TF_VAR_", "TF_TOKEN_", "TF_ENCRYPTION"] {
        assert!(!finished.out.contains(name), "{name} is given to providers");
    }
}
