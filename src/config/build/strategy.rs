//! `route.strategy`: a list of providers and how it is gone through. A provider stands in it once,
//! and only what its type goes by may be written.

use crate::config::compound::Listed;
use crate::config::error::ErrorKind;
use crate::config::report::Report;
use crate::config::route::{Gate, Plan, Strategy, StrategyKind};
use crate::config::section::{Section, did_you_mean};
use crate::config::setting::{Choice, Shape, Texts};
use crate::config::text::Place;
use crate::config::{limits, shape};

/// The strategy of a rule; `None` with an error in the report.
pub(super) fn strategy(
    route: &Section<'_>,
    providers: &[String],
    report: &mut Report,
) -> Option<Strategy> {
    route.node("strategy")?;
    let section = route.table("strategy", &shape::STRATEGY, report);
    let reading = Reading { providers, section: &section };
    let kind = section.choice_made(&limits::STRATEGY_TYPE, report)?;
    reading.check_keys(kind, &limits::STRATEGY_TYPE, (&shape::STRATEGY, report));
    if kind != StrategyKind::UtilizationGate {
        return reading.plain(kind, report);
    }
    let threshold = section.fraction(&limits::GATE_THRESHOLD, report);
    let primary = reading.gate_primary(report);
    let inner = if section.node("inner").is_some() {
        let inner = section.table("inner", &shape::INNER, report);
        let reading = Reading { providers, section: &inner };
        let kind = inner.choice_made(&limits::INNER_TYPE, report)?;
        reading.check_keys(kind, &limits::INNER_TYPE, (&shape::INNER, report));
        reading.plain(kind, report)
    } else {
        section.error(ErrorKind::Missing, "inner", "is missing", report);
        None
    };
    let (primary, inner) = (primary?, inner?);
    Some(Strategy { gate: Some(Gate { primary, threshold }), ..inner })
}

/// One table of a strategy, and the names it may lead to.
struct Reading<'s, 'a> {
    providers: &'s [String],
    section: &'s Section<'a>,
}

impl Reading<'_, '_> {
    fn plain(&self, kind: StrategyKind, report: &mut Report) -> Option<Strategy> {
        let plan = match kind {
            StrategyKind::LimitsAlternative => {
                let primaries = self.section.text_or_texts(&shape::PRIMARY, report);
                let alternatives = self.section.texts(&shape::ALTERNATIVES, report);
                let mut seen = Vec::new();
                let primaries = self.named(&shape::PRIMARY, primaries, &mut seen, report);
                let alternatives = alternatives.unwrap_or_default();
                let alternatives =
                    self.named(&shape::ALTERNATIVES, alternatives, &mut seen, report);
                Plan::LimitsAlternative { primaries: primaries?, alternatives: alternatives? }
            }
            StrategyKind::RoundRobin => Plan::RoundRobin(self.listed(report)?),
            StrategyKind::Weighted => Plan::Weighted(self.weighted(report)?),
            StrategyKind::Priority | StrategyKind::UtilizationGate => {
                Plan::Priority(self.listed(report)?)
            }
        };
        Some(Strategy { gate: None, model_map: self.model_map(report), plan })
    }

    fn listed(&self, report: &mut Report) -> Option<Vec<usize>> {
        let texts = match self.section.texts_or_tables(&shape::PROVIDERS, &shape::WEIGHTED, report)
        {
            Some(Listed::Tables(_)) => {
                let message = "must be a list of texts: only `weighted` has tables";
                let key = shape::PROVIDERS.key;
                self.section.error(ErrorKind::WrongType, key, message, report);
                return None;
            }
            Some(Listed::Texts(texts)) => texts,
            None => Vec::new(),
        };
        self.named(&shape::PROVIDERS, texts, &mut Vec::new(), report)
    }

    fn weighted(&self, report: &mut Report) -> Option<Vec<(usize, u32)>> {
        let key = shape::PROVIDERS.key;
        let list = self.section.texts_or_tables(&shape::PROVIDERS, &shape::WEIGHTED, report);
        let sections = match list {
            Some(Listed::Tables(sections)) => sections,
            Some(Listed::Texts(texts)) if !texts.is_empty() => {
                let message = "must be a list of tables: { name = \"…\", weight = … }";
                self.section.error(ErrorKind::WrongType, key, message, report);
                return None;
            }
            Some(Listed::Texts(_)) | None => Vec::new(),
        };
        let (mut names, mut weights, mut sum) = (Vec::new(), Vec::new(), 0_u32);
        let mut is_whole = true;
        for section in &sections {
            let name = section.text(&shape::WEIGHTED_NAME, report);
            let weight = section.cap(&limits::WEIGHT, report);
            let weight = weight.and_then(|weight| u32::try_from(weight).ok());
            let (Some(name), Some(weight)) = (name, weight) else {
                is_whole = false;
                continue;
            };
            match sum.checked_add(weight) {
                Some(more) => sum = more,
                None if is_whole => {
                    is_whole = false;
                    let message = format!("makes the sum of weights more than {}", u32::MAX);
                    let key = limits::WEIGHT.key;
                    section.error(ErrorKind::Invalid, key, message, report);
                }
                None => {}
            }
            names.push(name);
            weights.push(weight);
        }
        if !is_whole {
            return None;
        }
        let providers = self.named(&shape::PROVIDERS, names, &mut Vec::new(), report)?;
        Some(providers.into_iter().zip(weights).collect())
    }

    fn gate_primary(&self, report: &mut Report) -> Option<usize> {
        let texts = self.section.text_or_texts(&shape::PRIMARY, report);
        if texts.len() > 1 {
            let message = "must be one provider for a utilization_gate";
            self.section.error(ErrorKind::Invalid, shape::PRIMARY.key, message, report);
            return None;
        }
        let found = self.named(&shape::PRIMARY, texts, &mut Vec::new(), report)?;
        found.first().copied()
    }

    /// The indices of `names`, none of which may be in `seen`. `None` with an error in the report.
    fn named<'n>(
        &self,
        list: &Texts,
        names: Vec<(&'n str, Place)>,
        seen: &mut Vec<(&'n str, Place)>,
        report: &mut Report,
    ) -> Option<Vec<usize>> {
        let Self { providers, section } = *self;
        if names.is_empty() {
            let (kind, message) = match section.node(list.key) {
                Some(_) => (ErrorKind::Invalid, "must name at least one provider"),
                None => (ErrorKind::Missing, "is missing"),
            };
            section.error(kind, list.key, message, report);
            return None;
        }
        if names.len() > limits::ROUTE_PROVIDERS_MAX {
            let message = format!("must name at most {}", limits::ROUTE_PROVIDERS_MAX);
            section.error(ErrorKind::Invalid, list.key, message, report);
            return None;
        }
        let (mut found, mut is_whole) = (Vec::new(), true);
        for (name, place) in names {
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
                let message = "names a provider twice: it would be asked again and again";
                let error = section.error(ErrorKind::Duplicate, list.key, message, report);
                error.at(place).first_at(*first);
                is_whole = false;
                continue;
            }
            seen.push((name, place));
            if let Some(index) = providers.iter().position(|provider| provider == name) {
                found.push(index);
                continue;
            }
            is_whole = false;
            let message = "names a provider that is not configured";
            let error = section.error(ErrorKind::Invalid, list.key, message, report).at(place);
            if let Some(near) = did_you_mean(name, providers.iter().map(String::as_str)) {
                error.help(format!("did you mean `{near}`?"));
            }
        }
        is_whole.then_some(found)
    }

    fn model_map(&self, report: &mut Report) -> Vec<(String, String)> {
        let key = shape::MODEL_MAP.key;
        let pairs = self.section.map(&shape::MODEL_MAP, report);
        if pairs.len() > limits::MODEL_MAP_MAX {
            let message = format!("must have at most {} names", limits::MODEL_MAP_MAX);
            self.section.error(ErrorKind::Invalid, key, message, report);
        }
        for pair in &pairs {
            for (text, place) in [pair.from, pair.to] {
                // It goes into a header field, and into the body of a request.
                if text.is_empty() || text.chars().any(char::is_control) {
                    let message = "must name models, which have no control character";
                    let error = self.section.error(ErrorKind::Invalid, key, message, report);
                    error.at(place);
                }
            }
        }
        pairs.into_iter().map(|pair| (pair.from.0.to_owned(), pair.to.0.to_owned())).collect()
    }

    /// Refuses what another type goes by.
    fn check_keys(
        &self,
        kind: StrategyKind,
        kinds: &Choice<StrategyKind>,
        (shape, report): (&Shape, &mut Report),
    ) {
        let own: &[&str] = match kind {
            StrategyKind::LimitsAlternative => &["primary", "alternatives", "model_map"],
            StrategyKind::UtilizationGate => &["threshold", "primary", "inner"],
            StrategyKind::Priority | StrategyKind::RoundRobin | StrategyKind::Weighted => {
                &["providers", "model_map"]
            }
        };
        let word = kinds.words.iter().find(|(_, one)| *one == kind).map_or("", |(word, _)| word);
        for key in shape.fields.iter().map(crate::config::setting::Field::key) {
            if key == kinds.key || own.contains(&key) || self.section.node(key).is_none() {
                continue;
            }
            let message = format!("is nothing that a {word} strategy goes by");
            self.section.error(ErrorKind::Conflict, key, message, report);
        }
    }
}
