//! A scripted LLM provider with faults on request.

fn main() {}
