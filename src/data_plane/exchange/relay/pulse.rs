//! Waits for the next read of a stream that is watched: pings the client in its silences, gives up
//! what stalls or trickles (`stream.keepalive_ping`, `output_stall`, `floor`). Never reads.

use super::Exchange;
use super::passage::Passage;
use crate::data_plane::downstream::response::{BACK, FRONT, Framing};
use crate::data_plane::exchange::failure::Kind;
use crate::data_plane::io::fault::{Limit, Wait};
use crate::data_plane::upstream::connection::Connection;
use crate::protocol::dialect::Dialect;
use crate::protocol::sse::pulse::{Dead, Limits, Pulse};
use crate::shared::clock::Millis;

/// How a wait ended.
pub enum Waited {
    /// The client takes no more.
    ClientBroke,
    /// Something came, or the upstream ended: to be read, within what is left.
    Readable(Limit),
    /// The stream is given up.
    Dead(Kind),
}

impl Exchange<'_> {
    /// What is watched for in the stream of this answer; `None`: nothing.
    pub(super) fn pulse(&self, is_stream: bool) -> Option<Pulse> {
        let stream = self.setup.snapshot.stream;
        let limits = Limits {
            floor: stream.floor,
            output_stall_ms: stream.output_stall.map(|stall| stall.0),
        };
        let is_wanted = limits != Limits::default() || stream.keepalive_ping.is_some();
        (is_stream && is_wanted).then(|| Pulse::new(limits, Millis::now().0))
    }

    /// Waits until the next read may be made, `idle` at most.
    pub(super) async fn wait_watched(
        &mut self,
        passage: &mut Passage,
        upstream: &mut Connection,
        idle: Limit,
    ) -> Waited {
        let (wait, idle_ms) = idle;
        let began = Millis::now();
        let idle_end = began.plus(idle_ms.unwrap_or(u64::MAX));
        let mut silent_since = began;
        loop {
            let now = Millis::now();
            if let Some(dead) = passage.pulse.as_ref().and_then(|pulse| pulse.dead(now.0)) {
                let setting = match dead {
                    Dead::Stalled => Wait::OutputStall,
                    Dead::Trickles => Wait::StreamFloor,
                };
                return Waited::Dead(Kind::UpstreamTimeout(setting));
            }
            if now >= idle_end {
                return Waited::Dead(Kind::UpstreamTimeout(wait));
            }
            let ping_at = self.ping_every(passage).map(|every| silent_since.plus(every));
            if ping_at.is_some_and(|at| now >= at) {
                if !self.ping(passage).await {
                    return Waited::ClientBroke;
                }
                silent_since = Millis::now();
                continue;
            }
            let look_at = passage.pulse.as_ref().and_then(Pulse::look_at_ms).map(Millis);
            let ends = [Some(idle_end), ping_at, look_at];
            let next = ends.into_iter().flatten().min().unwrap_or(idle_end);
            // The clock is coarse: a tick too early would make it spin.
            match upstream.stream.readable_within(next.since(now).max(1)).await {
                Ok(false) => {}
                Ok(true) => {
                    let left = idle_end.since(Millis::now()).max(1);
                    return Waited::Readable((wait, idle_ms.map(|_| left)));
                }
                Err(fault) => return Waited::Dead(Kind::of_upstream(fault)),
            }
        }
    }

    /// After how much silence the client is told that all is well, where that may be told.
    fn ping_every(&self, passage: &Passage) -> Option<u64> {
        let every = self.setup.snapshot.stream.keepalive_ping?.0;
        let is_between = passage.boundary.is_some_and(|boundary| boundary.is_between());
        let has_room = matches!(passage.framing, Framing::Chunked | Framing::Close);
        (is_between && has_room).then_some(every)
    }

    /// Writes what clients of the dialect ignore. False when the client takes no more.
    async fn ping(&mut self, passage: &Passage) -> bool {
        let mut out = self.client.local.buffers.take_small();
        out.clear_with_room(FRONT, BACK);
        out.extend(match self.dialect {
            Dialect::Anthropic => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
            Dialect::OpenAi => b": keepalive\n\n",
        });
        passage.framing.frame(&mut out);
        let (written, out) = self.client.stream.write_all(out, self.write_stall()).await;
        self.client.local.buffers.put(out);
        written.is_ok()
    }
}
