//! Usage is that of a full decode, at any split. Input: cut, what, then bytes.
#![no_main]
mod naive;
use tidegate::protocol::{
    dialect::{Dialect, endpoint::Endpoint},
    usage::Observer,
};
libfuzzer_sys::fuzz_target!(|input: (u16, u8, &[u8])| {
    let (is_stream, is_chat) = (input.1 & 1 == 1, input.1 & 2 == 2);
    let endpoint = if is_chat { Endpoint::ChatCompletions } else { Endpoint::Responses };
    let observer = Observer::new(Dialect::OpenAi, endpoint, is_stream);
    let found = naive::observe(&observer, input.2, input.0).figures;
    let Some(events) = naive::events(input.2).filter(|_| is_stream) else { return };
    let last = events.iter().rev().find_map(|(_, event)| {
        let choices = event["choices"].as_array().into_iter().flatten();
        let places = if is_chat {
            vec![&event["usage"], &event["x_groq"]["usage"]]
        } else {
            vec![&event["response"]["usage"]]
        };
        let places =
            places.into_iter().chain(choices.filter(|_| is_chat).map(|choice| &choice["usage"]));
        places.into_iter().find(|usage| usage.is_object())
    });
    assert_eq!(found.is_some(), last.is_some());
    let key = if is_chat { "prompt_tokens" } else { "input_tokens" };
    assert_eq!(found.and_then(|it| it.input.known()), last.and_then(|usage| usage[key].as_u64()));
    assert_eq!(
        found.and_then(|it| it.total.known()),
        last.and_then(|usage| usage["total_tokens"].as_u64())
    );
});
