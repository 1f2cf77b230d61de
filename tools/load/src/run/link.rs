//! One connection of a client: connect, write, read.
//!
//! Never reads ahead of its answer, and never gives a read up except by ending the connection.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use monoio::buf::IoBufMut as _;
use monoio::io::{AsyncReadRent as _, AsyncWriteRentExt as _};
use monoio::net::TcpStream;
use tidegate_tools::tick::now_ns;

/// A connection and its read buffer.
pub struct Link {
    buffer: Vec<u8>,
    /// When it last carried a byte, on the monotonic clock.
    pub last_ns: u64,
    stream: TcpStream,
    /// Requests sent on it.
    pub used: u64,
}

impl Link {
    /// A fresh connection.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_addr(address).await?;
        stream.set_nodelay(true)?;
        let buffer = Vec::with_capacity(BUFFER_FIRST);
        Ok(Self { buffer, last_ns: now_ns(), stream, used: 0 })
    }

    /// Sends one request.
    pub async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.used += 1;
        self.stream.write_all(bytes).await.0.map(|_| ())
    }

    /// One read of at most `limit` bytes; nothing means the peer has ended the connection.
    pub async fn read(&mut self, limit: usize) -> io::Result<&[u8]> {
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.len() == buffer.capacity() && buffer.capacity() < BUFFER_MAX {
            // The last read filled it: there is more than it holds.
            buffer = Vec::with_capacity((buffer.capacity() * 2).max(BUFFER_FIRST));
        }
        let room = buffer.capacity();
        let (result, buffer) = if limit < room {
            let (result, slice) = self.stream.read(buffer.slice_mut(..limit)).await;
            (result, slice.into_inner())
        } else {
            self.stream.read(buffer).await
        };
        self.buffer = buffer;
        let count = result?;
        Ok(self.buffer.get(..count).unwrap_or_default())
    }
}

const BUFFER_FIRST: usize = 16 << 10;
const BUFFER_MAX: usize = 256 << 10;
