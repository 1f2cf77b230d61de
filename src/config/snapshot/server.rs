//! `[server]` as it runs: where clients are listened for, and how.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroize;

/// `[server]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    pub driver: Driver,
    /// How much of what happened is told in response headers; "auto" is resolved.
    pub expose: Expose,
    /// At least one; no address twice except for port 0.
    pub listen: Vec<SocketAddr>,
    /// What listeners prove themselves with; `None`: they speak plain HTTP.
    pub tls: Option<Arc<ServerTls>>,
    /// `None`: one per available core.
    pub workers: Option<usize>,
}

impl Server {
    /// Whether every listener is on a loopback address.
    pub fn is_loopback_only(&self) -> bool {
        self.listen.iter().all(|address| address.ip().is_loopback())
    }
}

/// `server.tls`. Whether the two belong together is for who uses them to find.
#[derive(Debug, Eq, PartialEq)]
pub struct ServerTls {
    /// The own one first, then those it was signed by; at least one.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Wiped when dropped.
    pub key: PrivateKeyDer<'static>,
}

impl Drop for ServerTls {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// How workers wait for the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Driver {
    /// The best one the host allows, found at start.
    Auto,
    Epoll,
    IoUring,
}

/// Which `x-tidegate-*` response headers are sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expose {
    Full,
    /// Request id, decision, error and reason only.
    Minimal,
}
