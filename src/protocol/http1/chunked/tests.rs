//! Chunked bodies as literal bytes at every split, and against a naive decoder.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use proptest::prelude::*;

use super::*;

/// Payload, and how many bytes the body took once it is over.
type Decoded = Result<(Vec<u8>, Option<usize>), Refusal>;

fn decode(reads: &[&[u8]]) -> Decoded {
    let mut decoder = Decoder::new();
    let (mut payload, mut taken) = (Vec::new(), 0);
    for read in reads {
        let mut rest = *read;
        while !rest.is_empty() {
            match decoder.step(rest)? {
                Step::NeedMore => {
                    taken += rest.len();
                    rest = &[];
                }
                Step::Data { skip, len } => {
                    assert!(len > 0, "a step makes progress");
                    payload.extend_from_slice(&rest[skip..skip + len]);
                    taken += skip + len;
                    rest = &rest[skip + len..];
                }
                Step::End { consumed } => {
                    assert!(decoder.is_done());
                    return Ok((payload, Some(taken + consumed)));
                }
            }
        }
    }
    assert!(!decoder.is_done());
    Ok((payload, None))
}

fn at_every_split(body: &[u8]) -> Decoded {
    let whole = decode(&[body]);
    for cut in 0..=body.len() {
        let (head, tail) = body.split_at(cut);
        assert_eq!(decode(&[head, tail]), whole, "cut at {cut} of {}", body.escape_ascii());
    }
    let each: Vec<&[u8]> = body.chunks(1).collect();
    assert_eq!(decode(&each), whole, "byte by byte: {}", body.escape_ascii());
    whole
}

fn payload(body: &[u8]) -> Vec<u8> {
    let (payload, taken) = at_every_split(body).unwrap();
    assert_eq!(taken, Some(body.len()), "{}", body.escape_ascii());
    payload
}

fn refused(body: &[u8]) -> Refusal {
    at_every_split(body).expect_err(&body.escape_ascii().to_string())
}

#[test]
fn chunks_are_joined_and_what_follows_is_left_alone() {
    assert_eq!(payload(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), b"hello world");
    assert_eq!(payload(b"0\r\n\r\n"), b"");
    assert_eq!(payload(b"a\r\n0123456789\r\nA\r\n0\r\n\r\n12345\r\n000\r\n\r\n").len(), 20);
    let next = b"1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n";
    assert_eq!(at_every_split(next), Ok((b"x".to_vec(), Some(11))));
}

#[test]
fn a_plain_line_is_read_at_once_as_byte_by_byte() {
    for line in ["2", "02", "00000002", "000000002", "0000000000000002", "2;a", "2\t;b=c"] {
        let body = format!("1\r\nx\r\n{line}\r\nyz\r\n0\r\n\r\n");
        assert_eq!(payload(body.as_bytes()), b"xyz", "{line}");
    }
    for (line, refusal) in [
        ("", Refusal::ChunkSize),
        ("g", Refusal::ChunkSize),
        ("2\n", Refusal::BareLf),
        ("2\rz", Refusal::BareCr),
        ("-2", Refusal::ChunkSize),
        ("2 ", Refusal::ChunkSize),
        ("00000000000000002", Refusal::ChunkSize),
    ] {
        let body = format!("1\r\nx\r\n{line}\r\nyz\r\n0\r\n\r\n");
        assert_eq!(refused(body.as_bytes()), refusal, "{line:?}");
    }
    assert_eq!(at_every_split(b"7fffffff\r\nab"), Ok((b"ab".to_vec(), None)));
    assert_eq!(at_every_split(b"FFFFFFFF\r\nab"), Ok((b"ab".to_vec(), None)));
}

#[test]
fn a_step_names_payload_without_copying_it() {
    let mut decoder = Decoder::new();
    let read = b"5\r\nhello\r\n3\r\nab";
    assert_eq!(decoder.step(read), Ok(Step::Data { skip: 3, len: 5 }));
    assert_eq!(decoder.step(&read[8..]), Ok(Step::Data { skip: 5, len: 2 }));
    assert_eq!(decoder.step(b""), Ok(Step::NeedMore));
    assert_eq!(decoder.step(b"c\r\n0\r\n\r\nrest"), Ok(Step::Data { skip: 0, len: 1 }));
    assert_eq!(decoder.step(b"\r\n0\r\n\r\nrest"), Ok(Step::End { consumed: 7 }));
    assert_eq!(decoder.step(b"rest"), Ok(Step::End { consumed: 0 }));
}

#[test]
fn a_body_that_is_cut_is_never_over() {
    let body = b"3;a=\"b\\\"\"\r\nabc\r\n0\r\nX-Sum: y\r\n\r\n";
    for length in 0..body.len() {
        let (_, taken) = at_every_split(&body[..length]).unwrap();
        assert_eq!(taken, None, "{length} bytes");
    }
    assert_eq!(payload(body), b"abc");
}

#[test]
fn sizes_are_hexadecimal_and_bounded() {
    assert_eq!(payload(b"0000000000000003\r\nabc\r\n0000000000000000\r\n\r\n"), b"abc");
    let mut decoder = Decoder::new();
    assert_eq!(decoder.step(b"fffffffffffffff\r\nx"), Ok(Step::Data { skip: 17, len: 1 }));
    for bad in [
        &b"\r\n"[..],
        b"g\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"0x1\r\n",
        b"1_0\r\n",
        b" 1\r\n",
        b"1 \r\n",
        b"1\t\r\n",
        b"1 1\r\n",
        b"1,1\r\n",
        b"\xef\xbc\x91\r\n",
        b";a\r\n",
        b"1000000000000000\r\n",
        b"ffffffffffffffff\r\n",
        b"00000000000000001\r\n",
        b"100000000000000000000000\r\n",
    ] {
        assert_eq!(refused(bad), Refusal::ChunkSize, "{}", bad.escape_ascii());
    }
}

#[test]
fn extensions_follow_their_grammar_and_are_dropped() {
    for good in [
        "3;a",
        "3 ; a",
        "3;\ta",
        "3;a=b",
        "3;a = b",
        "3;a=\"\"",
        "3;a=\"b;\tc\\\"\x7e\"",
        "3;a;b=c;d",
        "3;a ",
        "3;a=b\t",
        "3;a=\"b\" ;c",
        "3;a=\"\\\t\"",
    ] {
        assert_eq!(payload(format!("{good}\r\nabc\r\n0;x=y\r\n\r\n").as_bytes()), b"abc", "{good}");
    }
    assert_eq!(payload(b"3;a=\"\x80\\\xff\"\r\nabc\r\n0\r\n\r\n"), b"abc");
    for bad in [
        &b"3;\r\n"[..],
        b"3; \r\n",
        b"3;a=\r\n",
        b"3;a= \r\n",
        b"3;;a\r\n",
        b"3;a;\r\n",
        b"3;=b\r\n",
        b"3;a b\r\n",
        b"3;a=b c\r\n",
        b"3;a=b=c\r\n",
        b"3;a=\"b\r\n",
        b"3;a=\"b\"c\r\n",
        b"3;a=\"b\\\r\n",
        b"3;a=\"b\"=c\r\n",
        b"3;\x80\r\n",
        b"3;a=\x80\r\n",
        b"3;a=\"\x01\"\r\n",
        b"3;a=\"\\\x01\"\r\n",
        b"3;a=\"\x7f\"\r\n",
        b"3;a\x0b\r\n",
    ] {
        assert_eq!(refused(bad), Refusal::ChunkExtension, "{}", bad.escape_ascii());
    }
}

#[test]
fn a_chunk_line_is_bounded() {
    let limit = usize::try_from(LINE_BYTES_MAX).unwrap();
    let line = |length: usize| [b"1;".as_slice(), &vec![b'a'; length - 2], b"\r\nx"].concat();
    assert_eq!(decode(&[&line(limit)]), Ok((b"x".to_vec(), None)));
    assert_eq!(decode(&[&line(limit + 1)]), Err(Refusal::ChunkLineTooLong));
    // Each line has the whole bound.
    let two = [&line(limit)[..], b"\r\n", &line(limit)[..]].concat();
    assert_eq!(decode(&[&two]), Ok((b"xx".to_vec(), None)));
}

#[test]
fn line_ends_are_crlf_and_nothing_else() {
    for (body, refusal) in [
        (&b"3\nabc"[..], Refusal::BareLf),
        (b"3;a\n", Refusal::BareLf),
        (b"3\rabc", Refusal::BareCr),
        (b"3\r\r\n", Refusal::BareCr),
        (b"3;a=\"\r\"\r\n", Refusal::BareCr),
        (b"3\0", Refusal::Nul),
        (b"3;a\0", Refusal::Nul),
        (b"3\r\nabcd", Refusal::ChunkEnd),
        (b"3\r\nabc\n", Refusal::ChunkEnd),
        (b"3\r\nabc\rx", Refusal::ChunkEnd),
        (b"3\r\nabc0\r\n\r\n", Refusal::ChunkEnd),
        (b"0\r\n\n", Refusal::BareLf),
        (b"0\r\nx: y\n", Refusal::BareLf),
        (b"0\r\nx: y\rz", Refusal::BareCr),
        (b"0\r\n\rx", Refusal::BareCr),
        (b"0\r\nx: \0", Refusal::Nul),
        (b"0\r\nx\0", Refusal::Nul),
    ] {
        assert_eq!(refused(body), refusal, "{}", body.escape_ascii());
    }
}

#[test]
fn a_bad_line_is_told_at_its_end() {
    // What is cut off may still become a line; what it says is judged when it is one.
    assert_eq!(at_every_split(b"3 3"), Ok((Vec::new(), None)));
    assert_eq!(at_every_split(b"3;a=("), Ok((Vec::new(), None)));
    assert_eq!(at_every_split(b"0\r\nhost: x"), Ok((Vec::new(), None)));
    assert_eq!(refused(b"0\r\nhost: x\r\n"), Refusal::TrailerField);
}

#[test]
fn trailers_are_checked_and_dropped() {
    assert_eq!(payload(b"1\r\na\r\n0\r\nX-Sum: a\tb \x80\r\nempty:\r\nhosts: y\r\n\r\n"), b"a");
    for (line, refusal) in [
        (&b"nocolon"[..], Refusal::FieldName),
        (b": v", Refusal::FieldName),
        (b"a : v", Refusal::FieldName),
        (b" a: v", Refusal::FieldName),
        (b"a: v\r\n folded", Refusal::FieldName),
        (b"\x80: v", Refusal::FieldName),
        (b"a: \x01", Refusal::FieldValue),
        (b"a: \x7f", Refusal::FieldValue),
        (b"Content-Length: 1", Refusal::TrailerField),
        (b"transfer-encoding: chunked", Refusal::TrailerField),
        (b"HOST: a", Refusal::TrailerField),
        (b"Trailer: a", Refusal::TrailerField),
        (b"Connection: a", Refusal::TrailerField),
        (b"Authorization: a", Refusal::TrailerField),
        (b"a: b\r\nHost: a", Refusal::TrailerField),
    ] {
        let body = [b"0\r\n", line, b"\r\n\r\n"].concat();
        assert_eq!(refused(&body), refusal, "{}", line.escape_ascii());
    }
}

#[test]
fn trailers_are_bounded() {
    let fields = |count: usize| format!("0\r\n{}\r\n", "a: b\r\n".repeat(count));
    let most = usize::try_from(TRAILER_FIELDS_MAX).unwrap();
    assert_eq!(payload(fields(most).as_bytes()), b"");
    assert_eq!(refused(fields(most + 1).as_bytes()), Refusal::TrailersTooLarge);
    let bytes = usize::try_from(TRAILER_BYTES_MAX).unwrap();
    let long = |length: usize| format!("0\r\na:{}\r\n\r\n", "b".repeat(length - 2));
    assert!(decode(&[long(bytes).as_bytes()]).unwrap().1.is_some());
    assert_eq!(decode(&[long(bytes + 1).as_bytes()]), Err(Refusal::TrailersTooLarge));
}

/// RFC 9112 section 7.1 over the whole input, with splits and copies; no extensions or trailers.
fn naive(body: &str) -> Option<(String, usize)> {
    let (mut payload, mut at) = (String::new(), 0);
    loop {
        let line = body[at..].split_once("\r\n")?.0;
        if line.is_empty() || line.len() > 15 || !line.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let size = usize::from_str_radix(line, 16).unwrap();
        at += line.len() + 2;
        let end = at.checked_add(size)?;
        payload.push_str(body.get(at..end)?);
        if body.get(end..end + 2)? != "\r\n" {
            return None;
        }
        at = end + 2;
        if size == 0 {
            return Some((payload, at));
        }
    }
}

fn encoded(pieces: &[String]) -> String {
    let chunk = |piece: &String| format!("{:x}\r\n{piece}\r\n", piece.len());
    pieces.iter().map(chunk).collect::<String>() + "0\r\n\r\n"
}

/// Sizes of reads, used in turn.
fn cut<'a>(body: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let (mut reads, mut rest) = (Vec::new(), body);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (read, tail) = rest.split_at((*size).min(rest.len()));
        reads.push(read);
        rest = tail;
    }
    reads
}

proptest! {
    #[test]
    fn any_body_in_any_reads_gives_its_payload(
        pieces in prop::collection::vec("[a-z\r\n0-9]{1,40}", 0..8),
        sizes in prop::collection::vec(1_usize..30, 1..6),
    ) {
        let body = encoded(&pieces);
        let decoded = decode(&cut(body.as_bytes(), &sizes)).unwrap();
        prop_assert_eq!(decoded, (pieces.concat().into_bytes(), Some(body.len())));
    }

    #[test]
    fn a_naive_decoder_agrees_on_damaged_bodies(
        pieces in prop::collection::vec("[a-f\r\n0-9]{1,12}", 0..4),
        at in 0_usize..60,
        patch in "[0-3af\r\n]{0,2}",
        removed in 0_usize..3,
        sizes in prop::collection::vec(1_usize..9, 1..4),
    ) {
        let mut body = encoded(&pieces);
        let at = at.min(body.len());
        body.replace_range(at..(at + removed).min(body.len()), &patch);
        let decoded = decode(&cut(body.as_bytes(), &sizes));
        match naive(&body) {
            Some((payload, taken)) => {
                prop_assert_eq!(decoded, Ok((payload.into_bytes(), Some(taken))));
            }
            None => prop_assert!(!matches!(decoded, Ok((_, Some(_)))), "{:?}", decoded),
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic_or_depend_on_reads(
        body in prop::collection::vec(any::<u8>(), 0..80),
        sizes in prop::collection::vec(1_usize..9, 1..4),
    ) {
        prop_assert_eq!(decode(&cut(&body, &sizes)), decode(&[&body]));
    }
}
