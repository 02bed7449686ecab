//! Files and documents that both write, to the byte where they are for each other.

use crate::both::{OpenTofu, differences, formwork, json};

const PROVIDERS: &str = r#"
terraform {
  required_providers {
    local = {
      source  = "hashicorp/local"
      version = ">= 1.4.0, < 2.0.0"
    }
    time = { source = "hashicorp/time" }
  }
}
"#;

#[test]
fn the_lock_file_and_the_list_of_modules() {
    let Some(lab) = OpenTofu::find() else { return };
    let main = format!("{PROVIDERS}module \"near\" {{\n  source = \"./near\"\n}}\n");
    let near = "module \"nearer\" {\n  source = \"./nearer & <more>\"\n}\n";
    let files = [("main.tf", main.as_str()), ("near/main.tf", near), ("near/nearer & <more>/main.tf", "")];
    let (theirs, ours) = (lab.project(&files), lab.project(&files));
    lab.theirs(&theirs, "init -no-color").expect("theirs", 0, &["- near.nearer in near/nearer & <more>"]);
    let parts = ["Initializing modules...", "- near in near", "Incomplete lock file information", "linux_"];
    formwork(&ours, "init").expect("ours", 0, &parts);
    for path in [".terraform.lock.hcl", ".terraform/modules/modules.json"] {
        assert_eq!(theirs.read(path), ours.read(path), "{path}");
    }
    // Nothing is new the second time.
    let again = formwork(&ours, "init").ended("init again", 0);
    assert!(!again.contains("Initializing modules") && !again.contains("Incomplete"), "{again}");
}

#[test]
fn the_schemas_of_providers() {
    let Some(lab) = OpenTofu::find() else { return };
    let project = lab.project(&[("main.tf", PROVIDERS)]);
    lab.theirs(&project, "init -no-color").expect("theirs", 0, &[]);
    let line = "providers schema -json";
    let [theirs, ours] = [lab.theirs(&project, line), formwork(&project, line)]
        .map(|finished| json(&finished, line)["provider_schemas"].clone());
    let hosted = theirs.as_object().expect("schemas").keys().filter(|name| name.contains("/hashicorp/"));
    let mut count = 0;
    for name in hosted {
        let found = differences(&theirs[name], &ours[name]);
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
        count += 1;
    }
    assert_eq!(count, 2);
}
