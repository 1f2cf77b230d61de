//! What a connection and a stream cost of the gateway's own memory, by how its resident set grows
//! under many of them. Buffers of the kernel are not in it.

use std::time::{Duration, Instant};

use crate::support::gateway::tls_is_everywhere;
use crate::support::pipe::speaks_tls;
use crate::support::pki::{Pki, trust_in};
use crate::support::{Gateway, Mock, PATIENCE, Payload, Upstream, Wire, both, get, post};

/// Connections after which a worker has all that it keeps for whoever comes: pools of buffers.
const WARM: u64 = 600;
/// Connections that are measured, streams, and streams that nobody reads.
const IDLE: u64 = 4_000;
const STREAMS: u64 = 300;
const UNREAD: u64 = 32;
const OWN_KEY: &str = "x-api-key: sk-own\r\n";

/// KiB of each of `count`, when the gateway grew from `before` to what it has now.
fn each_kib(gateway: &Gateway, before: u64, count: u64) -> f64 {
    let grown = gateway.resident_kib().saturating_sub(before);
    f64::from(u32::try_from(grown).unwrap()) / f64::from(u32::try_from(count).unwrap())
}

/// Where TLS is spoken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Tls {
    Nowhere,
    Downstream,
    Both,
}

impl Tls {
    fn gateway(self, pki: &Pki, url: &str) -> Gateway {
        let mut config = both(url);
        if self == Self::Nowhere {
            return Gateway::start(&config);
        }
        if self == Self::Both {
            let trust = format!("tls = {{ ca = \"{}/ca.pem\" }}\n", pki.directory.path().display());
            config = config.replace("base_url", &format!("{trust}base_url"));
        }
        let server = "[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = 1\n";
        let setting = pki.files("listener", |_| {}).setting();
        let gateway = Gateway::start(&format!("{server}{setting}{config}"));
        speaks_tls(gateway.address, trust_in(&[pki]));
        gateway
    }

    fn mock(self, pki: &Pki) -> Mock {
        if self == Self::Both { pki.mock(&["127.0.0.1"], |_| {}) } else { Mock::start() }
    }
}

/// A gateway that has served each kind of request once.
fn warm(mock: &Mock) -> Gateway {
    warmed(Gateway::start(&both(&mock.url())))
}

fn warmed(gateway: Gateway) -> Gateway {
    for _ in 0..4 {
        gateway.ask(post("/v1/messages", OWN_KEY, "{\"model\":\"m\",\"stream\":true}"));
    }
    gateway
}

/// Connections that idle after a request each.
fn idle(gateway: &Gateway, count: u64) -> Vec<Wire> {
    let mut idle: Vec<Wire> = (0..count).map(|_| gateway.connect()).collect();
    for client in &mut idle {
        client.send(get("/livez", ""));
        client.answer();
    }
    idle
}

#[test]
fn a_connection_that_idles_after_a_request_costs_at_most_one_kib() {
    if tls_is_everywhere() {
        return; // a session of TLS is more
    }
    let mock = Mock::start();
    let gateway = warm(&mock);
    // The first have taken what a worker keeps for all: a pool of buffers.
    let first = idle(&gateway, WARM);
    let before = gateway.resident_kib();
    let more = idle(&gateway, IDLE);
    let each = each_kib(&gateway, before, IDLE);
    drop((first, more));
    println!("idle connection: {each:.2} KiB");
    assert!(each <= 1.0, "{each:.2} KiB each");
}

#[test]
fn nine_thousand_idle_connections_cost_at_most_10_mb_with_all_that_is_kept_for_them() {
    if tls_is_everywhere() {
        return;
    }
    let mock = Mock::start();
    let gateway = warm(&mock);
    let before = gateway.resident_kib();
    let clients = idle(&gateway, 9_000);
    // Buffers that the burst has left are freed within seconds.
    let (end, mut grown) = (Instant::now() + PATIENCE, u64::MAX);
    while grown > 10_000_000 / 1_024 {
        assert!(Instant::now() < end, "{grown} KiB");
        gateway.ask(get("/livez", ""));
        grown = gateway.resident_kib().saturating_sub(before);
    }
    println!("9,000 idle connections: {grown} KiB");
    drop(clients);
}

/// Streams under way, each with a request of so many bytes.
fn streams(gateway: &Gateway, count: u64, request_bytes: usize) -> Vec<Wire> {
    let filler = "x".repeat(request_bytes);
    let body = format!("{{\"model\":\"m\",\"stream\":true,\"system\":\"{filler}\"}}");
    let fields = format!("{OWN_KEY}x-mock: events=40, stall_after=30e\r\n");
    let mut clients: Vec<Wire> = (0..count).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send(post("/v1/messages", &fields, &body));
        let head = client.head();
        assert_eq!(head.status(), 200);
        Payload::of(&head).until(client, "tide20");
    }
    clients
}

fn streams_cost_at_most(tls: Tls, bounds: [(usize, f64); 2]) {
    for (request_bytes, kib_max) in bounds {
        let pki = Pki::new();
        let mock = tls.mock(&pki);
        let gateway = warmed(tls.gateway(&pki, &mock.url()));
        let before = gateway.resident_kib();
        let clients = streams(&gateway, STREAMS, request_bytes);
        let each = each_kib(&gateway, before, STREAMS);
        println!("stream, TLS {tls:?}, request of {request_bytes} bytes: {each:.1} KiB");
        assert!(each <= kib_max, "{each:.1} KiB each");
        drop(clients);
    }
}

#[test]
fn a_stream_under_way_costs_at_most_64_kib() {
    streams_cost_at_most(Tls::Nowhere, [(1_000, 64.0), (100_000, 64.0)]);
}

#[test]
fn a_stream_under_way_costs_at_most_64_kib_behind_tls() {
    streams_cost_at_most(Tls::Downstream, [(1_000, 64.0), (100_000, 64.0)]);
}

/// Two sessions, and of a request that fills its buffer all of that.
#[test]
fn a_stream_between_tls_and_tls_costs_at_most_64_kib() {
    streams_cost_at_most(Tls::Both, [(1_000, 64.0), (100_000, 64.0)]);
}

#[test]
fn a_stream_that_comes_faster_than_its_client_reads_costs_at_most_64_kib() {
    unread_streams_cost_at_most_64_kib(Tls::Nowhere);
}

#[test]
fn a_stream_that_comes_faster_than_its_client_reads_costs_at_most_64_kib_behind_tls() {
    unread_streams_cost_at_most_64_kib(Tls::Downstream);
}

fn unread_streams_cost_at_most_64_kib(tls: Tls) {
    let (pki, upstream) = (Pki::new(), Upstream::start());
    let gateway = tls.gateway(&pki, &upstream.url());
    let unread = |count: u64| -> Vec<(Wire, Wire)> {
        let begin = |_| {
            let mut client = Wire::connect_narrow(gateway.address);
            client.send(post("/v1/messages", OWN_KEY, "{\"model\":\"m\",\"stream\":true}"));
            let (mut provider, _) = upstream.request();
            provider.send(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                 content-length: 999999999\r\n\r\n",
            );
            provider.socket().set_send_buffer_size(65_536).unwrap();
            provider.socket().set_write_timeout(Some(Duration::from_millis(100))).unwrap();
            let event = format!("data: {}\n\n", "x".repeat(65_536));
            while provider.try_send(&event) {}
            (client, provider)
        };
        (0..count).map(begin).collect()
    };
    let first = unread(4);
    let before = gateway.resident_kib();
    let more = unread(UNREAD);
    let each = each_kib(&gateway, before, UNREAD);
    println!("stream whose client reads nothing, TLS {tls:?}: {each:.1} KiB");
    assert!(each <= 64.0, "{each:.1} KiB each");
    drop((first, more));
}
