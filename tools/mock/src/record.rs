//! The log: one JSON line per request, to a file and kept for `GET /__mock/log`.
//!
//! Never consulted by an answer; when it is off it costs nothing.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::request::{Body, Head};
use crate::send::{End, Outcome};

/// Where records go.
#[derive(Debug)]
pub struct Log {
    body_max: usize,
    file: Option<Mutex<File>>,
    is_on: bool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    dropped: u64,
    lines: VecDeque<String>,
    total: u64,
}

/// When a request came, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub at: Instant,
    pub unix_ms: f64,
}

impl Arrival {
    /// Now.
    pub fn now() -> Self {
        let unix_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64() * 1000.0);
        Self { at: Instant::now(), unix_ms }
    }
}

/// All that is known of one request when it is over.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub arrival: Arrival,
    pub body: &'a Body,
    pub connection: u64,
    pub events_sent: u32,
    pub head: &'a Head,
    pub outcome: &'a Outcome,
    pub sequence: u64,
    pub status: Option<u16>,
    pub step: Option<usize>,
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    connection: u64,
    method: &'a str,
    target: &'a str,
    headers: &'a [(String, String)],
    body_length: u64,
    body_sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    key: Option<&'a str>,
    step: Option<usize>,
    arrived_ms: f64,
    status: Option<u16>,
    bytes_sent: u64,
    events_sent: u32,
    end: &'static str,
    duration_ms: f64,
    /// Since the first byte of the answer, or since arrival when there was none.
    peer_left_ms: Option<f64>,
    /// Since the last write.
    peer_left_after_write_ms: Option<f64>,
}

impl Log {
    /// A log to `file` and to memory; off when `is_on` is false.
    pub fn open(file: Option<&Path>, is_on: bool, body_max: usize) -> io::Result<Self> {
        let file = file.map(File::create).transpose()?.map(Mutex::new);
        Ok(Self { body_max, file, is_on, kept: Mutex::default() })
    }

    /// Whether requests are recorded.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Writes one record down.
    pub fn push(&self, record: &Record<'_>) {
        let line = match serde_json::to_string(&self.line(record)) {
            Ok(line) => line,
            Err(error) => format!(r#"{{"error":"{error}"}}"#),
        };
        if let Some(file) = &self.file
            && let Ok(mut file) = file.lock()
            && let Err(error) = writeln!(file, "{line}")
        {
            eprintln!("mock: cannot write the log: {error}");
        }
        if let Ok(mut kept) = self.kept.lock() {
            kept.total += 1;
            if kept.lines.len() == KEPT_MAX {
                kept.lines.pop_front();
                kept.dropped += 1;
            }
            kept.lines.push_back(line);
        }
    }

    /// All kept records as a JSON array.
    pub fn json(&self) -> String {
        let Ok(mut kept) = self.kept.lock() else { return "[]".to_owned() };
        format!("[{}]", kept.lines.make_contiguous().join(",\n"))
    }

    /// How many requests were recorded since the last reset, and how many of them fell out of
    /// memory.
    pub fn counts(&self) -> (u64, u64) {
        self.kept.lock().map_or((0, 0), |kept| (kept.total, kept.dropped))
    }

    /// Forgets what is kept; the file stays.
    pub fn reset(&self) {
        if let Ok(mut kept) = self.kept.lock() {
            *kept = Kept::default();
        }
    }

    fn line<'a>(&self, record: &Record<'a>) -> Line<'a> {
        let Record { arrival, body, head, outcome, .. } = *record;
        let ms = |from: Instant, to: Instant| to.duration_since(from).as_secs_f64() * 1000.0;
        let fits = !body.is_truncated() && body.kept.len() <= self.body_max;
        Line {
            seq: record.sequence,
            connection: record.connection,
            method: &head.method,
            target: &head.target,
            headers: &head.headers,
            body_length: body.length,
            body_sha256: body.sha256.as_deref(),
            body: fits.then(|| String::from_utf8_lossy(&body.kept).into_owned()),
            key: head.key(),
            step: record.step,
            arrived_ms: arrival.unix_ms,
            status: record.status,
            bytes_sent: outcome.bytes_sent,
            events_sent: record.events_sent,
            end: match outcome.end {
                End::Complete => "complete",
                End::Fault => "fault",
                End::PeerLeft => "peer_left",
            },
            duration_ms: ms(arrival.at, Instant::now()),
            peer_left_ms: outcome
                .peer_left
                .map(|left| ms(outcome.started.unwrap_or(arrival.at), left)),
            peer_left_after_write_ms: outcome
                .peer_left
                .and_then(|left| outcome.last_write.map(|write| ms(write, left))),
        }
    }
}

const KEPT_MAX: usize = 100_000;
