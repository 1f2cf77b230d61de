//! What becomes of each field, what is refused by which path, and that nothing panics.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde_json::{Value, json};

use super::*;
use crate::protocol::corpus::Random;
use crate::protocol::dialect::translate::Why;

pub fn order(from: Form, to: Form) -> Order<'static> {
    Order { from, max_tokens_default: 4_096, model: None, to }
}

fn done(from: Form, to: Form, body: &Value) -> (Value, String) {
    let body = serde_json::to_vec(body).unwrap();
    let done = request(&body, &order(from, to)).unwrap();
    let lossy = String::from_utf8(done.lossy.value()).unwrap();
    (serde_json::from_slice(&done.body).unwrap(), lossy)
}

fn refused(from: Form, to: Form, body: &Value) -> (String, Why) {
    let body = serde_json::to_vec(body).unwrap();
    let refused = request(&body, &order(from, to)).unwrap_err();
    (refused.path.as_str().to_owned(), refused.why)
}

/// `base` with the members of `more`.
fn with(base: &Value, more: &Value) -> Value {
    let mut all = base.clone();
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    all
}

fn chat() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
}

fn messages() -> Value {
    json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]})
}

fn responses() -> Value {
    json!({"model": "m", "input": "hi"})
}

use Form::{Chat, Messages, Responses};

#[test]
fn the_model_and_the_default_bound_are_those_of_the_order() {
    let body = serde_json::to_vec(&chat()).unwrap();
    let order = Order { model: Some("claude"), max_tokens_default: 77, ..order(Chat, Messages) };
    let done = request(&body, &order).unwrap();
    let wanted = json!({"model": "claude", "max_tokens": 77, "messages":
        [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]});
    assert_eq!(serde_json::from_slice::<Value>(&done.body).unwrap(), wanted);
    assert_eq!(&*done.echo.model, "m");
    assert!(done.lossy.is_empty());
}
