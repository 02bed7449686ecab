//! Where text goes: what the process is attached to, decided once at the start.

use crate::render::layout::{DEFAULT_COLUMNS, Layout};
use crate::render::palette::{Look, Palette};
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources, Style, render_text};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// What standard output, error and input are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    pub(crate) layout: Layout,
    error_palette: Palette,
    /// Whether live lines may be drawn.
    pub(crate) is_live: bool,
    /// Whether somebody can answer.
    pub(crate) can_ask: bool,
    /// Whether warnings are shown by their summaries.
    compact_warnings: bool,
    /// Of which findings those of one kind are shown as one.
    consolidated: Consolidated,
}

/// Of which findings those of one kind are shown as one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Consolidated {
    pub(crate) warnings: bool,
    pub(crate) errors: bool,
}

impl Terminal {
    /// Looks at the process's own streams. Colour needs a terminal, no `-no-color`, and no `NO_COLOR`.
    pub(crate) fn detect(no_color: bool, input: bool) -> Self {
        let is_coloured = !no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let (out, error) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let columns = if out { columns() } else { DEFAULT_COLUMNS };
        Self {
            layout: Layout { palette: Palette { colour: is_coloured && out }, columns },
            error_palette: Palette { colour: is_coloured && error },
            is_live: out && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
            can_ask: input && io::stdin().is_terminal(),
            compact_warnings: false,
            consolidated: Consolidated { warnings: true, errors: false },
        }
    }

    /// The same with warnings shown by their summaries, or whole.
    pub(crate) const fn with_compact_warnings(mut self, compact_warnings: bool) -> Self {
        self.compact_warnings = compact_warnings;
        self
    }

    /// The same with findings of one kind shown as one, or each.
    pub(crate) const fn with_consolidated(mut self, consolidated: Consolidated) -> Self {
        self.consolidated = consolidated;
        self
    }

    /// The findings to show: of those that say the same the first, with how many more there are. Unlike in OpenTofu
    /// those whose details differ are all shown: each says something that no other does.
    fn consolidate(&self, diagnostics: &Diagnostics) -> Vec<Diagnostic> {
        let mut shown: Vec<(Diagnostic, usize)> = Vec::new();
        let mut places = HashMap::new();
        for one in diagnostics {
            let are_grouped =
                if one.is_error() { self.consolidated.errors } else { self.consolidated.warnings };
            let key = (one.severity, &one.summary, &one.detail);
            let place =
                (are_grouped && one.subject.is_some()).then(|| *places.entry(key).or_insert(shown.len()));
            match place.and_then(|place| shown.get_mut(place)) {
                Some((_, more)) => *more += 1,
                None => shown.push((one.clone(), 0)),
            }
        }
        let told = shown.into_iter().map(|(mut first, more)| {
            let word = if first.is_error() { "error" } else { "warning" };
            let _ = match more {
                0 => Ok(()),
                1 => write!(first.detail, "\n\n(and one more similar {word} elsewhere)"),
                more => write!(first.detail, "\n\n(and {more} more similar {word}s elsewhere)"),
            };
            first
        });
        told.collect()
    }

    /// Shows findings: errors on standard error, warnings on standard output.
    pub(crate) fn show(&self, diagnostics: &Diagnostics, sources: &Sources) {
        if self.compact_warnings && !diagnostics.is_empty() && !diagnostics.has_errors() {
            return print(&compact(diagnostics, sources, self.layout.palette));
        }
        for diagnostic in &self.consolidate(diagnostics) {
            if diagnostic.is_error() {
                print_error(&format!("{}\n", self.text_of(diagnostic, sources, self.error_palette)));
            } else {
                print(&format!("{}\n", self.text_of(diagnostic, sources, self.layout.palette)));
            }
        }
    }

    fn text_of(&self, diagnostic: &Diagnostic, sources: &Sources, palette: Palette) -> String {
        render_text(
            diagnostic,
            sources,
            Style { colour: palette.colour, width: self.layout.columns.saturating_sub(2) },
        )
    }

    /// Asks and reads one line; none when there is nobody, or the input ends.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        if !self.can_ask {
            return None;
        }
        print(question);
        let mut answer = String::new();
        let length = io::stdin().lock().read_line(&mut answer).ok()?;
        (length > 0).then(|| answer.trim_end_matches(['\n', '\r']).to_owned())
    }
}

/// Warnings by summary, those of one summary together.
fn compact(warnings: &Diagnostics, sources: &Sources, palette: Palette) -> String {
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for warning in warnings {
        let place = warning.subject.and_then(|subject| {
            let file = sources.get(subject.file)?;
            Some(format!("{} line {}", file.name(), file.position(subject.start).line))
        });
        match groups.iter_mut().find(|(summary, _)| *summary == warning.summary) {
            Some((_, places)) => places.extend(place),
            None => groups.push((&warning.summary, place.into_iter().collect())),
        }
    }
    let mut out = format!("\n{}\n\n", palette.paint(Look::BoldYellow, "Warnings:"));
    for (summary, places) in groups {
        let _ = writeln!(out, "- {summary}");
        let _ = match places.as_slice() {
            [] => Ok(()),
            [place] => writeln!(out, "  on {place}"),
            [place, others @ ..] => writeln!(out, "  on {place} (and {} more)", others.len()),
        };
    }
    out.push_str("\nTo see the full warning notes, run Formwork without -compact-warnings.\n");
    out
}

/// What is written with the next text, or when there is nothing else to do.
static HELD: Mutex<String> = Mutex::new(String::new());
/// More is not held.
const HELD_BYTES: usize = 1 << 16;

/// Writes to standard output. A reader that has gone away is no failure of ours.
pub(crate) fn print(text: &str) {
    print_soon(text);
    print_held();
}

/// Leaves a text to be written with what follows it: see [`print_held`].
pub(crate) fn print_soon(text: &str) {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.push_str(text);
    if held.len() > HELD_BYTES {
        write_out(&mut held);
    }
}

/// Writes what was left to be written.
pub(crate) fn print_held() {
    write_out(&mut HELD.lock().unwrap_or_else(PoisonError::into_inner));
}

fn write_out(held: &mut String) {
    if !held.is_empty() {
        let mut out = io::stdout().lock();
        let _ = out.write_all(held.as_bytes());
        let _ = out.flush();
        held.clear();
    }
}

/// Writes to standard error, after what stands before it on standard output.
pub(crate) fn print_error(text: &str) {
    print_held();
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn columns() -> usize {
    terminal_size::terminal_size()
        .map_or(DEFAULT_COLUMNS, |(terminal_size::Width(columns), _)| usize::from(columns).max(40))
}
