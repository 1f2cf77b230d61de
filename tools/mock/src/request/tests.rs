//! Heads and bodies at every split.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panic")]

use super::*;

fn head(text: &str) -> Head {
    match parse(text.as_bytes()) {
        Parsed::Complete(head, taken) => {
            assert_eq!(taken, text.len());
            head
        }
        other => panic!("{other:?}"),
    }
}

fn take(length: Length, pieces: &[&[u8]]) -> Result<(Body, usize, bool), Refused> {
    let mut intake = Intake::new(length, true);
    let mut taken = 0;
    for piece in pieces {
        taken += intake.push(piece)?;
    }
    let done = intake.is_done();
    Ok((intake.finish(), taken, done))
}

#[test]
fn a_head_is_partial_until_its_last_byte() {
    let text = b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    for cut in 0..text.len() {
        assert!(matches!(parse(&text[..cut]), Parsed::Partial), "cut at {cut}");
    }
    assert!(matches!(parse(text), Parsed::Complete(_, taken) if taken == text.len()));
}

#[test]
fn a_head_knows_path_query_length_and_order() {
    let head = head("POST /v1/m?beta=true HTTP/1.1\r\nB: 1\r\nA: 2\r\nContent-Length: 5\r\n\r\n");
    assert_eq!((head.path(), head.query()), ("/v1/m", Some("beta=true")));
    assert_eq!(head.length, Length::Known(5));
    assert_eq!(head.headers[0], ("B".to_owned(), "1".to_owned()));
    assert_eq!(head.headers[1], ("A".to_owned(), "2".to_owned()));
}

#[test]
fn a_key_is_found_in_each_of_its_places() {
    for line in
        ["x-api-key: k1", "Authorization: Bearer k1", "authorization: bearer k1", "api-key: k1"]
    {
        assert_eq!(head(&format!("GET / HTTP/1.1\r\n{line}\r\n\r\n")).key(), Some("k1"), "{line}");
    }
    assert_eq!(head("GET / HTTP/1.1\r\nAuthorization: Basic k1\r\n\r\n").key(), None);
}

#[test]
fn keep_alive_follows_version_and_connection() {
    assert!(head("GET / HTTP/1.1\r\n\r\n").keeps_alive());
    assert!(!head("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n").keeps_alive());
    assert!(!head("GET / HTTP/1.0\r\n\r\n").keeps_alive());
    assert!(head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keeps_alive());
}

#[test]
fn a_length_that_is_no_number_is_refused() {
    let text = b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n";
    assert!(matches!(parse(text), Parsed::Refused(Refused::Length)));
    assert!(matches!(parse(b"\0\0\0\0\r\n\r\n"), Parsed::Refused(Refused::Head)));
}

#[test]
fn a_known_length_takes_its_bytes_and_no_more() {
    let (body, taken, done) = take(Length::Known(5), &[b"he", b"llo, more"]).unwrap();
    assert_eq!((body.kept.as_slice(), taken, done), (&b"hello"[..], 5, true));
    let expected = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(body.sha256.as_deref(), Some(expected));
}

#[test]
fn a_chunked_body_is_the_same_at_every_split() {
    let wire = b"3;x=y\r\nhel\r\n0002\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n";
    let whole = take(Length::Chunked, &[wire]).unwrap();
    assert_eq!((whole.0.kept.as_slice(), whole.1, whole.2), (&b"hello"[..], wire.len(), true));
    for cut in 0..=wire.len() {
        let (a, b) = wire.split_at(cut);
        let (body, taken, done) = take(Length::Chunked, &[a, b]).unwrap();
        assert_eq!((body.kept.as_slice(), taken, done), (&b"hello"[..], wire.len(), true), "{cut}");
    }
}

#[test]
fn a_chunked_body_leaves_the_next_request_alone() {
    let (_, taken, done) = take(Length::Chunked, &[b"1\r\nx\r\n0\r\n\r\nGET /"]).unwrap();
    assert_eq!((taken, done), (11, true));
}

#[test]
fn a_bad_chunk_size_is_refused() {
    for wire in [&b"zz\r\n"[..], b"11111111111111111\r\n", b"1\r\nxyz"] {
        assert_eq!(take(Length::Chunked, &[wire]).unwrap_err(), Refused::Chunk);
    }
}

#[test]
fn a_body_beyond_the_limit_is_counted_and_hashed_but_not_kept() {
    let block = vec![b'x'; 1 << 20];
    let (body, ..) = take(Length::Known(3 << 20), &[&block, &block, &block]).unwrap();
    assert_eq!((body.kept.len(), body.length), (1 << 20, 3 << 20));
    assert!(body.is_truncated());
}
