//! A plain JSON body as it passes. Never holds it.

use super::{Observed, Statement};
use crate::protocol::json::scan::Scanner;

/// One body.
#[derive(Clone, Copy, Debug)]
pub struct Body<S: Statement> {
    bytes: u64,
    scanner: Scanner<S::Node>,
    statement: S,
}

impl<S: Statement> Body<S> {
    pub fn new() -> Self {
        Self { bytes: 0, scanner: Scanner::new(S::ROOT), statement: S::default() }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.scanner.push(&mut self.statement, bytes);
    }

    pub fn finish(&mut self) -> Observed {
        let mut seen = Observed { bytes: self.bytes, ..Observed::default() };
        seen.terminal_seen = self.scanner.finish(&mut self.statement);
        // A body that is cut says what it said; one that is no JSON says nothing.
        if seen.terminal_seen || !self.scanner.is_broken() {
            self.statement.commit(b"", &mut seen);
        }
        seen.settle(false, S::USAGE);
        seen
    }
}
