//! The `OpenStack` provider of Terraform and OpenTofu, hosted, against the real services of `tests/lab/openstack`.
//!
//! Invariant: what came of a run is asked from the cloud's API, never from the program that made it.
#![expect(clippy::expect_used, reason = "a test whose program or lab does not answer cannot go on")]

mod failures;
mod life;
mod pairs;
mod same;

use formwork_tests::{Cloud, Project, project};
use serde_json::Value as Json;

const HOSTED: &str = "terraform-provider-openstack/openstack";

/// A configuration's head, with the provider from somewhere.
fn head(source: &str) -> String {
    format!(
        "terraform {{\n  required_providers {{\n    openstack = {{ source = \"{source}\" }}\n  }}\n}}\nvariable \"name\" {{}}\n"
    )
}

/// A project with a configuration, its variable `name`, and an image's content; nothing installed.
fn written(cloud: &Cloud, source: &str, main: &str) -> Project {
    project()
        .file("main.tf", &(head(source) + main))
        .file("terraform.tfvars", &format!("name = \"{}\"\n", cloud.name))
        .file("system.img", &"an image of no system\n".repeat(5000))
        .build()
}

/// The same with the hosted provider installed.
fn hosting(cloud: &Cloud, main: &str) -> Project {
    let project = written(cloud, HOSTED, main);
    cloud.install(&project);
    project
}

/// The objects of the state: address, type and attributes, as `show -json` tells them.
fn objects(cloud: &Cloud, project: &Project) -> Vec<(String, String, Json)> {
    // Ids are redacted in what a run said.
    let output = cloud.command(project, "show -json").output().expect("the program");
    let shown: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    let listed = shown["values"]["root_module"]["resources"].as_array().expect("resources");
    let managed = listed.iter().filter(|one| one["mode"] == "managed");
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    managed.map(|one| (text(&one["address"]), text(&one["type"]), one["values"].clone())).collect()
}

/// The attribute `id` of the only object of a type.
fn id_of(objects: &[(String, String, Json)], kind: &str) -> String {
    let found = objects.iter().find(|(_, one, _)| one == kind).expect("an object of the type");
    found.2["id"].as_str().expect("an id").to_owned()
}
