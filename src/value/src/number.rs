//! Numbers: whole ones inline, others as binary floating point of 512 bits.

use std::fmt;
use std::sync::Arc;

/// A number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Number {
    /// A whole number that fits.
    Int(i64),
    /// Any other.
    Big(Arc<BigFloat>),
}

/// A binary floating-point number of 512 bits' mantissa.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BigFloat {
    negative: bool,
    exponent: i64,
    mantissa: [u64; 8],
}

impl Number {
    /// The whole number, where it is one that fits.
    pub fn to_i64(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            Self::Big(_) => None,
        }
    }
}

impl From<i64> for Number {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) => write!(f, "{int}"),
            Self::Big(big) => write!(f, "{big:?}"),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
