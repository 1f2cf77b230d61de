//! Facts are those of a full decode, at any split. Input: cut, then bytes.
#![no_main]
use tidegate::protocol::request_facts::{FactsFault, Reading, read};
libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let (cut, body) = (usize::from(input.0) % (input.1.len() + 1), input.1);
    let (mut reading, found) = (Reading::new(), read(body));
    reading.push(&body[..cut]);
    reading.push(&body[cut..]);
    assert_eq!(reading.finish(), found);
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else { return };
    assert_ne!(found.err(), Some(FactsFault::Unreadable));
    let Ok(found) = found else { return };
    assert_eq!(found.model.and_then(|at| at.text(body)).as_deref(), json["model"].as_str());
    assert_eq!(
        (found.stream, found.has_tools),
        (json["stream"].as_bool(), json["tools"].as_array().is_some_and(|it| !it.is_empty()))
    );
    assert_eq!(
        found.user_id.and_then(|at| at.text(body)).as_deref(),
        json["metadata"]["user_id"].as_str()
    );
});
