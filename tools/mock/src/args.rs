//! The command line.
//!
//! Never reads files; `shared` and `server` do.

#![expect(clippy::doc_markdown, reason = "these docs are the help text, printed as they are")]

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::help;

/// A scripted LLM provider (Anthropic, OpenAI) with faults, for tests and load.
#[derive(Clone, Debug, Parser)]
#[command(name = "tidegate-mock", version, after_long_help = help::text())]
pub struct Args {
    /// Address to listen on; port 0 picks a free one, told on stdout.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// Threads, each with its own runtime and listening socket.
    #[arg(long, default_value = "1")]
    pub workers: NonZeroUsize,

    /// How to wait for sockets; auto takes io_uring where the kernel allows it.
    #[arg(long, value_enum, default_value_t = Driver::Auto)]
    pub driver: Driver,

    /// Default knobs of every answer, as in the x-mock header; repeatable.
    #[arg(long, value_name = "KNOBS")]
    pub knobs: Vec<String>,

    /// Script of one key: KEY=STEP,STEP…; repeatable.
    #[arg(long, value_name = "KEY=STEPS")]
    pub key_script: Vec<String>,

    /// Scripts of many keys, as JSON: {"KEY": [STEP, …]}.
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,

    /// Folder of recorded streams for the knob `replay`.
    #[arg(long, value_name = "DIR")]
    pub replay_dir: Option<PathBuf>,

    /// Writes one JSON line per request to this file, and keeps them for GET /__mock/log.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Keeps the same records in memory only.
    #[arg(long)]
    pub record: bool,

    /// Records the text of bodies up to so many bytes (at most 1 MiB).
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub log_body: usize,

    /// Receive buffer of each connection (SO_RCVBUF): makes the knob slow_read felt by the sender.
    #[arg(long, value_name = "BYTES")]
    pub recv_buffer: Option<usize>,

    /// Certificate chain for https, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Ends when stdin is closed, so that a test that dies takes the mock along.
    #[arg(long)]
    pub stdin_guard: bool,

    /// Prints {"listening":"http://ADDR"} instead of the plain line.
    #[arg(long)]
    pub json: bool,
}

/// The ways to wait for sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Driver {
    Auto,
    Epoll,
    #[value(name = "io_uring")]
    IoUring,
}
