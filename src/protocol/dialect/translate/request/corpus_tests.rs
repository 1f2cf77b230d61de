//! Requests of the corpora in all directions and back, by the judge outside: their facts stay.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::tests::order;
use super::*;
use crate::protocol::corpus;

const FORMS: [Form; 3] = [Form::Chat, Form::Messages, Form::Responses];

fn kind(form: Form) -> &'static str {
    match form {
        Form::Chat => "openai.chat.request",
        Form::Messages => "anthropic.request",
        Form::Responses => "openai.responses.request",
    }
}

/// The facts of each request, as `translate_facts.py` of the corpora tells them; asked once for
/// all. `None`, loudly, without corpora or python3.
fn facts(requests: &[(Form, Value)]) -> Option<Vec<Value>> {
    let Some(judge) = corpus::cases("oracles", "translate_facts.py").and_then(|mut all| all.pop())
    else {
        println!("judge: SKIPPED, no corpora");
        return None;
    };
    let asked: Vec<Value> = requests.iter().map(|(form, it)| json!([kind(*form), it])).collect();
    let started = Command::new("python3")
        .args(["-c", ASK])
        .arg(judge.parent().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut python) = started else {
        println!("judge: SKIPPED, no python3");
        return None;
    };
    let mut stdin = python.stdin.take().unwrap();
    let text = serde_json::to_vec(&asked).unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&text).unwrap());
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

const ASK: &str = "import sys, json; sys.path.insert(0, sys.argv[1]); \
    from translate_facts import facts; \
    print(json.dumps([facts(body, kind) for kind, body in json.load(sys.stdin)]))";

fn form_of(kind: &str) -> Form {
    FORMS.into_iter().find(|form| self::kind(*form) == kind).unwrap()
}

/// The requests of the corpus: name, form, body.
fn requests() -> Vec<(String, Form, Value)> {
    let cases = corpus::cases("translate", ".json").unwrap_or_default();
    let cases = cases.iter().map(|path| corpus::json(path));
    cases
        .filter(|case| case["input_kind"].as_str().unwrap().ends_with(".request"))
        .map(|case| {
            let form = form_of(case["input_kind"].as_str().unwrap());
            (case["name"].as_str().unwrap_or("?").to_owned(), form, case["input"].clone())
        })
        .collect()
}

/// Where facts differ by rule: of which case, towards which form, which fact, and why.
const KNOWN: [(&str, Form, &str, &str); 4] = [
    ("", Form::Messages, "max_tokens", "it must have a bound"),
    ("cache-control", Form::Chat, "turns", "images of results follow in a message of the user"),
    ("alone", Form::Messages, "tool_choice", "one call at a time is said beside a choice"),
    ("hot", Form::Messages, "temperature", "it ends at 1 there"),
];

/// What is refused, by the path of the field.
const REFUSED: [(&str, &str); 3] = [
    ("requests-completions-full", "function_call"),
    ("requests-messages-reasoning", "output_format"),
    ("responses-agent-subset", "messages[0].content[3].source"),
];

/// Requests of our own, for what the corpora lack.
fn own() -> Vec<(String, Form, Value)> {
    let cases = [
        ("long chat", Form::Chat, LONG_CHAT),
        ("long responses", Form::Responses, LONG_RESPONSES),
        ("long messages", Form::Messages, LONG_MESSAGES),
        ("alone", Form::Chat, ALONE),
        ("hot", Form::Chat, HOT_CHAT),
        ("hot", Form::Responses, r#"{"model":"m","temperature":1.7,"input":"a"}"#),
    ];
    cases.map(|(name, form, body)| (name.into(), form, serde_json::from_str(body).unwrap())).into()
}

/// The cases of the corpus that are refused, without what they are refused for.
fn eased() -> Vec<(String, Form, Value)> {
    let mut cases = requests();
    cases.retain(|(name, ..)| REFUSED.iter().any(|(refused, _)| name.contains(refused)));
    for (name, _, body) in &mut cases {
        name.insert_str(0, "eased ");
        let members = body.as_object_mut().unwrap();
        for key in [
            "function_call",
            "functions",
            "logit_bias",
            "n",
            "output_format",
            "response_format",
            "stop",
        ] {
            members.remove(key);
        }
        if name.contains("agent-subset") {
            body["messages"][0]["content"].as_array_mut().unwrap().truncate(3);
        }
    }
    cases
}

/// Translates each case to each other form and back; checks the facts of both.
fn check(cases: &[(String, Form, Value)]) {
    let (mut names, mut asked) = (Vec::new(), Vec::new());
    for (name, from, body) in cases {
        for to in FORMS.into_iter().filter(|to| to != from) {
            let text = serde_json::to_vec(body).unwrap();
            let there = match request(&text, &order(*from, to)) {
                Ok(there) => there.body,
                Err(refused) => {
                    let path = refused.path.as_str();
                    let known =
                        |&(part, known): &(&str, &str)| name.contains(part) && known == path;
                    assert!(REFUSED.iter().any(known), "{name} to {to:?}: {refused:?}");
                    continue;
                }
            };
            let back = match request(&there, &order(to, *from)) {
                Ok(back) => back.body,
                // Anthropic takes no empty conversation, whoever wrote it.
                Err(_) if name.contains("empty-content") => continue,
                Err(refused) => panic!("{name} back from {to:?}: {refused:?}"),
            };
            names.push((name, to, *from));
            asked.push((*from, body.clone()));
            asked.push((to, serde_json::from_slice(&there).unwrap()));
            asked.push((*from, serde_json::from_slice(&back).unwrap()));
        }
    }
    assert!(!names.is_empty(), "cases without a translation test nothing");
    let Some(told) = facts(&asked) else { return };
    let mut differences = 0;
    for ((name, to, from), three) in names.iter().zip(told.chunks(3)) {
        for (fact, before) in three[0].as_object().unwrap() {
            for (after, forms) in [(&three[1], vec![*to]), (&three[2], vec![*to, *from])] {
                let known = |(part, form, known, _): &(&str, Form, &str, &str)| {
                    name.contains(part)
                        && forms.contains(form)
                        && known == fact
                        && (fact != "max_tokens" || before.is_null())
                };
                if *before != after[fact] && !KNOWN.iter().any(known) {
                    println!("{name} by {forms:?}: {fact}: {before} {}", after[fact]);
                    differences += 1;
                }
            }
        }
    }
    println!("{} translations there and back, {differences} differ", names.len());
    assert_eq!(differences, 0);
}

#[test]
fn corpus_translate_requests_keep_their_facts_there_and_back() {
    let cases = requests();
    if cases.is_empty() {
        println!("corpus translate: SKIPPED, no corpora");
        return;
    }
    check(&cases);
    check(&eased());
}

#[test]
fn requests_with_all_parts_keep_their_facts_there_and_back() {
    check(&own());
}

#[test]
fn corpus_translate_requests_have_the_facts_of_the_reference() {
    let cases = corpus::cases("translate", ".json").unwrap_or_default();
    let (mut names, mut asked) = (Vec::new(), Vec::new());
    for case in cases.iter().map(|path| corpus::json(path)) {
        let (from, to) = (case["input_kind"].as_str(), case["output_kind"].as_str());
        if from == to || case["reference_output"].is_null() || !to.unwrap().ends_with("request") {
            continue;
        }
        let (from, to) = (form_of(from.unwrap()), form_of(to.unwrap()));
        let Ok(ours) = request(case["input"].to_string().as_bytes(), &order(from, to)) else {
            continue;
        };
        names.push(case["name"].as_str().unwrap().to_owned());
        asked.push((to, case["reference_output"].clone()));
        asked.push((to, serde_json::from_slice(&ours.body).unwrap()));
    }
    let Some(told) = facts(&asked) else { return };
    for (name, pair) in names.iter().zip(told.chunks(2)) {
        for (fact, theirs) in pair[0].as_object().unwrap() {
            // Ours: the thinking comes on top of the default; images of results are kept.
            let known = (name.contains("reasoning") && fact == "max_tokens")
                || (name.contains("cache-control") && fact == "turns");
            assert!(*theirs == pair[1][fact] || known, "{name}: {fact} {theirs} {}", pair[1][fact]);
        }
    }
    assert!(names.is_empty() || names.len() > 7, "{names:?}");
}

const LONG_CHAT: &str = r#"{"model":"m","temperature":0.25,"top_p":0.5,"max_tokens":50,"messages":[
    {"role":"system","content":"one"},
    {"role":"developer","content":[{"type":"text","text":"two"}]},
    {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"},
        {"type":"image_url","image_url":{"url":"https://x/y","detail":"high"}}]},
    {"role":"assistant","content":"c","tool_calls":[{"id":"1","type":"function","function":
        {"name":"f","arguments":"{\"k\": [1.50, \"\u00e9\"]}"}},
        {"id":"2","type":"function","function":{"name":"g","arguments":"{}"}}]},
    {"role":"tool","tool_call_id":"1","content":"r1"},
    {"role":"tool","tool_call_id":"2","content":""},
    {"role":"assistant","content":"d"},{"role":"user","content":"e"}],
    "tools":[{"type":"function","function":
        {"name":"f","description":"d","parameters":{"type":"object"}}}],
    "tool_choice":{"type":"function","function":{"name":"f"}}}"#;

const LONG_RESPONSES: &str = r#"{"model":"m","instructions":"one","stream":true,
    "max_output_tokens":99,"input":[
    {"role":"developer","content":"two"},
    {"type":"message","role":"user","content":[{"type":"input_text","text":"a"},
        {"type":"input_image","image_url":"data:image/png;base64,AA==","detail":"low"}]},
    {"type":"reasoning","id":"rs","summary":[]},
    {"type":"message","role":"assistant","content":[
        {"type":"output_text","text":"b","annotations":[]}]},
    {"type":"function_call","call_id":"1","name":"f","arguments":"{\"a\":1}",
        "id":"fc","status":"completed"},
    {"type":"function_call","call_id":"2","name":"g","arguments":""},
    {"type":"function_call_output","call_id":"1","output":"x"},
    {"type":"function_call_output","call_id":"2","output":[{"type":"input_text","text":"y"}]},
    {"role":"user","content":"c"}],
    "tools":[{"type":"function","name":"f","description":null,
        "parameters":{"type":"object"},"strict":true}],
    "tool_choice":"required"}"#;

const LONG_MESSAGES: &str = r#"{"model":"m","max_tokens":64,"temperature":0.5,"system":"one",
    "messages":[
    {"role":"user","content":"a"},
    {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},
        {"type":"text","text":"b"},{"type":"tool_use","id":"1","name":"f",
            "input":{"a":{"b":[null]}}},
        {"type":"tool_use","id":"2","name":"g","input":{}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"r",
            "is_error":true},
        {"type":"tool_result","tool_use_id":"2","content":[{"type":"text","text":"s"}]},
        {"type":"text","text":"c"},
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}]}],
    "tools":[{"name":"f","description":"d","input_schema":{"type":"object"}},
        {"name":"g","input_schema":{"type":"object"}}],
    "tool_choice":{"type":"any","disable_parallel_tool_use":true}}"#;

const ALONE: &str = r#"{"model":"m","parallel_tool_calls":false,"max_completion_tokens":99,
    "messages":[{"role":"user","content":"a"}],
    "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}"#;

const HOT_CHAT: &str = r#"{"model":"m","temperature":1.7,
    "messages":[{"role":"user","content":"a"}]}"#;
