//! Patterns of paths for `fileset`: `*`, `?`, `[class]`, `{a,b}` within one name and `**` for any folders.

use crate::source::{Source, SourceError, join_path};

/// The files below a folder whose path from there matches; folders themselves never do. Links are as the source
/// shows them.
pub(super) fn matching_files(source: &dyn Source, root: &str, pattern: &str) -> Result<Vec<String>, String> {
    const PATTERN_MAXIMUM: usize = 4096;
    if pattern.len() > PATTERN_MAXIMUM {
        return Err(format!("the pattern is longer than {PATTERN_MAXIMUM} bytes"));
    }
    let mut found = Vec::new();
    for alternative in alternatives(pattern)? {
        let mut parts: Vec<&str> = alternative.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        // Two in a row mean what one does, and would be followed in every way of sharing the folders out.
        parts.dedup_by(|later, earlier| *later == "**" && *earlier == "**");
        walk(source, root, "", &parts, &mut found)?;
    }
    Ok(found)
}

/// Deeper folders than these are a loop.
const DEPTH_LIMIT: usize = 256;

fn walk(
    source: &dyn Source,
    root: &str,
    below: &str,
    parts: &[&str],
    found: &mut Vec<String>,
) -> Result<(), String> {
    let Some((part, rest)) = parts.split_first() else { return Ok(()) };
    if below.matches('/').count() > DEPTH_LIMIT {
        return Ok(());
    }
    if *part == ".." {
        return walk(source, root, &format!("{below}../"), rest, found);
    }
    if *part == "**" && !rest.is_empty() {
        walk(source, root, below, rest, found)?;
    }
    let names = match source.list(&join_path(root, below)) {
        Ok(names) => names,
        Err(SourceError::NotFound) => return Ok(()),
        Err(SourceError::Other(reason)) => return Err(reason),
    };
    for name in names {
        let path = format!("{below}{name}");
        match (name.strip_suffix('/'), *part) {
            (Some(_), "**") => walk(source, root, &path, parts, found)?,
            (None, "**") if rest.is_empty() => found.push(path),
            (None, "**") => {}
            (Some(folder), part) if !rest.is_empty() && matches_name(part, folder) => {
                walk(source, root, &path, rest, found)?;
            }
            (None, part) if rest.is_empty() && matches_name(part, &name) => found.push(path),
            (_, _) => {}
        }
    }
    Ok(())
}

/// Braces multiplied out: `{a,b}c` is `ac` and `bc`.
fn alternatives(pattern: &str) -> Result<Vec<String>, String> {
    const LIMIT: usize = 1024;
    let Some((start, end)) = first_braces(pattern)? else { return Ok(vec![pattern.to_owned()]) };
    let (before, after) = (&pattern[..start], &pattern[end + 1..]);
    let mut all = Vec::new();
    for choice in split_choices(&pattern[start + 1..end]) {
        all.extend(alternatives(&format!("{before}{choice}{after}"))?);
        if all.len() > LIMIT {
            return Err("the pattern has too many alternatives".to_owned());
        }
    }
    Ok(all)
}

/// Where the first pair of braces stands.
fn first_braces(pattern: &str) -> Result<Option<(usize, usize)>, String> {
    let mut depth = 0;
    let mut start = 0;
    let mut characters = pattern.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '{' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            '}' if depth == 1 => return Ok(Some((start, at))),
            '}' if depth > 1 => depth -= 1,
            _ => {}
        }
    }
    if depth > 0 { Err("syntax error in pattern".to_owned()) } else { Ok(None) }
}

/// The choices between commas, those of inner braces aside.
fn split_choices(inner: &str) -> Vec<&str> {
    let mut choices = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                choices.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    choices.push(&inner[start..]);
    choices
}

/// Whether one name matches one part of a pattern.
fn matches_name(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut position) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while position < name.len() || at < pattern.len() {
        if pattern.get(at) == Some(&'*') {
            retry = Some((at, position + 1));
            at += 1;
            continue;
        }
        if let Some(length) = name.get(position).and_then(|character| matches_one(&pattern[at..], *character))
        {
            at += length;
            position += 1;
            continue;
        }
        match retry {
            Some((star, next)) if next <= name.len() => (at, position) = (star, next),
            _ => return false,
        }
    }
    true
}

/// How many characters of the pattern match the one character, if they do.
fn matches_one(pattern: &[char], character: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', escaped, ..] => (*escaped == character).then_some(2),
        ['[', rest @ ..] => {
            let (length, is_in) = matches_class(rest, character)?;
            is_in.then_some(length + 1)
        }
        [literal, ..] => (*literal == character).then_some(1),
        [] => None,
    }
}

/// How long a class is, and whether the character is in it; nothing where it does not end.
fn matches_class(class: &[char], character: char) -> Option<(usize, bool)> {
    let is_negated = matches!(class.first(), Some('^' | '!'));
    let mut at = usize::from(is_negated);
    let mut is_in = false;
    let mut is_first = true;
    loop {
        let mut low = *class.get(at)?;
        if low == ']' && !is_first {
            return Some((at + 1, is_in != is_negated));
        }
        is_first = false;
        if low == '\\' {
            at += 1;
            low = *class.get(at)?;
        }
        let mut high = low;
        if class.get(at + 1) == Some(&'-') && class.get(at + 2).is_some_and(|end| *end != ']') {
            high = class[at + 2];
            at += 2;
        }
        is_in |= (low..=high).contains(&character);
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemorySource;

    #[test]
    fn patterns_find_files() {
        let files = ["a.txt", "b.txt", "c.md", "sub/a.txt", "sub/deep/a.txt", "sub/deep/b.md"];
        let source = MemorySource::from_iter(files.map(|path| (format!("root/{path}"), "")));
        for (pattern, expected) in [
            ("*.txt", vec!["a.txt", "b.txt"]),
            ("?.md", vec!["c.md"]),
            ("**/*.md", vec!["c.md", "sub/deep/b.md"]),
            ("sub/**", vec!["sub/a.txt", "sub/deep/a.txt", "sub/deep/b.md"]),
            ("[ac].*", vec!["a.txt", "c.md"]),
            ("[^a-b].*", vec!["c.md"]),
            ("{a,c}.{txt,md}", vec!["a.txt", "c.md"]),
            ("*/a.txt", vec!["sub/a.txt"]),
            ("sub", vec![]),
            ("none/*", vec![]),
        ] {
            let mut found = matching_files(&source, "root", pattern).unwrap();
            found.sort();
            assert_eq!(found, expected, "{pattern}");
        }
        assert!(matching_files(&source, "root", "{a").is_err());
    }
}
