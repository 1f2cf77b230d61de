//! Framing and server rules, one by one, on heads of literal bytes.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;
use crate::protocol::http1::parse::{HeadLimits, RequestParser, ResponseParser};

const LIMITS: HeadLimits =
    HeadLimits { head_bytes_max: 65_536, line_bytes_max: 8_192, fields_max: 100 };

fn request(text: &str) -> (RequestHead, &[u8]) {
    let head = RequestParser::new(LIMITS).parse(text.as_bytes()).unwrap().unwrap();
    (head, text.as_bytes())
}

fn body_of(text: &str) -> Result<BodyLength, Refusal> {
    let (head, bytes) = request(text);
    request_body(&head, bytes)
}

/// The verdict on a good request with these lines added.
fn with_lines(lines: &str) -> Result<BodyLength, Refusal> {
    body_of(&format!("POST / HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n\r\n"))
}

fn with_host(host: &str) -> bool {
    let verdict = body_of(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    assert!(matches!(verdict, Ok(_) | Err(Refusal::Host)), "{host}: {verdict:?}");
    verdict.is_ok()
}

fn response(text: &str) -> (ResponseHead, &[u8]) {
    let head = ResponseParser::new(LIMITS).parse(text.as_bytes()).unwrap().unwrap();
    (head, text.as_bytes())
}

fn response_of(status: &str, lines: &str) -> Result<BodyLength, Refusal> {
    let text = format!("HTTP/1.1 {status}\r\n{lines}\r\n\r\n");
    let text = text.replace("\r\n\r\n\r\n", "\r\n\r\n");
    let (head, bytes) = response(&text);
    response_body(&head, bytes, false)
}

#[test]
fn a_content_length_is_one_decimal() {
    assert_eq!(with_lines("Content-Length: 0"), Ok(BodyLength::Length(0)));
    assert_eq!(with_lines("content-length:\t007 "), Ok(BodyLength::Length(7)));
    let most = 9_223_372_036_854_775_807;
    assert_eq!(with_lines(&format!("Content-Length: {most}")), Ok(BodyLength::Length(most)));
    for bad in [
        "",
        "+1",
        "-1",
        "0x1",
        "1_0",
        "1 0",
        "1,1",
        "1, 1",
        "1.0",
        "a",
        "9223372036854775808",
        "\"1\"",
    ] {
        let verdict = with_lines(&format!("Content-Length: {bad}"));
        assert_eq!(verdict, Err(Refusal::ContentLength), "{bad:?}");
    }
    for bad in ["1\r\nContent-Length: 1", "1\r\nCONTENT-LENGTH: 2"] {
        let verdict = with_lines(&format!("Content-Length: {bad}"));
        assert_eq!(verdict, Err(Refusal::ContentLength), "{bad:?}");
    }
}

#[test]
fn a_transfer_encoding_is_chunked_and_nothing_else() {
    for good in ["chunked", "CHUNKED", "\tchunked \t"] {
        assert_eq!(with_lines(&format!("Transfer-Encoding: {good}")), Ok(BodyLength::Chunked));
    }
    for (value, refusal) in [
        ("gzip, chunked", Refusal::TransferCoding),
        ("identity, chunked", Refusal::TransferCoding),
        ("gzip\r\nTransfer-Encoding: chunked", Refusal::TransferCoding),
        ("gzip", Refusal::TransferEncoding),
        ("identity", Refusal::TransferEncoding),
        ("chunked, gzip", Refusal::TransferEncoding),
        ("chunked, chunked", Refusal::TransferEncoding),
        ("chunked\r\nTransfer-Encoding: chunked", Refusal::TransferEncoding),
        ("chunked\r\nTransfer-Encoding: gzip", Refusal::TransferEncoding),
        ("", Refusal::TransferEncoding),
        (",", Refusal::TransferEncoding),
        (",chunked", Refusal::TransferEncoding),
        ("chunked,", Refusal::TransferEncoding),
        ("chunked;q=1", Refusal::TransferEncoding),
        ("\"chunked\"", Refusal::TransferEncoding),
        ("x chunked", Refusal::TransferEncoding),
        ("xchunked", Refusal::TransferEncoding),
    ] {
        let verdict = with_lines(&format!("Transfer-Encoding: {value}"));
        assert_eq!(verdict, Err(refusal), "{value:?}");
    }
}

#[test]
fn two_framings_are_none() {
    for lines in [
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        "Transfer-Encoding: gzip, chunked\r\nContent-Length: 0",
    ] {
        assert_eq!(with_lines(lines), Err(Refusal::FramingConflict), "{lines:?}");
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(body_of(old), Err(Refusal::TransferEncoding));
}

#[test]
fn a_request_without_framing_has_no_body() {
    assert_eq!(with_lines("X: y"), Ok(BodyLength::None));
    assert_eq!(body_of("GET / HTTP/1.0\r\n\r\n"), Ok(BodyLength::None));
}

#[test]
fn a_host_is_there_once_and_well_formed() {
    for good in [
        "localhost",
        "a.example",
        "a.example.",
        "a.example:",
        "a.example:80",
        "a.example:65535",
        "127.0.0.1",
        "127.0.0.1:8080",
        "10.20.30.40:1",
        "[::1]",
        "[::1]:8080",
        "[::ffff:1.2.3.4]",
        "[v1.a:b]",
        "a%20b",
        "under_score",
        "a,b",
    ] {
        assert!(with_host(good), "{good:?}");
    }
    for bad in [
        "",
        ".",
        "..",
        "a..example",
        ".example",
        "a.example..",
        "l",
        "a.b",
        "1.2.3",
        "1.2.3.4.5",
        "999.0.0.1",
        "a.example:65536",
        "a.example:000080",
        "a.example:8a",
        "a.example:80:80",
        "u@a.example",
        "a.example/",
        "a.example?x",
        "a.example#x",
        "a example",
        "a\\b",
        "[::1",
        "[]",
        "[g::]",
        "[1..2]",
        "[v.a]",
        "[vg.a]",
        "[v1.]",
        "[v1.%]",
        "[v1a]",
        "[::1]x",
        "[::1]80",
        "x[::1]",
        "\u{e4}.example",
        "\"a\"",
    ] {
        assert!(!with_host(bad), "{bad:?}");
    }
    assert_eq!(body_of("GET / HTTP/1.1\r\n\r\n"), Err(Refusal::Host));
    assert_eq!(with_lines("Host: a.example"), Err(Refusal::Host));
    let old = "GET / HTTP/1.0\r\nHost: bad host\r\n\r\n";
    assert_eq!(body_of(old), Err(Refusal::Host));
}

#[test]
fn the_authority_of_an_absolute_target_is_held_to_the_same_rule() {
    for (target, is_good) in [
        ("http://a.example/x", true),
        ("http://a.example:80", true),
        ("http://u@a.example/", false),
        ("http:///x", false),
        ("http://a.example:99999/", false),
    ] {
        let verdict = body_of(&format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n"));
        assert_eq!(verdict.is_ok(), is_good, "{target}");
    }
}

#[test]
fn credentials_and_expectations_stand_once() {
    for name in ["Authorization", "X-Api-Key", "Expect"] {
        assert!(with_lines(&format!("{name}: a")).is_ok());
        let twice = format!("{name}: a\r\nX: y\r\n{}: a", name.to_uppercase());
        assert_eq!(with_lines(&twice), Err(Refusal::DuplicateField), "{name}");
    }
    assert!(with_lines("Authorization: a\r\nX-Api-Key: b").is_ok());
}

#[test]
fn connect_is_refused_by_name_after_all_other_rules() {
    let good = "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n";
    assert_eq!(body_of(good), Err(Refusal::Connect));
    let bad = "CONNECT a.example:443 HTTP/1.1\r\nContent-Length: x\r\n\r\n";
    assert_eq!(body_of(bad), Err(Refusal::ContentLength));
}

#[test]
fn a_response_body_ends_by_its_framing_or_by_close() {
    assert_eq!(response_of("200 OK", ""), Ok(BodyLength::UntilClose));
    assert_eq!(response_of("200 OK", "Content-Length: 5"), Ok(BodyLength::Length(5)));
    assert_eq!(response_of("200 OK", "Transfer-Encoding: chunked"), Ok(BodyLength::Chunked));
    assert_eq!(response_of("200 OK", "Transfer-Encoding: gzip, chunked"), Ok(BodyLength::Chunked));
    assert_eq!(response_of("200 OK", "Transfer-Encoding: gzip"), Ok(BodyLength::UntilClose));
    for (lines, refusal) in [
        ("Transfer-Encoding: chunked, gzip", Refusal::TransferEncoding),
        ("Transfer-Encoding: chunked, chunked", Refusal::TransferEncoding),
        ("Transfer-Encoding:", Refusal::TransferEncoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 1", Refusal::FramingConflict),
        ("Transfer-Encoding: gzip\r\nContent-Length: 1", Refusal::FramingConflict),
        ("Content-Length: 1\r\nContent-Length: 1", Refusal::ContentLength),
    ] {
        assert_eq!(response_of("200 OK", lines), Err(refusal), "{lines}");
    }
    let (head, bytes) = response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(response_body(&head, bytes, false), Err(Refusal::TransferEncoding));
}

#[test]
fn some_statuses_and_answers_to_head_have_no_body() {
    for status in ["100 Continue", "103 Early Hints", "101 x", "199 x", "204 x", "304 x"] {
        assert_eq!(response_of(status, "Content-Length: 5"), Ok(BodyLength::None), "{status}");
        // What has no body can still be framed in two ways by the next reader.
        assert!(response_of(status, "Content-Length: x").is_err(), "{status}");
    }
    assert_eq!(response_of("205 x", "Content-Length: 5"), Ok(BodyLength::Length(5)));
    let (head, bytes) = response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(response_body(&head, bytes, true), Ok(BodyLength::None));
}

#[test]
fn a_foreign_coding_under_the_chunks_is_seen() {
    for (value, is_foreign) in [("chunked", false), ("gzip, chunked", true), ("gzip", true)] {
        let text = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {value}\r\n\r\n");
        let (head, bytes) = response(&text);
        assert_eq!(has_foreign_coding(&head, bytes), is_foreign, "{value}");
    }
}

#[test]
fn a_connection_closes_by_version_and_by_word() {
    for (version, lines, closes) in [
        ("1.1", "X: y", false),
        ("1.1", "Connection: keep-alive", false),
        ("1.1", "Connection: Close", true),
        ("1.1", "Connection: x,  close", true),
        ("1.1", "Connection: x\r\nConnection: keep-alive, CLOSE", true),
        ("1.1", "Connection: xclose", false),
        ("1.1", "X: close", false),
        ("1.0", "X: y", true),
        ("1.0", "Connection: x", true),
        ("1.0", "Connection: Keep-Alive", false),
        ("1.0", "Connection: keep-alive, close", true),
    ] {
        let text = format!("GET / HTTP/{version}\r\nHost: a.example\r\n{lines}\r\n\r\n");
        let (head, bytes) = request(&text);
        assert_eq!(wants_close(&head.fields, head.minor, bytes), closes, "{version} {lines}");
    }
}

#[test]
fn an_upgrade_needs_both_its_fields() {
    for (lines, wants) in [
        ("Upgrade: h2c\r\nConnection: x, Upgrade", true),
        ("Upgrade: h2c", false),
        ("Connection: upgrade", false),
        ("Upgrade: h2c\r\nConnection: xupgrade", false),
    ] {
        let text = format!("GET / HTTP/1.1\r\n{lines}\r\n\r\n");
        let (head, bytes) = request(&text);
        assert_eq!(wants_upgrade(&head.fields, bytes), wants, "{lines}");
    }
}

#[test]
fn a_client_may_wait_for_continue() {
    for (version, value, waits) in
        [("1.1", "100-Continue", true), ("1.0", "100-continue", false), ("1.1", "x", false)]
    {
        let text = format!("GET / HTTP/{version}\r\nExpect: {value}\r\n\r\n");
        let (head, bytes) = request(&text);
        assert_eq!(expects_continue(&head, bytes), waits, "{version} {value}");
    }
}

#[test]
fn nominated_fields_end_at_this_hop() {
    let text = "GET / HTTP/1.1\r\nConnection: x-one, , close\r\nX-One: 1\r\nX-Two: 2\r\n\
                CONNECTION: X-THREE\r\nx-three: 3\r\n\r\n";
    let (head, bytes) = request(text);
    let nominations = Nominations::of(&head.fields, bytes);
    let ending: Vec<&[u8]> = head
        .fields
        .iter()
        .filter(|field| nominations.has(field))
        .map(|field| field.name.of(bytes))
        .collect();
    assert_eq!(ending, [&b"X-One"[..], b"x-three"]);
    assert!(nominated(&head.fields, bytes, b"x-ONE") && !nominated(&head.fields, bytes, b"x-two"));
    assert_eq!(connection_tokens(&head.fields, bytes).count(), 3);
}

#[test]
fn a_usual_connection_field_nominates_nothing_to_look_up() {
    let text = "GET / HTTP/1.1\r\nConnection: keep-alive, close, te, upgrade\r\nx: y\r\n\r\n";
    let (head, bytes) = request(text);
    let nominations = Nominations::of(&head.fields, bytes);
    assert!(!nominations.any);
    assert!(head.fields.iter().all(|field| !nominations.has(field)));
}

#[test]
fn the_nominated_are_bounded() {
    let most = vec!["a"; NOMINATED_MAX].join(",");
    assert!(with_lines(&format!("Connection: {most}")).is_ok());
    let verdict = with_lines(&format!("Connection: {most}\r\nConnection: b"));
    assert_eq!(verdict, Err(Refusal::TooManyNominated));
}

#[test]
fn a_host_is_labels_between_dots_or_a_dotted_quad() {
    // Every text of up to seven of these.
    let alphabet = b"a.1%/";
    let mut texts = vec![Vec::new()];
    for _ in 0..7 {
        let longer = texts.iter().flat_map(|text: &Vec<u8>| {
            alphabet.iter().map(move |&byte| [text.as_slice(), &[byte]].concat())
        });
        texts = longer.collect();
        for text in &texts {
            let is_quad = text.split(|&byte| byte == b'.').count() == 4
                && text.split(|&b| b == b'.').all(|p| p.len() <= 3 && decimal(p, 255).is_some());
            let mut labels = text.split_last().unwrap().1.split(|&byte| byte == b'.');
            let is_name = labels.all(|label| !label.is_empty());
            let wanted = !text.contains(&b'/') && (is_name || is_quad);
            assert_eq!(is_authority(text), wanted, "{}", text.escape_ascii());
        }
    }
}

#[test]
fn the_bytes_of_a_name_are_those_of_the_rfc() {
    let count = (0..=u8::MAX).filter(|&byte| is_name_byte(byte)).count();
    assert_eq!(count, 26 + 26 + 10 + 4 + 11 + 1, "unreserved, sub-delims, and the percent sign");
}
