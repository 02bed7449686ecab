//! "Did you mean": the nearest of the names that would have been right.

/// The candidate nearest to what was given, when it is near enough for a slip of the pen.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = match given.chars().count() {
        0 | 1 => 0,
        2 | 3 => 1,
        _ => 2,
    };
    candidates
        .into_iter()
        .map(|candidate| (distance(given, candidate, limit), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The sentence to add to a diagnostic, where there is a near candidate.
pub(crate) fn hint<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(given, candidates).map(|name| format!("Did you mean \"{name}\"?"))
}

/// Names that are listed where none is near; more would hide the message.
const LISTED_MOST: usize = 8;

/// The sentence to add to a diagnostic: the near candidate, or all where they are few.
pub(crate) fn hint_or_all(given: &str, candidates: &[&str]) -> Option<String> {
    let all = || {
        let is_short = !candidates.is_empty() && candidates.len() <= LISTED_MOST;
        is_short.then(|| format!("It has: {}.", candidates.join(", ")))
    };
    hint(given, candidates.iter().copied()).or_else(all)
}

/// Insertions, deletions, substitutions between two words; anything above the limit counts as one more than it.
fn distance(left: &str, right: &str, limit: usize) -> usize {
    let right: Vec<char> = right.chars().collect();
    let left_length = left.chars().count();
    if left_length.abs_diff(right.len()) > limit {
        return limit + 1;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, from) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, to) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        for (given, candidates, expected) in [
            ("regoin", &["region", "name"][..], Some("region")),
            ("nme", &["region", "name"], Some("name")),
            ("x", &["y", "xy"], None),
            ("instance_tipe", &["instance_type", "instance_types"], Some("instance_type")),
            ("a", &[], None),
        ] {
            assert_eq!(nearest(given, candidates.iter().copied()), expected, "{given}");
        }
    }
}
