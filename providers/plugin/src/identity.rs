//! Identities as they cross to a provider and back.

use crate::connection::Answer;
use crate::messages::Identity;
use crate::{answer, values};
use formwork_sdk::KindSchema;
use formwork_value::Value;

/// An identity for a provider; none where there is none or its kind knows none.
pub(crate) fn send(identity: Option<&Value>, kind: &KindSchema) -> Answer<Option<Identity>> {
    let (Some(identity), Some(schema)) = (identity.filter(|one| !one.is_null()), &kind.identity) else {
        return Ok(None);
    };
    let data = values::send(identity, &schema.object_type())
        .map_err(|error| answer::unreadable("the identity to send", &error))?;
    Ok(Some(Identity { data }))
}

/// An identity of a provider.
pub(crate) fn receive(sent: Option<&Identity>, kind: &KindSchema) -> Answer<Option<Value>> {
    let (Some(sent), Some(schema)) = (sent, &kind.identity) else { return Ok(None) };
    let identity = values::receive(sent.data.as_ref(), &schema.object_type())
        .map_err(|error| answer::unreadable("the identity", &error))?;
    Ok((!identity.is_null()).then_some(identity))
}
