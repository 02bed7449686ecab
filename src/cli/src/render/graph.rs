//! A drawing as Graphviz, Mermaid or JSON.

use formwork_engine::drawing::{Drawing, Drawn, DrawnKind};
use serde_json::json;
use std::fmt::Write as _;

/// The innermost module of a box, and what it is called inside.
fn inside(drawn: &Drawn) -> &str {
    let Some(module) = drawn.modules.last() else { return &drawn.name };
    drawn.name.strip_prefix(module.as_str()).and_then(|rest| rest.strip_prefix('.')).unwrap_or(&drawn.name)
}

/// Boxes by the module they stand in, with the modules below.
#[derive(Default)]
struct Nest<'a> {
    name: &'a str,
    boxes: Vec<usize>,
    below: Vec<Nest<'a>>,
}

impl<'a> Nest<'a> {
    fn of(drawing: &'a Drawing) -> Self {
        let mut root = Self::default();
        for (place, drawn) in drawing.boxes.iter().enumerate() {
            let mut at = &mut root;
            for module in &drawn.modules {
                let found = at.below.iter().position(|nest| nest.name == module).unwrap_or_else(|| {
                    at.below.push(Self { name: module, ..Self::default() });
                    at.below.len() - 1
                });
                at = &mut at.below[found];
            }
            at.boxes.push(place);
        }
        root
    }
}

/// The language of Graphviz, in the layout of `terraform graph`.
pub(crate) fn dot(drawing: &Drawing) -> String {
    let mut out =
        "digraph G {\n  rankdir = \"RL\";\n  node [shape = rect, fontname = \"sans-serif\"];\n".to_owned();
    dot_nest(&mut out, drawing, &Nest::of(drawing), 1);
    for (from, to) in &drawing.arrows {
        let (from, to) = (&drawing.boxes[*from].name, &drawing.boxes[*to].name);
        let _ = writeln!(out, "  {from:?} -> {to:?};");
    }
    out.push_str("}\n");
    out
}

fn dot_nest(out: &mut String, drawing: &Drawing, nest: &Nest<'_>, depth: usize) {
    let margin = "  ".repeat(depth);
    for place in &nest.boxes {
        let drawn = &drawing.boxes[*place];
        let look = match drawn.kind {
            DrawnKind::Resource | DrawnKind::Act(_) => "",
            DrawnKind::Data => ", style = dashed",
            DrawnKind::Provider => ", shape = diamond",
            DrawnKind::Value => ", shape = note",
            DrawnKind::Barrier => ", shape = point",
        };
        let _ = writeln!(out, "{margin}{:?} [label={:?}{look}];", drawn.name, inside(drawn));
    }
    for below in &nest.below {
        let _ = writeln!(out, "{margin}subgraph {:?} {{", format!("cluster_{}", below.name));
        let _ = writeln!(out, "{margin}  label = {:?}\n{margin}  fontname = \"sans-serif\"", below.name);
        dot_nest(out, drawing, below, depth + 1);
        let _ = writeln!(out, "{margin}}}");
    }
}

/// Mermaid, as forges show it in Markdown.
pub(crate) fn mermaid(drawing: &Drawing) -> String {
    let mut out = "flowchart RL\n".to_owned();
    let mut clusters = 0;
    mermaid_nest(&mut out, drawing, &Nest::of(drawing), &mut clusters, 1);
    for (from, to) in &drawing.arrows {
        let _ = writeln!(out, "  n{from} --> n{to}");
    }
    out
}

fn mermaid_nest(out: &mut String, drawing: &Drawing, nest: &Nest<'_>, clusters: &mut usize, depth: usize) {
    let margin = "  ".repeat(depth);
    for place in &nest.boxes {
        let drawn = &drawing.boxes[*place];
        let label = quoted(inside(drawn));
        let shape = match drawn.kind {
            DrawnKind::Resource | DrawnKind::Act(_) => format!("[{label}]"),
            DrawnKind::Data => format!("[/{label}/]"),
            DrawnKind::Provider => format!("{{{{{label}}}}}"),
            DrawnKind::Value => format!("({label})"),
            DrawnKind::Barrier => "((\" \"))".to_owned(),
        };
        let _ = writeln!(out, "{margin}n{place}{shape}");
    }
    for below in &nest.below {
        let _ = writeln!(out, "{margin}subgraph c{clusters}[{}]", quoted(below.name));
        *clusters += 1;
        mermaid_nest(out, drawing, below, clusters, depth + 1);
        let _ = writeln!(out, "{margin}end");
    }
}

/// A label: quotation marks would end it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('&', "#amp;").replace('"', "#quot;"))
}

/// Boxes and arrows as data.
pub(crate) fn json(drawing: &Drawing) -> String {
    let nodes: Vec<_> = drawing
        .boxes
        .iter()
        .map(|drawn| {
            let (kind, action) = match drawn.kind {
                DrawnKind::Resource => ("resource", None),
                DrawnKind::Data => ("data", None),
                DrawnKind::Provider => ("provider", None),
                DrawnKind::Value => ("value", None),
                DrawnKind::Barrier => ("barrier", None),
                DrawnKind::Act(action) => ("step", Some(action)),
            };
            let mut node = json!({ "id": drawn.name, "kind": kind });
            if let Some(module) = drawn.modules.last() {
                node["module"] = json!(module);
            }
            if let Some(action) = action {
                node["action"] = json!(action);
            }
            node
        })
        .collect();
    let edge = |(from, to): &(usize, usize)| json!({ "from": drawing.boxes[*from].name, "to": drawing.boxes[*to].name });
    let edges: Vec<_> = drawing.arrows.iter().map(edge).collect();
    format!("{:#}\n", json!({ "format_version": "1.0", "nodes": nodes, "edges": edges }))
}
