//! How long an operation may take, as the `timeouts` of a block say.

use formwork_value::Value;

/// What an object's `timeouts` give an operation, in milliseconds; nothing where they do not say it.
pub fn given_limit_ms(object: &Value, operation: &str) -> Option<u64> {
    let timeouts = object.get("timeouts")?;
    let block = timeouts.items().map_or(Some(timeouts), <[Value]>::first)?;
    duration_ms(block.get(operation)?.as_str()?)
}

/// A duration as the field writes it: `90s`, `1h30m`; nothing where the text is none.
pub fn duration_ms(text: &str) -> Option<u64> {
    let mut total = 0u64;
    let mut digits = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if character.is_ascii_digit() {
            digits.push(character);
            rest = &rest[1..];
            continue;
        }
        let (unit, scale) = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
            .into_iter()
            .find(|(unit, _)| rest.starts_with(unit))?;
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(scale)?)?;
        digits.clear();
        rest = &rest[unit.len()..];
    }
    (digits.is_empty() && !text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::duration_ms;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("90s", Some(90_000)),
            ("1h30m", Some(5_400_000)),
            ("250ms", Some(250)),
            ("", None),
            ("5", None),
            ("x", None),
            ("5d", None),
        ] {
            assert_eq!(duration_ms(text), expected, "{text}");
        }
    }
}
