//! Starts the threads of a run, listens to them, and looks at the measured processes meanwhile.
//!
//! Never touches a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use tidegate_tools::tick::now_ns;

use super::worker::{self, Report, Shared};
use super::{Load, Way};
use crate::process::{Span, Use};
use crate::stats::{Interval, Stats};
use crate::units::{float, ns};

/// One second of the run, over all threads.
#[derive(Clone, Debug)]
pub struct Second {
    pub interval: Interval,
    /// From the start of the run, warm-up included; the first is 0.
    pub index: usize,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub is_interrupted: bool,
    /// Of the measured processes, if there are any.
    pub process: Option<Span>,
    pub seconds: Vec<Second>,
    pub stats: Stats,
    /// Measured time.
    pub window_s: f64,
}

/// Runs to the end; `tell` gets each second once all threads have told theirs.
pub fn run(
    load: &Load,
    way: &Way,
    stop: &Arc<AtomicBool>,
    tell: &mut dyn FnMut(&Second),
) -> Result<Outcome, String> {
    let begin_ns = now_ns() + ns(HEAD_START);
    let shared = Arc::new(Shared {
        begin_ns,
        begun: AtomicU64::new(0),
        load: load.clone(),
        stop: Arc::clone(stop),
        way: way.clone(),
    });
    let (sender, receiver) = channel();
    for index in 0..load.threads {
        let (shared, sender) = (Arc::clone(&shared), sender.clone());
        std::thread::Builder::new()
            .name(format!("load-{index}"))
            .spawn(move || worker::run(index, &shared, &sender))
            .map_err(|error| format!("cannot start a thread: {error}"))?;
    }
    drop(sender);
    let mut listener = Listener {
        begin: None,
        load,
        mark_ns: begin_ns + ns(load.warmup),
        peak_rss: 0,
        seconds: Vec::new(),
        stats: Stats::default(),
        told: Vec::new(),
    };
    listener.listen(&receiver, tell)?;
    let is_interrupted = stop.load(Ordering::Relaxed);
    let last_end = listener.stats.last_end_ns.saturating_sub(listener.mark_ns);
    let window_ns = match load.duration {
        // A run that came to its limit of requests was over with the last one.
        Some(duration) if is_interrupted || load.limit.is_some() => ns(duration).min(last_end),
        Some(duration) => ns(duration),
        None => last_end,
    };
    Ok(Outcome {
        is_interrupted,
        process: listener.process()?,
        seconds: listener.seconds,
        stats: listener.stats,
        window_s: float(window_ns) / 1e9,
    })
}

struct Listener<'a> {
    /// The processes at the end of the warm-up.
    begin: Option<Use>,
    load: &'a Load,
    mark_ns: u64,
    peak_rss: u64,
    seconds: Vec<Second>,
    stats: Stats,
    /// How many threads have told each second.
    told: Vec<u64>,
}

impl Listener<'_> {
    fn listen(
        &mut self,
        reports: &Receiver<Report>,
        tell: &mut dyn FnMut(&Second),
    ) -> Result<(), String> {
        let mut running = self.load.threads;
        while running > 0 {
            match reports.recv_timeout(LOOK_EVERY) {
                Ok(Report::Done(stats)) => {
                    self.stats.add(&stats);
                    running -= 1;
                }
                Ok(Report::Failed(why)) => return Err(why),
                Ok(Report::Second { index, interval }) => self.second(index, &interval, tell),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err("a thread died, which is a bug of this tool".to_owned());
                }
            }
            self.look()?;
        }
        Ok(())
    }

    fn second(&mut self, index: usize, interval: &Interval, tell: &mut dyn FnMut(&Second)) {
        while self.seconds.len() <= index {
            let index = self.seconds.len();
            self.seconds.push(Second { index, interval: Interval::default() });
            self.told.push(0);
        }
        let (Some(second), Some(told)) = (self.seconds.get_mut(index), self.told.get_mut(index))
        else {
            return;
        };
        second.interval.add(interval);
        *told += 1;
        if *told == self.load.threads {
            tell(second);
        }
    }

    /// A look at the measured processes.
    fn look(&mut self) -> Result<(), String> {
        if self.load.pids.is_empty() || now_ns() < self.mark_ns {
            return Ok(());
        }
        let now = Use::of(&self.load.pids)?;
        self.begin.get_or_insert(now);
        self.peak_rss = self.peak_rss.max(now.rss_bytes);
        Ok(())
    }

    fn process(&self) -> Result<Option<Span>, String> {
        let Some(begin) = self.begin else { return Ok(None) };
        let end = Use::settled(&self.load.pids)?;
        Ok(Some(Span::between(&begin, &end, self.peak_rss.max(end.rss_bytes))))
    }
}

/// The threads are up and waiting when the schedule begins.
const HEAD_START: Duration = Duration::from_millis(50);
const LOOK_EVERY: Duration = Duration::from_millis(20);
