//! Whether the bytes seen so far end between two events, so that one of ours may follow.

/// Follows the line ends of an event stream over any split of reads.
#[derive(Clone, Copy, Debug)]
pub struct Boundary {
    after_cr: bool,
    /// No byte of the present line has come.
    at_line_start: bool,
    /// No line of the present event has come.
    between: bool,
}

impl Boundary {
    /// At the start of a stream, which is between events.
    pub const fn new() -> Self {
        Self { after_cr: false, at_line_start: true, between: true }
    }

    /// Takes in the next bytes. Only their end matters, so the cost is that of the last event.
    pub fn push(&mut self, bytes: &[u8]) {
        // Whatever came before the last two line ends cannot matter any more.
        let start = last_event_end(bytes);
        for &byte in bytes.get(start..).unwrap_or_default() {
            self.step(byte);
        }
    }

    /// Whether an event could begin here.
    pub const fn is_between(&self) -> bool {
        self.between
    }

    fn step(&mut self, byte: u8) {
        let second_of_crlf = byte == b'\n' && self.after_cr;
        self.after_cr = byte == b'\r';
        if second_of_crlf {
            return;
        }
        match byte {
            b'\r' | b'\n' => {
                // An empty line ends an event; any other line end leaves it open.
                self.between = self.at_line_start;
                self.at_line_start = true;
            }
            _ => {
                self.between = false;
                self.at_line_start = false;
            }
        }
    }
}

impl Default for Boundary {
    fn default() -> Self {
        Self::new()
    }
}

/// A place in `bytes` from which the state can be computed without what stands before: the last
/// byte that is no line end (its line is open, whatever came before), or the start.
fn last_event_end(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(reads: &[&[u8]]) -> bool {
        let mut boundary = Boundary::new();
        for read in reads {
            boundary.push(read);
        }
        boundary.is_between()
    }

    #[test]
    fn only_an_empty_line_ends_an_event_whatever_ends_lines() {
        for (stream, expected) in [
            (&b""[..], true),
            (b"data: x", false),
            (b"data: x\n", false),
            (b"data: x\n\n", true),
            (b"data: x\r\n", false),
            (b"data: x\r\n\r\n", true),
            (b"data: x\r\r", true),
            (b"data: x\r\n\r", true),
            (b": comment\n", false),
            (b"data: x\n\ndata: y\n", false),
            (b"data: x\n\n\n\n", true),
        ] {
            for cut in 0..=stream.len() {
                let (a, b) = stream.split_at(cut);
                assert_eq!(between(&[a, b]), expected, "{stream:?} cut at {cut}");
            }
            let single: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(between(&single), expected, "{stream:?} byte by byte");
        }
    }
}
