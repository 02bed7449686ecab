//! Who one is, as other programs know it: helpers for the hosts of registries, and what container programs keep for OCI
//! registries.
//!
//! Invariant: a password or token is never in a message, in a program's arguments or in what [`std::fmt::Debug`] shows.

use crate::settings::{Secret, Variable, expand};
use crate::text::{self, Item, argument};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a program may take to say who one is.
const PATIENCE: Duration = Duration::from_mins(1);
/// What it may say.
const ANSWER_BYTES: u64 = 1 << 20;
/// What is shown of its complaint.
const COMPLAINT_LETTERS: usize = 300;

/// A program that knows the tokens of hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Helper {
    name: String,
    arguments: Vec<String>,
}

#[derive(Deserialize)]
struct HelperAnswer {
    token: Option<String>,
}

impl Helper {
    pub(crate) fn new(name: &str, arguments: Vec<String>) -> Result<Self, &'static str> {
        if name.is_empty() || name.contains(['/', '\\']) {
            return Err("a credentials_helper has the name of a program, and no path");
        }
        Ok(Self { name: name.to_owned(), arguments })
    }

    /// The token of a host; nothing where the program has none.
    pub(crate) fn token(&self, host: &str, variable: Variable) -> Result<Option<String>, String> {
        let file = format!("terraform-credentials-{}", self.name);
        let program = Self::places(variable).into_iter().map(|folder| folder.join(&file));
        let program = program.filter(|path| path.is_file()).find_map(|path| path.canonicalize().ok());
        let program = program.ok_or_else(|| {
            format!("the credentials helper {file} is in none of the folders of plugins, and not in PATH")
        })?;
        let mut command = Command::new(program);
        command.args(&self.arguments).args(["get", host]);
        let said = answer(command, "").map_err(|why| format!("the credentials helper {file} {why}"))?;
        let answer: HelperAnswer = serde_json::from_slice(&said)
            .map_err(|_| format!("the credentials helper {file} says no JSON object with a token"))?;
        Ok(answer.token)
    }

    fn places(variable: Variable) -> Vec<PathBuf> {
        let home = variable("HOME").map(|home| PathBuf::from(home).join(".terraform.d/plugins"));
        let folders = home.into_iter().chain([PathBuf::from("terraform.d/plugins")]);
        let folders = folders.flat_map(|folder| [folder.join(crate::place::platform()), folder]);
        let path = variable("PATH").unwrap_or_default();
        folders.chain(std::env::split_paths(&path).filter(|folder| folder.is_absolute())).collect()
    }
}

/// What a program says on its standard output. An error is what the program did, as the rest of a sentence.
fn answer(mut command: Command, input: &str) -> Result<Vec<u8>, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("does not start: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read what it is told may still answer.
        let _ = stdin.write_all(input.as_bytes());
    }
    let [said, complaint] = [
        read(child.stdout.take().map(|from| Box::new(from) as Box<dyn Read + Send>)),
        read(child.stderr.take().map(|from| Box::new(from) as Box<dyn Read + Send>)),
    ]
    .map(|reader| reader.recv_timeout(PATIENCE));
    let (Ok(said), Ok(complaint)) = (said, complaint) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("says nothing within {} s", PATIENCE.as_secs()));
    };
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(said);
    }
    let complaint = String::from_utf8_lossy(&complaint);
    let complaint: String = complaint.trim().chars().take(COMPLAINT_LETTERS).collect();
    // Some say it where their answer would stand.
    let is_unknown = String::from_utf8_lossy(&said).contains("credentials not found");
    if is_unknown { Ok(b"{}".to_vec()) } else { Err(format!("fails ({status}): {complaint}")) }
}

/// Reads to the end in a thread of its own, so that one who never ends can be left alone.
fn read(from: Option<Box<dyn Read + Send>>) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(from) = from {
            // What came before an error is all that there is.
            let _ = from.take(ANSWER_BYTES).read_to_end(&mut bytes);
        }
        let _ = send.send(bytes);
    });
    receive
}

/// Who one is to an OCI registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    Password(String, Secret),
    Token(Secret),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    Identity(Identity),
    /// A program of Docker's form.
    Helper(String),
}

/// Who one is to OCI registries: what the CLI configuration says, then what container programs keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OciAccess {
    /// By host, or host and path.
    places: BTreeMap<String, Known>,
    /// Files of Docker's form; nothing where those of this user are looked for.
    files: Option<Vec<PathBuf>>,
    is_closed: bool,
    helper: Option<String>,
}

/// A file of Docker's form, as far as it says who one is.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DockerFile {
    auths: BTreeMap<String, DockerEntry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DockerEntry {
    auth: String,
}

#[derive(Deserialize)]
struct DockerAnswer {
    #[serde(rename = "Username")]
    username: Option<String>,
    #[serde(rename = "Secret")]
    secret: Option<String>,
}

impl OciAccess {
    /// Takes an `oci_credentials` block.
    pub(crate) fn add(&mut self, place: &str, body: &[Item]) -> Result<(), &'static str> {
        let said = |name: &str| argument(body, name).and_then(|value| value.text()).map(ToOwned::to_owned);
        let known = match (said("username"), said("password"), said("access_token")) {
            (Some(username), Some(password), None) => {
                Known::Identity(Identity::Password(username, Secret(password)))
            }
            (None, None, Some(token)) => Known::Identity(Identity::Token(Secret(token))),
            (None, None, None) if said("docker_credentials_helper").is_some() => {
                Known::Helper(said("docker_credentials_helper").unwrap_or_default())
            }
            _ => {
                return Err(
                    "oci_credentials have a username and password, an access_token, or a docker_credentials_helper",
                );
            }
        };
        self.places.insert(place.trim_end_matches('/').to_owned(), known);
        Ok(())
    }

    /// Takes the `oci_default_credentials` block.
    pub(crate) fn defaults(&mut self, body: &[Item]) -> Result<(), &'static str> {
        self.is_closed = argument(body, "discover_ambient_credentials").is_some_and(|value| !value.is_true());
        if let Some(files) = argument(body, "docker_style_config_files") {
            let files = files.texts().ok_or("docker_style_config_files is a list of texts")?;
            self.files = Some(files.iter().map(|file| expand(file)).collect());
        }
        self.helper = argument(body, "default_docker_credential_helper")
            .and_then(text::Written::text)
            .map(ToOwned::to_owned);
        Ok(())
    }

    /// Who one is to a repository, `HOST/PATH`: the longest place that it lies in counts.
    pub(crate) fn identity(&self, repository: &str, variable: Variable) -> Result<Option<Identity>, String> {
        let host = repository.split('/').next().unwrap_or_default();
        if let Some(known) = within(&self.places, repository) {
            return match known {
                Known::Identity(identity) => Ok(Some(identity.clone())),
                Known::Helper(name) => of_helper(name, host, variable),
            };
        }
        if self.is_closed {
            return Ok(None);
        }
        for path in self.files.clone().unwrap_or_else(|| ambient(variable)) {
            let Ok(text) = std::fs::read(&path) else { continue };
            let file: DockerFile = serde_json::from_slice(&text)
                .map_err(|_| format!("{} is not as container programs write it", path.display()))?;
            if let Some(identity) = file.identity(repository, host, variable)? {
                return Ok(Some(identity));
            }
        }
        self.helper.as_ref().map_or(Ok(None), |name| of_helper(name, host, variable))
    }
}

impl DockerFile {
    fn identity(&self, repository: &str, host: &str, variable: Variable) -> Result<Option<Identity>, String> {
        if let Some(name) = self.cred_helpers.get(host) {
            return of_helper(name, host, variable);
        }
        let places = self.auths.iter().map(|(place, entry)| (plain(place), entry));
        let places: BTreeMap<String, &DockerEntry> = places.collect();
        let entry = within(&places, repository).filter(|entry| !entry.auth.is_empty());
        if let Some(entry) = entry {
            let wrong = || format!("what is kept for {host} by container programs is no user and password");
            let pair = STANDARD.decode(&entry.auth).map_err(|_| wrong())?;
            let pair = String::from_utf8(pair).map_err(|_| wrong())?;
            let (user, password) = pair.split_once(':').ok_or_else(wrong)?;
            return Ok(Some(Identity::Password(user.to_owned(), Secret(password.to_owned()))));
        }
        if self.creds_store.is_empty() { Ok(None) } else { of_helper(&self.creds_store, host, variable) }
    }
}

/// What is known of the longest place that a repository lies in.
fn within<'a, T>(places: &'a BTreeMap<String, T>, repository: &str) -> Option<&'a T> {
    let mut place = repository;
    loop {
        if let Some(known) = places.get(place) {
            return Some(known);
        }
        place = place.rsplit_once('/')?.0;
    }
}

/// A place as Docker's files have it, less what says how to get there.
fn plain(place: &str) -> String {
    let place = place.split_once("://").map_or(place, |(_, rest)| rest).trim_end_matches('/');
    place.strip_suffix("/v1").or_else(|| place.strip_suffix("/v2")).unwrap_or(place).to_owned()
}

fn ambient(variable: Variable) -> Vec<PathBuf> {
    let below = |name: &str, file: &str| variable(name).map(|folder| Path::new(&folder).join(file));
    let docker = below("DOCKER_CONFIG", "config.json").or_else(|| below("HOME", ".docker/config.json"));
    let shared = below("XDG_CONFIG_HOME", "containers/auth.json");
    let found = [
        below("XDG_RUNTIME_DIR", "containers/auth.json"),
        shared.or_else(|| below("HOME", ".config/containers/auth.json")),
        docker,
    ];
    found.into_iter().flatten().collect()
}

fn of_helper(name: &str, host: &str, variable: Variable) -> Result<Option<Identity>, String> {
    let file = format!("docker-credential-{name}");
    let path = variable("PATH").unwrap_or_default();
    let program = std::env::split_paths(&path).map(|folder| folder.join(&file)).find(|path| path.is_file());
    let program = program.ok_or_else(|| format!("{file} is not in PATH"))?;
    let mut command = Command::new(program);
    command.arg("get");
    let said = answer(command, host).map_err(|why| format!("{file} {why}"))?;
    let answer: DockerAnswer =
        serde_json::from_slice(&said).map_err(|_| format!("{file} says no JSON object with a Secret"))?;
    let Some(secret) = answer.secret else { return Ok(None) };
    Ok(Some(match answer.username.unwrap_or_default() {
        user if user == "<token>" => Identity::Token(Secret(secret)),
        user => Identity::Password(user, Secret(secret)),
    }))
}
