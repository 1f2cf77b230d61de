//! The process's own log on stderr: JSON lines or text. Its level may change while it runs. Nobody
//! waits for whoever reads it.

mod lines;

use std::fmt;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt as format, registry, reload};

pub use lines::Lines;

use crate::config::snapshot::{Log, LogFormat, LogLevel};

/// How important a line must be to be written.
pub struct Level {
    set: Box<dyn Fn(LevelFilter)>,
}

impl Level {
    /// From now on, lines as important as `level` are written.
    pub fn set(&self, level: LogLevel) {
        (self.set)(filter_of(level));
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Level")
    }
}

/// Sets the log up, once per process: what is told goes to `lines`.
pub fn start(log: Log, colours: bool, lines: &Lines) -> Level {
    let (level, handle) = reload::Layer::new(filter_of(log.level));
    let to = lines.clone();
    let lines = format::layer().with_target(false).with_writer(move || to.clone());
    // A second start finds the first one's log in place, which is as good.
    let _started = match log.format {
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_ansi(false);
            registry().with(level).with(lines).try_init()
        }
        LogFormat::Text => registry().with(level).with(lines.with_ansi(colours)).try_init(),
    };
    // The handle outlives its log only where a second start found another one.
    Level { set: Box::new(move |level| drop(handle.reload(level))) }
}

/// From now on a panic is a line of the log: the one that panics need not wait for stderr.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let why = payload.downcast_ref::<&str>().copied();
        let why = why.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let backtrace = std::backtrace::Backtrace::capture();
        let is_captured = backtrace.status() == std::backtrace::BacktraceStatus::Captured;
        let backtrace = is_captured.then(|| backtrace.to_string());
        tracing::error!(thread = thread.name(), at, why, backtrace, "panicked");
    }));
}

fn filter_of(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
