//! INI as sops writes and reads it: sections of texts.

use super::super::tree::Node;

/// The section of what stands before the first one.
const DEFAULT: &str = "DEFAULT";
/// Around a text of several lines.
const LONG_QUOTE: &str = "\"\"\"";

pub(super) fn read(text: &str) -> Result<Node, String> {
    let mut sections = vec![(DEFAULT.to_owned(), Vec::new())];
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            let (name, _) = name.rsplit_once(']').ok_or_else(|| wrong(number))?;
            // Before the first section there is one by that name already.
            if name != DEFAULT || sections.len() > 1 {
                sections.push((name.to_owned(), Vec::new()));
            }
            continue;
        }
        let (name, value) = named(line).ok_or_else(|| wrong(number))?;
        let value = match value.strip_prefix(LONG_QUOTE) {
            Some(begun) => long(begun, lines.by_ref().map(|(_, line)| line)).ok_or_else(|| wrong(number))?,
            None => short(value).to_owned(),
        };
        if let Some((_, entries)) = sections.last_mut() {
            entries.push((name.to_owned(), value));
        }
    }
    sections.retain(|(name, entries)| name != DEFAULT || !entries.is_empty());
    Ok(Node::Map(sections.into_iter().map(section).collect()))
}

fn wrong(number: usize) -> String {
    format!("it is no INI file, at line {number}")
}

fn section((name, entries): (String, Vec<(String, String)>)) -> (String, Node) {
    // What describes the file has line ends written out.
    let is_description = name == "sops";
    let value = |text: String| Node::text(if is_description { text.replace("\\n", "\n") } else { text });
    let entries = entries.into_iter().map(|(name, text)| (name, value(text))).collect();
    (name, Node::Map(entries))
}

/// A name, which may be quoted, and what follows its sign.
fn named(line: &str) -> Option<(&str, &str)> {
    for quote in [LONG_QUOTE, "\"", "`"] {
        if let Some(inside) = line.strip_prefix(quote) {
            let (name, rest) = inside.split_once(quote)?;
            let rest = rest.trim_start().strip_prefix(['=', ':'])?;
            return Some((name, rest.trim()));
        }
    }
    let (name, rest) = line.split_once(['=', ':'])?;
    Some((name.trim(), rest.trim()))
}

/// A text up to the quote that ends it, in this line or a later one.
fn long<'t>(begun: &'t str, mut lines: impl Iterator<Item = &'t str>) -> Option<String> {
    let mut text = String::new();
    let mut line = begun;
    loop {
        if let Some((end, _)) = line.split_once(LONG_QUOTE) {
            text.push_str(end);
            return Some(text);
        }
        text.push_str(line);
        text.push('\n');
        line = lines.next()?;
    }
}

/// A text of one line, without its quotes, or without the comment behind it.
fn short(text: &str) -> &str {
    if let Some((inside, _)) = text.strip_prefix('`').and_then(|text| text.split_once('`')) {
        return inside;
    }
    let text = text.find(['#', ';']).map_or(text, |at| text[..at].trim_end());
    let quoted = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    quoted.filter(|inside| !inside.contains(['"', '\''])).unwrap_or(text)
}
