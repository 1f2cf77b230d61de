//! Numbers, durations and instants as limit headers write them. Never asks for the time: what is
//! relative is relative to an instant given.

use jiff::fmt::{rfc2822, strtime};
use jiff::tz::Offset;

use crate::protocol::ascii::decimal;

/// A number without sign and exponent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Digits, a point, digits.
    Fraction(f64),
    /// Digits.
    Whole(u64),
}

impl Number {
    /// Reads all of `text`. `None` for signs, exponents, `NaN`, and what does not fit.
    pub fn read(text: &[u8]) -> Option<Self> {
        if let Some(number) = Self::read_short(text) {
            return Some(number);
        }
        let Some(point) = text.iter().position(|&byte| byte == b'.') else {
            return decimal(text, u64::MAX).map(Self::Whole);
        };
        let (whole, fraction) = text.split_at_checked(point)?;
        let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        if !is_digits(whole) || !is_digits(fraction.get(1..)?) {
            return None;
        }
        let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
        value.is_finite().then_some(Self::Fraction(value))
    }

    /// Of few digits, as nearly all are. Both parts of a fraction are then exact as doubles, so
    /// that their quotient is the double next to it, as the general way gives.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "below 10^15: exact")]
    fn read_short(text: &[u8]) -> Option<Self> {
        if text.len() > SHORT_BYTES {
            return None;
        }
        if let Some(value) = short_decimal(text) {
            return Some(Self::Whole(value));
        }
        let point = text.iter().position(|&byte| byte == b'.')?;
        let (whole, fraction) = (text.get(..point)?, text.get(point + 1..)?);
        let power = POWERS.get(fraction.len())?;
        let value = short_decimal(whole)? * *power + short_decimal(fraction)?;
        Some(Self::Fraction(value as f64 / *power as f64))
    }

    /// The value; counts above 2^53 lose their last digits.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a share of a limit")]
    pub const fn value(self) -> f64 {
        match self {
            Self::Fraction(value) => value,
            Self::Whole(value) => value as f64,
        }
    }

    /// The count; `None` for a fraction.
    pub const fn whole(self) -> Option<u64> {
        match self {
            Self::Fraction(_) => None,
            Self::Whole(value) => Some(value),
        }
    }

    /// So many times `unit`, rounded down, at most `u64::MAX`.
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "the conversion saturates, and a number here has no sign"
    )]
    pub const fn times(self, unit: u64) -> u64 {
        match self {
            Self::Fraction(value) => (value * unit as f64) as u64,
            Self::Whole(value) => value.saturating_mul(unit),
        }
    }
}

/// Seconds since 1970 of an RFC 3339 date and time. A fraction is cut off.
pub fn rfc3339(text: &[u8]) -> Option<i64> {
    let (civil, rest) = text.split_at_checked(19)?;
    // Three words that overlap: `2025-11-`, `15T00:56`, `00:56:30`.
    let date = digits_of(*civil.first_chunk()?, *b"0000-00-")?;
    let mut middle = *civil.get(8..)?.first_chunk()?;
    middle[2] &= !0x20;
    let middle = digits_of(middle, *b"00T00:00")?;
    let time = digits_of(*civil.last_chunk()?, *b"00:00:00")?;
    let day = day_of(pair(date, 0) * 100 + pair(date, 2), pair(date, 5), pair(middle, 0))?;
    // A leap second is the one after the last.
    let (hour, minute, second) = (pair(time, 0), pair(time, 3), pair(time, 6));
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let epoch = day * 86_400 + i64::from(hour * 3_600 + minute * 60 + second);
    if rest == b"Z" {
        return Some(epoch);
    }
    Some(epoch - offset_of(without_fraction(rest)?)?)
}

/// The digits of `text` as numbers, where `form` has zeros; its other bytes have to be the same.
fn digits_of(text: [u8; 8], form: [u8; 8]) -> Option<u64> {
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let values = u64::from_le_bytes(text) ^ u64::from_le_bytes(form);
    // What is added takes a value that is too large to the high bit: a digit above 9, others above
    // 0. Bytes that carry into the next have that bit themselves.
    let room = form.map(|byte| if byte == b'0' { 0x80 - 10 } else { 0x7f });
    let over = values | ((values & !HIGH) + u64::from_le_bytes(room));
    (over & HIGH == 0).then_some(values)
}

/// The two digits from that place on.
#[inline]
fn pair(digits: u64, place: u32) -> u32 {
    let [tens, ones, ..] = (digits >> (8 * place)).to_le_bytes();
    u32::from(tens) * 10 + u32::from(ones)
}

/// Days since 1970 of a day of the Gregorian calendar; `None` where it has no such day. Answers
/// name four instants each: reading them is a good part of reading a head.
fn day_of(year: u32, month: u32, day: u32) -> Option<i64> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > days {
        return None;
    }
    // Years begin in March, so that the day that some have more is their last; and 400 years
    // earlier, so that there is one before the first.
    let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let before = year * 365 + year / 4 - year / 100 + year / 400;
    Some(i64::from(before + (153 * month + 2) / 5 + day) - 1 - DAYS_BEFORE_1970)
}

/// Digits only, and at most [`SHORT_BYTES`]; `None` for anything else.
#[inline]
fn short_decimal(digits: &[u8]) -> Option<u64> {
    const ZEROS: [u8; 8] = [b'0'; 8];
    if let Some((&first, rest)) = digits.split_first_chunk() {
        let value = eight_digits(digits_of(first, ZEROS)?);
        return rest.iter().try_fold(value, |value, digit| with_digit(value, *digit));
    }
    if let (Some(&first), Some(&last)) = (digits.first_chunk(), digits.last_chunk()) {
        // Four to seven: both halves overlap, and zeros come before.
        let wide = |half| u64::from(u32::from_le_bytes(half));
        let missing = 8 * (8 - digits.len());
        let zeros = u64::from_le_bytes(ZEROS) & ((1 << missing) - 1);
        let word = (wide(last) << 32) | (wide(first) << missing) | zeros;
        return digits_of(word.to_le_bytes(), ZEROS).map(eight_digits);
    }
    let value = digits.iter().try_fold(0, |value, digit| with_digit(value, *digit));
    value.filter(|_| !digits.is_empty())
}

#[inline]
fn with_digit(value: u64, digit: u8) -> Option<u64> {
    let digit = digit.wrapping_sub(b'0');
    (digit <= 9).then(|| value * 10 + u64::from(digit))
}

/// The number of eight digits, the first of them in the lowest byte: pairs, then fours, then all.
const fn eight_digits(digits: u64) -> u64 {
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
}

/// Seconds since 1970 of an HTTP date, in any of its three forms (RFC 9110 section 5.6.7).
pub fn http_date(text: &[u8]) -> Option<i64> {
    if text.len() > DATE_BYTES_MAX {
        return None;
    }
    let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    if let Ok(timestamp) = parser.parse_timestamp(text) {
        return Some(timestamp.as_second());
    }
    let obsolete = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    obsolete.iter().find_map(|format| {
        let civil = strtime::parse(format, text).ok()?.to_datetime().ok()?;
        Some(Offset::UTC.to_timestamp(civil).ok()?.as_second())
    })
}

/// Microseconds of a Go duration (`6m0s`, `17.399999999s`), rounded down.
pub fn go_duration(text: &[u8]) -> Option<u64> {
    let mut rest = text;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix(b".") {
            None => (&[][..], after),
            Some(after) => match digits(after) {
                ([], _) => return None,
                parts => parts,
            },
        };
        let (unit, after) = unit(after)?;
        let mut parts = u128::from(decimal(whole, u64::MAX)?).checked_mul(PARTS)?;
        let mut place = PARTS / 10;
        for digit in fraction {
            parts += u128::from(digit - b'0') * place;
            place /= 10;
        }
        // Units are in nanoseconds: a thousandth of a microsecond.
        total = total.checked_add(parts.checked_mul(unit)?)?;
        rest = after;
    }
    if text.is_empty() { None } else { u64::try_from(total / PARTS / 1000).ok() }
}

fn unit(text: &[u8]) -> Option<(u128, &[u8])> {
    const UNITS: &[(&[u8], u128)] = &[
        (b"ns", 1),
        (b"us", 1_000),
        // The micro sign in Latin-1 and in UTF-8.
        (b"\xb5s", 1_000),
        (b"\xc2\xb5s", 1_000),
        (b"ms", 1_000_000),
        (b"s", 1_000_000_000),
        (b"m", 60_000_000_000),
        (b"h", 3_600_000_000_000),
        (b"d", 86_400_000_000_000),
    ];
    UNITS.iter().find_map(|&(name, unit)| Some((unit, text.strip_prefix(name)?)))
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

fn without_fraction(text: &[u8]) -> Option<&[u8]> {
    match text.strip_prefix(b".") {
        None => Some(text),
        Some(rest) => match digits(rest) {
            ([], _) => None,
            (_, rest) => Some(rest),
        },
    }
}

/// Seconds east of UTC.
fn offset_of(text: &[u8]) -> Option<i64> {
    match text {
        [b'Z' | b'z'] => Some(0),
        &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = i64::try_from(decimal(&[h1, h2], 99)?).ok()?;
            let minutes = i64::try_from(decimal(&[m1, m2], 99)?).ok()?;
            let seconds = hours * 3600 + minutes * 60;
            Some(if sign == b'+' { seconds } else { -seconds })
        }
        _ => None,
    }
}

const DATE_BYTES_MAX: usize = 64;
/// From 1 March of the year 400 before 0 on.
const DAYS_BEFORE_1970: i64 = 719_468 + 146_097;
/// Bytes of a number that is exact as a double whatever its digits are.
const SHORT_BYTES: usize = 15;
const POWERS: [u64; SHORT_BYTES] = {
    let mut powers = [1; SHORT_BYTES];
    let mut place = 1;
    while place < SHORT_BYTES {
        #[expect(clippy::indexing_slicing, reason = "const")]
        {
            powers[place] = powers[place - 1] * 10;
        }
        place += 1;
    }
    powers
};
/// Parts of a unit: as many as decimals are read.
const PARTS: u128 = 1_000_000_000_000;

#[cfg(test)]
mod tests;
