//! What is written, byte for byte, and what is never written.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;
use crate::protocol::http1::chunked::{Decoder, Step};
use crate::protocol::http1::parse::{HeadLimits, ResponseParser};

#[test]
fn a_head_is_written_as_it_is_read() {
    let mut out = Vec::new();
    request_line(&mut out, b"POST", b"/v1/messages?beta=true").unwrap();
    field(&mut out, b"Host", b"api.example").unwrap();
    parsed_field(&mut out, b"X-Empty", b"");
    content_length(&mut out, 1_024);
    end_of_head(&mut out);
    assert_eq!(
        out,
        b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: api.example\r\nX-Empty: \r\n\
          content-length: 1024\r\n\r\n"
    );
}

#[test]
fn a_status_line_has_three_digits_and_the_registered_reason() {
    let mut out = Vec::new();
    for status in [200, 429, 529, 7, 599] {
        status_line(&mut out, status);
    }
    assert_eq!(
        out,
        b"HTTP/1.1 200 OK\r\nHTTP/1.1 429 Too Many Requests\r\nHTTP/1.1 529 Overloaded\r\n\
          HTTP/1.1 007 \r\nHTTP/1.1 599 \r\n"
    );
}

#[test]
fn parsed_fields_are_the_same_in_one_piece_and_one_by_one() {
    let lines = [
        "a: b\r\n",
        "Name-2: a longer value\twith a tab\r\n",
        "no-space:b\r\n",
        "tab:\tb\r\n",
        "two:  b\r\n",
        "behind: b \r\n",
        "empty:\r\n",
        "blank: \r\n",
        "colons: : : b\r\n",
    ];
    let limits = HeadLimits { fields_max: 99, head_bytes_max: 9_999, line_bytes_max: 99 };
    for [first, second, third] in each_three(lines) {
        let head = format!("HTTP/1.1 200 OK\r\n{first}{second}{third}\r\n");
        let bytes = head.as_bytes();
        let fields = ResponseParser::new(limits).parse(bytes).unwrap().unwrap().fields;
        for kept in 0..8 {
            let kept = fields.iter().enumerate().filter(|(at, _)| kept & (1 << at) != 0);
            let (mut wanted, mut out) = (b"x\r\n".to_vec(), b"x\r\n".to_vec());
            let mut pieces = ParsedFields::of(bytes);
            for (_, field) in kept {
                parsed_field(&mut wanted, field.name.of(bytes), field.value.of(bytes));
                pieces.push(&mut out, field);
            }
            pieces.finish(&mut out);
            assert_eq!(out.escape_ascii().to_string(), wanted.escape_ascii().to_string());
        }
    }
}

fn each_three<const N: usize>(of: [&'static str; N]) -> impl Iterator<Item = [&'static str; 3]> {
    let two = move |first| of.into_iter().map(move |second| [first, second]);
    let three = move |[first, second]: [_; 2]| of.into_iter().map(move |t| [first, second, t]);
    of.into_iter().flat_map(two).flat_map(three)
}

#[test]
fn nothing_that_ends_a_line_gets_into_a_head() {
    let mut out = Vec::new();
    for byte in (0..b' ').chain([0x7f]).filter(|&byte| byte != b'\t') {
        let value = [b'a', byte, b'b'];
        assert_eq!(field(&mut out, b"x", &value), Err(Unwritable), "{byte:#x} in a value");
        assert_eq!(field(&mut out, &value, b"x"), Err(Unwritable), "{byte:#x} in a name");
        assert_eq!(
            request_line(&mut out, b"GET", &value),
            Err(Unwritable),
            "{byte:#x} in a target"
        );
        assert_eq!(request_line(&mut out, &value, b"/"), Err(Unwritable), "{byte:#x} in a method");
    }
    for name in [&b""[..], b"a:", b"a b", b"\xc3\xa4"] {
        assert_eq!(field(&mut out, name, b""), Err(Unwritable), "{name:?}");
    }
    for target in [&b""[..], b"/a b", b"/\t"] {
        assert_eq!(request_line(&mut out, b"GET", target), Err(Unwritable), "{target:?}");
    }
    assert!(out.is_empty(), "a refusal writes nothing");
    assert_eq!(field(&mut out, b"x", b"a\tb \xc3\xa4"), Ok(()));
}

#[test]
fn decimals_have_no_leading_zero() {
    for value in [0, 9, 10, 99, 100, 12_345, u64::from(u32::MAX), u64::MAX] {
        let mut out = Vec::new();
        decimal(&mut out, value);
        assert_eq!(out, value.to_string().into_bytes());
    }
}

#[test]
fn a_chunk_head_is_what_the_decoder_reads() {
    for length in [1, 9, 15, 16, 255, 256, 4_096, 65_535, 1 << 20, (1 << 60) - 1] {
        let mut buffer = [0; CHUNK_HEAD_BYTES_MAX];
        let head = chunk_head(length, &mut buffer);
        assert_eq!(head, format!("{length:x}\r\n").as_bytes());
        let mut read = head.to_vec();
        read.push(b'x');
        assert_eq!(Decoder::new().step(&read), Ok(Step::Data { skip: head.len(), len: 1 }));
    }
    let mut buffer = [0; CHUNK_HEAD_BYTES_MAX];
    assert_eq!(chunk_head(usize::MAX, &mut buffer), b"ffffffffffffffff\r\n");
}

#[test]
fn the_last_chunk_ends_a_body() {
    let end = Step::End { consumed: LAST_CHUNK.len() };
    assert_eq!(Decoder::new().step(LAST_CHUNK), Ok(end));
}
