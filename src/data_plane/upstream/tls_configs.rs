//! TLS settings by provider, made once and shared by all workers.

use std::sync::Arc;

use crate::config::snapshot::Snapshot;
use crate::data_plane::io::tls::{Settings, TlsError, client_config};

/// The settings of each provider that is reached by TLS, by its index in the snapshot.
#[derive(Clone, Debug, Default)]
pub struct TlsConfigs {
    by_provider: Arc<[Option<Arc<Settings>>]>,
}

impl TlsConfigs {
    /// Settings for every `https` provider of `snapshot`.
    ///
    /// # Errors
    /// The provider's name and why its extra roots cannot be used.
    pub fn new(snapshot: &Snapshot) -> Result<Self, (String, TlsError)> {
        let mut public: Option<Arc<Settings>> = None;
        let mut by_provider = Vec::with_capacity(snapshot.providers.len());
        for provider in &snapshot.providers {
            let failed = |error| (provider.name.clone(), error);
            by_provider.push(match (provider.origin.tls, provider.extra_ca.as_slice()) {
                (false, _) => None,
                (true, []) => {
                    let config = match &public {
                        Some(config) => config.clone(),
                        None => client_config(&[]).map_err(failed)?,
                    };
                    public = Some(config.clone());
                    Some(config)
                }
                (true, extra) => Some(client_config(extra).map_err(failed)?),
            });
        }
        Ok(Self { by_provider: by_provider.into() })
    }

    /// The settings for the provider at `index`; `None` for plain HTTP.
    pub fn of(&self, index: usize) -> Option<&Arc<Settings>> {
        self.by_provider.get(index).and_then(Option::as_ref)
    }
}
