//! Requests to the endpoint, made again where there is no answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_diagnostic::Diagnostic;
use formwork_state::backend::BackendError;
use formwork_state::network::http::{Answer, HttpClient, Question};
use formwork_state::network::proxy::Proxies;
use formwork_state::network::{Network, pause, tls};
use formwork_state::storage::Settings;
use md5::{Digest as _, Md5};
use std::time::{Duration, Instant};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How to ask.
pub(crate) struct Endpoint {
    network: Network,
    client: HttpClient,
    headers: Vec<(String, String)>,
    retries: u32,
    wait_min: Duration,
    wait_max: Duration,
}

fn invalid(detail: String) -> Diagnostic {
    Diagnostic::error("backend-argument", "Invalid backend argument", detail)
        .hint("See docs/backends.md for what the http backend takes.")
}

impl Endpoint {
    pub(crate) fn read(settings: &Settings) -> Result<Self, Diagnostic> {
        let (certificate, key) =
            (settings.text("client_certificate_pem"), settings.text("client_private_key_pem"));
        let identity = match (&certificate, &key) {
            (Some(certificates), Some(key)) => Some(tls::Identity { certificates, key }),
            (None, None) => None,
            _ => {
                let detail = "client_certificate_pem and client_private_key_pem belong together.";
                return Err(invalid(detail.to_owned()));
            }
        };
        let is_trusting = settings.flag("skip_cert_verification");
        let trust = if is_trusting { tls::Trust::Anything } else { tls::Trust::Whole };
        let roots = settings.text("client_ca_certificate_pem");
        let tls = tls::client(trust, roots.as_deref().map(str::as_bytes), identity.as_ref());
        let tls = tls.map_err(|error| invalid(format!("TLS cannot be set up: {error}.")))?;
        let mut headers: Vec<(String, String)> = settings.map("headers").into_iter().collect();
        if let Some(user) = settings.text("username") {
            let password = settings.text("password").unwrap_or_default();
            let text = STANDARD.encode(format!("{user}:{password}"));
            headers.push(("Authorization".to_owned(), format!("Basic {text}")));
        }
        let seconds = |name: &str| {
            let number = settings.number(name).and_then(|number| u64::try_from(number).ok());
            Duration::from_secs(number.unwrap_or_default())
        };
        let network = Network::new().map_err(|error| invalid(format!("{error}.")))?;
        Ok(Self {
            network,
            client: HttpClient::new(&tls, &Proxies::of(|name| settings.variable(name)), TIMEOUT),
            headers,
            retries: settings.number("retry_max").and_then(|count| u32::try_from(count).ok()).unwrap_or(0),
            wait_min: seconds("retry_wait_min"),
            wait_max: seconds("retry_wait_max"),
        })
    }

    /// Asks until there is an answer that is no fault of the server's.
    pub(crate) fn ask(&self, method: &str, address: &str, body: &[u8]) -> Result<Answer, BackendError> {
        let mut headers = self.headers.clone();
        if !body.is_empty() {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
            headers.push(("Content-MD5".to_owned(), STANDARD.encode(Md5::digest(body))));
        }
        let question =
            Question { method: method.to_owned(), address: address.to_owned(), headers, body: body.to_vec() };
        self.network.wait(async {
            let mut wait = self.wait_min;
            for _ in 0..self.retries {
                match self.client.ask(&question).await {
                    Ok(answer) if answer.status < 500 || answer.status == 501 => return Ok(answer),
                    _ => pause(wait).await,
                }
                wait = (wait * 2).min(self.wait_max);
            }
            self.client
                .ask(&question)
                .await
                .map_err(|error| BackendError::Failed(format!("{method} request without an answer: {error}")))
        })
    }

    /// Lets time pass before a lock that somebody has is asked for again; false where the time is over.
    pub(crate) fn pause_until(&self, deadline: Instant, retry: Duration) -> Result<bool, BackendError> {
        self.network.pause_until(deadline, retry)
    }
}
