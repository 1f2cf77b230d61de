//! Writes heads and chunk framing into a caller's buffer.
//!
//! Never writes a name or value that could end a line: whatever is copied into a head is checked
//! here, also what comes from configuration (header injection). Never decides what to send.

use crate::protocol::ascii::is_token;
use crate::protocol::http1::head::Field;

/// A name, value or target that would break the head it was meant for. Nothing was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unwritable;

/// `method target HTTP/1.1`.
///
/// # Errors
/// When the method is not a token, or the target is empty or holds a space or control byte.
pub fn request_line(out: &mut Vec<u8>, method: &[u8], target: &[u8]) -> Result<(), Unwritable> {
    let target_is_good = !target.is_empty() && target.iter().all(|&b| b > b' ' && b != 0x7f);
    if !is_token(method) || !target_is_good {
        return Err(Unwritable);
    }
    out.extend_from_slice(method);
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    Ok(())
}

/// `HTTP/1.1 status reason`, with the reason of the registry. `status` is taken modulo 1000.
pub fn status_line(out: &mut Vec<u8>, status: u16) {
    out.extend_from_slice(b"HTTP/1.1 ");
    for place in [100, 10, 1] {
        out.push(digit(u64::from(status / place)));
    }
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// One field line.
///
/// # Errors
/// When `name` is not a token or `value` holds CR, LF, NUL or another control byte but tab.
#[inline]
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), Unwritable> {
    if !is_token(name) || !is_value(value) {
        return Err(Unwritable);
    }
    parsed_field(out, name, value);
    Ok(())
}

/// One field line from parts that a parser of this room has passed: they are not checked again.
#[inline]
pub fn parsed_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    debug_assert!(is_token(name) && is_value(value), "not the words of a parsed field");
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Fields of one parsed head, written in the order they are given. Neighbours that stand in it
/// byte for byte as [`parsed_field`] would write them go out in one piece: most heads in two.
#[derive(Debug)]
pub struct ParsedFields<'a> {
    bytes: &'a [u8],
    /// What is to be written, as lines of `bytes`.
    lines: std::ops::Range<usize>,
}

impl<'a> ParsedFields<'a> {
    /// For fields whose spans are of `bytes`.
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, lines: 0..0 }
    }

    /// Writes `field`, at the latest with [`ParsedFields::finish`].
    #[inline]
    pub fn push(&mut self, out: &mut Vec<u8>, field: &Field) {
        let (name, value) = (field.name, field.value);
        let stands = |at: usize, wanted: &[u8; 2]| {
            self.bytes.get(at..).and_then(<[u8]>::first_chunk) == Some(wanted)
        };
        let stands = value.start() == name.end() + 2
            && stands(name.end(), b": ")
            && stands(value.end(), b"\r\n");
        if !stands {
            return self.push_slowly(out, field);
        }
        if name.start() != self.lines.end {
            self.write(out);
            self.lines.start = name.start();
        }
        self.lines.end = value.end() + 2;
    }

    #[cold]
    fn push_slowly(&mut self, out: &mut Vec<u8>, field: &Field) {
        self.write(out);
        self.lines = 0..0;
        parsed_field(out, field.name.of(self.bytes), field.value.of(self.bytes));
    }

    /// Writes what is left.
    #[inline]
    pub fn finish(self, out: &mut Vec<u8>) {
        self.write(out);
    }

    #[inline(never)]
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes.get(self.lines.clone()).unwrap_or_default());
    }
}

/// `content-length: n`.
pub fn content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

/// `transfer-encoding: chunked`.
pub fn chunked(out: &mut Vec<u8>) {
    out.extend_from_slice(b"transfer-encoding: chunked\r\n");
}

/// The empty line that ends a head.
pub fn end_of_head(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// `value` in decimal digits.
pub fn decimal(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        if let Some(place) = digits.get_mut(start) {
            *place = digit(value);
        }
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// The line before `length` bytes of chunk data, written into `buffer`. After the data comes
/// [`CHUNK_END`]. A `length` of 0 would end the body: that is [`LAST_CHUNK`], never this.
pub fn chunk_head(length: usize, buffer: &mut [u8; CHUNK_HEAD_BYTES_MAX]) -> &[u8] {
    debug_assert!(length > 0, "an empty chunk is the last chunk");
    let mut rest = length;
    let mut start = CHUNK_HEAD_BYTES_MAX;
    for end in [b'\n', b'\r'] {
        start -= 1;
        if let Some(place) = buffer.get_mut(start) {
            *place = end;
        }
    }
    loop {
        start -= 1;
        if let (Some(place), Some(&hex)) = (buffer.get_mut(start), HEX.get(rest % 16)) {
            *place = hex;
        }
        rest /= 16;
        if rest == 0 {
            break;
        }
    }
    buffer.get(start..).unwrap_or_default()
}

/// Whether `value` may stand in a field: no control byte but tab (RFC 9110 section 5.5).
#[inline]
pub fn is_value(value: &[u8]) -> bool {
    // One pass without a way out, so that it runs in vectors.
    let mut bad = false;
    for &byte in value {
        bad |= byte < b' ' && byte != b'\t' || byte == 0x7f;
    }
    !bad
}

/// The reason phrase of a status; empty for one that is not in the table.
pub const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        499 => "Client Closed Request",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        529 => "Overloaded",
        _ => "",
    }
}

fn digit(value: u64) -> u8 {
    b'0' + u8::try_from(value % 10).unwrap_or(0)
}

/// After the data of each chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Sixteen hexadecimal digits and CRLF.
pub const CHUNK_HEAD_BYTES_MAX: usize = 18;

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests;
