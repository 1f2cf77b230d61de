//! Heads to measure on.

use tidegate::protocol::http1::parse::HeadLimits;

/// As they are by default, nearly.
pub const LIMITS: HeadLimits =
    HeadLimits { fields_max: 100, head_bytes_max: 65_536, line_bytes_max: 8_192 };
/// As an SDK's.
pub const REQUEST: &[u8] = b"POST /v1/messages?beta=true HTTP/1.1\r\nhost: api.anthropic.com\r\n\
accept: application/json\r\nanthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n\
authorization: Bearer sk-ant-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\ncontent-length: 41234\r\n\
user-agent: claude-cli/2.0.1 (external, cli)\r\nx-app: cli\r\nx-stainless-lang: js\r\n\
x-stainless-os: Linux\r\nx-stainless-retry-count: 0\r\nconnection: keep-alive\r\n\r\n";
/// As a subscription's stream.
pub const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ndate: Sat, 15 Nov 2025 00:56:30 GMT\r\n\
content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\
connection: keep-alive\r\ncache-control: no-cache\r\n\
anthropic-ratelimit-unified-status: allowed\r\n\
anthropic-ratelimit-unified-5h-status: allowed\r\n\
anthropic-ratelimit-unified-5h-reset: 1763170000\r\n\
anthropic-ratelimit-unified-5h-utilization: 0.26\r\n\
request-id: req_011CSxxxxxxxxxxxxxxxxxxx\r\nserver: cloudflare\r\nvia: 1.1 google\r\n\r\n";
