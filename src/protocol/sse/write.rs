//! Writes one event. Never writes what no client needs: no mark, no id, no retry.

use super::event::Event;

/// `event` with its name, if it has one, and a `data` line for each line of its data. The id is
/// left out: clients read a lone id as an event without data.
///
/// The name must not hold a line end, and a CR in the data would end a line: JSON has neither.
pub fn event(out: &mut Vec<u8>, event: Event<'_>) {
    debug_assert!(!event.name.iter().chain(event.data).any(|byte| *byte == b'\r'), "a CR splits");
    debug_assert!(!event.name.contains(&b'\n'), "a name is one line");
    if !event.name.is_empty() {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.name);
        out.push(b'\n');
    }
    for line in event.data.split(|&byte| byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sse::event::Events;

    #[test]
    fn what_is_written_reads_back() {
        for (name, data) in [("", "x"), ("ping", "{\"a\": 1}"), ("m", ""), ("m", " a\n\nb\n")] {
            let mut out = Vec::new();
            let given = Event { data: data.as_bytes(), id: b"", name: name.as_bytes() };
            event(&mut out, given);
            let mut count = 0;
            let read = Events::new(64).push(&out, |event| {
                assert_eq!(event, given);
                count += 1;
            });
            assert_eq!((read, count), (Ok(()), 1));
        }
    }
}
