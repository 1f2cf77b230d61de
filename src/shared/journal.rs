//! What happened, from workers to the control plane: a bounded queue per worker (DESIGN D11).
//! Never blocks: a full queue drops the record and counts it.

use crossbeam::queue::ArrayQueue;

use super::atomic::{AtomicU8, AtomicU64, Ordering, fence};
use super::detail::Detail;
use crate::protocol::dialect::Dialect;
use crate::protocol::json::text::Text;
use crate::protocol::rate_limit::summary::Summary;
use crate::protocol::usage::Outcome;
use crate::protocol::usage::figures::Usage;

pub mod texts;

use texts::{Texts, Told};

/// What a worker tells.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A breaker opened or closed.
    Breaker(Box<BreakerState>),
    /// An exchange ended.
    Exchange(Box<Record>),
    /// A credential's state changed.
    KeyState(Box<KeyState>),
    /// What is told of an exchange beside its record, which follows.
    Detail(Box<Detail>),
}

/// A change of a breaker's state.
#[derive(Clone, Debug)]
pub struct BreakerState {
    /// A model of the class it is about.
    pub model: Text<96>,
    /// Whose.
    pub provider: Text<64>,
    /// Milliseconds until its first probe; `None` when it closed.
    pub wait_ms: Option<u64>,
}

/// A change of a credential's state, told by whoever made it.
#[derive(Clone, Debug)]
pub struct KeyState {
    /// The model class it is about; empty = the whole credential.
    pub class: Text<96>,
    /// Its name.
    pub key: Text<64>,
    /// It failed authentication, rather than being limited.
    pub is_auth_failed: bool,
    /// Its provider.
    pub provider: Text<64>,
    /// Why.
    pub reason: &'static str,
    /// Milliseconds until it is available, or probed, again; `None` = never by itself.
    pub wait_ms: Option<u64>,
}

/// One exchange (CONFIG.md, shape `request`). Of a bounded size; holds no secret, no header value
/// but those named here, and no body byte. Texts that are longer than their place are cut.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// What the client asked for.
    pub asked: Asked,
    /// How it ended.
    pub ended: Ended,
    /// What the provider said of its answer.
    pub answered: Answered,
    /// All texts of the other parts.
    pub texts: Texts,
}

/// What the client asked for, and of whom.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `anthropic-beta` as received; empty when absent.
    pub beta: Told<128>,
    /// Bytes of the request body, as far as known.
    pub body_bytes: u64,
    /// Owner of the gateway key; empty for others.
    pub caller: Told<64>,
    /// `content-type` as received; empty when absent.
    pub content_type: Told<48>,
    /// Hash of the conversation's key under the install's salt.
    pub conversation: Option<u64>,
    /// The API it speaks.
    pub dialect: Dialect,
    /// The request's id.
    pub id: Told<24>,
    /// Messages or input items in the body.
    pub message_count: Option<u64>,
    /// The method.
    pub method: Told<16>,
    /// The model asked for; empty where the body could not be read.
    pub model: Told<96>,
    /// The path without query.
    pub path: Told<128>,
    /// The query with its `?`; empty when absent.
    pub query: Told<96>,
    /// It asked for a stream.
    pub streams: bool,
    /// It asked for extended thinking.
    pub thinks: bool,
    /// Milliseconds since 1970 when its head was whole.
    pub unix_ms: u64,
    /// `user-agent` as received; empty when absent.
    pub user_agent: Told<96>,
}

/// How an exchange ended.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// Upstream calls made.
    pub attempts: u32,
    /// The cap that was reached, when one was.
    pub cap: Option<u32>,
    /// Why it failed, for people; empty when it did not.
    pub cause: Told<192>,
    /// The `x-tidegate-error` code, when it failed.
    pub code: Option<&'static str>,
    /// Why the provider was asked (`x-tidegate-decision`).
    pub decision: Told<128>,
    /// Milliseconds from the request's head to the end.
    pub duration_ms: u64,
    /// Name or hint of the key it was served with; empty when none was.
    pub key: Told<64>,
    /// Microseconds in the gateway: at work, or waiting for a permit or a key.
    pub overhead_us: u64,
    /// The model really asked for; empty where it is not known.
    pub model_routed: Told<96>,
    /// How far it was.
    pub phase: &'static str,
    /// The provider asked last; empty when none was.
    pub provider: Told<64>,
    /// The rule that led there; empty without one.
    pub route: Told<64>,
    /// The status the client got, or would have got.
    pub status: u16,
}

/// What the provider said of its answer, as far as it was seen.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// Bytes of body passed to the client.
    pub bytes: u64,
    /// The usage may be incomplete, since the answer was.
    pub estimated: bool,
    /// Events with data.
    pub events: u64,
    /// Gaps between reads of a stream, by length.
    pub gaps: Gaps,
    /// What its head said of limits.
    pub limits: Option<Summary>,
    /// The model that answered.
    pub model: Told<96>,
    /// `anthropic-organization-id` or `openai-organization`.
    pub organization_id: Told<64>,
    /// How the answer ended; `None` when there was none.
    pub outcome: Option<Outcome>,
    /// `request-id` or `x-request-id`.
    pub request_id: Told<64>,
    /// `service_tier`.
    pub service_tier: Told<32>,
    /// Why the model stopped.
    pub stop_reason: Told<64>,
    /// Milliseconds to the head of the answer.
    pub ttfb_ms: Option<u64>,
    /// Milliseconds to the first event with data.
    pub ttft_ms: Option<u64>,
    /// Tokens, disjoint.
    pub usage: Usage,
}

/// Counts of gaps: place n holds those of 2^(n-1) up to 2^n milliseconds, the last all longer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Gaps {
    counts: [u32; GAP_PLACES],
    /// All of them together.
    sum_ms: u64,
}

impl Gaps {
    /// Counts a gap of `ms` milliseconds.
    pub fn count(&mut self, ms: u64) {
        let place = usize::try_from(u64::BITS - ms.leading_zeros()).unwrap_or(0);
        if let Some(count) = self.counts.get_mut(place.min(GAP_PLACES - 1)) {
            *count = count.saturating_add(1);
        }
        self.sum_ms = self.sum_ms.saturating_add(ms);
    }

    /// The counts, shortest gaps first.
    pub const fn counts(&self) -> &[u32; GAP_PLACES] {
        &self.counts
    }

    /// All gaps together, ms.
    pub const fn sum_ms(&self) -> u64 {
        self.sum_ms
    }
}

/// One worker's queue.
#[derive(Debug)]
pub struct Journal {
    /// 1 while the reader waits for its bell.
    asleep: AtomicU8,
    /// Records that have been read, to be written again: else one thread would allocate what
    /// another frees.
    blanks: ArrayQueue<Box<Record>>,
    /// Bytes of details in the queue.
    detail_bytes: AtomicU64,
    dropped: AtomicU64,
    queue: ArrayQueue<Entry>,
}

impl Journal {
    /// An empty queue with room for 2,048 records.
    pub fn new() -> Self {
        Self {
            asleep: AtomicU8::new(0),
            blanks: ArrayQueue::new(BLANKS_MAX),
            detail_bytes: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            queue: ArrayQueue::new(RECORDS_MAX),
        }
    }

    /// A record to be written: all that it holds but texts is of another exchange.
    pub fn blank(&self) -> Box<Record> {
        let mut blank = self.blanks.pop().unwrap_or_default();
        blank.texts.clear();
        blank
    }

    /// A record that has been read, or that nobody wants.
    pub fn give_back(&self, record: Box<Record>) {
        // More than are kept: freed.
        let _enough = self.blanks.push(record);
    }

    /// Hands an entry over, or drops and counts it when the queue is full. True: the reader is
    /// asleep and its bell must be rung.
    pub fn push(&self, entry: Entry) -> bool {
        if let Err(entry) = self.queue.push(entry) {
            if let Entry::Detail(detail) = &entry {
                let bytes = u64::try_from(detail.weight()).unwrap_or(u64::MAX);
                self.detail_bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
            // Relaxed: a count that nothing is published by.
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        // SeqCst here and in `fall_asleep`: either this sees the reader asleep, or the reader's
        // last look sees the record. Anything weaker allows neither (store buffering).
        fence(Ordering::SeqCst);
        self.asleep.load(Ordering::SeqCst) == 1 && self.asleep.swap(0, Ordering::SeqCst) == 1
    }

    /// Hands a detail over as [`Journal::push`] does; they are bounded by their bytes too.
    pub fn push_detail(&self, detail: Box<Detail>) -> bool {
        let bytes = u64::try_from(detail.weight()).unwrap_or(u64::MAX);
        // Relaxed: one writer adds, and what the reader has taken off meanwhile only makes room.
        if self.detail_bytes.load(Ordering::Relaxed).saturating_add(bytes) > DETAIL_BYTES_MAX {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.detail_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.push(Entry::Detail(detail))
    }

    /// The reader is about to wait for its bell. False: a record came meanwhile, so look again.
    pub fn fall_asleep(&self) -> bool {
        self.asleep.store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if self.queue.is_empty() {
            return true;
        }
        self.asleep.store(0, Ordering::SeqCst);
        false
    }

    /// The oldest entry.
    pub fn pop(&self) -> Option<Entry> {
        let entry = self.queue.pop();
        if let Some(Entry::Detail(detail)) = &entry {
            let bytes = u64::try_from(detail.weight()).unwrap_or(u64::MAX);
            self.detail_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        entry
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

/// Records kept to be written again.
const BLANKS_MAX: usize = 512;
/// Bytes of details a worker may be ahead of the control plane.
const DETAIL_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Records a worker may be ahead of the control plane.
const RECORDS_MAX: usize = 2_048;
/// 0, 1, 2 to 3, 4 to 7, … and from 16,384 ms on.
pub const GAP_PLACES: usize = 16;

#[cfg(all(test, not(tidegate_loom)))]
pub(crate) mod tests;

#[cfg(all(test, tidegate_loom))]
mod loom_tests;
