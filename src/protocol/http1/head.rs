//! Parsed heads: places in the caller's buffer, never copies of its bytes.
//!
//! A head says what stood where; it never says whether the message makes sense (`framing` does)
//! and never outlives the meaning of its buffer: resolve spans against the bytes that were parsed.

use crate::protocol::http1::header::Known;

/// A range of the buffer that was parsed. Against another buffer it gives wrong bytes or none,
/// but never panics.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The range from `start` to before `end`. Heads are bounded far below 4 GiB; beyond that a
    /// place saturates.
    pub(super) fn new(start: usize, end: usize) -> Self {
        let place = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: place(start), end: place(end) }
    }

    /// The range from `start` to before `end`.
    #[inline]
    pub(super) const fn between(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The bytes of this range in `bytes`; empty when they are not there.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start()..self.end()).unwrap_or_default()
    }

    /// Index of the first byte.
    #[inline]
    pub fn start(self) -> usize {
        usize::try_from(self.start).unwrap_or(usize::MAX)
    }

    /// Index after the last byte.
    #[inline]
    pub fn end(self) -> usize {
        usize::try_from(self.end).unwrap_or(usize::MAX)
    }

    /// Length in bytes.
    #[inline]
    pub fn len(self) -> usize {
        self.end().saturating_sub(self.start())
    }

    /// Whether the range holds no byte.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// One field line as it was received: the name keeps its case, the value has no outer whitespace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Field {
    /// Which name this is.
    pub known: Known,
    /// The name, in the case of its sender.
    pub name: Span,
    /// The value without leading and trailing spaces and tabs.
    pub value: Span,
}

/// The fields of a head in the order they came, with a set of the known names among them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fields {
    /// In one block of its own: heads are moved a dozen times on their way, and in place each move
    /// would copy 640 bytes (7 % of a small request's CPU time, measured).
    list: Vec<Field>,
    /// A name has other bytes than letters, digits and dashes.
    has_odd_names: bool,
    /// Of `seen` those that came more than once.
    repeated: u64,
    /// One bit per [`Known`], so that asking for an absent name costs no walk.
    seen: u64,
}

impl Fields {
    /// How many fields there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are no fields.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All fields in the order they came.
    #[inline]
    pub fn iter(&self) -> std::slice::Iter<'_, Field> {
        self.list.iter()
    }

    /// Whether a name has other bytes than letters, digits and dashes, as one with `_` has.
    #[inline]
    pub fn has_odd_names(&self) -> bool {
        self.has_odd_names
    }

    /// Whether a field speaks of limits ([`Known::is_of_limits`]), in one instruction.
    #[inline]
    pub fn has_limits(&self) -> bool {
        self.seen & Known::OF_LIMITS != 0
    }

    /// Whether a field of this name is there, in one instruction.
    #[inline]
    pub fn has(&self, known: Known) -> bool {
        self.seen & known.bit() != 0
    }

    /// Whether more than one field of this name is there, in one instruction.
    #[inline]
    pub fn is_repeated(&self, known: Known) -> bool {
        self.repeated & known.bit() != 0
    }

    /// All fields of this name in the order they came.
    #[inline]
    pub fn all(&self, known: Known) -> impl Iterator<Item = &Field> {
        let list = if self.has(known) { self.list.as_slice() } else { &[] };
        list.iter().filter(move |field| field.known == known)
    }

    /// The first field of this name.
    #[inline]
    pub fn first(&self, known: Known) -> Option<&Field> {
        self.all(known).next()
    }

    /// The value of the first field of this name.
    #[inline]
    pub fn value<'a>(&self, known: Known, bytes: &'a [u8]) -> Option<&'a [u8]> {
        self.first(known).map(|field| field.value.of(bytes))
    }

    /// The value of the first field with this name, in any case; for names without a number.
    pub fn value_named<'a>(&self, name: &[u8], bytes: &'a [u8]) -> Option<&'a [u8]> {
        let mut named =
            self.list.iter().filter(|field| field.name.of(bytes).eq_ignore_ascii_case(name));
        named.next().map(|field| field.value.of(bytes))
    }

    #[cold]
    fn make_room(&mut self) {
        if self.list.is_empty() {
            self.list = Vec::with_capacity(FIELDS_USUAL);
        } else {
            self.list.reserve_exact(self.list.len());
        }
    }

    /// Adds a field whose name is told by [`Fields::tell_names`]. `is_odd`: it has other bytes than
    /// letters, digits and dashes.
    #[inline]
    pub(super) fn push(&mut self, name: Span, value: Span, is_odd: bool) {
        self.has_odd_names |= is_odd;
        let field = Field { known: Known::Other, name, value };
        if self.list.len() == self.list.capacity() {
            self.make_room();
        }
        self.list.push(field);
    }

    /// Tells the names of all fields from place `from` on: in a loop of its own, since this one and
    /// the one that finds lines want the same registers.
    pub(super) fn tell_names(&mut self, from: usize, bytes: &[u8]) {
        let (mut seen, mut repeated) = (self.seen, self.repeated);
        for field in self.list.get_mut(from..).unwrap_or_default() {
            field.known = Known::of(field.name.of(bytes));
            let bit = field.known.bit();
            repeated |= seen & bit;
            seen |= bit;
        }
        (self.seen, self.repeated) = (seen, repeated);
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a Field;
    type IntoIter = std::slice::Iter<'a, Field>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The head of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestHead {
    /// The method, a token, in the case of its sender.
    pub method: Span,
    /// The whole target as it was received.
    pub target: Span,
    /// Path and query of the target: all of an origin-form, the rest after the authority of an
    /// absolute-form (then it may be empty or begin with `?`), empty for other forms. Routing
    /// and forwarding must use these bytes and no others.
    pub path_and_query: Span,
    /// The authority of an absolute-form target (RFC 9112 section 3.2.2).
    pub authority: Option<Span>,
    /// The minor version n of `HTTP/1.n`, 0 to 9.
    pub minor: u8,
    /// The fields.
    pub fields: Fields,
    /// How many bytes of the buffer the head took, with empty lines before it: the body's start.
    pub end: usize,
}

/// The head of a response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResponseHead {
    /// The status, 0 to 999: digits are checked, sense is not.
    pub status: u16,
    /// The reason phrase; may be empty.
    pub reason: Span,
    /// The minor version n of `HTTP/1.n`, 0 to 9.
    pub minor: u8,
    /// The fields.
    pub fields: Fields,
    /// How many bytes of the buffer the head took: the body's start.
    pub end: usize,
}

/// Fields that the first block has room for: the heads of the usual SDKs have 12 to 25.
const FIELDS_USUAL: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_another_buffer_gives_nothing_and_does_not_panic() {
        let span = Span::new(3, 9);
        assert_eq!(span.of(b"0123456789"), b"345678");
        assert_eq!(span.of(b"0123"), b"");
        assert_eq!(Span::new(9, 3).of(b"0123456789"), b"");
        assert!(Span::new(9, 3).is_empty());
        assert_eq!(Span::new(usize::MAX, usize::MAX).of(b"01"), b"");
    }

    #[test]
    fn fields_know_which_names_they_hold() {
        let bytes = b"Host: a.example\r\nX-One: 1\r\nhost: b\r\n";
        let mut fields = Fields::default();
        for (name, value) in [(0..4, 6..15), (17..22, 24..25), (27..31, 33..34)] {
            let from = fields.len();
            let span = |range: std::ops::Range<usize>| Span::new(range.start, range.end);
            fields.push(span(name), span(value), false);
            fields.tell_names(from, bytes);
        }
        assert!(fields.has(Known::Host) && !fields.has(Known::Connection));
        assert!(fields.is_repeated(Known::Host) && !fields.is_repeated(Known::Other));
        assert_eq!(fields.all(Known::Host).count(), 2);
        assert_eq!(fields.all(Known::Connection).count(), 0);
        assert_eq!(fields.value(Known::Host, bytes), Some(&b"a.example"[..]));
        assert_eq!(fields.value_named(b"x-one", bytes), Some(&b"1"[..]));
        assert_eq!(fields.value_named(b"x-two", bytes), None);
        assert!(!fields.has_limits() && !fields.has_odd_names());
    }
}
