//! Makes a stream ask for its usage: `stream_options.include_usage` (PROTOCOL 2.3). Never touches
//! what a client said of it, and no other byte.

use crate::protocol::json::splice::{self, Edit};
use crate::protocol::request_facts::RequestFacts;

/// `body` with the field added. `None` where nothing is to be added: no stream is asked for, the
/// field is there with whatever value, or `stream_options` is no object. `facts` are those of
/// `body`.
pub fn add(body: &[u8], facts: &RequestFacts) -> Option<Vec<u8>> {
    if facts.stream != Some(true) || facts.has_include_usage {
        return None;
    }
    let edit = match (facts.stream_options, facts.stream_options_span) {
        (Some(options), _) => Edit::insert(body, options.start, &[("include_usage", b"true")])?,
        (None, Some(null)) => Edit::replace(null.range(), OPTIONS.to_vec()),
        (None, None) => Edit::insert(body, splice::root(body)?, &[("stream_options", OPTIONS)])?,
    };
    let mut out = Vec::new();
    splice::apply(body, &mut [edit], &mut out)?;
    Some(out)
}

const OPTIONS: &[u8] = br#"{"include_usage":true}"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::request_facts;

    fn added(body: &str) -> Option<String> {
        let out = add(body.as_bytes(), &request_facts::read(body.as_bytes()).unwrap())?;
        let facts = request_facts::read(&out).unwrap();
        assert!(facts.has_include_usage && add(&out, &facts).is_none(), "{body}");
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_field_is_added_and_every_other_byte_stays() {
        // ADD stands for what is added.
        for (body, expected) in [
            (r#"{"stream":true}"#, r#"{"stream_options":{ADD},"stream":true}"#),
            (
                " {\n\t\"stream\" : true , \"x\":[1, 2.50]} \r\n",
                " {\"stream_options\":{ADD},\n\t\"stream\" : true , \"x\":[1, 2.50]} \r\n",
            ),
            (r#"{"stream":true,"stream_options":{}}"#, r#"{"stream":true,"stream_options":{ADD}}"#),
            (
                r#"{"stream_options": { "x":false },"stream":true}"#,
                r#"{"stream_options": {ADD, "x":false },"stream":true}"#,
            ),
            (
                r#"{"stream":true,"stream_options":  null }"#,
                r#"{"stream":true,"stream_options":  {ADD} }"#,
            ),
            (
                r#"{"stream":true,"stream_options":{ADD},"stream_options":{}}"#,
                r#"{"stream":true,"stream_options":{ADD},"stream_options":{ADD}}"#,
            ),
            (
                r#"{"stream":true,"stream\u005foptions":null}"#,
                r#"{"stream":true,"stream\u005foptions":{ADD}}"#,
            ),
            (
                r#"{"stream":true,"x":{"stream_options":{ADD}}}"#,
                r#"{"stream_options":{ADD},"stream":true,"x":{"stream_options":{ADD}}}"#,
            ),
        ] {
            let filled = |text: &str| text.replace("ADD", r#""include_usage":true"#);
            assert_eq!(added(&filled(body)), Some(filled(expected)), "{body}");
        }
    }

    #[test]
    fn what_the_client_said_stays() {
        for body in [
            r#"{"stream":true,"stream_options":{"include_usage":false}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":null}}"#,
            r#"{"stream":true,"stream_options":{"include\u005fusage":false}}"#,
            r#"{"stream":true,"stream_options":[]}"#,
            r#"{"stream":true,"stream_options":"x"}"#,
            r#"{"stream":false}"#,
            r#"{"stream":null}"#,
            r#"{"stream":1}"#,
            "{}",
            "[true]",
        ] {
            assert_eq!(added(body), None, "{body}");
        }
    }
}
