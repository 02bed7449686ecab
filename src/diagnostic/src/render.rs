//! The two renderings of a diagnostic: text for people in the layout OpenTofu's users know, JSON for tools.

use crate::{Diagnostic, Severity, Sources, Span};
use serde_json::{Value, json};
use std::fmt::Write as _;
use unicode_segmentation::UnicodeSegmentation;

/// How text is laid out. Colour never carries meaning alone.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether to write ANSI colour.
    pub colour: bool,
    /// Columns to wrap prose at; 0 for no wrapping.
    pub width: usize,
}

impl Style {
    /// No colour, no wrapping: for files and tests.
    pub const PLAIN: Self = Self { colour: false, width: 0 };

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// One diagnostic as text, with a rule on its left, ending in a newline.
pub fn render_text(diagnostic: &Diagnostic, sources: &Sources, style: Style) -> String {
    let (word, colour) = match diagnostic.severity {
        Severity::Error => ("Error", "31"),
        Severity::Warning => ("Warning", "33"),
    };
    let mut body = format!(
        "{}{}\n",
        style.paint(&format!("1;{colour}"), &format!("{word}: ")),
        style.paint("1", &diagnostic.summary)
    );
    push_place(&mut body, diagnostic, sources, style);
    if !diagnostic.detail.is_empty() {
        body.push('\n');
        push_prose(&mut body, &diagnostic.detail, style);
    }
    if let Some(hint) = &diagnostic.hint {
        body.push('\n');
        push_prose(&mut body, &format!("hint: {hint}"), style);
    }
    frame(&body, style, colour)
}

fn frame(body: &str, style: Style, colour: &str) -> String {
    let mut out = String::with_capacity(body.len() + 64);
    let _ = writeln!(out, "{}", style.paint(colour, "╷"));
    let bar = style.paint(colour, "│");
    for line in body.trim_end_matches('\n').lines() {
        let _ = writeln!(out, "{}", format!("{bar} {line}").trim_end());
    }
    let _ = writeln!(out, "{}", style.paint(colour, "╵"));
    out
}

fn push_place(body: &mut String, diagnostic: &Diagnostic, sources: &Sources, style: Style) {
    if let Some(address) = &diagnostic.address {
        let _ = writeln!(body, "\n  with {address}{},", diagnostic.attribute.as_deref().unwrap_or(""));
    }
    let Some(subject) = diagnostic.subject else { return };
    let Some(file) = sources.get(subject.file) else { return };
    if diagnostic.address.is_none() {
        body.push('\n');
    }
    let start = file.position(subject.start);
    let block = diagnostic.block.as_ref().map(|block| format!(", in {block}")).unwrap_or_default();
    let _ = writeln!(body, "  on {} line {}{block}:", file.name(), start.line);
    push_snippet(body, diagnostic, subject, sources, style);
    if !diagnostic.values.is_empty() {
        let _ = writeln!(body, "    ├────────────────");
        for value in &diagnostic.values {
            let _ = writeln!(body, "    │ {} {}", style.paint("1", &value.traversal), value.statement);
        }
    }
}

/// Lines shown of a long subject; more would hide the rest of the message.
const LINES_SHOWN: u32 = 8;

fn push_snippet(body: &mut String, diagnostic: &Diagnostic, subject: Span, sources: &Sources, style: Style) {
    let Some(file) = sources.get(subject.file) else { return };
    let shown = diagnostic
        .context
        .filter(|context| context.file == subject.file)
        .map_or(subject, |context| context.join(subject));
    let lines =
        |span: Span| (file.position(span.start).line, file.position(span.end.max(span.start + 1) - 1).line);
    let (mut first, mut last) = lines(shown);
    if last >= first + LINES_SHOWN {
        (first, last) = lines(subject);
    }
    let (start, mut end) = (file.position(subject.start), file.position(subject.end));
    if end.line == start.line + 1 && end.column == 1 && file.text()[..subject.end as usize].ends_with('\n') {
        // The newline itself is at fault, or what reaches up to it.
        let width = file.line(start.line).graphemes(true).count();
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the file's 4 GiB")]
        let column = (width as u32 + 1).max(start.column + 1);
        end = crate::Position { line: start.line, column, byte: subject.end };
    }
    for line in first..=last.min(first + LINES_SHOWN - 1) {
        let text = file.line(line);
        let _ = writeln!(body, "  {line:>3}: {}", underline(text, line, start, end, style));
        if !style.colour && start.line == line && end.line == line && end.column > start.column {
            let lead: String = text
                .graphemes(true)
                .take(start.column as usize - 1)
                .map(|cluster| if cluster == "\t" { "\t" } else { " " })
                .collect();
            let _ = writeln!(body, "       {lead}{}", "^".repeat((end.column - start.column) as usize));
        }
    }
    if last >= first + LINES_SHOWN {
        let _ = writeln!(body, "    ... ({} more lines)", last - first + 1 - LINES_SHOWN);
    }
}

fn underline(text: &str, line: u32, start: crate::Position, end: crate::Position, style: Style) -> String {
    if !style.colour || line < start.line || line > end.line {
        return text.to_owned();
    }
    let from = if line == start.line { start.column as usize - 1 } else { 0 };
    let clusters: Vec<&str> = text.graphemes(true).collect();
    let to = if line == end.line { end.column as usize - 1 } else { clusters.len() };
    let (from, to) = (from.min(clusters.len()), to.clamp(from.min(clusters.len()), clusters.len()));
    format!(
        "{}{}{}",
        clusters[..from].concat(),
        style.paint("4", &clusters[from..to].concat()),
        clusters[to..].concat()
    )
}

/// Wraps prose at the style's width; lines that begin with a space are kept as they are.
fn push_prose(body: &mut String, text: &str, style: Style) {
    for line in text.lines() {
        if style.width == 0 || line.starts_with(' ') || line.len() <= style.width {
            body.push_str(line);
            body.push('\n');
            continue;
        }
        let mut column = 0;
        for word in line.split(' ') {
            let length = word.graphemes(true).count();
            if column > 0 && column + 1 + length > style.width {
                body.push('\n');
                column = 0;
            }
            if column > 0 {
                body.push(' ');
                column += 1;
            }
            body.push_str(word);
            column += length;
        }
        body.push('\n');
    }
}

/// One diagnostic in the JSON shape of `validate -json` and of the event stream (ui 1.2).
pub fn render_json(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let mut out = json!({
        "severity": diagnostic.severity,
        "summary": diagnostic.summary,
        "detail": match &diagnostic.hint {
            Some(hint) if diagnostic.detail.is_empty() => hint.clone(),
            Some(hint) => format!("{}\n\nhint: {hint}", diagnostic.detail),
            None => diagnostic.detail.clone(),
        },
    });
    if let Some(address) = &diagnostic.address {
        out["address"] = json!(address);
    }
    if let Some(subject) = diagnostic.subject
        && let Some(file) = sources.get(subject.file)
    {
        out["range"] = json!({"filename": file.name(), "start": file.position(subject.start), "end": file.position(subject.end)});
        out["snippet"] = snippet_json(diagnostic, subject, sources);
    }
    out
}

fn snippet_json(diagnostic: &Diagnostic, subject: Span, sources: &Sources) -> Value {
    let Some(file) = sources.get(subject.file) else { return Value::Null };
    let shown = diagnostic
        .context
        .filter(|context| context.file == subject.file)
        .map_or(subject, |context| context.join(subject));
    let (first, last) =
        (file.position(shown.start).line, file.position(shown.end.max(shown.start + 1) - 1).line);
    let code: Vec<&str> = (first..=last).map(|line| file.line(line)).collect();
    let line_start = shown.start
        - file.text()[..shown.start as usize]
            .bytes()
            .rev()
            .take_while(|byte| *byte != b'\n')
            .fold(0, |n, _| n + 1);
    json!({
        "context": diagnostic.block,
        "code": code.join("\n"),
        "start_line": first,
        "highlight_start_offset": subject.start - line_start,
        "highlight_end_offset": subject.end - line_start,
        "values": diagnostic.values,
    })
}
