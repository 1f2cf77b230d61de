//! Configurations for the tests of reloads. Never part of the gateway.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test may block and may stop at the first surprise"
)]

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::{Environment, Flags, Loaded, Sources, load};

/// What a file with this content comes to, `KEY`, `KEY_2`, `ALICE` and `BOB` being set.
pub fn loaded(content: &str) -> Loaded {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = format!("tidegate-reload-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("tidegate.toml"), content).unwrap();
    let variables = [
        ("HOME", "/nowhere"),
        ("KEY", "sk-one"),
        ("KEY_2", "sk-two"),
        ("ALICE", "tg-alice"),
        ("BOB", "tg-bob"),
    ];
    let sources = Sources {
        directory: folder.clone(),
        environment: Environment::fixed(variables),
        file: None,
        flags: Flags::default(),
        stderr_is_terminal: false,
    };
    let loaded = load(&sources);
    std::fs::remove_dir_all(folder).unwrap();
    loaded.unwrap()
}
