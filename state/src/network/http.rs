//! Requests over HTTP, one at a time, whole in memory.
//!
//! Invariant: an answer is told from no answer. What a request did whose answer was lost is for the caller to find out.

use super::proxy::{Connector, Proxies};
use super::with_cause;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;

/// What a server said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether the server did what it was asked.
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// `GET`, `LOCK`.
    pub method: String,
    /// The whole address.
    pub address: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What sends requests, over TLS and without it.
pub type Sender<B> = Client<HttpsConnector<Connector>, B>;

/// One with settings for TLS, through proxies.
pub fn sender<B>(tls: &ClientConfig, proxies: &Proxies) -> Sender<B>
where
    B: Body + Send,
    B::Data: Send,
{
    let builder = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls.clone());
    let connector = builder.https_or_http().enable_http1().wrap_connector(Connector::new(tls, proxies));
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Asks servers.
pub struct HttpClient {
    client: Sender<Full<Bytes>>,
    proxies: Proxies,
    timeout: Duration,
}

impl HttpClient {
    /// One with settings for TLS, through proxies, that waits so long for an answer.
    pub fn new(tls: &Arc<ClientConfig>, proxies: &Proxies, timeout: Duration) -> Self {
        Self { client: sender(tls, proxies), proxies: proxies.clone(), timeout }
    }

    /// Asks once. The error says why there was no answer, without what was sent.
    pub async fn ask(&self, question: &Question) -> Result<Answer, String> {
        let method = Method::from_bytes(question.method.as_bytes()).map_err(|error| error.to_string())?;
        let uri: Uri = question.address.parse().map_err(|_| "the address is no URL".to_owned())?;
        let authorization = self.proxies.authorization(&uri);
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(authorization) = authorization {
            request = request.header(http::header::PROXY_AUTHORIZATION, authorization);
        }
        for (name, value) in &question.headers {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::from(question.body.clone()));
        let request = request.body(body).map_err(|error| error.to_string())?;
        let answered = async {
            let answer = self.client.request(request).await.map_err(|error| with_cause(&error))?;
            let status = answer.status().as_u16();
            let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let headers = answer.headers().iter();
            let headers = headers.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
            let body = answer.into_body().collect().await.map_err(|error| error.to_string())?;
            Ok(Answer { status, headers, body: body.to_bytes().to_vec() })
        };
        let waited = tokio::time::timeout(self.timeout, answered).await;
        waited.unwrap_or_else(|_| Err(format!("no answer within {} s", self.timeout.as_secs())))
    }
}
