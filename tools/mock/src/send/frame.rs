//! Heads and chunks as bytes, true or false on demand.
//!
//! Never decides when to send them.

use crate::knobs::{Fault, Framing, Knobs, Wire};

/// What the head must tell of the body.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub closes: bool,
    pub framing: Framing,
    /// 204, 304: no body and no framing fields.
    pub is_bare: bool,
    pub length: u64,
    pub status: u16,
}

/// The response head with all its padding.
pub fn head(shape: Shape, headers: &[(String, String)], knobs: &Knobs) -> Vec<u8> {
    let wire = &knobs.wire;
    let version = if wire.http10 { "HTTP/1.0" } else { "HTTP/1.1" };
    let mut head = format!("{version} {} {}\r\n", shape.status, reason(shape.status)).into_bytes();
    for (name, value) in headers {
        field(&mut head, name, value);
    }
    if !shape.is_bare {
        framing_fields(&mut head, shape, wire, &knobs.fault);
    }
    if shape.closes {
        field(&mut head, "connection", "close");
    } else if wire.http10 {
        field(&mut head, "connection", "keep-alive");
    }
    for index in 0..wire.header_count.unwrap_or(0) {
        field(&mut head, &format!("x-count-{index}"), "1");
    }
    // Room for the padding field's own bytes and for the empty line.
    let missing = wire.head_size.unwrap_or(0).saturating_sub(head.len() + 2);
    if let Some(padding) = missing.checked_sub("x-pad: \r\n".len()) {
        field(&mut head, "x-pad", &"p".repeat(padding));
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Writes chunks and their size lines, one of which may be false.
#[derive(Debug)]
pub struct Chunks {
    bad_line: Option<String>,
    cut_line: Option<u32>,
    extension: String,
    lines: u32,
    size: usize,
}

impl Chunks {
    /// The chunk writer these knobs want.
    pub fn new(knobs: &Knobs) -> Self {
        Self {
            bad_line: knobs.fault.bad_chunk_size.clone(),
            cut_line: knobs.fault.cut_chunk_line,
            extension: knobs.wire.chunk_ext.clone().unwrap_or_default(),
            lines: 0,
            size: knobs.wire.chunk_size.unwrap_or(usize::MAX),
        }
    }

    /// Appends `payload` as chunks, but stops after `keep` of its bytes, in the middle of a chunk
    /// if it must. Returns false when it stopped inside a size line.
    pub fn write(&mut self, out: &mut Vec<u8>, payload: &[u8], keep: usize) -> bool {
        let mut left = keep;
        for chunk in payload.chunks(self.size) {
            if left == 0 {
                break;
            }
            if !self.size_line(out, chunk.len()) {
                return false;
            }
            let part = chunk.get(..left).unwrap_or(chunk);
            out.extend_from_slice(part);
            left -= part.len();
            if part.len() == chunk.len() {
                out.extend_from_slice(b"\r\n");
            }
        }
        true
    }

    /// Appends the last chunk. Returns false when it stopped inside its line.
    pub fn finish(&mut self, out: &mut Vec<u8>, trailers: bool) -> bool {
        if !self.size_line(out, 0) {
            return false;
        }
        if trailers {
            field(out, "x-mock-trailer", "1");
        }
        out.extend_from_slice(b"\r\n");
        true
    }

    fn size_line(&mut self, out: &mut Vec<u8>, size: usize) -> bool {
        self.lines += 1;
        let line = match self.bad_line.take_if(|_| self.lines == 2) {
            Some(line) => line,
            None => format!("{size:x}{}", self.extension),
        };
        out.extend_from_slice(line.as_bytes());
        if self.cut_line == Some(self.lines) {
            return false;
        }
        out.extend_from_slice(b"\r\n");
        true
    }
}

/// One honest chunk, for a chunked coding inside another.
pub fn plain_chunk(payload: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", payload.len()).into_bytes();
    chunk.extend_from_slice(payload);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// The head that ends HTTP on a connection.
pub const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    connection: upgrade\r\nupgrade: websocket\r\n\r\n";

/// `count` interim responses: 100, 102 and 103 in turn.
pub fn interim(count: u32) -> Vec<u8> {
    const HEADS: [&[u8]; 3] = [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n",
    ];
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    HEADS.into_iter().cycle().take(count).flatten().copied().collect()
}

/// Bytes that are no HTTP: reproducible, never beginning like a response.
pub fn garbage(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes().first().copied().unwrap_or(0) | 0x80
    })
    .take(count)
    .collect()
}

fn framing_fields(head: &mut Vec<u8>, shape: Shape, wire: &Wire, fault: &Fault) {
    let length = shape
        .length
        .saturating_add(fault.long_length.unwrap_or(0))
        .saturating_sub(fault.short_length.unwrap_or(0));
    if matches!(shape.framing, Framing::Length | Framing::Both) {
        field(head, "content-length", &length.to_string());
    }
    if matches!(shape.framing, Framing::Chunked | Framing::Both) {
        field(head, "transfer-encoding", wire.te.as_deref().unwrap_or("chunked"));
    }
    if wire.trailers {
        field(head, "trailer", "x-mock-trailer");
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        529 => "Overloaded",
        _ => "Mock",
    }
}
