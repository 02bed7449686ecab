//! Functions on regular expressions, in RE2's syntax as Go has it: `regex`, `regexall`, `replace`.
//!
//! Invariant: what Go would read in another way than the `regex` crate is rewritten first, so that an expression
//! means the same in both or is refused.

use super::argument::{text, within_bounds};
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{Name, Type, Value};
use regex::{Captures, Regex};
use rustc_hash::FxHashMap;
use std::iter::Peekable;
use std::str::Chars;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

const PATTERN: Parameter = Parameter::new("pattern", Shape::String);
const STRING: Parameter = Parameter::new("string", Shape::String);

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("regex", &[PATTERN, STRING], ResultType::Of(match_type), find).checking(),
    Function::new("regexall", &[PATTERN, STRING], ResultType::Of(matches_type), find_all).checking(),
    Function::new(
        "replace",
        &[
            Parameter::new("str", Shape::String),
            Parameter::new("substr", Shape::String),
            Parameter::new("replace", Shape::String),
        ],
        ResultType::Fixed(Shape::String),
        replace,
    ),
];

/// Compiled expressions are kept: a block with thousands of instances uses the same one for each. They are shared, not
/// cloned: a clone of a [`Regex`] begins without what earlier searches have learned.
static COMPILED: LazyLock<Mutex<FxHashMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);
const KEPT_LIMIT: usize = 256;

fn compile(pattern: &str) -> Result<Arc<Regex>, String> {
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = compiled.get(pattern) {
        return Ok(regex.clone());
    }
    let rewritten = Rewriter::new(pattern).rewrite()?;
    let regex = Regex::new(&rewritten).map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("invalid regexp pattern: {reason}")
    })?;
    let regex = Arc::new(regex);
    if compiled.len() >= KEPT_LIMIT {
        compiled.clear();
    }
    compiled.insert(pattern.to_owned(), regex.clone());
    Ok(regex)
}

fn compiled(arguments: &[Value], at: usize) -> Result<Arc<Regex>, FunctionError> {
    compile(text(&arguments[at])).map_err(|message| FunctionError::argument(at, message))
}

/// A string without groups, a tuple of unnamed groups, an object of named ones.
fn captures_type(regex: &Regex) -> Result<Type, FunctionError> {
    let names: Vec<Option<&str>> = regex.capture_names().skip(1).collect();
    let given: Vec<&str> = names.iter().copied().flatten().collect();
    match (given.len(), names.len()) {
        (0, 0) => Ok(Type::String),
        (0, all) => Ok(Type::tuple(vec![Type::String; all])),
        (named_count, all) if named_count == all => {
            Ok(Type::object(given.into_iter().map(|name| (Name::from(name), Type::String))))
        }
        _ => Err(FunctionError::argument(
            0,
            "invalid regexp pattern: cannot mix both named and unnamed capture groups",
        )),
    }
}

fn match_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    if !arguments[0].is_known() {
        return Ok(Type::Dynamic);
    }
    let regex = compiled(arguments, 0)?;
    captures_type(&regex)
}

fn matches_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    match_type(arguments).map(Type::list)
}

fn captured(captures: &Captures<'_>, value_type: &Type, regex: &Regex) -> Value {
    let group =
        |at: usize| captures.get(at).map_or(Value::null(Type::String), |group| Value::from(group.as_str()));
    match value_type {
        Type::Tuple(types) => Value::tuple((1..=types.len()).map(group).collect()),
        Type::Object(_) => {
            let names =
                regex.capture_names().enumerate().filter_map(|(at, name)| Some((at, Name::from(name?))));
            Value::object(names.map(|(at, name)| (name, group(at))).collect())
        }
        _ => group(0),
    }
}

/// The first match.
fn find(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let regex = compiled(arguments, 0)?;
    let value_type = captures_type(&regex)?;
    match regex.captures(text(&arguments[1])) {
        Some(captures) => Ok(captured(&captures, &value_type, &regex)),
        None => Err(FunctionError::new("pattern did not match any part of the given string")),
    }
}

/// All matches that do not overlap.
fn find_all(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let regex = compiled(arguments, 0)?;
    let value_type = captures_type(&regex)?;
    let whole = text(&arguments[1]);
    let found = if value_type == Type::String {
        // Without groups no captures are asked for, which takes longer.
        regex.find_iter(whole).map(|found| Value::from(found.as_str())).collect()
    } else {
        regex.captures_iter(whole).map(|captures| captured(&captures, &value_type, &regex)).collect()
    };
    Ok(Value::list(value_type, found))
}

/// The text with each occurrence of another replaced; between slashes the other is a regular expression.
fn replace(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (whole, sought, replacement) = (text(&arguments[0]), text(&arguments[1]), text(&arguments[2]));
    let Some(pattern) = sought.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) else {
        let added = whole.matches(sought).count().checked_mul(replacement.len());
        within_bounds(added.and_then(|added| added.checked_add(whole.len())))?;
        return Ok(Value::from(whole.replace(sought, replacement)));
    };
    let regex = compile(pattern).map_err(FunctionError::new)?;
    // What a match is replaced by has the replacement's text and at most the match for each of its references.
    let references = replacement.matches('$').count() + 1;
    let added = regex.find_iter(whole).count().checked_mul(replacement.len());
    within_bounds(whole.len().checked_mul(references).and_then(|most| most.checked_add(added?)))?;
    Ok(Value::from(regex.replace_all(whole, replacement).as_ref()))
}

/// Turns Go's syntax into that of the `regex` crate.
struct Rewriter<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    /// The last thing written was a repetition, which cannot be repeated itself.
    is_repeated: bool,
}

const CLASS_DIGIT: &str = "0-9";
const CLASS_WORD: &str = "0-9A-Za-z_";
const CLASS_SPACE: &str = r"\t\n\x0C\r\x20";

const CLASS_NAMES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

impl<'a> Rewriter<'a> {
    fn new(pattern: &'a str) -> Self {
        Self {
            rest: pattern.chars().peekable(),
            out: String::with_capacity(pattern.len()),
            is_repeated: false,
        }
    }

    fn rewrite(mut self) -> Result<String, String> {
        while let Some(character) = self.rest.next() {
            let is_repetition = match character {
                '*' | '+' | '?' => true,
                '{' => self.begins_repetition()?,
                _ => false,
            };
            if is_repetition {
                self.repetition(character)?;
                continue;
            }
            self.is_repeated = false;
            match character {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '{' => self.literal('{'),
                '(' => self.group()?,
                other => self.out.push(other),
            }
        }
        Ok(self.out)
    }

    /// One character that is only itself.
    fn literal(&mut self, character: char) {
        if character.is_alphanumeric() || character == '_' {
            self.out.push(character);
        } else {
            self.code(u32::from(character));
        }
    }

    fn code(&mut self, code: u32) {
        self.out.extend([format!("\\x{{{code:X}}}")]);
    }

    /// Between `\Q` and `\E` every character is itself.
    fn quoted(&mut self) {
        while let Some(character) = self.rest.next() {
            if character == '\\' && self.rest.peek() == Some(&'E') {
                self.rest.next();
                return;
            }
            self.literal(character);
        }
    }

    /// Go's classes and word boundaries are those of ASCII.
    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let Some(escaped) = self.rest.next() else {
            return Err("invalid regexp pattern: trailing backslash at end of expression".to_owned());
        };
        let class = match escaped.to_ascii_lowercase() {
            'd' => Some(CLASS_DIGIT),
            'w' => Some(CLASS_WORD),
            's' => Some(CLASS_SPACE),
            _ => None,
        };
        match (class, escaped) {
            (Some(class), 'd' | 'w' | 's') if in_class => self.out.push_str(class),
            (Some(class), 'd' | 'w' | 's') => self.out.extend(["[", class, "]"]),
            (Some(class), _) => self.out.extend(["[^", class, "]"]),
            (None, 'b') if !in_class => self.out.push_str(r"(?-u:\b)"),
            (None, 'B') if !in_class => self.out.push_str(r"(?-u:\B)"),
            (None, 'Q') if !in_class => self.quoted(),
            (None, '0'..='7') => self.octal(escaped)?,
            (None, 'A' | 'z' | 'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'x' | 'p' | 'P') => {
                self.out.push('\\');
                self.out.push(escaped);
                if matches!(escaped, 'x' | 'p' | 'P') && self.rest.peek() == Some(&'{') {
                    self.out.extend(self.rest.by_ref().take_while(|character| *character != '}'));
                    self.out.push('}');
                }
            }
            (None, other) if other.is_ascii_punctuation() => self.literal(other),
            (None, other) => {
                return Err(format!("invalid regexp pattern: invalid escape sequence in \\{other}"));
            }
        }
        Ok(())
    }

    /// `\0` and up to two more octal digits; a single other digit would be a reference back, which RE2 has not.
    fn octal(&mut self, first: char) -> Result<(), String> {
        let is_octal = |character: &char| ('0'..='7').contains(character);
        if first != '0' && !self.rest.peek().is_some_and(is_octal) {
            return Err(format!("invalid regexp pattern: invalid escape sequence in \\{first}"));
        }
        let mut code = first.to_digit(8).unwrap_or(0);
        for _ in 0..2 {
            match self.rest.next_if(is_octal) {
                Some(digit) => code = code * 8 + digit.to_digit(8).unwrap_or(0),
                None => break,
            }
        }
        self.code(code);
        Ok(())
    }

    /// In a class, `[` and doubled `&`, `-` and `~` are themselves, unless `[:name:]` begins.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        if self.rest.next_if_eq(&']').is_some() {
            self.out.push_str("\\]");
        }
        while let Some(character) = self.rest.next() {
            match character {
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => self.escape(true)?,
                '[' => self.named_class()?,
                '&' | '~' => self.literal(character),
                '-' if self.rest.peek() == Some(&'-') || self.out.ends_with('[') => self.literal('-'),
                other => self.out.push(other),
            }
        }
        Err("invalid regexp pattern: missing closing ]".to_owned())
    }

    fn named_class(&mut self) -> Result<(), String> {
        let mut ahead = self.rest.clone();
        if ahead.next() == Some(':') {
            let name: String = ahead.by_ref().take_while(|character| *character != ':').collect();
            let is_name =
                name.trim_start_matches('^').chars().all(|character| character.is_ascii_alphabetic());
            if is_name && ahead.next() == Some(']') {
                if !CLASS_NAMES.contains(&name.trim_start_matches('^')) {
                    return Err(format!(
                        "invalid regexp pattern: invalid character class range in [:{name}:]"
                    ));
                }
                self.out.extend(["[:", &name, ":]"]);
                self.rest = ahead;
                return Ok(());
            }
        }
        self.literal('[');
        Ok(())
    }

    /// The head of a group: Go has names and the flags `i`, `m`, `s` and `U`.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        self.out.push('?');
        if matches!(self.rest.peek(), Some('P' | '<')) {
            return Ok(());
        }
        while let Some(flag) = self.rest.next_if(|character| !matches!(character, ':' | ')')) {
            if !matches!(flag, 'i' | 'm' | 's' | 'U' | '-') {
                return Err(format!(
                    "invalid regexp pattern: invalid or unsupported Perl syntax in (?{flag}"
                ));
            }
            self.out.push(flag);
        }
        Ok(())
    }

    /// One repetition, perhaps reluctant.
    fn repetition(&mut self, operator: char) -> Result<(), String> {
        if self.is_repeated {
            return Err("invalid regexp pattern: invalid nested repetition operator".to_owned());
        }
        self.out.push(operator);
        if operator == '{' {
            self.out.extend(self.rest.by_ref().take_while(|character| *character != '}'));
            self.out.push('}');
        }
        self.out.extend(self.rest.next_if_eq(&'?'));
        self.is_repeated = true;
        Ok(())
    }

    /// Whether a repetition follows the brace; else the brace is itself.
    fn begins_repetition(&self) -> Result<bool, String> {
        const LIMIT: u32 = 1000;
        let inner: String = self.rest.clone().take_while(|character| *character != '}').collect();
        let is_closed = self.rest.clone().nth(inner.chars().count()) == Some('}');
        let (low, high) = inner.split_once(',').unwrap_or((&inner, ""));
        let is_number = |text: &str| text.chars().all(|character| character.is_ascii_digit());
        if !is_closed || low.is_empty() || !is_number(low) || !is_number(high) {
            return Ok(false);
        }
        let is_too_many =
            |text: &str| !text.is_empty() && text.parse::<u32>().map_or(true, |count| count > LIMIT);
        if is_too_many(low) || is_too_many(high) {
            return Err(format!("invalid regexp pattern: invalid repeat count in {{{inner}}}"));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_syntax_keeps_its_meaning() {
        for (pattern, subject, expected) in [
            (r"\d+", "a12٣", Some("12")),
            (r"[\w-]+", "é-a_1", Some("-a_1")),
            (r"\Qa.b\E+", "a.bbb", Some("a.bbb")),
            (r"[[a]+", "x[a[", Some("[a[")),
            (r"[a&&b]+", "&a", Some("&a")),
            (r"a{,2}", "a{,2}", Some("a{,2}")),
            (r"a{2}", "aaa", Some("aa")),
            (r"[[:alpha:]]+", "1ab", Some("ab")),
            (r"\<b\>", "<b>", Some("<b>")),
            (r"\101", "A", Some("A")),
            (r"[^]a]", "]ab", Some("b")),
            (r"(?i)ABC", "abc", Some("abc")),
            (r"[a-]+", "x-a", Some("-a")),
            (r"\bfoo\b", "a foo", Some("foo")),
            (r"é\Bé", "éé", Some("éé")),
            (r"(?i:A)(?P<x>b)", "ab", Some("ab")),
            (r"\p{Greek}+\x{41}", "αβA", Some("αβA")),
        ] {
            let regex = compile(pattern).unwrap();
            assert_eq!(regex.find(subject).map(|found| found.as_str()), expected, "{pattern}");
        }
    }

    #[test]
    fn what_re2_has_not_is_refused() {
        for pattern in [
            r"\1",
            r"(?=a)",
            r"\Z",
            r"[a",
            r"\",
            r"a{2,1}",
            r"a**",
            r"a{1001}",
            r"(?x)a",
            r"[[:foo:]]",
            r"(?i",
        ] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
