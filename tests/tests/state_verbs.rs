//! A person's hand on the state, and several states of one configuration: lines typed one after another.

use formwork_tests::{Project, project};

const PAIR: &str = r#"
resource "terraform_data" "a" {
  count = 2
  input = "a${count.index}"
}
resource "terraform_data" "b" {
  input = terraform_data.a[1].output
}
output "workspace" {
  value = terraform.workspace
}
"#;

/// Types lines: each with the code it ends with and what it says.
#[track_caller]
fn types(project: &Project, lines: &[(&str, i32, &[&str])]) {
    for (line, code, parts) in lines {
        let finished = project.run(line);
        let text = format!("{}{}", finished.out, finished.error);
        assert_eq!(finished.code, *code, "{line}:\n{text}");
        for part in *parts {
            assert!(text.contains(part), "{line}: {part:?} is not in:\n{text}");
        }
    }
}

fn made() -> Project {
    let project = project().file("main.tf", PAIR).build();
    types(&project, &[("apply -auto-approve", 0, &["3 added"])]);
    project
}

#[test]
fn objects_are_moved_and_forgotten() {
    types(
        &made(),
        &[
            (
                "state mv -dry-run terraform_data.a terraform_data.c",
                0,
                &["Would move \"terraform_data.a[0]\" to \"terraform_data.c[0]\""],
            ),
            ("plan -detailed-exitcode", 0, &[]),
            ("state mv terraform_data.a terraform_data.c", 0, &["Successfully moved 2 object(s)."]),
            ("state list", 0, &["terraform_data.b\nterraform_data.c[0]\nterraform_data.c[1]\n"]),
            (
                "state mv terraform_data.b terraform_data.c[1]",
                1,
                &["terraform_data.c[1] stands in the state already"],
            ),
            (
                "state mv terraform_data.none terraform_data.d",
                1,
                &["Error: Invalid target address", "state list"],
            ),
            ("state mv terraform_data.c module.m", 1, &["are not of one kind"]),
            ("state mv terraform_data..c terraform_data.d", 1, &["Error: Invalid address"]),
            ("state mv terraform_data.c terraform_data.a", 0, &[]),
            ("plan -detailed-exitcode", 0, &[]),
            ("state rm -dry-run terraform_data.b", 0, &["Would remove terraform_data.b"]),
            (
                "state rm terraform_data.b terraform_data.a[0]",
                0,
                &["Removed terraform_data.b", "Successfully removed 2 resource instance(s)."],
            ),
            ("plan -detailed-exitcode", 2, &["Plan: 2 to add, 0 to change, 0 to destroy."]),
        ],
    );
}

#[test]
fn a_state_is_taken_out_and_put_back() {
    let project = made();
    types(&project, &[("state pull", 0, &["\"serial\": 1,", "terraform_data"])]);
    let pulled = std::fs::read_to_string(project.path().join("terraform.tfstate")).unwrap();
    project.write("pulled.json", &pulled).unwrap();
    types(
        &project,
        &[
            ("state rm terraform_data.b", 0, &[]),
            ("state push pulled.json", 1, &["has serial 2, the new one 1: it is older", "-force"]),
            ("state push -force pulled.json", 0, &[]),
            ("plan -detailed-exitcode", 0, &[]),
            ("state push nothing.json", 1, &["Error: State cannot be read"]),
        ],
    );
    project.write("other.json", &pulled.replacen("\"lineage\": \"", "\"lineage\": \"other-", 1)).unwrap();
    project.write("broken.json", "{").unwrap();
    types(
        &project,
        &[
            ("state push other.json", 1, &["of lineage"]),
            ("state push broken.json", 1, &["Error:"]),
            ("plan -detailed-exitcode", 0, &[]),
        ],
    );
}

#[test]
fn objects_change_their_provider_and_come_back() {
    let (ours, theirs) = ("terraform.io/builtin/terraform", "hashicorp/other");
    let project = made();
    types(
        &project,
        &[
            (&format!("state replace-provider {ours} {theirs}"), 1, &["Approval is needed", "-auto-approve"]),
            (
                &format!("state replace-provider -auto-approve {ours} {theirs}"),
                0,
                &["Successfully replaced provider for 3 resources."],
            ),
            (
                &format!("state replace-provider -auto-approve {ours} {theirs}"),
                0,
                &["No matching resources found."],
            ),
            ("plan", 1, &["hashicorp/other"]),
            (&format!("state replace-provider -auto-approve {theirs} {ours}"), 0, &[]),
            ("plan -detailed-exitcode", 0, &[]),
            ("state replace-provider a/b/c/d x/y", 1, &["Error: Invalid provider address"]),
        ],
    );
}

#[test]
fn workspaces_have_their_own_state() {
    types(
        &made(),
        &[
            ("workspace list", 0, &["* default\n"]),
            ("workspace new dev", 0, &["Created and switched to workspace \"dev\"!"]),
            ("workspace new dev", 1, &["Error: Workspace already exists"]),
            ("workspace show", 0, &["dev\n"]),
            ("state list", 0, &[]),
            ("apply -auto-approve", 0, &["3 added", "workspace = \"dev\""]),
            ("workspace select defalt", 1, &["Did you mean \"default\"?"]),
            ("workspace delete dev", 1, &["is the current one"]),
            ("workspace select default", 0, &["Switched to workspace \"default\"."]),
            ("output -raw workspace", 0, &["default"]),
            ("plan -detailed-exitcode", 0, &[]),
            ("workspace delete dev", 1, &["is not empty"]),
            ("workspace delete default", 1, &["always stands"]),
            ("workspace delete -force dev", 0, &["Deleted workspace \"dev\"!"]),
            ("workspace select -or-create stage", 0, &["Switched to workspace \"stage\"."]),
            ("workspace new a/b", 1, &["Error: Invalid workspace name"]),
            ("workspace list", 0, &["  default\n* stage\n"]),
            ("force-unlock 1234", 1, &["Local state cannot be unlocked by another process"]),
        ],
    );
}
