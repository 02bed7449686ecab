//! States that move to another place with all that was done to them.

use crate::remotes::{MAIN, project_of, remotes};

/// The history goes along to each place and back, and never into another's.
#[test]
fn a_history_moves_with_its_state() {
    for remote in remotes("past") {
        let project = project_of(MAIN);
        remote.said(
            &project,
            &[
                ("apply -auto-approve", 0, &["1 added"]),
                ("taint terraform_data.a", 0, &[]),
                ("workspace new dev", 0, &[]),
                ("apply -auto-approve", 0, &["1 added"]),
                ("workspace select default", 0, &[]),
            ],
        );
        project.write("backend.tf", &remote.block).unwrap();
        remote.said(
            &project,
            &[
                ("init -force-copy", 0, &["Successfully configured"]),
                ("history verify", 0, &["The history is whole: entries 1 to 3."]),
                ("state verify", 0, &["History:    entries 1 to 3, whole"]),
                ("history show 2", 0, &["taint"]),
                ("rollback 1 -auto-approve", 0, &["Apply complete!"]),
                ("history verify", 0, &["entries 1 to 4."]),
            ],
        );
        if remote.name != "http" {
            remote.said(
                &project,
                &[
                    ("workspace select dev", 0, &[]),
                    ("history verify", 0, &["entries 1 to 2."]),
                    ("workspace select default", 0, &[]),
                ],
            );
        }
        // Another state, with a past of its own, finds no room there.
        let other = project_of(MAIN);
        remote.said(&other, &[("apply -auto-approve", 0, &["1 added"])]);
        other.write("backend.tf", &remote.block).unwrap();
        if remote.name == "http" {
            // Which history is behind an address is known to the machine that wrote it alone.
            std::fs::rename(project.path().join(".terraform"), other.path().join(".terraform")).unwrap();
            other.write("backend.tf", "").unwrap();
            remote.said(&other, &[("init -migrate-state -force-copy", 1, &["Another history is there"])]);
            std::fs::rename(other.path().join(".terraform"), project.path().join(".terraform")).unwrap();
        } else {
            remote.said(
                &other,
                &[("init -force-copy", 1, &["Another history is there", "entry 1", "-reconfigure"])],
            );
        }
        // Back again: the beginning is there already.
        project.write("backend.tf", "").unwrap();
        remote.said(
            &project,
            &[
                ("init -migrate-state -force-copy", 0, &["Successfully unset"]),
                ("history verify", 0, &["entries 1 to 5."]),
                ("plan -detailed-exitcode", 0, &["No changes"]),
            ],
        );
    }
}
