//! Numbers, durations and instants one by one, and beside what a library makes of them.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;

#[test]
fn a_number_has_no_sign_and_no_exponent() {
    assert_eq!(Number::read(b"0042"), Some(Number::Whole(42)));
    assert_eq!(Number::read(b"0.50"), Some(Number::Fraction(0.5)));
    for text in [
        "0.1",
        "0.26",
        "1234567.12345678",
        "12345678.1",
        "0.123456789",
        "0.99999999",
        "0.1234567890123",
        "9999999.9999999",
        "99999999999999.9",
        "0.12345678901234",
    ] {
        let whole = text.parse().map(Number::Fraction);
        assert_eq!(Number::read(text.as_bytes()), whole.ok(), "the short way is exact");
    }
    for digits in 1..20 {
        let text = &b"98765432101234567890"[..digits];
        let value = std::str::from_utf8(text).unwrap().parse().unwrap();
        assert_eq!(Number::read(text), Some(Number::Whole(value)));
        for place in 0..digits {
            for bad in [b'/', b':', b' ', 0, 0xff] {
                let mut text = text.to_vec();
                text[place] = bad;
                assert_eq!(Number::read(&text), None, "{bad:#x} at {place} of {digits}");
            }
        }
    }
    for bad in
        [&b""[..], b"-1", b"+1", b"1e9", b"NaN", b"inf", b"1.", b".5", b"1.2.3", b" 1", b"0x1"]
    {
        assert_eq!(Number::read(bad), None, "{bad:?}");
    }
    assert_eq!(Number::read(b"18446744073709551616"), None, "never wraps");
    assert_eq!(Number::read(format!("{}.0", "9".repeat(400)).as_bytes()), None);
    assert_eq!(Number::Whole(u64::MAX).times(1000), u64::MAX);
    assert_eq!(Number::Fraction(1e300).times(1000), u64::MAX);
    assert_eq!(Number::Fraction(2.5).times(1000), 2500);
}

#[test]
fn w33_an_instant_reads_with_any_offset() {
    assert_eq!(rfc3339(b"2025-11-15T00:56:36Z"), Some(1_763_168_196));
    assert_eq!(rfc3339(b"2025-11-15t01:56:36.999+01:00"), Some(1_763_168_196));
    assert_eq!(rfc3339(b"2025-11-14T23:56:36.1-01:00"), Some(1_763_168_196));
    assert_eq!(rfc3339(b"2016-12-31T23:59:60Z"), Some(1_483_228_800));
    for bad in [
        &b"2025-11-15"[..],
        b"2025-11-15 00:56:36Z",
        b"2025-13-15T00:56:36Z",
        b"2025-02-30T00:00:00Z",
        b"2025-11-15T24:00:00Z",
        b"2025-11-15T00:56:36",
        b"2025-11-15T00:56:36.Z",
        b"2025-11-15T00:56:36Zx",
        b"+025-11-15T00:56:36Z",
        b"2025-11-15\x0000:56:36Z",
        b"2025-11-15t00:56:36\xff",
    ] {
        assert_eq!(rfc3339(bad), None, "{bad:?}");
    }
}

#[test]
fn no_byte_of_an_instant_may_be_another() {
    let text = b"2025-11-15T10:56:36Z";
    for place in 0..text.len() {
        for byte in 0..=u8::MAX {
            let mut other = *text;
            other[place] = byte;
            let digit = text[place].is_ascii_digit() && byte.is_ascii_digit();
            let letter = text[place].eq_ignore_ascii_case(&byte);
            let read = rfc3339(&other).is_some();
            assert!(!read || digit || letter, "{byte:#x} at {place}");
            assert!(read || !letter, "{byte:#x} at {place}");
        }
    }
}

#[test]
fn every_day_of_the_calendar_is_where_a_library_has_it() {
    for year in [0, 1, 4, 100, 400, 1582, 1900, 1970, 2000, 2024, 2026, 2100, 2400, 9998_i16] {
        for month in 0..=13_i8 {
            for day in 0..=32_i8 {
                let civil = jiff::civil::Date::new(year, month, day).ok().filter(|_| month > 0);
                let theirs = civil.map(|date| {
                    let at =
                        Offset::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight()));
                    at.unwrap().as_second()
                });
                let text = format!("{year:04}-{month:02}-{day:02}T00:00:00Z");
                assert_eq!(rfc3339(text.as_bytes()), theirs, "{text}");
            }
        }
    }
}

#[test]
fn an_http_date_reads_in_its_three_forms() {
    for date in [
        &b"Sun, 06 Nov 1994 08:49:37 GMT"[..],
        b"Sunday, 06-Nov-94 08:49:37 GMT",
        b"Sun Nov  6 08:49:37 1994",
    ] {
        assert_eq!(http_date(date), Some(784_111_777), "{date:?}");
    }
    for bad in [&b""[..], b"soon", b"Sun, 06 Foo 1994 08:49:37 GMT", &[b'x'; 1000]] {
        assert_eq!(http_date(bad), None);
    }
}

#[test]
fn a_go_duration_is_a_sum_of_units() {
    for (text, us) in [
        ("0s", 0),
        ("2ms", 2_000),
        ("8.64s", 8_640_000),
        ("6m0s", 360_000_000),
        ("1h2m3s", 3_723_000_000),
        ("17.399999999s", 17_399_999),
        ("999ns", 0),
        ("1.5us1500ns", 3),
        ("1d", 86_400_000_000),
        ("2\u{b5}s", 2),
    ] {
        assert_eq!(go_duration(text.as_bytes()), Some(us), "{text}");
    }
    for bad in ["", "s", "1", "1x", "-1s", "1.s", ".5s", "1s ", "1m 2s", "5minutes"] {
        assert_eq!(go_duration(bad.as_bytes()), None, "{bad}");
    }
    assert_eq!(go_duration("9".repeat(30).as_bytes()), None);
    assert_eq!(go_duration(b"18446744073709551615h"), None, "never wraps");
}
