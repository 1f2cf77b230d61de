//! What can go wrong in an exchange: kind, side, and what that allows. Never text to match on.

use super::resting::Resting;
use crate::data_plane::downstream::request::BodyFault;
use crate::data_plane::io::fault::{Cause, Fault, Wait};
use crate::data_plane::io::tls::{self, TlsError};
use crate::data_plane::upstream::connect::ConnectFault;
use crate::protocol::dialect::endpoint::Endpoint;
use crate::protocol::dialect::translate::Refused;
use crate::protocol::http1::Refusal;
use crate::protocol::json::text::Text;
use crate::shared::gate::Subject;

/// A failure and whether the client has seen a byte of an answer.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub kind: Kind,
    /// The client has bytes of an answer: a second one would corrupt it.
    pub sent_any: bool,
}

/// What happened. Each has its own code and text (CONFIG.md, `x-tidegate-error`).
#[derive(Debug)]
pub enum Kind {
    /// The client's message is not acceptable.
    BadRequest(Refusal),
    /// A cap is reached: whose, and the number that is told; 0 = none has one.
    AtCap(Subject, u32),
    /// A path that two readers could read in two ways.
    BadPath,
    /// Every provider is left alone by its breaker; milliseconds until the next probe.
    BreakerOpen(u64),
    /// The request body is over its limit, in bytes.
    BodyTooLarge(u64),
    /// The client left.
    ClientGone,
    /// The client took nothing of the answer for too long.
    ClientStalled(Wait),
    /// The client was too slow.
    ClientTimeout(Wait),
    /// The process is shutting down.
    Draining,
    /// The body names this field twice: parsers differ in which one they take (BEHAVIOUR 2.5).
    DuplicateKey(&'static str),
    /// A fault of ours.
    Internal(&'static str),
    /// Every key is refused by the provider; none at all, when false, was even in use.
    KeysAuthFailed(bool),
    /// Every key rests.
    KeysRateLimited(Box<Resting>),
    /// A model that the caller may not ask for.
    ModelNotAllowed,
    /// A body without a model that could be read, of a caller who may ask for some only.
    ModelUnreadable,
    /// The provider needs a key, and there is neither one of ours nor one of the client's.
    NoCredential,
    /// There is no key that this caller may use.
    NoKey,
    /// The providers that a rule names have nothing like this endpoint.
    NoEquivalent(Endpoint),
    /// No provider serves this path, or this model there.
    NoRoute(Option<Box<str>>),
    /// Another configuration holds since it began: to be gone on with, never told.
    Outdated,
    /// A gateway key that nobody owns.
    UnknownKey,
    /// The process is short of memory.
    Overloaded,
    /// The request cannot be put into the form of any provider that could be asked.
    Untranslatable(Box<Refused>),
    /// The client asks for another protocol.
    Upgrade,
    /// The upstream's answer is not HTTP we take.
    UpstreamBadResponse(BadResponse),
    /// The upstream ended before its answer did.
    UpstreamCut,
    /// The upstream failed with this status, and its body was too long or too slow to keep;
    /// seconds of its `retry-after`.
    UpstreamFailed(u16, Option<u64>),
    /// The upstream host refused the connection.
    UpstreamRefused,
    /// The upstream took too long.
    UpstreamTimeout(Wait),
    /// The upstream's certificate or handshake is not acceptable.
    UpstreamTls(TlsError),
    /// No connection, for this reason.
    UpstreamUnreachable(String),
}

/// Why an upstream's answer is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BadResponse {
    /// It switched protocols, which nobody asked for.
    Switched,
    /// It is encoded, though nobody asked for that, and would have to be read.
    Encoded,
    /// Its head or framing is refused.
    Refused(Refusal),
    /// It is longer than what is held of one.
    TooLong,
    /// More interim answers than any server has reason for.
    TooManyInterim,
    /// It is not of the form that its endpoint has, and cannot be translated.
    Untranslatable,
}

/// On whose side the fault lies; fixed where the failure is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The client's.
    Downstream,
    /// Ours.
    Internal,
    /// The provider's.
    Upstream,
}

impl Kind {
    /// On whose side the fault lies.
    pub const fn side(&self) -> Side {
        match self {
            Self::AtCap(..)
            | Self::BadPath
            | Self::BadRequest(_)
            | Self::BodyTooLarge(_)
            | Self::ClientGone
            | Self::ClientStalled(_)
            | Self::ClientTimeout(_)
            | Self::DuplicateKey(_)
            | Self::ModelNotAllowed
            | Self::ModelUnreadable
            | Self::NoCredential
            | Self::NoEquivalent(_)
            | Self::NoRoute(_)
            | Self::UnknownKey
            | Self::Untranslatable(_)
            | Self::Upgrade => Side::Downstream,
            Self::Draining
            | Self::Internal(_)
            | Self::NoKey
            | Self::Outdated
            | Self::Overloaded => Side::Internal,
            Self::BreakerOpen(_)
            | Self::KeysAuthFailed(_)
            | Self::KeysRateLimited(_)
            | Self::UpstreamBadResponse(_)
            | Self::UpstreamCut
            | Self::UpstreamFailed(..)
            | Self::UpstreamRefused
            | Self::UpstreamTimeout(_)
            | Self::UpstreamTls(_)
            | Self::UpstreamUnreachable(_) => Side::Upstream,
        }
    }

    /// The status for the client.
    pub const fn status(&self) -> u16 {
        match self {
            Self::AtCap(..) | Self::KeysRateLimited(_) => 429,
            Self::BadPath
            | Self::DuplicateKey(_)
            | Self::ModelUnreadable
            | Self::Untranslatable(_) => 400,
            Self::BadRequest(refusal) => refusal.status(),
            Self::BodyTooLarge(_) => 413,
            Self::ClientGone | Self::ClientStalled(_) => 499,
            Self::ClientTimeout(_) => 408,
            Self::BreakerOpen(_) | Self::Draining | Self::NoKey | Self::Overloaded => 503,
            Self::Internal(_) | Self::Outdated => 500,
            Self::ModelNotAllowed => 403,
            Self::NoCredential | Self::UnknownKey => 401,
            Self::NoEquivalent(_) | Self::NoRoute(_) => 404,
            Self::Upgrade => 426,
            Self::UpstreamFailed(status, _) => *status,
            Self::UpstreamTimeout(_) => 504,
            Self::KeysAuthFailed(_)
            | Self::UpstreamBadResponse(_)
            | Self::UpstreamCut
            | Self::UpstreamRefused
            | Self::UpstreamTls(_)
            | Self::UpstreamUnreachable(_) => 502,
        }
    }

    /// The `x-tidegate-error` code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AtCap(subject, _) => subject.reason(),
            Self::BadPath | Self::DuplicateKey(_) | Self::Untranslatable(_) => "bad_request",
            Self::BadRequest(refusal) => match refusal.status() {
                414 => "uri_too_long",
                431 => "head_too_large",
                _ => "bad_request",
            },
            Self::BodyTooLarge(_) => "body_too_large",
            Self::BreakerOpen(_) => "breaker_open",
            Self::ClientGone | Self::ClientStalled(_) => "client_gone",
            Self::ClientTimeout(_) => "client_timeout",
            Self::Draining => "draining",
            Self::Internal(_) | Self::Outdated => "internal",
            Self::KeysAuthFailed(_) => "keys_auth_failed",
            Self::KeysRateLimited(_) => "keys_rate_limited",
            Self::ModelNotAllowed => "model_not_allowed",
            Self::ModelUnreadable => "model_unreadable",
            Self::NoKey => "no_key",
            Self::NoCredential | Self::UnknownKey => "unauthorized",
            Self::NoEquivalent(_) | Self::NoRoute(_) => "no_route",
            Self::Overloaded => "overloaded",
            Self::Upgrade => "upgrade_unsupported",
            Self::UpstreamBadResponse(_) | Self::UpstreamFailed(..) => "upstream_bad_response",
            Self::UpstreamCut => "upstream_cut",
            Self::UpstreamRefused => "upstream_refused",
            Self::UpstreamTimeout(_) => "upstream_timeout",
            Self::UpstreamTls(_) => "upstream_tls",
            Self::UpstreamUnreachable(_) => "upstream_unreachable",
        }
    }

    /// The cap that was reached, when one was.
    pub const fn cap(&self) -> Option<u32> {
        match self {
            Self::AtCap(_, cap) => Some(*cap),
            _ => None,
        }
    }

    /// The error's type, where it is not the one that its status has.
    pub fn error_type(&self, endpoint: Endpoint) -> Option<&'static str> {
        match self {
            Self::AtCap(..) | Self::Overloaded => Some("overloaded_error"),
            // Codex sleeps in silence for as long as a rate limit says; this it shows.
            Self::KeysRateLimited(resting)
                if endpoint == Endpoint::Responses && resting.is_long() =>
            {
                Some("usage_limit_reached")
            }
            Self::KeysAuthFailed(_) | Self::NoKey => Some("api_error"),
            _ => None,
        }
    }

    /// Seconds until it is over, where clients read that from the body (Codex).
    pub fn resets_in_s(&self, endpoint: Endpoint) -> Option<u64> {
        match self {
            Self::KeysRateLimited(resting) if self.error_type(endpoint).is_some() => {
                Some(resting.wait_s())
            }
            _ => None,
        }
    }

    /// What a person should read. `provider` is the one asked last, if any.
    pub fn message(&self, provider: &str) -> String {
        match self {
            Self::AtCap(Subject::Caller | Subject::Credential, cap) => format!(
                "Too many concurrent requests against this credential (cap: {cap}). Retry shortly."
            ),
            Self::AtCap(Subject::Global | Subject::Provider, _) => {
                "Server is at capacity. Retry shortly.".to_owned()
            }
            Self::BadPath => "The request path may not contain dot segments.".to_owned(),
            Self::BadRequest(refusal) => format!("Bad request: {}.", refusal.reason()),
            Self::BreakerOpen(wait_ms) => format!(
                "Provider {provider} failed again and again and is left alone; next try in {}s.",
                whole_seconds(*wait_ms)
            ),
            Self::BodyTooLarge(max) => format!("The request body exceeds {max} bytes."),
            Self::ClientGone => "The client closed the connection.".to_owned(),
            Self::ClientStalled(wait) => format!("The client took nothing ({}).", wait.setting()),
            Self::ClientTimeout(wait) => {
                format!("The request did not arrive in time ({}).", wait.setting())
            }
            Self::Draining => "The gateway is shutting down.".to_owned(),
            Self::DuplicateKey(key) => format!("The request body names \"{key}\" twice."),
            Self::Internal(what) => format!("Internal gateway error: {what}."),
            Self::KeysAuthFailed(true) => {
                format!("Provider {provider}: all configured keys failed authentication.")
            }
            Self::KeysAuthFailed(false) => format!("Provider {provider}: no usable key."),
            Self::KeysRateLimited(resting) => resting.message(provider),
            Self::ModelNotAllowed => "This gateway key may not ask for this model.".to_owned(),
            Self::ModelUnreadable => {
                "This gateway key may ask for some models only, and the request body names none \
                 that can be read."
                    .to_owned()
            }
            Self::NoKey => format!("Provider {provider} has no key that this caller may use."),
            Self::NoCredential => format!(
                "No API key: provider {provider} has none configured and the request carries none."
            ),
            Self::NoEquivalent(endpoint) => format!(
                "The providers of this route have no equivalent of {}; it needs one that speaks \
                 the request's own API.",
                endpoint.name()
            ),
            Self::NoRoute(model) => no_route(model.as_deref()),
            Self::Outdated => "The configuration changed meanwhile.".to_owned(),
            Self::Overloaded => "The gateway is short of memory. Retry shortly.".to_owned(),
            Self::UnknownKey => "The gateway key is not known.".to_owned(),
            Self::Untranslatable(refused) => refused.message(provider),
            Self::Upgrade => "Protocol upgrades are not supported.".to_owned(),
            Self::UpstreamBadResponse(why) => {
                format!("Provider {provider} sent an invalid response: {}.", why.text())
            }
            Self::UpstreamCut => {
                format!(
                    "Provider {provider} closed the connection before the response was complete."
                )
            }
            Self::UpstreamFailed(status, _) => {
                format!("Provider {provider} answered {status}.")
            }
            Self::UpstreamRefused => format!("Provider {provider} refused the connection."),
            Self::UpstreamTimeout(wait) => {
                format!("Provider {provider} did not answer in time ({}).", wait.setting())
            }
            Self::UpstreamTls(error) => {
                format!("TLS with provider {provider} failed: {}.", tls::reason(error))
            }
            Self::UpstreamUnreachable(why) => format!("Provider {provider} is unreachable: {why}."),
        }
    }
}

/// Names the model, as far as it may stand in a message, and how to see what goes where.
fn no_route(model: Option<&str>) -> String {
    let of =
        model.map(|model| format!(" for model `{}`", Text::<96>::cut(model.as_bytes()).as_str()));
    let of = of.unwrap_or_default();
    format!(
        "No provider serves this path{of}; `tidegate route --explain` and POST /api/v1/route of \
         the admin API show what goes where."
    )
}

/// Rounded up, at least 1.
pub const fn whole_seconds(ms: u64) -> u64 {
    let seconds = ms.div_ceil(1_000);
    if seconds == 0 { 1 } else { seconds }
}

impl BadResponse {
    const fn text(self) -> &'static str {
        match self {
            Self::Encoded => "it is compressed, which was not asked for",
            Self::Refused(refusal) => refusal.reason(),
            Self::Switched => "it switched protocols unasked",
            Self::TooLong => "its message is too long",
            Self::TooManyInterim => "too many interim responses",
            Self::Untranslatable => "it has not the form of its API",
        }
    }
}

impl From<Kind> for Failure {
    fn from(kind: Kind) -> Self {
        Self { kind, sent_any: false }
    }
}

impl From<ConnectFault> for Kind {
    fn from(fault: ConnectFault) -> Self {
        match fault {
            ConnectFault::ClientGone => Self::ClientGone,
            ConnectFault::Draining => Self::Draining,
            ConnectFault::Io(error) => Self::UpstreamUnreachable(error.to_string()),
            ConnectFault::NotResolved(why) => Self::UpstreamUnreachable(why),
            ConnectFault::Refused => Self::UpstreamRefused,
            ConnectFault::Timeout => Self::UpstreamTimeout(Wait::Connect),
            ConnectFault::Tls(error) => Self::UpstreamTls(error),
        }
    }
}

impl Kind {
    /// A fault on the upstream connection, once it stood.
    pub fn of_upstream(fault: Fault) -> Self {
        match fault {
            Fault::Ended(Cause::ClientGone) => Self::ClientGone,
            Fault::Ended(Cause::Deadline(wait)) => Self::UpstreamTimeout(wait),
            Fault::Ended(Cause::Drain) => Self::Draining,
            Fault::Io(_) => Self::UpstreamCut,
            Fault::Tls(error) => Self::UpstreamTls(error),
        }
    }

    /// A fault while the body of a request was read, under a limit of `bytes_max`.
    pub const fn of_body(fault: BodyFault, bytes_max: u64) -> Self {
        match fault {
            BodyFault::ClientGone => Self::ClientGone,
            BodyFault::Refused(refusal) => Self::BadRequest(refusal),
            BodyFault::Timeout(wait) => Self::ClientTimeout(wait),
            BodyFault::TooLarge => Self::BodyTooLarge(bytes_max),
        }
    }
}
