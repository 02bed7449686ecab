//! `secret_vault`: a secret of a key-value engine of Vault or of `OpenBao`.
//!
//! <https://openbao.org/api-docs/secret/kv/>. A token that was got for the reading alone is revoked when it is closed.

mod server;

use super::{Opened, SecretKind};
use crate::Context;
use crate::content::{at, read_file, texts};
use crate::http::HttpClient;
use formwork_diagnostic::Diagnostics;
use formwork_sdk::values::{Findings, given, text, whole_number};
use formwork_sdk::{Attribute, Block, KindSchema, NestedBlock, Nesting, ProviderError};
use formwork_value::{Type, Value};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use server::{Server, segments};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    secret = { source = "formwork/secret" }
    sim    = { source = "formwork/sim" }
  }
}

variable "vault_address" {
  type    = string
  default = null
}

ephemeral "secret_vault" "database" {
  count   = var.vault_address == null ? 0 : 1
  address = var.vault_address
  path    = "platform/database"
}

resource "sim_secret" "database" {
  name             = "database"
  value_wo         = one(ephemeral.secret_vault.database[*].data["password"])
  value_wo_version = 1
}
"#;

const PATH: &str = "path";
const ADDRESS: &str = "address";
const TOKEN: &str = "token";
const TOKEN_FILE: &str = "token_file";
const CERTIFICATE: &str = "ca_certificate";
const VERSION: &str = "version";
const KV_VERSION: &str = "kv_version";
const APP_ROLE: &str = "app_role";
const KUBERNETES: &str = "kubernetes";
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// Versions are numbered up to what a signed number of 32 bits holds.
const VERSION_MAXIMUM: i64 = i32::MAX as i64;

pub(super) struct Vault;

impl SecretKind for Vault {
    fn name(&self) -> &'static str {
        "secret_vault"
    }

    fn schema(&self) -> KindSchema {
        let text = |doc| Attribute::optional(Type::String, doc);
        let secret = |value_type, doc| Attribute::computed(value_type, doc).sensitive();
        let block = Block::new([
            (PATH, Attribute::required(Type::String, "The secret, below its mount: `platform/database`.")),
            ("mount", text("Where the key-value engine is mounted; `secret`, by itself.")),
            (KV_VERSION, Attribute::optional(Type::Number, "The engine's version, 1 or 2; 2, by itself.")),
            (
                VERSION,
                Attribute::optional_computed(Type::Number, "Which version of the secret; the newest, by itself. Of engine 2 alone."),
            ),
            (ADDRESS, text("The server, `https://vault.example.com:8200`; VAULT_ADDR or BAO_ADDR, by itself.")),
            ("namespace", text("The namespace; VAULT_NAMESPACE or BAO_NAMESPACE, by itself.")),
            (CERTIFICATE, text("What the server's certificate is signed with, in PEM; the file in VAULT_CACERT or BAO_CACERT, or the system's, by itself.")),
            (TOKEN, text("A token; VAULT_TOKEN or BAO_TOKEN, by itself.").sensitive()),
            (TOKEN_FILE, text("A file with a token, as an agent writes it; `.vault-token` in the home folder, where no other is given.")),
            ("data", secret(Type::map(Type::String), "The secret's values by name; one that is no text as JSON.")),
            ("json", secret(Type::String, "All of it in JSON, for `jsondecode`.")),
            ("created_time", Attribute::computed(Type::String, "When that version was written, RFC 3339; null of engine 1.")),
        ])
        .with_block(APP_ROLE, login([
            ("role_id", Attribute::required(Type::String, "The role's id.")),
            ("secret_id", Attribute::required(Type::String, "The secret that goes with it.").sensitive()),
            ("mount", text("Where the method is mounted; `approle`, by itself.")),
        ]))
        .with_block(KUBERNETES, login([
            ("role", Attribute::required(Type::String, "The role.")),
            (TOKEN_FILE, text("The service account's token; the file that every pod has, by itself.")),
            ("mount", text("Where the method is mounted; `kubernetes`, by itself.")),
        ]));
        let doc = "A secret of a key-value engine of HashiCorp Vault or OpenBao.";
        KindSchema { example: EXAMPLE, ..KindSchema::new(block, doc) }
    }

    fn validate(&self, configuration: &Value) -> Diagnostics {
        let mut found = Findings::default();
        found.check_number(configuration, KV_VERSION, 1, 2);
        found.check_number(configuration, VERSION, 1, VERSION_MAXIMUM);
        if whole_number(configuration, KV_VERSION) == Some(1) && given(configuration, VERSION).is_some() {
            found.refuse(VERSION, "Engine 1 keeps no versions: leave it out, or set kv_version = 2.");
        }
        if let Some(address) = text(configuration, ADDRESS)
            && !address.starts_with("https://")
            && !address.starts_with("http://")
        {
            found.refuse(ADDRESS, format!("{address:?} is no address: it begins with https:// or http://."));
        }
        if text(configuration, PATH).is_some_and(|path| segments(path).is_empty()) {
            found.refuse(PATH, "The path is empty: give the secret's, below its mount.");
        }
        let ways =
            [TOKEN, TOKEN_FILE, APP_ROLE, KUBERNETES].map(|name| given(configuration, name).map(|_| name));
        let ways: Vec<&str> = ways.into_iter().flatten().collect();
        if let [first, .., last] = ways.as_slice() {
            found.refuse(last, format!("{first} and {last} both say who is asking: leave one out."));
        }
        found.into_diagnostics()
    }

    fn open<'a>(
        &'a self,
        context: &'a Context,
        configuration: &'a Value,
    ) -> BoxFuture<'a, Result<Opened, ProviderError>> {
        self.read(context, configuration).boxed()
    }

    fn close<'a>(&'a self, private: &'a [u8]) -> BoxFuture<'a, Result<(), ProviderError>> {
        async move {
            let Ok(open) = serde_json::from_slice::<Open>(private) else { return Ok(()) };
            let server = open.server()?;
            server.post("auth/token/revoke-self", Some(&open.token), &json!({})).await.map(drop)
        }
        .boxed()
    }
}

fn login<const N: usize>(attributes: [(&'static str, Attribute); N]) -> NestedBlock {
    NestedBlock { nesting: Nesting::Single, block: Block::new(attributes), min_items: 0, max_items: 1 }
}

/// What the closing needs. Serialized into memory alone.
#[derive(Serialize, Deserialize)]
struct Open {
    address: String,
    namespace: Option<String>,
    roots: Option<Vec<u8>>,
    token: String,
}

impl Open {
    fn server(&self) -> Result<Server, ProviderError> {
        let client = HttpClient::new(self.roots.as_deref()).map_err(|error| {
            ProviderError::invalid(format!("the certificates of authorities are of no use: {error}"))
                .at(at(CERTIFICATE))
        })?;
        Ok(Server::new(client, &self.address, self.namespace.clone()))
    }
}

/// Who is asking.
enum Asking<'a> {
    Token(String),
    AppRole(&'a Value),
    Kubernetes(&'a Value),
}

impl Asking<'_> {
    fn of<'a>(context: &Context, configuration: &'a Value) -> Result<Asking<'a>, ProviderError> {
        if let Some(block) = given(configuration, APP_ROLE) {
            return Ok(Asking::AppRole(block));
        }
        if let Some(block) = given(configuration, KUBERNETES) {
            return Ok(Asking::Kubernetes(block));
        }
        let file = |path: &str| {
            let text = String::from_utf8_lossy(&read_file(path, TOKEN_FILE)?).trim().to_owned();
            Ok::<_, ProviderError>(Asking::Token(text))
        };
        if let Some(path) = text(configuration, TOKEN_FILE) {
            return file(path);
        }
        let token = text(configuration, TOKEN).map(str::to_owned);
        if let Some(token) = token.or_else(|| context.variable(&["VAULT_TOKEN", "BAO_TOKEN"])) {
            return Ok(Asking::Token(token));
        }
        let usual = context.variable(&["HOME"]).map(|home| format!("{home}/.vault-token"));
        match usual.filter(|path| std::fs::exists(path).unwrap_or(false)) {
            Some(path) => file(&path),
            None => Err(ProviderError::invalid("Nothing says who is asking.")
                .at(at(TOKEN))
                .hint("Give token, token_file, app_role or kubernetes, or set VAULT_TOKEN or BAO_TOKEN.")),
        }
    }
}

impl Vault {
    async fn read(&self, context: &Context, configuration: &Value) -> Result<Opened, ProviderError> {
        let mut open = place(context, configuration)?;
        let server = open.server()?;
        let asking = Asking::of(context, configuration)?;
        let is_own = !matches!(asking, Asking::Token(_));
        open.token = match asking {
            Asking::Token(token) => token,
            Asking::AppRole(block) => app_role(&server, block).await?,
            Asking::Kubernetes(block) => kubernetes(&server, block).await?,
        };
        let secret = match secret(&server, &open.token, configuration).await {
            Ok(secret) => secret,
            Err(error) => {
                if is_own {
                    // That it could not be read is what matters.
                    let _ = server.post("auth/token/revoke-self", Some(&open.token), &json!({})).await;
                }
                return Err(error);
            }
        };
        let mut opened = Opened::of(&self.schema(), configuration, &secret);
        if is_own {
            opened.private = serde_json::to_vec(&open).unwrap_or_default();
        }
        Ok(opened)
    }
}

fn place(context: &Context, configuration: &Value) -> Result<Open, ProviderError> {
    let from = |attribute: &str, names: &[&str]| {
        let attribute = text(configuration, attribute).filter(|text| !text.is_empty());
        attribute.map(str::to_owned).or_else(|| context.variable(names))
    };
    let address = from(ADDRESS, &["VAULT_ADDR", "BAO_ADDR"]).ok_or_else(|| {
        ProviderError::invalid("Nothing says where the server is.")
            .at(at(ADDRESS))
            .hint("Give address, or set VAULT_ADDR or BAO_ADDR.")
    })?;
    let roots = match text(configuration, CERTIFICATE) {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => match context.variable(&["VAULT_CACERT", "BAO_CACERT"]) {
            Some(path) => Some(read_file(&path, CERTIFICATE)?),
            None => None,
        },
    };
    let namespace = from("namespace", &["VAULT_NAMESPACE", "BAO_NAMESPACE"]);
    Ok(Open { address, namespace, roots, token: String::new() })
}

async fn app_role(server: &Server, block: &Value) -> Result<String, ProviderError> {
    let part = |name: &str| text(block, name).unwrap_or_default();
    let body = json!({ "role_id": part("role_id"), "secret_id": part("secret_id") });
    server.log_in(text(block, "mount").unwrap_or("approle"), &body, APP_ROLE).await
}

async fn kubernetes(server: &Server, block: &Value) -> Result<String, ProviderError> {
    let path = text(block, TOKEN_FILE).unwrap_or(SERVICE_ACCOUNT_TOKEN);
    let token = read_file(path, KUBERNETES)?;
    let token = String::from_utf8_lossy(&token);
    let body = json!({ "role": text(block, "role").unwrap_or_default(), "jwt": token.trim() });
    server.log_in(text(block, "mount").unwrap_or("kubernetes"), &body, KUBERNETES).await
}

async fn secret(
    server: &Server,
    token: &str,
    configuration: &Value,
) -> Result<[(&'static str, Value); 4], ProviderError> {
    let mount = segments(text(configuration, "mount").unwrap_or("secret"));
    let path = segments(text(configuration, PATH).unwrap_or_default());
    let is_versioned = whole_number(configuration, KV_VERSION) != Some(1);
    let place = if is_versioned { format!("{mount}/data/{path}") } else { format!("{mount}/{path}") };
    let query =
        whole_number(configuration, VERSION).map(|version| format!("?version={version}")).unwrap_or_default();
    let answer = server.get(&format!("{place}{query}"), token).await?;
    let found = if is_versioned { &answer["data"]["data"] } else { &answer["data"] };
    let Json::Object(entries) = found else {
        return Err(ProviderError::invalid(format!(
            "{place} is no secret of a key-value engine of that version"
        ))
        .at(at(KV_VERSION))
        .hint("Give the engine's version as kv_version, and the path below its mount."));
    };
    let value = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let data = texts(entries.iter().map(|(name, one)| (name.clone(), value(one))));
    let metadata = &answer["data"]["metadata"];
    let version = metadata["version"].as_i64().filter(|_| is_versioned);
    let created = metadata["created_time"].as_str().filter(|_| is_versioned);
    Ok([
        ("data", data),
        ("json", found.to_string().into()),
        (VERSION, version.map_or(Value::null(Type::Number), Value::from)),
        ("created_time", created.map_or(Value::null(Type::String), Value::from)),
    ])
}
