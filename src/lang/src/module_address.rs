//! Where modules come from, as `source` says it: a folder beside, a registry, or a server.
//!
//! Invariant: two texts that mean the same place are written alike, as OpenTofu writes them into its list of modules.

use std::fmt;

/// The registry of addresses without a host.
const DEFAULT_HOST: &str = "registry.opentofu.org";
/// The lists of modules that were installed, among the root module's files.
pub const MODULE_MANIFEST: &str = ".terraform/modules/modules.json";

/// Where a module is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleAddress {
    /// A folder, relative to the calling module's.
    Local(String),
    /// In a registry.
    Registry {
        /// The registry.
        host: String,
        /// `NAMESPACE/NAME/SYSTEM`.
        name: String,
        /// The folder in the package; empty for its top.
        folder: String,
    },
    /// On a server.
    Remote {
        /// How and where: `git::https://example.com/a.git?ref=v1`.
        address: String,
        /// The folder in the package; empty for its top.
        folder: String,
    },
}

impl ModuleAddress {
    /// Reads a source. An error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if matches!(text, "." | "..") || text.starts_with("./") || text.starts_with("../") {
            return Ok(Self::Local(text.to_owned()));
        }
        if text.trim() != text || text.is_empty() {
            return Err("it must not be empty, nor begin or end with a blank".to_owned());
        }
        let (package, folder) = split_folder(text);
        if folder.split('/').any(|part| part == "..") {
            return Err("the folder behind // must lie in the package".to_owned());
        }
        if let Some((host, name)) = registry_parts(&package) {
            return Ok(Self::Registry { host, name, folder });
        }
        remote(&package).map(|address| Self::Remote { address, folder })
    }
}

impl fmt::Display for ModuleAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (package, folder) = match self {
            Self::Local(path) => return out.write_str(path),
            Self::Registry { host, name, folder } => (format!("{host}/{name}"), folder),
            Self::Remote { address, folder } => (address.clone(), folder),
        };
        let (place, query) = package.split_once('?').map_or((package.as_str(), None), |(a, b)| (a, Some(b)));
        out.write_str(place)?;
        if !folder.is_empty() {
            write!(out, "//{folder}")?;
        }
        query.map_or(Ok(()), |query| write!(out, "?{query}"))
    }
}

/// The package, and the folder that is named behind `//`.
fn split_folder(text: &str) -> (String, String) {
    let (place, query) = text.split_once('?').map_or((text, None), |(place, query)| (place, Some(query)));
    let from = place.find("://").map_or(0, |at| at + 3);
    let Some(at) = place[from..].find("//").map(|at| at + from) else {
        return (text.to_owned(), String::new());
    };
    let folder = place[at + 2..].trim_matches('/').to_owned();
    let package = query.map_or_else(|| place[..at].to_owned(), |query| format!("{}?{query}", &place[..at]));
    (package, folder)
}

fn registry_parts(package: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = package.split('/').collect();
    let is_host = |part: &str| part.contains('.') || part.contains(':') || part == "localhost";
    let (host, names) = match parts.as_slice() {
        [host, names @ ..] if names.len() == 3 && is_host(host) => (host.to_lowercase(), names),
        names if names.len() == 3 => (DEFAULT_HOST.to_owned(), names),
        _ => return None,
    };
    let is_name = |part: &&str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !part.starts_with('-')
    };
    let is_forge = ["github.com", "gitlab.com", "bitbucket.org"].contains(&host.as_str());
    (!is_forge && names.iter().all(is_name)).then(|| (host, names.join("/")))
}

/// A short form in full.
fn remote(package: &str) -> Result<String, String> {
    if let Some((way, rest)) = package.split_once("::") {
        let rest =
            if way == "git" { scp_form(rest).unwrap_or_else(|| rest.to_owned()) } else { rest.to_owned() };
        return Ok(format!("{way}::{rest}"));
    }
    for forge in ["github.com/", "gitlab.com/", "bitbucket.org/"] {
        let Some(rest) = package.strip_prefix(forge) else { continue };
        let (path, query) = rest.split_once('?').map_or((rest, String::new()), |(a, b)| (a, format!("?{b}")));
        let mut parts = path.split('/');
        let (Some(owner), Some(name), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(format!("{forge} is followed by OWNER/NAME, and a folder in it by //"));
        };
        let name = name.strip_suffix(".git").unwrap_or(name);
        return Ok(format!("git::https://{forge}{owner}/{name}.git{query}"));
    }
    if let Some(address) = bucket_form(package) {
        return Ok(format!("s3::{address}"));
    }
    if let Some(address) = scp_form(package) {
        return Ok(format!("git::{address}"));
    }
    if package.starts_with('/') {
        return Ok(format!("file://{package}"));
    }
    if package.contains("://") {
        return Ok(package.to_owned());
    }
    Err("it is no folder (\"./...\"), no registry address (NAMESPACE/NAME/SYSTEM) and no address of a server"
        .to_owned())
}

/// `BUCKET.s3.amazonaws.com/KEY` or `s3-REGION.amazonaws.com/BUCKET/KEY` as a URL with the bucket in its path.
fn bucket_form(text: &str) -> Option<String> {
    let (host, path) = text.split_once('/').filter(|_| !text.contains("://"))?;
    let name = host.strip_suffix(".amazonaws.com")?;
    let labels: Vec<&str> = name.split('.').collect();
    let at = labels.iter().rposition(|label| *label == "s3" || label.starts_with("s3-"))?;
    let server = labels[at..].join(".");
    if at == 0 {
        return Some(format!("https://{server}.amazonaws.com/{path}"));
    }
    Some(format!("https://{server}.amazonaws.com/{}/{path}", labels[..at].join(".")))
}

/// `git@example.com:a/b.git` as a URL.
fn scp_form(text: &str) -> Option<String> {
    let (user, rest) = text.split_once('@').filter(|_| !text.contains("://"))?;
    let (host, path) = rest.split_once(':')?;
    let is_plain = |part: &str| !part.is_empty() && !part.contains('/');
    (is_plain(user) && is_plain(host))
        .then(|| format!("ssh://{user}@{host}/{}", path.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::ModuleAddress;

    #[test]
    fn addresses_are_written_in_one_way() {
        for (text, expected) in [
            ("./m", "./m"),
            ("..", ".."),
            ("a/b/aws", "registry.opentofu.org/a/b/aws"),
            ("a/b/aws//modules/x", "registry.opentofu.org/a/b/aws//modules/x"),
            ("Reg.test:81/a/b/c", "reg.test:81/a/b/c"),
            ("github.com/o/r", "git::https://github.com/o/r.git"),
            ("github.com/o/r.git//m?ref=v1", "git::https://github.com/o/r.git//m?ref=v1"),
            ("gitlab.com/o/r", "git::https://gitlab.com/o/r.git"),
            ("git@github.com:o/r.git", "git::ssh://git@github.com/o/r.git"),
            ("git::git@h.test:o/r.git//m?ref=v1", "git::ssh://git@h.test/o/r.git//m?ref=v1"),
            ("git::ssh://git@h.test/o/r.git?ref=v1&depth=1", "git::ssh://git@h.test/o/r.git?ref=v1&depth=1"),
            ("https://h.test/a.zip//m", "https://h.test/a.zip//m"),
            ("/srv/m", "file:///srv/m"),
            ("s3::https://s3.test/b/a.zip", "s3::https://s3.test/b/a.zip"),
            ("b.s3.amazonaws.com/a.zip//m", "s3::https://s3.amazonaws.com/b/a.zip//m"),
            ("b.s3-eu-west-1.amazonaws.com/a.zip", "s3::https://s3-eu-west-1.amazonaws.com/b/a.zip"),
            ("s3-eu-west-1.amazonaws.com/b/x/a.zip", "s3::https://s3-eu-west-1.amazonaws.com/b/x/a.zip"),
        ] {
            let address = ModuleAddress::parse(text).unwrap();
            assert_eq!(address.to_string(), expected);
            assert_eq!(ModuleAddress::parse(expected).unwrap(), address, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", " a/b/c", "modules/x", "github.com/o", "a/b/c//../d", "x"] {
            assert!(ModuleAddress::parse(text).is_err(), "{text}");
        }
    }
}
