//! What passes unchanged: bodies, queries, fields, paths, both dialects, every prefix.

use crate::support::{
    BodyEnd, Gateway, Mock, both, get, key, post, post_chunked, provider, sha256,
};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const OWN_BEARER: &str = "authorization: Bearer sk-own\r\n";

fn mocked() -> (Mock, Gateway) {
    let mock = Mock::start();
    let gateway = Gateway::start(&both(&mock.url()));
    (mock, gateway)
}

/// Starts one provider whose base URL is the mock's with `path` behind it.
fn based(path: &str) -> (Mock, Gateway) {
    let mock = Mock::start();
    let gateway = Gateway::start(&both(&(mock.url() + path)));
    (mock, gateway)
}

#[test]
fn bodies_of_both_dialects_pass_byte_for_byte() {
    let (mock, gateway) = mocked();
    let odd =
        "{ \"model\" : \"m\",\n\t\"unknown\": [1e400, \"\\ud83d\\ude00 \u{1f600}\"], \"z\":null }";
    let paths = [
        ("/v1/messages", OWN_KEY),
        ("/v1/messages/count_tokens", OWN_KEY),
        ("/v1/chat/completions", OWN_BEARER),
        ("/v1/responses", OWN_BEARER),
        ("/v1/completions", OWN_BEARER),
        ("/v1/embeddings", OWN_BEARER),
    ];
    for (path, credential) in paths {
        let fields = format!("{credential}content-type: application/json\r\nx-mock: echo\r\n");
        let answer = gateway.ask(post(path, &fields, odd));
        assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole), "{path}");
    }
    for (seen, (path, _)) in mock.log(paths.len()).iter().zip(paths) {
        assert_eq!((seen.text("target"), seen.text("body")), (path, odd));
        assert_eq!(seen.field("content-type").as_deref(), Some("application/json"));
    }
}

#[test]
fn a_chunked_body_arrives_with_the_same_bytes_by_length() {
    let (mock, gateway) = mocked();
    let chunks = ["{\"model\":", "\"m\"", ",\"x\":1}"];
    let answer = gateway.ask(post_chunked("/v1/messages", OWN_KEY, &chunks));
    assert_eq!(answer.head.status(), 200);
    let seen = mock.only();
    assert_eq!(seen.text("body"), chunks.concat());
    assert_eq!(seen.field("content-length"), Some(chunks.concat().len().to_string()));
    assert_eq!(seen.field("transfer-encoding"), None);
}

#[test]
fn the_query_passes_unchanged_on_scanned_and_unscanned_paths() {
    let (mock, gateway) = mocked();
    let targets = [
        "/v1/messages?beta=true&x=%2F%20&&y",
        "/v1/files?after=a%2Fb&?&=#".trim_end_matches('#'),
        "/v1/chat/completions?",
        "/v1/models?limit=1000",
    ];
    for target in targets {
        let request = if target.contains("models") {
            get(target, OWN_KEY)
        } else {
            post(target, OWN_KEY, "{\"model\":\"m\"}")
        };
        assert_eq!(gateway.ask(request).head.status(), 200, "{target}");
    }
    let seen: Vec<String> =
        mock.log(targets.len()).iter().map(|seen| seen.text("target").to_owned()).collect();
    assert_eq!(seen, targets);
}

#[test]
fn anthropic_version_and_beta_and_unknown_fields_pass_verbatim_and_in_order() {
    let (mock, gateway) = mocked();
    let sent = [
        ("Anthropic-Version", "2023-06-01"),
        ("anthropic-beta", "a-2024,  b-2025"),
        ("X-Unknown-Thing", "one"),
        ("anthropic-beta", "c-2026"),
        ("x-unknown-thing", "two; q=\"\u{e9}\""),
        ("anthropic-future-field", "yes"),
        ("X-Claude-Code-Session-Id", "s-1"),
        ("User-Agent", "claude-cli/9.9 (external)"),
        ("X-Stainless-Retry-Count", "0"),
    ];
    let mut fields = OWN_KEY.to_owned();
    for (name, value) in sent {
        fields.extend([name, ": ", value, "\r\n"]);
    }
    assert_eq!(gateway.ask(post("/v1/messages", &fields, "{}")).head.status(), 200);
    let seen = mock.only();
    let headers = seen.0["headers"].as_array().unwrap().iter();
    let pairs: Vec<(&str, &str)> = headers
        .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .filter(|(name, _)| sent.iter().any(|(sent, _)| sent == name))
        .collect();
    let names = |pairs: &[(&str, &str)]| -> Vec<String> {
        pairs.iter().map(|(name, _)| (*name).to_owned()).collect()
    };
    assert_eq!(names(&pairs), names(&sent));
    // The mock shows what is not ASCII as Latin-1 or replaced; those bytes are checked raw below.
    let ascii = |pairs: &[(&str, &str)]| -> Vec<String> {
        let plain = pairs.iter().filter(|(_, value)| !value.starts_with("two"));
        plain.map(|(_, value)| (*value).to_owned()).collect()
    };
    assert_eq!(ascii(&pairs), ascii(&sent));
}

#[test]
fn the_upstream_is_asked_for_identity_and_sees_its_own_host() {
    let (mock, gateway) = mocked();
    let fields = format!("{OWN_KEY}Accept-Encoding: gzip, br, zstd\r\naccept: */*\r\n");
    gateway.ask(post("/v1/messages", &fields, "{}"));
    let seen = mock.only();
    assert_eq!(seen.all("accept-encoding"), ["identity"]);
    assert_eq!(seen.all("host"), [format!("127.0.0.1:{}", mock.port())]);
    assert_eq!(seen.all("accept"), ["*/*"]);
}

#[test]
fn a_base_url_with_a_path_is_put_in_front() {
    for (base, path, upstream) in [
        ("", "/v1/messages", "/v1/messages"),
        ("/", "/v1/messages", "/v1/messages"),
        ("/tenant/a", "/v1/messages", "/tenant/a/v1/messages"),
        ("/tenant/a/", "/v1/messages?x=1", "/tenant/a/v1/messages?x=1"),
        ("/api/v1", "/v1/chat/completions", "/api/v1/chat/completions"),
        ("/api/v1/", "/v1/models", "/api/v1/models"),
        ("/v1", "/openai/v1/responses", "/v1/responses"),
        ("/apiv1", "/v1/messages", "/apiv1/v1/messages"),
    ] {
        let (mock, gateway) = based(base);
        gateway.ask(post(path, OWN_BEARER, "{}"));
        assert_eq!(mock.only().text("target"), upstream, "{base} + {path}");
    }
}

#[test]
fn a_prefix_chooses_the_provider_and_is_taken_off() {
    let (one, two, three) = (Mock::start(), Mock::start(), Mock::start());
    let config = provider("first", "anthropic", &one.url())
        + &provider("local-llm", "openai", &two.url())
        + &provider("backup", "anthropic", &three.url());
    let gateway = Gateway::start(&config);
    for (path, to, target) in [
        ("/v1/messages", &one, "/v1/messages"),
        ("/anthropic/v1/messages", &one, "/v1/messages"),
        ("/first/v1/messages", &one, "/v1/messages"),
        ("/backup/v1/messages?a=b", &three, "/v1/messages?a=b"),
        ("/backup/v1/files/f1", &three, "/v1/files/f1"),
        ("/v1/chat/completions", &two, "/v1/chat/completions"),
        ("/openai/v1/responses", &two, "/v1/responses"),
        ("/local-llm/v1/files", &two, "/v1/files"),
    ] {
        let before = to.stat("requests");
        let answer = gateway.ask(post(path, OWN_KEY, "{}"));
        assert_eq!(answer.head.status(), 200, "{path}");
        let log = to.log(usize::try_from(before + 1).unwrap());
        assert_eq!(log.last().unwrap().text("target"), target, "{path}");
    }
}

#[test]
fn paths_that_both_dialects_have_go_by_the_credential_and_version() {
    let (one, two) = (Mock::start(), Mock::start());
    let config = provider("a", "anthropic", &one.url()) + &provider("o", "openai", &two.url());
    let gateway = Gateway::start(&config);
    let version = "anthropic-version: 2023-06-01\r\nauthorization: Bearer sk-own\r\n";
    for fields in [OWN_KEY, version] {
        assert_eq!(
            gateway.ask(get("/v1/models", fields)).head.field("x-tidegate-provider"),
            Some("a")
        );
    }
    assert_eq!(
        gateway.ask(get("/v1/models", OWN_BEARER)).head.field("x-tidegate-provider"),
        Some("o")
    );
    assert_eq!((one.log(2).len(), two.log(1).len()), (2, 1));
}

#[test]
fn a_pinned_provider_refuses_paths_of_the_other_dialect_in_its_own_envelope() {
    let (mock, gateway) = mocked();
    let answer = gateway.ask(post("/anthropic/v1/chat/completions", OWN_KEY, "{}"));
    assert_eq!((answer.head.status(), answer.code()), (404, Some("no_route")));
    assert_eq!(answer.json()["type"], "error");
    assert_eq!(answer.json()["error"]["type"], "not_found_error");
    let answer = gateway.ask(post("/openai/v1/messages", OWN_KEY, "{}"));
    assert_eq!((answer.head.status(), answer.code()), (404, Some("no_route")));
    assert_eq!(answer.json()["error"]["code"], "no_route");
    assert_eq!(answer.json()["error"]["param"], serde_json::Value::Null);
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn p16_v1evil_and_other_paths_outside_v1_are_no_route() {
    let (mock, gateway) = mocked();
    for path in [
        "/v1evil",
        "/v1",
        "/V1/messages",
        "/",
        "/v2/messages",
        "//v1/messages",
        "/anthropic",
        "/anthropic/v1evil",
        "/anthropicv1/messages",
        "/v1evil/messages",
        "/unknown/v1/messages",
        "/api/hello",
    ] {
        let answer = gateway.ask(get(path, OWN_KEY));
        assert_eq!((answer.head.status(), answer.code()), (404, Some("no_route")), "{path}");
        assert_eq!(answer.json()["error"]["type"], "not_found_error", "{path}");
    }
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn dot_segments_are_refused_before_they_can_leave_the_base_path() {
    let (mock, gateway) = based("/tenant");
    for path in ["/v1/../admin", "/v1/./x", "/v1/%2e%2E/x", "/v1/a/..", "/v1/..%5c/x", "/v1/.%2e/x"]
    {
        let answer = gateway.ask(get(path, OWN_KEY));
        let is_refused = (answer.head.status(), answer.code()) == (400, Some("bad_request"));
        // `..%5c` is one segment for us; only what every reader splits is refused.
        assert!(is_refused || path.contains("%5c"), "{path}: {}", answer.text());
    }
    assert!(mock.stat("requests") <= 1);
}

#[test]
fn unscanned_methods_and_paths_pass() {
    let (mock, gateway) = mocked();
    let mut count = 0;
    for (method, path) in [
        ("DELETE", "/v1/files/f1"),
        ("PUT", "/v1/files/f1"),
        ("PATCH", "/v1/threads/t1"),
        ("GET", "/v1/messages"),
        ("OPTIONS", "/v1/messages"),
        ("GET", "/v1/files/f1/content"),
    ] {
        let answer =
            gateway.ask(format!("{method} {path} HTTP/1.1\r\nhost: gateway.test\r\n{OWN_KEY}\r\n"));
        assert_eq!(answer.end, BodyEnd::Whole, "{method} {path}");
        count += 1;
        let seen = mock.log(count).pop().unwrap();
        assert_eq!((seen.text("method"), seen.text("target")), (method, path));
        assert_eq!(seen.field("content-length"), None, "{method}");
    }
}

/// 10 MiB that no chunk size divides.
fn upload() -> Vec<u8> {
    (0_u32..10 * 1024 * 1024 + 7).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn a_multipart_upload_of_10_mib_streams_through_by_length() {
    let (mock, gateway) = mocked();
    let body = upload();
    let mut client = gateway.connect();
    client.send(format!(
        "POST /v1/files HTTP/1.1\r\nhost: gateway.test\r\n{OWN_KEY}\
         content-type: multipart/form-data; \
         boundary=x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    ));
    client.send(&body);
    assert_eq!(client.answer().head.status(), 200);
    let seen = mock.only();
    assert_eq!(seen.body_length(), Some(body.len()));
    assert_eq!(seen.text("body_sha256"), sha256(&body));
    assert_eq!(seen.field("content-length"), Some(body.len().to_string()));
    assert_eq!(seen.field("content-type").unwrap(), "multipart/form-data; boundary=x");
}

#[test]
fn a_multipart_upload_of_10_mib_streams_through_in_chunks() {
    let (mock, gateway) = mocked();
    let body = upload();
    let mut client = gateway.connect();
    client.send(format!(
        "POST /v1/files HTTP/1.1\r\nhost: gateway.test\r\n{OWN_KEY}\
         transfer-encoding: chunked\r\n\r\n"
    ));
    for chunk in body.chunks(70_001) {
        client.send(format!("{:x};note=\"a b\"\r\n", chunk.len()));
        client.send(chunk);
        client.send("\r\n");
    }
    client.send("0\r\nx-checksum: 1\r\n\r\n");
    assert_eq!(client.answer().head.status(), 200);
    client.send(get("/v1/models", OWN_KEY));
    assert_eq!(client.answer().head.status(), 200, "the connection goes on behind the upload");
    let seen = mock.log(2).remove(0);
    assert_eq!(seen.text("body_sha256"), sha256(&body));
    assert_eq!(seen.field("transfer-encoding").as_deref(), Some("chunked"));
    assert_eq!((seen.field("content-length"), seen.field("x-checksum")), (None, None));
}

#[test]
fn a_large_scanned_body_passes_whole() {
    let (mock, gateway) = mocked();
    let body = format!("{{\"model\":\"m\",\"pad\":\"{}\"}}", "x".repeat(3 * 1024 * 1024));
    assert_eq!(gateway.ask(post("/v1/messages", OWN_KEY, &body)).head.status(), 200);
    assert_eq!(mock.only().text("body_sha256"), sha256(body.as_bytes()));
}

#[test]
fn a_large_answer_passes_whole_by_length_and_in_chunks() {
    let (_mock, gateway) = mocked();
    for framing in ["length", "chunked", "close"] {
        let fields = format!("{OWN_KEY}x-mock: body_size=4MiB, framing={framing}\r\n");
        let answer = gateway.ask(post("/v1/messages", &fields, "{}"));
        assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole), "{framing}");
        assert!(answer.body.len() >= 4 * 1024 * 1024 && answer.json()["content"].is_array());
    }
}

#[test]
fn pool_keys_of_a_provider_are_used_under_every_prefix() {
    let mock = Mock::start();
    let config = provider("main", "anthropic", &mock.url()) + &key("sk-ant-pool");
    let gateway = Gateway::start(&config);
    for path in ["/v1/messages", "/anthropic/v1/messages", "/main/v1/messages"] {
        assert_eq!(gateway.ask(post(path, "", "{}")).head.status(), 200);
    }
    assert!(mock.log(3).iter().all(|seen| seen.all("x-api-key") == ["sk-ant-pool"]));
}

#[test]
fn without_accounting_an_answer_passes_unread() {
    let mock = Mock::start();
    let config = provider("a", "anthropic", &mock.url()) + "[observation]\naccounting = false\n";
    let gateway = Gateway::start(&config);
    let answer = gateway.ask(post("/v1/messages", "x-api-key: sk-own\r\n", "{\"model\":\"m\"}"));
    assert_eq!(answer.head.status(), 200);
    let line = gateway.line("\"upstream_request_id\"");
    let record: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&record["usage"]["output"], &record["stop_reason"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    assert!(record["bytes_out"].as_u64().unwrap() > 0);
}
