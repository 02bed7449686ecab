//! One HTTP exchange with the API server: JSON in, JSON or a [`Refusal`] out.
//!
//! Invariant: one call is one request; nothing here retries, waits or remembers. A refusal says whether the request
//! can have reached the server, since only that decides what an apply may do next.

use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{Method, Request};
use kube::Client;
use kube::client::AuthError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use std::cell::RefCell;

/// What is escaped: every byte but the unreserved ones (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// A page of a list holds so many objects at most.
pub(crate) const PAGE_SIZE: usize = 500;

/// Talks to one API server.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
}

/// Why a request has no good answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// The HTTP status; nothing when no answer came.
    pub(crate) status: Option<u16>,
    /// The `reason` of the Status object: `AlreadyExists`.
    pub(crate) reason: String,
    /// In the server's words.
    pub(crate) message: String,
    /// `details.causes`: reason, message, field.
    pub(crate) causes: Vec<Cause>,
    /// When the server said to come back.
    pub(crate) retry_after_ms: Option<u64>,
    /// Whether the request can have reached the server.
    pub(crate) may_have_arrived: bool,
}

/// One cause of a refusal.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Cause {
    /// `FieldManagerConflict`, `FieldValueInvalid`.
    pub(crate) reason: String,
    /// `conflict with "kubectl" using apps/v1`.
    pub(crate) message: String,
    /// `.spec.replicas`.
    pub(crate) field: String,
}

/// What a server-side apply says besides the object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApplyOptions<'a> {
    pub(crate) manager: &'a str,
    pub(crate) force: bool,
    pub(crate) dry_run: bool,
}

impl Api {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Json, Refusal> {
        self.exchange(Method::GET, path, None).await
    }

    /// A request that makes no object: a review, a token.
    pub(crate) async fn post(&self, path: &str, body: &Json) -> Result<Json, Refusal> {
        self.exchange(Method::POST, path, Some(("application/json", body))).await
    }

    /// One page; `continue_token` from the page before.
    pub(crate) async fn list_page(
        &self,
        path: &str,
        label_selector: Option<&str>,
        continue_token: Option<&str>,
    ) -> Result<Json, Refusal> {
        let mut query = format!("{path}?limit={PAGE_SIZE}");
        if let Some(selector) = label_selector {
            query.push_str("&labelSelector=");
            query.push_str(&percent_encoded(selector));
        }
        if let Some(token) = continue_token {
            query.push_str("&continue=");
            query.push_str(&percent_encoded(token));
        }
        self.exchange(Method::GET, &query, None).await
    }

    /// Creates by POST. The fields then belong to the manager's `Update` entry.
    pub(crate) async fn create(
        &self,
        path: &str,
        body: &Json,
        options: ApplyOptions<'_>,
    ) -> Result<Json, Refusal> {
        let query = format!("{path}?{}", options.query(false));
        self.exchange(Method::POST, &query, Some(("application/json", body))).await
    }

    /// Server-side apply.
    pub(crate) async fn apply(
        &self,
        path: &str,
        body: &Json,
        options: ApplyOptions<'_>,
    ) -> Result<Json, Refusal> {
        let query = format!("{path}?{}", options.query(true));
        self.exchange(Method::PATCH, &query, Some(("application/apply-patch+yaml", body))).await
    }

    /// JSON merge patch.
    pub(crate) async fn merge(&self, path: &str, body: &Json, manager: &str) -> Result<Json, Refusal> {
        let query = format!("{path}?fieldManager={}", percent_encoded(manager));
        self.exchange(Method::PATCH, &query, Some(("application/merge-patch+json", body))).await
    }

    /// Deletes in the background, only the object with this UID where one is given.
    pub(crate) async fn delete(&self, path: &str, uid: Option<&str>) -> Result<Json, Refusal> {
        let mut body = serde_json::json!({
            "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background",
        });
        if let Some(uid) = uid {
            body["preconditions"] = serde_json::json!({ "uid": uid });
        }
        self.exchange(Method::DELETE, path, Some(("application/json", &body))).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, &Json)>,
    ) -> Result<Json, Refusal> {
        let mut request =
            Request::builder().method(method.clone()).uri(path).header(ACCEPT, "application/json");
        let mut bytes = Vec::new();
        if let Some((content_type, body)) = body {
            request = request.header(CONTENT_TYPE, content_type);
            bytes = serde_json::to_vec(body).map_err(|error| Refusal::unsent(error.to_string()))?;
        }
        let request = request
            .body(kube::client::Body::from(bytes))
            .map_err(|error| Refusal::unsent(error.to_string()))?;
        let response = self.client.send(request).await.map_err(|error| Refusal::of_transport(&error))?;
        let (parts, body) = response.into_parts();
        if method != Method::GET && !path.contains("dryRun=") {
            note_write(&parts.headers);
        }
        let bytes = body.collect_bytes().await.map_err(|error| Refusal::lost(error_chain(&error)))?;
        tracing::debug!(%method, path = path.split('?').next(), status = parts.status.as_u16(), "kubernetes request");
        if parts.status.is_success() {
            return serde_json::from_slice(&bytes)
                .map_err(|error| Refusal::lost(format!("the answer is not JSON: {error}")));
        }
        Err(Refusal::of_answer(parts.status.as_u16(), &parts.headers, &bytes))
    }
}

/// The server's audit log knows a request by this.
const AUDIT_ID: &str = "audit-id";

tokio::task_local! {
    /// What the server calls the requests that change something.
    static WRITES: RefCell<Vec<String>>;
}

fn note_write(headers: &HeaderMap) {
    let id = headers.get(AUDIT_ID).and_then(|id| id.to_str().ok());
    // Outside of an act nobody listens.
    let _ = id.map(|id| WRITES.try_with(|writes| writes.borrow_mut().push(id.to_owned())));
}

/// Lets an act go on; its answer, and what the server calls the requests that it sent to change something.
pub(crate) async fn tracing_writes<T>(act: impl Future<Output = T>) -> (T, Vec<String>) {
    WRITES.scope(RefCell::default(), async { (act.await, WRITES.with(RefCell::take)) }).await
}

impl ApplyOptions<'_> {
    fn query(&self, with_force: bool) -> String {
        let mut query = format!("fieldManager={}&fieldValidation=Strict", percent_encoded(self.manager));
        if with_force {
            query.push_str(if self.force { "&force=true" } else { "&force=false" });
        }
        if self.dry_run {
            query.push_str("&dryRun=All");
        }
        query
    }
}

impl Refusal {
    fn unsent(message: String) -> Self {
        Self {
            status: None,
            reason: String::new(),
            message,
            causes: Vec::new(),
            retry_after_ms: None,
            may_have_arrived: false,
        }
    }

    fn lost(message: String) -> Self {
        Self { may_have_arrived: true, ..Self::unsent(message) }
    }

    fn of_transport(error: &kube::Error) -> Self {
        let message = error_chain(error);
        if is_before_sending(error) { Self::unsent(message) } else { Self::lost(message) }
    }

    /// From an answer that is no success; the body is a Status object, or whatever a proxy in between wrote.
    pub(crate) fn of_answer(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let parsed: Json = serde_json::from_slice(body).unwrap_or(Json::Null);
        let text = |at: &Json, name: &str| at[name].as_str().unwrap_or_default().to_owned();
        let causes = parsed["details"]["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let message = match text(&parsed, "message") {
            empty if empty.is_empty() => {
                let shown: String = String::from_utf8_lossy(body).chars().take(300).collect();
                format!("the server answered with HTTP status {status} {}", shown.trim())
                    .trim_end()
                    .to_owned()
            }
            message => message,
        };
        let in_header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let in_body = parsed["details"]["retryAfterSeconds"].as_u64();
        Self {
            status: Some(status),
            reason: text(&parsed, "reason"),
            message,
            causes: causes
                .iter()
                .map(|cause| Cause {
                    reason: text(cause, "reason"),
                    message: text(cause, "message"),
                    field: text(cause, "field"),
                })
                .collect(),
            retry_after_ms: in_header.or(in_body).map(|seconds| seconds.saturating_mul(1000)),
            may_have_arrived: true,
        }
    }

    pub(crate) fn is_status(&self, status: u16) -> bool {
        self.status == Some(status)
    }

    /// Whether the manifest has a field that the kind lacks. Server-side apply says so with status 500.
    pub(crate) fn is_schema_error(&self) -> bool {
        self.message.contains("failed to create typed patch object")
            || self.message.contains("field not declared in schema")
    }

    /// Whether the server's access rules refuse the verb, as opposed to quota or admission.
    pub(crate) fn is_access_denied(&self) -> bool {
        self.is_status(401)
            || self.is_status(403) && self.message.contains("cannot ") && self.message.contains(" resource ")
    }
}

/// Whether an error came before the request left: no connection, no credentials, no TLS.
fn is_before_sending(error: &kube::Error) -> bool {
    if matches!(error, kube::Error::Auth(_) | kube::Error::TlsRequired | kube::Error::HttpError(_)) {
        return true;
    }
    let text = error_chain(error);
    [
        "client error (Connect)",
        "tcp connect error",
        "Connection refused",
        "dns error",
        "invalid peer certificate",
    ]
    .iter()
    .any(|part| text.contains(part))
}

/// An error with its causes, none said twice.
pub(crate) fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = || std::iter::successors(Some(error), |error| error.source());
    if let Some(words) = causes().find_map(|one| of_program(one.downcast_ref()?)) {
        return words;
    }
    let whole = error.to_string();
    // How the client names its layers tells a user nothing.
    let mut text = whole.strip_prefix("ServiceError: ").unwrap_or(&whole).to_owned();
    for more in causes().skip(1).map(ToString::to_string) {
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
    }
    text
}

/// What became of a program that gives credentials, less what it was given and what it answered: both may hold some.
fn of_program(error: &AuthError) -> Option<String> {
    let what = match error {
        AuthError::AuthExecRun { out, .. } => {
            let said: String = String::from_utf8_lossy(&out.stderr).trim().chars().take(300).collect();
            format!("fails ({}) {said}", out.status)
        }
        AuthError::AuthExecStart(error) => format!("does not start: {error}"),
        AuthError::AuthExecParse(_) => "answers no ExecCredential".to_owned(),
        _ => return None,
    };
    Some(format!("the program that gives credentials {}", what.trim_end()))
}

/// A query value, escaped.
fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    fn api(address: &str) -> Api {
        crate::connect::install_crypto();
        let mut config = kube::Config::new(format!("http://{address}").parse().unwrap());
        config.default_retry = false;
        Api::new(Client::try_from(config).unwrap())
    }

    /// A server that reads each request and answers with the text; it counts the requests.
    async fn server(answer: &'static str) -> (String, tokio::task::JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serve = async move {
            let mut count = 0;
            // A second request would follow the first within this time.
            while let Ok(Ok((mut stream, _))) =
                tokio::time::timeout(std::time::Duration::from_millis(500), listener.accept()).await
            {
                count += 1;
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
            count
        };
        (address, tokio::spawn(serve))
    }

    #[tokio::test]
    async fn a_refusal_knows_whether_it_arrived_and_nothing_is_sent_twice() {
        let table = [
            ("", None, true, None),
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nnope!", None, true, None),
            ("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}", None, true, None),
            (
                "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
                Some(429),
                true,
                Some(3000),
            ),
            (
                "HTTP/1.1 503 Unavailable\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
                Some(503),
                true,
                None,
            ),
        ];
        for (answer, status, may_have_arrived, retry_after_ms) in table {
            let (address, served) = server(answer).await;
            let options = ApplyOptions { manager: "formwork", force: false, dry_run: false };
            let refusal = api(&address)
                .apply("/api/v1/namespaces/a", &serde_json::json!({}), options)
                .await
                .unwrap_err();
            let found = (refusal.status, refusal.may_have_arrived, refusal.retry_after_ms);
            assert_eq!(found, (status, may_have_arrived, retry_after_ms), "{answer:?}: {}", refusal.message);
            assert_eq!(served.await.unwrap(), 1, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_nothing_arrived() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let refusal = api(&address).get("/version").await.unwrap_err();
        assert!(!refusal.may_have_arrived && refusal.status.is_none(), "{refusal:?}");
    }

    #[test]
    fn neither_what_a_program_is_given_nor_what_it_answers_is_shown() {
        let out = std::process::Output {
            status: std::os::unix::process::ExitStatusExt::from_raw(256),
            stdout: b"{\"token\":\"hunter2\"}".to_vec(),
            stderr: b"the session is over\n".to_vec(),
        };
        let error = AuthError::AuthExecRun { cmd: "TOKEN=\"hunter2\" login".to_owned(), out: Box::new(out) };
        let text = error_chain(&kube::Error::Auth(error));
        assert_eq!(text, "the program that gives credentials fails (exit status: 1) the session is over");
    }

    #[test]
    fn queries_are_escaped() {
        assert_eq!(percent_encoded("a=b/c d"), "a%3Db%2Fc%20d");
        let options = ApplyOptions { manager: "team b", force: true, dry_run: true };
        assert_eq!(options.query(true), "fieldManager=team%20b&fieldValidation=Strict&force=true&dryRun=All");
    }

    #[test]
    fn access_rules_are_told_from_quotas() {
        let table = [
            (
                403,
                "configmaps is forbidden: User \"x\" cannot patch resource \"configmaps\" in API group",
                true,
            ),
            (401, "Unauthorized", true),
            (403, "pods \"a\" is forbidden: exceeded quota: gpu", false),
            (403, "pods \"a\" is forbidden: violates PodSecurity \"restricted\"", false),
        ];
        for (status, message, expected) in table {
            let body = serde_json::json!({ "message": message }).to_string();
            let refusal = Refusal::of_answer(status, &HeaderMap::new(), body.as_bytes());
            assert_eq!(refusal.is_access_denied(), expected, "{message}");
        }
    }
}
