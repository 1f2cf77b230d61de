//! Writes JSON strings and numbers into a caller's buffer (RFC 8259 section 7).

use super::block::{self, BLOCK};

/// `text` as a JSON string, quotes included.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    characters(out, text);
    out.push(b'"');
}

/// `text` as it stands inside a JSON string.
pub fn characters(out: &mut Vec<u8>, text: &str) {
    let text = text.as_bytes();
    let (blocks, tail) = text.as_chunks::<BLOCK>();
    let tail = block::padded(tail, b' ');
    // What stands for itself is copied in pieces, across blocks.
    let mut copied = 0;
    for (i, block) in blocks.iter().chain([&tail]).enumerate() {
        let mut specials = block::unplain(block);
        while specials != 0 {
            let at = i * BLOCK + usize::try_from(specials.trailing_zeros()).unwrap_or(0);
            out.extend_from_slice(text.get(copied..at).unwrap_or_default());
            escape(out, text.get(at).copied().unwrap_or(b' '));
            copied = at + 1;
            specials &= specials - 1;
        }
    }
    out.extend_from_slice(text.get(copied..).unwrap_or_default());
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        b'\n' => b"\\n",
        b'\r' => b"\\r",
        b'\t' => b"\\t",
        _ => return out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
    };
    out.extend_from_slice(short);
}

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
        for length in 0..150 {
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
