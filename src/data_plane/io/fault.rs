//! Why a wait on a socket ended without what was waited for. No text for clients here.

use std::io;

/// The deadlines of `[timeouts]`, by the wait they bound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wait {
    /// The next byte of a response body (`byte_idle`).
    ByteIdle,
    /// The next bytes of a request body (`client_body_idle`).
    ClientBody,
    /// All attempts of an exchange together (`failover.deadline`).
    Failover,
    /// A whole request head (`client_head`).
    ClientHead,
    /// A connection with TLS (`connect`).
    Connect,
    /// The next request on a kept-alive connection (`keep_alive`).
    KeepAlive,
    /// The rest of a write whose peer has answered already.
    EarlyAnswer,
    /// The whole exchange (`exchange`).
    Exchange,
    /// The rest of a request that nobody will serve, read so that the answer arrives.
    Linger,
    /// An event with content (`stream.output_stall`).
    OutputStall,
    /// The next request, before the connection gives up the memory of a busy one.
    Park,
    /// A response head (`response_head`).
    ResponseHead,
    /// The head of a response that is to be a stream (`response_head_stream`).
    ResponseHeadStream,
    /// Enough events (`stream.floor`).
    StreamFloor,
    /// A client's TLS handshake (`tls_handshake`).
    TlsHandshake,
    /// The peer to take bytes (`write_stall`).
    WriteStall,
}

impl Wait {
    /// The deadline's name in the configuration.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::ByteIdle => "timeouts.byte_idle",
            Self::ClientBody => "timeouts.client_body_idle",
            Self::ClientHead => "timeouts.client_head",
            Self::Connect => "timeouts.connect",
            Self::EarlyAnswer => "early answer",
            Self::Exchange => "timeouts.exchange",
            Self::Failover => "failover.deadline",
            Self::KeepAlive => "timeouts.keep_alive",
            Self::Linger => "linger",
            Self::OutputStall => "stream.output_stall",
            Self::Park => "park",
            Self::ResponseHead => "timeouts.response_head",
            Self::ResponseHeadStream => "timeouts.response_head_stream",
            Self::StreamFloor => "stream.floor",
            Self::TlsHandshake => "timeouts.tls_handshake",
            Self::WriteStall => "timeouts.write_stall",
        }
    }
}

/// Who ended a wait from outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The client hung up, so nobody needs the answer.
    ClientGone,
    /// The wait took longer than its deadline.
    Deadline(Wait),
    /// The process is shutting down.
    Drain,
}

/// A wait that ended without what was waited for.
#[derive(Debug)]
pub enum Fault {
    /// Ended from outside.
    Ended(Cause),
    /// The kernel said no: reset, broken pipe and their kin.
    Io(io::Error),
    /// The peer's TLS is not acceptable, or broke.
    Tls(super::tls::TlsError),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A deadline for one wait: which, and how long in milliseconds (`None` = off).
pub type Limit = (Wait, Option<u64>);
