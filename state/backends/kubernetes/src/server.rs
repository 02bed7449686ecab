//! Questions to the API server, each asked again until there is an answer that is no fault of the server's.
//!
//! Invariant: whoever asks is told whether an earlier try, whose answer was lost, may have done what it was to do.

use crate::connect::Access;
use formwork_state::backend::BackendError;
use formwork_state::network::{Network, pause, with_cause};
use http::header::{ACCEPT, CONTENT_TYPE, DATE};
use http::{Method, Request, Response};
use jiff::{SignedDuration, Timestamp};
use kube::client::{AuthError, Body};
use kube::{Client, Config};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// What is escaped: every byte but the unreserved ones (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How often a question without a good answer is asked again.
const RETRIES: u32 = 5;
/// How many objects a page of a list holds at most: each may be of a Secret's whole size.
const PAGE: usize = 40;
const JSON: &str = "application/json";
/// A list without what the objects hold.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Secrets,
    Leases,
}

impl Resource {
    fn path(self, namespace: &str) -> String {
        match self {
            Self::Secrets => format!("/api/v1/namespaces/{namespace}/secrets"),
            Self::Leases => format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"),
        }
    }
}

/// What came of a write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Written {
    /// The object as it stands.
    Done(Box<Json>),
    /// There is one already, or it is another version; whether an earlier try may have done it.
    Refused { was_tried: bool },
}

/// One API server and one namespace of its cluster.
pub(crate) struct Server {
    pub(crate) namespace: String,
    pub(crate) network: Network,
    config: Config,
    client: OnceCell<Client>,
    /// What the server's clock said last, and when that was.
    clock: Mutex<Option<(Timestamp, Instant)>>,
}

/// An error in one line. What a program that gives credentials was given, and what it answered, may hold some.
fn words(error: &(dyn std::error::Error + 'static), config: &Config) -> String {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let what = match causes.find_map(|one| one.downcast_ref()) {
        Some(AuthError::AuthExecRun { out, .. }) => {
            let said: String = String::from_utf8_lossy(&out.stderr).trim().chars().take(300).collect();
            format!("fails ({}) {said}", out.status)
        }
        Some(AuthError::AuthExecStart(error)) => format!("does not start: {error}"),
        Some(AuthError::AuthExecParse(_)) => "answers no ExecCredential".to_owned(),
        _ => return with_cause(error),
    };
    let program = config.auth_info.exec.as_ref().and_then(|exec| exec.command.as_deref());
    format!("the program that gives credentials, {}, {}", program.unwrap_or_default(), what.trim_end())
}

/// An answer with its status.
struct Answer {
    status: u16,
    body: Json,
    was_tried: bool,
}

impl Server {
    pub(crate) fn new(access: Access, namespace: String) -> Self {
        let Access { network, config } = access;
        Self { namespace, network, config, client: OnceCell::new(), clock: Mutex::default() }
    }

    /// The moment by the server's clock, as of its last answer; by this machine's where no answer said one.
    pub(crate) fn now(&self) -> Timestamp {
        let clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        let moment = clock.and_then(|(said, at)| {
            let passed = SignedDuration::try_from(at.elapsed()).ok()?;
            said.checked_add(passed).ok()
        });
        moment.unwrap_or_else(Timestamp::now)
    }

    pub(crate) fn get(&self, resource: Resource, name: &str) -> Result<Option<Json>, BackendError> {
        let path = format!("{}/{name}", resource.path(&self.namespace));
        let answer = self.ask(&Method::GET, &path, JSON, None)?;
        match answer.status {
            404 => Ok(None),
            200 => Ok(Some(answer.body)),
            _ => Err(refused(&Method::GET, name, &answer)),
        }
    }

    /// Makes an object where there is none of its name.
    pub(crate) fn create(&self, resource: Resource, object: &Json) -> Result<Written, BackendError> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let answer = self.ask(&Method::POST, &resource.path(&self.namespace), JSON, Some(object))?;
        match answer.status {
            200..300 => Ok(Written::Done(Box::new(answer.body))),
            409 => Ok(Written::Refused { was_tried: answer.was_tried }),
            _ => Err(refused(&Method::POST, name, &answer)),
        }
    }

    /// Replaces an object where it is the version that this one was made from.
    pub(crate) fn replace(&self, resource: Resource, object: &Json) -> Result<Written, BackendError> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("{}/{name}", resource.path(&self.namespace));
        let answer = self.ask(&Method::PUT, &path, JSON, Some(object))?;
        match answer.status {
            200..300 => Ok(Written::Done(Box::new(answer.body))),
            // An object that is gone is not the version that was expected.
            404 | 409 => Ok(Written::Refused { was_tried: answer.was_tried }),
            _ => Err(refused(&Method::PUT, name, &answer)),
        }
    }

    /// Makes or replaces, as the object says which version it was made from or none.
    pub(crate) fn write(&self, resource: Resource, object: &Json) -> Result<Written, BackendError> {
        if object["metadata"]["resourceVersion"].is_string() {
            self.replace(resource, object)
        } else {
            self.create(resource, object)
        }
    }

    pub(crate) fn delete(&self, resource: Resource, name: &str) -> Result<(), BackendError> {
        let path = format!("{}/{name}", resource.path(&self.namespace));
        let body = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background" });
        let answer = self.ask(&Method::DELETE, &path, JSON, Some(&body))?;
        match answer.status {
            200..300 | 404 => Ok(()),
            _ => Err(refused(&Method::DELETE, name, &answer)),
        }
    }

    /// All objects that a selector finds, in the order of their names.
    pub(crate) fn list(&self, resource: Resource, selector: &str) -> Result<Vec<Json>, BackendError> {
        self.pages(resource, selector, JSON, PAGE)
    }

    /// The same without what they hold.
    pub(crate) fn list_names(&self, resource: Resource, selector: &str) -> Result<Vec<String>, BackendError> {
        let found = self.pages(resource, selector, METADATA, 20 * PAGE)?;
        Ok(found.iter().map(|object| crate::names::name_of(object).to_owned()).collect())
    }

    fn pages(
        &self,
        resource: Resource,
        selector: &str,
        accept: &str,
        limit: usize,
    ) -> Result<Vec<Json>, BackendError> {
        let path = resource.path(&self.namespace);
        let mut found: Vec<Json> = Vec::new();
        let mut after = String::new();
        loop {
            let selector = encoded(selector);
            let target =
                format!("{path}?labelSelector={selector}&limit={limit}&continue={}", encoded(&after));
            let mut answer = self.ask(&Method::GET, &target, accept, None)?;
            if answer.status != 200 {
                return Err(refused(&Method::GET, "the list", &answer));
            }
            if let Json::Array(items) = answer.body["items"].take() {
                found.extend(items);
            }
            answer.body["metadata"]["continue"].as_str().unwrap_or_default().clone_into(&mut after);
            if after.is_empty() {
                found.sort_by(|one, other| crate::names::name_of(one).cmp(crate::names::name_of(other)));
                return Ok(found);
            }
        }
    }

    fn ask(
        &self,
        method: &Method,
        target: &str,
        accept: &str,
        body: Option<&Json>,
    ) -> Result<Answer, BackendError> {
        let failed =
            |error: &(dyn std::error::Error + 'static)| BackendError::Failed(words(error, &self.config));
        let bytes = body.map(serde_json::to_vec).transpose().map_err(|error| failed(&error))?;
        let bytes = bytes.unwrap_or_default();
        self.network.wait(async {
            let client =
                self.client.get_or_try_init(|| async { Client::try_from(self.config.clone()) }).await;
            let client = client.map_err(|error| failed(&error))?;
            let mut wait = Duration::from_millis(100);
            for tries in 0.. {
                let request = Request::builder().method(method.clone()).uri(target).header(ACCEPT, accept);
                let request = request.header(CONTENT_TYPE, JSON).body(Body::from(bytes.clone()));
                let request = request.map_err(|error| failed(&error))?;
                match self.answer(client.send(request).await).await {
                    Ok((status, body)) if status < 500 && status != 429 => {
                        return Ok(Answer { status, body, was_tried: tries > 0 });
                    }
                    Ok((status, body)) if tries >= RETRIES => {
                        let answer = Answer { status, body, was_tried: true };
                        return Err(refused(method, target, &answer));
                    }
                    Err(error) if tries >= RETRIES => {
                        return Err(BackendError::Failed(format!("the API server does not answer: {error}")));
                    }
                    _ => pause(wait).await,
                }
                wait *= 2;
            }
            Err(BackendError::Failed("the API server was not asked".to_owned()))
        })
    }

    async fn answer(&self, sent: Result<Response<Body>, kube::Error>) -> Result<(u16, Json), String> {
        let response = sent.map_err(|error| words(&error, &self.config))?;
        let (parts, body) = response.into_parts();
        let moment = parts.headers.get(DATE).and_then(|date| date.to_str().ok());
        let moment = moment.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        if let Some(moment) = moment {
            let now = Some((moment.timestamp(), Instant::now()));
            *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
        let bytes = body.collect_bytes().await.map_err(|error| with_cause(&error))?;
        let status = parts.status.as_u16();
        match serde_json::from_slice(&bytes) {
            Ok(body) => Ok((status, body)),
            Err(_) if !parts.status.is_success() => {
                let shown: String = String::from_utf8_lossy(&bytes).chars().take(200).collect();
                Ok((status, json!({ "message": shown.trim() })))
            }
            Err(error) => Err(format!("the answer is no JSON: {error}")),
        }
    }
}

fn refused(method: &Method, name: &str, answer: &Answer) -> BackendError {
    let message = answer.body["message"].as_str().unwrap_or_default();
    let words = if message.is_empty() { String::new() } else { format!(" ({message})") };
    let name = name.split('?').next().unwrap_or_default();
    BackendError::Failed(format!("{method} {name}: the API server answered {}{words}", answer.status))
}

/// A query value, escaped.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
