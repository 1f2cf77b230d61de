//! Which conversation a request belongs to (BEHAVIOUR 4): the client's word for it, else what all
//! its turns have in common. Hashed under the install's salt; the words themselves are not kept.

use crate::protocol::http1::head::Fields;
use crate::protocol::request_facts::{RequestFacts, Span};
use crate::shared::keyed_hash::KeyedHash;

/// The hash of the conversation's key, first of: a session field, a body id, the conversation's
/// beginning. `None` when the request has none of these.
pub fn hash(
    keyed: &KeyedHash,
    (fields, bytes): (&Fields, &[u8]),
    facts: Option<(&RequestFacts, &[u8])>,
) -> Option<u64> {
    let session = SESSION_FIELDS.iter().find_map(|name| fields.value_named(name, bytes));
    if let Some(session) = session.filter(|session| !session.is_empty()) {
        return Some(keyed.of(&[session]));
    }
    let (facts, body) = facts?;
    let of = |span: Option<Span>| span.map(|span| span.of(body)).unwrap_or_default();
    if let Some(id) = facts.prompt_cache_key.or(facts.user_id) {
        return Some(keyed.of(&[id.of(body)]));
    }
    facts.first_user?;
    let [a, b, c] = [of(facts.system), of(facts.tools), of(facts.first_user)].map(ends);
    Some(keyed.of(&[&a.0, a.1, a.2, &b.0, b.1, b.2, &c.0, c.1, c.2]))
}

/// Length, beginning and end of a part: as good as all of it, at a bounded price (a system prompt
/// of 100 KB would cost 60 us to hash).
fn ends(part: &[u8]) -> ([u8; 8], &[u8], &[u8]) {
    let length = u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes();
    let (head, rest) = part.split_at(part.len().min(END_BYTES));
    (length, head, rest.get(rest.len().saturating_sub(END_BYTES)..).unwrap_or_default())
}

/// Bytes hashed of each end of a part.
const END_BYTES: usize = 1_024;
/// Fields in which clients name their session, in the order they are asked.
const SESSION_FIELDS: [&[u8]; 5] = [
    b"x-claude-code-session-id",
    b"session-id",
    b"session_id",
    b"x-client-session-id",
    b"thread-id",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::parse::{HeadLimits, RequestParser};
    use crate::protocol::request_facts;

    fn of(body: &[u8]) -> Option<u64> {
        let keyed = KeyedHash::new(&[7; 32]);
        let facts = request_facts::read(body).unwrap();
        hash(&keyed, (&Fields::default(), b""), Some((&facts, body)))
    }

    #[test]
    fn turns_of_one_conversation_share_a_hash() {
        let first = br#"{"model":"m","system":"s","messages":[{"role":"user","content":"hi"}]}"#;
        let second = br#"{"model":"m","system":"s","messages":[{"role":"user","content":"hi"},
            {"role":"assistant","content":"yo"},{"role":"user","content":"more"}]}"#;
        let other = br#"{"model":"m","system":"s","messages":[{"role":"user","content":"ho"}]}"#;
        assert!(of(first).is_some());
        assert_eq!(of(first), of(second));
        assert_ne!(of(first), of(other));
    }

    #[test]
    fn an_id_in_the_body_wins_over_its_beginning() {
        let a = br#"{"metadata":{"user_id":"u1"},"messages":[{"role":"user","content":"hi"}]}"#;
        let b = br#"{"metadata":{"user_id":"u1"},"messages":[{"role":"user","content":"ho"}]}"#;
        assert!(of(a).is_some());
        assert_eq!(of(a), of(b));
    }

    #[test]
    fn a51_the_session_field_comes_first_then_the_body_then_its_beginning() {
        let keyed = KeyedHash::new(&[7; 32]);
        let with = |field: &str, body: &str| {
            let head = format!("POST / HTTP/1.1\r\nhost: gateway.test\r\n{field}\r\n");
            let limits = HeadLimits { fields_max: 9, head_bytes_max: 999, line_bytes_max: 99 };
            let parsed = RequestParser::new(limits).parse(head.as_bytes()).unwrap().unwrap();
            let facts = request_facts::read(body.as_bytes()).ok();
            let facts = facts.as_ref().map(|facts| (facts, body.as_bytes()));
            hash(&keyed, (&parsed.fields, head.as_bytes()), facts)
        };
        let told = "{\"metadata\":{\"user_id\":\"user_1_session_2\"}}";
        let session = "x-claude-code-session-id: s-1\r\n";
        let by_field = with(session, told);
        assert_eq!(by_field, with(session, "{}"), "the field wins");
        assert_eq!(by_field, with(session, "not json"));
        let by_body = with("", told);
        assert!(by_body.is_some() && by_body != by_field);
        assert_eq!(with("x-claude-code-session-id:  \r\n", told), by_body, "a blank field is none");
        assert_eq!(with("", "{}"), None);
        assert_eq!(with("", "not json"), None);
    }

    #[test]
    fn what_has_no_beginning_is_no_conversation() {
        assert_eq!(of(br#"{"model":"m","input":[]}"#), None);
    }
}
