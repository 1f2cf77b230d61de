//! A chunked body has one payload, wherever a read ends. Input: cut, then bytes.
#![no_main]
use tidegate::protocol::http1::{Refusal, chunked::*};
libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let halves = input.1.split_at(usize::from(input.0) % (input.1.len() + 1));
    let decode = |reads: &[&[u8]]| {
        let (mut decoder, mut payload) = (Decoder::new(), vec![]);
        for &(mut rest) in reads {
            while let Step::Data { skip, len } = decoder.step(rest)? {
                payload.extend_from_slice(&rest[skip..skip + len]);
                rest = &rest[skip + len..];
            }
        }
        Ok::<_, Refusal>((payload, decoder.is_done()))
    };
    assert_eq!(decode(&[input.1]), decode(&[halves.0, halves.1]));
});
