//! The one door to rustls: sessions on our pooled buffers, and the settings for upstreams.
//! Verification is never off.

use std::ops::Range;
use std::sync::Arc;

use monoio::io::AsyncWriteRentExt;
use monoio::net::TcpStream;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore};

pub use rustls::{ClientConfig as Settings, Connection as Session, Error as TlsError};

use super::buffer::{Buffer, Buffers};
use super::fault::Fault;
use super::stream::read_tcp;

/// A socket with a TLS session on it. An idle one holds no ciphertext buffer.
#[derive(Debug)]
pub struct TlsStream {
    buffers: Buffers,
    /// Read and not yet decrypted; without capacity while there is nothing.
    ciphertext: Buffer,
    session: Connection,
    tcp: TcpStream,
}

impl TlsStream {
    /// A session that has not shaken hands.
    pub fn new(tcp: TcpStream, session: Connection, buffers: Buffers) -> Self {
        Self { buffers, ciphertext: Buffer::default(), session, tcp }
    }

    /// The socket below, to wait on.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Runs the handshake to its end.
    pub async fn handshake(&mut self) -> Result<(), Fault> {
        while self.session.is_handshaking() {
            self.flush().await?;
            if self.session.is_handshaking() && self.fill().await? == 0 {
                return Err(Fault::Io(std::io::ErrorKind::UnexpectedEof.into()));
            }
        }
        self.flush().await
    }

    /// Whether something waits to be read that the socket knows nothing of any more.
    pub fn has_unread(&mut self) -> bool {
        !self.ciphertext.is_empty()
            || matches!(self.session.reader().into_first_chunk(), Ok(chunk) if !chunk.is_empty())
    }

    /// Takes in what lies in the receive queue (tickets, key updates). False when it was data or
    /// an end: then the peer spoke out of turn.
    pub async fn absorb(&mut self) -> bool {
        matches!(self.fill().await, Ok(n) if n > 0)
            && self.ciphertext.is_empty()
            && matches!(
                self.session.reader().into_first_chunk(),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock
            )
    }

    /// Reads plaintext behind what is filled. 0 = the peer said `close_notify`.
    pub async fn read(&mut self, mut buffer: Buffer) -> (Result<usize, Fault>, Buffer) {
        loop {
            match take_plaintext(&mut self.session, &mut buffer) {
                Ok(n) => return (Ok(n), buffer),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(e) => return (Err(Fault::Io(e)), buffer),
            }
            if let Err(fault) = self.fill().await {
                return (Err(fault), buffer);
            }
        }
    }

    /// Writes a first part of `bytes[range]` and says how long it was.
    pub async fn write<B: AsRef<[u8]>>(
        &mut self,
        bytes: B,
        range: Range<usize>,
    ) -> (Result<usize, Fault>, B) {
        let part = bytes.as_ref().get(range).unwrap_or_default();
        let part = part.get(..part.len().min(WRITE_MAX)).unwrap_or_default();
        let taken = std::io::Write::write(&mut self.session.writer(), part);
        let flushed = self.flush().await;
        (flushed.and(taken.map_err(Fault::Io)), bytes)
    }

    /// Says that nothing more will be written.
    pub async fn close_notify(&mut self) {
        self.session.send_close_notify();
        // The peer may be gone already; the FIN that follows says the same.
        let _gone = self.flush().await;
    }

    /// Decrypts what is there, or reads once and decrypts that. 0 = end of the connection.
    async fn fill(&mut self) -> Result<usize, Fault> {
        let mut ciphertext = std::mem::take(&mut self.ciphertext);
        if ciphertext.is_empty() {
            let (result, buffer) = read_tcp(&mut self.tcp, self.buffers.take_small()).await;
            ciphertext = buffer;
            if let Err(error) = result {
                self.buffers.put(ciphertext);
                return Err(Fault::Io(error));
            }
        }
        let here = ciphertext.len();
        let fed = feed(&mut self.session, &mut ciphertext).map(|()| here);
        if ciphertext.is_empty() {
            self.buffers.put(ciphertext);
        } else {
            self.ciphertext = ciphertext;
        }
        if self.session.wants_write() {
            // An alert or a key update. A failure to send it shows at the next read.
            let _unsent = self.flush().await;
        }
        fed
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        while self.session.wants_write() {
            let mut out = self.buffers.take_large();
            self.session.write_tls(out.tail())?;
            let (bytes, ..) = out.into_parts();
            let (result, bytes) = self.tcp.write_all(bytes).await;
            self.buffers.put(Buffer::from_parts(bytes, 0, 0));
            result?;
        }
        Ok(())
    }
}

/// Hands ciphertext to the session until there is plaintext to take: a session refuses more while
/// it holds too much. An empty buffer says that the connection ended.
fn feed(session: &mut Connection, ciphertext: &mut Buffer) -> Result<(), Fault> {
    loop {
        let mut rest = ciphertext.filled();
        let taken = session.read_tls(&mut rest)?;
        ciphertext.consume(taken);
        let state = session.process_new_packets().map_err(Fault::Tls)?;
        if taken == 0 {
            // The peer said `close_notify`; what follows it means nothing (RFC 8446 section 6.1).
            ciphertext.clear();
        }
        if ciphertext.is_empty() || state.plaintext_bytes_to_read() > 0 {
            return Ok(());
        }
    }
}

fn take_plaintext(session: &mut Connection, buffer: &mut Buffer) -> std::io::Result<usize> {
    let mut taken = 0;
    loop {
        let mut reader = session.reader();
        let chunk = match std::io::BufRead::fill_buf(&mut reader) {
            Ok(chunk) => chunk,
            Err(_) if taken > 0 => return Ok(taken),
            Err(e) => return Err(e),
        };
        let n = chunk.len().min(buffer.spare());
        if n == 0 {
            return Ok(taken);
        }
        buffer.extend(chunk.get(..n).unwrap_or_default());
        std::io::BufRead::consume(&mut reader, n);
        taken += n;
    }
}

/// TLS settings for one upstream: its roots, HTTP/1.1 by ALPN, sessions resumed.
///
/// # Errors
/// When an extra root is not a certificate.
pub fn client_config(
    extra: &[CertificateDer<'static>],
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = platform_roots();
    for certificate in extra {
        roots.add(certificate.clone())?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The platform's roots; where it has none (a bare container), those of webpki-roots.
fn platform_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let (_added, _ignored) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Which rule of certificate checking failed, in words an operator can act on.
pub fn reason(error: &TlsError) -> String {
    use rustls::CertificateError as Bad;
    let TlsError::InvalidCertificate(bad) = error else { return error.to_string() };
    let reason = match bad {
        Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired",
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => "its certificate is not valid yet",
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        Bad::UnknownIssuer => {
            "its certificate is self-signed or from an unknown issuer (see provider.tls.ca)"
        }
        Bad::Revoked => "its certificate is revoked",
        other => return format!("its certificate is not acceptable ({other:?})"),
    };
    reason.to_owned()
}

/// A session with the server called `host` (a name or an address).
///
/// # Errors
/// When `host` can be neither.
pub fn client_session(config: &Arc<ClientConfig>, host: &str) -> Result<Connection, Fault> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Fault::Io(std::io::ErrorKind::InvalidInput.into()))?;
    ClientConnection::new(config.clone(), name).map(Connection::Client).map_err(Fault::Tls)
}

/// Plaintext encrypted per write: what fits a large buffer with its record overhead.
const WRITE_MAX: usize = 48 * 1024;
