//! A stream has the same events wherever a read ends, and within a bound. Input: cut, then bytes.
#![no_main]
use tidegate::protocol::sse::event::Events;
libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let halves = input.1.split_at(usize::from(input.0) % (input.1.len() + 1));
    let read = |reads: &[&[u8]]| {
        let (mut events, mut found) = (Events::new(64), vec![]);
        let is_short = reads.iter().all(|read| {
            let copy = |event: tidegate::protocol::sse::event::Event<'_>| {
                found.push((event.name.to_vec(), event.data.to_vec(), event.id.to_vec()));
            };
            events.push(read, copy).is_ok()
        });
        (found, is_short, events.retry_ms().filter(|_| is_short))
    };
    assert_eq!(read(&[input.1]), read(&[halves.0, halves.1]));
});
