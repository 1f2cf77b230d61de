//! Heads as literal bytes, each whole, at every split into two reads, and byte by byte.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::*;
use crate::protocol::http1::header::Known;

mod limits;

const LIMITS: HeadLimits =
    HeadLimits { head_bytes_max: 4_096, line_bytes_max: 256, fields_max: 100 };

/// What a head says, in words that do not depend on spans.
#[derive(Debug, PartialEq)]
struct Seen {
    line: Vec<String>,
    fields: Vec<(String, String)>,
    end: usize,
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

fn seen(fields: &Fields, bytes: &[u8]) -> Vec<(String, String)> {
    fields.iter().map(|f| (text(f.name.of(bytes)), text(f.value.of(bytes)))).collect()
}

/// Feeds prefixes of these lengths, then everything.
fn request(bytes: &[u8], reads: &[usize]) -> Result<Option<Seen>, Refusal> {
    let mut parser = RequestParser::new(LIMITS);
    for &upto in reads.iter().chain([&bytes.len()]) {
        let read = &bytes[..upto];
        if let Some(head) = parser.parse(read)? {
            let path = head.path_and_query.of(read);
            let line = [head.method.of(read), head.target.of(read), path, &[b'0' + head.minor]];
            let line = line.map(text).to_vec();
            return Ok(Some(Seen { line, fields: seen(&head.fields, read), end: head.end }));
        }
    }
    Ok(None)
}

fn response(bytes: &[u8], reads: &[usize]) -> Result<Option<Seen>, Refusal> {
    let mut parser = ResponseParser::new(LIMITS);
    for &upto in reads.iter().chain([&bytes.len()]) {
        let read = &bytes[..upto];
        if let Some(head) = parser.parse(read)? {
            let status = head.status.to_string();
            let line = vec![status, text(head.reason.of(read)), head.minor.to_string()];
            return Ok(Some(Seen { line, fields: seen(&head.fields, read), end: head.end }));
        }
    }
    Ok(None)
}

type Parse = fn(&[u8], &[usize]) -> Result<Option<Seen>, Refusal>;

/// The verdict on the whole input, after it was found the same for every way to cut it.
fn at_every_split(parse: Parse, bytes: &[u8]) -> Result<Option<Seen>, Refusal> {
    let whole = parse(bytes, &[]);
    for cut in 0..bytes.len() {
        assert_eq!(parse(bytes, &[cut]), whole, "cut at {cut} of {}", text(bytes));
    }
    let each: Vec<usize> = (0..bytes.len()).collect();
    assert_eq!(parse(bytes, &each), whole, "byte by byte: {}", text(bytes));
    whole
}

fn refused(bytes: &[u8]) -> Refusal {
    at_every_split(request, bytes).expect_err(&text(bytes))
}

fn refused_response(bytes: &[u8]) -> Refusal {
    at_every_split(response, bytes).expect_err(&text(bytes))
}

fn line_of(bytes: &[u8]) -> Vec<String> {
    at_every_split(request, bytes).unwrap().unwrap().line
}

#[test]
fn a_request_head_is_read_as_it_stands() {
    let bytes =
        b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: api.example\r\nX-Api-KEY:\t k \t\r\n\
                  empty:\r\nutf: \xc3\xa4\r\n\r\nbody";
    let head = at_every_split(request, bytes).unwrap().unwrap();
    let path = "/v1/messages?beta=true";
    assert_eq!(head.line, ["POST", path, path, "1"]);
    let fields =
        [("Host", "api.example"), ("X-Api-KEY", "k"), ("empty", ""), ("utf", "\u{c3}\u{a4}")];
    assert_eq!(head.fields, fields.map(|(n, v)| (n.to_owned(), v.to_owned())));
    assert_eq!(head.end, bytes.len() - 4);
}

#[test]
fn known_names_are_numbered_while_parsing() {
    let bytes = b"GET / HTTP/1.1\r\nhOST: a\r\nx-api-key: b\r\nx: y\r\n\r\n";
    let head = RequestParser::new(LIMITS).parse(bytes).unwrap().unwrap();
    let known: Vec<Known> = head.fields.iter().map(|field| field.known).collect();
    assert_eq!(known, [Known::Host, Known::XApiKey, Known::Other]);
}

#[test]
fn more_fields_than_one_batch_keep_their_order() {
    let mut bytes = b"GET / HTTP/1.1\r\n".to_vec();
    for n in 0..=BATCH_LINES * 3 {
        bytes.extend_from_slice(format!("n{n}: v{n}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    let head = at_every_split(request, &bytes).unwrap().unwrap();
    assert_eq!(head.fields.len(), BATCH_LINES * 3 + 1);
    for (n, (name, value)) in head.fields.iter().enumerate() {
        assert_eq!((name.as_str(), value.as_str()), (&*format!("n{n}"), &*format!("v{n}")));
    }
}

#[test]
fn a_parser_is_ready_for_the_next_request_after_a_head() {
    let mut parser = RequestParser::new(LIMITS);
    let bytes = b"GET /a HTTP/1.1\r\nx: 1\r\n\r\nGET /b HTTP/1.0\r\n\r\n";
    let first = parser.parse(bytes).unwrap().unwrap();
    let rest = &bytes[first.end..];
    let second = parser.parse(rest).unwrap().unwrap();
    assert_eq!(second.target.of(rest), b"/b");
    assert!(second.fields.is_empty());
    assert_eq!(second.end, rest.len());
}

#[test]
fn empty_lines_before_a_request_are_no_request() {
    assert_eq!(line_of(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n")[0], "GET");
    assert_eq!(refused(b"\nGET / HTTP/1.1\r\n\r\n"), Refusal::BareLf);
    assert_eq!(refused(b"\rGET / HTTP/1.1\r\n\r\n"), Refusal::BareCr);
    let mut parser = RequestParser::new(LIMITS);
    assert!(!parser.has_begun(b""));
    assert_eq!(parser.parse(b"\r\n").map(|head| head.is_none()), Ok(true));
    assert!(!parser.has_begun(b"\r\n"));
    assert!(parser.has_begun(b"\r\n\r"));
    assert!(parser.has_begun(b"\r\nG"));
    let flood = b"\r\n".repeat(LIMITS.head_bytes_max);
    let mut parser = RequestParser::new(LIMITS);
    assert_eq!(parser.parse(&flood).unwrap_err(), Refusal::HeadTooLarge);
}

#[test]
fn a_request_line_has_three_words_and_two_spaces() {
    for bad in [
        &b"GET  / HTTP/1.1\r\n"[..],
        b"GET /  HTTP/1.1\r\n",
        b"GET / HTTP/1.1 \r\n",
        b"GET / HTTP/1.1\t\r\n",
        b" GET / HTTP/1.1\r\n",
        b"GET\t/\tHTTP/1.1\r\n",
        b"GET\r\n",
        b"GET \r\n",
        b"G(T / HTTP/1.1\r\n",
        b"G\xc3\xa4T / HTTP/1.1\r\n",
        b"GET / HTP/1.1\r\n",
        b"GET / http/1.1\r\n",
        b"GET / HTTP/11\r\n",
        b"GET / HTTP/1.1x\r\n",
        b"GET / HTTP/1.1 / HTTP/1.1\r\n",
    ] {
        let refusal = refused(bad);
        assert!(
            matches!(refusal, Refusal::RequestLine | Refusal::Target),
            "{refusal:?} for {}",
            text(bad)
        );
        assert_eq!(refusal.status(), 400);
    }
}

#[test]
fn only_versions_of_http_1_are_spoken() {
    assert_eq!(line_of(b"GET / HTTP/1.0\r\n\r\n")[3], "0");
    assert_eq!(line_of(b"GET / HTTP/1.9\r\n\r\n")[3], "9");
    for bad in [&b"GET / HTTP/2.0\r\n"[..], b"GET / HTTP/0.9\r\n", b"GET /\r\n", b"GET /\tx\r\n"] {
        assert_eq!(refused(bad), Refusal::Version, "{}", text(bad));
    }
    // What is wrong with the target's bytes comes first, with its form last.
    assert_eq!(refused(b"GET /\x01 HTTP/2.0\r\n"), Refusal::Target);
    assert_eq!(refused(b"GET x HTTP/2.0\r\n"), Refusal::Version);
}

#[test]
fn a_target_has_one_of_four_forms() {
    for (line, path) in [
        (&b"GET /a?b#c HTTP/1.1"[..], "/a?b#c"),
        (b"GET http://h.example/a?b HTTP/1.1", "/a?b"),
        (b"GET http://h.example HTTP/1.1", ""),
        (b"GET http://h.example?b HTTP/1.1", "?b"),
        (b"GET h+t-t.p1://h/x HTTP/1.1", "/x"),
        (b"OPTIONS * HTTP/1.1", ""),
        (b"GET urn:x HTTP/1.1", ""),
        (b"CONNECT h.example:443 HTTP/1.1", ""),
        (b"CONNECT [::1]:443 HTTP/1.1", ""),
        (b"GET //h/a HTTP/1.1", "//h/a"),
        (b"GET /\"<>\\^`{|} HTTP/1.1", "/\"<>\\^`{|}"),
    ] {
        let bytes = [line, b"\r\n\r\n"].concat();
        assert_eq!(line_of(&bytes)[2], path, "{}", text(line));
    }
    assert_eq!(line_of(b"GET /\xff\x80 HTTP/1.1\r\n\r\n")[2], "/\u{ff}\u{80}");
    for bad in [
        &b"GET * HTTP/1.1\r\n"[..],
        b"GET a HTTP/1.1\r\n",
        b"GET 1a:b HTTP/1.1\r\n",
        b"GET :b HTTP/1.1\r\n",
        b"GET /\x7f HTTP/1.1\r\n",
        b"GET /\x01 HTTP/1.1\r\n",
        b"GET /\x0b HTTP/1.1\r\n",
        b"GET /a\tb HTTP/1.1\r\n",
        b"CONNECT / HTTP/1.1\r\n",
        b"CONNECT h HTTP/1.1\r\n",
        b"CONNECT h: HTTP/1.1\r\n",
        b"CONNECT :1 HTTP/1.1\r\n",
        b"CONNECT a@h:1 HTTP/1.1\r\n",
        b"CONNECT [x]:1 HTTP/1.1\r\n",
    ] {
        assert_eq!(refused(bad), Refusal::Target, "{}", text(bad));
    }
}

#[test]
fn the_authority_of_an_absolute_target_is_kept() {
    let bytes = b"GET http://u.example:8/x HTTP/1.1\r\n\r\n";
    let head = RequestParser::new(LIMITS).parse(bytes).unwrap().unwrap();
    assert_eq!(head.authority.map(|span| span.of(bytes)), Some(&b"u.example:8"[..]));
}

#[test]
fn a_field_line_is_a_name_a_colon_and_a_value() {
    for (line, refusal) in [
        (&b"no colon\r\n"[..], Refusal::FieldName),
        (b"nocolon\r\n", Refusal::FieldName),
        (b": v\r\n", Refusal::FieldName),
        (b"a : v\r\n", Refusal::FieldName),
        (b"a\t: v\r\n", Refusal::FieldName),
        (b" a: v\r\n", Refusal::FieldName),
        (b"a: v\r\n folded\r\n", Refusal::FieldName),
        (b"a: v\r\n\tfolded\r\n", Refusal::FieldName),
        (b"a: v\r\n \r\n", Refusal::FieldName),
        (b"a(b): v\r\n", Refusal::FieldName),
        (b"\xc3\xa4: v\r\n", Refusal::FieldName),
        (b"a: \x01\r\n", Refusal::FieldValue),
        (b"a: b\x7f\r\n", Refusal::FieldValue),
        (b"a: b\x0bc\r\n", Refusal::FieldValue),
        (b"a: b\n", Refusal::BareLf),
        (b"a: b\r\n\n", Refusal::BareLf),
    ] {
        let bytes = [b"GET / HTTP/1.1\r\n", line].concat();
        assert_eq!(refused(&bytes), refusal, "{}", text(line));
    }
    let bytes = b"GET / HTTP/1.1\r\na_b!#$%&'*+.^`|~9: b\tc \x80\r\n\r\n";
    let head = at_every_split(request, bytes).unwrap().unwrap();
    assert_eq!(head.fields, [("a_b!#$%&'*+.^`|~9".to_owned(), "b\tc \u{80}".to_owned())]);
}

#[test]
fn nul_and_stray_cr_are_refused_before_their_line_ends() {
    for (bytes, refusal) in [
        (&b"GET / HTTP/1.1\r\na: b\0"[..], Refusal::Nul),
        (b"GET / HTTP/1.1\r\na: b\rc", Refusal::BareCr),
        (b"GET / HTTP/1.1\r\na: b\r\r", Refusal::BareCr),
        (b"GET /\0", Refusal::Nul),
        (b"GET /\r ", Refusal::BareCr),
        (b"GET / HTTP/1.1\r\n\r ", Refusal::BareCr),
    ] {
        assert_eq!(refused(bytes), refusal, "{}", text(bytes));
    }
    // In a whole line the reason may be another; the verdict is not.
    for bytes in [&b"GET / HTTP/1.1\r\na: b\rc\r\n\r\n"[..], b"GET / HTTP/1.1\r\na\0: b\r\n\r\n"] {
        for cut in 0..=bytes.len() {
            assert_eq!(request(bytes, &[cut]).unwrap_err().status(), 400);
        }
    }
}

#[test]
fn a_head_that_is_not_whole_is_neither_taken_nor_refused() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a.example\r\nx: y\r\n\r\n";
    for upto in 0..bytes.len() {
        assert_eq!(at_every_split(request, &bytes[..upto]), Ok(None), "{upto} bytes");
    }
}

#[test]
fn a_status_line_is_a_version_three_digits_and_maybe_a_reason() {
    for (line, status, reason) in [
        (&b"HTTP/1.1 200 OK"[..], "200", "OK"),
        (b"HTTP/1.1 200", "200", ""),
        (b"HTTP/1.1 200 ", "200", ""),
        (b"HTTP/1.0 999 a  b \t", "999", "a  b \t"),
        (b"HTTP/1.7 000 \xe9", "0", "\u{e9}"),
    ] {
        let bytes = [line, b"\r\n\r\n"].concat();
        let head = at_every_split(response, &bytes).unwrap().unwrap();
        assert_eq!(head.line[..2], [status, reason], "{}", text(line));
    }
    for bad in [
        &b"HTTP/1.1  200 OK\r\n"[..],
        b"HTTP/1.1 200  OK\r\n",
        b"HTTP/1.1 20 OK\r\n",
        b"HTTP/1.1 2000\r\n",
        b"HTTP/1.1 200\tOK\r\n",
        b"HTTP/1.1 200OK\r\n",
        b"HTTP/1.1\r\n",
        b"HTTP/1.1 \r\n",
        b"HTTP/11 200 OK\r\n",
        b"HTTPS/1.1 200 OK\r\n",
        b"HTTP/1.1 200 \x01\r\n",
        b"HTTP/1.1 200 a\x7f\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n",
        b" HTTP/1.1 200 OK\r\n",
    ] {
        assert_eq!(refused_response(bad), Refusal::StatusLine, "{}", text(bad));
    }
    assert_eq!(refused_response(b"HTTP/2.0 200 OK\r\n"), Refusal::Version);
    assert_eq!(refused_response(b"HTTP/1.1 200 OK\n"), Refusal::BareLf);
    assert_eq!(refused_response(b"HTTP/1.1 200 OK\r\na : b\r\n"), Refusal::FieldName);
}

#[test]
fn nul_and_stray_cr_come_before_the_words_of_a_request_line() {
    assert_eq!(refused(b"GET /x\r\r\n"), Refusal::BareCr);
    assert_eq!(refused(b"GET /x\ry\r\n"), Refusal::BareCr);
    assert_eq!(refused(b"GET /x\0\r\n"), Refusal::Nul);
    assert_eq!(refused_response(b"HTTP/2.0 200 \r\r\n"), Refusal::BareCr);
}
