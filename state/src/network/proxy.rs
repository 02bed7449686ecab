//! The proxy that a request goes through, as the usual variables say: `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`.
//!
//! Invariant: what is asked of this machine itself goes through none.

use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
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

/// An address with its port, which SOCKS asks for: left out, its client takes that of https for both.
fn with_port(address: &Uri) -> Result<Uri, http::Error> {
    let usual = if address.scheme_str() == Some("http") { 80 } else { 443 };
    let port = address.port_u16().unwrap_or(usual);
    let scheme = address.scheme_str().unwrap_or("https");
    let authority = format!("{}:{port}", address.host().unwrap_or_default());
    Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build()
}

fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Connects to a server, or to the proxy before it.
#[derive(Clone)]
pub struct Connector {
    direct: HttpConnector,
    /// To proxies, which may want TLS themselves.
    to_proxy: HttpsConnector<HttpConnector>,
    proxies: Proxies,
}

impl Connector {
    pub(super) fn new(tls: &ClientConfig, proxies: &Proxies) -> Self {
        let mut direct = HttpConnector::new();
        // Addresses of https are asked for, too: TLS is spoken over what this opens.
        direct.enforce_http(false);
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls.clone());
        let to_proxy = builder.https_or_http().enable_http1().wrap_connector(direct.clone());
        Self { direct, to_proxy, proxies: proxies.clone() }
    }

    /// Through a proxy that passes bytes on and knows nothing of what they are.
    async fn through_socks(self, proxy: Intercept, address: Uri) -> Result<Way, Failure> {
        let mut socks = SocksV5::new(proxy.uri().clone(), self.direct);
        if let Some((user, password)) = proxy.raw_auth() {
            socks = socks.with_auth(user.to_owned(), password.to_owned());
        }
        Ok(Way { stream: MaybeHttpsStream::Http(socks.call(with_port(&address)?).await?), is_told: false })
    }

    async fn through_tunnel(self, proxy: Intercept, address: Uri) -> Result<Way, Failure> {
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy);
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        Ok(Way { stream: tunnel.call(address).await?, is_told: false })
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
        let mut connector = self.clone();
        let Some(proxy) = self.proxies.before(&address) else {
            let connecting = connector.direct.call(address);
            return Box::pin(async {
                Ok(Way { stream: MaybeHttpsStream::Http(connecting.await?), is_told: false })
            });
        };
        match proxy.uri().scheme_str().unwrap_or_default() {
            "http" | "https" if address.scheme_str() == Some("http") => {
                let connecting = connector.to_proxy.call(proxy.uri().clone());
                Box::pin(async { Ok(Way { stream: connecting.await?, is_told: true }) })
            }
            "http" | "https" => Box::pin(connector.through_tunnel(proxy, address)),
            "socks5" | "socks5h" => Box::pin(connector.through_socks(proxy, address)),
            other => {
                let words = format!(
                    "a proxy is spoken to over http://, https:// or socks5://, and one of {other}:// is set"
                );
                Box::pin(async { Err(words.into()) })
            }
        }
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
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use std::io::{BufRead as _, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::Receiver;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// A proxy that answers whatever it is asked with a refusal; what it was asked comes back, a request an item.
    fn proxy(
        mut greet: impl FnMut(TcpStream) -> Box<dyn Wire> + Send + 'static,
    ) -> (String, Receiver<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (send, receive) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(greet(stream.unwrap()));
                let lines = stream.by_ref().lines().map_while(Result::ok);
                send.send(lines.take_while(|line| !line.is_empty()).collect()).unwrap();
                let refusal = "HTTP/1.1 403 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.get_mut().write_all(refusal.as_bytes()).unwrap();
                stream.get_mut().flush().unwrap();
            }
        });
        (address, receive)
    }

    /// What bytes go over.
    trait Wire: Read + Write {}
    impl<T: Read + Write> Wire for T {}

    fn plain(stream: TcpStream) -> Box<dyn Wire> {
        Box::new(stream)
    }

    /// A proxy that is spoken to over TLS.
    fn sealed() -> impl FnMut(TcpStream) -> Box<dyn Wire> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap());
        move |stream| {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            Box::new(rustls::StreamOwned::new(connection, stream))
        }
    }

    /// A SOCKS proxy that is the server itself; it notes the user, the password and the address.
    fn socks(notes: Arc<Mutex<Vec<String>>>) -> impl FnMut(TcpStream) -> Box<dyn Wire> {
        fn take(stream: &mut TcpStream, count: usize) -> Vec<u8> {
            let mut bytes = vec![0; count];
            stream.read_exact(&mut bytes).unwrap();
            bytes
        }
        fn text(stream: &mut TcpStream) -> String {
            let length = usize::from(take(stream, 1)[0]);
            String::from_utf8(take(stream, length)).unwrap()
        }
        move |mut stream| {
            let methods = usize::from(take(&mut stream, 2)[1]);
            take(&mut stream, methods);
            stream.write_all(&[5, 2]).unwrap();
            take(&mut stream, 1);
            let who = [text(&mut stream), text(&mut stream)];
            stream.write_all(&[1, 0]).unwrap();
            assert_eq!(take(&mut stream, 4), [5, 1, 0, 3], "connect to a name");
            let host = text(&mut stream);
            let port = take(&mut stream, 2);
            let port = u16::from_be_bytes([port[0], port[1]]);
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
            notes.lock().unwrap().extend([who.join(":"), format!("{host}:{port}")]);
            Box::new(stream)
        }
    }

    /// What the proxy is asked for an address; nothing where the server is asked itself.
    fn asked(variables: &[(&str, &str)], address: &str) -> Option<Vec<String>> {
        asked_of(proxy(plain), variables, address)
    }

    fn asked_of(
        (proxy, receive): (String, Receiver<Vec<String>>),
        variables: &[(&str, &str)],
        address: &str,
    ) -> Option<Vec<String>> {
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
    fn a_proxy_may_be_spoken_to_over_tls() {
        let through = [("HTTP_PROXY", "https://ada:secret@PROXY"), ("HTTPS_PROXY", "https://PROXY")];
        for (address, line) in [
            ("http://state.invalid/a", "GET http://state.invalid/a HTTP/1.1"),
            ("https://state.invalid/a", "CONNECT state.invalid:443 HTTP/1.1"),
        ] {
            let request = asked_of(proxy(sealed()), &through, address).unwrap();
            assert_eq!(request.first().map(String::as_str), Some(line));
        }
    }

    #[test]
    fn a_proxy_may_speak_socks() {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let through = [("HTTP_PROXY", "socks5://ada:secret@PROXY")];
        // Whoever passes bytes on sees no request; the server that it leads to is asked as always.
        assert_eq!(asked_of(proxy(socks(notes.clone())), &through, "http://state.invalid/a"), None);
        assert_eq!(*notes.lock().unwrap(), ["ada:secret", "state.invalid:80"]);
        let network = Network::new().unwrap();
        let tls = client(Trust::Anything, None, None).unwrap();
        let other = Proxies::of(|name| (name == "HTTP_PROXY").then(|| "socks4://127.0.0.1:1".to_owned()));
        let asking = HttpClient::new(&tls, &other, Duration::from_secs(20));
        let address = "http://state.invalid/".to_owned();
        let question = Question { method: "GET".to_owned(), address, headers: Vec::new(), body: Vec::new() };
        let answered = network.wait(async { Ok(asking.ask(&question).await) });
        let error = answered.map_err(|error| with_cause(&error)).unwrap().unwrap_err();
        assert!(error.contains("one of socks4:// is set"), "{error}");
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
