//! Takes in a request body: counts it, hashes it on demand, keeps its beginning.
//!
//! Never holds more than `KEEP_MAX` bytes, however long the body is.

use sha2::{Digest, Sha256};

use super::chunked::Decoder;
use super::{Length, Refused};

/// A body that has been taken in, wholly or up to where the peer stopped.
#[derive(Clone, Debug, Default)]
pub struct Body {
    pub kept: Vec<u8>,
    pub length: u64,
    /// Lower-case hex, when it was asked for.
    pub sha256: Option<String>,
}

impl Body {
    /// Whether `kept` is only the beginning.
    pub fn is_truncated(&self) -> bool {
        u64::try_from(self.kept.len()).is_ok_and(|kept| kept < self.length)
    }
}

/// A body on its way in.
#[derive(Debug)]
pub struct Intake {
    body: Body,
    coding: Coding,
    hash: Option<Sha256>,
}

#[derive(Debug)]
enum Coding {
    Chunked(Decoder),
    Left(u64),
}

impl Intake {
    /// Starts a body of this length; `hashes` when its SHA-256 is wanted.
    pub fn new(length: Length, hashes: bool) -> Self {
        let coding = match length {
            Length::Chunked => Coding::Chunked(Decoder::default()),
            Length::Known(bytes) => Coding::Left(bytes),
        };
        Self { body: Body::default(), coding, hash: hashes.then(Sha256::new) }
    }

    /// Feeds what was read; returns how many bytes of it belonged to this body.
    pub fn push(&mut self, input: &[u8]) -> Result<usize, Refused> {
        let (body, hash) = (&mut self.body, &mut self.hash);
        let mut keep = |payload: &[u8]| {
            body.length += u64::try_from(payload.len()).unwrap_or(0);
            let room = KEEP_MAX.saturating_sub(body.kept.len()).min(payload.len());
            body.kept.extend_from_slice(payload.get(..room).unwrap_or_default());
            if let Some(hash) = hash {
                hash.update(payload);
            }
        };
        match &mut self.coding {
            Coding::Chunked(decoder) => decoder.push(input, keep),
            Coding::Left(left) => {
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                keep(input.get(..take).unwrap_or_default());
                *left -= u64::try_from(take).unwrap_or(0);
                Ok(take)
            }
        }
    }

    /// Whether the body has ended.
    pub fn is_done(&self) -> bool {
        match &self.coding {
            Coding::Chunked(decoder) => decoder.is_done(),
            Coding::Left(left) => *left == 0,
        }
    }

    /// Payload bytes so far.
    pub fn length(&self) -> u64 {
        self.body.length
    }

    /// What was taken in, complete or not.
    pub fn finish(self) -> Body {
        let mut body = self.body;
        body.sha256 = self.hash.map(|hash| hex(&hash.finalize()));
        body
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

const KEEP_MAX: usize = 1 << 20;
