//! Columns and wrapped prose.

use super::palette::Palette;

/// Columns where nothing says how many there are: what OpenTofu takes.
pub(crate) const DEFAULT_COLUMNS: usize = 78;

/// How text is laid out for where it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) palette: Palette,
    pub(crate) columns: usize,
}

impl Layout {
    /// No colour and the default columns: for files and tests.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { palette: Palette::PLAIN, columns: DEFAULT_COLUMNS };

    /// No colour and the default columns, wherever the output goes.
    pub(crate) const fn for_files() -> Self {
        Self { palette: Palette { colour: false }, columns: DEFAULT_COLUMNS }
    }

    /// A line across, with an empty line before and after it.
    pub(crate) fn rule(&self) -> String {
        format!("\n{}\n", "─".repeat(self.columns.saturating_sub(1)))
    }

    /// Prose wrapped at the columns; line breaks in it stay, and a line that begins with a space is kept as it is.
    pub(crate) fn wrapped(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 16);
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                out.push('\n');
            }
            if line.starts_with(' ') {
                out.push_str(line);
                continue;
            }
            let mut column = 0;
            for word in line.split(' ') {
                let length = word.chars().count();
                if column > 0 && column + 1 + length > self.columns {
                    out.push('\n');
                    column = 0;
                }
                if column > 0 {
                    out.push(' ');
                    column += 1;
                }
                out.push_str(word);
                column += length;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Layout;

    #[test]
    fn prose_is_wrapped_between_words() {
        let layout = Layout { columns: 10, ..Layout::PLAIN };
        for (text, expected) in [
            ("", ""),
            ("short", "short"),
            ("one two three", "one two\nthree"),
            ("exactly te n", "exactly te\nn"),
            ("averyveryverylongword x", "averyveryverylongword\nx"),
            ("a\n  kept as it stands\nb", "a\n  kept as it stands\nb"),
        ] {
            assert_eq!(layout.wrapped(text), expected);
        }
    }
}
