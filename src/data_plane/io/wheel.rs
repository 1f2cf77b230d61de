//! A hashed timing wheel over coarse ticks. Pure: knows no clock and no socket.
//!
//! Entries are looked at when their tick comes and may be put back: moving a deadline later costs
//! its owner one store and the wheel nothing.

/// Something queued: a slot of the owner's table and the slot's generation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Generation of the slot when it was queued.
    pub generation: u32,
    /// Index into the owner's table.
    pub slot: u32,
}

/// Buckets of entries, one per tick, over a horizon of [`HORIZON_TICKS`].
#[derive(Debug)]
pub struct Wheel {
    buckets: Box<[Vec<Entry>]>,
    /// Every tick up to and including this one has been looked at.
    done: u64,
    len: usize,
}

impl Wheel {
    /// An empty wheel standing at tick `now`.
    pub fn new(now: u64) -> Self {
        Self { buckets: (0..HORIZON_TICKS).map(|_| Vec::new()).collect(), done: now, len: 0 }
    }

    /// Queues `entry` and returns the tick at which it will be looked at: `tick`, but not before
    /// the next one and not beyond the horizon.
    pub fn insert(&mut self, tick: u64, entry: Entry) -> u64 {
        let tick = tick.clamp(self.done + 1, self.done + HORIZON_TICKS - 1);
        if let Some(bucket) = self.bucket(tick) {
            bucket.push(entry);
            self.len += 1;
        }
        tick
    }

    /// Takes all entries of the next tick at or before `now` that has any, with that tick.
    /// `None` once everything up to `now` has been looked at. Hand the vector back to
    /// [`Wheel::recycle`].
    pub fn pop(&mut self, now: u64) -> Option<(u64, Vec<Entry>)> {
        if self.len == 0 {
            self.done = self.done.max(now);
            return None;
        }
        while self.done < now {
            self.done += 1;
            let tick = self.done;
            let found = self.bucket(tick).map(std::mem::take).unwrap_or_default();
            if !found.is_empty() {
                self.len -= found.len();
                return Some((tick, found));
            }
        }
        None
    }

    /// Gives the memory of a popped bucket back.
    pub fn recycle(&mut self, tick: u64, mut popped: Vec<Entry>) {
        popped.clear();
        if popped.capacity() <= RECYCLED_MAX
            && let Some(bucket) = self.bucket(tick)
            && bucket.capacity() == 0
        {
            *bucket = popped;
        }
    }

    /// The next tick that has an entry.
    pub fn next(&self) -> Option<u64> {
        if self.len == 0 {
            return None;
        }
        (self.done + 1..self.done + HORIZON_TICKS)
            .find(|&tick| self.buckets.get(index(tick)).is_some_and(|b| !b.is_empty()))
    }

    fn bucket(&mut self, tick: u64) -> Option<&mut Vec<Entry>> {
        self.buckets.get_mut(index(tick))
    }
}

fn index(tick: u64) -> usize {
    usize::try_from(tick % HORIZON_TICKS).unwrap_or(0)
}

/// Ticks the wheel can look ahead. A deadline beyond it is looked at once per turn.
pub const HORIZON_TICKS: u64 = 512;
/// Entries of memory a bucket may keep between turns.
const RECYCLED_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(slot: u32) -> Entry {
        Entry { generation: 0, slot }
    }

    #[test]
    fn an_entry_comes_out_at_its_tick_and_not_before() {
        let mut wheel = Wheel::new(100);
        assert_eq!(wheel.insert(105, entry(1)), 105);
        assert_eq!(wheel.next(), Some(105));
        assert_eq!(wheel.pop(104), None);
        assert_eq!(wheel.pop(200), Some((105, vec![entry(1)])));
        assert_eq!(wheel.pop(200), None);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn a_past_tick_is_looked_at_next_and_a_far_one_at_the_horizon() {
        let mut wheel = Wheel::new(1_000);
        assert_eq!(wheel.insert(3, entry(1)), 1_001);
        assert_eq!(wheel.insert(1_000_000, entry(2)), 1_000 + HORIZON_TICKS - 1);
    }

    proptest! {
        /// Against the naive list: everything inserted comes out once, in tick order, on time.
        #[test]
        fn any_order_of_inserts_comes_out_on_time(
            ticks in prop::collection::vec(1_u64..2_000, 0..64),
        ) {
            let mut wheel = Wheel::new(0);
            let mut due: Vec<(u64, u32)> = Vec::new();
            for (slot, tick) in (0_u32..).zip(ticks) {
                due.push((wheel.insert(tick, entry(slot)), slot));
            }
            let mut out = Vec::new();
            for now in 0..=HORIZON_TICKS {
                while let Some((tick, popped)) = wheel.pop(now) {
                    prop_assert_eq!(tick, now);
                    out.extend(popped.iter().map(|e| (tick, e.slot)));
                    wheel.recycle(tick, popped);
                }
            }
            due.sort_unstable();
            out.sort_unstable();
            prop_assert_eq!(out, due);
        }
    }
}
