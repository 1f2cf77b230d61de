//! `tidegate route --explain` and `POST /api/v1/route`: candidates, and why each other provider is
//! skipped. No upstream is ever called for it.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::pool::{BODY, status};
use crate::support::wire::{Answer, Wire};
use crate::support::{Directory, Gateway, Mock, key, post, provider};

/// Who is asked, and how each of the others is explained.
fn told(explanation: &Value) -> Vec<(String, String)> {
    let list = explanation["candidates"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.iter()
        .map(|candidate| {
            let why = text(&candidate["skipped"]);
            let how = if why.is_empty() { text(&candidate["decision"]) } else { why };
            (text(&candidate["provider"]), how)
        })
        .collect()
}

fn explain(gateway: &Gateway, question: &Value) -> Answer {
    let mut client = Wire::connect(gateway.admin());
    let request = post("/api/v1/route", "", &question.to_string());
    client.send(request.replace("gateway.test", "localhost"));
    client.answer()
}

fn config(url: &str) -> String {
    [
        "[admin]\nlisten = '127.0.0.1:0'\n".to_owned(),
        "[[caller]]\nname = 'alice'\nkey = 'tg-alice-0123456789'\nmodels = ['^claude-', '^small$']\n"
            .to_owned(),
        provider("a", "anthropic", url) + &key("sk-a"),
        provider("b", "anthropic", url) + &key("sk-b"),
        provider("bare", "anthropic", url),
        provider("o", "openai", url) + &key("sk-o"),
        "[[route]]\nname = 'guard'\nmatch = { model = '^claude-' }\nstrategy = { type = \
         'limits_alternative', primary = ['a', 'bare'], alternatives = ['b', 'o'], model_map = { \
         'claude-x' = 'small' } }\n"
            .to_owned(),
        "[[route]]\nname = 'team'\nmatch = { header = 'x-team: blue', caller = 'alice' }\n\
         priority = 3\nstrategy = { type = 'priority', providers = ['b'] }\n"
            .to_owned(),
    ]
    .concat()
}

#[test]
fn the_admin_api_tells_candidates_and_why_others_are_skipped_as_things_stand() {
    let mock = Mock::with(&["--key-script", "sk-a=429:retry-after=60"]);
    let gateway = Gateway::start(&config(&mock.url()));
    let question = json!({"model": "claude-x"});
    let before = explain(&gateway, &question).json();
    assert_eq!((&before["route"], &before["provider"]), (&json!("guard"), &json!("a")));
    assert_eq!(before["candidates"][2]["model"], "small");
    let body = BODY.replace("claude-sonnet-4-5", "claude-x");
    let answer = gateway.ask(post("/v1/messages", "x-api-key: tg-alice-0123456789\r\n", &body));
    assert_eq!((status(&answer), mock.log(2).len()), (200, 2));
    let after = explain(&gateway, &question).json();
    assert_eq!(after["provider"], "b");
    let told = told(&after);
    assert!(told[0].1.starts_with("key `key-1` is limited for "), "{told:?}");
    assert!(told[1].1.contains("no keys"), "{told:?}");
    assert_eq!(told[2], ("b".to_owned(), "alternative:b".to_owned()));
    assert_eq!(told[3], ("o".to_owned(), "alternative:o".to_owned()));
    let ways = |place: usize| &after["candidates"][place]["translated_to"];
    assert_eq!((ways(2), ways(3)), (&json!(null), &json!("/v1/chat/completions")));
    let path = "/v1/messages/count_tokens";
    let counted = explain(&gateway, &json!({"model": "claude-x", "path": path})).json();
    let why = counted["candidates"][3]["skipped"].as_str().unwrap();
    assert!(why.contains("speaks openai") && why.contains(path), "{why}");
    assert_eq!(mock.log(2).len(), 2, "nobody was asked");
}

#[test]
fn callers_headers_prefixes_and_models_count() {
    let mock = Mock::start();
    let gateway = Gateway::start(&config(&mock.url()));
    let ask = |question: Value| explain(&gateway, &question).json();
    let team = ask(json!({"caller": "alice", "headers": ["X-Team: blue"], "model": "claude-x"}));
    assert_eq!((&team["route"], &team["provider"]), (&json!("team"), &json!("b")));
    assert_eq!(told(&team)[1], ("a".into(), "rule `team` does not name it".into()));
    let refused = ask(json!({"caller": "alice", "headers": ["x-team: blue"], "model": "gpt"}));
    assert_eq!(refused["provider"], Value::Null);
    assert_eq!(told(&refused)[0].1, "caller `alice` may not ask for `gpt`");
    let pinned = ask(json!({"path": "/b/v1/messages", "model": "claude-x"}));
    assert_eq!(
        (&pinned["route"], told(&pinned)[0].clone()),
        (&Value::Null, ("b".into(), "default".into()))
    );
    let chat = ask(json!({"path": "/v1/chat/completions", "model": "gpt"}));
    assert_eq!(chat["provider"], "o");
    let why = "it speaks anthropic, the request openai, and no rule that matches names it";
    assert_eq!(told(&chat)[1], ("a".into(), why.into()), "a rule could lead there");
    let embeddings = ask(json!({"path": "/v1/embeddings", "model": "gpt"}));
    let why = "it speaks anthropic, the request openai, and /v1/embeddings has no equivalent there";
    assert_eq!(told(&embeddings)[1], ("a".into(), why.into()));
    for wrong in [
        json!({"caller": "nobody"}),
        json!({"path": "/v1/../x"}),
        json!({"path": "/metrics"}),
        json!({"path": "/v1/messages HTTP/1.1\r\nx: y"}),
        json!({"headers": ["x"]}),
        json!({"headers": ["x: a\r\n\r\nGET / HTTP/1.1"]}),
        json!({"modle": "x"}),
    ] {
        assert_eq!(status(&explain(&gateway, &wrong)), 400, "{wrong}");
    }
    assert_eq!(mock.log(0).len(), 0);
}

#[test]
fn the_command_line_tells_the_same_of_a_file() {
    let home = Directory::new();
    let file = home.write("tidegate.toml", config("http://127.0.0.1:1"));
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.env_clear().env("HOME", home.path()).args(["route", "--explain", "--config"]);
        command.arg(&file).args(arguments).output().unwrap()
    };
    let output = run(&["--model", "claude-x", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&explanation["route"], &explanation["provider"]), (&json!("guard"), &json!("a")));
    assert_eq!(told(&explanation).len(), 4);
    let output = run(&["--caller", "alice", "--header", "x-team: blue", "--model", "claude-x"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("> b ") && text.contains("route:team"), "{text}");
    assert!(text.contains("skipped: rule `team` does not name it"), "{text}");
    assert_eq!(run(&["--caller", "bob"]).status.code(), Some(2));
}
