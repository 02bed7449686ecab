//! Asking before anything is done.

use crate::arguments::Refusal;
use crate::failure::Failure;
use crate::render::attention;
use crate::session::Session;
use formwork_diagnostic::Diagnostic;
use formwork_engine::attention::Risk;
use formwork_engine::{Plan, RunMode};

/// Comes back when nothing in the plan is to be refused.
pub(super) fn refuse(session: &Session, plan: &Plan, refused: &[Refusal]) -> Result<(), Failure> {
    let is_refused = |risk: Risk| {
        refused.contains(&match risk {
            Risk::DataLoss => Refusal::DataLoss,
            Risk::Disruption => Refusal::Disruption,
        })
    };
    let found = attention::of_plan(plan, &session.schemas);
    let found: Vec<String> = found
        .iter()
        .filter(|one| is_refused(one.risk))
        .map(|one| format!("  {}: {}", one.address, one.words))
        .collect();
    if found.is_empty() {
        return Ok(());
    }
    let detail = format!("The plan does what -refuse rules out:\n{}", found.join("\n"));
    let diagnostic = Diagnostic::error("plan-refused", "Plan refused", detail);
    Err(session.refused(diagnostic.hint("Change the configuration, or leave the risk out of -refuse.")))
}

/// Comes back when the plan on the screen may be performed.
pub(super) fn require(session: &Session, mode: RunMode, auto_approve: bool) -> Result<(), Failure> {
    if auto_approve {
        return Ok(());
    }
    let (question, word) = match mode {
        RunMode::Destroy => (
            "\nDo you really want to destroy all resources?\n  Formwork will destroy all your managed infrastructure, as shown above.\n  There is no undo. Only 'yes' will be accepted to confirm.\n\n  Enter a value: ",
            "Destroy",
        ),
        RunMode::RefreshOnly => (
            "\nWould you like to update the Formwork state to reflect these detected changes?\n  Formwork will write these changes to the state without modifying any real infrastructure.\n  There is no undo. Only 'yes' will be accepted to confirm.\n\n  Enter a value: ",
            "Apply",
        ),
        RunMode::Normal => (
            "\nDo you want to perform these actions?\n  Formwork will perform the actions described above.\n  Only 'yes' will be accepted to approve.\n\n  Enter a value: ",
            "Apply",
        ),
    };
    match session.terminal.ask(question) {
        Some(answer) if answer == "yes" => {
            session.screen.text("\n");
            Ok(())
        }
        Some(_) => {
            session.screen.text(&format!("\n{word} cancelled.\n"));
            Err(Failure::default())
        }
        None => Err(session.refused(
            Diagnostic::error(
                "approval-needed",
                "Approval is needed",
                "The plan was made, but nobody is there to approve it, so nothing was done.",
            )
            .hint("Use -auto-approve, or save the plan with plan -out=FILE and apply that file."),
        )),
    }
}
