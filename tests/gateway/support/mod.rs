//! What every socket test needs: the gateway and the mock as processes, a raw client, a raw
//! upstream. Knows no test.

pub mod directory;
pub mod dns;
pub mod full_listener;
pub mod gateway;
pub mod message;
pub mod mock;
pub mod pipe;
pub mod pki;
pub mod pool;
pub mod segments;
pub mod upstream;
pub mod wire;

pub use directory::Directory;
pub use full_listener::FullListener;
pub use gateway::Gateway;
pub use message::{get, post, post_chunked};
pub use mock::Mock;
pub use pool::Pool;
pub use upstream::Upstream;
pub use wire::{Answer, BodyEnd, End, Payload, Wire};

use std::time::Duration;

/// A hang fails the test after this long; nothing asserts on it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Two providers, one per dialect, at `url`, without keys: clients bring their own.
pub fn both(url: &str) -> String {
    provider("anthropic", "anthropic", url) + &provider("openai", "openai", url)
}

/// One provider without keys.
pub fn provider(name: &str, dialect: &str, url: &str) -> String {
    format!("[[provider]]\nname = \"{name}\"\ndialect = \"{dialect}\"\nbase_url = \"{url}\"\n")
}

/// The SHA-256 of `bytes` in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    join(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")))
}

/// All parts in a row.
pub fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<String>>().concat()
}

/// A key of the provider written just before.
pub fn key(value: &str) -> String {
    format!("[[provider.key]]\nvalue = \"{value}\"\n")
}
