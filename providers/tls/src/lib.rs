//! The provider `formwork/tls`: keys, certificate requests and certificates that are made once and kept in the state.
//!
//! Kinds, arguments and attributes are those of `hashicorp/tls`. Invariant: what is made follows from a seed that no
//! saved plan and no state holds (see [`formwork_sdk::values`]), signatures included; a private key is in no message.

mod certificate;
mod key;
mod kinds;
mod openssh;
mod pem;
mod subject;

use formwork_sdk::values::{Clock, ValueProvider};

/// The provider; certificates are valid from what the clock says.
pub fn tls(clock: Clock) -> ValueProvider {
    ValueProvider::new(
        "formwork/tls",
        clock,
        kinds::resources(clock),
        kinds::data_sources(),
        kinds::ephemeral(),
    )
}
