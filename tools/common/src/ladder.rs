//! The drivers of a tool's threads, fastest first, and how to run a future on one.
//!
//! Never chooses again once a rung is taken.

use std::future::Future;
use std::io;

use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

/// One way to wait for sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// `io_uring` with `DEFER_TASKRUN` and `SINGLE_ISSUER` (Linux 6.1).
    DeferTaskrun,
    /// `io_uring` with `COOP_TASKRUN` (Linux 5.19).
    CoopTaskrun,
    /// `io_uring` without either.
    Plain,
    /// epoll.
    Epoll,
}

impl Rung {
    /// The driver's name for people and reports.
    pub fn name(self) -> &'static str {
        if self == Self::Epoll { "epoll" } else { "io_uring" }
    }

    /// The first kind of ring that the kernel really builds.
    ///
    /// # Errors
    /// With the refusal of the plainest ring.
    pub fn io_uring() -> io::Result<Self> {
        let rungs = [Self::DeferTaskrun, Self::CoopTaskrun, Self::Plain];
        let granted = |rung: &Self| rung.ring().build(PROBE_ENTRIES).is_ok();
        match rungs.into_iter().find(granted) {
            Some(rung) => Ok(rung),
            None => Self::Plain.ring().build(PROBE_ENTRIES).map(|_| Self::Plain),
        }
    }

    fn ring(self) -> io_uring::Builder {
        let mut builder = io_uring::IoUring::builder();
        match self {
            Self::DeferTaskrun => builder.setup_single_issuer().setup_defer_taskrun(),
            Self::CoopTaskrun => builder.setup_coop_taskrun(),
            Self::Plain | Self::Epoll => &mut builder,
        };
        builder
    }
}

/// Runs `main` on this thread to its end.
///
/// # Errors
/// When the kernel refuses the runtime.
pub fn drive<F: Future>(rung: Rung, main: F) -> io::Result<F::Output> {
    if rung == Rung::Epoll {
        let builder = RuntimeBuilder::<LegacyDriver>::new().enable_timer();
        return Ok(builder.build()?.block_on(main));
    }
    let builder = RuntimeBuilder::<IoUringDriver>::new().uring_builder(rung.ring());
    let mut runtime = builder.with_entries(ENTRIES).enable_timer().build()?;
    Ok(runtime.block_on(main))
}

const ENTRIES: u32 = 4096;
const PROBE_ENTRIES: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_granted_rung_drives_a_future() {
        for rung in [Ok(Rung::Epoll), Rung::io_uring()].into_iter().flatten() {
            assert_eq!(drive(rung, async { 7 }).ok(), Some(7), "{rung:?}");
        }
    }
}
