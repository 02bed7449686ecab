//! Numbers: whole ones inline, others as binary floating point.
//!
//! Invariant: a whole number that fits 64 bits is inline (but for negative zero, and what came from a 64-bit float).
//! Operations answer `None` where arithmetic has no answer (infinity less infinity). As in cty, numbers of different
//! precision are equal when they have one text: one tenth read from text and from a float are.

use crate::big_float::{BigFloat, TEXT, WORD};
use crate::decimal;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A number.
#[derive(Clone)]
pub enum Number {
    /// A whole number that fits, read from text: a quotient of two has 512 bits.
    Int(i64),
    /// A whole number that was counted: a length, an index. As in Go, a quotient of two has 64 bits.
    Word(i64),
    /// Any other.
    Big(Arc<BigFloat>),
}

/// Two numbers that are inline, and what makes a number of a whole result.
type Inline = (i64, i64, fn(i64) -> Number);

impl Number {
    /// Zero.
    pub const ZERO: Self = Self::Word(0);

    /// Reads decimal text as cty does: digits with an optional point and exponent, or `Inf`.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.strip_prefix('-').unwrap_or(text);
        if plain.len() < 19
            && !plain.is_empty()
            && plain.bytes().all(|byte| byte.is_ascii_digit())
            && text != "-0"
        {
            return text.parse().ok().map(Self::Int);
        }
        decimal::parse(text).map(Self::canonical)
    }

    /// Infinity with a sign.
    pub fn infinity(negative: bool) -> Self {
        Self::Big(Arc::new(BigFloat::infinity(negative)))
    }

    /// The number that a 64-bit float is, with its precision; `None` for what is not a number.
    pub fn from_f64(float: f64) -> Option<Self> {
        if float.is_nan() {
            return None;
        }
        if float.is_infinite() {
            return Some(Self::infinity(float < 0.0));
        }
        Some(Self::Big(Arc::new(BigFloat::from_f64(float))))
    }

    /// The nearest 64-bit float.
    pub fn to_f64(&self) -> f64 {
        self.big().to_f64().0
    }

    /// The 64-bit float that is exactly this number, where there is one.
    pub fn to_f64_exact(&self) -> Option<f64> {
        let (float, exact) = self.big().to_f64();
        exact.then_some(float)
    }

    /// The whole number, where it is one that fits.
    pub fn to_i64(&self) -> Option<i64> {
        match self {
            Self::Int(int) | Self::Word(int) => Some(*int),
            Self::Big(big) => big.to_i64(),
        }
    }

    /// Whether it is finite and whole.
    pub fn is_integer(&self) -> bool {
        match self {
            Self::Int(_) | Self::Word(_) => true,
            Self::Big(big) => big.is_integer(),
        }
    }

    /// Whether it is infinite.
    pub fn is_infinite(&self) -> bool {
        matches!(self, Self::Big(big) if big.is_infinite())
    }

    /// Whether it is zero of either sign.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Int(int) | Self::Word(int) => *int == 0,
            Self::Big(big) => big.is_zero(),
        }
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i8 {
        match self {
            Self::Int(int) | Self::Word(int) => i8::from(*int > 0) - i8::from(*int < 0),
            Self::Big(big) => big.sign(),
        }
    }

    /// The same number with the other sign; of 0 it is -0, as in cty.
    #[must_use]
    pub fn negate(&self) -> Self {
        match self {
            Self::Int(int) if *int != 0 && *int != i64::MIN => Self::Int(-int),
            Self::Word(int) if *int != 0 && *int != i64::MIN => Self::Word(-int),
            _ => Self::canonical(self.big().negate()),
        }
    }

    /// The same number without its sign.
    #[must_use]
    pub fn absolute(&self) -> Self {
        match self {
            Self::Int(int) if *int != i64::MIN => Self::Int(int.abs()),
            Self::Word(int) if *int != i64::MIN => Self::Word(int.abs()),
            _ => Self::canonical(self.big().absolute()),
        }
    }

    /// The sum.
    pub fn add(&self, other: &Self) -> Option<Self> {
        if let Some((left, right, whole)) = self.inline_with(other)
            && let Some(sum) = left.checked_add(right)
        {
            return Some(whole(sum));
        }
        self.big().add(&other.big()).map(Self::canonical)
    }

    /// The difference.
    pub fn subtract(&self, other: &Self) -> Option<Self> {
        if let Some((left, right, whole)) = self.inline_with(other)
            && let Some(difference) = left.checked_sub(right)
        {
            return Some(whole(difference));
        }
        self.big().add(&other.big().negate()).map(Self::canonical)
    }

    /// The product.
    pub fn multiply(&self, other: &Self) -> Option<Self> {
        if let Some((left, right, whole)) = self.inline_with(other)
            && let Some(product) = left.checked_mul(right)
            && (product != 0 || (left >= 0 && right >= 0))
        {
            return Some(whole(product));
        }
        self.big().multiply(&other.big()).map(Self::canonical)
    }

    /// The quotient; infinite where a number other than zero is divided by zero.
    pub fn divide(&self, other: &Self) -> Option<Self> {
        if let Some((left, right, whole)) = self.inline_with(other)
            && left != 0
            && left.checked_rem(right) == Some(0)
            && let Some(quotient) = left.checked_div(right)
        {
            return Some(whole(quotient));
        }
        self.big().divide(&other.big()).map(Self::canonical)
    }

    /// What remains of a division that stops at a whole number towards zero. By zero it is the number itself.
    pub fn remainder(&self, other: &Self) -> Option<Self> {
        if let Some((left, right, _)) = self.inline_with(other)
            && right != 0
            && let Some(rest) = left.checked_rem(right)
        {
            // It has the precision of what was divided.
            return Some(if matches!(self, Self::Word(_)) { Self::Word(rest) } else { Self::Int(rest) });
        }
        if self.is_infinite() || other.is_infinite() {
            return self.multiply(other);
        }
        if other.is_zero() {
            return Some(self.clone());
        }
        let (left, right) = (self.big(), other.big());
        let whole = left.divide(&right)?.truncate();
        // Go makes an integer of it on the way, which has no negative zero.
        let whole = if whole.is_zero() { whole.absolute() } else { whole }.rounded(left.precision());
        let product = right.multiply(&whole)?.rounded(left.precision());
        left.add(&product.negate()).map(|rest| Self::canonical(rest.rounded(left.precision())))
    }

    /// The greatest whole number that is not above it.
    #[must_use]
    pub fn floor(&self) -> Self {
        self.whole_neighbour(|whole, number| (whole > number).then_some(-1))
    }

    /// The smallest whole number that is not below it.
    #[must_use]
    pub fn ceiling(&self) -> Self {
        self.whole_neighbour(|whole, number| (whole < number).then_some(1))
    }

    fn whole_neighbour(&self, step: impl Fn(&Self, &Self) -> Option<i64>) -> Self {
        if self.is_infinite() || self.is_integer() {
            return self.clone();
        }
        let whole = Self::canonical(self.big().truncate());
        // Go makes an integer of it on the way, which has no negative zero.
        let whole = if whole.is_zero() { whole.absolute() } else { whole };
        match step(&whole, self) {
            Some(step) => whole.add(&Self::Word(step)).unwrap_or(whole),
            None => whole,
        }
    }

    /// The power, computed in 64-bit floats as cty does; `None` where that is not a number.
    pub fn power(&self, exponent: &Self) -> Option<Self> {
        Self::from_f64(self.to_f64().powf(exponent.to_f64()))
    }

    /// Ten significant digits as Go's `Text('g', 10)`: what cty orders the elements of sets by.
    pub(crate) fn general_text(&self) -> String {
        decimal::general_text(&self.big())
    }

    fn big(&self) -> Arc<BigFloat> {
        match self {
            Self::Int(int) => Arc::new(BigFloat::from_integer(i128::from(*int), TEXT)),
            Self::Word(int) => Arc::new(BigFloat::from_integer(i128::from(*int), WORD)),
            Self::Big(big) => big.clone(),
        }
    }

    /// Both numbers, where they are inline, and what a whole result of them becomes.
    fn inline_with(&self, other: &Self) -> Option<Inline> {
        match (self, other) {
            (Self::Word(left), Self::Word(right)) => Some((*left, *right, Self::Word)),
            (Self::Int(left) | Self::Word(left), Self::Int(right) | Self::Word(right)) => {
                Some((*left, *right, Self::Int))
            }
            _ => None,
        }
    }

    fn canonical(big: BigFloat) -> Self {
        match (big.precision(), big.to_i64()) {
            (TEXT, Some(int)) if int != 0 || !big.is_negative() => Self::Int(int),
            (WORD, Some(int)) if int != 0 || !big.is_negative() => Self::Word(int),
            _ => Self::Big(Arc::new(big)),
        }
    }

    /// Whether it is below another by value. As in cty, a number can be equal to one that it is below by value, where
    /// both have one text.
    pub fn is_below(&self, other: &Self) -> bool {
        self.compare_values(other) == Ordering::Less
    }

    fn compare_values(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(left) | Self::Word(left), Self::Int(right) | Self::Word(right)) => left.cmp(right),
            _ => self.big().compare(&other.big()),
        }
    }

    fn has_text_of(&self, other: &Self) -> bool {
        let (Self::Big(left), Self::Big(right)) = (self, other) else { return false };
        left.precision() != right.precision()
            && self.to_f64().to_bits() == other.to_f64().to_bits()
            && self.to_string() == other.to_string()
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.compare_values(other) {
            order if order.is_ne() && self.has_text_of(other) => Ordering::Equal,
            order => order,
        }
    }
}

/// By the nearest 64-bit float, which equal numbers of any precision share.
impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.to_i64() {
            Some(int) => int.hash(state),
            None => self.to_f64().to_bits().hash(state),
        }
    }
}

/// What the program counts has 64 bits.
impl From<i64> for Number {
    fn from(int: i64) -> Self {
        Self::Word(int)
    }
}

/// What the program counts has 64 bits.
impl From<i32> for Number {
    fn from(int: i32) -> Self {
        Self::Word(int.into())
    }
}

/// What the program counts has 64 bits.
impl From<u64> for Number {
    fn from(int: u64) -> Self {
        Self::canonical(BigFloat::from_integer(i128::from(int), WORD))
    }
}

/// The shortest decimal that reads back as the same number.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) | Self::Word(int) => write!(f, "{int}"),
            Self::Big(big) => f.write_str(&decimal::plain_text(big)),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn text_reads_and_prints() {
        let cases = [
            ("0", "0"),
            ("-0", "-0"),
            ("-0.0", "-0"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e-7", "0.0000001"),
            ("1p3", "8"),
            ("8704315e-9", "0.008704315"),
            ("99999999999999999.5", "99999999999999999.5"),
            ("4e-300", &format!("0.{}4", "0".repeat(299))),
            ("+7", "7"),
            ("Inf", "+Inf"),
            ("-inf", "-Inf"),
            ("0.1", "0.1"),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "9223372036854775808"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("123456789012345678901234567890.5", "123456789012345678901234567890.5"),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text).to_string(), expected, "{text}");
        }
        for text in [
            "",
            "-",
            "x",
            "1e",
            "1_000",
            "0x10",
            " 1",
            "1 ",
            "--1",
            "infinity",
            "1e99999999999999999999",
            ".",
        ] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
        let large = format!("1{}", "0".repeat(400));
        assert_eq!(number("1e400").to_string(), large);
    }
}
