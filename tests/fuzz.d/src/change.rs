//! Changes of inputs: bytes, words of the language, pieces of other inputs.

/// Numbers that come in no order but the same at each run of one seed.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below a limit; 0 where the limit is.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { usize::try_from(self.next() % limit as u64).unwrap_or(0) }
    }
}

const WORDS: &[&str] = &[
    "${",
    "%{",
    "}",
    "~}",
    "${~",
    "\"",
    "\\\"",
    "<<A\n",
    "<<-A\n",
    "\nA\n",
    "%{ if true }",
    "%{ else }",
    "%{ endif }",
    "%{ for x in [1] }",
    "%{ endfor }",
    "$${",
    "%%{",
    "{",
    "[",
    "]",
    "(",
    ")",
    ",",
    "...",
    ".",
    "*",
    ".*",
    "[*]",
    "=",
    "==",
    "!=",
    "=>",
    "<=",
    ">=",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "/",
    "%",
    "?",
    ":",
    "::",
    "\n",
    " ",
    "\t",
    "\r\n",
    "#",
    "//",
    "/*",
    "*/",
    "for ",
    " in ",
    " if ",
    "for k, v in ",
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "1e9",
    "1e999999999",
    "0.1",
    "1e-9",
    "9223372036854775808",
    "\u{feff}",
    "é",
    "e\u{301}",
    "\u{200d}",
    "\\u00e9",
    "\\n",
    "\\x",
    "var.string",
    "var.number",
    "var.list",
    "var.map",
    "var.unknown",
    "var.secret",
    "var.object",
    "var.nothing",
    "var.any",
    "self",
    "each.key",
    "count.index",
    "path.module",
    "local.a",
    "thing.x[0].id",
    "data.thing.x",
    "module.m.o",
    "resource \"a\" \"b\" {\n",
    "variable \"a\" {\n",
    "locals {\n",
    "output \"a\" {\n",
    "module \"a\" {\n",
    "dynamic \"x\" {\n",
    "content {\n",
    "terraform {\n",
    "provider \"a\" {\n",
    "moved {\n",
    "import {\n",
    "check \"a\" {\n",
    "lifecycle {\n",
    "a = 1\n",
    "}\n",
    "type = ",
    "list(string)",
    "object({ a = optional(string, 1) })",
    "validation {\n",
    "condition = ",
    "error_message = ",
    "for_each = ",
    "count = ",
    "depends_on = [",
    "{{",
    "}}",
    "{{#if a}}",
    "{{/if}}",
    "{{#each a}}",
    "{{/each}}",
    "{{else}}",
    "{{> x}}",
    "{{{",
    "{{json a}}",
    "\"a\": ",
    "\"//\": ",
    "\"resource\": {",
    "\"variable\": {",
    "[{",
    "}]",
    "tolist([",
    "toset([",
    "tomap({",
    "core::",
    "provider::terraform::encode_expr(",
];

/// Makes one input of another, or of two.
pub(crate) fn changed(input: &str, other: &str, functions: &[&str], chance: &mut Chance) -> String {
    let mut text = input.to_owned();
    for _ in 0..=chance.below(4) {
        text = once(&text, other, functions, chance);
    }
    text
}

fn place(text: &str, chance: &mut Chance) -> usize {
    let mut at = chance.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn piece<'a>(text: &'a str, chance: &mut Chance) -> &'a str {
    let (one, other) = (place(text, chance), place(text, chance));
    &text[one.min(other)..one.max(other)]
}

fn once(text: &str, other: &str, functions: &[&str], chance: &mut Chance) -> String {
    let at = place(text, chance);
    let (before, after) = text.split_at(at);
    match chance.below(12) {
        0..=2 => format!("{before}{}{after}", WORDS[chance.below(WORDS.len())]),
        3 => format!("{before}{}({after}", functions[chance.below(functions.len())]),
        4 => {
            let end = at + place(after, chance);
            format!("{before}{}", &text[end..])
        }
        5 => format!("{before}{}{after}", piece(text, chance)),
        6 => format!("{before}{}{after}", piece(other, chance)),
        7 => format!("{before}{}", &other[place(other, chance)..]),
        8 => {
            let count = 1 << chance.below(8);
            format!("{before}{}{after}", piece(after, chance).repeat(count))
        }
        9 => {
            let byte = u8::try_from(chance.below(127)).unwrap_or(b'a');
            let rest: String = after.chars().skip(1).collect();
            format!("{before}{}{rest}", char::from(byte))
        }
        10 => format!("{before}{}({after})", functions[chance.below(functions.len())]),
        _ => {
            let word = WORDS[chance.below(WORDS.len())];
            let count = 1 << chance.below(9);
            format!("{before}{}{after}", word.repeat(count))
        }
    }
}
