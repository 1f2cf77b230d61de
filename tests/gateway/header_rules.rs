//! Header rules over sockets (P-17): from the file and from the admin API, on both ways, kept over a
//! restart, in force from the next request.

use serde_json::json;

use crate::support::message::get;
use crate::support::pool::{BODY, STREAM, status};
use crate::support::wire::{Answer, Wire};
use crate::support::{Directory, Gateway, Mock, key, post, provider};

fn rule(on: &str, header: &str, rest: &str) -> String {
    format!("[[header_rule]]\non = '{on}'\nheader = '{header}'\n{rest}\n")
}

fn config(mock: &Mock, rules: &str) -> String {
    let admin = "[admin]\nlisten = '127.0.0.1:0'\n";
    format!("{admin}{}{}{rules}", provider("p", "anthropic", &mock.url()), key("sk-k"))
}

fn admin(gateway: &Gateway, method: &str, body: &str) -> Answer {
    let request = match method {
        "GET" => get("/api/v1/header-rules", ""),
        _ => post("/api/v1/header-rules", "", body).replacen("POST", method, 1),
    };
    let mut client = Wire::connect(gateway.admin());
    client.send(request.replace("gateway.test", "localhost"));
    client.answer()
}

#[test]
fn p17_rules_of_the_file_act_in_order_on_both_ways_and_disabled_ones_do_not() {
    let mock = Mock::start();
    let rules = [
        rule("request", "X-Team", "action = 'set'\nvalue = 'blue'"),
        rule("request", "x-gone", "action = 'block'"),
        rule("request", "User-Agent", "action = 'replace'\nfind = 'curl'\nvalue = 'sdk'"),
        rule("request", "x-team", "action = 'replace'\nfind = 'blue'\nvalue = 'green'"),
        rule("request", "x-kept", "action = 'block'\nenabled = false"),
        rule("response", "REQUEST-ID", "action = 'block'"),
        rule("response", "x-new", "action = 'set'\nvalue = 'here'"),
        rule("response", "x-kept", "action = 'block'\nenabled = false"),
    ];
    let gateway = Gateway::start(&config(&mock, &rules.concat()));
    for (count, body) in [(1, BODY), (2, STREAM)] {
        let fields = "x-gone: 1\r\nX-GONE: 2\r\nuser-agent: curl/8 curl\r\nx-team: red\r\nX-Team: b\r\n\
                      x-kept: 1\r\nx-mock: header.x-kept=2\r\n";
        let answer = gateway.ask(post("/v1/messages", fields, body));
        assert_eq!(status(&answer), 200);
        assert_eq!(answer.head.field("request-id"), None);
        assert_eq!(answer.head.field("x-new"), Some("here"));
        assert_eq!(answer.head.field("x-kept"), Some("2"));
        let seen = mock.log(count).pop().unwrap();
        assert_eq!(seen.all("x-gone"), Vec::<String>::new());
        assert_eq!(seen.field("user-agent").unwrap(), "sdk/8 sdk");
        assert_eq!(seen.all("x-team"), ["green"]);
        assert_eq!(seen.field("x-kept").unwrap(), "1");
        assert_eq!(seen.field("x-api-key").unwrap(), "sk-k");
    }
}

#[test]
fn rules_of_the_admin_api_hold_from_the_next_request_and_over_a_restart() {
    let mock = Mock::start();
    let file = rule("request", "x-a", "action = 'set'\nvalue = '1'");
    let home = Directory::new();
    let storage = format!("[storage]\npath = '{}'\n", home.path().display());
    let config = config(&mock, &file) + &storage;
    let gateway = Gateway::start(&config);
    let rules = json!({"rules": [
        {"on": "request", "header": "x-a", "action": "replace", "find": "1", "value": "2"},
        {"on": "request", "header": "x-b", "action": "set", "value": "3", "enabled": false},
    ]});
    let set = admin(&gateway, "PUT", &rules.to_string());
    assert_eq!(status(&set), 200, "{}", set.text());
    let listed = admin(&gateway, "GET", "").json();
    assert_eq!(listed, set.json());
    let origins: Vec<_> =
        listed["rules"].as_array().unwrap().iter().map(|r| &r["origin"]).collect();
    assert_eq!(origins, ["file", "api", "api"]);
    assert_eq!(listed["rules"][2]["enabled"], false);
    let ask = |gateway: &Gateway, count| {
        assert_eq!(status(&gateway.ask(post("/v1/messages", "", BODY))), 200);
        mock.log(count).pop().unwrap()
    };
    let seen = ask(&gateway, 1);
    assert_eq!((seen.field("x-a"), seen.field("x-b")), (Some("2".to_owned()), None));
    drop(gateway);
    let gateway = Gateway::start(&config);
    assert_eq!(admin(&gateway, "GET", "").json(), listed);
    assert_eq!(ask(&gateway, 2).field("x-a").unwrap(), "2");
    assert_eq!(status(&admin(&gateway, "PUT", "{\"rules\":[]}")), 200);
    assert_eq!(ask(&gateway, 3).field("x-a").unwrap(), "1");
}

#[test]
fn what_no_rule_may_touch_is_refused_with_a_reason() {
    let mock = Mock::start();
    let gateway = Gateway::start(&config(&mock, ""));
    for (header, action, value, why) in [
        ("Content-Length", "set", "1", "where the body ends"),
        ("transfer-encoding", "block", "", "where the body ends"),
        ("connection", "block", "", "two neighbours"),
        ("HOST", "set", "x", "the provider's own"),
        ("Authorization", "set", "Bearer x", "keys are set by the gateway"),
        ("x-api-key", "block", "", "keys are set by the gateway"),
        ("api_key", "block", "", "some servers"),
        ("x-tidegate-decision", "set", "x", "the gateway's own"),
        ("accept-encoding", "block", "", "how they are coded"),
        ("x-a", "set", "a\r\nx-b: 1", "without control characters"),
        ("x-a", "set", "a\u{7f}", "without control characters"),
        ("x a", "block", "", "the name of a field"),
        ("x-a", "replace", "b", "what to look for"),
    ] {
        let rule = json!({"on": "request", "header": header, "action": action, "value": value});
        let refused = admin(&gateway, "PUT", &json!({"rules": [rule]}).to_string());
        assert_eq!(status(&refused), 400, "{rule}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(why) && detail.starts_with("Rule 1: `"), "{detail}");
    }
    for body in ["", "[]", "{}", "{\"rules\":[{\"on\":\"request\"}]}", "{\"rules\":[],\"x\":1}"] {
        assert_eq!(status(&admin(&gateway, "PUT", body)), 400, "{body}");
    }
    assert_eq!(admin(&gateway, "GET", "").json(), json!({"rules": []}));
}
