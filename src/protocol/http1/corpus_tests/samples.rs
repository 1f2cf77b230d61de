//! Whole conversations of our own, each at every split: what a connection must take or refuse.

use super::at_every_split;
use super::connection::{Outcome, Verdict};
use crate::protocol::http1::Refusal;

fn request(text: &str) -> Outcome {
    at_every_split(true, text.as_bytes()).unwrap_or_else(|what| panic!("{text:?}: {what}"))
}

fn response(text: &str) -> Outcome {
    at_every_split(false, text.as_bytes()).unwrap_or_else(|what| panic!("{text:?}: {what}"))
}

fn bodies(outcome: &Outcome) -> Vec<&[u8]> {
    outcome.messages.iter().map(|message| message.body.as_slice()).collect()
}

#[test]
fn pipelined_requests_of_every_framing_are_told_apart() {
    let outcome = request(
        "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n\
         POST /b HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc\r\n\
         POST /c HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: Chunked\r\n\r\n\
         3;x=\"y\"\r\nabc\r\n01\r\nd\r\n0\r\nX-Sum: 1\r\n\r\n\
         GET /d HTTP/1.0\r\n\r\nignored",
    );
    assert_eq!(outcome.verdict, Verdict::Accept);
    assert_eq!(bodies(&outcome), [&b""[..], b"abc", b"abcd", b""]);
    let framings: Vec<_> = outcome.messages.iter().map(|message| message.framing).collect();
    assert_eq!(framings, ["none", "length", "chunked", "none"]);
    let closes: Vec<_> = outcome.messages.iter().map(|message| message.close).collect();
    assert_eq!(closes, [false, false, false, true]);
    assert_eq!(outcome.ignored, 7);
}

#[test]
fn a_smuggled_request_is_never_read_as_a_second_one() {
    let start = "POST / HTTP/1.1\r\nHost: a.example\r\n";
    let smuggled = "\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\nHost: a.example\r\n\r\n";
    for (fields, refusal) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", Refusal::FramingConflict),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", Refusal::FramingConflict),
        ("Content-Length: 5\r\nContent-Length: 50", Refusal::ContentLength),
        ("Content-Length: 5, 5", Refusal::ContentLength),
        ("Content-Length: +5", Refusal::ContentLength),
        ("Transfer-Encoding: chunked, identity", Refusal::TransferEncoding),
        ("Transfer-Encoding: \x0bchunked", Refusal::FieldValue),
        ("Transfer-Encoding : chunked", Refusal::FieldName),
        ("Transfer-Encoding: xchunked", Refusal::TransferEncoding),
        ("Transfer-Encoding:\r\n chunked", Refusal::FieldName),
        ("X: y\nTransfer-Encoding: chunked", Refusal::BareLf),
    ] {
        let outcome = request(&format!("{start}{fields}{smuggled}"));
        assert_eq!(outcome.verdict, Verdict::Reject, "{fields:?}");
        assert_eq!(outcome.refusal, Some(refusal), "{fields:?}");
        assert!(outcome.messages.is_empty(), "{fields:?}");
    }
}

#[test]
fn a_cut_request_is_incomplete_wherever_it_is_cut() {
    let whole = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n";
    for length in 0..whole.len() {
        assert_eq!(request(&whole[..length]).verdict, Verdict::Incomplete, "{length} bytes");
    }
    assert_eq!(request(whole).verdict, Verdict::Accept);
}

#[test]
fn responses_end_by_status_length_chunks_or_close() {
    let outcome = response(
        "HTTP/1.1 100 Continue\r\n\r\n\
         HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\
         HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\
         HTTP/1.1 200 OK\r\n\r\nto the end\r\n\r\n",
    );
    assert_eq!(outcome.verdict, Verdict::Accept);
    assert_eq!(bodies(&outcome), [&b""[..], b"", b"ok", b"ok", b"to the end\r\n\r\n"]);
    assert!(outcome.messages[4].close && !outcome.messages[3].close);
}

#[test]
fn a_response_short_of_its_length_or_last_chunk_is_incomplete() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\n",
    ] {
        assert_eq!(response(text).verdict, Verdict::Incomplete, "{text:?}");
    }
}

#[test]
fn whatever_is_wrong_with_a_response_is_a_bad_gateway() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        assert_eq!(response(text).status, Some(502), "{text:?}");
    }
}

#[test]
fn after_an_upgrade_nothing_is_read_as_http() {
    let outcome = response("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x01\x02");
    assert_eq!((outcome.verdict, outcome.ignored), (Verdict::Accept, 2));
}
