//! Why a credential, or one of its classes, is not plainly available: four bits of its word.
//! Never more than a name: what follows from a reason is decided where it is read.

use crate::protocol::verdict::{LimitCause, Refusal};

/// Why a word is not plainly available. Kept after the deadline, until the word is cleared.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Reason {
    /// Nothing happened.
    #[default]
    None = 0,
    /// 429 with a retry-after.
    RetryAfter = 1,
    /// 429 without any hint.
    Ladder = 2,
    /// 429 with an empty requests or tokens window.
    EmptyWindow = 3,
    /// The unified five-hour window is rejected.
    FiveHour = 4,
    /// The unified seven-day window is rejected.
    SevenDay = 5,
    /// The unified `7d_oi` (overage included) window is rejected.
    SevenDayOverageIncluded = 6,
    /// The unified seven-day window of one model family is rejected.
    SevenDayModel = 7,
    /// Unified overage is rejected.
    Overage = 8,
    /// 401.
    Unauthorized = 9,
    /// 403.
    Forbidden = 10,
    /// 402, `billing_error`, or a credit balance that is too low.
    Billing = 11,
    /// `insufficient_quota`.
    Quota = 12,
    /// The operator cooled it by hand.
    Operator = 13,
    /// A peer or a stored state said so, without saying why.
    Unknown = 15,
}

impl Reason {
    /// Whether it is a limit that Anthropic's unified headers speak of.
    pub const fn is_unified(self) -> bool {
        matches!(
            self,
            Self::FiveHour
                | Self::SevenDay
                | Self::SevenDayOverageIncluded
                | Self::SevenDayModel
                | Self::Overage
        )
    }

    /// The name in logs, metrics and the admin API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::RetryAfter => "retry_after",
            Self::Ladder => "rate_limited",
            Self::EmptyWindow => "empty_window",
            Self::FiveHour => "five_hour",
            Self::SevenDay => "seven_day",
            Self::SevenDayOverageIncluded => "seven_day_overage_included",
            Self::SevenDayModel => "seven_day_model",
            Self::Overage => "overage",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Billing => "billing",
            Self::Quota => "insufficient_quota",
            Self::Operator => "operator",
            Self::Unknown => "unknown",
        }
    }

    /// The reason of a name; one that nobody knows is unknown.
    pub fn of_name(name: &str) -> Self {
        let all = (0..=15).map(Self::from_bits);
        all.into_iter().find(|reason| reason.name() == name).unwrap_or(Self::Unknown)
    }

    #[expect(clippy::as_conversions, reason = "the discriminant is the format")]
    pub(super) const fn bits(self) -> u64 {
        self as u64
    }

    pub(super) const fn from_bits(bits: u64) -> Self {
        match bits {
            0 => Self::None,
            1 => Self::RetryAfter,
            2 => Self::Ladder,
            3 => Self::EmptyWindow,
            4 => Self::FiveHour,
            5 => Self::SevenDay,
            6 => Self::SevenDayOverageIncluded,
            7 => Self::SevenDayModel,
            8 => Self::Overage,
            9 => Self::Unauthorized,
            10 => Self::Forbidden,
            11 => Self::Billing,
            12 => Self::Quota,
            13 => Self::Operator,
            _ => Self::Unknown,
        }
    }
}

impl From<LimitCause> for Reason {
    fn from(cause: LimitCause) -> Self {
        match cause {
            LimitCause::EmptyWindow => Self::EmptyWindow,
            LimitCause::FiveHour => Self::FiveHour,
            LimitCause::Overage => Self::Overage,
            LimitCause::RetryAfter => Self::RetryAfter,
            LimitCause::SevenDay => Self::SevenDay,
            LimitCause::SevenDayModel => Self::SevenDayModel,
            LimitCause::SevenDayOverageIncluded => Self::SevenDayOverageIncluded,
            LimitCause::Unsaid => Self::Ladder,
        }
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Billing => Self::Billing,
            Refusal::Quota => Self::Quota,
            Refusal::Unauthorized => Self::Unauthorized,
        }
    }
}
