//! What every socket test needs: the gateway and the mock as processes, a raw client, a raw
//! upstream. Knows no test.

pub mod directory;
pub mod gateway;
pub mod message;
pub mod mock;
pub mod wire;

pub use directory::Directory;
pub use gateway::{Ended, Gateway};
pub use message::{get, post, post_chunked};
pub use mock::Mock;
pub use wire::{Answer, BodyEnd, End, Head, Payload, Upstream, Wire};

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

/// A key of the provider written just before.
pub fn key(value: &str) -> String {
    format!("[[provider.key]]\nvalue = \"{value}\"\n")
}
