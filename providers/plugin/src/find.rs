//! What came of a change whose answer never came.
//!
//! Invariants: nothing is changed here. That an object is not there is said only where the provider read it and found
//! none; an object that may be another's is for the engine to hold against the plan.

use crate::connection::{Answer, HostedConnection};
use formwork_sdk::{
    Applied, ApplyRequest, Operation, Outcome, Progress, ProviderError, ReadRequest, Reading,
};
use formwork_value::{Name, Value};

/// By what an object is known.
pub(crate) enum Known {
    /// Its id for imports.
    Id(String),
    /// Its identity.
    Identity(Value),
}

impl HostedConnection {
    /// Looks for what an apply made, changed or removed.
    pub(crate) async fn find(&self, request: ApplyRequest) -> Answer<Progress> {
        let found = match request.operation {
            Operation::Create => self.find_made(request).await,
            Operation::Update | Operation::Delete => self.find_changed(request).await,
        };
        found.map_err(|error| error.outcome(Outcome::Unknown))
    }

    /// What was there before is read as it is. A change that shows was made; one that does not show is sent again, as
    /// that makes no second object.
    async fn find_changed(&self, request: ApplyRequest) -> Answer<Progress> {
        let null = Value::null(self.resource(&request.kind)?.1);
        let prior = ReadRequest {
            prior: request.prior,
            private: request.private.clone(),
            identity: request.identity.clone(),
        };
        let is_removed = request.operation == Operation::Delete;
        match self.read(request.kind, prior).await? {
            Reading::Gone if is_removed => Ok(done(Applied::new(null, Vec::new()))),
            Reading::Found { object, private, identity }
                if !is_removed && shows(&request.planned, &object) =>
            {
                let identity = identity.or(request.identity);
                Ok(done(Applied { identity, ..Applied::new(object, private) }))
            }
            Reading::Found { .. } | Reading::Gone => Ok(Progress::NotFound),
            Reading::Failed(error) => Err(error),
        }
    }

    async fn find_made(&self, request: ApplyRequest) -> Answer<Progress> {
        let known = match (request.import_id, request.identity) {
            (Some(id), _) => Known::Id(id),
            (None, Some(identity)) if identity.is_wholly_known() => Known::Identity(identity),
            (None, _) => {
                return Err(ProviderError::bug("the object is known by neither an id nor an identity"));
            }
        };
        let imported = self.import(request.kind.clone(), known).await?;
        let Some(imported) = imported.into_iter().find(|one| one.kind == request.kind) else {
            return Ok(Progress::NotFound);
        };
        let prior = ReadRequest {
            prior: completed(&imported.object, &request.planned),
            private: imported.private,
            identity: imported.identity.clone(),
        };
        match self.read(request.kind, prior).await? {
            Reading::Found { object, private, identity } => {
                let identity = identity.or(imported.identity);
                // What a provider reads it may write in other ways than it was planned.
                Ok(done(Applied { identity, lenient: true, ..Applied::new(object, private) }))
            }
            Reading::Gone => Ok(Progress::NotFound),
            Reading::Failed(error) => Err(error),
        }
    }
}

fn done(applied: Applied) -> Progress {
    Progress::Done(Box::new(applied))
}

/// Whether an object is what was planned, wherever the plan says something.
fn shows(planned: &Value, object: &Value) -> bool {
    if !planned.is_known() {
        return true;
    }
    match (planned.entries(), object.entries()) {
        (Some(left), Some(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, one)| object.get(name).is_some_and(|other| shows(one, other)))
        }
        _ => match (planned.items(), object.items()) {
            (Some(left), Some(right)) if !planned.is_wholly_known() => {
                left.len() == right.len() && left.iter().zip(right).all(|(one, other)| shows(one, other))
            }
            _ => planned == object,
        },
    }
}

/// An imported object with what was planned in place of what the import left open: so it would have been after the
/// change, and a provider reads it back as one that was made and not imported.
fn completed(imported: &Value, planned: &Value) -> Value {
    let Some(entries) = imported.entries() else { return imported.clone() };
    let parts = entries.iter().map(|(name, part)| {
        let known = planned.get(name).filter(|known| known.is_wholly_known());
        let part = known.filter(|_| is_open(part)).unwrap_or(part).clone();
        (Name::from(name.as_str()), part)
    });
    Value::object(parts.collect())
}

fn is_open(part: &Value) -> bool {
    part.is_null() || part.items().is_some_and(<[Value]>::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use formwork_value::Type;

    fn object(parts: &[(&str, Value)]) -> Value {
        Value::object(parts.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    }

    #[test]
    fn a_change_shows_where_everything_planned_is_there() {
        let planned =
            object(&[("id", "1".into()), ("size", 2.into()), ("zone", Value::unknown(Type::String))]);
        for (size, zone, expected) in [(2, "z", true), (1, "z", false)] {
            let found = object(&[("id", "1".into()), ("size", size.into()), ("zone", zone.into())]);
            assert_eq!(shows(&planned, &found), expected, "{size}");
        }
    }

    #[test]
    fn an_import_is_completed_by_the_plan() {
        let null = || Value::null(Type::String);
        let planned = object(&[("id", Value::unknown(Type::String)), ("a", "p".into()), ("b", "p".into())]);
        let imported = object(&[("id", "1".into()), ("a", null()), ("b", "i".into())]);
        let expected = object(&[("id", "1".into()), ("a", "p".into()), ("b", "i".into())]);
        assert_eq!(completed(&imported, &planned), expected);
    }
}
