//! Out of file descriptors: who is served stays served, and all is well once some are free.

use std::time::Instant;

use rustix::process::Signal;

use crate::support::{End, Gateway, Mock, Payload, Wire, both, get, post};

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

/// For seconds on end there is no file left and clients keep coming. `TIDEGATE_EXHAUSTED_S=10` for
/// longer than CI has time for.
#[test]
fn while_files_are_out_streams_go_on_tries_are_few_and_all_is_well_at_once_after_it() {
    let seconds = std::env::var("TIDEGATE_EXHAUSTED_S").map_or(1, |text| text.parse().unwrap());
    let mock = Mock::start();
    let config =
        both(&mock.url()) + "[limits]\nconnections = 1000\n[admin]\nlisten = \"127.0.0.1:0\"\n";
    let gateway = Gateway::start_after("ulimit -n 64", &config);
    let metrics = |gateway: &Gateway| -> u64 {
        let mut operator = Wire::connect_plain(gateway.admin());
        operator.send("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let text = operator.answer().text();
        let name = "tidegate_connections_turned_away_total ";
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
    };
    let events = 100 * (seconds + 20);
    let mut client = gateway.connect();
    let fields = format!("{OWN_KEY}x-mock: events={events}, rate=100\r\n");
    client.send(post("/v1/messages", &fields, "{\"model\":\"m\",\"stream\":true}"));
    let mut stream = Payload::of(&client.head());
    stream.until(&mut client, "tide0");
    let held = fill(&gateway);
    let (began, mut rounds) = (Instant::now(), 0_u32);
    while rounds < 10 * seconds {
        let mut turned_away = gateway.connect();
        turned_away.try_send(get("/livez", ""));
        assert_eq!(turned_away.head().status(), 503);
        rounds += 1;
    }
    // The stream came on meanwhile, event by event.
    stream.until(&mut client, &format!("tide{} ", 50 * seconds));
    let text = stream.text();
    let mut from = 0;
    for event in 0..50 * seconds {
        let word = format!("tide{event} ");
        from += text[from..].find(&word).unwrap_or_else(|| panic!("{word} is missing"));
    }
    drop(held);
    let freed = Instant::now();
    let mut more = 0;
    while {
        let mut next = gateway.connect();
        next.try_send(get("/livez", "connection: close\r\n"));
        next.head().status() == 503
    } {
        more += 1;
    }
    println!("{rounds} rounds in {:?}, recovered in {:?}", began.elapsed(), freed.elapsed());
    assert!(more <= 10, "{more} were turned away when files were free: over a second's worth");
    // A round is one try that fails for want of a file and one on the spare file. A slow machine has
    // fewer of them in a second, never more: 20 tries.
    let (counted, tenths) = (metrics(&gateway), began.elapsed().as_millis() / 100);
    assert!(counted >= u64::from(rounds + more), "{counted} of {rounds} rounds and {more}");
    assert!(u128::from(counted) <= tenths + 3, "{counted} rounds in {tenths} tenths of a second");
    drop(client);
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
