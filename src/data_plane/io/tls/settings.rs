//! What sessions are made of: roots and certificates, versions, resumption. Verification is never
//! off.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{NoServerSessionStorage, ProducesTickets, ServerConfig};
use rustls::{ClientConfig, ClientConnection, Connection, Error, RootCertStore, ServerConnection};

use crate::config::snapshot::ServerTls;
use crate::data_plane::io::fault::Fault;

/// TLS settings for one upstream: its roots, HTTP/1.1 by ALPN, sessions resumed.
///
/// # Errors
/// When an extra root is not a certificate.
pub fn client_config(extra: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = platform_roots();
    for certificate in extra {
        roots.add(certificate.clone())?;
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// TLS settings for clients: certificate and key, HTTP/1.1 by ALPN, TLS 1.2 and 1.3, sessions
/// resumed by tickets that only this process can read.
///
/// # Errors
/// When certificate or key cannot be used, or do not belong together.
pub fn server_config(tls: &ServerTls) -> Result<Arc<ServerConfig>, Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(tls.certificates.clone(), tls.key.clone_key())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Every suite here is good; scanners want the choice to be ours all the same.
    config.ignore_client_order = true;
    config.ticketer = tickets()?;
    // Tickets hold the sessions; a store of our own would be a lock that workers share.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// One for the process, so that a reload costs no client its session.
fn tickets() -> Result<Arc<dyn ProducesTickets>, Error> {
    static TICKETS: OnceLock<Arc<dyn ProducesTickets>> = OnceLock::new();
    if let Some(tickets) = TICKETS.get() {
        return Ok(tickets.clone());
    }
    let tickets = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    Ok(TICKETS.get_or_init(|| tickets).clone())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
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
pub fn reason(error: &Error) -> String {
    use rustls::CertificateError as Bad;
    let Error::InvalidCertificate(bad) = error else { return error.to_string() };
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

/// A session with whoever connected.
///
/// # Errors
/// When the settings do not go together.
pub fn server_session(config: &Arc<ServerConfig>) -> Result<Connection, Fault> {
    ServerConnection::new(config.clone()).map(Connection::Server).map_err(Fault::Tls)
}

/// What is wrong with certificate or key of a server: true when it is the key, and in which words.
pub fn server_fault(error: &Error) -> (bool, String) {
    match error {
        Error::InconsistentKeys(_) => (true, "is not the key of the certificate".to_owned()),
        Error::InvalidCertificate(_) => {
            (false, "holds something else than a certificate".to_owned())
        }
        Error::General(_) => (true, "is not a private key that can be used".to_owned()),
        other => (false, format!("cannot be used: {other}")),
    }
}
