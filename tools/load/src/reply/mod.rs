//! One answer, read piece by piece and judged at its end.
//!
//! Never touches a socket or a clock; any split of the same bytes gives the same verdict.

pub mod events;
pub mod fault;
pub mod framing;
pub mod head;
#[cfg(test)]
mod tests;

use tidegate_tools::digest::Digest;

pub use events::Seen;
pub use fault::Fault;

use crate::scenario::Dialect;
use events::Events;
use framing::Framing;

/// What a good answer looks like.
#[derive(Clone, Debug)]
pub struct Expect {
    pub dialect: Dialect,
    pub statuses: Vec<u16>,
    /// A stream of events was asked for.
    pub stream: bool,
}

/// Reads one answer.
#[derive(Debug)]
pub struct Reply {
    body: Body,
    bytes: u64,
    extra: bool,
    framing: Framing,
    head: Vec<u8>,
    keeps_alive: bool,
    status: u16,
}

#[derive(Debug)]
enum Body {
    Events(Box<Events>),
    /// Not seen yet.
    None,
    Whole {
        digest: Digest,
        told: Option<Vec<u8>>,
    },
}

/// An answer at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub fault: Option<Fault>,
    /// The provider's digest was there and it is right.
    pub is_verified: bool,
}

impl Reply {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self {
            body: Body::None,
            bytes: 0,
            extra: false,
            framing: Framing::until_close(),
            head: Vec::new(),
            keeps_alive: false,
            status: 0,
        }
    }

    /// The status, 0 before the head is there.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Payload bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether anything at all has come.
    pub fn has_begun(&self) -> bool {
        self.status != 0 || !self.head.is_empty()
    }

    /// Whether the connection may carry another request.
    pub fn keeps_alive(&self) -> bool {
        self.keeps_alive && self.is_done() && !self.extra
    }

    /// Whether the last byte has come.
    pub fn is_done(&self) -> bool {
        self.status != 0 && self.framing.is_done()
    }

    /// Takes one read.
    pub fn push(
        &mut self,
        expect: &Expect,
        bytes: &[u8],
        seen: &mut impl FnMut(Seen),
    ) -> Result<(), Fault> {
        if self.status != 0 {
            return self.body(bytes, seen);
        }
        // A head mostly comes whole, and is then read where it is.
        if !self.head.is_empty() {
            let mut head = std::mem::take(&mut self.head);
            head.extend_from_slice(bytes);
            return self.begin(expect, &head, seen);
        }
        self.begin(expect, bytes, seen)
    }

    /// The verdict once the answer is over, or once the peer has left.
    pub fn verdict(&self, expect: &Expect) -> Verdict {
        let (fault, is_verified) = match &self.body {
            _ if !self.has_begun() => (Some(Fault::ClosedBeforeAnswer), false),
            _ if self.status == 0 => (Some(Fault::Truncated), false),
            _ if !self.framing.is_done() && !self.framing.ends_by_close() => {
                (Some(Fault::Truncated), false)
            }
            _ if !expect.statuses.contains(&self.status) => (Some(Fault::Status), false),
            Body::None => (Some(Fault::Truncated), false),
            Body::Events(events) => match events.is_verified() {
                _ if events.has_error() => (Some(Fault::ErrorEvent), false),
                _ if !events.is_over() => (Some(Fault::IncompleteStream), false),
                Some(false) => (Some(Fault::Changed), false),
                told => (None, told == Some(true)),
            },
            Body::Whole { .. } if expect.stream && self.status == 200 => {
                (Some(Fault::IncompleteStream), false)
            }
            Body::Whole { digest, told } => match told {
                Some(told) if *told != digest.text().as_bytes() => (Some(Fault::Changed), false),
                told => (None, told.is_some()),
            },
        };
        let extra = self.extra.then_some(Fault::ExtraBytes);
        Verdict { fault: fault.or(extra), is_verified: is_verified && !self.extra }
    }

    fn begin(
        &mut self,
        expect: &Expect,
        bytes: &[u8],
        seen: &mut impl FnMut(Seen),
    ) -> Result<(), Fault> {
        let mut rest = bytes;
        loop {
            let Some((head, taken)) = head::parse(rest)? else {
                self.head = rest.to_vec();
                return Ok(());
            };
            rest = rest.get(taken..).unwrap_or_default();
            match head.status {
                101 => return Err(Fault::BadHttp),
                100..=199 => {}
                status => {
                    self.status = status;
                    self.framing = head.framing;
                    self.keeps_alive = head.keeps_alive;
                    self.body = if head.is_stream {
                        Body::Events(Box::new(Events::new(expect.dialect)))
                    } else {
                        Body::Whole { digest: Digest::default(), told: head.digest }
                    };
                    return self.body(rest, seen);
                }
            }
        }
    }

    fn body(&mut self, mut bytes: &[u8], seen: &mut impl FnMut(Seen)) -> Result<(), Fault> {
        while !bytes.is_empty() {
            if self.framing.is_done() {
                self.extra = true;
                return Ok(());
            }
            let (payload, used) = self.framing.next(bytes)?;
            self.bytes += u64::try_from(payload.len()).unwrap_or(0);
            match &mut self.body {
                Body::Events(events) => {
                    if !events.push(payload, seen) {
                        return Err(Fault::BadHttp);
                    }
                }
                Body::Whole { digest, .. } => digest.push(payload),
                Body::None => {}
            }
            bytes = bytes.get(used..).unwrap_or_default();
        }
        Ok(())
    }
}
