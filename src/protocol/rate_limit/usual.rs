//! The limit names that nearly all answers have, each found by one look: an answer has a dozen, and
//! taking each apart cost more than reading its value. Never reads a value; names that are not here
//! are taken apart by `field`.

use super::field::Kind;
use crate::protocol::ascii::is_same;
use crate::protocol::dialect::anthropic::rate_limit::Part;
use crate::protocol::http1::header::Known;

/// What a usual name is about.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// A number of a limit: the limit's place among those named here, and where its name begins and
    /// ends behind the family's prefix.
    Limit(usize, Kind, (usize, usize)),
    /// `overage-disabled-reason`.
    OverageDisabledReason,
    /// `overage-status`.
    OverageStatus,
    /// `fallback-percentage`.
    FallbackPercentage,
    /// `representative-claim`.
    RepresentativeClaim,
    /// `reset`.
    Reset,
    /// `status`.
    Status,
    /// A part of a window: its place among those named here, and where its name ends.
    Window(usize, Part, usize),
}

/// A usual name.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    /// One bit of a set.
    pub bit: u64,
    family: Known,
    name: &'static [u8],
    /// What it is about.
    pub what: What,
}

impl Usual {
    /// The usual name that `rest` is, behind the prefix of `family` and in any case.
    #[inline]
    pub fn of(family: Known, rest: &[u8]) -> Option<&'static Self> {
        let found = BY_PLACE.get(place_of(rest)?)?.as_ref()?;
        (found.family == family && is_same(found.name, rest)).then_some(found)
    }
}

/// Where a name stands in [`BY_PLACE`]: no two of those below share their place.
#[inline]
const fn place_of(rest: &[u8]) -> Option<usize> {
    let (Some((first, _)), [.., fifth_last, _, _, _, _]) = (rest.split_first(), rest) else {
        return None;
    };
    let [_, _, _, _, _, _, _, _, ninth, ..] = rest else { return None };
    #[expect(clippy::as_conversions, reason = "const; a byte fits")]
    let [first, fifth_last, ninth] =
        [(*first | CASE) as usize, (*fifth_last | CASE) as usize, (*ninth | CASE) as usize];
    Some((rest.len() + first + 3 * fifth_last + 23 * ninth) % PLACES)
}

/// The bit by which letters of both cases differ.
const CASE: u8 = 0x20;
const PLACES: usize = 64;
/// Limits that have a place, and windows.
pub const LIMITS: usize = 4;
/// Windows that have a place.
pub const WINDOWS: usize = 2;

const NAMES: &[(&[u8], What)] = &[
    (b"requests-limit", What::Limit(0, Kind::Limit, (0, 8))),
    (b"requests-remaining", What::Limit(0, Kind::Remaining, (0, 8))),
    (b"requests-reset", What::Limit(0, Kind::Reset, (0, 8))),
    (b"tokens-limit", What::Limit(1, Kind::Limit, (0, 6))),
    (b"tokens-remaining", What::Limit(1, Kind::Remaining, (0, 6))),
    (b"tokens-reset", What::Limit(1, Kind::Reset, (0, 6))),
    (b"input-tokens-limit", What::Limit(2, Kind::Limit, (0, 12))),
    (b"input-tokens-remaining", What::Limit(2, Kind::Remaining, (0, 12))),
    (b"input-tokens-reset", What::Limit(2, Kind::Reset, (0, 12))),
    (b"output-tokens-limit", What::Limit(3, Kind::Limit, (0, 13))),
    (b"output-tokens-remaining", What::Limit(3, Kind::Remaining, (0, 13))),
    (b"output-tokens-reset", What::Limit(3, Kind::Reset, (0, 13))),
    (b"unified-5h-reset", What::Window(0, Part::Reset, 10)),
    (b"unified-5h-status", What::Window(0, Part::Status, 10)),
    (b"unified-5h-utilization", What::Window(0, Part::Utilization, 10)),
    (b"unified-7d-reset", What::Window(1, Part::Reset, 10)),
    (b"unified-7d-status", What::Window(1, Part::Status, 10)),
    (b"unified-7d-utilization", What::Window(1, Part::Utilization, 10)),
    (b"unified-fallback-percentage", What::FallbackPercentage),
    (b"unified-overage-disabled-reason", What::OverageDisabledReason),
    (b"unified-overage-status", What::OverageStatus),
    (b"unified-representative-claim", What::RepresentativeClaim),
    (b"unified-reset", What::Reset),
    (b"unified-status", What::Status),
    (b"limit-requests", What::Limit(0, Kind::Limit, (6, 14))),
    (b"limit-tokens", What::Limit(1, Kind::Limit, (6, 12))),
    (b"remaining-requests", What::Limit(0, Kind::Remaining, (10, 18))),
    (b"remaining-tokens", What::Limit(1, Kind::Remaining, (10, 16))),
    (b"reset-requests", What::Limit(0, Kind::Reset, (6, 14))),
    (b"reset-tokens", What::Limit(1, Kind::Reset, (6, 12))),
];

static BY_PLACE: [Option<Usual>; PLACES] = {
    let mut table = [None; PLACES];
    let (mut rest, mut bit) = (NAMES, 1);
    while let [(name, what), tail @ ..] = rest {
        let Some(at) = place_of(name) else { panic!("a name is long enough") };
        let family = match what {
            What::Limit(_, _, (1.., _)) => Known::XRateLimit,
            _ => Known::AnthropicRateLimit,
        };
        #[expect(clippy::indexing_slicing, reason = "const; below the modulus")]
        let place: &mut Option<Usual> = &mut table[at];
        assert!(place.is_none(), "two names share a place");
        *place = Some(Usual { bit, family, name, what: *what });
        bit <<= 1;
        rest = tail;
    }
    table
};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::protocol::http1::head::Fields;
    use crate::protocol::http1::parse::{HeadLimits, ResponseParser};
    use crate::protocol::rate_limit::{of_head, read};

    const PREFIXES: [(&str, Known); 2] =
        [("anthropic-ratelimit-", Known::AnthropicRateLimit), ("x-ratelimit-", Known::XRateLimit)];
    const VALUES: [&str; 8] =
        ["7", "0.25", "", "-1", "allowed", "rejected", "2030-01-01T00:00:00Z", "1m2.5s"];

    /// Reads the head of these fields both ways, which have to be one.
    fn compare(fields: &[(String, &str)]) {
        let lines: Vec<String> = fields.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", lines.concat());
        let bytes = head.as_bytes();
        let limits = HeadLimits { fields_max: 99, head_bytes_max: 9_999, line_bytes_max: 99 };
        let parsed: Fields = ResponseParser::new(limits).parse(bytes).unwrap().unwrap().fields;
        let quick = of_head(&parsed, bytes).unwrap_or_default();
        assert_eq!(quick, read(fields.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()))), "{head}");
    }

    /// Each name with each prefix, and near misses of all.
    fn names() -> Vec<String> {
        let mut names = Vec::new();
        for (name, _) in NAMES {
            let name = String::from_utf8(name.to_vec()).unwrap();
            for (prefix, _) in PREFIXES {
                names.push(format!("{prefix}{name}"));
                names.push(format!("{prefix}{}", name.to_ascii_uppercase()));
            }
            names.push(format!("anthropic-priority-{name}"));
        }
        names.extend(
            ["anthropic-ratelimit-unified-7d_opus-status", "retry-after-ms", "retry-after"]
                .map(str::to_owned),
        );
        names
    }

    #[test]
    fn every_usual_name_is_found_in_any_case_and_in_its_family_only() {
        for (name, _) in NAMES {
            let found = PREFIXES.map(|(_, family)| Usual::of(family, name).map(|usual| usual.name));
            assert!(found.contains(&Some(name)) && found.contains(&None));
            let is_found =
                |name: &[u8]| PREFIXES.iter().any(|(_, f)| Usual::of(*f, name).is_some());
            assert!(is_found(&name.to_ascii_uppercase()));
            assert!(!is_found(&name[1..]) && !is_found(&[name, &b"s"[..]].concat()));
        }
    }

    #[test]
    fn the_bits_of_names_are_their_own() {
        let bits: Vec<u64> = BY_PLACE.iter().flatten().map(|usual| usual.bit).collect();
        assert_eq!(bits.len(), NAMES.len());
        assert_eq!(bits.iter().sum::<u64>(), (1 << NAMES.len()) - 1);
    }

    #[test]
    fn each_name_with_each_value_reads_as_it_does_the_careful_way() {
        for name in names() {
            for value in VALUES {
                compare(&[(name.clone(), value)]);
            }
        }
    }

    #[test]
    fn any_two_names_read_as_they_do_the_careful_way_whichever_comes_first() {
        let names = names();
        for first in &names {
            for second in &names {
                compare(&[(first.clone(), "allowed"), (second.clone(), "9")]);
                compare(&[(first.clone(), "5"), (second.clone(), "9")]);
            }
        }
    }

    #[test]
    fn whole_heads_read_as_they_do_the_careful_way_in_any_order() {
        let mut all: Vec<(String, &str)> =
            names().into_iter().zip(VALUES.into_iter().cycle()).collect();
        for turn in 0..all.len() {
            all.rotate_left(turn % 7 + 1);
            compare(all.get(..40).unwrap());
        }
    }
}
