//! `destroy`: an apply of a plan that removes everything.

use crate::arguments::{Apply, Destroy, OnFailure, VariableArgument};
use crate::failure::{Failure, Success};
use crate::terminal::Terminal;

pub(super) fn run(
    arguments: Destroy,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let apply = Apply {
        planning: arguments.planning,
        destroy: true,
        on_failure: OnFailure::Keep,
        rollback_data: Vec::new(),
        auto_approve: arguments.auto_approve,
        plan: None,
    };
    super::apply::run(&apply, variables, terminal)
}
