//! One connection, plain or TLS, behind one read, one write and one end. Each wait has a limit.

use std::io::ErrorKind;
use std::rc::Rc;

use monoio::buf::{IoBuf, IoBufMut};
use monoio::io::{AsyncReadRent, AsyncWriteRent};
use monoio::net::TcpStream;

use super::buffer::{Buffer, Buffers};
use super::fault::{Cause, Fault, Limit, Wait};
use super::fd::{Discarded, Fd, Peek};
use super::tls::{Session, TlsStream};
use super::watch::{End, Watch, Watchers};
use crate::data_plane::worker::notify::{First, first};

/// A connection that belongs to one worker.
#[derive(Debug)]
pub struct Stream {
    /// In front of the transport: forgotten before the socket closes.
    watch: Watch,
    fd: Fd,
    /// The coming close must not look like an end in order.
    breaks_off: bool,
    transport: Transport,
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Takes over a connected socket.
    pub fn plain(watchers: &Rc<Watchers>, tcp: TcpStream, end: End) -> Self {
        let fd = Fd::of(&tcp);
        let watch = watchers.watch(fd, end);
        Self { watch, fd, breaks_off: false, transport: Transport::Plain(tcp) }
    }

    /// Puts TLS on a fresh connection: the handshake, within `limit`.
    ///
    /// # Errors
    /// `Fault::Tls` says why the peer was refused.
    pub async fn handshake(
        self,
        session: Session,
        buffers: &Buffers,
        limit: Limit,
    ) -> Result<Self, Fault> {
        let Self { watch, fd, breaks_off, transport } = self;
        let Transport::Plain(tcp) = transport else {
            return Ok(Self { watch, fd, breaks_off, transport });
        };
        let mut tls = Box::new(TlsStream::new(tcp, session, buffers.clone()));
        watch.arm(limit);
        let shaken = tls.handshake().await;
        watch.disarm();
        let cause = watch.cause();
        let stream = Self { watch, fd, breaks_off, transport: Transport::Tls(tls) };
        match (shaken, cause) {
            (_, Some(cause)) => Err(Fault::Ended(cause)),
            (Err(fault), None) => Err(fault),
            (Ok(()), None) => Ok(stream),
        }
    }

    /// Reads once, behind what is filled. 0 = the peer ended its side.
    pub async fn read(&mut self, buffer: Buffer, limit: Limit) -> (Result<usize, Fault>, Buffer) {
        self.watch.arm(limit);
        let (result, buffer) = match &mut self.transport {
            Transport::Plain(tcp) => {
                let (result, buffer) = read_tcp(tcp, buffer).await;
                (result.map_err(Fault::Io), buffer)
            }
            Transport::Tls(tls) => tls.read(buffer).await,
        };
        self.watch.disarm();
        match self.watch.cause() {
            Some(cause) => (Err(Fault::Ended(cause)), buffer),
            None => (result, buffer),
        }
    }

    /// Waits for a request with no buffer in hand, and reads it into one of `buffers`; gives up
    /// after `park_ms` with the connection as it was. Readiness takes nothing, so the wait may be
    /// dropped (D3).
    ///
    /// # Errors
    /// When the wait was ended from outside and nothing had come, or the connection broke.
    pub async fn read_or_park(&mut self, buffers: &Buffers, park_ms: u64) -> Result<Idled, Fault> {
        let Transport::Plain(tcp) = &mut self.transport else { return Ok(Idled::Parked) };
        self.watch.arm((Wait::Park, Some(park_ms)));
        let (received, buffer) = loop {
            let came = first(tcp.readable(false), self.watch.ended()).await;
            let mut buffer = buffers.take_small();
            match (came, self.fd.receive(buffer.tail())) {
                (First::A(Err(error)), _) => break (Err(error), buffer),
                (_, Ok(None)) if self.watch.cause().is_none() => buffers.put(buffer),
                (_, received) => break (received, buffer),
            }
        };
        self.watch.disarm();
        let idled = match (received, self.watch.cause()) {
            (Ok(Some(0)), None) => Ok(Idled::Ended),
            // What came together with the end of the wait is still served.
            (Ok(Some(1..)), _) => {
                self.watch.forgive();
                return Ok(Idled::Read(buffer));
            }
            (Ok(_), None | Some(Cause::Deadline(_))) => {
                self.watch.forgive();
                Ok(Idled::Parked)
            }
            (_, Some(cause)) => Err(Fault::Ended(cause)),
            (Err(error), None) => Err(Fault::Io(error)),
        };
        buffers.put(buffer);
        idled
    }

    /// Writes all that is filled and consumes it. The limit bounds each step of progress.
    pub async fn write_all(&mut self, buffer: Buffer, limit: Limit) -> (Result<(), Fault>, Buffer) {
        if self.is_tls() {
            return self.write_all_tls(buffer, limit).await;
        }
        let all = 0..buffer.len();
        let (result, mut buffer) = self.write(buffer, all, limit).await;
        buffer.clear();
        (result, buffer)
    }

    /// What is encrypted waits for a slow reader; what it was encrypted from does not.
    async fn write_all_tls(
        &mut self,
        mut buffer: Buffer,
        limit: Limit,
    ) -> (Result<(), Fault>, Buffer) {
        let (bytes, mut result) = (buffer.capacity(), Ok(()));
        while let (Transport::Tls(tls), Ok(()), false) =
            (&mut self.transport, &result, buffer.is_empty())
        {
            result = tls.encrypt(buffer.filled()).map(|n| buffer.consume(n));
            if buffer.is_empty() {
                tls.lend(&mut buffer);
            }
            result = result.and(send(tls, &self.watch, limit).await);
            tls.take_back(&mut buffer, bytes);
            if let Some(cause) = self.watch.cause() {
                result = Err(Fault::Ended(cause));
            }
        }
        self.watch.disarm();
        buffer.clear();
        (result, buffer)
    }

    /// Writes a part of what is filled and keeps all of it.
    pub async fn write(
        &mut self,
        buffer: Buffer,
        part: std::ops::Range<usize>,
        limit: Limit,
    ) -> (Result<(), Fault>, Buffer) {
        let (bytes, start, back) = buffer.into_parts();
        let range = start + part.start..start + part.end;
        let (result, bytes) = self.write_range(bytes, range, limit).await;
        (result, Buffer::from_parts(bytes, start, back))
    }

    async fn write_range(
        &mut self,
        mut bytes: Vec<u8>,
        range: std::ops::Range<usize>,
        limit: Limit,
    ) -> (Result<(), Fault>, Vec<u8>) {
        let mut at = range.start;
        while at < range.end {
            let part = bytes.get(at..range.end).unwrap_or_default();
            let mut result = match &mut self.transport {
                Transport::Plain(tcp) => {
                    let mut sent = self.fd.send(part);
                    if matches!(sent, Ok(0)) {
                        self.watch.arm(limit);
                        let slice;
                        (sent, slice) = tcp.write(bytes.slice(at..range.end)).await;
                        bytes = slice.into_inner();
                    }
                    sent.map_err(Fault::Io)
                }
                Transport::Tls(tls) => tls.encrypt(part),
            };
            if let (Ok(_), Transport::Tls(tls)) = (&result, &mut self.transport) {
                result = send(tls, &self.watch, limit).await.and(result);
            }
            if let Some(cause) = self.watch.cause() {
                return (Err(Fault::Ended(cause)), bytes);
            }
            match result {
                Ok(0) => return (Err(Fault::Io(ErrorKind::WriteZero.into())), bytes),
                Ok(n) => at += n,
                Err(fault) => return (Err(fault), bytes),
            }
        }
        self.watch.disarm();
        (Ok(()), bytes)
    }

    /// Waits, holding no buffer, until there is something to read or the peer ended its side. The
    /// limit counts from this call: what idles should not have to remember it.
    pub fn readable(&mut self, limit: Limit) -> impl Future<Output = Result<(), Fault>> {
        self.watch.arm(limit);
        async move {
            let tcp = match &mut self.transport {
                Transport::Plain(tcp) => &*tcp,
                Transport::Tls(tls) => {
                    if tls.has_unread() {
                        self.watch.disarm();
                        return Ok(());
                    }
                    tls.tcp()
                }
            };
            let result = tcp.readable(false).await;
            self.watch.disarm();
            match self.watch.cause() {
                Some(cause) => Err(Fault::Ended(cause)),
                None => result.map_err(Fault::Io),
            }
        }
    }

    /// Waits for at most `wait_ms` for something to read, and changes nothing when nothing comes.
    /// Says whether something did.
    ///
    /// # Errors
    /// When the wait was ended from outside, or the connection broke.
    pub async fn readable_within(&mut self, wait_ms: u64) -> Result<bool, Fault> {
        let tcp = match &mut self.transport {
            Transport::Plain(tcp) => &*tcp,
            Transport::Tls(tls) => {
                if tls.has_unread() {
                    return Ok(true);
                }
                tls.tcp()
            }
        };
        let sleep = monoio::time::sleep(std::time::Duration::from_millis(wait_ms));
        // Readiness takes nothing, so it may be dropped (D3).
        let came = first(tcp.readable(false), sleep).await;
        match (self.watch.cause(), came) {
            (Some(cause), _) => Err(Fault::Ended(cause)),
            (None, First::A(ready)) => ready.map(|()| true).map_err(Fault::Io),
            (None, First::B(())) => Ok(false),
        }
    }

    /// Waits until a connect under way has ended, well or not.
    pub async fn writable(&mut self, limit: Limit) -> Result<(), Fault> {
        let tcp = match &self.transport {
            Transport::Plain(tcp) => tcp,
            Transport::Tls(tls) => tls.tcp(),
        };
        self.watch.arm(limit);
        let result = tcp.writable(false).await;
        self.watch.disarm();
        match self.watch.cause() {
            Some(cause) => Err(Fault::Ended(cause)),
            None => result.map_err(Fault::Io),
        }
    }

    /// Whether a connection is open with no byte of an answer: fit to carry a request, or the rest
    /// of one.
    pub async fn is_quiet(&mut self) -> bool {
        match (&mut self.transport, self.fd.peek()) {
            (Transport::Tls(tls), Peek::Bytes) => {
                tls.absorb().await && self.fd.peek() == Peek::Quiet
            }
            (Transport::Tls(tls), Peek::Quiet) => !tls.has_unread(),
            (_, peek) => peek == Peek::Quiet,
        }
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.transport, Transport::Tls(_))
    }

    /// The watch over this connection's socket.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// While `wanted`, an answer of the peer ends a write that makes no progress. Not with TLS: its
    /// tickets would pass for answers.
    pub fn on_answer_end_writes(&self, wanted: bool) {
        if !self.is_tls() {
            self.watch.on_answer_end_writes(wanted);
        }
    }

    /// Whether the peer has sent something that was not read.
    pub fn has_input(&mut self) -> bool {
        let is_unread = match &mut self.transport {
            Transport::Plain(_) => false,
            Transport::Tls(tls) => tls.has_unread(),
        };
        is_unread || self.fd.peek() == Peek::Bytes
    }

    /// Throws away what the peer has sent, holding no buffer. With TLS nothing can be read then.
    pub fn discard(&mut self) -> Discarded {
        if let Transport::Tls(tls) = &mut self.transport {
            let unread = tls.discard();
            if unread > 0 {
                return Discarded::Bytes(unread);
            }
        }
        self.fd.discard()
    }

    /// Sends FIN after all that was written; reading goes on. TLS says `close_notify` first, unless
    /// the connection breaks off.
    pub async fn finish(&mut self, limit: Limit) {
        if let (Transport::Tls(tls), false) = (&mut self.transport, self.breaks_off) {
            tls.close_notify();
            // The peer may be gone already; the FIN that follows says the same.
            let _gone = send(tls, &self.watch, limit).await;
            self.watch.disarm();
        }
        self.fd.end_writes();
    }

    /// What was written is short of what was promised: its end must not look like one in order.
    pub fn break_off(&mut self) {
        self.breaks_off = true;
    }

    /// Ends a connection in order before it is dropped. Plain ones end by that alone.
    pub async fn close(&mut self, limit: Limit) {
        if self.is_tls() && !self.resets_on_close() {
            self.finish(limit).await;
        }
    }

    /// Lets the coming drop reset the connection instead of closing it in order.
    pub fn reset_on_close(&self) {
        self.fd.reset_on_close();
    }

    /// Whether the coming drop resets the connection.
    pub fn resets_on_close(&self) -> bool {
        self.fd.resets_on_close()
    }
}

/// How a wait for a request that may be given up ended.
#[derive(Debug)]
pub enum Idled {
    /// The peer ended its side.
    Ended,
    /// Nothing came.
    Parked,
    /// The first bytes of a request.
    Read(Buffer),
}

/// Sends all that is encrypted. The limit bounds each step of progress.
async fn send(tls: &mut TlsStream, watch: &Watch, limit: Limit) -> Result<(), Fault> {
    loop {
        watch.arm(limit);
        match tls.send().await {
            Ok(true) if watch.cause().is_none() => {}
            Ok(_) => return Ok(()),
            Err(fault) => return Err(fault),
        }
    }
}

/// Reads once behind what is filled.
pub(super) async fn read_tcp(
    tcp: &mut TcpStream,
    buffer: Buffer,
) -> (std::io::Result<usize>, Buffer) {
    let room = buffer.spare();
    debug_assert!(room > 0, "a read needs room");
    let (bytes, start, back) = buffer.into_parts();
    let len = bytes.len();
    let (result, slice) = tcp.read(bytes.slice_mut(len..len + room)).await;
    (result, Buffer::from_parts(slice.into_inner(), start, back))
}
