//! Whether each provider can be reached: its name, a connection, a TLS handshake. Sends no request
//! and no key.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tidegate::config::snapshot::{Provider, Snapshot};
use tidegate::control_plane::resolve;
use tidegate::data_plane::io::fault::Fault;
use tidegate::data_plane::io::tls::configs::{BadTls, TlsConfigs};
use tidegate::data_plane::io::tls::{Settings, TlsError, client_session, reason};

use super::Finding;

pub(super) fn providers(snapshot: &Snapshot) -> Vec<Finding> {
    let configs = match TlsConfigs::new(snapshot) {
        Ok(configs) => configs,
        Err(bad) => {
            let fix = "a PEM file of certificates, or of the key that belongs to them";
            let finding = |bad: BadTls| Finding::fail(bad.key, bad.why, fix);
            return bad.into_iter().map(finding).collect();
        }
    };
    let patience = Duration::from(snapshot.timeouts.connect);
    let look = |(index, provider): (usize, &Provider)| {
        one(provider, configs.of(index), (&snapshot.dns.servers, patience))
    };
    snapshot.providers.iter().enumerate().map(look).collect()
}

fn one(
    provider: &Provider,
    tls: Option<&Arc<Settings>>,
    (servers, patience): (&[SocketAddr], Duration),
) -> Finding {
    let what = format!("provider {}", provider.name);
    let origin = &provider.origin;
    let addresses = match origin.host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => match resolve::now(servers, &origin.host) {
            Ok(addresses) => addresses,
            Err(why) => {
                let fix = "see /etc/resolv.conf and dns.servers, or the provider's base_url";
                return Finding::fail(what, why, fix);
            }
        },
    };
    let mut last = String::new();
    for &address in &addresses {
        let address = SocketAddr::new(address, origin.port);
        match reach(address, (&origin.host, tls), patience) {
            Ok(how) => return Finding::ok(what, format!("{} at {address}: {how}", origin.host)),
            Err(why) => last = format!("{} at {address}: {why}", origin.host),
        }
    }
    let fix = match tls {
        None => "see what serves at base_url, and firewalls between here and there",
        Some(_) => {
            "see what serves at base_url, and firewalls and proxies between here and there; \
             provider.tls.ca adds a root"
        }
    };
    Finding::fail(what, last, fix)
}

/// How it was reached, or why not.
fn reach(
    address: SocketAddr,
    (host, tls): (&str, Option<&Arc<Settings>>),
    patience: Duration,
) -> Result<&'static str, String> {
    let words = |error: io::Error| match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("no answer within {patience:?}")
        }
        io::ErrorKind::ConnectionRefused => "it refuses connections".to_owned(),
        _ => error.to_string(),
    };
    let mut socket = TcpStream::connect_timeout(&address, patience).map_err(words)?;
    let Some(config) = tls else { return Ok("a connection") };
    socket.set_read_timeout(Some(patience)).map_err(words)?;
    socket.set_write_timeout(Some(patience)).map_err(words)?;
    let mut session = client_session(config, host).map_err(|fault| match fault {
        Fault::Tls(error) => reason(&error),
        _ => "its name is none that a certificate could hold".to_owned(),
    })?;
    while session.is_handshaking() {
        session.complete_io(&mut socket).map_err(|error| {
            let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
            match of_tls {
                Some(of_tls) => reason(of_tls),
                None => words(error),
            }
        })?;
    }
    Ok("a TLS handshake")
}
