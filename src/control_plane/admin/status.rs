//! What runs, and for whom: `/api/v1/status` and `/api/v1/providers`. Reads only.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::config::snapshot::{Provider, Select};
use crate::control_plane::plane::Plane;
use crate::control_plane::shape::breaker::{self, BreakerShape};
use crate::control_plane::storage::Storage;
use crate::control_plane::today::TodayShape;
use crate::shared::clock::Millis;
use crate::shared::lifecycle::Phase;
use crate::shared::pools::ProviderPool;

/// What runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = status)]
pub(super) struct Status {
    version: &'static str,
    /// How workers wait for the kernel.
    driver: &'static str,
    workers: usize,
    uptime_s: u64,
    in_flight: u64,
    draining: bool,
    /// Of the configuration in force; counts reloads from 1.
    configuration: u64,
    /// Records that were dropped since a queue was full.
    journal_dropped: u64,
    /// `ok`, or `failed`: nothing can be changed until a restart.
    control_plane: &'static str,
    /// Log lines that were dropped since nobody read them.
    log_lines_dropped: u64,
    storage: StorageHealth,
    /// Since midnight UTC.
    today: TodayShape,
}

/// How the databases are.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = storage)]
struct StorageHealth {
    /// `ok`, `failing` or `off`.
    state: &'static str,
    /// Why it fails.
    error: Option<String>,
    /// Batches that could not be written.
    errors: u64,
    /// Details of exchanges that are not kept, for the same reasons.
    details_dropped: u64,
    /// Exchanges that are not kept, since a queue was full or a batch could not be written.
    rows_dropped: u64,
}

/// A provider and what it does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = provider)]
pub(super) struct ProviderShape {
    name: String,
    dialect: &'static str,
    base_url: String,
    select: &'static str,
    keys: usize,
    /// Of `keys`, those that may be used now.
    keys_available: usize,
    in_flight: u32,
    /// `null`: no cap.
    max_concurrent: Option<u32>,
    /// Breakers that are not closed.
    breakers: Vec<BreakerShape>,
}

/// All providers, in the order of the configuration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = providers)]
pub(super) struct Providers {
    providers: Vec<ProviderShape>,
}

/// What runs
#[utoipa::path(get, path = "/api/v1/status", tag = "status", responses(
    (status = 200, body = Status), (status = 401, body = Problem), (status = 403, body = Problem),
))]
pub(super) async fn status(State(plane): State<Arc<Plane>>) -> Json<Status> {
    let shared = &plane.shared;
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        driver: plane.driver,
        workers: shared.workers.len(),
        uptime_s: Millis::now().since(plane.began) / 1_000,
        in_flight: shared.in_flight(),
        draining: shared.lifecycle.phase() > Phase::Running,
        configuration: shared.setup.version(),
        journal_dropped: shared.workers.iter().map(|cell| cell.journal.dropped()).sum(),
        log_lines_dropped: plane.log.dropped(),
        control_plane: shared.pulse.of(Millis::now()).name(),
        storage: storage(&plane),
        today: plane.today.shape(shared.wall.now()),
    })
}

/// All providers
#[utoipa::path(get, path = "/api/v1/providers", tag = "status", responses(
    (status = 200, body = Providers), (status = 401, body = Problem),
    (status = 403, body = Problem),
))]
pub(super) async fn providers(State(plane): State<Arc<Plane>>) -> Json<Providers> {
    let setup = plane.shared.setup.load();
    let pairs = setup.snapshot.providers.iter().zip(&setup.pools.providers);
    Json(Providers { providers: pairs.map(|(provider, pool)| shape(provider, pool)).collect() })
}

fn storage(plane: &Plane) -> StorageHealth {
    let Some(health) = plane.storage.as_ref().map(Storage::health) else {
        return StorageHealth { state: "off", ..StorageHealth::default() };
    };
    let failing = health.failing();
    StorageHealth {
        state: if failing.is_some() { "failing" } else { "ok" },
        error: failing.map(|error| error.to_string()),
        errors: health.errors(),
        details_dropped: health.details_dropped(),
        rows_dropped: health.rows_dropped(),
    }
}

fn shape(provider: &Provider, pool: &ProviderPool) -> ProviderShape {
    let scheme = if provider.origin.tls { "https" } else { "http" };
    let keys = pool.pool.keys();
    let now = Millis::now();
    let available = keys.iter().filter(|key| key.slot.credential().load().is_available(now));
    ProviderShape {
        name: provider.name.clone(),
        dialect: provider.dialect.name(),
        base_url: format!("{scheme}://{}{}", provider.origin.authority, provider.base_path),
        select: select(provider.select),
        keys: keys.len(),
        keys_available: available.count(),
        in_flight: pool.gate.in_flight(),
        max_concurrent: Some(provider.max_concurrent).filter(|&cap| cap > 0),
        breakers: breaker::of_pool(pool, now),
    }
}

const fn select(select: Select) -> &'static str {
    match select {
        Select::Affinity => "affinity",
        Select::Headroom => "headroom",
        Select::LeastInFlight => "least_in_flight",
        Select::Priority => "priority",
        Select::RoundRobin => "round_robin",
    }
}
