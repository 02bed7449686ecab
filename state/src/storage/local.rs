//! States in files: the default one, and the others in a folder each.

use super::{DEFAULT_WORKSPACE, Kind, Setting, Settings, Storage};
use crate::backend::{Backend, BackendError, FileBackend};
use crate::files::RealFiles;
use crate::store::FaultHook;
use formwork_diagnostic::Diagnostic;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of a state's file.
const STATE_FILE: &str = "terraform.tfstate";
/// Where the states of the others are.
const WORKSPACE_FOLDER: &str = "terraform.tfstate.d";

/// Files beside the configuration, or wherever a path leads.
pub const LOCAL: Kind = Kind {
    name: "local",
    doc: "Files on this machine, beside the configuration where nothing else is said.",
    lease: "The lock is the operating system's own, on a file beside the state: it goes with the process that holds it, however that ends, so there is no heartbeat and nothing to unlock. The number in that file rises with each lock, and a holder whose number is not the last writes nothing. Only this machine can recover.",
    permissions: "It needs to read and write the folder of the state.",
    example: "terraform {\n  backend \"local\" {\n    path = \"states/platform.tfstate\"\n  }\n}\n",
    settings: &[
        Setting::text("path", "The file of the default workspace.").or(STATE_FILE),
        Setting::text("workspace_dir", "The folder where each other workspace has one of its own.")
            .or(WORKSPACE_FOLDER),
    ],
    configure,
};

struct LocalStorage {
    path: PathBuf,
    folder: PathBuf,
    faults: Option<FaultHook>,
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every kind")]
fn configure(settings: &Settings) -> Result<Arc<dyn Storage>, Diagnostic> {
    Ok(Arc::new(LocalStorage {
        path: settings.text("path").unwrap_or_default().into(),
        folder: settings.text("workspace_dir").unwrap_or_default().into(),
        faults: settings.surroundings.faults.clone(),
    }))
}

impl LocalStorage {
    fn path(&self, workspace: &str) -> PathBuf {
        if workspace == DEFAULT_WORKSPACE {
            self.path.clone()
        } else {
            self.folder.join(workspace).join(STATE_FILE)
        }
    }
}

impl Storage for LocalStorage {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn backend(&self, workspace: &str) -> Result<Arc<dyn Backend>, BackendError> {
        if workspace.is_empty() || Path::new(workspace).components().count() != 1 || workspace == ".." {
            return Err(BackendError::Failed(format!("{workspace:?} is no name of a workspace")));
        }
        let backend = FileBackend::new(self.path(workspace), Arc::new(RealFiles));
        Ok(Arc::new(backend.with_faults(self.faults.clone())))
    }

    fn workspaces(&self) -> Result<Vec<String>, BackendError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(BackendError::Failed(format!("{}: {error}", self.folder.display()))),
        };
        let folders = entries.flatten().filter(|entry| entry.path().is_dir());
        Ok(folders.filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    fn create(&self, workspace: &str) -> Result<(), BackendError> {
        Ok(std::fs::create_dir_all(self.folder.join(workspace))?)
    }

    fn retire(&self, workspace: &str) -> Result<(), BackendError> {
        let path = self.path(workspace);
        let mut kept = path.clone().into_os_string();
        kept.push(".backup");
        Ok(std::fs::rename(path, kept)?)
    }

    fn delete(&self, workspace: &str) -> Result<(), BackendError> {
        Ok(std::fs::remove_dir_all(self.folder.join(workspace))?)
    }
}

#[cfg(test)]
mod tests {
    use super::LOCAL;
    use crate::storage::Surroundings;
    use formwork_value::Value;

    fn object(entries: &[(&str, &str)]) -> Value {
        Value::object(entries.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn the_place_follows_from_settings_and_workspace() {
        let path = |text: &'static str| ("path", text);
        for (settings, workspace, expected) in [
            (vec![], "default", Some("terraform.tfstate")),
            (vec![path("../a.tfstate")], "default", Some("../a.tfstate")),
            (vec![path("x")], "dev", Some("terraform.tfstate.d/dev/terraform.tfstate")),
            (vec![("workspace_dir", "w")], "dev", Some("w/dev/terraform.tfstate")),
            (vec![], "../up", None),
            (vec![], "..", None),
            (vec![], "", None),
        ] {
            let storage = LOCAL.storage(&object(&settings), &Surroundings::none()).ok().unwrap();
            let found = storage.backend(workspace).ok().map(|backend| backend.name());
            assert_eq!(found.as_deref(), expected, "{settings:?} {workspace:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_settings_names_the_setting() {
        for (settings, expected) in [
            (object(&[("path", "a")]), None),
            (object(&[("pth", "a")]), Some("pth")),
            (Value::object(vec![("path".into(), Value::tuple(vec![]))]), Some("path")),
            (Value::object(vec![("path".into(), Value::null(formwork_value::Type::Dynamic))]), None),
        ] {
            let found = LOCAL.storage(&settings, &Surroundings::none()).err();
            let names: Vec<_> = found.iter().flatten().map(|one| one.attribute.as_deref()).collect();
            assert_eq!(names, expected.map(Some).into_iter().collect::<Vec<_>>(), "{settings:?}");
        }
    }
}
