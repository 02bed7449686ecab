//! `modules/gpu-host` on three hosts: what each has written is exactly this list.

use crate::find;
use formwork_tests::{assert_says, project};
use std::collections::BTreeSet;

/// What the module writes on a host: settings, units, packages with what dpkg notes of them, and our own marks, which
/// stand in a folder for each kind.
const WRITTEN: &[&str] = &[
    "etc/apt/apt.conf.d/80formwork-proxy",
    "etc/sysctl.d/80-formwork-net.ipv4.ip_forward.conf",
    "etc/systemd/system/local-fs.target.wants",
    "etc/systemd/system/local-fs.target.wants/var-cache-datasets.mount",
    "etc/systemd/system/var-cache-datasets.mount",
    "usr/share/formwork-lab-driver",
    "usr/share/formwork-lab-driver/version",
    "usr/share/formwork-lab-tool",
    "usr/share/formwork-lab-tool/version",
    "usr/share/linux-headers-9.0-lab",
    "usr/share/linux-headers-9.0-lab/version",
    "usr/share/linux-image-9.0-lab",
    "usr/share/linux-image-9.0-lab/version",
    "var/lib/dpkg/info/formwork-lab-driver.list",
    "var/lib/dpkg/info/formwork-lab-driver.md5sums",
    "var/lib/dpkg/info/formwork-lab-tool.list",
    "var/lib/dpkg/info/formwork-lab-tool.md5sums",
    "var/lib/dpkg/info/linux-headers-9.0-lab.list",
    "var/lib/dpkg/info/linux-headers-9.0-lab.md5sums",
    "var/lib/dpkg/info/linux-image-9.0-lab.list",
    "var/lib/dpkg/info/linux-image-9.0-lab.md5sums",
    "var/lib/formwork",
    "var/lib/formwork/file",
    "var/lib/formwork/filesystem",
    "var/lib/formwork/kernel_package",
    "var/lib/formwork/mount",
    "var/lib/formwork/package",
    "var/lib/formwork/reboot",
    "var/lib/formwork/service",
    "var/lib/formwork/sysctl",
];

#[test]
fn three_bare_hosts_are_what_the_module_says() {
    let Some(hosts) = find() else { return };
    let disks = std::env::var("FORMWORK_LAB_HOSTS_DISKS").unwrap_or_default();
    let disks: Vec<&str> = disks.split(' ').filter(|disk| !disk.is_empty()).collect();
    let all = 0..hosts.addresses.len();
    let of = |host: usize| {
        let disk = disks.get(host).map_or_else(String::new, |disk| format!("{disk:?}"));
        format!("    h{host} = {{ address = {:?}, disks = [{disk}] }}\n", hosts.addresses[host])
    };
    let map: Vec<String> = all.clone().map(of).collect();
    let main = format!(
        r#"{}
module "gpu" {{
  source   = "./modules/gpu-host"
  for_each = {{
{}  }}

  host            = {{ address = each.value.address }}
  kernel          = "linux-image-9.0-lab"
  headers         = "linux-headers-9.0-lab"
  driver_version  = "1.0"
  toolkit_version = "1.0"
  packages        = {{ drivers = ["formwork-lab-driver"], toolkit = ["formwork-lab-tool"], persistence = "systemd-tmpfiles-clean.timer" }}
  proxy           = "http://127.0.0.1:9"
  kernel_settings = {{ "net.ipv4.ip_forward" = "1" }}
  cache_devices   = each.value.disks
  cache_type      = "ext4"
}}
output "gpus" {{
  value = {{ for name, host in module.gpu : name => length(host.gpus) }}
}}
"#,
        hosts.provider(&[]),
        map.concat()
    );
    let project = project().file("main.tf", &main).build();
    project.copy("modules").unwrap();
    assert_says(&project.run("init"), 0, &[]);
    let bare: Vec<_> = all.clone().map(|host| hosts.written(host)).collect();
    let applied = project.run("apply -auto-approve");
    assert_says(&applied, 0, &["Apply complete!"]);
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    for host in all.clone() {
        let written = hosts.written(host);
        let new: BTreeSet<&str> = written
            .iter()
            .filter(|(path, what)| bare[host].get(*path) != Some(what))
            .map(|(path, _)| path.as_str())
            .filter(|path| !path.starts_with("var/lib/formwork") || path.split('/').count() <= 4)
            .collect();
        let mut expected: BTreeSet<&str> = WRITTEN.iter().copied().collect();
        if disks.is_empty() {
            expected.retain(|path| {
                !path.contains("mount")
                    && !path.contains("local-fs")
                    && !path.contains("datasets")
                    && !path.contains("filesystem")
            });
        }
        assert_eq!(new, expected, "host {host}");
    }
    assert_says(&project.run("destroy -auto-approve"), 0, &["Destroy complete!"]);
    for host in all {
        assert_eq!(hosts.written(host), bare[host], "host {host} is as bare as before");
    }
}
