//! Chance that is decided by a seed and words, never by a clock or by the order of calls.

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// A number that the seed and the words decide (FNV-1a, finished as splitmix64 does).
pub(crate) fn draw(seed: u64, words: &[&str]) -> u64 {
    let mut hash = FNV_OFFSET ^ seed.wrapping_mul(FNV_PRIME);
    for word in words {
        for byte in word.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Whether something that happens in so many of a hundred cases happens in this one.
pub(crate) fn happens(percent: u32, seed: u64, words: &[&str]) -> bool {
    draw(seed, words) % 100 < u64::from(percent)
}

/// Twelve hexadecimal digits that the seed and the words decide.
pub(crate) fn digits(seed: u64, words: &[&str]) -> String {
    format!("{:012x}", draw(seed, words) >> 16)
}

#[cfg(test)]
mod tests {
    use super::{digits, draw, happens};

    #[test]
    fn is_decided_by_seed_and_words() {
        assert_eq!(draw(1, &["a", "b"]), draw(1, &["a", "b"]));
        assert_ne!(draw(1, &["a", "b"]), draw(2, &["a", "b"]));
        assert_ne!(draw(1, &["a", "b"]), draw(1, &["ab"]));
        assert_eq!(digits(7, &["x"]).len(), 12);
    }

    #[test]
    fn percentages_hold() {
        for (percent, low, high) in [(0, 0, 0), (30, 2700, 3300), (100, 10_000, 10_000)] {
            let count = (0..10_000).filter(|at: &u32| happens(percent, 5, &[&at.to_string()])).count();
            assert!((low..=high).contains(&count), "{percent} %: {count}");
        }
    }
}
