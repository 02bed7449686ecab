//! Servers of providers and modules: registries, found by service discovery, and network mirrors.

use crate::settings::{Settings, Variable};
use crate::web::{Document, Web, WebError, resolve};
use formwork_lang::Version;
use formwork_state::ProviderAddress;
use formwork_state::network::proxy::Proxies;
use serde::Deserialize;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

/// Services of a host by name, with their addresses.
type Services = BTreeMap<String, String>;

/// Asks servers as the settings say.
pub(crate) struct Registries {
    pub(crate) settings: Settings,
    pub(crate) variable: Variable,
    web: OnceCell<Web>,
    discovered: RefCell<BTreeMap<String, Services>>,
    tokens: RefCell<BTreeMap<String, Option<String>>>,
    /// What repositories of OCI registries were told of who one is, by place.
    pub(crate) authorizations: RefCell<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Versions {
    versions: Option<Vec<OneVersion>>,
}

#[derive(Deserialize)]
struct OneVersion {
    version: String,
}

/// What a registry says of a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Download {
    pub(crate) filename: String,
    #[serde(rename = "download_url")]
    pub(crate) url: String,
    pub(crate) shasum: String,
    pub(crate) shasums_url: String,
    pub(crate) shasums_signature_url: String,
    #[serde(default)]
    signing_keys: SigningKeys,
    /// Where that was said.
    #[serde(skip)]
    pub(crate) said_at: String,
}

#[derive(Debug, Default, Deserialize)]
struct SigningKeys {
    gpg_public_keys: Option<Vec<SigningKey>>,
}

#[derive(Debug, Deserialize)]
struct SigningKey {
    ascii_armor: String,
}

impl Download {
    pub(crate) fn keys(&self) -> Vec<String> {
        self.signing_keys.gpg_public_keys.iter().flatten().map(|key| key.ascii_armor.clone()).collect()
    }
}

#[derive(Deserialize)]
struct MirrorIndex {
    versions: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct MirrorVersion {
    archives: BTreeMap<String, MirrorArchive>,
}

/// An archive in a network mirror.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MirrorArchive {
    pub(crate) url: String,
    pub(crate) hashes: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct ModuleVersions {
    modules: Vec<Versions>,
}

/// Where modules are, for registries that answer in the body.
#[derive(Deserialize)]
struct ModuleLocation {
    location: String,
}

impl Registries {
    pub(crate) fn new(settings: Settings, variable: Variable) -> Self {
        let (discovered, tokens, authorizations) = Default::default();
        Self { settings, variable, web: OnceCell::new(), discovered, tokens, authorizations }
    }

    /// What asks; it is made when first needed, since reading the system's roots takes time.
    pub(crate) fn web(&self) -> Result<&Web, WebError> {
        if self.web.get().is_none() {
            let made = Web::new(&Proxies::of(self.variable)).map_err(WebError::Failed)?;
            let _ = self.web.set(made);
        }
        self.web.get().ok_or_else(|| WebError::Failed("there is no connection".to_owned()))
    }

    /// Who one is to the server of an address: by that server's own name, or where it is the one that speaks for a
    /// registry, by the registry's. Nobody else is told.
    pub(crate) fn token(&self, address: &str, host: &str) -> Result<Option<String>, WebError> {
        let server = authority(address);
        let speaks = |services: &Services| services.values().any(|one| authority(one) == server);
        let is_told = self.settings.services.get(host).is_some_and(speaks)
            || self.discovered.borrow().get(host).is_some_and(speaks);
        match self.own_token(server)? {
            None if is_told => self.own_token(host),
            own => Ok(own),
        }
    }

    /// The token of a host; whoever keeps it is asked once.
    fn own_token(&self, host: &str) -> Result<Option<String>, WebError> {
        if let Some(token) = self.tokens.borrow().get(host) {
            return Ok(token.clone());
        }
        let token = self.settings.token(host, self.variable).map_err(WebError::Failed)?;
        self.tokens.borrow_mut().insert(host.to_owned(), token.clone());
        Ok(token)
    }

    /// Asks for a document that a host is behind.
    pub(crate) fn get(&self, address: &str, host: &str) -> Result<Document, WebError> {
        let token = self.token(address, host)?;
        self.web()?.get(address, token.as_deref())
    }

    fn service(&self, host: &str, name: &str) -> Result<String, WebError> {
        let missing = || WebError::Failed(format!("host {host} does not offer the service {name}"));
        if let Some(services) = self.settings.services.get(host) {
            return services.get(name).map(|address| with_slash(address)).ok_or_else(missing);
        }
        if !self.discovered.borrow().contains_key(host) {
            let document = self.get(&format!("https://{host}/.well-known/terraform.json"), host);
            let document = document.map_err(|error| {
                WebError::Failed(format!("could not find out the services of host {host}: {error}"))
            })?;
            let services = services_of(&document.json()?, &document.address);
            self.discovered.borrow_mut().insert(host.to_owned(), services);
        }
        let discovered = self.discovered.borrow();
        discovered.get(host).and_then(|services| services.get(name)).cloned().ok_or_else(missing)
    }

    fn provider(&self, address: &ProviderAddress) -> Result<String, WebError> {
        let base = self.service(&address.host, "providers.v1")?;
        Ok(format!("{base}{}/{}/", address.namespace, address.type_name))
    }

    /// The versions of a provider.
    pub(crate) fn versions(&self, address: &ProviderAddress) -> Result<Vec<Version>, WebError> {
        let document = self.get(&format!("{}versions", self.provider(address)?), &address.host)?;
        let versions: Versions = document.json()?;
        Ok(versions.versions.iter().flatten().filter_map(|one| Version::of(&one.version)).collect())
    }

    /// Where the package of a version is.
    pub(crate) fn package(
        &self,
        address: &ProviderAddress,
        version: &Version,
        platform: &str,
    ) -> Result<Download, WebError> {
        let base = self.provider(address)?;
        let document =
            self.get(&format!("{base}{version}/download/{}", platform.replace('_', "/")), &address.host)?;
        let mut download: Download = document.json()?;
        download.said_at.clone_from(&document.address);
        for url in [&mut download.url, &mut download.shasums_url, &mut download.shasums_signature_url] {
            *url = resolve(&document.address, url);
        }
        Ok(download)
    }

    /// The versions of a provider in a network mirror.
    pub(crate) fn mirrored(&self, mirror: &str, address: &ProviderAddress) -> Result<Vec<Version>, WebError> {
        let index: MirrorIndex = self.get(&format!("{mirror}{address}/index.json"), "")?.json()?;
        Ok(index.versions.keys().filter_map(|version| Version::of(version)).collect())
    }

    /// The archive of a version in a network mirror.
    pub(crate) fn mirrored_archive(
        &self,
        mirror: &str,
        address: &ProviderAddress,
        version: &Version,
        platform: &str,
    ) -> Result<MirrorArchive, WebError> {
        let document = self.get(&format!("{mirror}{address}/{version}.json"), "")?;
        let mut described: MirrorVersion = document.json()?;
        let mut archive = described.archives.remove(platform).ok_or(WebError::NotFound)?;
        archive.url = resolve(&document.address, &archive.url);
        Ok(archive)
    }

    /// The versions of a module; `name` is `NAMESPACE/NAME/SYSTEM`.
    pub(crate) fn module_versions(&self, host: &str, name: &str) -> Result<Vec<Version>, WebError> {
        let base = self.service(host, "modules.v1")?;
        let answered: ModuleVersions = self.get(&format!("{base}{name}/versions"), host)?.json()?;
        let versions = answered.modules.iter().filter_map(|module| module.versions.as_ref()).flatten();
        Ok(versions.filter_map(|one| Version::of(&one.version)).collect())
    }

    /// Where a version of a module is, as a source address.
    pub(crate) fn module_source(
        &self,
        host: &str,
        name: &str,
        version: &Version,
    ) -> Result<String, WebError> {
        let base = self.service(host, "modules.v1")?;
        let document = self.get(&format!("{base}{name}/{version}/download"), host)?;
        let location = match document.header("x-terraform-get") {
            Some(location) => location.to_owned(),
            None => document.json::<ModuleLocation>()?.location,
        };
        let is_relative = location.starts_with(['/', '.']);
        Ok(if is_relative { resolve(&document.address, &location) } else { location })
    }
}

/// The host and port of an address.
pub(crate) fn authority(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

fn with_slash(address: &str) -> String {
    format!("{}/", address.trim_end_matches('/'))
}

fn services_of(document: &serde_json::Value, base: &str) -> Services {
    let services = document.as_object().into_iter().flatten();
    services
        .filter_map(|(name, address)| Some((name.clone(), with_slash(&resolve(base, address.as_str()?)))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_beside_the_document() {
        let document = serde_json::json!({
            "modules.v1": "/v1/modules/", "providers.v1": "https://other.test/p", "login.v1": { "client": "x" }
        });
        let services = services_of(&document, "https://a.test/.well-known/terraform.json");
        assert_eq!(services["modules.v1"], "https://a.test/v1/modules/");
        assert_eq!(services["providers.v1"], "https://other.test/p/");
        assert_eq!(services.len(), 2);
    }

    #[test]
    fn hosts_are_read_from_addresses() {
        for (address, host) in
            [("https://a.test:8/x", "a.test:8"), ("https://u:p@a.test?x", "a.test"), ("a.test/b", "a.test")]
        {
            assert_eq!(authority(address), host);
        }
    }
}
