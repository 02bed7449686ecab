//! Installing providers: choosing versions, getting packages, holding them against the lock file.
//!
//! Invariant: nothing reaches the working directory or the shared cache that was not held against the lock file first.

use crate::archive::{LIMITS, unpack_zip};
use crate::hash;
use crate::lock_file::{LockFile, Locked};
use crate::mirror::{self, Found};
use crate::oci;
use crate::place::{self, platform, unpacked};
use crate::registry::{Download, Registries};
use crate::settings::{Method, Settings, Variable, Way};
use crate::signature;
use crate::web::{Question, WebError, shown};
use formwork_diagnostic::Diagnostic;
use formwork_lang::{Version, VersionConstraint};
use formwork_state::ProviderAddress;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Providers wanted, each with all that is asked of its version.
pub type Wanted = BTreeMap<ProviderAddress, VersionConstraint>;

/// Providers that could not be installed, and why.
pub type Failed = BTreeMap<ProviderAddress, Diagnostic>;

/// What is done, in OpenTofu's words where it has some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Which version is looked for; nothing where any will do.
    Finding(ProviderAddress, Option<String>),
    /// The lock file has one.
    Reusing(ProviderAddress),
    /// It is installed already.
    Previously(ProviderAddress, Version),
    /// It is in the shared cache.
    Cached(ProviderAddress, Version),
    /// It is being installed.
    Installing(ProviderAddress, Version),
    /// It is installed; how it was made sure what it is.
    Installed(ProviderAddress, Version, Authentication),
    /// Bytes so far, and all where that is known.
    Received(u64, Option<u64>),
}

/// How it was made sure that a package is what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// By a signature of this key.
    Signed(String),
    /// By a checksum from where it came from.
    Checksum,
    /// Not at all, but for the lock file.
    None,
}

impl fmt::Display for Authentication {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed(key) => write!(out, "signed, key ID {key}"),
            Self::Checksum => out.write_str("verified checksum"),
            Self::None => out.write_str("unauthenticated"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finding(address, Some(constraints)) => {
                write!(out, "- Finding {} versions matching \"{constraints}\"...", address.for_display())
            }
            Self::Finding(address, None) => {
                write!(out, "- Finding latest version of {}...", address.for_display())
            }
            Self::Reusing(address) => {
                write!(
                    out,
                    "- Reusing previous version of {} from the dependency lock file",
                    address.for_display()
                )
            }
            Self::Previously(address, version) => {
                write!(out, "- Using previously-installed {} v{version}", address.for_display())
            }
            Self::Cached(address, version) => {
                write!(out, "- Using {} v{version} from the shared cache directory", address.for_display())
            }
            Self::Installing(address, version) => {
                write!(out, "- Installing {} v{version}...", address.for_display())
            }
            Self::Installed(address, version, how) => {
                write!(out, "- Installed {} v{version} ({how})", address.for_display())
            }
            Self::Received(bytes, Some(all)) => write!(out, "{} of {}", size(*bytes), size(*all)),
            Self::Received(bytes, None) => out.write_str(&size(*bytes)),
        }
    }
}

fn size(bytes: u64) -> String {
    let tenths = bytes / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

/// How to install.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Folders that alone are looked into.
    pub plugin_folders: Vec<PathBuf>,
    /// A network mirror that alone is asked.
    pub mirror: Option<String>,
}

/// Installs providers for one working directory.
pub struct Installer<'a> {
    /// Ways, in order.
    methods: Vec<Method>,
    registries: Registries,
    /// Where packages go: below the data folder.
    root: PathBuf,
    platform: String,
    tell: &'a dyn Fn(&Event),
}

/// A package that was got.
struct Package {
    /// Where it is, whole.
    folder: PathBuf,
    hashes: BTreeSet<String>,
    authentication: Authentication,
    /// What holds it until it is put into its place; nothing where it is in a mirror.
    made: Option<tempfile::TempDir>,
}

/// The folder of packages below a data folder.
pub fn packages(data_folder: &Path) -> PathBuf {
    data_folder.join("providers")
}

impl<'a> Installer<'a> {
    /// One for a working directory, whose data folder is given. `variable` reads the environment.
    pub fn new(
        settings: &Settings,
        variable: Variable,
        data_folder: &Path,
        options: &Options,
        tell: &'a dyn Fn(&Event),
    ) -> Self {
        let methods = if let Some(address) = &options.mirror {
            vec![Method::new(Way::Mirror(format!("{}/", address.trim_end_matches('/'))))]
        } else if options.plugin_folders.is_empty() {
            settings.methods(variable)
        } else {
            options.plugin_folders.iter().cloned().map(|folder| Method::new(Way::Folder(folder))).collect()
        };
        let registries = Registries::new(settings.clone(), variable);
        Self { methods, registries, root: packages(data_folder), platform: platform(), tell }
    }

    /// The same for another platform than this one.
    #[must_use]
    pub fn for_platform(mut self, platform: &str) -> Self {
        platform.clone_into(&mut self.platform);
        self
    }

    /// The hashes of a package, which is installed nowhere.
    pub fn hashes(
        &self,
        address: &ProviderAddress,
        version: &Version,
    ) -> Result<(BTreeSet<String>, Authentication), Diagnostic> {
        let around =
            tempfile::tempdir().map_err(|error| install_failed(address, version, &error.to_string()))?;
        let package = self.package(address, version, &around.path().join("package"), None)?;
        Ok((package.hashes, package.authentication))
    }

    /// Puts the archive of a version into a mirror, with what the network mirror protocol says of it.
    pub fn mirror(
        &self,
        address: &ProviderAddress,
        version: &Version,
        root: &Path,
    ) -> Result<Authentication, Diagnostic> {
        let failed = |why: String| install_failed(address, version, &why);
        for method in self.methods.iter().filter(|method| method.is_for(address)) {
            let source = self.source(method, address, version).map_err(|error| failed(error.to_string()))?;
            let Some(source) = source else { continue };
            let mut archive = match &source {
                Source::Folder(folder) => {
                    return Err(failed(format!("{} is unpacked; copy it as it stands", folder.display())));
                }
                source => self.archive(source).map_err(&failed)?,
            };
            let sum = hash::sha256(&archive).map_err(|error| failed(error.to_string()))?;
            let (authentication, _) = self.authenticate(&source, &sum).map_err(&failed)?;
            mirror::put(root, address, version, &self.platform, &mut archive).map_err(failed)?;
            return Ok(authentication);
        }
        Err(failed(format!("there is no package of it for {} in any of the search locations", self.platform)))
    }

    /// Installs what is wanted; gives the lock file as it should be, and what could not be installed.
    pub fn install(&self, wanted: &Wanted, locked: &LockFile, upgrade: bool) -> (LockFile, Failed) {
        let mut lock = LockFile::default();
        let mut failed = Failed::new();
        for (address, constraints) in wanted {
            if self.registries.settings.overrides.contains_key(address) {
                lock.providers.extend(
                    locked.providers.get_key_value(address).map(|(key, one)| (key.clone(), one.clone())),
                );
                continue;
            }
            let before = locked.providers.get(address);
            let installed =
                self.choose(address, constraints, before.filter(|_| !upgrade)).and_then(|version| {
                    let known = before.filter(|one| one.version == version).map(|one| one.hashes.clone());
                    let hashes = self.obtain(address, &version, known.as_ref())?;
                    Ok(Locked { version, constraints: constraints.clone(), hashes })
                });
            match installed {
                Ok(one) => drop(lock.providers.insert(address.clone(), one)),
                Err(diagnostic) => drop(failed.insert(address.clone(), diagnostic)),
            }
        }
        (lock, failed)
    }

    /// The version to have.
    pub fn choose(
        &self,
        address: &ProviderAddress,
        constraints: &VersionConstraint,
        locked: Option<&Locked>,
    ) -> Result<Version, Diagnostic> {
        let failed = |why: String| query_failed(address, &why);
        if let Some(locked) = locked {
            (self.tell)(&Event::Reusing(address.clone()));
            let version = &locked.version;
            if !constraints.selects(version) {
                return Err(failed(format!(
                    "locked provider {address} {version} does not match configured version constraint {constraints}; must use formwork init -upgrade to allow selection of new versions"
                )));
            }
            return Ok(version.clone());
        }
        let text = (!constraints.is_empty()).then(|| constraints.to_string());
        (self.tell)(&Event::Finding(address.clone(), text));
        let mut available = Vec::new();
        let mut is_known = false;
        for method in self.methods.iter().filter(|method| method.is_for(address)) {
            match self.versions(method, address) {
                Ok(versions) => {
                    is_known |= !versions.is_empty();
                    available.extend(versions);
                }
                Err(WebError::NotFound) => {}
                Err(error) => return Err(failed(error.to_string())),
            }
        }
        let newest = available.into_iter().filter(|version| constraints.selects(version)).max();
        newest.ok_or_else(|| {
            failed(if is_known {
                "no available releases match the given constraints ".to_owned() + &constraints.to_string()
            } else {
                format!("provider {address} was not found in any of the search locations{}", self.locations())
            })
        })
    }

    fn locations(&self) -> String {
        self.methods.iter().fold(String::new(), |mut text, method| {
            text.push_str("\n  - ");
            match &method.way {
                Way::Folder(folder) => text.push_str(&folder.display().to_string()),
                Way::Mirror(address) | Way::Oci(address) => text.push_str(address),
                Way::Registry => text.push_str("provider registry"),
            }
            text
        })
    }

    fn versions(&self, method: &Method, address: &ProviderAddress) -> Result<Vec<Version>, WebError> {
        match &method.way {
            Way::Folder(folder) => Ok(mirror::versions(folder, address, &self.platform)),
            Way::Mirror(mirror) => self.registries.mirrored(mirror, address),
            Way::Oci(template) => self.repository(template, address)?.versions(),
            Way::Registry => self.registries.versions(address),
        }
    }

    /// Sees to it that a package is in its place, and gives its hashes. Those known must be met.
    fn obtain(
        &self,
        address: &ProviderAddress,
        version: &Version,
        known: Option<&BTreeSet<String>>,
    ) -> Result<BTreeSet<String>, Diagnostic> {
        let failed = |why: String| install_failed(address, version, &why);
        let target = unpacked(&self.root, address, version, &self.platform);
        if let Some(hashes) = Self::reused(&target, address, known) {
            (self.tell)(&Event::Previously(address.clone(), version.clone()));
            return Ok(hashes);
        }
        if let Some(cache) = &self.registries.settings.cache {
            return self.through_cache(cache, address, version, known);
        }
        (self.tell)(&Event::Installing(address.clone(), version.clone()));
        let package = self.package(address, version, &target, known)?;
        match &package.made {
            Some(_) => place::put(&package.folder, &target),
            None => place::link(&package.folder, &target),
        }
        .map_err(|error| failed(format!("{} cannot be made: {error}", target.display())))?;
        (self.tell)(&Event::Installed(address.clone(), version.clone(), package.authentication));
        Ok(package.hashes)
    }

    /// The hashes of a package that is there and is one that the lock file knows.
    fn reused(
        folder: &Path,
        address: &ProviderAddress,
        known: Option<&BTreeSet<String>>,
    ) -> Option<BTreeSet<String>> {
        let known = known?;
        place::executable(folder, address)?;
        let hash = hash::of_folder(folder).ok()?;
        known.contains(&hash).then(|| known.clone())
    }

    fn through_cache(
        &self,
        cache: &Path,
        address: &ProviderAddress,
        version: &Version,
        known: Option<&BTreeSet<String>>,
    ) -> Result<BTreeSet<String>, Diagnostic> {
        let failed = |why: String| install_failed(address, version, &why);
        let io = |error: std::io::Error| failed(error.to_string());
        if !cache.is_dir() {
            return Err(failed(format!(
                "the plugin cache directory {} does not exist; create it first",
                cache.display()
            )));
        }
        let target = unpacked(&self.root, address, version, &self.platform);
        let shared = unpacked(cache, address, version, &self.platform);
        let folder = shared.parent().unwrap_or(cache);
        std::fs::create_dir_all(folder).map_err(io)?;
        let held = File::create(folder.join(format!("{}.lock", self.platform))).map_err(io)?;
        // Whoever else installs this package waits here; the system gives it back however this process ends.
        held.lock().map_err(io)?;
        let may_break = self.registries.settings.cache_may_break_lock;
        let there = Self::reused(&shared, address, known).or_else(|| {
            let hash = hash::of_folder(&shared).ok().filter(|_| may_break && known.is_none())?;
            Some(BTreeSet::from([hash]))
        });
        let (hashes, event) = if let Some(hashes) = there {
            (hashes, Event::Cached(address.clone(), version.clone()))
        } else {
            (self.tell)(&Event::Installing(address.clone(), version.clone()));
            let package = self.package(address, version, &shared, known)?;
            if package.made.is_some() {
                place::put(&package.folder, &shared).map_err(io)?;
            } else {
                let made = place::beside(&shared).map_err(io)?;
                place::copy(&package.folder, made.path()).map_err(io)?;
                place::put(made.path(), &shared).map_err(io)?;
            }
            (package.hashes, Event::Installed(address.clone(), version.clone(), package.authentication))
        };
        place::link(&shared, &target).map_err(io)?;
        (self.tell)(&event);
        Ok(hashes)
    }

    /// Gets a package, unpacked beside where it is to be, held against the hashes known.
    fn package(
        &self,
        address: &ProviderAddress,
        version: &Version,
        target: &Path,
        known: Option<&BTreeSet<String>>,
    ) -> Result<Package, Diagnostic> {
        let failed = |why: String| install_failed(address, version, &why);
        for method in self.methods.iter().filter(|method| method.is_for(address)) {
            let source = self.source(method, address, version).map_err(|error| match error {
                WebError::NotFound => failed(format!("there is no package of it for {}", self.platform)),
                error => failed(error.to_string()),
            })?;
            let Some(source) = source else { continue };
            let package = self.unpack(&source, target).map_err(&failed)?;
            if place::executable(&package.folder, address).is_none() {
                return Err(failed(format!(
                    "the package has no program whose name begins with terraform-provider-{}",
                    address.type_name
                )));
            }
            let Some(known) = known.filter(|known| !known.is_empty()) else { return Ok(package) };
            if known.is_disjoint(&package.hashes) {
                return Err(failed(format!(
                    "the current package for {address} {version} doesn't match any of the checksums previously recorded in the dependency lock file"
                ))
                .hint("Where the package is right, record it too: formwork providers lock."));
            }
            let hashes = package.hashes.union(known).cloned().collect();
            return Ok(Package { hashes, ..package });
        }
        Err(failed(format!("there is no package of it for {} in any of the search locations", self.platform)))
    }

    /// What a method has of a version; nothing where it is in another.
    fn source(
        &self,
        method: &Method,
        address: &ProviderAddress,
        version: &Version,
    ) -> Result<Option<Source>, WebError> {
        match &method.way {
            Way::Folder(folder) => {
                Ok(mirror::find(folder, address, version, &self.platform).map(|found| match found {
                    Found::Folder(folder) => Source::Folder(folder),
                    Found::Archive(archive) => Source::Archive(archive),
                }))
            }
            Way::Mirror(mirror) => {
                let archive = match self.registries.mirrored_archive(mirror, address, version, &self.platform)
                {
                    Err(WebError::NotFound) => return Ok(None),
                    other => other?,
                };
                Ok(Some(Source::Mirror { url: archive.url, hashes: archive.hashes.unwrap_or_default() }))
            }
            Way::Oci(template) => {
                let repository = self.repository(template, address)?;
                match repository.provider(version, &self.platform) {
                    Err(WebError::NotFound) => Ok(None),
                    other => Ok(Some(Source::Oci(repository.place().to_owned(), other?))),
                }
            }
            Way::Registry => match self.registries.package(address, version, &self.platform) {
                Err(WebError::NotFound) => Ok(None),
                other => {
                    other.map(|download| Some(Source::Registry(Box::new(download), address.host.to_string())))
                }
            },
        }
    }

    /// The repository that holds a provider.
    fn repository(&self, template: &str, address: &ProviderAddress) -> Result<oci::Repository<'_>, WebError> {
        let place = oci::of_template(template, address);
        oci::Repository::new(&self.registries, &place).map_err(WebError::Failed)
    }

    fn unpack(&self, source: &Source, target: &Path) -> Result<Package, String> {
        let io = |error: std::io::Error| error.to_string();
        let mut archive = match source {
            Source::Folder(folder) => {
                let hashes = BTreeSet::from([hash::of_folder(folder).map_err(io)?]);
                let folder = folder.clone();
                return Ok(Package { folder, hashes, authentication: Authentication::None, made: None });
            }
            source => self.archive(source)?,
        };
        let sum = hash::sha256(&archive).map_err(io)?;
        let (authentication, mut hashes) = self.authenticate(source, &sum)?;
        let made = place::beside(target).map_err(io)?;
        unpack_zip(&mut archive, made.path(), LIMITS)
            .map_err(|error| format!("the archive is refused: {error}"))?;
        let contents = hash::of_folder(made.path()).map_err(io)?;
        if let Source::Mirror { hashes: said, .. } = source {
            let is_said = said.iter().any(|one| *one == contents || *one == format!("zh:{sum}"));
            if !said.is_empty() && !is_said {
                return Err("the archive has none of the checksums that the mirror gives".to_owned());
            }
        }
        hashes.insert(contents);
        Ok(Package { folder: made.path().to_owned(), hashes, authentication, made: Some(made) })
    }

    /// The archive, at its beginning.
    fn archive(&self, source: &Source) -> Result<File, String> {
        match source {
            Source::Folder(folder) | Source::Archive(folder) => {
                File::open(folder).map_err(|error| error.to_string())
            }
            Source::Mirror { url, .. } => self.download(url, ""),
            Source::Registry(download, host) => self.download(&download.url, host),
            Source::Oci(place, layer) => {
                let mut file = tempfile::tempfile().map_err(|error| error.to_string())?;
                let tell = |bytes: u64, all: Option<u64>| (self.tell)(&Event::Received(bytes, all));
                let repository = oci::Repository::new(&self.registries, place)?;
                let said = |error: WebError| format!("{place}: {error}");
                repository.download(layer, &mut file, &tell).map_err(said)?;
                Ok(file)
            }
        }
    }

    fn download(&self, url: &str, host: &str) -> Result<File, String> {
        let mut file = tempfile::tempfile().map_err(|error| error.to_string())?;
        let tell = |bytes: u64, all: Option<u64>| (self.tell)(&Event::Received(bytes, all));
        let token = self.registries.token(url, host).map_err(|error| error.to_string())?;
        let web = self.registries.web().map_err(|error| error.to_string())?;
        web.download(&Question::new(url, token.as_deref()), &mut file, &tell)
            .map_err(|error| format!("{}: {error}", shown(url)))?;
        std::io::Seek::rewind(&mut file).map_err(|error| error.to_string())?;
        Ok(file)
    }

    /// How it is made sure what an archive is, and which hashes are vouched for with it.
    fn authenticate(&self, source: &Source, sum: &str) -> Result<(Authentication, BTreeSet<String>), String> {
        match source {
            Source::Registry(download, host) => self.authenticate_download(download, host, sum),
            Source::Mirror { hashes, .. } if !hashes.is_empty() => {
                Ok((Authentication::Checksum, BTreeSet::new()))
            }
            // Its own digest is what it was asked for by, and was met.
            Source::Oci(..) => Ok((Authentication::Checksum, BTreeSet::from([format!("zh:{sum}")]))),
            _ => Ok((Authentication::None, BTreeSet::new())),
        }
    }

    fn authenticate_download(
        &self,
        download: &Download,
        host: &str,
        sum: &str,
    ) -> Result<(Authentication, BTreeSet<String>), String> {
        if !download.shasum.eq_ignore_ascii_case(sum) {
            return Err(format!(
                "the archive has incorrect checksum zh:{sum} (expected zh:{})",
                download.shasum
            ));
        }
        let get = |url: &String| {
            let got = self.registries.get(url, host).map_err(|error| format!("{}: {error}", shown(url)))?;
            Ok::<_, String>(got.body)
        };
        let sums = get(&download.shasums_url)?;
        let listed = listed(&String::from_utf8_lossy(&sums));
        if listed.get(&download.filename).is_none_or(|one| !one.eq_ignore_ascii_case(sum)) {
            return Err(format!(
                "the checksums at {} do not list {} so",
                download.shasums_url, download.filename
            ));
        }
        let keys = download.keys();
        let hashes = listed.into_values().map(|sum| format!("zh:{}", sum.to_lowercase())).collect();
        if keys.is_empty() {
            return Ok((Authentication::Checksum, hashes));
        }
        let signature = get(&download.shasums_signature_url)?;
        let key = signature::verify(&sums, &signature, &keys)
            .map_err(|why| format!("authentication signature from unknown issuer: {why}"))?;
        Ok((Authentication::Signed(key), hashes))
    }
}

/// Where a package comes from.
enum Source {
    Folder(PathBuf),
    Archive(PathBuf),
    Mirror {
        url: String,
        hashes: Vec<String>,
    },
    Registry(Box<Download>, String),
    /// A layer of a repository.
    Oci(String, oci::Layer),
}

/// Checksums by file name.
fn listed(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once(char::is_whitespace));
    let is_archive =
        |(_, name): &(&str, &str)| Path::new(name.trim()).extension().is_some_and(|end| end == "zip");
    lines
        .filter(is_archive)
        .map(|(sum, name)| (name.trim().trim_start_matches('*').to_owned(), sum.to_owned()))
        .collect()
}

fn query_failed(address: &ProviderAddress, why: &str) -> Diagnostic {
    let detail = format!(
        "Could not retrieve the list of available versions for provider {}: {why}",
        address.for_display()
    );
    let diagnostic =
        Diagnostic::error("provider-versions", "Failed to query available provider packages", detail);
    diagnostic.hint("Where no registry can be reached, a folder is enough: -plugin-dir=FOLDER, or filesystem_mirror in the CLI configuration file.")
}

fn install_failed(address: &ProviderAddress, version: &Version, why: &str) -> Diagnostic {
    let detail = format!("Error while installing {} v{version}: {why}", address.for_display());
    Diagnostic::error("provider-install", "Failed to install provider", detail)
}
