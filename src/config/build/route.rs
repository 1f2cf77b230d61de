//! `[[route]]`: rules by descending priority. Never leads to a provider that there is not.

use super::{Context, narrow, patterns, strategy};
use crate::config::error::ErrorKind;
use crate::config::report::Report;
use crate::config::route::{HeaderMatch, Match, Route};
use crate::config::section::{Section, did_you_mean};
use crate::config::setting::Text;
use crate::config::snapshot::{Failover, Timeouts};
use crate::config::text::Place;
use crate::config::{label, limits, shape};
use crate::protocol::ascii;

/// What rules depend on besides their own tables.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    pub callers: &'a [String],
    pub context: &'a Context<'a>,
    pub failover: &'a Failover,
    pub providers: &'a [String],
    pub timeouts: &'a Timeouts,
}

/// All rules, those of equal priority in file order.
pub(super) fn routes(root: &Section<'_>, beside: Beside<'_>, report: &mut Report) -> Vec<Route> {
    let sections = root.tables("route", &shape::ROUTE, report);
    if sections.len() > limits::ROUTES_MAX {
        let message = format!("must have at most {} entries", limits::ROUTES_MAX);
        root.error(ErrorKind::Invalid, "route", message, report);
    }
    let mut names: Vec<(&str, Place)> = Vec::new();
    let mut routes = Vec::new();
    for section in &sections {
        let name = section.text(&shape::ROUTE_NAME, report);
        if let Some((name, place)) = name {
            let key = shape::ROUTE_NAME.key;
            if let Err(message) = label::check(name) {
                section.error(ErrorKind::Invalid, key, message, report);
            }
            if let Some((_, first)) = names.iter().find(|(other, _)| *other == name) {
                let message = "is the name of another route";
                section.error(ErrorKind::Duplicate, key, message, report).first_at(*first);
            }
            names.push((name, place));
        }
        let priority = section.count(&limits::ROUTE_PRIORITY, report);
        let matches = matches(section, beside, report);
        let strategy = strategy::strategy(section, beside.providers, report);
        let max_attempts = section.cap(&limits::ROUTE_MAX_ATTEMPTS, report).map(narrow);
        let byok = section.choice(&limits::ROUTE_BYOK, report);
        let timeouts = timeouts(section, *beside.timeouts, report);
        let (Some((name, _)), Some(strategy)) = (name, strategy) else { continue };
        let max_attempts = max_attempts.unwrap_or(beside.failover.max_attempts);
        let name = name.to_owned();
        routes.push((priority, Route { byok, matches, max_attempts, name, strategy, timeouts }));
    }
    // Stable: of equals the first comes first.
    routes.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
    routes.into_iter().map(|(_, route)| route).collect()
}

fn matches(route: &Section<'_>, beside: Beside<'_>, report: &mut Report) -> Match {
    let section = route.table("match", &shape::MATCH, report);
    let pattern = |text: &Text, report: &mut Report| {
        let (written, place) = section.text(text, report)?;
        patterns::compile(written, place, &section.key(text.key), beside.context, report)
    };
    let path = pattern(&shape::MATCH_PATH, report);
    let model = pattern(&shape::MATCH_MODEL, report);
    let caller = section.text(&shape::MATCH_CALLER, report).and_then(|(name, _)| {
        let found = beside.callers.iter().position(|caller| caller == name);
        if found.is_none() {
            let key = shape::MATCH_CALLER.key;
            let error = section.error(ErrorKind::Invalid, key, "is not a caller", report);
            if let Some(near) = did_you_mean(name, beside.callers.iter().map(String::as_str)) {
                error.help(format!("did you mean `{near}`?"));
            }
        }
        found
    });
    Match { caller, header: header(&section, beside, report), model, path }
}

/// `name: regular expression`.
fn header(section: &Section<'_>, beside: Beside<'_>, report: &mut Report) -> Option<HeaderMatch> {
    let (text, place) = section.text(&shape::MATCH_HEADER, report)?;
    let key = shape::MATCH_HEADER.key;
    let Some((name, rest)) = text.split_once(':').filter(|(n, _)| ascii::is_token(n.as_bytes()))
    else {
        let message = "must be \"name: regular expression\"";
        section.error(ErrorKind::Invalid, key, message, report);
        return None;
    };
    let pattern = rest.trim();
    let before = text.len() - rest.trim_start().len();
    let skip = text.get(..before).unwrap_or_default().chars().count();
    let written = patterns::Written { place, skip, text: pattern };
    let pattern = patterns::compile_part(written, &section.key(key), beside.context, report)?;
    Some(HeaderMatch { name: name.to_ascii_lowercase(), pattern })
}

fn timeouts(route: &Section<'_>, wider: Timeouts, report: &mut Report) -> Timeouts {
    let section = route.table("timeouts", &shape::ROUTE_TIMEOUTS, report);
    Timeouts {
        connect: section.duration_over(&limits::CONNECT, wider.connect, report),
        response_head: section.duration_over(&limits::RESPONSE_HEAD, wider.response_head, report),
        response_head_stream: section.duration_over(
            &limits::RESPONSE_HEAD_STREAM,
            wider.response_head_stream,
            report,
        ),
        byte_idle: section.duration_over(&limits::BYTE_IDLE, wider.byte_idle, report),
        ..wider
    }
}
