//! What exists: one file of JSON an object, in a folder that all processes share, and a log of every call.

use serde_json::Value as Json;
use std::io::Write as _;
use std::path::PathBuf;

/// The folder of the world, from `FIXTURE_WORLD`; without it, one that ends with nobody's knowing.
#[derive(Debug)]
pub(crate) struct World {
    folder: PathBuf,
}

impl World {
    /// Opens or makes it.
    pub(crate) fn open() -> std::io::Result<Self> {
        let folder = std::env::var_os("FIXTURE_WORLD").map_or_else(
            || std::env::temp_dir().join(format!("fixture-world-{}", std::process::id())),
            PathBuf::from,
        );
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// One line of the log: the call, the type, and this process.
    pub(crate) fn log(&self, call: &str, about: &str) {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("calls.log"));
        if let Ok(mut file) = file {
            let _ = file.write_all(format!("{call} {about} {}\n", std::process::id()).as_bytes());
        }
    }

    fn path(&self, type_name: &str, id: &str) -> PathBuf {
        let safe: String =
            id.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '-' }).collect();
        self.folder.join(format!("{type_name}.{safe}.json"))
    }

    /// An object, as JSON.
    pub(crate) fn get(&self, type_name: &str, id: &str) -> Option<String> {
        std::fs::read_to_string(self.path(type_name, id)).ok()
    }

    /// Makes an object or replaces it; a half-written one is never seen.
    pub(crate) fn put(&self, type_name: &str, id: &str, object: &str) -> std::io::Result<()> {
        let path = self.path(type_name, id);
        let half = path.with_extension(format!("half-{}", std::process::id()));
        std::fs::write(&half, object)?;
        std::fs::rename(half, path)
    }

    /// Removes an object, there or not.
    pub(crate) fn remove(&self, type_name: &str, id: &str) {
        let _ = std::fs::remove_file(self.path(type_name, id));
    }

    /// An id that no object of the type has.
    pub(crate) fn new_id(&self, type_name: &str) -> String {
        let mut number = 1;
        loop {
            let id = format!("{}-{number}", type_name.trim_start_matches("fixture_"));
            let taken = self.folder.join(format!("{type_name}.{id}.taken"));
            if std::fs::OpenOptions::new().write(true).create_new(true).open(taken).is_ok() {
                return id;
            }
            number += 1;
            // A folder that takes no file would be asked for ever.
            if number > 1_000_000 {
                return "thing-without-a-world".to_owned();
            }
        }
    }

    /// The first object of the type with that name.
    pub(crate) fn named(&self, type_name: &str, name: &str) -> Option<Json> {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(&self.folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        let ours = paths.into_iter().filter(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(&format!("{type_name}.")) && file.ends_with(".json")
        });
        ours.filter_map(|path| serde_json::from_str::<Json>(&std::fs::read_to_string(path).ok()?).ok())
            .find(|object| object["name"] == name)
    }
}
