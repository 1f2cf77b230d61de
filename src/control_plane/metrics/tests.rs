//! The exposition as a scraper reads it: every line has its form, every family its head, once.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex::Regex;

use super::*;
use crate::control_plane::log::Lines;
use crate::control_plane::reload::scene::loaded;
use crate::protocol::usage::figures::Usage;
use crate::shared::Shared;
use crate::shared::tally::Fault;

fn scraped() -> String {
    let first = loaded(
        "[[provider]]\nname = 'a'\ndialect = 'openai'\nbase_url = 'http://h'\n\
         key = [{ name = 'k \"1\"', value.env = 'KEY' }]\n",
    );
    let (shared, _ledger) = Shared::new(first.snapshot, Arc::new(()), 2, &[7; 32]).expect("room");
    let shared = Arc::new(shared);
    let model = shared.models.label("gpt\n\"x\"\\", true);
    for cell in &shared.workers {
        cell.tally.exchange(("a", model, 200), &Usage { output: Some(4), ..<_>::default() });
        cell.tally.rate_limit("a", model);
        cell.tally.fault("a", Fault::UpstreamError("upstream_cut"));
        cell.tally.fault("a", Fault::PoolExhausted("tried"));
        cell.tally.fault("", Fault::AdmissionReject("global_cap"));
        cell.tally.fault("a", Fault::BodyUnobserved("encoded"));
    }
    let log = Lines::to(std::io::sink()).expect("a thread");
    Metrics::new(Sources { driver: "epoll", log, shared, storage: None }).text()
}

#[test]
fn every_line_is_well_formed_and_every_family_stands_once() {
    let text = scraped();
    let head = Regex::new(r"^# (HELP|TYPE) tidegate_[a-z_0-9]+ [^\s].*$").expect("a pattern");
    let label = r#"[a-z]+="(?:[^"\\]|\\.)*""#;
    let series = format!(r"^tidegate_[a-z_0-9]+(\{{{label}(?:,{label})*\}})? [0-9.e+-]+$");
    let series = Regex::new(&series).expect("a pattern");
    let (mut families, mut seen) = (BTreeSet::new(), BTreeSet::new());
    assert!(text.ends_with("# EOF\n"));
    for line in text.lines().filter(|line| *line != "# EOF") {
        if line.starts_with('#') {
            assert!(head.is_match(line), "{line}");
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let name = family.split(' ').next().expect("a name").to_owned();
                assert!(families.insert(name), "{line} stands twice");
            }
            continue;
        }
        assert!(series.is_match(line), "{line}");
        let (labelled, _) = line.rsplit_once(' ').expect("a value");
        assert!(seen.insert(labelled.to_owned()), "{line} stands twice");
        let name = labelled.split('{').next().expect("a name");
        let ends = ["", "_total", "_bucket", "_sum", "_count"];
        let is_of = |end| families.contains(name.strip_suffix(end).unwrap_or(""));
        assert!(ends.into_iter().any(is_of), "{line} has no head");
    }
}

#[test]
fn counts_are_summed_over_workers() {
    let text = scraped();
    let model = r#"provider="a",model="gpt\n\"x\"\\""#;
    for line in [
        format!("tidegate_requests_total{{{model},status=\"200\"}} 2\n"),
        format!("tidegate_tokens_total{{{model},type=\"output\"}} 8\n"),
        format!("tidegate_rate_limits_total{{{model}}} 2\n"),
        "tidegate_upstream_errors_total{provider=\"a\",kind=\"upstream_cut\"} 2\n".to_owned(),
        "tidegate_key_pool_exhaustions_total{provider=\"a\",outcome=\"tried\"} 2\n".to_owned(),
        "tidegate_admission_rejects_total{reason=\"global_cap\"} 2\n".to_owned(),
        "tidegate_bodies_unobserved_total{reason=\"encoded\"} 2\n".to_owned(),
        "tidegate_key_state{provider=\"a\",key=\"k \\\"1\\\"\",state=\"available\"} 1.0\n"
            .to_owned(),
        "tidegate_key_in_flight{provider=\"a\",key=\"k \\\"1\\\"\"} 0.0\n".to_owned(),
        "tidegate_journal_dropped_total 0\n".to_owned(),
        "tidegate_config_last_reload_successful 1\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} in {text}");
    }
    let info = "tidegate_runtime_info{driver=\"epoll\",version=";
    assert!(text.contains(info), "{text}");
}
