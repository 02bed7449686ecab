//! The recorded plans of another implementation are the truth: plan JSON in, text out, compared with its text.

use super::{Layout, PlanText};
use crate::render::corpus::{self, Case};

#[test]
fn recorded_plans_are_laid_out_alike() {
    let cases = corpus::cases();
    let differing: Vec<String> = cases.iter().filter_map(difference).collect();
    corpus::conclude(cases.len(), &differing);
}

fn difference(case: &Case) -> Option<String> {
    let schemas = case.schemas();
    let text =
        PlanText { schemas: &schemas, layout: Layout::PLAIN, show_sensitive: false }.render(&case.plan());
    let (text, expected) = (words(&text), words(&case.text));
    (text != expected).then(|| format!("== {}\n{}", case.name, line_diff(&expected, &text)))
}

/// Ours with prose as single lines, since the engines' names wrap differently.
fn words(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let is_prose = line.starts_with(|first: char| first.is_alphabetic()) && !line.starts_with("Plan:");
        if is_prose && out.chars().next_back().is_some_and(|last| last != '\n') {
            out.push(' ');
        } else {
            out.push('\n');
        }
        out.push_str(line);
        if !is_prose {
            out.push('\n');
        }
    }
    out.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn line_diff(expected: &str, text: &str) -> String {
    let mut out = String::new();
    for change in similar::TextDiff::from_lines(expected, text).iter_all_changes() {
        if change.tag() != similar::ChangeTag::Equal {
            out.extend([&change.tag().to_string(), " ", change.value()]);
        }
    }
    out
}
