//! How long an exchange is worked on: the time its future is polled, and so neither waits for the
//! client nor for a provider. A worker polls one at a time. Allocates nothing.

use std::cell::Cell;

use crate::shared::clock::precise_ns;

/// Of the exchange that its worker polls now.
#[derive(Debug, Default)]
pub struct Polled {
    /// When this poll began.
    began_ns: Cell<u64>,
    /// In polls before this one.
    before_ns: Cell<u64>,
}

impl Polled {
    /// Microseconds that the exchange has been worked on; to be asked while it is polled.
    pub fn so_far_us(&self) -> u64 {
        let now_ns = precise_ns().saturating_sub(self.began_ns.get());
        self.before_ns.get().saturating_add(now_ns) / 1_000
    }

    /// An exchange is polled that was worked on for so long before.
    pub fn begin(&self, before_ns: u64) {
        self.before_ns.set(before_ns);
        self.began_ns.set(precise_ns());
    }

    /// The poll is over. Returns how long it was worked on by now.
    pub fn end(&self) -> u64 {
        let now_ns = precise_ns().saturating_sub(self.began_ns.get());
        self.before_ns.get().saturating_add(now_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spent_before_counts_and_what_others_spent_meanwhile_does_not() {
        let polled = Polled::default();
        polled.begin(0);
        let first_ns = polled.end();
        polled.begin(7_000_000_000);
        let other_us = polled.so_far_us();
        assert!(other_us >= 7_000_000, "{other_us}");
        polled.begin(first_ns);
        assert!(polled.end() >= first_ns);
        assert!(polled.so_far_us() < 7_000_000, "another exchange's time");
    }
}
