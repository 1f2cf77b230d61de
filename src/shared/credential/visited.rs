//! A set of places in a pool. No allocation for pools of up to 256 keys.

/// Which places were visited.
#[derive(Debug)]
pub struct Visited {
    inline: [u64; INLINE],
    /// Beyond the inline words; empty for pools of usual size.
    more: Vec<u64>,
}

impl Visited {
    /// None of `count` places.
    pub fn new(count: usize) -> Self {
        let words = count.div_ceil(64).saturating_sub(INLINE);
        Self { inline: [0; INLINE], more: vec![0; words] }
    }

    /// Adds a place.
    pub fn insert(&mut self, index: usize) {
        let word = match self.inline.get_mut(index / 64) {
            Some(word) => Some(word),
            None => self.more.get_mut(index / 64 - INLINE),
        };
        debug_assert!(word.is_some(), "a place outside of the pool");
        if let Some(word) = word {
            *word |= 1 << (index % 64);
        }
    }

    /// Whether a place was added.
    pub fn contains(&self, index: usize) -> bool {
        let word = match self.inline.get(index / 64) {
            Some(word) => Some(word),
            None => self.more.get(index / 64 - INLINE),
        };
        word.is_some_and(|word| word >> (index % 64) & 1 == 1)
    }
}

const INLINE: usize = 4;

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    use super::*;

    #[test]
    fn places_are_kept_apart_inline_and_beyond() {
        let mut visited = Visited::new(1_000);
        for index in (0..1_000).step_by(3) {
            visited.insert(index);
        }
        for index in 0..1_000 {
            assert_eq!(visited.contains(index), index % 3 == 0, "{index}");
        }
        assert!(!visited.contains(1_000_000));
    }
}
