//! All histograms as an `HdrHistogram` log, which other tools read.
//!
//! Never loses precision: values are nanoseconds as they were recorded.

use std::io;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::stats::{Metric, Stats};

/// One line per metric, tagged with its name and side.
pub fn write(
    out: &mut impl io::Write,
    begun: SystemTime,
    sides: &[(&str, &Stats, f64)],
) -> Result<(), String> {
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(concat!("tidegate-load ", env!("CARGO_PKG_VERSION"), ", nanoseconds"))
        .with_start_time(begun)
        .with_base_time(begun)
        .begin_log_with(out, &mut serializer)
        .map_err(|error| error.to_string())?;
    for (side, stats, window_s) in sides {
        let window = Duration::try_from_secs_f64(*window_s).unwrap_or_default();
        for metric in Metric::ALL {
            let durations = stats.durations(metric);
            if durations.is_empty() {
                continue;
            }
            let name = format!("{side}.{}", metric.name());
            let tag = Tag::new(&name);
            log.write_histogram(durations, Duration::ZERO, window, tag)
                .map_err(|error| format!("{name}: {error:?}"))?;
        }
    }
    Ok(())
}
