//! Verdicts by case id.

use super::*;

fn look<'a>(kind: &'a str, code: &'a str) -> ErrorLook<'a> {
    let (kind, code) = (kind.as_bytes(), code.as_bytes());
    ErrorLook { code, kind, message: b"", shape: Shape::Envelope }
}

fn verdict(status: u16, body: ErrorLook<'_>) -> Verdict {
    classify(&Answer { body, limits: LimitFacts::default(), status })
}

fn limited_by(limits: LimitFacts) -> (LimitCause, Scope, Option<i64>) {
    let body = look("rate_limit_error", "");
    match classify(&Answer { body, limits, status: 429 }) {
        Verdict::Limited { cause, scope, wait_ms } => (cause, scope, wait_ms),
        other => panic!("{other:?}"),
    }
}

const HOUR: i64 = 3_600_000;

#[expect(clippy::unnecessary_wraps, reason = "as the facts have it")]
fn rejected(reset_ms: i64) -> Option<Rejected> {
    Some(Rejected { reset_ms: Some(reset_ms) })
}

#[test]
fn a07_429_401_and_403_are_triggers() {
    assert_eq!(limited_by(LimitFacts::default()), (LimitCause::Unsaid, Scope::Class, None));
    for body in [look("authentication_error", ""), look("invalid_request_error", "invalid_api_key")]
    {
        assert_eq!(verdict(401, body), Verdict::AuthFailed(Refusal::Unauthorized));
    }
    assert_eq!(verdict(403, look("permission_error", "")), Verdict::Forbidden);
}

#[test]
fn a08_a22_other_statuses_mark_nothing() {
    assert_eq!(verdict(200, ErrorLook::default()), Verdict::Accept);
    for status in [408, 500, 502, 503, 504, 529] {
        assert_eq!(verdict(status, look("api_error", "")), Verdict::Overloaded, "{status}");
        assert_eq!(verdict(status, ErrorLook::default()), Verdict::Overloaded, "{status}");
    }
    for status in [100, 302, 400, 409, 413, 422, 431, 499, 505, 520, 0, u16::MAX] {
        let body = look("invalid_request_error", "");
        assert_eq!(verdict(status, body), Verdict::Relay, "{status}");
    }
}

#[test]
fn a09_a20_a_429_waits_as_long_as_it_says() {
    for (retry_after_ms, wait_ms) in [(5_000, 5_000), (1_500, 1_500), (1, 1), (0, 1_000)] {
        let limits = LimitFacts { retry_after_ms: Some(retry_after_ms), ..LimitFacts::default() };
        assert_eq!(limited_by(limits), (LimitCause::RetryAfter, Scope::Class, Some(wait_ms)));
    }
    let limits = LimitFacts { retry_after_ms: Some(u64::MAX), ..LimitFacts::default() };
    assert_eq!(limited_by(limits).2, Some(i64::MAX));
}

#[test]
fn a_rejected_five_hour_or_seven_day_window_blocks_the_whole_credential() {
    let five = LimitFacts { five_hour: rejected(HOUR), ..LimitFacts::default() };
    assert_eq!(limited_by(five), (LimitCause::FiveHour, Scope::Credential, Some(HOUR)));
    let seven = LimitFacts { seven_day: rejected(9 * HOUR), ..five };
    assert_eq!(limited_by(seven), (LimitCause::SevenDay, Scope::Credential, Some(9 * HOUR)));
    let seven = LimitFacts { seven_day: rejected(HOUR / 2), ..five };
    assert_eq!(limited_by(seven), (LimitCause::FiveHour, Scope::Credential, Some(HOUR)));
    // The header's own word on the wait comes first, the cause stays the window.
    let said = LimitFacts { retry_after_ms: Some(60_000), ..five };
    assert_eq!(limited_by(said), (LimitCause::FiveHour, Scope::Credential, Some(60_000)));
    let unsaid = LimitFacts { five_hour: Some(Rejected::default()), ..LimitFacts::default() };
    assert_eq!(limited_by(unsaid), (LimitCause::FiveHour, Scope::Credential, None));
}

#[test]
fn a_rejected_overage_or_model_window_alone_blocks_its_class() {
    let plain = LimitFacts::default();
    for (limits, cause) in [
        (LimitFacts { overage: rejected(HOUR), ..plain }, LimitCause::Overage),
        (LimitFacts { seven_day_model: rejected(HOUR), ..plain }, LimitCause::SevenDayModel),
        (
            LimitFacts { seven_day_overage_included: rejected(HOUR), ..plain },
            LimitCause::SevenDayOverageIncluded,
        ),
    ] {
        assert_eq!(limited_by(limits), (cause, Scope::Class, Some(HOUR)));
        let whole = LimitFacts { five_hour: rejected(1), ..limits };
        assert_eq!(limited_by(whole).1, Scope::Credential);
    }
}

#[test]
fn an_empty_window_waits_for_its_reset() {
    let limits = LimitFacts { empty_reset_ms: Some(17_400), ..LimitFacts::default() };
    assert_eq!(limited_by(limits), (LimitCause::EmptyWindow, Scope::Class, Some(17_400)));
}

#[test]
fn a_quota_that_money_cures_is_as_402() {
    let quota = Verdict::AuthFailed(Refusal::Quota);
    assert_eq!(verdict(429, look("insufficient_quota", "insufficient_quota")), quota);
    assert_eq!(verdict(429, look("tokens", "insufficient_quota")), quota);
    let billing = Verdict::AuthFailed(Refusal::Billing);
    assert_eq!(verdict(429, look("billing_error", "")), billing);
    let limits = LimitFacts { retry_after_ms: Some(5_000), ..LimitFacts::default() };
    let body = look("billing_error", "");
    assert_eq!(classify(&Answer { body, limits, status: 429 }), billing);
}

#[test]
fn w44_402_and_a_low_credit_balance_are_as_401() {
    let billing = Verdict::AuthFailed(Refusal::Billing);
    assert_eq!(verdict(402, look("billing_error", "")), billing);
    assert_eq!(verdict(402, ErrorLook::default()), billing);
    let message = b"Your credit balance is too low to access the Anthropic API.";
    let body = ErrorLook { message, ..look("invalid_request_error", "") };
    assert_eq!(verdict(400, body), billing);
    // A client can make a provider quote anything; only the envelope counts.
    assert_eq!(verdict(400, ErrorLook { shape: Shape::Foreign, ..body }), Verdict::Relay);
    assert_eq!(verdict(400, look("invalid_request_error", "")), Verdict::Relay);
}

#[test]
fn w44_a_model_that_is_not_there_is_another_providers() {
    assert_eq!(verdict(404, look("not_found_error", "")), Verdict::NextProvider);
    let body = look("invalid_request_error", "model_not_found");
    assert_eq!(verdict(404, body), Verdict::NextProvider);
    assert_eq!(verdict(404, look("invalid_request_error", "")), Verdict::Relay);
    assert_eq!(verdict(404, ErrorLook::default()), Verdict::Relay);
    assert_eq!(verdict(501, ErrorLook::default()), Verdict::NextProvider);
}

#[test]
fn pages_and_empty_bodies_with_401_or_403_are_relayed_unmarked() {
    for shape in [Shape::Empty, Shape::Html] {
        for status in [401, 403] {
            let body = ErrorLook { shape, ..ErrorLook::default() };
            assert_eq!(verdict(status, body), Verdict::Relay, "{status} {shape:?}");
        }
    }
}

#[test]
fn a_401_that_blames_no_credential_marks_none() {
    let body = look("invalid_request_error", "invalid_organization");
    assert_eq!(verdict(401, body), Verdict::NextCredential);
    let foreign = ErrorLook { shape: Shape::Foreign, ..ErrorLook::default() };
    assert_eq!(verdict(401, foreign), Verdict::NextCredential);
    assert_eq!(verdict(403, foreign), Verdict::NextCredential);
}

#[test]
fn w37_an_overloaded_first_event_is_a_529() {
    assert_eq!(status_of(b"overloaded_error", b""), 529);
    assert_eq!(classify_first_event(look("overloaded_error", "")), Verdict::Overloaded);
}

#[test]
fn w38_the_type_of_a_first_event_is_a_status() {
    for (kind, status) in [
        ("rate_limit_error", 429),
        ("authentication_error", 401),
        ("permission_error", 403),
        ("not_found_error", 404),
        ("invalid_request_error", 400),
        ("anything else", 500),
        ("", 500),
    ] {
        assert_eq!(status_of(kind.as_bytes(), b""), status, "{kind}");
    }
    assert_eq!(status_of(b"invalid_request_error", b"rate_limit_exceeded"), 429);
    let unsaid = Verdict::Limited { cause: LimitCause::Unsaid, scope: Scope::Class, wait_ms: None };
    assert_eq!(classify_first_event(look("rate_limit_error", "")), unsaid);
    let quota = classify_first_event(look("insufficient_quota", ""));
    assert_eq!(quota, Verdict::AuthFailed(Refusal::Quota));
    assert_eq!(classify_first_event(look("invalid_request_error", "")), Verdict::Relay);
}

#[test]
fn no_status_and_no_body_makes_a_2xx_of_an_error() {
    for status in 0..=u16::MAX {
        let is_accepted = verdict(status, look("rate_limit_error", "")) == Verdict::Accept;
        assert_eq!(is_accepted, (200..300).contains(&status), "{status}");
    }
}
