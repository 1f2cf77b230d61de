//! Keys that were kept: opened at start, and sealed anew when the master key has changed. A key
//! that cannot be opened is told of and stays where it is.

use std::sync::Arc;

use crate::config::Secret;
use crate::config::snapshot::Snapshot;
use crate::control_plane::plane::Plane;
use crate::control_plane::seal::Seal;
use crate::control_plane::storage::state::{Change, Stored};
use crate::shared::overlay::{Added, Overlaid, Overlay};

/// What was kept, as it is used and as it is to be kept from now on.
#[derive(Debug, Default)]
pub struct Opened {
    /// For the pools.
    pub overlay: Overlay,
    /// Rows that were sealed under the master key before this one, sealed under this one.
    pub resealed: Vec<Change>,
}

/// Opens what was kept.
pub fn opened(kept: Vec<Stored>, snapshot: &Snapshot) -> Opened {
    let seal_of = |key: &Option<Arc<Secret>>| key.as_ref().map(|key| Seal::new(key));
    let seal = seal_of(&snapshot.storage.master_key);
    let before = seal_of(&snapshot.storage.previous_master_key);
    let mut opened = Opened::default();
    for stored in kept {
        let added = match &stored.sealed {
            None => None,
            Some(sealed) => {
                let names = (stored.provider.as_str(), stored.name.as_str());
                let open = |seal: &Seal| seal.open(names.0, names.1, sealed).ok();
                let value = seal.as_ref().and_then(open);
                let is_old = value.is_none();
                let Some(value) = value.or_else(|| before.as_ref().and_then(open)) else {
                    let what = "a key added by the admin API cannot be opened with this \
                                storage.master_key: it is not used";
                    tracing::error!(provider = names.0, key = names.1, "{what}");
                    continue;
                };
                if is_old {
                    opened.resealed.extend(resealed(seal.as_ref(), &stored, &value));
                }
                let reserved_for = stored.reserved_for.clone();
                Some(Added { reserved_for, value: Arc::new(value) })
            }
        };
        opened.overlay.keys.push(overlaid(stored, added));
    }
    opened
}

/// Seals all added keys under the master key in force and says so. One at a time with changes of
/// keys by hand.
pub async fn reseal(plane: Arc<Plane>) {
    let _one_at_a_time = plane.keys.lock().await;
    let setup = plane.shared.setup.load();
    let seal = setup.snapshot.storage.master_key.as_ref().map(|key| Seal::new(key));
    let rows = setup.pools.overlay.keys.iter().filter_map(|set| {
        let value = &set.added.as_ref()?.value;
        resealed(seal.as_ref(), &stored(set), value)
    });
    keep(&plane, rows.collect()).await;
}

/// Keeps rows that were sealed anew, and says so.
pub async fn keep(plane: &Plane, rows: Vec<Change>) {
    let Some(storage) = plane.storage.as_ref().filter(|_| !rows.is_empty()) else { return };
    let (count, mut kept) = (rows.len(), 0);
    for row in rows {
        kept += usize::from(storage.keep_key(row).await);
    }
    if kept == count {
        tracing::info!(keys = kept, "added keys are sealed under the new storage.master_key");
    } else {
        let what = "added keys are still sealed under the storage.master_key before this one";
        tracing::error!(keys = count - kept, "{what}");
    }
}

fn resealed(seal: Option<&Seal>, stored: &Stored, value: &Secret) -> Option<Change> {
    let sealed = seal?.close(&stored.provider, &stored.name, value)?;
    Some(Change::Set(Stored { sealed: Some(sealed), ..stored.clone() }))
}

fn overlaid(stored: Stored, added: Option<Added>) -> Overlaid {
    let Stored { enabled, file_max_concurrent, max_concurrent, name, provider, .. } = stored;
    let updated_ms = stored.updated_ms;
    Overlaid { added, enabled, file_max_concurrent, max_concurrent, name, provider, updated_ms }
}

fn stored(set: &Overlaid) -> Stored {
    let reserved_for = set.added.as_ref().map(|added| added.reserved_for.clone());
    Stored {
        enabled: set.enabled,
        file_max_concurrent: set.file_max_concurrent,
        max_concurrent: set.max_concurrent,
        name: set.name.clone(),
        provider: set.provider.clone(),
        reserved_for: reserved_for.unwrap_or_default(),
        sealed: None,
        updated_ms: set.updated_ms,
    }
}
