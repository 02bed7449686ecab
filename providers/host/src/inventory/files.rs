//! Which files make an inventory, and the folders of variables beside them.

use super::{Inventory, Variables, ini, yaml};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file of an inventory's folder that ends so is none of the inventory.
const NO_INVENTORY: [&str; 13] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry", ".j2"];
const OF_VARIABLES: [&str; 4] = ["", "yml", "yaml", "json"];
const ENCRYPTED: &str = "$ANSIBLE_VAULT;";

/// The folders of variables.
pub(super) struct Folders {
    /// Nothing where an inventory is a text alone.
    base: Option<PathBuf>,
    skips: bool,
}

/// Reads an inventory.
pub(super) fn read(path: &Path, skips: bool) -> Result<(Inventory, Folders), String> {
    let mut inventory = Inventory::default();
    let is_folder = path.is_dir();
    let files = if is_folder { listed(path)? } else { vec![path.to_owned()] };
    for file in &files {
        add(&mut inventory, file)
            .map_err(|why| if is_folder { format!("{}: {why}", file.display()) } else { why })?;
    }
    let base = if is_folder { path } else { path.parent().unwrap_or(path) };
    Ok((inventory, Folders { base: Some(base.to_owned()), skips }))
}

/// Reads an inventory that is a text: YAML where it begins as a mapping does.
pub(super) fn of_text(text: &str) -> Result<(Inventory, Folders), String> {
    let mut inventory = Inventory::default();
    match yaml::read(text) {
        Ok(Json::Object(_)) => yaml::add(&mut inventory, text)?,
        _ => ini::add(&mut inventory, text)?,
    }
    Ok((inventory, Folders { base: None, skips: false }))
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with('.') && !NO_INVENTORY.iter().any(|end| name.ends_with(end))
    });
    files.sort();
    Ok(files)
}

fn add(inventory: &mut Inventory, file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    if text.starts_with("#!") {
        return Err(
            "it is a program that makes an inventory, and is not run: give what it prints as YAML".to_owned()
        );
    }
    match file.extension().and_then(|end| end.to_str()) {
        Some("yml" | "yaml" | "json") => yaml::add(inventory, &text),
        _ => ini::add(inventory, &text),
    }
}

impl Folders {
    pub(super) fn of_group(&self, name: &str) -> Result<Variables, String> {
        self.of("group_vars", name)
    }

    pub(super) fn of_host(&self, name: &str) -> Result<Variables, String> {
        self.of("host_vars", name)
    }

    /// The variables of the first that there is: a folder or a file of the name, then files with an ending.
    fn of(&self, folder: &str, name: &str) -> Result<Variables, String> {
        let Some(base) = &self.base else { return Ok(Variables::new()) };
        let folder = base.join(folder);
        let candidates = OF_VARIABLES
            .map(|end| folder.join(if end.is_empty() { name.to_owned() } else { format!("{name}.{end}") }));
        let mut found = Variables::new();
        if let Some(path) = candidates.iter().find(|path| path.exists()) {
            self.add(path, &mut found)?;
        }
        Ok(found)
    }

    fn add(&self, path: &Path, found: &mut Variables) -> Result<(), String> {
        let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|error| failed(&error))?;
            let inner: BTreeMap<_, _> =
                entries.flatten().map(|entry| (entry.file_name(), entry.path())).collect();
            for (name, path) in inner {
                let name = name.to_string_lossy();
                let end = path.extension().map(|end| end.to_string_lossy().into_owned()).unwrap_or_default();
                let is_one = path.is_dir() || OF_VARIABLES.contains(&end.as_str());
                if is_one && !name.starts_with('.') && !name.ends_with('~') {
                    self.add(&path, found)?;
                }
            }
            return Ok(());
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
        if text.starts_with(ENCRYPTED) {
            let hint = "it is encrypted with Ansible Vault: decrypt it, or set skip_encrypted";
            return if self.skips { Ok(()) } else { Err(failed(&hint)) };
        }
        match yaml::read(&text).map_err(|error| failed(&error))? {
            Json::Object(variables) => found.extend(variables),
            Json::Null => {}
            _ => return Err(failed(&"it holds no variables by name")),
        }
        Ok(())
    }
}
