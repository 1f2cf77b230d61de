//! The fast lane for field lines against bytes one by one.

use super::*;
use crate::protocol::http1::head::Field;

/// The line behind another one, as in a head.
fn find(line: &[u8]) -> Option<PlainLine> {
    let before = b"GET / HTTP/1.1\r\n";
    let found = PlainLine::find(&[&before[..], line].concat(), before.len())?;
    let place = |at| at - before.len();
    Some(PlainLine {
        name_end: place(found.name_end),
        value_start: place(found.value_start),
        value_end: place(found.value_end),
        end: place(found.end),
        is_odd: found.is_odd,
    })
}

#[test]
fn a_plain_line_is_cut_at_its_colon_and_its_spaces() {
    for (line, name_end, value_start, value_end) in [
        (&b"a: b\r\n"[..], 1, 3, 4),
        (b"a:b\r\nnext", 1, 2, 3),
        (b"a:\r\n", 1, 2, 2),
        (b"a: \r\n", 1, 3, 3),
        (b"a: \t \r\n", 1, 5, 5),
        (b"a_b: c\td \r\n", 3, 5, 8),
        (b"name:\t a long value\twith \xff in it \t \r\n", 4, 7, 32),
    ] {
        let found = find(line).map(|l| (l.name_end, l.value_start, l.value_end));
        let wanted = Some((name_end, value_start, value_end));
        assert_eq!(found, wanted, "{}", line.escape_ascii());
    }
    assert_eq!(find(b"a:b\r\nnext").map(|line| line.end), Some(5));
}

#[test]
fn anything_odd_or_cut_is_left_to_the_careful_way() {
    for line in [
        &b""[..],
        b"\r\n",
        b"a",
        b"a:",
        b"a: b",
        b"a: b\r",
        b"a: b\n",
        b"a: b\rc\r\n",
        b": b\r\n",
        b"a : b\r\n",
        b" a: b\r\n",
        b"a\xff: b\r\n",
        b"a: b\x01c\r\n",
        b"a: b\tc\x01c\r\n",
        b"a: 0123456789\x7f\r\n",
    ] {
        assert_eq!(find(line), None, "{}", line.escape_ascii());
    }
    assert_eq!(PlainLine::find(b"a: b\r\n", 0), None, "less than a vector");
}

/// Lines one after another, each found by itself.
fn slowly(bytes: &[u8], start: usize, lines_max: usize) -> (Vec<Field>, usize) {
    let (mut fields, mut at) = (Fields::default(), start);
    while fields.len() < lines_max
        && let Some(line) = PlainLine::find(bytes, at)
    {
        let value = Span::new(line.value_start, line.value_end);
        fields.push(Span::new(at, line.name_end), value, line.is_odd);
        at = line.end;
    }
    (fields.iter().copied().collect(), at)
}

#[test]
fn usual_lines_are_taken_as_they_are_found_by_themselves() {
    let head = b"GET / HTTP/1.1\r\nhost: a\r\nx-a-name-of-more-than-a-vector: b c\r\n\
        a: a value of more than a vector, and more\r\n\r\n and 16 bytes of body";
    let start = 16;
    for place in start..head.len() {
        for byte in 0..=u8::MAX {
            let mut bytes = head.to_vec();
            bytes[place] = byte;
            for lines_max in [1, 9] {
                let mut fields = Fields::default();
                let end = take_usual(&mut fields, &bytes, start, lines_max);
                let taken: Vec<Field> = fields.iter().copied().collect();
                let (found, found_end) = slowly(&bytes, start, taken.len());
                assert_eq!((taken.as_slice(), end), (found.as_slice(), found_end), "{place}");
                assert!(!fields.has_odd_names());
            }
        }
    }
    let mut fields = Fields::default();
    assert_eq!(take_usual(&mut fields, head, start, 9), head.len() - 23);
    assert_eq!(fields.len(), 3, "or it is of no use");
    assert_eq!(take_usual(&mut fields, head, head.len() + 1, 9), head.len() + 1);
}

#[test]
fn a_line_that_is_cut_off_is_never_taken() {
    let head = b"GET / HTTP/1.1\r\nhost: a.example\r\nx-name: the value\r\n";
    for cut in 16..head.len() {
        let mut fields = Fields::default();
        let end = take_usual(&mut fields, &head[..cut], 16, 9);
        assert!(end <= cut && (end == 16 || head[..end].ends_with(b"\r\n")), "{cut}");
    }
}

#[test]
fn each_byte_is_found_at_each_place() {
    for length in 16..40 {
        for byte in 0..=u8::MAX {
            for place in 0..length {
                let mut bytes = vec![b'z'; length];
                bytes[place] = byte;
                let first = |is_it: fn(&u8) -> bool| bytes.iter().position(is_it);
                let name_end = first(|byte| !is_token_byte(*byte));
                let blank = first(|byte| *byte <= b' ' || *byte == 0x7f);
                let shown = format!("{byte:#x} at {place} of {length}");
                let is_odd = name_end != first(|b| !b.is_ascii_alphanumeric() && *b != b'-');
                let wanted = name_end.map(|end| (end, is_odd));
                assert_eq!(find_name_end(&bytes, 0), wanted, "{shown}");
                assert_eq!(find_blank(&bytes, 0), blank, "{shown}");
                let behind = blank.filter(|place| *place >= 3);
                assert_eq!(find_blank(&bytes, 3), behind, "{shown}");
                bytes.extend_from_slice(b"\r\n");
                let is_plain = byte >= b' ' && byte != 0x7f || byte == b'\t';
                assert_eq!(find_crlf(&bytes, 0), is_plain.then_some(length), "{shown}");
            }
        }
    }
}
