//! A spliced body reads as the old one with the new members, and nothing else. Input: the body.
#![no_main]
use serde_json::Value;
use tidegate::protocol::{
    json::splice::{Edit, apply, root},
    request_facts::read,
};
libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let (Ok(facts), Some(root)) = (read(body), root(body)) else { return };
    let mut edits: Vec<Edit> =
        facts.model.map(|at| Edit::replace(at.range(), b"\"new\"".to_vec())).into_iter().collect();
    edits.extend(Edit::insert(body, root, &[("zz\"added", b"[1]")]));
    edits.extend(facts.stream_options.and_then(|at| Edit::insert(body, at.start, &[("zz", b"0")])));
    let mut out = vec![];
    apply(body, &mut edits, &mut out).expect("facts lie apart");
    let Ok(Value::Object(mut wanted)) = serde_json::from_slice::<Value>(body) else { return };
    if wanted.contains_key("zz\"added")
        || wanted.get("stream_options").is_some_and(|it| it.get("zz").is_some())
    {
        return;
    }
    if facts.model.is_some() {
        wanted["model"] = "new".into()
    }
    if let Some(Value::Object(options)) = wanted.get_mut("stream_options") {
        options.insert("zz".into(), 0.into());
    }
    wanted.insert("zz\"added".into(), serde_json::json!([1]));
    assert_eq!(serde_json::from_slice::<Value>(&out).expect("still JSON"), Value::Object(wanted));
});
