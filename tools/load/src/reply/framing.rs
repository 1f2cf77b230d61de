//! Where a body ends: by length, by chunks, or with the connection.
//!
//! Never keeps payload: it hands out slices of what it is given.

use super::fault::Fault;

/// Finds the payload in the bytes after a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framing {
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// So many payload bytes of the chunk are to come.
    Chunk(u64),
    /// So many of the two bytes after a chunk are to come.
    ChunkEnd(u8),
    Done,
    Length(u64),
    /// A size line or, after the last chunk, a trailer line.
    Line {
        bytes: Vec<u8>,
        is_trailer: bool,
    },
    UntilClose,
}

impl Framing {
    /// Chunked coding.
    pub fn chunked() -> Self {
        Self { state: State::Line { bytes: Vec::new(), is_trailer: false } }
    }

    /// So many bytes.
    pub fn length(bytes: u64) -> Self {
        Self { state: if bytes == 0 { State::Done } else { State::Length(bytes) } }
    }

    /// All bytes until the peer's FIN.
    pub fn until_close() -> Self {
        Self { state: State::UntilClose }
    }

    /// Whether the body is over.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether a FIN is the honest end of this body.
    pub fn ends_by_close(&self) -> bool {
        self.state == State::UntilClose
    }

    /// The next payload at the start of `bytes` and how many bytes are used up to its end. Uses
    /// nothing only when `bytes` is empty or the body is over.
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<(&'a [u8], usize), Fault> {
        match &mut self.state {
            State::Done => Ok((&[], 0)),
            State::UntilClose => Ok((bytes, bytes.len())),
            State::Length(left) => {
                let payload = take(bytes, left);
                if *left == 0 {
                    self.state = State::Done;
                }
                Ok((payload, payload.len()))
            }
            State::Chunk(left) => {
                let payload = take(bytes, left);
                if *left == 0 {
                    self.state = State::ChunkEnd(2);
                }
                Ok((payload, payload.len()))
            }
            State::ChunkEnd(left) => {
                let expected = if *left == 2 { b'\r' } else { b'\n' };
                match bytes.first() {
                    None => return Ok((&[], 0)),
                    Some(&byte) if byte == expected => {}
                    Some(_) => return Err(Fault::BadHttp),
                }
                *left -= 1;
                if *left == 0 {
                    self.state = Self::chunked().state;
                }
                Ok((&[], 1))
            }
            State::Line { .. } => self.line(bytes).map(|used| (&[][..], used)),
        }
    }

    fn line(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let State::Line { bytes: line, is_trailer } = &mut self.state else { return Ok(0) };
        let end = memchr::memchr(b'\n', bytes);
        let used = end.map_or(bytes.len(), |end| end + 1);
        line.extend_from_slice(bytes.get(..used).unwrap_or(bytes));
        if line.len() > LINE_MAX {
            return Err(Fault::BadHttp);
        }
        if end.is_none() {
            return Ok(used);
        }
        let text = line.strip_suffix(b"\r\n").ok_or(Fault::BadHttp)?;
        self.state = match (*is_trailer, text) {
            (true, []) => State::Done,
            (true, _) => State::Line { bytes: Vec::new(), is_trailer: true },
            (false, _) => match size(text).ok_or(Fault::BadHttp)? {
                0 => State::Line { bytes: Vec::new(), is_trailer: true },
                size => State::Chunk(size),
            },
        };
        Ok(used)
    }
}

fn take<'a>(bytes: &'a [u8], left: &mut u64) -> &'a [u8] {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    *left -= u64::try_from(count).unwrap_or(0);
    bytes.get(..count).unwrap_or(bytes)
}

/// The number of a size line; what follows `;` is an extension.
fn size(line: &[u8]) -> Option<u64> {
    let end = memchr::memchr(b';', line).unwrap_or(line.len());
    let digits = std::str::from_utf8(line.get(..end)?).ok()?;
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

const LINE_MAX: usize = 8 << 10;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    /// Payload, bytes used, and whether the body is over, when fed in these parts.
    fn feed(framing: &Framing, parts: [&[u8]; 2]) -> Result<(Vec<u8>, usize, bool), Fault> {
        let mut framing = framing.clone();
        let (mut payload, mut used) = (Vec::new(), 0);
        for part in parts {
            let mut at = 0;
            while at < part.len() && !framing.is_done() {
                let (slice, count) = framing.next(&part[at..])?;
                payload.extend_from_slice(slice);
                at += count;
            }
            used += at;
        }
        Ok((payload, used, framing.is_done()))
    }

    #[test]
    fn any_split_gives_the_same_payload() {
        let chunked: &[u8] = b"4\r\ntide\r\n6;a=b\r\n-gate!\r\n0\r\nx-a: 1\r\n\r\nextra";
        for (framing, bytes, used) in [
            (Framing::chunked(), chunked, chunked.len() - 5),
            (Framing::length(10), b"tide-gate!extra", 10),
        ] {
            for cut in 0..=bytes.len() {
                let parts = [&bytes[..cut], &bytes[cut..]];
                let seen = feed(&framing, parts).unwrap();
                assert_eq!(seen, (b"tide-gate!".to_vec(), used, true), "cut at {cut}");
            }
        }
        let seen = feed(&Framing::until_close(), [b"tide", b"-gate!"]).unwrap();
        assert_eq!(seen, (b"tide-gate!".to_vec(), 10, false));
    }

    #[test]
    fn a_body_of_nothing_is_over_at_once() {
        assert!(Framing::length(0).is_done());
    }

    #[test]
    fn false_chunks_are_refused_at_every_split() {
        for bad in [
            &b"zz\r\n"[..],
            b"\r\n",
            b"+4\r\ntide\r\n",
            b"4\ntide\r\n",
            b"4\r\ntide!\r\n",
            b"4\r\ntide\rx",
            b"11111111111111111\r\n",
        ] {
            for cut in 0..=bad.len() {
                let seen = feed(&Framing::chunked(), [&bad[..cut], &bad[cut..]]);
                assert_eq!(seen, Err(Fault::BadHttp), "{bad:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let line = vec![b'0'; LINE_MAX + 1];
        assert_eq!(feed(&Framing::chunked(), [&line, b""]), Err(Fault::BadHttp));
    }
}
