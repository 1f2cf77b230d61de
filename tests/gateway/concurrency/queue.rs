//! Those who wait for a place (`concurrency.queue_timeout`): in which order they get it, and that no
//! place stays free beside one who waits for it.

use super::{AT_CAPACITY, STREAM, assert_at_cap, capped, open, pool};
use crate::support::{Gateway, Mock, Upstream, Wire, key, post};

/// A request whose body the gateway has asked for, and got: one worker reads it before whatever a
/// later client sends.
fn queued(gateway: &Gateway, body: &str) -> Wire {
    let request = post("/v1/messages", "expect: 100-continue\r\n", body);
    let (head, body) = request.split_at(request.len() - body.len());
    let mut client = gateway.connect();
    client.send(head);
    assert_eq!(client.head().status(), 100);
    client.send(body);
    client
}

#[test]
fn with_a_queue_timeout_the_next_in_line_gets_the_place() {
    let upstream = Upstream::start();
    let config = pool(&upstream.url(), "", &[&capped("sk-a", 1)])
        + "[concurrency]\nqueue_timeout = \"15s\"\n";
    let gateway = Gateway::start(&config);
    let (_client, mut provider, _) = open(&gateway, &upstream, "");
    let mut waiting: Vec<Wire> = Vec::new();
    for model in ["one", "two"] {
        waiting.push(queued(&gateway, &format!("{{\"model\":\"{model}\"}}")));
    }
    provider.send("0\r\n\r\n");
    for (client, model) in waiting.iter_mut().zip(["one", "two"]) {
        let (mut next, request) = upstream.request();
        assert_eq!(request.text(), format!("{{\"model\":\"{model}\"}}"), "first come first served");
        next.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
        assert_eq!(client.answer().head.status(), 200);
    }
}

#[test]
fn a_place_that_the_first_in_line_cannot_use_goes_to_the_next() {
    let upstream = Upstream::start();
    let keys = [capped("sk-a", 1), capped("sk-b", 1)];
    let config = pool(&upstream.url(), "", &[&keys[0], &keys[1]])
        + "[concurrency]\nqueue_timeout = \"15s\"\n";
    let gateway = Gateway::start(&config);
    let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 28\r\nconnection: close\r\n\r\n\
                 event: a\ndata: 1\n\n";
    // For model one sk-a rests and sk-b is at its cap; for two sk-a is at its cap.
    let mut first = gateway.connect();
    first.send(post("/v1/messages", "", "{\"model\":\"one\",\"stream\":true}"));
    let (mut provider_b, _) = upstream.request();
    provider_b.send("HTTP/1.1 429 Too Many\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(provider_b.answer().head.field("x-api-key"), Some("sk-b"));
    provider_b.send(begun);
    assert_eq!(first.head().status(), 200);
    let mut second = gateway.connect();
    second.send(post("/v1/messages", "", "{\"model\":\"two\",\"stream\":true}"));
    let (mut provider_a, request) = upstream.request();
    assert_eq!(request.head.field("x-api-key"), Some("sk-a"));
    provider_a.send(begun);
    assert_eq!(second.head().status(), 200);
    let _one = queued(&gateway, "{\"model\":\"one\"}");
    let mut two = queued(&gateway, "{\"model\":\"two\"}");
    provider_a.send("event: b\n\n");
    let (mut provider_a, next) = upstream.request();
    assert_eq!(next.text(), "{\"model\":\"two\"}", "nothing else can use the free place");
    provider_a.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    assert_eq!(two.answer().head.status(), 200);
}

#[test]
fn a_queue_that_is_full_or_too_slow_refuses() {
    let upstream = Upstream::start();
    let config = pool(&upstream.url(), "", &[&key("sk-a")])
        + "[concurrency]\nglobal = 1\nqueue_timeout = \"300ms\"\nqueue_length = 1\n";
    let gateway = Gateway::start(&config);
    let _streaming = open(&gateway, &upstream, "");
    let mut first = queued(&gateway, STREAM);
    let second = gateway.ask(post("/v1/messages", "", STREAM));
    assert_at_cap(&second, "global_cap", AT_CAPACITY);
    assert_at_cap(&first.answer(), "global_cap", AT_CAPACITY);
}

#[test]
fn who_leaves_the_queue_is_not_served() {
    let upstream = Upstream::start();
    let config = pool(&upstream.url(), "", &[&capped("sk-a", 1)])
        + "[concurrency]\nqueue_timeout = \"15s\"\n";
    let gateway = Gateway::start(&config);
    let (_client, mut provider, _) = open(&gateway, &upstream, "");
    let leaving = queued(&gateway, "{\"model\":\"left\"}");
    let _staying = queued(&gateway, "{\"model\":\"stays\"}");
    drop(leaving);
    gateway.line("client_gone");
    provider.send("0\r\n\r\n");
    let (_next, request) = upstream.request();
    assert_eq!(request.text(), "{\"model\":\"stays\"}");
}

fn taken_on_any_of(workers: usize) {
    let mock = Mock::with(&["--knobs", "first_byte_delay=2ms"]);
    let config = format!("[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = {workers}\n")
        + &pool(&mock.url(), "", &[&capped("sk-a", 1)])
        + "[concurrency]\nqueue_timeout = \"15s\"\n";
    let gateway = Gateway::start(&config);
    let address = gateway.address;
    let clients: Vec<_> = (0..40 + workers)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = Wire::connect(address);
                client.send(post("/v1/messages", "", "{\"model\":\"m\"}"));
                client.answer().head.status()
            })
        })
        .collect();
    for client in clients {
        assert_eq!(client.join().unwrap(), 200);
    }
}

#[test]
fn a_place_freed_on_one_worker_is_taken_on_another() {
    taken_on_any_of(2);
}

/// A gate can tell 32 workers apart: the others share with these.
#[test]
fn a_place_freed_on_one_worker_is_taken_on_any_of_forty() {
    taken_on_any_of(40);
}

/// On eight workers wait many that cannot use what is freed, and on one of them one that can.
fn found_by_the_one_that_can_use_it(workers: usize) {
    let upstream = Upstream::start();
    let keys = [capped("sk-a", 1), capped("sk-b", 1)];
    let config = format!("[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = {workers}\n")
        + &pool(&upstream.url(), "", &[&keys[0], &keys[1]])
        + "[concurrency]\nqueue_timeout = \"60s\"\n";
    let gateway = Gateway::start(&config);
    // Model one: sk-a rests for it, sk-b is at its cap.
    let mut first = gateway.connect();
    first.send(post("/v1/messages", "", "{\"model\":\"one\",\"stream\":true}"));
    let (mut provider_b, request) = upstream.request();
    let limited = request.head.field("x-api-key").unwrap().to_owned();
    provider_b.send("HTTP/1.1 429 Too Many\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n");
    assert_ne!(provider_b.answer().head.field("x-api-key"), Some(limited.as_str()));
    provider_b.send(BEGUN);
    assert_eq!(first.head().status(), 200);
    // Model two: the other key is taken, and this one as well.
    let ask_two = || {
        let mut client = gateway.connect();
        client.send(post("/v1/messages", "", "{\"model\":\"two\",\"stream\":true}"));
        client
    };
    let mut second = ask_two();
    let (mut holder, request) = upstream.request();
    assert_eq!(request.head.field("x-api-key"), Some(limited.as_str()));
    holder.send(BEGUN);
    assert_eq!(second.head().status(), 200);
    let _ones: Vec<Wire> =
        (0..3 * workers).map(|_| queued(&gateway, "{\"model\":\"one\"}")).collect();
    for round in 0..12 {
        let mut two = queued(&gateway, "{\"model\":\"two\",\"stream\":true}");
        holder.send("event: b\n\n");
        let (next, request) = upstream.request();
        assert!(request.text().contains("\"two\""), "round {round}: nothing else can use it");
        holder = next;
        holder.send(BEGUN);
        assert_eq!(two.head().status(), 200);
    }
}

#[test]
fn a_place_that_one_worker_cannot_use_goes_to_another() {
    found_by_the_one_that_can_use_it(8);
}

#[test]
fn a_place_that_one_worker_cannot_use_goes_round_forty() {
    found_by_the_one_that_can_use_it(40);
}

/// An event of two, after which the answer and its connection are over.
const BEGUN: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 28\r\n\
    connection: close\r\n\r\nevent: a\ndata: 1\n\n";
