//! Writes what workers recorded to stderr: one JSON line per exchange (CONFIG.md, shape `request`)
//! and one structured line per failure (BEHAVIOUR 9).

use std::io::Write;

use serde_json::{Map, Value, json};

use crate::protocol::rate_limit::summary::{Quota, ResetSeen, Summary, UnifiedSummary, WindowSeen};
use crate::protocol::usage::Outcome;
use crate::protocol::usage::figures::Usage;
use crate::shared::Shared;
use crate::shared::journal::{Answered, Asked, Ended, Entry, KeyState, Record};

/// Empties every worker's queue, and returns once each has seen that this reader sleeps.
pub fn write_all(shared: &Shared) {
    for cell in &shared.workers {
        loop {
            while let Some(entry) = cell.journal.pop() {
                match entry {
                    Entry::Exchange(record) => write(&record),
                    Entry::KeyState(state) => write_key_state(&state),
                }
            }
            if cell.journal.fall_asleep() {
                break;
            }
        }
    }
}

fn write(record: &Record) {
    if let Some(code) = record.ended.code {
        write_failure(record, code);
    }
    if tracing::enabled!(tracing::Level::INFO) {
        // A closed stderr is no reason to stop serving.
        let _closed = writeln!(std::io::stderr().lock(), "{}", request(record));
    }
}

/// A key that failed authentication needs somebody; one that is limited comes back by itself
/// (BEHAVIOUR 9).
fn write_key_state(state: &KeyState) {
    let KeyState { class, key, is_auth_failed, provider, reason, wait_ms } = state;
    let (provider, key, class) = (provider.as_str(), key.as_str(), class.as_str());
    if *is_auth_failed {
        tracing::warn!(provider, key, class, reason, recheck_ms = wait_ms, "key failed");
        return;
    }
    tracing::info!(provider, key, class, reason, wait_ms, "key cooling");
    if wait_ms.is_some_and(|wait_ms| wait_ms > LONG_WAIT_MS) {
        tracing::warn!(provider, key, class, wait_ms, "key cooling for more than a day");
    }
}

fn write_failure(Record { asked, ended, .. }: &Record, code: &str) {
    tracing::warn!(
        request_id = asked.id.as_str(),
        code,
        status = ended.status,
        method = asked.method.as_str(),
        path = asked.path.as_str(),
        query = asked.query.as_str(),
        model = asked.model.as_str(),
        stream = asked.streams,
        thinking = asked.thinks,
        body_bytes = asked.body_bytes,
        anthropic_beta = asked.beta.as_str(),
        attempts = ended.attempts,
        cap_value = ended.cap,
        caller = asked.caller.as_str(),
        elapsed_ms = ended.duration_ms,
        phase = ended.phase,
        cause = ended.cause.as_str(),
        upstream = ended.provider.as_str(),
        "request failed"
    );
}

/// The shape `request`. What this version cannot know is null.
fn request(Record { asked, ended, answered }: &Record) -> Value {
    let mut shape = Map::new();
    for part in [of_asked(asked), of_ended(ended), of_answered(answered, ended)] {
        if let Value::Object(part) = part {
            shape.extend(part);
        }
    }
    Value::Object(shape)
}

fn of_asked(asked: &Asked) -> Value {
    let millis = i64::try_from(asked.unix_ms).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    json!({
        "id": asked.id.as_str(),
        "time": time.to_string(),
        "caller": text(asked.caller.as_str()),
        "client": client(asked.user_agent.as_str()),
        "user_agent": text(asked.user_agent.as_str()),
        "method": asked.method.as_str(),
        "path": asked.path.as_str(),
        "content_type": text(asked.content_type.as_str()),
        "dialect": asked.dialect.name(),
        "model": text(asked.model.as_str()),
        "stream": asked.streams,
        "message_count": asked.message_count,
        "bytes_in": asked.body_bytes,
        "conversation": asked.conversation.map(|hash| format!("{hash:016x}")),
    })
}

fn of_ended(ended: &Ended) -> Value {
    json!({
        "provider": text(ended.provider.as_str()),
        "key": text(ended.key.as_str()),
        "decision": "default",
        "status": ended.status,
        "error": ended.code,
        "attempts": ended.attempts,
        "duration_ms": ended.duration_ms,
    })
}

fn of_answered(answered: &Answered, ended: &Ended) -> Value {
    json!({
        "model_answered": text(answered.model.as_str()),
        "outcome": outcome(answered.outcome, ended.code),
        "stop_reason": text(answered.stop_reason.as_str()),
        "usage": usage(&answered.usage, answered.estimated),
        "service_tier": text(answered.service_tier.as_str()),
        "cost_usd": null,
        "bytes_out": answered.bytes,
        "events": answered.events,
        "gaps_ms": answered.gaps.counts(),
        "ttfb_ms": answered.ttfb_ms,
        "ttft_ms": answered.ttft_ms,
        "organization_id": text(answered.organization_id.as_str()),
        "upstream_request_id": text(answered.request_id.as_str()),
        "rate_limit": answered.limits.as_ref().map(rate_limit),
    })
}

fn usage(usage: &Usage, estimated: bool) -> Value {
    json!({
        "input": usage.input,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "cache_write_5m": usage.cache_write_5m,
        "cache_write_1h": usage.cache_write_1h,
        "output": usage.output,
        "reasoning": usage.reasoning,
        "estimated": estimated,
    })
}

fn rate_limit(limits: &Summary) -> Value {
    json!({
        "status": limits.unified.as_ref().and_then(|unified| text(unified.status.as_str())),
        "requests": limits.requests.as_ref().map(quota),
        "tokens": limits.tokens.as_ref().map(quota),
        "unified": limits.unified.as_ref().map(unified),
    })
}

fn quota(quota: &Quota) -> Value {
    json!({ "limit": quota.limit, "remaining": quota.remaining, "reset": quota.reset.map(reset) })
}

/// An instant where the provider named one; a wait as a duration; else the bare number.
fn reset(reset: ResetSeen) -> Value {
    match reset {
        ResetSeen::Epoch(seconds) => instant(seconds),
        ResetSeen::InMicros(micros) => json!(format!("{micros}us")),
        ResetSeen::Unknown(number) => json!(number),
    }
}

fn unified(unified: &UnifiedSummary) -> Value {
    json!({
        "status": text(unified.status.as_str()),
        "5h": unified.five_hour.as_ref().map(window),
        "7d": unified.seven_day.as_ref().map(window),
        "representative_claim": text(unified.representative_claim.as_str()),
        "fallback_percentage": unified.fallback_percentage,
        "overage_status": text(unified.overage_status.as_str()),
    })
}

fn window(window: &WindowSeen) -> Value {
    json!({ "utilization": window.utilization, "reset": window.reset.map(instant) })
}

fn instant(seconds: i64) -> Value {
    jiff::Timestamp::from_second(seconds).map_or(Value::Null, |time| json!(time.to_string()))
}

fn outcome(outcome: Option<Outcome>, code: Option<&str>) -> &'static str {
    match (outcome, code) {
        (None, _) => "rejected",
        (Some(_), Some("client_gone")) => "client_gone",
        (Some(Outcome::Complete), _) => "complete",
        (Some(Outcome::Cut), _) => "cut",
        (Some(Outcome::Error), _) => "error",
    }
}

/// The client families whose ways matter, by the user agents they send.
fn client(user_agent: &str) -> Option<&'static str> {
    [("claude-cli", "claude-code"), ("codex", "codex")]
        .into_iter()
        .find(|(prefix, _)| user_agent.starts_with(prefix))
        .map(|(_, name)| name)
}

fn text(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// A rest that somebody should know of (BEHAVIOUR 3).
const LONG_WAIT_MS: u64 = 24 * 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_known_by_its_user_agent() {
        assert_eq!(client("claude-cli/2.0.1 (external, cli)"), Some("claude-code"));
        assert_eq!(client("codex_cli_rs/0.4"), Some("codex"));
        assert_eq!(client("curl/8"), None);
    }

    #[test]
    fn an_answer_that_never_began_is_rejected_and_a_departed_client_is_gone() {
        assert_eq!(outcome(None, Some("no_route")), "rejected");
        assert_eq!(outcome(Some(Outcome::Cut), Some("client_gone")), "client_gone");
        assert_eq!(outcome(Some(Outcome::Cut), Some("upstream_cut")), "cut");
        assert_eq!(outcome(Some(Outcome::Complete), None), "complete");
    }
}
