//! Requests over HTTP, one at a time, with a bounded answer.
//!
//! Invariant: no error holds what was sent, and no redirect is followed: a token goes to the server that was named.

use crate::content::BYTES_MAXIMUM;
use ::http::header::{HeaderValue, RETRY_AFTER};
use ::http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;

/// No server takes longer to answer, or is asked again by whoever waits.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a server said.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after_ms: Option<u64>,
    pub(crate) body: Vec<u8>,
}

/// A client that trusts the system's roots, or the given ones alone.
pub(crate) struct HttpClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl HttpClient {
    /// The error says why the roots, in PEM, are of no use.
    pub(crate) fn new(roots: Option<&[u8]>) -> Result<Self, String> {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let settings = builder.with_root_certificates(trusted(roots)?).with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(settings).https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Asks once; an error says why there is no answer.
    pub(crate) async fn ask(
        &self,
        method: Method,
        address: &str,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let address: Uri = address.parse().map_err(|_| "the address is no URL".to_owned())?;
        let mut request = Request::builder().method(method).uri(address);
        for (name, value) in headers {
            let mut value =
                HeaderValue::from_str(value).map_err(|_| format!("{name} is no text for a header"))?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let answered = async {
            let answer = self.0.request(request).await.map_err(|error| with_causes(&error))?;
            let status = answer.status().as_u16();
            let seconds =
                answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            let body = Limited::new(answer.into_body(), BYTES_MAXIMUM).collect().await;
            let body =
                body.map_err(|error| format!("the answer cannot be read: {error}"))?.to_bytes().to_vec();
            Ok(Answer { status, retry_after_ms: seconds.map(|seconds| seconds.saturating_mul(1000)), body })
        };
        let waited = tokio::time::timeout(TIMEOUT, answered).await;
        waited.unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs())))
    }
}

fn trusted(roots: Option<&[u8]>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let Some(text) = roots else {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(store);
    };
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        store.add(certificate).map_err(|error| error.to_string())?;
    }
    if store.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(store) }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}
