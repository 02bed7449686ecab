//! `refresh`: takes what is live into the state, without asking.

use crate::arguments::{Apply, OnFailure, Refresh, VariableArgument};
use crate::failure::{Failure, Success};
use crate::terminal::Terminal;

pub(super) fn run(
    mut arguments: Refresh,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    arguments.planning.refresh_only = true;
    let apply = Apply {
        planning: arguments.planning,
        destroy: false,
        on_failure: OnFailure::Keep,
        rollback_data: Vec::new(),
        auto_approve: true,
        plan: None,
    };
    super::apply::run(&apply, variables, terminal)
}
