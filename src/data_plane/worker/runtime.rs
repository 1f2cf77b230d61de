//! The driver ladder (D4): the fastest way to do I/O that this kernel and sandbox allow.

use std::future::Future;
use std::io;

use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

use crate::config::snapshot::Driver;

/// One rung of the ladder, fastest first. All workers stand on the same one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rung {
    /// io_uring with DEFER_TASKRUN and SINGLE_ISSUER (Linux 6.1).
    DeferTaskrun,
    /// io_uring with COOP_TASKRUN (Linux 5.19).
    CoopTaskrun,
    /// io_uring without either, with smaller rings.
    SmallRings,
    /// epoll.
    Epoll,
}

impl Rung {
    /// The driver's name for people: in the start block, the log and `runtime_info`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeferTaskrun => "io_uring (defer_taskrun)",
            Self::CoopTaskrun => "io_uring (coop_taskrun)",
            Self::SmallRings => "io_uring (small rings)",
            Self::Epoll => "epoll",
        }
    }

    fn ring(self) -> (io_uring::Builder, u32) {
        let mut builder = io_uring::IoUring::builder();
        match self {
            Self::DeferTaskrun => {
                builder.setup_single_issuer().setup_defer_taskrun();
                (builder, ENTRIES)
            }
            Self::CoopTaskrun => {
                builder.setup_coop_taskrun();
                (builder, ENTRIES)
            }
            Self::SmallRings | Self::Epoll => (builder, ENTRIES_SMALL),
        }
    }
}

/// The rung to stand on, and why it is not a higher one.
#[derive(Debug)]
pub struct Choice {
    /// The rung.
    pub rung: Rung,
    /// What the highest refused rung was refused with; `None` when nothing was.
    pub refused: Option<io::Error>,
}

/// Builds real rings, highest rung first, and takes the first that the kernel grants.
///
/// # Errors
/// With `Driver::IoUring` when no ring can be built: the last refusal.
pub fn choose(driver: Driver) -> io::Result<Choice> {
    if driver == Driver::Epoll {
        return Ok(Choice { rung: Rung::Epoll, refused: None });
    }
    let mut refused = None;
    for rung in [Rung::DeferTaskrun, Rung::CoopTaskrun, Rung::SmallRings] {
        let (builder, entries) = rung.ring();
        match builder.build(entries) {
            Ok(_ring) => return Ok(Choice { rung, refused }),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match (driver, refused) {
        (Driver::IoUring, Some(error)) => Err(error),
        (_, refused) => Ok(Choice { rung: Rung::Epoll, refused }),
    }
}

/// Builds `count` rings of this rung at the size that workers use, all at a time, and lets them go.
///
/// # Errors
/// The first refusal.
pub fn hold(rung: Rung, count: usize) -> io::Result<()> {
    if rung == Rung::Epoll {
        return Ok(());
    }
    let (builder, entries) = rung.ring();
    let rings: io::Result<Vec<_>> = (0..count).map(|_| builder.build(entries)).collect();
    rings.map(drop)
}

/// Runs `main` on this thread to its end.
///
/// # Errors
/// When the runtime cannot be built.
pub fn drive<F: Future>(rung: Rung, main: F) -> io::Result<F::Output> {
    if rung == Rung::Epoll {
        let builder = RuntimeBuilder::<LegacyDriver>::new().enable_timer();
        return Ok(builder.build()?.block_on(main));
    }
    let (ring, entries) = rung.ring();
    let builder = RuntimeBuilder::<IoUringDriver>::new();
    let mut runtime = builder.with_entries(entries).uring_builder(ring).enable_timer().build()?;
    Ok(runtime.block_on(main))
}

/// Submission entries of a worker's ring.
const ENTRIES: u32 = 1_024;
/// Where locked memory is scarce (RLIMIT_MEMLOCK counts rings on kernels before 5.12).
const ENTRIES_SMALL: u32 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoll_is_taken_when_asked_for_and_drives_a_future() {
        let choice = choose(Driver::Epoll).unwrap();
        assert_eq!(choice.rung, Rung::Epoll);
        assert_eq!(drive(choice.rung, async { 7 }).unwrap(), 7);
    }

    #[test]
    fn auto_always_finds_a_rung_that_drives() {
        let choice = choose(Driver::Auto).unwrap();
        assert_eq!(drive(choice.rung, async { 7 }).unwrap(), 7);
    }
}
