//! Rows of counts: told apart by label, and none lost.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;

fn usage(output: u64) -> Usage {
    Usage { cache_write: Some(1), cache_write_5m: Some(2), output: Some(output), ..<_>::default() }
}

#[test]
fn exchanges_are_summed_by_provider_model_and_status() {
    let (tally, models) = (Tally::default(), Models::new());
    let model = models.label("claude-x", true);
    for _ in 0..3 {
        tally.exchange(("a", model, 200), &usage(5));
    }
    tally.exchange(("b", model, 200), &usage(7));
    tally.exchange(("a", model, 429), &usage(0));
    tally.rate_limit("a", model);
    let of = |provider: &str, status| {
        let is_it = |key: &ServedKey| &*key.provider == provider && key.status == status;
        tally.served().find(|(key, _)| key.is_some_and(is_it)).unwrap().1
    };
    assert_eq!(of("a", 200).requests, 3);
    assert_eq!(of("a", 200).tokens, [0, 0, 9, 0, 15]);
    assert_eq!(of("b", 200).tokens, [0, 0, 3, 0, 7]);
    assert_eq!((of("a", 429).requests, of("a", 429).rate_limits), (1, 1));
}

#[test]
fn the_first_hundred_models_with_an_answer_have_names() {
    let models = Models::new();
    assert_eq!(models.label("never-answered", false), Model::OTHER);
    for number in 0..150 {
        models.label(&format!("m{number}"), true);
    }
    let name = |text: &str| models.name(models.label(text, false)).to_owned();
    assert_eq!((name("m0"), name("m63")), ("m0".to_owned(), "m63".to_owned()));
    assert_eq!((name("m64"), name("m99")), ("m64".to_owned(), "m99".to_owned()));
    assert_eq!((name("m100"), name("m149")), ("other".to_owned(), "other".to_owned()));
    assert_eq!((name(""), name("never-answered")), ("other".to_owned(), "other".to_owned()));
}

#[test]
fn what_finds_no_row_is_counted_all_the_same() {
    let tally = Tally::default();
    let many = 2 * SERVED_MAX;
    for number in 0..many {
        tally.exchange((&format!("provider-{number}"), Model::OTHER, 200), &usage(1));
    }
    let requests: u64 = tally.served().map(|(_, served)| served.requests).sum();
    let rows = tally.served().filter(|(key, _)| key.is_some()).count();
    assert_eq!(usize::try_from(requests), Ok(many));
    assert!(rows <= SERVED_MAX);
}

#[test]
fn faults_are_told_apart_by_kind_and_provider() {
    let tally = Tally::default();
    tally.fault("a", Fault::UpstreamError("upstream_cut"));
    tally.fault("a", Fault::UpstreamError("upstream_cut"));
    tally.fault("", Fault::AdmissionReject("global_cap"));
    let mut told: Vec<_> = tally
        .faults()
        .filter_map(|(key, count)| Some((key?.fault, key?.provider.to_string(), count)))
        .collect();
    told.sort();
    let cut = (Fault::UpstreamError("upstream_cut"), "a".to_owned(), 2);
    assert_eq!(told, [(Fault::AdmissionReject("global_cap"), String::new(), 1), cut]);
}

#[test]
fn uses_of_alternatives_are_told_apart_by_all_three() {
    let tally = Tally::default();
    tally.alternative("a", "b", Model::OTHER);
    tally.alternative("a", "b", Model::OTHER);
    tally.alternative("b", "a", Model::OTHER);
    let named = |(key, count): (Option<&AlternativeKey>, u64)| Some((key?.primary.clone(), count));
    let mut told: Vec<_> = tally.alternatives().filter_map(named).collect();
    told.sort();
    assert_eq!(told, [("a".into(), 2), ("b".into(), 1)]);
}
