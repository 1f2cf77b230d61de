//! Whole answers at every split, and each way to break one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panic")]

use tidegate_tools::digest::COMMENT;

use super::*;

const STOP: &str = "event: message_stop\ndata: {}\n\n";

fn expect(stream: bool) -> Expect {
    Expect { dialect: Dialect::Anthropic, statuses: vec![200], stream }
}

fn digest(payload: &str) -> String {
    let mut digest = Digest::default();
    digest.push(payload.as_bytes());
    digest.text()
}

fn whole(body: &str, told: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nx-mock-digest: {told}\r\n\r\n{body}")
}

fn stream(payload: &str) -> String {
    let chunk = format!("{:x}\r\n{payload}\r\n", payload.len());
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked";
    format!("HTTP/1.1 100 Continue\r\n\r\n{head}\r\n\r\n{chunk}0\r\n\r\n")
}

fn read(expect: &Expect, parts: &[&[u8]]) -> (Result<(), Fault>, Reply, u32) {
    let (mut reply, mut events) = (Reply::new(), 0);
    for part in parts {
        if let Err(fault) = reply.push(expect, part, &mut |_| events += 1) {
            return (Err(fault), reply, events);
        }
    }
    (Ok(()), reply, events)
}

const GOOD: Verdict = Verdict { fault: None, is_verified: true };

#[test]
fn any_split_gives_the_same_verdict() {
    let payload = format!("data: {{}}\n\n{STOP}");
    let told = format!("{payload}{COMMENT}{}\n\n", digest(&payload));
    for (expect, text, events) in [
        (expect(false), whole("{\"a\":1}", &digest("{\"a\":1}")), 0),
        (expect(true), stream(&told), 2),
    ] {
        for cut in 0..=text.len() {
            let (first, second) = text.as_bytes().split_at(cut);
            let (result, reply, seen) = read(&expect, &[first, second]);
            assert_eq!((result, seen), (Ok(()), events), "cut at {cut}");
            assert!(reply.is_done() && reply.keeps_alive(), "cut at {cut}");
            assert_eq!(reply.verdict(&expect), GOOD, "cut at {cut}");
        }
    }
}

#[test]
fn every_missing_end_is_told() {
    let payload = format!("data: {{}}\n\n{STOP}");
    let told = format!("{payload}{COMMENT}{}\n\n", digest(&payload));
    for (expect, text) in [(expect(false), whole("{}", "")), (expect(true), stream(&told))] {
        for length in 0..text.len() {
            let (_, reply, _) = read(&expect, &[&text.as_bytes()[..length]]);
            let fault = reply.verdict(&expect).fault;
            // Right after an interim head there is no answer yet.
            let interim = "HTTP/1.1 100 Continue\r\n\r\n";
            let nothing = length == 0 || (text.starts_with(interim) && length == interim.len());
            let expected = if nothing { Fault::ClosedBeforeAnswer } else { Fault::Truncated };
            assert_eq!(fault, Some(expected), "first {length} bytes of {text}");
            assert!(!reply.is_done() && !reply.keeps_alive());
        }
    }
}

#[test]
fn each_fault_has_its_verdict() {
    let is_stream = expect(true);
    let whole_200 = whole("{}", &digest("{}"));
    let stop_told = format!("{STOP}{COMMENT}{}\n\n", digest("other"));
    for (expect, text, fault) in [
        (expect(false), whole("{}", &digest("{ }")), Fault::Changed),
        (expect(false), whole_200.replace("200", "500"), Fault::Status),
        (expect(false), whole_200.clone() + "X", Fault::ExtraBytes),
        (is_stream.clone(), whole_200.clone(), Fault::IncompleteStream),
        (is_stream.clone(), stream("data: {}\n\n"), Fault::IncompleteStream),
        (is_stream.clone(), stream("event: error\ndata: {}\n\n"), Fault::ErrorEvent),
        (is_stream, stream(&stop_told), Fault::Changed),
    ] {
        let (result, reply, _) = read(&expect, &[text.as_bytes()]);
        assert_eq!(result, Ok(()));
        assert_eq!(reply.verdict(&expect).fault, Some(fault), "{text}");
        assert!(!reply.verdict(&expect).is_verified, "{text}");
    }
}

#[test]
fn an_answer_without_digest_is_good_but_not_verified() {
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let (_, reply, _) = read(&expect(false), &[text.as_bytes()]);
    assert_eq!(reply.verdict(&expect(false)), Verdict { fault: None, is_verified: false });
}

#[test]
fn a_body_may_end_with_the_connection() {
    let text = "HTTP/1.1 200 OK\r\n\r\n{}";
    let (_, reply, _) = read(&expect(false), &[text.as_bytes()]);
    assert_eq!(reply.verdict(&expect(false)).fault, None);
    assert!(!reply.keeps_alive());
}

#[test]
fn no_http_is_refused() {
    for text in ["\u{80}garbage\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n"] {
        assert_eq!(read(&expect(false), &[text.as_bytes()]).0, Err(Fault::BadHttp), "{text}");
    }
}
