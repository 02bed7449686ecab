//! Decimal text of numbers: Go's `big.ParseFloat(text, 10, 512, ToNearestEven)` and `Text('f', -1)`.
//!
//! Invariant: what is printed reads back as the same number; steps and roundings are Go's, so digits are too.

use crate::big_float::{BigFloat, PRECISION, Positive, TEXT};
use num_bigint::BigUint;
use num_traits::Zero;
use std::fmt::Write;

/// Bits to which Go rounds powers of five while it reads a number.
const POWER_PRECISION: u64 = PRECISION + 64;

/// The largest power of five that fits 64 bits.
const POWER_OF_FIVE_MAXIMUM: u64 = 27;

/// Longer texts are no numbers: as many digits as the largest number has, and reading takes their square.
const TEXT_MAXIMUM: usize = 50_000;

/// Reads a number; `None` where Go finds none.
pub(crate) fn parse(text: &str) -> Option<BigFloat> {
    if text.len() > TEXT_MAXIMUM {
        return None;
    }
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if matches!(unsigned, "inf" | "Inf") {
        return Some(BigFloat::infinity(negative));
    }
    let split = unsigned.find(['e', 'E', 'p', 'P']).unwrap_or(unsigned.len());
    let (digits, scale) = unsigned.split_at(split);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let written = parse_exponent(scale)?;
    let mantissa = BigUint::parse_bytes(all.as_bytes(), 10)?;
    if mantissa.is_zero() {
        return Some(BigFloat::zero(negative));
    }
    let mut fives = -i64::try_from(fraction.len()).ok()?;
    let exponent = fives.checked_add(written)?;
    if !scale.starts_with(['p', 'P']) {
        fives = fives.checked_add(written)?;
    }
    let value = Positive { mantissa, exponent };
    let length = i64::try_from(value.mantissa.bits()).ok()?;
    i32::try_from(exponent.checked_add(length)?).ok()?;
    Some(apply_fives(negative, value, fives))
}

fn apply_fives(negative: bool, value: Positive, fives: i64) -> BigFloat {
    if fives == 0 {
        return BigFloat::from_positive(negative, value, false, TEXT);
    }
    let power = power_of_five(fives.unsigned_abs());
    if fives > 0 {
        return BigFloat::from_positive(negative, value.times(&power, PRECISION), false, TEXT);
    }
    let (quotient, inexact) = value.over(&power);
    BigFloat::from_positive(negative, quotient, inexact, TEXT)
}

/// The digits after `e` or `p` with their sign; 0 where there is no exponent.
fn parse_exponent(text: &str) -> Option<i64> {
    let Some(marked) = text.get(1..) else { return Some(0) };
    let digits = marked.strip_prefix(['+', '-']).unwrap_or(marked);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    marked.parse().ok()
}

/// 5^`exponent`, rounded where Go rounds it.
fn power_of_five(exponent: u64) -> Positive {
    let first = exponent.min(POWER_OF_FIVE_MAXIMUM);
    let mut result =
        Positive { mantissa: BigUint::from(5_u64).pow(u32::try_from(first).unwrap_or(0)), exponent: 0 };
    let mut factor = Positive { mantissa: BigUint::from(5_u64), exponent: 0 };
    let mut left = exponent - first;
    while left > 0 {
        if left & 1 != 0 {
            result = result.times(&factor, POWER_PRECISION);
        }
        factor = factor.times(&factor, POWER_PRECISION + 64);
        left >>= 1;
    }
    result
}

/// Digits that tell apart any two neighbours of 512 bits, with room for the place of the point.
const DIGITS_OF_PRECISION: i64 = 160;

/// Leading decimal digits with the place of the point: 0.`digits` × 10^`point`; no zeros at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    digits: Vec<u8>,
    point: i64,
    /// Whether digits other than zero follow.
    has_more: bool,
}

impl Decimal {
    /// So many leading digits, or one more or less, of a number other than zero.
    fn leading(value: &Positive, wanted: i64) -> Self {
        let Positive { mantissa, exponent } = value;
        let magnitude = exponent.saturating_add_unsigned(mantissa.bits());
        // log10(2) from below or above: the number of digits may come out one off.
        let scale =
            wanted - (i128::from(magnitude) * 30_102_999_566 / 100_000_000_000).try_into().unwrap_or(0_i64);
        let power = BigUint::from(10_u32).pow(u32::try_from(scale.unsigned_abs()).unwrap_or(u32::MAX));
        let (whole, has_more) = match (scale >= 0, *exponent >= 0) {
            (true, true) => ((mantissa * power) << exponent.unsigned_abs(), false),
            (true, false) => {
                let scaled = mantissa * power;
                let below = exponent.unsigned_abs();
                let has_more = scaled.trailing_zeros().is_some_and(|zeros| zeros < below);
                (scaled >> below, has_more)
            }
            (false, is_whole) => {
                let shift = exponent.unsigned_abs();
                let (numerator, denominator) =
                    if is_whole { (mantissa << shift, power) } else { (mantissa.clone(), power << shift) };
                let whole = &numerator / &denominator;
                let has_more = &whole * &denominator != numerator;
                (whole, has_more)
            }
        };
        let digits = whole.to_str_radix(10).into_bytes();
        let point = (digits.len() as u64).cast_signed() - scale;
        let mut decimal = Self { digits, point, has_more };
        if !has_more {
            decimal.trim();
        }
        decimal
    }

    /// The fewest digits that read back as the same number of its precision; the mantissa has 512 bits.
    pub(crate) fn shortest(value: &Positive, precision: u16) -> Self {
        let mut decimal = Self::leading(value, DIGITS_OF_PRECISION);
        // One bit more than the mantissa has, for half a unit in the last place.
        let doubled: BigUint = &value.mantissa << 1_u32;
        let last_place = PRECISION.saturating_sub(u64::from(precision));
        let half = BigUint::from(1_u32) << last_place;
        let exponent = value.exponent.saturating_sub(1);
        let lower = Self::leading(&Positive { mantissa: &doubled - &half, exponent }, DIGITS_OF_PRECISION);
        let upper = Self::leading(&Positive { mantissa: &doubled + &half, exponent }, DIGITS_OF_PRECISION);
        let inclusive = !value.mantissa.bit(last_place);
        for at in 0..decimal.digits.len() {
            let (low, middle, high) = (lower.at(at), decimal.at(at), upper.at(at));
            let down = low != middle || inclusive && lower.ends_at(at + 1);
            let up = middle != high && (inclusive || middle + 1 < high || !upper.ends_by(at + 1));
            match (down, up) {
                (true, true) => decimal.round(at + 1),
                (true, false) => decimal.round_down(at + 1),
                (false, true) => decimal.round_up(at + 1),
                (false, false) => continue,
            }
            break;
        }
        decimal
    }

    fn ends_at(&self, count: usize) -> bool {
        !self.has_more && self.digits.len() == count
    }

    fn ends_by(&self, count: usize) -> bool {
        !self.has_more && self.digits.len() <= count
    }

    fn at(&self, at: usize) -> u8 {
        self.digits.get(at).copied().unwrap_or(b'0')
    }

    fn trim(&mut self) {
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.point = 0;
        }
    }

    fn round(&mut self, count: usize) {
        if count >= self.digits.len() {
            return;
        }
        let half = self.digits[count] == b'5' && self.ends_at(count + 1);
        let up = if half {
            // Exactly half way: to the even digit.
            count > 0 && (self.digits[count - 1] - b'0') & 1 != 0
        } else {
            self.digits[count] >= b'5'
        };
        if up { self.round_up(count) } else { self.round_down(count) }
    }

    fn round_up(&mut self, count: usize) {
        self.has_more = false;
        let mut count = count.min(self.digits.len());
        while count > 0 && self.digits[count - 1] == b'9' {
            count -= 1;
        }
        self.digits.truncate(count);
        if let Some(last) = self.digits.last_mut() {
            *last += 1;
        } else {
            self.digits.push(b'1');
            self.point += 1;
        }
    }

    fn round_down(&mut self, count: usize) {
        self.has_more = false;
        self.digits.truncate(count);
        self.trim();
    }

    /// Go's `%f` with as many digits as there are.
    fn write_plain(&self, out: &mut String) {
        let whole = usize::try_from(self.point).unwrap_or(0);
        out.extend((0..whole).map(|at| char::from(self.at(at))));
        if whole == 0 {
            out.push('0');
        }
        if self.digits.len() > whole || self.point < 0 {
            out.push('.');
            let zeros = usize::try_from(-self.point).unwrap_or(0);
            out.extend(std::iter::repeat_n('0', zeros));
            out.extend(self.digits.iter().skip(whole).map(|digit| char::from(*digit)));
        }
    }

    /// Go's `%e` with as many digits as there are.
    fn write_scientific(&self, out: &mut String) {
        let exponent = self.point - 1;
        out.push(char::from(self.at(0)));
        if self.digits.len() > 1 {
            out.push('.');
            out.extend(self.digits.iter().skip(1).map(|digit| char::from(*digit)));
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        let written = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
        debug_assert!(written.is_ok(), "writing to a string does not fail");
    }
}

/// The decimal of few digits that reads back as the number, where there is one: it is the only one, and the shortest.
fn few_digits(number: &BigFloat, value: &Positive) -> Option<Decimal> {
    const DIGITS: u16 = 17;
    if number.precision() < TEXT {
        return None;
    }
    let mut decimal = Decimal::leading(value, i64::from(DIGITS) + 3);
    decimal.round(usize::from(DIGITS));
    let mantissa = BigUint::parse_bytes(&decimal.digits, 10)?;
    let exponent = decimal.point - (decimal.digits.len() as u64).cast_signed();
    let read = apply_fives(number.is_negative(), Positive { mantissa, exponent }, exponent);
    (read == *number).then_some(decimal)
}

/// The shortest decimal that reads back, as Go's `Text('f', -1)`.
pub(crate) fn plain_text(number: &BigFloat) -> String {
    let mut out = String::from(if number.is_negative() { "-" } else { "" });
    match number.positive() {
        Some(value) => {
            few_digits(number, &value)
                .unwrap_or_else(|| Decimal::shortest(&value, number.precision()))
                .write_plain(&mut out);
        }
        None if number.is_zero() => out.push('0'),
        None if number.is_negative() => out.push_str("Inf"),
        None => out.push_str("+Inf"),
    }
    out
}

/// Ten significant digits, as Go's `Text('g', 10)`: what cty's set order is made from.
pub(crate) fn general_text(number: &BigFloat) -> String {
    const DIGITS: u16 = 10;
    let Some(value) = number.positive() else { return plain_text(number) };
    let mut decimal = Decimal::leading(&value, i64::from(DIGITS) + 3);
    decimal.round(usize::from(DIGITS));
    let mut out = String::from(if number.is_negative() { "-" } else { "" });
    let exponent = decimal.point - 1;
    let mut limit = usize::from(DIGITS);
    let shown = decimal.digits.len();
    if limit > shown && i64::try_from(shown).unwrap_or(i64::MAX) >= decimal.point {
        limit = shown;
    }
    if exponent < -4 || exponent >= i64::try_from(limit).unwrap_or(i64::MAX) {
        decimal.write_scientific(&mut out);
    } else {
        decimal.write_plain(&mut out);
    }
    out
}
