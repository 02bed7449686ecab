//! Binary floating point of up to 512 bits: the arithmetic of Go's `big.Float`, half-even.
//!
//! Invariant: the mantissa of a finite number has its top bit set and zeros below its precision, so a number has one
//! representation only. As in Go, a number carries the precision it was made with: 512 bits where it was read from
//! text, fewer where it came from a machine word; a result has the greater of its operands'.
//! Where the field's `NaN` would come out (infinity less infinity, zero by zero), the answer is `None`.

use num_bigint::BigUint;
use num_traits::Zero;
use std::cmp::Ordering;

/// Bits of a mantissa.
pub(crate) const PRECISION: u64 = 512;

/// The precision of what is read from text.
pub(crate) const TEXT: u16 = 512;

/// The precision of what came from a 64-bit integer.
pub(crate) const WORD: u16 = 64;

/// The precision of what came from a 64-bit float.
pub(crate) const FLOAT: u16 = 53;

/// A binary floating-point number of up to 512 bits' mantissa.
#[derive(Debug, Clone)]
pub struct BigFloat {
    negative: bool,
    precision: u16,
    magnitude: Magnitude,
}

/// Two numbers are the same by value, whatever their precision.
impl PartialEq for BigFloat {
    fn eq(&self, other: &Self) -> bool {
        self.negative == other.negative && self.magnitude == other.magnitude
    }
}

impl Eq for BigFloat {}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Magnitude {
    Zero,
    /// `mantissa` × 2^`exponent`.
    Finite {
        mantissa: [u64; 8],
        exponent: i64,
    },
    Infinite,
}

/// How far an exponent goes, where the mantissa is read as 0.1…: to some forty thousand decimal digits. Go goes to
/// 2^31, where the text of one number takes minutes and gigabytes.
const EXPONENT_MAXIMUM: i64 = 1 << 17;
const EXPONENT_MINIMUM: i64 = -(1 << 17);

/// When exponents differ by more bits than this, the smaller number can only break a tie.
const ALIGN_MAXIMUM: u64 = 2 * PRECISION + 8;

/// A positive number of any precision on its way to a [`BigFloat`].
#[derive(Clone)]
pub(crate) struct Positive {
    pub(crate) mantissa: BigUint,
    pub(crate) exponent: i64,
}

impl Positive {
    /// The nearest number of so many bits; `inexact` says that a little more than the mantissa is meant.
    pub(crate) fn round(self, bits: u64, inexact: bool) -> Self {
        let length = self.mantissa.bits();
        if length <= bits {
            return self;
        }
        let excess = length - bits;
        let half = self.mantissa.bit(excess - 1);
        let beyond = inexact || self.mantissa.trailing_zeros().is_some_and(|zeros| zeros < excess - 1);
        let mut mantissa = self.mantissa >> excess;
        if half && (beyond || mantissa.bit(0)) {
            mantissa += 1_u32;
        }
        Self { mantissa, exponent: self.exponent.saturating_add_unsigned(excess) }
    }

    /// The product at so many bits.
    pub(crate) fn times(&self, other: &Self, bits: u64) -> Self {
        Self {
            mantissa: &self.mantissa * &other.mantissa,
            exponent: self.exponent.saturating_add(other.exponent),
        }
        .round(bits, false)
    }

    /// The quotient with enough bits for one rounding at 512, and whether something remained.
    pub(crate) fn over(&self, other: &Self) -> (Self, bool) {
        let wanted = PRECISION + 2 + other.mantissa.bits();
        let shift = wanted.saturating_sub(self.mantissa.bits());
        let numerator = &self.mantissa << shift;
        let quotient = &numerator / &other.mantissa;
        let inexact = &quotient * &other.mantissa != numerator;
        let exponent = self.exponent.saturating_sub(other.exponent).saturating_sub_unsigned(shift);
        (Self { mantissa: quotient, exponent }, inexact)
    }
}

impl BigFloat {
    /// Zero with a sign.
    pub(crate) const fn zero(negative: bool) -> Self {
        Self { negative, precision: TEXT, magnitude: Magnitude::Zero }
    }

    /// Infinity with a sign.
    pub(crate) const fn infinity(negative: bool) -> Self {
        Self { negative, precision: TEXT, magnitude: Magnitude::Infinite }
    }

    /// Its precision in bits.
    pub(crate) fn precision(&self) -> u16 {
        self.precision
    }

    /// The nearest number of another precision.
    pub(crate) fn rounded(self, precision: u16) -> Self {
        match self.positive() {
            Some(value) if precision < self.precision => {
                Self::from_positive(self.negative, value, false, precision)
            }
            _ => Self { precision, ..self },
        }
    }

    /// The fewest bits that hold it exactly.
    fn least_precision(&self) -> u16 {
        match &self.magnitude {
            Magnitude::Finite { mantissa, .. } => {
                TEXT.saturating_sub(u16::try_from(trailing_zeros(mantissa)).unwrap_or(TEXT))
            }
            Magnitude::Zero | Magnitude::Infinite => 0,
        }
    }

    /// The nearest number; `inexact` says that a little more than `value` is meant.
    pub(crate) fn from_positive(negative: bool, value: Positive, inexact: bool, precision: u16) -> Self {
        if value.mantissa.is_zero() {
            return Self { precision, ..Self::zero(negative) };
        }
        let mut rounded = value.round(u64::from(precision), inexact);
        let missing = PRECISION.saturating_sub(rounded.mantissa.bits());
        let excess = rounded.mantissa.bits().saturating_sub(PRECISION);
        rounded.mantissa = (rounded.mantissa << missing) >> excess;
        let exponent = rounded.exponent.saturating_sub_unsigned(missing).saturating_add_unsigned(excess);
        let scale = exponent.saturating_add_unsigned(PRECISION);
        if scale > EXPONENT_MAXIMUM {
            return Self { precision, ..Self::infinity(negative) };
        }
        if scale < EXPONENT_MINIMUM {
            return Self { precision, ..Self::zero(negative) };
        }
        let mut mantissa = [0; 8];
        for (place, digit) in mantissa.iter_mut().zip(rounded.mantissa.iter_u64_digits()) {
            *place = digit;
        }
        Self { negative, precision, magnitude: Magnitude::Finite { mantissa, exponent } }
    }

    /// The number of an integer.
    pub(crate) fn from_integer(int: i128, precision: u16) -> Self {
        let value = Positive { mantissa: BigUint::from(int.unsigned_abs()), exponent: 0 };
        Self::from_positive(int < 0, value, false, precision)
    }

    /// The number that a finite 64-bit float is.
    pub(crate) fn from_f64(float: f64) -> Self {
        const DIGITS: u32 = 52;
        const BIAS: i64 = 1075;
        let bits = float.to_bits();
        let fraction = bits & ((1 << DIGITS) - 1);
        // Below the smallest normal number the exponent stays, and the leading digit is written.
        let (mantissa, exponent) = match (bits >> DIGITS) & 0x7ff {
            0 => (fraction, 1),
            exponent => (fraction | 1 << DIGITS, exponent),
        };
        let value = Positive { mantissa: BigUint::from(mantissa), exponent: exponent.cast_signed() - BIAS };
        Self::from_positive(float.is_sign_negative(), value, false, FLOAT)
    }

    /// Whether it is below zero or negative zero.
    pub(crate) fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether it is zero of either sign.
    pub(crate) fn is_zero(&self) -> bool {
        self.magnitude == Magnitude::Zero
    }

    /// Whether it is infinite.
    pub(crate) fn is_infinite(&self) -> bool {
        self.magnitude == Magnitude::Infinite
    }

    /// The magnitude of a finite number other than zero.
    pub(crate) fn positive(&self) -> Option<Positive> {
        match &self.magnitude {
            Magnitude::Finite { mantissa, exponent } => {
                let halves: Vec<u32> = mantissa.iter().flat_map(|digit| split(*digit)).collect();
                Some(Positive { mantissa: BigUint::new(halves), exponent: *exponent })
            }
            Magnitude::Zero | Magnitude::Infinite => None,
        }
    }

    /// As [`BigFloat::positive`], without zeros at the end of the mantissa: less to multiply and to divide.
    fn reduced(&self) -> Option<Positive> {
        let Positive { mantissa, exponent } = self.positive()?;
        let zeros = mantissa.trailing_zeros().unwrap_or(0);
        Some(Positive { mantissa: mantissa >> zeros, exponent: exponent.saturating_add_unsigned(zeros) })
    }

    /// Whether it is finite and whole.
    pub(crate) fn is_integer(&self) -> bool {
        match &self.magnitude {
            Magnitude::Zero => true,
            Magnitude::Infinite => false,
            Magnitude::Finite { mantissa, exponent } => {
                exponent.saturating_add_unsigned(u64::from(trailing_zeros(mantissa))) >= 0
            }
        }
    }

    /// The same number with the other sign.
    pub(crate) fn negate(&self) -> Self {
        Self { negative: !self.negative, ..self.clone() }
    }

    /// The same number without its sign.
    pub(crate) fn absolute(&self) -> Self {
        Self { negative: false, ..self.clone() }
    }

    /// The whole number next to it towards zero.
    pub(crate) fn truncate(&self) -> Self {
        let Some(value) = self.positive() else { return self.clone() };
        if value.exponent >= 0 {
            return self.clone();
        }
        let mantissa = value.mantissa >> value.exponent.unsigned_abs();
        Self::from_positive(self.negative, Positive { mantissa, exponent: 0 }, false, self.precision)
    }

    /// The sum.
    pub(crate) fn add(&self, other: &Self) -> Option<Self> {
        self.add_exactly(other).map(|sum| sum.rounded(self.precision.max(other.precision)))
    }

    fn add_exactly(&self, other: &Self) -> Option<Self> {
        match (&self.magnitude, &other.magnitude) {
            (Magnitude::Infinite, Magnitude::Infinite) if self.negative != other.negative => None,
            (Magnitude::Infinite, _) => Some(self.clone()),
            (Magnitude::Zero, Magnitude::Zero) => Some(Self::zero(self.negative && other.negative)),
            (_, Magnitude::Infinite) | (Magnitude::Zero, _) => Some(other.clone()),
            (_, Magnitude::Zero) => Some(self.clone()),
            (Magnitude::Finite { .. }, Magnitude::Finite { .. }) => self.add_finite(other),
        }
    }

    fn add_finite(&self, other: &Self) -> Option<Self> {
        let (large, small, negative_large, negative_small) =
            if self.compare_magnitude(other) == Ordering::Less {
                (other.positive()?, self.positive()?, other.negative, self.negative)
            } else {
                (self.positive()?, other.positive()?, self.negative, other.negative)
            };
        let precision = self.precision.max(other.precision);
        let gap = large.exponent.saturating_sub(small.exponent);
        let (left, right, exponent) = if gap.unsigned_abs() > ALIGN_MAXIMUM {
            let exponent = large.exponent.saturating_sub_unsigned(ALIGN_MAXIMUM);
            (large.mantissa << ALIGN_MAXIMUM, BigUint::from(1_u32), exponent)
        } else {
            (large.mantissa << gap.unsigned_abs(), small.mantissa, small.exponent)
        };
        if negative_large == negative_small {
            return Some(Self::from_positive(
                negative_large,
                Positive { mantissa: left + right, exponent },
                false,
                precision,
            ));
        }
        let mantissa = left - right;
        let negative = negative_large && !mantissa.is_zero();
        Some(Self::from_positive(negative, Positive { mantissa, exponent }, false, precision))
    }

    /// The product, with as many more bits than its operands have as it needs.
    pub(crate) fn multiply(&self, other: &Self) -> Option<Self> {
        let product = self.multiply_exactly(other)?;
        let precision = product.least_precision().max(self.precision).max(other.precision);
        Some(product.rounded(precision))
    }

    fn multiply_exactly(&self, other: &Self) -> Option<Self> {
        let negative = self.negative != other.negative;
        if let (Some(left), Some(right)) = (self.reduced(), other.reduced()) {
            return Some(Self::from_positive(negative, left.times(&right, PRECISION), false, TEXT));
        }
        match (self.is_infinite() || other.is_infinite(), self.is_zero() || other.is_zero()) {
            (true, true) => None,
            (true, false) => Some(Self::infinity(negative)),
            (false, _) => Some(Self::zero(negative)),
        }
    }

    /// The quotient; infinite where a number other than zero is divided by zero.
    pub(crate) fn divide(&self, other: &Self) -> Option<Self> {
        let negative = self.negative != other.negative;
        let precision = self.precision.max(other.precision);
        if let (Some(left), Some(right)) = (self.reduced(), other.reduced()) {
            let (quotient, inexact) = left.over(&right);
            return Some(Self::from_positive(negative, quotient, inexact, precision));
        }
        if (self.is_zero() && other.is_zero()) || (self.is_infinite() && other.is_infinite()) {
            return None;
        }
        let zero = self.is_zero() || other.is_infinite();
        let result = if zero { Self::zero(negative) } else { Self::infinity(negative) };
        Some(Self { precision, ..result })
    }

    /// The order by value; both zeros are equal.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self.sign(), other.sign()) {
            (left, right) if left != right => left.cmp(&right),
            (0, _) => Ordering::Equal,
            (1, _) => self.compare_magnitude(other),
            _ => other.compare_magnitude(self),
        }
    }

    /// -1, 0 or 1.
    pub(crate) fn sign(&self) -> i8 {
        match (self.is_zero(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        match (&self.magnitude, &other.magnitude) {
            (
                Magnitude::Finite { mantissa: left, exponent: left_exponent },
                Magnitude::Finite { mantissa: right, exponent: right_exponent },
            ) => left_exponent.cmp(right_exponent).then_with(|| left.iter().rev().cmp(right.iter().rev())),
            (left, right) => left.rank().cmp(&right.rank()),
        }
    }

    /// The whole number, where it is one that fits.
    pub(crate) fn to_i64(&self) -> Option<i64> {
        if self.is_zero() {
            return Some(0);
        }
        let value = self.positive().filter(|value| self.is_integer() && value.exponent <= 0)?;
        let whole = value.mantissa >> value.exponent.unsigned_abs();
        let whole = i128::from(u64::try_from(whole).ok()?);
        i64::try_from(if self.negative { -whole } else { whole }).ok()
    }

    /// The nearest number of 53 bits, and whether it is the same number.
    pub(crate) fn to_f64(&self) -> (f64, bool) {
        let sign = if self.negative { -1.0 } else { 1.0 };
        let Some(value) = self.positive() else {
            return (if self.is_zero() { 0.0 * sign } else { f64::INFINITY * sign }, true);
        };
        let scale = value.exponent.saturating_add_unsigned(PRECISION);
        // A number below 2^-1021 has fewer bits, down to the one of 2^-1074.
        let bits = (scale + 1074).clamp(-1, 53);
        if bits < 0 {
            return (0.0 * sign, false);
        }
        let exact =
            value.mantissa.trailing_zeros().is_some_and(|zeros| zeros + bits.unsigned_abs() >= PRECISION);
        let rounded = round_to(value, bits.unsigned_abs());
        let digits = u64::try_from(rounded.mantissa).unwrap_or(u64::MAX);
        (scale_f64(digits, rounded.exponent) * sign, exact)
    }
}

/// Rounds as [`Positive::round`], also to no bits at all: what is more than half of the first becomes one.
fn round_to(value: Positive, bits: u64) -> Positive {
    if bits > 0 {
        return value.round(bits, false);
    }
    let length = value.mantissa.bits();
    let above_half = value.mantissa.count_ones() > 1;
    Positive {
        mantissa: BigUint::from(u32::from(above_half)),
        exponent: value.exponent.saturating_add_unsigned(length),
    }
}

/// `digits` (at most 53 bits) × 2^`exponent`, in steps that cannot round.
fn scale_f64(digits: u64, exponent: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the digits are at most 53 bits")]
    let mut result = digits as f64;
    let mut left = exponent;
    while left > 0 && result.is_finite() {
        let step = left.min(1000);
        result *= power_of_two(step);
        left -= step;
    }
    while left < 0 && result != 0.0 {
        let step = left.max(-1000);
        result *= power_of_two(step);
        left -= step;
    }
    result
}

fn power_of_two(exponent: i64) -> f64 {
    i32::try_from(exponent).map_or(0.0, |exponent| 2_f64.powi(exponent))
}

impl Magnitude {
    fn rank(&self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::Finite { .. } => 1,
            Self::Infinite => 2,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of 64 bits are 32 bits each")]
fn split(digit: u64) -> [u32; 2] {
    [digit as u32, (digit >> 32) as u32]
}

fn trailing_zeros(mantissa: &[u64; 8]) -> u32 {
    let empty = mantissa.iter().take_while(|digit| **digit == 0).count();
    mantissa.get(empty).map_or(0, |digit| digit.trailing_zeros()) + 64 * u32::try_from(empty).unwrap_or(0)
}
