//! What is kept of an exchange beside its record: rate-limit facts, tries, times of reads, head
//! fields, bodies; each only where it was asked for, bounded, and without a secret.

use serde_json::{Value, json};

use crate::support::{Directory, Gateway, Payload, Upstream, Wire, get, post};

const OWN: &str = "sk-pl4nted-own-0123456789";
const POOL: &str = "0dd-pl4nted-pool-key";

fn gateway(upstream: &Upstream, storage: &Directory, settings: &str) -> Gateway {
    let config = format!(
        "[admin]\nlisten = '127.0.0.1:0'\n[storage]\npath = '{}'\n{settings}\n\
         [[provider]]\nname = 'p'\ndialect = 'anthropic'\nbase_url = '{url}'\n\
         [[provider.key]]\nname = 'k0'\nvalue.env = 'POOL'\n\
         [[provider.key]]\nname = 'k1'\nvalue = 'sk-second-0123456'\n\
         [[provider]]\nname = 'own'\ndialect = 'anthropic'\nbase_url = '{url}'\n",
        storage.path().display(),
        url = upstream.url()
    );
    Gateway::start_with(&config, &[("POOL", POOL)])
}

fn read(gateway: &Gateway, path: &str) -> Value {
    let mut client = Wire::connect(gateway.admin());
    client.send(get(path, "").replace("gateway.test", "localhost"));
    client.answer().json()
}

/// The one exchange with this id, once it is kept.
fn detail(gateway: &Gateway, id: &str) -> Value {
    loop {
        let found = read(gateway, &format!("/api/v1/requests/{id}"));
        if found["id"] == id {
            return found;
        }
        std::thread::yield_now();
    }
}

/// The same once `part` of it is there: what is kept beside a row is written behind it.
fn detail_with(gateway: &Gateway, id: &str, part: &str) -> Value {
    loop {
        let found = detail(gateway, id);
        if found.get(part).is_some() {
            return found;
        }
        std::thread::yield_now();
    }
}

/// One exchange, answered so; its id.
fn exchange(gateway: &Gateway, upstream: &Upstream, request: &str, answer: &str) -> String {
    let mut client = gateway.connect();
    client.send(request);
    let (mut wire, _) = upstream.request();
    wire.send(answer);
    client.answer().head.field("x-tidegate-request-id").unwrap().to_owned()
}

fn answer(status: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{fields}connection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

const BODY: &str = "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[]}";
const LIMITS: &str = "anthropic-ratelimit-unified-status: allowed_warning\r\n\
    anthropic-ratelimit-unified-5h-utilization: 0.42\r\n\
    anthropic-ratelimit-unified-5h-reset: 4102444800\r\n\
    anthropic-ratelimit-unified-7d-utilization: 0.87\r\n\
    anthropic-ratelimit-unified-7d-reset: 4102531200\r\n\
    anthropic-ratelimit-unified-representative-claim: seven_day\r\n\
    anthropic-ratelimit-unified-fallback-percentage: 0.5\r\n\
    anthropic-ratelimit-unified-overage-status: rejected\r\n\
    anthropic-ratelimit-requests-limit: 1000\r\nanthropic-ratelimit-requests-remaining: 999\r\n\
    anthropic-ratelimit-requests-reset: 2100-01-01T00:00:00Z\r\n\
    anthropic-ratelimit-tokens-limit: 80000\r\nanthropic-ratelimit-tokens-remaining: 79000\r\n";

#[test]
fn p19_what_a_head_says_of_limits_is_kept_and_what_it_does_not_is_null() {
    let (upstream, storage) = (Upstream::start(), Directory::new());
    let gateway = gateway(&upstream, &storage, "");
    let all = exchange(
        &gateway,
        &upstream,
        &post("/v1/messages", "", BODY),
        &answer("200 OK", LIMITS, "{}"),
    );
    let limits = &detail(&gateway, &all)["rate_limit"];
    assert_eq!(limits["status"], "allowed_warning");
    assert_eq!(
        limits["requests"],
        json!({"limit": 1000, "remaining": 999, "reset": "2100-01-01T00:00:00Z"})
    );
    assert_eq!(limits["tokens"], json!({"limit": 80000, "remaining": 79000, "reset": null}));
    let window =
        |utilization: f64, reset: &str| json!({"utilization": utilization, "reset": reset});
    let unified = &limits["unified"];
    assert_eq!(unified["5h"], window(0.42, "2100-01-01T00:00:00Z"));
    assert_eq!(unified["7d"], window(0.87, "2100-01-02T00:00:00Z"));
    assert_eq!(unified["representative_claim"], "seven_day");
    assert_eq!(
        (&unified["fallback_percentage"], &unified["overage_status"]),
        (&json!(0.5), &json!("rejected"))
    );
    let quota = read(&gateway, "/api/v1/keys/p/k0")["limits"].clone();
    assert_eq!((&quota["requests"], &quota["tokens"]), (&limits["requests"], &limits["tokens"]));
    let few = "anthropic-ratelimit-requests-limit: 5\r\n";
    let some = exchange(
        &gateway,
        &upstream,
        &post("/v1/messages", "", BODY),
        &answer("200 OK", few, "{}"),
    );
    let limits = detail(&gateway, &some)["rate_limit"].clone();
    assert_eq!(limits["requests"]["limit"], 5.0);
    assert_eq!((&limits["tokens"], &limits["unified"]), (&Value::Null, &Value::Null));
    for absent in ["attempt_list", "request_headers", "body", "response_body", "chunk_timings"] {
        assert_eq!(detail(&gateway, &some).get(absent), None, "{absent} was not asked for");
    }
}

#[test]
fn detail_off_keeps_no_limits() {
    let (upstream, storage) = (Upstream::start(), Directory::new());
    let gateway = gateway(&upstream, &storage, "detail = 'off'");
    let id = exchange(
        &gateway,
        &upstream,
        &post("/v1/messages", "", BODY),
        &answer("200 OK", LIMITS, "{}"),
    );
    assert_eq!(detail(&gateway, &id)["rate_limit"], Value::Null);
}

#[test]
fn p20_each_read_of_a_stream_has_its_time_and_size() {
    let (upstream, storage) = (Upstream::start(), Directory::new());
    let gateway = gateway(&upstream, &storage, "detail = 'timings'");
    let mut client = gateway.connect();
    client.send(post("/v1/messages", "", &BODY.replace("[]}", "[],\"stream\":true}")));
    let (mut wire, _) = upstream.request();
    wire.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
    let head = client.head();
    let id = head.field("x-tidegate-request-id").unwrap().to_owned();
    let mut payload = Payload::of(&head);
    let mut sizes = Vec::new();
    for number in 0..7 {
        let event = format!(
            "event: ping\ndata: {{\"type\":\"ping\",\"n\":\"{}\"}}\n\n",
            "x".repeat(number)
        );
        wire.send(&event);
        payload.until(&mut client, &format!("\"{}\"", "x".repeat(number)));
        payload.until_length(&mut client, sizes.iter().sum::<usize>() + event.len());
        sizes.push(event.len());
    }
    drop(wire);
    payload.finish(&mut client);
    let kept = detail_with(&gateway, &id, "chunk_timings");
    let timings = kept["chunk_timings"].as_array().unwrap();
    let told: Vec<usize> = timings
        .iter()
        .map(|chunk| usize::try_from(chunk["bytes"].as_u64().unwrap()).unwrap())
        .collect();
    assert_eq!(told, sizes, "{kept:#}");
    let elapsed: Vec<u64> =
        timings.iter().map(|chunk| chunk["elapsed_ms"].as_u64().unwrap()).collect();
    assert!(elapsed.is_sorted(), "{elapsed:?}");
    assert!(timings.iter().enumerate().all(|(at, chunk)| chunk["index"] == at));
    let attempts = kept["attempt_list"].as_array().unwrap();
    assert_eq!(
        (attempts.len(), &attempts[0]["key"], &attempts[0]["status"]),
        (1, &json!("k0"), &json!(200))
    );
    assert_eq!(kept.get("request_headers"), None);
}

#[test]
fn each_try_is_told_where_there_was_more_than_one() {
    let (upstream, storage) = (Upstream::start(), Directory::new());
    let gateway = gateway(&upstream, &storage, "");
    let mut client = gateway.connect();
    client.send(post("/v1/messages", "", BODY));
    let (mut first, _) = upstream.request();
    first.send(answer("429 Too Many Requests", "retry-after: 9\r\n", "{}"));
    let (mut second, _) = upstream.request();
    second.send(answer("200 OK", "", "{}"));
    let id = client.answer().head.field("x-tidegate-request-id").unwrap().to_owned();
    let kept = detail_with(&gateway, &id, "attempt_list");
    let told: Vec<Value> = kept["attempt_list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| json!([a["provider"], a["key"], a["status"], a["reason"]]))
        .collect();
    assert_eq!(told, [json!(["p", "k0", 429, "limited"]), json!(["p", "k1", 200, null])]);
    let (a, b) = (&kept["attempt_list"][0], &kept["attempt_list"][1]);
    assert!(
        a["start_ms"].as_u64() <= b["start_ms"].as_u64() && b["duration_ms"].is_u64(),
        "{kept:#}"
    );
}

#[test]
fn p23_head_fields_and_bodies_are_kept_without_a_secret() {
    let (upstream, storage) = (Upstream::start(), Directory::new());
    let gateway = gateway(&upstream, &storage, "detail = 'headers'\nbodies = 'all'");
    let fields = format!(
        "x-api-key: {OWN}\r\nauthorization: Bearer {OWN}\r\nX-My-Secret: pl4nted\r\n\
         cookie: a=pl4nted\r\nx-team: blue\r\nx-other: key sk-pl4nted-elsewhere\r\n"
    );
    let body = format!(
        "{{\"model\":\"m\",\"messages\":[\"{OWN}\"],\"api_key\":\"pl4nted\",\"w\":\"kept\"}}"
    );
    // A provider that tells what it was sent.
    let echo = format!("{{\"error\":\"wrong key {OWN}, {POOL}\",\"text\":\"kept\"}}");
    let own = post("/own/v1/messages", &fields, &body);
    let answered = answer("400 Bad Request", "set-cookie: s=pl4nted\r\nx-served-by: 7\r\n", &echo);
    let id = exchange(&gateway, &upstream, &own, &answered);
    let kept = detail_with(&gateway, &id, "response_headers");
    let hashed = kept["request_headers"]["authorization"].as_str().unwrap();
    assert!(hashed.starts_with("hmac-sha256:") && hashed.len() == 28, "{hashed}");
    assert_eq!(kept["request_headers"]["x-team"], "blue");
    assert_eq!(kept["response_headers"]["x-served-by"], "7");
    for body in ["body", "response_body"] {
        assert!(kept[body].as_str().unwrap().contains("kept"), "{kept:#}");
    }
    let all = kept.to_string();
    assert!(!all.contains("pl4nted"), "{all}");
    gateway.signal(rustix::process::Signal::TERM);
    assert!(!gateway.ended().stderr.contains("pl4nted"));
    for file in std::fs::read_dir(storage.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"pl4nted"));
    }
}

#[test]
fn bodies_of_errors_are_kept_cut_and_others_are_not() {
    let (upstream, storage) = (Upstream::start(), Directory::new());
    let gateway = gateway(&upstream, &storage, "bodies = 'errors'");
    let own = format!("x-api-key: {OWN}\r\n");
    let well = post("/own/v1/messages", &own, BODY);
    let fine = exchange(&gateway, &upstream, &well, &answer("200 OK", "", "{\"fine\":1}"));
    let kept = detail(&gateway, &fine);
    assert_eq!((kept.get("body"), kept.get("response_body")), (None, None), "{kept:#}");
    let long = format!("{{\"model\":\"m\",\"messages\":[\"{}\"]}}", "y".repeat(100_000));
    let request = post("/own/v1/messages", &own, &long);
    let failed =
        exchange(&gateway, &upstream, &request, &answer("400 Bad Request", "", "{\"why\":1}"));
    let kept = detail_with(&gateway, &failed, "response_body");
    assert_eq!(kept["response_body"], "{\"why\":1}");
    assert_eq!(kept["body"].as_str().map(str::len), Some(65_536));
}

#[test]
fn overhead_is_the_gateways_own_time_and_no_wait_for_a_provider() {
    let (upstream, storage) = (Upstream::start(), Directory::new());
    let gateway = gateway(&upstream, &storage, "");
    let mut client = gateway.connect();
    client.send(post("/v1/messages", "", BODY));
    let (mut wire, _) = upstream.request();
    // The provider takes its time: as long as others are served in.
    for _ in 0..200 {
        assert_eq!(gateway.ask(get("/nowhere", "")).head.status(), 404);
    }
    wire.send(answer("200 OK", "", "{}"));
    let id = client.answer().head.field("x-tidegate-request-id").unwrap().to_owned();
    let kept = detail(&gateway, &id);
    let (overhead, duration) = (kept["overhead_us"].as_u64(), kept["duration_ms"].as_u64());
    assert!(overhead > Some(0), "{kept:#}");
    assert!(overhead < duration.map(|ms| ms * 1_000 / 2), "{kept:#}");
    let mut client = Wire::connect(gateway.admin());
    client.send(get("/metrics", "").replace("gateway.test", "localhost"));
    let metrics = client.answer().text();
    assert!(metrics.contains("tidegate_overhead_seconds_count 201\n"), "{metrics}");
}
