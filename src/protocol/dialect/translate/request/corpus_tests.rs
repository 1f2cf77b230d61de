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

#[test]
fn corpus_translate_requests_keep_their_facts() {
    let mut asked = Vec::new();
    let mut names = Vec::new();
    for (name, from, body) in requests() {
        for to in FORMS.into_iter().filter(|to| *to != from) {
            let text = serde_json::to_vec(&body).unwrap();
            match request(&text, &order(from, to)) {
                Ok(done) => {
                    names.push(format!("{name} to {to:?}"));
                    asked.push((from, body.clone()));
                    asked.push((to, serde_json::from_slice(&done.body).unwrap()));
                }
                Err(refused) => println!("{name} to {to:?}: refused {refused:?}"),
            }
        }
    }
    let Some(told) = facts(&asked) else { return };
    for (name, pair) in names.iter().zip(told.chunks(2)) {
        for (fact, before) in pair[0].as_object().unwrap() {
            if *before != pair[1][fact] {
                println!("{name}: {fact} {before} {}", pair[1][fact]);
            }
        }
    }
    println!("{} judged", names.len());
}
