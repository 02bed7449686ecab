//! Asking before anything is done.

use crate::arguments::Refusal;
use crate::failure::Failure;
use crate::render::attention;
use crate::session::Session;
use formwork_diagnostic::Diagnostic;
use formwork_engine::attention::Risk;
use formwork_engine::{Action, Change, Plan, RunMode};
use formwork_sdk::KindSchema;
use formwork_state::{Address, Key, Selector};

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

/// Comes back when all data that the plan destroys is named.
pub(super) fn refuse_data_loss(session: &Session, plan: &Plan, named: &[Selector]) -> Result<(), Failure> {
    let is_named = |address: &Address| named.iter().any(|selector| selector.contains(address));
    let lost =
        plan.changes.iter().filter(|change| change.action.is_destroying() && !is_named(&change.address));
    let lost =
        lost.filter(|change| holds_data(session, change)).map(|change| format!("  {}", change.address));
    refuse_lost(session, &lost.collect::<Vec<_>>())
}

/// Comes back when all data that would be lost by undoing the plan, should it fail, is named.
pub(super) fn refuse_data_undone(session: &Session, plan: &Plan, named: &[Selector]) -> Result<(), Failure> {
    let is_named = |address: &Address| named.iter().any(|selector| selector.contains(address));
    let is_made = |action: Action| action == Action::Create || action.is_replace();
    let made = plan.changes.iter().filter(|change| is_made(change.action) && !is_named(&change.address));
    let mut lost: Vec<String> = made
        .filter(|change| holds_data(session, change))
        .map(|change| format!("  {}", change.address))
        .collect();
    for entry in plan.stages.iter().flat_map(|stage| &stage.envelope) {
        let is_block_named = named
            .iter()
            .any(|selector| !matches!(selector, Selector::Instance(_)) && selector.touches(&entry.block));
        let address = entry.block.instance(Key::None);
        let kind = |kind: Option<&KindSchema>| kind.is_some_and(|kind| kind.holds_data);
        let is_made = entry.actions.iter().copied().any(is_made);
        if is_made && !is_block_named && session.schemas.with(&entry.provider.provider, &address, kind) {
            lost.push(format!("  {} (in a later stage)", entry.block));
        }
    }
    refuse_lost(session, &lost)
}

fn holds_data(session: &Session, change: &Change) -> bool {
    let provider = &change.provider.provider;
    session.schemas.with(provider, &change.address, |kind| kind.is_some_and(|kind| kind.holds_data))
}

fn refuse_lost(session: &Session, lost: &[String]) -> Result<(), Failure> {
    if lost.is_empty() {
        return Ok(());
    }
    let detail = format!("The way back destroys what holds data:\n{}", lost.join("\n"));
    let diagnostic = Diagnostic::error("rollback-data", "Rollback would destroy data", detail);
    Err(session.refused(diagnostic.hint("Name each object that may go with -rollback-data=ADDRESS.")))
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

/// Comes back when whoever sits there says yes to what changes the state alone.
pub(super) fn agree(session: &Session, question: &str, cancelled: &str, hint: &str) -> Result<(), Failure> {
    if session.terminal.ask(question).as_deref() == Some("yes") {
        return Ok(());
    }
    let diagnostic = Diagnostic::error("approval-needed", cancelled, "Nothing was changed.");
    Err(session.refused(diagnostic.hint(hint)))
}
