//! What workers only count and an operator should hear of: a line per second or minute at most,
//! however often it happens.

use crate::shared::Shared;

/// What was counted when it was last looked at.
#[derive(Debug, Default)]
pub struct Notices {
    handshakes: (u64, u64),
    /// Looks until connections that were turned away are told of again.
    quiet: u32,
    turned_away: u64,
}

impl Notices {
    /// Tells what has come since the last look, which is a second ago.
    pub fn look(&mut self, shared: &Shared) {
        self.look_at_handshakes(shared);
        self.quiet = self.quiet.saturating_sub(1);
        let now = shared.workers.iter().map(|cell| cell.counters.turned_away()).sum();
        if now > self.turned_away && self.quiet == 0 {
            let count = now - self.turned_away;
            let why = "out of open files, or over limits.connections";
            tracing::warn!(count, why, "connections were turned away");
            (self.quiet, self.turned_away) = (MINUTE, now);
        }
    }

    fn look_at_handshakes(&mut self, shared: &Shared) {
        let counts = shared.workers.iter().map(|cell| cell.counters.handshakes.read());
        let now = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        let (refused, timed_out) = (now.0 - self.handshakes.0, now.1 - self.handshakes.1);
        self.handshakes = now;
        if refused > 0 {
            tracing::warn!(count = refused, "TLS handshakes of clients failed");
        }
        if timed_out > 0 {
            let (count, deadline) = (timed_out, "timeouts.tls_handshake");
            tracing::warn!(count, deadline, "TLS handshakes of clients took too long");
        }
    }
}

/// In looks.
const MINUTE: u32 = 60;
