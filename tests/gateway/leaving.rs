//! Clients that leave, in each phase and by FIN or RST: the upstream is closed at once, and nobody
//! else notices.

use crate::support::{FullListener, Gateway, Mock, Payload, Upstream, Wire, both, get, post};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";

#[derive(Clone, Copy, Debug)]
enum Leave {
    Close,
    HalfClose,
    Reset,
}

const ALL: [Leave; 3] = [Leave::Close, Leave::HalfClose, Leave::Reset];

/// Leaves; a half-closed connection stays open on this side until the value is dropped.
fn leave(mut client: Wire, how: Leave) -> Option<Wire> {
    match how {
        Leave::Close => drop(client),
        Leave::HalfClose => {
            client.half_close();
            return Some(client);
        }
        Leave::Reset => client.reset(),
    }
    None
}

fn mocked() -> (Mock, Gateway) {
    let mock = Mock::start();
    let gateway = Gateway::start(&both(&mock.url()));
    (mock, gateway)
}

/// Waits until the gateway has nothing under way.
fn calms_down(gateway: &Gateway) {
    let mut client = gateway.connect();
    for _ in 0..50_000 {
        client.send(get("/livez", ""));
        if client.answer().json()["in_flight"] == 0 {
            return;
        }
    }
    panic!("something stays in flight");
}

fn still_serves(gateway: &Gateway) {
    calms_down(gateway);
    assert_eq!(gateway.ask(post("/v1/messages", OWN_KEY, "{}")).head.status(), 200);
}

#[test]
fn a_client_that_leaves_within_its_head_leaves_no_trace() {
    let (mock, gateway) = mocked();
    for how in ALL {
        for part in ["", "G", "POST /v1/messages HTTP/1.1\r\nhost: gateway.t", "\r\n"] {
            let mut client = gateway.connect();
            client.send(part);
            leave(client, how);
        }
    }
    still_serves(&gateway);
    assert_eq!(mock.log(1).len(), 1);
}

#[test]
fn a_client_that_leaves_within_its_body_sends_nothing_upstream() {
    let (mock, gateway) = mocked();
    for how in ALL {
        for framing in ["content-length: 10\r\n\r\n{", "transfer-encoding: chunked\r\n\r\n5\r\n{"] {
            let mut client = gateway.connect();
            let head = "POST /v1/messages HTTP/1.1\r\nhost: gateway.test\r\nx-api-key: sk-own\r\n";
            client.send(format!("{head}{framing}"));
            leave(client, how);
        }
    }
    still_serves(&gateway);
    assert_eq!(mock.log(1).len(), 1);
}

#[test]
fn a_client_that_leaves_within_its_upload_cuts_it_upstream_too() {
    for how in ALL {
        for framing in
            ["content-length: 10\r\n\r\n12345", "transfer-encoding: chunked\r\n\r\n5\r\n12345"]
        {
            let provider = Upstream::start();
            let gateway = Gateway::start(&both(&provider.url()));
            let mut client = gateway.connect();
            let head = "POST /v1/files HTTP/1.1\r\nhost: gateway.test\r\nx-api-key: sk-own\r\n";
            client.send(format!("{head}{framing}"));
            let mut upstream = provider.accept();
            let mut payload = Payload::of(&upstream.head());
            payload.until(&mut upstream, "12345");
            let _open = leave(client, how);
            payload.finish(&mut upstream);
            assert_ne!(payload.end, Some(crate::support::BodyEnd::Whole), "{how:?} {framing}");
            calms_down(&gateway);
        }
    }
}

#[test]
fn a_client_that_leaves_while_it_waits_closes_the_upstream() {
    let (mock, gateway) = mocked();
    for (count, how) in ALL.into_iter().enumerate() {
        for (turn, request) in [
            post("/v1/messages", &format!("{OWN_KEY}x-mock: head_stall\r\n"), STREAM),
            get("/v1/models", &format!("{OWN_KEY}x-mock: head_stall\r\n")),
            post("/v1/files", &format!("{OWN_KEY}x-mock: head_stall\r\n"), "upload"),
        ]
        .into_iter()
        .enumerate()
        {
            let mut client = gateway.connect();
            client.send(request);
            mock.wait_in_flight(1);
            let _open = leave(client, how);
            mock.wait_in_flight(0);
            let log = mock.log(count * 3 + turn + 1);
            assert_eq!(log.last().unwrap().text("end"), "peer_left", "{how:?}");
        }
    }
    still_serves(&gateway);
}

#[test]
fn a_client_that_leaves_a_stream_closes_the_upstream_at_once() {
    let (mock, gateway) = mocked();
    for (count, how) in ALL.into_iter().enumerate() {
        let mut client = gateway.connect();
        let fields = format!("{OWN_KEY}x-mock: stall_after=3e\r\n");
        client.send(post("/v1/messages", &fields, STREAM));
        let mut payload = Payload::of(&client.head());
        payload.until(&mut client, "tide0");
        let _open = leave(client, how);
        let seen = mock.log(count + 1).pop().unwrap();
        assert_eq!(seen.text("end"), "peer_left", "{how:?}");
        let after = seen.number("peer_left_after_write_ms").unwrap();
        println!("{how:?}: the upstream was closed {after:.1} ms after its last event");
        assert!(after < 1_000.0, "{how:?}: {after} ms");
    }
    still_serves(&gateway);
}

#[test]
fn a_client_that_leaves_with_requests_pipelined_behind_is_seen_leaving() {
    let (mock, gateway) = mocked();
    for (count, how) in ALL.into_iter().enumerate() {
        let mut client = gateway.connect();
        let fields = format!("{OWN_KEY}x-mock: stall_after=3e\r\n");
        client.send(post("/v1/messages", &fields, STREAM) + &get("/v1/models", OWN_KEY).repeat(50));
        let mut payload = Payload::of(&client.head());
        payload.until(&mut client, "tide0");
        let _open = leave(client, how);
        assert_eq!(mock.log(count + 1).last().unwrap().text("end"), "peer_left", "{how:?}");
    }
    still_serves(&gateway);
}

#[test]
fn three_hundred_clients_that_leave_together_are_all_seen() {
    let (mock, gateway) = mocked();
    let request = post("/v1/messages", &format!("{OWN_KEY}x-mock: head_stall\r\n"), STREAM);
    let mut clients: Vec<Wire> = (0..300).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send(&request);
    }
    mock.wait_in_flight(300);
    drop(clients);
    mock.wait_in_flight(0);
    still_serves(&gateway);
}

#[test]
fn a_client_that_leaves_while_the_gateway_connects_ends_the_attempt() {
    let full = FullListener::new();
    let times = "[timeouts]\nconnect = \"60s\"\n";
    let gateway = Gateway::start(&(both(&full.url()) + times));
    for how in ALL {
        let mut client = gateway.connect();
        client.send(post("/v1/messages", OWN_KEY, STREAM));
        let mut other = gateway.connect();
        // The attempt is under way once it is counted.
        while {
            other.send(get("/livez", ""));
            other.answer().json()["in_flight"] == 0
        } {}
        let _open = leave(client, how);
        calms_down(&gateway);
    }
}

#[test]
fn a_connect_that_hangs_is_given_up_after_its_time() {
    let full = FullListener::new();
    let times = "[timeouts]\nconnect = \"300ms\"\n";
    let gateway = Gateway::start(&(both(&full.url()) + times));
    let answer = gateway.ask(post("/v1/messages", OWN_KEY, STREAM));
    assert_eq!((answer.head.status(), answer.code()), (504, Some("upstream_timeout")));
    assert!(answer.text().contains("timeouts.connect"), "{}", answer.text());
    assert!(gateway.line("upstream_timeout").contains("\"phase\":\"connect\""));
}
