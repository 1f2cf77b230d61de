//! Limits of any head stay within their bounds, whatever the case of names. Input: status, lines.
#![no_main]
use tidegate::protocol::rate_limit::facts::facts;
use tidegate::protocol::rate_limit::{read, reading::Readings};
use tidegate::protocol::verdict::{Answer, ErrorLook, classify};
libfuzzer_sys::fuzz_target!(|input: (u16, i64, &[u8])| {
    let lines = input.2.split(|&byte| byte == b'\n').take(200);
    let fields: Vec<(&[u8], &[u8])> = lines
        .filter_map(|line| line.split_at_checked(line.iter().position(|&byte| byte == b':')?))
        .map(|(name, value)| (name, &value[1..]))
        .collect();
    let upper: Vec<(Vec<u8>, &[u8])> =
        fields.iter().map(|(name, value)| (name.to_ascii_uppercase(), *value)).collect();
    let found = read(fields.iter().copied());
    let same = read(upper.iter().map(|(name, value)| (&name[..], *value)));
    let readings = Readings::of(&found);
    assert_eq!(readings, Readings::of(&same));
    assert_eq!((found.limits.len(), found.request_id), (same.limits.len(), same.request_id));
    assert_eq!(found.cooldown_ms(input.0, input.1), same.cooldown_ms(input.0, input.1));
    let verdict = |limits| {
        let answer = Answer { body: ErrorLook::default(), limits, status: input.0 };
        format!("{:?}", classify(&answer))
    };
    assert_eq!(verdict(facts(&found, input.1)), verdict(facts(&same, input.1)));
    assert!(found.cooldown_ms(429, input.1).is_none_or(|ms| ms <= 48 * 3_600_000));
    assert!(
        [readings.five_hours, readings.seven_days]
            .iter()
            .flatten()
            .all(|it| (0.0..=1.0).contains(&it.value))
    );
});
