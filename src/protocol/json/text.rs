//! The content of JSON strings: escapes decoded (RFC 8259 section 7), short texts held in place.
//! Never allocates.

use std::fmt;
use std::hash::{Hash, Hasher};

/// A text of at most `N` bytes, held in place. UTF-8 whenever it was.
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: u16,
}

impl<const N: usize> Text<N> {
    /// `text`, when it has at most `N` bytes.
    pub fn new(text: &[u8]) -> Option<Self> {
        (text.len() <= N).then(|| Self::cut(text))
    }

    /// The first bytes of `text`, cut between two characters.
    pub fn cut(text: &[u8]) -> Self {
        let mut cut = Self::default();
        cut.set(text);
        cut
    }

    /// Holds the first bytes of `text` from now on, cut between two characters.
    pub fn set(&mut self, text: &[u8]) {
        let text = first(text, N.min(usize::from(u16::MAX)));
        if let Some(to) = self.bytes.get_mut(..text.len()) {
            to.copy_from_slice(text);
        }
        self.len = u16::try_from(text.len()).unwrap_or(0);
    }

    /// The bytes held.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The text held; empty when it is no UTF-8.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Whether nothing is held.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

// By what is held: behind it may stand what was held before.
impl<const N: usize> PartialEq for Text<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl<const N: usize> Eq for Text<N> {}

impl<const N: usize> Hash for Text<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self { bytes: [0; N], len: 0 }
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.as_bytes()))
    }
}

/// At most the first `max` bytes of `text`, cut between two characters.
pub fn first(text: &[u8], max: usize) -> &[u8] {
    let mut end = text.len().min(max);
    if end < text.len() {
        // At most three bytes follow the first byte of a character.
        let is_start = |at: usize| text.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
        end = (end.saturating_sub(3)..=end).rev().find(|&at| is_start(at)).unwrap_or(end);
    }
    text.get(..end).unwrap_or_default()
}

/// Decodes the content of a string into `out` and gives its part in use. `Err` holds what came
/// before a wrong escape or the end of `out`: `raw.len()` always suffices. Half a surrogate pair
/// becomes U+FFFD.
pub fn unescape<'a>(raw: &[u8], out: &'a mut [u8]) -> Result<&'a [u8], &'a [u8]> {
    let mut len = 0;
    let is_whole = decode(raw, out, &mut len).is_some();
    let text = out.get(..len).unwrap_or_default();
    if is_whole { Ok(text) } else { Err(text) }
}

fn decode(raw: &[u8], out: &mut [u8], len: &mut usize) -> Option<()> {
    let mut rest = raw;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'\\' {
            *out.get_mut(*len)? = *byte;
            *len += 1;
            continue;
        }
        let (character, tail) = escape(rest)?;
        rest = tail;
        let mut utf8 = [0; 4];
        let utf8 = character.encode_utf8(&mut utf8).as_bytes();
        out.get_mut(*len..)?.get_mut(..utf8.len())?.copy_from_slice(utf8);
        *len += utf8.len();
    }
    Some(())
}

/// The character that the escape after a backslash stands for, and what follows it.
fn escape(after: &[u8]) -> Option<(char, &[u8])> {
    let (&kind, rest) = after.split_first()?;
    let character = match kind {
        b'"' | b'\\' | b'/' => char::from(kind),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(rest),
        _ => return None,
    };
    Some((character, rest))
}

fn unicode(digits: &[u8]) -> Option<(char, &[u8])> {
    let (high, rest) = code_unit(digits)?;
    if (0xd800..0xdc00).contains(&high)
        && let Some(second) = rest.strip_prefix(b"\\u")
        && let Some((low, after)) = code_unit(second)
        && (0xdc00..0xe000).contains(&low)
    {
        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), after));
    }
    Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), rest))
}

fn code_unit(digits: &[u8]) -> Option<(u32, &[u8])> {
    let (four, rest) = digits.split_at_checked(4)?;
    let mut value = 0;
    for &digit in four {
        value = value << 4 | char::from(digit).to_digit(16)?;
    }
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(raw: &str) -> Option<String> {
        let mut out = vec![0; raw.len()];
        let text = unescape(raw.as_bytes(), &mut out).ok()?;
        Some(String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn every_escape_decodes_as_the_rfc_says() {
        assert_eq!(decoded(r#"\"\\\/\b\f\n\r\t"#).unwrap(), "\"\\/\u{8}\u{c}\n\r\t");
        assert_eq!(decoded(r"mod\u0065l").unwrap(), "model");
        assert_eq!(decoded(r"\u20AC\ud83d\ude00é").unwrap(), "€😀é");
    }

    #[test]
    fn half_a_pair_is_replaced_and_the_rest_stays() {
        assert_eq!(decoded(r"\ud83dx").unwrap(), "\u{fffd}x");
        assert_eq!(decoded(r"\ude00\ud83d\n").unwrap(), "\u{fffd}\u{fffd}\n");
    }

    #[test]
    fn wrong_escapes_and_short_buffers_are_told() {
        for bad in [r"\x", r"\u12", r"\u12g4", r"\u+123", "\\"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
        assert_eq!(unescape(b"abc", &mut [0; 2]), Err(&b"ab"[..]));
        assert_eq!(unescape(br"ab\u00", &mut [0; 9]), Err(&b"ab"[..]));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(Text::<5>::cut("aé€x".as_bytes()).as_str(), "aé");
        assert_eq!(Text::<6>::cut("aé€x".as_bytes()).as_str(), "aé€");
        assert_eq!(Text::<2>::new(b"abc"), None);
        assert_eq!(Text::<3>::new(b"abc").unwrap().as_str(), "abc");
        assert_eq!(Text::<2>::cut(&[0x80; 9]).as_bytes().len(), 2);
    }
}
