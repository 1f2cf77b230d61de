//! Writes JSON strings and numbers into a caller's buffer (RFC 8259 section 7).

/// `text` as a JSON string, quotes included.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    characters(out, text);
    out.push(b'"');
}

/// `text` as it stands inside a JSON string.
pub fn characters(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let (same, after) = rest.split_at_checked(plain(rest)).unwrap_or((rest, &[]));
        out.extend_from_slice(same);
        let Some((&byte, tail)) = after.split_first() else { return };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        rest = tail;
    }
}

/// How many of the next bytes stand for themselves.
fn plain(bytes: &[u8]) -> usize {
    let (chunks, _) = bytes.as_chunks::<CHUNK>();
    let is_special = |chunk: &[u8; CHUNK]| chunk.iter().fold(false, |any, &b| any | special(b));
    let passed = chunks.iter().take_while(|chunk| !is_special(chunk)).count() * CHUNK;
    let rest = bytes.get(passed..).unwrap_or_default();
    passed + rest.iter().position(|&byte| special(byte)).unwrap_or(rest.len())
}

const fn special(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\' | 0x7f)
}

/// As many as the compiler turns into vectors.
const CHUNK: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_reads_back() {
        let text: String = (0..0x100).filter_map(char::from_u32).chain("é€😀".chars()).collect();
        let mut out = Vec::new();
        string(&mut out, &text);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        assert!(!out.iter().any(|&b| b < 0x20 || b == 0x7f));
    }

    #[test]
    fn a_special_character_is_found_wherever_it_is() {
        for length in 0..100 {
            for place in 0..length {
                let text: String =
                    (0..length).map(|i| if i == place { '"' } else { 'x' }).collect();
                let mut out = Vec::new();
                string(&mut out, &text);
                assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
            }
        }
    }
}
