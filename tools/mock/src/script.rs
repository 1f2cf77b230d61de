//! Scripts per key: the n-th request with a key gets the n-th step, the last step repeats.
//!
//! Never judges a key: one without a script gets the defaults, or the steps of `*`.

use std::collections::HashMap;

use serde_json::Value;

use crate::knobs::{Knobs, split_outside_quotes};

/// Knobs of one step, as text pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step(Vec<(String, String)>);

/// All scripts and how far each key has come.
#[derive(Clone, Debug, Default)]
pub struct Scripts {
    steps: HashMap<String, Vec<Step>>,
    used: HashMap<String, usize>,
}

impl Scripts {
    /// Adds `KEY=STEP,STEP…`, for example `k1=429:retry-after=5,200`.
    pub fn add_text(&mut self, text: &str) -> Result<(), String> {
        let (key, steps) = text.split_once('=').ok_or(format!("`{text}` is not KEY=STEP,STEP…"))?;
        let mut parsed = Vec::new();
        for step in split_outside_quotes(steps, |c| c == ',')? {
            text_step(step, &mut parsed)?;
        }
        self.replace(key, parsed)
    }

    /// Adds `{"KEY": [STEP, …], …}`; a step is a status, a text as above, or
    /// `{"status": 429, "headers": {…}, "knobs": "…"}`.
    pub fn add_json(&mut self, text: &[u8]) -> Result<(), String> {
        let keys: HashMap<String, Vec<Value>> =
            serde_json::from_slice(text).map_err(|error| format!("script: {error}"))?;
        for (key, steps) in keys {
            let mut parsed = Vec::new();
            for step in &steps {
                json_step(step, &mut parsed)?;
            }
            self.replace(&key, parsed)?;
        }
        Ok(())
    }

    /// Whether there is nothing to look up.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Lays the next step of `key` over `knobs`. Returns the number of the step, from 0.
    pub fn advance(&mut self, key: &str, knobs: &mut Knobs) -> Result<Option<usize>, String> {
        let Some(steps) = self.steps.get(key).or_else(|| self.steps.get(ANY_KEY)) else {
            return Ok(None);
        };
        let used = self.used.entry(key.to_owned()).or_insert(0);
        let number = *used;
        *used += 1;
        let Some(step) = steps.get(number).or_else(|| steps.last()) else { return Ok(None) };
        for (knob, value) in &step.0 {
            knobs.set(knob, value)?;
        }
        Ok(Some(number))
    }

    /// Requests seen per key.
    pub fn used(&self) -> &HashMap<String, usize> {
        &self.used
    }

    fn replace(&mut self, key: &str, steps: Vec<Step>) -> Result<(), String> {
        if steps.is_empty() {
            return Err(format!("the script of `{key}` has no step"));
        }
        self.used.remove(key);
        self.steps.insert(key.to_owned(), steps);
        Ok(())
    }
}

/// `STATUS[*TIMES][:NAME=VALUE…]`; a name that is no knob is a header.
fn text_step(text: &str, into: &mut Vec<Step>) -> Result<(), String> {
    let mut parts = split_outside_quotes(text.trim(), |c| c == ':')?.into_iter();
    let status = parts.next().unwrap_or_default();
    let (status, times) = match status.split_once('*') {
        Some((status, times)) => {
            (status, times.parse().map_err(|_| format!("`{times}` is not a number of times"))?)
        }
        None => (status, 1_usize),
    };
    let mut step = vec![("status".to_owned(), status.trim().to_owned())];
    for part in parts {
        for (name, value) in crate::knobs::pairs(part)? {
            let name = if Knobs::is_known(&name) { name } else { format!("header.{name}") };
            step.push((name, value));
        }
    }
    push(step, times, into)
}

fn json_step(step: &Value, into: &mut Vec<Step>) -> Result<(), String> {
    match step {
        Value::Number(status) => text_step(&status.to_string(), into),
        Value::String(text) => text_step(text, into),
        Value::Object(fields) => {
            let mut pairs = Vec::new();
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("status", Value::Number(status)) => {
                        pairs.push((name.clone(), status.to_string()));
                    }
                    ("knobs", Value::String(text)) => pairs.extend(crate::knobs::pairs(text)?),
                    ("headers", Value::Object(headers)) => {
                        for (header, value) in headers {
                            let value =
                                value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                            pairs.push((format!("header.{header}"), value));
                        }
                    }
                    _ => return Err(format!("a step has no `{name}` of that type")),
                }
            }
            push(pairs, 1, into)
        }
        _ => Err(format!("`{step}` is not a step")),
    }
}

/// Checks the step once, so that a request never meets a bad one.
fn push(step: Vec<(String, String)>, times: usize, into: &mut Vec<Step>) -> Result<(), String> {
    let mut trial = Knobs::default();
    for (knob, value) in &step {
        trial.set(knob, value)?;
    }
    into.extend(std::iter::repeat_n(Step(step), times));
    Ok(())
}

const ANY_KEY: &str = "*";

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    fn statuses(scripts: &mut Scripts, key: &str, count: usize) -> Vec<Option<u16>> {
        std::iter::repeat_with(|| {
            let mut knobs = Knobs::default();
            scripts.advance(key, &mut knobs).unwrap();
            knobs.say.status
        })
        .take(count)
        .collect()
    }

    #[test]
    fn the_last_step_repeats() {
        let mut scripts = Scripts::default();
        scripts.add_text("k1=429:retry-after=5,500,200").unwrap();
        let expected = [429, 500, 200, 200].map(Some);
        assert_eq!(statuses(&mut scripts, "k1", 4), expected);
    }

    #[test]
    fn a_key_without_script_gets_the_defaults_or_the_star() {
        let mut scripts = Scripts::default();
        scripts.add_text("k1=500").unwrap();
        assert_eq!(statuses(&mut scripts, "other", 1), [None]);
        scripts.add_text("*=503,200").unwrap();
        assert_eq!(statuses(&mut scripts, "other", 2), [Some(503), Some(200)]);
        assert_eq!(statuses(&mut scripts, "third", 1), [Some(503)]);
        assert_eq!(statuses(&mut scripts, "k1", 1), [Some(500)]);
    }

    #[test]
    fn a_step_carries_headers_and_knobs() {
        let mut scripts = Scripts::default();
        scripts.add_text(r#"k=429*2:retry-after=5:error_type=x:header.date="a:b, c""#).unwrap();
        let mut knobs = Knobs::default();
        assert_eq!(scripts.advance("k", &mut knobs), Ok(Some(0)));
        assert_eq!(knobs.say.error_type.as_deref(), Some("x"));
        let expected = [("retry-after", "5"), ("date", "a:b, c")];
        assert_eq!(knobs.say.headers, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn json_takes_numbers_texts_and_objects() {
        let mut scripts = Scripts::default();
        let json = br#"{"k": [429, "500*2", {"status": 529, "headers": {"retry-after": 7},
            "knobs": "first_byte_delay=1ms"}, 200]}"#;
        scripts.add_json(json).unwrap();
        assert_eq!(statuses(&mut scripts, "k", 5), [429, 500, 500, 529, 200].map(Some));
    }

    #[test]
    fn a_bad_step_is_refused_when_it_is_set() {
        let mut scripts = Scripts::default();
        for bad in ["k", "k=", "k=abc", "k=200:events=x", "k=200*x", "k=99"] {
            assert!(scripts.add_text(bad).is_err(), "{bad}");
        }
        for bad in ["[]", r#"{"k": []}"#, r#"{"k": [true]}"#, r#"{"k": [{"state": 1}]}"#] {
            assert!(scripts.add_json(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(scripts.is_empty());
    }
}
