//! Keys as they are needed: asked for where they come from, and kept until they are about to end.

use super::Credentials;
use super::exchange::Asker;
use super::origin::Origin;
use crate::network::Network;
use crate::network::proxy::Proxies;
use rustls::ClientConfig;
use std::sync::{Arc, Mutex, PoisonError};

/// How long before their end keys are asked for anew.
const MARGIN_S: i64 = 300;

/// Where those who give keys are, where they are not where AWS has them.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// Of the service that opens roles.
    pub roles: Option<String>,
    /// Of the portal behind a sign-on.
    pub sign_on: Option<String>,
    /// Of a machine's metadata.
    pub machine: Option<String>,
}

impl Endpoints {
    /// As AWS's tools read them from the environment.
    pub fn of(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let all = variable("AWS_ENDPOINT_URL");
        Self {
            roles: variable("AWS_ENDPOINT_URL_STS").or_else(|| all.clone()),
            sign_on: variable("AWS_ENDPOINT_URL_SSO").or(all),
            machine: variable("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
        }
    }
}

/// How those who give keys are reached.
#[derive(Clone)]
pub struct Way {
    /// Whom to trust.
    pub tls: Arc<ClientConfig>,
    /// What lies in between.
    pub proxies: Proxies,
    /// Where they are.
    pub endpoints: Endpoints,
    /// The region whose service opens roles.
    pub region: String,
    /// The moment, as `20260102T030405Z`.
    pub now: fn() -> String,
}

/// Keys from one origin.
pub struct Keys {
    origin: Origin,
    way: Way,
    known: Mutex<Option<Credentials>>,
}

impl Keys {
    /// Asks nobody yet.
    pub fn new(origin: Origin, way: Way) -> Self {
        Self { origin, way, known: Mutex::new(None) }
    }

    /// Keys that hold for a while. While new ones cannot be had, those that there are serve until they end.
    ///
    /// # Errors
    /// Who refused, and with which words.
    pub fn current(&self) -> Result<Credentials, String> {
        if let Origin::Written(keys) = &self.origin {
            return Ok(keys.clone());
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = |margin_s| known.as_ref().filter(|keys| !self.ends_within(keys, margin_s)).cloned();
        if let Some(keys) = standing(MARGIN_S) {
            return Ok(keys);
        }
        match self.ask() {
            Ok(keys) => Ok(known.insert(keys).clone()),
            Err(error) => standing(0).ok_or(error),
        }
    }

    /// The account that the keys are of.
    ///
    /// # Errors
    /// Who refused, and with which words.
    pub fn account(&self) -> Result<String, String> {
        let keys = self.current()?;
        let asker = Asker::new(&self.way);
        wait(asker.account(&keys))
    }

    fn ask(&self) -> Result<Credentials, String> {
        let asker = Asker::new(&self.way);
        wait(asker.keys(&self.origin))
    }

    fn ends_within(&self, keys: &Credentials, margin_s: i64) -> bool {
        let now = seconds(&(self.way.now)()).unwrap_or_default();
        keys.ends.as_deref().and_then(seconds).is_some_and(|ends| ends - now <= margin_s)
    }
}

fn wait<T: Send>(asking: impl Future<Output = Result<T, String>> + Send) -> Result<T, String> {
    let network = Network::new().map_err(|error| error.to_string())?;
    network.wait(async { Ok(asking.await) }).unwrap_or_else(|error| Err(error.to_string()))
}

/// A moment as seconds, however its ISO form is written.
pub(super) fn seconds(moment: &str) -> Option<i64> {
    moment.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests;
