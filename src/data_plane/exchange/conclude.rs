//! The final answer when no attempt served: the first rule of BEHAVIOUR 5 that applies. Never tries
//! anything any more.

use super::attempt::Call;
use super::authenticate::Credential;
use super::failure::{Failure, Kind};
use super::resting::Resting;
use super::route::Route;
use super::{Exchange, Next};
use crate::data_plane::io::fault::Wait;
use crate::protocol::dialect::Dialect;
use crate::protocol::http1::header::Known;
use crate::protocol::http1::write;
use crate::protocol::rate_limit::RetryAfter;
use crate::shared::clock::Millis;
use crate::shared::credential::exhausted::{Claim, Exhausted, Outcome};
use crate::shared::credential::reason::Reason;
use crate::shared::credential::utilization::Window;
use crate::shared::gate::Subject;

/// What the tries of an exchange have left behind.
#[derive(Debug, Default)]
pub struct Trail<'a> {
    /// Why there is nothing left to try, over all providers asked.
    pub exhausted: Exhausted,
    /// The last 5xx, 404 or 501, or stream that began with an error.
    pub failed: Option<Kept<'a>>,
    /// The last 403.
    pub forbidden: Option<Kept<'a>>,
    /// Tries ended before the keys did.
    pub is_cut_short: bool,
    /// The provider being asked is asked once more, on other terms.
    pub is_asked_again: bool,
    /// No provider follows the one being asked.
    pub is_last_provider: bool,
    /// Milliseconds until the first probe of a provider that was left alone by its breaker.
    pub open_ms: Option<u64>,
    /// The cap of a provider that was reached.
    pub provider_cap: Option<u32>,
    /// Why the last attempt got no answer.
    pub transport: Option<Kind>,
    /// Why a provider could not even be asked.
    pub untranslatable: Option<Kind>,
    /// Where the key is whose unified window comes back first.
    pub unified_at: Option<Route<'a>>,
    /// The last refusal that blames no key.
    pub unmarked: Option<Kept<'a>>,
}

impl<'a> Trail<'a> {
    /// The answer kept last, to serve it after all; one that was cut stays where it is.
    pub(super) fn take_answer(&mut self) -> Option<(Box<Call>, Credential<'a>)> {
        match self.failed.take() {
            Some(Kept::Answer(answer)) => Some((answer.call, answer.credential)),
            cut => {
                self.failed = cut;
                None
            }
        }
    }

    /// A provider's breaker is open for so long.
    pub(super) fn is_open(&mut self, wait_ms: u64) {
        self.open_ms = Some(self.open_ms.map_or(wait_ms, |first| first.min(wait_ms)));
    }
}

/// An answer that was not served, and may still be.
#[derive(Debug)]
pub enum Kept<'a> {
    /// All that is needed to pass it on.
    Answer(Box<KeptAnswer<'a>>),
    /// Its body was too long or too slow: status, and seconds of its `retry-after`.
    Cut(u16, Option<u64>),
}

/// An answer with whom it is from.
#[derive(Debug)]
pub struct KeptAnswer<'a> {
    /// The answer.
    pub call: Box<Call>,
    /// Whom it was asked with.
    pub credential: Credential<'a>,
    /// Whom it was asked of.
    pub route: Route<'a>,
}

impl<'a> Kept<'a> {
    /// The answer as it stands.
    pub fn whole(route: &Route<'a>, credential: Credential<'a>, call: Box<Call>) -> Self {
        Self::Answer(Box::new(KeptAnswer { call, credential, route: *route }))
    }
}

impl Exchange<'_> {
    /// Keeps an answer that is there whole, and gives its connection back at once; of any other
    /// only the status is kept, and its connection closes.
    pub(super) fn keep<'a>(
        &self,
        (route, credential): (&Route<'a>, Credential<'a>),
        mut call: Box<Call>,
        is_whole: bool,
    ) -> Kept<'a> {
        let head = &call.answered.head;
        let bytes = call.answered.buffer.filled();
        if !is_whole {
            let now_ms = i64::try_from(self.client.local.shared.wall.now().0).unwrap_or(i64::MAX);
            let wait = head.fields.value(Known::RetryAfter, bytes).and_then(RetryAfter::read);
            let seconds = wait.map(|wait| wait.us(now_ms).div_ceil(1_000_000));
            return Kept::Cut(head.status, seconds);
        }
        if call.sent_whole
            && !call.nature.closes
            && let Some(upstream) = call.upstream.take()
        {
            self.client.stream.watch().on_hangup_end(self.gone_from(), None);
            let max = self.setup.snapshot.limits.upstream_idle_per_worker;
            self.client.local.pool.checkin(route.pool.origin, upstream.stream, max);
        }
        Kept::whole(route, credential, call)
    }

    /// Answers when no attempt served.
    ///
    /// # Errors
    /// The failure that the client is told.
    pub(super) async fn conclude(&mut self, trail: Trail<'_>) -> Result<Next, Failure> {
        let Trail { exhausted, provider_cap, .. } = trail;
        if let Some(kept) = trail.failed {
            return self.relay_kept(kept).await;
        }
        let resting = |wait_ms, claim: Option<Claim>| {
            let reason = claim.map_or(Reason::None, |claim| claim.reason);
            let unified = self.unified_fields(&exhausted, trail.unified_at.as_ref());
            Kind::KeysRateLimited(Box::new(Resting { reason, unified, wait_ms }))
        };
        match exhausted.outcome() {
            Outcome::RateLimitedBriefly => Err(resting(0, exhausted.first).into()),
            // There are others, which this exchange may not try any more.
            Outcome::RateLimited if trail.is_cut_short && exhausted.available > 0 => {
                Err(resting(0, exhausted.first).into())
            }
            Outcome::RateLimited => Err(resting(exhausted.wait_ms, exhausted.first).into()),
            Outcome::AtCap => Err(match provider_cap {
                Some(cap) => Kind::AtCap(Subject::Provider, cap),
                None => Kind::AtCap(Subject::Credential, exhausted.cap_sum),
            }
            .into()),
            Outcome::Forbidden if trail.forbidden.is_some() => match trail.forbidden {
                Some(kept) => self.relay_kept(kept).await,
                None => Err(Kind::Internal("no answer was kept").into()),
            },
            // Nobody could be asked, and nothing that passes is the reason.
            Outcome::NoKey | Outcome::NoUsableKey if trail.untranslatable.is_some() => {
                Err(trail.untranslatable.unwrap_or(Kind::NoKey).into())
            }
            Outcome::NoKey | Outcome::NoUsableKey if trail.open_ms.is_some() => {
                Err(Kind::BreakerOpen(trail.open_ms.unwrap_or(0)).into())
            }
            Outcome::NoKey => Err(Kind::NoKey.into()),
            Outcome::NoUsableKey => Err(Kind::KeysAuthFailed(false).into()),
            outcome => match (trail.transport, trail.unmarked) {
                (Some(kind), _) => Err(kind.into()),
                (None, Some(kept)) => self.relay_kept(kept).await,
                (None, None) if trail.open_ms.is_some() => {
                    Err(Kind::BreakerOpen(trail.open_ms.unwrap_or(0)).into())
                }
                (None, None) if outcome == Outcome::Tried => {
                    Err(Kind::UpstreamTimeout(Wait::Failover).into())
                }
                (None, None) => Err(Kind::KeysAuthFailed(true).into()),
            },
        }
    }

    async fn relay_kept(&mut self, kept: Kept<'_>) -> Result<Next, Failure> {
        match kept {
            Kept::Answer(kept) => {
                let KeptAnswer { call, credential, route } = *kept;
                self.turn_to(&route);
                self.translation = None;
                self.relay(&route, credential, call).await
            }
            Kept::Cut(status, retry_after) => Err(Kind::UpstreamFailed(status, retry_after).into()),
        }
    }

    /// The fields by which Anthropic's clients know that a window is used up, from the readings
    /// of the key whose window comes back first. Without them Claude Code tries for ever.
    fn unified_fields(&self, exhausted: &Exhausted, route: Option<&Route<'_>>) -> Vec<u8> {
        let mut out = Vec::new();
        let (Some(claim), Some(route)) = (exhausted.unified, route) else { return out };
        let Some(key) = route.pool.pool.keys().get(claim.index) else { return out };
        if self.dialect != Dialect::Anthropic {
            return out;
        }
        let wall = self.client.local.shared.wall.now();
        let at_ms = wall.0.saturating_add(claim.until.since(Millis::now()));
        let mut field = |name: &[u8], value: &[u8]| {
            out.extend_from_slice(b"anthropic-ratelimit-unified-");
            write::parsed_field(&mut out, name, value);
        };
        field(b"status", b"rejected");
        field(b"reset", at_ms.div_ceil(1_000).to_string().as_bytes());
        field(b"representative-claim", claim_name(claim.reason).as_bytes());
        for (window, name) in [(Window::FiveHour, "5h"), (Window::SevenDay, "7d")] {
            let Some(reading) = key.slot.windows().word(window).load() else { continue };
            let is_rejected = match window {
                Window::FiveHour => claim.reason == Reason::FiveHour,
                Window::SevenDay => claim.reason == Reason::SevenDay,
            };
            let status: &[u8] = if is_rejected { b"rejected" } else { b"allowed" };
            field(format!("{name}-status").as_bytes(), status);
            let used = format!("{}.{:03}", reading.value / 1_000, reading.value % 1_000);
            field(format!("{name}-utilization").as_bytes(), used.as_bytes());
            if let Some(reset) = reading.reset {
                field(format!("{name}-reset").as_bytes(), reset.to_string().as_bytes());
            }
        }
        out
    }
}

/// The window's name in Anthropic's words (PROTOCOL 1.3).
const fn claim_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Overage => "overage",
        Reason::SevenDay => "seven_day",
        // Which family of models it is was not kept; clients treat them alike.
        Reason::SevenDayModel => "seven_day_opus",
        Reason::SevenDayOverageIncluded => "seven_day_overage_included",
        _ => "five_hour",
    }
}
