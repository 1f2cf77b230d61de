//! What workers only count and an operator should hear of: one line per second at most, however
//! often it happens.

use crate::shared::Shared;

/// What was counted when it was last looked at.
#[derive(Debug, Default)]
pub struct Notices {
    handshakes: (u64, u64),
}

impl Notices {
    /// Tells what has come since the last look.
    pub fn look(&mut self, shared: &Shared) {
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
