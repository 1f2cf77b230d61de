//! Usage is that of a full decode, at any split. Input: cut, stream or body, then bytes.
#![no_main]
mod naive;
use serde_json::Value;
use tidegate::protocol::{
    dialect::{Dialect, endpoint::Endpoint},
    usage::Observer,
};
libfuzzer_sys::fuzz_target!(|input: (u16, bool, &[u8])| {
    let observer = Observer::new(Dialect::Anthropic, Endpoint::Messages, input.1);
    let found = naive::observe(&observer, input.2, input.0).figures;
    let Some(events) = naive::events(input.2).filter(|_| input.1) else { return };
    let mut usage = None;
    for (kind, event) in events {
        let new = match kind.as_str() {
            "message_start" => event["message"]["usage"].as_object().cloned(),
            "message_delta" => event["usage"].as_object().cloned(),
            _ => None,
        };
        let lines = new.map(|new| new.into_iter().filter(|(_, value)| !value.is_null()));
        lines
            .into_iter()
            .for_each(|new| usage.get_or_insert_with(serde_json::Map::new).extend(new));
    }
    let of = |key: &str| usage.as_ref().and_then(|usage| usage.get(key)).and_then(Value::as_u64);
    assert_eq!(found.is_some(), usage.is_some());
    let found = found.unwrap_or_default();
    assert_eq!(found.input.known(), of("input_tokens"));
    assert_eq!(found.cache_read.known(), of("cache_read_input_tokens"));
});
