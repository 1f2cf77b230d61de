//! Upstreams behind TLS: which certificates are refused and in what words, and that nothing of the
//! plain rules changes.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::support::pki::{Pki, trust_in};
use crate::support::{BodyEnd, End, Gateway, Mock, Payload, Wire, both, post};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";

fn ask(gateway: &Gateway, knobs: &str) -> crate::support::Answer {
    gateway.ask(post("/v1/messages", &format!("{OWN_KEY}x-mock: {knobs}\r\n"), STREAM))
}

#[test]
fn a_provider_behind_tls_is_served_like_any_other() {
    let pki = Pki::new();
    let (mock, gateway) = pki.good();
    for _ in 0..5 {
        let answer = ask(&gateway, "events=20");
        assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole), "{}", answer.text());
        assert!(answer.text().contains("tide19"));
    }
    let log = mock.log(5);
    let connections: Vec<_> =
        log.iter().filter_map(crate::support::mock::Seen::connection).collect();
    assert!(connections.iter().all(|c| *c == connections[0]), "{connections:?} are reused");
    assert_eq!(log[0].field("host"), Some(format!("127.0.0.1:{}", mock.port())));
}

#[test]
fn each_fault_of_a_certificate_is_refused_in_its_own_words() {
    let pki = Pki::new();
    let stranger = Pki::called("A stranger");
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let self_signed = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    for (mock, reason) in [
        (pki.serve(&self_signed.pem(), &key), "self-signed or from an unknown issuer"),
        (stranger.mock(&["127.0.0.1"], |_| {}), "self-signed or from an unknown issuer"),
        (
            pki.mock(&["127.0.0.1"], |params| params.not_after = date_time_ymd(2020, 1, 1)),
            "has expired",
        ),
        (
            pki.mock(&["127.0.0.1"], |params| params.not_before = date_time_ymd(2990, 1, 1)),
            "not valid yet",
        ),
        (pki.mock(&["other.test"], |_| {}), "is for another name"),
        (pki.mock(&["127.0.0.2"], |_| {}), "is for another name"),
    ] {
        let gateway = pki.trusting(&mock.url());
        let answer = ask(&gateway, "events=1");
        let got = (answer.head.status(), answer.code());
        assert_eq!(got, (502, Some("upstream_tls")), "{reason}: {}", answer.text());
        assert!(answer.text().contains(reason), "{reason}: {}", answer.text());
        assert!(gateway.line("upstream_tls").contains(reason), "{reason} in the log");
    }
}

#[test]
fn a_certificate_that_changes_is_verified_by_new_connections_and_pooled_ones_go_on() {
    let (pki, stranger) = (Pki::new(), Pki::called("A stranger"));
    let good = pki.files("good", |_| {});
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let mock = Mock::with_tls(&good.certificate, &good.key, trust_in(&[&pki, &stranger]));
    let gateway = pki.trusting(&mock.url());
    assert_eq!(ask(&gateway, "events=1").head.status(), 200);
    for (turn, (files, reason)) in [
        (stranger.files("stranger", |_| {}), "self-signed or from an unknown issuer"),
        // The last one, since the test could not undo it: it would not trust the mock either.
        (pki.files("expired", expired), "has expired"),
    ]
    .into_iter()
    .enumerate()
    {
        mock.serves(&files.certificate, &files.key);
        // The pooled connection was verified when it was opened.
        let mut client = gateway.connect();
        let fields = format!("{OWN_KEY}x-mock: stall_after=3e\r\n");
        client.send(post("/v1/messages", &fields, STREAM));
        let mut stream = Payload::of(&client.head());
        stream.until(&mut client, "tide0");
        // It is taken, so that this one needs another.
        let refused = ask(&gateway, "events=1");
        let got = (refused.head.status(), refused.code());
        assert_eq!(got, (502, Some("upstream_tls")), "{}", refused.text());
        assert!(refused.text().contains(reason), "{reason}: {}", refused.text());
        assert_eq!(stream.end, None, "the stream goes on");
        if turn > 0 {
            return;
        }
        mock.serves(&good.certificate, &good.key);
        assert_eq!(ask(&gateway, "events=1").head.status(), 200, "a good one is taken again");
        drop(client);
        let log = mock.log(3);
        let (left, whole): (Vec<_>, Vec<_>) =
            log.iter().partition(|seen| seen.text("end") == "peer_left");
        assert_eq!((left.len(), whole.len()), (1, 2), "{log:?}");
        assert_eq!(left[0].connection(), whole[0].connection(), "the stream had the pooled one");
        assert_ne!(whole[0].connection(), whole[1].connection());
    }
}

#[test]
fn without_tls_ca_a_private_authority_is_not_trusted() {
    let pki = Pki::new();
    let mock = pki.mock(&["127.0.0.1"], |_| {});
    let gateway = Gateway::start(&both(&mock.url()));
    assert_eq!(ask(&gateway, "events=1").code(), Some("upstream_tls"));
}

#[test]
fn a_plain_upstream_where_tls_is_expected_is_told() {
    let pki = Pki::new();
    let plain = Mock::start();
    let gateway = pki.trusting(&plain.url().replace("http://", "https://"));
    let answer = ask(&gateway, "events=1");
    assert_eq!((answer.head.status(), answer.code()), (502, Some("upstream_tls")));
}

#[test]
fn a_cut_without_close_notify_is_never_a_whole_answer() {
    let pki = Pki::new();
    let (_mock, gateway) = pki.good();
    let whole = ask(&gateway, "framing=close, events=3");
    assert_eq!(whole.end, BodyEnd::Whole);
    let cut = ask(&gateway, "framing=close, events=3, no_close_notify");
    assert_eq!(cut.end, BodyEnd::Cut, "FIN alone does not end a body until close (RFC 8446 6.1)");
    assert!(cut.text().contains("message_stop"));
    for knobs in ["cut_after=3e", "rst_after=3e", "cut_after=3e, no_close_notify"] {
        let cut = ask(&gateway, knobs);
        assert_eq!(cut.end, BodyEnd::Cut, "{knobs}");
        let text = cut.text();
        let error = text.rfind("event: error\n").unwrap_or_else(|| panic!("{knobs}: {text}"));
        assert!(text[error..].contains("\"type\":\"api_error\""), "{knobs}: {text}");
    }
}

#[test]
fn a_scanned_body_and_a_large_answer_pass_whole() {
    let pki = Pki::new();
    let (mock, gateway) = pki.good();
    let body = format!("{{\"pad\":\"{}\"}}", "x".repeat(5 * 1024 * 1024));
    let fields = format!("{OWN_KEY}x-mock: body_size=5MiB\r\n");
    let answer = gateway.ask(post("/v1/messages", &fields, &body));
    assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole));
    assert!(answer.body.len() >= 5 * 1024 * 1024);
    assert_eq!(answer.json()["type"], "message");
    assert_eq!(mock.only().body_length(), Some(body.len()));
}

#[test]
fn an_upload_streams_through_whole() {
    let pki = Pki::new();
    let (mock, gateway) = pki.good();
    let piece = vec![b'x'; 64 * 1024];
    for turn in 1..=3 {
        let mut client = gateway.connect();
        client.send(format!(
            "POST /v1/files HTTP/1.1\r\nhost: gateway.test\r\n{OWN_KEY}content-length: {}\r\n\r\n",
            piece.len() * 80
        ));
        for _ in 0..80 {
            client.send(&piece);
        }
        assert_eq!(client.answer().head.status(), 200);
        let seen = mock.log(turn).pop().unwrap();
        assert_eq!(seen.body_length(), Some(piece.len() * 80));
    }
}

#[test]
fn a_client_that_leaves_closes_the_tls_upstream() {
    let pki = Pki::new();
    let (mock, gateway) = pki.good();
    let mut client: Wire = gateway.connect();
    let fields = format!("{OWN_KEY}x-mock: stall_after=3e\r\n");
    client.send(post("/v1/messages", &fields, STREAM));
    let mut payload = Payload::of(&client.head());
    payload.until(&mut client, "tide0");
    drop(client);
    assert_eq!(mock.only().text("end"), "peer_left");
}

#[test]
fn an_idle_tls_connection_that_was_closed_is_replaced_unseen() {
    let pki = Pki::new();
    let (_mock, gateway) = pki.good();
    let mut client = gateway.connect();
    for _ in 0..5 {
        client.send(post("/v1/messages", &format!("{OWN_KEY}x-mock: close_after=1ms\r\n"), STREAM));
        let answer = client.answer();
        assert_eq!(
            (answer.head.status(), answer.head.field("x-tidegate-attempts")),
            (200, Some("1"))
        );
    }
    client.half_close();
    assert_eq!(client.rest(), (Vec::new(), End::Fin));
}
