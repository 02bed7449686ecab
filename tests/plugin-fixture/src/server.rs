//! The server: calls over HTTP/2 on a socket, in the clear or with a certificate of its own for each start.

use crate::provider::{Provider, modern};
use crate::wire::{Message, Request};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio_rustls::TlsAcceptor;

/// What a crash ends with.
const CRASHED: i32 = 86;

/// How long a slow call takes.
const SLOWNESS: Duration = Duration::from_secs(4);

type Part = Result<Frame<Bytes>, Infallible>;
type Answered = http::Response<StreamBody<BoxStream<'static, Part>>>;

/// Takes connections for ever.
pub(crate) async fn serve(listener: UnixListener, acceptor: Option<TlsAcceptor>, provider: Arc<Provider>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, provider) = (acceptor.clone(), provider.clone());
        tokio::spawn(async move {
            match acceptor {
                None => speak(stream, provider).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        speak(stream, provider).await;
                    }
                }
            }
        });
    }
}

async fn speak<S>(stream: S, provider: Arc<Provider>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request| {
        let provider = provider.clone();
        async move { Ok::<_, Infallible>(answer(request, &provider).await) }
    });
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: http::Request<Incoming>, provider: &Provider) -> Answered {
    let path = request.uri().path().to_owned();
    let Ok(body) = request.into_body().collect().await else { return status(13, "no request") };
    let body = body.to_bytes();
    let Some(request) = body.get(5..).and_then(Request::read) else { return status(13, "no message") };
    let mut parts = path.trim_start_matches('/').split('/');
    let (service, call) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match service {
        "plugin.GRPCController" => {
            provider.world.log("Shutdown", "-");
            if !provider.faults.has("stays") {
                tokio::spawn(async {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    std::process::exit(0);
                });
            }
            message(Message::new())
        }
        "plugin.GRPCStdio" => printed(provider),
        "tfplugin5.Provider" | "tfplugin6.Provider" if service.contains(&provider.version.to_string()) => {
            called(modern(call), &request, provider).await
        }
        _ => status(12, "unknown service"),
    }
}

async fn called(call: &str, request: &Request, provider: &Provider) -> Answered {
    let about = request.text(1);
    let has = |fault| provider.faults.has_in(fault, call, &about);
    provider.world.log(call, if about.starts_with("fixture_") { &about } else { "-" });
    if has("crash-before") {
        crash(call);
    }
    if has("hang-before") {
        futures::future::pending::<()>().await;
    }
    if has("slow") {
        tokio::time::sleep(SLOWNESS).await;
    }
    let Some(answered) = provider.answer(call, request) else { return status(12, "unknown method") };
    if has("crash-after") {
        crash(call);
    }
    if has("hang") {
        futures::future::pending::<()>().await;
    }
    if has("status") {
        return status(13, "the fixture has an internal error");
    }
    let encoded = answered.encoded();
    if has("half") {
        let mut framed = framed(&encoded);
        framed.truncate(framed.len().div_ceil(2));
        return respond(vec![Frame::data(framed.into())]);
    }
    if has("garbled") {
        return respond(vec![Frame::data(framed(&[0xff; 32]).into()), ended(0, "")]);
    }
    respond(vec![Frame::data(framed(&encoded).into()), ended(0, "")])
}

#[expect(clippy::print_stderr, reason = "a crash says so where crashes do")]
fn crash(call: &str) -> ! {
    eprintln!("panic: the fixture crashes in {call}\n\ngoroutine 1 [running]:");
    std::process::exit(CRASHED);
}

/// What is printed, a line and then nothing for ever, or lines without end.
fn printed(provider: &Provider) -> Answered {
    let line = |text: &str| framed(&Message::new().number(1, 1).text(2, text).encoded());
    let first = futures::stream::iter([Ok(Frame::data(line("printed by the fixture\n").into()))]);
    let rest: BoxStream<'static, Part> = if provider.faults.has("chatter") {
        let line = Bytes::from(line(&"chatter ".repeat(100)));
        futures::stream::repeat_with(move || Ok(Frame::data(line.clone()))).boxed()
    } else {
        futures::stream::pending().boxed()
    };
    response(first.chain(rest).boxed())
}

fn framed(encoded: &[u8]) -> Vec<u8> {
    let length = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
    let mut framed = Vec::with_capacity(encoded.len() + 5);
    framed.push(0);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(encoded);
    framed
}

fn ended(code: u16, text: &str) -> Frame<Bytes> {
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from(code));
    if let Ok(text) = http::HeaderValue::from_str(text) {
        trailers.insert("grpc-message", text);
    }
    Frame::trailers(trailers)
}

fn status(code: u16, text: &str) -> Answered {
    respond(vec![ended(code, text)])
}

fn message(message: Message) -> Answered {
    respond(vec![Frame::data(framed(&message.encoded()).into()), ended(0, "")])
}

fn respond(frames: Vec<Frame<Bytes>>) -> Answered {
    response(futures::stream::iter(frames.into_iter().map(Ok)).boxed())
}

fn response(frames: BoxStream<'static, Part>) -> Answered {
    let mut response = http::Response::new(StreamBody::new(frames));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/grpc"));
    response
}

/// A certificate as Go's automatic form has it, an authority's on P-521, and what takes the client's and no other.
pub(crate) fn secured(
    client: &str,
) -> Result<(TlsAcceptor, CertificateDer<'static>), Box<dyn std::error::Error>> {
    use rustls::pki_types::pem::PemObject as _;
    let client = CertificateDer::from_pem_slice(client.as_bytes())?;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512)?;
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()])?;
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
    let certificate = parameters.self_signed(&key)?.der().clone();
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Only { client, crypto: crypto.clone() };
    let mut config = rustls::ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(
            vec![certificate.clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), certificate))
}

/// Takes the one certificate that the host gave.
#[derive(Debug)]
struct Only {
    client: CertificateDer<'static>,
    crypto: Arc<rustls::crypto::CryptoProvider>,
}

impl ClientCertVerifier for Only {
    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if end_entity.as_ref() == self.client.as_ref() {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(rustls::Error::General("another client".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.crypto.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.crypto.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.crypto.signature_verification_algorithms.supported_schemes()
    }
}
