//! Asking servers over HTTP: redirects followed, lost connections tried again, everything bounded.
//!
//! Invariant: a token goes to the host it is for and to no other, wherever that one points.

use formwork_state::network::http::{Sender, sender};
use formwork_state::network::proxy::Proxies;
use formwork_state::network::tls::{Trust, client};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use std::io::Write;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How long a server may say nothing.
const SILENCE_S: u64 = 60;
/// Places that may send one on.
const REDIRECTS: usize = 10;
/// Attempts, the first included.
const ATTEMPTS: u32 = 4;
/// What a description may have.
pub(crate) const DOCUMENT_BYTES: u64 = 16 << 20;
/// What an archive may have.
pub(crate) const ARCHIVE_BYTES: u64 = 2 << 30;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WebError {
    /// There is no such thing.
    NotFound,
    /// One must say who one is, or may not; with what the server says of how, where it says so.
    Denied(Option<String>),
    /// Anything else, in words.
    Failed(String),
}

impl std::fmt::Display for WebError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => out.write_str("the server has no such thing (404)"),
            Self::Denied(_) => out.write_str(
                "the server does not allow it (401 or 403); set TF_TOKEN_<host> or write a credentials block",
            ),
            Self::Failed(why) => out.write_str(why),
        }
    }
}

/// What is asked for, and what is said with it to the server of that address alone.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) address: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Question {
    /// A question of somebody, where there is a token for the host of the address.
    pub(crate) fn new(address: &str, token: Option<&str>) -> Self {
        let headers = token.map(|token| ("authorization".to_owned(), format!("Bearer {token}")));
        Self { address: address.to_owned(), headers: headers.into_iter().collect() }
    }
}

/// What is told of a download: bytes so far, and all where that is known.
pub(crate) type Telling<'a> = &'a dyn Fn(u64, Option<u64>);

/// Asks servers, one question at a time.
pub(crate) struct Web {
    runtime: Runtime,
    client: Sender<Empty<Bytes>>,
}

/// A small answer, whole.
pub(crate) struct Document {
    pub(crate) body: Vec<u8>,
    /// Where it came from in the end.
    pub(crate) address: String,
    headers: http::HeaderMap,
}

impl Document {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, WebError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            WebError::Failed(format!("{} answers no JSON as expected: {error}", shown(&self.address)))
        })
    }
}

impl Web {
    pub(crate) fn new(proxies: &Proxies) -> Result<Self, String> {
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let tls = client(Trust::Whole, None, None)?;
        Ok(Self { runtime, client: sender(&tls, proxies) })
    }

    /// A document. The token is for the host of the address.
    pub(crate) fn get(&self, address: &str, token: Option<&str>) -> Result<Document, WebError> {
        self.document(&Question::new(address, token))
    }

    /// A document.
    pub(crate) fn document(&self, question: &Question) -> Result<Document, WebError> {
        let mut body = Vec::new();
        let (address, headers) = self.attempts(question, DOCUMENT_BYTES, &|_, _| {}, &mut body)?;
        Ok(Document { body, address, headers })
    }

    /// Downloads into a file.
    pub(crate) fn download(
        &self,
        question: &Question,
        into: &mut std::fs::File,
        tell: Telling<'_>,
    ) -> Result<(), WebError> {
        self.attempts(question, ARCHIVE_BYTES, tell, into).map(drop)
    }

    fn attempts(
        &self,
        question: &Question,
        limit: u64,
        tell: Telling<'_>,
        into: &mut dyn Sink,
    ) -> Result<(String, http::HeaderMap), WebError> {
        let mut attempt = 1;
        loop {
            into.clear().map_err(|error| WebError::Failed(error.to_string()))?;
            match self.runtime.block_on(self.once(question, limit, tell, into)) {
                Err(Lost::MayComeBack(_)) if attempt < ATTEMPTS => {
                    let pause = Duration::from_millis(200 << attempt);
                    // Made inside: outside there is no clock that would wake it.
                    self.runtime.block_on(async { tokio::time::sleep(pause).await });
                    attempt += 1;
                }
                Err(Lost::MayComeBack(why)) => {
                    return Err(WebError::Failed(format!("{why}, at the last of {ATTEMPTS} attempts")));
                }
                Err(Lost::ForGood(error)) => return Err(error),
                Ok(answered) => return Ok(answered),
            }
        }
    }

    async fn once(
        &self,
        question: &Question,
        limit: u64,
        tell: Telling<'_>,
        into: &mut dyn Sink,
    ) -> Result<(String, http::HeaderMap), Lost> {
        let address = question.address.as_str();
        let failed = |why: String| Lost::ForGood(WebError::Failed(why));
        let first: Uri = address.parse().map_err(|_| failed(format!("\"{}\" is no URL", shown(address))))?;
        let mut uri = first.clone();
        for _ in 0..REDIRECTS {
            let is_first = uri.authority() == first.authority() && uri.scheme() == first.scheme();
            let answer = self.ask(&uri, if is_first { &question.headers } else { &[] }).await?;
            let status = answer.status();
            if status.is_redirection() {
                let next = answer.headers().get("location").and_then(|value| value.to_str().ok());
                let next =
                    next.ok_or_else(|| failed(format!("{} sends on to nowhere", shown(&uri.to_string()))))?;
                uri = resolve(&uri.to_string(), next)
                    .parse()
                    .map_err(|_| failed(format!("{} sends on to no URL", shown(&uri.to_string()))))?;
                continue;
            }
            judge(&answer, &uri)?;
            let headers = answer.headers().clone();
            receive(answer, limit, tell, into, &uri).await?;
            return Ok((uri.to_string(), headers));
        }
        Err(failed(format!("{} sends on more than {REDIRECTS} times", shown(address))))
    }

    async fn ask(&self, uri: &Uri, headers: &[(String, String)]) -> Result<Response<Incoming>, Lost> {
        let place = shown(&uri.to_string());
        let mut request =
            Request::get(uri.clone()).header("user-agent", concat!("formwork/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Empty::new()).map_err(|_| {
            Lost::ForGood(WebError::Failed(format!(
                "{place} cannot be asked: the address or the token has characters that no request may have"
            )))
        })?;
        let silence = Duration::from_secs(SILENCE_S);
        match tokio::time::timeout(silence, self.client.request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                Err(Lost::MayComeBack(format!("{place}: {}", formwork_state::network::with_cause(&error))))
            }
            Err(_) => Err(Lost::MayComeBack(format!("{place}: no answer within {SILENCE_S} s"))),
        }
    }
}

/// Why one attempt gave nothing.
enum Lost {
    MayComeBack(String),
    ForGood(WebError),
}

fn judge(answer: &Response<Incoming>, uri: &Uri) -> Result<(), Lost> {
    let status = answer.status();
    let place = shown(&uri.to_string());
    match status.as_u16() {
        200..300 => Ok(()),
        401 | 403 => {
            let how = answer.headers().get("www-authenticate").and_then(|value| value.to_str().ok());
            Err(Lost::ForGood(WebError::Denied(how.map(ToOwned::to_owned))))
        }
        404 | 410 => Err(Lost::ForGood(WebError::NotFound)),
        429 | 500.. => Err(Lost::MayComeBack(format!("{place} answers {status}"))),
        _ => Err(Lost::ForGood(WebError::Failed(format!("{place} answers {status}")))),
    }
}

async fn receive(
    answer: Response<Incoming>,
    limit: u64,
    tell: Telling<'_>,
    into: &mut dyn Sink,
    uri: &Uri,
) -> Result<(), Lost> {
    let length =
        answer.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let place = shown(&uri.to_string());
    let mut body = answer.into_body();
    let mut received = 0_u64;
    loop {
        let next = tokio::time::timeout(Duration::from_secs(SILENCE_S), body.frame()).await;
        let frame = match next {
            Err(_) => return Err(Lost::MayComeBack(format!("{place}: nothing came for {SILENCE_S} s"))),
            Ok(None) => return Ok(()),
            Ok(Some(Err(error))) => return Err(Lost::MayComeBack(format!("{place}: {error}"))),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(bytes) = frame.into_data() else { continue };
        received += bytes.len() as u64;
        if received > limit {
            return Err(Lost::ForGood(WebError::Failed(format!("{place} sends more than {limit} bytes"))));
        }
        into.write_all(&bytes).map_err(|error| Lost::ForGood(WebError::Failed(error.to_string())))?;
        tell(received, length);
    }
}

/// An address as messages show it: passwords stand before the host, and credentials behind `?`.
pub(crate) fn shown(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let Some((way, rest)) = address.split_once("://") else { return address.to_owned() };
    let (server, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let server = server.rsplit('@').next().unwrap_or_default();
    format!("{way}://{server}{path}")
}

/// What takes an answer, and can begin again.
trait Sink: Write {
    fn clear(&mut self) -> std::io::Result<()>;
}

impl Sink for Vec<u8> {
    fn clear(&mut self) -> std::io::Result<()> {
        Self::clear(self);
        Ok(())
    }
}

impl Sink for std::fs::File {
    fn clear(&mut self) -> std::io::Result<()> {
        use std::io::Seek as _;
        self.set_len(0)?;
        self.rewind()
    }
}

/// An address as it stands in a document that came from another.
pub(crate) fn resolve(base: &str, reference: &str) -> String {
    if reference.contains("://") {
        return reference.to_owned();
    }
    let (scheme, rest) = base.split_once("://").unwrap_or(("https", base));
    if let Some(other) = reference.strip_prefix("//") {
        return format!("{scheme}://{other}");
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if reference.starts_with('/') {
        return format!("{scheme}://{authority}{reference}");
    }
    let mut folders: Vec<&str> = path.split('/').collect();
    folders.pop();
    let mut reference = reference;
    loop {
        if let Some(rest) = reference.strip_prefix("./") {
            reference = rest;
        } else if let Some(rest) = reference.strip_prefix("../") {
            reference = rest;
            folders.pop();
        } else {
            break;
        }
    }
    folders.push(reference);
    format!("{scheme}://{authority}/{}", folders.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{resolve, shown};

    #[test]
    fn no_credential_of_an_address_is_shown() {
        for (address, expected) in [
            ("https://u:hunter2@h.test:8/a/b@c.zip?signature=x#y", "https://h.test:8/a/b@c.zip"),
            ("git::https://hunter2@h.test/a.git", "git::https://h.test/a.git"),
            ("https://h.test?x", "https://h.test"),
            ("reg.test/a/b/c", "reg.test/a/b/c"),
        ] {
            assert_eq!(shown(address), expected);
        }
    }

    #[test]
    fn references_are_resolved() {
        for (base, reference, expected) in [
            ("https://a.test/v1/x/", "b.zip", "https://a.test/v1/x/b.zip"),
            ("https://a.test/v1/x/1.json", "b.zip?c=1", "https://a.test/v1/x/b.zip?c=1"),
            ("https://a.test/v1/x/y", "../b", "https://a.test/v1/b"),
            ("https://a.test/v1", "./b", "https://a.test/b"),
            ("https://a.test:8/v1?q=/z/", "/b", "https://a.test:8/b"),
            ("http://a.test/", "//b.test/c", "http://b.test/c"),
            ("http://a.test/", "https://c.test/", "https://c.test/"),
            ("https://a.test", "v1/", "https://a.test/v1/"),
        ] {
            assert_eq!(resolve(base, reference), expected);
        }
    }
}
