//! Installing modules: from registries, git repositories, archives and folders, each call's in a folder of its own.
//!
//! Invariant: a module appears whole or not at all.

use crate::archive::{LIMITS, unpack};
use crate::git;
use crate::module_mirror;
use crate::oci;
use crate::place;
use crate::registry::Registries;
use crate::s3;
use crate::settings::{Settings, Variable};
use crate::web::{Question, WebError, shown};
use formwork_diagnostic::Diagnostic;
use formwork_lang::{ModuleAddress, ModuleRequest, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Addresses that may lead to another before there is a package.
const DETOURS: usize = 5;

/// One line of the list of modules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Entry {
    /// The names of the calls from the root, with dots between; empty for the root.
    pub key: String,
    /// Where it comes from.
    pub source: String,
    /// Which version of a registry's module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its folder, seen from the root.
    pub dir: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    modules: Vec<Entry>,
}

/// Installs the modules of one working directory.
pub struct Modules {
    registries: Registries,
    /// The folder of modules.
    root: PathBuf,
    /// What is installed, by key.
    before: BTreeMap<String, Entry>,
    /// What was asked for, by key.
    settled: BTreeMap<String, Entry>,
    is_upgrade: bool,
    tell: fn(&str),
    /// Of what is signed: `20260102T030405Z`.
    now: fn() -> String,
}

/// The folder of modules below a data folder.
fn folder(data_folder: &Path) -> PathBuf {
    data_folder.join("modules")
}

fn manifest(data_folder: &Path) -> PathBuf {
    folder(data_folder).join("modules.json")
}

/// Writes the list of modules, as OpenTofu does. Where nothing is called and nothing was, there is none.
pub fn write_manifest(data_folder: &Path, mut modules: Vec<Entry>) -> io::Result<()> {
    let path = manifest(data_folder);
    if modules.is_empty() && !path.exists() {
        return Ok(());
    }
    modules.push(Entry { key: String::new(), source: String::new(), version: None, dir: ".".to_owned() });
    modules.sort_by(|one, other| one.key.cmp(&other.key));
    let text = serde_json::to_string(&Manifest { modules }).map_err(io::Error::other)?;
    // Written as by Go's own encoder.
    let text = text.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    std::fs::create_dir_all(folder(data_folder))?;
    let mut file = tempfile::NamedTempFile::new_in(folder(data_folder))?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    place::readable(file.as_file())?;
    file.persist(path).map_err(|error| error.error).map(drop)
}

/// Where a package is, as an address to get it by.
struct Located {
    address: String,
    /// The folder of the module in it, part by part.
    folders: Vec<String>,
    version: Option<String>,
}

impl Modules {
    /// For a working directory whose data folder is given.
    pub fn new(
        settings: Settings,
        variable: Variable,
        data_folder: &Path,
        is_upgrade: bool,
        tell: fn(&str),
        now: fn() -> String,
    ) -> Self {
        let text = std::fs::read(manifest(data_folder)).unwrap_or_default();
        let before: Manifest = serde_json::from_slice(&text).unwrap_or_default();
        Self {
            registries: Registries::new(settings, variable),
            root: folder(data_folder),
            before: before.modules.into_iter().map(|entry| (entry.key.clone(), entry)).collect(),
            settled: BTreeMap::new(),
            is_upgrade,
            tell,
            now,
        }
    }

    /// Whether a module was not listed so before.
    pub fn is_new(&self, entry: &Entry) -> bool {
        self.before.get(&entry.key) != Some(entry)
    }

    /// What was asked for, by key.
    pub fn settled(&self) -> &BTreeMap<String, Entry> {
        &self.settled
    }

    /// The folder of a module, which is installed where it was not.
    pub fn install(&mut self, request: &ModuleRequest<'_>) -> Result<String, Diagnostic> {
        if let Some(entry) = self.settled.get(request.key) {
            return Ok(entry.dir.clone());
        }
        let entry = match self.kept(request) {
            Some(entry) => entry,
            None => self.fetch(request).map_err(|why| failed(request, &why))?,
        };
        let directory = entry.dir.clone();
        self.settled.insert(request.key.to_owned(), entry);
        Ok(directory)
    }

    /// What is installed already and is what is asked for.
    fn kept(&self, request: &ModuleRequest<'_>) -> Option<Entry> {
        let entry = self.before.get(request.key).filter(|_| !self.is_upgrade)?;
        let version = entry.version.as_deref().and_then(Version::of);
        let fits = entry.source == request.address.to_string()
            && version.is_none_or(|version| request.version.selects(&version))
            && Path::new(&entry.dir).is_dir();
        fits.then(|| entry.clone())
    }

    fn fetch(&self, request: &ModuleRequest<'_>) -> Result<Entry, String> {
        let source = request.address.to_string();
        let Located { mut address, mut folders, version } = self.locate(request)?;
        let target = self.root.join(request.key);
        let made = place::beside(&target).map_err(|error| error.to_string())?;
        let package = made.path().join("package");
        for _ in 0..DETOURS {
            match self.get(&address, &package)? {
                None => break,
                Some(next) => {
                    let (next, inner) = self::package(&next)?;
                    address = next;
                    folders.insert(0, inner);
                }
            }
        }
        if !package.is_dir() {
            return Err("the address leads from one to the next, and never to a module".to_owned());
        }
        let below: PathBuf = folders.iter().filter(|folder| !folder.is_empty()).collect();
        if !package.join(&below).is_dir() {
            return Err(format!("there is no folder {} in it", below.display()));
        }
        place::put(&package, &target).map_err(|error| error.to_string())?;
        let dir = target.join(below).to_string_lossy().replace('\\', "/");
        (self.tell)(&format!("- {} in {dir}\n", request.key));
        Ok(Entry { key: request.key.to_owned(), source, version, dir })
    }

    /// Where the package of a module is, and which version it has.
    fn locate(&self, request: &ModuleRequest<'_>) -> Result<Located, String> {
        let source = request.address.to_string();
        let mirror = self.registries.settings.module_mirror.as_deref();
        let mirrored = mirror.and_then(|root| module_mirror::find(root, request.address, request.version));
        if let (
            Some((package, version)),
            ModuleAddress::Remote { folder, .. } | ModuleAddress::Registry { folder, .. },
        ) = (mirrored, request.address)
        {
            let place = package.display();
            (self.tell)(&format!("Copying {} for {} from {place}...\n", shown(&source), request.key));
            let version = version.map(|version| version.to_string());
            return Ok(Located {
                address: format!("file://{place}"),
                folders: vec![folder.clone()],
                version,
            });
        }
        match request.address {
            ModuleAddress::Local(path) => Err(format!("{path} is a folder beside the module")),
            ModuleAddress::Remote { address, folder } => {
                (self.tell)(&format!("Downloading {} for {}...\n", shown(&source), request.key));
                Ok(Located { address: address.clone(), folders: vec![folder.clone()], version: None })
            }
            ModuleAddress::Registry { host, name, folder } => {
                let version = self.choose(host, name, request)?;
                (self.tell)(&format!("Downloading {host}/{name} {version} for {}...\n", request.key));
                let location =
                    self.registries.module_source(host, name, &version).map_err(|error| error.to_string())?;
                let (address, inner) = package(&location)?;
                let folders = vec![inner, folder.clone()];
                Ok(Located { address, folders, version: Some(version.to_string()) })
            }
        }
    }

    /// Copies what was asked for into a folder, where a `module_mirror` finds it.
    pub fn mirror(&self, folder: &Path) -> Result<(), Diagnostic> {
        for entry in self.settled.values() {
            let address = ModuleAddress::parse(&entry.source).unwrap_or(ModuleAddress::Local(String::new()));
            let package = self.root.join(&entry.key);
            module_mirror::put(folder, &address, entry.version.as_deref(), &package).map_err(|error| {
                let detail =
                    format!("Module \"{}\" could not be copied to {}: {error}.", entry.key, folder.display());
                Diagnostic::error("module-mirror", "Failed to copy module", detail)
            })?;
        }
        Ok(())
    }

    fn choose(&self, host: &str, name: &str, request: &ModuleRequest<'_>) -> Result<Version, String> {
        let available = self.registries.module_versions(host, name).map_err(|error| match error {
            WebError::NotFound => format!("module {name} cannot be found in the module registry at {host}"),
            error => error.to_string(),
        })?;
        let newest = available.into_iter().filter(|version| request.version.selects(version)).max();
        newest.ok_or_else(|| {
            format!("there is no available version of module {host}/{name} which matches the given version constraint")
        })
    }

    /// Gets a package into a folder; or says which address to ask in its place.
    fn get(&self, address: &str, into: &Path) -> Result<Option<String>, String> {
        if let Some(repository) = address.strip_prefix("git::") {
            return git::clone(repository, into).map(|()| None);
        }
        if address.starts_with("oci://") {
            return self.of_oci(address, into).map(|()| None);
        }
        if let Some(path) = address.strip_prefix("file://") {
            return of_folder(Path::new(path), into).map(|()| None);
        }
        if let Some(rest) = address.strip_prefix("s3::") {
            return self.of_bucket(rest, into).map(|()| None);
        }
        let (way, rest) = address.split_once("::").unwrap_or(("", address));
        let is_web = rest.starts_with("https://") || rest.starts_with("http://");
        if !matches!(way, "" | "http" | "https") || !is_web {
            return Err(format!(
                "modules are not fetched by \"{}\": use a registry, git::, oci://, s3::, an https:// archive or a folder",
                if way.is_empty() { rest.split(':').next().unwrap_or_default() } else { way }
            ));
        }
        self.of_web(rest, into)
    }

    fn of_oci(&self, address: &str, into: &Path) -> Result<(), String> {
        let (place, reference) = oci::reference(address)?;
        let said = |error: WebError| format!("{}: {error}", shown(address));
        let repository = oci::Repository::new(&self.registries, &place)?;
        let layer = repository.package(&reference, oci::MODULE).map_err(said)?;
        let mut file = tempfile::tempfile().map_err(|error| error.to_string())?;
        repository.download(&layer, &mut file, &|_, _| {}).map_err(said)?;
        unpacked(&mut file, into)
    }

    fn of_bucket(&self, address: &str, into: &Path) -> Result<(), String> {
        let place = s3::Place::parse(address)?;
        let is_archive = is_archive(address) || is_archive(&place.key);
        let web = self.registries.web().map_err(|error| error.to_string())?;
        let store = s3::Store::new(web, place, self.registries.variable, self.now)?;
        if !is_archive {
            std::fs::create_dir_all(into).map_err(|error| error.to_string())?;
            return store.download_all(into);
        }
        let mut file = tempfile::tempfile().map_err(|error| error.to_string())?;
        store.download(&mut file)?;
        unpacked(&mut file, into)
    }

    fn of_web(&self, address: &str, into: &Path) -> Result<Option<String>, String> {
        let said = |error: WebError| format!("{}: {error}", shown(address));
        let token = self.registries.token(address, "").map_err(said)?;
        let web = self.registries.web().map_err(|error| error.to_string())?;
        if !is_archive(address) {
            let sign = if address.contains('?') { '&' } else { '?' };
            let document =
                web.get(&format!("{address}{sign}terraform-get=1"), token.as_deref()).map_err(said)?;
            let text = String::from_utf8_lossy(&document.body);
            let next = document.header("x-terraform-get").map(ToOwned::to_owned).or_else(|| meta(&text));
            let next = next.ok_or_else(|| {
                format!("{} is no archive by its name (.zip, .tar.gz), and names none", shown(address))
            })?;
            let is_relative = next.starts_with(['/', '.']);
            return Ok(Some(if is_relative { crate::web::resolve(&document.address, &next) } else { next }));
        }
        let mut file = tempfile::tempfile().map_err(|error| error.to_string())?;
        let question = Question::new(&without_archive(address), token.as_deref());
        web.download(&question, &mut file, &|_, _| {}).map_err(said)?;
        unpacked(&mut file, into).map(|()| None)
    }
}

fn unpacked(file: &mut File, into: &Path) -> Result<(), String> {
    std::fs::create_dir_all(into).map_err(|error| error.to_string())?;
    unpack(file, into, LIMITS).map_err(|error| format!("the archive is refused: {error}"))
}

fn of_folder(path: &Path, into: &Path) -> Result<(), String> {
    if path.is_dir() {
        return place::copy(path, into).map_err(|error| format!("{}: {error}", path.display()));
    }
    let mut file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    unpacked(&mut file, into)
}

/// The package of a source that a server gave, and the folder in it.
fn package(location: &str) -> Result<(String, String), String> {
    match ModuleAddress::parse(location)? {
        ModuleAddress::Remote { address, folder } => {
            // A server may not point into this machine.
            if address.starts_with("file:") || address.starts_with("git::file:") {
                return Err("the server names a folder of this machine".to_owned());
            }
            Ok((address, folder))
        }
        _ => Err(format!("the server names \"{}\", which is no package", shown(location))),
    }
}

/// Whether an address is that of an archive, by its name or by what its query says.
fn is_archive(address: &str) -> bool {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let named = query.split('&').find_map(|part| part.strip_prefix("archive="));
    match named {
        Some(form) => form != "false",
        None => [".zip", ".tar.gz", ".tgz", ".tar"].iter().any(|end| path.ends_with(end)),
    }
}

/// The address without what is said to us alone.
fn without_archive(address: &str) -> String {
    let Some((path, query)) = address.split_once('?') else { return address.to_owned() };
    let rest: Vec<&str> = query.split('&').filter(|part| !part.starts_with("archive=")).collect();
    if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) }
}

/// `<meta name="terraform-get" content="...">` of a page.
fn meta(page: &str) -> Option<String> {
    let tag = page.split('<').find(|tag| tag.starts_with("meta") && tag.contains("\"terraform-get\""))?;
    let content = tag.split_once("content=\"")?.1;
    content.split_once('"').map(|(content, _)| content.to_owned())
}

fn failed(request: &ModuleRequest<'_>, why: &str) -> Diagnostic {
    let source = shown(&request.address.to_string());
    let detail = format!("Could not download module \"{}\" from {}: {why}.", request.key, source);
    Diagnostic::error("module-install", "Failed to download module", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_written_as_by_opentofu() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |key: &str, source: &str, version: Option<&str>| Entry {
            key: key.to_owned(),
            source: source.to_owned(),
            version: version.map(ToOwned::to_owned),
            dir: format!("d/{key}"),
        };
        let modules = vec![
            entry("net", "git::https://h.test/a.git?ref=v1&depth=1", None),
            entry("a", "registry.opentofu.org/a/b/c", Some("1.0.0")),
        ];
        write_manifest(folder.path(), modules).unwrap();
        let expected = r#"{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"a","Source":"registry.opentofu.org/a/b/c","Version":"1.0.0","Dir":"d/a"},{"Key":"net","Source":"git::https://h.test/a.git?ref=v1\u0026depth=1","Dir":"d/net"}]}"#;
        assert_eq!(std::fs::read_to_string(manifest(folder.path())).unwrap(), expected);
    }

    #[test]
    fn archives_are_known_by_name_and_query() {
        for (address, is, asked) in [
            ("https://h/a.zip", true, "https://h/a.zip"),
            ("https://h/a.tar.gz?x=1", true, "https://h/a.tar.gz?x=1"),
            ("https://h/a?archive=zip", true, "https://h/a"),
            ("https://h/a.zip?archive=false", false, "https://h/a.zip"),
            ("https://h/a", false, "https://h/a"),
        ] {
            assert_eq!((is_archive(address), without_archive(address).as_str()), (is, asked));
        }
        assert_eq!(
            meta("<html><meta name=\"terraform-get\" content=\"./a.zip\"></html>").as_deref(),
            Some("./a.zip")
        );
    }

    #[test]
    fn servers_do_not_point_into_this_machine() {
        for location in ["/etc", "file:///etc", "git::file:///srv/x", "./x"] {
            assert!(package(location).is_err(), "{location}");
        }
        assert!(package("git::https://h.test/a.git?ref=v1").is_ok());
    }
}
