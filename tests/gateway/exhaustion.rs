//! Out of file descriptors: who is served stays served, and all is well once some are free.

use rustix::process::Signal;

use crate::support::{End, Gateway, Mock, Wire, both, get, post};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";

/// With 64 open files in all, of which the gateway itself needs some.
fn starved() -> (Mock, Gateway) {
    let mock = Mock::start();
    let config = both(&mock.url()) + "[limits]\nconnections = 1000\n";
    let gateway = Gateway::start_after("ulimit -n 64", &config);
    (mock, gateway)
}

/// Connects until the gateway turns one away; gives those that are served.
fn fill(gateway: &Gateway) -> Vec<Wire> {
    let mut served = Vec::new();
    loop {
        let mut client = gateway.connect();
        client.try_send(get("/livez", ""));
        let head = client.head();
        if head.status() == 503 {
            assert_eq!(head.field("connection"), Some("close"));
            return served;
        }
        assert!(served.len() < 64, "there are no more than 64 files");
        client.answer_of(head);
        served.push(client);
    }
}

#[test]
fn clients_that_are_served_stay_served_when_files_run_out() {
    let (_mock, gateway) = starved();
    let mut served = fill(&gateway);
    assert!(served.len() > 20, "{} connections", served.len());
    for client in &mut served {
        client.send(get("/livez", ""));
        assert_eq!(client.answer().head.status(), 200);
    }
    let line = gateway.line("connections were turned away");
    assert!(line.contains("out of open files"), "{line}");
}

#[test]
fn an_upstream_that_cannot_be_opened_for_want_of_files_is_told_and_passes() {
    let (_mock, gateway) = starved();
    let mut served = fill(&gateway);
    let mut client = served.pop().unwrap();
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let answer = client.answer();
    assert_eq!(answer.head.status(), 502, "{}", answer.text());
    assert!(answer.text().contains("open files"), "{}", answer.text());
    drop(served);
    // The places are free once the gateway has seen the closes.
    while {
        client.send(post("/v1/messages", OWN_KEY, "{}"));
        client.answer().head.status() == 502
    } {}
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    assert_eq!(client.answer().head.status(), 200);
}

#[test]
fn new_clients_are_served_again_once_files_are_free() {
    let (_mock, gateway) = starved();
    let served = fill(&gateway);
    let before = gateway.open_files();
    assert!(before >= 60, "{before} open files");
    drop(served);
    while {
        let mut client = gateway.connect();
        client.try_send(post("/v1/messages", &format!("{OWN_KEY}connection: close\r\n"), "{}"));
        client.head().status() == 503
    } {}
    assert_eq!(gateway.ask(post("/v1/messages", OWN_KEY, "{}")).head.status(), 200);
}

#[test]
fn a_drain_that_begins_while_files_are_out_still_ends() {
    for queued in [0, 5] {
        let (_mock, gateway) = starved();
        let mut served = fill(&gateway);
        // The last one was turned away just now, so the gateway pauses before it accepts again.
        let waiting: Vec<Wire> = (0..queued).map(|_| gateway.connect()).collect();
        gateway.signal(Signal::TERM);
        for client in &mut served {
            assert_eq!(client.rest(), (Vec::new(), End::Fin));
        }
        drop(waiting);
        assert_eq!(gateway.ended().code, Some(0));
    }
}
