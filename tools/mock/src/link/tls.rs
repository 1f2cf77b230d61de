//! The one door to rustls: a server session that turns bytes into bytes.
//!
//! Never touches a socket.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConnection;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// What every session starts from.
pub type Config = Arc<rustls::ServerConfig>;

/// Reads certificate chain and key from PEM files.
pub fn load(cert: &Path, key: &Path) -> Result<Config, String> {
    let told = |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| told(cert, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| told(key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| told(cert, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| told(cert, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// One TLS connection without its socket.
pub struct Session {
    inner: ServerConnection,
}

impl Session {
    /// A session that waits for a client hello.
    pub fn new(config: Config) -> io::Result<Self> {
        let mut inner = ServerConnection::new(config).map_err(io::Error::other)?;
        inner.set_buffer_limit(None);
        Ok(Self { inner })
    }

    /// Whether the handshake still goes on.
    pub fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    /// Takes raw bytes in, appends what they say to `plain`. False when the peer said goodbye.
    pub fn receive(&mut self, raw: &[u8], plain: &mut Vec<u8>) -> io::Result<bool> {
        let mut rest = raw;
        loop {
            // After a goodbye rustls takes nothing more.
            let is_deaf = !rest.is_empty() && self.inner.read_tls(&mut rest)? == 0;
            let state = self.inner.process_new_packets().map_err(io::Error::other)?;
            let (count, is_closed) = (state.plaintext_bytes_to_read(), state.peer_has_closed());
            let begin = plain.len();
            plain.resize(begin + count, 0);
            self.inner.reader().read_exact(plain.get_mut(begin..).unwrap_or_default())?;
            if is_deaf || rest.is_empty() {
                return Ok(!is_closed);
            }
        }
    }

    /// Seals `plain`; returns what to send.
    pub fn send(&mut self, plain: &[u8]) -> io::Result<Vec<u8>> {
        self.inner.writer().write_all(plain)?;
        self.outgoing()
    }

    /// Says goodbye; returns what to send.
    pub fn close(&mut self) -> io::Result<Vec<u8>> {
        self.inner.send_close_notify();
        self.outgoing()
    }

    /// What the session wants to send by itself.
    pub fn outgoing(&mut self) -> io::Result<Vec<u8>> {
        let mut raw = Vec::new();
        while self.inner.wants_write() {
            self.inner.write_tls(&mut raw)?;
        }
        Ok(raw)
    }
}
