//! What a data source of hosts is.

use crate::answer::Answer;
use crate::connection::{about, whole};
use crate::fleet::Fleet;
use crate::place::{self, Place};
use formwork_sdk::values::Findings;
use formwork_sdk::{KindSchema, ProviderError};
use formwork_value::Value;
use futures::future::BoxFuture;
use std::sync::Arc;

/// One data source.
pub trait HostData: Send + Sync {
    /// The type name.
    fn name(&self) -> &'static str;

    /// Its schema.
    fn schema(&self) -> KindSchema;

    /// What is wrong with a configuration that may hold unknowns.
    fn validate(&self, configuration: &Value, found: &mut Findings) {
        place::check(configuration, found);
    }

    /// What it says now.
    fn read<'a>(
        &'a self,
        hosts: &'a Hosts,
        configuration: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ProviderError>>;
}

/// The hosts of a run, to be asked.
#[derive(Clone)]
pub struct Hosts(pub(crate) Arc<Fleet>);

impl Hosts {
    /// The port that SSH is answered at on the host that an object names.
    ///
    /// # Errors
    /// When it names none.
    pub fn port(&self, object: &Value) -> Result<u16, ProviderError> {
        Ok(Place::of(object, self.0.settings())?.port)
    }

    /// What a script emits on the host that an object names; it changes nothing.
    ///
    /// # Errors
    /// When the host does not answer or the script does not come to its end.
    pub async fn ask(&self, object: &Value, script: String) -> Result<Answer, ProviderError> {
        let place = Place::of(object, self.0.settings())?;
        let reply = self.0.host(&place).look(vec![script]).await.map_err(|trouble| trouble.error(&place))?;
        let nothing = Answer::default();
        let answer = whole(reply.answers.first().unwrap_or(&nothing), &reply);
        answer.cloned().map_err(|error| about(error, &place))
    }
}
