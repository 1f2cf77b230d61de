//! Limits and defaults of `[storage]`. Reads nothing.

use super::{DAY_MS, SECOND_MS};
use crate::config::setting::{Choice, Duration};
use crate::config::snapshot::{Bodies, Detail};

pub const RETENTION: Duration = Duration {
    default_ms: 30 * DAY_MS,
    key: "retention",
    max_ms: 10 * 366 * DAY_MS,
    min_ms: SECOND_MS,
    why: "how long requests are kept one by one; sums by day are kept for good",
};

pub const DETAIL: Choice<Detail> = Choice {
    key: "detail",
    why: "limits: what providers say of limits, and each attempt where there were more than one; \
          timings: also when each part of an answer came; headers: also header fields, redacted",
    words: &[
        ("limits", Detail::Limits),
        ("off", Detail::Off),
        ("timings", Detail::Timings),
        ("headers", Detail::Headers),
    ],
};

pub const BODIES: Choice<Bodies> = Choice {
    key: "bodies",
    why: "whose bodies are kept, redacted and cut at 64 KiB each: they hold what people wrote",
    words: &[("off", Bodies::Off), ("errors", Bodies::Errors), ("all", Bodies::All)],
};
