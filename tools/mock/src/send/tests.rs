//! What goes on the wire for each knob, byte by byte, without a socket.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panic")]

use std::time::Duration;

use super::*;
use crate::answer::{Answer, Ask, Content};
use crate::knobs::Knobs;
use crate::request::{Body, Head, Length};

const KEEP: Reply = Reply { is_head: false, is_http10: false, keeps_alive: true };

fn knobs(text: &str) -> Knobs {
    let mut knobs = Knobs::default();
    knobs.apply(text).unwrap();
    knobs
}

fn plan_of(content: Content, text: &str, reply: Reply) -> Vec<Step> {
    let answer = Answer { content, headers: vec![("a".to_owned(), "b".to_owned())], status: 200 };
    let mut plan = Plan::new(answer, knobs(text), reply);
    std::iter::from_fn(|| plan.next()).collect()
}

/// The wire bytes and the finish for a body of ten digits.
fn sent(text: &str) -> (String, Finish) {
    wire(plan_of(Content::Whole(b"0123456789".to_vec()), text, KEEP))
}

/// The same for an Anthropic stream of three content events.
fn streamed(text: &str) -> (String, Finish) {
    wire(stream_steps(text))
}

fn stream_steps(text: &str) -> Vec<Step> {
    let head = Head {
        headers: Vec::new(),
        is_http10: false,
        length: Length::Known(0),
        method: "POST".to_owned(),
        target: "/v1/messages".to_owned(),
    };
    let body = Body { length: 15, kept: br#"{"stream":true}"#.to_vec(), sha256: None };
    let knobs = knobs(&format!("events=3, {text}"));
    let ask = Ask { body: &body, head: &head, knobs: &knobs, replay_dir: None, sequence: 1 };
    let mut plan = Plan::new(ask.answer(), knobs.clone(), KEEP);
    std::iter::from_fn(|| plan.next()).collect()
}

fn wire(steps: Vec<Step>) -> (String, Finish) {
    let mut bytes = Vec::new();
    let mut finish = None;
    for step in steps {
        assert_eq!(finish, None, "nothing may follow a finish");
        match step {
            Step::Write(part) => bytes.extend_from_slice(&part),
            Step::Finish(how) => finish = Some(how),
            Step::Complete | Step::Until(_) | Step::Wait(_) => {}
        }
    }
    (String::from_utf8_lossy(&bytes).into_owned(), finish.unwrap())
}

const LENGTH_HEAD: &str = "HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 10\r\n\r\n";
const CHUNKED_HEAD: &str = "HTTP/1.1 200 OK\r\na: b\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn a_whole_body_goes_out_with_its_length() {
    assert_eq!(sent(""), (format!("{LENGTH_HEAD}0123456789"), Finish::Keep));
}

#[test]
fn chunks_have_the_asked_size_extension_and_trailers() {
    let (text, finish) = sent("framing=chunked, chunk_size=4, chunk_ext=\";x\"");
    let body = "4;x\r\n0123\r\n4;x\r\n4567\r\n2;x\r\n89\r\n0;x\r\n\r\n";
    assert_eq!((text, finish), (format!("{CHUNKED_HEAD}{body}"), Finish::Keep));
    let (text, _) = sent("trailers");
    assert!(text.contains("\r\ntrailer: x-mock-trailer\r\n"), "{text}");
    assert!(text.ends_with("\r\n0\r\nx-mock-trailer: 1\r\n\r\n"), "{text}");
}

#[test]
fn a_cut_stops_after_exactly_so_many_payload_bytes() {
    for at in 0..=10 {
        let (text, finish) = sent(&format!("cut_after={at}"));
        let expected = format!("{LENGTH_HEAD}{}", &"0123456789"[..at]);
        assert_eq!((text, finish), (expected, Finish::Cut), "cut at {at}");
    }
    assert_eq!(sent("rst_after=3").1, Finish::Reset);
    assert_eq!(sent("stall_after=3").1, Finish::Stall);
    let (text, finish) = sent("cut_after=500");
    assert_eq!((text, finish), (format!("{LENGTH_HEAD}0123456789"), Finish::Cut));
}

#[test]
fn a_cut_of_a_chunked_body_leaves_the_chunk_open() {
    let (text, _) = sent("framing=chunked, chunk_size=4, cut_after=6");
    assert_eq!(text, format!("{CHUNKED_HEAD}4\r\n0123\r\n4\r\n45"));
    let (text, finish) = sent("framing=chunked, cut_after=end");
    assert_eq!((text, finish), (format!("{CHUNKED_HEAD}a\r\n0123456789\r\n"), Finish::Cut));
}

#[test]
fn chunk_lines_can_lie_or_end_early() {
    let (text, finish) = sent("framing=chunked, chunk_size=4, cut_chunk_line");
    assert_eq!((text, finish), (format!("{CHUNKED_HEAD}4\r\n0123\r\n4"), Finish::Cut));
    let (text, finish) = sent("framing=chunked, cut_chunk_line");
    assert_eq!((text, finish), (format!("{CHUNKED_HEAD}a\r\n0123456789\r\n0"), Finish::Cut));
    let (text, finish) = sent("framing=chunked, chunk_size=4, bad_chunk_size");
    let body = "4\r\n0123\r\nzz\r\n4567\r\n2\r\n89\r\n0\r\n\r\n";
    assert_eq!((text, finish), (format!("{CHUNKED_HEAD}{body}"), Finish::Keep));
    let (text, finish) = sent("framing=chunked, missing_last_chunk");
    assert_eq!((text, finish), (format!("{CHUNKED_HEAD}a\r\n0123456789\r\n"), Finish::Cut));
}

#[test]
fn lengths_can_lie() {
    let (text, finish) = sent("short_length=3");
    assert_eq!((text, finish), (LENGTH_HEAD.replace("10", "7") + "0123456789", Finish::Keep));
    let (text, finish) = sent("long_length=3");
    assert_eq!((text, finish), (LENGTH_HEAD.replace("10", "13") + "0123456789", Finish::Cut));
    let (text, _) = sent("framing=both");
    assert!(text.contains("content-length: 10\r\ntransfer-encoding: chunked\r\n"), "{text}");
}

#[test]
fn heads_can_end_early_be_absent_or_be_noise() {
    assert_eq!(sent("cut_in_head=8"), ("HTTP/1.1".to_owned(), Finish::Cut));
    assert_eq!(sent("rst_in_head=8").1, Finish::Reset);
    assert_eq!(sent("stall_in_head=8").1, Finish::Stall);
    let (text, _) = sent("cut_in_head=5000");
    assert_eq!(text, LENGTH_HEAD[..LENGTH_HEAD.len() - 1]);
    assert_eq!(sent("cut_before_head"), (String::new(), Finish::Cut));
    assert_eq!(sent("rst_before_head"), (String::new(), Finish::Reset));
    assert_eq!(sent("head_stall"), (String::new(), Finish::Stall));
    let steps = plan_of(Content::Whole(Vec::new()), "garbage=64", KEEP);
    assert!(matches!(&steps[..], [Step::Write(noise), Step::Finish(Finish::Cut)]
        if noise.len() == 64 && noise.iter().all(|byte| *byte >= 0x80)));
}

#[test]
fn heads_grow_to_the_asked_size_and_count() {
    let (text, _) = sent("head_size=1000");
    assert_eq!(text.find("0123456789"), Some(1000));
    let (text, _) = sent("header_count=300");
    assert_eq!(text.matches("\r\nx-count-").count(), 300);
}

#[test]
fn interim_answers_come_first() {
    let (text, _) = sent("storm_1xx=4");
    let statuses: Vec<_> = text.lines().filter(|line| line.starts_with("HTTP")).collect();
    assert_eq!(statuses.len(), 5);
    assert!(statuses[4].contains("200"), "{text}");
    let (text, finish) = sent("status_101");
    assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
    assert_eq!(finish, Finish::Stall);
}

#[test]
fn stray_bytes_follow_the_answer_at_once_or_later() {
    let (text, finish) = sent("extra_bytes=3");
    assert_eq!((text, finish), (format!("{LENGTH_HEAD}0123456789XXX"), Finish::Keep));
    let steps = plan_of(Content::Whole(Vec::new()), "extra_response, extra_delay=5ms", KEEP);
    let at = steps.iter().position(|step| *step == Step::Complete).unwrap();
    assert_eq!(steps[at + 1], Step::Wait(Duration::from_millis(5)));
    assert!(matches!(&steps[at + 2], Step::Write(bytes) if bytes.starts_with(b"HTTP/1.1 200")));
    assert_eq!(steps[at + 3], Step::Finish(Finish::Keep));
}

#[test]
fn closes_are_announced_unless_the_test_says_otherwise() {
    let (text, finish) = sent("close");
    assert!(text.contains("\r\nconnection: close\r\n"), "{text}");
    assert_eq!(finish, Finish::Close);
    assert_eq!(sent("close, no_close_notify").1, Finish::Cut);
    let (text, finish) = sent("close_after=5ms");
    assert!(!text.contains("connection"), "{text}");
    assert_eq!(finish, Finish::Close);
    let (text, finish) = sent("framing=close");
    assert!(!text.contains("content-length"), "{text}");
    assert_eq!(finish, Finish::Close);
    let (text, _) = sent("http10");
    assert!(text.starts_with("HTTP/1.0 200"), "{text}");
}

#[test]
fn a_head_request_gets_the_length_and_no_body() {
    let reply = Reply { is_head: true, ..KEEP };
    let (text, finish) = wire(plan_of(Content::Whole(b"0123456789".to_vec()), "", reply));
    assert_eq!((text, finish), (LENGTH_HEAD.to_owned(), Finish::Keep));
}

#[test]
fn a_chunked_coding_can_hold_another() {
    let (text, _) = sent("double_chunked");
    assert_eq!(
        text,
        format!("{CHUNKED_HEAD}f\r\na\r\n0123456789\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n")
    );
}

#[test]
fn a_stream_is_cut_after_so_many_content_events() {
    for at in 0..=3 {
        let (text, finish) = streamed(&format!("cut_after={at}e"));
        assert_eq!(text.matches("event: content_block_delta").count(), at, "{text}");
        assert!(!text.contains("content_block_stop"), "{text}");
        assert_eq!(finish, Finish::Cut);
    }
}

#[test]
fn a_stream_is_paced_by_its_content_events() {
    let steps = stream_steps("rate=10, first_byte_delay=1s");
    let due: Vec<_> = steps
        .iter()
        .filter_map(|step| if let Step::Until(at) = step { Some(at.as_millis()) } else { None })
        .collect();
    assert_eq!(due, [1000, 1100, 1200, 1300]);
}

#[test]
fn a_stream_with_a_length_says_the_true_one() {
    let (text, finish) = streamed("framing=length");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
    assert_eq!(finish, Finish::Keep);
}

#[test]
fn a_recording_is_sent_byte_by_byte_whatever_the_pieces() {
    let recording = b"event: a\ndata: 1\n\ndata: 2\r\n\r\ndata: cut";
    for text in ["", "chunk=3", "rate=1000", "rate=1000, chunk=7"] {
        let text = format!("framing=close, {text}");
        let (sent, _) = wire(plan_of(Content::Recorded(recording.to_vec()), &text, KEEP));
        let (_, body) = sent.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.as_bytes(), recording, "{text}");
    }
    let steps = plan_of(Content::Recorded(recording.to_vec()), "rate=1000", KEEP);
    assert_eq!(steps.iter().filter(|step| matches!(step, Step::Until(_))).count(), 3);
}
