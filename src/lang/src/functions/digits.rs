//! Whole numbers of any size as digits, and numbers as exact decimals rounded to a place.
//!
//! Invariant: rounding looks at the exact value of the binary number, halves go to the even digit, as Go's
//! `big.Float` prints.

use formwork_value::Number;
use num_bigint::{BigInt, BigUint};

/// The whole number, where it is one.
pub(super) fn to_integer(number: &Number) -> Option<BigInt> {
    if !number.is_integer() {
        return None;
    }
    number.to_string().parse().ok()
}

/// The number of a whole number.
pub(super) fn from_integer(integer: &BigInt) -> Number {
    match i64::try_from(integer) {
        Ok(counted) => Number::from(counted),
        Err(_) => Number::parse(&integer.to_string()).unwrap_or(Number::ZERO),
    }
}

/// The digits of a positive decimal fraction: `0.d₁d₂d₃… × 10^exponent`, without zeros at either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) digits: Vec<u8>,
    pub(super) exponent: i64,
}

fn length(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Decimal {
    /// From digits with a point somewhere.
    fn from_plain(plain: &str) -> Self {
        let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|digit| digit - b'0').collect();
        Self { digits, exponent: length(whole.len()) }.trimmed()
    }

    fn trimmed(mut self) -> Self {
        let leading = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..leading);
        self.exponent -= length(leading);
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.exponent = 0;
        }
        self
    }

    /// The fewest digits that read back as the same number; the sign is dropped.
    pub(super) fn shortest(number: &Number) -> Self {
        Self::from_plain(&number.absolute().to_string())
    }

    /// All digits of the binary number; the sign is dropped.
    pub(super) fn exact(number: &Number) -> Self {
        let number = number.absolute();
        let mut scaled = number.clone();
        let mut halvings: u32 = 0;
        let two = Number::from(2_i64);
        while !scaled.is_integer() {
            let Some(doubled) = scaled.multiply(&two) else { return Self::shortest(&number) };
            scaled = doubled;
            halvings += 1;
        }
        let Some(integer) = to_integer(&scaled) else { return Self::shortest(&number) };
        let all = (integer.magnitude() * BigUint::from(5_u8).pow(halvings)).to_string();
        let exponent = length(all.len()) - i64::from(halvings);
        Self { digits: all.bytes().map(|digit| digit - b'0').collect(), exponent }.trimmed()
    }

    /// Keeps so many digits.
    pub(super) fn rounded(mut self, keep: i64) -> Self {
        let Ok(keep_count) = usize::try_from(keep) else {
            return Self { digits: Vec::new(), exponent: 0 };
        };
        if keep_count >= self.digits.len() {
            return self;
        }
        let rest = &self.digits[keep_count..];
        let is_tie = rest == [5];
        let is_odd = keep_count > 0 && self.digits[keep_count - 1] % 2 == 1;
        let goes_up = if is_tie { is_odd } else { rest[0] >= 5 };
        self.digits.truncate(keep_count);
        if goes_up {
            self.increment();
        }
        self.trimmed()
    }

    fn increment(&mut self) {
        for digit in self.digits.iter_mut().rev() {
            if *digit < 9 {
                *digit += 1;
                return;
            }
            *digit = 0;
        }
        self.digits.insert(0, 1);
        self.exponent += 1;
    }

    fn digit(&self, at: i64) -> char {
        let digit = usize::try_from(at).ok().and_then(|at| self.digits.get(at)).copied().unwrap_or(0);
        char::from(b'0' + digit)
    }

    /// Without an exponent, with so many digits behind the point.
    pub(super) fn plain(&self, places: i64) -> String {
        let mut out = String::new();
        if self.exponent > 0 {
            out.extend((0..self.exponent).map(|at| self.digit(at)));
        } else {
            out.push('0');
        }
        if places > 0 {
            out.push('.');
            out.extend((0..places).map(|at| self.digit(self.exponent + at)));
        }
        out
    }

    /// With an exponent of two digits at least, with so many digits behind the point.
    pub(super) fn scientific(&self, places: i64, mark: char) -> String {
        let mut out = String::from(self.digit(0));
        if places > 0 {
            out.push('.');
            out.extend((1..=places).map(|at| self.digit(at)));
        }
        let exponent = if self.digits.is_empty() { 0 } else { self.exponent - 1 };
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{out}{mark}{sign}{:02}", exponent.unsigned_abs())
    }

    /// With an exponent where it is small or large, as Go's `%g` decides; `precision` is the number of digits,
    /// nothing for as many as there are.
    pub(super) fn general(&self, precision: Option<i64>, mark: char) -> String {
        const SHORTEST_LIMIT: i64 = 6;
        let count = length(self.digits.len());
        let limit = match precision {
            None => SHORTEST_LIMIT,
            Some(precision) if precision > count && count >= self.exponent => count,
            Some(precision) => precision,
        };
        let exponent = self.exponent - 1;
        if exponent < -4 || exponent >= limit {
            let places = match precision {
                Some(precision) => precision.min(count) - 1,
                None => count - 1,
            };
            return self.scientific(places, mark);
        }
        self.plain((count - self.exponent).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn places_are_rounded_on_the_exact_value() {
        for (text, places, expected) in [
            ("1.005", 2, "1.00"),
            ("2.5", 0, "2"),
            ("3.5", 0, "4"),
            ("0.5", 0, "0"),
            ("0.06", 1, "0.1"),
            ("9.99", 1, "10.0"),
            ("1234", 2, "1234.00"),
            ("0", 2, "0.00"),
            ("1e-3", 5, "0.00100"),
        ] {
            let exact = Decimal::exact(&number(text));
            let keep = exact.exponent + places;
            assert_eq!(exact.rounded(keep).plain(places), expected, "{text} to {places}");
        }
    }

    #[test]
    fn the_general_form_chooses_as_go_does() {
        for (text, expected) in [
            ("0", "0"),
            ("7", "7"),
            ("100000", "100000"),
            ("1234567", "1.234567e+06"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1.5", "1.5"),
        ] {
            assert_eq!(Decimal::shortest(&number(text)).general(None, 'e'), expected, "{text}");
        }
    }
}
