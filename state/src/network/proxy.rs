//! The proxy that a request goes through, as the usual variables say: `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`.
//!
//! Invariant: what is asked of this machine itself goes through none.

use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tower_service::Service;

/// The names of a variable, the one that counts first.
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const NONE: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Which requests go through which proxy.
#[derive(Clone)]
pub struct Proxies(Arc<Matcher>);

impl Proxies {
    /// As variables say, whatever gives their values.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |names: [&str; 2]| names.into_iter().find_map(&variable).unwrap_or_default();
        let builder = Matcher::builder().http(value(HTTP)).https(value(HTTPS)).no(value(NONE));
        Self(Arc::new(builder.build()))
    }

    /// Every request goes straight to its server.
    pub fn none() -> Self {
        Self::of(|_| None)
    }

    fn before(&self, address: &Uri) -> Option<Intercept> {
        if is_here(address.host()?) { None } else { self.0.intercept(address) }
    }

    /// Who one is to the proxy that is told the whole request; of a tunnel that is said when it is opened.
    pub(super) fn authorization(&self, address: &Uri) -> Option<HeaderValue> {
        let is_told = address.scheme_str() == Some("http");
        self.before(address).filter(|_| is_told)?.basic_auth().cloned()
    }
}

fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

type Stream = TokioIo<TcpStream>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Connects to a server, or to the proxy before it.
#[derive(Clone)]
pub struct Connector {
    direct: HttpConnector,
    proxies: Proxies,
}

impl Connector {
    pub(super) fn new(proxies: &Proxies) -> Self {
        let mut direct = HttpConnector::new();
        // Addresses of https are asked for, too: TLS is spoken over what this opens.
        direct.enforce_http(false);
        Self { direct, proxies: proxies.clone() }
    }
}

impl Service<Uri> for Connector {
    type Response = Way;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Way, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.before(&address) else {
            let connecting = self.direct.call(address);
            return Box::pin(async { Ok(Way { stream: connecting.await?, is_told: false }) });
        };
        if proxy.uri().scheme_str() != Some("http") {
            let scheme = proxy.uri().scheme_str().unwrap_or_default().to_owned();
            return Box::pin(async move {
                Err(format!("a proxy is spoken to over http://, and one of {scheme}:// is set").into())
            });
        }
        if address.scheme_str() == Some("http") {
            let connecting = self.direct.call(proxy.uri().clone());
            return Box::pin(async { Ok(Way { stream: connecting.await?, is_told: true }) });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.direct.clone());
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let connecting = tunnel.call(address);
        Box::pin(async { Ok(Way { stream: connecting.await?, is_told: false }) })
    }
}

/// A connection to a server, straight or through a proxy.
pub struct Way {
    stream: Stream,
    /// Whether a proxy reads the requests, which then name the whole address.
    is_told: bool,
}

impl Connection for Way {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.is_told)
    }
}

impl Read for Way {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Way {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }
}

#[cfg(test)]
mod tests {
    use super::Proxies;
    use crate::network::http::{HttpClient, Question};
    use crate::network::tls::{Trust, client};
    use crate::network::{Network, with_cause};
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::time::Duration;

    /// A proxy that answers whatever it is asked with a refusal; what it was asked comes back, a request an item.
    fn proxy() -> (String, std::sync::mpsc::Receiver<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (send, receive) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                send.send(lines.take_while(|line| !line.is_empty()).collect()).unwrap();
                write!(stream, "HTTP/1.1 403 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            }
        });
        (address, receive)
    }

    /// What the proxy is asked for an address; nothing where the server is asked itself.
    fn asked(variables: &[(&str, &str)], address: &str) -> Option<Vec<String>> {
        let (proxy, receive) = proxy();
        let variable = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| value.replace("PROXY", &proxy))
        };
        let tls = client(Trust::Anything, None, None).unwrap();
        let asking = HttpClient::new(&tls, &Proxies::of(variable), Duration::from_secs(20));
        let question = Question {
            method: "GET".to_owned(),
            address: address.replace("PROXY", &proxy),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let network = Network::new().unwrap();
        let answered = network.wait(async { Ok(asking.ask(&question).await) });
        let answered = answered.map_err(|error| with_cause(&error)).unwrap();
        let request = receive.recv_timeout(Duration::from_secs(5)).unwrap_or_default();
        if address.starts_with("http://") {
            assert_eq!(answered.unwrap().status, 403);
        } else {
            assert!(answered.is_err());
        }
        // Asked for the path alone, it was the server itself.
        Some(request).filter(|request| !request.first().is_some_and(|line| line.starts_with("GET /")))
    }

    #[test]
    fn requests_go_through_the_proxy_that_is_named() {
        let through = [("HTTP_PROXY", "http://ada:secret@PROXY"), ("https_proxy", "ada:secret@PROXY")];
        let authorization = "Basic YWRhOnNlY3JldA==";
        for (address, line) in [
            ("http://state.invalid/a?b=c", "GET http://state.invalid/a?b=c HTTP/1.1"),
            ("https://state.invalid/a", "CONNECT state.invalid:443 HTTP/1.1"),
        ] {
            let request = asked(&through, address).unwrap();
            assert_eq!(request.first().map(String::as_str), Some(line));
            let is_told = |line: &String| {
                line.to_ascii_lowercase().starts_with("proxy-authorization:") && line.ends_with(authorization)
            };
            assert!(request.iter().any(is_told), "{request:?}");
        }
        // The proxy's own address, asked as a server of this machine.
        assert_eq!(asked(&[("HTTP_PROXY", "http://192.0.2.1:9")], "http://PROXY/a"), None);
    }

    #[test]
    fn some_requests_go_through_none() {
        let variables = |name: &str| match name {
            "HTTP_PROXY" | "HTTPS_PROXY" => Some("http://proxy.invalid:3128".to_owned()),
            "NO_PROXY" => Some("state.invalid,192.0.2.0/24".to_owned()),
            _ => None,
        };
        let proxies = Proxies::of(variables);
        for (address, expected) in [
            ("http://other.invalid/", true),
            ("https://other.invalid/", true),
            ("https://192.0.3.1/", true),
            ("https://state.invalid/", false),
            ("https://a.state.invalid:8443/", false),
            ("http://192.0.2.7/", false),
            ("http://localhost:8080/", false),
            ("https://127.0.0.1/", false),
            ("https://[::1]/", false),
        ] {
            let found = proxies.before(&address.parse().unwrap()).is_some();
            assert_eq!(found, expected, "{address}");
            assert!(Proxies::none().before(&address.parse().unwrap()).is_none(), "{address}");
        }
    }
}
