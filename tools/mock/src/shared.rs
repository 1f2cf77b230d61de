//! What the workers share: defaults, scripts, log, counters, certificate.
//!
//! Never on the hot path: a plain mock reads one flag here per request.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::args::Args;
use crate::knobs::Knobs;
use crate::link::{Config, load_tls};
use crate::record::Log;
use crate::script::Scripts;
use crate::send::Finish;
use crate::stats::{Counters, Totals};

/// One per process.
#[derive(Debug)]
pub struct Shared {
    accept_faults: Mutex<(Option<Finish>, u32)>,
    begin: Settings,
    connections: AtomicU64,
    counters: Vec<Counters>,
    has_accept_faults: AtomicBool,
    is_plain: AtomicBool,
    log: Log,
    now: Mutex<Settings>,
    replay_dir: Option<PathBuf>,
    sequence: AtomicU64,
    tls: Mutex<Option<Config>>,
}

/// What tests change while the mock runs.
#[derive(Clone, Debug, Default)]
struct Settings {
    knobs: Knobs,
    scripts: Scripts,
}

impl Shared {
    /// Reads everything the command line names.
    pub fn new(args: &Args) -> Result<Self, String> {
        let mut begin = Settings::default();
        for text in &args.knobs {
            begin.knobs.apply(text)?;
        }
        if let Some(path) = &args.script {
            let text = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
            begin.scripts.add_json(&text)?;
        }
        for text in &args.key_script {
            begin.scripts.add_text(text)?;
        }
        let is_logged = args.record || args.log.is_some();
        let log = Log::open(args.log.as_deref(), is_logged, args.log_body)
            .map_err(|error| format!("--log: {error}"))?;
        let tls = match (&args.tls_cert, &args.tls_key) {
            (Some(cert), Some(key)) => Some(load_tls(cert, key)?),
            _ => None,
        };
        let shared = Self {
            accept_faults: Mutex::default(),
            connections: AtomicU64::new(0),
            counters: (0..args.workers.get()).map(|_| Counters::default()).collect(),
            has_accept_faults: AtomicBool::new(false),
            is_plain: AtomicBool::new(false),
            log,
            now: Mutex::new(begin.clone()),
            begin,
            replay_dir: args.replay_dir.clone(),
            sequence: AtomicU64::new(0),
            tls: Mutex::new(tls),
        };
        shared.change(|_| Ok(()))?;
        Ok(shared)
    }

    /// Whether every answer is the default one and nobody records it.
    pub fn is_plain(&self) -> bool {
        // Relaxed: a change made by a control request is told to its caller after the store, and
        // requests sent before that may be served either way.
        self.is_plain.load(Ordering::Relaxed)
    }

    /// The knobs for a request with this key, and the number of its script step.
    pub fn knobs_for(&self, key: Option<&str>) -> Result<(Knobs, Option<usize>), String> {
        let mut now = self.now.lock().map_err(|_| POISONED)?;
        let mut knobs = now.knobs.clone();
        let step = now.scripts.advance(key.unwrap_or_default(), &mut knobs)?;
        Ok((knobs, step))
    }

    /// Sets the default knobs, from scratch.
    pub fn set_knobs(&self, text: &str) -> Result<(), String> {
        self.change(|settings| {
            settings.knobs = Knobs::default();
            settings.knobs.apply(text)
        })
    }

    /// Adds scripts, or replaces those of the same keys.
    pub fn add_scripts(&self, json: &[u8]) -> Result<(), String> {
        self.change(|settings| settings.scripts.add_json(json))
    }

    /// Back to the command line; the log is emptied.
    pub fn reset(&self) -> Result<(), String> {
        self.log.reset();
        self.set_accept_fault(None, 0)?;
        self.change(|settings| {
            *settings = self.begin.clone();
            Ok(())
        })
    }

    /// The next `count` connections end like this before their first byte.
    pub fn set_accept_fault(&self, fault: Option<Finish>, count: u32) -> Result<(), String> {
        *self.accept_faults.lock().map_err(|_| POISONED)? = (fault, count);
        self.has_accept_faults.store(fault.is_some() && count > 0, Ordering::Relaxed);
        Ok(())
    }

    /// Takes one fault for a fresh connection.
    pub fn take_accept_fault(&self) -> Option<Finish> {
        if !self.has_accept_faults.load(Ordering::Relaxed) {
            return None;
        }
        let mut faults = self.accept_faults.lock().ok()?;
        faults.1 = faults.1.checked_sub(1)?;
        if faults.1 == 0 {
            self.has_accept_faults.store(false, Ordering::Relaxed);
        }
        faults.0
    }

    /// The certificate for the next handshake; none on a plain listener.
    pub fn tls(&self) -> Option<Config> {
        self.tls.lock().ok()?.clone()
    }

    /// Changes the certificate for handshakes to come.
    pub fn set_tls(&self, config: Config) -> Result<(), String> {
        let mut tls = self.tls.lock().map_err(|_| POISONED)?;
        if tls.is_none() {
            return Err("this listener has no TLS".to_owned());
        }
        *tls = Some(config);
        Ok(())
    }

    /// Where recorded streams lie.
    pub fn replay_dir(&self) -> Option<&std::path::Path> {
        self.replay_dir.as_deref()
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The counters of worker `index`.
    pub fn counters(&self, index: usize) -> Option<&Counters> {
        self.counters.get(index)
    }

    /// Numbers requests from 1.
    pub fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Numbers connections from 1.
    pub fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The counters of all workers.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for counters in &self.counters {
            counters.add_to(&mut totals);
        }
        totals
    }

    /// Statistics as JSON.
    pub fn stats(&self) -> String {
        let totals = self.totals();
        let (recorded, dropped) = self.log.counts();
        let used = self.now.lock().map(|now| now.scripts.used().clone()).unwrap_or_default();
        serde_json::json!({
            "bytes_out": totals.bytes_out,
            "connections_accepted": totals.accepted,
            "connections_open": totals.accepted.saturating_sub(totals.closed),
            "in_flight": totals.in_flight(),
            "records": recorded,
            "records_dropped": dropped,
            "requests": totals.received,
            "script_steps_used": used,
        })
        .to_string()
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Settings) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut now = self.now.lock().map_err(|_| POISONED)?;
        // A refused change leaves nothing half done.
        let mut wanted = now.clone();
        change(&mut wanted)?;
        let is_plain = wanted.knobs == Knobs::default() && wanted.scripts.is_empty();
        self.is_plain.store(is_plain && !self.log.is_on(), Ordering::Relaxed);
        *now = wanted;
        Ok(())
    }
}

const POISONED: &str = "a worker panicked while it held this lock";
