//! The configured provider: one request in, one response out.

use crate::api::{Api, Refusal, error_chain, tracing_writes};
use crate::connect::{Access, access};
use crate::manifest;
use crate::manifests;
use crate::object::Identity;
use crate::resource;
use crate::schema::{MANIFEST, MANIFESTS, RESOURCE, TOKEN_REQUEST};
use crate::session::Session;
use crate::settings::Settings;
use crate::token_request;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{
    Connection, KindSchema, ProviderError, ProviderSchema, ReadRequest, Reading, Readings, Request, Response,
    Target,
};
use formwork_value::{Value, decode};
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// So many lists run side by side.
const LISTS_AT_ONCE: usize = 4;

/// One object of a batch: where in it, and which object.
type Wanted = (usize, Identity, ReadRequest);

/// A connection to one API server.
pub(crate) struct KubernetesConnection {
    session: Arc<Session>,
    schema: Arc<ProviderSchema>,
}

impl KubernetesConnection {
    /// Connects and asks the server who it is.
    pub(crate) async fn open(settings: &Settings, schema: Arc<ProviderSchema>) -> Result<Self, Diagnostics> {
        let Access { config, words } = access(settings).await?;
        let host = config.cluster_url.to_string();
        let client = kube::Client::try_from(config).map_err(|error| {
            Diagnostics::from(
                Diagnostic::error(
                    "kubernetes-credentials",
                    "Invalid Kubernetes provider configuration",
                    format!("A client for {host} cannot be made: {}.", error_chain(&error)),
                )
                .hint("Check the certificates and keys that the configuration names."),
            )
        })?;
        let api = Api::new(client);
        let version = api.get("/version").await.map_err(|refusal| unreachable(&host, &words, &refusal))?;
        let system = api.get("/api/v1/namespaces/kube-system").await;
        let id = match &system {
            Ok(namespace) => namespace["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
            Err(refusal) => return Err(unnamed(&host, &words, refusal)),
        };
        let version = version["gitVersion"].as_str().unwrap_or("of unknown version");
        let server = server_words(&words, &host);
        let target = Target { id, words: format!("{words}{server}, Kubernetes {version}") };
        Ok(Self { session: Arc::new(Session::new(api, target)), schema })
    }

    fn kind(&self, name: &str) -> Result<&KindSchema, ProviderError> {
        let unknown = || ProviderError::bug(format!("this provider has no kind {name:?}"));
        self.schema.resources.get(name).ok_or_else(unknown)
    }

    fn upgrade(&self, kind: &str, version: u64, stored: &str) -> Result<Value, ProviderError> {
        let schema = self.kind(kind)?;
        if version > schema.version {
            return Err(ProviderError::invalid(format!(
                "The object was stored with version {version} of {kind}, and this provider knows up to {}.",
                schema.version
            ))
            .hint("Use a newer Formwork."));
        }
        decode(stored, &schema.block.implied_type())
            .map_err(|error| ProviderError::invalid(format!("The stored object cannot be read: {error}.")))
    }

    fn read(&self, kind: &str, objects: Vec<ReadRequest>) -> Readings<'static> {
        let session = self.session.clone();
        match kind {
            MANIFEST => read_manifests_one_by_one(session, objects),
            MANIFESTS => Box::pin(stream::once(read_streams(session, objects)).flat_map(stream::iter)),
            other => {
                let error = ProviderError::bug(format!("this provider has no kind {other:?}"));
                let failed = (0..objects.len()).map(move |at| (at, Reading::Failed(error.clone())));
                Box::pin(stream::iter(failed))
            }
        }
    }

    async fn answer(&self, request: Request) -> Response {
        let session = &*self.session;
        match request {
            Request::Upgrade { kind, version, stored } => {
                Response::Upgraded(self.upgrade(&kind, version, &stored))
            }
            Request::Read { kind, objects } => Response::Read(self.read(&kind, objects)),
            Request::Plan(request) => {
                let planned = match self.kind(&request.kind) {
                    Ok(schema) if request.kind == MANIFEST => manifest::plan(session, schema, &request).await,
                    Ok(schema) => manifests::plan(session, schema, &request).await,
                    Err(error) => Err(error),
                };
                Response::Planned(planned.map(Box::new))
            }
            Request::Apply(request) if request.kind == MANIFESTS => {
                Response::Progress(manifests::apply(session, &request).await)
            }
            Request::Apply(request) => Response::Progress(manifest::apply(session, &request).await),
            Request::Poll(request) if request.apply.kind == MANIFESTS => {
                Response::Progress(manifests::poll(session, &request).await)
            }
            Request::Poll(request) => Response::Progress(manifest::poll(session, &request).await),
            Request::Find(request) if request.kind == MANIFESTS => {
                Response::Progress(manifests::find(session, &request).await)
            }
            Request::Find(request) => Response::Progress(manifest::find(session, &request).await),
            Request::Import { kind, id } if kind == MANIFEST => Response::Imported(match self.kind(&kind) {
                Ok(schema) => manifest::import(session, schema, &id).await.map(|object| vec![object]),
                Err(error) => Err(error),
            }),
            Request::ImportByIdentity { kind, identity } if kind == MANIFEST => {
                Response::Imported(match self.kind(&kind) {
                    Ok(schema) => {
                        let imported = manifest::import_identified(session, schema, &identity).await;
                        imported.map(|object| vec![object])
                    }
                    Err(error) => Err(error),
                })
            }
            Request::ReadData { kind, configurations } if kind == RESOURCE => {
                Response::Data(resource::read(session, &configurations).await)
            }
            Request::OpenEphemeral { kind, configuration } if kind == TOKEN_REQUEST => {
                Response::Opened(token_request::open(session, &configuration).await)
            }
            Request::CloseEphemeral { kind, .. } if kind == TOKEN_REQUEST => Response::Renewed(Ok(None)),
            _ => Response::Unsupported,
        }
    }
}

/// The server's address, where the words do not name it: a context of one name may lead to two clusters.
fn server_words(words: &str, host: &str) -> String {
    let address = host.trim_end_matches('/');
    if words.contains(address) { String::new() } else { format!(", server {address}") }
}

/// The API server gave no usable answer to the first request.
fn unreachable(host: &str, words: &str, refusal: &Refusal) -> Diagnostics {
    let (summary, hint) = match refusal.status {
        Some(401 | 403) => (
            "The Kubernetes API server does not accept the credentials",
            "Check that the token, certificate or credential plugin belongs to this cluster and has not expired.",
        ),
        Some(_) => (
            "The Kubernetes API server does not answer as one",
            "Check that host, or the kubeconfig's server, is an API server.",
        ),
        None => (
            "The Kubernetes API server cannot be reached",
            "Check that the address is right, the server is up, and no firewall, VPN or proxy stands between.",
        ),
    };
    let detail = format!("{host} ({words}): {}.", refusal.message.trim_end_matches('.'));
    Diagnostic::error("kubernetes-unreachable", summary, detail).hint(hint).into()
}

/// The namespace that tells clusters apart cannot be read.
fn unnamed(host: &str, words: &str, refusal: &Refusal) -> Diagnostics {
    let detail = format!(
        "The UID of the namespace kube-system tells one cluster from another, and {host} ({words}) does not give it: {}.",
        refusal.message.trim_end_matches('.')
    );
    Diagnostic::error("kubernetes-target", "The cluster does not say which one it is", detail)
        .hint("Allow the user to get the namespace kube-system.")
        .into()
}

/// Objects of one kind are read together, several kinds side by side.
fn read_manifests_one_by_one(session: Arc<Session>, objects: Vec<ReadRequest>) -> Readings<'static> {
    let mut failed = Vec::new();
    let mut groups: BTreeMap<(String, String), Vec<Wanted>> = BTreeMap::new();
    for (at, request) in objects.into_iter().enumerate() {
        match manifest::identity_to_read(&request) {
            Ok(identity) => {
                let key = (identity.api_version.clone(), identity.kind.clone());
                groups.entry(key).or_default().push((at, identity, request));
            }
            Err(error) => failed.push((at, Reading::Failed(error))),
        }
    }
    let read = move |((api_version, kind), wanted): ((String, String), Vec<Wanted>)| {
        let session = session.clone();
        async move {
            let identities = wanted.iter().map(|(_, identity, _)| identity.clone()).collect();
            let found: HashMap<_, _> =
                session.read_kind(&api_version, &kind, identities).await.into_iter().collect();
            let answer = |(at, identity, request): (usize, Identity, ReadRequest)| {
                (at, manifest::reading(&request, found.get(&identity).cloned().unwrap_or(Ok(None))))
            };
            stream::iter(wanted.into_iter().map(answer).collect::<Vec<_>>())
        }
    };
    let found = stream::iter(groups).map(read).buffer_unordered(LISTS_AT_ONCE).flatten();
    Box::pin(stream::iter(failed).chain(found))
}

async fn read_streams(session: Arc<Session>, objects: Vec<ReadRequest>) -> Vec<(usize, Reading)> {
    let identities = objects.iter().flat_map(manifests::identities_to_read).collect();
    let found = session.read_all(identities).await;
    objects.iter().enumerate().map(|(at, request)| (at, manifests::reading(request, &found))).collect()
}

impl Connection for KubernetesConnection {
    fn target(&self) -> Target {
        self.session.target.clone()
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            if !matches!(request, Request::Apply(_) | Request::Poll(_) | Request::Find(_)) {
                return self.answer(request).await;
            }
            let (response, requests) = tracing_writes(self.answer(request)).await;
            if requests.is_empty() {
                return response;
            }
            Response::Traced { requests, response: Box::new(response) }
        })
    }
}
