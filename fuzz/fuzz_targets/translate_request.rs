//! A request in another form is JSON with a model, small, and can be put back; an error in
//! another form is JSON. Input: a byte that chooses the forms, then the body.
#![no_main]
use serde_json::Value;
use tidegate::protocol::dialect::translate::{Form, Order, error, request};
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else { return };
    let forms = [Form::Chat, Form::Messages, Form::Responses];
    let (from, to) = (forms[usize::from(choice % 3)], forms[usize::from(choice / 3 % 3)]);
    let mut told = vec![];
    error::error(body, 429, from, to, &mut told);
    if from.dialect() != to.dialect() {
        serde_json::from_slice::<Value>(&told).expect("an error is JSON");
    }
    let order = Order { from, max_tokens_default: 4_096, model: None, to };
    let Ok(there) = request::request(body, &order) else { return };
    assert!(there.body.len() <= body.len() * 16 + 1_024, "{} of {}", there.body.len(), body.len());
    assert!(there.lossy.value().len() <= 2_048);
    let value: Value = serde_json::from_slice(&there.body).expect("a request is JSON");
    assert!(value["model"].is_string());
    let order = Order { from: to, to: from, ..order };
    if let Ok(back) = request::request(&there.body, &order) {
        serde_json::from_slice::<Value>(&back.body).expect("a request is JSON");
    }
});
