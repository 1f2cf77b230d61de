//! What the data plane makes ready of a configuration before any worker works by it. Immutable, but
//! for the sockets that each worker takes once.

use std::sync::Arc;

use super::io::tls::configs::TlsConfigs;
use super::worker::sockets::Listener;
use crate::shared::setup::MadeReady;

/// Made with a configuration, and published with it.
#[derive(Debug, Default)]
pub struct Prepared {
    /// What is listened on.
    pub listeners: Vec<Arc<Listener>>,
    /// TLS settings.
    pub tls: TlsConfigs,
}

impl MadeReady for Prepared {
    fn certificate_expires(&self) -> Option<u64> {
        self.tls.certificate_expires()
    }
}
