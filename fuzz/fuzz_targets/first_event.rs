//! A stream begins with the same thing wherever a read ends, and what begins with an error does so
//! for whoever decodes it in full. Input: cut, bound, bytes.
#![no_main]
use serde_json::Value;
use tidegate::protocol::sse::event::Events;
use tidegate::protocol::sse::first_event::{Beginning, FirstEvent};
libfuzzer_sys::fuzz_target!(|input: (u16, u8, &[u8])| {
    let halves = input.2.split_at(usize::from(input.0) % (input.2.len() + 1));
    let bound = usize::from(input.1) * 16 + 1;
    let begins = |reads: &[&[u8]]| {
        let mut first = FirstEvent::new(bound);
        reads.iter().filter_map(|read| first.push(read)).next()
    };
    let found = begins(&[input.2]);
    assert_eq!(found, begins(&[halves.0, halves.1]));
    // Nobody waits for more than the bound.
    assert!(found.is_some() || input.2.len() < bound);
    let whole = input.2.get(..bound).unwrap_or(input.2);
    if let (Some(found), Some(is_error)) = (found, naive(whole)) {
        assert_eq!(matches!(found, Beginning::Error(_)), is_error);
    }
});

/// The first event that is no ping, decoded; `None` where that says nothing: no JSON, members told
/// twice or in another shape.
fn naive(stream: &[u8]) -> Option<bool> {
    let (mut events, mut all) = (Events::new(stream.len()), vec![]);
    events.push(stream, |event| all.push((event.name.to_vec(), event.data.to_vec()))).ok()?;
    for (name, data) in all {
        let data: Value = serde_json::from_slice(&data).ok()?;
        let object = data.as_object()?;
        let kind = object.get("type").map_or(Some(""), Value::as_str)?;
        if name == b"ping" || kind == "ping" {
            continue;
        }
        let is_plain =
            ["error", "response", "code", "message"].iter().all(|key| object.get(*key).is_none());
        return is_plain.then_some(name == b"error" || kind == "error");
    }
    None
}
