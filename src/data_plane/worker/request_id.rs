//! Request ids: unique over workers and restarts, cheap to make. They say nothing about a request.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// 24 hex digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RequestId([u8; 24]);

impl RequestId {
    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A number for what has to be spread over something.
    pub fn hash(&self) -> u64 {
        // FNV-1a.
        self.0.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// The digits as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// One worker's source of ids.
#[derive(Debug)]
pub struct RequestIds {
    next: Cell<u32>,
    prefix: u64,
}

impl RequestIds {
    /// A source with a prefix of its own.
    pub fn new() -> Self {
        // The standard library's per-instance random keys: unique is all an id must be.
        Self { next: Cell::new(0), prefix: RandomState::new().hash_one(0_u8) }
    }

    /// The next id.
    pub fn next(&self) -> RequestId {
        let n = self.next.get();
        self.next.set(n.wrapping_add(1));
        let value = u128::from(self.prefix) << 32 | u128::from(n);
        let mut digits = [0; 24];
        for (place, digit) in digits.iter_mut().rev().enumerate() {
            let nibble = u8::try_from(value >> (4 * place) & 0xF).unwrap_or(0);
            *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        }
        RequestId(digits)
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_within_and_between_workers() {
        let (a, b) = (RequestIds::new(), RequestIds::new());
        let ids = [a.next(), a.next(), b.next(), b.next()];
        for (i, id) in ids.iter().enumerate() {
            assert!(id.as_bytes().iter().all(u8::is_ascii_hexdigit));
            assert!(ids.iter().skip(i + 1).all(|other| other != id));
        }
    }
}
