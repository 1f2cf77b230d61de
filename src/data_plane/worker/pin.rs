//! Which core a worker runs on. The affinity mask and the cgroup quota bound how many there are.

use core_affinity::CoreId;

/// A core to pin a worker to.
#[derive(Clone, Copy, Debug)]
pub struct Core(CoreId);

impl Core {
    /// Moves the calling thread to this core. Refused by the kernel: it stays where it is.
    pub fn pin_current_thread(self) {
        // An unpinned worker is slower, not wrong.
        let _pinned = core_affinity::set_for_current(self.0);
    }

    /// The core's number, as the kernel counts.
    pub fn number(self) -> usize {
        self.0.id
    }
}

/// Workers for `"auto"`: one per core that this process may use and has CPU quota for.
pub fn available() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A core for each of `workers` workers; none when there are more workers than cores, since two
/// pinned to one core would never leave it.
pub fn cores(workers: usize) -> Vec<Option<Core>> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let pinned = workers <= cores.len();
    (0..workers).map(|i| cores.get(i).filter(|_| pinned).copied().map(Core)).collect()
}
