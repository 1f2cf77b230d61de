//! Writes answers to the client and knows how each one ends. Never decides what to answer.

use super::connection::Connection;
use super::request::Request;
use crate::data_plane::io::buffer::Buffer;
use crate::data_plane::io::fault::{Fault, Limit};
use crate::protocol::http1::framing::BodyLength;
use crate::protocol::http1::write;

/// How the body of an answer ends on the client's side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// After its last chunk.
    Chunked,
    /// With the connection: HTTP/1.0 clients, where the length is not known.
    Close,
    /// After so many bytes.
    Length(u64),
    /// There is none.
    None,
}

impl Framing {
    /// The framing towards a client of `request`'s version for a body that ends as `upstream`.
    pub fn for_client(request: &Request, upstream: BodyLength) -> Self {
        match upstream {
            BodyLength::Length(n) => Self::Length(n),
            BodyLength::None => Self::None,
            BodyLength::Chunked | BodyLength::UntilClose if request.head.minor == 0 => Self::Close,
            BodyLength::Chunked | BodyLength::UntilClose => Self::Chunked,
        }
    }

    /// Whether a client can tell a cut body from a whole one only by a reset.
    pub const fn ends_with_connection(self) -> bool {
        matches!(self, Self::Close)
    }

    /// Frames the payload that is filled in `buffer`, in place. The buffer has room for
    /// [`FRONT`] bytes in front; nothing is done to an empty payload.
    pub fn frame(self, buffer: &mut Buffer) {
        if self != Self::Chunked || buffer.is_empty() {
            return;
        }
        let mut head = [0; write::CHUNK_HEAD_BYTES_MAX];
        buffer.prepend(write::chunk_head(buffer.len(), &mut head));
        buffer.extend(write::CHUNK_END);
    }

    /// Appends what ends the body in order.
    pub fn end(self, buffer: &mut Buffer) {
        if self == Self::Chunked {
            buffer.extend(write::LAST_CHUNK);
        }
    }
}

impl Connection {
    /// Writes all that is filled in `buffer` and gives the buffer back empty.
    pub async fn write(&mut self, buffer: Buffer, stall: Limit) -> (Result<(), Fault>, Buffer) {
        self.stream.write_all(buffer, stall).await
    }
}

/// Room kept in front of payload for the head of its chunk.
pub const FRONT: usize = write::CHUNK_HEAD_BYTES_MAX;
/// Room kept behind payload for the end of its chunk and the last chunk.
pub const BACK: usize = write::CHUNK_END.len() + write::LAST_CHUNK.len();
