//! A state as people read it, and outputs.

use super::diff::{Change, Matcher, Options, block, dynamic};
use super::palette::Palette;
use super::schemas::Schemas;
use super::state_json::{ShownObject, ShownOutput, ShownState};
use super::value_text;
use formwork_state::Mode;
use std::fmt::Write as _;

/// The whole state: `show`.
pub(crate) fn state(state: &ShownState, schemas: &Schemas, palette: Palette) -> String {
    if state.is_empty() {
        return "The state file is empty. No resources are represented.\n".to_owned();
    }
    let mut out = String::new();
    for (at, object) in ordered(state).into_iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        write_object(&mut out, object, schemas, palette);
    }
    if !state.outputs.is_empty() {
        out.push_str("\n\nOutputs:\n\n");
        let mut outputs: Vec<&ShownOutput> = state.outputs.iter().collect();
        outputs.sort_by(|left, right| left.name.cmp(&right.name));
        for output in outputs {
            let mut change = Change::new(Some(&output.value), Some(&output.value), Matcher::default());
            (change.before.sensitive, change.after.sensitive) =
                (change.before.sensitive || output.sensitive, change.after.sensitive || output.sensitive);
            let _ = write!(out, "{} = ", output.name);
            dynamic(&change).write(&mut out, 0, options(palette));
            out.push('\n');
        }
    }
    out
}

fn ordered(state: &ShownState) -> Vec<&ShownObject> {
    let mut objects: Vec<&ShownObject> = state.objects.iter().collect();
    objects.sort_by(|left, right| {
        let module = left.address.module().cmp(right.address.module());
        module
            .then_with(|| {
                (left.address.mode() == Mode::Managed).cmp(&(right.address.mode() == Mode::Managed))
            })
            .then_with(|| left.address.cmp(&right.address))
            .then_with(|| left.deposed.cmp(&right.deposed))
    });
    objects
}

fn options(palette: Palette) -> Options {
    Options { palette, hide_symbols: true, show_unchanged: true, ..Options::default() }
}

/// One object: `state show`.
pub(crate) fn object(object: &ShownObject, schemas: &Schemas, palette: Palette) -> String {
    let mut out = String::new();
    write_object(&mut out, object, schemas, palette);
    out
}

fn write_object(out: &mut String, object: &ShownObject, schemas: &Schemas, palette: Palette) {
    let address = &object.address;
    let _ = match &object.deposed {
        Some(deposed) => writeln!(out, "# {address}: (deposed object {deposed})"),
        None if object.is_tainted => writeln!(out, "# {address}: (tainted)"),
        None => writeln!(out, "# {address}:"),
    };
    let word = if address.mode() == Mode::Managed { "resource" } else { "data" };
    let _ = write!(out, "{word} \"{}\" \"{}\" ", address.type_name(), address.name());
    let change = Change::new(Some(&object.value), Some(&object.value), Matcher::default());
    schemas.with(&object.provider, address, |kind| {
        block(&change, kind.map(|kind| &kind.block)).write(out, 0, options(palette));
    });
    out.push('\n');
}

/// Outputs with their values: after apply, and `output`.
pub(crate) fn outputs(outputs: &[ShownOutput]) -> String {
    let mut sorted: Vec<&ShownOutput> = outputs.iter().collect();
    sorted.sort_by(|left, right| left.name.cmp(&right.name));
    let mut out = String::new();
    for output in sorted {
        let _ = write!(out, "{} = ", output.name);
        if output.sensitive {
            out.push_str("<sensitive>");
        } else {
            value_text::write(&mut out, &output.value, 0);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::corpus;
    use super::super::palette::Palette;
    use super::state;

    #[test]
    fn recorded_states_are_laid_out_alike() {
        let (mut differing, mut total) = (Vec::new(), 0);
        for case in corpus::cases() {
            let (Some(expected), Some(shown)) = (&case.state_text, case.state()) else { continue };
            total += 1;
            let text = state(&shown, &case.schemas(), Palette::PLAIN);
            if text.trim() != expected.trim() {
                differing.push(format!("== {}\n{expected}\n-- ours\n{text}", case.name));
            }
        }
        corpus::conclude(total, &differing);
    }
}
