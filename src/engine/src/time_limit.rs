//! What is said where an operation's time is up.

use formwork_sdk::ProviderError;
pub(crate) use formwork_sdk::given_limit_ms as given_ms;

/// An error that was not met too often yet, but whose next attempt would come too late.
pub(crate) fn no_room(error: ProviderError, limit_ms: u64) -> ProviderError {
    let seconds = limit_ms / 1000;
    error.hint(format!(
        "Its time limit of {seconds} seconds leaves no room for another attempt; `timeouts` may give it more."
    ))
}
