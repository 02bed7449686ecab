//! Machines that provisioners work on.

/// A machine behind SSH, as a `connection` block gives it. It is never shown by `Debug`: any part may be secret.
#[derive(Clone, Default)]
pub struct Machine {
    /// Name or address.
    pub host: String,
    /// The usual one where there is none.
    pub port: Option<u16>,
    /// The account.
    pub user: String,
    /// A password, for machines that take no key.
    pub password: Option<String>,
    /// A private key's text.
    pub private_key: Option<String>,
    /// A certificate of that key.
    pub certificate: Option<String>,
    /// The one key that the machine may have.
    pub host_key: Option<String>,
    /// Whether the keys of the SSH agent are tried; what follows where nothing is said.
    pub agent: Option<bool>,
    /// How long a machine that does not answer yet is asked again.
    pub timeout_s: u64,
    /// Where scripts are put; `%RAND%` stands for digits.
    pub script_path: Option<String>,
    /// The machine that it is reached through.
    pub bastion: Option<Box<Machine>>,
}
