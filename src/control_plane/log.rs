//! The process's own log on stderr: JSON lines or text.

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

use crate::config::snapshot::{Log, LogFormat, LogLevel};

/// Sets the log up, once per process.
pub fn start(log: Log, colours: bool) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let builder = fmt().with_max_level(level).with_target(false).with_writer(std::io::stderr);
    // A second start finds the first one's log in place, which is as good.
    let _started = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).with_ansi(false).try_init(),
        LogFormat::Text => builder.with_ansi(colours).try_init(),
    };
}
