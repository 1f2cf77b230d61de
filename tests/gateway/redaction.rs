//! Planted secrets, sent and configured in every way there is, and then looked for in everything
//! that goes out but the wire to the provider: log at its loudest, both databases, metrics, every
//! answer of the admin API, errors to clients, the command line.

use std::process::Command;

use serde_json::json;

use crate::support::{Directory, Gateway, Mock, Wire, get, post};

/// All planted values hold this word, and nothing else does.
const PLANTED: &str = "pl4nted";
const SECRETS: [(&str, &str); 7] = [
    ("KEY_1", "sk-ant-api03-pl4nted-one-0123456789"),
    ("KEY_2", "sk-ant-oat01-pl4nted-two-0123456789"),
    ("KEY_3", "sk-pl4nted-three-0123456789abcdef"),
    ("CALLER", "tg-pl4nted-caller-0123456789"),
    ("MASTER", "pl4nted-master-key-0123456789abcdef"),
    ("TOKEN", "pl4nted-admin-token-0123456789"),
    ("UNUSED", "pl4nted-not-named-by-anything"),
];

fn config(mock: &Mock, storage: &Directory) -> String {
    format!(
        "[server]\nlisten = ['127.0.0.1:0']\nworkers = 2\n[admin]\nlisten = '127.0.0.1:0'\n\
         token.env = 'TOKEN'\n[storage]\npath = '{}'\nmaster_key.env = 'MASTER'\n\
         [log]\nlevel = 'trace'\n[auth]\nmode = 'keys_or_byok'\n\
         [[caller]]\nname = 'alice'\nkey.env = 'CALLER'\n\
         [[provider]]\nname = 'a'\ndialect = 'anthropic'\nbase_url = '{url}'\n\
         [[provider.key]]\nname = 'k1'\nvalue.env = 'KEY_1'\n\
         [[provider.key]]\nname = 'k2'\nvalue.env = 'KEY_2'\n\
         [[provider]]\nname = 'o'\ndialect = 'openai'\nbase_url = '{url}'\n\
         [[provider.key]]\nvalue.env = 'KEY_3'\n\
         [[provider]]\nname = 'gone'\ndialect = 'openai'\nbase_url = 'http://127.0.0.1:1'\n\
         [[provider.key]]\nvalue = 'sk-pl4nted-in-the-file-0123456789'\n",
        storage.path().display(),
        url = mock.url()
    )
}

fn ask_admin(gateway: &Gateway, request: &str, token: &str) -> String {
    let mut client = Wire::connect(gateway.admin());
    let fields = format!("host: localhost\r\nauthorization: Bearer {token}\r\n");
    client.send(request.replace("host: gateway.test\r\n", &fields));
    let answer = client.answer();
    format!("{} {:?} {}", answer.head.start, answer.head.fields, answer.text())
}

fn assert_clean(what: &str, bytes: &[u8]) {
    let found = bytes.windows(PLANTED.len()).position(|window| window == PLANTED.as_bytes());
    if let Some(at) = found {
        let around = &bytes[at.saturating_sub(120)..bytes.len().min(at + 60)];
        panic!("{what}: {}", String::from_utf8_lossy(around));
    }
}

/// Every way to say who one is, right and wrong.
fn credentials() -> Vec<String> {
    let mut fields = Vec::new();
    let values =
        ["tg-pl4nted-caller-0123456789", "tg-pl4nted-unknown", "sk-pl4nted-own-0123456789"];
    for value in values {
        fields.extend([
            format!("x-api-key: {value}\r\n"),
            format!("authorization: Bearer {value}\r\n"),
            format!("authorization: bearer  {value}\r\n"),
            format!("api-key: {value}\r\n"),
            format!("x-api-key: {value}\r\nauthorization: Bearer sk-pl4nted-second-01234\r\n"),
            format!("cookie: session={value}\r\nproxy-authorization: Basic {value}\r\n"),
            format!(
                "x-goog-api-key: {value}\r\nx-secret: {value}\r\nx-amz-security-token: {value}\r\n"
            ),
        ]);
    }
    fields
}

#[test]
fn no_planted_secret_comes_out_anywhere() {
    let statuses = "sk-ant-api03-pl4nted-one-0123456789=401:error_type=authentication_error";
    let mock = Mock::with(&["--key-script", statuses]);
    let storage = Directory::new();
    let gateway = Gateway::start_with(&config(&mock, &storage), &SECRETS);
    let body = json!({"model": "m", "max_tokens": 5, "messages": []}).to_string();
    let added = post("/", "", "{\"value\": \"sk-pl4nted-added-0123456789\"}").replacen(
        "POST /",
        "PUT /api/v1/keys/a/added",
        1,
    );
    let token = "pl4nted-admin-token-0123456789";
    assert_clean("PUT", ask_admin(&gateway, &added, token).as_bytes());
    let bad = post("/", "", "{\"value\": \"tg-pl4nted\", \"pl4nted\": 1}").replacen(
        "POST /",
        "PUT /api/v1/keys/a/bad",
        1,
    );
    assert_clean("refused PUT", ask_admin(&gateway, &bad, token).as_bytes());
    for fields in credentials() {
        for path in [
            "/v1/messages",
            "/v1/chat/completions?api_key=pl4nted-query&x=1&access_token=pl4nted",
            "/gone/v1/chat/completions",
            "/v1/models",
            "/nowhere?sig=pl4nted",
        ] {
            let answer = gateway.ask(post(path, &fields, &body));
            // The provider's own answers go to who has the key; the mock's tell what it was sent.
            let mut told = format!("{:?}", answer.head.fields);
            if answer.code().is_some() {
                told.push_str(&answer.text());
            }
            assert_clean(&format!("answer to {path} with {fields}"), told.as_bytes());
        }
    }
    for path in [
        "/api/v1/status",
        "/api/v1/providers",
        "/api/v1/keys",
        "/api/v1/keys/a/added",
        "/api/v1/requests?limit=500",
        "/api/v1/usage?by=key,caller",
        "/metrics",
        "/openapi.json",
        "/api/v1/keys/a/nobody",
    ] {
        assert_clean(path, ask_admin(&gateway, &get(path, ""), token).as_bytes());
        let wrong = ask_admin(&gateway, &get(path, ""), "pl4nted-wrong-token");
        assert_clean("a wrong token's answer", wrong.as_bytes());
    }
    gateway.signal(rustix::process::Signal::HUP);
    gateway.line("configuration reloaded");
    gateway.signal(rustix::process::Signal::TERM);
    let ended = gateway.ended();
    assert_eq!(ended.code, Some(0));
    // It tells where one is written out in the file, never what is.
    assert_clean("the log", ended.stderr.as_bytes());
    let files = std::fs::read_dir(storage.path()).unwrap();
    let mut count = 0;
    for file in files {
        let path = file.unwrap().path();
        assert_clean(&path.display().to_string(), &std::fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count >= 3, "salt and two databases");
}

#[test]
fn the_command_line_tells_no_secret() {
    let (mock, storage, home) = (Mock::start(), Directory::new(), Directory::new());
    let path = home.write("t.toml", config(&mock, &storage));
    for arguments in [&["check"][..], &["check", "--json"], &["doctor"], &["keys", "list"]] {
        let ran = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(arguments)
            .arg("--config")
            .arg(&path)
            .env_clear()
            .envs(SECRETS)
            .output()
            .unwrap();
        assert_clean(&format!("{arguments:?}"), &[ran.stdout, ran.stderr].concat());
    }
}
