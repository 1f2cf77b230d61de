//! Listeners behind TLS: handshakes, resumption, deadlines, certificates that change, ends in order
//! and ends that are not. What passes inside is the business of all other tests, which run over TLS
//! too (`TIDEGATE_TEST_TLS=1`).

use std::sync::Arc;

use rustix::process::Signal;
use rustls::client::Resumption;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, SupportedProtocolVersion};

use crate::support::gateway::run_to_end;
use crate::support::pki::{Pki, trust_in};
use crate::support::{BodyEnd, End, Gateway, Mock, Payload, Upstream, Wire, both, get, post};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";

/// A gateway whose listener speaks TLS, and what to trust it by.
struct Secure {
    config: Arc<ClientConfig>,
    gateway: Gateway,
    pki: Pki,
}

fn secure(url: &str, more: &str) -> Secure {
    let pki = Pki::new();
    let files = pki.files("server", |_| {});
    let gateway = Gateway::start(&configured(&files.setting(), url, more));
    Secure { config: trust_in(&[&pki]), gateway, pki }
}

fn configured(setting: &str, url: &str, more: &str) -> String {
    format!("[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = 1\n{setting}{}{more}", both(url))
}

impl Secure {
    fn connect(&self) -> Wire {
        Wire::connect_tls(self.gateway.address, self.config.clone())
    }

    fn changed(&self, change: impl FnOnce(&mut ClientConfig)) -> Wire {
        let mut config = (*self.config).clone();
        change(&mut config);
        Wire::connect_tls(self.gateway.address, Arc::new(config))
    }
}

fn only(pki: &Pki, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(pki.roots())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

fn health(client: &mut Wire) {
    client.send(get("/livez", ""));
    assert_eq!(client.answer().head.status(), 200);
}

#[test]
fn both_versions_are_spoken_http11_is_agreed_on_and_sessions_are_resumed() {
    let secure = secure("http://127.0.0.1:9", "");
    for (version, number) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let config = only(&secure.pki, version);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = Wire::connect_tls(secure.gateway.address, config.clone());
            health(&mut client);
            let session = client.session();
            assert_eq!(session.protocol_version(), Some(number));
            assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
            assert_eq!(session.handshake_kind(), Some(kind), "{number:?}");
        }
    }
}

#[test]
fn who_speaks_only_another_protocol_is_refused_and_counted() {
    let secure = secure("http://127.0.0.1:9", "");
    let mut client = secure.changed(|config| config.alpn_protocols = vec![b"h2".to_vec()]);
    let error = client.write(get("/livez", "")).unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    let mut plain = Wire::connect_plain(secure.gateway.address);
    plain.send(get("/livez", ""));
    let (said, _) = plain.rest();
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    secure.gateway.line("TLS handshakes of clients failed");
    health(&mut secure.connect());
}

#[test]
fn the_listener_says_https() {
    let secure = secure("http://127.0.0.1:9", "");
    let address = secure.gateway.address;
    secure.gateway.line(&format!("  export ANTHROPIC_BASE_URL=https://{address}"));
    secure.gateway.line(&format!("listening https://{address}"));
}

#[test]
fn a_handshake_that_is_slow_is_ended_and_the_line_names_the_deadline() {
    let secure = secure("http://127.0.0.1:9", "[timeouts]\ntls_handshake = \"50ms\"\n");
    let mut silent = Wire::connect_plain(secure.gateway.address);
    assert_eq!(silent.rest(), (Vec::new(), End::Fin));
    let mut slow = Wire::connect_plain(secure.gateway.address);
    // The first bytes of a record that would be 512 long.
    slow.send([0x16, 3, 1, 2, 0, 1]);
    assert_eq!(slow.rest(), (Vec::new(), End::Fin));
    let line = secure.gateway.line("TLS handshakes of clients took too long");
    assert!(line.contains("timeouts.tls_handshake"), "{line}");
    health(&mut secure.connect());
}

#[test]
fn a_request_that_stops_inside_a_record_is_told_of_client_head() {
    let secure = secure("http://127.0.0.1:9", "[timeouts]\nclient_head = \"100ms\"\n");
    let mut client = secure.connect();
    health(&mut client);
    // Half a record: its rest never comes.
    client.send_raw(&[0x17, 3, 3, 1, 0, 1, 2, 3]);
    let answer = client.answer();
    assert_eq!((answer.head.status(), answer.code()), (408, Some("client_timeout")));
    assert!(answer.text().contains("timeouts.client_head"), "{}", answer.text());
}

#[test]
fn an_end_in_order_says_close_notify_and_a_cut_does_not() {
    let provider = Upstream::start();
    let secure = secure(&provider.url(), "");
    let mut client = secure.connect();
    client.send(get("/livez", "connection: close\r\n"));
    assert_eq!(client.answer().head.status(), 200);
    assert_eq!(client.rest(), (Vec::new(), End::Fin));

    for length in [None, Some(5_000)] {
        let mut client = secure.connect();
        client.send(post("/v1/messages", OWN_KEY, STREAM));
        let (mut upstream, _) = provider.request();
        let framing = length.map_or("transfer-encoding: chunked\r\n\r\n5\r\n".to_owned(), |n| {
            format!("content-length: {n}\r\n\r\n")
        });
        upstream.send(format!("HTTP/1.1 200 OK\r\n{framing}abcde"));
        let mut payload = Payload::of(&client.head());
        payload.until_length(&mut client, 5);
        drop(upstream);
        payload.finish(&mut client);
        assert_eq!(payload.end, Some(BodyEnd::Cut));
        assert_eq!(client.rest(), (Vec::new(), End::Cut), "{length:?}");
    }
}

#[test]
fn a_client_that_says_close_notify_gets_one_and_is_gone() {
    let mock = Mock::start();
    let secure = secure(&mock.url(), "");
    let mut idle = secure.connect();
    health(&mut idle);
    idle.half_close();
    assert_eq!(idle.rest(), (Vec::new(), End::Fin));
    let mut client = secure.connect();
    client.send(post("/v1/messages", &format!("{OWN_KEY}x-mock: stall_after=3e\r\n"), STREAM));
    let mut payload = Payload::of(&client.head());
    payload.until(&mut client, "tide0");
    client.half_close();
    assert_eq!(mock.only().text("end"), "peer_left");
}

#[test]
fn a_drain_ends_idle_connections_in_order_and_lets_streams_end() {
    let provider = Upstream::start();
    let secure = secure(&provider.url(), "");
    let mut client = secure.connect();
    client.send(post("/v1/messages", OWN_KEY, STREAM));
    let (mut upstream, _) = provider.request();
    upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    let mut payload = Payload::of(&client.head());
    payload.until(&mut client, "abc");
    let mut idle = secure.connect();
    health(&mut idle);
    secure.gateway.signal(Signal::TERM);
    assert_eq!(idle.rest(), (Vec::new(), End::Fin));
    upstream.send("0\r\n\r\n");
    payload.finish(&mut client);
    assert_eq!(payload.end, Some(BodyEnd::Whole));
    assert_eq!(client.rest(), (Vec::new(), End::Fin));
    assert_eq!(secure.gateway.ended().code, Some(0));
}

/// Longer than any buffer between the two.
#[test]
fn a_reader_slower_than_write_stall_but_steady_gets_all_of_it() {
    let mock = Mock::start();
    let secure = secure(&mock.url(), "[timeouts]\nwrite_stall = \"1s\"\n");
    let mut client = secure.connect();
    let fields = format!("{OWN_KEY}x-mock: body_size=20MiB\r\n");
    client.send(post("/v1/messages", &fields, "{\"model\":\"m\"}"));
    let answer = client.answer();
    assert_eq!(answer.end, BodyEnd::Whole);
    assert!(answer.body.len() >= 20 * 1024 * 1024);
}

#[test]
fn a_certificate_is_replaced_by_a_reload_and_a_bad_one_is_not() {
    let secure = secure("http://127.0.0.1:9", "");
    let mut old = secure.connect();
    health(&mut old);
    let first = old.session().peer_certificates().unwrap().to_vec();
    let url = "http://127.0.0.1:9";
    let (new, other) = (secure.pki.files("new", |_| {}), secure.pki.files("other", |_| {}));
    let mixed = crate::support::pki::Files { certificate: new.certificate.clone(), ..other };
    let half = secure.pki.directory.write("half.pem", "-----BEGIN CERTIFICATE-----\nMIIB");
    let half = crate::support::pki::Files { certificate: half, key: new.key.clone() };
    for (files, why) in [
        (&mixed, "`server.tls.key` is not the key of the certificate"),
        (&half, "`server.tls.cert` is not in PEM form"),
    ] {
        secure.gateway.rewrite(&configured(&files.setting(), url, ""));
        secure.gateway.signal(Signal::HUP);
        secure.gateway.line(why);
        secure.gateway.line("configuration not reloaded: the old one stays");
        let mut client = secure.connect();
        health(&mut client);
        assert_eq!(client.session().peer_certificates().unwrap(), first);
    }
    secure.gateway.rewrite(&configured(&new.setting(), url, ""));
    secure.gateway.signal(Signal::HUP);
    let line = secure.gateway.line("configuration reloaded");
    assert!(line.contains("\"certificate\":\"changed\""), "{line}");
    let mut client = secure.changed(|config| config.resumption = Resumption::disabled());
    health(&mut client);
    assert_ne!(client.session().peer_certificates().unwrap(), first);
    health(&mut old);
    let mut resumed = secure.connect();
    health(&mut resumed);
    let kind = resumed.session().handshake_kind();
    assert_eq!(kind, Some(HandshakeKind::Resumed), "a reload costs nobody a session");
}

#[test]
fn metrics_tell_when_the_certificate_expires_and_a_reload_moves_that() {
    let pki = Pki::new();
    let until = |name: &str, year: i32| {
        pki.files(name, |params| params.not_after = rcgen::date_time_ymd(year, 2, 1)).setting()
    };
    let with_admin = |setting: &str| {
        configured(setting, "http://127.0.0.1:9", "[admin]\nlisten = \"127.0.0.1:0\"\n")
    };
    let gateway = Gateway::start(&with_admin(&until("one", 2040)));
    let metrics = || {
        let mut operator = Wire::connect_plain(gateway.admin());
        operator.send("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n");
        operator.answer().text()
    };
    let name = "tidegate_tls_certificate_expiry_timestamp_seconds";
    let first = metrics();
    assert!(first.contains(&format!("{name} 2211667200.0\n")), "{first}");
    gateway.rewrite(&with_admin(&until("two", 2041)));
    gateway.signal(Signal::HUP);
    gateway.line("configuration reloaded");
    let second = metrics();
    assert!(second.contains(&format!("{name} 2243289600.0\n")), "{second}");
}

#[test]
fn tls_comes_and_goes_by_reload() {
    let secure = secure("http://127.0.0.1:9", "");
    let plain = "[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = 1\nexpose_headers = \"auto\" # no cert = \n";
    secure.gateway.rewrite(&(plain.to_owned() + &both("http://127.0.0.1:9")));
    secure.gateway.signal(Signal::HUP);
    secure.gateway.line("configuration reloaded");
    health(&mut Wire::connect_plain(secure.gateway.address));
}

#[test]
fn what_is_wrong_with_certificate_or_key_is_one_error_each_at_start() {
    let pki = Pki::new();
    let (one, two) = (pki.files("one", |_| {}), pki.files("two", |_| {}));
    let file = |name: &str, text: &str| pki.directory.write(name, text).display().to_string();
    let (cert, key) = (one.certificate.display().to_string(), one.key.display().to_string());
    let no_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (cert, key, why) in [
        (&cert, &two.key.display().to_string(), "`server.tls.key` is not the key of"),
        (&file("half", "-----BEGIN CERTIFICATE-----\nMI"), &key, "`server.tls.cert` is not in PEM"),
        (&file("empty", ""), &key, "`server.tls.cert` must hold at least one certificate"),
        (&file("no-der", no_der), &key, "`server.tls.cert` holds something else"),
        (&cert, &file("no-key", no_key), "`server.tls.key` is not a private key"),
        (&cert, &cert, "`server.tls.key` must hold a private key in PEM form"),
        (&cert, &"/nowhere/key.pem".to_owned(), "`server.tls.key` cannot be read: no such file"),
    ] {
        let setting = format!("tls = {{ cert = \"{cert}\", key = \"{key}\" }}\n");
        let ended = run_to_end(&configured(&setting, "http://127.0.0.1:9", ""), &[]);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{why}: {}", ended.stderr);
        assert!(ended.stderr.contains("1 error"), "{}", ended.stderr);
    }
}
