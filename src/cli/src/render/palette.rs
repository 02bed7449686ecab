//! Colour, or none. Colour never carries meaning alone: every line reads the same without it.

use std::fmt;

/// Whether text is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Palette {
    /// Whether to write ANSI sequences.
    pub(crate) colour: bool,
}

/// One look of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Bold,
    BoldRed,
    BoldGreen,
    BoldYellow,
    BoldCyan,
    Red,
    Green,
    Yellow,
    Cyan,
    Grey,
}

impl Look {
    const fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::BoldRed => "1;31",
            Self::BoldYellow => "1;33",
            Self::BoldGreen => "1;32",
            Self::BoldCyan => "1;36",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Cyan => "36",
            Self::Grey => "90",
        }
    }
}

impl Palette {
    /// No colour: for files and tests.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { colour: false };

    /// The text with a look, to be formatted.
    pub(crate) fn paint<T: fmt::Display>(self, look: Look, text: T) -> Painted<T> {
        Painted { look: self.colour.then_some(look), text }
    }
}

/// Text with a look.
pub(crate) struct Painted<T> {
    look: Option<Look>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.look {
            Some(look) => write!(f, "\u{1b}[{}m{}\u{1b}[0m", look.code(), self.text),
            None => fmt::Display::fmt(&self.text, f),
        }
    }
}
