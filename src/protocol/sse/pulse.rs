//! Whether a stream still brings anything: content that stalls, content that trickles, silence
//! (`stream.output_stall`, `floor`, `keepalive_ping`). Pure: the clock is an argument. Pings and
//! comments are no content. Never ends a stream itself.

use super::framer::{Framer, Part};

/// What is watched for. Milliseconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// Fewer events in each of two windows in a row, but some: the stream trickles.
    pub floor: Option<Floor>,
    /// No event with content for so long: the stream is dead.
    pub output_stall_ms: Option<u64>,
}

/// A rate below which a stream is given up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Floor {
    /// Per window.
    pub events: u64,
    /// Before the first window.
    pub warmup_ms: u64,
    /// One window; at least 1.
    pub window_ms: u64,
}

/// Why a stream is given up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dead {
    /// No content came for so long.
    Stalled,
    /// Too little came in two windows.
    Trickles,
}

/// Watches one stream.
#[derive(Clone, Debug)]
pub struct Pulse {
    dead: Option<Dead>,
    /// Events of the open window.
    events: u64,
    framer: Framer,
    has_data: bool,
    is_name: bool,
    last_content_ms: u64,
    limits: Limits,
    /// As much of the name as tells a ping.
    name: [u8; 5],
    name_len: usize,
    was_slow: bool,
    window_start_ms: u64,
}

impl Pulse {
    /// Of a stream whose head came at `now_ms`.
    pub fn new(limits: Limits, now_ms: u64) -> Self {
        let warmup_ms = limits.floor.map_or(0, |floor| floor.warmup_ms);
        Self {
            dead: None,
            events: 0,
            framer: Framer::new(),
            has_data: false,
            is_name: false,
            last_content_ms: now_ms,
            limits,
            name: [0; 5],
            name_len: 0,
            was_slow: false,
            window_start_ms: now_ms.saturating_add(warmup_ms),
        }
    }

    /// Takes in the bytes of a read that came at `now_ms`.
    pub fn push(&mut self, bytes: &[u8], now_ms: u64) {
        self.close_windows(now_ms);
        let mut framer = self.framer;
        framer.push(bytes, |part| self.part(part, now_ms));
        self.framer = framer;
    }

    /// Whether the stream is to be given up at `now_ms`.
    pub fn dead(&self, now_ms: u64) -> Option<Dead> {
        let is_stalled = |limit| now_ms.saturating_sub(self.last_content_ms) >= limit;
        let stalled = self.limits.output_stall_ms.is_some_and(is_stalled);
        self.dead.or(stalled.then_some(Dead::Stalled))
    }

    /// When to look again though nothing comes; `None`: silence alone ends nothing.
    pub fn look_at_ms(&self) -> Option<u64> {
        self.limits.output_stall_ms.map(|stall_ms| self.last_content_ms.saturating_add(stall_ms))
    }

    fn part(&mut self, part: Part<'_>, now_ms: u64) {
        match part {
            Part::Data => (self.has_data, self.is_name) = (true, false),
            Part::Event => (self.is_name, self.name_len) = (true, 0),
            Part::Piece(piece) if self.is_name => {
                for &byte in piece {
                    if let Some(place) = self.name.get_mut(self.name_len) {
                        *place = byte;
                        self.name_len += 1;
                    }
                }
            }
            Part::End => {
                let name = self.name.get(..self.name_len).unwrap_or_default();
                if self.has_data && name != b"ping" {
                    self.events += 1;
                    self.last_content_ms = now_ms;
                }
                (self.has_data, self.is_name, self.name_len) = (false, false, 0);
            }
            Part::Id => self.is_name = false,
            Part::Comment | Part::LineEnd | Part::Piece(_) | Part::Retry(_) => {}
        }
    }

    /// Judges the windows that are over. One without any event is silence, which is for others to
    /// judge, and begins the count anew.
    fn close_windows(&mut self, now_ms: u64) {
        let Some(floor) = self.limits.floor else { return };
        if now_ms < self.window_start_ms {
            // What comes while it warms up counts for no window.
            self.events = 0;
            return;
        }
        let passed = (now_ms - self.window_start_ms) / floor.window_ms.max(1);
        if passed == 0 {
            return;
        }
        let is_slow = (1..floor.events).contains(&self.events);
        if is_slow && self.was_slow {
            self.dead = self.dead.or(Some(Dead::Trickles));
        }
        // Windows after the first that is over had no event at all.
        self.was_slow = is_slow && passed == 1;
        self.events = 0;
        self.window_start_ms += passed * floor.window_ms.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";
    const DELTA: &[u8] = b"event: content_block_delta\ndata: {\"type\":\"x\"}\n\n";
    const FLOOR: Floor = Floor { events: 8, warmup_ms: 90_000, window_ms: 20_000 };

    fn stalling() -> Pulse {
        Pulse::new(Limits { output_stall_ms: Some(1_000), ..Limits::default() }, 0)
    }

    #[test]
    fn w39_pings_and_comments_are_no_content_and_deltas_are() {
        for cut in 0..=PING.len() {
            let mut pulse = stalling();
            for second in 0..3 {
                let (first, rest) = PING.split_at(cut);
                pulse.push(first, second * 400);
                pulse.push(rest, second * 400);
                pulse.push(b": keepalive\n\n", second * 400);
            }
            assert_eq!(pulse.dead(999), None);
            assert_eq!(pulse.dead(1_000), Some(Dead::Stalled), "cut at {cut}");
        }
        let mut pulse = stalling();
        for at in [900, 1_800, 2_700] {
            assert_eq!(pulse.dead(at), None);
            pulse.push(DELTA, at);
        }
        assert_eq!((pulse.look_at_ms(), pulse.dead(3_699)), (Some(3_700), None));
        let mut chat = stalling();
        chat.push(b"data: {}\r\n\r\n", 900);
        assert_eq!(chat.dead(1_800), None, "an event needs no name");
        chat.push(b"data: {", 1_900);
        assert_eq!(chat.dead(1_900), Some(Dead::Stalled), "half an event is none");
    }

    /// Pushes so many events at each of these times (ms), and says when it is given up.
    fn given_up(events: &[(u64, u64)]) -> Option<u64> {
        let mut pulse = Pulse::new(Limits { floor: Some(FLOOR), ..Limits::default() }, 0);
        events.iter().find_map(|&(at, count)| {
            for _ in 0..count {
                pulse.push(DELTA, at);
            }
            pulse.dead(at).map(|dead| {
                assert_eq!(dead, Dead::Trickles);
                at
            })
        })
    }

    #[test]
    fn w40_only_a_trickle_in_two_windows_after_the_warmup_is_given_up() {
        assert_eq!(given_up(&[(1_000_000, 0)]), None, "silence is for others");
        let trickle: Vec<_> = (0..60).map(|n| (n * 5_000, 1)).collect();
        assert_eq!(given_up(&trickle), Some(130_000), "two windows from 90 s on");
        let burst: Vec<_> = (0..50).map(|n| (92_000 + n, 1)).chain([(400_000, 1)]).collect();
        assert_eq!(given_up(&burst), None, "a burst, then silence");
        let few: Vec<_> = [(95_000, 3), (300_000, 3), (600_000, 3)].to_vec();
        assert_eq!(given_up(&few), None, "windows of silence between");
        let enough: Vec<_> = (0..100).map(|n| (n * 2_400, 1)).collect();
        assert_eq!(given_up(&enough), None, "eight and more in each");
        let early: Vec<_> =
            [(10_000, 2), (60_000, 2), (89_000, 2), (92_000, 50), (115_000, 50)].to_vec();
        assert_eq!(given_up(&early), None, "the warmup does not count");
    }
}
