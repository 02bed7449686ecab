//! Whole objects and nested blocks as text.

use super::write::{Options, attribute_lines, identifier, quoted};
use super::{Body, Diff, NestedBlocks, Shape, Verdict};
use std::fmt::Write as _;

impl Diff {
    pub(super) fn body(&self, out: &mut String, body: &Body, indent: usize, options: Options) {
        out.push('{');
        if body.attributes.is_empty() && body.blocks.is_empty() {
            out.push('}');
            return options.replace_suffix(out, self.replace);
        }
        options.replace_suffix(out, self.replace);
        out.push('\n');
        attribute_lines(out, &body.attributes, indent, options, options.inner());
        let mut hidden = 0;
        for (name, blocks) in &body.blocks {
            let mut is_first = !body.attributes.is_empty();
            let force_replace = blocks.is_set && self.replace;
            for (label, item) in &blocks.items {
                let guarded = blocks.guarded(item);
                let item = guarded.as_ref().unwrap_or(item);
                if item.verdict == Verdict::Same && !options.show_unchanged {
                    hidden += 1;
                    continue;
                }
                if is_first {
                    out.push('\n');
                    is_first = false;
                }
                let inner = Options { force_replace: blocks.replace || force_replace, ..options };
                item.warning(out, indent + 1, inner);
                inner.line(out, indent + 1, item.verdict);
                out.push_str(&identifier(name));
                if let Some(label) = label {
                    let _ = write!(out, " {}", quoted(label));
                }
                out.push(' ');
                item.write(out, indent + 1, inner);
                out.push('\n');
            }
        }
        if hidden > 0 {
            out.push('\n');
            options.hidden(out, indent + 1, hidden, "block");
        }
        options.line(out, indent, Verdict::Same);
        out.push('}');
    }

    pub(super) fn sensitive_body(&self, out: &mut String, indent: usize, options: Options) {
        let mut margin = String::new();
        options.line(&mut margin, indent, Verdict::Same);
        out.push('{');
        options.replace_suffix(out, self.replace);
        let _ = write!(
            out,
            "\n{margin}  # At least one attribute in this block is (or was) sensitive,\n{margin}  # so its contents will not be displayed.\n{margin}}}"
        );
    }
}

impl NestedBlocks {
    /// The node that stands for a block whose content may not be shown.
    fn guarded(&self, item: &Diff) -> Option<Diff> {
        let (before, after) = (self.before_sensitive, self.after_sensitive);
        let is_sensitive = match item.verdict {
            Verdict::Create => after,
            Verdict::Delete => before,
            Verdict::Update | Verdict::Same => before || after,
        };
        let verdict =
            if item.verdict == Verdict::Same && before != after { Verdict::Update } else { item.verdict };
        let shape = Shape::SensitiveBody { inner: item.verdict, before, after };
        is_sensitive.then_some(Diff { shape, verdict, replace: item.replace })
    }
}
