//! The outside judge of translations, for tests only: `translate_facts.py` of the corpora, asked
//! once for many cases. Shares no code with what it judges.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::super::Form;
use crate::protocol::corpus;

/// What went in and what came out of one translation.
#[derive(Debug)]
pub struct Judged {
    /// What came in.
    pub input: Vec<u8>,
    /// Its form.
    pub from: Form,
    /// For people.
    pub name: String,
    /// What came out.
    pub output: Vec<u8>,
    /// Its form.
    pub to: Form,
}

/// A fact that is not the same before and after.
#[derive(Debug)]
pub struct Difference {
    /// After.
    pub after: Value,
    /// Before.
    pub before: Value,
    /// Which fact: `text`, `usage`, ...
    pub fact: String,
    /// Of which case.
    pub name: String,
}

/// Asks for the facts that differ; `kind` is `response` or `stream`. Says so when there is no
/// judge, and gives none.
///
/// # Panics
/// When the judge fails.
pub fn differences(kind: &str, cases: &[Judged]) -> Option<Vec<Difference>> {
    let oracle = corpus::cases("oracles", "translate_facts.py").unwrap_or_default().pop();
    let Some(oracle) = oracle else {
        println!("judge: SKIPPED, no corpora");
        return None;
    };
    let started = Command::new("python3")
        .args(["-c", ASK])
        .arg(oracle.parent().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut python) = started else {
        println!("judge: SKIPPED, no python3");
        return None;
    };
    let asked: Vec<Value> = cases.iter().map(|case| question(kind, case)).collect();
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(Value::from(asked).to_string().as_bytes()).unwrap();
    drop(stdin);
    let told = python.wait_with_output().unwrap();
    assert!(told.status.success(), "the judge failed");
    let told: Vec<[Value; 4]> = serde_json::from_slice(&told.stdout).unwrap();
    println!("judge: {} cases, {} facts differ", cases.len(), told.len());
    Some(told.into_iter().map(difference).collect())
}

fn question(kind: &str, case: &Judged) -> Value {
    let name = |form| match form {
        Form::Chat => format!("openai.chat.{kind}"),
        Form::Messages => format!("anthropic.{kind}"),
        Form::Responses => format!("openai.responses.{kind}"),
    };
    let text = String::from_utf8_lossy;
    json!([case.name, name(case.from), text(&case.input), name(case.to), text(&case.output)])
}

fn difference([name, fact, before, after]: [Value; 4]) -> Difference {
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    Difference { after, before, fact: text(fact), name: text(name) }
}

const ASK: &str = r"
import json, sys
sys.path.insert(0, sys.argv[1])
from translate_facts import facts
def of(text, kind): return facts(text if kind.endswith('.stream') else json.loads(text), kind)
out = []
for name, a_kind, a, b_kind, b in json.load(sys.stdin):
    try: A = of(a, a_kind)
    except (TypeError, KeyError, AttributeError, ValueError) as e:
        out.append([name, 'input', repr(e), None]); continue
    try: B = of(b, b_kind)
    except (TypeError, KeyError, AttributeError, ValueError) as e:
        out.append([name, 'output', None, repr(e)]); continue
    out += [[name, k, A[k], B[k]] for k in A if A[k] != B[k]]
json.dump(out, sys.stdout)
";
