//! What the engine is given from outside: providers, time, processes, and whoever listens.

use crate::event::Observer;
use formwork_diagnostic::Diagnostic;
use formwork_sdk::{Connection, Machine, Provider};
use formwork_state::{Address, ProviderAddress, ProviderConfigAddress};
use std::sync::Arc;

/// Finds providers by address.
pub trait ProviderSource: Send + Sync {
    /// The provider of an address, where there is one.
    fn provider(&self, address: &ProviderAddress) -> Option<Arc<dyn Provider>>;

    /// Why there is no provider of an address although somebody named one: it cannot be started, say.
    fn fault(&self, _address: &ProviderAddress) -> Option<Diagnostic> {
        None
    }

    /// Addresses of all providers, for messages.
    fn addresses(&self) -> Vec<ProviderAddress>;

    /// What stands in for the provider under one configuration: a test's mock. It is never configured in earnest.
    fn double_of(&self, _configuration: &ProviderConfigAddress) -> Option<Arc<dyn Provider>> {
        None
    }

    /// The connection that acts on one object: the one that its provider gave, unless something stands before it.
    fn connection_of(
        &self,
        _object: &Address,
        _configuration: &ProviderConfigAddress,
        connection: &Arc<dyn Connection>,
    ) -> Arc<dyn Connection> {
        connection.clone()
    }
}

/// Tells the time and waits. The engine owns time; a test's clock jumps.
pub trait Clock: Send + Sync {
    /// Now, RFC 3339 in UTC.
    fn now(&self) -> String;

    /// Milliseconds since some fixed moment.
    fn monotonic_ms(&self) -> u64;

    /// Comes back after so many milliseconds.
    fn sleep(&self, milliseconds: u64) -> futures::future::BoxFuture<'static, ()>;
}

/// A command for this machine, as a provisioner gives it. It is never shown by `Debug`: any part may be secret.
#[derive(Clone, Default)]
pub struct LocalCommand {
    /// The program and its arguments.
    pub arguments: Vec<String>,
    /// Where it runs; else where this program runs.
    pub working_directory: Option<String>,
    /// Set beside the variables of this program.
    pub environment: Vec<(String, String)>,
}

/// A text, or a file or folder of this machine.
#[derive(Clone)]
pub enum Given {
    /// The text itself.
    Text(String),
    /// Where it is.
    Path(String),
}

/// What is done on a machine.
#[derive(Clone)]
pub enum MachineWork {
    /// Scripts run, one after the other.
    Run(Vec<Given>),
    /// A file or a folder is put there.
    Put {
        /// What.
        source: Given,
        /// Where.
        destination: String,
    },
}

/// Takes each line that a process says.
pub type Lines = Box<dyn Fn(String) + Send>;

/// Runs processes on this machine and on others, for provisioners.
pub trait Processes: Send + Sync {
    /// Whether other machines can be reached: a build may speak no SSH.
    fn reaches_machines(&self) -> bool {
        false
    }

    /// Does something on a machine and gives what it says, line by line.
    fn work_on(
        &self,
        _machine: Machine,
        _work: MachineWork,
        _lines: Lines,
    ) -> futures::future::BoxFuture<'static, Result<(), String>> {
        Box::pin(futures::future::ready(Err("this build speaks no SSH".to_owned())))
    }

    /// Runs a command to its end and gives what it says, both its streams together, line by line. The error says how
    /// it ended: `exit status 1`.
    fn run(
        &self,
        command: LocalCommand,
        lines: Lines,
    ) -> futures::future::BoxFuture<'static, Result<(), String>>;
}

/// What every part of the engine works with.
#[derive(Clone)]
pub struct Environment {
    /// Providers by address.
    pub providers: Arc<dyn ProviderSource>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Processes of this machine, and what is done on others.
    pub processes: Arc<dyn Processes>,
    /// Whoever listens.
    pub observer: Arc<dyn Observer>,
    /// How many operations run side by side.
    pub parallelism: usize,
    /// Set from outside to stop: start nothing more.
    pub interrupt: Arc<std::sync::atomic::AtomicBool>,
}

impl Environment {
    /// Whether somebody asked to stop.
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.load(std::sync::atomic::Ordering::SeqCst)
    }
}
