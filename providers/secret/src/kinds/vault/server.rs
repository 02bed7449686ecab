//! A server's interface: what is asked, and what its refusals mean.

use super::{ADDRESS, PATH, TOKEN};
use crate::content::at;
use crate::http::{Answer, HttpClient};
use ::http::Method;
use formwork_sdk::{ErrorKind, ProviderError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

/// What is escaped: every byte but the unreserved ones (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Of a server's words, an error shows so many.
const WORDS: usize = 500;

/// One server in one namespace.
pub(super) struct Server {
    client: HttpClient,
    address: String,
    namespace: Option<String>,
}

/// A path as it stands in an address: each part encoded, none empty.
pub(super) fn segments(path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty());
    let parts = parts.map(|part| utf8_percent_encode(part, RESERVED).to_string());
    parts.collect::<Vec<_>>().join("/")
}

impl Server {
    pub(super) fn new(client: HttpClient, address: &str, namespace: Option<String>) -> Self {
        Self { client, address: address.trim_end_matches('/').to_owned(), namespace }
    }

    pub(super) async fn get(&self, place: &str, token: &str) -> Result<Json, ProviderError> {
        self.ask(Method::GET, place, Some(token), Vec::new()).await
    }

    pub(super) async fn post(
        &self,
        place: &str,
        token: Option<&str>,
        body: &Json,
    ) -> Result<Json, ProviderError> {
        self.ask(Method::POST, place, token, body.to_string().into_bytes()).await
    }

    /// A token of a method; a refusal is that of the block which asks for it.
    pub(super) async fn log_in(
        &self,
        mount: &str,
        body: &Json,
        block: &str,
    ) -> Result<String, ProviderError> {
        let place = format!("auth/{}/login", segments(mount));
        let answer = self.post(&place, None, body).await.map_err(|error| error.at(at(block)))?;
        let token = answer["auth"]["client_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| ProviderError::bug(format!("{place} answered without a token")).at(at(block)))
    }

    async fn ask(
        &self,
        method: Method,
        place: &str,
        token: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Json, ProviderError> {
        let address = format!("{}/v1/{place}", self.address);
        let mut headers = vec![("x-vault-request", "true")];
        headers.extend(token.map(|token| ("x-vault-token", token)));
        headers.extend(self.namespace.as_deref().map(|namespace| ("x-vault-namespace", namespace)));
        let answer = self.client.ask(method, &address, &headers, body).await.map_err(|error| {
            let message = format!("{} gave no answer: {error}", self.address);
            ProviderError::new(ErrorKind::Transient, message).at(at(ADDRESS))
        })?;
        if !(200..300).contains(&answer.status) {
            return Err(self.refusal(place, &answer));
        }
        if answer.body.is_empty() {
            return Ok(Json::Null);
        }
        serde_json::from_slice(&answer.body).map_err(|_| {
            let message = format!("{} answered {place} with what is no JSON", self.address);
            ProviderError::invalid(message).at(at(ADDRESS)).hint("Give the address of the server itself.")
        })
    }

    fn refusal(&self, place: &str, answer: &Answer) -> ProviderError {
        let (kind, attribute, hint) = match answer.status {
            403 => (
                ErrorKind::Denied,
                TOKEN,
                Some("Its policies must allow to read the path, and it must not have expired."),
            ),
            404 => (
                ErrorKind::NotFound,
                PATH,
                Some(
                    "There is no such secret, or that version was deleted. Check mount, path and kv_version.",
                ),
            ),
            429 => (ErrorKind::Throttled, ADDRESS, None),
            300..=399 => (
                ErrorKind::Invalid,
                ADDRESS,
                Some("It refers to another server: give the address of that one."),
            ),
            // A standby, a sealed server, one that has not caught up yet.
            412 | 472 | 473 | 500..=599 => (ErrorKind::Transient, ADDRESS, None),
            _ => (ErrorKind::Invalid, PATH, None),
        };
        let words = words(&answer.body);
        let mut error =
            ProviderError::new(kind, format!("{}: {place}: {} {words}", self.address, answer.status));
        error.retry_after_ms = answer.retry_after_ms;
        let error = error.at(at(attribute));
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// The server's own words; nothing else of what it answered.
fn words(body: &[u8]) -> String {
    let answer: Json = serde_json::from_slice(body).unwrap_or_default();
    let errors = answer["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(answer["warnings"].as_array().into_iter().flatten());
    let words: Vec<&str> = errors.filter_map(Json::as_str).map(str::trim).collect();
    let words = words.join("; ");
    words.chars().take(WORDS).collect()
}
