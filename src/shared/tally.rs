//! What one worker counts by label: requests and tokens by provider, model and status, faults by
//! provider and kind. Written by that worker alone, summed by readers, never dropped (DESIGN D11).

use crate::protocol::usage::figures::Usage;

/// Kinds of tokens, as metrics call them; disjoint.
pub const KINDS: [&str; 5] = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output"];

/// Tokens by kind. A write to a cache whose lifetime was not told counts as the shorter one, which
/// is what providers have by default.
pub fn by_kind(usage: &Usage) -> [u64; KINDS.len()] {
    let known = |count: Option<u64>| count.unwrap_or(0);
    [
        known(usage.input),
        known(usage.cache_read),
        known(usage.cache_write_5m).saturating_add(known(usage.cache_write)),
        known(usage.cache_write_1h),
        known(usage.output),
    ]
}
