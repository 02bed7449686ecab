//! Commands that deal with the language alone: `fmt`, `console`, `metadata functions`, `validate -json`.
#![expect(clippy::unwrap_used, reason = "a test whose files or JSON cannot be read cannot go on")]

use formwork_tests::{Finished, Project, assert_says, project};
use serde_json::Value as Json;

#[track_caller]
fn assert_ends(finished: &Finished, code: i32, out: &str) {
    assert_eq!((finished.code, finished.out.as_str()), (code, out), "{}", finished.error);
}

fn read(project: &Project, path: &str) -> String {
    std::fs::read_to_string(project.path().join(path)).unwrap()
}

/// A folder with files in every place that matters to `fmt`.
fn untidy() -> Project {
    project()
        .file("b.tf", "a=1\n")
        .file("a.tfvars", "b  =  2\n")
        .file("c.tf", "c = 3\n")
        .file("d.tf.json", "{ }\n")
        .file(".hidden.tf", "a=1\n")
        .file("m/n.tofu", "x {}\ny{}\n")
        .file("m/.terraform/o.tf", "a=1\n")
        .build()
}

#[test]
fn files_are_written_and_named() {
    let project = untidy();
    assert_ends(&project.run("fmt"), 0, "a.tfvars\nb.tf\n");
    assert_eq!((read(&project, "a.tfvars"), read(&project, "b.tf")), ("b = 2\n".into(), "a = 1\n".into()));
    assert_eq!(
        (read(&project, ".hidden.tf"), read(&project, "m/n.tofu")),
        ("a=1\n".into(), "x {}\ny{}\n".into())
    );
    assert_ends(&project.run("fmt -recursive"), 0, "m/n.tofu\n");
    assert_eq!(read(&project, "m/n.tofu"), "x {}\ny {}\n");
    assert_eq!(read(&project, "m/.terraform/o.tf"), "a=1\n");
    assert_ends(&project.run("fmt -recursive"), 0, "");
    let names = std::fs::read_dir(project.path()).unwrap().count();
    assert_eq!(names, 6, "nothing is left beside the files");
}

#[test]
fn checking_writes_nothing() {
    let project = untidy();
    assert_ends(&project.run("fmt -check"), 3, "a.tfvars\nb.tf\n");
    assert_ends(&project.run("fmt -check -list=false m"), 3, "");
    assert_ends(&project.run("fmt -check c.tf"), 0, "");
    assert_eq!(read(&project, "b.tf"), "a=1\n");
    assert_ends(&project.run_with_input("fmt -check -", "a=1\n"), 3, "");
    assert_ends(&project.run_with_input("fmt -check -", "a = 1\n"), 0, "");
}

#[test]
fn differences_and_texts_are_shown() {
    let project = untidy();
    let difference = "--- old/b.tf\n+++ new/b.tf\n@@ -1 +1 @@\n-a=1\n+a = 1\n";
    assert_ends(&project.run("fmt -diff -write=false -list=false b.tf"), 0, difference);
    assert_ends(&project.run("fmt -diff -check b.tf"), 3, &format!("b.tf\n{difference}"));
    assert_ends(&project.run("fmt -write=false -list=false b.tf"), 0, "a = 1\n");
    assert_eq!(read(&project, "b.tf"), "a=1\n");
    assert_ends(&project.run_with_input("fmt -", "a=1 # why"), 0, "a = 1 # why");
    assert_ends(&project.run("fmt -diff b.tf"), 0, &format!("b.tf\n{difference}"));
    assert_eq!(read(&project, "b.tf"), "a = 1\n");
}

#[test]
fn what_cannot_be_formatted_stays_and_is_named() {
    let project = project().file("a.tf", "a = \n").file("b.tf", "b=1\n").file("x.yaml", "").build();
    let broken = project.run("fmt");
    assert_ends(&broken, 2, "b.tf\n");
    assert!(broken.error.contains("on a.tf line 1"), "{}", broken.error);
    assert_eq!((read(&project, "a.tf"), read(&project, "b.tf")), ("a = \n".into(), "b = 1\n".into()));
    for (line, words) in
        [("fmt none.tf", "No file or directory at none.tf"), ("fmt x.yaml", "Invalid file extension")]
    {
        let finished = project.run(line);
        assert_ends(&finished, 2, "");
        assert!(finished.error.contains(words), "{}", finished.error);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = project.path().join("b.tf");
        std::fs::write(&path, "b=1\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        project.run("fmt b.tf");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

const CONFIGURATION: &str = r#"
variable "size" {
  default = 2
}
variable "secret" {
  sensitive = true
  default   = "hunter2"
}
variable "later" {
  type = list(string)
}
locals {
  sizes = [for n in range(var.size) : n * 10]
}
resource "terraform_data" "a" {
  count = var.size
  input = "a${count.index}"
}
output "first" {
  value = terraform_data.a[0].output
}
"#;

#[test]
fn expressions_are_answered_without_a_state() {
    let project = project().file("main.tf", CONFIGURATION).build();
    let input = "1 + 2\n\nlocal.sizes\n[\n  var.size,\n]\n\"x\" == \\\n\"x\"\n<<E\none\ntwo\nE\nvar.secret\nvar.later\nterraform_data.a\ntype(local.sizes)\nexit\nnever";
    let answers = "3\n[\n  0,\n  10,\n]\n[\n  2,\n]\ntrue\n<<EOT\none\ntwo\n\nEOT\n(sensitive value)\n(known after apply)\n(known after apply)\ntuple([\n    number,\n    number,\n])\n";
    assert_ends(&project.run_with_input("console", input), 0, answers);
    let given =
        project.run_with_input("console -var size=1 -var later=[\"x\"]", "local.sizes[0] + 1\nvar.later[0]");
    assert_ends(&given, 0, "1\n\"x\"\n");
    let helped = project.run_with_input("console", "help\n");
    assert!(helped.code == 0 && helped.out.contains("To leave, type \"exit\""), "{}", helped.out);
    assert!(!project.path().join("terraform.tfstate").exists());
}

#[test]
fn what_the_state_holds_is_seen_and_errors_do_not_end_it() {
    let project = project().file("main.tf", CONFIGURATION).build();
    assert_eq!(project.run("apply -auto-approve -var later=[]").code, 0);
    let state = read(&project, "terraform.tfstate");
    let input =
        "terraform_data.a[1].output\nterraform_data.a[*].input\noutput.first\nnope.x\n[type(1)]\n1 +\n7";
    let answers = "\"a1\"\n[\n  \"a0\",\n  \"a1\",\n]\n\"a0\"\n7\n";
    let asked = project.run_with_input("console -var later=[]", input);
    assert_ends(&asked, 1, answers);
    for words in ["Reference to undeclared object", "Invalid use of type function", "Missing expression"] {
        assert!(asked.error.contains(words), "{words}:\n{}", asked.error);
    }
    assert_eq!(read(&project, "terraform.tfstate"), state);

    // A state elsewhere, and no configuration at all.
    let elsewhere = self::project().file("other.tfstate", &state).build();
    let asked =
        elsewhere.run_with_input("console -state=other.tfstate", "terraform_data.a[0].output\noutput.first");
    assert_ends(&asked, 0, "\"a0\"\n\"a0\"\n");
    let missing = elsewhere.run_with_input("console -state=none.tfstate", "1\n");
    assert_ends(&missing, 1, "");
}

#[test]
fn functions_are_described() {
    let finished = project().build().run("metadata functions -json");
    assert_eq!(finished.code, 0, "{}", finished.error);
    let document: Json = serde_json::from_str(&finished.out).unwrap();
    assert_eq!(document["format_version"], "1.0");
    let functions = document["function_signatures"].as_object().unwrap();
    for (name, expected) in [
        ("abs", r#"{"return_type":"number","parameters":[{"name":"num","type":"number"}]}"#),
        ("core::abs", r#"{"return_type":"number","parameters":[{"name":"num","type":"number"}]}"#),
        ("max", r#"{"return_type":"number","variadic_parameter":{"name":"numbers","type":"number"}}"#),
        (
            "merge",
            r#"{"return_type":"dynamic","variadic_parameter":{"name":"maps","is_nullable":true,"type":"dynamic"}}"#,
        ),
        ("timestamp", r#"{"return_type":"string"}"#),
        ("can", r#"{"return_type":"bool","parameters":[{"name":"expression","type":"dynamic"}]}"#),
        (
            "zipmap",
            r#"{"return_type":"dynamic","parameters":[{"name":"keys","type":["list","string"]},{"name":"values","type":"dynamic"}]}"#,
        ),
    ] {
        let mut found = functions[name].clone();
        let description = found.as_object_mut().unwrap().remove("description").unwrap();
        assert!(description.as_str().is_some_and(|text| text.starts_with('`')), "{name}: {description}");
        assert_eq!(found, serde_json::from_str::<Json>(expected).unwrap(), "{name}");
    }
    assert!(!functions.contains_key("list") && !functions.contains_key("type"));
    assert_eq!(project().build().run("metadata functions").code, 1);
}

const LENGTH: &str = r#"{
    "severity": "error",
    "summary": "Too many function arguments",
    "detail": "Function \"length\" expects only 1 argument(s).\n\nhint: It is called as length(value).",
    "range": {
        "filename": "main.tf",
        "start": {"line": 5, "column": 25, "byte": 70},
        "end": {"line": 5, "column": 26, "byte": 71}
    },
    "snippet": {
        "context": "output \"x\"",
        "code": "  value = length(var.a, 1)",
        "start_line": 5,
        "highlight_start_offset": 24,
        "highlight_end_offset": 25,
        "values": [],
        "function_call": {
            "called_as": "length",
            "signature": {
                "name": "length",
                "params": [{"name": "value", "type": "dynamic"}],
                "return_type": "number"
            }
        }
    }
}"#;

const MAXIMUM: &str = r#"{
    "severity": "error",
    "summary": "Invalid function argument",
    "detail": "Invalid value for \"numbers\" parameter: a number is required.",
    "range": {
        "filename": "main.tf",
        "start": {"line": 8, "column": 21, "byte": 105},
        "end": {"line": 8, "column": 22, "byte": 106}
    },
    "snippet": {
        "context": "locals",
        "code": "  é = core::max(1, \"x\") + var.a[0]",
        "start_line": 8,
        "highlight_start_offset": 21,
        "highlight_end_offset": 22,
        "values": [],
        "function_call": {
            "called_as": "core::max",
            "signature": {
                "name": "max",
                "params": [],
                "return_type": "number",
                "variadic_param": {"name": "numbers", "type": "number"}
            }
        }
    }
}"#;

#[test]
fn findings_are_told_to_tools() {
    let faulty = "variable \"a\" {\n  default = [1]\n}\noutput \"x\" {\n  value = length(var.a, 1)\n}\nlocals {\n  é = core::max(1, \"x\") + var.a[0]\n}\n";
    let project = project().file("main.tf", faulty).build();
    let finished = project.run("validate -json");
    assert_eq!(finished.code, 1);
    let document: Json = serde_json::from_str(&finished.out).unwrap();
    let json = |text| serde_json::from_str::<Json>(text).unwrap();
    let mut found = document["diagnostics"].as_array().unwrap().clone();
    found.sort_by_key(|one| one["range"]["start"]["byte"].as_u64());
    assert_eq!(found, [json(LENGTH), json(MAXIMUM)]);
    assert_eq!(
        (
            &document["format_version"],
            &document["valid"],
            &document["error_count"],
            &document["warning_count"]
        ),
        (&Json::from("1.0"), &Json::from(false), &Json::from(2), &Json::from(0))
    );

    let spread = "output \"x\" {\n  value = upper(\n    [],\n  )\n}\n";
    let finished = self::project().file("main.tf", spread).build().run("validate -json");
    let document: Json = serde_json::from_str(&finished.out).unwrap();
    let snippet = &document["diagnostics"][0]["snippet"];
    assert_eq!(
        (&snippet["code"], &snippet["start_line"], &snippet["highlight_start_offset"]),
        (&Json::from("  value = upper(\n    [],\n  )"), &Json::from(2), &Json::from(21)),
        "the whole call is shown"
    );

    let sound = self::project().file("main.tf", "output \"x\" {\n  value = 1\n}\n").build();
    let finished = sound.run("validate -json");
    let expected = serde_json::json!({"format_version": "1.0", "valid": true, "error_count": 0, "warning_count": 0, "diagnostics": []});
    assert_eq!((finished.code, serde_json::from_str::<Json>(&finished.out).unwrap()), (0, expected));
}

/// What a body says of a variable is checked for all values that a call may give, and not for the default.
#[test]
fn validate_takes_no_value_of_a_module_for_all_there_are() {
    let module = r#"
variable "devices" {
  type    = list(string)
  default = []
}
resource "terraform_data" "one" {
  count = length(var.devices) > 0 ? 1 : 0
  input = var.devices[0]
}
"#;
    let call = |argument: &str| format!("module \"m\" {{\n  source = \"./m\"\n{argument}}}\n");
    let project = self::project().file("m/main.tf", module).file("main.tf", &call("")).build();
    assert_says(&project.run("init"), 0, &[]);
    assert_says(&project.run("validate"), 0, &["The configuration is valid"]);
    assert_says(&project.run("plan"), 0, &["No changes"]);
    project.write("main.tf", &call("  devices = \"x\"\n")).unwrap();
    assert_says(&project.run("validate"), 1, &["The given value is not suitable for var.devices"]);
}

#[test]
fn modules_and_their_providers_are_listed() {
    let project = project()
        .file(
            "main.tf",
            "terraform {\n  required_providers {\n    sim = { source = \"formwork/sim\", version = \">=0.1,< 2\" }\n  }\n}\nresource \"terraform_data\" \"a\" {}\nmodule \"z\" {\n  source = \"./z\"\n}\nmodule \"b\" {\n  source = \"./b\"\n}\n",
        )
        .file("z/main.tf", "output \"x\" {\n  value = 1\n}\n")
        .file("b/main.tf", "resource \"terraform_data\" \"a\" {}\nmodule \"q\" {\n  source = \"../z\"\n}\n")
        .build();
    let tree = "\nProviders required by configuration:\n.\n├── provider[HOST/formwork/sim] >= 0.1.0, < 2.0.0\n├── provider[terraform.io/builtin/terraform]\n├── module.b\n│   ├── provider[terraform.io/builtin/terraform]\n│   └── module.q\n└── module.z\n\n";
    let listed = project.run("providers");
    let host = listed.out.split_once('[').unwrap().1.split_once("/formwork").unwrap().0;
    assert_ends(&listed, 0, &tree.replace("HOST", host));
    assert_eq!(project.run("apply -auto-approve").code, 0);
    let stored = "Providers required by state:\n\n    provider[terraform.io/builtin/terraform]\n\n";
    assert_ends(&project.run("providers"), 0, &format!("{}{stored}", tree.replace("HOST", host)));
    let modules = project.run("get");
    assert_eq!(modules.code, 0, "{}", modules.error);
    let mut lines: Vec<&str> = modules.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["- b in b", "- b.q in z", "- z in z"]);
}
