//! The plain way to read a stream: every event whole, every event decoded. Shared by two targets.
use serde_json::Value;
use tidegate::protocol::sse::event::Events;
use tidegate::protocol::usage::{Observed, Observer};

/// Each event's type and JSON; `None` when any event is none, or the reader's grammar is stricter.
pub fn events(bytes: &[u8]) -> Option<Vec<(String, Value)>> {
    let (mut events, mut found, mut is_json) = (Events::new(1 << 20), vec![], true);
    for read in [bytes, b"\n\n"] {
        let pushed = events.push(read, |event| match serde_json::from_slice(event.data) {
            Ok(json @ Value::Object(_)) => {
                let name = std::str::from_utf8(event.name).ok().filter(|name| !name.is_empty());
                let kind = json["type"].as_str().or(name).or(json["object"].as_str());
                found.push((kind.unwrap_or_default().to_owned(), json));
            }
            Ok(_) => {}
            Err(_) => is_json &= event.data == b"[DONE]",
        });
        pushed.ok()?;
    }
    is_json.then_some(found)
}

/// What is observed, which must not depend on where a read ends.
pub fn observe(observer: &Observer, bytes: &[u8], cut: u16) -> Observed {
    let halves = bytes.split_at(usize::from(cut) % (bytes.len() + 1));
    let [whole, split] = [&[bytes][..], &[halves.0, halves.1]].map(|reads| {
        let mut observer = observer.clone();
        reads.iter().for_each(|read| observer.push(read));
        observer.finish(cut % 2 == 0)
    });
    assert_eq!(whole, split);
    whole
}
