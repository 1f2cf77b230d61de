//! The members of an object are those of a full decode, at any split. Input: cut, then bytes.
#![no_main]
use std::{collections::BTreeMap, ops::Range};
use tidegate::protocol::json::{
    reader::{Reader, Value, Want},
    scan::Scanner,
};
#[derive(Debug, Default, PartialEq)]
struct Members(Vec<Vec<u8>>, Vec<Range<u64>>);
impl Reader for Members {
    type Node = bool;
    fn element(&mut self, _: bool) -> Want<bool> {
        Want::Take(false)
    }
    fn member(&mut self, _: bool, key: &[u8]) -> Want<bool> {
        self.0.push(key.to_vec());
        Want::Take(true)
    }
    fn value(&mut self, is_member: bool, _: Value<'_>, at: Range<u64>) {
        if is_member {
            self.1.push(at)
        }
    }
}
libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let halves = input.1.split_at(usize::from(input.0) % (input.1.len() + 1));
    let scan = |reads: &[&[u8]]| {
        let (mut scanner, mut members) = (Scanner::new(false), Members::default());
        reads.iter().for_each(|read| scanner.push(&mut members, read));
        (scanner.finish(&mut members), members)
    };
    let (is_whole, found) = scan(&[input.1]);
    assert_eq!(scan(&[halves.0, halves.1]), (is_whole, Members(found.0.clone(), found.1.clone())));
    let Ok(decoded) = serde_json::from_slice::<serde_json::Value>(input.1) else { return };
    assert!(is_whole);
    let Some(members) = decoded.as_object().filter(|it| it.keys().all(|key| key.len() < 40)) else {
        return;
    };
    let text = |at: &Range<u64>| &input.1[at.start as usize..at.end as usize];
    let found = found
        .0
        .iter()
        .zip(&found.1)
        .map(|(key, at)| (key.clone(), serde_json::from_slice(text(at)).unwrap()));
    let found: BTreeMap<Vec<u8>, serde_json::Value> = found.collect();
    assert!(
        members.iter().all(|(key, value)| found[key.as_bytes()] == *value)
            && members.len() == found.len()
    );
});
