//! One provider's process: started, connected to, spoken with, stopped.
//!
//! Invariants: it runs in a process group of its own and ends when this program does, however that ends; its socket
//! lies in a folder that nobody else may enter; what it prints is always read.

use crate::environment::{self, Environment};
use crate::handshake::{self, Handshake, Listening, Protocol};
use crate::limits::{self, Limits};
use crate::log::{Log, limited_line};
use crate::messages::{Empty, Printed};
use crate::secure::{Identity, NAME};
use crate::worker;
use hyper_util::rt::TokioIo;
use prost::Message;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::BufReader;
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

/// So long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_mins(1);
/// So long a provider may take to end by itself when it is asked to, and again to end when it is no more asked.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// So long a provider may take to say that it will stop soon.
const ASK_LIMIT: Duration = Duration::from_secs(10);
/// So long a broken connection is given to turn out as an ended process.
const END_LIMIT: Duration = Duration::from_millis(500);
/// The greatest answer taken, of schemas and of anything else.
pub(crate) const SCHEMA_LIMIT_BYTES: usize = 64 << 20;
pub(crate) const ANSWER_LIMIT_BYTES: usize = 256 << 20;
/// The longest folder that leaves a socket's name room: an address of a socket holds 108 bytes.
const LONGEST_FOLDER_BYTES: usize = 70;

/// How a provider is come by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Started from this file.
    Executable(PathBuf),
    /// Running already, started by somebody who works on it.
    Attached(Protocol, Listening),
}

/// What is passed in from outside.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    /// What goes before a provider's program so that it ends when this program does; nothing where the system knows
    /// no such thing.
    pub launcher: fn() -> Option<Vec<OsString>>,
    /// The variables of the environment.
    pub variables: fn() -> Vec<(OsString, OsString)>,
    /// The time, in seconds since 1970.
    pub clock: fn() -> i64,
}

impl Surroundings {
    fn is_plain(self) -> bool {
        (self.variables)().iter().any(|(name, value)| name == "TF_DISABLE_PLUGIN_TLS" && !value.is_empty())
    }
}

/// A running provider.
pub(crate) struct Process {
    /// The provider, in messages.
    pub(crate) name: String,
    /// What it speaks.
    pub(crate) protocol: Protocol,
    /// The variables that it was not given because they are other providers'.
    pub(crate) kept_back: Vec<String>,
    channel: Channel,
    log: Arc<Log>,
    /// How it ended, once it has; none for one that somebody else started.
    ended: Option<watch::Receiver<Option<String>>>,
    limits: Limits,
    calls: Mutex<Calls>,
}

/// What goes on in a process.
#[derive(Default)]
struct Calls {
    running: usize,
    /// The call that did not come back: nothing further is begun, and the last one to end ends the process.
    given_up: Option<String>,
    /// Dropped with this, which asks the watch to stop the process.
    stop: Option<oneshot::Sender<()>>,
}

/// One call while it runs.
struct Running<'a>(&'a Process);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Ok(mut calls) = self.0.calls.lock() else { return };
        calls.running -= 1;
        if calls.running == 0 && calls.given_up.is_some() {
            calls.stop = None;
        }
    }
}

/// Why a call gave no answer.
#[derive(Debug, Clone)]
pub(crate) struct CallError {
    /// What is wrong, whole sentences.
    pub(crate) message: String,
    /// Whether the provider may have begun with it.
    pub(crate) was_sent: bool,
    /// Whether the provider does not know the call.
    pub(crate) is_unknown_call: bool,
    /// Where another limit would have helped, the variable that sets it.
    pub(crate) limited_by: Option<&'static str>,
}

impl CallError {
    fn sent(message: String) -> Self {
        Self { message, was_sent: true, is_unknown_call: false, limited_by: None }
    }

    fn unsent(message: String) -> Self {
        Self { message, was_sent: false, is_unknown_call: false, limited_by: None }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self.limited_by {
            Some(variable) => format!(
                "If it only needs longer, {variable} gives it more time (90s, 2h); else tell its authors."
            ),
            None => "This is a fault of the provider: tell its authors, with what it printed.".to_owned(),
        }
    }
}

impl Process {
    /// Starts or attaches. The error is whole sentences.
    pub(crate) async fn start(
        name: &str,
        origin: &Origin,
        surroundings: Surroundings,
    ) -> Result<Self, String> {
        let limits = Limits::of(&(surroundings.variables)())?;
        match origin {
            Origin::Executable(program) => Self::spawn(name, program, surroundings, limits).await,
            Origin::Attached(protocol, listening) => {
                let channel = connect(listening.clone(), None).await?;
                Ok(Self {
                    name: name.to_owned(),
                    protocol: *protocol,
                    kept_back: Vec::new(),
                    channel,
                    log: Arc::default(),
                    ended: None,
                    limits,
                    calls: Mutex::default(),
                })
            }
        }
    }

    async fn spawn(
        name: &str,
        program: &Path,
        surroundings: Surroundings,
        limits: Limits,
    ) -> Result<Self, String> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            format!("The provider {name} at {} {what}: {error}.", program.display())
        };
        let folder = socket_folder().map_err(|error| failed("gets no folder for its socket", &error))?;
        let identity = if surroundings.is_plain() {
            None
        } else {
            Some(Identity::make().map_err(|error| failed("gets no certificate", &error))?)
        };
        let Environment { given, kept_back } = environment::of(name, (surroundings.variables)());
        let mut command = command(program, surroundings, given);
        command.env("PLUGIN_UNIX_SOCKET_DIR", folder.path());
        if let Some(identity) = &identity {
            command.env("PLUGIN_CLIENT_CERT", &identity.pem);
        }
        let mut child = command.spawn().map_err(|error| failed("cannot be started", &error))?;
        let log = Arc::new(Log::default());
        let mut errors = drain_errors(name, &mut child, &log);
        let greeting = greet(name, &mut child, &log, &mut errors, limits.of_start()).await;
        let connected = match greeting {
            Ok(handshake) => secured(identity, handshake).await,
            Err(what) => Err(what),
        };
        let (protocol, channel) = match connected {
            Ok(connected) => connected,
            Err(what) => {
                kill(&mut child).await;
                let tail = log.tail();
                let more = if tail.is_empty() { String::new() } else { format!("\n\nIt printed:\n{tail}") };
                return Err(format!("The provider {name} at {} {what}.{more}", program.display()));
            }
        };
        let (stop, stopped) = oneshot::channel();
        let (tell, ended) = watch::channel(None);
        worker::launch(listen(name.to_owned(), channel.clone(), log.clone()));
        worker::watch(watch_over(child, errors, channel.clone(), stopped, tell, folder));
        let calls = Mutex::new(Calls { stop: Some(stop), ..Calls::default() });
        let name = name.to_owned();
        Ok(Self { name, protocol, kept_back, channel, log, ended: Some(ended), limits, calls })
    }

    /// Calls what changes nothing, by the name that version 6 has for it.
    pub(crate) async fn call<Q, A>(&self, method: &str, request: Q) -> Result<A, CallError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        self.call_within(method, request, self.limits.of_call(method), limits::CALL_VARIABLE).await
    }

    /// Reads; what `timeouts` give may be more than the limit.
    pub(crate) async fn read<Q, A>(
        &self,
        method: &str,
        request: Q,
        given_ms: Option<u64>,
    ) -> Result<A, CallError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let limit = self.limits.of_read(method, given_ms);
        self.call_within(method, request, limit, limits::CALL_VARIABLE).await
    }

    /// Changes something, within what `timeouts` give and a margin, else within the limit of changes.
    pub(crate) async fn change<Q, A>(
        &self,
        method: &str,
        request: Q,
        given_ms: Option<u64>,
    ) -> Result<A, CallError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let limit = self.limits.of_change(given_ms);
        self.call_within(method, request, limit, limits::APPLY_VARIABLE).await
    }

    async fn call_within<Q, A>(
        &self,
        method: &str,
        request: Q,
        limit: Duration,
        variable: &'static str,
    ) -> Result<A, CallError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let _running = self.begin(method)?;
        let bytes = if method == "GetProviderSchema" { SCHEMA_LIMIT_BYTES } else { ANSWER_LIMIT_BYTES };
        let path = self.path(method);
        match tokio::time::timeout(limit, unary(self.channel.clone(), &path, request, bytes)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(status)) => Err(self.failure(method, &status).await),
            Err(_) => Err(self.give_up(method, limit, variable)),
        }
    }

    fn begin(&self, method: &str) -> Result<Running<'_>, CallError> {
        let name = &self.name;
        if let Some(end) = self.ended.as_ref().and_then(|ended| ended.borrow().clone()) {
            let message =
                format!("The process of the provider {name} ended before the call {method}: {end}.");
            return Err(CallError::unsent(message));
        }
        if let Ok(mut calls) = self.calls.lock() {
            if let Some(other) = &calls.given_up {
                let message = format!(
                    "The call {method} was not sent to the provider {name}: an earlier one, {other}, did not come back."
                );
                return Err(CallError::unsent(message));
            }
            calls.running += 1;
        }
        Ok(Running(self))
    }

    /// The process is stopped as soon as nothing else goes on in it: a change that still may come back is worth more
    /// than a process.
    fn give_up(&self, method: &str, limit: Duration, variable: &'static str) -> CallError {
        if let Ok(mut calls) = self.calls.lock() {
            calls.given_up.get_or_insert_with(|| method.to_owned());
        }
        let name = &self.name;
        let seconds = limit.as_secs_f32();
        let end = if self.ended.is_some() { " Its process is stopped." } else { "" };
        let message = format!(
            "The provider {name} did not answer the call {method} within {seconds} seconds.{end}{}",
            self.printed()
        );
        CallError { limited_by: Some(variable), ..CallError::sent(message) }
    }

    /// The end of what it printed, as a paragraph of a message.
    fn printed(&self) -> String {
        let tail = self.log.tail();
        if tail.is_empty() { tail } else { format!("\n\nIt printed:\n{tail}") }
    }

    /// Asks what runs to come to an end soon; whether it does is seen where it runs.
    pub(crate) async fn ask_to_stop(&self) {
        let path = self.path("StopProvider");
        let asked = unary::<_, Empty>(self.channel.clone(), &path, Empty {}, ANSWER_LIMIT_BYTES);
        let _ = tokio::time::timeout(ASK_LIMIT, asked).await;
    }

    fn path(&self, method: &str) -> String {
        match self.protocol {
            Protocol::Six => format!("/tfplugin6.Provider/{method}"),
            Protocol::Five => {
                let method = match method {
                    "GetProviderSchema" => "GetSchema",
                    "ValidateProviderConfig" => "PrepareProviderConfig",
                    "ValidateResourceConfig" => "ValidateResourceTypeConfig",
                    "ValidateDataResourceConfig" => "ValidateDataSourceConfig",
                    "ConfigureProvider" => "Configure",
                    "StopProvider" => "Stop",
                    other => other,
                };
                format!("/tfplugin5.Provider/{method}")
            }
        }
    }

    async fn failure(&self, method: &str, status: &tonic::Status) -> CallError {
        let name = &self.name;
        if status.code() == tonic::Code::Unimplemented {
            let message = format!("The provider {name} does not know the call {method}.");
            return CallError { is_unknown_call: true, ..CallError::unsent(message) };
        }
        let said = status.message();
        CallError::sent(match self.end().await {
            Some(end) => {
                let printed = self.printed();
                format!("The process of the provider {name} ended in the call {method}: {end}.{printed}")
            }
            None => format!("The provider {name} failed in the call {method}: {:?}, {said}.", status.code()),
        })
    }

    async fn end(&self) -> Option<String> {
        let mut ended = self.ended.clone()?;
        let _ = tokio::time::timeout(END_LIMIT, ended.wait_for(Option::is_some)).await;
        ended.borrow().clone()
    }

    /// Whether it answers nothing more.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.borrow().is_some())
            || self.calls.lock().is_ok_and(|calls| calls.given_up.is_some())
    }
}

fn socket_folder() -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("formwork-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o700));
    }
    let usual = std::env::temp_dir();
    if usual.as_os_str().len() <= LONGEST_FOLDER_BYTES {
        builder.tempdir_in(usual)
    } else {
        builder.tempdir_in("/tmp")
    }
}

fn command(program: &Path, surroundings: Surroundings, environment: Vec<(OsString, OsString)>) -> Command {
    let mut words = (surroundings.launcher)().unwrap_or_default().into_iter();
    let mut command = match words.next() {
        Some(first) => {
            let mut command = Command::new(first);
            command.args(words).arg(program);
            command
        }
        None => Command::new(program),
    };
    command
        .env_clear()
        .envs(environment)
        .env(handshake::COOKIE.0, handshake::COOKIE.1)
        .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
        .env("PLUGIN_MIN_PORT", "10000")
        .env("PLUGIN_MAX_PORT", "25000")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// Reads its errors until there are no more.
fn drain_errors(name: &str, child: &mut Child, log: &Arc<Log>) -> JoinHandle<()> {
    let (name, log, errors) = (name.to_owned(), log.clone(), child.stderr.take());
    tokio::spawn(async move {
        if let Some(errors) = errors {
            log.drain(&name, errors).await;
        }
    })
}

/// Waits for the one line; from then on the output is read for ever.
async fn greet(
    name: &str,
    child: &mut Child,
    log: &Arc<Log>,
    errors: &mut JoinHandle<()>,
    limit: Duration,
) -> Result<Handshake, String> {
    let Some(output) = child.stdout.take() else { return Err("has no output".to_owned()) };
    let mut output = BufReader::new(output);
    let line = tokio::time::timeout(limit, limited_line(&mut output)).await;
    let (name, log) = (name.to_owned(), log.clone());
    worker::launch(async move { log.drain(&name, output).await });
    match line {
        Err(_) => Err(format!("did not say within {} seconds where it listens", limit.as_secs_f32())),
        Ok(None) => {
            // What it printed before it ended is the only reason that anybody has.
            let _ = tokio::time::timeout(END_LIMIT, errors).await;
            let status = tokio::time::timeout(END_LIMIT, child.wait()).await;
            let end = status.ok().and_then(Result::ok).map(|status| format!(" ({status})"));
            Err(format!("ended before it said where it listens{}", end.unwrap_or_default()))
        }
        Ok(Some(line)) => handshake::parse(&line),
    }
}

async fn secured(identity: Option<Identity>, handshake: Handshake) -> Result<(Protocol, Channel), String> {
    let config = match (identity, handshake.certificate) {
        (Some(identity), Some(certificate)) => {
            let config =
                identity.client(certificate).map_err(|error| format!("cannot be trusted: {error}"))?;
            Some(Arc::new(config))
        }
        (Some(_), None) => {
            return Err(
                "gave no certificate; with TF_DISABLE_PLUGIN_TLS=1 it is spoken with in the clear".to_owned()
            );
        }
        (None, _) => None,
    };
    Ok((handshake.protocol, connect(handshake.listening, config).await?))
}

/// A connection, made at once and never made again: another process behind the same address is another provider.
async fn connect(listening: Listening, config: Option<Arc<rustls::ClientConfig>>) -> Result<Channel, String> {
    let endpoint = Endpoint::from_static("http://localhost").connect_timeout(CONNECT_LIMIT);
    let connector = tower::service_fn(move |_: http::Uri| {
        let (listening, config) = (listening.clone(), config.clone());
        async move {
            let stream: Box<dyn Stream> = match listening {
                Listening::Unix(path) => Box::new(UnixStream::connect(path).await?),
                Listening::Tcp(address) => Box::new(TcpStream::connect(address).await?),
            };
            let Some(config) = config else { return Ok::<_, std::io::Error>(TokioIo::new(stream)) };
            let name = rustls::pki_types::ServerName::try_from(NAME).map_err(std::io::Error::other)?;
            let secured = tokio_rustls::TlsConnector::from(config).connect(name, stream).await?;
            Ok(TokioIo::new(Box::new(secured) as Box<dyn Stream>))
        }
    });
    endpoint.connect_with_connector(connector).await.map_err(|error| {
        let mut message = format!("cannot be connected to: {error}");
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            message = format!("{message}: {inner}");
            cause = inner.source();
        }
        message
    })
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Stream for T {}

async fn unary<Q, A>(channel: Channel, path: &str, request: Q, limit: usize) -> Result<A, tonic::Status>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let path = path.parse().map_err(|_| tonic::Status::internal("the path of a call is none"))?;
    let mut client = Grpc::new(channel).max_decoding_message_size(limit);
    client.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let answer = client.unary(tonic::Request::new(request), path, ProstCodec::<Q, A>::default()).await?;
    Ok(answer.into_inner())
}

/// What the provider prints once it speaks with us comes this way alone; unread, it would stop the provider.
async fn listen(name: String, channel: Channel, log: Arc<Log>) {
    let mut client = Grpc::new(channel);
    if client.ready().await.is_err() {
        return;
    }
    let path = http::uri::PathAndQuery::from_static("/plugin.GRPCStdio/StreamStdio");
    let codec = ProstCodec::<Empty, Printed>::default();
    // An old provider does not know the call, and prints to its pipes.
    let Ok(answer) = client.server_streaming(tonic::Request::new(Empty {}), path, codec).await else {
        return;
    };
    let mut printed = answer.into_inner();
    while let Ok(Some(part)) = printed.message().await {
        for line in String::from_utf8_lossy(&part.data).lines() {
            log.note(&name, line);
        }
    }
}

async fn watch_over(
    mut child: Child,
    errors: JoinHandle<()>,
    channel: Channel,
    stopped: oneshot::Receiver<()>,
    tell: watch::Sender<Option<String>>,
    folder: tempfile::TempDir,
) {
    let ended = tokio::select! {
        status = child.wait() => Some(status),
        _ = stopped => None,
    };
    if ended.is_some() {
        // What it printed last is there before anybody hears of its end.
        let _ = tokio::time::timeout(END_LIMIT / 2, errors).await;
    }
    let end = match ended {
        Some(Ok(status)) => status.to_string(),
        Some(Err(error)) => error.to_string(),
        None => {
            let shutdown =
                unary::<_, Empty>(channel, "/plugin.GRPCController/Shutdown", Empty {}, ANSWER_LIMIT_BYTES);
            let _ = tokio::time::timeout(STOP_LIMIT, shutdown).await;
            if tokio::time::timeout(STOP_LIMIT, child.wait()).await.is_err() {
                kill(&mut child).await;
            }
            "it was stopped".to_owned()
        }
    };
    let _ = tell.send(Some(end));
    drop(folder);
}

/// Ends a process and all that it started.
async fn kill(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) =
        child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill().await;
}
