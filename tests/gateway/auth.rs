//! Who pays: the tables of BEHAVIOUR 2, asked over a socket.

use crate::support::mock::Seen;
use crate::support::{Answer, Gateway, Mock, both, get, key, post, provider, sha256};

/// The caller of every test here.
const ALICE: &str = "[[caller]]\nname = \"alice\"\nkey = \"tg-alice-0123456789\"\n";
const ALICE_KEY: &str = "x-api-key: tg-alice-0123456789\r\n";
const UNKNOWN_KEY: &str = "x-api-key: tg-mallory\r\n";
const OWN_KEY: &str = "x-api-key: sk-own\r\n";

fn mode(mode: &str) -> String {
    format!("[auth]\nmode = \"{mode}\"\n")
}

/// What became of a request.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// The provider was asked with this `x-api-key`.
    Asked(String),
    /// Its owner is known, but there is no key to ask with.
    NoKey,
    Refused,
}

/// Asks with each of gateway key, unknown gateway key, own key, no key.
fn row(config: &str) -> Vec<Outcome> {
    let mock = Mock::start();
    let gateway = Gateway::start(&config.replace("MOCK", &mock.url()));
    let mut row = Vec::new();
    let mut asked = 0;
    for fields in [ALICE_KEY, UNKNOWN_KEY, OWN_KEY, ""] {
        let answer = gateway.ask(post("/v1/messages", fields, "{}"));
        match answer.head.status() {
            200 => {
                asked += 1;
                let seen = mock.log(asked).pop().unwrap();
                row.push(Outcome::Asked(seen.field("x-api-key").unwrap_or_default()));
            }
            503 => {
                assert_eq!(answer.code(), Some("no_key"));
                row.push(Outcome::NoKey);
            }
            _ => {
                assert_unauthorized(&answer, fields);
                row.push(Outcome::Refused);
            }
        }
    }
    assert_eq!(mock.stat("requests"), asked as u64, "a refused request sends nothing");
    row
}

fn assert_unauthorized(answer: &Answer, fields: &str) {
    assert_eq!((answer.head.status(), answer.code()), (401, Some("unauthorized")), "{fields}");
    assert_eq!(answer.json()["error"]["type"], "authentication_error");
}

fn pool() -> Outcome {
    Outcome::Asked("sk-pool".to_owned())
}

fn own() -> Outcome {
    Outcome::Asked("sk-own".to_owned())
}

fn keyed() -> String {
    provider("a", "anthropic", "MOCK") + &key("sk-pool") + ALICE
}

fn keyless() -> String {
    provider("a", "anthropic", "MOCK") + ALICE
}

#[test]
fn mode_keys_takes_known_gateway_keys_only() {
    let row = row(&(keyed() + &mode("keys")));
    assert_eq!(row, [pool(), Outcome::Refused, Outcome::Refused, Outcome::Refused]);
}

#[test]
fn mode_byok_takes_other_keys_only() {
    let row = row(&(keyed() + &mode("byok")));
    assert_eq!(row, [Outcome::Refused, Outcome::Refused, own(), Outcome::Refused]);
}

#[test]
fn mode_keys_or_byok_takes_both_and_never_none() {
    let row = row(&(keyed() + &mode("keys_or_byok")));
    assert_eq!(row, [pool(), Outcome::Refused, own(), Outcome::Refused]);
}

#[test]
fn mode_open_uses_the_pool_for_all_but_unknown_gateway_keys() {
    let row = row(&(keyed() + &mode("open")));
    assert_eq!(row, [pool(), Outcome::Refused, pool(), pool()]);
}

#[test]
fn mode_open_without_keys_takes_the_clients_own() {
    let row = row(&(keyless() + &mode("open")));
    assert_eq!(row, [Outcome::NoKey, Outcome::Refused, own(), Outcome::Refused]);
}

#[test]
fn mode_auto_is_open_on_loopback_without_callers() {
    let keyed = provider("a", "anthropic", "MOCK") + &key("sk-pool");
    assert_eq!(row(&keyed), [Outcome::Refused, Outcome::Refused, pool(), pool()]);
}

#[test]
fn mode_auto_with_a_caller_is_keys_or_byok() {
    assert_eq!(row(&keyed()), [pool(), Outcome::Refused, own(), Outcome::Refused]);
}

#[test]
fn a_caller_can_be_named_by_the_digest_of_its_key() {
    let digest = sha256(b"tg-alice-0123456789").to_uppercase();
    let caller = format!("[[caller]]\nname = \"alice\"\nkey_sha256 = \"{digest}\"\n");
    let config = provider("a", "anthropic", "MOCK") + &key("sk-pool") + &caller + &mode("keys");
    assert_eq!(row(&config)[0], pool());
}

#[test]
fn errors_about_keys_come_in_the_dialect_of_the_path() {
    let gateway = Gateway::start(&(both("http://127.0.0.1:9") + &mode("byok")));
    let anthropic = gateway.ask(post("/v1/messages", "", "{}")).json();
    assert_eq!(
        (&anthropic["type"], &anthropic["error"]["type"]),
        (&"error".into(), &"authentication_error".into())
    );
    let openai = gateway.ask(post("/v1/responses", "", "{}")).json();
    assert_eq!(openai["error"]["code"], "unauthorized");
    assert_eq!(openai["type"], serde_json::Value::Null);
}

/// What the provider got from a client with these fields, under this provider configuration.
fn seen_by(dialect: &str, rest: &str, path: &str, fields: &str) -> Seen {
    let mock = Mock::start();
    let gateway = Gateway::start(&(provider("p", dialect, &mock.url()) + rest));
    let answer = gateway.ask(post(path, fields, "{}"));
    assert_eq!(answer.head.status(), 200, "{}", answer.text());
    mock.only()
}

/// The three credential fields as the provider got them.
fn credentials(seen: &Seen) -> [Vec<String>; 3] {
    ["x-api-key", "authorization", "api-key"].map(|name| seen.all(name))
}

fn only_x_api_key(value: &str) -> [Vec<String>; 3] {
    [vec![value.to_owned()], vec![], vec![]]
}

fn only_authorization(value: &str) -> [Vec<String>; 3] {
    [vec![], vec![value.to_owned()], vec![]]
}

#[test]
fn a_pool_key_goes_up_in_the_field_of_its_dialect() {
    let own = "authorization: Bearer sk-own\r\napi-key: sk-own2\r\n";
    let seen = seen_by("anthropic", &key("sk-ant-api03-p"), "/v1/messages", own);
    assert_eq!(credentials(&seen), only_x_api_key("sk-ant-api03-p"));
    let seen = seen_by("openai", &key("sk-proj-p"), "/v1/chat/completions", own);
    assert_eq!(credentials(&seen), only_authorization("Bearer sk-proj-p"));
}

#[test]
fn key_header_overrides_the_field() {
    for (header, expected) in [
        ("x-api-key", only_x_api_key("k-1")),
        ("bearer", only_authorization("Bearer k-1")),
        ("api-key", [vec![], vec![], vec!["k-1".to_owned()]]),
    ] {
        for (dialect, path) in [("anthropic", "/v1/messages"), ("openai", "/v1/responses")] {
            let rest = format!("key_header = \"{header}\"\n{}", key("k-1"));
            let seen = seen_by(dialect, &rest, path, OWN_KEY);
            assert_eq!(credentials(&seen), expected, "{header} for {dialect}");
        }
    }
}

#[test]
fn an_oauth_token_goes_up_as_bearer_with_its_beta() {
    let token = "sk-ant-oat01-secret";
    let bearer = only_authorization("Bearer sk-ant-oat01-secret");
    for (fields, betas) in [
        ("", vec!["oauth-2025-04-20"]),
        ("anthropic-beta: a-1,b-2\r\n", vec!["a-1,b-2,oauth-2025-04-20"]),
        ("anthropic-beta: a-1, oauth-2025-04-20\r\n", vec!["a-1, oauth-2025-04-20"]),
        (
            "anthropic-beta: a-1\r\nanthropic-beta: oauth-2025-04-20\r\n",
            vec!["a-1", "oauth-2025-04-20"],
        ),
        ("anthropic-beta: a-1\r\nanthropic-beta: b-2\r\n", vec!["a-1,oauth-2025-04-20", "b-2"]),
    ] {
        let seen = seen_by("anthropic", &key(token), "/v1/messages", fields);
        assert_eq!(credentials(&seen), bearer);
        assert_eq!(seen.all("anthropic-beta"), betas, "{fields}");
    }
    let unscanned = seen_by("anthropic", &key(token), "/anthropic/v1/files", "");
    assert_eq!(unscanned.all("anthropic-beta"), ["oauth-2025-04-20"]);
}

#[test]
fn a_plain_key_and_a_clients_own_token_get_no_beta() {
    let seen = seen_by("anthropic", &key("sk-ant-api03-p"), "/v1/messages", "");
    assert!(seen.all("anthropic-beta").is_empty());
    let own = "authorization: Bearer sk-ant-oat01-own\r\n";
    let seen = seen_by("anthropic", "", "/v1/messages", own);
    assert_eq!(credentials(&seen), only_authorization("Bearer sk-ant-oat01-own"));
    assert!(seen.all("anthropic-beta").is_empty());
}

#[test]
fn a_clients_own_key_keeps_its_field_and_scheme() {
    for (fields, expected) in [
        ("x-api-key: sk-1\r\n", only_x_api_key("sk-1")),
        ("Authorization: Bearer sk-1\r\n", only_authorization("Bearer sk-1")),
        ("authorization: bearer sk-1\r\n", only_authorization("bearer sk-1")),
        ("authorization: Token sk-1\r\n", only_authorization("Token sk-1")),
        ("api-key: sk-1\r\n", [vec![], vec![], vec!["sk-1".to_owned()]]),
        (
            "authorization: Bearer sk-2\r\nx-api-key: sk-1\r\napi-key: sk-3\r\n",
            only_x_api_key("sk-1"),
        ),
        ("api-key: sk-3\r\nauthorization: Bearer sk-2\r\n", only_authorization("Bearer sk-2")),
        ("x-api-key: \r\nauthorization: Bearer sk-2\r\n", only_authorization("Bearer sk-2")),
    ] {
        for (dialect, path) in [("anthropic", "/v1/messages"), ("openai", "/v1/chat/completions")] {
            let seen = seen_by(dialect, "", path, fields);
            assert_eq!(credentials(&seen), expected, "{fields} to {dialect}");
        }
    }
}

#[test]
fn a23_a_byok_429_is_one_request_relayed_with_its_retry_after() {
    let mock = Mock::start();
    let gateway = Gateway::start(&both(&mock.url()));
    let knobs = "x-mock: status=429, header.retry-after=5, header.x-should-retry=false\r\n";
    let answer = gateway.ask(post("/v1/messages", &format!("{OWN_KEY}{knobs}"), "{}"));
    assert_eq!(answer.head.status(), 429);
    assert_eq!(answer.head.field("retry-after"), Some("5"));
    assert_eq!(answer.head.field("x-should-retry"), Some("false"));
    assert_eq!(mock.log(1).len(), 1);
}

#[test]
fn a22_a_500_is_relayed_after_one_request_and_the_second_key_is_not_tried() {
    let mock = Mock::start();
    let config = provider("a", "anthropic", &mock.url()) + &key("sk-k0") + &key("sk-k1");
    let gateway = Gateway::start(&config);
    let answer = gateway.ask(post("/v1/messages", "x-mock: status=500\r\n", "{}"));
    assert_eq!((answer.head.status(), answer.code()), (500, None));
    assert_eq!(mock.only().field("x-api-key").as_deref(), Some("sk-k0"));
}

#[test]
fn keys_in_the_environment_make_the_pool_of_the_built_in_providers() {
    let mock = Mock::start();
    let (anthropic, openai) =
        (format!("anthropic={}", mock.url()), format!("openai={}", mock.url()));
    let arguments = ["--listen", "127.0.0.1:0", "--provider", &anthropic, "--provider", &openai];
    let environment =
        [("ANTHROPIC_API_KEY", "sk-ant-one,sk-ant-two"), ("OPENAI_API_KEY", "sk-oai")];
    let gateway = Gateway::start_bare(&arguments, &environment);
    assert!(gateway.line("provider     anthropic").contains("2 keys"));
    assert_eq!(gateway.ask(post("/v1/messages", "", "{}")).head.status(), 200);
    assert_eq!(gateway.ask(get("/v1/models", "")).head.status(), 200);
    let log = mock.log(2);
    assert_eq!(credentials(&log[0]), only_x_api_key("sk-ant-one"));
    assert_eq!(credentials(&log[1]), only_authorization("Bearer sk-oai"));
}

#[test]
fn planted_keys_never_show_on_stderr() {
    let mock = Mock::start();
    let secrets = [
        "sk-ant-PLANTED-pool-0001",
        "sk-PLANTED-env-0002",
        "tg-PLANTED-caller-0003",
        "sk-PLANTED-own-0004",
        "tg-PLANTED-unknown-0005",
        "PLANTED-cookie-0006",
    ];
    let [pool, env, caller, own, unknown, cookie] = secrets;
    let config = provider("a", "anthropic", &mock.url())
        + &key(pool)
        + "[[provider.key]]\nvalue = { env = \"FROM_ENV\" }\n"
        + &provider("gone", "openai", "http://127.0.0.1:1")
        + &format!("[[caller]]\nname = \"alice\"\nkey = \"{caller}\"\n")
        + "[log]\nlevel = \"trace\"\n";
    let gateway = Gateway::start_with(&config, &[("FROM_ENV", env)]);
    for fields in [
        format!("x-api-key: {caller}\r\ncookie: {cookie}\r\n"),
        format!("x-api-key: {own}\r\n"),
        format!("x-api-key: {unknown}\r\n"),
        format!("authorization: Bearer {own}\r\nauthorization: Bearer {own}\r\n"),
        format!("x-api-key: {own}\r\nbroken {own}\r\n"),
        format!("x-api-key: {own}\r\nx-mock: cut_before_head\r\n"),
    ] {
        for path in ["/v1/messages", "/v1/chat/completions", "/v1/files", "/nowhere"] {
            let answer = gateway.ask(post(path, &fields, &format!("{{\"key\":\"{own}\"}}")));
            for secret in [pool, env, caller, own, unknown] {
                let head = format!("{:?}", answer.head);
                assert!(!head.contains(secret), "{path} {fields}: {head}");
            }
        }
    }
    // Each worker tells its own failures when it is asked, so their order is not that of requests.
    for told in ["upstream_refused", "upstream_cut", "unauthorized"] {
        gateway.line(told);
    }
    let stderr = gateway.kill();
    for secret in secrets {
        assert!(!stderr.contains(secret), "{secret} in {stderr}");
    }
    assert!(!stderr.contains("PLANTED"), "{stderr}");
}
