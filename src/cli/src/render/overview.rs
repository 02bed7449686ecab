//! A plan in short: a table by stage, module and kind, and the comment of a pull request.

use super::attention;
use super::palette::Palette;
use super::plan_text::{PlanText, order, summary};
use formwork_engine::{Action, Change, Plan, Stage};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const COLUMNS: [&str; 6] = ["add", "change", "replace", "destroy", "forget", "recover"];
const RECOVER: usize = 5;

/// Characters that a comment may have on the forges there are.
const COMMENT_AT_MOST: usize = 65_000;
/// Characters kept for what stands after the modules.
const RESERVED: usize = 300;

/// How many objects; `any` where a later stage sets no bound.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    number: u64,
    is_open: bool,
}

impl std::fmt::Display for Count {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_open { out.pad("any") } else { out.pad(&self.number.to_string()) }
    }
}

/// Stage, module and kind.
type Subject = (usize, String, String);
type Rows = BTreeMap<Subject, [Count; COLUMNS.len()]>;

fn column(action: Action) -> Option<usize> {
    Some(match action {
        Action::NoOp | Action::Read => return None,
        Action::Create => 0,
        Action::Update => 1,
        Action::DeleteThenCreate | Action::CreateThenDelete | Action::ForgetThenCreate => 2,
        Action::Delete => 3,
        Action::Forget => 4,
    })
}

fn module_name(text: String) -> String {
    if text.is_empty() { "(root)".to_owned() } else { text }
}

fn rows(plan: &Plan) -> Rows {
    let mut rows = Rows::new();
    let mut add = |stage: usize, module: String, kind: String, column: usize, count: Option<u64>| {
        let cell = &mut rows.entry((stage, module_name(module), kind)).or_default()[column];
        match count {
            Some(count) => cell.number += count,
            None => cell.is_open = true,
        }
    };
    for change in &plan.changes {
        if let Some(column) = column(change.action) {
            let address = &change.address;
            add(1, address.module().to_string(), address.type_name().to_string(), column, Some(1));
        }
    }
    for key in &plan.recover {
        let address = &key.address;
        add(1, address.module().to_string(), address.type_name().to_string(), RECOVER, Some(1));
    }
    for (stage, Stage { envelope, .. }) in (2..).zip(&plan.stages) {
        for entry in envelope {
            for column in entry.actions.iter().copied().filter_map(column) {
                let block = &entry.block;
                add(stage, block.module().to_string(), block.type_name().to_string(), column, entry.at_most);
            }
        }
    }
    rows
}

/// The table for people.
pub(crate) fn table(plan: &Plan) -> String {
    let rows = rows(plan);
    let is_staged = !plan.stages.is_empty();
    let width = |of: fn(&Subject) -> &str, least: &str| {
        rows.keys().map(|key| of(key).chars().count()).max().unwrap_or(0).max(least.len())
    };
    let (module_width, kind_width) = (width(|key| &key.1, "module"), width(|key| &key.2, "kind"));
    let mut out = String::from("\n");
    let mut line = |stage: &str, module: &str, kind: &str, counts: Vec<String>| {
        if is_staged {
            let _ = write!(out, "{stage:<7}");
        }
        let _ = write!(out, "{module:<module_width$}  {kind:<kind_width$}");
        for (name, count) in COLUMNS.iter().zip(counts) {
            let _ = write!(out, "  {count:>width$}", width = name.len());
        }
        out.push('\n');
    };
    line("stage", "module", "kind", COLUMNS.iter().map(ToString::to_string).collect());
    for ((stage, module, kind), counts) in &rows {
        line(&stage.to_string(), module, kind, counts.iter().map(ToString::to_string).collect());
    }
    out
}

/// The comment of a pull request: the summary, what deserves attention, the table, then each module folded.
pub(crate) fn markdown(plan: &Plan, text: &PlanText<'_>) -> String {
    let mut out = format!("### {}\n", summary(plan, Palette::default()));
    let attention = attention::of_plan(plan, text.schemas);
    if !attention.is_empty() {
        out.push_str("\n**Attention**\n\n");
        for one in attention.iter().take(50) {
            let _ = writeln!(out, "- `{}`: {}", one.address, one.words);
        }
    }
    let _ = writeln!(out, "\n| stage | module | kind | {} |", COLUMNS.join(" | "));
    let _ = writeln!(out, "| --- | --- | --- |{}", " ---: |".repeat(COLUMNS.len()));
    for ((stage, module, kind), counts) in &rows(plan) {
        let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
        let row = format!("| {stage} | {module} | {kind} | {} |\n", counts.join(" | "));
        if out.len() + row.len() > COMMENT_AT_MOST / 2 {
            out.push_str("\nMore modules are left out here.\n");
            break;
        }
        out.push_str(&row);
    }
    fold_modules(&mut out, plan, text);
    out
}

fn fold_modules(out: &mut String, plan: &Plan, text: &PlanText<'_>) {
    let mut changes: Vec<&Change> =
        plan.changes.iter().filter(|change| column(change.action).is_some()).collect();
    changes.sort_by_cached_key(|change| order(change));
    let mut modules: Vec<(String, Vec<&Change>)> = Vec::new();
    for change in changes {
        let module = module_name(change.address.module().to_string());
        match modules.last_mut() {
            Some((name, all)) if *name == module => all.push(change),
            _ => modules.push((module, vec![change])),
        }
    }
    let count = modules.len();
    for (at, (module, changes)) in modules.into_iter().enumerate() {
        let mut body = String::new();
        for change in &changes {
            body.push_str(&as_diff(&text.planned(change)));
            body.push('\n');
        }
        let head = format!("\n<details><summary>{module}: {} changes</summary>\n\n````diff\n", changes.len());
        let foot = "````\n\n</details>\n";
        let left = COMMENT_AT_MOST.saturating_sub(out.len() + head.len() + foot.len() + RESERVED);
        let is_whole = body.len() <= left;
        if !is_whole {
            let end = body.char_indices().map(|(at, _)| at).take_while(|at| *at <= left).last().unwrap_or(0);
            let end = body[..end].rfind('\n').map_or(0, |at| at + 1);
            body.truncate(end);
        }
        out.extend([head.as_str(), &body, foot]);
        if !is_whole {
            let _ = writeln!(
                out,
                "\nThe rest, of {} of {count} modules, is left out: a comment has an end.",
                count - at
            );
            return;
        }
    }
}

/// Symbols in the first column, where forges colour them.
fn as_diff(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.lines() {
        let rest = line.trim_start();
        let indent = &line[..line.len() - rest.len()];
        let (symbol, rest) = match rest.as_bytes().first() {
            Some(b'+') => ("+", &rest[1..]),
            Some(b'-') => ("-", &rest[1..]),
            Some(b'~') => ("!", &rest[1..]),
            _ => (" ", rest),
        };
        let _ = writeln!(out, "{symbol}{indent}{rest}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::corpus;
    use super::super::layout::Layout;
    use super::super::plan_text::PlanText;
    use super::{COMMENT_AT_MOST, as_diff, markdown, table};

    #[test]
    fn symbols_come_first() {
        for (line, expected) in [
            ("      + a = 1", "+       a = 1\n"),
            ("      ~ a = 1", "!       a = 1\n"),
            ("        a = 1", "         a = 1\n"),
        ] {
            assert_eq!(as_diff(line), expected);
        }
    }

    #[test]
    fn recorded_plans_have_short_forms() {
        for case in corpus::cases() {
            let (plan, schemas) = (case.plan(), case.schemas());
            let text = PlanText { schemas: &schemas, layout: Layout::PLAIN, show_sensitive: false };
            let comment = markdown(&plan, &text);
            assert!(comment.starts_with("### Plan: ") && comment.len() <= COMMENT_AT_MOST, "{}", case.name);
            let summary = plan.summary();
            let total: u64 = table(&plan)
                .lines()
                .skip(2)
                .flat_map(|line| {
                    line.split_whitespace().rev().take(6).map(|cell| cell.parse::<u64>().unwrap())
                })
                .sum();
            let replaced = plan.changes.iter().filter(|change| change.action.is_replace()).count();
            let expected = summary.add + summary.change + summary.destroy + summary.forget - replaced;
            assert_eq!(total, expected as u64, "{}", case.name);
        }
    }
}
