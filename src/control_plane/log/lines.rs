//! The way to stderr: lines go to a thread that writes them. Never waits: when whoever reads stderr
//! does not, lines are dropped and counted, and everything else goes on.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Takes lines. Clones write to the same place.
#[derive(Clone, Debug)]
pub struct Lines {
    state: Arc<State>,
    to_writer: SyncSender<Parcel>,
}

#[derive(Debug, Default)]
struct State {
    dropped: AtomicU64,
    /// Bytes handed over and not yet written.
    waiting: AtomicUsize,
}

/// What the writing thread is given.
#[derive(Debug)]
enum Parcel {
    /// Whole lines.
    Lines(Vec<u8>),
    /// All before it is written: says so.
    Mark(SyncSender<()>),
}

impl Lines {
    /// Lines for `out`, written by a thread of its own.
    ///
    /// # Errors
    /// When the kernel refuses a thread.
    pub fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let (to_writer, parcels) = sync_channel(PARCELS_MAX);
        let of_thread = state.clone();
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(move || write_all(out, &parcels, &of_thread))?;
        Ok(Self { state, to_writer })
    }

    /// Hands whole lines over, or drops and counts them.
    pub fn put(&self, lines: &[u8]) {
        let bytes = lines.len();
        // Relaxed, here and below: the bound may be passed by what several threads hand over at
        // once, and nothing is published by these counts.
        let waiting = self.state.waiting.fetch_add(bytes, Ordering::Relaxed);
        let fits = waiting.saturating_add(bytes) <= BYTES_MAX;
        if fits && self.to_writer.try_send(Parcel::Lines(lines.to_vec())).is_ok() {
            return;
        }
        self.state.waiting.fetch_sub(bytes, Ordering::Relaxed);
        let lost = lines.split_inclusive(|&byte| byte == b'\n').count();
        let lost = u64::try_from(lost).unwrap_or(u64::MAX);
        self.state.dropped.fetch_add(lost, Ordering::Relaxed);
    }

    /// Lines that were dropped since start.
    pub fn dropped(&self) -> u64 {
        self.state.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all that was handed over is written, but no longer than `patience`.
    pub fn finish(&self, patience: Duration) {
        let (mark, written) = sync_channel(1);
        // No place even for the mark: nobody reads.
        if self.to_writer.try_send(Parcel::Mark(mark)).is_ok() {
            let _late = written.recv_timeout(patience);
        }
    }
}

impl Write for Lines {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.put(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(mut out: impl Write, parcels: &Receiver<Parcel>, state: &State) {
    while let Ok(parcel) = parcels.recv() {
        match parcel {
            Parcel::Lines(lines) => {
                // A closed stderr is no reason to stop serving.
                let _closed = out.write_all(&lines).and_then(|()| out.flush());
                state.waiting.fetch_sub(lines.len(), Ordering::Relaxed);
            }
            Parcel::Mark(mark) => {
                let _left = mark.try_send(());
            }
        }
    }
}

/// Lines that may wait: some seconds of a busy gateway's.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Writes that may wait; those of exchanges hold many lines.
const PARCELS_MAX: usize = 8_192;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Writes nothing until it is let go.
    struct Stuck {
        gate: Receiver<()>,
        out: Sender<Vec<u8>>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Let go for good once the test has dropped its end.
            let _open = self.gate.recv();
            drop(self.out.send(bytes.to_vec()));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_out_in_order_and_whole() {
        let (_, gate) = channel();
        let (out, written) = channel();
        let lines = Lines::to(Stuck { gate, out }).expect("a thread");
        for number in 0..100 {
            lines.put(format!("line {number}\n").as_bytes());
        }
        lines.finish(Duration::from_secs(20));
        let all: Vec<u8> = written.try_iter().flatten().collect();
        let expected: Vec<String> = (0..100).map(|number| format!("line {number}\n")).collect();
        assert_eq!(String::from_utf8(all).expect("text"), expected.concat());
        assert_eq!(lines.dropped(), 0);
    }

    #[test]
    fn a_reader_that_does_not_read_is_not_waited_for() {
        let (open, gate) = channel();
        let (out, written) = channel();
        let lines = Lines::to(Stuck { gate, out }).expect("a thread");
        let two_lines = [&[b'x'; 1_023][..], b"\n", &[b'y'; 1_023], b"\n"].concat();
        let fit = BYTES_MAX / two_lines.len();
        for _ in 0..fit + 3 {
            lines.put(&two_lines);
        }
        assert_eq!(lines.dropped(), 6, "each line of what found no place");
        lines.finish(Duration::from_millis(1));
        drop(open);
        lines.finish(Duration::from_secs(20));
        assert_eq!(written.try_iter().count(), fit);
        lines.put(b"z\n");
        lines.finish(Duration::from_secs(20));
        assert_eq!(written.try_iter().count(), 1, "it goes on");
    }
}
