//! What is told when every key of a provider rests: cause and time (BEHAVIOUR 5).

use crate::shared::credential::reason::Reason;

/// Why and until when every key rests.
#[derive(Clone, Debug)]
pub struct Resting {
    /// What the first to come back rests for.
    pub reason: Reason,
    /// Fields that Anthropic's clients know a used-up window by; empty for other reasons.
    pub unified: Vec<u8>,
    /// Milliseconds until the first is back.
    pub wait_ms: u64,
}

impl Resting {
    /// Whether it takes so long that a client should not try again by itself.
    pub const fn is_long(&self) -> bool {
        self.wait_ms > LONG_WAIT_MS
    }

    /// The wait in whole seconds, rounded up, at least 1.
    pub const fn wait_s(&self) -> u64 {
        let seconds = self.wait_ms.div_ceil(1_000);
        if seconds == 0 { 1 } else { seconds }
    }

    /// What a person should read.
    pub fn message(&self, provider: &str) -> String {
        let why = match self.reason {
            Reason::FiveHour => " (five-hour window)",
            Reason::SevenDay => " (seven-day window)",
            Reason::SevenDayModel => " (seven-day window of this model)",
            Reason::SevenDayOverageIncluded | Reason::Overage => " (overage)",
            Reason::EmptyWindow => " (requests or tokens used up)",
            _ => "",
        };
        let wait = in_words(self.wait_s());
        format!(
            "Provider {provider}: all configured keys are rate-limited{why}; next free in {wait}."
        )
    }
}

/// `45s`, `2m10s`, `1h52m`, `3d4h`: the two largest units.
fn in_words(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let pair = |large: u64, unit: char, small: u64, smaller: char| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{smaller}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => pair(minutes, 'm', rest, 's'),
        (0, _, _) => pair(hours, 'h', minutes, 'm'),
        _ => pair(days, 'd', hours, 'h'),
    }
}

/// From here on clients are told not to come back by themselves (BEHAVIOUR 5).
const LONG_WAIT_MS: u64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_told_in_their_two_largest_units() {
        for (seconds, words) in [
            (1, "1s"),
            (59, "59s"),
            (60, "1m"),
            (130, "2m10s"),
            (6_720, "1h52m"),
            (7_200, "2h"),
            (273_600, "3d4h"),
        ] {
            assert_eq!(in_words(seconds), words);
        }
    }

    #[test]
    fn a11_waits_are_whole_seconds_rounded_up_and_at_least_one() {
        for (wait_ms, seconds) in [(0, 1), (200, 1), (500, 1), (1_001, 2), (60_000, 60)] {
            let resting = Resting { reason: Reason::RetryAfter, unified: Vec::new(), wait_ms };
            assert_eq!(resting.wait_s(), seconds, "{wait_ms}");
        }
    }
}
