//! What comes from elsewhere, from outside: providers from folders, modules from git, archives and registries.
#![expect(clippy::unwrap_used, reason = "a test without its files cannot go on")]

use formwork_tests::{HttpRequest, Project, answer_http, project, said};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

const REQUIRED: &str = "terraform {\n  required_providers {\n    thing = {\n      source  = \"example.com/acme/thing\"\n      version = \"~> 1.0\"\n    }\n    sim = { source = \"formwork/sim\" }\n  }\n}\n";

fn with_provider(project: &Project, version: &str, content: &str) {
    let folder = format!("mirror/example.com/acme/thing/{version}/linux_amd64");
    project.write(&format!("{folder}/terraform-provider-thing_v{version}"), content).unwrap();
}

fn platform_is_known() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
}

#[test]
fn a_folder_is_enough_to_install_providers() {
    if !platform_is_known() {
        return;
    }
    let project = project().file("main.tf", REQUIRED).build();
    for version in ["1.0.0", "1.4.0", "2.0.0", "1.5.0-beta1"] {
        with_provider(&project, version, version);
    }
    let lock = ".terraform.lock.hcl";
    said(
        &project,
        &[
            ("init -lockfile=readonly -plugin-dir=mirror", 1, &["Provider dependency changes detected"]),
            (
                "init -plugin-dir mirror",
                0,
                &[
                    "- formwork/sim is built in",
                    "- Finding example.com/acme/thing versions matching \"~> 1.0\"...",
                    "- Installed example.com/acme/thing v1.4.0 (unauthenticated)",
                    "Formwork has created a lock file .terraform.lock.hcl to record the provider",
                    "successfully initialized",
                ],
            ),
        ],
    );
    let first = project.read(lock);
    let start = "# This file is maintained automatically by \"tofu init\".\n# Manual edits may be lost in future updates.\n\nprovider \"example.com/acme/thing\" {\n  version     = \"1.4.0\"\n  constraints = \"~> 1.0\"\n  hashes = [\n    \"h1:";
    assert!(first.starts_with(start), "{first}");
    with_provider(&project, "1.9.0", "1.9.0");
    said(
        &project,
        &[
            (
                "init -plugin-dir=mirror -lockfile=readonly",
                0,
                &["- Using previously-installed example.com/acme/thing v1.4.0"],
            ),
            (
                "init -plugin-dir=mirror -upgrade",
                0,
                &["v1.9.0", "made some changes to the provider dependency"],
            ),
        ],
    );
    project.write(lock, &first).unwrap();
    with_provider(&project, "1.4.0", "changed");
    said(
        &project,
        &[
            (
                "init -plugin-dir=mirror",
                1,
                &["Failed to install provider", "doesn't match any of the checksums"],
            ),
            ("init -plugin-dir=none", 1, &["Failed to install provider"]),
        ],
    );
}

#[test]
fn what_runs_is_what_was_locked() {
    if !platform_is_known() {
        return;
    }
    let project = project().file("main.tf", &format!("{REQUIRED}resource \"thing_x\" \"a\" {{}}\n")).build();
    with_provider(&project, "1.0.0", "no program");
    said(&project, &[("init -plugin-dir=mirror", 0, &["- Installed example.com/acme/thing v1.0.0"])]);
    with_provider(&project, "1.0.0", "another");
    let missing = "Required plugins are not installed";
    said(&project, &[("plan", 1, &[missing, "does not match any of the checksums", "formwork init"])]);
    std::fs::remove_dir_all(project.path().join(".terraform/providers")).unwrap();
    said(&project, &[("plan", 1, &[missing, "there is no package for example.com/acme/thing 1.0.0"])]);
}

#[test]
fn the_cli_configuration_says_where_providers_are() {
    if !platform_is_known() {
        return;
    }
    let project = project().file("main.tf", REQUIRED).build();
    with_provider(&project, "1.0.0", "x");
    let mirror = project.path().join("mirror").display().to_string();
    project
        .write("rc", &format!("provider_installation {{ filesystem_mirror {{ path = \"{mirror}\" }} }}"))
        .unwrap();
    project.write("bad", "provider_installation {\n nothing {}\n}").unwrap();
    project
        .write(
            "dev",
            &format!(
                "provider_installation {{ dev_overrides {{ \"example.com/acme/thing\" = \"{mirror}\" }} }}"
            ),
        )
        .unwrap();
    let with = |file: &str, line: &str| {
        let mut command = project.command(line);
        project.finish(command.env("TF_CLI_CONFIG_FILE", project.path().join(file)))
    };
    with("bad", "init").expect("init", 1, &["Invalid CLI configuration", "line 2"]);
    with("missing", "init -plugin-dir=none").expect(
        "init",
        1,
        &["Unable to open CLI configuration file", "none"],
    );
    with("dev", "init").expect(
        "init",
        0,
        &["Provider development overrides are in effect", "example.com/acme/thing in"],
    );
    with("rc", "init").expect("init", 0, &["- Installed example.com/acme/thing v1.0.0 (unauthenticated)"]);
    assert!(
        project.path().join(".terraform/providers/example.com/acme/thing/1.0.0/linux_amd64").is_symlink()
    );
}

const MODULE: &str = "terraform {\n  required_providers {\n    sim = { source = \"formwork/sim\" }\n  }\n}\nvariable \"name\" {}\noutput \"said\" {\n  value = \"NAME ${var.name} ${path.module}\"\n}\n";

fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let ended = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .envs([
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_AUTHOR_NAME", "a"),
            ("GIT_AUTHOR_EMAIL", "a@b.test"),
        ])
        .envs([("GIT_COMMITTER_NAME", "a"), ("GIT_COMMITTER_EMAIL", "a@b.test")])
        .output()
        .unwrap();
    assert!(ended.status.success(), "{program}: {}", String::from_utf8_lossy(&ended.stderr));
}

/// A server with an archive, and a registry with two versions of a module that lead to it.
fn serve(project: &Project) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let archive = std::fs::read(project.path().join("module.tar.gz")).unwrap();
    let own = address.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            // Each connection is answered to its end by one of its own.
            let (archive, own) = (archive.clone(), own.clone());
            std::thread::spawn(move || {
                while let Some(request) = HttpRequest::read(&stream) {
                    let body = match request.path.as_str() {
                        "/m/acme/net/sim/versions" => {
                            br#"{"modules":[{"versions":[{"version":"1.0.0"},{"version":"1.2.0"},{"version":"3.0.0"}]}]}"#.to_vec()
                        }
                        "/m/acme/net/sim/1.2.0/download" => {
                            format!("{{\"location\":\"{own}/module.tar.gz\"}}").into_bytes()
                        }
                        "/module.tar.gz" => archive.clone(),
                        _ => {
                            answer_http(&stream, "404 Not Found", b"");
                            continue;
                        }
                    };
                    answer_http(&stream, "200 OK", &body);
                }
            });
        }
    });
    address
}

/// A repository whose tag `v1` is of a module that its branch has broken since, and an archive of another.
fn packed(project: &Project) -> PathBuf {
    let repository = project.path().join("repository");
    run(&repository, "git", &["init", "--quiet", "--initial-branch=main"]);
    run(&repository, "git", &["add", "."]);
    run(&repository, "git", &["commit", "--quiet", "-m", "one"]);
    run(&repository, "git", &["tag", "v1"]);
    project.write("repository/inner/main.tf", "broken {").unwrap();
    run(&repository, "git", &["commit", "--quiet", "-am", "two"]);
    run(project.path(), "tar", &["czf", "module.tar.gz", "-C", "archive", "."]);
    repository
}

#[test]
fn modules_come_from_a_registry_a_repository_and_an_archive() {
    let project = project()
        .file("repository/inner/main.tf", &MODULE.replace("NAME", "git"))
        .file("archive/sub/main.tf", &MODULE.replace("NAME", "archive"))
        .build();
    let repository = packed(&project);
    let server = serve(&project);
    let calls = format!(
        "module \"net\" {{\n  source  = \"reg.test/acme/net/sim//sub\"\n  version = \"~> 1.0\"\n  name    = \"a\"\n}}\nmodule \"repository\" {{\n  source = \"git::file://{}//inner?ref=v1\"\n  name   = \"b\"\n}}\nmodule \"archive\" {{\n  source = \"{server}/module.tar.gz//sub\"\n  name   = \"c\"\n}}\noutput \"all\" {{\n  value = \"${{module.net.said}}, ${{module.repository.said}}, ${{module.archive.said}}\"\n}}\n",
        repository.display()
    );
    project.write("work/main.tf", &calls).unwrap();
    project
        .write("rc", &format!("host \"reg.test\" {{ services = {{ \"modules.v1\" = \"{server}/m\" }} }}"))
        .unwrap();
    let run = |line: &str, code: i32, parts: &[&str]| {
        let mut command = project.command(line);
        command.current_dir(project.path().join("work")).env("TF_CLI_CONFIG_FILE", project.path().join("rc"));
        project.finish(&mut command).expect(line, code, parts);
    };
    run("plan", 1, &["Module not installed", "formwork init"]);
    run(
        "init",
        0,
        &[
            "Initializing modules...",
            "Downloading reg.test/acme/net/sim 1.2.0 for net...",
            "- net in .terraform/modules/net/sub",
        ],
    );
    let expected = "archive a .terraform/modules/net/sub, git b .terraform/modules/repository/inner, archive c .terraform/modules/archive/sub";
    run("plan -out=p", 0, &[expected]);
    let list = project.read("work/.terraform/modules/modules.json");
    assert!(
        list.starts_with(
            r#"{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"archive","Source":"http://127"#
        ),
        "{list}"
    );
    assert!(list.contains(r#""Key":"net","Source":"reg.test/acme/net/sim//sub","Version":"1.2.0","Dir":".terraform/modules/net/sub""#), "{list}");
    // The plan keeps what the modules say.
    std::fs::remove_dir_all(project.path().join("work/.terraform/modules")).unwrap();
    run("apply p", 0, &[expected]);
    run("get -update -mirror=../mirror", 0, &["- net in .terraform/modules/net/sub"]);

    // With that folder alone, nothing else is needed.
    let (rc, away) = (project.path().join("rc"), project.path().join("away"));
    let reached = std::fs::read(&rc).unwrap();
    project
        .write("rc", &format!("module_mirror {{ path = \"{}\" }}", project.path().join("mirror").display()))
        .unwrap();
    std::fs::rename(&repository, &away).unwrap();
    std::fs::remove_dir_all(project.path().join("work/.terraform/modules")).unwrap();
    run(
        "init",
        0,
        &["Copying reg.test/acme/net/sim//sub for net from", "- archive in .terraform/modules/archive/sub"],
    );
    run("plan", 0, &["No changes."]);
    std::fs::rename(&away, &repository).unwrap();
    std::fs::write(&rc, reached).unwrap();

    project.write("work/main.tf", &calls.replace("~> 1.0", "~> 3.0")).unwrap();
    run("plan", 1, &["Module version requirements have changed", "(1.2.0)"]);
    run("init", 1, &["Failed to download module"]);
    project.write("work/main.tf", &calls.replace("ref=v1", "ref=main")).unwrap();
    run("plan", 1, &["Module source has changed"]);
    project.write("work/main.tf", &calls.replace("//sub", "//../sub")).unwrap();
    run("init", 1, &["Invalid module source address"]);
}

#[test]
fn a_stack_that_is_copied_out_plans() {
    let project = project();
    said(
        &project,
        &[
            ("new tenancy", 1, &["FOLDER"]),
            ("new none here", 1, &["No such stack", "tenancy"]),
            ("new quickstart here", 0, &["is in here"]),
            ("new quickstart here", 1, &["Folder is not empty"]),
            ("-chdir=here validate", 0, &["valid"]),
            ("-chdir=here plan", 0, &["to add"]),
        ],
    );
    assert!(project.read("here/main.tf").contains("\"./modules/network\""));
}

#[test]
fn packages_are_recorded_and_mirrored_for_other_platforms() {
    let project = project().file("main.tf", REQUIRED).build();
    for platform in ["linux_amd64", "windows_arm64"] {
        let folder = format!("mirror/example.com/acme/thing/1.0.0/{platform}");
        project.write(&format!("{folder}/terraform-provider-thing_v1.0.0"), platform).unwrap();
    }
    let both = "providers lock -fs-mirror=mirror -platform=linux_amd64 -platform=windows_arm64";
    said(
        &project,
        &[
            (
                both,
                0,
                &[
                    "- Fetching example.com/acme/thing 1.0.0 for linux_amd64...",
                    "Additional checksums for this platform are now tracked in the lock file",
                    "Formwork has updated the lock file",
                ],
            ),
            (both, 0, &["validated the lock file and found no need for changes"]),
            ("providers lock -platform=linux", 1, &["Invalid platform"]),
            ("providers lock -fs-mirror=mirror hashicorp/aws", 1, &["Invalid provider argument"]),
            ("version", 0, &["+ provider example.com/acme/thing v1.0.0"]),
            ("version -json", 0, &["\"example.com/acme/thing\": \"1.0.0\""]),
        ],
    );
    assert_eq!(project.read(".terraform.lock.hcl").matches("\"h1:").count(), 2);
}
