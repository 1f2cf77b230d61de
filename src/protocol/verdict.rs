//! What an upstream's answer says about the credential it was asked with: status, limit facts and
//! a bounded look at the error body become one verdict (BEHAVIOUR 3 and 5).
//! Never reads headers or JSON itself, never knows which credential it was.

use super::ascii;

/// An answer before it is committed to.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// What the body says, as far as it was looked at; errors only.
    pub body: ErrorLook<'a>,
    /// What the head says of limits.
    pub limits: LimitFacts,
    /// The HTTP status.
    pub status: u16,
}

/// A bounded look at an error body.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorLook<'a> {
    /// `error.code`; empty when absent or null.
    pub code: &'a [u8],
    /// `error.type`; empty when absent.
    pub kind: &'a [u8],
    /// `error.message`; empty when absent.
    pub message: &'a [u8],
    /// What kind of body it is.
    pub shape: Shape,
}

/// Whose body it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Shape {
    /// Nothing.
    #[default]
    Empty,
    /// The error envelope of the provider's dialect.
    Envelope,
    /// JSON of another form, or something else.
    Foreign,
    /// A page: some proxy on the way speaks, not the provider.
    Html,
}

/// What an answer's head says of limits. Times count from the answer, ms.
#[derive(Clone, Copy, Debug, Default)]
pub struct LimitFacts {
    /// Reset of a requests or tokens window with nothing remaining; never Azure's bare numbers.
    pub empty_reset_ms: Option<i64>,
    /// The unified five-hour window, when `rejected`.
    pub five_hour: Option<Rejected>,
    /// Unified overage, when `rejected`.
    pub overage: Option<Rejected>,
    /// `retry-after-ms`, else `retry-after`, as its parser gives it: 0 for an explicit 0 in
    /// seconds and for a past date.
    pub retry_after_ms: Option<u64>,
    /// The unified seven-day window, when `rejected`.
    pub seven_day: Option<Rejected>,
    /// A unified seven-day window of one model family, when `rejected`.
    pub seven_day_model: Option<Rejected>,
    /// The unified `7d_oi` window, when `rejected`.
    pub seven_day_overage_included: Option<Rejected>,
}

/// A window that is used up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rejected {
    /// Its reset, ms from the answer; absent when not named.
    pub reset_ms: Option<i64>,
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It serves: relay it.
    Accept,
    /// The credential is refused: out of rotation, next credential.
    AuthFailed(Refusal),
    /// 403: next credential; marked for the class only once another one answers otherwise.
    Forbidden,
    /// Limited: mark the scope, next credential.
    Limited {
        /// Which limit.
        cause: LimitCause,
        /// What of the credential it blocks.
        scope: Scope,
        /// How long, ms; absent or not above 0: the ladder says.
        wait_ms: Option<i64>,
    },
    /// A 401 that blames no credential: next credential, no mark.
    NextCredential,
    /// This provider does not have it: next provider, no mark.
    NextProvider,
    /// The provider is in trouble: next provider, or once more when so configured; no mark.
    Overloaded,
    /// The request's own business: relay it.
    Relay,
}

/// What a limit blocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// The model class of the attempt.
    Class,
    /// The whole credential.
    Credential,
}

/// Which limit a 429 is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LimitCause {
    /// A requests or tokens window is empty.
    EmptyWindow,
    /// The unified five-hour window.
    FiveHour,
    /// Unified overage.
    Overage,
    /// Only a retry-after.
    RetryAfter,
    /// The unified seven-day window.
    SevenDay,
    /// A unified seven-day window of one model family.
    SevenDayModel,
    /// The unified `7d_oi` window.
    SevenDayOverageIncluded,
    /// Nothing is said.
    Unsaid,
}

/// Why a credential is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// 402, `billing_error`, or a credit balance that is too low.
    Billing,
    /// `insufficient_quota`.
    Quota,
    /// 401.
    Unauthorized,
}

/// The verdict on an answer.
pub fn classify(answer: &Answer<'_>) -> Verdict {
    let body = &answer.body;
    match answer.status {
        200..=299 => Verdict::Accept,
        400 if is_out_of_credit(body) => Verdict::AuthFailed(Refusal::Billing),
        401 => unauthorized(body),
        402 => Verdict::AuthFailed(if is_quota(body) { Refusal::Quota } else { Refusal::Billing }),
        403 => match body.shape {
            Shape::Empty | Shape::Html => Verdict::Relay,
            Shape::Envelope => Verdict::Forbidden,
            Shape::Foreign => Verdict::NextCredential,
        },
        404 if body.kind == b"not_found_error" || body.code == b"model_not_found" => {
            Verdict::NextProvider
        }
        408 | 500 | 502 | 503 | 504 | 529 => Verdict::Overloaded,
        429 if is_quota(body) => Verdict::AuthFailed(Refusal::Quota),
        429 if body.kind == b"billing_error" => Verdict::AuthFailed(Refusal::Billing),
        429 => limited(&answer.limits),
        501 => Verdict::NextProvider,
        _ => Verdict::Relay,
    }
}

/// The verdict on a 200 whose first meaningful event is an error: that of the status it maps to.
/// The head's limit facts do not count: a retry-after is for error statuses only.
pub fn classify_first_event(error: ErrorLook<'_>) -> Verdict {
    let status = status_of(error.kind, error.code);
    classify(&Answer { body: error, limits: LimitFacts::default(), status })
}

/// The status of an error told by type or code, as in a stream's error event.
pub fn status_of(kind: &[u8], code: &[u8]) -> u16 {
    // The code is the finer word where there is one.
    let by_code = match code {
        b"insufficient_quota" | b"rate_limit_exceeded" => Some(429),
        b"invalid_api_key" => Some(401),
        b"model_not_found" => Some(404),
        b"server_error" => Some(500),
        _ => None,
    };
    by_code.unwrap_or(match kind {
        b"authentication_error" => 401,
        b"billing_error" => 402,
        b"invalid_request_error" => 400,
        b"not_found_error" => 404,
        b"overloaded_error" => 529,
        b"permission_error" => 403,
        b"rate_limit_error" | b"insufficient_quota" | b"rate_limit_exceeded" => 429,
        b"request_too_large" => 413,
        b"timeout_error" => 504,
        _ => 500,
    })
}

fn unauthorized(body: &ErrorLook<'_>) -> Verdict {
    match body.shape {
        Shape::Empty | Shape::Html => Verdict::Relay,
        Shape::Envelope
            if body.kind == b"authentication_error" || KEY_CODES.contains(&body.code) =>
        {
            Verdict::AuthFailed(Refusal::Unauthorized)
        }
        // A caller's own header (an organization, a project) can be what is refused.
        Shape::Envelope | Shape::Foreign => Verdict::NextCredential,
    }
}

/// A 429 that time cures. The wait: retry-after, else the reset of the window that is used up.
fn limited(limits: &LimitFacts) -> Verdict {
    let whole =
        later((LimitCause::FiveHour, limits.five_hour), (LimitCause::SevenDay, limits.seven_day));
    let part = || {
        [
            (LimitCause::SevenDayModel, limits.seven_day_model),
            (LimitCause::SevenDayOverageIncluded, limits.seven_day_overage_included),
            (LimitCause::Overage, limits.overage),
        ]
        .into_iter()
        .find_map(|(cause, window)| Some((cause, window?)))
    };
    let scope = if whole.is_some() { Scope::Credential } else { Scope::Class };
    // An explicit 0 asks for a moment; marked as it stands it would climb the ladder.
    let retry_after_ms = limits.retry_after_ms.map(|wait_ms| match wait_ms {
        0 => MOMENT_MS,
        _ => i64::try_from(wait_ms).unwrap_or(i64::MAX),
    });
    let (cause, reset_ms) = match (whole.or_else(part), limits.empty_reset_ms) {
        (Some((cause, window)), _) => (cause, window.reset_ms),
        (None, Some(reset_ms)) => (LimitCause::EmptyWindow, Some(reset_ms)),
        (None, None) if retry_after_ms.is_some() => (LimitCause::RetryAfter, None),
        (None, None) => (LimitCause::Unsaid, None),
    };
    Verdict::Limited { cause, scope, wait_ms: retry_after_ms.or(reset_ms) }
}

/// Of two windows the rejected one; of two rejected ones the one that comes back later.
fn later(
    a: (LimitCause, Option<Rejected>),
    b: (LimitCause, Option<Rejected>),
) -> Option<(LimitCause, Rejected)> {
    let rejected = |(cause, window): (_, Option<Rejected>)| Some((cause, window?));
    match (rejected(a), rejected(b)) {
        (Some(a), Some(b)) => Some(if b.1.reset_ms > a.1.reset_ms { b } else { a }),
        (a, b) => a.or(b),
    }
}

fn is_quota(body: &ErrorLook<'_>) -> bool {
    body.code == b"insufficient_quota" || body.kind == b"insufficient_quota"
}

fn is_out_of_credit(body: &ErrorLook<'_>) -> bool {
    body.shape == Shape::Envelope && ascii::contains(body.message, b"credit balance is too low")
}

/// OpenAI's codes for a key that is no good.
const KEY_CODES: [&[u8]; 5] = [
    b"account_deactivated",
    b"invalid_api_key",
    b"token_expired",
    b"token_invalidated",
    b"token_revoked",
];

/// What an explicit `retry-after: 0` and a past date wait.
const MOMENT_MS: i64 = 1_000;

#[cfg(test)]
mod tests;
