//! Replaces or inserts members of a JSON object by their place in the bytes. Everything else stays
//! as it was, byte for byte. Never reads the values it moves.

use super::write;

/// One change of a body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edit {
    /// What is taken out; empty for an insertion.
    at: std::ops::Range<usize>,
    /// What stands there afterwards.
    text: Vec<u8>,
}

impl Edit {
    /// Puts the JSON text `value` where the bytes `at` stand.
    pub const fn replace(at: std::ops::Range<usize>, value: Vec<u8>) -> Self {
        Self { at, text: value }
    }

    /// Adds `members` (name and JSON text of the value) as the first ones of the object whose
    /// opening bracket stands at `object`. The names must not be there yet. `None` when no object
    /// begins there.
    pub fn insert(body: &[u8], object: usize, members: &[(&str, &[u8])]) -> Option<Self> {
        let (b'{', rest) = body.get(object..)?.split_first()? else { return None };
        let mut text = Vec::new();
        for (i, (name, value)) in members.iter().enumerate() {
            if i > 0 {
                text.push(b',');
            }
            write::string(&mut text, name);
            text.push(b':');
            text.extend_from_slice(value);
        }
        let is_empty = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
        if !is_empty && !members.is_empty() {
            text.push(b',');
        }
        Some(Self { at: object + 1..object + 1, text })
    }
}

/// Where the outermost object of `body` begins; `None` when it begins otherwise.
pub fn root(body: &[u8]) -> Option<usize> {
    let start = body.iter().position(|byte| !byte.is_ascii_whitespace())?;
    (body.get(start) == Some(&b'{')).then_some(start)
}

/// Writes `body` with `edits` made. Two edits must not overlap; their order is of no account.
/// `None`, with nothing written, when an edit overlaps another or lies outside the body.
pub fn apply(body: &[u8], edits: &mut [Edit], out: &mut Vec<u8>) -> Option<()> {
    edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
    let mut done = 0;
    for edit in edits.iter() {
        if edit.at.start < done || edit.at.end < edit.at.start || edit.at.end > body.len() {
            return None;
        }
        done = edit.at.end;
    }
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    out.reserve(body.len() + added);
    let mut rest = body;
    for edit in edits.iter() {
        let start = edit.at.start - (body.len() - rest.len());
        out.extend_from_slice(rest.get(..start)?);
        out.extend_from_slice(&edit.text);
        rest = body.get(edit.at.end..)?;
    }
    out.extend_from_slice(rest);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(body: &str, mut edits: Vec<Edit>) -> Option<String> {
        let mut out = Vec::new();
        apply(body.as_bytes(), &mut edits, &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn p08_only_the_spans_change() {
        let body = r#" { "stream" : true ,"model":"a" }  "#;
        let model = body.find("\"a\"").unwrap();
        let stream = body.find("true").unwrap();
        let edits = vec![
            Edit::replace(model..model + 3, b"\"bcd\"".to_vec()),
            Edit::replace(stream..stream + 4, b"false".to_vec()),
            Edit::insert(body.as_bytes(), root(body.as_bytes()).unwrap(), &[("x", b"1")]).unwrap(),
        ];
        let expected = r#" {"x":1, "stream" : false ,"model":"bcd" }  "#;
        assert_eq!(applied(body, edits).unwrap(), expected);
    }

    #[test]
    fn an_insertion_knows_the_empty_object() {
        for (body, expected) in [
            ("{}", r#"{"a":1,"b":{}}"#),
            (" { \n}", " {\"a\":1,\"b\":{} \n}"),
            (r#"{"c":2}"#, r#"{"a":1,"b":{},"c":2}"#),
        ] {
            let at = root(body.as_bytes()).unwrap();
            let members: [(&str, &[u8]); 2] = [("a", b"1"), ("b", b"{}")];
            let edit = Edit::insert(body.as_bytes(), at, &members).unwrap();
            assert_eq!(applied(body, vec![edit]).unwrap(), expected);
        }
        assert_eq!(Edit::insert(b"{}", 0, &[]).map(|edit| edit.text), Some(vec![]));
    }

    #[test]
    fn what_is_no_object_takes_no_member() {
        assert_eq!(root(b"  [1]"), None);
        assert_eq!(root(b""), None);
        assert_eq!(Edit::insert(b"[1]", 0, &[("a", b"1")]), None);
        assert_eq!(Edit::insert(b"{}", 9, &[("a", b"1")]), None);
    }

    #[test]
    fn edits_that_overlap_or_lie_outside_change_nothing() {
        let edit = |at| Edit::replace(at, vec![]);
        assert_eq!(applied("0123", vec![edit(0..2), edit(1..3)]), None);
        assert_eq!(applied("0123", vec![edit(2..9)]), None);
        assert_eq!(applied("0123", vec![edit(2..4), edit(0..2)]).unwrap(), "");
    }
}
