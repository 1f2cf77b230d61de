//! A scripted LLM provider with faults on request.
//!
//! Never part of the gateway: tests and load tools start it as a process of its own.

mod answer;
mod args;
mod connection;
mod control;
mod exchange;
mod fast;
mod help;
mod knobs;
mod link;
mod record;
mod request;
mod script;
mod send;
mod server;
mod shared;
mod stats;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match server::run(&args::Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("tidegate-mock: {why}");
            ExitCode::FAILURE
        }
    }
}
