//! OpenAI: Chat Completions, Responses and their siblings (PROTOCOL 2).

pub mod error;
pub mod include_usage;
pub mod rate_limit;
pub mod usage;
