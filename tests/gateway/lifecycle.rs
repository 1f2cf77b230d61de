//! From start to end of the process: what it says, its health, its drain, its exit codes.

use rustix::process::Signal;

use crate::support::gateway::run_to_end;
use crate::support::{
    BodyEnd, End, FullListener, Gateway, Mock, Payload, Upstream, Wire, both, get, key, post,
    provider,
};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";

fn mocked(config: &str) -> (Mock, Gateway) {
    let mock = Mock::start();
    let gateway = Gateway::start(&(both(&mock.url()) + config));
    (mock, gateway)
}

/// A stream under way, in the hands of the test.
struct Open {
    client: Wire,
    payload: Payload,
    upstream: Wire,
}

fn open_stream(provider: &Upstream, gateway: &Gateway) -> Open {
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, STREAM));
    let (mut upstream, _) = provider.request();
    upstream.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n");
    upstream.send("transfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n");
    let mut payload = Payload::of(&client.head());
    payload.until(&mut client, "data: 1\n\n");
    Open { client, payload, upstream }
}

#[test]
fn health_livez_and_readyz_answer_without_authentication() {
    let (mock, gateway) = mocked("[auth]\nmode = \"keys\"\n");
    let mut client = gateway.connect();
    client.send(get("/health", ""));
    let health = client.answer();
    assert_eq!((health.head.status(), &health.json()["status"]), (200, &"ok".into()));
    assert!(health.json()["timestamp"].as_str().unwrap().ends_with('Z'));
    client.send(get("/livez?verbose", ""));
    let livez = client.answer().json();
    assert_eq!((&livez["in_flight"], &livez["draining"]), (&0.into(), &false.into()));
    client.send(get("/readyz", ""));
    let readyz = client.answer();
    assert_eq!((readyz.head.status(), &readyz.json()["status"]), (200, &"ready".into()));
    for path in ["/health", "/livez", "/readyz"] {
        client.send(format!("HEAD {path} HTTP/1.1\r\nhost: gateway.test\r\n\r\n"));
        let head = client.head();
        assert_eq!(head.status(), 200);
        assert_ne!(head.field("content-length"), Some("0"), "as long as the GET");
        client.send(post(path, "", ""));
        assert_eq!(client.answer().head.status(), 404, "{path} is read only");
    }
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn the_probes_of_claude_code_are_answered() {
    let (mock, gateway) = mocked("");
    let mut client = gateway.connect();
    for path in ["/", "/api/hello", "/api/hello?x=1"] {
        client.send(format!("HEAD {path} HTTP/1.1\r\nhost: gateway.test\r\n\r\n"));
        assert_eq!(client.head().status(), 200, "{path}");
    }
    assert!(client.is_quiet());
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn p13_livez_counts_what_is_in_flight_over_all_workers() {
    let server = "[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = 2\n";
    let (mock, gateway) = mocked(server);
    let mut clients: Vec<Wire> = (0..3).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        let fields = format!("{OWN_KEY}x-mock: stall_after=1e\r\n");
        client.send(post("/v1/messages", &fields, STREAM));
    }
    mock.wait_in_flight(3);
    let livez = gateway.ask(get("/livez", "")).json();
    assert_eq!((&livez["in_flight"], &livez["draining"]), (&3.into(), &false.into()));
    drop(clients);
    mock.wait_in_flight(0);
}

#[test]
fn p16_health_paths_are_not_counted() {
    let (_mock, gateway) = mocked("");
    let mut client = gateway.connect();
    for path in ["/health", "/readyz", "/livez"] {
        client.send(get(path, ""));
        let answer = client.answer();
        assert_eq!(answer.head.status(), 200);
        assert_eq!(answer.head.field("x-tidegate-request-id"), None);
    }
    client.send(get("/livez", ""));
    assert_eq!(client.answer().json()["in_flight"], 0, "livez does not count itself");
}

#[test]
fn p14_sigterm_turns_health_at_once_and_lets_streams_end() {
    let provider = Upstream::start();
    let gateway = Gateway::start(&(both(&provider.url()) + "[drain]\nlame_duck = \"60s\"\n"));
    let mut open = open_stream(&provider, &gateway);
    let mut idle = gateway.connect();
    idle.send(get("/livez", ""));
    idle.answer();
    gateway.signal(Signal::TERM);
    gateway.line("draining");
    idle.send(get("/livez", ""));
    let livez = idle.answer();
    assert_eq!((livez.head.status(), &livez.json()["draining"]), (200, &true.into()));
    assert_eq!(livez.head.field("connection"), Some("close"));
    let health = gateway.ask(get("/health", ""));
    assert_eq!((health.head.status(), &health.json()["status"]), (503, &"draining".into()));
    let readyz = gateway.ask(get("/readyz", ""));
    assert_eq!((readyz.head.status(), &readyz.json()["reason"]), (503, &"draining".into()));
    // In the lame duck's time new requests are still served, each on its last connection.
    let mut late = gateway.connect();
    late.send(post("/v1/messages", OWN_KEY, "{}"));
    let (mut upstream, _) = provider.request();
    upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let answer = late.answer();
    assert_eq!((answer.head.status(), answer.head.field("connection")), (200, Some("close")));
    assert_eq!(late.rest(), (Vec::new(), End::Fin));
    open.upstream.send("9\r\ndata: 2\n\n\r\n0\r\n\r\n");
    open.payload.finish(&mut open.client);
    assert_eq!(
        (open.payload.text().as_str(), open.payload.end),
        ("data: 1\n\ndata: 2\n\n", Some(BodyEnd::Whole))
    );
}

#[test]
fn p14_after_the_last_stream_the_process_ends_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let provider = Upstream::start();
        let gateway = Gateway::start(&both(&provider.url()));
        let mut open = open_stream(&provider, &gateway);
        let mut idle = gateway.connect();
        idle.send(get("/livez", ""));
        idle.answer();
        gateway.signal(signal);
        assert_eq!(idle.rest(), (Vec::new(), End::Fin), "idle connections are closed");
        open.upstream.send("9\r\ndata: 2\n\n\r\n0\r\n\r\n");
        open.payload.finish(&mut open.client);
        assert_eq!(open.payload.end, Some(BodyEnd::Whole), "the stream ends in order");
        assert_eq!(open.client.rest(), (Vec::new(), End::Fin));
        let ended = gateway.ended();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("drained"), "{}", ended.stderr);
    }
}

#[test]
fn an_idle_process_ends_at_once_with_0() {
    let (_mock, gateway) = mocked("");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.ended().code, Some(0));
}

#[test]
fn while_draining_the_listener_is_closed_and_open_connections_are_told() {
    let provider = Upstream::start();
    let gateway = Gateway::start(&both(&provider.url()));
    let mut open = open_stream(&provider, &gateway);
    // Its request has begun, so the drain does not close it.
    let mut begun = gateway.connect();
    begun.send(&post("/v1/messages", OWN_KEY, "{}")[..20]);
    gateway.ask(get("/livez", ""));
    let mut idle = gateway.connect();
    idle.send(get("/livez", ""));
    idle.answer();
    gateway.signal(Signal::TERM);
    assert_eq!(idle.rest().1, End::Fin);
    begun.send(&post("/v1/messages", OWN_KEY, "{}")[20..]);
    let answer = begun.answer();
    assert_eq!((answer.head.status(), answer.code()), (503, Some("draining")));
    assert_eq!(answer.head.field("retry-after"), Some("1"));
    assert_eq!(answer.head.field("connection"), Some("close"));
    assert!(std::net::TcpStream::connect(gateway.address).is_err(), "nobody listens any more");
    open.upstream.send("0\r\n\r\n");
    open.payload.finish(&mut open.client);
    assert_eq!(open.payload.end, Some(BodyEnd::Whole));
    assert_eq!(gateway.ended().code, Some(0));
}

#[test]
fn a_second_signal_ends_streams_at_once_with_an_error_event() {
    for (first, second) in [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::TERM)] {
        let provider = Upstream::start();
        let gateway = Gateway::start(&both(&provider.url()));
        let mut open = open_stream(&provider, &gateway);
        gateway.signal(first);
        gateway.line("draining");
        gateway.signal(second);
        open.payload.finish(&mut open.client);
        assert_eq!(open.payload.end, Some(BodyEnd::Cut));
        let text = open.payload.text();
        assert!(text.contains("event: error\ndata: {\"type\":\"error\""), "{text}");
        assert!(text.contains("shutting down"), "{text}");
        let ended = gateway.ended();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("\"code\":\"draining\""), "{}", ended.stderr);
    }
}

#[test]
fn a_client_whose_upstream_is_being_connected_is_told_of_the_stop() {
    let full = FullListener::new();
    let times = "[timeouts]\nconnect = \"60s\"\n";
    let gateway = Gateway::start(&(both(&full.url()) + times));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let mut other = gateway.connect();
    // The attempt is under way once it is counted.
    while {
        other.send(get("/livez", ""));
        other.answer().json()["in_flight"] == 0
    } {}
    gateway.signal(Signal::TERM);
    gateway.line("draining");
    gateway.signal(Signal::TERM);
    let answer = client.answer();
    assert_eq!((answer.head.status(), answer.code()), (503, Some("draining")));
    assert_eq!(gateway.ended().code, Some(0));
}

#[test]
fn a_second_signal_in_the_lame_ducks_time_ends_too() {
    let (_mock, gateway) = mocked("[drain]\nlame_duck = \"60s\"\n");
    gateway.signal(Signal::TERM);
    gateway.line("draining");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.ended().code, Some(0));
}

#[test]
fn the_drain_deadline_ends_what_is_left() {
    let provider = Upstream::start();
    let gateway = Gateway::start(&(both(&provider.url()) + "[drain]\ndeadline = \"1s\"\n"));
    let mut open = open_stream(&provider, &gateway);
    let mut waiting = gateway.connect();
    waiting.send(post("/v1/chat/completions", OWN_KEY, "{}"));
    let (_silent, _) = provider.request();
    gateway.signal(Signal::TERM);
    open.payload.finish(&mut open.client);
    assert_eq!(open.payload.end, Some(BodyEnd::Cut));
    assert!(open.payload.text().contains("event: error"), "{}", open.payload.text());
    let answer = waiting.answer();
    assert_eq!((answer.head.status(), answer.code()), (503, Some("draining")));
    let ended = gateway.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("drain.deadline reached"), "{}", ended.stderr);
}

#[test]
fn requests_that_wait_in_the_accept_queue_are_served_before_the_listener_closes() {
    let (_mock, gateway) = mocked("");
    // The kernel queues these while the worker is busy with the signal.
    let mut clients: Vec<Wire> = (0..100).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send(get("/livez", ""));
    }
    gateway.signal(Signal::TERM);
    for client in &mut clients {
        assert_eq!(client.answer().head.status(), 200);
    }
    assert_eq!(gateway.ended().code, Some(0));
}

#[test]
fn a_port_in_use_ends_with_1_and_names_the_address() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let ended = run_to_end(&both("http://127.0.0.1:9"), &["--listen", &address.to_string()]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("{address} is in use")), "{}", ended.stderr);
}

#[test]
fn a_port_held_by_another_gateway_is_in_use_too() {
    let (_mock, gateway) = mocked("");
    let listen = gateway.address.to_string();
    let ended = run_to_end(&both("http://127.0.0.1:9"), &["--listen", &listen]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(&listen), "{}", ended.stderr);
}

#[test]
fn a_bad_configuration_ends_with_2_and_shows_every_error() {
    let config = both("http://127.0.0.1:9") + "[timeouts]\nconect = \"5s\"\n[limits]\nhead = -1\n";
    let ended = run_to_end(&config, &[]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for text in ["conect", "connect", "head"] {
        assert!(ended.stderr.contains(text), "{text}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("listening"));
}

#[test]
fn without_a_file_the_built_in_providers_serve_and_the_block_says_how() {
    let gateway = Gateway::start_bare(&["--listen", "127.0.0.1:0"], &[]);
    let address = gateway.address;
    for line in [
        format!("tidegate {}", env!("CARGO_PKG_VERSION")),
        "driver       ".to_owned(),
        "workers      ".to_owned(),
        "connections  at most ".to_owned(),
        "provider     anthropic (https://api.anthropic.com), the client's own key".to_owned(),
        "provider     openai (https://api.openai.com), the client's own key".to_owned(),
        "storage      ".to_owned(),
        format!("  export ANTHROPIC_BASE_URL=http://{address}"),
        format!("  export OPENAI_BASE_URL=http://{address}/v1"),
        format!("listening http://{address}"),
    ] {
        gateway.line(&line);
    }
    assert_eq!(gateway.ask(get("/readyz", "")).head.status(), 200);
    assert_eq!(gateway.ask(post("/v1/messages", "", "{}")).code(), Some("unauthorized"));
}

#[test]
fn every_address_of_the_configuration_is_served() {
    let mock = Mock::start();
    let server = "[server]\nlisten = [\"127.0.0.1:0\", \"[::1]:0\"]\nworkers = 2\n";
    let gateway = Gateway::start(&(server.to_owned() + &both(&mock.url())));
    let second = gateway.line("listening http://[::1]:");
    let second = second.rsplit_once('/').unwrap().1.parse().unwrap();
    for address in [gateway.address, second] {
        let mut client = Wire::connect(address);
        client.send(post("/v1/messages", OWN_KEY, "{}"));
        assert_eq!(client.answer().head.status(), 200, "{address}");
    }
}

#[test]
fn the_log_is_json_when_stderr_is_no_terminal() {
    let gateway = Gateway::start(&(provider("p", "openai", "http://127.0.0.1:1") + &key("sk-x")));
    gateway.ask(post("/v1/responses", "", "{}"));
    let line = gateway.line("upstream_refused");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["level"], &line["upstream"]), (&"WARN".into(), &"p".into()));
}

#[test]
fn a_worker_that_is_done_has_closed_its_connections_though_another_goes_on() {
    let provider = Upstream::start();
    let server = "[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = 2\n";
    let gateway = Gateway::start(&(server.to_owned() + &both(&provider.url())));
    let mut open = open_stream(&provider, &gateway);
    // Some of them are with the worker that has no stream.
    let mut idle: Vec<Wire> = (0..16).map(|_| gateway.connect()).collect();
    for client in &mut idle {
        client.send(get("/livez", ""));
        client.answer();
    }
    gateway.signal(Signal::TERM);
    for client in &mut idle {
        assert_eq!(client.rest(), (Vec::new(), End::Fin));
    }
    open.upstream.send("0\r\n\r\n");
    open.payload.finish(&mut open.client);
    assert_eq!(open.payload.end, Some(BodyEnd::Whole));
    assert_eq!(gateway.ended().code, Some(0));
}

/// The copy of the code serves as the code did; where the kernel gives no large pages, it stays.
#[test]
fn code_is_moved_to_large_pages_unless_told_otherwise() {
    let modes = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    let are_given = modes.is_ok_and(|modes| !modes.contains("[never]"));
    for (told, is_moved) in [("", are_given), ("off", false)] {
        let mock = Mock::start();
        let gateway = Gateway::start_with(&both(&mock.url()), &[("TIDEGATE_LARGE_PAGES", told)]);
        let mut client = gateway.connect();
        client.send(post("/v1/messages", OWN_KEY, "{\"model\":\"m\"}"));
        assert_eq!(client.answer().head.status(), 200);
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", gateway.id())).unwrap();
        let is_anonymous = |line: &str| line.split_whitespace().nth(4) == Some("0");
        let mut code = maps.lines().filter(|line| line.contains(" r-xp "));
        let has_copy = code.any(|line| is_anonymous(line) && !line.contains("[vdso]"));
        assert_eq!(has_copy, is_moved, "{told:?}: {maps}");
    }
}
