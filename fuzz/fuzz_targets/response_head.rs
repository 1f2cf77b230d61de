//! A response head and its framing do not depend on where a read ends. Input: cut, then bytes.
#![no_main]
use tidegate::protocol::http1::{framing::response_body, parse::*};
const LIMITS: HeadLimits = HeadLimits { head_bytes_max: 512, line_bytes_max: 64, fields_max: 8 };
libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = (usize::from(input.0) % (input.1.len() + 1), input.1);
    let read = |parser: &mut ResponseParser, bytes: &[u8]| {
        let head = parser.parse(bytes).map_err(|_| "refused")?;
        Ok::<_, &str>(head.map(|head| (response_body(&head, bytes, cut % 2 == 0), head)))
    };
    let mut split = ResponseParser::new(LIMITS);
    let first = read(&mut split, &bytes[..cut]);
    let second = if first == Ok(None) { read(&mut split, bytes) } else { first };
    assert_eq!(read(&mut ResponseParser::new(LIMITS), bytes), second, "cut at {cut}");
});
