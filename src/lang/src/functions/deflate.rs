//! DEFLATE (RFC 1951) to the byte as Go's standard library writes it at its default level, up to Go 1.26: whatever a
//! text of `base64gzip` went into is changed by a changed byte, though it unpacks to the same.
//!
//! Where the format leaves a choice, the choice is Go's: which match is taken ([`Matcher`]), where blocks end, and
//! whether a block is stored, in fixed or in its own codes ([`Writer::block`]).

/// How far back a match may lie, and how much input is looked at before the window moves on by it.
const WINDOW: usize = 1 << 15;
const MATCH_MINIMUM: usize = 4;
const MATCH_MAXIMUM: usize = 258;

/// The window moves on when less than this is left in it.
const LOOKAHEAD: usize = MATCH_MINIMUM + MATCH_MAXIMUM;

/// A block ends after so many tokens.
const TOKENS_A_BLOCK: usize = 1 << 14;

/// A match of this length is not looked beyond for a longer one at the next byte.
const LAZY: usize = 16;
/// A match of this length ends the search.
const NICE: usize = 128;
/// So many candidates are looked at.
const CHAIN: usize = 128;
/// The shortest matches are taken only from this near.
const SHORT_MATCH_DISTANCE: usize = 4096;

const HASH_BITS: u32 = 17;
const HASH_FACTOR: u32 = 0x1e35_a7bd;

/// The largest block that can be stored as it is.
const STORED_MAXIMUM: usize = 65_535;

const END_OF_BLOCK: usize = 256;
const FIRST_LENGTH: usize = 257;
const LITERALS: usize = 286;
const OFFSETS: usize = 30;

/// Extra bits of length codes; each code begins where the one before ends.
const LENGTH_EXTRA: [u8; 29] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

/// The order in which the lengths of length codes are written.
const CODE_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

#[derive(Debug, Clone, Copy)]
enum Token {
    Literal(u8),
    Match { length: usize, offset: usize },
}

/// The compressed form, with an empty stored block as its end: what Go's writer leaves when it is flushed.
pub(super) fn deflated(input: &[u8]) -> Vec<u8> {
    let mut writer = Writer { out: Vec::new(), bits: 0, count: 0 };
    Matcher::new(input).run(&mut writer);
    writer.stored_header(0, false);
    writer.out
}

/// Finds matches, lazily: a match is taken when the next byte has no longer one.
struct Matcher<'a> {
    input: &'a [u8],
    heads: Vec<usize>,
    previous: Vec<usize>,
    /// Where the window begins: nothing before is matched or stored.
    base: usize,
    block_start: usize,
    tokens: Vec<Token>,
}

const NOWHERE: usize = usize::MAX;

impl<'a> Matcher<'a> {
    fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            heads: vec![NOWHERE; 1 << HASH_BITS],
            previous: vec![NOWHERE; input.len()],
            base: 0,
            block_start: 0,
            tokens: Vec::new(),
        }
    }

    fn run(mut self, writer: &mut Writer) {
        let mut at = 0;
        let mut window_end = self.input.len().min(2 * WINDOW);
        let (mut length, mut offset) = (MATCH_MINIMUM - 1, 0);
        let mut is_byte_pending = false;
        while at < self.input.len() {
            if window_end - at < LOOKAHEAD && window_end < self.input.len() {
                self.base += WINDOW;
                window_end = self.input.len().min(self.base + 2 * WINDOW);
            }
            let (length_before, offset_before) = (length, offset);
            (length, offset) = (MATCH_MINIMUM - 1, 0);
            let candidate = self.insert(at);
            let lookahead = window_end - at;
            if lookahead > length_before
                && length_before < LAZY
                && let Some(found) = self.longest(at, candidate, lookahead)
            {
                (length, offset) = found;
            }
            if length_before >= MATCH_MINIMUM && length <= length_before {
                self.tokens.push(Token::Match { length: length_before, offset: offset_before });
                let end = at + length_before - 1;
                for skipped in at + 1..end {
                    self.insert(skipped);
                }
                at = end;
                is_byte_pending = false;
                length = MATCH_MINIMUM - 1;
                self.end_full_block(at, writer);
            } else {
                if is_byte_pending {
                    self.tokens.push(Token::Literal(self.input[at - 1]));
                    self.end_full_block(at, writer);
                }
                at += 1;
                is_byte_pending = true;
            }
        }
        if is_byte_pending {
            self.tokens.push(Token::Literal(self.input[at - 1]));
        }
        if !self.tokens.is_empty() {
            self.end_block(at, writer);
        }
    }

    fn end_full_block(&mut self, at: usize, writer: &mut Writer) {
        if self.tokens.len() == TOKENS_A_BLOCK {
            self.end_block(at, writer);
        }
    }

    fn end_block(&mut self, at: usize, writer: &mut Writer) {
        let is_in_window = self.block_start >= self.base;
        writer.block(&self.tokens, is_in_window.then(|| &self.input[self.block_start..at]));
        self.block_start = at;
        self.tokens.clear();
    }

    /// Notes the four bytes at a place; gives the last place that may have had the same.
    fn insert(&mut self, at: usize) -> usize {
        let Some(bytes) = self.input.get(at..).and_then(|rest| rest.first_chunk::<4>()) else {
            return NOWHERE;
        };
        let hash = u32::from_be_bytes(*bytes).wrapping_mul(HASH_FACTOR) >> (u32::BITS - HASH_BITS);
        let before = std::mem::replace(&mut self.heads[hash as usize], at);
        self.previous[at] = before;
        before
    }

    /// The length and distance of the longest match among the candidates.
    fn longest(&self, at: usize, first: usize, lookahead: usize) -> Option<(usize, usize)> {
        let most = lookahead.min(MATCH_MAXIMUM);
        let nice = most.min(NICE);
        let least = at.saturating_sub(WINDOW).max(self.base);
        let rest = &self.input[at..at + most];
        let mut longest = MATCH_MINIMUM - 1;
        let mut found = None;
        let mut candidate = first;
        for _ in 0..CHAIN {
            if candidate == NOWHERE || candidate < least {
                break;
            }
            if self.input[candidate + longest] == rest[longest] {
                let there = &self.input[candidate..];
                let length = rest.iter().zip(there).take_while(|(left, right)| left == right).count();
                let is_near = at - candidate <= SHORT_MATCH_DISTANCE;
                if length > longest && (length > MATCH_MINIMUM || is_near) {
                    longest = length;
                    found = Some((length, at - candidate));
                    if length >= nice {
                        break;
                    }
                }
            }
            candidate = self.previous[candidate];
        }
        found
    }
}

/// One code: its bits, the first to be written lowest, and how many.
#[derive(Debug, Clone, Copy, Default)]
struct Code {
    bits: u16,
    length: u8,
}

fn reversed(bits: u16, length: u8) -> u16 {
    if length == 0 { 0 } else { bits.reverse_bits() >> (16 - length) }
}

/// Codes for symbols of these frequencies, none longer than `longest`.
fn codes(frequencies: &[u32], longest: usize) -> Vec<Code> {
    let mut codes = vec![Code::default(); frequencies.len()];
    let mut symbols: Vec<usize> = (0..frequencies.len()).filter(|symbol| frequencies[*symbol] > 0).collect();
    if symbols.len() <= 2 {
        for (bits, symbol) in (0_u16..).zip(symbols) {
            codes[symbol] = Code { bits, length: 1 };
        }
        return codes;
    }
    symbols.sort_by_key(|symbol| (frequencies[*symbol], *symbol));
    let sorted: Vec<u64> = symbols.iter().map(|symbol| u64::from(frequencies[*symbol])).collect();
    let mut next = 0_u16;
    for (length, count) in (1_u8..).zip(counts(&sorted, longest.min(sorted.len() - 1))) {
        next <<= 1;
        let mut group = symbols.split_off(symbols.len() - count);
        group.sort_unstable();
        for symbol in group {
            codes[symbol] = Code { bits: reversed(next, length), length };
            next += 1;
        }
    }
    codes
}

/// How many symbols get a code of 1, 2, … bits, by the package-merge algorithm: of a symbol and a package of one
/// weight, the package goes first.
fn counts(sorted: &[u64], longest: usize) -> Vec<usize> {
    // Each level is its items in order: a weight, and whether it is a symbol.
    let mut levels: Vec<Vec<(u64, bool)>> = vec![sorted.iter().map(|weight| (*weight, true)).collect()];
    for _ in 1..longest {
        let below = levels.last().map_or(&[][..], Vec::as_slice);
        let mut packages = below.chunks_exact(2).map(|pair| pair[0].0 + pair[1].0).peekable();
        let mut level = Vec::with_capacity(sorted.len() * 2);
        for weight in sorted {
            while let Some(package) = packages.next_if(|package| package <= weight) {
                level.push((package, false));
            }
            level.push((*weight, true));
        }
        level.extend(packages.map(|package| (package, false)));
        levels.push(level);
    }
    let mut taken = 2 * sorted.len() - 2;
    let mut symbols = Vec::with_capacity(longest);
    for level in levels.iter().rev() {
        let chosen = level.iter().take(taken).filter(|(_, is_symbol)| *is_symbol).count();
        symbols.push(chosen);
        taken = 2 * (taken.min(level.len()) - chosen);
    }
    symbols.push(0);
    symbols.windows(2).map(|pair| pair[0] - pair[1]).collect()
}

fn fixed_literals() -> Vec<Code> {
    let code = |symbol: u16| {
        let (bits, length) = match symbol {
            0..144 => (symbol + 48, 8),
            144..256 => (symbol + 256, 9),
            256..280 => (symbol - 256, 7),
            _ => (symbol - 88, 8),
        };
        Code { bits: reversed(bits, length), length }
    };
    (0..288).take(LITERALS).map(code).collect()
}

fn fixed_offsets() -> Vec<Code> {
    (0..30).map(|symbol| Code { bits: reversed(symbol, 5), length: 5 }).collect()
}

/// The code of a value among codes that begin at 0, each as long as its extra bits say; and what is left.
fn coded(value: usize, extra: impl Iterator<Item = u8>) -> (usize, usize, u8) {
    let mut start = 0;
    let mut last = (0, value, 0);
    for (symbol, bits) in extra.enumerate() {
        if value < start {
            break;
        }
        last = (symbol, value - start, bits);
        start += 1 << bits;
    }
    last
}

/// The longest match has a code of its own.
fn length_code(length: usize) -> (usize, usize, u8) {
    if length == MATCH_MAXIMUM { (28, 0, 0) } else { coded(length - 3, LENGTH_EXTRA[..28].iter().copied()) }
}

fn offset_code(offset: usize) -> (usize, usize, u8) {
    coded(offset - 1, (0..30).map(|symbol: u8| (symbol / 2).saturating_sub(1)))
}

/// The two sets of codes of a block.
struct Codes {
    literals: Vec<Code>,
    offsets: Vec<Code>,
}

impl Codes {
    fn size(&self, literals: &[u32], offsets: &[u32]) -> usize {
        let sum = |codes: &[Code], frequencies: &[u32]| -> usize {
            codes
                .iter()
                .zip(frequencies)
                .map(|(code, count)| usize::from(code.length) * *count as usize)
                .sum()
        };
        sum(&self.literals, literals) + sum(&self.offsets, offsets)
    }
}

/// The lengths of a block's codes, run-length coded: each a symbol, what follows it, and in how many bits.
fn run_lengths(lengths: &[u8]) -> Vec<(usize, usize, u8)> {
    let mut out = Vec::new();
    for run in lengths.chunk_by(|left, right| left == right) {
        let value = usize::from(run[0]);
        let mut left = run.len();
        if value > 0 {
            out.push((value, 0, 0));
            left -= 1;
            while left >= 3 {
                let taken = left.min(6);
                out.push((16, taken - 3, 2));
                left -= taken;
            }
        } else {
            while left >= 11 {
                let taken = left.min(138);
                out.push((18, taken - 11, 7));
                left -= taken;
            }
            if left >= 3 {
                out.push((17, left - 3, 3));
                left = 0;
            }
        }
        out.extend(std::iter::repeat_n((value, 0, 0), left));
    }
    out
}

struct Writer {
    out: Vec<u8>,
    bits: u64,
    count: u32,
}

impl Writer {
    fn put(&mut self, bits: usize, count: u8) {
        self.bits |= (bits as u64) << self.count;
        self.count += u32::from(count);
        while self.count >= 8 {
            self.out.push(self.bits.to_le_bytes()[0]);
            self.bits >>= 8;
            self.count -= 8;
        }
    }

    fn put_code(&mut self, code: Code) {
        self.put(usize::from(code.bits), code.length);
    }

    fn fill_byte(&mut self) {
        if self.count > 0 {
            self.out.push(self.bits.to_le_bytes()[0]);
        }
        (self.bits, self.count) = (0, 0);
    }

    fn stored_header(&mut self, length: u16, is_last: bool) {
        self.put(usize::from(is_last), 3);
        self.fill_byte();
        self.out.extend(length.to_le_bytes());
        self.out.extend((!length).to_le_bytes());
    }

    /// Writes one block in whatever form is smallest; it can be stored where its input is at hand.
    fn block(&mut self, tokens: &[Token], input: Option<&[u8]>) {
        let (mut literals, mut offsets) = (vec![0_u32; LITERALS], vec![0_u32; OFFSETS]);
        let mut extra_bits = 0;
        literals[END_OF_BLOCK] = 1;
        for token in tokens {
            match token {
                Token::Literal(byte) => literals[usize::from(*byte)] += 1,
                Token::Match { length, offset } => {
                    let (length, offset) = (length_code(*length), offset_code(*offset));
                    literals[FIRST_LENGTH + length.0] += 1;
                    offsets[offset.0] += 1;
                    extra_bits += usize::from(length.2) + usize::from(offset.2);
                }
            }
        }
        let used =
            |frequencies: &[u32]| frequencies.iter().rposition(|count| *count > 0).map_or(0, |at| at + 1);
        if used(&offsets) == 0 {
            offsets[0] = 1;
        }
        let own = Codes { literals: codes(&literals, 15), offsets: codes(&offsets, 15) };
        let fixed = Codes { literals: fixed_literals(), offsets: fixed_offsets() };
        let header = Header::new(&own, used(&literals), used(&offsets));
        let own_size = header.size() + own.size(&literals, &offsets) + extra_bits;
        let fixed_size = 3 + fixed.size(&literals, &offsets) + extra_bits;
        let smallest = own_size.min(fixed_size);
        if let Some(input) = input
            && let Ok(length) = u16::try_from(input.len())
            && input.len() <= STORED_MAXIMUM
            && (input.len() + 5) * 8 < smallest
        {
            self.stored_header(length, false);
            self.out.extend(input);
            return;
        }
        if own_size < fixed_size {
            header.write(self);
            self.tokens(tokens, &own);
        } else {
            self.put(2, 3);
            self.tokens(tokens, &fixed);
        }
    }

    fn tokens(&mut self, tokens: &[Token], codes: &Codes) {
        for token in tokens {
            match token {
                Token::Literal(byte) => self.put_code(codes.literals[usize::from(*byte)]),
                Token::Match { length, offset } => {
                    let (symbol, rest, bits) = length_code(*length);
                    self.put_code(codes.literals[FIRST_LENGTH + symbol]);
                    self.put(rest, bits);
                    let (symbol, rest, bits) = offset_code(*offset);
                    self.put_code(codes.offsets[symbol]);
                    self.put(rest, bits);
                }
            }
        }
        self.put_code(codes.literals[END_OF_BLOCK]);
    }
}

/// What stands before a block that has its own codes.
struct Header {
    literals: usize,
    offsets: usize,
    runs: Vec<(usize, usize, u8)>,
    frequencies: Vec<u32>,
    codes: Vec<Code>,
    /// How many lengths of length codes are written.
    lengths: usize,
}

impl Header {
    fn new(own: &Codes, literals: usize, offsets: usize) -> Self {
        let all = own.literals[..literals].iter().chain(&own.offsets[..offsets]);
        let lengths: Vec<u8> = all.map(|code| code.length).collect();
        let runs = run_lengths(&lengths);
        let mut frequencies = vec![0_u32; CODE_ORDER.len()];
        for (symbol, ..) in &runs {
            frequencies[*symbol] += 1;
        }
        let written = CODE_ORDER.iter().rposition(|symbol| frequencies[*symbol] > 0).map_or(0, |at| at + 1);
        let codes = codes(&frequencies, 7);
        Self { literals, offsets, runs, frequencies, codes, lengths: written.max(4) }
    }

    fn size(&self) -> usize {
        let codes = self.codes.iter().zip(&self.frequencies);
        let codes: usize = codes.map(|(code, count)| usize::from(code.length) * *count as usize).sum();
        let extra: usize = self.runs.iter().map(|(.., bits)| usize::from(*bits)).sum();
        3 + 5 + 5 + 4 + 3 * self.lengths + codes + extra
    }

    fn write(&self, writer: &mut Writer) {
        writer.put(4, 3);
        writer.put(self.literals - FIRST_LENGTH, 5);
        writer.put(self.offsets - 1, 5);
        writer.put(self.lengths - 4, 4);
        for symbol in &CODE_ORDER[..self.lengths] {
            writer.put(usize::from(self.codes[*symbol].length), 3);
        }
        for (symbol, rest, bits) in &self.runs {
            writer.put_code(self.codes[*symbol]);
            writer.put(*rest, *bits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::DeflateDecoder;
    use std::io::Read as _;

    /// Texts of many kinds, the same at each run.
    fn texts() -> Vec<Vec<u8>> {
        let mut state = 1_u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        let mut texts: Vec<Vec<u8>> = vec![Vec::new(), vec![b'a'; 70_000], (0..=255).collect()];
        for (length, kinds) in [(1, 1), (10, 4), (300, 3), (5_000, 20), (70_000, 200), (150_000, 7)] {
            texts.push((0..length).map(|_| u8::try_from(random() % kinds).unwrap_or(0) + b' ').collect());
        }
        texts
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in texts() {
            let mut written = deflated(&text);
            written.extend([1, 0, 0, 0xFF, 0xFF]);
            let mut read = Vec::new();
            DeflateDecoder::new(written.as_slice()).read_to_end(&mut read).unwrap();
            assert!(read == text, "{} bytes", text.len());
        }
    }
}
