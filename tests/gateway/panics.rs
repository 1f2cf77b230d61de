//! Panics in request code (debug builds panic where `x-panic-at` says): each ends its own connection
//! and nothing else, and no place is lost.
//!
//! `TIDEGATE_PANICS=10000` for more of them.

use std::time::Instant;

use crate::support::{BodyEnd, Gateway, Mock, PATIENCE, Payload, Wire, get, key, post, provider};

const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";
/// Where a request may stop: without a place, with one, with an upstream, with half an answer.
const PLACES: [&str; 4] = ["enter", "admit", "send", "relay"];
const CLIENTS: usize = 4;

#[test]
fn panics_in_request_code_harm_nobody_else_and_lose_no_place() {
    if cfg!(not(debug_assertions)) {
        return; // a release build has no such places
    }
    let panics = std::env::var("TIDEGATE_PANICS").map_or(400, |text| text.parse().unwrap());
    let mock = Mock::start();
    let server = "[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = 2\n";
    // One place more than those who panic, for the stream.
    let pool = provider("p", "anthropic", &mock.url())
        + &format!("max_concurrent = {}\n", CLIENTS + 1)
        + &key("sk-pool");
    let admin = "[admin]\nlisten = \"127.0.0.1:0\"\n[log]\nlevel = \"error\"\n";
    let gateway = Gateway::start(&(server.to_owned() + &pool + admin));
    let mut bystander = gateway.connect();
    bystander.send(post("/v1/messages", "x-mock: events=100, rate=50\r\n", STREAM));
    let mut stream = Payload::of(&bystander.head());
    stream.until(&mut bystander, "tide0");
    let address = gateway.address;
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                for round in 0..panics / CLIENTS {
                    let place = PLACES[(client + round) % PLACES.len()];
                    let mut wire = Wire::connect(address);
                    let fields = format!("x-panic-at: {place}\r\nx-mock: events=9, rate=200\r\n");
                    wire.send(post("/v1/messages", &fields, STREAM));
                    let (said, _) = wire.rest();
                    let said = String::from_utf8_lossy(&said);
                    assert!(said.is_empty() || place == "relay", "{place}: {said}");
                    // On a busy machine all of it may have come at once, before its panic.
                    let is_whole = said.contains("event: message_stop");
                    assert!(is_whole || !said.ends_with("0\r\n\r\n"), "half is no whole: {said}");
                }
            });
        }
    });
    stream.finish(&mut bystander);
    assert_eq!(stream.end, Some(BodyEnd::Whole), "who was there already goes on");
    // The last byte of an answer is there a moment before its end is counted.
    let in_flight = || gateway.ask(get("/livez", "")).json()["in_flight"].clone();
    let patience = Instant::now() + PATIENCE;
    while in_flight() != 0 {
        assert!(Instant::now() < patience, "{} in flight", in_flight());
    }
    // All places are there: so many streams at a time, and not one more.
    let mut held: Vec<Wire> = (0..=CLIENTS).map(|_| gateway.connect()).collect();
    for client in &mut held {
        client.send(post("/v1/messages", "x-mock: stall_after=1e\r\n", STREAM));
        assert_eq!(client.head().status(), 200);
    }
    let refused = gateway.ask(post("/v1/messages", "", STREAM));
    assert_eq!((refused.head.status(), refused.code()), (429, Some("provider_cap")));
    let mut operator = Wire::connect_plain(gateway.admin());
    operator.send("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let metrics = operator.answer().text();
    let line = format!("tidegate_panics_total {}", panics / CLIENTS * CLIENTS);
    assert!(metrics.contains(&line), "{metrics}");
}
