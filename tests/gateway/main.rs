//! All tests that run the real binary over real sockets, in one test binary.

mod cli;
