//! The bound on memory from which on less is served rather than all of it lost.

use crate::config::setting::TextOr;

pub const MEMORY: TextOr = TextOr {
    default: "auto",
    key: "memory",
    pattern: r"^(auto|off|[0-9.]+ ?[KMGTkmgt]?i?[Bb]?)$",
    why: "of the process; less is served near it; auto = of its control group or host; or off",
};

/// Below it nothing would ever be served.
pub const MEMORY_BYTES_MIN: u64 = 1_024 * 1_024;
