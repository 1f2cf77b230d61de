//! One body on its way through: payload out of the framing it came in, into ours. Never writes.

use super::nature::Nature;
use crate::data_plane::downstream::response::{BACK, FRONT, Framing};
use crate::data_plane::exchange::convert::Converter;
use crate::data_plane::exchange::detail::Capture;
use crate::data_plane::exchange::failure::{BadResponse, Kind};
use crate::data_plane::exchange::observe::Observation;
use crate::data_plane::io::buffer::Buffer;
use crate::data_plane::io::fault::Limit;
use crate::data_plane::upstream::connection::Connection;
use crate::protocol::dialect::translate::stream::Ended;
use crate::protocol::http1::Refusal;
use crate::protocol::http1::body::{Body, Piece};
use crate::protocol::http1::framing::BodyLength;
use crate::protocol::sse::boundary::Boundary;
use crate::protocol::sse::hide_usage::HideUsage;
use crate::protocol::sse::pulse::Pulse;
use crate::shared::clock::Millis;
use crate::shared::journal::Record;

/// A body on its way.
#[derive(Debug)]
pub struct Passage {
    pub body: Body,
    /// For event streams that pass in the clear: whether an event of ours may follow.
    pub boundary: Option<Boundary>,
    /// For event streams of another form than the client's.
    pub converter: Option<Box<Converter>>,
    /// The upstream sent bytes that nobody asked for.
    pub extra: bool,
    pub framing: Framing,
    /// For event streams whose usage the client did not ask for.
    pub hide_usage: Option<HideUsage>,
    observation: Observation,
    /// Payload bytes passed on.
    passed: u64,
    /// For event streams that are watched.
    pub pulse: Option<Pulse>,
}

/// Where a passage stands after a read.
#[derive(Debug)]
pub enum Stand {
    Broken(Kind),
    Done,
    Flowing,
}

impl Passage {
    pub fn new(
        nature: Nature,
        (length, framing): (BodyLength, Framing),
        observation: Observation,
    ) -> Self {
        Self {
            body: Body::new(length),
            boundary: nature.is_open_stream().then(Boundary::new),
            converter: None,
            extra: false,
            framing,
            hide_usage: None,
            observation,
            passed: 0,
            pulse: None,
        }
    }

    /// What was captured of it.
    pub fn take_capture(&mut self) -> Option<Capture> {
        self.observation.capture.take()
    }

    /// Ends the observation and writes what was seen over what stands in `record`. `clean`: the
    /// answer came to its end.
    pub fn finish(&mut self, clean: bool, started: Millis, record: &mut Record) {
        self.observation.finish(clean, started, record);
    }

    /// Reads once and leaves only payload in the buffer.
    pub async fn read(
        &mut self,
        upstream: &mut Connection,
        mut buffer: Buffer,
        idle: Limit,
    ) -> (Stand, Buffer) {
        buffer.clear_with_room(FRONT, BACK);
        let (read, mut buffer) = upstream.stream.read(buffer, idle).await;
        let stand = match read {
            Ok(0) if self.body.may_end_here() => self.end_converted(&mut buffer),
            Ok(0) => Stand::Broken(Kind::UpstreamCut),
            Ok(_) => self.take(&mut buffer),
            Err(fault) => {
                // Bytes that came with the end of a wait are still in their framing.
                buffer.clear_with_room(FRONT, BACK);
                Stand::Broken(Kind::of_upstream(fault))
            }
        };
        (stand, buffer)
    }

    /// Leaves only payload in the buffer, and says where the body stands.
    pub fn take(&mut self, buffer: &mut Buffer) -> Stand {
        let taken = take_payload(&mut self.body, buffer);
        self.extra |= !taken.rest.is_empty();
        self.passed = self.passed.saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
        if self.converter.is_none()
            && let Some(boundary) = &mut self.boundary
        {
            boundary.push(buffer.filled());
        }
        if let Some(pulse) = &mut self.pulse {
            pulse.push(buffer.filled(), Millis::now().0);
        }
        self.observation.push(buffer.filled());
        if let Some(hide_usage) = &mut self.hide_usage {
            let passes = hide_usage.push(buffer.filled());
            buffer.clear_with_room(FRONT, BACK);
            buffer.extend(passes);
        }
        let is_translated = self.convert(buffer);
        let bad = |why| Stand::Broken(Kind::UpstreamBadResponse(why));
        match taken.fault {
            Some(refusal) => bad(BadResponse::Refused(refusal)),
            None if !is_translated => bad(BadResponse::Untranslatable),
            None if self.body.is_done() => self.end_converted(buffer),
            None => Stand::Flowing,
        }
    }

    /// Leaves what the payload of this read is in the client's form. False when it cannot be told.
    fn convert(&mut self, buffer: &mut Buffer) -> bool {
        let Some(converter) = &mut self.converter else { return true };
        converter.out.clear();
        let pushed = converter.stream.push(buffer.filled(), &mut converter.out);
        buffer.clear_with_room(FRONT, BACK);
        buffer.extend(&converter.out);
        if let Some(boundary) = &mut self.boundary {
            boundary.push(&converter.out);
        }
        pushed.is_ok()
    }

    /// The body is here whole: where it is translated, adds what ends the client's, unless its
    /// events were not.
    fn end_converted(&mut self, buffer: &mut Buffer) -> Stand {
        let Some(mut converter) = self.converter.take() else { return Stand::Done };
        converter.out.clear();
        let ended = converter.stream.end(&mut converter.out);
        buffer.extend(&converter.out);
        match ended {
            Ended::Cut => Stand::Broken(Kind::UpstreamCut),
            Ended::Failed | Ended::Whole => Stand::Done,
        }
    }

    /// Puts the payload that is filled in `buffer` into the client's framing. With the last of it
    /// goes what was held of an event that did not end.
    pub fn frame(&mut self, stand: &Stand, buffer: &mut Buffer) {
        if !matches!(stand, Stand::Flowing)
            && let Some(mut hide_usage) = self.hide_usage.take()
        {
            buffer.extend(&hide_usage.finish());
        }
        self.framing.frame(buffer);
        if matches!(stand, Stand::Done) {
            self.framing.end(buffer);
        }
    }

    /// Whether so many bytes more would make a cut body look whole.
    pub fn would_complete(&self, bytes: usize) -> bool {
        let more = u64::try_from(bytes).unwrap_or(u64::MAX);
        matches!(self.framing, Framing::Length(n) if self.passed.saturating_add(more) >= n)
    }
}

/// What [`take_payload`] found besides payload.
#[derive(Debug)]
pub struct Taken {
    /// Broken framing behind the payload.
    pub fault: Option<Refusal>,
    /// What came behind the end of the body.
    pub rest: Vec<u8>,
}

/// Leaves only the payload of this read in `buffer`, closing gaps where it came in many chunks.
pub fn take_payload(body: &mut Body, buffer: &mut Buffer) -> Taken {
    let (mut at, mut start, mut len) = (0, 0, 0);
    let mut taken = Taken { fault: None, rest: Vec::new() };
    loop {
        match body.step(buffer.filled().get(at..).unwrap_or_default()) {
            Ok(Piece::Data { len: here, skip }) => {
                let from = at + skip;
                if len == 0 {
                    start = from;
                } else if from > start + len {
                    buffer.move_within(from..from + here, start + len);
                }
                len += here;
                at = from + here;
            }
            Ok(Piece::NeedMore) => break,
            Ok(Piece::End { consumed }) => {
                let rest = buffer.filled().get(at + consumed..).unwrap_or_default();
                taken.rest = rest.to_vec();
                break;
            }
            Err(refusal) => {
                taken.fault = Some(refusal);
                break;
            }
        }
    }
    buffer.keep(start..start + len);
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_of_many_chunks_is_joined_in_place() {
        let mut buffer = Buffer::with_capacity(256);
        buffer.clear_with_room(FRONT, BACK);
        buffer.extend(b"3\r\nabc\r\n1\r\nd\r\n2\r\nef\r\n0\r\n\r\nextra");
        let mut body = Body::new(BodyLength::Chunked);
        let taken = take_payload(&mut body, &mut buffer);
        assert_eq!(buffer.filled(), b"abcdef");
        assert_eq!(taken.rest, b"extra");
        assert!(taken.fault.is_none() && body.is_done());
    }

    #[test]
    fn payload_before_broken_framing_is_kept() {
        let mut buffer = Buffer::with_capacity(256);
        buffer.extend(b"3\r\nabc\r\nxyz\r\n");
        let mut body = Body::new(BodyLength::Chunked);
        let taken = take_payload(&mut body, &mut buffer);
        assert_eq!(buffer.filled(), b"abc");
        assert!(taken.fault.is_some());
    }
}
