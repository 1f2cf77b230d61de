//! The live tail: each line to everybody who listens. Bounded per listener; who reads too slowly
//! is let go, never waited for.
#![expect(clippy::disallowed_types, reason = "a mutex of this thread's own: no worker sees it")]

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Everybody who listens.
#[derive(Debug, Default)]
pub struct Events {
    tails: Mutex<Vec<Sender<Arc<str>>>>,
}

/// As many listen as may.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooManyTails;

impl Events {
    /// From now on, each line. The end of it: too slow, or the end of the process.
    ///
    /// # Errors
    /// [`TooManyTails`].
    pub fn listen(&self) -> Result<Receiver<Arc<str>>, TooManyTails> {
        let mut tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
        tails.retain(|tail| !tail.is_closed());
        if tails.len() >= TAILS_MAX {
            return Err(TooManyTails);
        }
        let (tail, lines) = channel(LINES_MAX);
        tails.push(tail);
        Ok(lines)
    }

    /// Whether somebody listens.
    pub fn has_tails(&self) -> bool {
        !self.tails.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// A line for all of them.
    pub fn send(&self, line: &[u8]) {
        let mut tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
        if tails.is_empty() {
            return;
        }
        let line: Arc<str> = String::from_utf8_lossy(line).into();
        tails.retain(|tail| tail.try_send(line.clone()).is_ok());
    }
}

/// Lines that a listener may be behind.
const LINES_MAX: usize = 256;
/// Listeners at a time.
const TAILS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_too_slow_is_let_go_and_the_others_are_not() {
        let events = Events::default();
        let mut slow = events.listen().expect("there is room");
        let mut quick = events.listen().expect("there is room");
        for number in 0..=LINES_MAX {
            events.send(number.to_string().as_bytes());
            assert_eq!(quick.try_recv().as_deref().ok(), Some(number.to_string().as_str()));
        }
        let kept = std::iter::from_fn(|| slow.try_recv().ok()).count();
        assert_eq!(kept, LINES_MAX);
        assert!(slow.is_closed(), "nothing more will come");
        assert!(events.has_tails());
    }

    #[test]
    fn so_many_listen_and_no_more_until_one_leaves() {
        let events = Events::default();
        let mut tails: Vec<_> = (0..TAILS_MAX).map(|_| events.listen()).collect();
        assert!(tails.iter().all(Result::is_ok));
        assert_eq!(events.listen().err(), Some(TooManyTails));
        tails.pop();
        assert!(events.listen().is_ok());
    }
}
