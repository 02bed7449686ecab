//! Which elements of two sequences belong together.

/// Cells of the table up to which the longest common subsequence is exact; above, a greedy one is taken, so that
/// two long lists cost neither minutes nor gigabytes.
const CELLS: usize = 4_000_000;

/// Calls back with the places of each pair in the order of the screen: one side is none where an element goes or
/// comes. `is_related` says which two different elements are shown as one that changes.
pub(super) fn pair_up<T>(
    before: &[T],
    after: &[T],
    is_same: impl Fn(&T, &T) -> bool,
    is_related: impl Fn(&T, &T) -> bool,
    mut pair: impl FnMut(Option<usize>, Option<usize>),
) {
    let common = common_subsequence(before, after, &is_same);
    let (mut left, mut right, mut next) = (0, 0, 0);
    while left < before.len() || right < after.len() || next < common.len() {
        let shared = common.get(next).map(|at| &before[*at]);
        while left < before.len() && shared.is_none_or(|shared| !is_same(&before[left], shared)) {
            let related = right < after.len() && is_related(&before[left], &after[right]);
            let is_shared =
                right < after.len() && shared.is_some_and(|shared| is_same(&after[right], shared));
            if related && !is_shared {
                pair(Some(left), Some(right));
                right += 1;
            } else {
                pair(Some(left), None);
            }
            left += 1;
        }
        while right < after.len() && shared.is_none_or(|shared| !is_same(&after[right], shared)) {
            pair(None, Some(right));
            right += 1;
        }
        if shared.is_some() && left < before.len() && right < after.len() {
            pair(Some(left), Some(right));
            left += 1;
            right += 1;
        }
        next += usize::from(shared.is_some());
    }
}

/// Places in `before` of a longest common subsequence.
fn common_subsequence<T>(before: &[T], after: &[T], is_same: &impl Fn(&T, &T) -> bool) -> Vec<usize> {
    if before.len().saturating_mul(after.len()) > CELLS {
        return greedy_subsequence(before, after, is_same);
    }
    let width = after.len() + 1;
    let mut lengths = vec![0_u32; (before.len() + 1) * width];
    for (left, element) in before.iter().enumerate() {
        for (right, other) in after.iter().enumerate() {
            lengths[(left + 1) * width + right + 1] = if is_same(element, other) {
                lengths[left * width + right] + 1
            } else {
                lengths[(left + 1) * width + right].max(lengths[left * width + right + 1])
            };
        }
    }
    let (mut left, mut right, mut common) = (before.len(), after.len(), Vec::new());
    while left > 0 && right > 0 {
        if is_same(&before[left - 1], &after[right - 1]) {
            common.push(left - 1);
            left -= 1;
            right -= 1;
        } else if lengths[(left - 1) * width + right] > lengths[left * width + right - 1] {
            left -= 1;
        } else {
            right -= 1;
        }
    }
    common.reverse();
    common
}

/// How far ahead the greedy walk looks for the next common element.
const LOOK_AHEAD: usize = 64;

fn greedy_subsequence<T>(before: &[T], after: &[T], is_same: &impl Fn(&T, &T) -> bool) -> Vec<usize> {
    let (mut left, mut right, mut common) = (0, 0, Vec::new());
    while left < before.len() && right < after.len() {
        let found = (0..LOOK_AHEAD).find_map(|distance| {
            (0..=distance).map(|skipped| (left + skipped, right + distance - skipped)).find(
                |(left, right)| {
                    *left < before.len() && *right < after.len() && is_same(&before[*left], &after[*right])
                },
            )
        });
        (left, right) = match found {
            Some((at, other)) => {
                common.push(at);
                (at + 1, other + 1)
            }
            None => (left + LOOK_AHEAD, right + LOOK_AHEAD),
        };
    }
    common
}

#[cfg(test)]
mod tests {
    use super::pair_up;

    fn marked(before: &str, after: &str, related: bool) -> String {
        let before: Vec<char> = before.chars().collect();
        let after: Vec<char> = after.chars().collect();
        let mut out = String::new();
        pair_up(
            &before,
            &after,
            |a, b| a == b,
            |_, _| related,
            |left, right| match (left, right) {
                (Some(left), Some(right)) if before[left] == after[right] => out.push(before[left]),
                (Some(left), Some(right)) => out.extend(['~', before[left], after[right]]),
                (Some(left), None) => out.extend(['-', before[left]]),
                (None, Some(right)) => out.extend(['+', after[right]]),
                (None, None) => unreachable!(),
            },
        );
        out
    }

    #[test]
    fn pairs_follow_the_longest_common_subsequence() {
        for (before, after, related, expected) in [
            ("", "", false, ""),
            ("abc", "abc", false, "abc"),
            ("", "ab", false, "+a+b"),
            ("ab", "", false, "-a-b"),
            ("123", "134", false, "1-23+4"),
            ("12345", "132467", false, "1-23+24-5+6+7"),
            ("ab", "cd", true, "~ac~bd"),
            ("abx", "cx", true, "~ac-bx"),
            ("ax", "bcx", true, "~ab+cx"),
        ] {
            assert_eq!(marked(before, after, related), expected, "{before} -> {after}");
        }
    }

    #[test]
    fn long_sequences_lose_no_element() {
        let before: String = (0..3000_u32).filter_map(|at| char::from_u32(0x4e00 + at)).collect();
        let after: String = before.chars().skip(1).chain(['z']).collect();
        let shown = marked(&before, &after, false);
        assert!(shown.starts_with('-') && shown.ends_with("+z"));
        assert_eq!(shown.chars().count(), 3000 + 1 + 2);
    }
}
