//! What happened, from workers to the control plane: a bounded queue per worker (DESIGN D11).
//! Never blocks: a full queue drops the record and counts it.

use crossbeam::queue::ArrayQueue;

use super::atomic::{AtomicU64, Ordering};

/// One failed forward (BEHAVIOUR 9). Holds no header values and no body bytes.
#[derive(Clone, Debug)]
pub struct Record {
    /// Upstream calls made.
    pub attempts: u32,
    /// `anthropic-beta` as received; empty when absent.
    pub beta: Box<str>,
    /// Bytes of the request body, as far as known.
    pub body_bytes: u64,
    /// Why, for people.
    pub cause: Box<str>,
    /// The `x-tidegate-error` code.
    pub code: &'static str,
    /// Milliseconds from the request's head to the failure.
    pub elapsed_ms: u64,
    /// The request's id.
    pub id: Box<str>,
    /// The method.
    pub method: Box<str>,
    /// The model asked for; empty where the body could not be read.
    pub model: Box<str>,
    /// The path without query.
    pub path: Box<str>,
    /// How far the exchange was.
    pub phase: &'static str,
    /// The provider asked last; empty when none was.
    pub provider: Box<str>,
    /// The query with its `?`; empty when absent.
    pub query: Box<str>,
    /// The status the client got, or would have got.
    pub status: u16,
    /// The client asked for a stream.
    pub streams: bool,
    /// The client asked for extended thinking.
    pub thinks: bool,
}

/// One worker's queue.
#[derive(Debug)]
pub struct Journal {
    dropped: AtomicU64,
    queue: ArrayQueue<Record>,
}

impl Journal {
    /// An empty queue of [`RECORDS_MAX`] places.
    pub fn new() -> Self {
        Self { dropped: AtomicU64::new(0), queue: ArrayQueue::new(RECORDS_MAX) }
    }

    /// Hands a record over; false when it was dropped because the queue is full.
    pub fn push(&self, record: Record) -> bool {
        let kept = self.queue.push(record).is_ok();
        if !kept {
            // Relaxed: a count that nothing is published by.
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        kept
    }

    /// The oldest record.
    pub fn pop(&self) -> Option<Record> {
        self.queue.pop()
    }

    /// Records dropped since start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self::new()
    }
}

/// Records a worker may be ahead of the control plane.
const RECORDS_MAX: usize = 4_096;

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    use super::*;

    fn record(status: u16) -> Record {
        Record {
            attempts: 1,
            beta: "".into(),
            body_bytes: 0,
            cause: "".into(),
            code: "internal",
            elapsed_ms: 0,
            id: "".into(),
            method: "POST".into(),
            model: "".into(),
            path: "/".into(),
            phase: "",
            provider: "".into(),
            query: "".into(),
            status,
            streams: false,
            thinks: false,
        }
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let journal = Journal::new();
        for _ in 0..RECORDS_MAX {
            assert!(journal.push(record(500)));
        }
        assert!(!journal.push(record(501)));
        assert_eq!(journal.dropped(), 1);
        assert_eq!(journal.pop().map(|r| r.status), Some(500));
        assert!(journal.push(record(502)));
    }
}
