//! Modules in buckets of S3-compatible stores: an archive, or all objects below a folder.
//!
//! Invariant: what a bucket holds is written inside the module's folder alone.

use crate::settings::Variable;
use crate::web::{ARCHIVE_BYTES, Question, Web, WebError, shown};
use formwork_state::network::aws::{
    Credentials, Endpoints, Files, Keys, Origin, Sources, Unsigned, Way, sign, unsigned_target,
};
use formwork_state::network::proxy::Proxies;
use formwork_state::network::s3::{decoded, list};
use formwork_state::network::tls::{Trust, client};
use std::fs::File;
use std::path::{Component, Path};

/// What a module of single objects may have.
const OBJECTS: usize = 10_000;

/// An object or a folder of objects, as an address names it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    scheme: String,
    host: String,
    /// Where the bucket is named: in the path where it is not in the host.
    bucket: String,
    pub(crate) key: String,
    region: Option<String>,
    version: Option<String>,
    access_key: Option<String>,
    secret_key: Option<String>,
    token: Option<String>,
    profile: Option<String>,
}

impl Place {
    /// Reads an address without its `s3::`.
    pub(crate) fn parse(address: &str) -> Result<Self, String> {
        let wrong = || format!("{} names no bucket and no object in it", shown(address));
        let (place, query) = address.split_once('?').unwrap_or((address, ""));
        let (scheme, rest) = place.split_once("://").ok_or_else(wrong)?;
        let (host, path) = rest.split_once('/').ok_or_else(wrong)?;
        if !matches!(scheme, "http" | "https") || host.is_empty() || host.contains('@') {
            return Err(wrong());
        }
        let (in_host, region) = of_host(host);
        let (bucket, key) = if in_host { ("", path) } else { path.split_once('/').ok_or_else(wrong)? };
        if key.is_empty() {
            return Err(wrong());
        }
        let said = |name: &str| {
            let given = query.split('&').filter_map(|part| part.split_once('='));
            given.filter(|(one, _)| *one == name).map(|(_, value)| decoded(value)).next()
        };
        Ok(Self {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            bucket: bucket.to_owned(),
            key: decoded(&key.replace('+', "%2B")),
            region: said("region").or(region),
            version: said("version"),
            access_key: said("aws_access_key_id"),
            secret_key: said("aws_access_key_secret"),
            token: said("aws_access_token"),
            profile: said("aws_profile"),
        })
    }
}

/// Whether a host of AWS has the bucket in its name, and the region that it names.
fn of_host(host: &str) -> (bool, Option<String>) {
    let Some(name) = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))
    else {
        return (false, None);
    };
    let labels: Vec<&str> = name.split('.').collect();
    let Some(at) = labels.iter().rposition(|label| *label == "s3" || label.starts_with("s3-")) else {
        return (false, None);
    };
    let region = labels[at].strip_prefix("s3-").or_else(|| labels.get(at + 1).copied());
    (at > 0, region.map(ToOwned::to_owned))
}

/// Asks one store.
pub(crate) struct Store<'a> {
    web: &'a Web,
    place: Place,
    region: String,
    /// Nothing where it is asked as nobody: some buckets are everybody's.
    keys: Option<Keys>,
    now: fn() -> String,
}

impl<'a> Store<'a> {
    pub(crate) fn new(
        web: &'a Web,
        place: Place,
        variable: Variable,
        now: fn() -> String,
    ) -> Result<Self, String> {
        let named = place.region.clone().or_else(|| variable("AWS_REGION"));
        let region =
            named.or_else(|| variable("AWS_DEFAULT_REGION")).unwrap_or_else(|| "us-east-1".to_owned());
        let written = (place.access_key.clone(), place.secret_key.clone(), place.token.clone());
        let sources = Sources {
            written: Credentials::pair(written.0, written.1, written.2),
            profile: place.profile.clone(),
            files: Files::default(),
            token_role: None,
            role: None,
            variable: &variable,
        };
        let way = || {
            let (tls, proxies) = (client(Trust::Whole, None, None)?, Proxies::of(variable));
            Ok::<_, String>(Way {
                tls,
                proxies,
                endpoints: Endpoints::of(&variable),
                region: region.clone(),
                now,
            })
        };
        let keys = match sources.decide()? {
            None => None,
            Some(origin) => {
                let is_guessed = matches!(origin, Origin::Machine);
                Some(Keys::new(origin, way()?)).filter(|keys| !is_guessed || keys.current().is_ok())
            }
        };
        Ok(Self { web, place, region, keys, now })
    }

    /// Downloads the object itself.
    pub(crate) fn download(&self, file: &mut File) -> Result<(), String> {
        let version = self.place.version.as_deref().map(|version| ("versionId", version));
        let question = self.question(&self.place.key, version.as_slice())?;
        self.web.download(&question, file, &|_, _| {}).map_err(|error| self.said(&self.place.key, &error))
    }

    /// Downloads all that lies below the key.
    pub(crate) fn download_all(&self, into: &Path) -> Result<(), String> {
        let prefix = format!("{}/", self.place.key.trim_end_matches('/'));
        let keys = self.list(&prefix)?;
        if keys.is_empty() {
            return Err(format!("there is no object below {prefix} in the bucket"));
        }
        let mut left = ARCHIVE_BYTES;
        for key in keys {
            let inner = Path::new(key.get(prefix.len()..).unwrap_or_default());
            if !inner.components().all(|part| matches!(part, Component::Normal(_))) {
                return Err(format!("the object {key} does not lie in the folder"));
            }
            let path = into.join(inner);
            let failed = |error: std::io::Error| format!("{}: {error}", path.display());
            std::fs::create_dir_all(path.parent().unwrap_or(into)).map_err(failed)?;
            let mut file = File::create_new(&path).map_err(failed)?;
            let question = self.question(&key, &[])?;
            self.web.download(&question, &mut file, &|_, _| {}).map_err(|error| self.said(&key, &error))?;
            let length = file.metadata().map_err(failed)?.len();
            left = left.checked_sub(length).ok_or("the folder has more bytes than a module may have")?;
        }
        Ok(())
    }

    /// The keys of all objects that begin so; folders are none.
    fn list(&self, prefix: &str) -> Result<Vec<String>, String> {
        let mut keys = list(prefix, OBJECTS, |query| {
            let document = self.web.document(&self.question("", query)?);
            document.map(|document| document.body).map_err(|error| self.said(prefix, &error))
        })?;
        if keys.len() > OBJECTS {
            return Err(format!("there are more than {OBJECTS} objects below {prefix}"));
        }
        keys.retain(|key| !key.ends_with('/'));
        Ok(keys)
    }

    fn question(&self, key: &str, query: &[(&str, &str)]) -> Result<Question, String> {
        let Place { scheme, host, bucket, .. } = &self.place;
        let path = if bucket.is_empty() { format!("/{key}") } else { format!("/{bucket}/{key}") };
        let (target, headers) = match &self.keys {
            Some(keys) => {
                let path = &path;
                let unsigned =
                    Unsigned { service: "s3", method: "GET", host, path, query, headers: &[], body: b"" };
                let signed = sign(&unsigned, &keys.current()?, &self.region, &(self.now)());
                (signed.target, signed.headers)
            }
            None => (unsigned_target(&path, query), Vec::new()),
        };
        Ok(Question { address: format!("{scheme}://{host}{target}"), headers })
    }

    fn said(&self, key: &str, error: &WebError) -> String {
        let place = format!("s3::{}://{}/{}", self.place.scheme, self.place.host, self.place.bucket);
        match error {
            WebError::Denied(_) if self.keys.is_none() => format!(
                "{place}: {key} is not everybody's, and there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile"
            ),
            WebError::Denied(_) => {
                format!("{place}: the store refuses {key} to these credentials (region {})", self.region)
            }
            error => format!("{place}: {key}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, of_host};

    #[test]
    fn hosts_say_where_a_bucket_is() {
        for (host, expected) in [
            ("s3.amazonaws.com", (false, None)),
            ("s3-eu-west-1.amazonaws.com", (false, Some("eu-west-1"))),
            ("s3.eu-west-1.amazonaws.com", (false, Some("eu-west-1"))),
            ("b.s3.amazonaws.com", (true, None)),
            ("b.c.s3.eu-west-1.amazonaws.com", (true, Some("eu-west-1"))),
            ("b.s3-eu-west-1.amazonaws.com", (true, Some("eu-west-1"))),
            ("b.s3.cn-north-1.amazonaws.com.cn", (true, Some("cn-north-1"))),
            ("store.example:9000", (false, None)),
        ] {
            let (is_in_host, region) = of_host(host);
            assert_eq!((is_in_host, region.as_deref()), expected, "{host}");
        }
    }

    #[test]
    fn an_address_is_read() {
        let place =
            Place::parse("http://store.example:9000/b/a/m%20x.zip?region=r&aws_access_key_id=i&aws_access_key_secret=a%2Fb")
                .unwrap();
        assert_eq!((place.bucket.as_str(), place.key.as_str()), ("b", "a/m x.zip"));
        assert_eq!(place.secret_key.as_deref(), Some("a/b"));
        let place = Place::parse("https://b.s3.amazonaws.com/m.zip?version=3").unwrap();
        assert_eq!(
            (place.bucket.as_str(), place.key.as_str(), place.version.as_deref()),
            ("", "m.zip", Some("3"))
        );
        for wrong in ["https://s3.amazonaws.com/b", "https://b.s3.amazonaws.com/", "b/k", "ftp://h/b/k"] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }
}
