//! What is told of an exchange beside its record where somebody asked for it (`storage.detail`,
//! `storage.bodies`): tries, head fields, times of reads, bodies. Bounded, and allocated only then.
//! Values of fields that name a secret come hashed.

use crate::protocol::json::text::Text;

/// The side record of one exchange.
#[derive(Clone, Debug, Default)]
pub struct Detail {
    /// In order.
    pub attempts: Vec<Attempt>,
    /// The beginning of the request's body.
    pub body: Vec<u8>,
    /// Reads of the answer's body.
    pub chunks: Vec<Chunk>,
    /// The exchange's id.
    pub id: Text<24>,
    /// Names in lower case, in order.
    pub request_headers: Vec<(String, String)>,
    /// The beginning of the answer's body.
    pub response_body: Vec<u8>,
    /// Names in lower case, in order.
    pub response_headers: Vec<(String, String)>,
    /// When the request's head was whole, ms since 1970.
    pub unix_ms: u64,
}

/// One upstream call.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Milliseconds it took; `None` while it is under way.
    pub duration_ms: Option<u64>,
    /// Name or hint of its key.
    pub key: Text<64>,
    /// Its provider.
    pub provider: Text<64>,
    /// Why it was not the last one; empty for one that was.
    pub reason: &'static str,
    /// Milliseconds after the exchange began.
    pub start_ms: u64,
    /// Of its answer; 0 when there was none.
    pub status: u16,
}

/// One read of an answer's body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Chunk {
    /// How much came.
    pub bytes: u32,
    /// Milliseconds after the exchange began.
    pub elapsed_ms: u32,
}

impl Detail {
    /// Bytes it takes, about.
    pub fn weight(&self) -> usize {
        let headers = self.request_headers.iter().chain(&self.response_headers);
        let text: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        let lists =
            self.attempts.len() * size_of::<Attempt>() + self.chunks.len() * size_of::<Chunk>();
        size_of::<Self>() + text + lists + self.body.len() + self.response_body.len()
    }
}

/// Appends to `body` what fits its bound.
pub fn append(body: &mut Vec<u8>, more: &[u8]) {
    let room = BODY_BYTES_MAX.saturating_sub(body.len());
    body.extend_from_slice(more.get(..room).unwrap_or(more));
}

/// Tries that are told of an exchange.
pub const ATTEMPTS_MAX: usize = 64;
/// Of each body.
pub const BODY_BYTES_MAX: usize = 65_536;
/// Reads that are told of an answer (CONFIG.md, shape `detail`).
pub const CHUNKS_MAX: usize = 4_096;
