//! What passes is what a splitter with a full decoder lets pass, at any split. Input: cut, bytes.
#![no_main]
use serde_json::Value;
use tidegate::protocol::sse::hide_usage::HideUsage;
libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let halves = input.1.split_at(usize::from(input.0) % (input.1.len() + 1));
    let passed = |reads: &[&[u8]]| {
        let (mut hide, mut out) = (HideUsage::new(), vec![]);
        reads.iter().for_each(|read| out.extend_from_slice(hide.push(read)));
        out.extend(hide.finish());
        out
    };
    let whole = passed(&[input.1]);
    assert_eq!(whole, passed(&[halves.0, halves.1]));
    let Some(naive) = std::str::from_utf8(input.1).ok().and_then(naive) else { return };
    assert_eq!(whole, naive.as_bytes());
});

/// Lines, then events, then `serde_json`; `None` where data is no JSON: the reader's is laxer.
fn naive(stream: &str) -> Option<String> {
    let (mut out, mut event, mut data) = (String::new(), String::new(), vec![]);
    let mut rest = stream;
    while !rest.is_empty() {
        let is_first = rest.len() == stream.len();
        let crlf = |at: usize| if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        let end = rest.find(['\r', '\n']).map_or(rest.len(), |at| at + crlf(at));
        let (whole, tail) = rest.split_at(end);
        rest = tail;
        event.push_str(whole);
        let mut line = whole.trim_end_matches(['\r', '\n']);
        if is_first {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line == "data" {
            data.push("");
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push(value.strip_prefix(' ').unwrap_or(value));
        }
        if line.is_empty() && whole.ends_with(['\r', '\n']) {
            let text = std::mem::take(&mut data).join("\n");
            let chunk: Value = match serde_json::from_str(&text) {
                Ok(chunk) => chunk,
                Err(_) if matches!(text.trim(), "" | "[DONE]") => Value::Null,
                Err(_) => return None,
            };
            let has_no_choice = chunk["choices"].as_array().is_some_and(Vec::is_empty);
            if !has_no_choice || chunk["usage"].is_null() {
                out.push_str(&event);
            }
            event.clear();
        }
    }
    Some(out + &event)
}
