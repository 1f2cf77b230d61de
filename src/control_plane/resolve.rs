//! Names of providers to addresses, off the workers: resolved here, published, refreshed. An answer
//! that worked is kept when a later look-up fails.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;

use crate::shared::Shared;
use crate::shared::addresses::Resolution;

/// Keeps every provider's addresses fresh. Never returns while there is a name to resolve.
pub async fn keep_resolving(shared: Arc<Shared>) {
    let names = names(&shared);
    if names.is_empty() {
        return;
    }
    let resolver =
        TokioResolver::builder_tokio().and_then(hickory_resolver::ResolverBuilder::build);
    let resolver = match resolver {
        Ok(resolver) => resolver,
        Err(error) => {
            let why = format!("no resolver: {error}");
            publish(&shared, names.into_iter().map(|n| (n, Err(why.clone()))).collect());
            return;
        }
    };
    loop {
        let mut answers = Vec::new();
        for name in &names {
            answers.push((name.clone(), look_up(&resolver, name).await));
        }
        let all_found = answers.iter().all(|(_, answer)| answer.is_ok());
        publish(&shared, answers);
        tokio::time::sleep(if all_found { REFRESH } else { RETRY }).await;
    }
}

fn names(shared: &Shared) -> BTreeSet<String> {
    let setup = shared.setup.load();
    let hosts = setup.snapshot.providers.iter().map(|provider| provider.origin.host.as_str());
    hosts.filter(|host| host.parse::<IpAddr>().is_err()).map(ToOwned::to_owned).collect()
}

async fn look_up(resolver: &TokioResolver, name: &str) -> Result<Vec<IpAddr>, String> {
    let found = resolver.lookup_ip(name).await.map_err(|error| error.to_string())?;
    let addresses: Vec<IpAddr> = found.iter().filter(is_usable).collect();
    if addresses.is_empty() {
        return Err(format!("{name} resolves to no usable address"));
    }
    Ok(addresses)
}

/// An unspecified address would lead back to this host, a multicast one nowhere.
fn is_usable(address: &IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast()
}

fn publish(shared: &Shared, answers: Vec<(String, Result<Vec<IpAddr>, String>)>) {
    let known = shared.addresses.load();
    let news: Vec<(String, Resolution)> = answers
        .into_iter()
        .filter_map(|(name, answer)| {
            let news = match (answer, known.lookup(&name)) {
                (Ok(addresses), _) => Resolution::Found(addresses),
                (Err(_), Some(Resolution::Found(_))) => return None,
                (Err(why), _) => Resolution::NotFound(why),
            };
            (known.lookup(&name) != Some(&news)).then_some((name, news))
        })
        .collect();
    if news.is_empty() {
        return;
    }
    for (name, resolution) in &news {
        match resolution {
            Resolution::Found(to) => tracing::debug!(name, addresses = ?to, "resolved"),
            Resolution::NotFound(why) => tracing::warn!(name, why, "cannot resolve"),
        }
    }
    shared.addresses.publish(Arc::new(known.with(news)));
    shared.wake_all();
}

/// How often names that were found are looked up again.
const REFRESH: Duration = Duration::from_secs(30);
/// How soon after a failure.
const RETRY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_leads_nowhere_is_not_usable() {
        for (address, usable) in
            [("0.0.0.0", false), ("::", false), ("224.0.0.1", false), ("127.0.0.1", true)]
        {
            assert_eq!(is_usable(&address.parse().unwrap()), usable, "{address}");
        }
    }
}
