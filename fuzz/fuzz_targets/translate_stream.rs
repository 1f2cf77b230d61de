//! A stream translates to the same events wherever a read ends, what comes out is whole events of
//! JSON, and only what ended ends. Input: forms, cut, bytes.
#![no_main]
use tidegate::protocol::dialect::translate::stream::{Broken, Ended, Stream};
use tidegate::protocol::dialect::translate::{Echo, Form};
use tidegate::protocol::json::strict;
use tidegate::protocol::sse::event::Events;
libfuzzer_sys::fuzz_target!(|input: (u8, u16, &[u8])| {
    let forms = [Form::Chat, Form::Messages, Form::Responses];
    let (from, to) = (forms[usize::from(input.0) % 3], forms[usize::from(input.0) / 3 % 3]);
    let echo = Echo { created: 1, include_usage: input.0 > 127, model: "m".into() };
    let halves = input.2.split_at(usize::from(input.1) % (input.2.len() + 1));
    let whole = |reads: &[&[u8]]| -> (Vec<u8>, Result<Ended, Broken>) {
        let (mut stream, mut out) = (Stream::new(from, to, &echo), Vec::new());
        for read in reads {
            if let Err(broken) = stream.push(read, &mut out) {
                return (out, Err(broken));
            }
        }
        let ended = stream.end(&mut out);
        (out, Ok(ended))
    };
    let (out, ended) = whole(&[input.2]);
    assert_eq!((&out, ended), (&whole(&[halves.0, halves.1]).0, ended));
    assert!(out.is_empty() || out.ends_with(b"\n\n"));
    let (mut events, mut last) = (Events::new(out.len() + 1), Vec::new());
    let read = events.push(&out, |event| {
        assert!(strict::is_value(event.data) || event.data == b"[DONE]");
        last = event.data.to_vec();
    });
    assert!(read.is_ok());
    let is_end = |word: &[u8]| last.starts_with(word);
    let has_end = match to {
        Form::Chat => is_end(b"[DONE]"),
        Form::Messages => is_end(b"{\"type\":\"message_stop\""),
        Form::Responses => {
            is_end(b"{\"type\":\"response.completed\"")
                || is_end(b"{\"type\":\"response.incomplete\"")
        }
    };
    assert_eq!(has_end, ended == Ok(Ended::Whole));
});
