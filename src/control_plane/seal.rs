//! Seals values of keys for the disk: XChaCha20-Poly1305 under a key made of `storage.master_key`,
//! with the key's names as associated data, so that no row can stand in for another.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rustix::rand::{GetRandomFlags, getrandom};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::config::Secret;

/// Opens and closes.
pub struct Seal {
    cipher: XChaCha20Poly1305,
}

/// Another master key, another row, or a bit that turned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotSealedHere;

impl Seal {
    /// Under this master key.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    pub fn new(master_key: &Secret) -> Self {
        let mut derived = <Hmac<Sha256> as Mac>::new_from_slice(master_key.expose().as_bytes())
            .expect("HMAC takes keys of any length");
        derived.update(PURPOSE);
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(derived.finalize().into_bytes().into());
        Self { cipher: XChaCha20Poly1305::new(Key::from_slice(&*key)) }
    }

    /// A value for the row of these names; `None` when the kernel has no random bytes.
    pub fn close(&self, provider: &str, name: &str, value: &Secret) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        let filled = getrandom(nonce.as_mut_slice(), GetRandomFlags::empty()).ok()?;
        if filled != NONCE_BYTES {
            return None;
        }
        let aad = aad(provider, name);
        let payload = Payload { aad: &aad, msg: value.expose().as_bytes() };
        let sealed = self.cipher.encrypt(XNonce::from_slice(&nonce), payload).ok()?;
        Some([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// The value in the row of these names.
    ///
    /// # Errors
    /// [`NotSealedHere`].
    pub fn open(&self, provider: &str, name: &str, sealed: &[u8]) -> Result<Secret, NotSealedHere> {
        let (&version, rest) = sealed.split_first().ok_or(NotSealedHere)?;
        let (nonce, msg) = rest.split_at_checked(NONCE_BYTES).ok_or(NotSealedHere)?;
        if version != VERSION {
            return Err(NotSealedHere);
        }
        let aad = aad(provider, name);
        let payload = Payload { aad: &aad, msg };
        let opened = self.cipher.decrypt(XNonce::from_slice(nonce), payload);
        let text = String::from_utf8(opened.map_err(|_| NotSealedHere)?);
        text.map(|text| Secret::new(Zeroizing::new(text))).map_err(|_| NotSealedHere)
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

/// Neither name can hold the byte between them.
fn aad(provider: &str, name: &str) -> Vec<u8> {
    [provider.as_bytes(), b"\0", name.as_bytes()].concat()
}

const NONCE_BYTES: usize = 24;
const PURPOSE: &[u8] = b"tidegate: provider keys in state.db, version 1";
/// Of the row's form.
const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn only_the_same_key_and_row_open_what_was_closed() {
        let seal = Seal::new(&secret("0123456789abcdef0123456789abcdef"));
        let sealed = seal.close("a", "k", &secret("sk-planted")).expect("random bytes");
        let opened = |seal: &Seal, provider, name, sealed: &[u8]| {
            seal.open(provider, name, sealed).map(|value| value.expose().to_owned())
        };
        assert_eq!(opened(&seal, "a", "k", &sealed).as_deref(), Ok("sk-planted"));
        assert_eq!(opened(&seal, "a", "j", &sealed), Err(NotSealedHere));
        assert_eq!(opened(&seal, "b", "k", &sealed), Err(NotSealedHere));
        let other = Seal::new(&secret("another-master-key-0123456789abcdef"));
        assert_eq!(opened(&other, "a", "k", &sealed), Err(NotSealedHere));
        for at in 0..sealed.len() {
            let mut turned = sealed.clone();
            if let Some(byte) = turned.get_mut(at) {
                *byte ^= 1;
            }
            assert_eq!(opened(&seal, "a", "k", &turned), Err(NotSealedHere), "byte {at}");
            let cut = sealed.get(..at).expect("a part");
            assert_eq!(opened(&seal, "a", "k", cut), Err(NotSealedHere), "cut at {at}");
        }
    }

    #[test]
    fn the_same_value_is_never_sealed_alike() {
        let seal = Seal::new(&secret("0123456789abcdef0123456789abcdef"));
        let sealed = || seal.close("a", "k", &secret("sk-planted"));
        assert_ne!(sealed(), sealed());
    }
}
