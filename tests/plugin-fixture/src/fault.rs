//! What the provider is told to do wrong.
//!
//! `FIXTURE_FAULTS` holds them, with commas: `NAME`, or `NAME@CALL` for those that happen in a call, or
//! `NAME@CALL@TYPE` for a call about one type. A call has the name that version 6 gives it.
//!
//! At the start: `slow-start` (three seconds), `no-handshake`, `garbage`, `long-line`, `exits`, `core-2`, `netrpc`,
//! `protocol-4`, `no-certificate`, `other-certificate`, `no-socket`, `swapped-socket` (another listens there once it
//! has said where it listens), `file-socket` (a file is there), `elsewhere` (an address of another machine), `chatter` (both outputs, without end).
//! At the end: `stays` (when asked to end).
//! Without a call: `no-identities`.
//! In the schema: `huge-schema`, `wide-schema`, `endless-schema`, `deep-blocks`, `deep-type`, `bad-type`.
//! In a call: `slow` (four seconds), `crash-before` and `crash-after` its effect, `hang-before` and `hang` after it, `half`, `status`, `error`, `garbled` (the answer is
//! no message).
//! In a value: `legacy`, `plan-breaks`, `apply-changes`, `unknown-left`, `nothing-made`,
//! `delete-left`, `write-only-kept`, `undecodable`, `deferred`, `create-half` (an object and an error).

/// The faults of this process.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<String>);

impl Faults {
    /// Those of the environment.
    pub(crate) fn read() -> Self {
        let text = std::env::var("FIXTURE_FAULTS").unwrap_or_default();
        Self(text.split(',').map(str::trim).filter(|fault| !fault.is_empty()).map(str::to_owned).collect())
    }

    /// Whether it is to be done at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|fault| fault == name)
    }

    /// Whether it is to be done in the call.
    pub(crate) fn has_in(&self, name: &str, call: &str, type_name: &str) -> bool {
        self.0.iter().any(|fault| {
            let mut parts = fault.split('@');
            parts.next() == Some(name)
                && parts.next() == Some(call)
                && parts.next().is_none_or(|only| only == type_name)
        })
    }
}
