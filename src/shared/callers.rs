//! Owners of gateway keys, found by a keyed digest (BEHAVIOUR 2.2). Never holds a key, only digests
//! of one; never allocates or waits to find one.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::keyed_hash::KeyedHash;
use crate::config::snapshot::Snapshot;

/// The gateway keys of one snapshot.
#[derive(Debug)]
pub struct Callers {
    /// Ascending by `keyed`.
    entries: Box<[Entry]>,
}

#[derive(Debug)]
struct Entry {
    /// Index in the snapshot.
    caller: usize,
    /// HMAC(salt, SHA-256(key)), its first 8 bytes. What a search compares depends on the salt, so
    /// that its time tells nothing about a key.
    keyed: u64,
    key_sha256: [u8; 32],
}

impl Callers {
    /// The index over `snapshot.callers`, under the install's salt.
    pub fn new(snapshot: &Snapshot, keyed: &KeyedHash) -> Self {
        Self::of(snapshot.callers.iter().map(|caller| caller.key_sha256), keyed)
    }

    /// The index in `snapshot.callers` of the owner of `key`, a whole gateway key, `tg-` included;
    /// `None` when nobody owns it. `keyed` is the one the index was made with.
    pub fn find(&self, key: &[u8], keyed: &KeyedHash) -> Option<usize> {
        let digest = Sha256::digest(key);
        let wanted = keyed.of(&[&digest]);
        let first = self.entries.partition_point(|entry| entry.keyed < wanted);
        let near = self.entries.iter().skip(first).take_while(|entry| entry.keyed == wanted);
        // Whole and in constant time: 8 bytes that agree are no proof.
        let mut owner = near.filter(|entry| bool::from(digest.ct_eq(&entry.key_sha256)));
        owner.next().map(|entry| entry.caller)
    }

    fn of(digests: impl Iterator<Item = [u8; 32]>, keyed: &KeyedHash) -> Self {
        let entry = |(caller, key_sha256): (usize, [u8; 32])| Entry {
            caller,
            keyed: keyed.of(&[&key_sha256]),
            key_sha256,
        };
        let mut entries: Vec<Entry> = digests.enumerate().map(entry).collect();
        entries.sort_unstable_by_key(|entry| entry.keyed);
        Self { entries: entries.into() }
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]
mod tests {
    use super::*;
    use crate::config::{Environment, Flags, Sources, load};

    fn key(number: usize) -> String {
        format!("tg-caller-{number}")
    }

    fn digest(key: &str) -> [u8; 32] {
        Sha256::digest(key).into()
    }

    fn callers(count: usize, keyed: &KeyedHash) -> Callers {
        Callers::of((0..count).map(|number| digest(&key(number))), keyed)
    }

    #[test]
    fn every_owner_is_found_by_the_whole_key_and_by_nothing_else() {
        let keyed = KeyedHash::new(&[7; 32]);
        for count in [0, 1, 2, 3, 100] {
            let callers = callers(count, &keyed);
            for number in 0..count {
                let key = key(number);
                assert_eq!(callers.find(key.as_bytes(), &keyed), Some(number));
                for wrong in [&key[..key.len() - 1], &key[1..], &key.to_uppercase(), ""] {
                    let other = (0..count).find(|other| self::key(*other) == wrong);
                    assert_eq!(callers.find(wrong.as_bytes(), &keyed), other, "{wrong}");
                }
            }
            assert_eq!(callers.find(key(count).as_bytes(), &keyed), None);
        }
    }

    #[test]
    fn a_digest_itself_is_no_key() {
        let keyed = KeyedHash::new(&[7; 32]);
        let callers = callers(3, &keyed);
        assert_eq!(callers.find(&digest(&key(1)), &keyed), None);
    }

    #[test]
    fn keys_whose_keyed_digests_agree_are_told_apart_by_the_whole_digest() {
        let keyed = KeyedHash::new(&[7; 32]);
        let wanted = digest(&key(1));
        let mut callers = callers(4, &keyed);
        let same = keyed.of(&[&wanted]);
        for entry in &mut callers.entries {
            entry.keyed = same;
        }
        assert_eq!(callers.find(key(1).as_bytes(), &keyed), Some(1));
        let entries = callers.entries.iter().map(|entry| entry.key_sha256);
        let others: Vec<_> = entries.filter(|digest| *digest != wanted).collect();
        let mut others = Callers::of(others.into_iter(), &keyed);
        for entry in &mut others.entries {
            entry.keyed = same;
        }
        assert_eq!(
            others.find(key(1).as_bytes(), &keyed),
            None,
            "8 bytes agree, the rest does not"
        );
    }

    #[test]
    fn under_another_salt_the_order_is_another_and_the_owners_are_the_same() {
        let salts = [KeyedHash::new(&[1; 32]), KeyedHash::new(&[2; 32])];
        let indexes = salts.each_ref().map(|keyed| callers(50, keyed));
        let order = |callers: &Callers| {
            callers.entries.iter().map(|entry| entry.caller).collect::<Vec<_>>()
        };
        assert_ne!(order(&indexes[0]), order(&indexes[1]));
        for (keyed, callers) in salts.iter().zip(&indexes) {
            assert_eq!(callers.find(key(49).as_bytes(), keyed), Some(49));
        }
    }

    #[test]
    fn the_callers_of_a_configuration_are_found_at_their_places() {
        let folder = std::env::temp_dir().join(format!("tidegate-callers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let hex: Vec<_> = digest("tg-bob").iter().map(|byte| format!("{byte:02x}")).collect();
        let hex = hex.concat();
        let written = format!(
            "[[caller]]\nname = 'alice'\nkey = {{ env = 'ALICE' }}\n\
             [[caller]]\nname = 'bob'\nkey_sha256 = '{hex}'\n"
        );
        std::fs::write(folder.join("tidegate.toml"), written).unwrap();
        let sources = Sources {
            directory: folder.clone(),
            environment: Environment::fixed([("ALICE", "tg-alice")]),
            file: None,
            flags: Flags::default(),
            stderr_is_terminal: false,
        };
        let loaded = load(&sources);
        std::fs::remove_dir_all(folder).unwrap();
        let keyed = KeyedHash::new(&[7; 32]);
        let callers = Callers::new(&loaded.unwrap().snapshot, &keyed);
        let find = |key: &str| callers.find(key.as_bytes(), &keyed);
        assert_eq!([find("tg-alice"), find("tg-bob"), find("tg-carol")], [Some(0), Some(1), None]);
    }
}
