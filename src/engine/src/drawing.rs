//! What comes after what, as a picture: the blocks of a configuration, or the steps of a plan.
//!
//! Invariant: it only leaves things out; every arrow stands for a reading or an order that the engine holds itself to.

use crate::graph::{Graph, NodeId, NodeKind, module_prefix};
use crate::model::{Action, Plan, Work};
use formwork_diagnostic::Diagnostics;
use formwork_lang::{Mode, Module};
use formwork_state::ModuleInstance;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Boxes, and arrows from each to what comes before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drawing {
    /// What is drawn.
    pub boxes: Vec<Drawn>,
    /// Places in `boxes`: the first waits for the second.
    pub arrows: BTreeSet<(usize, usize)>,
}

/// One box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Its address, which no other box has.
    pub name: String,
    /// The modules it stands in, outermost first, each by its whole address.
    pub modules: Vec<String>,
    /// What it is.
    pub kind: DrawnKind,
}

/// What a box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawnKind {
    /// A resource block.
    Resource,
    /// A data block.
    Data,
    /// A provider configuration.
    Provider,
    /// A variable, local, output, module call or check.
    Value,
    /// What a plan does to an object.
    Act(Action),
    /// A point that carries order between whole blocks.
    Barrier,
}

/// How much of a configuration is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Resources and data sources; what leads from one to another is an arrow.
    Resources,
    /// Every block.
    Blocks,
}

/// The blocks of a configuration.
pub fn of_configuration(root: &Arc<Module>, detail: Detail) -> (Drawing, Diagnostics) {
    let (graph, diagnostics) = Graph::build(root);
    let mut place = vec![None; graph.nodes.len()];
    let mut drawing = Drawing::default();
    for id in graph.order.iter().copied().filter(|id| is_drawn(&graph, *id, detail)) {
        place[id.0 as usize] = Some(drawing.boxes.len());
        drawing.boxes.push(drawn(&graph, id));
    }
    // What is not drawn stands for the boxes that it leads to; the order has it after those.
    let mut leads_to: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); graph.nodes.len()];
    for id in &graph.order {
        let index = id.0 as usize;
        let mut found = BTreeSet::new();
        for read in &graph.node(*id).reads {
            match place[read.0 as usize] {
                Some(drawn) => _ = found.insert(drawn),
                None => found.extend(&leads_to[read.0 as usize]),
            }
        }
        match place[index] {
            Some(from) => drawing.arrows.extend(found.into_iter().map(|to| (from, to))),
            None => leads_to[index] = found,
        }
    }
    (drawing, diagnostics)
}

fn is_drawn(graph: &Graph, id: NodeId, detail: Detail) -> bool {
    detail == Detail::Blocks || matches!(graph.node(id).kind, NodeKind::Resource(_))
}

fn drawn(graph: &Graph, id: NodeId) -> Drawn {
    let node = graph.node(id);
    let kind = match &node.kind {
        NodeKind::Resource(_) if graph.resource(id).mode == Mode::Managed => DrawnKind::Resource,
        NodeKind::Resource(_) => DrawnKind::Data,
        NodeKind::Provider(..) => DrawnKind::Provider,
        _ => DrawnKind::Value,
    };
    let path = &graph.module(node.module).path;
    let modules =
        (1..=path.len()).map(|length| module_prefix(&path[..length]).trim_end_matches('.').to_owned());
    Drawn { name: graph.name(id), modules: modules.collect(), kind }
}

/// The steps of a plan. A barrier is drawn only where more arrows would be needed without it.
pub fn of_plan(plan: &Plan) -> Drawing {
    let mut users = vec![0_usize; plan.steps.len()];
    for before in plan.steps.iter().flat_map(|step| &step.after) {
        users[*before as usize] += 1;
    }
    let mut drawing = Drawing::default();
    let mut stands_for: Vec<Vec<usize>> = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let mut after: Vec<usize> =
            step.after.iter().flat_map(|before| &stands_for[*before as usize]).copied().collect();
        after.sort_unstable();
        after.dedup();
        let is_left_out = step.work == Work::Barrier && (after.len() < 2 || users[step.id as usize] < 2);
        if is_left_out {
            stands_for.push(after);
            continue;
        }
        let place = drawing.boxes.len();
        drawing.boxes.push(drawn_step(plan, step.id, &step.work));
        drawing.arrows.extend(after.into_iter().map(|before| (place, before)));
        stands_for.push(vec![place]);
    }
    drawing
}

fn drawn_step(plan: &Plan, id: u32, work: &Work) -> Drawn {
    let Some(change) = work.change().and_then(|change| plan.changes.get(change as usize)) else {
        return Drawn { name: format!("barrier {id}"), modules: Vec::new(), kind: DrawnKind::Barrier };
    };
    let action = match work {
        Work::Create { .. } => Action::Create,
        Work::Update { .. } => Action::Update,
        Work::Delete { .. } => Action::Delete,
        Work::Read { .. } => Action::Read,
        Work::Forget { .. } => Action::Forget,
        Work::Barrier => Action::NoOp,
    };
    let deposed = change.deposed.as_ref().map(|key| format!(" (deposed {key})")).unwrap_or_default();
    Drawn {
        name: format!("{}{deposed} ({})", change.address, verb(action)),
        modules: modules(change.address.module()),
        kind: DrawnKind::Act(action),
    }
}

fn modules(innermost: &ModuleInstance) -> Vec<String> {
    let outwards = std::iter::successors(Some(innermost), |module| module.parent());
    let mut found: Vec<String> = outwards.map(ToString::to_string).filter(|text| !text.is_empty()).collect();
    found.reverse();
    found
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "destroy",
        Action::Read => "read",
        Action::Forget => "forget",
        Action::DeleteThenCreate | Action::CreateThenDelete | Action::ForgetThenCreate => "replace",
        Action::NoOp => "keep",
    }
}
