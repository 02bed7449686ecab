//! Taking up what an earlier run left in flight.
//!
//! Invariant: works from the recorded run alone, its plan, its intents and its tokens, never from today's files.

use super::drive::{Act, Line, Start, cursor};
use super::{Applier, StepEnd};
use crate::connections::Connections;
use crate::environment::Environment;
use crate::event::Event;
use crate::graph::NodeId;
use crate::model::Action;
use crate::plan::{evaluate_configuration, instance_repetition};
use crate::recipe::Recipe;
use formwork_diagnostic::Diagnostic;
use formwork_sdk::{Connection, Operation, Recovery};
use formwork_state::{Address, OpenStep, ProviderConfigAddress};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What came of taking up open acts.
pub type Recovered = super::Applied;

/// Takes up every act in flight of the open run, and performs no further step.
pub async fn recover(
    environment: &Environment,
    input: &super::ApplyInput<'_>,
    connections: &Connections,
) -> Recovered {
    super::with_applier(environment, input, connections, async |applier| {
        applier.take_up_open().await;
        applier.resume_all_made().await;
    })
    .await
}

impl Applier<'_> {
    /// Takes up open acts in the order of their steps, so that a provider configured from an object in flight comes
    /// after that object. Returns the steps that are still open.
    pub(super) async fn take_up_open(&self) -> BTreeSet<u32> {
        let mut open: Vec<OpenStep> =
            self.input.store.folded().run.iter().flat_map(|run| run.open.values().cloned()).collect();
        open.sort_by_key(|step| step.intent.step);
        let mut blocked = BTreeSet::new();
        for step in open {
            if self.take_up(&step).await != StepEnd::Done {
                blocked.insert(step.intent.step);
            }
        }
        blocked
    }

    async fn take_up(&self, open: &OpenStep) -> StepEnd {
        if open.intent.operation == formwork_state::Operation::Provision {
            return self.take_up_provisioner(open).await;
        }
        let act = match self.act_of(open).await {
            Ok(act) => act,
            Err(diagnostic) => {
                if let Some(diagnostic) = diagnostic {
                    self.report(diagnostic);
                }
                return StepEnd::Failed;
            }
        };
        let (start, words) = match (&open.accepted, &open.cursor) {
            (Some(id), Some(raw)) => {
                (Start::Poll { id: id.clone(), cursor: cursor(raw) }, "resumes the wait")
            }
            _ => match act.recipe.recovery {
                // Sent again with another secret, the call might make something else than it did.
                Recovery::Replay if act.recipe.evaluates_again => (Start::Find, "looks for what was made"),
                Recovery::Replay => (Start::Call, "sends the call again with its token"),
                Recovery::Find | Recovery::NaturalKey => (Start::Find, "looks for what was made"),
                Recovery::Import | Recovery::Ask => {
                    self.report(ask(&act));
                    return StepEnd::Failed;
                }
            },
        };
        self.environment
            .observer
            .observe(Event::Recovering { key: act.key.clone(), words: words.to_owned() });
        self.drive(&act, start).await
    }

    async fn act_of(&self, open: &OpenStep) -> Result<Act, Option<Diagnostic>> {
        let intent = &open.intent;
        let damaged = |message: String| {
            Some(
                Diagnostic::error("intent-unreadable", "Recorded act cannot be read", message)
                    .about(intent.key.to_string())
                    .hint("Finish the run with the version of Formwork that began it."),
            )
        };
        let recipe: Recipe =
            serde_json::from_str(intent.recipe.get()).map_err(|error| damaged(error.to_string()))?;
        let (operation, action) = match intent.operation {
            formwork_state::Operation::Create => (Operation::Create, Action::Create),
            formwork_state::Operation::Update => (Operation::Update, Action::Update),
            formwork_state::Operation::Delete => (Operation::Delete, Action::Delete),
            formwork_state::Operation::Read | formwork_state::Operation::Provision => {
                return Err(damaged("it is not an act on an object".to_owned()));
            }
        };
        let mut request = recipe.request(operation, &intent.token.0).map_err(damaged)?;
        let address = &intent.key.address;
        let Some(kind) =
            self.connections.kind(&recipe.provider.provider, address.mode(), address.type_name())
        else {
            return Err(Some(crate::connections::missing_provider(
                &recipe.provider.provider,
                &self.environment,
            )));
        };
        let connection = if recipe.through_prior {
            self.prior_connection(&recipe.provider).await?
        } else {
            self.recorded_connection(&recipe.provider, address).await?
        };
        if recipe.evaluates_again {
            let again = self.configuration_again(address).await;
            request.configuration = again.ok_or_else(|| Some(not_known_again(&intent.key)))?;
        }
        let connection = self.connections.connection_of(address, &recipe.provider, &connection);
        Ok(Act {
            key: intent.key.clone(),
            token: intent.token.0.to_string(),
            operation,
            action,
            step: intent.step,
            connection,
            kind,
            recipe,
            request,
            followed_by: intent.followed_by,
            is_announced: false,
            id: None,
            started_ms: self.environment.clock.monotonic_ms(),
            line: Line::begun(self.environment.clock.monotonic_ms()),
        })
    }
}

impl Applier<'_> {
    /// The connection of what was being made: its provider's configuration over what stands. What a later stage
    /// worked out for it may not be known yet; then it is the configuration that was stored before the act began.
    async fn recorded_connection(
        &self,
        instance: &ProviderConfigAddress,
        address: &Address,
    ) -> Result<Arc<dyn Connection>, Option<Diagnostic>> {
        let provider = self.block_of(address).and_then(|node| self.graph.node(node).provider);
        if let Some(node) = provider {
            self.open_for(node).await;
        }
        let is_known = provider.is_some_and(|node| self.is_configured(node, instance));
        match self.stored_configuration(instance).filter(|_| !is_known) {
            Some(stored) => self.connections.connect(instance, &stored).await.map_err(|diagnostics| {
                self.diagnostics.borrow_mut().append(diagnostics);
                None
            }),
            None => Ok(self.planned_connection(provider, instance, address).await?.connection),
        }
    }

    fn is_configured(&self, node: NodeId, instance: &ProviderConfigAddress) -> bool {
        let Some(repetition) = instance_repetition(self.graph, node, instance, &self.evaluator) else {
            return false;
        };
        let (value, _, diagnostics) =
            evaluate_configuration(self.graph, node, repetition, &self.evaluator, self.connections);
        !diagnostics.has_errors() && value.is_wholly_known()
    }
}

fn not_known_again(key: &formwork_state::ObjectKey) -> Diagnostic {
    let detail = format!(
        "Something in the configuration of {key} is never stored, and it cannot be evaluated again. What came of the call is not known yet."
    );
    Diagnostic::error("recovery-input", "Input of an act in flight is missing", detail)
        .about(key.to_string())
        .hint("Give the ephemeral variables again and make what it reads reachable, then apply again.")
}

fn ask(act: &Act) -> Diagnostic {
    Diagnostic::error("recovery-ask", "Nobody can say whether this was done", format!("The run before this one ended while {} was in flight, and kind {} offers no way to find out what came of it. Everything that depends on it waits.", act.key, act.kind.name))
        .about(act.key.to_string())
        .hint(format!("Look at the target. If the object is there, take it in: formwork state rm '{key}', then formwork import '{key}' ID, where ID is {id}. If it is not, formwork state rm '{key}' alone. So that nobody is asked again, say once how such objects are found: terraform {{ recover \"{kind}\" {{ import_id = ... }} }}.", key = act.key, kind = act.kind.name, id = act.kind.schema.import_id))
}
