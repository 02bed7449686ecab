//! Reaching the database: its address, and TLS as its `sslmode` asks.

use formwork_diagnostic::Diagnostic;
use formwork_state::backend::BackendError;
use formwork_state::network::tls::{self, Identity, Trust};
use formwork_state::storage::Settings;
use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long a database may take to answer a first request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// What stands for the system's own roots where a file could be named.
const SYSTEM_ROOTS: &str = "system";

/// Where the database is and how it is reached.
pub(crate) struct Connecting {
    /// Host and database, for people; no secret is in it.
    pub(crate) name: String,
    config: Config,
    tls: Option<Arc<ClientConfig>>,
}

fn invalid(detail: String) -> Diagnostic {
    Diagnostic::error("backend-argument", "Invalid connection string", detail)
        .attribute("conn_str")
        .hint("Write a URL: postgres://user@host:5432/database?sslmode=verify-full.")
}

impl Connecting {
    pub(crate) fn read(settings: &Settings) -> Result<Self, Diagnostic> {
        let (text, options) = without_tls_options(&settings.text("conn_str").unwrap_or_default());
        // What is wrong is told without the text: there may be a password in it.
        let mut config = Config::from_str(&text).map_err(|error| invalid(reason(&error)))?;
        fill(&mut config, settings)?;
        let option = |name: &str, variable: &str| {
            let written = options.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
            written.or_else(|| settings.variable(variable))
        };
        let roots = option("sslrootcert", "PGSSLROOTCERT").filter(|path| path != SYSTEM_ROOTS);
        let is_rooted = option("sslrootcert", "PGSSLROOTCERT").is_some();
        let mode = option("sslmode", "PGSSLMODE").unwrap_or_else(|| "require".to_owned());
        let trust = match mode.as_str() {
            "disable" => None,
            // As libpq: with a root to hold it against, the certificate is looked at.
            "require" if !is_rooted => Some(Trust::Anything),
            "allow" | "prefer" => Some(Trust::Anything),
            "require" | "verify-ca" => Some(Trust::Chain),
            "verify-full" => Some(Trust::Whole),
            other => return Err(invalid(format!("There is no sslmode {other:?}."))),
        };
        config.ssl_mode(match mode.as_str() {
            "disable" => SslMode::Disable,
            "allow" | "prefer" => SslMode::Prefer,
            _ => SslMode::Require,
        });
        config.connect_timeout(CONNECT_TIMEOUT).application_name("formwork");
        let files = TlsFiles {
            roots,
            certificate: option("sslcert", "PGSSLCERT"),
            key: option("sslkey", "PGSSLKEY"),
        };
        let tls = trust.map(|trust| files.client(trust)).transpose()?;
        Ok(Self { name: name(&config), tls, config })
    }

    pub(crate) async fn connect(&self) -> Result<Client, BackendError> {
        let failed = |error| crate::schema::failed(&error);
        match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(failed)?;
                tokio::spawn(connection);
                Ok(client)
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(Tls(tls.clone())).await.map_err(failed)?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }
}

fn reason(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    format!("{}.", cause.unwrap_or_else(|| error.to_string()))
}

/// What a connection string says of TLS, which the client knows other words for, apart from the rest.
fn without_tls_options(text: &str) -> (String, Vec<(String, String)>) {
    let is_ours = |name: &str| matches!(name, "sslmode" | "sslrootcert" | "sslcert" | "sslkey");
    let is_url = text.contains("://");
    let mut found = Vec::new();
    let mut keep = |part: &str| match part.split_once('=') {
        Some((name, value)) if is_ours(name.trim()) => {
            let plain = || value.trim_matches('\'').to_owned();
            let decoded = || percent_decode_str(value).decode_utf8_lossy().into_owned();
            found.push((name.trim().to_owned(), if is_url { decoded() } else { plain() }));
            false
        }
        _ => true,
    };
    let rest = if let Some((address, query)) = text.split_once('?').filter(|_| is_url) {
        let kept: Vec<&str> = query.split('&').filter(|part| keep(part)).collect();
        if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) }
    } else if is_url {
        text.to_owned()
    } else {
        text.split_whitespace().filter(|part| keep(part)).collect::<Vec<_>>().join(" ")
    };
    (rest, found)
}

/// What the string leaves out comes from the environment, as for every client of PostgreSQL.
fn fill(config: &mut Config, settings: &Settings) -> Result<(), Diagnostic> {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host(settings.variable("PGHOST").unwrap_or_else(|| "localhost".to_owned()));
    }
    if config.get_ports().is_empty()
        && let Some(port) = settings.variable("PGPORT")
    {
        config.port(port.parse().map_err(|_| invalid(format!("PGPORT is no port: {port:?}.")))?);
    }
    if config.get_user().is_none() {
        let user = ["PGUSER", "USER"].iter().find_map(|name| settings.variable(name));
        config.user(user.unwrap_or_else(|| "postgres".to_owned()));
    }
    if config.get_password().is_none()
        && let Some(password) = settings.variable("PGPASSWORD")
    {
        config.password(password);
    }
    if config.get_dbname().is_none()
        && let Some(name) = settings.variable("PGDATABASE")
    {
        config.dbname(name);
    }
    Ok(())
}

fn name(config: &Config) -> String {
    let host = config.get_hosts().first().map_or_else(String::new, |host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let port = config.get_ports().first().map_or_else(String::new, |port| format!(":{port}"));
    let database = config.get_dbname().or_else(|| config.get_user()).unwrap_or_default();
    format!("postgres://{host}{port}/{database}")
}

/// The files that TLS is made of.
struct TlsFiles {
    roots: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl TlsFiles {
    fn client(&self, trust: Trust) -> Result<Arc<ClientConfig>, Diagnostic> {
        let read = |option: &str, path: &Option<String>| {
            let text = path.as_ref().map(std::fs::read_to_string).transpose();
            text.map_err(|error| {
                invalid(format!("{option}, {:?}: {error}.", path.as_deref().unwrap_or_default()))
            })
        };
        let roots = read("sslrootcert", &self.roots)?;
        let certificates = read("sslcert", &self.certificate)?;
        let key = read("sslkey", &self.key)?;
        let identity = match (&certificates, &key) {
            (Some(certificates), Some(key)) => Some(Identity { certificates, key }),
            (None, None) => None,
            _ => {
                return Err(invalid("sslcert and sslkey belong together: give both, or neither.".to_owned()));
            }
        };
        tls::client(trust, roots.as_deref().map(str::as_bytes), identity.as_ref()).map_err(|error| {
            invalid(format!("TLS cannot be set up with sslrootcert, sslcert and sslkey: {error}."))
        })
    }
}

/// TLS for the client, made of what is in the tree already.
#[derive(Clone)]
struct Tls(Arc<ClientConfig>);

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type TlsConnect = Handshake;
    type Error = std::io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Handshake, std::io::Error> {
        let name = ServerName::try_from(domain.to_owned()).map_err(std::io::Error::other)?;
        Ok(Handshake { connector: TlsConnector::from(self.0.clone()), name })
    }
}

struct Handshake {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl<S> TlsConnect<S> for Handshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Stream<S>, std::io::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.name, stream).await.map(Stream) })
    }
}

struct Stream<S>(TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

#[cfg(test)]
mod tests {
    use super::without_tls_options;

    #[test]
    fn what_is_said_of_tls_is_taken_out() {
        for (text, rest, options) in [
            ("postgres://a@b/c", "postgres://a@b/c", vec![]),
            ("postgres://a@b/c?sslmode=disable", "postgres://a@b/c", vec![("sslmode", "disable")]),
            (
                "postgres://a@b/c?connect_timeout=3&sslrootcert=/r.pem&sslmode=verify-full",
                "postgres://a@b/c?connect_timeout=3",
                vec![("sslrootcert", "/r.pem"), ("sslmode", "verify-full")],
            ),
            (
                "postgres://a@b/c?sslcert=%2Fmy%20own.pem",
                "postgres://a@b/c",
                vec![("sslcert", "/my own.pem")],
            ),
            ("host=b sslkey='/k.pem'", "host=b", vec![("sslkey", "/k.pem")]),
            ("host=b sslmode=disable user=a", "host=b user=a", vec![("sslmode", "disable")]),
            ("", "", vec![]),
        ] {
            let (found, taken) = without_tls_options(text);
            assert_eq!(found, rest);
            let taken: Vec<(&str, &str)> =
                taken.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(taken, options, "{text}");
        }
    }
}
