//! The shape `request`: one exchange. What this version cannot know is null.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Hash, Instant, Quota, Reset, told};
use crate::protocol::rate_limit::summary::{self, ResetSeen, Summary, UnifiedSummary, WindowSeen};
use crate::protocol::usage::Outcome;
use crate::protocol::usage::figures;
use crate::shared::credential::utilization::Wall;
use crate::shared::journal::Record;

/// One exchange, as it stands in its record: nothing is copied until it is written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = request)]
pub struct Request<'r> {
    pub(super) id: &'r str,
    /// When its head was whole, RFC 3339.
    #[schema(value_type = String)]
    pub(super) time: Instant,
    /// Owner of the gateway key.
    pub(super) caller: Option<&'r str>,
    /// Family of the client, by its user agent.
    pub(super) client: Option<&'static str>,
    pub(super) user_agent: Option<&'r str>,
    pub(super) method: &'r str,
    pub(super) path: &'r str,
    pub(super) content_type: Option<&'r str>,
    pub(super) dialect: &'static str,
    /// The model asked for.
    pub(super) model: Option<&'r str>,
    pub(super) stream: bool,
    pub(super) message_count: Option<u64>,
    pub(super) bytes_in: u64,
    /// Keyed hash of the conversation's key.
    #[schema(value_type = Option<String>)]
    pub(super) conversation: Option<Hash>,
    pub(super) provider: Option<&'r str>,
    pub(super) key: Option<&'r str>,
    /// The rule that led to the provider.
    pub(super) route: Option<&'r str>,
    /// Why the provider was asked, as in `x-tidegate-decision`.
    pub(super) decision: &'r str,
    /// The model really asked for.
    pub(super) model_routed: Option<&'r str>,
    /// What the client got, or would have got.
    pub(super) status: u16,
    /// The `x-tidegate-error` code.
    pub(super) error: Option<&'static str>,
    pub(super) attempts: u32,
    pub(super) duration_ms: u64,
    /// Time in the gateway that was not spent waiting for client or provider.
    pub(super) overhead_us: u64,
    pub(super) model_answered: Option<&'r str>,
    /// `complete`, `cut`, `error`, `client_gone` or `rejected`.
    pub(super) outcome: &'static str,
    pub(super) stop_reason: Option<&'r str>,
    pub(super) usage: Usage,
    pub(super) service_tier: Option<&'r str>,
    pub(super) cost_usd: Option<f64>,
    pub(super) bytes_out: u64,
    pub(super) events: u64,
    /// Gaps between reads: place n counts those of 2^(n-1) up to 2^n ms.
    pub(super) gaps_ms: &'r [u32],
    pub(super) ttfb_ms: Option<u64>,
    pub(super) ttft_ms: Option<u64>,
    pub(super) organization_id: Option<&'r str>,
    pub(super) upstream_request_id: Option<&'r str>,
    pub(super) rate_limit: Option<RateLimit<'r>>,
}

/// Tokens of one exchange, disjoint; `reasoning` is part of `output`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Usage {
    pub(super) input: Option<u64>,
    pub(super) cache_read: Option<u64>,
    /// For any lifetime, where the provider does not tell them apart.
    pub(super) cache_write: Option<u64>,
    pub(super) cache_write_5m: Option<u64>,
    pub(super) cache_write_1h: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) reasoning: Option<u64>,
    /// The answer ended early: there may have been more.
    pub(super) estimated: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RateLimit<'r> {
    status: Option<&'r str>,
    requests: Option<Quota>,
    tokens: Option<Quota>,
    unified: Option<Unified<'r>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Unified<'r> {
    status: Option<&'r str>,
    #[serde(rename = "5h")]
    five_hour: Option<Window>,
    #[serde(rename = "7d")]
    seven_day: Option<Window>,
    representative_claim: Option<&'r str>,
    fallback_percentage: Option<f64>,
    overage_status: Option<&'r str>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Window {
    utilization: Option<f64>,
    #[schema(value_type = Option<String>)]
    reset: Option<Instant>,
}

impl<'r> Request<'r> {
    /// Of what was recorded.
    pub fn of(record: &'r Record) -> Self {
        let Record { answered, asked, ended, texts } = record;
        Self {
            id: texts.of(asked.id),
            time: Instant::of(Wall(asked.unix_ms)),
            caller: told(texts.of(asked.caller)),
            client: client(texts.of(asked.user_agent)),
            user_agent: told(texts.of(asked.user_agent)),
            method: texts.of(asked.method),
            path: texts.of(asked.path),
            content_type: told(texts.of(asked.content_type)),
            dialect: asked.dialect.name(),
            model: told(texts.of(asked.model)),
            stream: asked.streams,
            message_count: asked.message_count,
            bytes_in: asked.body_bytes,
            conversation: asked.conversation.map(Hash),
            provider: told(texts.of(ended.provider)),
            key: told(texts.of(ended.key)),
            route: told(texts.of(ended.route)),
            decision: texts.of(ended.decision),
            model_routed: told(texts.of(ended.model_routed)),
            status: ended.status,
            error: ended.code,
            attempts: ended.attempts,
            duration_ms: ended.duration_ms,
            overhead_us: ended.overhead_us,
            model_answered: told(texts.of(answered.model)),
            outcome: outcome(answered.outcome, ended.code),
            stop_reason: told(texts.of(answered.stop_reason)),
            usage: of_usage(&answered.usage, answered.estimated),
            service_tier: told(texts.of(answered.service_tier)),
            cost_usd: None,
            bytes_out: answered.bytes,
            events: answered.events,
            gaps_ms: answered.gaps.counts(),
            ttfb_ms: answered.ttfb_ms,
            ttft_ms: answered.ttft_ms,
            organization_id: told(texts.of(answered.organization_id)),
            upstream_request_id: told(texts.of(answered.request_id)),
            rate_limit: answered.limits.as_ref().map(of_limits),
        }
    }
}

fn of_usage(usage: &figures::Usage, estimated: bool) -> Usage {
    Usage {
        input: usage.input,
        cache_read: usage.cache_read,
        cache_write: usage.cache_write,
        cache_write_5m: usage.cache_write_5m,
        cache_write_1h: usage.cache_write_1h,
        output: usage.output,
        reasoning: usage.reasoning,
        estimated,
    }
}

fn of_limits(limits: &Summary) -> RateLimit<'_> {
    RateLimit {
        status: limits.unified.as_ref().and_then(|unified| told(unified.status.as_str())),
        requests: limits.requests.as_ref().map(Quota::of),
        tokens: limits.tokens.as_ref().map(Quota::of),
        unified: limits.unified.as_ref().map(of_unified),
    }
}

fn of_unified(unified: &UnifiedSummary) -> Unified<'_> {
    Unified {
        status: told(unified.status.as_str()),
        five_hour: unified.five_hour.as_ref().map(of_window),
        seven_day: unified.seven_day.as_ref().map(of_window),
        representative_claim: told(unified.representative_claim.as_str()),
        fallback_percentage: unified.fallback_percentage,
        overage_status: told(unified.overage_status.as_str()),
    }
}

fn of_window(window: &WindowSeen) -> Window {
    Window { utilization: window.utilization, reset: window.reset.and_then(Instant::of_seconds) }
}

impl Quota {
    /// Of what a head said.
    pub fn of(quota: &summary::Quota) -> Self {
        let reset = quota.reset.and_then(|reset| match reset {
            ResetSeen::Epoch(seconds) => Instant::of_seconds(seconds).map(Reset::At),
            ResetSeen::InMicros(micros) => Some(Reset::InMicros(micros)),
            ResetSeen::Unknown(number) => Some(Reset::Bare(number)),
        });
        Self { limit: quota.limit, remaining: quota.remaining, reset }
    }
}

/// How the client saw it end.
pub fn outcome(outcome: Option<Outcome>, code: Option<&str>) -> &'static str {
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
    CLIENTS
        .into_iter()
        .find(|(prefix, _)| {
            user_agent.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        })
        .map(|(_, name)| name)
}

/// How user agents begin, and whose they are; the first that fits.
const CLIENTS: [(&str, &str); 18] = [
    ("claude-cli", "claude-code"),
    ("claude-code", "claude-code"),
    ("codex", "codex"),
    ("opencode", "opencode"),
    ("geminicli", "gemini-cli"),
    ("cline", "cline"),
    ("roo", "roo-code"),
    ("cursor", "cursor"),
    ("zed", "zed"),
    ("aider", "aider"),
    ("litellm", "litellm"),
    ("anthropic/", "anthropic-sdk"),
    ("asyncanthropic/", "anthropic-sdk"),
    ("openai/", "openai-sdk"),
    ("asyncopenai/", "openai-sdk"),
    ("ai-sdk/", "ai-sdk"),
    ("ai/", "ai-sdk"),
    ("curl/", "curl"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_known_by_its_user_agent() {
        assert_eq!(client("claude-cli/2.0.1 (external, cli)"), Some("claude-code"));
        assert_eq!(client("codex_cli_rs/0.4"), Some("codex"));
        assert_eq!(client("OpenAI/Python 2.1.0"), Some("openai-sdk"));
        assert_eq!(client("AsyncAnthropic/Python 0.70"), Some("anthropic-sdk"));
        assert_eq!(client("curl/8"), Some("curl"));
        assert_eq!(client("Mozilla/5.0"), None);
        assert_eq!(client(""), None);
    }

    #[test]
    fn an_answer_that_never_began_is_rejected_and_a_departed_client_is_gone() {
        assert_eq!(outcome(None, Some("no_route")), "rejected");
        assert_eq!(outcome(Some(Outcome::Cut), Some("client_gone")), "client_gone");
        assert_eq!(outcome(Some(Outcome::Cut), Some("upstream_cut")), "cut");
        assert_eq!(outcome(Some(Outcome::Complete), None), "complete");
    }
}
