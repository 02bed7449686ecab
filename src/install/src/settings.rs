//! The CLI configuration file that Terraform and OpenTofu share: where providers come from, the shared cache, and who
//! one is to registries.
//!
//! Invariant: a token is never in a message or in what [`std::fmt::Debug`] shows.

use crate::credentials::{Helper, OciAccess};
use crate::text::{self, Item, argument};
use formwork_diagnostic::Diagnostic;
use formwork_state::ProviderAddress;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Reads a variable of the environment.
pub type Variable = fn(&str) -> Option<String>;

/// What is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where providers come from; nothing where the file says nothing.
    pub installation: Option<Vec<Method>>,
    /// Folders that stand in place of whatever would be installed.
    pub overrides: BTreeMap<ProviderAddress, PathBuf>,
    /// Packages shared by all working directories of this user.
    pub cache: Option<PathBuf>,
    /// A folder of modules that is looked into before any server is asked.
    pub module_mirror: Option<PathBuf>,
    /// The file that the environment names, where there is none.
    pub missing: Option<PathBuf>,
    /// Whether a package in the cache may be used that the lock file does not know.
    pub cache_may_break_lock: bool,
    /// By host.
    tokens: BTreeMap<String, Secret>,
    /// Services of hosts, in place of what the hosts say themselves.
    pub services: BTreeMap<String, BTreeMap<String, String>>,
    /// A program that knows tokens of hosts.
    helper: Option<Helper>,
    /// Who one is to OCI registries.
    pub(crate) oci: OciAccess,
}

/// What no message shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(sensitive)")
    }
}

/// One way to get providers, and which ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// The way.
    pub way: Way,
    include: Vec<String>,
    exclude: Vec<String>,
}

/// A way to get providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// From a folder.
    Folder(PathBuf),
    /// From a server that speaks the network mirror protocol.
    Mirror(String),
    /// From repositories of OCI registries, whose names follow from the addresses.
    Oci(String),
    /// From the registry that the address names.
    Registry,
}

impl Method {
    /// One for all providers.
    pub fn new(way: Way) -> Self {
        Self { way, include: Vec::new(), exclude: Vec::new() }
    }

    /// The same, but not for these.
    #[must_use]
    pub fn without(mut self, addresses: impl IntoIterator<Item = ProviderAddress>) -> Self {
        self.exclude.extend(addresses.into_iter().map(|address| address.to_string()));
        self
    }

    /// Whether it is asked for a provider.
    pub fn is_for(&self, address: &ProviderAddress) -> bool {
        let fits = |pattern: &String| is_like(pattern, address);
        (self.include.is_empty() || self.include.iter().any(fits)) && !self.exclude.iter().any(fits)
    }
}

/// Whether an address is among those that a pattern such as `example.com/*/*` means.
fn is_like(pattern: &str, address: &ProviderAddress) -> bool {
    let parts: Vec<&str> = pattern.split('/').collect();
    let default = ProviderAddress::hashicorp("x");
    let whole = match parts.as_slice() {
        [name] => [default.host.as_str(), default.namespace.as_str(), name],
        [namespace, name] => [default.host.as_str(), namespace, name],
        [host, namespace, name] => [*host, namespace, name],
        _ => return false,
    };
    let own = [address.host.as_str(), address.namespace.as_str(), address.type_name.as_str()];
    whole.iter().zip(own).all(|(part, own)| *part == "*" || part.eq_ignore_ascii_case(own))
}

impl Settings {
    /// What the file and the environment say. `variable` reads the environment.
    pub fn of(variable: Variable) -> Result<Self, Diagnostic> {
        let mut settings = Self::default();
        if let Some((path, is_asked_for)) = file(variable) {
            match std::fs::read_to_string(&path) {
                Ok(text) => settings = Self::parse(&text, &path.display().to_string())?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    settings.missing = is_asked_for.then_some(path);
                }
                Err(error) => return Err(unreadable(&path.display().to_string(), &error.to_string())),
            }
        }
        if let Some(cache) = variable("TF_PLUGIN_CACHE_DIR") {
            settings.cache = Some(PathBuf::from(cache));
        }
        if variable("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE").is_some_and(|value| value == "1") {
            settings.cache_may_break_lock = true;
        }
        Ok(settings)
    }

    /// Reads a text; `name` is the file's.
    pub fn parse(text: &str, name: &str) -> Result<Self, Diagnostic> {
        let mut settings = Self::default();
        let fault = |item: &Item, what: &str| unreadable(name, &format!("line {}: {what}", item.line));
        for item in text::read(text).map_err(|error| unreadable(name, &error))? {
            let body = item.value.body();
            match (item.name.as_str(), item.labels.as_slice()) {
                ("provider_installation", []) => {
                    settings.installation(body).map_err(|(item, what)| fault(&item, what))?;
                }
                ("plugin_cache_dir", []) => settings.cache = item.value.text().map(expand),
                ("plugin_cache_may_break_dependency_lock_file", []) => {
                    settings.cache_may_break_lock = item.value.is_true();
                }
                ("credentials", [host]) => {
                    let token = argument(body, "token").and_then(|value| value.text());
                    let token = token.ok_or_else(|| fault(&item, "credentials have a token"))?;
                    settings.tokens.insert(host.to_lowercase(), Secret(token.to_owned()));
                }
                ("credentials_helper", [name]) => {
                    let arguments = argument(body, "args").map_or(Some(Vec::new()), text::Written::texts);
                    let arguments = arguments.ok_or_else(|| fault(&item, "args is a list of texts"))?;
                    settings.helper = Some(Helper::new(name, arguments).map_err(|why| fault(&item, why))?);
                }
                ("module_mirror", []) => {
                    let path = argument(body, "path").and_then(|value| value.text());
                    let path = path.ok_or_else(|| fault(&item, "module_mirror has a path"))?;
                    let path = std::path::absolute(expand(path));
                    settings.module_mirror =
                        Some(path.map_err(|_| fault(&item, "the path is of no folder"))?);
                }
                ("oci_credentials", [place]) => {
                    settings.oci.add(place, body).map_err(|why| fault(&item, why))?;
                }
                ("oci_default_credentials", []) => {
                    settings.oci.defaults(body).map_err(|why| fault(&item, why))?;
                }
                ("host", [host]) => {
                    let services = argument(body, "services").map(text::Written::body).unwrap_or_default();
                    let services = services
                        .iter()
                        .filter_map(|one| Some((one.name.clone(), one.value.text()?.to_owned())));
                    settings.services.insert(host.to_lowercase(), services.collect());
                }
                // Whatever else there is is about versions and servers that Formwork does not ask.
                _ => {}
            }
        }
        Ok(settings)
    }

    fn installation(&mut self, items: &[Item]) -> Result<(), (Item, &'static str)> {
        let mut methods = Vec::new();
        for item in items {
            let body = item.value.body();
            let said = |name: &str| argument(body, name).and_then(|value| value.text());
            let patterns =
                |name: &str| argument(body, name).and_then(text::Written::texts).unwrap_or_default();
            let way = match item.name.as_str() {
                "direct" => Way::Registry,
                "filesystem_mirror" => {
                    Way::Folder(expand(said("path").ok_or((item.clone(), "filesystem_mirror has a path"))?))
                }
                "network_mirror" => {
                    let address = said("url").ok_or((item.clone(), "network_mirror has a url"))?;
                    Way::Mirror(format!("{}/", address.trim_end_matches('/')))
                }
                "oci_mirror" => {
                    let template = said("repository_template")
                        .ok_or((item.clone(), "oci_mirror has a repository_template"))?;
                    let include = patterns("include");
                    crate::oci::check_template(template, &include).map_err(|why| (item.clone(), why))?;
                    Way::Oci(template.to_owned())
                }
                "dev_overrides" => {
                    for one in body {
                        let address = ProviderAddress::parse(&one.name);
                        let address =
                            address.map_err(|_| (one.clone(), "the name is no provider's address"))?;
                        let folder =
                            one.value.text().ok_or((one.clone(), "the value is the path of a folder"))?;
                        self.overrides.insert(address, expand(folder));
                    }
                    continue;
                }
                _ => return Err((item.clone(), "this way to install providers is not supported")),
            };
            methods.push(Method { way, include: patterns("include"), exclude: patterns("exclude") });
        }
        self.installation = Some(methods);
        Ok(())
    }

    /// Who one is to a host: from the environment (`TF_TOKEN_app_example_com`), else from the file, else from the
    /// helper.
    pub fn token(&self, host: &str, variable: Variable) -> Result<Option<String>, String> {
        let host = host.to_lowercase();
        let domain = host.split(':').next().unwrap_or_default();
        let plain = domain.replace('.', "_");
        let named = [plain.replace('-', "__"), plain];
        let given = named.iter().find_map(|name| variable(&format!("TF_TOKEN_{name}")));
        match given.or_else(|| self.tokens.get(&host).map(|secret| secret.0.clone())) {
            None => self.helper.as_ref().map_or(Ok(None), |helper| helper.token(&host, variable)),
            given => Ok(given),
        }
    }

    /// The ways to get providers, in order. Without any in the file: what lies in well-known folders, and the
    /// registries for what is in none of them.
    pub fn methods(&self, variable: Variable) -> Vec<Method> {
        if let Some(methods) = &self.installation {
            return methods.clone();
        }
        let mut folders = vec![PathBuf::from("terraform.d/plugins")];
        let home = variable("HOME").map(PathBuf::from);
        folders.extend(home.as_ref().map(|home| home.join(".terraform.d/plugins")));
        let shared = variable("XDG_DATA_HOME").map(PathBuf::from);
        folders.extend(
            shared
                .or_else(|| home.map(|home| home.join(".local/share")))
                .map(|one| one.join("terraform/plugins")),
        );
        let system = variable("XDG_DATA_DIRS").unwrap_or_else(|| "/usr/local/share:/usr/share".to_owned());
        folders.extend(
            system
                .split(':')
                .filter(|one| !one.is_empty())
                .map(|one| Path::new(one).join("terraform/plugins")),
        );
        let present: Vec<PathBuf> = folders.into_iter().filter(|folder| folder.is_dir()).collect();
        let held: Vec<ProviderAddress> =
            present.iter().flat_map(|folder| crate::mirror::providers(folder)).collect();
        let mut methods: Vec<Method> =
            present.into_iter().map(|folder| Method::new(Way::Folder(folder))).collect();
        methods.push(Method::new(Way::Registry).without(held));
        methods
    }
}

/// The file to read, and whether somebody asked for it.
fn file(variable: Variable) -> Option<(PathBuf, bool)> {
    if let Some(path) = variable("TF_CLI_CONFIG_FILE").or_else(|| variable("TERRAFORM_CONFIG")) {
        return Some((PathBuf::from(path), true));
    }
    let home = PathBuf::from(variable("HOME")?);
    let own = [".tofurc", ".terraformrc"].map(|name| home.join(name));
    let shared = variable("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
    own.into_iter()
        .chain([shared.join("opentofu/tofurc")])
        .find(|path| path.is_file())
        .map(|path| (path, false))
}

/// A path as the file has it: `$NAME` and `~` stand for what the environment says.
pub(crate) fn expand(path: &str) -> PathBuf {
    let Some(rest) = path.strip_prefix("~/").or_else(|| path.strip_prefix("$HOME/")) else {
        return PathBuf::from(path);
    };
    std::env::home_dir().unwrap_or_default().join(rest)
}

fn unreadable(name: &str, why: &str) -> Diagnostic {
    let detail = format!("The CLI configuration file {name} cannot be used: {why}.");
    Diagnostic::error("cli-configuration", "Invalid CLI configuration", detail)
        .hint("See docs/installing.md for what may stand in it.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
disable_checkpoint = true
plugin_cache_dir = "/cache"
credentials "app.example.com" { token = "hunter2" }
host "reg.test" { services = { "providers.v1" = "http://127.0.0.1:1/p/" } }
provider_installation {
  dev_overrides { "hashicorp/null" = "/dev/null-provider" }
  filesystem_mirror {
    path    = "/mirror"
    include = ["example.com/*/*"]
  }
  network_mirror { url = "https://m.test/x" }
  direct { exclude = ["hashicorp/*"] }
}
"#;

    #[test]
    fn a_file_is_read() {
        let settings = Settings::parse(FILE, "f").unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert_eq!(settings.cache, Some(PathBuf::from("/cache")));
        assert_eq!(settings.services["reg.test"]["providers.v1"], "http://127.0.0.1:1/p/");
        let nothing: Variable = |_| None;
        assert_eq!(settings.token("app.example.com", nothing), Ok(Some("hunter2".to_owned())));
        let given: Variable = |name| (name == "TF_TOKEN_app_example_com").then(|| "x".to_owned());
        assert_eq!(settings.token("app.example.com", given), Ok(Some("x".to_owned())));
        let asked = |text: &str| -> Vec<bool> {
            let address = ProviderAddress::parse(text).unwrap();
            settings.methods(nothing).iter().map(|method| method.is_for(&address)).collect()
        };
        assert_eq!(asked("example.com/a/b"), [true, true, true]);
        assert_eq!(asked("hashicorp/aws"), [false, true, false]);
        assert!(settings.overrides.contains_key(&ProviderAddress::hashicorp("null")));
    }

    #[test]
    fn faults_say_where() {
        for (text, said) in [
            ("a {", "line 1"),
            ("credentials \"x\" {}", "a token"),
            ("\nprovider_installation {\n oci_mirror {}\n}", "line 3"),
            ("provider_installation { oci_mirror { repository_template = \"h.test/x\" } }", "type"),
            ("provider_installation { any_mirror {} }", "not supported"),
            ("module_mirror {}", "a path"),
            ("credentials_helper \"../x\" {}", "no path"),
            ("oci_credentials \"h.test\" {}", "username"),
            ("provider_installation { filesystem_mirror {} }", "a path"),
            ("provider_installation { dev_overrides { \"a/b/c/d\" = \"x\" } }", "no provider's address"),
        ] {
            let error = Settings::parse(text, "f").unwrap_err();
            assert!(error.detail.contains(said), "{text}: {}", error.detail);
        }
    }
}
