//! Identities under the install's salt: HMAC-SHA256, first 8 bytes (BEHAVIOUR 1). What is hashed
//! cannot be found again without the salt.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Hashes under one salt.
#[derive(Clone)]
pub struct KeyedHash {
    /// Ready to take data: the salt is mixed in already.
    ready: Hmac<Sha256>,
}

impl KeyedHash {
    /// Under `salt`.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    pub fn new(salt: &[u8; 32]) -> Self {
        Self { ready: Hmac::new_from_slice(salt).expect("HMAC takes keys of any length") }
    }

    /// The hash of `parts` one behind the other, each with its length, so that no two lists of
    /// parts look alike.
    pub fn of(&self, parts: &[&[u8]]) -> u64 {
        let mut hash = self.ready.clone();
        for part in parts {
            hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part);
        }
        let bytes = hash.finalize().into_bytes();
        bytes.iter().take(8).fold(0, |value, &byte| value << 8 | u64::from(byte))
    }
}

impl std::fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyedHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_under_another_salt_are_another_hash() {
        let (a, b) = (KeyedHash::new(&[1; 32]), KeyedHash::new(&[2; 32]));
        assert_eq!(a.of(&[b"x", b"y"]), a.of(&[b"x", b"y"]));
        assert_ne!(a.of(&[b"x", b"y"]), b.of(&[b"x", b"y"]));
        assert_ne!(a.of(&[b"xy", b""]), a.of(&[b"x", b"y"]));
    }
}
