//! What is shown while a run goes on: a live block on a terminal, one line per second elsewhere.
//!
//! Never on stdout, which belongs to the report.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::report::text::time;
use crate::run::Second;
use crate::units::{grouped, ms};

/// The place for progress.
#[derive(Debug)]
pub struct Screen {
    failed: u64,
    kind: Kind,
    ok: u64,
}

#[derive(Debug)]
enum Kind {
    Live(ProgressBar),
    Lines,
    Quiet,
}

impl Screen {
    /// A live one on a terminal; `seconds` is the length of all rounds together, if it is known.
    pub fn new(is_quiet: bool, is_plain: bool, seconds: Option<u64>) -> Self {
        let kind = if is_quiet {
            Kind::Quiet
        } else if is_plain || !std::io::stderr().is_terminal() {
            Kind::Lines
        } else {
            Kind::Live(bar(seconds))
        };
        Self { failed: 0, kind, ok: 0 }
    }

    /// Names the round that begins.
    pub fn round(&mut self, name: &str) {
        match &self.kind {
            Kind::Live(bar) => bar.set_prefix(name.to_owned()),
            Kind::Lines if !name.is_empty() => eprintln!("{name}"),
            Kind::Lines | Kind::Quiet => {}
        }
    }

    /// Shows one second.
    pub fn second(&mut self, second: &Second) {
        let interval = &second.interval;
        self.ok += interval.ok;
        self.failed += interval.failed;
        let at = |quantile: f64| time(ms(interval.latency.value_at_quantile(quantile)));
        let latency = if interval.latency.is_empty() {
            "no answer ended".to_owned()
        } else {
            format!("p50 {} p99 {}", at(0.5), at(0.99))
        };
        let now = format!(
            "{} ok/s, {} events/s, {} in flight, {latency}",
            grouped(interval.ok),
            grouped(interval.events),
            grouped(interval.in_flight)
        );
        let total = format!("{} ok, {} failed in all", grouped(self.ok), grouped(self.failed));
        match &self.kind {
            Kind::Live(bar) => {
                bar.inc(1);
                bar.set_message(format!("{now}\n  {total}"));
            }
            Kind::Lines => eprintln!("{:>4} s  {now}; {total}", second.index + 1),
            Kind::Quiet => {}
        }
    }

    /// Clears the live block.
    pub fn close(&self) {
        if let Kind::Live(bar) = &self.kind {
            bar.finish_and_clear();
        }
    }
}

fn bar(seconds: Option<u64>) -> ProgressBar {
    let (bar, template) = match seconds {
        Some(seconds) => {
            (ProgressBar::new(seconds), "{prefix} [{bar:40}] {elapsed} of {len} s\n  {msg}")
        }
        None => (ProgressBar::new_spinner(), "{prefix} {spinner} {elapsed}\n  {msg}"),
    };
    let style = ProgressStyle::with_template(template).expect("the templates are constants");
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
