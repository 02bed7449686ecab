//! Drawing from a seed: `ChaCha20`'s stream, without bias.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use formwork_sdk::values::Seed;
use sha2::{Digest as _, Sha256};

/// What is left of a seed's stream.
pub(crate) struct Draw(ChaCha20Rng);

impl Draw {
    /// From a seed that nobody can guess.
    pub(crate) fn new(seed: &Seed) -> Self {
        Self(ChaCha20Rng::from_seed(seed.bytes))
    }

    /// From a text that the configuration gives, else from the seed.
    pub(crate) fn from_text(text: Option<&str>, seed: &Seed) -> Self {
        text.map_or_else(|| Self::new(seed), |text| Self(ChaCha20Rng::from_seed(Sha256::digest(text).into())))
    }

    /// Bytes.
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        self.0.fill_bytes(&mut out);
        out
    }

    /// A number from 0 to the greatest.
    pub(crate) fn up_to(&mut self, greatest: u64) -> u64 {
        let Some(count) = greatest.checked_add(1) else { return self.0.next_u64() };
        // What lies above the last whole multiple would come up more often.
        let limit = u64::MAX - u64::MAX % count;
        loop {
            let drawn = self.0.next_u64();
            if drawn < limit {
                return drawn % count;
            }
        }
    }

    /// One of several; nothing of none.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let last = items.len().checked_sub(1)?;
        items.get(self.index(last))
    }

    /// Puts items into an order that is any of all with equal chance.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last));
        }
    }

    fn index(&mut self, last: usize) -> usize {
        usize::try_from(self.up_to(last as u64)).unwrap_or(last)
    }
}

#[cfg(test)]
mod tests {
    use super::{Draw, Seed};

    #[test]
    fn every_number_comes_up_about_as_often() {
        let mut draw = Draw::new(&Seed { bytes: [7; 32], seconds: 0 });
        let mut counts = [0_u32; 6];
        for _ in 0..6000 {
            counts[usize::try_from(draw.up_to(5)).unwrap_or_default()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn every_order_comes_up_about_as_often() {
        let mut draw = Draw::new(&Seed { bytes: [7; 32], seconds: 0 });
        let mut firsts = [0_u32; 4];
        for _ in 0..4000 {
            let mut items = [0, 1, 2, 3];
            draw.shuffle(&mut items);
            firsts[items[0]] += 1;
        }
        assert!(firsts.iter().all(|count| (850..1150).contains(count)), "{firsts:?}");
    }

    #[test]
    fn the_greatest_range_has_no_edge() {
        let mut draw = Draw::new(&Seed { bytes: [7; 32], seconds: 0 });
        let halves: Vec<bool> = (0..64).map(|_| draw.up_to(u64::MAX) > u64::MAX / 2).collect();
        assert!(halves.contains(&true) && halves.contains(&false));
    }
}
