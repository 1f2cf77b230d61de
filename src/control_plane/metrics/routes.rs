//! What routes count: uses of alternatives, and breakers as they stand. Holds no number of its own.

use std::collections::BTreeMap;
use std::fmt::Error;

use super::collector::Out;
use crate::control_plane::shape::breaker::Broken;
use crate::shared::Shared;
use crate::shared::clock::Millis;

impl Out<'_, '_> {
    pub fn routes(&mut self, shared: &Shared) -> Result<(), Error> {
        let mut sums: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
        let tallies = shared.workers.iter().flat_map(|cell| cell.tally.alternatives());
        for (key, count) in tallies.filter_map(|(key, count)| Some((key?, count))) {
            let model = shared.models.name(key.model);
            *sums.entry((&key.primary, &key.alternative, model)).or_default() += count;
        }
        let rows = sums.into_iter().map(|((primary, alternative, model), count)| {
            let labels = vec![
                ("primary_provider", primary.to_owned()),
                ("alternative_provider", alternative.to_owned()),
                ("model", model.to_owned()),
            ];
            (labels, count)
        });
        let help = "Exchanges that an alternative served since a primary was limited";
        self.counters("rate_limit_alternatives_used", help, rows.collect())?;
        self.breakers(shared)
    }

    fn breakers(&mut self, shared: &Shared) -> Result<(), Error> {
        let setup = shared.setup.load();
        let mut rows = Vec::new();
        for broken in Broken::all(&setup, Millis::now()) {
            let class = broken.class.to_owned();
            let labels = vec![("provider", broken.provider.to_owned()), ("class", class)];
            rows.push((labels, f64::from(broken.state.severity())));
        }
        let help = "0 = closed, 1 = half open, 2 = open";
        self.gauges("breaker_state", help, rows)
    }
}
