//! The provider `formwork/random`: values that are drawn once and kept in the state.
//!
//! Kinds, arguments and import ids are those of `hashicorp/random`. Invariant: what is drawn follows from a seed that
//! no saved plan and no state holds (see [`formwork_sdk::values`]).

mod draw;
mod kinds;

use formwork_sdk::values::ValueProvider;

/// The provider.
pub fn random() -> ValueProvider {
    // Nothing that is drawn here depends on when.
    ValueProvider::new("formwork/random", || 0, kinds::resources(), Vec::new(), kinds::ephemeral())
}
