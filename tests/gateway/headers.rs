//! Fields that end at the gateway, on the way up and on the way down.

use crate::support::{Answer, Gateway, Mock, Upstream, Wire, both, get, key, post, provider};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";

/// What the upstream got when a client sent these field lines.
fn sent_up(fields: &str) -> Answer {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&both(&upstream.url()));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", &format!("{OWN_KEY}{fields}"), "{}"));
    let (mut wire, request) = upstream.request();
    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(client.answer().head.status(), 200);
    request
}

/// What a client got when the upstream answered with these field lines.
fn sent_down(fields: &str) -> Answer {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&both(&upstream.url()));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let (mut wire, _) = upstream.request();
    wire.send(format!("HTTP/1.1 200 OK\r\n{fields}content-length: 0\r\n\r\n"));
    client.answer()
}

#[test]
fn hop_by_hop_fields_end_at_the_gateway_on_the_way_up() {
    let fields = "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n\
        TE: trailers\r\nTrailer: x-sum\r\nProxy-Authorization: Basic eA==\r\n\
        Proxy-Authenticate: Basic\r\nx-stays: 1\r\n";
    let request = sent_up(fields);
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "proxy-authorization",
        "proxy-authenticate",
        "upgrade",
    ] {
        assert_eq!(request.head.all(name), Vec::<&str>::new(), "{name}");
    }
    assert_eq!(request.head.field("x-stays"), Some("1"));
}

#[test]
fn w41_nominated_fields_are_stripped_on_the_way_down() {
    let answer = sent_down(
        "Connection: X-Foo, keep-alive\r\nx-foo: 1\r\nconnection: x-bar\r\nX-BAR: 2\r\n\
         x-baz: 3\r\n",
    );
    assert_eq!(answer.head.field("x-foo"), None);
    assert_eq!(answer.head.field("x-bar"), None);
    assert_eq!(answer.head.field("x-baz"), Some("3"));
    assert_eq!(answer.head.field("connection"), None);
}

#[test]
fn nominated_fields_are_stripped_on_the_way_up_but_never_ours() {
    let request = sent_up(
        "connection: x-foo, x-api-key, accept-encoding, host, content-length\r\nx-foo: 1\r\n\
         x-stays: 1\r\n",
    );
    assert_eq!(request.head.field("x-foo"), None);
    assert_eq!(request.head.field("x-stays"), Some("1"));
    assert_eq!(request.head.field("x-api-key"), Some("sk-own"), "the credential is set by us");
    assert_eq!(request.head.field("accept-encoding"), Some("identity"));
    assert_eq!(request.head.field("content-length"), Some("2"));
    assert!(request.head.field("host").is_some());
}

#[test]
fn a_nominated_beta_field_does_not_hide_ours() {
    let upstream = Upstream::start();
    let config = provider("a", "anthropic", &upstream.url()) + &key("sk-ant-oat01-pool");
    let gateway = Gateway::start(&config);
    let mut client = gateway.connect();
    let fields = "connection: anthropic-beta\r\nanthropic-beta: oauth-2025-04-20\r\n";
    client.send(post("/v1/messages", fields, "{}"));
    let (_wire, request) = upstream.request();
    assert_eq!(request.head.all("anthropic-beta"), ["oauth-2025-04-20"]);
}

#[test]
fn names_that_alias_ours_by_underscores_are_dropped() {
    let request = sent_up(
        "x_api_key: sk-shadow\r\nX_Api-Key: sk-shadow\r\nTransfer_Encoding: chunked\r\n\
         content_length: 7\r\nAPI_KEY: sk-shadow\r\nproxy_connection: close\r\nHost_: x\r\n\
         my_own_field: stays\r\n",
    );
    let names: Vec<&str> = request.head.fields.iter().map(|(name, _)| name.as_str()).collect();
    let expected =
        ["host", "host_", "my_own_field", "x-api-key", "accept-encoding", "content-length"];
    assert_eq!(names, expected);
}

#[test]
fn fields_about_the_client_and_cookies_do_not_go_up() {
    let request = sent_up(
        "Cookie: a=b\r\nForwarded: for=1.2.3.4\r\nX-Forwarded-For: 1.2.3.4\r\n\
         x-forwarded-host: evil\r\nX-Forwarded-Proto: https\r\nX-Tidegate-Key: team\r\n\
         x-tidegate-anything: 1\r\nx-forward: stays\r\n",
    );
    let names: Vec<&str> = request.head.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["host", "x-forward", "x-api-key", "accept-encoding", "content-length"]);
}

const KNOWN: &str = "[[caller]]\nname = \"alice\"\nkey = \"tg-ALICE-0123456789\"\n";
const GATEWAY_KEY: &str = "tg-ALICE-0123456789";

#[test]
fn w42_a_gateway_key_never_goes_upstream_in_any_field_scheme_or_case() {
    let mock = Mock::start();
    let config = provider("a", "anthropic", &mock.url()) + &key("sk-pool") + KNOWN;
    let gateway = Gateway::start(&config);
    let fields = [
        format!("x-api-key: {GATEWAY_KEY}\r\n"),
        format!("api-key: {GATEWAY_KEY}\r\n"),
        format!("Authorization: Bearer {GATEWAY_KEY}\r\n"),
        format!("authorization: bEARER   {GATEWAY_KEY}\r\n"),
        format!("authorization: {GATEWAY_KEY}\r\n"),
        format!("authorization: bearer\t{GATEWAY_KEY}\r\n"),
        format!("x-api-key: sk-own\r\nauthorization: Bearer {GATEWAY_KEY}\r\n"),
        format!("api-key: {GATEWAY_KEY}\r\nx-api-key: sk-own\r\nauthorization: Bearer sk-o\r\n"),
    ];
    for fields in &fields {
        let answer = gateway.ask(post("/v1/messages", fields, "{}"));
        assert_eq!(answer.head.status(), 200, "{fields}: {}", answer.text());
    }
    for (seen, fields) in mock.log(fields.len()).iter().zip(&fields) {
        let head = seen.0["headers"].to_string().to_ascii_lowercase();
        assert!(!head.contains("tg-alice"), "{fields} -> {head}");
        assert_eq!(seen.all("x-api-key"), ["sk-pool"], "{fields}");
        assert!(seen.all("authorization").is_empty() && seen.all("api-key").is_empty());
    }
}

#[test]
fn w42_an_unknown_gateway_key_in_any_case_is_401_and_sends_nothing() {
    let mock = Mock::start();
    let gateway = Gateway::start(&(both(&mock.url()) + KNOWN));
    for fields in [
        "x-api-key: tg-nobody\r\n",
        "x-api-key: TG-ALICE-0123456789\r\n",
        "authorization: Bearer Tg-Nobody\r\n",
        "authorization: token tg-nobody\r\n",
        "authorization: bearer\ttG-nobody\r\n",
        "api-key: tg-\r\n",
        "x-api-key: sk-own\r\napi-key: tg-nobody\r\n",
    ] {
        let answer = gateway.ask(post("/v1/messages", fields, "{}"));
        assert_eq!((answer.head.status(), answer.code()), (401, Some("unauthorized")), "{fields}");
        assert_eq!(answer.json()["error"]["type"], "authentication_error");
        assert!(!answer.text().to_ascii_lowercase().contains("nobody"), "the key is not echoed");
    }
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn cookies_echoed_keys_and_our_own_names_do_not_come_down() {
    let answer = sent_down(
        "Set-Cookie: a=b\r\nx-api-key: sk-echo\r\nAuthorization: Bearer sk-echo\r\n\
         api-key: sk-echo\r\nX-Goog-Api-Key: sk-echo\r\nx-tidegate-key: forged\r\n\
         X-Tidegate-Error: forged\r\nKeep-Alive: timeout=5\r\nproxy-authenticate: Basic\r\n\
         upgrade: h2c\r\nte: trailers\r\ntrailer: x\r\nx-stays: 1\r\n",
    );
    let names: Vec<&str> = answer.head.fields.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "x-stays",
        "content-length",
        "x-tidegate-request-id",
        "x-tidegate-provider",
        "x-tidegate-key",
        "x-tidegate-attempts",
        "x-tidegate-decision",
    ];
    assert_eq!(names, expected);
    assert!(!answer.head.field("x-tidegate-key").unwrap().contains("forged"));
}

#[test]
fn every_answer_has_a_request_id_of_its_own() {
    let mock = Mock::start();
    let gateway = Gateway::start(&both(&mock.url()));
    let mut ids = Vec::new();
    for request in [
        post("/v1/messages", OWN_KEY, "{}"),
        post("/v1/messages", OWN_KEY, "{}"),
        get("/nowhere", ""),
        post("/v1/messages", "", "{}"),
        "BROKEN\r\n\r\n".to_owned(),
    ] {
        let answer = gateway.ask(request);
        let id = answer.head.field("x-tidegate-request-id").unwrap().to_owned();
        assert_eq!(id.len(), 24, "{id}");
        assert!(!ids.contains(&id), "{id} twice");
        ids.push(id);
    }
}

#[test]
fn the_id_in_an_anthropic_error_body_is_the_one_in_the_head() {
    let gateway = Gateway::start(&both("http://127.0.0.1:9"));
    let answer = gateway.ask(post("/v1/messages", "", "{}"));
    let id = answer.head.field("x-tidegate-request-id").unwrap();
    assert_eq!(answer.json()["request_id"], id);
}

/// Our own fields of an answer, by name.
fn ours(answer: &Answer) -> Vec<(&str, &str)> {
    let ours = answer.head.fields.iter().filter(|(name, _)| name.starts_with("x-tidegate-"));
    ours.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn full_fields_name_provider_key_and_attempts_and_minimal_ones_do_not() {
    let mock = Mock::start();
    for (expose, is_full) in [("auto", true), ("full", true), ("minimal", false)] {
        let server = format!(
            "[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = 1\nexpose_headers = \"{expose}\"\n"
        );
        let named = "[[provider.key]]\nname = \"team-a\"\nvalue = \"sk-pool\"\n";
        let config = server + &provider("main", "anthropic", &mock.url()) + named;
        let gateway = Gateway::start(&config);
        let answer = gateway.ask(post("/v1/messages", "", "{}"));
        let ours = ours(&answer);
        let full = [
            ("x-tidegate-provider", "main"),
            ("x-tidegate-key", "team-a"),
            ("x-tidegate-attempts", "1"),
        ];
        assert!(full.iter().all(|field| ours.contains(field) == is_full), "{expose}: {ours:?}");
        assert!(ours.contains(&("x-tidegate-decision", "default")), "{expose}: {ours:?}");
        assert!(ours.iter().any(|(name, _)| *name == "x-tidegate-request-id"));
    }
}

#[test]
fn a_key_of_the_client_is_shown_by_a_hint_only() {
    let mock = Mock::start();
    let gateway = Gateway::start(&both(&mock.url()));
    let secret = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz";
    let fields = format!("x-api-key: {secret}\r\n");
    let answer = gateway.ask(post("/v1/messages", &fields, "{}"));
    let hint = answer.head.field("x-tidegate-key").unwrap();
    assert!(hint.contains("...") && hint.len() < 16, "{hint}");
    let mut client: Wire = gateway.connect();
    client
        .send(get("/v1/models", "x-api-key: \u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\r\n"));
    assert_eq!(client.answer().head.status(), 200, "a key that is no ASCII breaks no head");
}
