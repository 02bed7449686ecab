//! Kinds that have a test of their own.

use crate::find;
use formwork_tests::assert_says;

#[test]
fn a_module_of_the_kernel_is_there_also_after_a_start() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    let block = "resource \"host_kernel_module\" \"m\" {\n  host       = HOST\n  name       = \"overlay\"\n  parameters = { redirect_dir = \"on\" }\n}\n";
    let project = hosts.one(&[], block);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    let files = "cat /etc/modules-load.d/80-formwork-overlay.conf /etc/modprobe.d/80-formwork-overlay.conf";
    assert_eq!(hosts.run(0, files), "overlay\noptions overlay redirect_dir=on\n");
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    hosts.run(0, "rm /etc/modules-load.d/80-formwork-overlay.conf");
    assert_says(&project.run("plan -detailed-exitcode"), 2, &["~ persistent = false -> true"]);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    assert_eq!(hosts.written(0), bare);
    let project = hosts.one(&[], &block.replace("\"overlay\"", "\"no_such_module\""));
    assert_says(&project.run("apply -auto-approve"), 1, &["no_such_module"]);
    assert_eq!(hosts.written(0), bare, "what fails leaves the host as it was");
}

#[test]
fn a_repository_counts_where_its_signature_is_right() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    let key = hosts.run(0, "cat /srv/signed/key.asc");
    let block = format!(
        "resource \"host_repository\" \"lab\" {{\n  host = HOST\n  name = \"lab\"\n  uris = [\"file:/srv/signed\"]\n  suites = [\"./\"]\n  signing_key = <<-END\n{key}END\n}}\n"
    );
    let package = "resource \"host_package\" \"tool\" {\n  host = HOST\n  name = \"formwork-lab-tool\"\n  version = \"1.2\"\n  depends_on = [host_repository.lab]\n}\n";
    let project = hosts.one(&[], &format!("{block}{package}"));
    assert_says(&project.run("apply -auto-approve"), 0, &["2 added"]);
    assert_eq!(hosts.run(0, "dpkg-query -W -f '${Version}' formwork-lab-tool"), "1.2");
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    hosts.run(0, "sed -i s,srv/signed,srv/packages, /etc/apt/sources.list.d/80-formwork-lab.sources; echo >> /etc/apt/keyrings/80-formwork-lab.asc");
    assert_says(&project.run("plan -detailed-exitcode"), 2, &["file:/srv/packages", "~ signing_key"]);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["2 destroyed"]);
    assert_eq!(hosts.written(0), bare);
    let unsigned = block.replace("/srv/signed", "/srv/packages");
    assert_says(&hosts.one(&[], &unsigned).run("apply -auto-approve"), 1, &["does not have a Release file"]);
    assert_says(
        &hosts.one(&[], &block.replace("/srv/signed", "/srv/nowhere")).run("apply -auto-approve"),
        1,
        &["/srv/nowhere"],
    );
    hosts
        .run(0, "cp -a /srv/signed /run/signed; sed -i 's/Origin: lab/Origin: other/' /run/signed/InRelease");
    let tampered = hosts.one(&[], &block.replace("/srv/signed", "/run/signed"));
    assert_says(&tampered.run("apply -auto-approve"), 1, &["BADSIG"]);
    assert_eq!(hosts.written(0), bare, "what is refused leaves the host as it was");
}

#[test]
fn a_file_system_is_in_its_place_and_hides_nothing() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    let block = "resource \"host_mount\" \"m\" {\n  host = HOST\n  path = \"/srv/fast-cache\"\n  source = \"tmpfs\"\n  type = \"tmpfs\"\n  options = [\"size=1m\"]\n}\n";
    let project = hosts.one(&[], block);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    assert_eq!(
        hosts.run(
            0,
            "findmnt -n -o FSTYPE,SIZE /srv/fast-cache; systemctl is-enabled srv-fast\\\\x2dcache.mount"
        ),
        "tmpfs    1M\nenabled\n"
    );
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    hosts.run(0, "umount /srv/fast-cache");
    assert_says(&project.run("plan -detailed-exitcode"), 2, &["~ active  = false -> true"]);
    project.write("main.tf", &project.read("main.tf").replace("size=1m", "size=2m")).unwrap();
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert_eq!(hosts.run(0, "findmnt -n -o SIZE /srv/fast-cache").trim(), "2M");
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    assert_eq!(hosts.written(0), bare);
    // One that nothing uses, so that nothing but us keeps it from being unmounted.
    hosts.run(0, "mkdir /srv/theirs; mount -t tmpfs tmpfs /srv/theirs; touch /srv/theirs/x");
    for (path, expected) in [
        ("/srv/packages", "is not empty"),
        ("/run", "something is mounted at /run already"),
        ("/srv/theirs", "something is mounted at /srv/theirs already"),
        ("/srv/no/where", "is not there"),
    ] {
        let project = hosts.one(&[], &block.replace("/srv/fast-cache", path));
        assert_says(&project.run("apply -auto-approve"), 1, &[expected]);
    }
    assert_eq!(hosts.run(0, "ls /srv/theirs"), "x\n", "what was refused is mounted still");
    hosts.run(0, "umount /srv/theirs; rmdir /srv/theirs");
    let project = hosts.one(&[], &block.replace("\"size=1m\"", "\"no-such-option\""));
    assert_says(&project.run("apply -auto-approve"), 1, &["no-such-option"]);
    assert_eq!(hosts.written(0), bare);
}

/// Made by `openssl req -x509 -newkey ed25519 -nodes -subj /CN=lab -days 36500`.
const AUTHORITY: &str = include_str!("authority.pem");

#[test]
fn an_authority_is_believed_until_it_is_removed() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    let block = format!(
        "resource \"host_certificate_authority\" \"ca\" {{\n  host = HOST\n  name = \"lab\"\n  certificate = <<-END\n{AUTHORITY}END\n}}\n"
    );
    let project = hosts.one(&[], &block);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    let line = AUTHORITY.lines().nth(1).unwrap();
    let count = format!("grep -cF '{line}' /etc/ssl/certs/ca-certificates.crt || true");
    assert_eq!(hosts.run(0, &count), "1\n");
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    hosts.run(0, "rm /usr/local/share/ca-certificates/80-formwork-lab.crt");
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    assert_eq!(hosts.run(0, &count), "0\n");
    assert_eq!(hosts.written(0), bare);
}

#[test]
fn a_kernel_comes_and_goes_with_its_drivers() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    let block = |kernel: &str, driver: &str| {
        format!(
            "resource \"host_kernel_package\" \"gpu\" {{\n  host    = HOST\n  name    = \"gpu\"\n  kernel  = \"linux-image-{kernel}-lab\"\n  headers = \"linux-headers-{kernel}-lab\"\n  drivers = [\"formwork-lab-driver{driver}\"]\n}}\noutput \"installed\" {{\n  value = host_kernel_package.gpu.installed\n}}\n"
        )
    };
    let held = || hosts.run(0, "apt-mark showhold; dpkg-query -W -f '${Version}' formwork-lab-driver");
    // One of them is there before, in another version.
    hosts.run(0, "apt-get install -qq -y formwork-lab-driver=1.0 > /dev/null 2>&1");
    let with_driver = hosts.written(0);
    let project = hosts.one(&[], &block("9.0", "=1.1"));
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added", "\"linux-image-9.0-lab\" = \"9.0-1\""]);
    assert_eq!(held(), "formwork-lab-driver\nlinux-headers-9.0-lab\nlinux-image-9.0-lab\n1.1");
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    hosts.run(0, "apt-mark unhold linux-image-9.0-lab");
    assert_says(&project.run("plan -detailed-exitcode"), 2, &["1 to change"]);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    // The next kernel: none of the set is left without hold if it cannot be had.
    let write = |text: &str| {
        let text = text.replace("HOST", &format!("{{ address = {:?} }}", hosts.addresses[0]));
        project.write("main.tf", &format!("{}{text}", hosts.provider(&[]))).unwrap();
    };
    write(&block("9.2", "=1.1"));
    assert_says(&project.run("apply -auto-approve"), 1, &["Unable to locate package linux-image-9.2-lab"]);
    assert_eq!(held(), "formwork-lab-driver\nlinux-headers-9.0-lab\nlinux-image-9.0-lab\n1.1");
    write(&block("9.1", ""));
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert_eq!(held(), "formwork-lab-driver\nlinux-headers-9.1-lab\nlinux-image-9.1-lab\n1.1");
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    assert_eq!(held(), "1.0");
    assert_eq!(hosts.written(0), with_driver);
    hosts.run(0, "apt-get purge -qq -y formwork-lab-driver > /dev/null 2>&1");
    assert_eq!(hosts.written(0), bare);
}

/// What somebody installs while an object stands is theirs, though the object is changed afterwards.
#[test]
fn a_package_takes_along_what_came_with_it_alone() {
    let Some(hosts) = find() else { return };
    let block = "resource \"host_package\" \"tool\" {\n  host = HOST\n  name = \"formwork-lab-tool\"\n  version = \"1.0\"\n}\n";
    let project = hosts.one(&[], block);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    hosts.run(0, "apt-get install -q -y formwork-lab-driver > /dev/null 2>&1");
    let later = project.read("main.tf").replace("\"1.0\"", "\"1.1\"");
    project.write("main.tf", &later).unwrap();
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    let left = hosts.run(0, "dpkg-query --show --showformat='${Package} ' 'formwork-lab-*'");
    hosts.run(0, "apt-get purge -q -y formwork-lab-driver > /dev/null 2>&1");
    assert_eq!(left.trim(), "formwork-lab-driver");
}

/// An upgrade of the system that came while an object stood is not taken back with it.
#[test]
fn a_version_that_the_system_brought_stays() {
    let Some(hosts) = find() else { return };
    let version =
        || hosts.run(0, "dpkg-query -W -f '${Package}=${Version} ' formwork-lab-tool formwork-lab-driver");
    let one = "resource \"host_package\" \"tool\" {\n  host = HOST\n  name = \"formwork-lab-tool\"\n  version = \"VERSION\"\n}\n";
    let set = "resource \"host_kernel_package\" \"gpu\" {\n  host    = HOST\n  name    = \"gpu\"\n  kernel  = \"linux-image-9.0-lab\"\n  drivers = [\"formwork-lab-driver=VERSION\"]\n}\n";
    let upgrade = "apt-get install -qq -y --allow-downgrades --allow-change-held-packages formwork-lab-tool=FIRST formwork-lab-driver=FIRST > /dev/null 2>&1";
    for (ours, system, left) in [("1.0", "1.1", "1.1"), ("1.1", "1.1", "1.0")] {
        hosts.run(0, &upgrade.replace("FIRST", "1.0"));
        let project = hosts.one(&[], &format!("{one}{set}").replace("VERSION", ours));
        assert_says(&project.run("apply -auto-approve"), 0, &["2 added"]);
        hosts.run(0, &upgrade.replace("FIRST", system));
        assert_says(&project.run("destroy -auto-approve"), 0, &["2 destroyed"]);
        assert_eq!(
            version(),
            format!("formwork-lab-driver={left} formwork-lab-tool={left} "),
            "{ours} {system}"
        );
    }
    hosts.run(0, "apt-get purge -qq -y formwork-lab-tool formwork-lab-driver > /dev/null 2>&1");
}
