//! A connection by SSH.
//!
//! Invariant: nothing is sent to a host, no name and no signature, before its key was found among those that are
//! right for it. libssh2 blocks, so each of its calls runs on a thread of the runtime's that may.

mod bastion;

use crate::link::{Output, Trouble};
use crate::place::{Place, key_of};
use crate::settings::{Credentials, FirstKeys, Settings};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ssh2::{CheckResult, KnownHostFileKind, MethodType, Session};
use std::io::{ErrorKind, Read, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// After so much silence the host is asked whether it still is there.
const SILENCE: Duration = Duration::from_secs(15);
/// So many questions that could not be asked, and it is not.
const SILENCES: u32 = 2;
/// What was sent and is not taken for so long was sent to a host that is gone: the system ends the connection then, and
/// by itself only after a quarter of an hour. The library sends its questions and never waits for an answer.
const UNANSWERED: Duration = Duration::from_secs(45);
/// All kinds of host keys, the better first.
const KEY_KINDS: [&str; 4] =
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];
const RSA: &str = "rsa-sha2-512,rsa-sha2-256";

const KEY_HINT: &str = "If the host was set up anew, take its old key out of known_hosts_file or host_key; if not, somebody may stand between.";
const UNKNOWN_HINT: &str =
    "Compare it with what the host says on its console, then give it as host_key or in known_hosts_file.";
const ACCOUNT_HINT: &str = "Look at the user, and at the key, agent or password in the provider's block.";

/// An open connection to one host.
pub(crate) struct Ssh {
    session: Session,
    is_broken: bool,
}

impl Ssh {
    /// Connects; also gives the key that the host showed, where it was believed for no other reason.
    pub(crate) async fn open(
        place: &Place,
        settings: &Settings,
        believed: &[String],
    ) -> Result<(Self, Option<String>), Trouble> {
        let (place, settings, believed) = (place.clone(), settings.clone(), believed.to_vec());
        let open = move || open(&place, &settings, &believed);
        tokio::task::spawn_blocking(open)
            .await
            .unwrap_or_else(|error| Err(Trouble::Unreachable(error.to_string())))
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&mut self, command: &str, input: &str) -> Result<Output, Trouble> {
        let (session, command, input) = (self.session.clone(), command.to_owned(), input.as_bytes().to_vec());
        let run = move || run(&session, &command, &input);
        let output = tokio::task::spawn_blocking(run)
            .await
            .unwrap_or_else(|error| Err(Trouble::Lost(error.to_string())));
        self.is_broken |= matches!(output, Err(Trouble::Lost(_)));
        output
    }

    /// Runs a command to its end and gives what it says, line by line; its exit code.
    pub(crate) async fn follow(
        &mut self,
        command: &str,
        input: Vec<u8>,
        lines: impl Fn(String) + Send + 'static,
    ) -> Result<i32, Trouble> {
        let (session, command) = (self.session.clone(), command.to_owned());
        let follow = move || follow(&session, &command, &input, &lines);
        let ended = tokio::task::spawn_blocking(follow).await;
        ended.unwrap_or_else(|error| Err(Trouble::Lost(error.to_string())))
    }

    /// Whether it carries nothing any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }
}

fn open(place: &Place, settings: &Settings, believed: &[String]) -> Result<(Ssh, Option<String>), Trouble> {
    let timeout = settings.connect_timeout;
    let (session, shown) = match &place.bastion {
        None => {
            let stream = connect(place, timeout).map_err(|error| Trouble::Unreachable(error.to_string()))?;
            session(stream, place, settings, believed)?
        }
        Some(bastion) => session(bastion::through(bastion, place, settings)?, place, settings, believed)?,
    };
    Ok((Ssh { session, is_broken: false }, shown))
}

/// A session with a host that is who it should be, as an account that it lets in; also the key that it showed, where it
/// was believed for no other reason.
fn session(
    stream: impl AsRawFd + 'static,
    place: &Place,
    settings: &Settings,
    believed: &[String],
) -> Result<(Session, Option<String>), Trouble> {
    let failed = |error: ssh2::Error| Trouble::Unreachable(error.to_string());
    let mut session = Session::new().map_err(failed)?;
    session.set_timeout(milliseconds(settings.connect_timeout));
    session.set_tcp_stream(stream);
    let right = right_keys(&session, place, settings, believed)?;
    session.method_pref(MethodType::HostKey, &preference(&right)).map_err(failed)?;
    session.handshake().map_err(failed)?;
    let shown = shown_key(&session).ok_or_else(|| Trouble::Unreachable("it showed no key".to_owned()))?;
    let is_new = check_key(&shown, &right, settings.first_keys != FirstKeys::Refused)?;
    authenticate(&session, &place.user, &settings.credentials)?;
    session.set_timeout(milliseconds(SILENCE));
    session.set_keepalive(true, 1);
    Ok((session, is_new.then_some(shown)))
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn connect(place: &Place, timeout: Duration) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in (place.address.as_str(), place.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                limit_silence(&stream)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(target_os = "linux")]
fn limit_silence(stream: &TcpStream) -> std::io::Result<()> {
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, milliseconds(UNANSWERED))?)
}

#[cfg(not(target_os = "linux"))]
fn limit_silence(_: &TcpStream) -> std::io::Result<()> {
    Ok(())
}

/// The keys that a host may show: the one that is pinned, else those of the file, else those of the state.
fn right_keys(
    session: &Session,
    place: &Place,
    settings: &Settings,
    believed: &[String],
) -> Result<Vec<String>, Trouble> {
    if let Some(key) = &place.host_key {
        return Ok(vec![key.clone()]);
    }
    let own = || std::env::home_dir().map(|home| home.join(".ssh/known_hosts"));
    let is_asked = settings.known_hosts.is_some();
    let Some(path) = settings.known_hosts.clone().or_else(own) else { return Ok(believed.to_vec()) };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) if !is_asked => String::new(),
        Err(error) => {
            let why = format!("the file of host keys {} cannot be read: {error}", path.display());
            return Err(Trouble::Denied { why, hint: "Correct known_hosts_file." });
        }
    };
    let known = known_keys(session, place, &text);
    Ok(if known.is_empty() { believed.to_vec() } else { known })
}

/// The keys of a host in a file of OpenSSH's form. The library knows which lines stand for the host, also where names
/// are digests; so each line is asked whether its own key is the host's.
fn known_keys(session: &Session, place: &Place, text: &str) -> Vec<String> {
    let of_line = |line: &str| {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '@']) {
            return None;
        }
        let key = key_of(line.split_once(char::is_whitespace)?.1)?;
        let bytes = STANDARD.decode(key.split_once(' ')?.1).ok()?;
        let mut hosts = session.known_hosts().ok()?;
        hosts.read_str(line, KnownHostFileKind::OpenSSH).ok()?;
        let is_match = matches!(hosts.check_port(&place.address, place.port, &bytes), CheckResult::Match);
        is_match.then_some(key)
    };
    text.lines().filter_map(of_line).collect()
}

/// The kinds of keys to ask for: a host has several, and the one that is known must be shown.
fn preference(right: &[String]) -> String {
    let kinds: Vec<&str> = right.iter().filter_map(|key| key.split(' ').next()).collect();
    if kinds.is_empty() {
        return format!("{},{RSA}", KEY_KINDS.join(","));
    }
    kinds.iter().map(|kind| if *kind == "ssh-rsa" { RSA } else { kind }).collect::<Vec<_>>().join(",")
}

fn shown_key(session: &Session) -> Option<String> {
    let (bytes, _) = session.host_key()?;
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let kind = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some(format!("{} {}", std::str::from_utf8(kind).ok()?, STANDARD.encode(bytes)))
}

/// Whether the key is a first one to be believed.
fn check_key(shown: &str, right: &[String], trusts: bool) -> Result<bool, Trouble> {
    if right.iter().any(|key| key == shown) {
        return Ok(false);
    }
    let fingerprint = fingerprint(shown);
    if !right.is_empty() {
        let why = format!("the host key is not the one that is known: it showed {fingerprint}");
        return Err(Trouble::Denied { why, hint: KEY_HINT });
    }
    if trusts {
        return Ok(true);
    }
    let why = format!("the host key is not known: it showed {fingerprint}");
    Err(Trouble::Denied { why, hint: UNKNOWN_HINT })
}

fn fingerprint(key: &str) -> String {
    use sha2::Digest as _;
    let (kind, encoded) = key.split_once(' ').unwrap_or((key, ""));
    let digest = sha2::Sha256::digest(STANDARD.decode(encoded).unwrap_or_default());
    format!("{kind} SHA256:{}", STANDARD_NO_PAD.encode(digest))
}

fn authenticate(session: &Session, user: &str, credentials: &Credentials) -> Result<(), Trouble> {
    let mut tried = Vec::new();
    let passphrase = credentials.passphrase.as_deref();
    let certificate = certificate(credentials)?;
    let mut by_key = |key: &str, whose: &str| {
        // The key alone may be in the host's own list.
        let ways = [certificate.as_deref(), None];
        ways[usize::from(certificate.is_none())..].iter().any(|public| {
            let done = session.userauth_pubkey_memory(user, *public, key, passphrase);
            let with = if public.is_some() { " with its certificate" } else { "" };
            tried.extend(done.as_ref().err().map(|error| format!("{whose}{with}: {}", error.message())));
            done.is_ok()
        })
    };
    if credentials.private_key.as_ref().is_some_and(|key| by_key(key, "the private key")) {
        return Ok(());
    }
    if let Some(path) = &credentials.private_key_file {
        match std::fs::read_to_string(path) {
            Ok(key) if by_key(&key, &path.display().to_string()) => return Ok(()),
            Ok(_) => {}
            Err(error) => tried.push(format!("{}: {error}", path.display())),
        }
    }
    if credentials.uses_agent {
        match by_agent(session, user) {
            Ok(true) => return Ok(()),
            Ok(false) => tried.push("none of the agent's keys is taken".to_owned()),
            Err(error) => tried.push(format!("the agent: {}", error.message())),
        }
    }
    if let Some(password) = &credentials.password {
        match session.userauth_password(user, password) {
            Ok(()) => return Ok(()),
            Err(error) => tried.push(format!("the password: {}", error.message())),
        }
    }
    let why = format!("it does not let the account {user} in: {}", tried.join("; "));
    Err(Trouble::Denied { why, hint: ACCOUNT_HINT })
}

fn certificate(credentials: &Credentials) -> Result<Option<String>, Trouble> {
    let read = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path).map_err(|error| Trouble::Denied {
            why: format!("the certificate {} cannot be read: {error}", path.display()),
            hint: "Correct certificate_file.",
        })
    };
    match (&credentials.certificate, &credentials.certificate_file) {
        (Some(text), _) => Ok(Some(text.clone())),
        (None, path) => path.as_ref().map(read).transpose(),
    }
}

fn by_agent(session: &Session, user: &str) -> Result<bool, ssh2::Error> {
    let mut agent = session.agent()?;
    agent.connect()?;
    agent.list_identities()?;
    Ok(agent.identities()?.iter().any(|identity| agent.userauth(user, identity).is_ok()))
}

fn run(session: &Session, command: &str, input: &[u8]) -> Result<Output, Trouble> {
    let lost = |error: &dyn std::fmt::Display| Trouble::Lost(error.to_string());
    let mut channel = session.channel_session().map_err(|error| lost(&error))?;
    channel.exec(command).map_err(|error| lost(&error))?;
    // A shell that ends before it has read all is judged by what it said.
    let written = channel.write_all(input).and_then(|()| channel.flush());
    let _ = channel.send_eof();
    let mut output = Output::default();
    read(session, &mut channel, &mut output.out)?;
    let mut stderr = channel.stderr();
    read(session, &mut stderr, &mut output.error)?;
    if let (Err(error), true) = (written, output.out.is_empty() && output.error.is_empty()) {
        return Err(lost(&error));
    }
    let _ = channel.close();
    Ok(output)
}

fn follow(session: &Session, command: &str, input: &[u8], lines: &dyn Fn(String)) -> Result<i32, Trouble> {
    let lost = |error: &dyn std::fmt::Display| Trouble::Lost(error.to_string());
    let mut channel = session.channel_session().map_err(|error| lost(&error))?;
    channel.exec(command).map_err(|error| lost(&error))?;
    // A command that ends before it has read all is judged by what it said.
    let _ = channel.write_all(input).and_then(|()| channel.flush());
    let _ = channel.send_eof();
    let mut line = Vec::new();
    read_parts(session, &mut channel, |bytes| {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if line.ends_with(b"\n") {
                lines(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned());
                line.clear();
            }
        }
    })?;
    if !line.is_empty() {
        lines(String::from_utf8_lossy(&line).into_owned());
    }
    let _ = channel.wait_close();
    channel.exit_status().map_err(|error| lost(&error))
}

/// Reads to the end, however long the host is silent, as long as it answers that it is there.
fn read(session: &Session, stream: &mut impl Read, into: &mut Vec<u8>) -> Result<(), Trouble> {
    read_parts(session, stream, |bytes| into.extend_from_slice(bytes))
}

fn read_parts(session: &Session, stream: &mut impl Read, mut take: impl FnMut(&[u8])) -> Result<(), Trouble> {
    let mut buffer = vec![0; 32 * 1024];
    let mut silences = 0;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                silences = 0;
                take(&buffer[..count]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::TimedOut && silences < SILENCES => {
                silences += u32::from(session.keepalive_send().is_err());
            }
            Err(error) => return Err(Trouble::Lost(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{check_key, known_keys, preference};
    use crate::place::Place;
    use ssh2::Session;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn place(address: &str, port: u16) -> Place {
        let user = "root".to_owned();
        Place {
            address: address.to_owned(),
            port,
            user,
            becomes_root: false,
            host_key: None,
            is_local: false,
            bastion: None,
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_host_that_is_gone_is_noticed() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let place = place("127.0.0.1", listener.local_addr().unwrap().port());
        let stream = super::connect(&place, super::SILENCE).unwrap();
        let limit_ms = rustix::net::sockopt::tcp_user_timeout(&stream).unwrap();
        assert!((30_000..60_000).contains(&limit_ms), "{limit_ms}");
    }

    #[test]
    fn lines_of_a_host_are_found() {
        let session = Session::new().unwrap();
        let text = format!(
            "# comment\n10.0.0.1,gpu-1 {A} x\n[gpu-2]:2222 {B}\n@revoked gpu-1 {B}\ngpu-3 nonsense\n\n"
        );
        for (address, port, expected) in [
            ("10.0.0.1", 22, vec![A]),
            ("gpu-1", 22, vec![A]),
            ("gpu-2", 2222, vec![B]),
            ("gpu-2", 22, vec![]),
            ("gpu-3", 22, vec![]),
            ("other", 22, vec![]),
        ] {
            assert_eq!(known_keys(&session, &place(address, port), &text), expected, "{address}:{port}");
        }
    }

    #[test]
    fn a_key_is_believed_for_a_reason() {
        let right = [A.to_owned()];
        assert!(matches!(check_key(A, &right, true), Ok(false)));
        assert!(check_key(B, &right, true).is_err(), "another key than the known one");
        assert!(check_key(B, &[], false).is_err(), "an unknown key");
        assert!(matches!(check_key(B, &[], true), Ok(true)));
    }

    #[test]
    fn known_kinds_are_asked_for() {
        assert_eq!(preference(&[A.to_owned()]), "ssh-ed25519");
        assert_eq!(preference(&["ssh-rsa x".to_owned()]), "rsa-sha2-512,rsa-sha2-256");
        assert!(preference(&[]).starts_with("ssh-ed25519,"));
    }
}
