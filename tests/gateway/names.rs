//! Names of providers that move, vanish, come late or lead nowhere (HARDENING 4), by a name server
//! of the test's own.

use crate::support::dns::{Dns, Says};
use crate::support::{Answer, BodyEnd, Gateway, Payload, Upstream, Wire, both, post};

const NAME: &str = "provider.test";
const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A gateway that asks `dns` where `NAME` is, whose port is `port`.
fn gateway(dns: &Dns, port: u16) -> Gateway {
    gateway_with(dns, port, "")
}

fn gateway_with(dns: &Dns, port: u16, config: &str) -> Gateway {
    Gateway::start(&(both(&format!("http://{NAME}:{port}")) + &dns.config() + config))
}

fn ask(gateway: &Gateway) -> Wire {
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, STREAM));
    client
}

fn serve(upstream: &Upstream, client: &mut Wire) -> Answer {
    let (mut wire, request) = upstream.request();
    assert!(request.head.field("host").unwrap().starts_with(NAME));
    wire.send(OK);
    client.answer()
}

fn assert_unreachable(answer: &Answer, words: &str) {
    let got = (answer.head.status(), answer.code(), answer.end);
    assert_eq!(got, (502, Some("upstream_unreachable"), BodyEnd::Whole), "{}", answer.text());
    assert!(answer.text().contains(words), "{words}: {}", answer.text());
}

/// Two providers on one port, on different addresses of this host.
fn twins() -> (Upstream, Upstream) {
    loop {
        let one = Upstream::start();
        if let Some(other) = Upstream::try_on(&format!("127.0.0.2:{}", one.port())) {
            return (one, other);
        }
    }
}

#[test]
fn a_name_that_moves_takes_new_connections_along_while_streams_end_where_they_began() {
    let (old, new) = twins();
    let dns = Dns::of(&["127.0.0.1"]);
    let gateway = gateway(&dns, old.port());
    let mut client = ask(&gateway);
    let (mut stream, _) = old.request();
    stream.send(HEAD.to_owned() + "d\r\ndata: first\n\n\r\n");
    let mut payload = Payload::of(&client.head());
    payload.until(&mut client, "data: first\n\n");
    dns.moves_to(&["127.0.0.2"]);
    gateway.line("[127.0.0.2]");
    let mut other = ask(&gateway);
    assert_eq!(serve(&new, &mut other).text(), "ok");
    stream.send("c\r\ndata: last\n\n\r\n0\r\n\r\n");
    payload.finish(&mut client);
    assert_eq!(
        (payload.text().as_str(), payload.end),
        ("data: first\n\ndata: last\n\n", Some(BodyEnd::Whole))
    );
    assert!(old.is_quiet(), "nobody else went to the old address");
}

#[test]
fn a_name_that_does_not_exist_at_the_start_is_served_once_it_does() {
    let provider = Upstream::start();
    let dns = Dns::start(Says::NoSuchName);
    let gateway = gateway(&dns, provider.port());
    assert_unreachable(&ask(&gateway).answer(), "the name provider.test does not exist");
    assert_eq!(dns.question(), NAME);
    dns.moves_to(&["127.0.0.1"]);
    gateway.line("[127.0.0.1]");
    assert_eq!(serve(&provider, &mut ask(&gateway)).text(), "ok");
}

#[test]
fn a_name_without_an_address_says_so() {
    let dns = Dns::of(&[]);
    let gateway = gateway(&dns, 9);
    assert_unreachable(&ask(&gateway).answer(), "the name provider.test has no address");
}

#[test]
fn a_silent_name_server_is_502_within_the_connect_time_and_says_which_name() {
    let dns = Dns::start(Says::Nothing);
    let gateway = gateway_with(&dns, 9, "[timeouts]\nconnect = \"300ms\"\n");
    let words = "no name server answers about provider.test";
    assert_unreachable(&ask(&gateway).answer(), words);
    assert!(gateway.line("upstream_unreachable").contains(words));
}

#[test]
fn an_answer_that_worked_stays_when_the_name_server_fails() {
    for fails in [Says::NoSuchName, Says::Addresses(Vec::new(), 0)] {
        let provider = Upstream::start();
        let dns = Dns::of(&["127.0.0.1"]);
        let gateway = gateway(&dns, provider.port());
        assert_eq!(serve(&provider, &mut ask(&gateway)).text(), "ok");
        dns.says(fails);
        gateway.line("cannot resolve again");
        assert_eq!(serve(&provider, &mut ask(&gateway)).text(), "ok");
    }
}

#[test]
fn a_reload_asks_the_name_servers_that_it_names() {
    let provider = Upstream::start();
    let (wrong, right) = (Dns::start(Says::NoSuchName), Dns::of(&["127.0.0.1"]));
    let gateway = gateway(&wrong, provider.port());
    assert_unreachable(&ask(&gateway).answer(), "the name provider.test does not exist");
    gateway.rewrite(&(both(&format!("http://{NAME}:{}", provider.port())) + &right.config()));
    gateway.signal(rustix::process::Signal::HUP);
    gateway.line("[127.0.0.1]");
    assert_eq!(serve(&provider, &mut ask(&gateway)).text(), "ok");
}

#[test]
fn an_answer_holds_as_long_as_its_records_say() {
    // A record of a minute is not asked for again while one of no time is asked for twice.
    let long = Dns::start(Says::Addresses(vec!["127.0.0.1".parse().unwrap()], 60));
    let first = gateway(&long, 9);
    first.line("[127.0.0.1]");
    long.asked();
    let short = Dns::of(&["127.0.0.1"]);
    let second = gateway(&short, 9);
    second.line("[127.0.0.1]");
    short.asked();
    // Each look-up asks for both kinds of addresses.
    (0..4).for_each(|_| drop(short.question()));
    assert_eq!(long.asked(), 0);
}

#[test]
fn an_address_that_is_no_hosts_is_never_gone_to() {
    let provider = Upstream::start();
    for nowhere in [&["0.0.0.0"][..], &["::"], &["::ffff:0.0.0.0"], &["224.0.0.1", "0.0.0.0"]] {
        let dns = Dns::of(nowhere);
        let gateway = gateway(&dns, provider.port());
        let words = "provider.test resolves to no usable address";
        assert_unreachable(&ask(&gateway).answer(), words);
    }
    assert!(provider.is_quiet(), "0.0.0.0 would have led here");
    let dns = Dns::of(&["0.0.0.0", "127.0.0.1"]);
    let gateway = gateway(&dns, provider.port());
    assert_eq!(serve(&provider, &mut ask(&gateway)).text(), "ok");
}

#[test]
fn the_next_address_is_tried_when_one_refuses() {
    for (addresses, listens) in [
        (["127.0.0.2", "127.0.0.1"], "127.0.0.1:0"),
        (["127.0.0.1", "127.0.0.2"], "127.0.0.1:0"),
        (["::1", "127.0.0.1"], "127.0.0.1:0"),
        (["::1", "127.0.0.1"], "[::1]:0"),
    ] {
        let provider = Upstream::on(listens);
        let dns = Dns::of(&addresses);
        let gateway = gateway(&dns, provider.port());
        let answer = serve(&provider, &mut ask(&gateway));
        assert_eq!(answer.head.field("x-tidegate-attempts"), Some("1"), "{addresses:?} is one try");
    }
    let gone = Upstream::start().port();
    let dns = Dns::of(&["127.0.0.1", "127.0.0.2", "::1"]);
    let answer = ask(&gateway(&dns, gone)).answer();
    assert_eq!((answer.head.status(), answer.code()), (502, Some("upstream_refused")));
}

#[test]
fn a_name_with_an_ipv6_address_only_is_reached() {
    let provider = Upstream::on("[::1]:0");
    let dns = Dns::of(&["::1"]);
    assert_eq!(serve(&provider, &mut ask(&gateway(&dns, provider.port()))).text(), "ok");
}

#[test]
fn an_address_that_is_no_hosts_is_refused_in_the_configuration() {
    for url in ["http://0.0.0.0:8080", "http://[::]:8080", "https://224.0.0.1"] {
        let ended = crate::support::gateway::run_to_end(&both(url), &[]);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("must not name an address that is no host's"), "{url}");
    }
}
