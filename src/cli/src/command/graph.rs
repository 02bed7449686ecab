//! `graph`: what comes after what, in the configuration or in a plan, drawn.

use crate::arguments::{Graph, GraphFormat, GraphType, VariableArgument};
use crate::failure::{Failure, Success};
use crate::render::graph;
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::Diagnostic;
use formwork_engine::drawing::{Detail, Drawing, of_configuration, of_plan};
use std::path::Path;

pub(super) fn run(
    arguments: &Graph,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    let drawing = match (&arguments.plan, arguments.subject) {
        (Some(path), None | Some(GraphType::Apply)) => planned(&session, path)?,
        (Some(_), Some(_)) => return Err(session.refused(contradicting())),
        (None, Some(GraphType::Apply)) => return Err(session.refused(planless())),
        (None, None) => written(&session, variables, Detail::Resources)?,
        (None, Some(GraphType::Plan | GraphType::PlanRefreshOnly)) => {
            written(&session, variables, Detail::Blocks)?
        }
        (None, Some(GraphType::PlanDestroy)) => {
            let mut drawing = written(&session, variables, Detail::Blocks)?;
            drawing.arrows = drawing.arrows.into_iter().map(|(from, to)| (to, from)).collect();
            drawing
        }
    };
    print(&match arguments.format {
        GraphFormat::Dot => graph::dot(&drawing),
        GraphFormat::Mermaid => graph::mermaid(&drawing),
        GraphFormat::Json => graph::json(&drawing),
    });
    Ok(Success::Done)
}

fn written(session: &Session, variables: &[VariableArgument], detail: Detail) -> Result<Drawing, Failure> {
    let configuration = session.configuration_with_gaps(variables)?;
    let (drawing, diagnostics) = of_configuration(&configuration.root, detail);
    session.settle(&diagnostics, &configuration.sources)?;
    Ok(drawing)
}

fn planned(session: &Session, path: &Path) -> Result<Drawing, Failure> {
    let bytes = super::show::bytes(session, path)?;
    let read = formwork_engine::plan_file::read_with_state(&bytes);
    let (plan, _) = read.map_err(|diagnostic| session.refused(diagnostic))?;
    Ok(of_plan(&plan))
}

fn contradicting() -> Diagnostic {
    let detail = "A plan file is drawn as the steps of its apply, so -plan goes with -type=apply alone.";
    Diagnostic::error("graph-type", "Incompatible graph options", detail).hint("Leave -type out.")
}

fn planless() -> Diagnostic {
    let detail = "The steps of an apply are those of a plan, and none is given.";
    Diagnostic::error("graph-type", "Missing plan file", detail)
        .hint("Write one with plan -out=FILE, and give it with -plan=FILE.")
}
