//! Limits to the byte, and that a slow peer costs no more than a fast one.

use super::*;

#[test]
fn limits_are_exact() {
    let parse = |limits, bytes: &[u8]| {
        let whole = RequestParser::new(limits).parse(bytes).map(|head| head.is_some());
        let mut parser = RequestParser::new(limits);
        let mut slow = Ok(false);
        for upto in 0..=bytes.len() {
            slow = parser.parse(&bytes[..upto]).map(|head| head.is_some());
            if slow != Ok(false) {
                break;
            }
        }
        assert_eq!(slow, whole);
        whole
    };
    let bytes = b"GET /abcdef HTTP/1.1\r\na: b\r\nc: d\r\n\r\n";
    let exact = HeadLimits { head_bytes_max: bytes.len(), line_bytes_max: 20, fields_max: 2 };
    assert_eq!(parse(exact, bytes), Ok(true));
    let less = HeadLimits { head_bytes_max: bytes.len() - 1, ..exact };
    assert_eq!(parse(less, bytes), Err(Refusal::HeadTooLarge));
    let less = HeadLimits { line_bytes_max: 19, ..exact };
    assert_eq!(parse(less, bytes), Err(Refusal::RequestLineTooLong));
    let less = HeadLimits { fields_max: 1, ..exact };
    assert_eq!(parse(less, bytes), Err(Refusal::TooManyFields));
    let endless = b"x".repeat(exact.line_bytes_max + 2);
    assert_eq!(parse(exact, &endless), Err(Refusal::RequestLineTooLong));
}

#[test]
fn a_head_over_its_limit_is_refused_however_much_is_there() {
    let limits = HeadLimits { head_bytes_max: 60, line_bytes_max: 30, fields_max: 2 };
    for (bytes, refusal) in [
        (&b"GET / HTTP/1.1\r\nabcdefghi: 0123456789\r\nabcdefghi: 0123456789\r\n\r\n"[..], None),
        (b"GET / HTTP/1.1\r\na: b\r\nc: d\r\nbad\r\n\r\n", Some(Refusal::TooManyFields)),
        (b"GET / HTTP/1.1\r\na: b\r\nbad\r\nc: d\r\ne: f\r\n\r\n", Some(Refusal::FieldName)),
        (b"GET / HTTP/1.1\r\na b\r\nc: d\n\r\n", Some(Refusal::FieldName)),
    ] {
        for length in [bytes.len(), 61, 40] {
            let mut parser = RequestParser::new(limits);
            let refused = parser.parse(&bytes[..length.min(bytes.len())]).err();
            let expected = refusal.unwrap_or(Refusal::HeadTooLarge);
            assert!(refused.is_none_or(|refusal| refusal == expected), "{length}: {refused:?}");
            assert!(refused.is_some() || length == 40);
        }
    }
}

#[test]
fn a_field_too_many_is_refused_at_its_first_byte() {
    let limits = HeadLimits { fields_max: 1, ..LIMITS };
    for line in ["b: c\r\n", "b\rc\r\n", "b\0\r\n", "b: c\n"] {
        let bytes = format!("GET / HTTP/1.1\r\na: b\r\n{line}\r\n");
        for cut in 22..=bytes.len() {
            let mut parser = RequestParser::new(limits);
            let first = parser.parse(&bytes.as_bytes()[..cut]).map(|head| head.is_some());
            let expected = if cut == 22 { Ok(false) } else { Err(Refusal::TooManyFields) };
            assert_eq!(first, expected, "{line:?} cut at {cut}");
        }
    }
    let parse = |text: &str| RequestParser::new(limits).parse(text.as_bytes()).map(|_| ());
    assert_eq!(parse("GET / HTTP/1.1\r\na: b\r\n\r\n"), Ok(()));
    assert_eq!(parse("GET / HTTP/1.1\r\na: b\r\n\n"), Err(Refusal::BareLf));
    assert_eq!(parse("GET / HTTP/1.1\r\na: b\r\n\rx"), Err(Refusal::BareCr));
}

#[test]
fn a_response_line_without_end_is_a_head_too_large() {
    let bytes = [b"HTTP/1.1 200 ", b"x".repeat(LIMITS.line_bytes_max).as_slice()].concat();
    let refusal = ResponseParser::new(LIMITS).parse(&bytes).unwrap_err();
    assert_eq!(refusal, Refusal::HeadTooLarge);
}

#[test]
fn a_line_that_was_looked_at_is_not_begun_again() {
    let bytes = b"a: 0123456789abcdef\r\nc: d\r\n";
    let mut lines = Lines { scanned: 3, ..Lines::default() };
    lines.plain_fields(bytes, 9);
    assert_eq!((lines.fields.len(), lines.line_start), (0, 0), "the fast lane takes whole lines");
    let mut lines = Lines::default();
    lines.plain_fields(&bytes[..23], 9);
    assert_eq!((lines.fields.len(), lines.line_start, lines.scanned), (1, 21, 21));
    lines.plain_fields(bytes, 1);
    assert_eq!(lines.fields.len(), 1, "no field over the limit");
    assert_eq!(lines.fields(&bytes[..25], 9), Ok(None));
    assert_eq!((lines.line_start, lines.scanned), (21, 25), "seen to the end of the read");
}
