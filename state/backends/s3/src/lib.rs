//! States in an S3-compatible store, at the keys where OpenTofu and Terraform keep them.
//!
//! Invariant: no write that a stale holder could make is without a condition that the store checks. Entries of a
//! journal are numbered keys written only if absent, below the number of the lease; who takes over writes the next
//! number there before it reads, and gives the state another version, so that the old holder's next entry and its
//! snapshot both meet what was not there before.

mod backend;
mod identity;
mod store;

use backend::S3Backend;
use formwork_diagnostic::Diagnostic;
use formwork_state::backend::{Backend, BackendError};
use formwork_state::network::http::HttpClient;
use formwork_state::network::proxy::Proxies;
use formwork_state::network::{Network, tls};
use formwork_state::storage::{
    DEFAULT_WORKSPACE, Kind, LEASE_SECONDS, Setting, SettingType, Settings, Storage,
};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use store::Store;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A bucket.
pub const S3: Kind = Kind {
    name: "s3",
    doc: "A bucket of an S3-compatible store with conditional writes: AWS, Ceph's gateway, MinIO.",
    lease: "An object beside the state says who holds the lease; it is replaced only where it is the version that was read, and it is overdue by the store's own clock. Entries of the journal are objects below the number of their lease, written only if absent. Who takes over writes the next of them, and gives the state another version, before it reads: the store then refuses the old holder's next entry and its snapshot. The lock that OpenTofu takes with use_lockfile is respected, and taken too where the block says so. Another machine recovers everything.",
    permissions: "It needs s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects.",
    example: "terraform {\n  backend \"s3\" {\n    bucket       = \"states\"\n    key          = \"platform.tfstate\"\n    region       = \"eu-central-1\"\n    use_lockfile = true\n  }\n}\n",
    settings: &[
        Setting::text("bucket", "The bucket.").required(),
        Setting::text("key", "The object of the default workspace's state.").required(),
        Setting::text("region", "The bucket's region.")
            .from(&["AWS_REGION", "AWS_DEFAULT_REGION"])
            .or("us-east-1"),
        Setting::of(SettingType::Map, "endpoints", "Where the store is when it is not AWS: s3 is looked at."),
        Setting::text("endpoint", "The same; endpoints has its place.").from(&[
            "AWS_ENDPOINT_URL_S3",
            "AWS_ENDPOINT_URL",
            "AWS_S3_ENDPOINT",
        ]),
        Setting::flag("use_path_style", "The bucket stands in the path of the address, not in its host."),
        Setting::flag("force_path_style", "The same; use_path_style has its place."),
        Setting::text("workspace_key_prefix", "What the keys of other workspaces begin with.").or("env:"),
        Setting::flag("use_lockfile", "Take OpenTofu's lock too, so that it waits."),
        Setting::text("access_key", "The key's id."),
        Setting::text("secret_key", "The key.").sensitive(),
        Setting::text("token", "A session's token.").sensitive(),
        Setting::of(
            SettingType::Block(identity::ROLE),
            "assume_role",
            "A role to take on with the keys that were found; written as a block or as an object.",
        ),
        Setting::of(
            SettingType::Block(identity::TOKEN_ROLE),
            "assume_role_with_web_identity",
            "A role that a token of another issuer opens, a pipeline's or a pod's.",
        ),
        Setting::text("profile", "A profile in the files of AWS's tools; AWS_PROFILE where it is left out."),
        Setting::of(SettingType::Texts, "shared_credentials_files", "Those files, where they are elsewhere."),
        Setting::of(SettingType::Texts, "shared_config_files", "The same."),
        Setting::text("role_arn", "The role; assume_role has its place, as of the next seven."),
        Setting::text("session_name", "See there."),
        Setting::text("external_id", "See there."),
        Setting::number("assume_role_duration_seconds", "See there."),
        Setting::text("assume_role_policy", "See there."),
        Setting::of(SettingType::Texts, "assume_role_policy_arns", "See there."),
        Setting::of(SettingType::Map, "assume_role_tags", "See there."),
        Setting::of(SettingType::Texts, "assume_role_transitive_tag_keys", "See there."),
        Setting::text("sts_endpoint", "Where roles are opened; sts in endpoints has its place.").from(&[
            "AWS_ENDPOINT_URL_STS",
            "AWS_STS_ENDPOINT",
            "AWS_ENDPOINT_URL",
        ]),
        Setting::text(
            "sts_region",
            "The region whose service opens roles; the bucket's where it is left out.",
        ),
        Setting::text("ec2_metadata_service_endpoint", "Where a machine's metadata are.")
            .from(&["AWS_EC2_METADATA_SERVICE_ENDPOINT"]),
        Setting::of(
            SettingType::Texts,
            "allowed_account_ids",
            "Stop unless the keys are of one of these accounts.",
        ),
        Setting::of(
            SettingType::Texts,
            "forbidden_account_ids",
            "Stop where the keys are of one of these accounts.",
        ),
        Setting::text("http_proxy", "The proxy to http:// addresses."),
        Setting::text("https_proxy", "The proxy to https:// addresses."),
        Setting::text("no_proxy", "Hosts that no proxy is before."),
        Setting::flag("encrypt", "Ask the store to encrypt what it keeps."),
        Setting::text("kms_key_id", "With this key."),
        Setting::text("acl", "A canned ACL for each object."),
        Setting::text("custom_ca_bundle", "A file of roots to hold the store's certificate against.")
            .from(&["AWS_CA_BUNDLE"]),
        Setting::flag("insecure", "Take whatever certificate the store shows."),
        Setting::number("max_retries", "How often a request without a good answer is made again.").or("5"),
        Setting::flag("skip_credentials_validation", "Changes nothing: keys are not tried beforehand."),
        Setting::flag("skip_region_validation", "Changes nothing."),
        Setting::flag("skip_requesting_account_id", "Changes nothing."),
        Setting::flag("skip_metadata_api_check", "Never ask a machine's metadata for keys."),
        Setting::flag("skip_s3_checksum", "Changes nothing."),
        LEASE_SECONDS,
    ],
    configure,
};

struct S3Storage {
    store: Arc<Store>,
    key: String,
    prefix: String,
    use_lockfile: bool,
    lease_duration: Duration,
}

fn invalid(name: &str, detail: String) -> Diagnostic {
    Diagnostic::error("backend-argument", "Invalid backend argument", detail)
        .attribute(name)
        .hint("See docs/backends.md for what the s3 backend takes.")
}

fn configure(settings: &Settings) -> Result<Arc<dyn Storage>, Diagnostic> {
    let text = |name: &str| settings.text(name);
    let region = text("region").unwrap_or_default();
    let given = settings.map("endpoints").remove("s3").or_else(|| text("endpoint"));
    let endpoint = given.map_or_else(|| format!("https://s3.{region}.amazonaws.com"), with_scheme);
    let trust = if settings.flag("insecure") { tls::Trust::Anything } else { tls::Trust::Whole };
    let roots = text("custom_ca_bundle").map(std::fs::read).transpose();
    let roots = roots.map_err(|error| invalid("custom_ca_bundle", format!("{error}.")))?;
    let tls = tls::client(trust, roots.as_deref(), None);
    let tls = tls.map_err(|error| invalid("custom_ca_bundle", format!("TLS cannot be set up: {error}.")))?;
    let network = Network::new().map_err(|error| invalid("bucket", format!("{error}.")))?;
    let proxies = Proxies::of(|name| proxy(settings, name));
    let store = Store {
        network,
        client: HttpClient::new(&tls, &proxies, TIMEOUT),
        keys: identity::keys(settings, &region, tls, proxies)?,
        endpoint,
        bucket: text("bucket").unwrap_or_default(),
        is_path_style: settings.flag("use_path_style") || settings.flag("force_path_style"),
        retries: settings.number("max_retries").and_then(|count| u32::try_from(count).ok()).unwrap_or(5),
        write_headers: write_headers(settings),
        surroundings: settings.surroundings.clone(),
        is_bare: AtomicBool::new(false),
        region,
    };
    Ok(Arc::new(S3Storage {
        store: Arc::new(store),
        key: text("key").unwrap_or_default().trim_start_matches('/').to_owned(),
        prefix: text("workspace_key_prefix").unwrap_or_default(),
        use_lockfile: settings.flag("use_lockfile"),
        lease_duration: settings.lease_duration(),
    }))
}

fn with_scheme(given: String) -> String {
    if given.contains("://") { given } else { format!("https://{given}") }
}

/// A proxy's variable, unless the block has its setting.
fn proxy(settings: &Settings, name: &str) -> Option<String> {
    settings.text(&name.to_ascii_lowercase()).or_else(|| settings.variable(name))
}

fn write_headers(settings: &Settings) -> Vec<(String, String)> {
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
    match (settings.text("kms_key_id"), settings.flag("encrypt")) {
        (Some(key), _) => {
            add("x-amz-server-side-encryption", "aws:kms".to_owned());
            add("x-amz-server-side-encryption-aws-kms-key-id", key);
        }
        (None, true) => add("x-amz-server-side-encryption", "AES256".to_owned()),
        (None, false) => {}
    }
    if let Some(acl) = settings.text("acl") {
        add("x-amz-acl", acl);
    }
    headers
}

impl S3Storage {
    fn path(&self, workspace: &str) -> String {
        if workspace == DEFAULT_WORKSPACE {
            self.key.clone()
        } else {
            format!("{}/{workspace}/{}", self.prefix, self.key)
        }
    }
}

impl Storage for S3Storage {
    fn name(&self) -> String {
        format!("s3://{}/{}", self.store.bucket, self.key)
    }

    fn backend(&self, workspace: &str) -> Result<Arc<dyn Backend>, BackendError> {
        let path = self.path(workspace);
        Ok(Arc::new(S3Backend::new(self.store.clone(), path, self.lease_duration, self.use_lockfile)))
    }

    fn workspaces(&self) -> Result<Vec<String>, BackendError> {
        let prefix = format!("{}/", self.prefix);
        let suffix = format!("/{}", self.key);
        let keys = self.store.list(&prefix)?;
        let names = keys.iter().filter_map(|key| key.strip_prefix(&prefix)?.strip_suffix(&suffix));
        let mut found: Vec<String> =
            names.filter(|name| !name.contains('/')).map(ToOwned::to_owned).collect();
        if self.store.get(&self.key)?.is_some() {
            found.push(DEFAULT_WORKSPACE.to_owned());
        }
        Ok(found)
    }

    fn delete(&self, workspace: &str) -> Result<(), BackendError> {
        let path = self.path(workspace);
        for key in self.store.list(&backend::journal_prefix(&path))?.iter().rev() {
            self.store.delete(key)?;
        }
        for key in self.store.list(&backend::history_prefix(&path))? {
            self.store.delete(&key)?;
        }
        // The lease stays, so that its number never falls.
        self.store.delete(&path)
    }
}
