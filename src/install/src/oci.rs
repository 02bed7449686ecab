//! Packages in OCI registries: modules by tag or digest, providers by version and platform.
//!
//! Invariant: what was asked for by its digest has it, and whoever one is, is told over TLS alone, but on this machine.

use crate::credentials::Identity;
use crate::hash;
use crate::registry::Registries;
use crate::web::{Document, Question, Telling, WebError, resolve, shown};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_lang::Version;
use formwork_state::ProviderAddress;
use serde::Deserialize;
use std::fs::File;

/// The kind of a manifest of a module.
pub(crate) const MODULE: &str = "application/vnd.opentofu.modulepkg";
const PROVIDER: &str = "application/vnd.opentofu.provider";
const PROVIDER_TARGET: &str = "application/vnd.opentofu.provider-target";
/// The kind of a layer that is a package.
const ZIP: &str = "archive/zip";
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
/// Pages of a list of tags.
const PAGES: usize = 100;

/// What a template may name, from the right of a provider's address.
const NAMED: [&str; 3] = ["${type}", "${namespace}", "${hostname}"];

/// A layer of a package.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Layer {
    digest: String,
    #[serde(rename = "mediaType")]
    media_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    artifact_type: Option<String>,
    /// Of a manifest.
    layers: Option<Vec<Layer>>,
    /// Of an index.
    manifests: Option<Vec<Listed>>,
}

/// A manifest in an index.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    digest: String,
    artifact_type: Option<String>,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Granted {
    token: Option<String>,
    access_token: Option<String>,
}

/// A repository of an OCI registry.
pub(crate) struct Repository<'a> {
    registries: &'a Registries,
    /// `HOST/PATH`.
    place: String,
}

/// The repository and the tag or digest of a module's address.
pub(crate) fn reference(address: &str) -> Result<(String, String), String> {
    let rest = address.strip_prefix("oci://").unwrap_or(address);
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut given = query.split('&').filter(|part| !part.is_empty());
    let reference = match (given.next().map(|part| part.split_once('=').unwrap_or((part, ""))), given.next())
    {
        (None, _) => "latest",
        (Some(("tag", tag)), None) if is_tag(tag) => tag,
        (Some(("digest", digest)), None) if is_digest(digest) => digest,
        _ => return Err("an oci:// address has one of ?tag=NAME and ?digest=sha256:... behind it".to_owned()),
    };
    Ok((place.to_owned(), reference.to_owned()))
}

fn is_tag(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(is_plain) && !text.starts_with(['.', '-'])
}

fn is_digest(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix("sha256:").is_some_and(|sum| sum.len() == 64 && sum.bytes().all(is_plain))
}

/// Whether a template gives each provider that it is for a repository of its own.
pub(crate) fn check_template(template: &str, include: &[String]) -> Result<(), &'static str> {
    let rest = NAMED.iter().fold(template.to_owned(), |text, name| text.replace(name, ""));
    if rest.contains("${") {
        return Err("repository_template may name ${hostname}, ${namespace} and ${type} alone");
    }
    let is_one = |from_right: usize| {
        !include.is_empty()
            && include
                .iter()
                .all(|pattern| pattern.rsplit('/').nth(from_right).is_none_or(|part| part != "*"))
    };
    if NAMED.iter().enumerate().all(|(at, name)| template.contains(name) || is_one(at)) {
        Ok(())
    } else {
        Err(
            "repository_template names ${hostname}, ${namespace} and ${type}, but for what include leaves no choice of",
        )
    }
}

/// The repository of a provider.
pub(crate) fn of_template(template: &str, address: &ProviderAddress) -> String {
    let values = [address.type_name.as_str(), address.namespace.as_str(), address.host.as_str()];
    NAMED.iter().zip(values).fold(template.to_owned(), |text, (name, value)| text.replace(name, value))
}

impl<'a> Repository<'a> {
    /// One by its place, `HOST/PATH`.
    pub(crate) fn new(registries: &'a Registries, place: &str) -> Result<Self, String> {
        let is_plain = |part: &str| {
            let is_plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
            !part.is_empty() && part.bytes().all(is_plain) && !part.starts_with('.')
        };
        let is_whole = place.split_once('/').is_some_and(|(host, path)| {
            !host.is_empty() && !host.contains('@') && path.split('/').all(is_plain)
        });
        if !is_whole {
            return Err(format!(
                "\"{place}\" is no repository of an OCI registry: HOST/PATH in small letters"
            ));
        }
        Ok(Self { registries, place: place.to_owned() })
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    fn address(&self, rest: &str) -> String {
        let (host, path) = self.place.split_once('/').unwrap_or((&self.place, ""));
        let way = if is_this_machine(host) { "http" } else { "https" };
        format!("{way}://{host}/v2/{path}/{rest}")
    }

    /// The versions that it has tags for; `+`, which no tag may have, is written as `_`.
    pub(crate) fn versions(&self) -> Result<Vec<Version>, WebError> {
        let mut found = Vec::new();
        let mut address = self.address("tags/list?n=1000");
        for _ in 0..PAGES {
            let page = self.document(&address, "application/json")?;
            let tags: Tags = page.json()?;
            found.extend(tags.tags.iter().flatten().filter_map(|tag| Version::of(&tag.replace('_', "+"))));
            let Some(next) = page.header("link").and_then(next) else { break };
            address = resolve(&page.address, next);
        }
        Ok(found)
    }

    /// The package of a provider.
    pub(crate) fn provider(&self, version: &Version, platform: &str) -> Result<Layer, WebError> {
        let tag = version.to_string().replace('+', "_");
        let index = self.manifest(&tag)?;
        self.is_kind(&index, &tag, PROVIDER)?;
        let fits = |listed: &&Listed| {
            let named = listed.platform.as_ref();
            named.is_some_and(|named| format!("{}_{}", named.os, named.architecture) == platform)
                && listed.artifact_type.as_ref().is_none_or(|kind| kind == PROVIDER_TARGET)
        };
        let listed = index.manifests.iter().flatten().find(fits).ok_or(WebError::NotFound)?;
        self.package(&listed.digest, PROVIDER_TARGET)
    }

    /// The one package behind a tag or digest.
    pub(crate) fn package(&self, reference: &str, kind: &str) -> Result<Layer, WebError> {
        let manifest = self.manifest(reference)?;
        self.is_kind(&manifest, reference, kind)?;
        let mut packages = manifest.layers.into_iter().flatten().filter(|layer| layer.media_type == ZIP);
        match (packages.next(), packages.next()) {
            (Some(layer), None) if is_digest(&layer.digest) => Ok(layer),
            _ => Err(self.wrong(reference, &format!("has not one layer of the kind {ZIP}"))),
        }
    }

    fn is_kind(&self, manifest: &Manifest, reference: &str, kind: &str) -> Result<(), WebError> {
        match manifest.artifact_type.as_deref() {
            Some(found) if found == kind => Ok(()),
            found => {
                let found = found.unwrap_or("of no kind");
                Err(self.wrong(reference, &format!("is {found}, and not {kind}")))
            }
        }
    }

    fn wrong(&self, reference: &str, what: &str) -> WebError {
        let sign = if is_digest(reference) { '@' } else { ':' };
        WebError::Failed(format!("{}{sign}{reference} {what}", self.place))
    }

    fn manifest(&self, reference: &str) -> Result<Manifest, WebError> {
        let document = self.document(&self.address(&format!("manifests/{reference}")), MANIFESTS)?;
        if is_digest(reference) {
            let sum = hash::sha256(document.body.as_slice()).unwrap_or_default();
            self.is_met(reference, &sum)?;
        }
        document.json()
    }

    /// Downloads a layer, from its beginning to its end.
    pub(crate) fn download(&self, layer: &Layer, file: &mut File, tell: Telling<'_>) -> Result<(), WebError> {
        let address = self.address(&format!("blobs/{}", layer.digest));
        let said = |error: std::io::Error| WebError::Failed(error.to_string());
        self.ask(&address, "*/*", |question| self.registries.web()?.download(question, file, tell))?;
        std::io::Seek::rewind(file).map_err(said)?;
        self.is_met(&layer.digest, &hash::sha256(&*file).map_err(said)?)?;
        std::io::Seek::rewind(file).map_err(said)
    }

    fn is_met(&self, digest: &str, sum: &str) -> Result<(), WebError> {
        if digest.strip_prefix("sha256:") == Some(sum) {
            return Ok(());
        }
        Err(self.wrong(digest, &format!("has incorrect checksum sha256:{sum}")))
    }

    fn document(&self, address: &str, accept: &str) -> Result<Document, WebError> {
        self.ask(address, accept, |question| self.registries.web()?.document(question))
    }

    /// Asks; and once more where the registry first wants to know of whom.
    fn ask<T>(
        &self,
        address: &str,
        accept: &str,
        mut act: impl FnMut(&Question) -> Result<T, WebError>,
    ) -> Result<T, WebError> {
        let question = || {
            let mut question = Question::new(address, None);
            question.headers.push(("accept".to_owned(), accept.to_owned()));
            let said = self.registries.authorizations.borrow().get(&self.place).cloned();
            question.headers.extend(said.map(|said| ("authorization".to_owned(), said)));
            question
        };
        match act(&question()) {
            Err(WebError::Denied(Some(challenge))) => {
                let said = self.authorize(&challenge)?;
                self.registries.authorizations.borrow_mut().insert(self.place.clone(), said);
                act(&question())
            }
            other => other,
        }
    }

    /// What to say of who one is, as the registry asks for it.
    fn authorize(&self, challenge: &str) -> Result<String, WebError> {
        let access = &self.registries.settings.oci;
        let identity = access.identity(&self.place, self.registries.variable).map_err(WebError::Failed)?;
        let basic = match &identity {
            Some(Identity::Token(token)) => return Ok(format!("Bearer {}", token.0)),
            Some(Identity::Password(user, password)) => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.0))))
            }
            None => None,
        };
        let (way, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
        if way.eq_ignore_ascii_case("basic") {
            return basic.ok_or_else(|| self.unknown());
        }
        let realm = parameter(rest, "realm").filter(|_| way.eq_ignore_ascii_case("bearer"));
        let realm = realm.ok_or_else(|| self.unknown())?;
        let host = crate::registry::authority(realm);
        let is_private = realm.starts_with("https://");
        if !(is_private || realm.starts_with("http://") && is_this_machine(host)) {
            return Err(WebError::Failed(format!(
                "{} wants to be told who one is at {}, which is not over TLS",
                self.place,
                shown(realm)
            )));
        }
        let mut address = realm.to_owned();
        for name in ["service", "scope"] {
            let Some(value) = parameter(rest, name) else { continue };
            let value = value.replace('%', "%25").replace([' ', '&', '#'], "%20");
            let sign = if address.contains('?') { '&' } else { '?' };
            address = format!("{address}{sign}{name}={value}");
        }
        let mut question = Question::new(&address, None);
        question.headers.extend(basic.map(|basic| ("authorization".to_owned(), basic)));
        let answered = self.registries.web()?.document(&question).map_err(|error| match error {
            WebError::Denied(_) => self.unknown(),
            error => error,
        })?;
        let granted: Granted = answered.json()?;
        let token = granted.token.or(granted.access_token).ok_or_else(|| self.unknown())?;
        Ok(format!("Bearer {token}"))
    }

    fn unknown(&self) -> WebError {
        WebError::Failed(format!(
            "{} wants to know who one is; write an oci_credentials block, or log in with a container program",
            self.place
        ))
    }
}

fn is_this_machine(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name == "127.0.0.1" || name == "[::1]"
}

/// The value of `name="value"` in what a registry asks for.
fn parameter<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let at = text.match_indices(name).map(|(at, _)| at).find(|at| {
        let is_start = *at == 0 || text[..*at].ends_with([',', ' ']);
        is_start && text[at + name.len()..].starts_with("=\"")
    })?;
    text[at + name.len() + 2..].split('"').next()
}

/// The address of the next page in a `Link` header.
fn next(header: &str) -> Option<&str> {
    let link = header.split(',').find(|link| link.contains("rel=\"next\"") || link.contains("rel=next"))?;
    link.split_once('<')?.1.split_once('>').map(|(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_tag_or_a_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (address, expected) in [
            ("oci://h.test/a/b".to_owned(), Some(("h.test/a/b", "latest"))),
            ("oci://h.test:5000/a?tag=1.0.0".to_owned(), Some(("h.test:5000/a", "1.0.0"))),
            (format!("oci://h.test/a?digest={digest}"), Some(("h.test/a", digest.as_str()))),
            ("oci://h.test/a?digest=md5:1".to_owned(), None),
            ("oci://h.test/a?tag=a&digest=b".to_owned(), None),
            ("oci://h.test/a?ref=a".to_owned(), None),
            ("oci://h.test/a?tag=../b".to_owned(), None),
        ] {
            let found = reference(&address).ok();
            let found = found.as_ref().map(|(place, reference)| (place.as_str(), reference.as_str()));
            assert_eq!(found, expected, "{address}");
        }
    }

    #[test]
    fn templates_leave_no_choice() {
        for (template, include, is_right) in [
            ("h.test/${hostname}/${namespace}/${type}", &[][..], true),
            ("h.test/${namespace}/${type}", &[], false),
            ("h.test/${namespace}/${type}", &["registry.opentofu.org/*/*"], true),
            ("h.test/${type}", &["hashicorp/*"], true),
            ("h.test/${type}", &["*/*/*"], false),
            ("h.test/one", &["hashicorp/null"], true),
            ("h.test/${name}", &["hashicorp/null"], false),
        ] {
            let include: Vec<String> = include.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(check_template(template, &include).is_ok(), is_right, "{template} {include:?}");
        }
        let address = ProviderAddress::parse("h.test/acme/thing").unwrap();
        assert_eq!(
            of_template("r.test/${hostname}/x-${namespace}/${type}", &address),
            "r.test/h.test/x-acme/thing"
        );
    }

    #[test]
    fn what_a_registry_asks_for_is_read() {
        let challenge = r#"realm="https://a.test/token",service="r,s",scope="repository:a/b:pull""#;
        assert_eq!(parameter(challenge, "realm"), Some("https://a.test/token"));
        assert_eq!(parameter(challenge, "service"), Some("r,s"));
        assert_eq!(parameter(challenge, "scope"), Some("repository:a/b:pull"));
        assert_eq!(parameter(challenge, "error"), None);
        assert_eq!(next(r#"</v2/a/tags/list?last=x>; rel="next""#), Some("/v2/a/tags/list?last=x"));
        assert_eq!(next(r#"</v2>; rel="prev""#), None);
    }
}
