//! TLS settings of one configuration, made once and shared by all workers.

use std::sync::Arc;

use rustls::server::ServerConfig;

use super::expiry::expires;
use super::settings::{client_config, server_config, server_fault};
use super::{Settings, TlsError};
use crate::config::snapshot::{Provider, ServerTls, Snapshot};

/// The settings for clients, and those of each provider that is reached by TLS, by its index in
/// the snapshot.
#[derive(Clone, Debug, Default)]
pub struct TlsConfigs {
    by_provider: Arc<[Option<Arc<Settings>>]>,
    downstream: Option<Arc<ServerConfig>>,
    expires: Option<u64>,
}

/// A setting that cannot be used.
#[derive(Debug)]
pub struct BadTls {
    /// Which.
    pub key: String,
    /// What is wrong, to go on from its name.
    pub why: String,
}

impl TlsConfigs {
    /// Settings for listeners and every `https` provider of `snapshot`.
    ///
    /// # Errors
    /// Every setting that cannot be used.
    pub fn new(snapshot: &Snapshot) -> Result<Self, Vec<BadTls>> {
        let mut bad = Vec::new();
        let mut public = None;
        let by_provider = snapshot.providers.iter().map(|provider| {
            upstream(provider, &mut public).unwrap_or_else(|error| {
                let key = format!("provider.{}.tls.ca", provider.name);
                bad.push(BadTls { key, why: format!("cannot be used: {error}") });
                None
            })
        });
        let by_provider = by_provider.collect();
        let downstream = match snapshot.server.tls.as_deref().map(downstream).transpose() {
            Ok(downstream) => downstream,
            Err(fault) => {
                bad.push(fault);
                None
            }
        };
        let expires = snapshot.server.tls.as_deref().and_then(|tls| expires(&tls.certificates));
        if bad.is_empty() { Ok(Self { by_provider, downstream, expires }) } else { Err(bad) }
    }

    /// When the first certificate that is shown to clients expires, in seconds of Unix time.
    pub fn certificate_expires(&self) -> Option<u64> {
        self.expires
    }

    /// The settings for the provider at `index`; `None` for plain HTTP.
    pub fn of(&self, index: usize) -> Option<&Arc<Settings>> {
        self.by_provider.get(index).and_then(Option::as_ref)
    }

    /// The settings for clients; `None` for plain HTTP.
    pub fn downstream(&self) -> Option<&Arc<ServerConfig>> {
        self.downstream.as_ref()
    }
}

/// Providers without roots of their own share one, and its sessions.
fn upstream(
    provider: &Provider,
    public: &mut Option<Arc<Settings>>,
) -> Result<Option<Arc<Settings>>, TlsError> {
    match (provider.origin.tls, provider.extra_ca.as_slice(), &public) {
        (false, ..) => Ok(None),
        (true, [], Some(public)) => Ok(Some(public.clone())),
        (true, [], None) => {
            *public = Some(client_config(&[])?);
            Ok(public.clone())
        }
        (true, extra, _) => client_config(extra).map(Some),
    }
}

fn downstream(tls: &ServerTls) -> Result<Arc<ServerConfig>, BadTls> {
    server_config(tls).map_err(|error| {
        let (is_key, why) = server_fault(&error);
        let key = if is_key { "server.tls.key" } else { "server.tls.cert" };
        BadTls { key: key.to_owned(), why }
    })
}
