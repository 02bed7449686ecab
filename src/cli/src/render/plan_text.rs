//! A plan as people read it, in OpenTofu's layout, with what only Formwork has beside it: recovery and later stages.

use super::attention;
use super::diff::{Change as Sides, Diff, Matcher, Options, Verdict, block, dynamic, identifier};
use super::layout::Layout;
use super::palette::{Look, Palette};
use super::plan_header::{self, Cause};
use super::schemas::Schemas;
use formwork_engine::model::{AttributeStep, RelevantAttribute};
use formwork_engine::{Action, Change, OutputChange, Plan, RunMode, Stage};
use formwork_state::{Address, DeposedKey, Mode, ModuleInstance, ProviderConfigAddress};
use formwork_value::Value;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Writes plans.
pub(crate) struct PlanText<'a> {
    pub(crate) schemas: &'a Schemas,
    pub(crate) layout: Layout,
    /// Whether sensitive values are shown as if they were not.
    pub(crate) show_sensitive: bool,
}

/// What of a plan is on the screen.
struct Shown<'a> {
    changes: Vec<&'a Change>,
    drift: Vec<Change>,
    outputs: String,
}

impl PlanText<'_> {
    /// The whole plan, from drift to outputs.
    pub(crate) fn render(&self, plan: &Plan) -> String {
        let changes = shown_changes(plan);
        // Outputs of a plan that got nowhere say nothing but that their values were not found.
        let got_nowhere = plan.errored && changes.is_empty();
        let outputs = if got_nowhere { String::new() } else { self.outputs(&plan.outputs) };
        let shown = Shown { changes, drift: shown_drift(plan), outputs };
        let mut out = String::new();
        self.drift(&mut out, plan, &shown.drift);
        if shown.changes.is_empty()
            && shown.outputs.is_empty()
            && plan.stages.is_empty()
            && plan.recover.is_empty()
        {
            self.nothing(&mut out, plan, !shown.drift.is_empty());
            return out;
        }
        if !shown.drift.is_empty() {
            out.push_str(&self.layout.rule());
        }
        recovery(&mut out, plan);
        self.legend(&mut out, &shown.changes);
        self.changes(&mut out, plan, &shown.changes);
        self.stages(&mut out, &plan.stages);
        out.push_str(&attention::text(&attention::of_plan(plan, self.schemas), self.layout.palette));
        if !shown.changes.is_empty() {
            let _ = writeln!(out, "\n{}", summary(plan, self.layout.palette));
        }
        self.output_section(&mut out, plan, &shown);
        out
    }

    fn drift(&self, out: &mut String, plan: &Plan, drift: &[Change]) {
        if drift.is_empty() {
            return;
        }
        let palette = self.layout.palette;
        let _ = writeln!(
            out,
            "\n{} {}\n",
            palette.paint(Look::BoldCyan, "Note:"),
            palette.paint(Look::Bold, "Objects have changed outside of Formwork")
        );
        let _ = writeln!(
            out,
            "{}",
            self.layout.wrapped(
                "Formwork detected the following changes made outside of Formwork since the last \"formwork apply\" which may have affected this plan:"
            )
        );
        for change in drift {
            let _ = writeln!(out, "\n{}", self.change(change, Cause::Drift));
        }
        let _ = writeln!(
            out,
            "{}",
            self.layout.wrapped(match plan.mode {
                RunMode::RefreshOnly =>
                    "\n\nThis is a refresh-only plan, so Formwork will not take any actions to undo these. If you were expecting these changes then you can apply this plan to record the updated values in the Formwork state without changing any remote objects.",
                RunMode::Normal | RunMode::Destroy =>
                    "\n\nUnless you have made equivalent changes to your configuration, or ignored the relevant attributes using ignore_changes, the following plan may include actions to undo or respond to these changes.",
            })
        );
    }

    fn nothing(&self, out: &mut String, plan: &Plan, has_drift: bool) {
        let palette = self.layout.palette;
        let head = |out: &mut String, look, first, rest| {
            let _ = writeln!(out, "\n{} {}", palette.paint(look, first), palette.paint(Look::Bold, rest));
        };
        if has_drift && (plan.errored || plan.mode != RunMode::RefreshOnly) {
            let _ = writeln!(out, "{}", self.layout.rule());
        }
        if plan.errored {
            head(
                out,
                Look::BoldRed,
                "Planning failed.",
                "Formwork encountered an error while generating this plan.",
            );
            out.push('\n');
            return;
        }
        let (sentence, more) = match plan.mode {
            RunMode::RefreshOnly if has_drift => return,
            RunMode::RefreshOnly => (
                "Your infrastructure still matches the configuration.",
                "Formwork has checked that the real remote objects still match the result of your most recent changes, and found no differences.",
            ),
            RunMode::Destroy => (
                "No objects need to be destroyed.",
                "Either you have not created any objects yet or the existing objects were already deleted outside of Formwork.",
            ),
            RunMode::Normal => (
                "Your infrastructure matches the configuration.",
                "Formwork has compared your real infrastructure against your configuration and found no differences, so no changes are needed.",
            ),
        };
        head(out, Look::BoldGreen, "No changes.", sentence);
        let _ = writeln!(out, "\n{}", self.layout.wrapped(more));
    }

    fn legend(&self, out: &mut String, changes: &[&Change]) {
        if changes.iter().all(|change| change.action == Action::NoOp) {
            return;
        }
        let _ = writeln!(
            out,
            "{}",
            self.layout.wrapped(
                "\nFormwork used the selected providers to generate the following execution plan. Resource actions are indicated with the following symbols:"
            )
        );
        for (action, words) in [
            (Action::Create, "create"),
            (Action::Update, "update in-place (current -> planned)"),
            (Action::Delete, "destroy"),
            (Action::DeleteThenCreate, "destroy and then create replacement"),
            (Action::CreateThenDelete, "create replacement and then destroy"),
            (Action::Read, "read (data resources)"),
            (Action::ForgetThenCreate, "forget and then create replacement"),
            (Action::Forget, "forget"),
        ] {
            if changes.iter().any(|change| change.action == action) {
                let symbol = plan_header::symbol(action, self.layout.palette);
                // This one is wider than its column, and stands without the margin here.
                let is_wide = action == Action::ForgetThenCreate;
                let symbol = if is_wide { symbol.trim_start() } else { &symbol };
                let _ = writeln!(out, "{symbol} {words}");
            }
        }
    }

    fn changes(&self, out: &mut String, plan: &Plan, changes: &[&Change]) {
        if changes.is_empty() {
            return;
        }
        out.push_str(if plan.errored {
            "\nFormwork planned the following actions, but then encountered a problem:\n"
        } else {
            "\nFormwork will perform the following actions:\n"
        });
        for change in changes {
            let _ = writeln!(out, "\n{}", self.change(change, Cause::Plan));
        }
    }

    /// One object as the plan shows it.
    pub(crate) fn planned(&self, change: &Change) -> String {
        self.change(change, Cause::Plan)
    }

    /// One object: its comment, its header line, its attributes.
    fn change(&self, change: &Change, cause: Cause) -> String {
        let palette = self.layout.palette;
        let mut out = plan_header::comment(change, cause, palette);
        let address = &change.address;
        let kind = if address.mode() == Mode::Managed { "resource" } else { "data" };
        let _ = write!(
            out,
            "{} {kind} \"{}\" \"{}\" ",
            plan_header::symbol(change.action, palette),
            address.type_name(),
            address.name()
        );
        let options = Options {
            palette,
            hide_symbols: change.action == Action::Forget,
            hide_null: change.action == Action::Forget,
            show_unchanged: change.importing.is_some(),
            ..Options::default()
        };
        self.difference(change).write(&mut out, 0, options);
        out
    }

    fn difference(&self, change: &Change) -> Diff {
        let (before, after) = (self.shown(&change.before), self.shown(&change.after));
        let sides = Sides::new(Some(&before), Some(&after), Matcher::new(&change.replace_paths));
        self.schemas.with(&change.provider.provider, &change.address, |kind| {
            block(&sides, kind.map(|kind| &kind.block))
        })
    }

    /// A value as it may be shown.
    fn shown<'v>(&self, value: &'v Value) -> Cow<'v, Value> {
        if self.show_sensitive { Cow::Owned(value.unmark_deep().0) } else { Cow::Borrowed(value) }
    }

    fn outputs(&self, outputs: &[OutputChange]) -> String {
        let mut shown: Vec<(&OutputChange, Diff)> = outputs
            .iter()
            .filter(|output| output.action != Action::NoOp)
            .map(|output| (output, self.output_difference(output)))
            .filter(|(_, diff)| diff.verdict != Verdict::Same)
            .collect();
        shown.sort_by(|left, right| left.0.name.cmp(&right.0.name));
        let width = shown.iter().map(|(output, _)| identifier(&output.name).len()).max().unwrap_or(0);
        let palette = self.layout.palette;
        let mut out = String::new();
        for (output, diff) in &shown {
            let symbol = super::diff::header_symbol(diff.verdict, palette);
            let _ = write!(out, "{symbol} {:<width$} = ", identifier(&output.name));
            diff.write(&mut out, 0, Options { palette, ..Options::default() });
            out.push('\n');
        }
        out
    }

    fn output_difference(&self, output: &OutputChange) -> Diff {
        let (before, after) = (self.shown(&output.before), self.shown(&output.after));
        let mut sides = Sides::new(Some(&before), Some(&after), Matcher::default());
        let sensitive = output.sensitive && !self.show_sensitive;
        // A secret that comes or goes is one on the side that stands.
        sides.before.sensitive |= sensitive && sides.before.value.is_some();
        sides.after.sensitive |= sensitive && (sides.after.value.is_some() || sides.unknown);
        dynamic(&sides)
    }

    fn output_section(&self, out: &mut String, plan: &Plan, shown: &Shown<'_>) {
        if shown.outputs.is_empty() {
            return;
        }
        let _ = write!(out, "\nChanges to Outputs:\n{}", shown.outputs);
        let only_outputs = shown.changes.iter().all(|change| change.action == Action::NoOp);
        if only_outputs && plan.stages.is_empty() && !plan.errored {
            let words = "\nYou can apply this plan to save these new output values to the Formwork state, without changing any real infrastructure.";
            let _ = writeln!(out, "{}", self.layout.wrapped(words));
        }
    }

    fn stages(&self, out: &mut String, stages: &[Stage]) {
        for (at, stage) in stages.iter().enumerate() {
            let words = format!(
                "\nStage {} follows in the same run, when more is known: {}. Without asking again it may do this and no more:\n",
                at + 2,
                stage.awaits
            );
            let _ = writeln!(out, "{}", self.layout.wrapped(&words));
            for entry in &stage.envelope {
                let mut actions: Vec<&str> = entry.actions.iter().copied().map(plan_header::word).collect();
                actions.dedup();
                let count = match entry.at_most {
                    Some(1) => "1 instance".to_owned(),
                    Some(count) => format!("at most {count} instances"),
                    None => "any number".to_owned(),
                };
                let name = self.layout.palette.paint(Look::Bold, &entry.block);
                let _ = writeln!(out, "  # {name}: {}, {count}", actions.join(" or "));
                for address in &entry.expected {
                    let _ = writeln!(out, "      {address}");
                }
                for address in &entry.may_touch {
                    let _ = writeln!(out, "      {address} (stands now)");
                }
            }
        }
    }
}

/// The sentence that other tools read; its words and order are OpenTofu's.
pub(crate) fn summary(plan: &Plan, palette: Palette) -> String {
    let summary = plan.summary();
    let mut out = format!("{} ", palette.paint(Look::Bold, "Plan:"));
    if summary.import > 0 {
        let _ = write!(out, "{} to import, ", summary.import);
    }
    let _ =
        write!(out, "{} to add, {} to change, {} to destroy", summary.add, summary.change, summary.destroy);
    if summary.forget > 0 {
        let _ = write!(out, ", {} to forget", summary.forget);
    }
    out.push('.');
    out
}

/// One line a provider configuration: where it points.
pub(crate) fn targets(plan: &Plan) -> String {
    let shown = plan.targets.iter().filter(|(_, target)| !target.words.is_empty());
    shown.fold(String::new(), |mut out, (provider, target)| {
        let _ = writeln!(out, "{}: {}", provider_name(provider), target.words);
        out
    })
}

/// A provider configuration as people read it: without the default registry.
pub(crate) fn provider_name(provider: &str) -> String {
    provider
        .parse::<ProviderConfigAddress>()
        .map_or_else(|_| provider.to_owned(), |address| address.for_display())
}

fn recovery(out: &mut String, plan: &Plan) {
    if plan.recover.is_empty() {
        return;
    }
    out.push_str("\nAn earlier run ended with these in flight. Apply takes them up first:\n\n");
    for key in &plan.recover {
        let _ = writeln!(out, "  # {key} will be recovered");
    }
}

/// The order of the screen: shallow modules first, data sources before resources.
pub(crate) fn order(change: &Change) -> Place {
    place(&change.address, change.deposed.as_ref())
}

/// Where an object stands on the screen and in plan JSON.
pub(crate) type Place = (usize, ModuleInstance, bool, Address, Option<DeposedKey>);

/// The place of an object.
pub(crate) fn place(address: &Address, deposed: Option<&DeposedKey>) -> Place {
    let module = address.module();
    let is_managed = address.mode() == Mode::Managed;
    (module.steps().len(), module.clone(), is_managed, address.clone(), deposed.cloned())
}

fn shown_changes(plan: &Plan) -> Vec<&Change> {
    let is_shown = |change: &&Change| match change.action {
        Action::NoOp => change.importing.is_some() || plan_header::is_moved(change),
        Action::Delete => change.address.mode() == Mode::Managed,
        _ => true,
    };
    let mut changes: Vec<&Change> = plan.changes.iter().filter(is_shown).collect();
    changes.sort_by_cached_key(|change| order(change));
    changes
}

/// Drift that matters to the plan: all of it when only refreshing, else of each object what a change reads.
fn shown_drift(plan: &Plan) -> Vec<Change> {
    let mut drift: Vec<Change> = match plan.mode {
        RunMode::RefreshOnly => plan.drift.clone(),
        RunMode::Normal | RunMode::Destroy => {
            let is_drift = |change: &&Change| change.action != Action::NoOp;
            let drift = plan.drift.iter().filter(is_drift);
            drift.filter_map(|change| as_read(change, &plan.relevant)).collect()
        }
    };
    drift.sort_by_cached_key(order);
    drift
}

/// The drift with only those attributes changed that are read; none when nothing of it is.
fn as_read(change: &Change, relevant: &[RelevantAttribute]) -> Option<Change> {
    let reads = relevant.iter().filter(|one| is_of(&one.resource, &change.address));
    let attributes: Vec<&str> = reads
        .map(|one| match one.attribute.first() {
            Some(AttributeStep::Name(name)) => name.as_str(),
            Some(AttributeStep::Index(_)) | None => "",
        })
        .collect();
    if attributes.is_empty() {
        return None;
    }
    let mut shown = change.clone();
    if attributes.contains(&"") || change.after.is_null() {
        return Some(shown);
    }
    let (after, marks) = change.after.unmark();
    let (before, _) = change.before.unmark();
    let entries = after.entries()?.iter().map(|(name, value)| {
        let is_read = attributes.contains(&name.as_str());
        let value = if is_read { value } else { before.get(name).unwrap_or(value) };
        (name.clone(), value.clone())
    });
    shown.after = Value::object(entries.collect()).with_marks(&marks);
    (shown.after != shown.before).then_some(shown)
}

/// Whether a reference reads an instance: it names it, or its block without a key.
fn is_of(read: &Address, instance: &Address) -> bool {
    read == instance || (read.key().is_none() && read.block() == instance.block())
}

#[cfg(test)]
mod tests;
