//! Machines as provisioners reach them: scripts that are run there, files that are put there.
//!
//! A machine that was just made may not answer yet, and may not know its accounts: it is asked again until its time is
//! over. Its first key is believed where none is given, and that is said each time.

use crate::link::Trouble;
use crate::place::{Bastion, Place, SSH_PORT, key_of};
use crate::settings::{Credentials, FirstKeys, Settings};
use crate::shell::quote;
use crate::ssh::Ssh;
use formwork_sdk::Machine;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// Where a script is put where nothing is said.
const SCRIPT_PATH: &str = "/tmp/terraform_%RAND%.sh";

/// A connection to a machine that answered.
pub struct Connected(Ssh);

fn credentials(machine: &Machine) -> Credentials {
    let is_given = machine.private_key.is_some() || machine.password.is_some();
    Credentials {
        private_key: machine.private_key.clone(),
        certificate: machine.certificate.clone(),
        password: machine.password.clone(),
        uses_agent: machine.agent.unwrap_or(!is_given),
        ..Credentials::default()
    }
}

fn pinned_key(machine: &Machine) -> Result<Option<String>, String> {
    let wrong = || format!("the host_key of {} is no public key", machine.host);
    machine.host_key.as_deref().map(|key| key_of(key).ok_or_else(wrong)).transpose()
}

impl Connected {
    /// Connects, again and again until the machine's time is over. What its user should know goes to `lines`.
    ///
    /// # Errors
    /// Why it did not answer or let nobody in, the last time.
    pub async fn to(machine: &Machine, lines: &(dyn Fn(String) + Send + Sync)) -> Result<Self, String> {
        let bastion = match &machine.bastion {
            None => None,
            Some(one) => Some(Bastion {
                address: one.host.clone(),
                port: one.port.unwrap_or(SSH_PORT),
                user: one.user.clone(),
                host_key: pinned_key(one)?,
            }),
        };
        let place = Place {
            address: machine.host.clone(),
            port: machine.port.unwrap_or(SSH_PORT),
            user: machine.user.clone(),
            becomes_root: false,
            host_key: pinned_key(machine)?,
            is_local: false,
            bastion,
        };
        let settings = Settings {
            credentials: credentials(machine),
            bastion_credentials: machine.bastion.as_deref().map(credentials),
            first_keys: FirstKeys::OfAll,
            connect_timeout: CONNECT_TIMEOUT,
            ..Settings::default()
        };
        let deadline = Instant::now() + Duration::from_secs(machine.timeout_s);
        loop {
            let why = match Ssh::open(&place, &settings, &[]).await {
                Ok((ssh, shown)) => {
                    if let Some(key) = shown {
                        lines(format!("Its host key is not known and was believed: {key}"));
                    }
                    return Ok(Self(ssh));
                }
                Err(Trouble::Denied { why, hint }) => format!("{why} ({hint})"),
                Err(Trouble::Unreachable(why) | Trouble::Lost(why)) => why,
            };
            if Instant::now() + AGAIN_AFTER > deadline {
                return Err(why);
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    async fn follow(
        &mut self,
        command: &str,
        input: Vec<u8>,
        lines: impl Fn(String) + Send + 'static,
    ) -> Result<i32, String> {
        self.0.follow(command, input, lines).await.map_err(|trouble| match trouble {
            Trouble::Unreachable(why) | Trouble::Lost(why) | Trouble::Denied { why, .. } => why,
        })
    }

    /// A command that says nothing where it goes well.
    async fn quietly(&mut self, command: &str, input: Vec<u8>) -> Result<(), String> {
        let said = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = said.clone();
        let keep = move |line| kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
        match self.follow(command, input, keep).await? {
            0 => Ok(()),
            code => {
                let said = said.lock().unwrap_or_else(std::sync::PoisonError::into_inner).join("\n");
                Err(if said.is_empty() { format!("exit status {code}") } else { said })
            }
        }
    }

    /// Runs a script, a file of its own with its own first line.
    ///
    /// # Errors
    /// How it ended where that was not well: `exit status 1`.
    pub async fn run(
        &mut self,
        script: &[u8],
        path: Option<&str>,
        lines: impl Fn(String) + Send + 'static,
    ) -> Result<(), String> {
        let path = quote(&path.unwrap_or(SCRIPT_PATH).replace("%RAND%", &digits()));
        let put = format!("umask 077; cat > {path} && chmod 0700 {path}");
        self.quietly(&format!("{{ {put}; }} 2>&1"), script.to_vec()).await?;
        let run = format!("{path} 2>&1 < /dev/null; code=$?; rm -f {path}; exit $code");
        match self.follow(&run, Vec::new(), lines).await? {
            0 => Ok(()),
            code => Err(format!("exit status {code}")),
        }
    }

    /// Puts a text into a file.
    ///
    /// # Errors
    /// What the machine says.
    pub async fn put_text(&mut self, text: &[u8], mode: u32, destination: &str) -> Result<(), String> {
        let path = quote(destination);
        let put = format!("{{ cat > {path} && chmod {:04o} {path}; }} 2>&1", mode & 0o7777);
        self.quietly(&put, text.to_vec()).await
    }

    /// Puts a file, or a folder with all that is in it: what lies in the folder where its path ends with a slash.
    ///
    /// # Errors
    /// What the machine says, or why the file cannot be read.
    pub async fn put(&mut self, source: &str, destination: &str) -> Result<(), String> {
        let path = Path::new(source);
        let failed = |error: std::io::Error| format!("{source}: {error}");
        let what = std::fs::metadata(path).map_err(failed)?;
        if !what.is_dir() {
            let bytes = std::fs::read(path).map_err(failed)?;
            return self.put_text(&bytes, what.permissions().mode(), destination).await;
        }
        let mut archive = tar::Builder::new(Vec::new());
        let inside = match path.file_name() {
            Some(name) if !source.ends_with('/') => Path::new(name),
            _ => Path::new("."),
        };
        archive.append_dir_all(inside, path).map_err(failed)?;
        let bytes = archive.into_inner().map_err(failed)?;
        let folder = quote(destination);
        self.quietly(
            &format!("{{ mkdir -p {folder} && tar -xf - -C {folder} --no-same-owner; }} 2>&1"),
            bytes,
        )
        .await
    }
}

/// Digits that nobody else draws.
fn digits() -> String {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::collections::hash_map::RandomState::new().build_hasher().finish().to_string()
}
