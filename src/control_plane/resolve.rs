//! Names of providers to addresses, off the workers: resolved here, published, refreshed. An answer
//! that worked is kept when a later look-up fails.
//!
//! An answer holds as long as its records say, but at least `FRESH_MIN` and at most `FRESH_MAX`.
//! Each name is kept by a task of its own: a name server that is silent about one holds up no
//! other. Nothing is remembered beside what is published.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::config::is_host;
use crate::shared::Shared;
use crate::shared::addresses::Resolution;

/// Keeps every provider's addresses fresh; looks at once when `changed` says that there is another
/// configuration. Never returns.
pub async fn keep_resolving(shared: Arc<Shared>, changed: Arc<Notify>) {
    loop {
        // Those of the configuration before end with their set.
        let mut tasks = JoinSet::new();
        let servers = shared.setup.load().snapshot.dns.servers.clone();
        let resolver = resolver(&servers);
        for name in names(&shared) {
            match &resolver {
                Ok(resolver) => {
                    tasks.spawn(keep(shared.clone(), resolver.clone(), name));
                }
                Err(error) => {
                    let why = format!("{name} cannot be looked up: {error}");
                    publish(&shared, &name, Err(why));
                }
            }
        }
        tokio::select! {
            () = changed.notified() => {}
            () = tokio::time::sleep(RETRY_MAX), if resolver.is_err() => {}
        }
    }
}

/// The addresses of one name, asked for once and waited for.
///
/// # Errors
/// Why there are none, for people.
pub fn now(servers: &[SocketAddr], name: &str) -> Result<Vec<IpAddr>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("{name} cannot be looked up: {error}"))?;
    runtime.block_on(async {
        let resolver = resolver(servers);
        let resolver = resolver.map_err(|error| format!("{name} cannot be looked up: {error}"))?;
        look_up(&resolver, name).await.map(|(addresses, _)| addresses)
    })
}

fn names(shared: &Shared) -> BTreeSet<String> {
    let setup = shared.setup.load();
    let hosts = setup.snapshot.providers.iter().map(|provider| provider.origin.host.as_str());
    hosts.filter(|host| host.parse::<IpAddr>().is_err()).map(ToOwned::to_owned).collect()
}

/// One that asks these servers, or those that the host asks.
fn resolver(servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = servers.iter().copied().map(name_server).collect();
        let config = ResolverConfig::from_name_servers(servers);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    // How long an answer holds is decided here, for names that do not exist too.
    options.cache_size = 0;
    builder.build()
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// Looks one name up, publishes what was found, and again when that is old.
async fn keep(shared: Arc<Shared>, resolver: TokioResolver, name: String) {
    let mut failures: u32 = 0;
    loop {
        let answer = look_up(&resolver, &name).await;
        failures = if answer.is_ok() { 0 } else { failures.saturating_add(1) };
        let told = answer
            .as_ref()
            .map_or_else(|_| FRESH_MIN.saturating_mul(failures), |(_, fresh)| *fresh);
        publish(&shared, &name, answer.map(|(addresses, _)| addresses));
        tokio::time::sleep(pause(told, failures)).await;
    }
}

/// How long an answer holds that says `told`; or until the next try after so many failures.
fn pause(told: Duration, failures: u32) -> Duration {
    told.clamp(FRESH_MIN, if failures == 0 { FRESH_MAX } else { RETRY_MAX })
}

/// The addresses of a name and how long its records say that they hold.
async fn look_up(resolver: &TokioResolver, name: &str) -> Result<(Vec<IpAddr>, Duration), String> {
    let found = resolver.lookup_ip(name).await.map_err(|error| words(name, &error))?;
    let addresses: Vec<IpAddr> = found.iter().filter(|address| is_host(*address)).collect();
    if addresses.is_empty() {
        return Err(format!("{name} resolves to no usable address"));
    }
    let ttl = found.as_lookup().answers().iter().map(|record| record.ttl).min();
    Ok((addresses, Duration::from_secs(ttl.unwrap_or(0).into())))
}

/// Why there is no answer; always says which name.
fn words(name: &str, error: &NetError) -> String {
    match error {
        _ if error.is_nx_domain() => format!("the name {name} does not exist"),
        _ if error.is_no_records_found() => format!("the name {name} has no address"),
        NetError::Timeout => format!("no name server answers about {name}"),
        _ => format!("{name} cannot be looked up: {error}"),
    }
}

fn publish(shared: &Shared, name: &str, answer: Result<Vec<IpAddr>, String>) {
    let known = shared.addresses.load();
    let news = match (answer, known.lookup(name)) {
        (Ok(addresses), _) => Resolution::Found(addresses),
        (Err(why), Some(Resolution::Found(_))) => {
            tracing::debug!(name, why, "cannot resolve again; the old addresses stay");
            return;
        }
        (Err(why), _) => Resolution::NotFound(why),
    };
    if known.lookup(name) == Some(&news) {
        return;
    }
    shared.addresses.publish(Arc::new(known.with([(name.to_owned(), news.clone())])));
    shared.wake_all();
    // Told when it is in force, not before.
    match &news {
        Resolution::Found(to) => tracing::debug!(name, addresses = ?to, "resolved"),
        Resolution::NotFound(why) => tracing::warn!(name, why, "cannot resolve"),
    }
}

/// However short-lived records are, and after a first failure.
const FRESH_MIN: Duration = Duration::from_secs(1);
/// However long-lived records are: a provider that moves in haste is followed.
const FRESH_MAX: Duration = Duration::from_secs(30);
/// After many failures.
const RETRY_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_as_long_as_it_says_within_bounds() {
        for (told, holds) in [(0, 1), (1, 1), (7, 7), (30, 30), (86_400, 30)] {
            let told = Duration::from_secs(told);
            assert_eq!(pause(told, 0), Duration::from_secs(holds), "{told:?}");
        }
    }

    #[test]
    fn failures_are_tried_again_soon_and_then_seldom() {
        for (failures, seconds) in [(1, 1), (2, 2), (5, 5), (6, 5), (u32::MAX, 5)] {
            let told = FRESH_MIN.saturating_mul(failures);
            assert_eq!(pause(told, failures), Duration::from_secs(seconds), "{failures}");
        }
    }
}
